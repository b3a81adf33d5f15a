/* SPDX-License-Identifier: Apache-2.0 */
/* A name a line, and the lines of hosts files. */
#include <string.h>

#include "lib/base/addr.h"
#include "lib/feed/inside.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct nt_slice without_comment(struct nt_slice s)
{
	if (nt_slice_begins(s, ";") || nt_slice_begins(s, "!") || nt_slice_begins(s, "//"))
		return nt_slice_mem(s.p, 0);
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] == '#' && (!i || is_blank(s.p[i - 1])))
			return nt_slice_trim(nt_slice_mem(s.p, i));
	return s;
}

static struct nt_slice next_word(struct nt_slice *rest)
{
	size_t len = 0;
	struct nt_slice word;

	*rest = nt_slice_trim(*rest);
	while (len < rest->len && !is_blank(rest->p[len]))
		len++;
	word = nt_slice_mem(rest->p, len);
	*rest = nt_slice_mem(rest->p + len, rest->len - len);
	return word;
}

static bool is_own_name(struct nt_slice word)
{
	struct nt_addr addr;

	return !memchr(word.p, '.', word.len) || nt_addr_parse(word, &addr) == 0;
}

static int take_hosts(struct nt_feed_list *l, struct nt_slice rest, struct nt_err *err)
{
	for (;;) {
		struct nt_slice word = next_word(&rest);

		if (!word.len)
			return 0;
		if (is_own_name(word))
			l->report.own_names++;
		else if (nt_feed_take(l, l->line, word, err) < 0)
			return -err->code;
	}
}

static int take_line(struct nt_feed_list *l, struct nt_err *err)
{
	struct nt_slice line =
		without_comment(nt_slice_trim(nt_slice_mem(nt_buf_str(&l->text), l->text.len)));
	struct nt_slice rest = line, first = next_word(&rest);
	struct nt_addr addr;

	if (!nt_buf_ok(&l->text)) {
		nt_feed_refuse(l, l->line, NT_FEED_FAULT_LENGTH, "a line of more than %d octets",
			       NT_FEED_TEXT_MAX);
		return 0;
	}
	if (!line.len)
		return 0;
	if (rest.len && nt_addr_parse(first, &addr) == 0)
		return take_hosts(l, rest, err);
	return nt_feed_take(l, l->line, line, err);
}

int nt_feed_lines_push(struct nt_feed_list *l, struct nt_slice s, struct nt_err *err)
{
	while (s.len) {
		const char *end = memchr(s.p, '\n', s.len);
		size_t len = end ? (size_t)(end - s.p) : s.len;

		nt_buf_add(&l->text, s.p, len);
		if (!end)
			return 0;
		if (take_line(l, err) < 0)
			return -err->code;
		nt_buf_reset(&l->text);
		l->line++;
		s = nt_slice_mem(end + 1, s.len - len - 1);
	}
	return 0;
}

int nt_feed_lines_end(struct nt_feed_list *l, struct nt_err *err)
{
	return take_line(l, err);
}
