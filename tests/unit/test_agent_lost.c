/* SPDX-License-Identifier: Apache-2.0 */
/* Somebody removes the spool: what waited there is stated as UNLOGGED, and only that; what only it
 * told of pods, gaps and addresses is told again. */
#include "dataplane/agent/lost.h"

#include <stdarg.h>

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

/* 40 lookups, a batch each: more than the spool takes. */
static void fill(void)
{
	for (unsigned i = 0; i < 40; i++) {
		Q(.id = i);
		R(.id = i);
		pass(1000);
		flush();
	}
	ck_assert_uint_gt(nt_spool_stats(agent->spool).dropped, 10);
}

/* Removed with what was stated of a batch that had been dropped. */
START_TEST(spool_removed_when_full)
{
	config.spool_max_bytes = 4000;
	stop();
	start();
	fill();
	ck_assert_uint_eq(store.batches, 0);
	remove_spool("");
	settle();
	ck_assert_uint_eq(store.unlogged, 80);
}
END_TEST

/* --- what was told once ----------------------------------------------------------------------- */

/* Of the batches that wait, which are taken: endpoints, gaps and addresses, in text. */
static char told[1024];

static void say(const char *format, ...)
{
	size_t len = strlen(told);
	va_list args;

	va_start(args, format);
	vsnprintf(told + len, sizeof(told) - len, format, args);
	va_end(args);
}

static void read_told(const struct nt_batch *b)
{
	for (size_t i = 0; i < b->endpoints_len; i++)
		say("%.*s %d %d+%d;", NT_SLICE_ARG(b->endpoints[i].name), b->endpoints[i].state,
		    (int)b->endpoints[i].logged, (int)b->endpoints[i].unlogged);
	for (size_t i = 0; i < b->gaps_len; i++)
		say("gap %lld-%lld;", (long long)b->gaps[i].from_us, (long long)b->gaps[i].to_us);
	for (size_t i = 0; i < b->addresses_len; i++)
		say("ip .%d %d;", b->addresses[i].ip.octets[3], b->addresses[i].until_us != 0);
	take_batch(b);
}

static void has_told(const char *what)
{
	ck_assert_msg(strstr(told, what) != NULL, "%s is not in %s", what, told);
}

static void ship_told(void)
{
	told[0] = '\0';
	ship_to(read_told);
}

static size_t host_ips;
static size_t fake_addresses(void *ctx, struct nt_addr *ret_ips, size_t cap)
{
	(void)ctx, (void)cap;
	for (size_t i = 0; i < host_ips; i++)
		ret_ips[i] = (struct nt_addr){ .family = 4, .octets = { 192, 0, 2, (uint8_t)i } };
	return host_ips;
}

/* A pod that never asked, a gap, a host's address that came and one that went: once the controller
 * never heard of them. */
START_TEST(what_it_told_is_told_again)
{
	const struct nt_keep_news gap = { kernel.pods[0].ep_id, NT_HOOK_TCX, NT_FAULT_REMOVED, 5,
					  9 };

	kernel.pods[0].origin = NT_ORIGIN_NODE;
	snprintf(kernel.pods[0].container_id, sizeof(kernel.pods[0].container_id), "node");
	host_ips = 2;
	agent->source.addresses = fake_addresses;
	flush();
	ship_told();
	add_pod(1);
	nt_agent_tapped(agent, &gap);
	host_ips = 1;
	pass(20000);
	flush();
	if (_i & 1) { /* the former agent's */
		stop();
		start();
		agent->source.addresses = fake_addresses;
	}
	remove_spool(_i & 2 ? "/0*" : "");
	if (_i & 2)
		ship_told();
	Q();
	flush();
	ship_told();
	has_told("web-1 1 0+0;");
	has_told("gap 5-9;");
	has_told("ip .0 0;");
	has_told("ip .1 1;");
	settle();
}
END_TEST

