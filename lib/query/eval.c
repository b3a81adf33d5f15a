/* SPDX-License-Identifier: Apache-2.0 */
/* A query on a record. It decides as SQLite does with the text of sql.c: the differential test
 * holds the two together. */
#include "lib/base/cleanup.h"
#include "lib/base/escape.h"
#include "lib/query/ast.h"

struct eval {
	const struct nt_record *r;
	struct nt_query_terms *terms; /* what is known of the record; NULL: nothing */
	struct nt_buf scratch; /* of text that is no UTF-8; stays empty nearly always */
};

/* --- one value -------------------------------------------------------------------------------- */

static unsigned char lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* The order of NOCASE: octets, ASCII letters as small ones. */
int nt_query_compare_text(struct nt_slice a, struct nt_slice b)
{
	size_t len = a.len < b.len ? a.len : b.len;

	for (size_t i = 0; i < len; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return lower(a.p[i]) < lower(b.p[i]) ? -1 : 1;
	return (a.len > b.len) - (a.len < b.len);
}

/* Exact, where a conversion of i to double would round. */
static int compare_int_double(int64_t i, double d)
{
	int64_t whole;
	double rest;

	if (d < -9223372036854775808.0)
		return 1;
	if (d >= 9223372036854775808.0)
		return -1;
	whole = (int64_t)d;
	if (i != whole)
		return i < whole ? -1 : 1;
	rest = d - (double)whole;
	return (rest < 0) - (rest > 0);
}

static int compare(const struct nt_column_value *v, const struct nt_query_value *with)
{
	if (v->kind == NT_COLUMN_TEXT)
		return nt_query_compare_text(v->text, with->text);
	if (with->kind == NT_VALUE_DOUBLE)
		return compare_int_double(v->i, with->d);
	return (v->i > with->i) - (v->i < with->i);
}

/* Length of the character at i, which LIKE's ? takes. Both texts are UTF-8; no step is 0. */
static size_t step(struct nt_slice s, size_t i)
{
	size_t len = nt_utf8_len(nt_slice_mem(s.p + i, s.len - i));

	return len ? len : 1;
}

/* SQLite reads these two as U+FFFD (sqlite3Utf8Read), so LIKE takes all three for the same. */
static bool is_replacement(const char *p, size_t len)
{
	return len == 3 && (memcmp(p, "\xef\xbf\xbd", 3) == 0 ||
			    memcmp(p, "\xef\xbf\xbe", 3) == 0 || memcmp(p, "\xef\xbf\xbf", 3) == 0);
}

static bool same_character(struct nt_slice a, size_t i, struct nt_slice b, size_t j)
{
	size_t len = step(a, i);

	if (len != step(b, j))
		return false;
	if (len == 1)
		return lower(a.p[i]) == lower(b.p[j]);
	return memcmp(a.p + i, b.p + j, len) == 0 ||
	       (is_replacement(a.p + i, len) && is_replacement(b.p + j, len));
}

/* Goes back to the last * only: that is enough, and keeps it from growing exponentially. */
static bool match(struct nt_slice pattern, struct nt_slice s)
{
	size_t i = 0, j = 0, star = SIZE_MAX, resume = 0;

	while (j < s.len) {
		if (i < pattern.len && pattern.p[i] == '*') {
			star = ++i;
			resume = j;
		} else if (i < pattern.len &&
			   (pattern.p[i] == '?' || same_character(pattern, i, s, j))) {
			i += step(pattern, i);
			j += step(s, j);
		} else if (star != SIZE_MAX) {
			i = star;
			resume += step(s, resume);
			j = resume;
		} else {
			return false;
		}
	}
	while (i < pattern.len && pattern.p[i] == '*')
		i++;
	return i == pattern.len;
}

static bool is_one_of(const struct nt_query_value *value, const struct nt_column_value *v)
{
	if (value->kind == NT_VALUE_NAMES)
		return value->names->has(value->names->ctx, v->text);
	return value->kind == NT_VALUE_PATTERN ? match(value->text, v->text)
					       : compare(v, value) == 0;
}

static bool in_set(const struct nt_query_node *term, const struct nt_column_value *v)
{
	for (size_t i = 0; i < term->values_len; i++)
		if (is_one_of(&term->values[i], v))
			return true;
	return false;
}

/* Does the term hold for this value? A missing one never does. */
static bool holds(struct eval *e, const struct nt_query_node *term, struct nt_column_value v)
{
	if (v.kind == NT_COLUMN_NULL)
		return false;
	if (v.kind == NT_COLUMN_TEXT)
		v.text = nt_text_clean(v.text, &e->scratch);
	switch (term->op) {
	case NT_OP_EQ:
		return compare(&v, term->values) == 0;
	case NT_OP_LT:
		return compare(&v, term->values) < 0;
	case NT_OP_LE:
		return compare(&v, term->values) <= 0;
	case NT_OP_GT:
		return compare(&v, term->values) > 0;
	case NT_OP_GE:
		return compare(&v, term->values) >= 0;
	case NT_OP_IN:
		return in_set(term, &v);
	default:
		return true;
	}
}

/* --- all values of a path --------------------------------------------------------------------- */

static struct nt_column_value text_value(struct nt_slice s)
{
	return (struct nt_column_value){ .kind = NT_COLUMN_TEXT, .text = s };
}

static bool any_label(struct eval *e, const struct nt_query_node *term, struct nt_field_list list)
{
	const struct nt_label *labels = list.p;

	for (size_t i = 0; i < list.len; i++) {
		struct nt_slice key = nt_text_clean(labels[i].key, &e->scratch);

		if (nt_query_compare_text(key, term->path.label) == 0 &&
		    holds(e, term, text_value(labels[i].value)))
			return true;
	}
	return false;
}

static bool any_str(struct eval *e, const struct nt_query_node *term, struct nt_field_list list)
{
	for (size_t i = 0; i < list.len; i++)
		if (holds(e, term, text_value(((struct nt_slice *)list.p)[i])))
			return true;
	return false;
}

static bool any_flag(struct eval *e, const struct nt_query_node *term)
{
	const struct nt_field *f = term->path.field;
	uint64_t flags = nt_field_uint(f, e->r);

	for (const struct nt_enum_value *v = f->values; v->name; v++)
		if ((flags & v->value) && holds(e, term, text_value(nt_slice_str(v->name))))
			return true;
	return false;
}

static bool any_option(struct eval *e, const struct nt_query_node *term)
{
	for (size_t i = 0; i < e->r->edns_options_len; i++) {
		struct nt_column_value v = { .kind = NT_COLUMN_INT, .i = e->r->edns_options[i] };

		if (holds(e, term, v))
			return true;
	}
	return false;
}

/* The field's values in base, which is the record or a member of one of its lists. */
static bool any_value(struct eval *e, const struct nt_query_node *term, const struct nt_field *f,
		      const void *base)
{
	char small[NT_FIELD_SMALL];

	if (nt_field_missing(f, base, e->r))
		return false;
	switch (f->kind) {
	case NT_FIELD_FLAGS:
		return any_flag(e, term);
	case NT_FIELD_OPTIONS:
		return any_option(e, term);
	case NT_FIELD_STRS:
		return any_str(e, term, nt_field_list(f, base));
	case NT_FIELD_LABELS:
		return term->path.whole || any_label(e, term, nt_field_list(f, base));
	case NT_FIELD_SERVERS:
	case NT_FIELD_RRSETS:
		return true; /* the whole list, and it is not missing */
	default:
		return holds(e, term, nt_field_scalar(f, base, e->r, small));
	}
}

static bool eval_term(struct eval *e, const struct nt_query_node *term)
{
	const struct nt_query_path *path = &term->path;
	struct nt_field_list list;
	size_t size;

	if (!path->member)
		return any_value(e, term, path->field, e->r);
	list = nt_field_list(path->field, e->r);
	size = nt_field_members(path->field)->size;
	for (size_t i = 0; i < list.len; i++)
		if (any_value(e, term, path->member, (char *)list.p + i * size))
			return true;
	return false;
}

static bool eval_once(struct eval *e, const struct nt_query_node *term)
{
	uint64_t record, *known;

	if (!e->terms)
		return eval_term(e, term);
	record = e->terms->record;
	known = &e->terms->known[term->number - 1];
	if (*known >> 1 != record)
		*known = record << 1 | eval_term(e, term);
	return *known & 1;
}

/* As deep as the parser went: NT_QUERY_DEPTH_MAX. */
static bool eval_node(struct eval *e, const struct nt_query_node *node)
{
	if (node->kind == NT_NODE_TERM)
		return eval_once(e, node);
	if (node->kind == NT_NODE_NOT)
		return !eval_node(e, node->first);
	for (const struct nt_query_node *n = node->first; n; n = n->next)
		if (eval_node(e, n) == (node->kind == NT_NODE_OR))
			return node->kind == NT_NODE_OR;
	return node->kind == NT_NODE_AND;
}

bool nt_query_eval(const struct nt_query *q, const struct nt_record *r)
{
	struct eval e = { .r = r };
	bool result = !q->root || eval_node(&e, q->root);

	nt_buf_done(&e.scratch);
	return result;
}

/* Is it known by now that the node does not hold? Of a term, or of the NOT of one. */
static bool known_false(const struct nt_query_terms *t, const struct nt_query_node *node)
{
	bool holds = node->kind != NT_NODE_NOT;
	const struct nt_query_node *term = holds ? node : node->first;

	return term->kind == NT_NODE_TERM &&
	       t->known[term->number - 1] == (t->record << 1 | !holds);
}

bool nt_query_terms_eval(struct nt_query_terms *t, const struct nt_query *q,
			 const struct nt_record *r)
{
	struct eval e = { .r = r, .terms = t, .scratch = t->scratch };
	bool result;

	if (!q->root)
		return true;
	/* Most queries are the AND of terms of which others had one that did not hold. */
	if (q->root->kind == NT_NODE_AND)
		for (const struct nt_query_node *n = q->root->first; n; n = n->next)
			if (known_false(t, n))
				return false;
	result = eval_node(&e, q->root);
	t->scratch = e.scratch; /* kept for the next one */
	return result;
}
