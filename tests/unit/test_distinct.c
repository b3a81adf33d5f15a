/* SPDX-License-Identifier: Apache-2.0 */
/* Counting different things: exact while they are few, near when they are many, and bounded. */
#include "controller/alerts/distinct.h"

#include <math.h>

#include "lib/base/cleanup.h"
#include "tests/unit/suite.h"

/* Good bits of a number (SplitMix64, Steele et al. 2014). */
static uint64_t hash_of(uint64_t n)
{
	n += 0x9e3779b97f4a7c15;
	n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9;
	n = (n ^ (n >> 27)) * 0x94d049bb133111eb;
	return n ^ (n >> 31);
}

static void add_numbers(struct nt_distinct *d, uint64_t from, uint64_t to, uint64_t *bytes)
{
	bool whole = true;

	for (uint64_t i = from; i < to; i++)
		whole &= nt_distinct_add(d, hash_of(i), bytes);
	ck_assert(whole);
}

static uint64_t estimate_of(const struct nt_distinct *parts, size_t len)
{
	struct nt_distinct_sum sum = { 0 };

	for (size_t i = 0; i < len; i++)
		nt_distinct_unite(&sum, &parts[i]);
	return nt_distinct_estimate(&sum);
}

START_TEST(few_are_counted_exactly)
{
	struct nt_distinct d[3] = { 0 };
	uint64_t bytes = 0;

	ck_assert_uint_eq(estimate_of(d, 3), 0);
	add_numbers(&d[0], 0, 60, &bytes);
	add_numbers(&d[0], 0, 60, &bytes);
	add_numbers(&d[1], 30, 90, &bytes);
	add_numbers(&d[2], 89, NT_DISTINCT_EXACT, &bytes);
	ck_assert_uint_eq(estimate_of(d, 1), 60);
	ck_assert_uint_eq(estimate_of(d, 3), NT_DISTINCT_EXACT);
	ck_assert_uint_gt(bytes, 0);
	for (int i = 0; i < 3; i++)
		nt_distinct_done(&d[i], &bytes);
	ck_assert_uint_eq(bytes, 0);
}
END_TEST

/* Over 50 sets of each size: the root of the mean square of the errors is what the header says, or
 * below it. */
START_TEST(many_are_estimated)
{
	static const uint64_t sizes[] = { 129, 1000, 5000 };
	enum { SETS = 50 };
	double squares = 0;

	for (uint64_t i = 0; i < SETS; i++) {
		struct nt_distinct d[2] = { 0 };
		uint64_t bytes = 0, n = sizes[_i], at = i << 32;
		double off;

		add_numbers(&d[0], at, at + n / 3 * 2, &bytes);
		add_numbers(&d[1], at + n / 3, at + n, &bytes);
		off = (double)estimate_of(d, 2) / (double)n - 1;
		squares += off * off;
		nt_distinct_done(&d[0], &bytes);
		nt_distinct_done(&d[1], &bytes);
		ck_assert_uint_eq(bytes, 0);
	}
	/* 50 samples tell the error to within a tenth of it (1 / sqrt(2 * 50)); four times. */
	ck_assert_msg(sqrt(squares / SETS) <= 0.0325 * 1.4, "%g", sqrt(squares / SETS));
}
END_TEST

START_TEST(a_set_is_a_kibibyte)
{
	struct nt_distinct d = { 0 };
	uint64_t bytes = 0, most = 0;

	for (uint64_t i = 0; i < 10000; i++) {
		add_numbers(&d, i, i + 1, &bytes);
		most = bytes > most ? bytes : most;
	}
	ck_assert_uint_le(most, 2048); /* both forms at the moment of change */
	ck_assert_uint_eq(bytes, 1024);
	nt_distinct_done(&d, &bytes);
}
END_TEST

START_TEST(budget_keeps_values_out)
{
	struct nt_distinct d = { 0 };
	uint64_t bytes = NT_ALERT_BYTES_MAX - 64;

	add_numbers(&d, 0, 8, &bytes);
	ck_assert(!nt_distinct_add(&d, hash_of(8), &bytes));
	ck_assert(nt_distinct_add(&d, hash_of(7), &bytes));
	ck_assert_uint_eq(estimate_of(&d, 1), 8);
	nt_distinct_done(&d, &bytes);
	ck_assert_uint_eq(bytes, NT_ALERT_BYTES_MAX - 64);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("distinct");
	TCase *tc = tcase_create("distinct");

	tcase_add_test(tc, few_are_counted_exactly);
	tcase_add_loop_test(tc, many_are_estimated, 0, 3);
	tcase_add_test(tc, a_set_is_a_kibibyte);
	tcase_add_test(tc, budget_keeps_values_out);
	suite_add_tcase(suite, tc);
	return nt_suite_run(suite);
}
