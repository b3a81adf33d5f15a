/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both ends of a lookup in the store: a row of a server's side is a row of the log only while its
 * client is tapped nowhere, whatever comes first: the row, or the news that its client is tapped.
 */
#include "lib/base/clock.h"
#include "tests/unit/store_fixture.h"

#define S 1000000LL

static const uint8_t client_ip[4] = { 10, 1, 0, 7 };

static struct nt_batch_endpoint endpoint(uint64_t ep_id, int64_t since_us, int64_t until_us)
{
	struct nt_batch_endpoint e = {
		.ep_id = ep_id,
		.state = until_us ? NT_ENDPOINT_GONE : NT_ENDPOINT_TAPPED,
		.hook = NT_ENDPOINT_HOOK_TCX,
		.name = NT_SLICE_LIT("web-1"),
		.ips_len = 1,
		.since_us = since_us,
		.until_us = until_us,
		.seen = (uint64_t)until_us,
	};

	e.ips[0] = nt_addr_from(4, client_ip);
	return e;
}

static void tell(uint64_t seq, uint64_t ep_id, int64_t since_us, int64_t until_us)
{
	struct nt_batch_endpoint e = endpoint(ep_id, since_us, until_us);
	struct nt_batch batch = store_batch("client", seq, NULL, 0);

	batch.node = NT_SLICE_LIT("n2");
	batch.endpoints = &e;
	batch.endpoints_len = 1;
	append(&batch, NT_STORE_APPENDED);
}

/* The server's side of ten lookups, at_us to at_us + 1 s. Returns whether it was folded at once. */
static bool serve(uint64_t seq, int64_t at_us)
{
	struct nt_record r = store_record(seq, at_us, "a.test");
	struct nt_batch batch = store_batch("server", seq, &r, 1);
	bool folded = false;

	r.side = NT_SIDE_SERVER;
	r.role = NT_ROLE_RESOLVER;
	r.client_name = r.client_namespace = (struct nt_slice){ 0 };
	r.count = r.queries = r.replies = 10;
	r.end_us = at_us + S;
	batch.ret_folded = &folded;
	append(&batch, NT_STORE_APPENDED);
	return folded;
}

static void check_server_rows(uint64_t count)
{
	struct nt_store_range range = everything();

	range.side = NT_SIDE_SERVER;
	ck_assert_uint_eq(total(&range).count, count);
}

START_TEST(a_tapped_client_is_no_row)
{
	tell(1, 5, T0_US, 0);
	ck_assert(serve(1, T0_US + S));
	check_server_rows(0);
}
END_TEST

START_TEST(an_untapped_client_is_a_row)
{
	struct nt_batch_endpoint e = endpoint(5, T0_US, 0);
	struct nt_batch batch = store_batch("client", 1, NULL, 0);

	e.state = NT_ENDPOINT_FAILED;
	batch.endpoints = &e;
	batch.endpoints_len = 1;
	append(&batch, NT_STORE_APPENDED);
	ck_assert(!serve(1, T0_US + S));
	check_server_rows(10);
}
END_TEST

/* The client's node was slower, or away: its word takes the rows back. */
START_TEST(the_news_comes_after_the_row)
{
	ck_assert(!serve(1, T0_US + S));
	check_server_rows(10);
	tell(1, 5, T0_US, 0);
	check_server_rows(0);
	close_store();
	open_store();
	check_server_rows(0);
}
END_TEST

/* Before it was tapped and after it ended the address is another one's, or nobody's. */
START_TEST(only_while_it_is_tapped)
{
	tell(1, 5, T0_US + 10 * S, 0);
	ck_assert(!serve(1, T0_US + 5 * S));
	ck_assert(serve(2, T0_US + 10 * S));
	ck_assert(serve(3, T0_US + 30 * S)); /* nobody has said yet that it ended */
	check_server_rows(10);
	tell(2, 5, T0_US + 10 * S, T0_US + 20 * S);
	check_server_rows(20);
	ck_assert(!serve(4, T0_US + 40 * S));
	check_server_rows(30);
	tell(3, 6, T0_US + 25 * S, 0); /* the next pod has it */
	check_server_rows(10);
}
END_TEST

/* What it asked before it was tapped is in no other row; the clocks of two nodes may differ. */
START_TEST(a_row_that_begins_before_the_tap_stays)
{
	tell(1, 5, T0_US + 10 * S, 0);
	ck_assert(!serve(1, T0_US + 10 * S - S / 2 - 1)); /* it ends half a second after */
	ck_assert(serve(2, T0_US + 10 * S - S / 2));
	check_server_rows(10);
}
END_TEST

