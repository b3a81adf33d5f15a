/* SPDX-License-Identifier: Apache-2.0 */
/* JSON as spans of its text. */
#include "dataplane/installer/jsonspan.h"

struct nt_jsonspan nt_jsonspan_init(struct nt_slice text)
{
	const char *p = text.p ? text.p : "";

	return (struct nt_jsonspan){ .p = p, .end = p + text.len };
}

static bool fail(struct nt_jsonspan *s, const char *what)
{
	if (!s->error) {
		s->error = what;
		s->error_at = s->p;
	}
	s->p = s->end;
	return false;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void skip_space(struct nt_jsonspan *s)
{
	while (s->p < s->end && is_space(*s->p))
		s->p++;
}

/* The next octet; '\0' at the end, which is no JSON either. */
static char peek(const struct nt_jsonspan *s)
{
	return s->p < s->end ? *s->p : '\0';
}

static bool take(struct nt_jsonspan *s, char c)
{
	if (peek(s) != c || s->p == s->end)
		return false;
	s->p++;
	return true;
}

static bool scan_escape(struct nt_jsonspan *s)
{
	char c = peek(s);

	if (c == '\0' || !strchr("\"\\/bfnrtu", c))
		return fail(s, "no such escape in a string");
	s->p++;
	for (int i = 0; c == 'u' && i < 4; i++, s->p++) {
		if (hex_value(peek(s)) < 0)
			return fail(s, "\\u is not followed by four hexadecimal digits");
	}
	return true;
}

/* At the opening quote. */
static bool scan_string(struct nt_jsonspan *s)
{
	for (s->p++; s->p < s->end; s->p++) {
		unsigned char c = (unsigned char)*s->p;

		if (c == '"') {
			s->p++;
			return true;
		}
		if (c < 0x20)
			return fail(s, "a control character in a string");
		if (c != '\\')
			continue;
		s->p++;
		if (!scan_escape(s))
			return false;
		s->p--;
	}
	return fail(s, "the text ends inside of a string");
}

static bool scan_digits(struct nt_jsonspan *s)
{
	if (!is_digit(peek(s)))
		return fail(s, "a number without a digit");
	while (is_digit(peek(s)))
		s->p++;
	return true;
}

static bool scan_number(struct nt_jsonspan *s)
{
	(void)take(s, '-');
	if (!take(s, '0') && !scan_digits(s))
		return false;
	if (take(s, '.') && !scan_digits(s))
		return false;
	if (!take(s, 'e') && !take(s, 'E'))
		return true;
	if (!take(s, '+'))
		(void)take(s, '-');
	return scan_digits(s);
}

static bool scan_word(struct nt_jsonspan *s)
{
	static const struct nt_slice words[] = { NT_SLICE_LIT("true"), NT_SLICE_LIT("false"),
						 NT_SLICE_LIT("null") };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if ((size_t)(s->end - s->p) >= words[i].len &&
		    memcmp(s->p, words[i].p, words[i].len) == 0) {
			s->p += words[i].len;
			return true;
		}
	}
	return fail(s, s->p < s->end ? "no value" : "the text ends where a value should be");
}

static bool scan_value(struct nt_jsonspan *s, unsigned depth);

static bool scan_key(struct nt_jsonspan *s)
{
	skip_space(s);
	if (peek(s) != '"')
		return fail(s, s->p < s->end ? "no key in quotes" : "the text ends in an object");
	if (!scan_string(s))
		return false;
	skip_space(s);
	return take(s, ':') || fail(s, "no colon behind a key");
}

/* At the opening bracket. */
static bool scan_container(struct nt_jsonspan *s, unsigned depth)
{
	bool is_object = *s->p++ == '{';
	char close = is_object ? '}' : ']';

	if (depth >= NT_JSONSPAN_DEPTH_MAX)
		return fail(s, "nested too deep");
	skip_space(s);
	if (take(s, close))
		return true;
	for (;;) {
		if ((is_object && !scan_key(s)) || !scan_value(s, depth + 1))
			return false;
		skip_space(s);
		if (take(s, close))
			return true;
		if (!take(s, ','))
			return fail(s, s->p < s->end ? "no comma between values"
						     : "the text ends inside of brackets");
	}
}

static bool scan_value(struct nt_jsonspan *s, unsigned depth)
{
	char c;

	skip_space(s);
	c = peek(s);
	if (c == '"')
		return scan_string(s);
	if (c == '{' || c == '[')
		return scan_container(s, depth);
	return c == '-' || is_digit(c) ? scan_number(s) : scan_word(s);
}

struct nt_slice nt_jsonspan_value(struct nt_jsonspan *s)
{
	const char *start;

