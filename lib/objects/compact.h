/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside lib/objects only: an object as it is kept, made of its JSON: what nametap reads of its
 * kind, strings shared (intern.h), all else in one piece of memory. Immutable and counted. Pure.
 */
#pragma once

#include "lib/base/hashtable.h"
#include "lib/objects/intern.h"
#include "lib/objects/objects.h"

struct json_t;

struct nt_compact {
	struct nt_object object;
	struct nt_intern *intern;
	struct nt_hashtable_link by_uid; /* of the store that holds it; Pods with a UID */
	uint32_t uses;
	uint32_t mark; /* of the store: in which reading it was there */
	size_t bytes;
};

/* Who it is; strings of the caller. */
struct nt_compact_head {
	struct nt_slice kind, namespace_, name, uid;
};

/* json: the whole object, borrowed; of kinds that are kept whole it is changed (what is not kept is
 * taken out) and referred to. Members of a wrong type are as if they were not there. -ENOMEM. */
int nt_compact_new(struct nt_intern *intern, const struct nt_compact_head *head,
		   struct json_t *json, struct nt_compact **ret_compact) NT_MUSTCHECK;
struct nt_compact *nt_compact_ref(struct nt_compact *c);
void nt_compact_unref(struct nt_compact *c);
/* Of one pool: do they say the same? */
bool nt_compact_equal(const struct nt_compact *a, const struct nt_compact *b);
/* That of a view into the store. */
struct nt_compact *nt_compact_of(const struct nt_object *object);
