/* SPDX-License-Identifier: Apache-2.0 */
/* clsact to tcx and back under a flood, beside programs of others, and what others may do to ours:
 * each packet is seen exactly once, and theirs go on. */
#include "tests/bpf/flood.h"
#include "tests/bpf/foreign.h"
#include "tests/bpf/refuse.h"

#include <linux/membarrier.h>
#include <pthread.h>

#include "dataplane/taps/hooks.h"
#include "dataplane/taps/internal.h"
#include "lib/base/clock.h"
#include "tests/unit/suite.h"

static struct nt_taps *taps, *old_way; /* the second one may not use tcx */
static struct nt_pod pod;

static void set_up(void)
{
	struct nt_taps_config config = { .no_tcx = true };
	struct nt_err err = {};

	taps = lab_open(NULL);
	old_way = lab_open(&config);
	pod = flood_pod();
	ck_assert_msg(nt_taps_attach(taps, &pod, &err) == 0, "%s", err.msg);
}

static void tear_down(void)
{
	lab_pod_end("pod", "h0");
	nt_taps_close(old_way);
	lab_remove(taps);
}

static struct nt_hook_state look(void)
{
	struct nt_hook_state state;

	ck_assert_int_eq(nt_hooks_look(taps, &pod, true, &state), 0);
	return state;
}

static void cover(void)
{
	struct nt_err err = {};

	ck_assert_msg(nt_hooks_cover(taps, &pod, &err) == 0, "%s", err.msg);
}

static void check_state(enum nt_hook hook, enum nt_hook_fault fault, bool is_settled)
{
	struct nt_hook_state state = look();

	ck_assert_int_eq(state.hook, hook);
	ck_assert_int_eq(state.fault, fault);
	ck_assert_int_eq(state.is_settled, is_settled);
}

static bool has_pins(void)
{
	return system("ls " LAB_ROOT "/links 2>/dev/null | grep -q .") == 0;
}

static bool has_filters(void)
{
	return system("(tc filter show dev h0 ingress; tc filter show dev h0 egress) | "
		      "grep -q 0x4e540001") == 0;
}

/* --- from one hook to the other --- */

START_TEST(taken_over_and_back_under_a_flood)
{
	struct flood f;

	f = flood_begin();
	for (int i = 0; i < 15; i++) {
		check_state(NT_HOOK_CLSACT, NT_FAULT_NONE, false);
		lab_settle(taps, &pod);
		check_state(NT_HOOK_TCX, NT_FAULT_NONE, true);
		ck_assert(has_pins());
		ck_assert(!has_filters());
		lab_settle(old_way, &pod);
		ck_assert(!has_pins());
		ck_assert(has_filters());
	}
	flood_end(&f);
	flood_check(taps, pod.ep_id);
}
END_TEST

/* Killed at any moment of a take-over, and the next one goes on: nothing is seen twice or not at
 * all. */
START_TEST(killed_while_taking_over)
{
	struct flood f;

	f = flood_begin();
	for (int i = 0; i < 24; i++) {
		struct nt_taps *t = i % 2 ? old_way : taps;
		pid_t pid = fork();
		struct nt_err err = {};

		if (pid == 0)
			_exit(nt_hooks_settle(t, &pod, &err) == 0 ? 0 : 1);
		ck_assert_int_ge(pid, 0);
		poll(NULL, 0, 1 + i * 2);
		kill(pid, SIGKILL);
		ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
		ck_assert_int_eq(look().fault, NT_FAULT_NONE);
		if (i % 6 == 5)
			lab_settle(taps, &pod);
	}
	lab_settle(taps, &pod);
	check_state(NT_HOOK_TCX, NT_FAULT_NONE, true);
	flood_end(&f);
	flood_check(taps, pod.ep_id);
}
END_TEST

