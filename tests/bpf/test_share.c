/* SPDX-License-Identifier: Apache-2.0 */
/* The share of the ring: no pod takes what is not free, whoever reads or does not; losses exact. */
#include "tests/bpf/lab.h"
#include "tests/bpf/packet.h"

#include <linux/bpf.h>

#include "tests/unit/suite.h"

#define PODS 6
#define RING 65536

static struct nt_taps *taps;
static struct lab_ring *ring;
static int prog[NT_DIR_MAX];
static __u32 ifindex[PODS];

static __u64 ep_of(int pod)
{
	return 100 + (__u64)pod;
}

static void write_endpoint(int pod)
{
	struct nt_counters *zero = calloc((size_t)nt_taps_cpus(taps), sizeof(*zero));
	struct nt_endpoint ep = { .ep_id = ep_of(pod) };
	char line[128], name[16];
	__u64 ep_id = ep_of(pod);

	snprintf(name, sizeof(name), "share%d", pod);
	ifindex[pod] = if_nametoindex(name);
	if (!ifindex[pod]) {
		snprintf(line, sizeof(line), "ip link add %s type veth peer name peer%d", name,
			 pod);
		lab_run(line);
		ifindex[pod] = if_nametoindex(name);
	}
	ck_assert_int_eq(bpf_map_update_elem(nt_taps_counters_fd(taps), &ep_id, zero, BPF_ANY), 0);
	ck_assert_int_eq(
		bpf_map_update_elem(nt_taps_endpoints_fd(taps), &ifindex[pod], &ep, BPF_ANY), 0);
	free(zero);
}

static void set_up(void)
{
	taps = lab_open(&(struct nt_taps_config){ .load.ring_bytes = RING });
	ring = lab_ring_new(taps);
	prog[NT_DIR_FROM_POD] = bpf_obj_get(LAB_ROOT "/" NT_PIN_FROM_POD);
	prog[NT_DIR_TO_POD] = bpf_obj_get(LAB_ROOT "/" NT_PIN_TO_POD);
	for (int pod = 0; pod < PODS; pod++)
		write_endpoint(pod);
}

static void tear_down(void)
{
	close(prog[0]);
	close(prog[1]);
	lab_ring_free(ring);
	lab_remove(taps);
}

/* A query with `more` octets behind it, from or to the pod. */
static void run_sized(int pod, enum nt_dir dir, size_t more)
{
	struct __sk_buff skb = { .ifindex = ifindex[pod] };
	struct packet p = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p.octets, .ctx_in = &skb,
		    .ctx_size_in = sizeof(skb));

	packet_eth(&p, ETH_P_IP);
	packet_ip4(&p, CLIENT4, SERVER4, 0, IPPROTO_UDP);
	packet_udp(&p, dir == NT_DIR_FROM_POD ? 40000 : 53, dir == NT_DIR_FROM_POD ? 53 : 40000,
		   QUERY, QUERY_LEN);
	packet_add(&p, more);
	packet_done(&p);
	opts.data_size_in = (__u32)p.len;
	ck_assert_int_eq(bpf_prog_test_run_opts(prog[dir], &opts), 0);
	ck_assert_int_eq((int)opts.retval, -1);
}

static void run(int pod)
{
	run_sized(pod, NT_DIR_FROM_POD, 0);
}

static __u64 takes(size_t more)
{
	return NT_RING_TAKES(sizeof(struct nt_event) + QUERY_LEN + more);
}

static __u64 lost(int pod, enum nt_loss reason)
{
	struct nt_counters c = lab_counters(taps, ep_of(pod));

	return c.lost[NT_DIR_FROM_POD][reason] + c.lost[NT_DIR_TO_POD][reason];
}

static __u64 captured(int pod)
{
	struct nt_counters c = lab_counters(taps, ep_of(pod));
	__u64 n = c.seq[0] + c.seq[1];

	for (int r = 0; r < NT_LOSS_MAX; r++)
		n -= c.lost[0][r] + c.lost[1][r];
	return n;
}

static unsigned events_of(int pod)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ring->len; i++)
		n += ring->events[i].ep_id == ep_of(pod);
	return n;
}

/* Nobody reads. One that floods gets half: the last record is the one that crosses it. */
START_TEST(one_pod_gets_half)
{
	const unsigned sent = 1000, fits = (unsigned)(RING / 2 / takes(0)) + 1;

	ck_assert_uint_ne(RING / 2 % takes(0), 0);
	for (unsigned i = 0; i < sent; i++)
		run(0);
	ck_assert_uint_eq(captured(0), fits);
	ck_assert_uint_eq(lost(0, NT_LOSS_SHARE_EXCEEDED), sent - fits);
	ck_assert_uint_eq(lost(0, NT_LOSS_RING_FULL), 0);
	ck_assert_uint_eq(lab_drain(ring), fits);
	/* What was read is free again, for the same pod too. */
	for (unsigned i = 0; i < sent; i++)
		run(0);
	ck_assert_uint_eq(captured(0), 2 * fits);
	ck_assert_uint_eq(lab_drain(ring), fits);
}
END_TEST

