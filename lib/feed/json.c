/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of a JSON array, or values one behind the other. Only where a value ends is found here, by
 * brackets and quotes; jansson reads the value. A tree of the whole list would take a hundred times
 * the memory of what it becomes.
 */
#include <jansson.h>

#include "lib/feed/inside.h"

enum place {
	START = 0,
	BEFORE = 1, /* a value is to come, or the end of an empty array */
	VALUE = 2,
	AFTER = 3, /* behind the array */
	NEXT = 4, /* between values that stand one behind the other */
};

static bool is_blank(char octet)
{
	return octet == ' ' || octet == '\t' || octet == '\r' || octet == '\n';
}

/* The text of one value as it is in the list. */
static int take_text(struct nt_feed_list *l, const json_t *borrowed_text, struct nt_err *err)
{
	if (json_is_string(borrowed_text))
		return nt_feed_take(l, l->json.value_line,
				    nt_slice_mem(json_string_value(borrowed_text),
						 json_string_length(borrowed_text)),
				    err);
	if (l->form.field.len)
		nt_feed_refuse(l, l->json.value_line, NT_FEED_FAULT_FIELD,
			       "no object with a string \"%.*s\"", NT_SLICE_ARG(l->form.field));
	else
		nt_feed_refuse(l, l->json.value_line, NT_FEED_FAULT_FIELD,
			       "no string: name the field, if names are in objects");
	return 0;
}

static int take_value(struct nt_feed_list *l, struct nt_err *err)
{
	struct nt_slice field = l->form.field;
	json_auto_t *value = NULL;
	json_error_t e;

	if (!nt_buf_ok(&l->text)) {
		nt_feed_refuse(l, l->json.value_line, NT_FEED_FAULT_LENGTH,
			       "a value of more than %d octets", NT_FEED_TEXT_MAX);
		return 0;
	}
	errno = 0;
	value = json_loadb(nt_buf_str(&l->text), l->text.len,
			   JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &e);
	/* In its text jansson calls some of this a syntax error. */
	if (!value && errno == ENOMEM)
		return nt_err_set(err, ENOMEM, "no memory for a JSON value");
	if (!value) {
		nt_feed_refuse(l, l->json.value_line, NT_FEED_FAULT_SYNTAX, "%s", e.text);
		return 0;
	}
	return take_text(l, field.len ? json_object_getn(value, field.p, field.len) : value, err);
}

static int end_value(struct nt_feed_list *l, enum place next, struct nt_err *err)
{
	int r = take_value(l, err);

	l->json.place = next;
	nt_buf_reset(&l->text);
	return r;
}

static void begin_value(struct nt_feed_list *l)
{
	l->json.place = VALUE;
	l->json.value_line = l->line;
	l->json.depth = 0;
	l->json.string = l->json.escape = false;
}

/* Keeps the octet, and where in the value we are. */
static void keep(struct nt_feed_list *l, char octet)
{
	struct nt_feed_json *j = &l->json;

	nt_buf_putc(&l->text, octet);
	if (j->string) {
		j->string = j->escape || octet != '"';
		j->escape = !j->escape && octet == '\\';
	} else if (octet == '"') {
		j->string = true;
	} else if (octet == '{' || octet == '[') {
		j->depth++;
	} else if ((octet == '}' || octet == ']') && j->depth) {
		j->depth--;
	}
}

static int take_in_value(struct nt_feed_list *l, char octet, struct nt_err *err)
{
	struct nt_feed_json *j = &l->json;
	bool open = j->string || j->depth;

	if (j->array && !open && (octet == ',' || octet == ']'))
		return end_value(l, octet == ',' ? BEFORE : AFTER, err);
	keep(l, octet);
	if (!j->array && !j->string && !j->depth)
		return end_value(l, NEXT, err);
	return 0;
}

static int take_octet(struct nt_feed_list *l, char octet, struct nt_err *err)
{
	struct nt_feed_json *j = &l->json;

	if (j->place == VALUE)
		return take_in_value(l, octet, err);
	if (is_blank(octet))
		return 0;
	switch (j->place) {
	case START:
		j->array = octet == '[';
		if (j->array) {
			j->place = BEFORE;
			return 0;
		}
		/* fall through */
	case NEXT:
		if (octet != '{' && octet != '"')
			break;
		begin_value(l);
		return take_in_value(l, octet, err);
	case BEFORE:
		if (octet == ']') {
			j->place = AFTER;
			return 0;
		}
		begin_value(l);
		return take_in_value(l, octet, err);
	default:
		break;
	}
	return nt_err_set(err, EINVAL,
			  "line %zu: neither an array of names or objects, nor objects one behind "
			  "the other, from here on: is it JSON?",
			  l->line);
}

int nt_feed_json_push(struct nt_feed_list *l, struct nt_slice s, struct nt_err *err)
{
	for (size_t i = 0; i < s.len; i++) {
		int r = take_octet(l, s.p[i], err);

		if (r < 0)
			return r;
		l->line += s.p[i] == '\n';
	}
	return 0;
}

int nt_feed_json_end(struct nt_feed_list *l, struct nt_err *err)
{
	enum place place = l->json.place;

	if (place == AFTER || place == NEXT)
		return 0;
	return nt_err_set(err, EINVAL, "line %zu: the JSON ends in the midst: the list is cut off",
			  l->line);
}
