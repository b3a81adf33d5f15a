/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The consumer of the pinned ring buffer. Events are submitted without a wake-up (a wake-up costs
 * more than an event), so the caller drains on a timer; when more than a quarter of the ring is
 * filled between two drains the kernel wakes once, which shows as EPOLLIN on nt_ring_fd. The
 * consumer's position lives in the pinned map: a new agent goes on where the last one was. What
 * each link has in flight is told to the programs, which keep a pod within its share. One reader at
 * a time. Not thread-safe.
 */
#pragma once

#include "lib/base/err.h"
#include "lib/base/slice.h"

struct nt_layouts;
struct nt_ring;

typedef void nt_ring_fn(void *ctx, struct nt_slice sample);

/* Borrowed descriptors of the pinned maps. */
struct nt_ring_maps {
	int events_fd, drain_fd, shares_fd;
	/* Borrowed: of events that programs of other ABI versions wrote; they are given to fn as
	 * ours. NULL: there are none. */
	const struct nt_layouts *layouts;
};

int nt_ring_open(const struct nt_ring_maps *maps, nt_ring_fn *fn, void *ctx,
		 struct nt_ring **ret_ring, struct nt_err *err) NT_MUSTCHECK;
void nt_ring_close(struct nt_ring *r);

/* Gives what is there to fn, and asks for one wake-up at a quarter. Returns the number of events;
 * *ret_empty: the ring was found empty (else so many came that the caller should look after its
 * other duties and come back). */
int nt_ring_drain(struct nt_ring *r, bool *ret_empty);
/* To be watched with EPOLLIN | EPOLLET. */
int nt_ring_fd(const struct nt_ring *r);

struct nt_ring_stats {
	uint64_t bytes; /* size of the ring */
	uint64_t used_bytes; /* now */
	uint64_t used_max_bytes; /* most that a drain found */
	uint64_t wakeups;
};
struct nt_ring_stats nt_ring_stats(const struct nt_ring *r);
