/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A query weakened to what an UNLOGGED row can tell. Such a row has a client and no name, type or
 * code: a term about those may hold or not, so it is taken for what lets more rows match. And which
 * fields and types of rows a query is about.
 */
#include "lib/query/ast.h"

#include "lib/base/cleanup.h"

static bool is_known(const char *name)
{
	static const char *const names[] = { "node", "role", "start_time", "end_time", "reason" };

	for (size_t i = 0; i < NT_ARRAY_LEN(names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return strncmp(name, "client_", 7) == 0;
}

static struct nt_query_node *keep(struct nt_query_node *node, bool possible);

/* In an OR, what may hold lets every row through; in an AND, what may not hold stops every row. */
static struct nt_query_node *keep_chain(struct nt_query_node *chain, bool possible)
{
	bool absorbs = (chain->kind == NT_NODE_OR) == possible;
	struct nt_query_node **at = &chain->first;

	while (*at) {
		struct nt_query_node *next = (*at)->next;
		struct nt_query_node *kept = keep(*at, possible);

		if (!kept && absorbs)
			return NULL;
		if (kept) {
			kept->next = next;
			*at = kept;
			at = &kept->next;
		} else {
			*at = next;
		}
	}
	return chain->first && !chain->first->next ? chain->first : chain->first ? chain : NULL;
}

/* possible: the weakest condition that holds whenever node may hold, NULL: it always may. Else the
 * strongest that holds only when node must, NULL: never. Under NOT the two change places. */
static struct nt_query_node *keep(struct nt_query_node *node, bool possible)
{
	switch (node->kind) {
	case NT_NODE_TERM:
		return is_known(node->path.field->name) ? node : NULL;
	case NT_NODE_NOT:
		node->first = keep(node->first, !possible);
		if (!node->first)
			return NULL;
		node->first->next = NULL;
		return node;
	default:
		return keep_chain(node, possible);
	}
}

void nt_query_weaken_to_unlogged(struct nt_query *q)
{
	if (q->root)
		q->root = keep(q->root, true);
	if (q->root)
		q->root->next = NULL;
}

/* As deep as the parser went. */
static bool mentions(const struct nt_query_node *node, const char *field)
{
	if (node->kind == NT_NODE_TERM)
		return strcmp(node->path.field->name, field) == 0;
	for (const struct nt_query_node *n = node->first; n; n = n->next)
		if (mentions(n, field))
			return true;
	return false;
}

bool nt_query_mentions(const struct nt_query *q, const char *field)
{
	return q->root && mentions(q->root, field);
}

/* --- of which type ---------------------------------------------------------------------------- */

enum certainty {
	NEVER = 0,
	MAYBE = 1,
	ALWAYS = 2,
};

/* As dataplane/agent writes them. */
bool nt_query_unlogged_has(const struct nt_field *field)
{
	static const char *const names[] = { "id", "count", "error", "clock_step" };

	for (size_t i = 0; i < NT_ARRAY_LEN(names); i++)
		if (strcmp(names[i], field->name) == 0)
			return true;
	return is_known(field->name);
}

/* Is the field the same in all rows of the type? */
static bool is_told(const struct nt_field *field, enum nt_record_type type)
{
	if (strcmp(field->name, "type") == 0)
		return true;
	return type == NT_RECORD_LOG ? strcmp(field->name, "reason") == 0
				     : !nt_query_unlogged_has(field);
}

/* r has its type and nothing else. */
static enum certainty term_on(struct nt_query_node *term, const struct nt_record *r)
{
	const struct nt_query alone = { .root = term };

	if (!is_told(term->path.field, r->type))
		return MAYBE;
	return nt_query_eval(&alone, r) ? ALWAYS : NEVER;
}

/* As deep as the parser went. */
static enum certainty certainty_on(struct nt_query_node *node, const struct nt_record *r)
{
	bool any = node->kind == NT_NODE_OR;
	enum certainty all = any ? NEVER : ALWAYS;

	if (node->kind == NT_NODE_TERM)
		return term_on(node, r);
	if (node->kind == NT_NODE_NOT)
		return ALWAYS - certainty_on(node->first, r);
	for (struct nt_query_node *n = node->first; n; n = n->next) {
		enum certainty one = certainty_on(n, r);

		if (any ? one > all : one < all)
			all = one;
	}
	return all;
}

bool nt_query_may_hold(const struct nt_query *q, int type)
{
	const struct nt_record r = { .type = (enum nt_record_type)type };

	return !q->root || certainty_on(q->root, &r) != NEVER;
}
