/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of the agent under virtual time, over the fake kernel and controller of agent_lab.h. */
#include "tests/unit/agent_lab.h"

START_TEST(one_lookup)
{
	Q();
	pass(3);
	R();
	ck_assert_int_eq(flush(), 1);
	ship();
	ck_assert_uint_eq(store.count, 1);
	ck_assert_uint_eq(store.logged, 2);
	ck_assert_str_eq(store.name, "shop/web-0");
	ck_assert_uint_eq(store.seen, 2);
	ck_assert_uint_eq(store.endpoint_logged, 2);
	ck_assert_uint_eq(store.ranges, 2);
	ck_assert_int_eq(store.state, NT_ENDPOINT_TAPPED);
	ck_assert_int_eq(flush(), 0); /* nothing new, no batch */
	settle();
}
END_TEST

/* A quiet node is no dead one. */
START_TEST(silence_is_broken)
{
	uint64_t batches;

	ship();
	batches = store.batches;
	pass(29000);
	ck_assert_int_eq(flush(), 0);
	pass(1000);
	ck_assert_int_eq(flush(), 1);
	ck_assert_int_eq(flush(), 0);
	ship();
	ck_assert_uint_eq(store.batches, batches + 1);
	settle();
}
END_TEST

START_TEST(first_batch_has_all_endpoints)
{
	ship();
	ck_assert_uint_eq(store.batches, 1);
	ck_assert_uint_eq(store.endpoints, 1);
	stop();
	start();
	ship();
	ck_assert_uint_eq(store.endpoints, 2);
}
END_TEST

START_TEST(a_waiting_query_survives)
{
	Q();
	ck_assert_int_eq(flush(), 1);
	ship();
	ck_assert_uint_eq(store.logged, 0);
	stop();
	pass(100);
	start();
	R();
	flush();
	ship();
	ck_assert_uint_eq(store.count, 1);
	ck_assert_uint_eq(store.logged, 2);
	ck_assert_uint_eq(store.unlogged, 0);
	settle();
}
END_TEST

START_TEST(killed_before_the_flush)
{
	Q();
	flush();
	R();
	Q(.id = 2);
	stop();
	start();
	Q(.id = 3);
	R(.id = 3);
	settle();
	ck_assert_uint_eq(store.by_reason[NT_REASON_AGENT_RESTART], 2);
	ck_assert_uint_eq(store.count, 2); /* the first query is unanswered: its reply was lost */
	ck_assert_uint_eq(store.endpoint_logged + store.endpoint_unlogged, store.seen);
}
END_TEST

START_TEST(killed_and_the_pod_is_gone)
{
	Q();
	flush();
	R();
	Q(.id = 2);
	stop();
	detach(0);
	pass(2000);
	start();
	settle();
	ck_assert_uint_eq(store.by_reason[NT_REASON_AGENT_RESTART], 2);
	ck_assert_str_eq(store.name, "shop/web-0");
	ck_assert_int_eq(store.state, NT_ENDPOINT_GONE);
	ck_assert_uint_eq(kernel.forgotten, 1);
	ck_assert_ptr_null(nt_podtable_find(&agent->pods, kernel.pods[0].ep_id));
}
END_TEST

/* The last batch of a pod is on disk, its record is not forgotten yet: a successor must not take
 * its packets for lost, nor when it finds the record gone. */
START_TEST(killed_between_batch_and_forgetting)
{
	kernel.forget_fails = _i < 2;
	Q();
	R();
	Q(.id = 2);
	flush();
	detach(0);
	pass(10000);
	flush();
	pass(1000);
	flush();
	stop();
	if (_i == 1)
		kernel.there[0] = false; /* forgotten, and nobody could write that down */
	kernel.forget_fails = false;
	start();
	settle();
	ck_assert_uint_eq(store.logged, 3);
	ck_assert_uint_eq(store.unlogged, 0);
	ck_assert_int_eq(store.state, NT_ENDPOINT_GONE);
	ck_assert_uint_eq(agent->pods.map.len, 0);
}
END_TEST

