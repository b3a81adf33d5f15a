/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keep.c in a thread of its own with the pinned objects and rtnetlink: taking a link over waits for
 * the kernel, and the ring must be drained meanwhile. All functions are called by the owner's
 * thread.
 */
#pragma once

#include "dataplane/agent/keep.h"

struct nt_hostnet;
struct nt_keeper;

/* taps_config, gaplog (path of the file, gaplog.h): borrowed during the call; the pinned objects
 * must exist. hostnet: borrowed until nt_keeper_stop; NULL: the host's network is not tapped.
 * verified_us: as nt_keep_new. */
int nt_keeper_start(const struct nt_taps_config *taps_config, struct nt_hostnet *hostnet,
		    const char *gaplog, int64_t verified_us, struct nt_keeper **ret_keeper,
		    struct nt_err *err) NT_MUSTCHECK;
/* Ends the thread; taps stay as they are. */
void nt_keeper_stop(struct nt_keeper *k);
/* The host's network is tapped since the start; borrowed likewise. NULL: it is not. */
void nt_keeper_host(struct nt_keeper *k, struct nt_hostnet *hostnet);

/* Hands over what happened since the last call, in order; first what a killed agent left. */
void nt_keeper_take(struct nt_keeper *k, nt_keep_news_fn *fn, void *ctx);
/* What was taken is in a batch. */
void nt_keeper_told(struct nt_keeper *k);
/* A descriptor to watch, and to call nt_keeper_links for when it can be read: a link went, or
 * messages of links were lost. */
int nt_keeper_links_fd(const struct nt_keeper *k);
void nt_keeper_links(struct nt_keeper *k);
struct nt_keep_stats nt_keeper_stats(struct nt_keeper *k);