START_TEST(settling_twice_changes_nothing)
{
	struct nt_endpoint before, after;

	lab_settle(taps, &pod);
	ck_assert_int_eq(bpf_map_lookup_elem(nt_taps_endpoints_fd(taps), &pod.ifindex, &before), 0);
	ck_assert_uint_eq(before.flags, NT_EP_TCX);
	lab_settle(taps, &pod);
	check_state(NT_HOOK_TCX, NT_FAULT_NONE, true);
	ck_assert_int_eq(bpf_map_lookup_elem(nt_taps_endpoints_fd(taps), &pod.ifindex, &after), 0);
	ck_assert_mem_eq(&before, &after, sizeof(before));
}
END_TEST

/* Without tcx, or as if there were none. */
START_TEST(clsact_is_settled_where_tcx_may_not_be_used)
{
	struct nt_hook_state state;

	ck_assert_int_eq(nt_hooks_look(old_way, &pod, true, &state), 0);
	ck_assert_int_eq(state.hook, NT_HOOK_CLSACT);
	ck_assert(state.is_settled);
	lab_settle(old_way, &pod);
	ck_assert(has_filters());
	ck_assert(!has_pins());
}
END_TEST

/* --- beside others --- */

static const enum foreign_end ends[] = { FOREIGN_NEXT, FOREIGN_OK, FOREIGN_REDIRECT };
#define ENDS 3

/* Where the packet goes anyway: into the host, or out of the link. */
static struct foreign others_program(enum nt_dir dir, enum foreign_end end)
{
	if (end == FOREIGN_REDIRECT && dir == NT_DIR_FROM_POD)
		return foreign_new(end, 1, BPF_F_INGRESS); /* loopback */
	/* A program at egress that redirects to its own link would do so for ever. */
	return foreign_new(end == FOREIGN_REDIRECT ? FOREIGN_OK : end, (int)pod.ifindex, 0);
}

/* A flood that both of us are to see, all of it; or, without is_ours, they alone. Theirs end. */
static void flood_past(struct foreign theirs[NT_DIR_MAX], bool is_ours)
{
	struct flood f = flood_begin();
	__u64 link[NT_DIR_MAX];

	poll(NULL, 0, 300);
	flood_end(&f);
	if (is_ours)
		flood_check(taps, pod.ep_id);
	else
		ck_assert_uint_eq(lab_counters(taps, pod.ep_id).seq[0], 0);
	flood_link(link);
	for (int dir = 0; dir < NT_DIR_MAX; dir++) {
		ck_assert_uint_eq(foreign_seen(&theirs[dir]), link[dir]);
		foreign_free(&theirs[dir]);
	}
}

/* A tcx program of theirs in each direction, before or after ours: we see all, and so do they. */
START_TEST(beside_tcx_programs)
{
	enum foreign_end end = ends[_i / 2];
	bool before = _i % 2;
	struct foreign theirs[NT_DIR_MAX];

	for (int dir = 0; dir < NT_DIR_MAX; dir++) {
		theirs[dir] = others_program(dir, end);
		ck_assert(foreign_tcx(&theirs[dir], pod.ifindex, dir, before));
	}
	lab_settle(taps, &pod); /* before them, whichever came first */
	check_state(NT_HOOK_TCX, NT_FAULT_NONE, true);
	flood_past(theirs, true);
}
END_TEST

/* They come later and go before us. As long as theirs says "next" nothing is missed while we take
 * the head again, also when another one behind us hides all filters. */
