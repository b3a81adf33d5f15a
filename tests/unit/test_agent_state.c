/* SPDX-License-Identifier: Apache-2.0 */
/* The saved state: waiting queries, without what lies behind their names or whole as before; what
 * older agents left. */
#include "dataplane/agent/state.c"

#include <check.h>

#include "lib/base/cleanup.h"
#include "tests/unit/suite.h"

static struct nt_pair_query a_query(const char *name)
{
	struct nt_pair_query q = { .flow = { .owner = 7, .client_port = 40000 },
				   .id = 1,
				   .qtype = 28,
				   .qclass = 1,
				   .edns = { .present = true, .udp_size = 1232, .ede = -1 },
				   .first_ns = 5,
				   .last_ns = 6,
				   .queries = 2,
				   .bytes = 80 };

	ck_assert_int_eq(nt_name_parse(nt_slice_str(name), &q.qname), 0);
	return q;
}

static void check_same(const struct nt_pair_query *a, const struct nt_pair_query *b)
{
	ck_assert(nt_name_eq(&a->qname, &b->qname));
	ck_assert_int_eq(memcmp(a, b, QUERY_HEAD), 0);
	ck_assert_int_eq(memcmp((const char *)a + QUERY_TAIL, (const char *)b + QUERY_TAIL,
				sizeof(*a) - QUERY_TAIL),
			 0);
}

START_TEST(test_both_layouts)
{
	const struct nt_pair_query want[] = { a_query("www.example.com"), a_query(".") };
	struct saving s = { 0 };
	struct state_head h = { .query_size = 1, .short_query_size = sizeof(want[0]) };
	struct nt_pair_query got;
	struct reader r;

	save_query(&s, &want[0]);
	save_query(&s, &want[1]);
	ck_assert_uint_lt(s.parts.queries.len, sizeof(want[0]));
	ck_assert(has_queries(&h));
	r = (struct reader){ .left = { s.parts.queries.p, s.parts.queries.len } };
	for (int i = 0; i < 2; i++) {
		ck_assert(take_query(&r, &h, &got));
		check_same(&got, &want[i]);
	}
	ck_assert(!r.left.len && !take_query(&r, &h, &got) && r.bad);
	h = (struct state_head){ .query_size = sizeof(want[0]) };
	ck_assert(has_queries(&h));
	r = (struct reader){ .left = nt_slice_mem(want, sizeof(want)) };
	for (int i = 0; i < 2; i++) {
		ck_assert(take_query(&r, &h, &got));
		check_same(&got, &want[i]);
	}
	h = (struct state_head){ .query_size = 1, .short_query_size = sizeof(want[0]) + 8 };
	ck_assert(!has_queries(&h));
	parts_done(&s.parts);
	nt_idmap_done(&s.waiting);
	nt_idmap_done(&s.waiting_tcp);
}
END_TEST

/* What agents of versions 1 and 2 left: tallies without what was written off, and nothing told. */
START_TEST(test_tallies_of_older_agents)
{
	const uint64_t tallies[2][4] = { { 7, 1, 2, 3 }, { 8, 4, 5, 6 } };
	struct state_head h = { .magic = "NTSTATE", .tallies_len = 2, .tally_size = 32 };
	_cleanup_(nt_state_holds_done) struct nt_state_holds holds = { 0 };
	_cleanup_buf_ struct nt_buf state = { 0 };
	const struct nt_state_tally *got;
	struct nt_err err;

	h.magic[VERSION_AT] = (char)('1' + _i);
	h.pod_size = sizeof(struct saved_pod);
	h.key_size = sizeof(struct nt_account_saved);
	nt_buf_add(&state, &h, _i ? HEAD_2_LEN : HEAD_1_LEN);
	nt_buf_add(&state, tallies, sizeof(tallies));
	ck_assert_int_eq(nt_state_holds(nt_slice_mem(state.p, state.len), &holds, &err), 0);
	ck_assert_uint_eq(holds.tallies.len, 2 * sizeof(*got));
	got = (const struct nt_state_tally *)holds.tallies.p;
	ck_assert(got[1].ep_id == 8 && got[1].logged == 4 && got[1].unlogged == 5);
	ck_assert(got[1].stream == 6 && got[1].written_off == 0);
	ck_assert(!holds.told.len && !holds.last_us);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("agent_state");
	TCase *t = tcase_create("state");

	tcase_add_test(t, test_both_layouts);
	tcase_add_loop_test(t, test_tallies_of_older_agents, 0, 2);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
