/* SPDX-License-Identifier: Apache-2.0 */
/* Plain YAML scalars to JSON values: go-yaml's rules, because manifests are written for kubectl. */
#include "lib/objects/scalar.h"

#include "lib/base/parse.h"

/* No number that JSON or Kubernetes can hold is longer; longer digit strings stay strings. */
enum { NUMBER_TEXT_MAX = 63 };

static bool one_of(struct nt_slice s, const char *const *words)
{
	for (; *words; words++)
		if (nt_slice_eq(s, nt_slice_str(*words)))
			return true;
	return false;
}

/* Drops the underscores that YAML 1.1 allows between digits; -1 when it is too long. */
static int without_underscores(struct nt_slice text, char out[NUMBER_TEXT_MAX + 1])
{
	int n = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.p[i] == '_')
			continue;
		if (n == NUMBER_TEXT_MAX)
			return -1;
		out[n++] = text.p[i];
	}
	out[n] = '\0';
	return n;
}

/* 0x1f, 0b11, 0o17 and 017; decimal otherwise. */
static unsigned int base_of(struct nt_slice *digits)
{
	char c = digits->len > 1 && digits->p[0] == '0' ? digits->p[1] | 0x20 : 0;
	unsigned int base = c == 'x' ? 16 : c == 'b' ? 2 : c == 'o' ? 8 : 0;
	size_t prefix = base ? 2 : 1;

	if (!base && !(digits->len > 1 && digits->p[0] == '0'))
		return 10;
	*digits = nt_slice_mem(digits->p + prefix, digits->len - prefix);
	return base ? base : 8;
}

static unsigned int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? (unsigned int)(c - 'a') + 10 : 99;
}

static bool parse_integer(struct nt_slice s, json_int_t *ret_value)
{
	bool minus = s.len && s.p[0] == '-', sign = minus || (s.len && s.p[0] == '+');
	struct nt_slice digits = nt_slice_mem(s.p + sign, s.len - sign);
	unsigned int base = base_of(&digits);
	json_int_t v = 0;

	if (!digits.len)
		return false;
	for (size_t i = 0; i < digits.len; i++) {
		json_int_t d = digit_value(digits.p[i]);

		if (d >= base || __builtin_mul_overflow(v, (json_int_t)base, &v) ||
		    __builtin_sub_overflow(v, d, &v))
			return false; /* counted downwards: INT64_MIN has no positive twin */
	}
	if (!minus && v == INT64_MIN)
		return false;
	*ret_value = minus ? v : -v;
	return true;
}

static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
static const char *const trues[] = { "y",    "Y",    "yes", "Yes", "YES", "true",
				     "True", "TRUE", "on",  "On",  "ON",  NULL };
static const char *const falses[] = { "n",     "N",	"no",  "No",  "NO",  "false",
				      "False", "FALSE", "off", "Off", "OFF", NULL };
static const char *const not_in_json[] = { ".inf",  ".Inf",  ".INF",  "+.inf", "+.Inf",
					   "+.INF", "-.inf", "-.Inf", "-.INF", ".nan",
					   ".NaN",  ".NAN",  NULL };

static json_t *string(struct nt_slice text)
{
	return json_stringn(text.p, text.len);
}

json_t *nt_scalar_plain(struct nt_slice text)
{
	char number[NUMBER_TEXT_MAX + 1];
	struct nt_slice digits;
	json_int_t integer;
	double real;
	int n;

	if (one_of(text, nulls))
		return json_null();
	if (one_of(text, trues) || one_of(text, falses))
		return json_boolean(one_of(text, trues));
	if (one_of(text, not_in_json))
		return NULL;
	n = strchr("0123456789+-.", text.p[0]) ? without_underscores(text, number) : 0;
	if (n <= 0)
		return string(text);
	digits = nt_slice_mem(number, (size_t)n);
	if (parse_integer(digits, &integer))
		return json_integer(integer);
	/* "089" is no octal number and becomes 89.0, as with kubectl. */
	if (nt_parse_double(digits, &real) == 0)
		return json_real(real);
	return string(text);
}
