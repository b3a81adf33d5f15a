/* SPDX-License-Identifier: Apache-2.0 */
/* Somebody removes the spool: what waited there is stated as UNLOGGED, and only that. */
#include "tests/unit/agent_lab.h"

static void remove_spool(const char *what)
{
	char command[160];

	snprintf(command, sizeof(command), "rm -rf %s%s", spool_path, what);
	ck_assert_int_eq(system(command), 0);
}

START_TEST(lost_spool)
{
	Q();
	flush();
	stop();
	remove_spool("");
	start();
	Q(.id = 2);
	settle();
	ck_assert_uint_eq(store.by_reason[NT_REASON_SPOOL_LOST], 1);
}
END_TEST

/* The controller is away, the folder or what is in it is removed under a running agent: what waited
 * there is stated, of an earlier agent's batches, too, and of a pod that is gone by then. Once it
 * was lost in silence. */
START_TEST(spool_removed)
{
	ship();
	add_pod(1);
	Q(.pod = 1);
	R(.pod = 1);
	packet((struct packet){ .name = NULL });
	flush();
	stop();
	start();
	Q(.id = 2);
	R(.id = 2);
	flush();
	detach(1);
	pass(2000);
	flush();
	remove_spool(_i ? "/*" : "");
	Q(.id = 3);
	R(.id = 3);
	flush();
	ship(); /* finds what is missing */
	settle();
	ck_assert_uint_eq(store.by_reason[NT_REASON_SPOOL_LOST], 5);
	ck_assert_uint_eq(store.logged, 2);
	ck_assert_uint_eq(store.endpoint_logged, 2);
	ck_assert_uint_eq(store.endpoint_unlogged, 3);
}
END_TEST

/* Removed with what was stated of a batch that had been dropped. */
START_TEST(spool_removed_when_full)
{
	config.spool_max_bytes = 4000;
	stop();
	start();
	for (unsigned i = 0; i < 40; i++) {
		Q(.id = i);
		R(.id = i);
		pass(1000);
		flush();
	}
	ck_assert_uint_gt(nt_spool_stats(agent->spool).dropped, 10);
	ck_assert_uint_eq(store.batches, 0);
	remove_spool("");
	settle();
	ck_assert_uint_eq(store.unlogged, 80);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("agent_lost");
	TCase *tc = tcase_create("lost");

	nt_log_init("test_agent_lost", NT_LOG_ERROR);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, lost_spool);
	tcase_add_loop_test(tc, spool_removed, 0, 2);
	tcase_add_test(tc, spool_removed_when_full);
	suite_add_tcase(suite, tc);
	return run_stories(suite);
}
