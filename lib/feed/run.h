/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sorted runs of keys, and one sorted sequence out of several. A run's memory goes back while it is
 * read, so what is made of runs takes their place instead of coming on top. For lib/feed only. Not
 * thread-safe.
 */
#pragma once

#include "lib/feed/area.h"
#include "lib/feed/key.h"

struct nt_feed_run {
	struct nt_feed_area area; /* owned */
	size_t octets_len;
	size_t read; /* octets */
	struct nt_feed_key key; /* the one that was read last */
};

/* Keys in ascending order, without the second of two that are equal. */
struct nt_feed_merge {
	struct nt_feed_run **heap; /* borrowed; the least key first */
	size_t heap_len;
	struct nt_feed_key last; /* len 0 before the first: no key is empty */
};

/* Room for `len` keys of octets_len octets together. */
int nt_feed_run_open(struct nt_feed_run *run, size_t len, size_t octets_len,
		     struct nt_err *err) NT_MUSTCHECK;
/* key: not less than the one before it, which is in run->key. */
void nt_feed_run_put(struct nt_feed_run *run, const struct nt_feed_key *key);
/* No more will be put; it is read from its start. */
void nt_feed_run_end(struct nt_feed_run *run);
void nt_feed_run_done(struct nt_feed_run *run);

/* runs: ended, none read yet; heap: room for runs_len pointers, which the merge uses. */
void nt_feed_merge_init(struct nt_feed_merge *m, struct nt_feed_run *runs, size_t runs_len,
			struct nt_feed_run **heap);
/* The next key, valid until the next call; NULL at the end. */
const struct nt_feed_key *nt_feed_merge_next(struct nt_feed_merge *m);
