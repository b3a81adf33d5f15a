/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attachments that failed: the plugin writes one JSON file each into the state folder, the agent
 * reports them as endpoints that are not tapped, with the reason (coverage is data). Bounded; read
 * again when the folder has changed. Not thread-safe.
 */
#pragma once

#include <time.h>

#include "lib/base/arena.h"
#include "lib/record/batch.h"

/* Newest first come, the rest is counted: the plugin writes at most one per failed ADD. */
#define NT_FAILED_MAX 4096
/* One file; the plugin's are some hundred octets. */
#define NT_FAILED_FILE_BYTES 8192

struct nt_failed {
	struct nt_arena arena;
	struct nt_batch_endpoint *endpoints;
	size_t len;
	uint64_t skipped; /* files that could not be read */
	struct timespec mtime; /* of the folder when it was read */
	bool changed; /* since the last batch */
};

/* Reads the folder when it has changed. A missing folder is an empty one. */
void nt_failed_scan(struct nt_failed *f, const char *path);
void nt_failed_done(struct nt_failed *f);
