/* SPDX-License-Identifier: Apache-2.0 */
/* Estimates of distinct things stay within the error that the header states. */
#include "lib/base/hll.h"

#include <check.h>
#include <stdlib.h>

#include "lib/base/slice.h"
#include "lib/dns/siphash.h"
#include "tests/unit/suite.h"

enum { TRIALS = 40 };

/* Things are numbers, hashed as names are; another key in each trial. */
static uint64_t hash_of(unsigned trial, uint64_t thing)
{
	struct nt_siphash_key key = { .k0 = trial, .k1 = 1 };

	return nt_siphash(&key, nt_slice_mem(&thing, sizeof(thing)));
}

static uint64_t estimate(unsigned trial, uint64_t n)
{
	static struct nt_hll h;

	h = (struct nt_hll){ 0 };
	for (uint64_t i = 0; i < n; i++)
		nt_hll_add(&h, hash_of(trial, i));
	return nt_hll_estimate(&h);
}

START_TEST(empty_and_one)
{
	struct nt_hll h = { 0 };

	ck_assert_uint_eq(nt_hll_estimate(&h), 0);
	nt_hll_add(&h, hash_of(1, 1));
	nt_hll_add(&h, hash_of(1, 1));
	ck_assert_uint_eq(nt_hll_estimate(&h), 1);
}
END_TEST

static const uint64_t sizes[] = { 2, 10, 100, 1000, 2500, 5000, 20000, 100000, 500000 };

/* The mean over trials shows a bias, the root of the mean square the standard error: 3.25 %. Keys
 * are fixed, so that the figures are the same in each run. */
START_TEST(error_is_as_stated)
{
	double n = (double)sizes[_i], sum = 0, squares = 0, worst = 0;

	for (unsigned trial = 0; trial < TRIALS; trial++) {
		double error = ((double)estimate(trial, sizes[_i]) - n) / n;

		sum += error;
		squares += error * error;
		if (error > worst || -error > worst)
			worst = error < 0 ? -error : error;
	}
	ck_assert_double_le(squares / TRIALS, 0.042 * 0.042);
	ck_assert_double_le(sum / TRIALS, 0.015);
	ck_assert_double_ge(sum / TRIALS, -0.015);
	ck_assert_double_le(worst, 4 * 0.0325);
}
END_TEST

START_TEST(union_is_what_one_would_have_seen)
{
	struct nt_hll a = { 0 }, b = { 0 }, both = { 0 };

	for (uint64_t i = 0; i < 3000; i++) {
		nt_hll_add(i % 3 ? &a : &b, hash_of(7, i));
		nt_hll_add(&both, hash_of(7, i));
	}
	nt_hll_unite(&a, &b);
	ck_assert_mem_eq(&a, &both, sizeof(a));
}
END_TEST

/* Whatever the hash is: no register outside, and no end in an infinite loop. */
START_TEST(extreme_hashes)
{
	struct nt_hll h = { 0 };

	nt_hll_add(&h, 0);
	nt_hll_add(&h, UINT64_MAX);
	ck_assert_uint_ge(nt_hll_estimate(&h), 1);
	for (uint64_t i = 0; i < 1 << NT_HLL_BITS; i++)
		nt_hll_add(&h, i << (64 - NT_HLL_BITS));
	ck_assert_uint_gt(nt_hll_estimate(&h), 1000000000000ULL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("hll");
	TCase *tc = tcase_create("hll");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, empty_and_one);
	tcase_add_loop_test(tc, error_is_as_stated, 0, sizeof(sizes) / sizeof(sizes[0]));
	tcase_add_test(tc, union_is_what_one_would_have_seen);
	tcase_add_test(tc, extreme_hashes);
	suite_add_tcase(s, tc);
	return nt_suite_run(s);
}
