/* SPDX-License-Identifier: Apache-2.0 */
/* What the keeper of taps says is in the next batch, once, and again when a gap has ended. */
#include "tests/unit/agent_lab.h"

/* All gaps and the hook of pod 0 in the batches that wait, which are taken. */
static struct {
	unsigned batches;
	enum nt_endpoint_hook hook;
	char gaps[1024];
} shipped;

static void note(const struct nt_batch *b)
{
	shipped.batches++;
	for (size_t i = 0; i < b->endpoints_len; i++)
		shipped.hook = b->endpoints[i].hook;
	for (size_t i = 0; i < b->gaps_len; i++) {
		size_t len = strlen(shipped.gaps);

		snprintf(shipped.gaps + len, sizeof(shipped.gaps) - len, "%lld-%lld %.*s;",
			 (long long)b->gaps[i].from_us, (long long)b->gaps[i].to_us,
			 NT_SLICE_ARG(b->gaps[i].reason));
	}
}

static void ship_gaps(void)
{
	memset(&shipped, 0, sizeof(shipped));
	ship_to(note);
}

static void tapped(enum nt_hook hook, enum nt_hook_fault fault, int64_t from_us, int64_t to_us)
{
	const struct nt_keep_news news = { kernel.pods[0].ep_id, hook, fault, from_us, to_us };

	nt_agent_tapped(agent, &news);
}

START_TEST(hook_is_part_of_coverage)
{
	ship();
	Q();
	R();
	flush();
	ship_gaps();
	tapped(NT_HOOK_CLSACT, NT_FAULT_NONE, 0, 0);
	ck_assert_int_eq(flush(), 1);
	ship_gaps();
	ck_assert_int_eq(shipped.hook, NT_ENDPOINT_HOOK_CLSACT);
	tapped(NT_HOOK_CLSACT, NT_FAULT_NONE, 0, 0);
	ck_assert_int_eq(flush(), 0);
	tapped(NT_HOOK_TCX, NT_FAULT_NONE, 0, 0);
	ck_assert_int_eq(flush(), 1);
	ship_gaps();
	ck_assert_int_eq(shipped.hook, NT_ENDPOINT_HOOK_TCX);
	ck_assert_str_eq(shipped.gaps, "");
}
END_TEST

START_TEST(gap_in_one_interval)
{
	ship_gaps();
	tapped(NT_HOOK_NONE, NT_FAULT_REMOVED, 100, 0);
	tapped(NT_HOOK_CLSACT, NT_FAULT_REMOVED, 100, 130);
	tapped(NT_HOOK_CLSACT, NT_FAULT_SHADOWED, 130, 0);
	ck_assert_int_eq(flush(), 1);
	ship_gaps();
	ck_assert_str_eq(shipped.gaps,
			 "100-130 our program was removed by another program;"
			 "130-0 another program runs before ours and may hide packets;");
	ck_assert_uint_eq(agent->stats.gaps, 2);
	ck_assert_int_eq(flush(), 0);
	/* It ends later. */
	tapped(NT_HOOK_TCX, NT_FAULT_SHADOWED, 130, 900);
	ck_assert_int_eq(flush(), 1);
	ship_gaps();
	ck_assert_str_eq(shipped.gaps,
			 "130-900 another program runs before ours and may hide packets;");
}
END_TEST

START_TEST(gaps_are_bounded)
{
	for (int64_t i = 1; i <= NT_AGENT_GAPS_MAX + 5; i++)
		tapped(NT_HOOK_NONE, NT_FAULT_REMOVED, i, i + 1);
	ck_assert_uint_eq(agent->stats.gaps_dropped, 5);
	flush();
	tapped(NT_HOOK_NONE, NT_FAULT_REMOVED, 1, 2);
	ck_assert_uint_eq(agent->stats.gaps_dropped, 5);
}
END_TEST

/* The pod's record is gone already; its gap is not. */
START_TEST(gap_of_a_pod_that_is_gone)
{
	const struct nt_keep_news news = { 424242, NT_HOOK_NONE, NT_FAULT_LINK_GONE, 5, 9 };

	detach(0);
	settle();
	nt_agent_tapped(agent, &news);
	flush();
	ship_gaps();
	ck_assert_str_eq(shipped.gaps, "5-9 the host link is gone;");
}
END_TEST

