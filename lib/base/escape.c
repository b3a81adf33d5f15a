/* SPDX-License-Identifier: Apache-2.0 */
/* One escape function per sink. */
#include "lib/base/escape.h"

size_t nt_utf8_len(struct nt_slice s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	size_t need;
	unsigned min_second = 0x80, max_second = 0xbf;

	if (!s.len)
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		need = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		need = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		need = 4;
	else
		return 0;
	if (s.len < need)
		return 0;
	if (p[0] == 0xe0)
		min_second = 0xa0; /* no overlong form */
	else if (p[0] == 0xed)
		max_second = 0x9f; /* no surrogates */
	else if (p[0] == 0xf0)
		min_second = 0x90;
	else if (p[0] == 0xf4)
		max_second = 0x8f; /* nothing above U+10FFFF */
	if (p[1] < min_second || p[1] > max_second)
		return 0;
	for (size_t i = 2; i < need; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return need;
}

static void put_code(struct nt_buf *out, const char *lead, unsigned char c, unsigned digits)
{
	nt_buf_puts(out, lead);
	nt_buf_hex(out, c, digits);
}

static size_t escape_json_one(struct nt_buf *out, struct nt_slice rest)
{
	unsigned char c = (unsigned char)rest.p[0];
	size_t n;

	switch (c) {
	case '"':
		nt_buf_puts(out, "\\\"");
		return 1;
	case '\\':
		nt_buf_puts(out, "\\\\");
		return 1;
	case '\n':
		nt_buf_puts(out, "\\n");
		return 1;
	case '\t':
		nt_buf_puts(out, "\\t");
		return 1;
	case '\r':
		nt_buf_puts(out, "\\r");
		return 1;
	default:
		n = c < 0x20 || c == 0x7f ? 0 : nt_utf8_len(rest);
		if (n)
			nt_buf_add(out, rest.p, n);
		else
			put_code(out, "\\u", c, 4);
		return n ? n : 1;
	}
}

static bool json_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

void nt_escape_json(struct nt_buf *out, struct nt_slice s)
{
	size_t i = 0;

	while (i < s.len) {
		size_t run = i;

		while (run < s.len && json_plain((unsigned char)s.p[run]))
			run++;
		nt_buf_add(out, s.p + i, run - i);
		i = run;
		if (i < s.len)
			i += escape_json_one(out, nt_slice_mem(s.p + i, s.len - i));
	}
}

void nt_escape_json_string(struct nt_buf *out, struct nt_slice s)
{
	nt_buf_putc(out, '"');
	nt_escape_json(out, s);
	nt_buf_putc(out, '"');
}

void nt_escape_terminal(struct nt_buf *out, struct nt_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == '\n')
			nt_buf_puts(out, "\\n");
		else if (c == '\t')
			nt_buf_puts(out, "\\t");
		else if (c < 0x20 || c >= 0x7f || c == '\\')
			put_code(out, "\\x", c, 2);
		else
			nt_buf_putc(out, (char)c);
	}
}

void nt_escape_csv(struct nt_buf *out, struct nt_slice s)
{
	nt_buf_putc(out, '"');
	if (s.len && strchr("=+-@\t\r", s.p[0]) && s.p[0])
		nt_buf_putc(out, '\'');
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '"')
			nt_buf_putc(out, '"');
		nt_buf_putc(out, s.p[i]);
	}
	nt_buf_putc(out, '"');
}

void nt_escape_prometheus(struct nt_buf *out, struct nt_slice s)
{
	size_t i = 0;

	while (i < s.len) {
		size_t n = nt_utf8_len(nt_slice_mem(s.p + i, s.len - i));

		if (!n)
			nt_buf_puts(out, "\xef\xbf\xbd");
		else if (s.p[i] == '\\' || s.p[i] == '"')
			nt_buf_printf(out, "\\%c", s.p[i]);
		else if (s.p[i] == '\n')
			nt_buf_puts(out, "\\n");
		else
			nt_buf_add(out, s.p + i, n);
		i += n ? n : 1;
	}
}

static bool is_control(unsigned char c)
{
	return c < 0x20 || c == 0x7f;
}

void nt_escape_slack(struct nt_buf *out, struct nt_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '&')
			nt_buf_puts(out, "&amp;");
		else if (s.p[i] == '<')
			nt_buf_puts(out, "&lt;");
		else if (s.p[i] == '>')
			nt_buf_puts(out, "&gt;");
		else
			nt_buf_putc(out, is_control((unsigned char)s.p[i]) ? ' ' : s.p[i]);
	}
}

static bool jira_plain(unsigned char c)
{
	return c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || (c && strchr(" .,", c));
}

void nt_escape_jira(struct nt_buf *out, struct nt_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (is_control(c))
			nt_buf_putc(out, ' ');
		else if (jira_plain(c))
			nt_buf_putc(out, (char)c);
		else
			nt_buf_printf(out, "&#%u;", c);
	}
}

void nt_escape_ascii(char *s)
{
	for (; *s; s++)
		if (*s < ' ' || *s > '~')
			*s = '?';
}
