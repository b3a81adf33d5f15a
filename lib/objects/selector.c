/* SPDX-License-Identifier: Apache-2.0 */
/* Label selectors: check and match, by the rules of Kubernetes' apimachinery. */
#include "lib/objects/selector.h"

#include <jansson.h>
#include <stdio.h>

#include "lib/base/arena.h"
#include "lib/base/cleanup.h"
#include "lib/base/escape.h"
#include "lib/base/nearest.h"
#include "lib/objects/fields.h"

enum {
	/* Of a label's key behind its prefix, and of its value. */
	LABEL_MAX = 63,
	/* A DNS subdomain before the slash. */
	PREFIX_MAX = 253,
	KEY_MAX = PREFIX_MAX + 1 + LABEL_MAX,
	/* All keys and values of the largest selector that is accepted are below it. */
	SELECTOR_BYTES_MAX = 8 << 20,
};

enum op {
	OP_IN = 0,
	OP_NOT_IN = 1,
	OP_EXISTS = 2,
	OP_DOES_NOT_EXIST = 3,
};

static const char *const operators[] = { "In", "NotIn", "Exists", "DoesNotExist", NULL };
static const char *const selector_fields[] = { "matchLabels", "matchExpressions", NULL };
static const char *const expression_fields[] = { "key", "operator", "values", NULL };

struct term {
	struct nt_slice key;
	enum op op;
	struct nt_slice *values;
	size_t values_len;
};

struct nt_selector {
	struct nt_arena arena; /* keys and values */
	struct term terms[NT_SELECTOR_TERMS_MAX];
	size_t terms_len;
};

/* Where the parser is; problems are told here. */
struct parse {
	struct nt_selector *selector;
	struct nt_selector_problem *problem;
	char field[sizeof(((struct nt_selector_problem *)0)->field)];
};

static struct nt_slice slice_of(const json_t *string)
{
	return nt_slice_mem(json_string_value(string), json_string_length(string));
}

__attribute__((format(printf, 2, 3))) static void at(struct parse *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->field, sizeof(p->field), fmt, ap);
	va_end(ap);
}

__attribute__((format(printf, 2, 3))) static int refuse(struct parse *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->problem->msg, sizeof(p->problem->msg), fmt, ap);
	va_end(ap);
	memcpy(p->problem->field, p->field, sizeof(p->field));
	nt_escape_ascii(p->problem->field);
	nt_escape_ascii(p->problem->msg);
	return -EINVAL;
}

static int no_memory(struct parse *p)
{
	(void)refuse(p, "no memory");
	return -ENOMEM;
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Letters and digits, and within also the others. */
static bool is_word(struct nt_slice s, const char *others)
{
	if (!s.len || !is_alnum(s.p[0]) || !is_alnum(s.p[s.len - 1]))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!is_alnum(s.p[i]) && (!s.p[i] || !strchr(others, s.p[i])))
			return false;
	return true;
}

/* "app", "app.kubernetes.io/name". */
static bool is_key(struct nt_slice key)
{
	const char *slash = key.len ? memchr(key.p, '/', key.len) : NULL;
	struct nt_slice name = key;

	if (slash) {
		struct nt_slice prefix = nt_slice_mem(key.p, (size_t)(slash - key.p));

		if (prefix.len > PREFIX_MAX || !is_word(prefix, "-."))
			return false;
		name = nt_slice_mem(slash + 1, key.len - prefix.len - 1);
	}
	return name.len <= LABEL_MAX && is_word(name, "-_.");
}

static bool is_value(struct nt_slice value)
{
	return !value.len || (value.len <= LABEL_MAX && is_word(value, "-_."));
}

static int check_fields(struct parse *p, const json_t *object, const char *const *known)
{
	const char *key = nt_fields_unknown(object, known), *near;

	if (!key)
		return 0;
	near = nt_nearest_in(nt_slice_str(key), known);
	return refuse(p, "there is no field \"%.80s\"%s%s%s", key, near ? "; did you mean " : "",
		      near ? near : "", near ? "?" : "");
}