/* A flush between the two writes took such a pod for gone: it was listed with nothing seen for
 * ever, although its packets were logged (once in 200 short pods on a busy machine). */
START_TEST(flushed_while_it_is_being_attached)
{
	kernel.there[0] = false; /* the one that all stories begin with */
	flush();
	ship();
	pass(1);
	add_pod(0);
	kernel.uncounted[0] = true;
	flush();
	ship();
	ck_assert_int_eq(store.state, NT_ENDPOINT_TAPPED);
	kernel.uncounted[0] = false;
	Q();
	R();
	flush();
	ship();
	ck_assert_uint_eq(store.seen, 2);
	detach(0);
	settle();
	ck_assert_uint_eq(store.seen, 2);
	ck_assert_int_eq(store.state, NT_ENDPOINT_GONE);
}
END_TEST

START_TEST(two_agents)
{
	struct nt_agent *second = NULL;

	ck_assert_int_eq(nt_agent_new(&config, &source, &clock_now, &second, &err), -EBUSY);
	ck_assert_ptr_null(second);
}
END_TEST

/* Names of 253 octets that are written as four characters each, in all of the pairing table. */
START_TEST(too_much_for_one_batch)
{
	static struct dns_build b;
	struct nt_event e;
	uint8_t sample[1024];

	for (int pod = 0; pod < PODS; pod++) {
		add_pod(pod);
		for (unsigned i = 0; i < 3800; i++) {
			struct packet p = { .pod = pod, .id = i, .name = "a" };

			put_header(&b, i, 0x0100, 1, 0, 0, 0);
			for (int label = 0; label < 4; label++) {
				unsigned len = label < 3 ? 63 : 60;

				b.wire[b.len++] = (uint8_t)len;
				memset(b.wire + b.len, 1, len);
				b.len += len;
			}
			memcpy(b.wire + 14, &i, 3);
			b.wire[b.len++] = 0;
			put_u16(&b, NT_TYPE_A);
			put_u16(&b, 1);
			put_event(&p, &e, b.len, 1);
			memcpy(sample, &e, sizeof(e));
			memcpy(sample + sizeof(e), b.wire, b.len);
			nt_agent_event(agent, nt_slice_mem(sample, sizeof(e) + b.len));
		}
	}
	settle();
	ck_assert_uint_eq(store.logged, PODS * 3800);
}
END_TEST

/* Written by another binary whose layout is not ours. */
START_TEST(state_of_another_layout)
{
	Q();
	R();
	flush();
	ck_assert_int_eq(
		nt_spool_write(agent->spool, NT_SLICE_LIT(""), NT_SLICE_LIT("other"), &err), 0);
	stop();
	start();
	flush();
	flush();
	nt_spool_acknowledge(agent->spool, 1);
	nt_spool_acknowledge(agent->spool, 2);
	nt_spool_acknowledge(agent->spool, 3);
	settle();
	ck_assert_uint_eq(store.by_reason[NT_REASON_SPOOL_LOST], 2);
}
END_TEST

START_TEST(after_a_reboot)
{
	Q();
	flush();
	stop();
	memset(&kernel.there, 0, sizeof(kernel.there));
	clock_now.virtual_boot_ns = 30 * NT_NS_PER_S;
	source.meta.boot_id[0] = 1;
	start();
	ship();
	ck_assert_uint_eq(store.unanswered, 1);
	ck_assert_uint_eq(store.logged, 1);
	ck_assert_str_eq(store.name, "shop/web-0");
	ck_assert_int_eq(store.state, NT_ENDPOINT_GONE);
}
END_TEST

START_TEST(ring_full)
{
	Q();
	Q(.id = 2, .lost = true);
	Q(.id = 3, .cpu = 1);
	R();
	R(.id = 3, .lost = true);
	settle();
	ck_assert_uint_eq(store.by_reason[NT_LOSS_RING_FULL], 2);
	ck_assert_uint_eq(store.logged, 3);
}
END_TEST

/* A pod that asks new names without end: its rows are bounded, its counts exact, and the other
 * pod's rows are all there, each with its name (T10). The same once more with each lookup its own
 * row. */
