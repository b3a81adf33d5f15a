/* SPDX-License-Identifier: Apache-2.0 */
/* Keeping taps in place, against a fake kernel under virtual time: which gaps are stated, from when
 * to when; links are taken over; two programs that want the head do not fight for ever. */
#include "dataplane/agent/keep.h"

#include <check.h>
#include <string.h>

#include "tests/unit/suite.h"

#define PODS 4
#define MS NT_NS_PER_MS

struct tap {
	bool attached, gone;
	bool filter, link; /* ours, in both directions */
	bool behind; /* another's program runs before ours */
	bool rival; /* puts itself before ours whenever we move */
	bool refuses; /* attaching fails */
	bool yields;
	bool unmarked; /* host: until covered */
	bool host; /* of the host's network: what one of these has, all have */
};

static struct {
	struct tap taps[PODS];
	bool has_tcx;
	unsigned looks, covers, settles, graces, sweeps;
} kernel;

static struct {
	struct nt_keep_news list[256];
	unsigned len;
} news;

static struct nt_clock clock_now;
static struct nt_keep *keep;

static int64_t now_us(void)
{
	return clock_now.virtual_real_ns / NT_NS_PER_US;
}

static struct tap *tap_of(const struct nt_pod *pod)
{
	return &kernel.taps[pod->ep_id - 1];
}

static int fake_list(void *ctx, nt_hooks_list_fn *fn, void *fn_ctx, struct nt_err *err)
{
	(void)ctx, (void)err;
	for (unsigned i = 0; i < PODS; i++)
		if (kernel.taps[i].attached && !fn(fn_ctx, 100 + i, i + 1))
			break;
	return 0;
}

static int fake_pod(void *ctx, uint64_t ep_id, struct nt_pod *ret_pod)
{
	(void)ctx;
	*ret_pod = (struct nt_pod){ .ep_id = ep_id,
				    .ifindex = (__u32)(99 + ep_id),
				    .origin = kernel.taps[ep_id - 1].host ? NT_ORIGIN_NODE : 0,
				    .attach_real_ns = (__u64)clock_now.virtual_real_ns };
	return 0;
}

static int fake_look(void *ctx, const struct nt_pod *pod, bool filters,
		     struct nt_hook_state *ret_state)
{
	const struct tap *t = tap_of(pod);
	struct nt_hook_state s = { .yields = t->yields };

	(void)ctx, (void)filters;
	kernel.looks++;
	if (!t->attached)
		return -ENOENT;
	s.hook = t->link ? NT_HOOK_TCX : t->filter ? NT_HOOK_CLSACT : NT_HOOK_NONE;
	if (t->gone)
		s = (struct nt_hook_state){ .fault = NT_FAULT_LINK_GONE };
	else if (!t->link && !t->filter)
		s.fault = NT_FAULT_REMOVED;
	else if (t->behind)
		s.fault = NT_FAULT_SHADOWED;
	else if (t->unmarked)
		s.fault = NT_FAULT_UNMARKED;
	if (t->host) {
		s.hook = NT_HOOK_NONE;
		s.is_settled = true;
	} else
		s.is_settled = kernel.has_tcx ? t->link && !t->filter && !t->behind : t->filter;
	*ret_state = s;
	return 0;
}

static int fake_cover(void *ctx, const struct nt_pod *pod, struct nt_err *err)
{
	struct tap *t = tap_of(pod);

	(void)ctx;
	kernel.covers++;
	if (t->refuses)
		return nt_err_set(err, EBUSY, "no room");
	t->filter = true;
	for (unsigned i = 0; i < PODS; i++) {
		kernel.taps[i].filter |= t->host && kernel.taps[i].host;
		kernel.taps[i].unmarked &= !t->host;
	}
	return 0;
}

static int fake_settle(void *ctx, const struct nt_pod *pod, struct nt_err *err)
{
	struct tap *t = tap_of(pod);

	(void)ctx;
	kernel.settles++;
	if (t->refuses)
		return nt_err_set(err, EBUSY, "no room");
	t->link = kernel.has_tcx;
	t->filter = !kernel.has_tcx;
	t->behind = false;
	t->yields = true;
	return 0;
}

static int fake_calm(void *ctx, const struct nt_pod *pod, struct nt_err *err)
{
	(void)ctx, (void)err;
	tap_of(pod)->yields = false;
	return 0;
}

static void fake_grace(void *ctx)
{
	(void)ctx;
	kernel.graces++;
}

static void fake_sweep(void *ctx)
{
	(void)ctx;
	kernel.sweeps++;
}