START_TEST(gone_before_by_a_tcx_program)
{
	struct foreign theirs[NT_DIR_MAX], last[NT_DIR_MAX];
	__u64 link[NT_DIR_MAX];
	struct flood f;

	lab_settle(taps, &pod);
	f = flood_begin();
	for (int dir = 0; dir < NT_DIR_MAX; dir++) {
		last[dir] = foreign_new(FOREIGN_OK, 0, 0);
		ck_assert(foreign_tcx(&last[dir], pod.ifindex, dir, false));
	}
	for (int round = 0; round < 5; round++) {
		for (int dir = 0; dir < NT_DIR_MAX; dir++) {
			if (round)
				foreign_free(&theirs[dir]);
			theirs[dir] = foreign_new(FOREIGN_NEXT, 0, 0);
			ck_assert(foreign_tcx(&theirs[dir], pod.ifindex, dir, true));
		}
		check_state(NT_HOOK_TCX, NT_FAULT_SHADOWED, false);
		lab_settle(taps, &pod);
		check_state(NT_HOOK_TCX, NT_FAULT_NONE, true);
	}
	flood_end(&f);
	flood_check(taps, pod.ep_id);
	flood_link(link);
	for (int dir = 0; dir < NT_DIR_MAX; dir++) {
		ck_assert_uint_gt(foreign_seen(&theirs[dir]), 0);
		ck_assert_uint_le(foreign_seen(&theirs[dir]), link[dir]);
		ck_assert_uint_gt(foreign_seen(&last[dir]), 0);
		foreign_free(&theirs[dir]);
		foreign_free(&last[dir]);
	}
}
END_TEST

/* Their filters before (priority 1) and after ours (priority 3), while we are a tcx link. */
START_TEST(tcx_beside_filters)
{
	enum foreign_end end = ends[_i / 2];
	struct foreign theirs[NT_DIR_MAX];

	for (int dir = 0; dir < NT_DIR_MAX; dir++) {
		theirs[dir] = others_program(dir, end);
		foreign_filter(&theirs[dir], pod.ifindex, dir, _i % 2 ? 1 : 3);
	}
	lab_settle(taps, &pod);
	check_state(NT_HOOK_TCX, NT_FAULT_NONE, true);
	flood_past(theirs, true);
}
END_TEST

/* Our filters beside theirs: behind ours any, before ours one that says "next". One before ours
 * that ends the chain cannot be helped without tcx: it is said. */
START_TEST(filters_beside_filters)
{
	enum foreign_end end = ends[_i / 2];
	bool before = _i % 2;
	struct foreign theirs[NT_DIR_MAX];
	struct nt_hook_state state;

	for (int dir = 0; dir < NT_DIR_MAX; dir++) {
		theirs[dir] = others_program(dir, end);
		foreign_filter(&theirs[dir], pod.ifindex, dir, before ? 1 : 3);
	}
	ck_assert_int_eq(nt_hooks_look(old_way, &pod, true, &state), 0);
	ck_assert_int_eq(state.fault, before ? NT_FAULT_SHADOWED : NT_FAULT_NONE);
	flood_past(theirs, !before || end == FOREIGN_NEXT);
}
END_TEST

/* --- what others take away --- */

/* As somebody else can: by the link's descriptor, or by its pin. */
static void detach_link(void)
{
	char pin[128];
	int fd;

	snprintf(pin, sizeof(pin), LAB_ROOT "/links/%llu-from_pod", (unsigned long long)pod.ep_id);
	fd = bpf_obj_get(pin);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bpf_link_detach(fd), 0);
	close(fd);
}

START_TEST(link_detached)
{
	lab_settle(taps, &pod);
	detach_link();
	check_state(NT_HOOK_NONE, NT_FAULT_REMOVED, false);
	cover();
	ck_assert_int_eq(look().fault, NT_FAULT_NONE);
	lab_settle(taps, &pod);
	check_state(NT_HOOK_TCX, NT_FAULT_NONE, true);
}
END_TEST

START_TEST(pin_removed)
{
	lab_settle(taps, &pod);
	lab_run("rm " LAB_ROOT "/links/*-to_pod");
	for (int i = 0; i < 500 && look().fault == NT_FAULT_NONE; i++)
		poll(NULL, 0, 10);
	check_state(NT_HOOK_NONE, NT_FAULT_REMOVED, false);
	lab_settle(taps, &pod);
	check_state(NT_HOOK_TCX, NT_FAULT_NONE, true);
}
END_TEST

static const char *const removals[] = {
	"tc filter del dev h0 ingress prio 2",
	"tc filter del dev h0 egress",
	"tc qdisc del dev h0 clsact",
	"tc qdisc del dev h0 clsact && tc qdisc add dev h0 clsact",
};

