/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who changes this node: an agent from its start to its end, the uninstall behind it included, or
 * an uninstall by hand. A lock on a file of the spool's folder, which outlives both; the next agent
 * waits for nobody, it fails and is started again.
 */
#pragma once

#include <stdint.h>

#include "lib/base/err.h"

/* In the spool's folder. */
#define NT_NODELOCK_FILE "lock"

/* *ret_fd: closed, it is given back. -EBUSY: somebody has it; -ENOENT: there is no such folder. */
int nt_nodelock_take(const char *spool, int *ret_fd, struct nt_err *err) NT_MUSTCHECK;
/* When somebody last wanted the lock in vain (or it was made), by the file's time, in nanoseconds
 * since 1970; 0: not known. A change of it says that another agent waits. */
int64_t nt_nodelock_wanted_ns(const char *spool);
