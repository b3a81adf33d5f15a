/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where counts of both ends agree by chance, and what was said turns out to be wrong: then the
 * store says nothing, or why it does not know. Each case here once said something of other lookups.
 */
#include "tests/unit/hops_fixture.h"

static const uint8_t elsewhere_ip[4] = { 192, 0, 2, 53 };

/* The client asks another server, which nobody taps. */
static void elsewhere(struct nt_record *r)
{
	static struct nt_server server = { .port = 53,
					   .name = { "-", 1 },
					   .name_aggr = { "pub", 3 } };

	server.ip = nt_addr_from(4, elsewhere_ip);
	r->servers = &server;
}

/* The client's node knows which pod answers behind the Service. */
static void translated(struct nt_record *r)
{
	static struct nt_server servers[2];

	servers[0] = r->servers[0];
	servers[1] = servers[0];
	servers[1].ip = nt_addr_from(4, pod_ip);
	r->servers = servers;
	r->servers_len = 2;
}

static void tell_off(int side, int64_t at_us, const struct nt_record *r, int64_t offset_us)
{
	struct nt_batch b = next(side, at_us, r, r ? 1 : 0);

	b.clock_offset_us = offset_us;
	append(&b, NT_STORE_APPENDED);
}

/* Sets meet by time: by clocks that differ other lookups may have met. */
START_TEST(clocks_differ)
{
	struct nt_record c = store_record(1, T0_US, "a.test"), s = of_server(1, T0_US, "a.test");
	int64_t off_us = NT_JOIN_CLOCK_US + (_i & 1 ? 1 : 0);

	measured(&c, 1, 5000);
	measured(&s, 1, 3000);
	if (_i & 2)
		silent(&c, 1);
	if (_i & 4)
		c.clock_step = true;
	tell(CLIENT, T0_US + 7 * S, &c, 1);
	tell_off(SERVER, T0_US + 7 * S, &s, off_us);
	if (!(_i & 2))
		ck_assert_str_eq(client_says(0), _i & 5 ? "0:-1,-1,-1 0 ;" : "1:2000,-1,-1 0 ;");
	else if (_i & 5)
		check_died(0, NT_DIED_UNKNOWN, NT_JOIN_CLOCK);
	else
		check_died(0, NT_DIED_RETURN, "");
}
END_TEST

/* An upload that takes long looks like a clock that is behind. */
START_TEST(a_slow_upload_is_no_clock)
{
	struct nt_record c = store_record(1, T0_US, "a.test"), s = of_server(1, T0_US, "a.test");

	measured(&c, 1, 5000);
	measured(&s, 1, 3000);
	tell_off(CLIENT, T0_US + S, &c, -1000);
	tell_off(SERVER, T0_US - S, NULL, -1000);
	tell_off(SERVER, T0_US + S, &s, -3 * S);
	ck_assert_str_eq(client_says(0), "1:2000,-1,-1 0 ;");
}
END_TEST

/* A client that asks two servers at once, as musl does: one of them, which nobody taps, answers;
 * the other's reply is lost. The client's node may know who answers behind the Service; else nobody
 * can say whose lookup came: the address of the one that is not tapped may be a Service, too. */
START_TEST(two_servers_at_once)
{
	struct nt_record c[2] = { store_record(2, T0_US + 10 * S, "a.test"),
				  store_record(3, T0_US + 10 * S, "a.test") };
	struct nt_record s = of_server(2, T0_US + 10 * S, "a.test");

	if (_i == 0)
		has_met(T0_US);
	measured(&c[0], 1, 5000);
	elsewhere(&c[0]);
	silent(&c[1], 1);
	if (_i == 1)
		translated(&c[1]);
	measured(&s, 1, 3000);
	tell(SERVER, T0_US + 11 * S, &s, 1);
	tell(CLIENT, T0_US + 17 * S, c, 2);
	goes_on(T0_US + 20 * S);
	if (_i == 1)
		ck_assert_str_eq(client_says(T0_US + 10 * S), "0:-1,-1,-1 0 ;0:-1,-1,-1 4 ;");
	else
		ck_assert_str_eq(client_says(T0_US + 10 * S),
				 "0:-1,-1,-1 0 ;0:-1,-1,-1 5 " NT_JOIN_SEVERAL ";");
}
END_TEST

