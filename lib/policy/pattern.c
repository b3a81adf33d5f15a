/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of lists of names: what has one reading is taken, the rest gets its reason. */
#include "lib/policy/pattern.h"

#include <idn2.h>
#include <stdio.h>

#include "lib/base/addr.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/escape.h"

enum {
	LABEL_MAX = 63,
	/* `*.` needs room for one octet and its length below the name. */
	WILDCARD_WIRE_MAX = NT_NAME_WIRE_MAX - 2,
	/* In UTF-8 an octet of a name is four at the most. */
	U_TEXT_MAX = 4 * NT_NAME_WIRE_MAX,
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_plain(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
	       c == '_';
}

static bool has(struct nt_slice s, const char *what)
{
	return s.len && memmem(s.p, s.len, what, strlen(what));
}

static struct nt_slice behind(struct nt_slice s, size_t n)
{
	return nt_slice_mem(s.p + n, s.len - n);
}

__attribute__((format(printf, 3, 4))) static int refuse(char msg[NT_PATTERN_MSG_MAX],
							struct nt_slice text, const char *fmt, ...)
{
	int len =
		snprintf(msg, NT_PATTERN_MSG_MAX, "\"%.*s%s\" ", text.len > 80 ? 77 : (int)text.len,
			 text.len ? text.p : "", text.len > 80 ? "..." : "");
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg + len, NT_PATTERN_MSG_MAX - (size_t)len, fmt, ap);
	va_end(ap);
	nt_escape_ascii(msg);
	return -EINVAL;
}

static bool is_address(struct nt_slice text)
{
	const char *slash = text.len ? memchr(text.p, '/', text.len) : NULL;
	struct nt_addr addr;

	if (slash)
		text.len = (size_t)(slash - text.p);
	return nt_addr_parse(text, &addr) == 0;
}

/* What is no name at all, but something that people have at hand. */
static int check_kind(struct nt_slice text, char *msg)
{
	if (!text.len)
		return refuse(msg, text, "is empty: write a name, or take the entry out");
	if (is_address(text))
		return refuse(msg, text, "is an address: write the names that are asked");
	if (has(text, "://"))
		return refuse(msg, text, "is a URL: write its host name only");
	if (has(text, "@"))
		return refuse(msg, text, "is a mail address: write what is behind the @");
	if (has(text, ",") || has(text, ";") || has(text, "|"))
		return refuse(msg, text, "is more than one name: write one per entry");
	if (has(text, ":"))
		return refuse(msg, text, "holds ':': write the name without a port");
	return 0;
}

/* `\DDD`, as the log prints octets; other escapes differ from tool to tool. */
static bool is_escape(struct nt_slice s)
{
	int value = 0;

	if (s.len < 4)
		return false;
	for (int i = 1; i <= 3; i++) {
		if (!is_digit(s.p[i]))
			return false;
		value = value * 10 + s.p[i] - '0';
	}
	return value <= 255;
}

static int check_octets(struct nt_slice text, char *msg)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (is_plain((char)c) || c == '.' || c == '*')
			continue;
		if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
			return refuse(msg, text, "holds a blank: take it out");
		if (c < ' ' || c == 0x7f)
			return refuse(msg, text, "holds a control character: take it out");
		if (c != '\\')
			return refuse(msg, text,
				      "holds '%c', which host names do not: take it out, or "
				      "write \\%03d when the name really has it",
				      c, c);
		if (!is_escape(behind(text, i)))
			return refuse(msg, text,
				      "has a backslash without three digits up to 255 behind it");
		i += 3;
	}
	return 0;
}