	skip_space(s);
	start = s->p;
	if (s->error || !scan_value(s, 0))
		return (struct nt_slice){ NULL, 0 };
	return nt_slice_mem(start, (size_t)(s->p - start));
}

bool nt_jsonspan_end(struct nt_jsonspan *s)
{
	if (s->error)
		return false;
	skip_space(s);
	return s->p == s->end || fail(s, "something behind the value");
}

unsigned nt_jsonspan_line(const struct nt_jsonspan *s, struct nt_slice text)
{
	unsigned line = 1;

	for (const char *p = text.p; p && p < s->error_at && p < text.p + text.len; p++)
		line += *p == '\n';
	return line;
}

struct nt_jsonspan nt_jsonspan_open(struct nt_slice container)
{
	return nt_jsonspan_init(nt_slice_mem(container.p + 1, container.len - 1));
}

bool nt_jsonspan_next(struct nt_jsonspan *s, struct nt_slice *ret_key, struct nt_slice *ret_value)
{
	struct nt_slice key = { NULL, 0 }, value;

	skip_space(s);
	(void)take(s, ',');
	skip_space(s);
	if (peek(s) == ']' || peek(s) == '}')
		return false;
	value = nt_jsonspan_value(s);
	skip_space(s);
	if (take(s, ':')) {
		key = value;
		value = nt_jsonspan_value(s);
	}
	*ret_key = key;
	*ret_value = value;
	return value.p != NULL;
}

struct nt_slice nt_jsonspan_find(struct nt_slice object, const char *key)
{
	struct nt_slice name, value, found = { NULL, 0 };
	struct nt_jsonspan s;

	if (object.len == 0 || object.p[0] != '{')
		return found;
	s = nt_jsonspan_open(object);
	while (nt_jsonspan_next(&s, &name, &value)) {
		if (nt_jsonspan_is(name, key))
			found = value;
	}
	return found;
}

/* --- strings --- */

struct out {
	char *p;
	size_t len, size;
	bool bad;
};

static void put(struct out *o, unsigned char c)
{
	if (o->len + 1 >= o->size || c == '\0')
		o->bad = true;
	else
		o->p[o->len++] = (char)c;
}

static void put_utf8(struct out *o, uint32_t c)
{
	if (c < 0x80) {
		put(o, (unsigned char)c);
		return;
	}
	if (c < 0x800) {
		put(o, (unsigned char)(0xc0 | c >> 6));
	} else {
		if (c < 0x10000) {
			put(o, (unsigned char)(0xe0 | c >> 12));
		} else {
			put(o, (unsigned char)(0xf0 | c >> 18));
			put(o, (unsigned char)(0x80 | (c >> 12 & 0x3f)));
		}
		put(o, (unsigned char)(0x80 | (c >> 6 & 0x3f)));
	}
	put(o, (unsigned char)(0x80 | (c & 0x3f)));
}

/* Behind `\u`, four digits that were checked. */
static uint32_t take_unit(const char **p)
{
	uint32_t v = 0;

	for (int i = 0; i < 4; i++)
		v = v << 4 | (uint32_t)hex_value(*(*p)++);
	return v;
}

static const char *put_escape(struct out *o, const char *p, const char *end)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	uint32_t c, low;

	if (*p != 'u') {
		put(o, (unsigned char)to[strchr(from, *p) - from]);
		return p + 1;
	}
	p++;
	c = take_unit(&p);
	if (c >= 0xd800 && c < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
		const char *next = p + 2;

		low = take_unit(&next);
		if (low >= 0xdc00 && low < 0xe000) {
			put_utf8(o, 0x10000 + ((c - 0xd800) << 10 | (low - 0xdc00)));
			return next;
		}
	}
	put_utf8(o, c >= 0xd800 && c < 0xe000 ? 0xfffd : c);
	return p;
}

bool nt_jsonspan_text(struct nt_slice value, char *ret_text, size_t size)
{
	struct out o = { .p = ret_text, .size = size };
	const char *p, *end;

	if (value.len < 2 || value.p[0] != '"')
		return false;
	end = value.p + value.len - 1;
	for (p = value.p + 1; p < end && !o.bad;) {
		if (*p == '\\')
			p = put_escape(&o, p + 1, end);
		else
			put(&o, (unsigned char)*p++);
	}
	ret_text[o.bad ? 0 : o.len] = '\0';
	return !o.bad;
}

bool nt_jsonspan_is(struct nt_slice value, const char *text)
{
	char decoded[64];

	return nt_jsonspan_text(value, decoded, sizeof(decoded)) && strcmp(decoded, text) == 0;
}
