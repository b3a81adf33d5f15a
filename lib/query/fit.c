/* SPDX-License-Identifier: Apache-2.0 */
/* Values to try: those that the terms name, those beside them, and a few usual ones. */
#include "lib/query/fit.h"

#include <stdio.h>

#include "lib/base/cleanup.h"
#include "lib/dns/message.h"

/* One value at a time: a field that is no list, a member of a list's only element, or the value of
 * a label. */
struct place {
	struct nt_fit *fit;
	struct nt_record *record;
	const struct nt_field *field, *member;
	struct nt_slice label; /* p NULL: none */
	void *base; /* the record, or the element */
};

/* --- terms ------------------------------------------------------------------------------------ */

static bool is_met(const struct nt_fit_term *t, const struct nt_record *r)
{
	/* Never changed. */
	const struct nt_query alone = { .root = (struct nt_query_node *)(uintptr_t)t->node };

	return nt_query_eval(&alone, r) == t->holds;
}

static bool all_met(const struct nt_fit *fit, const struct nt_field *field,
		    const struct nt_record *r)
{
	for (size_t i = 0; i < fit->len; i++)
		if (fit->terms[i].node->path.field == field && !is_met(&fit->terms[i], r))
			return false;
	return true;
}

bool nt_fit_concerns(const struct nt_fit *fit, const struct nt_field *field)
{
	for (size_t i = 0; i < fit->len; i++)
		if (fit->terms[i].node->path.field == field)
			return true;
	return false;
}

static bool is_at(const struct nt_query_path *path, const struct place *p)
{
	return path->field == p->field && path->member == p->member && !path->whole &&
	       !path->label.p == !p->label.p &&
	       (!p->label.p || nt_slice_caseeq(path->label, p->label));
}

static const struct nt_fit_term *term_at(const struct place *p, size_t i)
{
	const struct nt_fit_term *t = &p->fit->terms[i];

	return is_at(&t->node->path, p) ? t : NULL;
}

static bool place_met(const struct place *p)
{
	for (size_t i = 0; i < p->fit->len; i++) {
		const struct nt_fit_term *t = term_at(p, i);

		if (t && !is_met(t, p->record))
			return false;
	}
	return true;
}

static size_t terms_len(const struct place *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->fit->len; i++)
		n += term_at(p, i) != NULL;
	return n;
}

/* --- one value -------------------------------------------------------------------------------- */

static const struct nt_field *target_of(const struct place *p)
{
	return p->member ? p->member : p->field;
}

static bool set_label(const struct place *p, struct nt_column_value v)
{
	const struct nt_field *field = target_of(p);
	struct nt_field_list list = nt_field_list(field, p->base), left = { 0 };
	struct nt_label *labels = nt_arena_zalloc(p->fit->arena, (list.len + 1) * sizeof(*labels));

	if (!labels)
		return false;
	for (size_t i = 0; i < list.len; i++) {
		const struct nt_label *old = &((const struct nt_label *)list.p)[i];

		if (!nt_slice_caseeq(old->key, p->label))
			labels[left.len++] = *old;
	}
	if (v.kind == NT_COLUMN_TEXT)
		labels[left.len++] = (struct nt_label){ p->label, v.text };
	left.p = labels;
	nt_field_set_list(field, p->base, left);
	return true;
}

/* All as it was when the value does not do. */
static bool try_value(const struct place *p, struct nt_column_value v)
{
	const struct nt_field *field = target_of(p);
	size_t size = p->member ? nt_field_members(p->field)->size : 0;
	char element[sizeof(struct nt_server) + sizeof(struct nt_rrset)];
	struct nt_record before = *p->record;

	if (size)
		memcpy(element, p->base, size);
	if ((p->label.p ? set_label(p, v)
			: nt_field_set(field, p->base, p->record, v, p->fit->arena)) &&
	    place_met(p))
		return true;
	*p->record = before;
	if (size)
		memcpy(p->base, element, size);
	return false;
}

static bool try_int(const struct place *p, int64_t i)
{
	return try_value(p, (struct nt_column_value){ .kind = NT_COLUMN_INT, .i = i });
}

