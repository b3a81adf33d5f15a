/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hops and deaths in the store: what two nodes wrote of the same lookups, in whichever order it
 * comes, makes the client's row say how long each part took and where what was not answered died.
 */
#include "lib/base/clock.h"
#include "tests/unit/hops_fixture.h"

/* Either node first, or the controller is another process when the second one comes. */
START_TEST(hops_of_one_lookup)
{
	struct nt_record c = store_record(1, T0_US, "a.test"), s = of_server(1, T0_US, "a.test");
	int first = _i & 1;

	measured(&c, 1, 5000);
	measured(&s, 1, 3000);
	hops(&s, 2000, 1000);
	tell(first, T0_US + S, first == CLIENT ? &c : &s, 1);
	if (first == CLIENT)
		ck_assert_str_eq(client_says(0), "0:-1,-1,-1 0 ;");
	if (_i & 2) {
		close_store();
		open_store();
	}
	tell(!first, T0_US + 2 * S, first == CLIENT ? &s : &c, 1);
	if (_i & 2) {
		/* How far apart the clocks are is not known of one that was not heard since. */
		ck_assert_str_eq(client_says(0), "0:-1,-1,-1 0 ;");
		tell(first, T0_US + 3 * S, NULL, 0);
	}
	ck_assert_str_eq(client_says(0), "1:2000,2000,1000 0 ;");
	close_store();
	open_store();
	ck_assert_str_eq(client_says(0), "1:2000,2000,1000 0 ;");
}
END_TEST

START_TEST(both_ends_in_one_batch)
{
	struct nt_record r[2] = { store_record(1, T0_US, "a.test"), of_server(2, T0_US, "a.test") };

	measured(&r[0], 1, 5000);
	measured(&r[1], 1, 3000);
	hops(&r[1], 3000, 0);
	r[1].node = r[0].node;
	append_records(1, r, 2);
	ck_assert_str_eq(client_says(0), "1:2000,3000,0 0 ;");
	ck_assert_uint_eq(nt_store_stats(store).joined_lookups, 1);
}
END_TEST

/* A filter finds what was filled in later; sums of a set stay, its rows share by latency. */
START_TEST(rows_of_a_set_share)
{
	struct nt_record c[2] = { store_record(1, T0_US, "a.test"),
				  store_record(2, T0_US + S, "a.test") };
	struct nt_record s = of_server(1, T0_US, "a.test");
	struct nt_store_range range = everything();
	struct nt_query *q = query("hop_upstream_ns = 12000");

	measured(&c[0], 2, 40000);
	measured(&c[1], 1, 10000);
	c[0].end_us = T0_US + S;
	measured(&s, 3, 40000);
	hops(&s, 10000, 30000);
	s.end_us = T0_US + 2 * S;
	tell(CLIENT, T0_US + FLUSH, c, 2);
	tell(SERVER, T0_US + FLUSH, &s, 1);
	ck_assert_str_eq(client_says(0), "2:8000,8000,24000 0 ;1:2000,2000,6000 0 ;");
	range.filter = q;
	ck_assert_uint_eq(total(&range).count, 2);
	nt_query_free(q);
}
END_TEST

START_TEST(no_hops_where_counts_differ)
{
	struct nt_record c = store_record(1, T0_US, "a.test"), s = of_server(1, T0_US, "a.test");

	measured(&c, 2, 9000);
	measured(&s, 1, 3000);
	hops(&s, 3000, 0);
	tell(CLIENT, T0_US + S, &c, 1);
	tell(SERVER, T0_US + S, &s, 1);
	ck_assert_str_eq(client_says(0), "0:-1,-1,-1 0 ;");
}
END_TEST

/* The server's time is longer than the client's: these were not the same lookups. */
START_TEST(no_hops_below_zero)
{
	struct nt_record c = store_record(1, T0_US, "a.test"), s = of_server(1, T0_US, "a.test");

	measured(&c, 1, 2000);
	measured(&s, 1, 3000);
	tell(CLIENT, T0_US + S, &c, 1);
	tell(SERVER, T0_US + S, &s, 1);
	ck_assert_str_eq(client_says(0), "0:-1,-1,-1 0 ;");
}
END_TEST

