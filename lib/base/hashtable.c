/* SPDX-License-Identifier: Apache-2.0 */
/* Chains of links. */
#include "lib/base/hashtable.h"

#include <stdlib.h>

enum { FIRST_CAP = 64 };

int nt_hashtable_init(struct nt_hashtable *t)
{
	*t = (struct nt_hashtable){ .buckets = calloc(FIRST_CAP, sizeof(*t->buckets)),
				    .cap = FIRST_CAP };
	return t->buckets ? 0 : -ENOMEM;
}

void nt_hashtable_done(struct nt_hashtable *t)
{
	free(t->buckets);
	*t = (struct nt_hashtable){ 0 };
}

static struct nt_hashtable_link **bucket_of(struct nt_hashtable_link **buckets, size_t cap,
					    uint64_t hash)
{
	return &buckets[hash & (cap - 1)];
}

static void push(struct nt_hashtable_link **bucket, struct nt_hashtable_link *link)
{
	link->next = *bucket;
	*bucket = link;
}

static void grow(struct nt_hashtable *t)
{
	size_t cap = t->cap * 2;
	struct nt_hashtable_link **buckets = calloc(cap, sizeof(*buckets));

	if (!buckets)
		return;
	for (size_t i = 0; i < t->cap; i++)
		for (struct nt_hashtable_link *l = t->buckets[i], *next; l; l = next) {
			next = l->next;
			push(bucket_of(buckets, cap, l->hash), l);
		}
	free(t->buckets);
	t->buckets = buckets;
	t->cap = cap;
}

void nt_hashtable_put(struct nt_hashtable *t, struct nt_hashtable_link *link, uint64_t hash)
{
	if (t->len >= t->cap)
		grow(t);
	link->hash = hash;
	push(bucket_of(t->buckets, t->cap, hash), link);
	t->len++;
}

void nt_hashtable_take(struct nt_hashtable *t, struct nt_hashtable_link *link)
{
	struct nt_hashtable_link **at = bucket_of(t->buckets, t->cap, link->hash);

	while (*at != link)
		at = &(*at)->next;
	*at = link->next;
	t->len--;
}

static struct nt_hashtable_link *same_hash(struct nt_hashtable_link *link, uint64_t hash)
{
	while (link && link->hash != hash)
		link = link->next;
	return link;
}

struct nt_hashtable_link *nt_hashtable_first(const struct nt_hashtable *t, uint64_t hash)
{
	return t->buckets ? same_hash(*bucket_of(t->buckets, t->cap, hash), hash) : NULL;
}

struct nt_hashtable_link *nt_hashtable_next(const struct nt_hashtable_link *link)
{
	return same_hash(link->next, link->hash);
}

struct nt_hashtable_link *nt_hashtable_any(const struct nt_hashtable *t)
{
	for (size_t i = 0; i < t->cap; i++)
		if (t->buckets[i])
			return t->buckets[i];
	return NULL;
}
