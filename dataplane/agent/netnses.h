/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network namespaces that can be seen on this node: those of processes (/proc) and those that a
 * runtime keeps by name (/run/netns). Our own is left out. A snapshot: read anew for each look.
 * Bounded by NT_NETNSES_MAX; what is more is counted. Not thread-safe.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/err.h"

/* One per pod; more than a node can have processes would be no node of ours. */
#define NT_NETNSES_MAX 16384

struct nt_netns {
	uint64_t ino, dev;
	pid_t pid; /* the process with the lowest pid in it; 0: none is seen */
	char *path; /* one that opens it */
};

struct nt_netnses {
	struct nt_netns *items; /* ascending by (ino, dev) */
	size_t len, room;
	uint64_t skipped; /* beyond the bound, or without memory */
};

/* Replaces what is there. proc: "/proc"; named: "/run/netns". Folders that are not there are empty
 * ones. */
int nt_netnses_read(struct nt_netnses *n, const char *proc, const char *named,
		    struct nt_err *err) NT_MUSTCHECK;
/* NULL when it is not seen. */
const struct nt_netns *nt_netnses_find(const struct nt_netnses *n, uint64_t ino, uint64_t dev);
void nt_netnses_done(struct nt_netnses *n);
