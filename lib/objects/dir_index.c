/* SPDX-License-Identifier: Apache-2.0 */
/* The objects of all files: the first of each name is in force, in order of file and line. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/objects/dir.h"
#include "lib/objects/store.h"

const char *const nt_objects_kinds_read[] = {
	"Pod",	      "Service", "EndpointSlice", "Endpoints", "Namespace",	   "Node",
	"ReplicaSet", "Job",	 "CronJob",	  "DNSPolicy", "ClusterDNSPolicy", "GlobalAlert",
	"DomainFeed", NULL,
};

struct entry {
	struct nt_manifest_object *item;
	const struct nt_object_file *file;
	size_t order; /* of the text: the first of two wins */
};

static int compare_objects(const struct nt_object *a, const struct nt_object *b)
{
	int r = nt_order_compare((struct nt_slice){ 0 }, a->kind, (struct nt_slice){ 0 }, b->kind);

	return r ? r : nt_order_compare(a->namespace_, a->name, b->namespace_, b->name);
}

static int compare_entries(const void *pa, const void *pb)
{
	const struct entry *a = pa, *b = pb;
	int r = compare_objects(&a->item->compact->object, &b->item->compact->object);

	return r ? r : (a->order > b->order) - (a->order < b->order);
}

static void add_duplicate(struct nt_objects *o, const struct entry *first,
			  const struct entry *again)
{
	const struct nt_object *object = &again->item->compact->object;
	char msg[256];

	snprintf(msg, sizeof(msg),
		 "%.*s %.*s%s%.*s is also in %.60s, line %zu, and that one is used",
		 NT_SLICE_ARG(object->kind), NT_SLICE_ARG(object->namespace_),
		 object->namespace_.len ? "/" : "", NT_SLICE_ARG(object->name), first->file->name,
		 first->item->line);
	nt_objects_add_problem(o, again->file->path, again->item->line, msg);
}

/* The store keeps what says the same and was there already; the file then has that one, too. */
static void put(struct nt_objects *o, struct nt_manifest_object *item)
{
	struct nt_compact *kept = nt_objects_put(o, nt_compact_ref(item->compact));

	if (!kept || kept == item->compact)
		return;
	nt_compact_unref(item->compact);
	item->compact = nt_compact_ref(kept);
}

static void put_all(struct nt_objects *o, struct entry *entries, size_t len)
{
	const struct entry *first = NULL;

	for (size_t i = 0; i < len; i++) {
		if (first && compare_objects(&first->item->compact->object,
					     &entries[i].item->compact->object) == 0) {
			add_duplicate(o, first, &entries[i]);
			continue;
		}
		first = &entries[i];
		put(o, entries[i].item);
	}
}

static size_t collect(struct nt_objects_dir *d, struct nt_objects *o, struct entry *entries)
{
	size_t n = 0;

	for (size_t i = 0; i < d->files_len; i++) {
		struct nt_object_file *f = d->files[i];

		for (size_t k = 0; k < f->manifest.problems_len; k++)
			nt_objects_add_problem(o, f->path, f->manifest.problems[k].line,
					       f->manifest.problems[k].msg);
		for (size_t k = 0; k < f->manifest.objects_len; k++, n++)
			entries[n] = (struct entry){ &f->manifest.objects[k], f, n };
	}
	return n;
}

void nt_objects_dir_index(struct nt_objects_dir *d, struct nt_objects *o)
{
	_cleanup_free_ struct entry *entries = NULL;
	size_t total = 0;

	for (size_t i = 0; i < d->files_len; i++)
		total += d->files[i]->manifest.objects_len;
	entries = calloc(total + 1, sizeof(*entries));
	if (!entries)
		snprintf(d->dir_problem, sizeof(d->dir_problem), "no memory for %zu objects",
			 total);
	nt_objects_problems_reset(o);
	if (d->dir_problem[0])
		nt_objects_add_problem(o, d->path, 0, d->dir_problem);
	if (!entries)
		return;
	total = collect(d, o, entries);
	qsort(entries, total, sizeof(*entries), compare_entries);
	nt_objects_read_begin(o, (struct nt_slice){ 0 });
	put_all(o, entries, total);
	nt_objects_read_end(o, (struct nt_slice){ 0 });
}
