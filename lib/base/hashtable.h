/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash table of things that its owner allocates: each has a struct nt_hashtable_link in it, and
 * is found by walking those of the same hash (nt_hash, lib/base/hash.h) and comparing. Grows with
 * what is in it; without memory for that its chains become longer, nothing is lost. Not
 * thread-safe.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

struct nt_hashtable_link {
	struct nt_hashtable_link *next;
	uint64_t hash;
};

struct nt_hashtable {
	struct nt_hashtable_link **buckets;
	size_t cap; /* a power of two */
	size_t len;
};

/* -ENOMEM. */
int nt_hashtable_init(struct nt_hashtable *t) NT_MUSTCHECK;
/* What is still in it is its owner's. */
void nt_hashtable_done(struct nt_hashtable *t);
void nt_hashtable_put(struct nt_hashtable *t, struct nt_hashtable_link *link, uint64_t hash);
/* link: in the table. */
void nt_hashtable_take(struct nt_hashtable *t, struct nt_hashtable_link *link);
/* The first of that hash, and the next after link; NULL at the end. The latest put comes first,
 * until the table grows. */
struct nt_hashtable_link *nt_hashtable_first(const struct nt_hashtable *t, uint64_t hash);
struct nt_hashtable_link *nt_hashtable_next(const struct nt_hashtable_link *link);
/* Any one of those that are there; NULL: it is empty. For emptying it. */
struct nt_hashtable_link *nt_hashtable_any(const struct nt_hashtable *t);

/* The struct that has the link as its member. */
#define NT_HASHTABLE_ITEM(link, type, member) ((type *)((char *)(link)-offsetof(type, member)))