static void on_news(void *ctx, const struct nt_keep_news *n)
{
	(void)ctx;
	ck_assert_uint_lt(news.len, 256);
	news.list[news.len++] = *n;
}

static void start(int64_t verified_us)
{
	const struct nt_keep_ops ops = { .list = fake_list,
					 .pod = fake_pod,
					 .look = fake_look,
					 .cover = fake_cover,
					 .settle = fake_settle,
					 .calm = fake_calm,
					 .grace = fake_grace,
					 .sweep = fake_sweep };

	keep = nt_keep_new(&ops, &clock_now, verified_us, on_news, NULL, NULL);
	ck_assert_ptr_nonnull(keep);
}

/* Rounds of 100 ms, as the thread makes them. */
static void pass(int64_t ms)
{
	for (; ms > 0; ms -= 100) {
		clock_now.virtual_boot_ns += 100 * MS;
		clock_now.virtual_real_ns += 100 * MS;
		for (unsigned i = 0; i < PODS; i++)
			if (kernel.taps[i].rival && !kernel.taps[i].behind)
				kernel.taps[i].behind = true;
		nt_keep_round(keep);
		while (nt_keep_work(keep))
			;
	}
}

/* A message about the pod comes with the next round. */
static void told(unsigned i)
{
	clock_now.virtual_boot_ns += 100 * MS;
	clock_now.virtual_real_ns += 100 * MS;
	nt_keep_round(keep);
	nt_keep_touch(keep, 100 + i);
	while (nt_keep_work(keep))
		;
}

static void setup(void)
{
	memset(&kernel, 0, sizeof(kernel));
	memset(&news, 0, sizeof(news));
	kernel.has_tcx = true;
	clock_now = nt_clock_virtual(1000 * NT_NS_PER_S, 1700000000 * NT_NS_PER_S);
	kernel.taps[0] = (struct tap){ .attached = true, .filter = true };
	start(0);
}

static void teardown(void)
{
	nt_keep_free(keep);
}

/* The n-th statement of a gap. */
static struct nt_keep_news gap(unsigned n)
{
	for (unsigned i = 0; i < news.len; i++)
		if (news.list[i].fault && n-- == 0)
			return news.list[i];
	ck_abort_msg("there is no such gap");
}

static unsigned gaps(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < news.len; i++)
		n += news.list[i].fault != NT_FAULT_NONE;
	return n;
}

START_TEST(taken_over_to_tcx)
{
	pass(500);
	ck_assert(kernel.taps[0].link && !kernel.taps[0].filter && !kernel.taps[0].yields);
	ck_assert_uint_eq(kernel.settles, 1);
	ck_assert_uint_eq(kernel.graces, 1);
	ck_assert_uint_eq(gaps(), 0);
	ck_assert_int_eq(news.list[news.len - 1].hook, NT_HOOK_TCX);
	ck_assert_uint_eq(nt_keep_stats(keep).tcx, 1);
	pass(60000);
	ck_assert_uint_eq(kernel.settles, 1);
	ck_assert_uint_eq(news.len, 2); /* clsact, then tcx */
	ck_assert_uint_ge(kernel.sweeps, 6);
}
END_TEST

START_TEST(all_pods_are_taken_over)
{
	for (unsigned i = 1; i < PODS; i++)
		kernel.taps[i] = (struct tap){ .attached = true, .filter = true };
	pass(1500);
	ck_assert_uint_eq(nt_keep_stats(keep).tcx, PODS);
	/* One grace period for all that came at once. */
	ck_assert_uint_eq(kernel.graces, 1);
}
END_TEST

/* The node and the pods in its network have the same programs: repaired for one of them they are
 * repaired for all, and each of them had the gap, whenever it was to be looked at. */
START_TEST(host_network_detached)
{
	bool open[PODS] = { false }, closed[PODS] = { false };

	for (unsigned i = 1; i < PODS; i++) {
		pass(700);
		kernel.taps[i] = (struct tap){ .attached = true, .filter = true, .host = true };
	}
	pass(3000);
	ck_assert_uint_eq(nt_keep_stats(keep).kept, 1); /* pods with a link */
	ck_assert_uint_eq(gaps(), 0);
	for (unsigned i = 1; i < PODS; i++)
		kernel.taps[i].filter = false;
	pass(1000);
	for (unsigned i = 0; i < gaps(); i++) {
		struct nt_keep_news n = gap(i);

		ck_assert_uint_gt(n.ep_id, 1);
		ck_assert_int_eq(n.fault, NT_FAULT_REMOVED);
		open[n.ep_id - 1] |= !n.to_us;
		closed[n.ep_id - 1] |= n.to_us > n.from_us;
	}
	for (unsigned i = 1; i < PODS; i++)
		ck_assert(kernel.taps[i].filter && open[i] && closed[i]);
	ck_assert_uint_eq(gaps(), 2 * (PODS - 1));
	ck_assert_uint_eq(kernel.settles, 1); /* of the pod's link */
}
END_TEST

