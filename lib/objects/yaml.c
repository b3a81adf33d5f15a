/* SPDX-License-Identifier: Apache-2.0 */
/* libyaml's events to jansson values. */
#include "lib/objects/yaml.h"

#include <stdio.h>
#include <yaml.h>

#include "lib/base/buf.h"
#include "lib/objects/scalar.h"

struct level {
	json_t *borrowed; /* array or object; the root owns all */
	struct nt_buf key; /* memory is kept from key to key */
	bool have_key;
};

struct builder {
	struct level levels[NT_YAML_DEPTH_MAX];
	size_t depth;
	size_t nodes;
	json_t *root; /* owned until handed out */
	size_t root_line;
	nt_yaml_document_fn *fn;
	void *ctx;
	struct nt_yaml_problem *problem;
};

static int problem_at(struct builder *b, size_t line, const char *msg)
{
	b->problem->line = line;
	snprintf(b->problem->msg, sizeof(b->problem->msg), "%s", msg);
	return -EBADMSG;
}

/* An object's key or value, an array's item, or the root. Takes the reference to value. */
static int put(struct builder *b, json_t *value, size_t line)
{
	struct level *top = b->depth ? &b->levels[b->depth - 1] : NULL;
	int r;

	if (!top) {
		b->root = value;
		b->root_line = line;
		return 0;
	}
	if (json_is_array(top->borrowed)) {
		r = json_array_append_new(top->borrowed, value);
	} else {
		r = json_object_setn_new(top->borrowed, nt_buf_str(&top->key), top->key.len, value);
		top->have_key = false;
	}
	return r == 0 ? 0 : -ENOMEM;
}

static bool wants_key(const struct builder *b)
{
	const struct level *top = b->depth ? &b->levels[b->depth - 1] : NULL;

	return top && json_is_object(top->borrowed) && !top->have_key;
}

static int count_node(struct builder *b, size_t line)
{
	return b->nodes++ < NT_YAML_NODES_MAX ? 0 : problem_at(b, line, "too many values");
}

static int open_container(struct builder *b, json_t *container, size_t line)
{
	int r;

	if (!container)
		return -ENOMEM;
	if (wants_key(b) || b->depth == NT_YAML_DEPTH_MAX) {
		json_decref(container);
		return problem_at(b, line,
				  wants_key(b) ? "a key has to be a plain word, no list or mapping"
					       : "nested too deep");
	}
	r = put(b, container, line);
	if (r < 0)
		return r;
	b->levels[b->depth].borrowed = container;
	b->levels[b->depth].have_key = false;
	b->depth++;
	return 0;
}

static bool tag_is(const yaml_event_t *e, const char *tag)
{
	return e->data.scalar.tag && strcmp((const char *)e->data.scalar.tag, tag) == 0;
}

/* NULL: no value that JSON has, or a tag that would need more than this. */
static json_t *scalar_value(const yaml_event_t *e)
{
	struct nt_slice text = nt_slice_mem(e->data.scalar.value, e->data.scalar.length);
	bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	bool core = tag_is(e, YAML_INT_TAG) || tag_is(e, YAML_FLOAT_TAG) ||
		    tag_is(e, YAML_BOOL_TAG) || tag_is(e, YAML_NULL_TAG);

	if (plain && (!e->data.scalar.tag || core))
		return nt_scalar_plain(text);
	if (!e->data.scalar.tag || tag_is(e, YAML_STR_TAG) || tag_is(e, "!"))
		return json_stringn(text.p, text.len);
	return NULL;
}

