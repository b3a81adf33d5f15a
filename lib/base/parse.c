/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers, durations and times from text, whole and in range or not at all. */
#include "lib/base/parse.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "lib/base/cleanup.h"

int nt_parse_u64(struct nt_slice s, uint64_t max, uint64_t *ret_value)
{
	uint64_t v = 0;

	if (!s.len)
		return -EINVAL;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v) || v > max)
			return -ERANGE;
	}
	*ret_value = v;
	return 0;
}

int nt_parse_i64(struct nt_slice s, int64_t *ret_value)
{
	bool minus = s.len && s.p[0] == '-';
	uint64_t v;
	int r;

	if (minus)
		s = nt_slice_mem(s.p + 1, s.len - 1);
	r = nt_parse_u64(s, (uint64_t)INT64_MAX + minus, &v);
	if (r < 0)
		return r;
	*ret_value = minus ? (int64_t)(0 - v) : (int64_t)v;
	return 0;
}

int nt_parse_double(struct nt_slice s, double *ret_value)
{
	char text[64], *end;
	double v;

	if (!s.len || s.len >= sizeof(text))
		return -EINVAL;
	for (size_t i = 0; i < s.len; i++)
		if (!isdigit((unsigned char)s.p[i]) && !strchr("+-.eE", s.p[i]))
			return -EINVAL;
	memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	v = strtod(text, &end);
	if (end != text + s.len || !isfinite(v))
		return -EINVAL;
	*ret_value = v;
	return 0;
}

/* "1.5" of a unit; no sign and no exponent, which no duration has. */
static bool parse_part(struct nt_slice s, int64_t unit_ns, int64_t *ret_ns)
{
	double part;

	for (size_t i = 0; i < s.len; i++)
		if (!isdigit((unsigned char)s.p[i]) && s.p[i] != '.')
			return false;
	if (nt_parse_double(s, &part) < 0 || part * (double)unit_ns >= (double)INT64_MAX)
		return false;
	*ret_ns = (int64_t)(part * (double)unit_ns + 0.5);
	return true;
}

int nt_parse_duration_ns(struct nt_slice s, int64_t *ret_ns)
{
	static const struct {
		const char *suffix;
		int64_t ns;
	} units[] = { { "ms", 1000000LL },	{ "us", 1000LL },	{ "ns", 1 },
		      { "s", 1000000000LL },	{ "m", 60000000000LL }, { "h", 3600000000000LL },
		      { "d", 86400000000000LL } };
	uint64_t v;

	if (nt_slice_eq(s, NT_SLICE_LIT("0"))) {
		*ret_ns = 0;
		return 0;
	}
	for (size_t i = 0; i < NT_ARRAY_LEN(units); i++) {
		struct nt_slice suffix = nt_slice_str(units[i].suffix), number;

		if (!nt_slice_ends(s, suffix))
			continue;
		number = nt_slice_mem(s.p, s.len - suffix.len);
		if (nt_parse_u64(number, UINT64_MAX, &v) < 0) {
			if (parse_part(number, units[i].ns, ret_ns))
				return 0;
			continue;
		}
		if (v > (uint64_t)(INT64_MAX / units[i].ns))
			return -ERANGE;
		*ret_ns = (int64_t)v * units[i].ns;
		return 0;
	}
	return -EINVAL;
}

/* The fraction after the point at *pos, in us; further digits are read and dropped. */
static int parse_fraction(const char *text, size_t *pos, int64_t *ret_us)
{
	int64_t us = 0, scale = 100000;
	size_t i = *pos + 1;

	if (!isdigit((unsigned char)text[i]))
		return -EINVAL;
	for (; isdigit((unsigned char)text[i]); i++, scale /= 10)
		us += (text[i] - '0') * scale;
	*pos = i;
	*ret_us = us;
	return 0;
}

static int parse_offset(const char *text, int64_t *ret_s)
{
	uint64_t hours, minutes;

	if ((text[0] == 'Z' || text[0] == 'z') && !text[1]) {
		*ret_s = 0;
		return 0;
	}
	if ((text[0] != '+' && text[0] != '-') || strlen(text) != 6 || text[3] != ':')
		return -EINVAL;
	if (nt_parse_u64(nt_slice_mem(text + 1, 2), 23, &hours) < 0 ||
	    nt_parse_u64(nt_slice_mem(text + 4, 2), 59, &minutes) < 0)
		return -EINVAL;
	*ret_s = (int64_t)(hours * 3600 + minutes * 60) * (text[0] == '-' ? -1 : 1);
	return 0;
}

/* strptime takes blanks for digits and the 31st of February. */
static bool is_date(const char *text, const struct tm *tm)
{
	struct tm same = *tm;

	for (size_t i = 0; i < 19; i++)
		if (!isdigit((unsigned char)text[i]) && !strchr("-T:", text[i]))
			return false;
	(void)timegm(&same);
	return same.tm_mday == tm->tm_mday && same.tm_sec == tm->tm_sec;
}

int nt_parse_time_us(struct nt_slice s, int64_t *ret_us)
{
	int64_t fraction_us = 0, offset_s;
	struct tm tm = { 0 };
	char text[48];
	char *end;
	size_t pos;

	if (s.len < 20 || s.len >= sizeof(text))
		return -EINVAL;
	memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!end || end != text + 19 || !is_date(text, &tm))
		return -EINVAL;
	pos = (size_t)(end - text);
	if (text[pos] == '.' && parse_fraction(text, &pos, &fraction_us) < 0)
		return -EINVAL;
	if (parse_offset(text + pos, &offset_s) < 0)
		return -EINVAL;
	*ret_us = ((int64_t)timegm(&tm) - offset_s) * 1000000 + fraction_us;
	return 0;
}
