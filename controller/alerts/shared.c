/* SPDX-License-Identifier: Apache-2.0 */
/* Rules by what their queries cannot do without, their terms and their keys. */
#include "controller/alerts/shared.h"

#include <stdlib.h>

#include "controller/alerts/inside.h"
#include "lib/base/cleanup.h"
#include "lib/base/escape.h"
#include "lib/query/query.h"

void nt_shared_done(struct nt_shared *s)
{
	for (size_t i = 0; i < s->keys_len; i++)
		nt_keys_done(&s->keys[i]);
	free(s->keys);
	free(s->lists);
	free(s->fields);
	free(s->entries);
	nt_query_terms_free(s->terms);
	*s = (struct nt_shared){ .rows = s->rows };
}

/* --- keys ------------------------------------------------------------------------------------- */

static bool same_key(const struct nt_rule_key *a, const struct nt_rule_key *b)
{
	return a->field == b->field && a->member == b->member;
}

/* There is room for two of each rule. */
static struct nt_keys *share_keys(struct nt_shared *s, const struct nt_rule_key *keys, size_t len)
{
	struct nt_keys *k = s->keys;

	for (; k < s->keys + s->keys_len; k++) {
		size_t same = 0;

		while (same < len && k->len == len && same_key(&k->keys[same], &keys[same]))
			same++;
		if (k->len == len && same == len)
			return k;
	}
	*k = (struct nt_keys){ .keys = keys, .len = len };
	s->keys_len++;
	return k;
}

static int share(struct nt_shared *s, struct nt_alerts_entry *e)
{
	const struct nt_rule *rule = e->rule;
	int r = nt_query_terms_add(s->terms, rule->query);

	if (r == 0 && rule->numerator)
		r = nt_query_terms_add(s->terms, rule->numerator);
	e->window.keys = share_keys(s, rule->keys, rule->keys_len);
	e->window.field = share_keys(s, &rule->field, 1);
	e->window.last = NULL; /* what it was found by has gone */
	return r;
}

/* --- lists ------------------------------------------------------------------------------------ */

static struct nt_shared_list list_of(const struct nt_alerts_entry *e)
{
	struct nt_shared_list list = { .rule = e->rule };

	if (!nt_query_needs(e->rule->query, &list.field, &list.value))
		list.field = NULL;
	return list;
}

static int compare(const struct nt_shared_list *a, const struct nt_shared_list *b)
{
	if (a->field != b->field)
		return a->field < b->field ? -1 : 1;
	return a->field ? nt_query_compare_text(a->value, b->value) : 0;
}

/* A query whose text is too long to be written out is like no other. */
static int compare_query(const struct nt_rule *a, const struct nt_rule *b)
{
	struct nt_slice x = a->filter_text, y = b->filter_text;

	if (x.len != y.len)
		return x.len < y.len ? -1 : 1;
	return x.len ? memcmp(x.p, y.p, x.len) : (a > b) - (a < b);
}

static int compare_entries(const void *left, const void *right)
{
	struct nt_shared_list a = list_of(*(struct nt_alerts_entry *const *)left),
			      b = list_of(*(struct nt_alerts_entry *const *)right);

	return compare(&a, &b) ?: compare_query(a.rule, b.rule);
}

static void make_fields(struct nt_shared *s)
{
	struct nt_shared_field *last = NULL;

	for (size_t i = 0; i < s->lists_len; i++) {
		if (!i || s->lists[i].field != s->lists[i - 1].field) {
			last = &s->fields[s->fields_len++];
			last->from = i;
		}
		last->to = i + 1;
	}
}

static void make_lists(struct nt_shared *s, size_t entries_len)
{
	struct nt_shared_list *last = NULL;

	qsort(s->entries, entries_len, sizeof(struct nt_alerts_entry *), compare_entries);
	for (size_t i = 0; i < entries_len; i++) {
		if (!last || compare_entries(last->entries, &s->entries[i]) != 0) {
			last = &s->lists[s->lists_len++];
			*last = list_of(s->entries[i]);
			last->entries = &s->entries[i];
		}
		last->len++;
	}
	make_fields(s);
	for (size_t i = s->lists_len; i--;) {
		bool alike = i + 1 < s->lists_len && compare(&s->lists[i], &s->lists[i + 1]) == 0;

		s->lists[i].alike = alike ? s->lists[i + 1].alike + 1 : 1;
	}
}

int nt_shared_make(struct nt_shared *s, struct nt_alerts_entry *const *entries, size_t len)
{
	size_t n = 0;
	int r = 0;

	nt_shared_done(s);
	s->terms = nt_query_terms_new();
	s->entries = calloc(len + 1, sizeof(struct nt_alerts_entry *));
	s->lists = calloc(len + 1, sizeof(*s->lists));
	s->fields = calloc(len + 1, sizeof(*s->fields));
	s->keys = calloc(2 * len + 1, sizeof(*s->keys));
	if (!s->terms || !s->entries || !s->lists || !s->fields || !s->keys)
		r = -ENOMEM;
	for (size_t i = 0; i < len && r == 0; i++) {
		if (!entries[i]->rule)
			continue;
		r = share(s, entries[i]);
		s->entries[n++] = entries[i];
	}
	if (r == 0)
		make_lists(s, n);
	else
		nt_shared_done(s);
	return r;
}

/* --- records ---------------------------------------------------------------------------------- */

/* The first of the field's lists that wants the value, or NULL. */
static const struct nt_shared_list *search(const struct nt_shared *s,
					   const struct nt_shared_field *f,
					   const struct nt_shared_list *wanted)
{
	size_t low = f->from, high = f->to;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(&s->lists[middle], wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < f->to && compare(&s->lists[low], wanted) == 0 ? &s->lists[low] : NULL;
}

/* Rows of one pod come together: it is the one of before nearly always. */
static const struct nt_shared_list *find(const struct nt_shared *s, struct nt_shared_field *f,
					 const struct nt_record *r)
{
	_cleanup_buf_ struct nt_buf scratch = { 0 };
	struct nt_shared_list wanted = { .field = s->lists[f->from].field };

	if (!wanted.field)
		return &s->lists[f->from];
	wanted.value = nt_text_clean(nt_field_str(wanted.field, r), &scratch);
	if (!f->last || compare(f->last, &wanted) != 0)
		f->last = search(s, f, &wanted);
	return f->last;
}

struct nt_row nt_shared_row(struct nt_shared *s, const struct nt_record *r,
			    const struct nt_siphash_key *hash_key)
{
	nt_query_terms_next(s->terms);
	return (struct nt_row){
		.r = r, .number = ++s->rows, .terms = s->terms, .hash_key = hash_key
	};
}

void nt_shared_each(struct nt_shared *s, const struct nt_record *r,
		    const struct nt_siphash_key *hash_key, nt_shared_fn *fn, void *ctx)
{
	const struct nt_row row = nt_shared_row(s, r, hash_key);

	for (size_t f = 0; f < s->fields_len; f++) {
		const struct nt_shared_list *first = find(s, &s->fields[f], r), *list = first;

		for (; list && list < first + first->alike; list++)
			if (list->rule->unlogged == (r->type == NT_RECORD_UNLOGGED) &&
			    nt_query_terms_eval(s->terms, list->rule->query, r))
				for (size_t i = 0; i < list->len; i++)
					fn(ctx, list->entries[i], &row);
	}
}
