/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes what is said of each GlobalAlert into the object's own status (subresource `status`): is
 * it accepted, does it pass its self test. Looks first what is there, and writes only what differs.
 * One request at a time; a rule that waits for its self test waits here, too. After a failure
 * pauses from 1 to 60 s, and no shorter than Retry-After. Belongs to the loop's thread, but for the
 * figures.
 */
#pragma once

#include "lib/kube/client.h"

struct nt_ingest;
struct nt_clock;
struct nt_rulestatus;

struct nt_rulestatus_config {
	struct nt_kube *kube; /* these three: borrowed */
	struct nt_clock *clock;
	struct nt_ingest *ingest;
	int64_t pause_min_ns, pause_max_ns; /* 0: 1 s, 60 s */
};

struct nt_rulestatus_figures {
	uint64_t written, failed; /* since the start */
	uint64_t waiting; /* objects whose status may not be what it should be */
};

int nt_rulestatus_new(const struct nt_rulestatus_config *config, struct nt_rulestatus **ret_status,
		      struct nt_err *err) NT_MUSTCHECK;
/* Once a second: what has changed? */
void nt_rulestatus_tick(struct nt_rulestatus *s);
/* Any thread. NULL: all zero. */
struct nt_rulestatus_figures nt_rulestatus_figures(struct nt_rulestatus *s);
/* After nt_kube_close. NULL is fine. */
void nt_rulestatus_free(struct nt_rulestatus *s);
