/* SPDX-License-Identifier: Apache-2.0 */
/* The join's bounds (controller/store/join_own.h): what it forgets, and what it never does. */

#include "controller/store/join_own.h"
#include "tests/unit/store_build.h"
#include "tests/unit/suite.h"

#define S 1000000LL

static struct nt_join *j;
static struct nt_err err;

static void setup(void)
{
	j = nt_join_new(1024, &err);
	ck_assert_ptr_nonnull(j);
}

static void teardown(void)
{
	nt_join_free(j);
}

static struct nt_join_losses *losses(void)
{
	return &j->peers.losses;
}

static void lose(uint64_t pod, int64_t from_us, int64_t to_us, bool gap)
{
	const struct nt_join_span span = { .from_us = from_us, .to_us = to_us, .gap = gap };

	nt_losses_add(losses(), pod, &span, T0_US);
}

static const char *missing(uint64_t pod, int64_t at_us)
{
	const char *reason = nt_losses_missing(losses(), pod, at_us, at_us);

	return reason ? reason : "";
}

/* Once the losses of others pushed it out, and from then on all were lost. */
START_TEST(a_gap_that_lasts_stays)
{
	lose(7, T0_US - 100 * S, NT_JOIN_FOREVER, true);
	for (uint64_t pod = 100; pod < 100 + 3 * NT_JOIN_LOST_PODS; pod++)
		lose(pod, T0_US - 50 * S, T0_US - 50 * S, false);
	ck_assert_str_eq(missing(7, T0_US), NT_JOIN_GAP);
	ck_assert_str_eq(missing(8, T0_US), "");
	/* Of what went nobody knows any more whose it was. */
	ck_assert_str_eq(missing(8, T0_US - 50 * S), NT_JOIN_LOST);
	ck_assert_uint_eq(losses()->pods_len, NT_JOIN_LOST_PODS);
	ck_assert_uint_gt(nt_join_stats(j).peers_forgotten, 2 * NT_JOIN_LOST_PODS);
	lose(7, T0_US - 100 * S, T0_US - 90 * S, true); /* it is over */
	ck_assert_str_eq(missing(7, T0_US), "");
}
END_TEST

START_TEST(gaps_that_last_alone)
{
	for (uint64_t pod = 1; pod <= NT_JOIN_LOST_PODS + 1; pod++)
		lose(pod, T0_US - (int64_t)pod, NT_JOIN_FOREVER, true);
	ck_assert_uint_eq(losses()->forgotten, 1);
	ck_assert_str_eq(missing(NT_JOIN_LOST_PODS + 1, T0_US + 100 * S), NT_JOIN_GAP);
	ck_assert_str_eq(missing(99999, T0_US + 100 * S), "");
	ck_assert_str_eq(missing(99999, T0_US), NT_JOIN_LOST);
}
END_TEST

/* One pod's are of that pod alone, however many: they become longer ones. */
START_TEST(losses_of_one_pod)
{
	lose(7, T0_US - 100 * S, NT_JOIN_FOREVER, true);
	lose(8, T0_US, T0_US, false);
	for (int64_t i = 0; i < 100000; i++)
		lose(7, T0_US + i * 10 * S, T0_US + i * 10 * S, false);
	ck_assert_uint_eq(losses()->pods_len, 2);
	ck_assert_uint_eq(losses()->forgotten, 0);
	ck_assert_str_eq(missing(7, T0_US + 5 * S), NT_JOIN_GAP);
	ck_assert_str_eq(missing(8, T0_US), NT_JOIN_LOST);
	ck_assert_str_eq(missing(8, T0_US + 50 * S), "");
	lose(7, T0_US - 100 * S, T0_US - 90 * S, true);
	ck_assert_str_eq(missing(7, T0_US + 5 * S), NT_JOIN_LOST);
	ck_assert_str_eq(missing(7, T0_US - 50 * S), "");
	ck_assert_str_eq(missing(7, T0_US + 1000001 * S), "");
}
END_TEST

/* --- nodes and servers ------------------------------------------------------------------------ */

/* The batch of a node of that name. */
static void batch_of(const char *node, uint64_t seq, int64_t now_us)
{
	struct nt_batch b = store_batch("s", seq, NULL, 0);

	b.node = nt_slice_str(node);
	b.created_us = now_us;
	nt_join_batch(j, &b, now_us);
}

