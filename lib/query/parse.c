/* SPDX-License-Identifier: Apache-2.0 */
/* Query text to a checked tree: recursive descent, NOT before AND before OR. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/base/nearest.h"
#include "lib/query/check.h"
#include "lib/query/substitute.h"

/* A text of NT_QUERY_TEXT_MAX octets makes at most some 2,000 terms or values of 200 octets. */
enum { ARENA_MAX = 4 << 20 };

struct parser {
	struct nt_lexer lexer;
	struct nt_token now; /* not taken yet */
	unsigned depth;
	struct nt_arena *arena;
	const struct nt_query_substitution *substitutions;
	size_t substitutions_len;
	struct nt_query_error *error;
};

static void advance(struct parser *p)
{
	p->now = nt_lex(&p->lexer);
}

static bool is_word(const struct nt_token *t, const char *word)
{
	return t->kind == NT_TOKEN_WORD && nt_slice_caseeq(t->text, nt_slice_str(word));
}

static bool is_keyword(const struct nt_token *t)
{
	return is_word(t, "AND") || is_word(t, "OR") || is_word(t, "NOT") || is_word(t, "IN") ||
	       is_word(t, "NOTIN") || is_word(t, "EMPTY");
}

static bool take_word(struct parser *p, const char *word)
{
	if (!is_word(&p->now, word))
		return false;
	advance(p);
	return true;
}

/* A fault of the lexer goes first: it is what really is wrong there. */
static int fail_here(struct parser *p, const char *suggestion, const char *msg)
{
	const struct nt_token *t = &p->now;

	if (t->kind == NT_TOKEN_BAD)
		return nt_query_fail(p->error, t, t->suggestion, "%s", t->msg);
	return nt_query_fail(p->error, t, suggestion, "%s", msg);
}

static int no_memory(struct parser *p)
{
	return nt_query_fail(p->error, &p->now, NULL, "no memory for this query");
}

static struct nt_query_node *new_node(struct parser *p, enum nt_node_kind kind)
{
	struct nt_query_node *node = nt_arena_zalloc(p->arena, sizeof(*node));

	if (node)
		node->kind = kind;
	return node;
}

static int negate(struct parser *p, struct nt_query_node **node)
{
	struct nt_query_node *negation = new_node(p, NT_NODE_NOT);

	if (!negation)
		return no_memory(p);
	negation->first = *node;
	negation->need = (*node)->need;
	*node = negation;
	return 0;
}

/* --- terms ------------------------------------------------------------------------------------ */

/* A key without an operator: most often a word to look for. */
static int fail_bare(struct parser *p, const struct nt_token *key)
{
	struct nt_query_path path;
	char fix[128];

	if (p->now.kind == NT_TOKEN_BAD)
		return fail_here(p, NULL, "");
	if (nt_query_path_find(key->text, &path)) {
		snprintf(fix, sizeof(fix),
			 path.type == NT_QUERY_BOOLEAN ? "%.*s = true" : "NOT %.*s EMPTY",
			 NT_SLICE_ARG(key->text));
		if (key->text.len > 80)
			fix[0] = '\0';
		return nt_query_fail(
			p->error, key, fix,
			"what about %.*s? An operator is missing: =, !=, <, >, IN, EMPTY",
			NT_SLICE_ARG(key->text));
	}
	if (key->text.len > 80 || memchr(key->text.p ? key->text.p : "", '"', key->text.len))
		return nt_query_fail(p->error, key, NULL, "a word alone is no condition");
	snprintf(fix, sizeof(fix), "qname IN {\"*%.*s*\"}", NT_SLICE_ARG(key->text));
	return nt_query_fail(p->error, key, fix,
			     "a word alone is no condition; to look for it in names, write");
}

static int take_value(struct parser *p, struct nt_query_node *term, struct nt_query_value *ret)
{
	struct nt_token t = p->now;
	int r;

	if (t.kind == NT_TOKEN_VARIABLE)
		return fail_here(p, NULL, "${...} stands for a whole set, with its { }");
	if ((t.kind != NT_TOKEN_WORD && t.kind != NT_TOKEN_STRING) ||
	    (is_keyword(&t) && !is_word(&t, "IN"))) /* the class IN is a value, too */
		return fail_here(
			p, NULL,
			is_keyword(&t)
				? "here a value is missing; one that is a keyword needs quotes"
				: "here a value is missing");
	r = nt_query_check_value(&term->path, term->op, &t, p->arena, ret, p->error);
	if (r == 0)
		advance(p);
	return r;
}

