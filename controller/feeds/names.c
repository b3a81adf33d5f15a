/* SPDX-License-Identifier: Apache-2.0 */
/* The present set of a feed, and who uses it. */
#include "controller/feeds/names.h"

#include <pthread.h>
#include <stdlib.h>

struct nt_feed_names {
	atomic_uint refs;
	struct nt_query_names query;
	atomic_size_t *bytes;
	pthread_rwlock_t lock; /* covers both below */
	struct nt_feed_set *set; /* owned */
	enum nt_feed_scope scope;
};

static bool has(void *ctx, struct nt_slice text)
{
	struct nt_feed_names *n = ctx;
	struct nt_name name;
	bool found;

	if (nt_name_parse(text, &name) < 0)
		return false;
	pthread_rwlock_rdlock(&n->lock);
	found = nt_feed_set_find(n->set, &name, n->scope, NULL);
	pthread_rwlock_unlock(&n->lock);
	return found;
}

struct nt_feed_names *nt_feed_names_new(struct nt_feed_set *set, enum nt_feed_scope scope,
					atomic_size_t *bytes)
{
	struct nt_feed_names *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	atomic_init(&n->refs, 1);
	n->query = (struct nt_query_names){ .has = has, .ctx = n };
	n->bytes = bytes;
	pthread_rwlock_init(&n->lock, NULL);
	n->set = set;
	n->scope = scope;
	atomic_fetch_add(bytes, nt_feed_set_bytes(set));
	return n;
}

static void free_set(struct nt_feed_names *n, struct nt_feed_set *set)
{
	atomic_fetch_sub(n->bytes, nt_feed_set_bytes(set));
	nt_feed_set_free(set);
}

void nt_feed_names_exchange(struct nt_feed_names *n, struct nt_feed_set *set,
			    enum nt_feed_scope scope)
{
	struct nt_feed_set *old;

	atomic_fetch_add(n->bytes, nt_feed_set_bytes(set));
	pthread_rwlock_wrlock(&n->lock);
	old = n->set;
	n->set = set;
	n->scope = scope;
	pthread_rwlock_unlock(&n->lock);
	free_set(n, old);
}

struct nt_feed_names *nt_feed_names_ref(struct nt_feed_names *n)
{
	if (n)
		atomic_fetch_add(&n->refs, 1);
	return n;
}

void nt_feed_names_unref(struct nt_feed_names *n)
{
	if (!n || atomic_fetch_sub(&n->refs, 1) != 1)
		return;
	free_set(n, n->set);
	pthread_rwlock_destroy(&n->lock);
	free(n);
}

const struct nt_query_names *nt_feed_names_query(const struct nt_feed_names *n)
{
	return &n->query;
}

const struct nt_feed_set *nt_feed_names_set(const struct nt_feed_names *n)
{
	return n->set;
}
