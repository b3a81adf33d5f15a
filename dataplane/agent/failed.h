/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods that are not tapped: there is one JSON file for each in the state folder
 * (dataplane/taps/failures.h), which the agent reports as an endpoint with the reason (coverage is
 * data). Its ep_id is a hash of the file's name with the highest bit set, which no tap's is. When
 * the file goes, because the pod went or is tapped by now, the endpoint is reported once more, as
 * gone. Bounded; read again when the folder has changed. Not thread-safe.
 */
#pragma once

#include <time.h>

#include "lib/base/arena.h"
#include "lib/record/batch.h"

#define NT_FAILED_EP_ID ((uint64_t)1 << 63)
/* Newest first come, the rest is counted: the plugin writes at most one per failed ADD. */
#define NT_FAILED_MAX 4096
/* One file; the plugin's are some hundred octets. */
#define NT_FAILED_FILE_BYTES 8192

struct nt_failed {
	struct nt_arena arenas[2]; /* of this look and of the one before */
	unsigned int at; /* which one is this look's */
	struct nt_batch_endpoint *endpoints; /* those that went since the last batch at the end */
	size_t len;
	size_t noted, failing; /* of len: not tapped; of these, not excluded */
	uint64_t skipped; /* files that could not be read */
	struct timespec mtime; /* of the folder when it was read */
	bool changed; /* since the last batch */
};

/* Reads the folder when it has changed. A missing folder is an empty one. */
void nt_failed_scan(struct nt_failed *f, const char *path);
void nt_failed_done(struct nt_failed *f);