/* rest: behind `*.`, or the whole entry. */
static int check_star(struct nt_slice text, struct nt_slice rest, char *msg)
{
	const char *star = memchr(rest.p, '*', rest.len), *end = rest.p + rest.len;

	if (!star)
		return 0;
	if (nt_slice_begins(text, "**."))
		return refuse(msg, text, "begins with two stars: `*.` takes any number of labels");
	if ((star > rest.p && star[-1] != '.') || (star + 1 < end && star[1] != '.'))
		return refuse(msg, text,
			      "has '*' as a part of a label, but it stands for whole labels, as in "
			      "*.example.com");
	return refuse(msg, text,
		      "has '*' behind its first label: only *.NAME is known, for all names below "
		      "NAME");
}

static int check_dots(struct nt_slice text, struct nt_slice rest, char *msg)
{
	if (!rest.len && rest.p == text.p)
		return refuse(msg, text, "is the root: write the names that are asked");
	if (!rest.len || nt_slice_ends(rest, NT_SLICE_LIT(".")))
		return refuse(msg, text, "ends in two dots: write one, or none");
	if (has(rest, ".."))
		return refuse(msg, text, "has two dots in a row: a label is missing between them");
	if (rest.p[0] != '.')
		return 0;
	if (rest.p != text.p)
		return refuse(msg, text, "has two dots behind '*': write one");
	return refuse(msg, text,
		      "begins with a dot: write *%.*s for the names below, and %.*s for "
		      "the name itself",
		      rest.len < 40 ? (int)rest.len : 0, rest.p,
		      rest.len < 40 ? (int)rest.len - 1 : 0, rest.p + 1);
}

/* Octets between the dots, and whether they are digits only. */
static int check_labels(struct nt_slice text, struct nt_slice rest, bool wildcard, char *msg)
{
	size_t label = 0, wire = 1;
	bool digits = true;

	for (size_t i = 0; i < rest.len; i++) {
		if (rest.p[i] == '.') {
			wire += label + 1;
			label = 0;
			digits = true;
			continue;
		}
		digits = digits && is_digit(rest.p[i]);
		if (rest.p[i] == '\\')
			i += 3;
		if (++label > LABEL_MAX)
			return refuse(msg, text, "has a label of more than %d octets", LABEL_MAX);
	}
	wire += label + 1;
	if (wire > NT_NAME_WIRE_MAX)
		return refuse(msg, text, "is %zu octets long, and names end at %d", wire,
			      NT_NAME_WIRE_MAX);
	if (wildcard && wire > WILDCARD_WIRE_MAX)
		return refuse(msg, text, "is so long that no name can be below it");
	if (digits)
		return refuse(msg, text, "ends in a number, as addresses do and names do not");
	return 0;
}

static int check(struct nt_slice text, struct nt_slice *ret_rest, bool *ret_wildcard, char *msg)
{
	struct nt_slice rest = text;
	int r = check_kind(text, msg);

	if (!r)
		r = check_octets(text, msg);
	if (r < 0)
		return r;
	if (nt_slice_eq(text, NT_SLICE_LIT("*")) || nt_slice_eq(text, NT_SLICE_LIT("*.")))
		return refuse(msg, text,
			      "would allow every name: without a policy every name is allowed, "
			      "with `mode: Audit` none is denied");
	if (nt_slice_ends(rest, NT_SLICE_LIT(".")))
		rest.len--;
	*ret_wildcard = nt_slice_begins(rest, "*.");
	if (*ret_wildcard)
		rest = behind(rest, 2);
	*ret_rest = rest;
	r = check_dots(text, rest, msg);
	if (!r)
		r = check_star(text, rest, msg);
	return r < 0 ? r : check_labels(text, rest, *ret_wildcard, msg);
}

static int parse_ascii(struct nt_slice text, struct nt_pattern *ret_pattern,
		       char msg[NT_PATTERN_MSG_MAX])
{
	struct nt_pattern p = { 0 };
	struct nt_slice rest;
	int r = check(text, &rest, &p.wildcard, msg);

	if (r < 0)
		return r;
	if (nt_name_parse(rest, &p.name) < 0)
		return refuse(msg, text, "is no domain name");
	*ret_pattern = p;
	return 0;
}

/* --- U-labels --- */