/* The row of what was not answered comes seconds later: until then the other one was all there was,
 * and the server seemed to answer for it. */
START_TEST(hops_of_another_server_are_taken_back)
{
	struct nt_record c[2] = { store_record(2, T0_US, "a.test"),
				  store_record(3, T0_US, "a.test") };
	struct nt_record s = of_server(2, T0_US, "a.test");

	measured(&c[0], 1, 5000);
	elsewhere(&c[0]);
	measured(&s, 1, 3000);
	silent(&c[1], 1);
	translated(&c[1]);
	tell(CLIENT, T0_US + S, c, 1);
	tell(SERVER, T0_US + S, &s, 1);
	ck_assert_str_eq(client_says(0), "1:2000,-1,-1 0 ;");
	tell(CLIENT, T0_US + 7 * S, &c[1], 1);
	ck_assert_str_eq(client_says(0), "0:-1,-1,-1 0 ;0:-1,-1,-1 5 " NT_JOIN_SEVERAL ";");
}
END_TEST

/* Two Services, each with its own pod: each lookup is the one server's. */
START_TEST(two_servers_that_are_tapped)
{
	struct nt_record c[2] = { store_record(2, T0_US, "a.test"),
				  store_record(3, T0_US, "a.test") };
	struct nt_record s[2] = { of_server(2, T0_US, "a.test"), of_server(3, T0_US, "a.test") };
	struct nt_server other = s[1].servers[0];

	measured(&c[0], 1, 9000);
	elsewhere(&c[0]); /* asked directly: its own address */
	measured(&c[1], 1, 5000);
	translated(&c[1]);
	other.ip = nt_addr_from(4, elsewhere_ip);
	other.name = NT_SLICE_LIT("dns-1");
	s[1].servers = &other;
	measured(&s[0], 1, 4000);
	measured(&s[1], 1, 1000);
	tell(CLIENT, T0_US + S, c, 2);
	tell(SERVER, T0_US + S, s, 2);
	ck_assert_str_eq(client_says(0), "1:8000,-1,-1 0 ;1:1000,-1,-1 0 ;");
}
END_TEST

/* A reply after the timeout, some seconds after its query: what it answers died nowhere. Bit 0: the
 * late row comes first; bit 1: one of two came late; bit 2: another process goes on. */
START_TEST(came_late)
{
	uint64_t asked = _i & 2 ? 2 : 1;
	struct nt_record c = store_record(1, T0_US, "a.test"), s = of_server(1, T0_US, "a.test");
	struct nt_record late = store_late(2, T0_US + 9 * S, "a.test", 1);

	silent(&c, asked);
	measured(&s, asked, 3000 * asked);
	tell(SERVER, T0_US + 2 * S, &s, 1);
	if (!(_i & 1)) {
		tell(CLIENT, T0_US + 7 * S, &c, 1);
		check_died(0, NT_DIED_RETURN, "");
	}
	if (_i & 4) {
		close_store();
		open_store();
		tell(SERVER, T0_US + 8 * S, NULL, 0);
	}
	tell(CLIENT, T0_US + 9 * S, &late, 1);
	if (_i & 1)
		tell(CLIENT, T0_US + 10 * S, &c, 1);
	ck_assert_str_eq(client_says(0),
			 _i & 2 ? "0:-1,-1,-1 4 ;0:-1,-1,-1 0 ;" : "0:-1,-1,-1 0 ;0:-1,-1,-1 0 ;");
}
END_TEST

