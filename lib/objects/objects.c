/* SPDX-License-Identifier: Apache-2.0 */
/* The store for its readers: find, enumerate, problems; a source's functions. */
#include "lib/objects/objects.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/objects/changes.h"
#include "lib/objects/store.h"

int nt_objects_new(struct nt_objects **ret_objects, struct nt_err *err)
{
	struct nt_objects *o = calloc(1, sizeof(*o));

	if (!o)
		return nt_err_set(err, ENOMEM, "no memory for objects");
	if (nt_intern_new(&o->intern) < 0 || nt_hashtable_init(&o->uids) < 0 ||
	    nt_hashtable_init(&o->hashes) < 0) {
		nt_objects_free(o);
		return nt_err_set(err, ENOMEM, "no memory for objects");
	}
	*ret_objects = o;
	return 0;
}

void nt_objects_free(struct nt_objects *o)
{
	if (!o)
		return;
	if (o->source)
		o->source->free(o->source_ctx);
	nt_objects_changes_done(o);
	free(o->problems);
	nt_intern_free(o->intern);
	free(o);
}

int nt_objects_fd(const struct nt_objects *o)
{
	return o->source->fd(o->source_ctx);
}

int nt_objects_poll(struct nt_objects *o)
{
	nt_objects_begin(o);
	o->source->poll(o->source_ctx, o);
	return nt_objects_end(o);
}

uint64_t nt_objects_generation(const struct nt_objects *o)
{
	return o->generation;
}

const struct nt_object *nt_objects_find(const struct nt_objects *o, struct nt_slice kind,
					struct nt_slice namespace_, struct nt_slice name)
{
	const struct nt_objects_kind *k = nt_objects_find_kind(o, kind);
	struct nt_compact *c = k ? nt_order_find(&k->order, namespace_, name) : NULL;

	return c ? &c->object : NULL;
}

const struct nt_object *nt_objects_at(const struct nt_objects *o, struct nt_slice kind,
				      size_t index)
{
	struct nt_objects_kind *k = nt_objects_find_kind(o, kind);
	struct nt_compact *c = k ? nt_order_at(&k->order, index) : NULL;

	return c ? &c->object : NULL;
}

size_t nt_objects_count(const struct nt_objects *o, struct nt_slice kind)
{
	const struct nt_objects_kind *k = nt_objects_find_kind(o, kind);

	return k ? k->order.len : 0;
}

uint64_t nt_objects_kind_generation(const struct nt_objects *o, struct nt_slice kind)
{
	const struct nt_objects_kind *k = nt_objects_find_kind(o, kind);

	return k ? k->generation : 0;
}

size_t nt_objects_bytes(const struct nt_objects *o)
{
	return o->object_bytes + nt_intern_bytes(o->intern);
}

/* --- problems, states ------------------------------------------------------------------------- */

void nt_objects_problems_reset(struct nt_objects *o)
{
	o->problems_len = 0;
}

void nt_objects_add_problem(struct nt_objects *o, const char *path, size_t line, const char *msg)
{
	struct nt_objects_problem *p;

	if (o->problems_len == o->problems_cap) {
		size_t cap = o->problems_cap ? o->problems_cap * 2 : 16;

		p = reallocarray(o->problems, cap, sizeof(*p));
		if (!p)
			return;
		o->problems = p;
		o->problems_cap = cap;
	}
	p = &o->problems[o->problems_len++];
	*p = (struct nt_objects_problem){ .path = path, .line = line };
	snprintf(p->msg, sizeof(p->msg), "%s", msg);
}

const struct nt_objects_problem *nt_objects_problem_at(const struct nt_objects *o, size_t index)
{
	return index < o->problems_len ? &o->problems[index] : NULL;
}

void nt_objects_states(const struct nt_objects *o, nt_objects_state_fn *fn, void *ctx)
{
	o->source->states(o->source_ctx, o, fn, ctx);
}

struct nt_objects_origin nt_objects_origin(const struct nt_objects *o)
{
	return o->source->origin(o->source_ctx);
}

bool nt_objects_have_synced(const struct nt_objects *o)
{
	return o->source->have_synced(o->source_ctx);
}
