/* SPDX-License-Identifier: Apache-2.0 */
/* Boot time to real time: late events, steps, more samples than there is room for (T39). */
#include "dataplane/agent/timebase.h"

#include <check.h>
#include <stdlib.h>

#include "tests/unit/suite.h"

static struct nt_timebase *t;

static void setup(void)
{
	t = calloc(1, sizeof(*t));
	ck_assert_ptr_nonnull(t);
}

static void teardown(void)
{
	free(t);
}

static void add(int64_t boot_s, int64_t offset_s)
{
	nt_timebase_add(t, (struct nt_timebase_sample){ .boot_ns = boot_s * NT_NS_PER_S,
							.real_minus_boot_ns =
								offset_s * NT_NS_PER_S });
}

static int64_t offset_at(int64_t boot_s)
{
	return nt_timebase_at(t, boot_s * NT_NS_PER_S).real_minus_boot_ns / NT_NS_PER_S;
}

START_TEST(of_its_own_second)
{
	ck_assert_int_eq(offset_at(5), 0); /* no sample at all */
	add(10, 100);
	add(11, 101);
	add(12, 99);
	ck_assert_int_eq(offset_at(9), 100); /* before the first one */
	ck_assert_int_eq(offset_at(10), 100);
	ck_assert_int_eq(offset_at(11), 101);
	ck_assert_int_eq(offset_at(12), 99);
	ck_assert_int_eq(offset_at(1000), 99);
	ck_assert_int_eq(nt_timebase_us(t, 11 * NT_NS_PER_S), 112000000);
}
END_TEST

static void add_ns(int64_t boot_ns, int64_t offset_ns)
{
	nt_timebase_add(t, (struct nt_timebase_sample){ .boot_ns = boot_ns,
							.real_minus_boot_ns = offset_ns });
}

START_TEST(steps)
{
	add_ns(0, 0);
	add_ns(1, 100 * NT_NS_PER_MS);
	ck_assert(!nt_timebase_interval(t)); /* slewed */
	add_ns(2, -1);
	ck_assert(nt_timebase_at(t, 2).clock_step);
	ck_assert(nt_timebase_interval(t));
	ck_assert(!nt_timebase_interval(t));
	add_ns(3, 200 * NT_NS_PER_MS);
	ck_assert(nt_timebase_interval(t));
}
END_TEST

/* A clock in order is one run, however long; a step is at both its ends. */
START_TEST(runs)
{
	for (int i = 0; i < 100000; i++)
		add_ns(i * NT_NS_PER_S, i % 2 ? 50000 : 0);
	ck_assert_uint_eq(t->len, 1);
	add(100000, 3600);
	(void)nt_timebase_interval(t);
	ck_assert_uint_eq(t->len, 2);
	ck_assert_int_eq(offset_at(99999), 0);
	ck_assert(!nt_timebase_at(t, 99999 * NT_NS_PER_S).clock_step);
	/* Between the samples nobody knows; of these events it is said. */
	ck_assert(nt_timebase_at(t, 99999 * NT_NS_PER_S + 1).clock_step);
	ck_assert(!nt_timebase_at(t, 100000 * NT_NS_PER_S).clock_step);
	ck_assert_int_eq(offset_at(100000), 3600);
	add(50, 7); /* older than what is there */
	ck_assert_int_eq(offset_at(50), 0);
}
END_TEST

START_TEST(oldest_go)
{
	for (int i = 0; i < NT_TIMEBASE_SAMPLES + 500; i++)
		add(i, i);
	ck_assert_int_eq(offset_at(0), 500);
	ck_assert_int_eq(offset_at(499), 500);
	for (int i = 500; i < NT_TIMEBASE_SAMPLES + 500; i++)
		ck_assert_int_eq(offset_at(i), i);
	ck_assert_int_eq(nt_timebase_last(t).real_minus_boot_ns / NT_NS_PER_S,
			 NT_TIMEBASE_SAMPLES + 499);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("agent_timebase");
	TCase *tc = tcase_create("timebase");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, of_its_own_second);
	tcase_add_test(tc, steps);
	tcase_add_test(tc, runs);
	tcase_add_test(tc, oldest_go);
	suite_add_tcase(suite, tc);
	return nt_suite_run(suite);
}
