/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The domains of a feed: an immutable set, made by a builder (builder.h). Answers are exact: every
 * entry is in it octet by octet, hashes only say where looking is of no use, and nobody who
 * chooses names, in a list or in a query, can make it answer wrongly or search for long.
 *
 * `example.com` in a list is that name and, unless the caller asks for exact matches only, every
 * name below it. `*.example.com` is every name below example.com and never example.com itself.
 *
 * In memory an entry takes what it does not share with its neighbour in the order of names, two
 * octets, ten bits of filter and its share of a block's offset (README.md has figures). A lookup
 * allocates nothing and does not block. Any number of threads may look up at once.
 */
#pragma once

#include "lib/feed/key.h"

struct nt_feed_set;
struct nt_feed_merge;

enum nt_feed_scope {
	NT_FEED_BELOW = 0, /* a listed name stands for the names below it, too */
	NT_FEED_EXACT = 1, /* it does not; wildcards are what they are */
};

/* The entry that names `name`: the longest one, and of `x` and `*.x` the first. False: none does;
 * the root never is. ret_entry (may be NULL): for nt_pattern_text(). */
bool nt_feed_set_find(const struct nt_feed_set *s, const struct nt_name *name,
		      enum nt_feed_scope scope, struct nt_pattern *ret_entry);
/* Entries, each once. */
size_t nt_feed_set_len(const struct nt_feed_set *s);
/* All memory that it holds. */
size_t nt_feed_set_bytes(const struct nt_feed_set *s);
void nt_feed_set_free(struct nt_feed_set *s);
static inline void nt_feed_set_freep(struct nt_feed_set **s)
{
	nt_feed_set_free(*s);
}

/* All entries in the set's order. Initialise with the set. */
struct nt_feed_walk {
	const struct nt_feed_set *set; /* borrowed */
	size_t seen; /* entries */
	size_t at; /* octets */
	struct nt_feed_key key;
};
/* False at the end. */
bool nt_feed_walk_next(struct nt_feed_walk *w, struct nt_pattern *ret_entry);

/* For kept.h: the keys in their order, as a run has them; valid as long as the set. */
struct nt_slice nt_feed_set_octets(const struct nt_feed_set *s);
/* For builder.h and kept.h: takes all that the merge gives, at most `len` keys of octets_len octets
 * as they stand in runs. -E2BIG above bytes_max, -ENOMEM. */
int nt_feed_set_new(struct nt_feed_merge *keys, size_t len, size_t octets_len, size_t bytes_max,
		    struct nt_feed_set **ret_set, struct nt_err *err) NT_MUSTCHECK;