START_TEST(filter_or_qdisc_removed)
{
	struct nt_hook_state state;
	struct nt_err err = {};

	lab_run(removals[_i]);
	ck_assert_int_eq(nt_hooks_look(old_way, &pod, true, &state), 0);
	ck_assert_int_eq(state.fault, NT_FAULT_REMOVED);
	ck_assert_int_eq(state.hook, NT_HOOK_NONE);
	ck_assert_int_eq(nt_hooks_cover(old_way, &pod, &err), 0);
	ck_assert_int_eq(nt_hooks_look(old_way, &pod, true, &state), 0);
	ck_assert_int_eq(state.fault, NT_FAULT_NONE);
	ck_assert(nt_taps_check(taps, "c1", "eth0", &err) == 0);
}
END_TEST

static void *look_slowly(void *ret)
{
	struct nt_hook_state state;

	*(int *)ret = nt_hooks_look(taps, &pod, true, &state);
	return NULL;
}

/* A DEL that has taken the programs off and has not yet said so was told as "removed by another
 * program", a gap in coverage that was none. */
START_TEST(no_removal_in_the_middle_of_a_del)
{
	pthread_t looker;
	struct nt_err err;
	int lock, r = 1;

	ck_assert_int_eq(nt_taps_lock(LAB_STATE, &lock, &err), 0);
	for (int dir = 0; dir < NT_DIR_MAX; dir++)
		nt_tc_detach(taps, pod.ifindex, dir);
	ck_assert_int_eq(pthread_create(&looker, NULL, look_slowly, &r), 0);
	poll(NULL, 0, 100);
	ck_assert_int_eq(bpf_map_delete_elem(nt_taps_endpoints_fd(taps), &pod.ifindex), 0);
	close(lock);
	ck_assert_int_eq(pthread_join(looker, NULL), 0);
	ck_assert_int_eq(r, -ENOENT);
}
END_TEST

START_TEST(link_gone)
{
	struct nt_hook_state state;

	if (nt_tcx_is_known())
		lab_settle(taps, &pod);
	lab_run("ip link del h0");
	ck_assert_int_eq(nt_hooks_look(taps, &pod, true, &state), 0);
	ck_assert_int_eq(state.fault, NT_FAULT_LINK_GONE);
	lab_run("ip link add h0 type veth peer name h1");
}
END_TEST

/* --- where clsact cannot be --- */

START_TEST(bandwidth_qdisc)
{
	struct nt_pod shaped;
	struct nt_err err = {};
	struct flood f;

	ck_assert_int_eq(nt_taps_detach(taps, "c1", "eth0", 0, &err), 0);
	lab_run("tc qdisc del dev h0 clsact && tc qdisc add dev h0 ingress");
	shaped = pod;
	memcpy(shaped.container_id, "c2", 3);
	ck_assert_int_eq(nt_taps_attach(old_way, &shaped, &err), -EBUSY);
	ck_assert_msg(nt_taps_attach(taps, &shaped, &err) == 0, "%s", err.msg);
	ck_assert(nt_taps_check(taps, "c2", "eth0", &err) == 0);
	pod = shaped;
	check_state(NT_HOOK_TCX, NT_FAULT_NONE, true);
	lab_settle(taps, &pod);
	lab_run("rm -f " LAB_ROOT "/links/none; tc qdisc show dev h0 | grep -q ingress");
	f = flood_begin();
	poll(NULL, 0, 200);
	flood_end(&f);
	ck_assert_uint_gt(lab_counters(taps, pod.ep_id).seq[0], 0);
	ck_assert_uint_gt(lab_counters(taps, pod.ep_id).seq[1], 0);
	detach_link();
	check_state(NT_HOOK_NONE, NT_FAULT_REMOVED, false);
	cover();
	ck_assert_int_eq(look().fault, NT_FAULT_NONE);
	ck_assert_int_eq(nt_taps_detach(taps, "c2", "eth0", 0, &err), 0);
	ck_assert(!has_pins());
}
END_TEST

