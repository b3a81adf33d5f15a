/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who holds what in a table: per owner (the pod whose veth saw it) its members from old to new, so
 * that an owner's share can be bounded and its oldest member found at once. The members' memory is
 * the caller's: each embeds a struct nt_owned. An owner exists while it has members, so there are
 * never more of them than members. Inline, since the pairing asks once per packet; not thread-safe.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/queue.h>

enum { NT_OWNER_BUCKETS = 1024 }; /* a node runs some hundred pods */

struct nt_owner;

struct nt_owned {
	struct nt_owner *owner;
	TAILQ_ENTRY(nt_owned) share;
};

TAILQ_HEAD(nt_owned_list, nt_owned);

struct nt_owner {
	uint64_t id;
	uint32_t members;
	size_t bytes; /* what they hold; the caller counts */
	struct nt_owned_list list;
	LIST_ENTRY(nt_owner) chain;
};

LIST_HEAD(nt_owner_chain, nt_owner);

struct nt_owners { /* all zero: empty */
	struct nt_owner_chain chains[NT_OWNER_BUCKETS];
	struct nt_owner_chain spare; /* owners of earlier members, for the next ones */
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

/* Makes m the youngest member of owner id. False: no memory, nothing has changed. */
static inline bool nt_owners_join(struct nt_owners *t, uint64_t id, struct nt_owned *m)
{
	struct nt_owner *o = nt_owners_find(t, id);

	if (!o) {
		o = LIST_FIRST(&t->spare);
		if (o)
			LIST_REMOVE(o, chain);
		else
			o = malloc(sizeof(*o));
		if (!o)
			return false;
		*o = (struct nt_owner){ .id = id };
		TAILQ_INIT(&o->list);
		LIST_INSERT_HEAD(nt_owners_chain(t, id), o, chain);
	}
	m->owner = o;
	o->members++;
	TAILQ_INSERT_TAIL(&o->list, m, share);
	return true;
}

/* The last member takes its owner along. */
static inline void nt_owners_leave(struct nt_owners *t, struct nt_owned *m)
{
	struct nt_owner *o = m->owner;

	TAILQ_REMOVE(&o->list, m, share);
	if (--o->members)
		return;
	LIST_REMOVE(o, chain);
	LIST_INSERT_HEAD(&t->spare, o, chain);
}

/* m becomes its owner's youngest. */
static inline void nt_owned_touch(struct nt_owned *m)
{
	TAILQ_REMOVE(&m->owner->list, m, share);
	TAILQ_INSERT_TAIL(&m->owner->list, m, share);
}

/* Once all members have left. */
static inline void nt_owners_done(struct nt_owners *t)
{
	struct nt_owner *o;

	while ((o = LIST_FIRST(&t->spare))) {
		LIST_REMOVE(o, chain);
		free(o);
	}
}