/* A batch that was overtaken does not open again what has ended. */
START_TEST(what_ended_stays_ended)
{
	tell(2, 5, T0_US, T0_US + 20 * S);
	tell(1, 5, T0_US, 0);
	ck_assert(!serve(1, T0_US + 30 * S));
	check_server_rows(10);
}
END_TEST

/* n2 tells of a gap of its endpoint, at created_us. */
static void gap(uint64_t seq, int64_t created_us, int64_t from_us, int64_t to_us,
		enum nt_endpoint_hook hook)
{
	const struct nt_batch_gap g = { .ep_id = 5, .from_us = from_us, .to_us = to_us };
	struct nt_batch batch = store_batch("client", seq, NULL, 0);
	struct nt_batch_endpoint e = endpoint(5, T0_US, 0);

	e.hook = hook;
	batch.created_us = created_us;
	batch.node = NT_SLICE_LIT("n2");
	batch.endpoints = &e;
	batch.gaps = &g;
	batch.endpoints_len = batch.gaps_len = 1;
	append(&batch, NT_STORE_APPENDED);
}

/* It begins rather too early, and may only mean that it is not sure: what the client's side has
 * must not come twice. */
START_TEST(a_gap_that_is_not_sure_changes_nothing)
{
	tell(1, 5, T0_US, 0);
	ck_assert(serve(1, T0_US + 10 * S));
	gap(2, T0_US + 15 * S, T0_US + 5 * S, 0, NT_ENDPOINT_HOOK_TCX); /* another's program */
	check_server_rows(0);
	ck_assert(serve(2, T0_US + 20 * S));
	/* One that is over, from a tap that is missing to one that is there. */
	gap(3, T0_US + 35 * S, T0_US + 30 * S, T0_US + 34 * S, NT_ENDPOINT_HOOK_TCX);
	ck_assert(serve(3, T0_US + 32 * S));
	check_server_rows(0);
}
END_TEST

/* From the batch on that tells of a missing tap the client's side has nothing. */
START_TEST(in_a_sure_gap_the_servers_side_is_all_there_is)
{
	tell(1, 5, T0_US, 0);
	ck_assert(serve(1, T0_US + 7 * S));
	ck_assert(serve(2, T0_US + 20 * S));
	check_server_rows(0);
	gap(2, T0_US + 10 * S, T0_US + 5 * S, 0, NT_ENDPOINT_HOOK_NONE);
	check_server_rows(10);
	ck_assert(!serve(3, T0_US + 3600 * S));
	ck_assert(!serve(4, T0_US + 7300 * S)); /* nobody has said yet that it is over */
	check_server_rows(30);
	gap(3, T0_US + 7205 * S, T0_US + 5 * S, T0_US + 7200 * S, NT_ENDPOINT_HOOK_TCX);
	check_server_rows(20);
	ck_assert(serve(5, T0_US + 7400 * S));
	ck_assert(!serve(6, T0_US + 3700 * S));
}
END_TEST

static int64_t now_us(void)
{
	struct nt_clock clock = nt_clock_system();

	return nt_clock_real(&clock) / NT_NS_PER_US;
}

static void silence(uint64_t nodes)
{
	uint64_t got = nodes + 1;

	ck_assert_msg(nt_store_note_silent(store, now_us() + S, &got, &err) == 0, "%s", err.msg);
	ck_assert_uint_eq(got, nodes);
}

/* Its node died and ends nothing; or it was cut off, and sends all that it has when it is back. */
START_TEST(a_silent_node_taps_nobody)
{
	int64_t later_us = now_us() + 60 * S;

	tell(1, 5, T0_US, 0);
	ck_assert(serve(1, later_us));
	check_server_rows(0);
	silence(2);
	silence(0);
	check_server_rows(10);
	ck_assert(!serve(2, later_us + S));
	ck_assert(serve(3, T0_US + S)); /* it was there then */
	check_server_rows(20);
	close_store();
	open_store();
	ck_assert(!serve(4, later_us + 2 * S));
	tell(2, 6, T0_US, T0_US + S);
	check_server_rows(0);
	ck_assert(serve(5, later_us + 3 * S));
}
END_TEST

static bool count_endpoint(void *ctx, struct nt_slice node, const struct nt_batch_endpoint *e)
{
	(void)node;
	(void)e;
	++*(unsigned *)ctx;
	return true;
}

