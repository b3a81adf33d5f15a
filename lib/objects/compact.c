/* SPDX-License-Identifier: Apache-2.0 */
/* Objects as they are kept. */
#include "lib/objects/compact.h"

#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/base/parse.h"
#include "lib/objects/forms.h"

struct nt_compact *nt_compact_of(const struct nt_object *object)
{
	return (struct nt_compact *)((uintptr_t)object - offsetof(struct nt_compact, object));
}

/* --- building --------------------------------------------------------------------------------- */

size_t nt_build_size(size_t size, size_t n)
{
	return (size * n + sizeof(void *) - 1) / sizeof(void *) * sizeof(void *);
}

void *nt_build_alloc(struct nt_build *b, size_t size, size_t n)
{
	size_t need = nt_build_size(size, n);
	void *p = b->at;

	if (!n || b->failed)
		return NULL;
	if ((size_t)(b->end - b->at) < need) {
		b->failed = true;
		return NULL;
	}
	b->at += need;
	return p;
}

struct nt_slice nt_build_text(struct nt_build *b, const json_t *string)
{
	struct nt_slice s = { 0 };

	if (!json_is_string(string) || !json_string_length(string) || b->failed)
		return s;
	s = nt_intern_take(b->intern, nt_json_slice(string));
	b->failed = !s.p;
	return s;
}

static int compare_labels(const void *pa, const void *pb)
{
	const struct nt_label *a = pa, *b = pb;

	return strcmp(a->key.p, b->key.p);
}

static size_t take_strings(struct nt_build *b, const json_t *mapping, struct nt_label *labels)
{
	json_t *m = (json_t *)(uintptr_t)mapping;
	size_t n = 0;

	for (void *i = json_object_iter(m); i; i = json_object_iter_next(m, i)) {
		const json_t *value = json_object_iter_value(i);
		struct nt_label l;

		if (!json_is_string(value))
			continue;
		l.key = nt_intern_take(b->intern, nt_slice_str(json_object_iter_key(i)));
		l.value = nt_intern_take(b->intern, nt_json_slice(value));
		labels[n++] = l;
		b->failed = b->failed || !l.key.p || !l.value.p;
	}
	return n;
}

const struct nt_label *nt_build_labels(struct nt_build *b, const json_t *mapping, size_t *ret_len)
{
	_cleanup_free_ struct nt_label *labels = NULL;
	size_t n = json_object_size(mapping);
	const struct nt_label *set;

	*ret_len = 0;
	if (!n || b->failed)
		return NULL;
	labels = calloc(n, sizeof(*labels));
	if (!labels) {
		b->failed = true;
		return NULL;
	}
	n = take_strings(b, mapping, labels);
	if (!b->failed && n)
		qsort(labels, n, sizeof(*labels), compare_labels);
	set = nt_intern_take_labels(b->intern, labels, n);
	b->failed = b->failed || (n && !set);
	*ret_len = set ? n : 0;
	return set;
}

/* --- what all kinds have ---------------------------------------------------------------------- */

static const json_t *controller_of(const json_t *metadata)
{
	const json_t *owners = json_object_get(metadata, "ownerReferences");

	for (size_t i = 0; i < json_array_size(owners); i++) {
		const json_t *o = json_array_get(owners, i);

		if (json_is_true(json_object_get(o, "controller")) &&
		    json_string_length(json_object_get(o, "kind")) &&
		    json_string_length(json_object_get(o, "name")))
			return o;
	}
	return NULL;
}

static const struct nt_object_owner *take_owner(struct nt_build *b, const json_t *owner)
{
	struct nt_object_owner *o = nt_build_alloc(b, sizeof(*o), owner != NULL);

	if (!o)
		return NULL;
	o->api_version = nt_build_text(b, json_object_get(owner, "apiVersion"));
	o->kind = nt_build_text(b, json_object_get(owner, "kind"));
	o->name = nt_build_text(b, json_object_get(owner, "name"));
	o->uid = nt_build_text(b, json_object_get(owner, "uid"));
	return o;
}

static struct nt_slice take(struct nt_build *b, struct nt_slice s)
{
	struct nt_slice mine = { 0 };

	if (!s.len || b->failed)
		return mine;
	mine = nt_intern_take(b->intern, s);
	b->failed = !mine.p;
	return mine;
}

static void take_head(struct nt_build *b, const struct nt_compact_head *head, const json_t *root,
		      struct nt_object *o)
{
	const json_t *metadata = json_object_get(root, "metadata");

	o->kind = take(b, head->kind);
	o->namespace_ = take(b, head->namespace_);
	o->name = take(b, head->name);
	o->uid = take(b, head->uid);
	o->labels = nt_build_labels(b, json_object_get(metadata, "labels"), &o->labels_len);
	o->owner = take_owner(b, controller_of(metadata));
	if (nt_parse_time_us(nt_json_slice(json_object_get(metadata, "creationTimestamp")),
			     &o->created_us) < 0)
		o->created_us = 0;
	o->deleting = json_string_length(json_object_get(metadata, "deletionTimestamp")) != 0;
}

