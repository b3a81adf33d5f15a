/* SPDX-License-Identifier: Apache-2.0 */
/* Batches that will not be stored: each packet of theirs is stated, once. */
#include "tests/unit/agent_lab.h"

/* Batches are dropped; each packet of theirs is stated, also those stated in a dropped batch. */
START_TEST(spool_full)
{
	config.spool_max_bytes = 4000;
	stop();
	start();
	for (unsigned i = 0; i < 60; i++) {
		Q(.id = i, .lost = i % 7 == 0);
		R(.id = i);
		if (i % 9 == 0)
			packet((struct packet){ .name = NULL });
		pass(1000);
		flush();
		if (i == 30) {
			stop();
			start();
		}
	}
	ck_assert_uint_gt(nt_spool_stats(agent->spool).dropped, 10);
	ck_assert_uint_lt(nt_spool_stats(agent->spool).bytes, 8000);
	settle();
	ck_assert_uint_gt(store.by_reason[NT_REASON_SPOOL_FULL], 50);
	ck_assert_uint_eq(store.endpoint_logged + store.endpoint_unlogged, store.seen);
}
END_TEST

/* The node has another name, under which the former batches are not taken: they are passed over,
 * and when their room is needed each packet of theirs is stated under the new one. */
START_TEST(held_batches_make_room)
{
	uint64_t last, seq;

	config.spool_max_bytes = 4000;
	stop();
	start();
	for (unsigned i = 0; i < 20; i++) {
		Q(.id = i);
		R(.id = i);
		pass(1000);
		flush();
	}
	last = nt_spool_next(agent->spool) - 1;
	stop();
	config.node = "n2";
	start();
	while ((seq = nt_spool_head(agent->spool)) <= last)
		nt_spool_hold(agent->spool, seq, false);
	ck_assert_uint_gt(nt_spool_stats(agent->spool).held, 0);
	ck_assert_uint_eq(agent->rows_now, NT_AGENT_POD_ROWS / 16);
	flush();
	ck_assert_uint_gt(agent->rows_now, NT_AGENT_POD_ROWS / 16); /* they cost no pod its share */
	for (unsigned i = 0; i < 60; i++) {
		Q(.id = i);
		R(.id = i);
		pass(1000);
		flush();
		ck_assert_uint_gt(nt_spool_head(agent->spool), last);
	}
	ck_assert_uint_eq(nt_spool_stats(agent->spool).held, 0);
	settle();
	ck_assert_uint_ge(store.by_reason[NT_REASON_SPOOL_FULL], 40);
}
END_TEST

START_TEST(refused_batch)
{
	ship();
	Q();
	R();
	packet((struct packet){ .name = NULL });
	flush();
	nt_spool_reject(agent->spool, nt_spool_head(agent->spool));
	stop(); /* before it was stated */
	start();
	flush();
	nt_spool_reject(agent->spool, nt_spool_head(agent->spool)); /* the statement itself */
	Q(.id = 2);
	settle();
	ck_assert_uint_eq(store.by_reason[NT_REASON_REJECTED], 3);
	ck_assert_uint_eq(store.logged, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("agent_writeoff");
	TCase *tc = tcase_create("writeoff");

	nt_log_init("test_agent_writeoff", NT_LOG_ERROR);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, spool_full);
	tcase_add_test(tc, held_batches_make_room);
	tcase_add_test(tc, refused_batch);
	suite_add_tcase(suite, tc);
	return run_stories(suite);
}
