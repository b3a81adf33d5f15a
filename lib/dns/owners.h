/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who holds how much of a table, and who gives way when it gets tight. Each owner (the pod whose
 * veth saw it) has its members from old to new. The members' memory is the caller's: each embeds a
 * struct nt_owned, and holds an amount in the table's unit, entries or octets. An owner exists
 * while it has members, so there are never more of them than members. Inline, since the pairing
 * asks once per packet; not thread-safe.
 *
 * Shares are dynamic (T10, T12): an owner may hold as much as is free, so that n owners who want
 * all have 1/(n+1) each and leave as much for the others. For what is beyond that the owner that
 * holds most gives way, its oldest member first: who holds less than another loses nothing, whoever
 * came first. An owner that is above its share, because there was more when it got it, is not cut
 * at once: at most twice the new amount goes at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/queue.h>

enum { NT_OWNER_BUCKETS = 1024 }; /* a node runs some hundred pods */

struct nt_owner;

struct nt_owned { /* all zero: of nobody */
	struct nt_owner *owner;
	size_t amount; /* above 0 while it has an owner */
	TAILQ_ENTRY(nt_owned) share;
};

TAILQ_HEAD(nt_owned_list, nt_owned);

struct nt_owner {
	uint64_t id;
	size_t held; /* sum of its members' amounts */
	size_t rank; /* its place in nt_owners.ranked */
	struct nt_owned_list list;
	LIST_ENTRY(nt_owner) chain;
};

LIST_HEAD(nt_owner_chain, nt_owner);

struct nt_owners { /* all zero but max: empty */
	size_t max; /* what all may hold */
	size_t owner_max; /* what one may hold, 0: its share of max */
	size_t held;
	struct nt_owner_chain chains[NT_OWNER_BUCKETS];
	struct nt_owner_chain spare; /* owners of earlier members, for the next ones */
	struct nt_owner **ranked; /* a heap: nobody holds more than [(i - 1) / 2] of [i] */
	size_t ranked_len, ranked_cap;
};

/* The struct of type `type` whose member `field` is *owned. */
#define NT_OWNED(owned, type, field) ((type *)(void *)((char *)(owned)-offsetof(type, field)))

static inline struct nt_owner_chain *nt_owners_chain(struct nt_owners *t, uint64_t id)
{
	id *= 0x9e3779b97f4a7c15; /* ids are ours, nobody can choose them */
	return &t->chains[id >> 32 & (NT_OWNER_BUCKETS - 1)];
}

/* NULL: it has no members. */
static inline struct nt_owner *nt_owners_find(struct nt_owners *t, uint64_t id)
{
	struct nt_owner *o;

	LIST_FOREACH(o, nt_owners_chain(t, id), chain)
	{
		if (o->id == id)
			return o;
	}
	return NULL;
}

/* --- ranks: used by what follows ------------------------------------------------------------- */

static inline void nt_owners_rank(struct nt_owners *t, struct nt_owner *o, size_t rank)
{
	t->ranked[rank] = o;
	o->rank = rank;
}

static inline void nt_owners_rise(struct nt_owners *t, struct nt_owner *o)
{
	struct nt_owner *above;
	size_t rank;

	while ((rank = o->rank) && (above = t->ranked[(rank - 1) / 2])->held < o->held) {
		nt_owners_rank(t, o, above->rank);
		nt_owners_rank(t, above, rank);
	}
}

static inline void nt_owners_sink(struct nt_owners *t, struct nt_owner *o)
{
	size_t below;

	while ((below = 2 * o->rank + 1) < t->ranked_len) {
		struct nt_owner *most = t->ranked[below];
		size_t rank = o->rank;

		if (below + 1 < t->ranked_len && t->ranked[below + 1]->held > most->held)
			most = t->ranked[below + 1];
		if (most->held <= o->held)
			return;
		nt_owners_rank(t, o, most->rank);
		nt_owners_rank(t, most, rank);
	}
}

/* --- owners that come and go ----------------------------------------------------------------- */

