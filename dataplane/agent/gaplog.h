/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gaps of coverage on disk, from before a tap is repaired until a batch holds them: an agent that
 * is killed in between leaves a tap in order and nothing else that would tell. One small file of
 * records; without fsync, since what a crash of the machine loses is with the pods. Bounded by
 * NT_GAPLOG_MAX records and as many gaps as are open. Failures are logged once and cost only what a
 * kill loses then. Not thread-safe.
 */
#pragma once

#include "dataplane/agent/keep.h"

/* Between two batches; what is beyond is told by this agent or not at all. */
#define NT_GAPLOG_MAX 4096

struct nt_gaplog;

/* Reads what a former agent left. NULL: no memory. */
struct nt_gaplog *nt_gaplog_open(const char *path);
void nt_gaplog_close(struct nt_gaplog *g);
/* What was left, in order: perhaps told already, which does no harm; borrowed until nt_gaplog_told.
 */
const struct nt_keep_news *nt_gaplog_left(const struct nt_gaplog *g, size_t *ret_len);
/* The gaps that last; borrowed likewise. */
const struct nt_keep_news *nt_gaplog_open_ones(const struct nt_gaplog *g, size_t *ret_len);
/* News with a fault. */
void nt_gaplog_add(struct nt_gaplog *g, const struct nt_keep_news *news);
/* All that was left or added is in a batch: only what is still open stays. */
void nt_gaplog_told(struct nt_gaplog *g);
