/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runs of the time base on disk (T39), so that an agent that starts anew knows what the wall
 * clock was when the events in the ring happened. One small file beside the spool's batches,
 * `clock`, a slot per run, written in place once a second; a torn slot is left out when it is read.
 * Without fsync: after a crash of the machine the boot is another one, and none of it is of use.
 * Failures are logged once and cost precision only. Not thread-safe.
 */
#pragma once

#include "dataplane/agent/timebase.h"

struct nt_clocklog {
	int fd; /* -1: there is none */
	uint64_t next; /* runs ever begun; the newest is number next - 1, in its slot */
	uint8_t boot_id[16];
	bool failed;
};

/* Opens folder/clock, makes it when there is none, and adds to t the runs of this boot. */
void nt_clocklog_open(struct nt_clocklog *c, const char *folder, const uint8_t boot_id[16],
		      struct nt_timebase *t);
/* Writes the newest run of t; fresh: it is a new one. */
void nt_clocklog_write(struct nt_clocklog *c, const struct nt_timebase *t, bool fresh);
void nt_clocklog_close(struct nt_clocklog *c);