static bool try_text(const struct place *p, struct nt_slice text)
{
	return text.p &&
	       try_value(p, (struct nt_column_value){ .kind = NT_COLUMN_TEXT, .text = text });
}

/* --- near what the terms name ----------------------------------------------------------------- */

/* Between so many terms a whole number that all allow lies no further from one of them. */
static bool try_around(const struct place *p, int64_t middle, size_t reach)
{
	if (try_int(p, middle))
		return true;
	for (int64_t d = 1; d <= (int64_t)reach; d++)
		if ((middle <= INT64_MAX - d && try_int(p, middle + d)) || try_int(p, middle - d))
			return true;
	return false;
}

static bool try_number(const struct place *p, const struct nt_query_value *v, size_t reach)
{
	if (v->kind == NT_VALUE_INT)
		return try_around(p, v->i, reach);
	if (v->d > -9e18 && v->d < 9e18)
		return try_around(p, (int64_t)v->d, reach + 1);
	return false;
}

/* Every * becomes filler and number, every ? a digit of the number or the filler's first one. */
static struct nt_slice fill_pattern(const struct place *p, struct nt_slice pattern,
				    const char *filler)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	size_t rest = p->fit->number;

	for (size_t i = 0; i < pattern.len; i++) {
		if (pattern.p[i] == '*') {
			nt_buf_puts(&text, filler);
			if (p->fit->number && filler[0])
				nt_buf_u64(&text, p->fit->number);
		} else if (pattern.p[i] == '?') {
			nt_buf_putc(&text, rest ? (char)('0' + rest % 10) : filler[0] ?: 'a');
			rest /= 10;
		} else {
			nt_buf_putc(&text, pattern.p[i]);
		}
	}
	return nt_buf_ok(&text)
		       ? nt_arena_copy(p->fit->arena, nt_slice_mem(nt_buf_str(&text), text.len))
		       : (struct nt_slice){ 0 };
}

static bool try_pattern(const struct place *p, struct nt_slice pattern)
{
	/* Behind the first ones: what makes addresses of 10.*, 10.1.* and fd00:*. */
	static const char *const fillers[] = { "a",   "",      "selftest", "1",
					       "0.1", "0.0.1", "0.0.0.1",  ":1" };

	for (size_t i = 0; i < NT_ARRAY_LEN(fillers); i++)
		if (try_text(p, fill_pattern(p, pattern, fillers[i])))
			return true;
	return false;
}

/* Behind the text in the order, and before it. */
static bool try_neighbours(const struct place *p, struct nt_slice text)
{
	_cleanup_buf_ struct nt_buf longer = { 0 };

	nt_buf_slice(&longer, text);
	nt_buf_puts(&longer, "a");
	return (nt_buf_ok(&longer) &&
		try_text(p, nt_arena_copy(p->fit->arena, nt_slice_mem(longer.p, longer.len)))) ||
	       (text.len > 1 && try_text(p, nt_slice_mem(text.p, text.len - 1)));
}

static bool is_comparison(const struct nt_query_node *n)
{
	return n->op >= NT_OP_LT && n->op <= NT_OP_GE;
}

static bool try_named(const struct place *p, const struct nt_query_node *n, size_t reach)
{
	/* Another number begins at another value of a set. */
	for (size_t i = 0; i < n->values_len; i++) {
		const struct nt_query_value *v = &n->values[(i + p->fit->number) % n->values_len];

		if (v->kind <= NT_VALUE_DOUBLE	  ? try_number(p, v, reach)
		    : v->kind == NT_VALUE_PATTERN ? try_pattern(p, v->text)
		    : v->kind == NT_VALUE_NAMES	  ? try_pattern(p, v->names->example)
						  : try_text(p, v->text))
			return true;
		if (is_comparison(n) && v->kind == NT_VALUE_TEXT && try_neighbours(p, v->text))
			return true;
	}
	return false;
}

/* --- usual values ----------------------------------------------------------------------------- */

static bool try_numbers(const struct place *p)
{
	static const int64_t usual[] = {
		1, 0, 2, 10, 100, 1000, 1000000, 1000000000, 1000000000000
	};

	for (size_t i = 0; i < NT_ARRAY_LEN(usual); i++)
		if (try_int(p, usual[i]))
			return true;
	return false;
}

