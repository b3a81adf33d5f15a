/* SPDX-License-Identifier: Apache-2.0 */
/* Search domains of a resolv.conf. */
#include "dataplane/agent/resolvconf.h"

#include <fcntl.h>

#include "lib/base/file.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Cuts the next word off; empty at the end. */
static struct nt_slice next_word(struct nt_slice *text)
{
	size_t from = 0, to;

	while (from < text->len && is_blank(text->p[from]))
		from++;
	to = from;
	while (to < text->len && !is_blank(text->p[to]))
		to++;
	struct nt_slice word = nt_slice_mem(text->p + from, to - from);

	*text = nt_slice_mem(text->p + to, text->len - to);
	return word;
}

void nt_searches_parse(struct nt_slice text, struct nt_searches *ret_searches)
{
	struct nt_slice word;

	ret_searches->len = 0;
	while (ret_searches->len < NT_RESOLVCONF_SEARCHES && (word = next_word(&text)).len)
		if (nt_name_parse(word, &ret_searches->names[ret_searches->len]) == 0)
			ret_searches->len++;
}

bool nt_searches_has(const struct nt_searches *s, const struct nt_name *name)
{
	for (size_t i = 0; i < s->len; i++)
		if (nt_name_eq(&s->names[i], name))
			return true;
	return false;
}

static void take_line(struct nt_slice line, struct nt_searches *s)
{
	struct nt_slice word = next_word(&line);

	if (nt_slice_eq(word, NT_SLICE_LIT("search")) || nt_slice_eq(word, NT_SLICE_LIT("domain")))
		nt_searches_parse(line, s);
}

int nt_resolvconf_read(const char *path, struct nt_searches *ret_searches, struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	int r;

	ret_searches->len = 0;
	r = nt_file_read_at(AT_FDCWD, path, NT_RESOLVCONF_BYTES, &text, err);
	for (size_t at = 0; r == 0 && at < text.len;) {
		const char *end = memchr(text.p + at, '\n', text.len - at);
		size_t len = end ? (size_t)(end - text.p) - at : text.len - at;

		take_line(nt_slice_mem(text.p + at, len), ret_searches);
		at += len + 1;
	}
	return r;
}