/* --- those that are kept whole ---------------------------------------------------------------- */

/* What the API server changes by itself, or keeps for others: it says nothing to us, and would make
 * an object seem another one with each write of its status. */
static void strip(json_t *root)
{
	json_t *metadata = json_object_get(root, "metadata");
	json_t *annotations = json_object_get(metadata, "annotations");

	json_object_del(root, "status");
	json_object_del(metadata, "managedFields");
	json_object_del(metadata, "resourceVersion");
	json_object_del(metadata, "selfLink");
	json_object_del(annotations, "kubectl.kubernetes.io/last-applied-configuration");
}

/* About what jansson has for it. */
static size_t tree_bytes(const json_t *v)
{
	json_t *object = (json_t *)(uintptr_t)v;
	size_t n = 64 + (json_is_string(v) ? json_string_length(v) : 0), i;
	const char *key;
	json_t *item;

	if (json_is_object(v))
		json_object_foreach(object, key, item) n += 64 + strlen(key) + tree_bytes(item);
	else if (json_is_array(v))
		json_array_foreach(object, i, item) n += sizeof(void *) + tree_bytes(item);
	return n;
}

/* --- life ------------------------------------------------------------------------------------- */

int nt_compact_new(struct nt_intern *intern, const struct nt_compact_head *head, json_t *json,
		   struct nt_compact **ret_compact)
{
	const struct nt_form *form = nt_form_find(head->kind);
	const json_t *owner = controller_of(json_object_get(json, "metadata"));
	size_t size = sizeof(struct nt_compact) +
		      nt_build_size(sizeof(struct nt_object_owner), owner != NULL) +
		      (form && form->size ? form->size(json) : 0);
	struct nt_compact *c = calloc(1, size);
	struct nt_build b = { intern, (char *)(c + 1), (char *)c + size, false };

	if (!c)
		return -ENOMEM;
	c->intern = intern;
	c->uses = 1;
	c->bytes = size;
	take_head(&b, head, json, &c->object);
	if (form && form->fill)
		c->object.detail = form->fill(&b, json, &c->object);
	if (!form) {
		strip(json);
		c->object.json = json_incref(json);
		c->bytes += tree_bytes(json);
	}
	if (b.failed) {
		nt_compact_unref(c);
		return -ENOMEM;
	}
	*ret_compact = c;
	return 0;
}

struct nt_compact *nt_compact_ref(struct nt_compact *c)
{
	c->uses++;
	return c;
}

void nt_compact_unref(struct nt_compact *c)
{
	struct nt_object *o = c ? &c->object : NULL;
	const struct nt_form *form;

	if (!c || --c->uses)
		return;
	form = nt_form_find(o->kind);
	if (form && form->release && o->detail)
		form->release(c->intern, (void *)(uintptr_t)o->detail);
	if (o->owner) {
		nt_intern_drop(c->intern, o->owner->api_version);
		nt_intern_drop(c->intern, o->owner->kind);
		nt_intern_drop(c->intern, o->owner->name);
		nt_intern_drop(c->intern, o->owner->uid);
	}
	nt_intern_drop_labels(c->intern, o->labels);
	nt_intern_drop(c->intern, o->uid);
	nt_intern_drop(c->intern, o->name);
	nt_intern_drop(c->intern, o->namespace_);
	nt_intern_drop(c->intern, o->kind);
	json_decref((json_t *)(uintptr_t)o->json);
	free(c);
}

/* Equal strings of a pool have one address; sets of labels, too. */
static bool same_owner(const struct nt_object_owner *a, const struct nt_object_owner *b)
{
	return a == b || (a && b && memcmp(a, b, sizeof(*a)) == 0);
}

bool nt_compact_equal(const struct nt_compact *ca, const struct nt_compact *cb)
{
	const struct nt_object *a = &ca->object, *b = &cb->object;
	const struct nt_form *form = nt_form_find(a->kind);

	if (a == b)
		return true;
	if (a->kind.p != b->kind.p || a->namespace_.p != b->namespace_.p ||
	    a->name.p != b->name.p || a->uid.p != b->uid.p || a->labels != b->labels ||
	    !same_owner(a->owner, b->owner) || a->created_us != b->created_us ||
	    a->deleting != b->deleting)
		return false;
	if (!form)
		return json_equal(a->json, b->json);
	return !form->equal || form->equal(a->detail, b->detail);
}

const struct nt_object *nt_object_ref(const struct nt_object *o)
{
	return &nt_compact_ref(nt_compact_of(o))->object;
}

void nt_object_unref(const struct nt_object *o)
{
	if (o)
		nt_compact_unref(nt_compact_of(o));
}