static int copy_text(struct parse *p, struct nt_slice text, struct nt_slice *ret_text)
{
	if (text.len > KEY_MAX)
		return refuse(p, "\"%.40s...\" is longer than any label", text.p);
	*ret_text = nt_arena_copy(&p->selector->arena, text);
	return ret_text->p ? 0 : no_memory(p);
}

static int take_string(struct parse *p, const json_t *v, struct nt_slice *ret_text)
{
	if (!json_is_string(v))
		return refuse(p, v ? "is no string: put it in quotes" : "is missing");
	return copy_text(p, slice_of(v), ret_text);
}

static int take_value(struct parse *p, const json_t *v, struct nt_slice *ret_value)
{
	int r = take_string(p, v, ret_value);

	if (!r && !is_value(*ret_value))
		return refuse(p,
			      "\"%.80s\" cannot be a label's value: at most 63 letters, digits, "
			      "'-', '_' and '.', a letter or digit first and last",
			      ret_value->p);
	return r;
}

static int check_key(struct parse *p, struct nt_slice key)
{
	if (is_key(key))
		return 0;
	return refuse(p,
		      "\"%.80s\" cannot be a label's key: at most 63 letters, digits, '-', '_' "
		      "and '.', behind a domain name and '/' if need be",
		      key.p);
}

static int add_term(struct parse *p, struct term **ret_term)
{
	struct nt_selector *s = p->selector;

	if (s->terms_len == NT_SELECTOR_TERMS_MAX)
		return refuse(p, "more than %d terms", NT_SELECTOR_TERMS_MAX);
	*ret_term = &s->terms[s->terms_len++];
	return 0;
}