/* Nodes come and go; who was heard the longest ago gives way, and his place is nobody else's. */
START_TEST(nodes_give_way)
{
	char name[32];
	uint32_t first, kept;

	batch_of("first", 1, T0_US);
	first = j->node;
	batch_of("kept", 1, T0_US + S);
	kept = j->node;
	for (unsigned i = 2; i < NT_JOIN_NODES; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		batch_of(name, 1, T0_US + 2 * S);
	}
	ck_assert(nt_peers_is_heard(&j->peers, first));
	batch_of("new", 1, T0_US + 3 * S);
	ck_assert(!nt_peers_is_heard(&j->peers, first));
	ck_assert(nt_peers_is_heard(&j->peers, kept));
	ck_assert(nt_peers_is_heard(&j->peers, j->node));
	ck_assert_uint_ne(j->node, first);
	batch_of("kept", 2, T0_US + 4 * S);
	ck_assert_uint_eq(j->node, kept);
	ck_assert_uint_eq(nt_join_stats(j).peers_forgotten, 1);
}
END_TEST

static struct nt_end asked_at(uint32_t i)
{
	const uint8_t ip[4] = { 10, 9, (uint8_t)(i >> 8), (uint8_t)i };

	return (struct nt_end){ .server = nt_addr_from(4, ip), .start_us = T0_US };
}

/* Servers, too: a new one is known although there were many before it. */
START_TEST(servers_give_way)
{
	const struct nt_end server = { .pod = 5, .start_us = T0_US };
	struct nt_end first = asked_at(0), kept = asked_at(1), newest = asked_at(NT_JOIN_SERVERS);

	batch_of("n", 1, T0_US);
	for (uint32_t i = 0; i < NT_JOIN_SERVERS; i++) {
		struct nt_end client = asked_at(i);

		j->peers.now_us++;
		nt_peers_met(&j->peers, &client, &server);
	}
	nt_peers_met(&j->peers, &newest, &server);
	ck_assert_int_eq(nt_peers_behind(&j->peers, &newest, &server), NT_BEHIND_IT);
	ck_assert_int_eq(nt_peers_behind(&j->peers, &kept, &server), NT_BEHIND_IT);
	ck_assert_int_eq(nt_peers_behind(&j->peers, &first, &server), NT_BEHIND_UNKNOWN);
	ck_assert_uint_eq(nt_join_stats(j).peers_forgotten, 1);
}
END_TEST

/* --- rows that wait --------------------------------------------------------------------------- */

static uint64_t add(struct nt_record r)
{
	uint64_t ticket = nt_join_add(j, &r);

	nt_join_settle(j);
	return ticket;
}

static struct nt_record of_server(void)
{
	struct nt_record r = store_record(1, T0_US, "met.test");

	r.node = NT_SLICE_LIT("n2");
	r.side = NT_SIDE_SERVER;
	return r;
}

/* The server's node is gone: what waits for its word does not wait for ever. */
START_TEST(a_node_that_is_silent)
{
	uint64_t ticket;

	batch_of("n1", 1, T0_US);
	add(store_record(1, T0_US, "met.test"));
	batch_of("n2", 1, T0_US);
	add(of_server());
	batch_of("n1", 2, T0_US + 7 * S);
	ticket = add(store_unanswered(2, T0_US + S, "a.test", 1));
	ck_assert_str_eq(nt_join_result(j, ticket).reason, NT_JOIN_NOT_TOLD);
	ck_assert_uint_eq(j->waiting_len, 1);
	batch_of("n1", 3, T0_US + NT_JOIN_WAIT_US);
	nt_join_settle(j);
	ck_assert_uint_eq(j->waiting_len, 1);
	batch_of("n1", 4, T0_US + 7 * S + NT_JOIN_WAIT_US);
	nt_join_settle(j);
	ck_assert_str_eq(nt_join_result(j, ticket).reason, NT_JOIN_SILENT);
	ck_assert_uint_eq(j->waiting_len, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("join");
	TCase *tc = tcase_create("bounds");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, a_gap_that_lasts_stays);
	tcase_add_test(tc, gaps_that_last_alone);
	tcase_add_test(tc, losses_of_one_pod);
	tcase_add_test(tc, nodes_give_way);
	tcase_add_test(tc, servers_give_way);
	tcase_add_test(tc, a_node_that_is_silent);
	suite_add_tcase(suite, tc);
	return nt_suite_run(suite);
}