START_TEST(network_alone)
{
	struct nt_record c = store_record(1, T0_US, "a.test"), s = of_server(1, T0_US, "a.test");

	measured(&c, 2, 9000);
	measured(&s, 2, 6000);
	s.hop_count = 1; /* of the other one it does not know */
	s.hop_server_ns = 1000;
	s.hop_upstream_ns = 0;
	tell(CLIENT, T0_US + S, &c, 1);
	tell(SERVER, T0_US + S, &s, 1);
	ck_assert_str_eq(client_says(0), "2:3000,-1,-1 0 ;");
}
END_TEST

/* A client that never pauses: each interval is a set when both sides have as many. */
START_TEST(intervals_of_a_busy_client)
{
	for (int i = 0; i < 6; i++) {
		int64_t at = T0_US + i * FLUSH;
		struct nt_record c = store_record((uint64_t)i, at, "a.test");
		struct nt_record s = of_server((uint64_t)i, at + 300, "a.test");

		measured(&c, 500, 500000);
		measured(&s, 500, 400000);
		hops(&s, 400000, 0);
		c.end_us = at + FLUSH - 10 * MS;
		s.end_us = c.end_us - 300;
		tell(CLIENT, at + FLUSH, &c, 1);
		tell(SERVER, at + FLUSH, &s, 1);
	}
	ck_assert_str_eq(client_says(T0_US + 4 * FLUSH),
			 "500:100000,400000,0 0 ;500:100000,400000,0 0 ;");
}
END_TEST

static const struct {
	enum nt_died died;
	const char *reason;
} of_agents[] = {
	{ NT_DIED_SERVER, "" },
	{ NT_DIED_UPSTREAM, "" },
	{ NT_DIED_UNKNOWN, "server_asked_others" },
	{ NT_DIED_UNKNOWN, "packets_lost" },
};

/* The server's node saw it come; what its agent says is the client's, too. */
START_TEST(died_behind_the_servers_veth)
{
	struct nt_record c = store_record(1, T0_US, "a.test"), s = of_server(1, T0_US, "a.test");

	silent(&c, 2);
	silent(&s, 2);
	s.died = of_agents[_i].died;
	s.died_reason = nt_slice_str(of_agents[_i].reason);
	tell(CLIENT, T0_US + 7 * S, &c, 1);
	tell(SERVER, T0_US + 7 * S, &s, 1);
	check_died(0, of_agents[_i].died, of_agents[_i].reason);
}
END_TEST

START_TEST(died_on_the_way_back)
{
	struct nt_record c = store_record(1, T0_US, "a.test"), s = of_server(1, T0_US, "a.test");

	silent(&c, 1);
	measured(&s, 1, 3000);
	tell(SERVER, T0_US + S, &s, 1);
	tell(CLIENT, T0_US + 7 * S, &c, 1);
	check_died(0, NT_DIED_RETURN, "");
}
END_TEST

/* Nobody saw it, and all who answer at that address have told what they saw. */
START_TEST(died_before_the_server)
{
	struct nt_record c = store_record(2, T0_US + 10 * S, "a.test");
	struct nt_clock clock = nt_clock_system();
	int64_t from_us = _i ? nt_clock_real(&clock) / 1000 : T0_US + 20 * S;

	has_met(T0_US);
	silent(&c, 1);
	c.died = NT_DIED_UNKNOWN; /* its agent has a server, too, and that did not see it */
	c.died_reason = NT_SLICE_LIT("not_seen_here");
	tell(CLIENT, T0_US + 17 * S, &c, 1);
	check_died(c.start_us, NT_DIED_UNKNOWN, NT_JOIN_NOT_TOLD);
	tell(SERVER, T0_US + 20 * S, NULL, 0);
	check_died(c.start_us, NT_DIED_UNKNOWN, NT_JOIN_NOT_TOLD);
	if (_i) { /* another process goes on with it */
		close_store();
		open_store();
	}
	check_died(c.start_us, NT_DIED_UNKNOWN, NT_JOIN_NOT_TOLD);
	goes_on(from_us);
	check_died(c.start_us, NT_DIED_BEFORE, "");
	close_store();
	open_store();
	check_died(c.start_us, NT_DIED_BEFORE, "");
}
END_TEST