/* --- the end of a pod --- */

START_TEST(pins_go_with_the_pod)
{
	struct nt_hook_state state;
	struct nt_err err = {};

	lab_settle(taps, &pod);
	ck_assert(has_pins());
	ck_assert_int_eq(nt_taps_check(taps, "c1", "eth0", &err), 0);
	ck_assert_int_eq(nt_taps_detach(taps, "c1", "eth0", 0, &err), 0);
	ck_assert(!has_pins());
	ck_assert_int_eq(nt_hooks_look(taps, &pod, true, &state), -ENOENT);
	ck_assert_int_eq(nt_hooks_settle(taps, &pod, &err), -ENOENT);
	ck_assert(!has_pins());
}
END_TEST

/* A killed process left a pin of a pod that is gone. */
START_TEST(pins_of_nobody_are_swept)
{
	char line[256];

	lab_settle(taps, &pod);
	snprintf(line, sizeof(line),
		 "mv " LAB_ROOT "/links/%llu-from_pod " LAB_ROOT "/links/1-from_pod",
		 (unsigned long long)pod.ep_id);
	lab_run(line);
	nt_hooks_sweep(taps);
	lab_run("test $(ls " LAB_ROOT "/links | wc -l) = 1");
}
END_TEST

static void set_up_without_membarrier(void)
{
	ck_assert_int_eq(refuse_install(refuse_find("membarrier")), 0);
	ck_assert_int_eq(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0), -1);
	set_up();
}

/* Longer than a packet is between two hooks, however fast this machine is: never less than said. */
START_TEST(without_membarrier_it_is_waited)
{
	struct nt_clock clock = nt_clock_system();
	int64_t before_ns = nt_clock_boot(&clock);

	nt_hooks_grace();
	ck_assert_int_ge(nt_clock_boot(&clock) - before_ns, 100 * NT_NS_PER_MS);
}
END_TEST

static void add_with_tcx(TCase *t, const TTest *test, int rounds)
{
	if (nt_tcx_is_known())
		tcase_add_loop_test(t, test, 0, rounds);
	else
		nt_suite_skip(test->name, "the kernel has no tcx");
}

int main(void)
{
	Suite *s = suite_create("hooks");
	TCase *t = tcase_create("hooks"), *slow = tcase_create("hooks_without_membarrier");

	lab_enter();
	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, set_up, tear_down);
	add_with_tcx(t, taken_over_and_back_under_a_flood, 1);
	add_with_tcx(t, killed_while_taking_over, 1);
	add_with_tcx(t, settling_twice_changes_nothing, 1);
	tcase_add_test(t, clsact_is_settled_where_tcx_may_not_be_used);
	add_with_tcx(t, beside_tcx_programs, 2 * ENDS);
	add_with_tcx(t, gone_before_by_a_tcx_program, 1);
	add_with_tcx(t, tcx_beside_filters, 2 * ENDS);
	tcase_add_loop_test(t, filters_beside_filters, 0, 2 * ENDS);
	add_with_tcx(t, link_detached, 1);
	add_with_tcx(t, pin_removed, 1);
	tcase_add_loop_test(t, filter_or_qdisc_removed, 0, 4);
	tcase_add_test(t, no_removal_in_the_middle_of_a_del);
	tcase_add_test(t, link_gone);
	add_with_tcx(t, bandwidth_qdisc, 1);
	add_with_tcx(t, pins_go_with_the_pod, 1);
	add_with_tcx(t, pins_of_nobody_are_swept, 1);
	suite_add_tcase(s, t);
	tcase_set_timeout(slow, 120);
	tcase_add_checked_fixture(slow, set_up_without_membarrier, tear_down);
	tcase_add_test(slow, without_membarrier_it_is_waited);
	add_with_tcx(slow, taken_over_and_back_under_a_flood, 1);
	suite_add_tcase(s, slow);
	return nt_suite_run(s);
}