static int take_match_labels(struct parse *p, const json_t *labels)
{
	at(p, "matchLabels");
	if (!json_is_object(labels))
		return refuse(p, "is no mapping of labels to values");
	for (void *i = json_object_iter((json_t *)labels); i;
	     i = json_object_iter_next((json_t *)labels, i)) {
		struct term *t = NULL;
		int r = add_term(p, &t);

		if (r < 0)
			return r;
		at(p, "matchLabels");
		t->op = OP_IN;
		t->values = nt_arena_alloc(&p->selector->arena, sizeof(*t->values));
		t->values_len = 1;
		r = t->values ? copy_text(p, nt_slice_str(json_object_iter_key(i)), &t->key)
			      : no_memory(p);
		if (!r)
			r = check_key(p, t->key);
		if (r < 0)
			return r;
		at(p, "matchLabels.%.80s", t->key.p);
		r = take_value(p, json_object_iter_value(i), &t->values[0]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int take_operator(struct parse *p, const json_t *v, enum op *ret_op)
{
	struct nt_slice text;
	const char *near;
	int r = take_string(p, v, &text);

	if (r < 0)
		return r;
	for (int i = 0; operators[i]; i++) {
		if (nt_slice_eq(text, nt_slice_str(operators[i]))) {
			*ret_op = (enum op)i;
			return 0;
		}
	}
	near = nt_nearest_in(text, operators);
	if (near)
		return refuse(p, "\"%.80s\" is no operator; did you mean %s?", text.p, near);
	return refuse(p, "\"%.80s\" is no operator: In, NotIn, Exists or DoesNotExist", text.p);
}

static int take_values(struct parse *p, size_t index, const json_t *values, struct term *t)
{
	bool wants = t->op == OP_IN || t->op == OP_NOT_IN;
	size_t len = json_array_size(values);

	at(p, "matchExpressions[%zu].values", index);
	if (values && !json_is_array(values))
		return refuse(p, "is no list");
	if (wants != (len > 0))
		return refuse(p, wants ? "%s needs at least one value" : "%s takes no values",
			      operators[t->op]);
	if (len > NT_SELECTOR_VALUES_MAX)
		return refuse(p, "%zu values, %d at most", len, NT_SELECTOR_VALUES_MAX);
	if (!len)
		return 0;
	t->values = nt_arena_zalloc(&p->selector->arena, len * sizeof(*t->values));
	if (!t->values)
		return no_memory(p);
	for (; t->values_len < len; t->values_len++) {
		int r;

		at(p, "matchExpressions[%zu].values[%zu]", index, t->values_len);
		r = take_value(p, json_array_get(values, t->values_len), &t->values[t->values_len]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int take_expression(struct parse *p, size_t index, const json_t *expression)
{
	struct term *t = NULL;
	int r;

	at(p, "matchExpressions[%zu]", index);
	if (!json_is_object(expression))
		return refuse(p, "is no mapping with key, operator and values");
	r = check_fields(p, expression, expression_fields);
	if (!r)
		r = add_term(p, &t);
	if (r < 0)
		return r;
	at(p, "matchExpressions[%zu].key", index);
	r = take_string(p, json_object_get(expression, "key"), &t->key);
	if (!r)
		r = check_key(p, t->key);
	if (r < 0)
		return r;
	at(p, "matchExpressions[%zu].operator", index);
	r = take_operator(p, json_object_get(expression, "operator"), &t->op);
	return r < 0 ? r : take_values(p, index, json_object_get(expression, "values"), t);
}

static int take_match_expressions(struct parse *p, const json_t *expressions)
{
	at(p, "matchExpressions");
	if (!json_is_array(expressions))
		return refuse(p, "is no list");
	for (size_t i = 0; i < json_array_size(expressions); i++) {
		int r = take_expression(p, i, json_array_get(expressions, i));

		if (r < 0)
			return r;
	}
	return 0;
}

static int take_selector(struct parse *p, const json_t *json)
{
	const json_t *labels = json_object_get(json, "matchLabels");
	const json_t *expressions = json_object_get(json, "matchExpressions");
	int r;

	if (json_is_null(json))
		return refuse(p, "is empty: write {} when every pod is meant, else check the "
				 "indent of what follows");
	if (!json_is_object(json))
		return refuse(p, "is no mapping with matchLabels and matchExpressions");
	r = check_fields(p, json, selector_fields);
	if (!r && labels)
		r = take_match_labels(p, labels);
	if (!r && expressions)
		r = take_match_expressions(p, expressions);
	return r;
}

int nt_selector_parse(const struct json_t *json, struct nt_selector **ret_selector,
		      struct nt_selector_problem *ret_problem)
{
	_cleanup_(nt_selector_freep) struct nt_selector *s = calloc(1, sizeof(*s));
	struct parse p = { .selector = s, .problem = ret_problem };
	int r;

	if (!s)
		return no_memory(&p);
	s->arena = NT_ARENA(SELECTOR_BYTES_MAX);
	r = take_selector(&p, json);
	if (r < 0)
		return r;
	*ret_selector = NT_TAKE_PTR(s);
	return 0;
}

void nt_selector_free(struct nt_selector *s)
{
	if (!s)
		return;
	nt_arena_done(&s->arena);
	free(s);
}

size_t nt_selector_terms_len(const struct nt_selector *s)
{
	return s->terms_len;
}

static bool has_value(const struct term *t, struct nt_slice value)
{
	for (size_t i = 0; i < t->values_len; i++)
		if (nt_slice_eq(t->values[i], value))
			return true;
	return false;
}

static const struct nt_label *find_label(const struct nt_label *labels, size_t labels_len,
					 struct nt_slice key)
{
	for (size_t i = 0; i < labels_len; i++)
		if (nt_slice_eq(labels[i].key, key))
			return &labels[i];
	return NULL;
}

static bool term_holds(const struct term *t, const struct nt_label *label)
{
	switch (t->op) {
	case OP_IN:
		return label && has_value(t, label->value);
	case OP_NOT_IN:
		return !label || !has_value(t, label->value);
	case OP_EXISTS:
		return label;
	case OP_DOES_NOT_EXIST:
		return !label;
	}
	return false;
}

bool nt_selector_matches(const struct nt_selector *s, const struct nt_label *labels,
			 size_t labels_len)
{
	for (size_t i = 0; i < s->terms_len; i++)
		if (!term_holds(&s->terms[i], find_label(labels, labels_len, s->terms[i].key)))
			return false;
	return true;
}
