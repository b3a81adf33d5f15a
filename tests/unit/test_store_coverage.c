/* SPDX-License-Identifier: Apache-2.0 */
/* The store's endpoints and nodes, and what retention takes of them. */
#include "tests/unit/store_fixture.h"

static bool keep_endpoint(void *ctx, struct nt_slice node, const struct nt_batch_endpoint *e)
{
	struct nt_buf *out = ctx;
	char ip[NT_ADDR_TEXT_MAX];

	nt_buf_printf(out, "%.*s/%.*s state %d ip %s seen %llu until %lld;", NT_SLICE_ARG(node),
		      NT_SLICE_ARG(e->name), e->state,
		      e->ips_len ? nt_addr_format(&e->ips[0], ip) : "-",
		      (unsigned long long)e->seen, (long long)e->until_us);
	return true;
}

static bool keep_before_tap(void *ctx, struct nt_slice node, const struct nt_batch_endpoint *e)
{
	(void)node;
	*(uint64_t *)ctx = e->before_tap;
	return true;
}

static void check_endpoints(const char *expected)
{
	_cleanup_buf_ struct nt_buf found = { 0 };

	ck_assert_int_eq(nt_store_endpoints(reader, keep_endpoint, &found, &err), 0);
	ck_assert_str_eq(nt_buf_str(&found), expected);
}

static void append_endpoint(uint64_t seq, const struct nt_batch_endpoint *e)
{
	struct nt_batch batch = store_batch("s", seq, NULL, 0);

	batch.endpoints = e;
	batch.endpoints_len = 1;
	append(&batch, NT_STORE_APPENDED);
}

START_TEST(newest_state_of_an_endpoint_wins)
{
	static const uint8_t ip[4] = { 10, 1, 0, 7 };
	struct nt_batch_endpoint e = { .ep_id = UINT64_MAX,
				       .state = NT_ENDPOINT_TAPPED,
				       .name = NT_SLICE_LIT("web-1"),
				       .ips_len = 1,
				       .since_us = T0_US,
				       .seen = 10 };

	e.ips[0] = nt_addr_from(4, ip);
	append_endpoint(1, &e);
	check_endpoints("n1/web-1 state 1 ip 10.1.0.7 seen 10 until 0;");
	e.state = NT_ENDPOINT_GONE;
	e.seen = 30;
	e.until_us = T0_US + 9;
	append_endpoint(3, &e);
	/* An older batch that comes late changes nothing. */
	e.state = NT_ENDPOINT_TAPPED;
	e.seen = 20;
	e.until_us = 0;
	append_endpoint(2, &e);
	check_endpoints("n1/web-1 state 2 ip 10.1.0.7 seen 30 until 1795413600000009;");
}
END_TEST

/* An agent that starts anew does not know what the link of a gone pod had counted. */
START_TEST(before_tap_does_not_go_back)
{
	struct nt_batch_endpoint e = { .ep_id = 4, .state = NT_ENDPOINT_TAPPED, .before_tap = 7 };
	uint64_t before_tap = 0;

	append_endpoint(1, &e);
	e.state = NT_ENDPOINT_GONE;
	e.before_tap = 0;
	append_endpoint(2, &e);
	ck_assert_int_eq(nt_store_endpoints(reader, keep_before_tap, &before_tap, &err), 0);
	ck_assert_uint_eq(before_tap, 7);
}
END_TEST

struct node_seen {
	size_t len;
	uint64_t last_seq, missing;
	char spool[64];
};

static bool keep_node(void *ctx, const struct nt_store_node *node)
{
	struct node_seen *n = ctx;

	n->len++;
	n->last_seq = node->last_seq;
	n->missing = node->missing_batches;
	snprintf(n->spool, sizeof(n->spool), "%.*s", NT_SLICE_ARG(node->spool));
	ck_assert_int_gt(node->last_seen_us, T0_US / 2);
	return true;
}

START_TEST(missing_batches_are_counted)
{
	static const uint64_t seqs[] = { 1, 2, 7, 5 };
	struct node_seen n = { 0 };

	for (size_t i = 0; i < NT_ARRAY_LEN(seqs); i++)
		append_records(seqs[i], NULL, 0);
	ck_assert_int_eq(nt_store_nodes(reader, keep_node, &n, &err), 0);
	ck_assert_uint_eq(n.len, 1);
	ck_assert_uint_eq(n.last_seq, 7);
	ck_assert_uint_eq(n.missing, 3);
	append_records(3, NULL, 0);
	n = (struct node_seen){ 0 };
	ck_assert_int_eq(nt_store_nodes(reader, keep_node, &n, &err), 0);
	ck_assert_uint_eq(n.missing, 2);
}
END_TEST

START_TEST(old_rows_go_and_the_ledger_stays)
{
	struct nt_record r[3] = { store_record(1, T0_US, "a.test"),
				  store_record(2, T0_US + 10, "b.test"),
				  store_record(3, T0_US + 20, "c.test") };
	struct nt_batch batch = store_batch("s", 1, r, 3);
	struct nt_batch_endpoint gone = { .ep_id = 5,
					  .state = NT_ENDPOINT_GONE,
					  .name = NT_SLICE_LIT("old"),
					  .since_us = 1,
					  .until_us = 2 };
	struct nt_store_range range = everything();
	uint64_t rows = 0;

	batch.endpoints = &gone;
	batch.endpoints_len = 1;
	batch.created_us = 3;
	append(&batch, NT_STORE_APPENDED);
	ck_assert_int_eq(nt_store_expire(store, T0_US + 10, &rows, &err), 0);
	ck_assert_uint_eq(rows, 1);
	ck_assert_uint_eq(total(&range).count, 2);
	ck_assert_uint_eq(nt_store_stats(store).rows, 2);
	ck_assert_int_eq(nt_store_stats(store).oldest_us, T0_US + 10);
	check_endpoints("");
	append(&batch, NT_STORE_DUPLICATE);
	ck_assert_uint_eq(total(&range).count, 2);
	ck_assert_int_eq(nt_store_expire(store, INT64_MAX, &rows, &err), 0);
	ck_assert_uint_eq(rows, 2);
	ck_assert_int_eq(nt_store_stats(store).newest_us, 0);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("coverage");

	tcase_add_test(tc, newest_state_of_an_endpoint_wins);
	tcase_add_test(tc, before_tap_does_not_go_back);
	tcase_add_test(tc, missing_batches_are_counted);
	tcase_add_test(tc, old_rows_go_and_the_ledger_stays);
	return store_run("store_coverage", tc);
}
