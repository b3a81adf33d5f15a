/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the set of a feed (set.h) from entries in any order, equal ones included. Entries are
 * sorted two mebibytes at a time and kept as they will be in the set; the set then grows while they
 * go. So a builder never holds more than twice bytes_max, and at its peak about what the set will
 * have and three mebibytes. One thread.
 */
#pragma once

#include "lib/feed/set.h"

struct nt_feed_limits {
	size_t names_max; /* different entries */
	size_t bytes_max; /* of the set */
};

/* A million entries of up to 33 octets on average fit (README.md). */
#define NT_FEED_LIMITS_DEFAULT \
	((struct nt_feed_limits){ .names_max = 1000000, .bytes_max = 24 << 20 })

struct nt_feed_builder;

/* -ENOMEM. */
int nt_feed_builder_new(struct nt_feed_limits limits, struct nt_feed_builder **ret_builder,
			struct nt_err *err) NT_MUSTCHECK;
/* entry: as nt_pattern_parse() gives it. -E2BIG: past the limits, -ENOMEM; the builder is of no
 * more use then. */
int nt_feed_builder_add(struct nt_feed_builder *b, const struct nt_pattern *entry,
			struct nt_err *err) NT_MUSTCHECK;
/* The set, the caller's; the builder is empty after it and is to be freed. -E2BIG, -ENOMEM. */
int nt_feed_builder_finish(struct nt_feed_builder *b, struct nt_feed_set **ret_set,
			   struct nt_err *err) NT_MUSTCHECK;
void nt_feed_builder_free(struct nt_feed_builder *b);
static inline void nt_feed_builder_freep(struct nt_feed_builder **b)
{
	nt_feed_builder_free(*b);
}
