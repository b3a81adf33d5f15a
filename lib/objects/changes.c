/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of the store: what is put and removed, generations, the listener. */
#include "lib/objects/changes.h"

#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/base/hash.h"

/* Strings of the pool are hashed by their address, which is one for equal ones. */
static const struct nt_hash_key address_key = { { 1, 2, 3 } };

struct hash {
	struct nt_hashtable_link link;
	struct nt_compact *pod;
};

static uint64_t hash_of(struct nt_slice interned)
{
	return nt_hash(&address_key, 0, nt_slice_mem(&interned.p, sizeof(interned.p)));
}

/* --- kinds ------------------------------------------------------------------------------------ */

static size_t kind_position(const struct nt_objects *o, struct nt_slice kind, bool *ret_found)
{
	size_t low = 0, high = o->kinds_len;

	*ret_found = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int r = nt_order_compare((struct nt_slice){ 0 }, o->kinds[middle]->kind,
					 (struct nt_slice){ 0 }, kind);

		if (r == 0)
			*ret_found = true;
		if (r < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct nt_objects_kind *nt_objects_find_kind(const struct nt_objects *o, struct nt_slice kind)
{
	bool found;
	size_t i = kind_position(o, kind, &found);

	return found ? o->kinds[i] : NULL;
}

/* NULL without memory. */
static struct nt_objects_kind *add_kind(struct nt_objects *o, struct nt_slice kind)
{
	_cleanup_free_ struct nt_objects_kind *k = NULL;
	bool found;
	size_t i = kind_position(o, kind, &found);

	if (found)
		return o->kinds[i];
	if (o->kinds_len == o->kinds_cap) {
		size_t cap = o->kinds_cap ? o->kinds_cap * 2 : 16;
		struct nt_objects_kind **p = reallocarray(o->kinds, cap, sizeof(*p));

		if (!p)
			return NULL;
		o->kinds = p;
		o->kinds_cap = cap;
	}
	k = calloc(1, sizeof(*k));
	if (!k)
		return NULL;
	k->kind = nt_intern_take(o->intern, kind);
	if (!k->kind.p)
		return NULL;
	memmove(o->kinds + i + 1, o->kinds + i, (o->kinds_len - i) * sizeof(*o->kinds));
	o->kinds_len++;
	return o->kinds[i] = NT_TAKE_PTR(k);
}

/* --- Pods by UID ------------------------------------------------------------------------------ */

static struct nt_slice static_hash(const struct nt_compact *c)
{
	const struct nt_object_pod *pod = nt_object_pod(&c->object);

	return pod ? pod->static_hash : (struct nt_slice){ 0 };
}

static struct hash *find_hash(const struct nt_objects *o, struct nt_slice interned)
{
	struct nt_hashtable_link *l = nt_hashtable_first(&o->hashes, hash_of(interned));

	for (; l; l = nt_hashtable_next(l)) {
		struct hash *h = NT_HASHTABLE_ITEM(l, struct hash, link);

		if (static_hash(h->pod).p == interned.p)
			return h;
	}
	return NULL;
}

static void add_uid(struct nt_objects *o, struct nt_compact *c)
{
	struct nt_slice hash = static_hash(c);
	struct hash *h = NULL;

	if (!nt_object_pod(&c->object))
		return;
	if (c->object.uid.len)
		nt_hashtable_put(&o->uids, &c->by_uid, hash_of(c->object.uid));
	if (hash.len && !find_hash(o, hash))
		h = calloc(1, sizeof(*h));
	if (!h)
		return;
	h->pod = c;
	nt_hashtable_put(&o->hashes, &h->link, hash_of(hash));
}

static void drop_uid(struct nt_objects *o, struct nt_compact *c)
{
	struct nt_slice hash = static_hash(c);
	struct hash *h = hash.len ? find_hash(o, hash) : NULL;

	if (nt_object_pod(&c->object) && c->object.uid.len)
		nt_hashtable_take(&o->uids, &c->by_uid);
	if (!h || h->pod != c)
		return;
	nt_hashtable_take(&o->hashes, &h->link);
	free(h);
}

static struct nt_compact *find_uid(const struct nt_objects *o, struct nt_slice interned)
{
	struct nt_hashtable_link *l = nt_hashtable_first(&o->uids, hash_of(interned));

	for (; l; l = nt_hashtable_next(l)) {
		struct nt_compact *c = NT_HASHTABLE_ITEM(l, struct nt_compact, by_uid);

		if (c->object.uid.p == interned.p)
			return c;
	}
	return NULL;
}

const struct nt_object *nt_objects_find_pod_uid(const struct nt_objects *o, struct nt_slice uid)
{
	struct nt_slice interned = nt_intern_find(o->intern, uid);
	struct nt_compact *c;
	const struct hash *h;

	if (!interned.p || !interned.len)
		return NULL;
	c = find_uid(o, interned);
	if (c)
		return &c->object;
	h = find_hash(o, interned);
	return h ? &h->pod->object : NULL;
}

/* --- telling ---------------------------------------------------------------------------------- */

void nt_objects_begin(struct nt_objects *o)
{
	o->changing = false;
}

bool nt_objects_end(struct nt_objects *o)
{
	return o->changing;
}

void nt_objects_touch(struct nt_objects *o)
{
	o->generation += !o->changing;
	o->changing = true;
}

static void tell(struct nt_objects *o, struct nt_objects_kind *k, const struct nt_compact *before,
		 const struct nt_compact *after)
{
	nt_objects_touch(o);
	k->generation = o->generation;
	if (o->change_fn)
		o->change_fn(o->change_ctx, before ? &before->object : NULL,
			     after ? &after->object : NULL);
}

void nt_objects_listen(struct nt_objects *o, nt_objects_change_fn *fn, void *ctx)
{
	o->change_fn = fn;
	o->change_ctx = ctx;
	for (size_t k = 0; fn && k < o->kinds_len; k++)
		for (size_t i = 0; i < o->kinds[k]->order.len; i++)
			fn(ctx, NULL, &nt_order_at(&o->kinds[k]->order, i)->object);
}

/* --- putting and removing --------------------------------------------------------------------- */

static void count_in(struct nt_objects *o, struct nt_compact *c)
{
	add_uid(o, c);
	o->objects++;
	o->object_bytes += c->bytes;
}

static void count_out(struct nt_objects *o, struct nt_compact *c)
{
	drop_uid(o, c);
	o->objects--;
	o->object_bytes -= c->bytes;
}

static bool has_room(const struct nt_objects *o)
{
	return (!o->objects_max || o->objects < o->objects_max) &&
	       (!o->bytes_max || nt_objects_bytes(o) < o->bytes_max);
}

static struct nt_compact *insert(struct nt_objects *o, struct nt_objects_kind *k,
				 struct nt_compact *c)
{
	if (!has_room(o) || nt_order_insert(&k->order, c) < 0) {
		nt_compact_unref(c);
		return NULL;
	}
	count_in(o, c);
	tell(o, k, NULL, c);
	return c;
}

struct nt_compact *nt_objects_put(struct nt_objects *o, struct nt_compact *c)
{
	struct nt_objects_kind *k = add_kind(o, c->object.kind);
	struct nt_compact *old;

	if (!k) {
		nt_compact_unref(c);
		return NULL;
	}
	c->mark = k->mark;
	old = nt_order_replace(&k->order, c);
	if (!old)
		return insert(o, k, c);
	if (nt_compact_equal(old, c)) {
		old->mark = k->mark;
		(void)nt_order_replace(&k->order, old);
		nt_compact_unref(c);
		return old;
	}
	count_out(o, old);
	count_in(o, c);
	tell(o, k, old, c);
	nt_compact_unref(old);
	return c;
}

static void remove_one(struct nt_objects *o, struct nt_objects_kind *k, struct nt_compact *c)
{
	nt_order_remove(&k->order, c);
	count_out(o, c);
	tell(o, k, c, NULL);
	nt_compact_unref(c);
}

void nt_objects_remove(struct nt_objects *o, struct nt_slice kind, struct nt_slice namespace_,
		       struct nt_slice name)
{
	struct nt_objects_kind *k = nt_objects_find_kind(o, kind);
	struct nt_compact *c = k ? nt_order_find(&k->order, namespace_, name) : NULL;

	if (c)
		remove_one(o, k, c);
}

void nt_objects_read_begin(struct nt_objects *o, struct nt_slice kind)
{
	for (size_t i = 0; i < o->kinds_len; i++)
		if (!kind.len || nt_slice_eq(o->kinds[i]->kind, kind))
			o->kinds[i]->mark++;
}

static void sweep(struct nt_objects *o, struct nt_objects_kind *k)
{
	for (size_t i = 0; i < k->order.len;) {
		struct nt_compact *c = nt_order_at(&k->order, i);

		if (c->mark == k->mark)
			i++;
		else
			remove_one(o, k, c);
	}
}

void nt_objects_read_end(struct nt_objects *o, struct nt_slice kind)
{
	for (size_t i = 0; i < o->kinds_len; i++)
		if (!kind.len || nt_slice_eq(o->kinds[i]->kind, kind))
			sweep(o, o->kinds[i]);
}

void nt_objects_changes_done(struct nt_objects *o)
{
	struct nt_hashtable_link *l;

	for (size_t i = 0; i < o->kinds_len; i++) {
		struct nt_objects_kind *k = o->kinds[i];

		for (size_t n = 0; n < k->order.len; n++)
			nt_compact_unref(nt_order_at(&k->order, n));
		nt_order_done(&k->order);
		nt_intern_drop(o->intern, k->kind);
		free(k);
	}
	free(o->kinds);
	while ((l = nt_hashtable_any(&o->hashes))) {
		nt_hashtable_take(&o->hashes, l);
		free(NT_HASHTABLE_ITEM(l, struct hash, link));
	}
	nt_hashtable_done(&o->uids);
	nt_hashtable_done(&o->hashes);
}
