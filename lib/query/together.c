/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many queries about the same records. Each term is given a number, the same one to terms that say
 * the same, and what it came to is kept until the next record. And which of its terms a query
 * cannot do without, so that who has many of them finds those that may hold.
 */
#include "lib/query/ast.h"

#include <stdlib.h>

/* --- numbers ---------------------------------------------------------------------------------- */

static bool same_value(const struct nt_query_value *a, const struct nt_query_value *b)
{
	return a->kind == b->kind && a->i == b->i && a->d == b->d && a->names == b->names &&
	       nt_slice_eq(a->text, b->text);
}

static bool same_term(const struct nt_query_node *a, const struct nt_query_node *b)
{
	const struct nt_query_path *p = &a->path, *q = &b->path;

	if (a->op != b->op || p->field != q->field || p->member != q->member ||
	    !nt_slice_eq(p->label, q->label) || p->whole != q->whole || p->type != q->type ||
	    a->values_len != b->values_len)
		return false;
	for (size_t i = 0; i < a->values_len; i++)
		if (!same_value(&a->values[i], &b->values[i]))
			return false;
	return true;
}

static int add_term(struct nt_query_terms *t, struct nt_query_node *term)
{
	size_t cap = t->cap ? t->cap * 2 : 64;
	struct nt_query_node **terms;
	uint64_t *known;

	for (size_t i = 0; i < t->len; i++) {
		if (!same_term(t->terms[i], term))
			continue;
		term->number = (uint32_t)i + 1;
		return 0;
	}
	if (t->len == t->cap) {
		terms = reallocarray(t->terms, cap, sizeof(*terms));
		t->terms = terms ?: t->terms;
		known = reallocarray(t->known, cap, sizeof(*known));
		t->known = known ?: t->known;
		if (!terms || !known)
			return -ENOMEM;
		t->cap = cap;
	}
	t->terms[t->len] = term;
	t->known[t->len] = 0;
	term->number = (uint32_t)++t->len;
	return 0;
}

/* As deep as the parser went. */
static int add_node(struct nt_query_terms *t, struct nt_query_node *node)
{
	int r = 0;

	if (node->kind == NT_NODE_TERM)
		return add_term(t, node);
	for (struct nt_query_node *n = node->first; n && r == 0; n = n->next)
		r = add_node(t, n);
	return r;
}

struct nt_query_terms *nt_query_terms_new(void)
{
	struct nt_query_terms *t = calloc(1, sizeof(*t));

	if (t)
		t->record = 1; /* of none something is known */
	return t;
}

void nt_query_terms_free(struct nt_query_terms *t)
{
	if (!t)
		return;
	free(t->terms);
	free(t->known);
	nt_buf_done(&t->scratch);
	free(t);
}

int nt_query_terms_add(struct nt_query_terms *t, struct nt_query *q)
{
	return q->root ? add_node(t, q->root) : 0;
}

void nt_query_terms_next(struct nt_query_terms *t)
{
	t->record++;
}

/* --- what a query cannot do without ----------------------------------------------------------- */

static bool is_equality(const struct nt_query_node *node)
{
	const struct nt_query_path *path = &node->path;

	return node->kind == NT_NODE_TERM && node->op == NT_OP_EQ && !path->member &&
	       path->field->kind == NT_FIELD_STR;
}

bool nt_query_needs(const struct nt_query *q, const struct nt_field **ret_field,
		    struct nt_slice *ret_value)
{
	const struct nt_query_node *node = q->root;

	if (node && node->kind == NT_NODE_AND)
		for (node = node->first; node && !is_equality(node);)
			node = node->next;
	if (!node || !is_equality(node))
		return false;
	*ret_field = node->path.field;
	*ret_value = node->values->text;
	return true;
}