/* A pod that an earlier agent saw the end of: its name and its totals are known to the next one. */
START_TEST(gone_pod_of_a_former_agent)
{
	add_pod(1);
	Q(.pod = 1);
	R(.pod = 1);
	flush();
	detach(1);
	pass(2000);
	flush();
	ck_assert_uint_eq(kernel.forgotten, 1);
	stop();
	start();
	remove_spool("");
	flush();
	ship_told();
	has_told("web-1 2 0+2;");
	ck_assert_uint_eq(store.by_reason[NT_REASON_SPOOL_LOST], 2);
	ck_assert_str_eq(store.name, "shop/web-1");
	ck_assert_ptr_null(nt_podtable_find(&agent->pods, kernel.pods[1].ep_id));
	settle();
}
END_TEST

/* What was stated of a batch that had been dropped, in a batch of an agent that was killed, of a
 * pod that is silent since: stated again and again, it is still its own. */
START_TEST(restated_before_a_restart)
{
	config.spool_max_bytes = 6000;
	add_pod(1);
	stop();
	start();
	Q(.pod = 1);
	R(.pod = 1);
	fill();
	stop();
	start();
	remove_spool("");
	flush();
	ship_told();
	has_told("web-1 1 0+2;");
	has_told("web-0 1 0+80;");
	settle();
}
END_TEST

/* --- the batch that is being sent ------------------------------------------------------------- */

/* It is sent, the folder goes, the agent is killed: whether the controller has stored it or not,
 * the next agent has the same octets under the same key. */
START_TEST(in_flight_is_there_for_the_next_agent)
{
	_cleanup_buf_ struct nt_buf sent = { 0 }, again = { 0 };
	struct nt_slice batch;
	uint64_t seq;

	ship();
	Q();
	R();
	flush();
	Q(.id = 2);
	R(.id = 2);
	flush();
	seq = nt_spool_head(agent->spool);
	ck_assert_int_eq(nt_spool_send(agent->spool, seq, &batch, &err), 0);
	nt_buf_slice(&sent, batch);
	remove_spool(_i ? "/*" : "");
	flush();
	stop();
	start();
	ck_assert_uint_eq(nt_spool_head(agent->spool), seq);
	ck_assert_int_eq(nt_spool_read(agent->spool, seq, &again, &err), 0);
	ck_assert(nt_slice_eq(nt_slice_mem(sent.p, sent.len), nt_slice_mem(again.p, again.len)));
	settle();
	ck_assert_uint_eq(store.logged, 2);
	ck_assert_uint_eq(store.by_reason[NT_REASON_SPOOL_LOST], 2);
	ck_assert_uint_eq(store.by_reason[NT_REASON_AGENT_RESTART], 0);
}
END_TEST

/* --- a large spool ---------------------------------------------------------------------------- */

/* 3 MiB that a former agent left are not read before the ring is: some at a time, and nothing is
 * dropped before all of it is known. */
START_TEST(former_batches_are_noted_by_and_by)
{
	unsigned turns = 0;
	uint64_t waiting;

	config.pod_rows = 8000;
	stop();
	start();
	for (unsigned i = 0; i < 6; i++) {
		for (unsigned q = 0; q < 7000; q++) {
			char name[56];

			snprintf(name, sizeof(name), "%053u", q);
			packet((struct packet){ .name = name, .pod = 0, .id = q });
			packet((struct packet){ .name = name, .pod = 0, .id = q, .reply = true });
		}
		flush();
	}
	waiting = nt_spool_stats(agent->spool).files;
	ck_assert_uint_gt(nt_spool_stats(agent->spool).bytes, 3 << 20);
	stop();
	ck_assert_int_eq(nt_agent_new(&config, &source, &clock_now, &agent, &err), 0);
	ck_assert_uint_eq(nt_spool_stats(agent->spool).unnoted, waiting);
	while (nt_lost_read_some(agent))
		turns++;
	ck_assert_uint_gt(turns, 1);
	ck_assert_uint_eq(nt_spool_stats(agent->spool).unnoted, 0);
	settle();
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
	tcase_add_loop_test(tc, what_it_told_is_told_again, 0, 4);
	tcase_add_test(tc, gone_pod_of_a_former_agent);
	tcase_add_test(tc, restated_before_a_restart);
	tcase_add_loop_test(tc, in_flight_is_there_for_the_next_agent, 0, 2);
	tcase_add_test(tc, former_batches_are_noted_by_and_by);
	suite_add_tcase(suite, tc);
	return run_stories(suite);
}
