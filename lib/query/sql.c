/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A query as an SQL expression for SQLite, values bound. Each term is 0 or 1 and never NULL, so
 * that NOT, AND and OR mean what they mean in eval.c.
 */
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/query/ast.h"

/*
 * SQLite's parser has a stack of 100 and its expressions a depth of 1,000. A chain is written in
 * brackets of this many, which keeps the depth of 2,000 terms below 100. In a chain what needs most
 * of the stack goes first: a bracket that opens an expression takes one place, one behind an
 * operator three (nt_query_node.need).
 */
enum { CHAIN_MAX = 48 };

struct sql {
	struct nt_buf *text;
	struct nt_bind *binds;
	size_t len, cap;
};

static void put(struct sql *s, const char *text)
{
	nt_buf_puts(s->text, text);
}

static void bind(struct sql *s, struct nt_bind b)
{
	if (s->len == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 16;
		struct nt_bind *binds = realloc(s->binds, cap * sizeof(*binds));

		if (!binds) {
			s->text->failed = true;
			return;
		}
		s->binds = binds;
		s->cap = cap;
	}
	s->binds[s->len++] = b;
	put(s, "?");
}

static void bind_text(struct sql *s, struct nt_slice text)
{
	bind(s, (struct nt_bind){ .kind = NT_BIND_TEXT, .text = text });
}

static bool is_text(const struct nt_query_value *v)
{
	return v->kind == NT_VALUE_TEXT || v->kind == NT_VALUE_PATTERN;
}

static void put_value(struct sql *s, const struct nt_query_value *v)
{
	if (v->kind == NT_VALUE_INT)
		bind(s, (struct nt_bind){ .kind = NT_BIND_INT, .i = v->i });
	else if (v->kind == NT_VALUE_DOUBLE)
		bind(s, (struct nt_bind){ .kind = NT_BIND_DOUBLE, .d = v->d });
	else
		bind_text(s, v->text);
}

static bool is_exact(const struct nt_query_value *v)
{
	return v->kind != NT_VALUE_PATTERN && v->kind != NT_VALUE_NAMES;
}

/* --- one value: x is the SQL of it, not NULL -------------------------------------------------- */

/* Returns how many there are. */
static size_t put_exact(struct sql *s, const struct nt_query_node *term, const char *x)
{
	size_t n = 0;

	for (size_t i = 0; i < term->values_len; i++) {
		const struct nt_query_value *v = &term->values[i];

		if (!is_exact(v))
			continue;
		if (n++ == 0)
			nt_buf_printf(s->text, "%s%s IN (", x, is_text(v) ? " COLLATE NOCASE" : "");
		else
			put(s, ",");
		put_value(s, v);
	}
	if (n)
		put(s, ")");
	return n;
}

static void put_inexact(struct sql *s, const struct nt_query_value *v, const char *x)
{
	if (v->kind == NT_VALUE_NAMES) {
		put(s, NT_QUERY_LISTED "(");
		bind(s, (struct nt_bind){ .kind = NT_BIND_NAMES, .names = v->names });
		nt_buf_printf(s->text, ",%s)", x);
		return;
	}
	nt_buf_printf(s->text, "%s LIKE ", x);
	bind_text(s, v->like);
	put(s, " ESCAPE '\\'");
}

static void put_set(struct sql *s, const struct nt_query_node *term, const char *x)
{
	size_t n;

	put(s, "((");
	n = put_exact(s, term, x) > 0;
	for (size_t i = 0; i < term->values_len; i++) {
		if (is_exact(&term->values[i]))
			continue;
		if (n)
			put(s, n % CHAIN_MAX == 0 ? ") OR (" : " OR ");
		put_inexact(s, &term->values[i], x);
		n++;
	}
	put(s, "))");
}

static void put_test(struct sql *s, const struct nt_query_node *term, const char *x)
{
	static const char *const signs[] = {
		[NT_OP_EQ] = "=", [NT_OP_LT] = "<",  [NT_OP_LE] = "<=",
		[NT_OP_GT] = ">", [NT_OP_GE] = ">=",
	};

	if (term->op == NT_OP_IN) {
		put_set(s, term, x);
		return;
	}
	nt_buf_printf(s->text, "%s %s ", x, signs[term->op]);
	put_value(s, term->values);
	if (is_text(term->values))
		put(s, " COLLATE NOCASE");
}

/* --- where the values are --------------------------------------------------------------------- */

