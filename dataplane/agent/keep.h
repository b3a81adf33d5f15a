/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps the taps of this node's pods in place: takes links over from clsact to tcx, notices when
 * another program removes ours or goes before it, repairs that, and says from when to when a pod
 * was not (surely) tapped. Without thread, netlink and BPF, which come through function pointers,
 * so that tests run it under virtual time. Bounded by the pinned map of endpoints and the host's
 * map of groups. One thread.
 */
#pragma once

#include "dataplane/taps/hooks.h"
#include "lib/base/clock.h"

/* A settled tcx link is looked at so often: nobody tells when one is detached. */
#define NT_KEEP_LOOK_NS (400 * NT_NS_PER_MS)
/* A clsact filter, of which netlink tells; in case that a message was missed. */
#define NT_KEEP_LOOK_FILTER_NS (5 * NT_NS_PER_S)

/* The pinned objects (dataplane/taps/hooks.h), or a test. */
struct nt_keep_ops {
	void *ctx;
	int (*list)(void *ctx, nt_hooks_list_fn *fn, void *fn_ctx, struct nt_err *err);
	int (*pod)(void *ctx, uint64_t ep_id, struct nt_pod *ret_pod);
	int (*look)(void *ctx, const struct nt_pod *pod, bool filters,
		    struct nt_hook_state *ret_state);
	int (*cover)(void *ctx, const struct nt_pod *pod, struct nt_err *err);
	int (*settle)(void *ctx, const struct nt_pod *pod, struct nt_err *err);
	int (*calm)(void *ctx, const struct nt_pod *pod, struct nt_err *err);
	void (*grace)(void *ctx);
	void (*sweep)(void *ctx);
};

/* How a pod is tapped from now on; with a fault: that it was not between from_us and to_us. A gap
 * that lasts has to_us 0, and comes again with the same from_us when it is over. */
struct nt_keep_news {
	uint64_t ep_id;
	enum nt_hook hook;
	enum nt_hook_fault fault;
	int64_t from_us, to_us;
};
typedef void nt_keep_news_fn(void *ctx, const struct nt_keep_news *news);

struct nt_keep_stats {
	uint64_t kept, tcx; /* pods; of these tapped by tcx */
	uint64_t removed, shadowed; /* gaps that began */
	uint64_t settled, failures; /* links that were brought in place; attempts that failed */
};

struct nt_keep;

/* clock: borrowed. verified_us: a former agent found all taps in place then, 0: there was none. */
struct nt_keep *nt_keep_new(const struct nt_keep_ops *ops, struct nt_clock *clock,
			    int64_t verified_us, nt_keep_news_fn *fn, void *ctx,
			    struct nt_err *err);
void nt_keep_free(struct nt_keep *k);
/* Once, before the first work: gaps that a former agent found and did not see the end of. They go
 * on if their pod is still so, else they end now. The news are copied. */
int nt_keep_resume(struct nt_keep *k, const struct nt_keep_news *open, size_t open_len,
		   struct nt_err *err) NT_MUSTCHECK;

/* Before messages are read: what they tell happened after the last call of this. */
void nt_keep_round(struct nt_keep *k);
/* Something was said about this link. */
void nt_keep_touch(struct nt_keep *k, uint32_t ifindex);
/* Messages were lost: anything may have happened. */
void nt_keep_touch_all(struct nt_keep *k);
/* Looks at what is due, repairs, and brings at most one link in place. May wait some tens of
 * milliseconds then. True: there is more to do, call again soon. */
bool nt_keep_work(struct nt_keep *k);

struct nt_keep_stats nt_keep_stats(const struct nt_keep *k);
