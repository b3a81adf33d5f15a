/* SPDX-License-Identifier: Apache-2.0 */
/* What a rule says about a group. */
#include "controller/alerts/text.h"

#include <jansson.h>

#include "lib/base/cleanup.h"
#include "lib/base/escape.h"

/* Octets in the filter. A value that takes more (few names do) is asked for by its beginning. */
enum { VALUE_MAX = 1024 };

bool nt_text_placeholder(struct nt_slice text, size_t *at, struct nt_slice *ret_before,
			 struct nt_slice *ret_name, bool *ret_open)
{
	const char *from, *open, *close;
	size_t len = text.len - *at;

	*ret_open = false;
	if (!len)
		return false;
	from = text.p + *at;
	open = memmem(from, len, "${", 2);
	if (!open)
		return false;
	close = memchr(open, '}', len - (size_t)(open - from));
	if (!close) {
		*ret_open = true;
		return false;
	}
	*ret_before = nt_slice_mem(from, (size_t)(open - from));
	*ret_name = nt_slice_mem(open + 2, (size_t)(close - open) - 2);
	*at += (size_t)(close + 1 - from);
	return true;
}

static void put_named(const struct nt_rule *r, struct nt_slice name, const struct nt_slice *values,
		      double value, struct nt_buf *out)
{
	for (size_t i = 0; i < r->keys_len; i++) {
		if (!nt_slice_caseeq(r->keys[i].name, name))
			continue;
		nt_buf_slice(out, values[i].len ? values[i] : NT_SLICE_LIT("(none)"));
		return;
	}
	nt_buf_double(out, value);
}

void nt_text_summary(const struct nt_rule *r, const struct nt_slice *values, double value,
		     struct nt_buf *out)
{
	struct nt_slice text = r->summary.len	    ? r->summary
			       : r->description.len ? r->description
						    : r->name;
	struct nt_slice before, name;
	size_t at = 0;
	bool open;

	while (nt_text_placeholder(text, &at, &before, &name, &open)) {
		nt_buf_slice(out, before);
		put_named(r, name, values, value, out);
	}
	nt_buf_slice(out, nt_slice_mem(text.p + at, text.len - at));
}

void nt_text_group(const struct nt_rule *r, const struct nt_slice *values, struct nt_buf *out)
{
	nt_buf_putc(out, '{');
	for (size_t i = 0; i < r->keys_len; i++) {
		if (i)
			nt_buf_putc(out, ',');
		nt_escape_json_string(out, r->keys[i].name);
		nt_buf_putc(out, ':');
		nt_escape_json_string(out, values[i]);
	}
	nt_buf_putc(out, '}');
}

void nt_text_labels(const struct nt_rule *r, struct nt_buf *out)
{
	for (size_t i = 0; i < r->labels_len; i++) {
		nt_buf_putc(out, i ? ',' : '{');
		nt_escape_json_string(out, r->labels[i].key);
		nt_buf_putc(out, ':');
		nt_escape_json_string(out, r->labels[i].value);
	}
	nt_buf_puts(out, r->labels_len ? "}" : "");
}

void nt_text_notify(const struct nt_rule *r, struct nt_buf *out)
{
	for (size_t i = 0; i < r->notify_len; i++) {
		nt_buf_putc(out, ',');
		nt_buf_slice(out, r->notify[i]);
	}
	nt_buf_puts(out, r->notify_len ? "," : "");
}

bool nt_text_group_parse(const struct nt_rule *r, struct nt_slice json, struct nt_arena *arena,
			 struct nt_slice *ret_values)
{
	json_auto_t *group = json_loadb(json.len ? json.p : "", json.len, 0, NULL);

	if (!json_is_object(group) || json_object_size(group) != r->keys_len)
		return false;
	for (size_t i = 0; i < r->keys_len; i++) {
		const json_t *v = json_object_getn(group, r->keys[i].name.p, r->keys[i].name.len);

		if (!json_is_string(v))
			return false;
		ret_values[i] = nt_arena_copy(arena, nt_slice_mem(json_string_value(v),
								  json_string_length(v)));
		if (!ret_values[i].p)
			return false;
	}
	return true;
}

static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

/* What a quoted value may not hold: control characters and, in names, a final dot. In a set, ?
 * stands for such a character and * for a rest that is too long: that asks for a little more, never
 * for less. */
static bool needs_pattern(struct nt_slice s)
{
	/* Each octet may be a quote, which is doubled. */
	if (s.len >= VALUE_MAX / 2 || (s.len > 1 && s.p[s.len - 1] == '.'))
		return true;
	for (size_t i = 0; i < s.len; i++)
		if (is_control(s.p[i]))
			return true;
	return false;
}

static void put_quoted(struct nt_slice s, bool pattern, struct nt_buf *out)
{
	size_t i = 0, end = out->len + VALUE_MAX;

	nt_buf_putc(out, '"');
	while (i < s.len && out->len < end && nt_buf_ok(out)) {
		bool last_dot = pattern && i + 1 == s.len && s.p[i] == '.';
		size_t n = nt_utf8_len(nt_slice_mem(s.p + i, s.len - i));

		n = n ? n : 1;
		if (is_control(s.p[i]) || last_dot)
			nt_buf_putc(out, '?');
		else
			nt_buf_add(out, s.p + i, n);
		if (s.p[i] == '"')
			nt_buf_putc(out, '"');
		i += n;
	}
	nt_buf_puts(out, i < s.len ? "*\"" : "\"");
}

void nt_text_filter(const struct nt_rule *r, const struct nt_slice *values, struct nt_buf *out)
{
	if (r->filter_text.len && r->keys_len)
		nt_buf_printf(out, "(%.*s)", NT_SLICE_ARG(r->filter_text));
	else
		nt_buf_slice(out, r->filter_text);
	for (size_t i = 0; i < r->keys_len; i++) {
		bool pattern = needs_pattern(values[i]);

		nt_buf_puts(out, i || r->filter_text.len ? " AND " : "");
		nt_buf_slice(out, r->keys[i].name);
		if (!values[i].len) {
			nt_buf_puts(out, " EMPTY");
			continue;
		}
		nt_buf_puts(out, pattern ? " IN {" : " = ");
		put_quoted(values[i], pattern, out);
		nt_buf_puts(out, pattern ? "}" : "");
	}
}