/* What a former agent left attached did not see all while it was away: each has that gap, which
 * ends with the first look. */
START_TEST(host_network_unmarked)
{
	for (unsigned i = 1; i < PODS; i++)
		kernel.taps[i] = (struct tap){
			.attached = true, .filter = true, .host = true, .unmarked = true
		};
	pass(3000);
	ck_assert_uint_eq(gaps(), 2 * (PODS - 1));
	for (unsigned i = 0; i < gaps(); i++) {
		ck_assert_uint_gt(gap(i).ep_id, 1);
		ck_assert_int_eq(gap(i).fault, NT_FAULT_UNMARKED);
		ck_assert_int_eq(gap(i).to_us != 0, i >= PODS - 1);
	}
}
END_TEST

/* Nobody tells of a link that is detached: the gap begins with the last look. */
START_TEST(link_detached)
{
	int64_t looked_us;
	struct nt_keep_news open, closed;

	pass(2000);
	looked_us = now_us();
	kernel.taps[0].link = false;
	pass(500);
	ck_assert(kernel.taps[0].link);
	ck_assert_uint_eq(gaps(), 2);
	open = gap(0);
	closed = gap(1);
	ck_assert_int_eq(open.fault, NT_FAULT_REMOVED);
	ck_assert_int_eq(open.to_us, 0);
	ck_assert_int_le(open.from_us, looked_us);
	ck_assert_int_ge(open.from_us, looked_us - NT_KEEP_LOOK_NS / NT_NS_PER_US);
	ck_assert_int_eq(closed.from_us, open.from_us);
	ck_assert_int_ge(closed.to_us, looked_us);
	ck_assert_int_le(closed.to_us, looked_us + 500000);
	ck_assert_uint_eq(nt_keep_stats(keep).removed, 1);
}
END_TEST

/* Of a filter netlink tells: the gap begins when the last round had nothing to read. */
START_TEST(filter_removed)
{
	int64_t removed_us;

	kernel.has_tcx = false;
	pass(3000);
	removed_us = now_us();
	kernel.taps[0].filter = false;
	told(0);
	ck_assert(kernel.taps[0].filter);
	ck_assert_uint_eq(gaps(), 2);
	ck_assert_int_eq(gap(0).from_us, removed_us);
	ck_assert_int_eq(gap(1).to_us, now_us());
	ck_assert_int_eq(news.list[news.len - 1].hook, NT_HOOK_CLSACT);
	/* Without a message it is found, too, by the look that is due; the gap is longer then. */
	kernel.taps[0].filter = false;
	pass(NT_KEEP_LOOK_FILTER_NS / MS + 100);
	ck_assert(kernel.taps[0].filter);
	ck_assert_uint_eq(gaps(), 4);
	/* Messages were lost: everything is looked at. */
	kernel.taps[0].filter = false;
	nt_keep_touch_all(keep);
	pass(100);
	ck_assert(kernel.taps[0].filter);
}
END_TEST

START_TEST(repair_that_fails_is_tried_again)
{
	pass(1000);
	kernel.taps[0].link = false;
	kernel.taps[0].refuses = true;
	kernel.covers = 0;
	pass(1000);
	ck_assert_uint_ge(kernel.covers, 2); /* once more within a second */
	pass(9000);
	ck_assert_uint_ge(kernel.covers, 4);
	ck_assert_uint_le(kernel.covers, 7); /* each time later */
	ck_assert_uint_eq(gaps(), 1); /* it lasts */
	kernel.taps[0].refuses = false;
	pass(65000);
	ck_assert(kernel.taps[0].link);
	ck_assert_uint_eq(gaps(), 2);
}
END_TEST

START_TEST(gone_before)
{
	pass(1000);
	kernel.taps[0].behind = true;
	pass(500);
	ck_assert(!kernel.taps[0].behind);
	ck_assert_uint_eq(gaps(), 2);
	ck_assert_int_eq(gap(0).fault, NT_FAULT_SHADOWED);
	ck_assert_int_ge(gap(1).to_us, gap(1).from_us);
}
END_TEST