START_TEST(a_flood_folds_itself_only)
{
	char name[64];
	unsigned sent = 0;

	stop();
	config.merge = _i == 0;
	config.pod_rows = 160;
	config.flush_rows = 1000;
	start();
	add_pod(1);
	for (unsigned interval = 0; interval < 3; interval++) {
		for (unsigned i = 0; i < 5000; i++) {
			snprintf(name, sizeof(name), "x%u", sent);
			packet((struct packet){ .id = sent & 0xffff, .name = name });
			packet((struct packet){
				.reply = true, .id = sent++ & 0xffff, .name = name });
			if (i % 500)
				continue;
			snprintf(name, sizeof(name), "quiet%u", i);
			packet((struct packet){ .pod = 1, .name = name });
			packet((struct packet){ .reply = true, .pod = 1, .name = name });
		}
		pass(1000);
		flush();
	}
	settle();
	ck_assert_uint_eq(store.count, 15000 + 30);
	ck_assert_uint_eq(store.named_rows[1], 30);
	ck_assert_uint_le(store.named_rows[0], 3 * 160);
	ck_assert_uint_ge(store.named_rows[0], 3 * 159);
	ck_assert_uint_eq(store.folded, 15000 - store.named_rows[0]);
	/* Each name is its own registrable domain: so many of these, then one row of all. */
	ck_assert_uint_eq(store.folded_rows, 3 * (160 / 8 + 1 + 1));
	ck_assert_uint_eq(agent->stats.folded, store.folded);
	/* Largest of the estimates: of some 4,840 names in each interval. */
	ck_assert_uint_gt(store.distinct, 4200);
	ck_assert_uint_lt(store.distinct, 5500);
}
END_TEST

/* The spool fills while the controller is away: the more, the sooner names are folded. */
START_TEST(shares_shrink_with_the_spool)
{
	char name[64];
	unsigned id = 0;

	stop();
	config.pod_rows = 320;
	config.spool_max_bytes = 1 << 20;
	start();
	ck_assert_uint_eq(agent->rows_now, 320);
	for (int i = 0; i < 100; i++) {
		for (int k = 0; k < 400; k++, id++) {
			snprintf(name, sizeof(name), "x%u", id);
			packet((struct packet){ .id = id & 0xffff, .name = name });
			packet((struct packet){ .reply = true, .id = id & 0xffff, .name = name });
		}
		flush();
		ck_assert_uint_le(nt_spool_stats(agent->spool).bytes, 1 << 20);
	}
	ck_assert_uint_eq(agent->rows_now, 20);
	ship();
	settle();
	ck_assert_uint_eq(agent->rows_now, 320);
}
END_TEST

START_TEST(no_message)
{
	Q();
	packet((struct packet){ .name = NULL });
	packet((struct packet){ .name = NULL });
	flush();
	ship();
	ck_assert_uint_eq(store.by_reason[NT_LOSS_UNPARSABLE], 2);
	ck_assert_str_eq(store.error, "the message ends inside a field");
	ck_assert_str_eq(store.name, "shop/web-0");
	settle();
}
END_TEST

START_TEST(ports_decide)
{
	R(.sport = 40000, .dport = 53); /* a "reply" to a DNS port */
	Q(.sport = 53, .dport = 40000);
	flush();
	ship();
	ck_assert_uint_eq(store.by_reason[NT_LOSS_UNPARSABLE], 2);
	ck_assert_str_eq(store.error, "QR bit and ports contradict each other");
	Q(.sport = 53, .dport = 53);
	R(.sport = 53, .dport = 53);
	settle();
	ck_assert_uint_eq(store.count, 1);
}
END_TEST

START_TEST(verdicts)
{
	Q(.verdict = NT_VERDICT_ALLOW);
	R();
	Q(.id = 2, .verdict = NT_VERDICT_DENY, .slot = 7);
	R(.id = 2, .verdict = NT_VERDICT_DENY);
	Q(.id = 3, .verdict = NT_VERDICT_AUDIT, .slot = 7 | NT_SLOT_AUDIT);
	R(.id = 3);
	Q(.id = 4, .verdict = NT_VERDICT_DENY, .slot = 9); /* nobody knows that one any more */
	R(.id = 4, .verdict = NT_VERDICT_DENY);
	Q(.id = 5);
	R(.id = 5);
	flush();
	ship();
	ck_assert_str_eq(store.verdicts, "1  0 1,3 shop/p 3 1,2 shop/p 0 1,3  3 1,");
	settle();
}
END_TEST