static void put_column(struct nt_buf *out, const struct nt_field *f)
{
	nt_buf_putc(out, '"');
	for (const char *p = f->name; *p; p++)
		nt_buf_putc(out, *p == '.' ? '_' : *p);
	nt_buf_putc(out, '"');
}

static void put_scalar(struct sql *s, const struct nt_query_node *term)
{
	_cleanup_buf_ struct nt_buf column = { 0 };

	put_column(&column, term->path.field);
	if (!nt_buf_ok(&column))
		s->text->failed = true;
	if (term->op == NT_OP_PRESENT) {
		nt_buf_printf(s->text, "%s IS NOT NULL", nt_buf_str(&column));
		return;
	}
	nt_buf_printf(s->text, "(%s IS NOT NULL AND ", nt_buf_str(&column));
	put_test(s, term, nt_buf_str(&column));
	put(s, ")");
}

/* Holds when any row of json_each does; NULL in WHERE is no. */
static void put_list(struct sql *s, const struct nt_query_node *term)
{
	const struct nt_query_path *path = &term->path;
	bool nested = path->member && path->member->kind >= NT_FIELD_STRS;
	char x[64] = "e.value";

	put(s, "EXISTS (SELECT 1 FROM json_each(");
	put_column(s->text, path->field);
	put(s, ") AS e");
	if (nested) {
		nt_buf_printf(s->text, ", json_each(e.value,'$.%s') AS n", path->member->name);
		snprintf(x, sizeof(x), "n.value");
	} else if (path->member) {
		snprintf(x, sizeof(x), "json_extract(e.value,'$.%s')", path->member->name);
	}
	put(s, " WHERE ");
	if (path->label.p) {
		put(s, nested ? "n.key = " : "e.key = ");
		bind_text(s, path->label);
		put(s, " COLLATE NOCASE AND ");
	}
	if (term->op == NT_OP_PRESENT)
		nt_buf_printf(s->text, "%s IS NOT NULL", x);
	else
		put_test(s, term, x);
	put(s, ")");
}

static void put_term(struct sql *s, const struct nt_query_node *term)
{
	const struct nt_query_path *path = &term->path;

	if (path->field->kind >= NT_FIELD_FLAGS && (path->member || !path->whole))
		put_list(s, term);
	else
		put_scalar(s, term);
}

/* --- the tree --------------------------------------------------------------------------------- */

/* Negations go down to the terms, so that they cost no brackets. */
static void put_node(struct sql *s, const struct nt_query_node *node, bool negated);

static const struct nt_query_node *neediest_of(const struct nt_query_node *node)
{
	const struct nt_query_node *neediest = node->first;

	for (const struct nt_query_node *n = node->first; n; n = n->next)
		if (n->need > neediest->need)
			neediest = n;
	return neediest;
}

static void put_chain(struct sql *s, const struct nt_query_node *node, bool negated)
{
	const struct nt_query_node *neediest = neediest_of(node);
	const char *word = (node->kind == NT_NODE_AND) != negated ? " AND " : " OR ";
	size_t n = 1;

	put(s, "((");
	put_node(s, neediest, negated);
	for (const struct nt_query_node *child = node->first; child; child = child->next) {
		if (child == neediest)
			continue;
		if (n++ % CHAIN_MAX == 0) {
			put(s, ")");
			put(s, word);
			put(s, "(");
		} else {
			put(s, word);
		}
		put_node(s, child, negated);
	}
	put(s, "))");
}

static void put_node(struct sql *s, const struct nt_query_node *node, bool negated)
{
	switch (node->kind) {
	case NT_NODE_TERM:
		put(s, negated ? "NOT " : "");
		put_term(s, node);
		break;
	case NT_NODE_NOT:
		put_node(s, node->first, !negated);
		break;
	default:
		put_chain(s, node, negated);
	}
}

int nt_query_to_sql(const struct nt_query *q, struct nt_query_sql *ret_sql)
{
	struct nt_query_sql sql = { 0 };
	struct sql s = { .text = &sql.text };

	if (q->root)
		put_node(&s, q->root, false);
	else
		put(&s, "1");
	sql.binds = s.binds;
	sql.binds_len = s.len;
	if (!nt_buf_ok(&sql.text)) {
		nt_query_sql_done(&sql);
		return -ENOMEM;
	}
	*ret_sql = sql;
	return 0;
}

void nt_query_sql_done(struct nt_query_sql *sql)
{
	nt_buf_done(&sql->text);
	free(sql->binds);
	*sql = (struct nt_query_sql){ 0 };
}