/* A key is a string in JSON: `on: x` has the key "true", as with kubectl. */
static int put_key(struct builder *b, const yaml_event_t *e, const json_t *value, size_t line)
{
	struct level *top = &b->levels[b->depth - 1];
	bool is_bool = json_is_boolean(value);
	struct nt_slice text = nt_slice_mem(e->data.scalar.value, e->data.scalar.length);

	if (json_is_null(value))
		return problem_at(b, line, "a key is missing");
	if (memchr(text.p, '\0', text.len))
		return problem_at(b, line, "a key holds a NUL");
	if (json_is_string(value) && nt_slice_eq(text, NT_SLICE_LIT("<<")) &&
	    e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		return problem_at(b, line, "merge keys (<<) are not read: write the values out");
	nt_buf_reset(&top->key);
	if (is_bool)
		nt_buf_puts(&top->key, json_is_true(value) ? "true" : "false");
	else if (json_is_integer(value))
		nt_buf_i64(&top->key, json_integer_value(value));
	else
		nt_buf_slice(&top->key, text);
	if (!nt_buf_ok(&top->key))
		return -ENOMEM;
	if (json_object_getn(top->borrowed, nt_buf_str(&top->key), top->key.len)) {
		b->problem->line = line;
		snprintf(b->problem->msg, sizeof(b->problem->msg),
			 "the key \"%.150s\" is there twice", nt_buf_str(&top->key));
		return -EBADMSG;
	}
	top->have_key = true;
	return 0;
}

static int take_scalar(struct builder *b, const yaml_event_t *e, size_t line)
{
	json_t *value = scalar_value(e);
	int r;

	if (!value)
		return problem_at(b, line,
				  e->data.scalar.tag ? "this tag is not read: write the value out"
						     : "no JSON value: put it in quotes");
	if (!wants_key(b))
		return put(b, value, line);
	r = put_key(b, e, value, line);
	json_decref(value);
	return r;
}

/* Hands the document out; an empty one (only comments) is none. */
static void end_document(struct builder *b)
{
	if (b->root && !json_is_null(b->root))
		b->fn(b->ctx, b->root, b->root_line);
	else
		json_decref(b->root);
	b->root = NULL;
}

static int take_event(struct builder *b, const yaml_event_t *e)
{
	size_t line = e->start_mark.line + 1;
	int r;

	switch (e->type) {
	case YAML_SCALAR_EVENT:
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		r = count_node(b, line);
		if (r < 0)
			return r;
		if (e->type == YAML_SCALAR_EVENT)
			return take_scalar(b, e, line);
		return open_container(
			b, e->type == YAML_MAPPING_START_EVENT ? json_object() : json_array(),
			line);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		b->depth--;
		return 0;
	case YAML_ALIAS_EVENT:
		return problem_at(b, line, "aliases (*name) are not read: write the value out");
	case YAML_DOCUMENT_END_EVENT:
		end_document(b);
		return 0;
	default:
		return 0;
	}
}

static int parse_events(struct builder *b, yaml_parser_t *parser)
{
	for (;;) {
		yaml_event_t e;
		bool end;
		int r;

		if (!yaml_parser_parse(parser, &e)) {
			if (parser->error == YAML_MEMORY_ERROR)
				return -ENOMEM;
			return problem_at(b, parser->problem_mark.line + 1,
					  parser->problem ? parser->problem : "no YAML");
		}
		end = e.type == YAML_STREAM_END_EVENT;
		r = take_event(b, &e);
		yaml_event_delete(&e);
		if (r < 0 || end)
			return r;
	}
}

int nt_yaml_parse(struct nt_slice text, nt_yaml_document_fn *fn, void *ctx,
		  struct nt_yaml_problem *ret_problem)
{
	struct builder b = { .fn = fn, .ctx = ctx, .problem = ret_problem };
	yaml_parser_t parser;
	int r;

	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&parser, (const unsigned char *)(text.len ? text.p : ""),
				     text.len);
	r = parse_events(&b, &parser);
	yaml_parser_delete(&parser);
	json_decref(b.root);
	for (size_t i = 0; i < NT_YAML_DEPTH_MAX; i++)
		nt_buf_done(&b.levels[i].key);
	return r;
}

static bool too_deep(json_t *v, int levels_left)
{
	if (!json_is_array(v) && !json_is_object(v))
		return false;
	if (levels_left == 0)
		return true;
	for (size_t i = 0; i < json_array_size(v); i++)
		if (too_deep(json_array_get(v, i), levels_left - 1))
			return true;
	for (void *i = json_object_iter(v); i; i = json_object_iter_next(v, i))
		if (too_deep(json_object_iter_value(i), levels_left - 1))
			return true;
	return false;
}

/* Never fewer than the text has values, so that jansson is not asked for more than the bound. */
static size_t values_at_most(struct nt_slice text)
{
	size_t n = 1;

	for (size_t i = 0; i < text.len; i++)
		n += text.p[i] == ',' || text.p[i] == ':' || text.p[i] == '[' || text.p[i] == '{';
	return n;
}

int nt_yaml_parse_json(struct nt_slice text, nt_yaml_document_fn *fn, void *ctx,
		       struct nt_yaml_problem *ret_problem)
{
	struct builder b = { .problem = ret_problem };
	json_error_t e;
	json_t *root;

	if (values_at_most(text) > NT_YAML_NODES_MAX)
		return problem_at(&b, 1, "too many values");
	root = json_loadb(text.len ? text.p : "", text.len, JSON_REJECT_DUPLICATES, &e);
	if (!root)
		return problem_at(&b, e.line > 0 ? (size_t)e.line : 1, e.text);
	if (too_deep(root, NT_YAML_DEPTH_MAX)) {
		json_decref(root);
		return problem_at(&b, 1, "nested too deep");
	}
	fn(ctx, root, 1);
	return 0;
}