/* Dropped, so nothing answers; both segments bear the verdict of their packet. It survives a
 * restart, and a retry never makes it milder. */
START_TEST(verdict_of_what_was_dropped)
{
	Q(.copies = 2, .verdict = NT_VERDICT_UNJUDGEABLE);
	Q(.id = 2, .verdict = NT_VERDICT_DENY, .slot = 7);
	Q(.id = 2, .verdict = NT_VERDICT_ALLOW);
	flush();
	stop();
	start();
	settle();
	ck_assert_str_eq(store.verdicts, "4  -1 1,3 shop/p -1 1,");
	ck_assert_uint_eq(store.unanswered, 2);
}
END_TEST

START_TEST(two_in_one_send)
{
	Q(.copies = 2);
	R();
	settle();
	ck_assert_uint_eq(store.count, 1); /* the same question twice: one is a retry */
	ck_assert_uint_eq(store.logged, 3);
}
END_TEST

START_TEST(role_of_the_whole_interval)
{
	/* Its own forward, before anybody knew that it serves. */
	Q(.id = 9);
	R(.id = 9);
	Q(.server = true);
	R(.server = true);
	flush();
	ship();
	ck_assert_uint_eq(store.count, 2);
	ck_assert_uint_eq(store.resolver_rows, 2);
	stop();
	start();
	Q(.id = 10);
	R(.id = 10);
	flush();
	ship();
	ck_assert_uint_eq(store.resolver_rows, 3); /* remembered */
	settle();
}
END_TEST

START_TEST(late_reply)
{
	Q();
	pass(6000);
	flush();
	R();
	settle();
	ck_assert_uint_eq(store.unanswered, 1);
	ck_assert_uint_eq(store.late, 1);
	ck_assert_uint_eq(store.count, 1);
}
END_TEST

/* What the backlog refused is the pod's, in no sum of DNS packets, and stays when its link goes. */
START_TEST(before_tap)
{
	kernel.links[0] = (struct nt_linkstats){ .before_tap = 3, .rx_packets = 10 };
	Q();
	flush();
	ship();
	ck_assert_uint_eq(store.before_tap, 3);
	/* The agent was there when the pod was attached: all of them are of its time. */
	ck_assert_uint_eq(agent->stats.before_tap, 3);
	kernel.links[0].before_tap = 5;
	ck_assert_int_eq(flush(), 1);
	ship();
	ck_assert_uint_eq(store.before_tap, 5);
	ck_assert_uint_eq(agent->stats.before_tap, 5);
	kernel.links[0].rx_packets = 100; /* alone that is no news */
	ck_assert_int_eq(flush(), 0);
	kernel.links_gone = true;
	ck_assert_int_eq(flush(), 0);
	settle();
	ck_assert_uint_eq(store.before_tap, 5);
	ck_assert_uint_eq(store.unlogged, 0);
}
END_TEST

/* An event of a time that the fake kernel kept. */
static void late_lookup(__u64 time_ns, unsigned id)
{
	int64_t boot_now = clock_now.virtual_boot_ns;

	clock_now.virtual_boot_ns = (int64_t)time_ns;
	Q(.id = id);
	R(.id = id);
	clock_now.virtual_boot_ns = boot_now;
}

/*
 * The agent is killed, what happens waits in the ring for an hour, and the clock was set twice:
 * while the agent lived, and while it was dead. Events get the time of day that it was then; those
 * between the last sample and the first one say that the clock stepped. The same name, and yet not
 * one row.
 */