/* A node that left the cluster is not in coverage for ever. */
START_TEST(endpoints_of_a_node_that_died_expire)
{
	unsigned endpoints = 0;
	uint64_t rows;

	tell(1, 5, T0_US, 0);
	ck_assert_int_eq(nt_store_expire(store, now_us() + S, &rows, &err), 0);
	ck_assert_int_eq(nt_store_endpoints(reader, count_endpoint, &endpoints, &err), 0);
	ck_assert_uint_eq(endpoints, 1);
	silence(1);
	ck_assert_int_eq(nt_store_expire(store, T0_US, &rows, &err), 0);
	ck_assert_int_eq(nt_store_endpoints(reader, count_endpoint, &endpoints, &err), 0);
	ck_assert_uint_eq(endpoints, 2);
	ck_assert_int_eq(nt_store_expire(store, now_us() + S, &rows, &err), 0);
	ck_assert_int_eq(nt_store_endpoints(reader, count_endpoint, &endpoints, &err), 0);
	ck_assert_uint_eq(endpoints, 2);
}
END_TEST

/* The host's network has addresses that come and go. */
START_TEST(addresses_of_the_host)
{
	struct nt_batch_endpoint e = endpoint(9, T0_US, 0);
	struct nt_batch_address a = { .ep_id = 9, .since_us = T0_US + 5 * S };
	struct nt_batch batch = store_batch("client", 1, NULL, 0);

	e.origin = NT_ENDPOINT_NODE;
	e.ips_len = 0;
	a.ip = nt_addr_from(4, client_ip);
	batch.endpoints = &e;
	batch.addresses = &a;
	batch.endpoints_len = batch.addresses_len = 1;
	append(&batch, NT_STORE_APPENDED);
	ck_assert(!serve(1, T0_US + S));
	ck_assert(serve(2, T0_US + 5 * S));
	ck_assert(serve(3, T0_US + 60 * S));
	/* It goes and comes back. */
	a.until_us = T0_US + 10 * S;
	batch.seq++;
	append(&batch, NT_STORE_APPENDED);
	check_server_rows(20);
	a.since_us = T0_US + 20 * S;
	a.until_us = 0;
	batch.seq++;
	append(&batch, NT_STORE_APPENDED);
	check_server_rows(10);
	/* The host's taps end, and with them all its addresses. */
	e.until_us = T0_US + 30 * S;
	e.state = NT_ENDPOINT_GONE;
	batch.addresses_len = 0;
	batch.seq++;
	append(&batch, NT_STORE_APPENDED);
	check_server_rows(20);
}
END_TEST

/* The same batch again changes nothing, also when it was decided otherwise meanwhile. */
START_TEST(a_batch_that_comes_again)
{
	struct nt_record r = store_record(1, T0_US + S, "a.test");
	struct nt_batch batch = store_batch("server", 1, &r, 1);

	r.side = NT_SIDE_SERVER;
	append(&batch, NT_STORE_APPENDED);
	tell(1, 5, T0_US, 0);
	append(&batch, NT_STORE_DUPLICATE);
	check_server_rows(0);
}
END_TEST

/* The client's own rows are not touched, whoever is tapped. */
START_TEST(the_clients_side_stays)
{
	struct nt_record r = store_record(1, T0_US + S, "a.test");
	struct nt_store_range range = everything();

	tell(1, 5, T0_US, 0);
	append_records(1, &r, 1);
	ck_assert(serve(1, T0_US + S));
	ck_assert_uint_eq(total(&range).count, 1);
}
END_TEST

START_TEST(folded_rows_expire_early)
{
	uint64_t rows = 0;

	tell(1, 5, T0_US, 0);
	serve(1, T0_US + S);
	ck_assert_uint_eq(nt_store_stats(store).rows, 1);
	ck_assert_int_eq(nt_store_expire(store, 0, &rows, &err), 0);
	ck_assert_uint_eq(nt_store_stats(store).rows, 0); /* T0 is long ago */
	ck_assert_uint_eq(rows, 0);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("ends");

	tcase_add_test(tc, a_tapped_client_is_no_row);
	tcase_add_test(tc, an_untapped_client_is_a_row);
	tcase_add_test(tc, the_news_comes_after_the_row);
	tcase_add_test(tc, only_while_it_is_tapped);
	tcase_add_test(tc, what_ended_stays_ended);
	tcase_add_test(tc, a_row_that_begins_before_the_tap_stays);
	tcase_add_test(tc, a_gap_that_is_not_sure_changes_nothing);
	tcase_add_test(tc, in_a_sure_gap_the_servers_side_is_all_there_is);
	tcase_add_test(tc, a_silent_node_taps_nobody);
	tcase_add_test(tc, endpoints_of_a_node_that_died_expire);
	tcase_add_test(tc, addresses_of_the_host);
	tcase_add_test(tc, a_batch_that_comes_again);
	tcase_add_test(tc, the_clients_side_stays);
	tcase_add_test(tc, folded_rows_expire_early);
	return store_run("store_ends", tc);
}
