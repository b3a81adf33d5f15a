/* SPDX-License-Identifier: Apache-2.0 */
/* Gaps in coverage, in the store: told once or twice, in any order, gone with their endpoint. */
#include "tests/unit/store_fixture.h"

static void put(uint64_t seq, int64_t from_us, int64_t to_us, const char *reason)
{
	const struct nt_batch_endpoint e = { .ep_id = 7,
					     .state = NT_ENDPOINT_TAPPED,
					     .name = NT_SLICE_LIT("web-1"),
					     .hook = NT_ENDPOINT_HOOK_TCX,
					     .since_us = T0_US };
	const struct nt_batch_gap gap = { 7, from_us, to_us, nt_slice_str(reason) };
	struct nt_batch batch = store_batch("s", seq, NULL, 0);

	batch.endpoints = &e;
	batch.endpoints_len = 1;
	batch.gaps = &gap;
	batch.gaps_len = 1;
	append(&batch, NT_STORE_APPENDED);
}

static bool keep_gap(void *ctx, const struct nt_store_gap *g)
{
	nt_buf_printf(ctx, "%.*s/%.*s %lld-%lld %.*s;", NT_SLICE_ARG(g->node),
		      NT_SLICE_ARG(g->name), (long long)(g->from_us - T0_US),
		      g->to_us ? (long long)(g->to_us - T0_US) : 0, NT_SLICE_ARG(g->reason));
	return true;
}

static void check_gaps(uint32_t limit, const char *expected)
{
	_cleanup_buf_ struct nt_buf found = { 0 };

	ck_assert_msg(nt_store_gaps(reader, limit, keep_gap, &found, &err) == 0, "%s", err.msg);
	ck_assert_str_eq(nt_buf_str(&found), expected);
}

static bool keep_hook(void *ctx, struct nt_slice node, const struct nt_batch_endpoint *e)
{
	(void)node;
	*(enum nt_endpoint_hook *)ctx = e->hook;
	return true;
}

START_TEST(a_gap_ends_whatever_the_order)
{
	enum nt_endpoint_hook hook = NT_ENDPOINT_HOOK_NONE;

	put(1, T0_US + 10, 0, "removed");
	check_gaps(10, "n1/web-1 10-0 removed;");
	put(2, T0_US + 10, T0_US + 30, "removed");
	check_gaps(10, "n1/web-1 10-30 removed;");
	/* Its end came first. */
	put(4, T0_US + 50, T0_US + 60, "hidden");
	put(3, T0_US + 50, 0, "hidden");
	check_gaps(10, "n1/web-1 50-60 hidden;n1/web-1 10-30 removed;");
	check_gaps(1, "n1/web-1 50-60 hidden;");
	ck_assert_int_eq(nt_store_endpoints(reader, keep_hook, &hook, &err), 0);
	ck_assert_int_eq(hook, NT_ENDPOINT_HOOK_TCX);
}
END_TEST

START_TEST(old_gaps_go)
{
	uint64_t rows;

	put(1, T0_US + 10, T0_US + 20, "removed");
	put(2, T0_US + 15, 0, "lasting");
	put(3, T0_US + 80, T0_US + 90, "removed");
	ck_assert_int_eq(nt_store_expire(store, T0_US + 50, &rows, &err), 0);
	check_gaps(10, "n1/web-1 80-90 removed;n1/web-1 15-0 lasting;");
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("gaps");

	tcase_add_test(tc, a_gap_ends_whatever_the_order);
	tcase_add_test(tc, old_gaps_go);
	return store_run("store_gaps", tc);
}