/* Behind a flood that nobody reads, all packets of quiet pods still fit. */
START_TEST(quiet_pods_lose_nothing)
{
	for (int i = 0; i < 1000; i++)
		run(0);
	for (int i = 0; i < 20; i++) {
		for (int pod = 1; pod < PODS; pod++)
			run_sized(pod, i % 2 ? NT_DIR_FROM_POD : NT_DIR_TO_POD, 0);
		for (int k = 0; k < 10; k++)
			run(0);
	}
	for (int pod = 1; pod < PODS; pod++) {
		ck_assert_uint_eq(captured(pod), 20);
		ck_assert_uint_eq(lost(pod, NT_LOSS_SHARE_EXCEEDED), 0);
	}
	ck_assert_uint_gt(lost(0, NT_LOSS_SHARE_EXCEEDED), 700);
	lab_drain(ring);
	for (int pod = 1; pod < PODS; pod++)
		ck_assert_uint_eq(events_of(pod), 20);
}
END_TEST

/* Floods of n pods at once get equal shares, 1/(n+1) each: one share stays free. */
START_TEST(floods_share_equally)
{
	const int floods = PODS - 1;
	__u64 fits = RING / (__u64)PODS / takes(0);

	for (int i = 0; i < 500; i++)
		for (int pod = 0; pod < floods; pod++)
			run(pod);
	for (int pod = 0; pod < floods; pod++) {
		ck_assert_uint_ge(captured(pod) + 1, fits);
		ck_assert_uint_le(captured(pod), fits + 1);
		ck_assert_uint_eq(lost(pod, NT_LOSS_SHARE_EXCEEDED), 500 - captured(pod));
	}
	for (__u64 i = 0; i < fits / 2 - 1; i++)
		run(PODS - 1);
	ck_assert_uint_eq(captured(PODS - 1), fits / 2 - 1);
}
END_TEST

/* The rule, written a second time: what each of many packets of all sizes must come to. */
START_TEST(every_packet_by_the_rule)
{
	__u64 in_flight[PODS] = { 0 }, want[PODS] = { 0 }, used = 0;
	__u64 share_lost[PODS] = { 0 }, full_lost[PODS] = { 0 };

	srand((unsigned)_i + 1);
	for (int i = 0; i < 4000; i++) {
		/* The last one sends large packets, until a record is more than what is free. */
		int pod = rand() % PODS;
		size_t more = pod == PODS - 1 ? 3000 : (size_t)(rand() % 200);
		__u64 n = takes(more);

		run_sized(pod, rand() % 2 ? NT_DIR_TO_POD : NT_DIR_FROM_POD, more);
		if (used + n <= RING / 2 ||
		    (RING - used >= n && in_flight[pod] + n <= RING - used)) {
			used += n;
			in_flight[pod] += n;
			want[pod]++;
		} else if (RING - used >= n) {
			share_lost[pod]++;
		} else {
			full_lost[pod]++;
		}
		if (rand() % 1000)
			continue;
		lab_drain(ring);
		used = 0;
		memset(in_flight, 0, sizeof(in_flight));
	}
	for (int pod = 0; pod < PODS; pod++) {
		ck_assert_uint_eq(captured(pod), want[pod]);
		ck_assert_uint_eq(lost(pod, NT_LOSS_SHARE_EXCEEDED), share_lost[pod]);
		ck_assert_uint_eq(lost(pod, NT_LOSS_RING_FULL), full_lost[pod]);
	}
}
END_TEST

/* A killed agent may have counted an event that comes once more: that locks nobody out. */
START_TEST(counted_twice_is_no_lock_out)
{
	for (int i = 0; i < 3; i++)
		run(0);
	ring->shares[ifindex[0] % NT_SHARES].consumed += 5 * takes(0);
	for (int i = 0; i < 1000; i++)
		run(0);
	/* It gets the five more. */
	ck_assert_uint_ge(captured(0), RING / 2 / takes(0));
	ck_assert_uint_le(captured(0), RING / 2 / takes(0) + 1 + 5);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("share");
	TCase *t = tcase_create("ring");

	lab_enter();
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, one_pod_gets_half);
	tcase_add_test(t, quiet_pods_lose_nothing);
	tcase_add_test(t, floods_share_equally);
	tcase_add_loop_test(t, every_packet_by_the_rule, 0, 4);
	tcase_add_test(t, counted_twice_is_no_lock_out);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