static int parse_cmp(struct parser *p, struct nt_query_node **node)
{
	static const struct {
		const char *sign;
		enum nt_query_op op;
	} ops[] = { { "=", NT_OP_EQ },	{ "!=", NT_OP_EQ }, { "<", NT_OP_LT },
		    { "<=", NT_OP_LE }, { ">", NT_OP_GT },  { ">=", NT_OP_GE } };
	struct nt_query_node *term = *node;
	struct nt_token sign = p->now;
	int r;

	for (size_t i = 0; i < NT_ARRAY_LEN(ops); i++)
		if (nt_slice_eq(sign.text, nt_slice_str(ops[i].sign)))
			term->op = ops[i].op;
	r = nt_query_check_op(&term->path, term->op, &sign, p->error);
	if (r < 0)
		return r;
	advance(p);
	if (p->now.kind == NT_TOKEN_VARIABLE)
		return nt_query_fail(p->error, &sign,
				     term->op != NT_OP_EQ    ? NULL
				     : sign.text.p[0] == '!' ? " NOTIN "
							     : " IN ",
				     "${...} stands for a set, which goes behind IN or NOTIN");
	term->values = nt_arena_alloc(p->arena, sizeof(*term->values));
	if (!term->values)
		return no_memory(p);
	term->values_len = 1;
	r = take_value(p, term, term->values);
	return r == 0 && sign.text.p[0] == '!' ? negate(p, node) : r;
}

/* Room for one more value; the array doubles, and what it leaves in the arena is as much again. */
static struct nt_query_value *add_value(struct parser *p, struct nt_query_node *term, size_t *cap)
{
	struct nt_query_value *values;

	if (term->values_len == *cap) {
		*cap = *cap ? *cap * 2 : 4;
		values = nt_arena_alloc(p->arena, *cap * sizeof(*values));
		if (!values)
			return NULL;
		if (term->values_len)
			memcpy(values, term->values, term->values_len * sizeof(*values));
		term->values = values;
	}
	return &term->values[term->values_len++];
}

/* --- sets ------------------------------------------------------------------------------------- */

static int fail_unknown(struct parser *p)
{
	struct nt_nearest near = nt_nearest_of(p->now.text);
	char fix[64];

	if (!p->substitutions_len)
		return fail_here(
			p, NULL,
			"${...} names one of a rule's substitutions, or a DomainFeed that has "
			"its list; here is none of these");
	for (size_t i = 0; i < p->substitutions_len; i++) {
		struct nt_slice name = nt_arena_copy(p->arena, p->substitutions[i].name);

		if (name.p)
			nt_nearest_consider(&near, name.p);
	}
	snprintf(fix, sizeof(fix), "${%s}", near.best ?: "");
	return fail_here(p, near.best ? fix : NULL, "there is no substitution of that name");
}

/* The error is about a value that is not in the text: which one, and no suggestion for the text. */
static int fail_substituted(struct parser *p, size_t index)
{
	struct nt_query_error of_value = *p->error;

	return nt_query_fail(p->error, &p->now, NULL, "value %zu: %.200s", index + 1, of_value.msg);
}

static int take_names(struct parser *p, struct nt_query_node *term,
		      const struct nt_query_names *names)
{
	int r = nt_query_check_names(&term->path, &p->now, p->error);

	if (r < 0)
		return r;
	term->values = nt_arena_alloc(p->arena, sizeof(*term->values));
	if (!term->values)
		return no_memory(p);
	term->values_len = 1;
	*term->values = (struct nt_query_value){ .kind = NT_VALUE_NAMES, .names = names };
	advance(p);
	return 0;
}