/* The batch that told it will not be stored, nor the one that told it again. */
START_TEST(gap_of_a_refused_batch)
{
	ship_gaps();
	tapped(NT_HOOK_NONE, NT_FAULT_REMOVED, 100, 0);
	ck_assert_int_eq(flush(), 1);
	nt_spool_reject(agent->spool, nt_spool_head(agent->spool));
	ck_assert_int_eq(flush(), 1);
	nt_spool_reject(agent->spool, nt_spool_head(agent->spool));
	tapped(NT_HOOK_CLSACT, NT_FAULT_REMOVED, 100, 130);
	tapped(NT_HOOK_NONE, NT_FAULT_SHADOWED, 150, 0);
	ck_assert_int_eq(flush(), 1);
	ship_gaps();
	ck_assert_str_eq(shipped.gaps,
			 "100-130 our program was removed by another program;"
			 "150-0 another program runs before ours and may hide packets;");
	ck_assert_uint_eq(agent->stats.gaps, 2);
	flush();
	ship_gaps();
	ck_assert_str_eq(shipped.gaps, "");
}
END_TEST

/* struct nt_batch_address, of the batches that ship_addresses took. */
static struct nt_buf told;

static void note_addresses(const struct nt_batch *b)
{
	nt_buf_add(&told, b->addresses, b->addresses_len * sizeof(b->addresses[0]));
}

static void ship_addresses(void)
{
	nt_buf_reset(&told);
	ship_to(note_addresses);
}

/* Of the batch that comes after a refused one. */
START_TEST(address_of_a_refused_batch)
{
	const struct nt_addr ip = { 4, { 10, 0, 0, 1 } };
	const struct nt_batch_address *a;

	ship_gaps();
	nt_hostaddrs_look(&agent->hostaddrs, 77, 100, &ip, 1, 200);
	ck_assert_int_eq(flush(), 1);
	ck_assert_uint_eq(agent->hostaddrs.news.len, 0);
	nt_spool_reject(agent->spool, nt_spool_head(agent->spool));
	ck_assert_int_eq(flush(), 1);
	ship_addresses();
	a = (const struct nt_batch_address *)told.p;
	ck_assert_uint_eq(told.len, sizeof(*a));
	ck_assert_uint_eq(a->ep_id, 77);
	ck_assert(nt_addr_eq(&a->ip, &ip));
	ck_assert_int_eq(a->since_us, 100);
	ck_assert_int_eq(a->until_us, 0);
}
END_TEST

static size_t one_address(void *ctx, struct nt_addr *ret_ips, size_t cap)
{
	(void)ctx, (void)cap;
	ret_ips[0] = (struct nt_addr){ 4, { 10, 0, 0, 1 } };
	return 1;
}

/* Told by an agent that is killed then, and once more by its successor: with the same times. */
START_TEST(address_over_a_restart)
{
	const struct nt_batch_address *a;

	ship();
	kernel.pods[0].origin = NT_ORIGIN_NODE;
	snprintf(kernel.pods[0].container_id, sizeof(kernel.pods[0].container_id), "node");
	stop();
	start();
	agent->source.addresses = one_address;
	pass(20000);
	flush();
	((struct nt_batch_address *)agent->hostaddrs.known.p)->since_us = 4242;
	pass(31000);
	agent->source.addresses = NULL;
	ck_assert_int_eq(flush(), 1); /* its state is what a successor finds */
	ship_addresses();
	stop();
	start();
	agent->source.addresses = one_address;
	pass(20000);
	flush();
	ship_addresses();
	a = (const struct nt_batch_address *)told.p;
	ck_assert_uint_eq(told.len, sizeof(*a));
	ck_assert_uint_eq(a->ep_id, kernel.pods[0].ep_id);
	ck_assert_int_eq(a->since_us, 4242);
	ck_assert_int_eq(a->until_us, 0);
	detach(0); /* the host's network is not tapped any more */
	pass(20000);
	flush();
	ship_addresses();
	ck_assert_uint_eq(told.len, sizeof(*a));
	ck_assert_int_eq(a->since_us, 4242);
	ck_assert_int_gt(a->until_us, 4242);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("agent_gaps");
	TCase *tc = tcase_create("gaps");

	nt_log_init("test_agent_gaps", NT_LOG_ERROR);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, hook_is_part_of_coverage);
	tcase_add_test(tc, gap_in_one_interval);
	tcase_add_test(tc, gaps_are_bounded);
	tcase_add_test(tc, gap_of_a_pod_that_is_gone);
	tcase_add_test(tc, gap_of_a_refused_batch);
	tcase_add_test(tc, address_of_a_refused_batch);
	tcase_add_test(tc, address_over_a_restart);
	suite_add_tcase(suite, tc);
	return run_stories(suite);
}