START_TEST(drained_an_hour_late)
{
	int64_t real_at[3], boot_at[3];

	for (int i = 0; i < 10; i++)
		pass(1000);
	boot_at[0] = clock_now.virtual_boot_ns;
	real_at[0] = clock_now.virtual_real_ns;
	for (int i = 0; i < 10; i++)
		pass(1000);
	clock_now.virtual_real_ns -= 7200 * NT_NS_PER_S;
	for (int i = 0; i < 10; i++)
		pass(1000);
	boot_at[1] = clock_now.virtual_boot_ns;
	real_at[1] = clock_now.virtual_real_ns;
	pass(1000);
	stop();
	config.interval_ns = 5 * NT_NS_PER_S;
	pass(1800000);
	boot_at[2] = clock_now.virtual_boot_ns;
	real_at[2] = clock_now.virtual_real_ns;
	clock_now.virtual_real_ns += 86400 * NT_NS_PER_S;
	pass(1800000);
	start();
	for (unsigned i = 0; i < 3; i++)
		late_lookup((__u64)boot_at[i], i + 1);
	flush();
	ship();
	ck_assert_uint_eq(store.count, 3);
	ck_assert_uint_eq(store.starts_len, 3);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(store.starts[i], real_at[i] / NT_NS_PER_US);
	ck_assert_uint_eq(store.stepped_rows, 1); /* the one while nobody looked at the clock */
	settle();
}
END_TEST

START_TEST(clock_step)
{
	Q();
	R();
	clock_now.virtual_real_ns += NT_NS_PER_S;
	nt_agent_second(agent);
	flush();
	Q(.id = 2);
	R(.id = 2);
	flush();
	ship();
	ck_assert_uint_eq(store.stepped_rows, 1);
	ck_assert_uint_eq(store.count, 2);
}
END_TEST

START_TEST(a_stranger)
{
	struct nt_pod saved = kernel.pods[0];

	Q();
	kernel.pods[0].ep_id = 4711; /* a tombstone that was evicted: nobody knows it */
	kernel.there[0] = false;
	packet((struct packet){ .name = "b", .id = 7 });
	kernel.pods[0] = saved;
	kernel.there[0] = true;
	kernel.counters[0][0].seq[0]--;
	pass(60000);
	flush();
	ship();
	ck_assert_uint_eq(store.logged, 2);
	ck_assert_ptr_null(nt_podtable_find(&agent->pods, 4711));
}
END_TEST

static void limit_files(rlim_t bytes)
{
	struct rlimit limit = { .rlim_cur = bytes, .rlim_max = RLIM_INFINITY };

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

START_TEST(disk_full_for_a_while)
{
	ship();
	limit_files(10);
	for (unsigned i = 0; i < 20; i++) {
		Q(.id = i);
		R(.id = i);
		ck_assert_int_lt(nt_agent_flush(agent, true, &err), 0);
		pass(1000);
	}
	limit_files(RLIM_INFINITY);
	settle();
	ck_assert_uint_eq(store.unlogged, 0);
	ck_assert_uint_eq(store.count, 20);
}
END_TEST

START_TEST(disk_full_beyond_memory)
{
	char name[16];

	config.hold_rows = 10;
	config.flush_rows = 10;
	stop();
	start();
	ship();
	limit_files(10);
	for (unsigned i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		packet((struct packet){ .name = name, .id = i });
		packet((struct packet){ .name = name, .id = i, .reply = true });
	}
	pass(1000);
	ck_assert_int_lt(nt_agent_flush(agent, true, &err), 0);
	limit_files(RLIM_INFINITY);
	settle();
	ck_assert_uint_eq(store.count, 10);
	ck_assert_uint_eq(store.by_reason[NT_REASON_DISK_FULL], 80);
}
END_TEST

START_TEST(many_rows_flush_early)
{
	char name[16];

	config.flush_rows = 10;
	stop();
	start();
	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		packet((struct packet){ .name = name, .id = i });
		packet((struct packet){ .name = name, .id = i, .reply = true });
	}
	ck_assert_uint_ge(agent->stats.early_flushes, 9);
	settle();
	ck_assert_uint_eq(store.count, 100);
	ck_assert_uint_eq(store.unlogged, 0);
}
END_TEST