/* One that holds nothing yet. NULL: no memory. */
static inline struct nt_owner *nt_owners_open(struct nt_owners *t, uint64_t id)
{
	struct nt_owner *o;

	if (t->ranked_len == t->ranked_cap) {
		size_t cap = t->ranked_cap ? 2 * t->ranked_cap : 64;
		struct nt_owner **ranked = reallocarray(t->ranked, cap, sizeof(*ranked));

		if (!ranked)
			return NULL;
		t->ranked = ranked;
		t->ranked_cap = cap;
	}
	o = LIST_FIRST(&t->spare);
	if (o)
		LIST_REMOVE(o, chain);
	else
		o = malloc(sizeof(*o));
	if (!o)
		return NULL;
	*o = (struct nt_owner){ .id = id };
	TAILQ_INIT(&o->list);
	LIST_INSERT_HEAD(nt_owners_chain(t, id), o, chain);
	nt_owners_rank(t, o, t->ranked_len++);
	return o;
}

static inline void nt_owners_close(struct nt_owners *t, struct nt_owner *o)
{
	struct nt_owner *last = t->ranked[--t->ranked_len];

	if (last != o) {
		nt_owners_rank(t, last, o->rank);
		nt_owners_rise(t, last);
		nt_owners_sink(t, last);
	}
	LIST_REMOVE(o, chain);
	LIST_INSERT_HEAD(&t->spare, o, chain);
}

/* --- members --------------------------------------------------------------------------------- */

/* m becomes its owner's youngest. */
static inline void nt_owned_touch(struct nt_owned *m)
{
	TAILQ_REMOVE(&m->owner->list, m, share);
	TAILQ_INSERT_TAIL(&m->owner->list, m, share);
}

/* m holds so much more, above 0; one that held nothing becomes the youngest member of owner id.
 * False: no memory, nothing has changed. */
static inline bool nt_owners_take(struct nt_owners *t, uint64_t id, struct nt_owned *m,
				  size_t amount)
{
	struct nt_owner *o = m->owner;

	if (!o) {
		o = nt_owners_find(t, id);
		if (!o)
			o = nt_owners_open(t, id);
		if (!o)
			return false;
		m->owner = o;
		m->amount = 0;
		TAILQ_INSERT_TAIL(&o->list, m, share);
	}
	m->amount += amount;
	o->held += amount;
	t->held += amount;
	nt_owners_rise(t, o);
	return true;
}

/* m holds so much less. With the last of it, it is nobody's; the last member takes its owner along.
 */
static inline void nt_owners_give(struct nt_owners *t, struct nt_owned *m, size_t amount)
{
	struct nt_owner *o = m->owner;

	m->amount -= amount;
	o->held -= amount;
	t->held -= amount;
	if (!m->amount) {
		TAILQ_REMOVE(&o->list, m, share);
		m->owner = NULL;
	}
	if (o->held)
		nt_owners_sink(t, o);
	else
		nt_owners_close(t, o);
}

/* --- shares ---------------------------------------------------------------------------------- */

/* Whose oldest member gives way before owner id may take so much more; NULL: nobody. */
static inline struct nt_owner *nt_owners_above(struct nt_owners *t, uint64_t id, size_t amount)
{
	struct nt_owner *o = nt_owners_find(t, id);
	size_t wants = (o ? o->held : 0) + amount;

	if (o && t->owner_max && wants > t->owner_max)
		return o;
	if (wants + t->held <= t->max || !t->ranked_len)
		return NULL;
	return o && o->held == t->ranked[0]->held ? o : t->ranked[0];
}

/* Has no member, or takes *m out of the table, with all that it holds, and says true. */
typedef bool nt_owners_evict_fn(void *ctx, struct nt_owned *m);

/* Room for so much more of owner id, at the expense of whom it is due. False: there is none, or one
 * who should go did not. */
static inline bool nt_owners_make_room(struct nt_owners *t, uint64_t id, size_t amount,
				       nt_owners_evict_fn *evict, void *ctx)
{
	size_t before = t->held;
	struct nt_owner *o;

	while (before - t->held < 2 * amount && (o = nt_owners_above(t, id, amount))) {
		if (!evict(ctx, TAILQ_FIRST(&o->list)))
			return false;
	}
	return t->held + amount <= t->max;
}

/* Once all members have left. */
static inline void nt_owners_done(struct nt_owners *t)
{
	struct nt_owner *o;

	while ((o = LIST_FIRST(&t->spare))) {
		LIST_REMOVE(o, chain);
		free(o);
	}
	free(t->ranked);
}