/* It came after all: the server's node was slower. */
START_TEST(the_servers_word_comes_last)
{
	struct nt_record c = store_record(2, T0_US + 10 * S, "a.test");
	struct nt_record s = of_server(2, T0_US + 10 * S, "a.test");

	has_met(T0_US);
	silent(&c, 1);
	tell(CLIENT, T0_US + 17 * S, &c, 1);
	goes_on(T0_US + 17 * S);
	check_died(c.start_us, NT_DIED_BEFORE, "");
	silent(&s, 1);
	s.died = NT_DIED_SERVER;
	tell(SERVER, T0_US + 60 * S, &s, 1);
	check_died(c.start_us, NT_DIED_SERVER, "");
}
END_TEST

START_TEST(nobody_is_tapped_there)
{
	struct nt_record c = store_record(2, T0_US + 10 * S, "a.test");

	silent(&c, 1);
	tell(CLIENT, T0_US + 17 * S, &c, 1);
	goes_on(T0_US + 17 * S);
	check_died(0, NT_DIED_UNKNOWN, NT_JOIN_NOT_TAPPED);
}
END_TEST

/* What an agent knows for itself stays. */
START_TEST(the_agents_word_stays)
{
	struct nt_record c = store_record(2, T0_US + 10 * S, "a.test");

	silent(&c, 1);
	c.died = NT_DIED_UPSTREAM;
	tell(CLIENT, T0_US + 17 * S, &c, 1);
	check_died(0, NT_DIED_UPSTREAM, "");
}
END_TEST

START_TEST(several_died_at_several_places)
{
	struct nt_record c = store_record(1, T0_US, "a.test");
	struct nt_record s[2] = { of_server(1, T0_US, "a.test"), of_server(2, T0_US, "a.test") };

	silent(&c, 2);
	silent(&s[0], 1);
	s[0].died = NT_DIED_SERVER;
	measured(&s[1], 1, 3000);
	tell(CLIENT, T0_US + 7 * S, &c, 1);
	tell(SERVER, T0_US + 7 * S, s, 2);
	check_died(0, NT_DIED_UNKNOWN, NT_JOIN_SEVERAL);
}
END_TEST

/* Why nobody can be sure that the server did not see it. */
START_TEST(what_is_missing)
{
	static const char *const reasons[] = { NT_JOIN_LOST, NT_JOIN_GAP, NT_JOIN_LOST,
					       NT_JOIN_CLOCK, NT_JOIN_LOST };
	struct nt_record c = store_record(2, T0_US + 10 * S, "a.test");
	struct nt_record lost = store_unlogged(3, T0_US + 10 * S, 4, "ring_full");
	const struct nt_batch_gap gap = { .ep_id = 5, .from_us = T0_US + 5 * S };
	struct nt_batch_endpoint e = { .ep_id = 5,
				       .state = NT_ENDPOINT_TAPPED,
				       .namespace_ = NT_SLICE_LIT("kube-system"),
				       .name = NT_SLICE_LIT("dns-0") };
	struct nt_batch b;

	has_met(T0_US);
	silent(&c, 1);
	tell(CLIENT, T0_US + 17 * S, &c, 1);
	b = next(SERVER, T0_US + 18 * S, NULL, 0);
	if (_i == 0 || _i == 4) {
		lost.client_namespace = e.namespace_;
		lost.client_name = e.name;
		lost.node = b.node;
		if (_i == 4) { /* the client's own node lost something of it */
			lost.client_namespace = c.client_namespace;
			lost.client_name = c.client_name;
			lost.node = c.node;
			seqs[SERVER]--;
			b = next(CLIENT, T0_US + 18 * S, NULL, 0);
		}
		b.records = &lost;
		b.records_len = 1;
	} else if (_i == 1) {
		b.gaps = &gap;
		b.endpoints = &e;
		b.gaps_len = b.endpoints_len = 1;
	} else if (_i == 2) {
		b.seq++; /* a batch is missing */
		seqs[SERVER]++;
	}
	append(&b, NT_STORE_APPENDED);
	if (_i == 3) {
		b = next(SERVER, T0_US + 19 * S, NULL, 0);
		b.clock_offset_us = NT_JOIN_CLOCK_US + 1;
		append(&b, NT_STORE_APPENDED);
	} else {
		goes_on(T0_US + 18 * S);
	}
	check_died(c.start_us, NT_DIED_UNKNOWN, reasons[_i]);
}
END_TEST