static bool try_words(const struct place *p)
{
	static const char *const words[] = { "selftest", "selftest-*", "zzz", "0", "a" };

	for (size_t i = 0; i < NT_ARRAY_LEN(words); i++)
		if (try_text(p, fill_pattern(p, nt_slice_str(words[i]), "b")))
			return true;
	return false;
}

static bool try_enum(const struct place *p)
{
	for (const struct nt_enum_value *v = target_of(p)->values; v->name; v++)
		if (try_text(p, nt_slice_str(v->name)))
			return true;
	return false;
}

static bool try_addresses(const struct place *p)
{
	static const char *const usual[] = { "192.0.2.1", "198.51.100.7", "10.9.8.7", "2001:db8::1",
					     "fd00::9" };

	for (size_t i = 0; i < NT_ARRAY_LEN(usual); i++)
		if (try_text(p, nt_slice_str(usual[i])))
			return true;
	return false;
}

/* The assigned ones are the low ones. */
static bool try_mnemonics(const struct place *p, enum nt_field_kind kind)
{
	char scratch[16];

	for (uint16_t i = 0; i < 260; i++) {
		const char *name = kind == NT_FIELD_TYPE    ? nt_dns_type_name(i, scratch)
				   : kind == NT_FIELD_CLASS ? nt_dns_class_name(i, scratch)
							    : nt_dns_rcode_name(i, scratch);

		if (try_text(p, nt_slice_str(name)))
			return true;
	}
	return false;
}

static bool try_usual(const struct place *p)
{
	enum nt_field_kind kind = target_of(p)->kind;

	switch (kind) {
	case NT_FIELD_ENUM:
		return try_enum(p);
	case NT_FIELD_TYPE:
	case NT_FIELD_CLASS:
	case NT_FIELD_RCODE:
		return try_mnemonics(p, kind);
	case NT_FIELD_ADDR:
		return try_addresses(p);
	case NT_FIELD_ID:
		return try_text(p, NT_SLICE_LIT("00000000000000aa"));
	case NT_FIELD_STR:
	case NT_FIELD_LABELS:
		return try_words(p);
	default:
		return try_numbers(p);
	}
}

/* --- a place ---------------------------------------------------------------------------------- */

/* Were all values tried that could do? A field that has one value at a time and is to be one of
 * few, or missing; one of which all values are tried; whole numbers, by try_around. */
static bool is_proved(const struct place *p)
{
	enum nt_field_kind kind = target_of(p)->kind;

	/* Another element might do what the only one cannot. */
	if (p->label.p || p->member)
		return false;
	if (kind == NT_FIELD_ENUM || kind == NT_FIELD_BOOL || kind == NT_FIELD_UINT ||
	    kind == NT_FIELD_NS || kind == NT_FIELD_TIME)
		return true;
	for (size_t i = 0; i < p->fit->len; i++) {
		const struct nt_fit_term *t = term_at(p, i);
		bool finite = t && t->holds && (t->node->op == NT_OP_EQ || t->node->op == NT_OP_IN);

		for (size_t k = 0; finite && k < t->node->values_len; k++)
			finite = t->node->values[k].kind < NT_VALUE_PATTERN;
		if (finite || (t && !t->holds && t->node->op == NT_OP_PRESENT))
			return true;
	}
	return false;
}

static bool fit_place(const struct place *p)
{
	static const struct nt_column_value missing = { .kind = NT_COLUMN_NULL };
	size_t reach = terms_len(p) + 1;

	if (place_met(p))
		return true;
	/* First what is to be, then what is not to be. */
	for (int holds = 1; holds >= 0; holds--) {
		for (size_t i = 0; i < p->fit->len; i++) {
			const struct nt_fit_term *t = term_at(p, i);

			if (t && t->holds == holds && try_named(p, t->node, reach))
				return true;
		}
	}
	if (try_usual(p) || try_value(p, missing))
		return true;
	p->fit->unproven |= !is_proved(p);
	return false;
}

/* --- lists ------------------------------------------------------------------------------------ */