static int take_substituted(struct parser *p, struct nt_query_node *term,
			    const struct nt_query_substitution *s)
{
	if (s->names)
		return take_names(p, term, s->names);
	term->values_len = s->values_len;
	term->values = nt_arena_alloc(p->arena, s->values_len * sizeof(*term->values));
	if (!term->values)
		return no_memory(p);
	for (size_t i = 0; i < s->values_len; i++) {
		struct nt_token t = p->now;
		int r;

		if (!nt_lex_quotable(s->values[i]))
			return nt_query_fail(p->error, &p->now, NULL,
					     "value %zu: a control character, or no UTF-8", i + 1);
		t.text = nt_arena_copy(p->arena, s->values[i]);
		if (!t.text.p)
			return no_memory(p);
		r = nt_query_check_value(&term->path, term->op, &t, p->arena, &term->values[i],
					 p->error);
		if (r < 0)
			return fail_substituted(p, i);
	}
	advance(p);
	return 0;
}

static int parse_variable(struct parser *p, struct nt_query_node *term)
{
	const struct nt_query_substitution *s =
		nt_query_substitution_find(p->substitutions, p->substitutions_len, p->now.text);

	return s ? take_substituted(p, term, s) : fail_unknown(p);
}

static int parse_set(struct parser *p, struct nt_query_node *term, const struct nt_token *word)
{
	struct nt_query_value *value;
	size_t cap = 0;
	int r;

	term->op = NT_OP_IN;
	r = nt_query_check_op(&term->path, term->op, word, p->error);
	if (r < 0)
		return r;
	if (p->now.kind == NT_TOKEN_VARIABLE)
		return parse_variable(p, term);
	if (p->now.kind != NT_TOKEN_SET_OPEN)
		return fail_here(p, NULL, "a set goes into { }, with commas between its values");
	do {
		advance(p);
		value = add_value(p, term, &cap);
		if (!value)
			return no_memory(p);
		r = take_value(p, term, value);
		if (r < 0)
			return r;
	} while (p->now.kind == NT_TOKEN_COMMA);
	if (p->now.kind != NT_TOKEN_SET_CLOSE)
		return fail_here(p, p->now.kind == NT_TOKEN_END ? "}" : NULL,
				 "the set is not closed, or a comma is missing");
	advance(p);
	return 0;
}

/* --- conditions ------------------------------------------------------------------------------- */

/* What is behind a key: cmp, IN, NOTIN, NOT IN, EMPTY, NOT EMPTY. */
static int parse_condition(struct parser *p, const struct nt_token *key,
			   struct nt_query_node **node)
{
	bool negated = p->now.kind != NT_TOKEN_CMP && take_word(p, "NOT");
	struct nt_token word = p->now;
	int r;

	if (p->now.kind == NT_TOKEN_CMP && !negated)
		return parse_cmp(p, node);
	if (take_word(p, "IN")) {
		r = parse_set(p, *node, &word);
	} else if (!negated && take_word(p, "NOTIN")) {
		r = parse_set(p, *node, &word);
		negated = true;
	} else if (take_word(p, "EMPTY")) {
		(*node)->op = NT_OP_PRESENT;
		r = 0;
		negated = !negated;
	} else {
		return negated ? fail_here(p, NULL, "behind a field NOT takes IN or EMPTY")
			       : fail_bare(p, key);
	}
	return r == 0 && negated ? negate(p, node) : r;
}

static int parse_term(struct parser *p, struct nt_query_node **ret)
{
	struct nt_token key = p->now;
	struct nt_query_node *term;
	int r;

	if ((key.kind != NT_TOKEN_WORD && key.kind != NT_TOKEN_STRING) || is_keyword(&key))
		return fail_here(p, NULL, "here a condition is missing, such as rcode = NXDOMAIN");
	term = new_node(p, NT_NODE_TERM);
	if (!term)
		return no_memory(p);
	advance(p);
	if (!nt_query_path_find(key.text, &term->path) && p->now.kind != NT_TOKEN_CMP &&
	    !is_word(&p->now, "IN") && !is_word(&p->now, "NOTIN") && !is_word(&p->now, "EMPTY"))
		return fail_bare(p, &key);
	r = nt_query_check_key(&key, &term->path, p->error);
	if (r == 0) {
		*ret = term;
		r = parse_condition(p, &key, ret);
	}
	return r;
}

/* --- expressions ------------------------------------------------------------------------------ */

static int parse_or(struct parser *p, struct nt_query_node **ret);