static bool is_ascii(struct nt_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	return true;
}

/* An A-label, or the label as it was written. Whatever is mapped to a dot or a star is none. */
static bool is_one_label(const char *label)
{
	for (; *label; label++)
		if (!is_plain(*label))
			return false;
	return true;
}

/* One label to its A-label (IDNA2008 with the mapping of UTS 46, as browsers have it), behind what
 * is in out. */
static int add_a_label(struct nt_slice text, struct nt_slice label, struct nt_buf *out, char *msg)
{
	_cleanup_buf_ struct nt_buf u = { 0 };
	char *a = NULL;
	int r;

	nt_buf_add(&u, label.p, label.len);
	if (!nt_buf_str(&u))
		return refuse(msg, text, "found no memory");
	r = idn2_to_ascii_8z(nt_buf_str(&u), &a, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (r == IDN2_OK && is_one_label(a))
		nt_buf_add(out, a, strlen(a));
	else
		r = refuse(msg, text, "has a label without an A-label form (%s): correct it",
			   r == IDN2_OK ? "it holds what stands for a dot or a sign"
					: idn2_strerror(r));
	idn2_free(a);
	return r;
}

/* Label by label: dots, stars and escapes are those of ASCII. */
static int to_a_labels(struct nt_slice text, struct nt_buf *out, char *msg)
{
	size_t from = 0;
	int r = 0;

	for (size_t i = 0; i <= text.len && r == 0; i++) {
		struct nt_slice label;

		if (i < text.len && text.p[i] != '.')
			continue;
		label = nt_slice_mem(text.p + from, i - from);
		if (is_ascii(label))
			nt_buf_add(out, label.p, label.len);
		else
			r = add_a_label(text, label, out, msg);
		if (i < text.len)
			nt_buf_add(out, ".", 1);
		from = i + 1;
	}
	return r == 0 && !nt_buf_ok(out) ? refuse(msg, text, "found no memory") : r;
}

int nt_pattern_parse(struct nt_slice text, struct nt_pattern *ret_pattern,
		     char ret_msg[NT_PATTERN_MSG_MAX])
{
	_cleanup_buf_ struct nt_buf ascii = { 0 };
	int r;

	if (is_ascii(text))
		return parse_ascii(text, ret_pattern, ret_msg);
	if (text.len > U_TEXT_MAX)
		return refuse(ret_msg, text, "is longer than any name");
	r = to_a_labels(text, &ascii, ret_msg);
	return r < 0 ? r : parse_ascii(nt_slice_mem(ascii.p, ascii.len), ret_pattern, ret_msg);
}

size_t nt_pattern_text(const struct nt_pattern *p, char out[NT_NAME_TEXT_MAX + 2])
{
	const struct nt_name *n = &p->name;
	size_t len = 0;

	if (p->wildcard) {
		out[len++] = '*';
		out[len++] = '.';
	}
	for (size_t at = 0; at < n->len && n->wire[at];) {
		size_t end = at + 1 + n->wire[at];

		if (at)
			out[len++] = '.';
		for (at++; at < end; at++) {
			if (is_plain((char)n->wire[at]))
				out[len++] = (char)n->wire[at];
			else
				len += (size_t)snprintf(out + len, 5, "\\%03u", n->wire[at]);
		}
	}
	out[len] = '\0';
	return len;
}

size_t nt_pattern_reverse(const struct nt_name *name, uint8_t out[NT_NAME_WIRE_MAX])
{
	uint8_t starts_at[NT_NAME_LABELS_MAX];
	size_t labels = 0, len = 0;

	for (size_t at = 0; at < name->len && name->wire[at]; at += name->wire[at] + 1u)
		starts_at[labels++] = (uint8_t)at;
	while (labels--) {
		const uint8_t *label = &name->wire[starts_at[labels]];

		memcpy(out + len, label, label[0] + 1u);
		len += label[0] + 1u;
	}
	return len;
}