START_TEST(bad_samples)
{
	nt_agent_event(agent, NT_SLICE_LIT(""));
	nt_agent_event(agent, NT_SLICE_LIT("no event"));
	ck_assert_uint_eq(agent->stats.bad_events, 2);
	settle();
}
END_TEST

/* Any order of packets, losses, flushes, kills, uploads, detached pods: the sums agree. */
START_TEST(anything)
{
	unsigned seed = (unsigned)_i * 2654435761u + 1;
	unsigned next_pod = 1;

	/* Check forks for each test; what the agent has to complain about is the point here. */
	ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr));
	config.spool_max_bytes = 6000;
	config.flush_rows = _i % 2 ? 5 : 0;
	stop();
	start();
	for (int step = 0; step < 600; step++) {
		unsigned dice = (unsigned)rand_r(&seed) % 100;
		int pod = (int)((unsigned)rand_r(&seed) % next_pod);
		unsigned id = (unsigned)rand_r(&seed) % 8, cpu = (unsigned)rand_r(&seed) % CPUS;
		bool tapped = kernel.there[pod] && kernel.pods[pod].state == NT_POD_ATTACHED;

		if (dice < 40 && tapped)
			Q(.pod = pod, .id = id, .cpu = cpu, .lost = dice < 4,
			  .copies = dice % 3 + 1);
		else if (dice < 75 && tapped)
			R(.pod = pod, .id = id, .cpu = cpu, .lost = dice < 45);
		else if (dice < 78 && tapped)
			packet((struct packet){ .pod = pod, .cpu = cpu });
		else if (dice < 90)
			flush();
		else if (dice < 94)
			pass(2500);
		else if (dice < 95)
			ship();
		else if (dice < 97)
			stop(), pass(10), start();
		else if (dice < 98 && nt_spool_head(agent->spool))
			nt_spool_reject(agent->spool, nt_spool_head(agent->spool));
		else if (dice < 99 && next_pod < 4)
			add_pod((int)next_pod++);
		else if (dice == 99 && tapped && step > 300)
			detach(pod);
	}
	settle();
}
END_TEST

static void add_tests(TCase *tc)
{
	tcase_add_test(tc, one_lookup);
	tcase_add_test(tc, silence_is_broken);
	tcase_add_test(tc, first_batch_has_all_endpoints);
	tcase_add_test(tc, a_waiting_query_survives);
	tcase_add_test(tc, killed_before_the_flush);
	tcase_add_test(tc, killed_and_the_pod_is_gone);
	tcase_add_loop_test(tc, killed_between_batch_and_forgetting, 0, 3);
	tcase_add_test(tc, flushed_while_it_is_being_attached);
	tcase_add_test(tc, two_agents);
	tcase_add_test(tc, too_much_for_one_batch);
	tcase_add_test(tc, state_of_another_layout);
	tcase_add_test(tc, after_a_reboot);
	tcase_add_test(tc, ring_full);
	tcase_add_loop_test(tc, a_flood_folds_itself_only, 0, 2);
	tcase_add_test(tc, shares_shrink_with_the_spool);
	tcase_add_test(tc, no_message);
	tcase_add_test(tc, ports_decide);
	tcase_add_test(tc, verdicts);
	tcase_add_test(tc, verdict_of_what_was_dropped);
	tcase_add_test(tc, two_in_one_send);
	tcase_add_test(tc, role_of_the_whole_interval);
	tcase_add_test(tc, late_reply);
	tcase_add_test(tc, before_tap);
	tcase_add_test(tc, clock_step);
	tcase_add_test(tc, drained_an_hour_late);
	tcase_add_test(tc, a_stranger);
	tcase_add_test(tc, disk_full_for_a_while);
	tcase_add_test(tc, disk_full_beyond_memory);
	tcase_add_test(tc, many_rows_flush_early);
	tcase_add_test(tc, bad_samples);
	tcase_add_loop_test(tc, anything, 0, 40);
}

int main(void)
{
	Suite *suite = suite_create("agent");
	TCase *tc = tcase_create("agent");

	nt_log_init("test_agent", NT_LOG_ERROR);
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	add_tests(tc);
	suite_add_tcase(suite, tc);
	return run_stories(suite);
}