/* What the client's own agent said of it, too. */
START_TEST(came_late_after_the_agents_word)
{
	struct nt_record c = store_record(1, T0_US, "a.test");
	struct nt_record late = store_late(2, T0_US + 9 * S, "a.test", 1);

	silent(&c, 1);
	c.died = _i ? NT_DIED_UNKNOWN : NT_DIED_SERVER;
	c.died_reason = nt_slice_str(_i ? "not_seen_here" : "");
	tell(CLIENT, T0_US + 7 * S, &c, 1);
	check_died(0, c.died, _i ? NT_JOIN_NOT_TAPPED : "");
	tell(CLIENT, T0_US + 9 * S, &late, 1);
	ck_assert_str_eq(client_says(0), "0:-1,-1,-1 0 ;0:-1,-1,-1 0 ;");
}
END_TEST

/* The server's own agent had given it up, too. */
START_TEST(came_late_on_both_sides)
{
	struct nt_record c = store_record(1, T0_US, "a.test");
	struct nt_record s[2] = { of_server(1, T0_US, "a.test"),
				  of_server(2, T0_US + 8 * S, "a.test") };

	silent(&c, 1);
	silent(&s[0], 1);
	s[0].died = NT_DIED_UPSTREAM;
	s[1].count = s[1].queries = s[1].bytes_out = 0;
	s[1].late = true;
	s[1].late_of = 1;
	tell(CLIENT, T0_US + 7 * S, &c, 1);
	tell(SERVER, T0_US + 7 * S, s, 1);
	check_died(0, NT_DIED_UPSTREAM, "");
	tell(SERVER, T0_US + 9 * S, s + 1, 1); /* and then it was lost on its way */
	check_died(0, NT_DIED_RETURN, "");
}
END_TEST

/* Of more rows than are looked at, those that are may agree. */
START_TEST(a_set_of_too_many_rows)
{
	struct nt_record s = of_server(1, T0_US, "a.test"), c[70];

	for (int i = 0; i < 70; i++) {
		c[i] = store_record((uint64_t)i, T0_US + i * 100 * MS, "a.test");
		measured(&c[i], 1, 5000);
		c[i].end_us = c[i].start_us + 200 * MS;
	}
	if (_i)
		silent(&c[69], 1);
	tell(CLIENT, T0_US + 7 * S, c, 70);
	measured(&s, 63, 63 * 3000);
	s.start_us = c[69].start_us;
	tell(SERVER, T0_US + 8 * S, &s, 1);
	ck_assert_str_eq(client_says(c[69].start_us),
			 _i ? "0:-1,-1,-1 5 " NT_JOIN_FORGOTTEN ";" : "0:-1,-1,-1 0 ;");
}
END_TEST

/* Another process reads the newest rows again: what began before them may lack a row, and so the
 * server's answer may have been another lookup's. */
START_TEST(half_a_set_after_a_start)
{
	int64_t first_us = T0_US - 120 * S;
	struct nt_record s = of_server(1, first_us + 500 * MS, "a.test");
	struct nt_record newest = of_server(2, T0_US, "b.test");
	struct nt_record c = store_record(1, first_us + 800 * MS, "a.test");

	measured(&s, 1, 3000);
	tell(SERVER, first_us + S, &s, 1);
	tell(SERVER, T0_US, &newest, 1);
	close_store();
	open_store();
	tell(SERVER, T0_US + S, NULL, 0);
	silent(&c, 1);
	tell(CLIENT, T0_US + S, &c, 1);
	check_died(0, NT_DIED_UNKNOWN, NT_JOIN_FORGOTTEN);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("doubt");

	tcase_add_loop_test(tc, clocks_differ, 0, 8);
	tcase_add_test(tc, a_slow_upload_is_no_clock);
	tcase_add_loop_test(tc, two_servers_at_once, 0, 3);
	tcase_add_test(tc, hops_of_another_server_are_taken_back);
	tcase_add_test(tc, two_servers_that_are_tapped);
	tcase_add_loop_test(tc, came_late, 0, 8);
	tcase_add_loop_test(tc, came_late_after_the_agents_word, 0, 2);
	tcase_add_test(tc, came_late_on_both_sides);
	tcase_add_loop_test(tc, a_set_of_too_many_rows, 0, 2);
	tcase_add_test(tc, half_a_set_after_a_start);
	return store_run("store_doubt", tc);
}
