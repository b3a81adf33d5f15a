/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of a feed for those who ask for them: rules, queries of the API. One stays valid as
 * long as somebody has taken it, and always has a set, of which the newest is asked: a list that is
 * read anew takes the place of the old one between two questions. Whoever asks holds a lock that
 * is only ever taken otherwise to exchange a pointer. Any thread.
 */
#pragma once

#include <stdatomic.h>

#include "lib/feed/set.h"
#include "lib/query/query.h"

struct nt_feed_names;

/* set: taken over. bytes: where the memory of sets is counted; outlives it. NULL: no memory. */
struct nt_feed_names *nt_feed_names_new(struct nt_feed_set *set, enum nt_feed_scope scope,
					atomic_size_t *bytes);
/* As new; the old set is freed. */
void nt_feed_names_exchange(struct nt_feed_names *n, struct nt_feed_set *set,
			    enum nt_feed_scope scope);
struct nt_feed_names *nt_feed_names_ref(struct nt_feed_names *n);
/* NULL is fine. */
void nt_feed_names_unref(struct nt_feed_names *n);
/* For a query; valid as long as n. */
const struct nt_query_names *nt_feed_names_query(const struct nt_feed_names *n);
/* Of the one thread that exchanges, until it does. */
const struct nt_feed_set *nt_feed_names_set(const struct nt_feed_names *n);
