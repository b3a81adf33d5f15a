/* SPDX-License-Identifier: Apache-2.0 */
/* The index over the objects of all files: find, enumerate, problems. */
#include "lib/objects/objects.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/objects/store.h"

static int compare_slices(struct nt_slice a, struct nt_slice b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int r = n ? memcmp(a.p, b.p, n) : 0;

	return r ? r : (a.len > b.len) - (a.len < b.len);
}

int nt_objects_compare(const struct nt_object *a, const struct nt_object *b)
{
	int r = compare_slices(a->kind, b->kind);

	if (!r)
		r = compare_slices(a->namespace_, b->namespace_);
	return r ? r : compare_slices(a->name, b->name);
}

static int compare_entries(const void *pa, const void *pb)
{
	const struct nt_object_entry *a = pa, *b = pb;
	int r = nt_objects_compare(&a->item->object, &b->item->object);

	return r ? r : (a->order > b->order) - (a->order < b->order);
}

/* Problems are told, not vital: without memory one is missing. */
static void add_problem(struct nt_objects *o, const char *path, size_t line, const char *msg)
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

static void add_duplicate(struct nt_objects *o, const struct nt_object_entry *first,
			  const struct nt_object_entry *again)
{
	const struct nt_object *object = &again->item->object;
	char msg[256];

	snprintf(msg, sizeof(msg),
		 "%.*s %.*s%s%.*s is also in %.60s, line %zu, and that one is used",
		 NT_SLICE_ARG(object->kind), NT_SLICE_ARG(object->namespace_),
		 object->namespace_.len ? "/" : "", NT_SLICE_ARG(object->name), first->file->name,
		 first->item->line);
	add_problem(o, again->file->path, again->item->line, msg);
}

static void drop_duplicates(struct nt_objects *o)
{
	size_t kept = 0;

	for (size_t i = 0; i < o->entries_len; i++) {
		struct nt_object_entry *e = &o->entries[i];

		if (kept &&
		    nt_objects_compare(&o->entries[kept - 1].item->object, &e->item->object) == 0)
			add_duplicate(o, &o->entries[kept - 1], e);
		else
			o->entries[kept++] = *e;
	}
	o->entries_len = kept;
}

static void collect_file(struct nt_objects *o, const struct nt_object_file *f)
{
	for (size_t i = 0; i < f->manifest.problems_len; i++)
		add_problem(o, f->path, f->manifest.problems[i].line, f->manifest.problems[i].msg);
	for (size_t i = 0; i < f->manifest.objects_len; i++) {
		o->entries[o->entries_len] =
			(struct nt_object_entry){ &f->manifest.objects[i], f, o->entries_len };
		o->entries_len++;
	}
}

static void collect(struct nt_objects *o)
{
	size_t total = 0;

	o->entries_len = 0;
	o->problems_len = 0;
	for (size_t i = 0; i < o->files_len; i++)
		total += o->files[i]->manifest.objects_len;
	o->entries = calloc(total + 1, sizeof(*o->entries));
	if (!o->entries)
		snprintf(o->dir_problem, sizeof(o->dir_problem), "no memory for %zu objects",
			 total);
	if (o->dir_problem[0])
		add_problem(o, o->path, 0, o->dir_problem);
	if (!o->entries)
		return;
	for (size_t i = 0; i < o->files_len; i++)
		collect_file(o, o->files[i]);
	qsort(o->entries, o->entries_len, sizeof(*o->entries), compare_entries);
	drop_duplicates(o);
}

void nt_objects_reindex(struct nt_objects *o)
{
	_cleanup_free_ struct nt_object_entry *before = o->entries;
	size_t before_len = o->entries_len;

	collect(o);
	nt_objects_tell(o, before, before_len);
}

uint64_t nt_objects_generation(const struct nt_objects *o)
{
	return o->generation;
}

/* The first entry that is not before key. */
static size_t lower_bound(const struct nt_objects *o, const struct nt_object *key)
{
	size_t low = 0, high = o->entries_len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (nt_objects_compare(&o->entries[middle].item->object, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct nt_object *nt_objects_find(const struct nt_objects *o, struct nt_slice kind,
					struct nt_slice namespace_, struct nt_slice name)
{
	struct nt_object key = { .kind = kind, .namespace_ = namespace_, .name = name };
	size_t i = lower_bound(o, &key);

	if (i == o->entries_len || nt_objects_compare(&o->entries[i].item->object, &key) != 0)
		return NULL;
	return &o->entries[i].item->object;
}

const struct nt_object *nt_objects_at(const struct nt_objects *o, struct nt_slice kind,
				      size_t index)
{
	size_t first = lower_bound(o, &(struct nt_object){ .kind = kind });
	const struct nt_object *object;

	if (index >= o->entries_len - first)
		return NULL;
	object = &o->entries[first + index].item->object;
	return nt_slice_eq(object->kind, kind) ? object : NULL;
}

const struct nt_objects_problem *nt_objects_problem_at(const struct nt_objects *o, size_t index)
{
	return index < o->problems_len ? &o->problems[index] : NULL;
}