/* Somebody else wants the head as well. */
START_TEST(no_fight_for_ever)
{
	pass(1000);
	kernel.settles = 0;
	kernel.taps[0].rival = true;
	pass(120000);
	ck_assert_uint_ge(kernel.settles, 4);
	ck_assert_uint_le(kernel.settles, 9);
	/* And one that only runs before a filter, where there is no tcx, is said and left. */
	kernel.has_tcx = false;
	kernel.taps[0] = (struct tap){ .attached = true, .filter = true, .behind = true };
	kernel.settles = 0;
	pass(10000);
	ck_assert_uint_eq(kernel.settles, 0);
	ck_assert_int_eq(news.list[news.len - 1].fault, NT_FAULT_SHADOWED);
	ck_assert_int_eq(news.list[news.len - 1].to_us, 0);
}
END_TEST

START_TEST(pod_that_ends)
{
	pass(1000);
	kernel.taps[0].gone = true;
	told(0);
	ck_assert_int_eq(gap(0).fault, NT_FAULT_LINK_GONE);
	kernel.taps[0].attached = false;
	pass(2000);
	ck_assert_uint_eq(gaps(), 2);
	ck_assert_int_ge(gap(1).to_us, gap(1).from_us);
	ck_assert_uint_eq(nt_keep_stats(keep).kept, 0);
}
END_TEST

/* Its filter was gone before the first look: since its attachment, or since a former agent was
 * there. */
START_TEST(not_tapped_at_the_start)
{
	int64_t attached_us = now_us();

	kernel.taps[0].filter = false;
	pass(100);
	ck_assert_int_le(gap(0).from_us, attached_us + 100000);
	nt_keep_free(keep);
	memset(&news, 0, sizeof(news));
	kernel.taps[0] = (struct tap){ .attached = true };
	start(now_us() + 50000);
	pass(100);
	ck_assert_int_le(gap(0).from_us, now_us());
	ck_assert_int_ge(gap(0).from_us, attached_us + 100000);
}
END_TEST

/* The end of the pod's gap that began then; 0: it was not said. */
static int64_t end_of(uint64_t ep_id, int64_t from_us)
{
	int64_t to_us = 0;

	for (unsigned i = 0; i < news.len; i++)
		if (news.list[i].fault && news.list[i].ep_id == ep_id) {
			ck_assert_int_eq(news.list[i].from_us, from_us);
			ck_assert_int_eq(to_us, 0);
			to_us = news.list[i].to_us;
		}
	return to_us;
}

/* A killed agent found three gaps and saw the end of none: one pod is in order by now, one is gone,
 * the third one's lasts. */
START_TEST(gaps_of_a_killed_agent)
{
	const struct nt_keep_news left[] = { { 1, NT_HOOK_NONE, NT_FAULT_REMOVED, 500, 0 },
					     { 2, NT_HOOK_TCX, NT_FAULT_SHADOWED, 600, 0 },
					     { 4, NT_HOOK_NONE, NT_FAULT_REMOVED, 700, 0 } };

	nt_keep_free(keep);
	start(now_us());
	kernel.has_tcx = false;
	kernel.taps[1] = (struct tap){ .attached = true, .filter = true, .behind = true };
	ck_assert_int_eq(nt_keep_resume(keep, left, 3, NULL), 0);
	pass(100);
	ck_assert_int_eq(end_of(1, 500), now_us());
	ck_assert_int_eq(end_of(2, 600), 0);
	ck_assert_int_eq(end_of(4, 700), now_us());
	kernel.taps[1].behind = false;
	pass(NT_KEEP_LOOK_FILTER_NS / MS);
	ck_assert_int_gt(end_of(2, 600), end_of(1, 500));
	ck_assert_int_le(end_of(2, 600), now_us());
}
END_TEST

int main(void)
{
	Suite *s = suite_create("agent_keep");
	TCase *t = tcase_create("keep");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, taken_over_to_tcx);
	tcase_add_test(t, all_pods_are_taken_over);
	tcase_add_test(t, host_network_detached);
	tcase_add_test(t, host_network_unmarked);
	tcase_add_test(t, link_detached);
	tcase_add_test(t, filter_removed);
	tcase_add_test(t, repair_that_fails_is_tried_again);
	tcase_add_test(t, gone_before);
	tcase_add_test(t, no_fight_for_ever);
	tcase_add_test(t, pod_that_ends);
	tcase_add_test(t, not_tapped_at_the_start);
	tcase_add_test(t, gaps_of_a_killed_agent);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
