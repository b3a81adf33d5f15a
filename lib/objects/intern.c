/* SPDX-License-Identifier: Apache-2.0 */
/* Shared strings and sets of labels. */
#include "lib/objects/intern.h"

#include <stdlib.h>
#include <sys/random.h>

#include "lib/base/hash.h"
#include "lib/base/hashtable.h"

struct text {
	struct nt_hashtable_link link;
	uint32_t uses, len;
	char s[];
};

struct set {
	struct nt_hashtable_link link;
	size_t uses, len;
	struct nt_label labels[];
};

struct nt_intern {
	struct nt_hash_key key;
	struct nt_hashtable texts, sets;
	size_t bytes;
};

int nt_intern_new(struct nt_intern **ret_intern)
{
	struct nt_intern *x = calloc(1, sizeof(*x));

	if (!x)
		return -ENOMEM;
	if (getrandom(&x->key, sizeof(x->key), 0) != sizeof(x->key) ||
	    nt_hashtable_init(&x->texts) < 0 || nt_hashtable_init(&x->sets) < 0) {
		nt_intern_free(x);
		return -ENOMEM;
	}
	*ret_intern = x;
	return 0;
}

void nt_intern_free(struct nt_intern *x)
{
	if (!x)
		return;
	nt_hashtable_done(&x->texts);
	nt_hashtable_done(&x->sets);
	free(x);
}

static struct text *text_of(struct nt_slice s)
{
	return (struct text *)(uintptr_t)(s.p - offsetof(struct text, s));
}

static struct text *find_text(const struct nt_intern *x, struct nt_slice s, uint64_t hash)
{
	struct nt_hashtable_link *l = nt_hashtable_first(&x->texts, hash);

	for (; l; l = nt_hashtable_next(l)) {
		struct text *t = NT_HASHTABLE_ITEM(l, struct text, link);

		if (t->len == s.len && memcmp(t->s, s.p, s.len) == 0)
			return t;
	}
	return NULL;
}

struct nt_slice nt_intern_take(struct nt_intern *x, struct nt_slice s)
{
	uint64_t hash;
	struct text *t;

	if (!s.len)
		return NT_SLICE_LIT("");
	hash = nt_hash(&x->key, 0, s);
	t = find_text(x, s, hash);
	if (!t) {
		if (s.len > UINT32_MAX)
			return (struct nt_slice){ 0 };
		t = malloc(sizeof(*t) + s.len + 1);
		if (!t)
			return (struct nt_slice){ 0 };
		t->uses = 0;
		t->len = (uint32_t)s.len;
		memcpy(t->s, s.p, s.len);
		t->s[s.len] = '\0';
		nt_hashtable_put(&x->texts, &t->link, hash);
		x->bytes += sizeof(*t) + s.len + 1 + sizeof(void *);
	}
	t->uses++;
	return nt_slice_mem(t->s, t->len);
}

struct nt_slice nt_intern_find(const struct nt_intern *x, struct nt_slice s)
{
	struct text *t = s.len ? find_text(x, s, nt_hash(&x->key, 0, s)) : NULL;

	return t ? nt_slice_mem(t->s, t->len) : (struct nt_slice){ 0 };
}

void nt_intern_drop(struct nt_intern *x, struct nt_slice s)
{
	struct text *t;

	if (!s.len)
		return;
	t = text_of(s);
	if (--t->uses)
		return;
	nt_hashtable_take(&x->texts, &t->link);
	x->bytes -= sizeof(*t) + s.len + 1 + sizeof(void *);
	free(t);
}

/* Strings are compared by their address from here on. */
static struct set *find_set(const struct nt_intern *x, const struct nt_label *labels, size_t len,
			    uint64_t hash)
{
	struct nt_hashtable_link *l = nt_hashtable_first(&x->sets, hash);

	for (; l; l = nt_hashtable_next(l)) {
		struct set *s = NT_HASHTABLE_ITEM(l, struct set, link);

		if (s->len == len && memcmp(s->labels, labels, len * sizeof(*labels)) == 0)
			return s;
	}
	return NULL;
}

static void drop_strings(struct nt_intern *x, const struct nt_label *labels, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		nt_intern_drop(x, labels[i].key);
		nt_intern_drop(x, labels[i].value);
	}
}

const struct nt_label *nt_intern_take_labels(struct nt_intern *x, const struct nt_label *labels,
					     size_t len)
{
	uint64_t hash = nt_hash(&x->key, 0, nt_slice_mem(labels, len * sizeof(*labels)));
	struct set *s = len ? find_set(x, labels, len, hash) : NULL;

	if (s || !len) {
		drop_strings(x, labels, len); /* the set has its own uses of them */
		if (s)
			s->uses++;
		return s ? s->labels : NULL;
	}
	s = malloc(sizeof(*s) + len * sizeof(*labels));
	if (!s) {
		drop_strings(x, labels, len);
		return NULL;
	}
	s->uses = 1;
	s->len = len;
	memcpy(s->labels, labels, len * sizeof(*labels));
	nt_hashtable_put(&x->sets, &s->link, hash);
	x->bytes += sizeof(*s) + len * sizeof(*labels) + sizeof(void *);
	return s->labels;
}

void nt_intern_drop_labels(struct nt_intern *x, const struct nt_label *labels)
{
	struct set *s;

	if (!labels)
		return;
	s = (struct set *)((uintptr_t)labels - offsetof(struct set, labels));
	if (--s->uses)
		return;
	nt_hashtable_take(&x->sets, &s->link);
	x->bytes -= sizeof(*s) + s->len * sizeof(*labels) + sizeof(void *);
	drop_strings(x, s->labels, s->len);
	free(s);
}

size_t nt_intern_bytes(const struct nt_intern *x)
{
	return x->bytes;
}
