/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects that a batch is ahead of: a pod that has just begun asks within milliseconds, and the API
 * tells of it some later. A batch waits for its pods a short while, once for each of them, and for
 * the first reading of all objects longer. The caller locks; nt_await_changed and waiting go by
 * that lock.
 */
#pragma once

#include <pthread.h>

#include "lib/base/clock.h"
#include "lib/base/hash.h"
#include "lib/record/batch.h"

struct nt_enrich;
struct nt_objects;

/* A watch is some milliseconds behind, on a busy API server some hundred. */
#define NT_AWAIT_POD_NS (2 * 1000000000LL)
/* Twice what 100,000 pods take; after that the API is not there, and rows must not wait for it. */
#define NT_AWAIT_SYNC_NS (120 * 1000000000LL)
/* Rows that are older are no news: what a watch has not told of in that time it will not, and a
 * backlog is not to wait at each of its batches. */
#define NT_AWAIT_FRESH_US (30 * 1000000LL)
/* Batches in memory meanwhile; more do not wait. */
#define NT_AWAIT_BATCHES 8

struct nt_await {
	bool on;
	struct nt_clock *clock;
	int64_t pod_ns, sync_until_ns; /* CLOCK_MONOTONIC for the latter */
	pthread_cond_t changed;
	size_t waiting;
	struct nt_hash_key key;
	uint64_t given_up[4096]; /* hashes of UIDs that did not come; a later one takes the place */
	uint64_t waits, in_vain; /* batches; of these without all their pods in the end */
};

/* Off until nt_await_start. */
void nt_await_init(struct nt_await *a);
void nt_await_done(struct nt_await *a);
/* pod_ns, sync_ns: see above; clock: borrowed, tells how old a row is. -EIO: no random octets. */
int nt_await_start(struct nt_await *a, struct nt_clock *clock, int64_t pod_ns,
		   int64_t sync_ns) NT_MUSTCHECK;
/* The objects are others than they were: wakes those that wait. */
void nt_await_changed(struct nt_await *a);
/* False while the first reading of all objects is to be waited for. */
bool nt_await_synced(const struct nt_await *a, const struct nt_objects *objects);
/* Waits for the batch's pods, giving lock away meanwhile. */
void nt_await_pods(struct nt_await *a, pthread_mutex_t *lock, const struct nt_enrich *enrich,
		   const struct nt_batch *batch);
