/* SPDX-License-Identifier: Apache-2.0 */
/* Shares of an interval's rows: of a pod, and of the clients of one that serves. */
#include "dataplane/agent/rowshare.h"

#include "tests/unit/suite.h"

enum { LIMIT = 800 };

static struct nt_rowshare share;

static void set_up(void)
{
	share = (struct nt_rowshare){ 0 };
}

static void tear_down(void)
{
	nt_rowshare_done(&share);
}

/* Rows of so many octets that it gets when it wants `wanted` of that kind. */
static uint32_t take_long(enum nt_side side, enum nt_fold depth, uint64_t client, uint32_t wanted,
			  uint32_t octets)
{
	uint32_t got = 0;

	for (; got < wanted && nt_rowshare_allows(&share, side, depth, client, LIMIT); got++)
		nt_rowshare_took(&share, side, depth, client, octets);
	return got;
}

static uint32_t take(enum nt_side side, enum nt_fold depth, uint64_t client, uint32_t wanted)
{
	return take_long(side, depth, client, wanted, 700);
}

START_TEST(own_rows)
{
	ck_assert_uint_eq(take(NT_SIDE_CLIENT, NT_FOLD_NONE, 0, 10000), LIMIT);
	ck_assert_uint_eq(take(NT_SIDE_CLIENT, NT_FOLD_DOMAIN, 0, 10000), LIMIT / 8 + 1);
	ck_assert_uint_eq(take(NT_SIDE_CLIENT, NT_FOLD_ALL, 0, 10000), NT_ROWSHARE_ALL);
	ck_assert_uint_eq(take(NT_SIDE_CLIENT, NT_FOLD_REST, 0, 10000), 10000);
	ck_assert_uint_eq(take(NT_SIDE_SERVER, NT_FOLD_NONE, 1, 100), 100);
	nt_rowshare_reset(&share);
	ck_assert_uint_eq(take(NT_SIDE_CLIENT, NT_FOLD_NONE, 0, 10000), LIMIT);
}
END_TEST

START_TEST(a_flood_leaves_half_to_other_clients)
{
	ck_assert_uint_eq(take(NT_SIDE_SERVER, NT_FOLD_NONE, 1, 100000), LIMIT * 4 / 2);
	for (uint64_t client = 2; client < 22; client++)
		ck_assert_uint_eq(take(NT_SIDE_SERVER, NT_FOLD_NONE, client, 40), 40);
	/* What is used up by the others is not free for it either. */
	ck_assert_uint_eq(take(NT_SIDE_SERVER, NT_FOLD_NONE, 1, 100), 0);
	ck_assert_uint_gt(take(NT_SIDE_SERVER, NT_FOLD_DOMAIN, 1, 100000), LIMIT / 8);
	ck_assert_uint_gt(take(NT_SIDE_SERVER, NT_FOLD_DOMAIN, 2, 10), 0);
	nt_rowshare_reset(&share);
	ck_assert_uint_eq(take(NT_SIDE_SERVER, NT_FOLD_NONE, 1, 100000), LIMIT * 4 / 2);
}
END_TEST

/* Never more than the bound, whoever asks and with whatever address. */
START_TEST(served_rows_are_bounded)
{
	uint32_t sum = 0;

	for (uint64_t client = 0; client < 100000; client++)
		sum += take(NT_SIDE_SERVER, NT_FOLD_NONE, client, 5);
	ck_assert_uint_le(sum, 4 * LIMIT);
	ck_assert_uint_gt(sum, 3 * LIMIT);
}
END_TEST

/* With rows of 64 KiB of answers a pod does not take more than with many of the usual ones. */
START_TEST(long_rows_count_more)
{
	enum { LONG = 16 * NT_ROWSHARE_OCTETS };

	ck_assert_uint_eq(take_long(NT_SIDE_CLIENT, NT_FOLD_NONE, 0, 10000, LONG), LIMIT / 17 + 1);
	ck_assert_uint_eq(take(NT_SIDE_CLIENT, NT_FOLD_NONE, 0, 1), 0);
	ck_assert_uint_le(take_long(NT_SIDE_SERVER, NT_FOLD_NONE, 1, 10000, LONG),
			  LIMIT * 4 / 17 / 2 + 1);
	ck_assert_uint_gt(take_long(NT_SIDE_SERVER, NT_FOLD_NONE, 2, 10000, UINT32_MAX), 0);
	ck_assert_uint_eq(take(NT_SIDE_SERVER, NT_FOLD_NONE, 3, 1), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("agent_rowshare");
	TCase *tc = tcase_create("rowshare");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, own_rows);
	tcase_add_test(tc, a_flood_leaves_half_to_other_clients);
	tcase_add_test(tc, served_rows_are_bounded);
	tcase_add_test(tc, long_rows_count_more);
	suite_add_tcase(s, tc);
	return nt_suite_run(s);
}
