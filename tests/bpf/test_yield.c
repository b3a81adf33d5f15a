/* SPDX-License-Identifier: Apache-2.0 */
/* Stamp and yield: a packet that meets the program twice at one link is seen once, and only while
 * the endpoint says that it may meet it twice (T13). */
#include "tests/bpf/lab.h"
#include "tests/bpf/packet.h"

#include "tests/unit/suite.h"

#define EP_ID 77
#define LOOPBACK 1

static struct nt_taps *taps;
static int prog[NT_DIR_MAX];
static __u32 other_link;

static void put_endpoint(__u32 ifindex, __u32 flags)
{
	struct nt_endpoint ep = { .ep_id = EP_ID, .flags = flags };

	ck_assert_int_eq(bpf_map_update_elem(nt_taps_endpoints_fd(taps), &ifindex, &ep, BPF_ANY),
			 0);
}

static void set_up(void)
{
	struct nt_counters *zero;
	__u64 ep_id = EP_ID;

	taps = lab_open(NULL);
	prog[NT_DIR_FROM_POD] = bpf_obj_get(LAB_ROOT "/" NT_PIN_FROM_POD);
	prog[NT_DIR_TO_POD] = bpf_obj_get(LAB_ROOT "/" NT_PIN_TO_POD);
	zero = calloc((size_t)nt_taps_cpus(taps), sizeof(*zero));
	ck_assert_int_eq(bpf_map_update_elem(nt_taps_counters_fd(taps), &ep_id, zero, BPF_ANY), 0);
	free(zero);
	lab_run("ip link set lo up; ip link add other type veth peer name end; "
		"ip link set other up; ip link set end up");
	other_link = if_nametoindex("other");
}

static void tear_down(void)
{
	lab_run("ip link del other");
	close(prog[0]);
	close(prog[1]);
	lab_remove(taps);
}

/* One pass of a query with that cb; what cb is after it. */
static struct __sk_buff pass(enum nt_dir dir, __u32 ifindex, const __u32 cb[5])
{
	struct packet p = packet_query4();
	struct __sk_buff before = { .ifindex = ifindex }, after = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p.octets, .data_size_in = (__u32)p.len,
		    .ctx_in = &before, .ctx_size_in = sizeof(before), .ctx_out = &after,
		    .ctx_size_out = sizeof(after));

	memcpy(before.cb, cb, sizeof(before.cb));
	ck_assert_int_eq(bpf_prog_test_run_opts(prog[dir], &opts), 0);
	ck_assert_int_eq((int)opts.retval, -1);
	return after;
}

static __u64 seen(enum nt_dir dir)
{
	return lab_counters(taps, EP_ID).seq[dir];
}

static const __u32 clean[5] = { 1, 2, 3, 4, 5 };

START_TEST(seen_once_by_two_hooks)
{
	struct __sk_buff first, second;

	put_endpoint(LOOPBACK, NT_EP_YIELD);
	first = pass(_i, LOOPBACK, clean);
	ck_assert_uint_eq(seen(_i), 1);
	ck_assert_mem_eq(first.cb, clean, 3 * sizeof(clean[0])); /* others may use these */
	second = pass(_i, LOOPBACK, first.cb);
	ck_assert_uint_eq(seen(_i), 1);
	ck_assert_mem_eq(second.cb, first.cb, sizeof(first.cb));
	/* The next packet is another one. */
	(void)pass(_i, LOOPBACK, clean);
	ck_assert_uint_eq(seen(_i), 2);
}
END_TEST

/* What a packet bears from another link, or from its way in the other direction, is stale. */
START_TEST(stale_stamps_are_none)
{
	struct __sk_buff first;

	put_endpoint(LOOPBACK, NT_EP_YIELD);
	put_endpoint(other_link, NT_EP_YIELD);
	first = pass(NT_DIR_FROM_POD, LOOPBACK, clean);
	(void)pass(NT_DIR_FROM_POD, other_link, first.cb);
	ck_assert_uint_eq(seen(NT_DIR_FROM_POD), 2);
	(void)pass(NT_DIR_TO_POD, LOOPBACK, first.cb);
	ck_assert_uint_eq(seen(NT_DIR_TO_POD), 1);
}
END_TEST

/* At other times a stamp means nothing, whoever wrote it, and cb stays as it is. */
START_TEST(no_yield_unless_the_endpoint_says_so)
{
	struct __sk_buff stamped, after;

	put_endpoint(LOOPBACK, NT_EP_YIELD);
	stamped = pass(_i, LOOPBACK, clean);
	put_endpoint(LOOPBACK, NT_EP_TCX);
	(void)pass(_i, LOOPBACK, stamped.cb);
	ck_assert_uint_eq(seen(_i), 2);
	after = pass(_i, LOOPBACK, clean);
	ck_assert_mem_eq(after.cb, clean, sizeof(clean));
	ck_assert_uint_eq(seen(_i), 3);
}
END_TEST

/* Secrets: not zero, not the same for both directions, another one for each root. */
START_TEST(stamps_are_random)
{
	struct nt_meta meta = nt_taps_meta(taps), other;
	struct nt_taps_config config = { .pin_root = LAB "/bpf/other", .state_dir = LAB "/o" };
	struct nt_taps *t = lab_open(&config);
	struct nt_err err = {};

	ck_assert_uint_ne(meta.stamp[0], 0);
	ck_assert_uint_ne(meta.stamp[0], meta.stamp[1]);
	other = nt_taps_meta(t);
	ck_assert_uint_ne(other.stamp[0], meta.stamp[0]);
	nt_taps_close(t);
	ck_assert_int_eq(nt_taps_remove(&config, &err), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("yield");
	TCase *t = tcase_create("yield");

	lab_enter();
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(t, seen_once_by_two_hooks, 0, NT_DIR_MAX);
	tcase_add_test(t, stale_stamps_are_none);
	tcase_add_loop_test(t, no_yield_unless_the_endpoint_says_so, 0, NT_DIR_MAX);
	tcase_add_test(t, stamps_are_random);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