static int parse_brackets(struct parser *p, struct nt_query_node **ret)
{
	struct nt_token open = p->now;
	int r;

	advance(p);
	r = parse_or(p, ret);
	if (r < 0)
		return r;
	if (p->now.kind == NT_TOKEN_END)
		return nt_query_fail(p->error, &p->now, ")",
				     "the bracket at octet %zu is not closed", open.at);
	if (p->now.kind != NT_TOKEN_CLOSE)
		return fail_here(p, NULL, "here AND, OR or ) is missing");
	advance(p);
	return 0;
}

static int parse_not(struct parser *p, struct nt_query_node **ret)
{
	int r;

	if (p->depth == NT_QUERY_DEPTH_MAX)
		return fail_here(p, NULL, "too many brackets and NOTs in each other");
	p->depth++;
	if (take_word(p, "NOT")) {
		r = parse_not(p, ret);
		if (r == 0)
			r = negate(p, ret);
	} else if (p->now.kind == NT_TOKEN_OPEN) {
		r = parse_brackets(p, ret);
	} else {
		r = parse_term(p, ret);
	}
	p->depth--;
	return r;
}

/* One or more of `parse` with `word` between them; a chain is one flat node. */
static int parse_chain(struct parser *p, const char *word, enum nt_node_kind kind,
		       int (*parse)(struct parser *, struct nt_query_node **),
		       struct nt_query_node **ret)
{
	struct nt_query_node *chain = NULL, *item, **tail;
	unsigned most, second = 0;
	int r = parse(p, ret);

	if (r < 0 || !is_word(&p->now, word))
		return r;
	chain = new_node(p, kind);
	if (!chain)
		return no_memory(p);
	chain->first = *ret;
	most = (*ret)->need;
	tail = &chain->first->next;
	while (take_word(p, word)) {
		r = parse(p, &item);
		if (r < 0)
			return r;
		*tail = item;
		tail = &item->next;
		second = item->need > most ? most : item->need > second ? item->need : second;
		most = item->need > most ? item->need : most;
	}
	chain->need = most + 2 > second + 4 ? most + 2 : second + 4;
	*ret = chain;
	return 0;
}

static int parse_and(struct parser *p, struct nt_query_node **ret)
{
	return parse_chain(p, "AND", NT_NODE_AND, parse_not, ret);
}

static int parse_or(struct parser *p, struct nt_query_node **ret)
{
	return parse_chain(p, "OR", NT_NODE_OR, parse_and, ret);
}

static int parse_all(struct parser *p, struct nt_query_node **ret)
{
	int r;

	advance(p);
	if (p->now.kind == NT_TOKEN_END)
		return 0;
	r = parse_or(p, ret);
	if (r < 0 || p->now.kind == NT_TOKEN_END)
		return r;
	if (p->now.kind == NT_TOKEN_CLOSE)
		return fail_here(p, NULL, "this bracket was never opened");
	return fail_here(p, NULL, "here AND or OR is missing");
}

int nt_query_parse_with(struct nt_slice text, const struct nt_query_substitution *substitutions,
			size_t substitutions_len, struct nt_query **ret_query,
			struct nt_query_error *ret_error)
{
	_cleanup_(nt_query_freep) struct nt_query *q = calloc(1, sizeof(*q));
	struct nt_token all = { .at = NT_QUERY_TEXT_MAX, .len = text.len - NT_QUERY_TEXT_MAX };
	struct parser p = { .substitutions = substitutions,
			    .substitutions_len = substitutions_len,
			    .error = ret_error };
	int r;

	*ret_error = (struct nt_query_error){ 0 };
	if (text.len > NT_QUERY_TEXT_MAX)
		return nt_query_fail(ret_error, &all, NULL, "a query has at most %d octets",
				     NT_QUERY_TEXT_MAX);
	if (!q)
		return no_memory(&p);
	q->arena = NT_ARENA(ARENA_MAX);
	p.arena = p.lexer.arena = &q->arena;
	p.lexer.text = nt_arena_copy(&q->arena, text);
	if (!p.lexer.text.p)
		return no_memory(&p);
	r = parse_all(&p, &q->root);
	if (r == 0)
		*ret_query = NT_TAKE_PTR(q);
	return r;
}

int nt_query_parse(struct nt_slice text, struct nt_query **ret_query,
		   struct nt_query_error *ret_error)
{
	return nt_query_parse_with(text, NULL, 0, ret_query, ret_error);
}

void nt_query_free(struct nt_query *q)
{
	if (!q)
		return;
	nt_arena_done(&q->arena);
	free(q);
}