/* Of flags, options and texts: nothing but what the terms want to be there. */
static bool fit_values(struct place p)
{
	static const struct nt_column_value missing = { .kind = NT_COLUMN_NULL };
	struct nt_fit *fit = p.fit;

	if (!nt_field_set(target_of(&p), p.base, p.record, missing, fit->arena))
		return false;
	for (size_t i = 0; i < fit->len; i++) {
		/* Of one term, beside which the others are forgotten until the end. */
		struct nt_fit one = { .terms = &fit->terms[i],
				      .len = 1,
				      .arena = fit->arena,
				      .number = fit->number };

		p.fit = &one;
		if (!term_at(&p, 0) || place_met(&p))
			continue;
		if (!try_named(&p, fit->terms[i].node, 1) &&
		    !(target_of(&p)->values ? try_enum(&p) : try_usual(&p)) && !try_words(&p))
			return false;
	}
	return true;
}

static bool fit_labels(struct nt_fit *fit, const struct nt_field *field,
		       const struct nt_field *member, struct nt_record *record, void *base)
{
	for (size_t i = 0; i < fit->len; i++) {
		const struct nt_query_path *path = &fit->terms[i].node->path;
		struct place p = { fit, record, field, member, path->label, base };

		if (path->label.p && is_at(path, &p) && !fit_place(&p))
			return false;
	}
	return true;
}

/* One element: members that terms are about, each by itself. */
static bool fit_element(struct nt_fit *fit, const struct nt_field *list, struct nt_record *record,
			const void *like)
{
	const struct nt_fields *members = nt_field_members(list);
	void *element = nt_arena_zalloc(fit->arena, members->size);

	if (!element)
		return false;
	if (like)
		memcpy(element, like, members->size);
	nt_field_set_list(list, record, (struct nt_field_list){ element, 1 });
	for (size_t i = 0; i < members->len; i++) {
		const struct nt_field *m = &members->fields[i];
		struct place p = { fit, record, list, m, { 0 }, element };

		if (m->kind == NT_FIELD_LABELS && !fit_labels(fit, list, m, record, element))
			return false;
		if (terms_len(&p) && (m->kind == NT_FIELD_STRS ? !fit_values(p) : !fit_place(&p)))
			return false;
	}
	return true;
}

static bool fit_elements(struct nt_fit *fit, const struct nt_field *list, struct nt_record *record)
{
	struct nt_field_list old = nt_field_list(list, record);

	if (fit_element(fit, list, record, old.len ? old.p : NULL) && all_met(fit, list, record))
		return true;
	if (fit_element(fit, list, record, NULL) && all_met(fit, list, record))
		return true;
	nt_field_set_list(list, record, (struct nt_field_list){ 0 });
	return all_met(fit, list, record);
}

static bool fit_label_list(struct nt_fit *fit, const struct nt_field *field,
			   struct nt_record *record)
{
	static struct nt_label any = { { "selftest", 8 }, { "a", 1 } };

	if (fit_labels(fit, field, NULL, record, record) && all_met(fit, field, record))
		return true;
	nt_field_set_list(field, record, (struct nt_field_list){ &any, 1 });
	if (fit_labels(fit, field, NULL, record, record) && all_met(fit, field, record))
		return true;
	nt_field_set_list(field, record, (struct nt_field_list){ 0 });
	return all_met(fit, field, record);
}

bool nt_fit_field(struct nt_fit *fit, const struct nt_field *field, struct nt_record *record)
{
	struct place p = { .fit = fit, .record = record, .field = field, .base = record };
	bool fits;

	if (all_met(fit, field, record))
		return true;
	switch (field->kind) {
	case NT_FIELD_FLAGS:
	case NT_FIELD_OPTIONS:
	case NT_FIELD_STRS:
		fits = fit_values(p) && all_met(fit, field, record);
		break;
	case NT_FIELD_LABELS:
		fits = fit_label_list(fit, field, record);
		break;
	case NT_FIELD_SERVERS:
	case NT_FIELD_RRSETS:
		fits = fit_elements(fit, field, record);
		break;
	default:
		return fit_place(&p);
	}
	fit->unproven |= !fits;
	return fits;
}