/* The same batch again, as after a lost acknowledgement. */
START_TEST(a_batch_that_comes_again)
{
	struct nt_record c = store_record(1, T0_US, "a.test"), s = of_server(1, T0_US, "a.test");
	struct nt_batch b;

	measured(&c, 1, 5000);
	measured(&s, 1, 3000);
	tell(CLIENT, T0_US + S, &c, 1);
	b = next(SERVER, T0_US + S, &s, 1);
	append(&b, NT_STORE_APPENDED);
	append(&b, NT_STORE_DUPLICATE);
	ck_assert_str_eq(client_says(0), "1:2000,-1,-1 0 ;");
	ck_assert_uint_eq(nt_store_stats(store).join_rows, 2);
}
END_TEST

/* Beyond its bound the join forgets the oldest rows, and says so of what it cannot know then. */
START_TEST(what_is_forgotten)
{
	struct nt_join *j = nt_join_new(4, &err);
	struct nt_batch b = store_batch("s", 1, NULL, 0);
	uint64_t first = 0, ticket = 0;

	ck_assert_ptr_nonnull(j);
	nt_join_batch(j, &b, T0_US);
	for (int i = 0; i < 6; i++) {
		struct nt_record r = store_record((uint64_t)i, T0_US, i % 2 ? "a.test" : "b.test");

		ticket = nt_join_add(j, &r);
		first = first ? first : ticket;
	}
	nt_join_settle(j);
	ck_assert_uint_eq(nt_join_stats(j).rows, 4);
	ck_assert_uint_eq(nt_join_stats(j).forgotten, 2);
	nt_join_stored(j, first, 7); /* it is gone */
	ck_assert_uint_eq(nt_join_result(j, ticket).hop_count, 0);
	nt_join_free(j);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("hops");

	tcase_add_loop_test(tc, hops_of_one_lookup, 0, 4);
	tcase_add_test(tc, both_ends_in_one_batch);
	tcase_add_test(tc, rows_of_a_set_share);
	tcase_add_test(tc, no_hops_where_counts_differ);
	tcase_add_test(tc, no_hops_below_zero);
	tcase_add_test(tc, network_alone);
	tcase_add_test(tc, intervals_of_a_busy_client);
	tcase_add_loop_test(tc, died_behind_the_servers_veth, 0, NT_ARRAY_LEN(of_agents));
	tcase_add_test(tc, died_on_the_way_back);
	tcase_add_loop_test(tc, died_before_the_server, 0, 2);
	tcase_add_test(tc, the_servers_word_comes_last);
	tcase_add_test(tc, nobody_is_tapped_there);
	tcase_add_test(tc, the_agents_word_stays);
	tcase_add_test(tc, several_died_at_several_places);
	tcase_add_loop_test(tc, what_is_missing, 0, 5);
	tcase_add_test(tc, a_batch_that_comes_again);
	tcase_add_test(tc, what_is_forgotten);
	return store_run("store_hops", tc);
}
