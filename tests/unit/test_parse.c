/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers, durations and times: whole and in range, or an error. */
#include "lib/base/parse.h"

#include <check.h>
#include <stdlib.h>

#include "tests/unit/suite.h"

static const struct {
	const char *text;
	int r;
	uint64_t value;
} u64_cases[] = {
	{ "0", 0, 0 },
	{ "42", 0, 42 },
	{ "18446744073709551615", 0, UINT64_MAX },
	{ "18446744073709551616", -ERANGE, 0 },
	{ "99999999999999999999999", -ERANGE, 0 },
	{ "", -EINVAL, 0 },
	{ "-1", -EINVAL, 0 },
	{ "+1", -EINVAL, 0 },
	{ " 1", -EINVAL, 0 },
	{ "1 ", -EINVAL, 0 },
	{ "0x10", -EINVAL, 0 },
	{ "1e3", -EINVAL, 0 },
};

START_TEST(u64)
{
	uint64_t v = 0;

	ck_assert_int_eq(nt_parse_u64(nt_slice_str(u64_cases[_i].text), UINT64_MAX, &v),
			 u64_cases[_i].r);
	if (u64_cases[_i].r == 0)
		ck_assert_uint_eq(v, u64_cases[_i].value);
}
END_TEST

START_TEST(u64_above_max_is_out_of_range)
{
	uint64_t v = 7;

	ck_assert_int_eq(nt_parse_u64(NT_SLICE_LIT("65536"), 65535, &v), -ERANGE);
	ck_assert_uint_eq(v, 7);
}
END_TEST

START_TEST(i64_limits)
{
	int64_t v;

	ck_assert_int_eq(nt_parse_i64(NT_SLICE_LIT("-9223372036854775808"), &v), 0);
	ck_assert_int_eq(v, INT64_MIN);
	ck_assert_int_eq(nt_parse_i64(NT_SLICE_LIT("9223372036854775807"), &v), 0);
	ck_assert_int_eq(v, INT64_MAX);
	ck_assert_int_eq(nt_parse_i64(NT_SLICE_LIT("9223372036854775808"), &v), -ERANGE);
	ck_assert_int_eq(nt_parse_i64(NT_SLICE_LIT("-9223372036854775809"), &v), -ERANGE);
	ck_assert_int_eq(nt_parse_i64(NT_SLICE_LIT("-"), &v), -EINVAL);
	ck_assert_int_eq(nt_parse_i64(NT_SLICE_LIT("--1"), &v), -EINVAL);
}
END_TEST

static const struct {
	const char *text;
	int r;
	double value;
} double_cases[] = {
	{ "0", 0, 0 },		 { "0.5", 0, 0.5 },	  { "-2e3", 0, -2000 },
	{ "inf", -EINVAL, 0 },	 { "nan", -EINVAL, 0 },	  { "0x1p3", -EINVAL, 0 },
	{ "1.5.2", -EINVAL, 0 }, { "1e999", -EINVAL, 0 }, { "", -EINVAL, 0 },
	{ "1 ", -EINVAL, 0 },
};

START_TEST(floating)
{
	double v;

	ck_assert_int_eq(nt_parse_double(nt_slice_str(double_cases[_i].text), &v),
			 double_cases[_i].r);
	if (double_cases[_i].r == 0)
		ck_assert_double_eq(v, double_cases[_i].value);
}
END_TEST

static const struct {
	const char *text;
	int r;
	int64_t ns;
} duration_cases[] = {
	{ "0", 0, 0 },
	{ "250ms", 0, 250000000 },
	{ "5s", 0, 5000000000 },
	{ "10m", 0, 600000000000 },
	{ "2h", 0, 7200000000000 },
	{ "8d", 0, 691200000000000 },
	{ "15us", 0, 15000 },
	{ "7ns", 0, 7 },
	{ "1.5h", 0, 5400000000000 },
	{ "0.25s", 0, 250000000 },
	{ ".5ms", 0, 500000 },
	{ "5", -EINVAL, 0 },
	{ "s", -EINVAL, 0 },
	{ ".s", -EINVAL, 0 },
	{ "1.2.3s", -EINVAL, 0 },
	{ "-0.5s", -EINVAL, 0 },
	{ "1e3s", -EINVAL, 0 },
	{ "999999999999999999.5d", -EINVAL, 0 },
	{ "-5s", -EINVAL, 0 },
	{ "5 s", -EINVAL, 0 },
	{ "5sec", -EINVAL, 0 },
	{ "", -EINVAL, 0 },
	{ "9999999999999d", -ERANGE, 0 },
};

START_TEST(duration)
{
	int64_t ns;

	ck_assert_int_eq(nt_parse_duration_ns(nt_slice_str(duration_cases[_i].text), &ns),
			 duration_cases[_i].r);
	if (duration_cases[_i].r == 0)
		ck_assert_int_eq(ns, duration_cases[_i].ns);
}
END_TEST

static const struct {
	const char *text;
	int r;
	int64_t us;
} time_cases[] = {
	{ "1970-01-01T00:00:00Z", 0, 0 },
	{ "2026-11-23T06:12:04.118Z", 0, 1795414324118000 },
	{ "2026-11-23T06:12:04.118999999Z", 0, 1795414324118999 },
	{ "2026-11-23T08:12:04.118+02:00", 0, 1795414324118000 },
	{ "2026-11-23T01:42:04-04:30", 0, 1795414324000000 },
	{ "2026-11-23T06:12:04", -EINVAL, 0 },
	{ "2026-11-23 06:12:04Z", -EINVAL, 0 },
	{ "2026-11-23T06:12:04.Z", -EINVAL, 0 },
	{ "2026-11-23T06:12:04Zx", -EINVAL, 0 },
	{ "2026-11-23T06:12:04+0200", -EINVAL, 0 },
	{ "2026-11-23T06:12:04+99:00", -EINVAL, 0 },
	{ "2026-13-23T06:12:04Z", -EINVAL, 0 },
	{ "2026-02-31T06:12:04Z", -EINVAL, 0 },
	{ " 026-02-01T06:12:04Z", -EINVAL, 0 },
	{ "2024-02-29T00:00:00Z", 0, 1709164800000000 },
	{ "now", -EINVAL, 0 },
};

START_TEST(time_of_day)
{
	int64_t us;

	ck_assert_int_eq(nt_parse_time_us(nt_slice_str(time_cases[_i].text), &us),
			 time_cases[_i].r);
	if (time_cases[_i].r == 0)
		ck_assert_int_eq(us, time_cases[_i].us);
}
END_TEST

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

int main(void)
{
	Suite *s = suite_create("parse");
	TCase *t = tcase_create("text");

	tcase_add_loop_test(t, u64, 0, LEN(u64_cases));
	tcase_add_test(t, u64_above_max_is_out_of_range);
	tcase_add_test(t, i64_limits);
	tcase_add_loop_test(t, floating, 0, LEN(double_cases));
	tcase_add_loop_test(t, duration, 0, LEN(duration_cases));
	tcase_add_loop_test(t, time_of_day, 0, LEN(time_cases));
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
