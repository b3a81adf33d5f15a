/* SPDX-License-Identifier: Apache-2.0 */
/* What changed: the listener, generations of kinds, the state of each kind. */
#include "lib/objects/objects.h"

#include "lib/objects/store.h"

static const char *const kinds[NT_OBJECTS_KINDS] = {
	"Pod",	      "Service", "EndpointSlice", "Endpoints",	      "Namespace",   "Node",
	"ReplicaSet", "Job",	 "DNSPolicy",	  "ClusterDNSPolicy", "GlobalAlert", "DomainFeed",
};

/* NT_OBJECTS_KINDS: none of them. */
static size_t kind_index(struct nt_slice kind)
{
	size_t i = 0;

	while (i < NT_OBJECTS_KINDS && !nt_slice_eq(kind, nt_slice_str(kinds[i])))
		i++;
	return i;
}

static void tell_one(struct nt_objects *o, const struct nt_object *before,
		     const struct nt_object *after)
{
	size_t kind = kind_index((after ?: before)->kind);

	if (kind < NT_OBJECTS_KINDS)
		o->kind_generations[kind] = o->generation;
	if (o->change_fn)
		o->change_fn(o->change_ctx, before, after);
}

static const struct nt_object *object_at(const struct nt_object_entry *entries, size_t len,
					 size_t i)
{
	return i < len ? &entries[i].item->object : NULL;
}

void nt_objects_tell(struct nt_objects *o, const struct nt_object_entry *before, size_t before_len)
{
	for (size_t b = 0, a = 0; b < before_len || a < o->entries_len;) {
		const struct nt_object *old = object_at(before, before_len, b);
		const struct nt_object *new = object_at(o->entries, o->entries_len, a);
		int r = !old ? 1 : !new ? -1 : nt_objects_compare(old, new);

		b += r <= 0;
		a += r >= 0;
		if (r == 0 && (old == new || json_equal(old->json, new->json)))
			continue;
		tell_one(o, r <= 0 ? old : NULL, r >= 0 ? new : NULL);
	}
}

void nt_objects_listen(struct nt_objects *o, nt_objects_change_fn *fn, void *ctx)
{
	o->change_fn = fn;
	o->change_ctx = ctx;
	for (size_t i = 0; fn && i < o->entries_len; i++)
		fn(ctx, NULL, &o->entries[i].item->object);
}

uint64_t nt_objects_kind_generation(const struct nt_objects *o, struct nt_slice kind)
{
	size_t i = kind_index(kind);

	return i < NT_OBJECTS_KINDS ? o->kind_generations[i] : o->generation;
}

void nt_objects_states(const struct nt_objects *o, nt_objects_state_fn *fn, void *ctx)
{
	for (size_t k = 0; k < NT_OBJECTS_KINDS; k++) {
		struct nt_objects_state state = { .kind = kinds[k],
						  .synced = !o->dir_problem[0],
						  .since_us = o->since_us,
						  .error = o->dir_problem };

		while (nt_objects_at(o, nt_slice_str(kinds[k]), state.count))
			state.count++;
		if (state.count)
			fn(ctx, &state);
	}
}

struct nt_objects_origin nt_objects_origin(const struct nt_objects *o)
{
	return (struct nt_objects_origin){ "directory", o->path };
}
