/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers, shares, wake-ups and ports of the tap programs. */
#include "tests/bpf/tap_fixture.h"

START_TEST(sequence_per_direction)
{
	struct packet query = packet_query4(), reply = packet_reply4();

	for (int i = 0; i < 5; i++) {
		run(&query, NT_DIR_FROM_POD);
		if (i < 3)
			run(&reply, NT_DIR_TO_POD);
	}
	ck_assert_uint_eq(lab_drain(ring), 8);
	for (unsigned i = 0, next[NT_DIR_MAX] = {}; i < ring->len; i++)
		ck_assert_uint_eq(ring->events[i].seq, next[ring->events[i].dir]++);
	ck_assert_uint_eq(counters().seq[NT_DIR_FROM_POD], 5);
	ck_assert_uint_eq(counters().seq[NT_DIR_TO_POD], 3);
	ck_assert_uint_eq(counters().bytes[NT_DIR_FROM_POD], 5 * QUERY_LEN);
}
END_TEST

/* Several datagrams in one skb take as many numbers (T1); the last may be shorter. */
START_TEST(gso_takes_a_number_per_datagram)
{
	struct packet p = packet_query4(), plain = packet_query4();
	struct nt_event want = expected(&p, NT_DIR_FROM_POD);

	run_gso(&p, NT_DIR_FROM_POD, 10);
	want.flags = NT_EV_GSO;
	want.gso_size = 10;
	want.gso_segs = (QUERY_LEN + 9) / 10;
	check_event(want, QUERY);
	ck_assert_uint_eq(counters().gso[NT_DIR_FROM_POD], 1);
	ck_assert_uint_eq(counters().seq[NT_DIR_FROM_POD], want.gso_segs);
	run(&plain, NT_DIR_FROM_POD);
	ck_assert_uint_eq(lab_drain(ring), 1);
	ck_assert_uint_eq(ring->events[0].seq, want.gso_segs);
}
END_TEST

START_TEST(gso_of_one_datagram_is_none)
{
	struct packet p = packet_query4();

	run_gso(&p, NT_DIR_FROM_POD, QUERY_LEN);
	check_event(expected(&p, NT_DIR_FROM_POD), QUERY);
	ck_assert_uint_eq(counters().gso[NT_DIR_FROM_POD], 0);
}
END_TEST

/* What does not fit is counted, and the gaps in the sequence are exactly that. */
START_TEST(full_ring_counts_exactly)
{
	struct packet p = packet_query4();
	const unsigned sent = 500, gso_size = 20, segs = (QUERY_LEN + gso_size - 1) / gso_size;
	__u64 captured = 0, gaps = 0, next = 0;
	struct nt_counters c;

	again_with(&(struct nt_taps_config){ .load.ring_bytes = 16384 });
	for (unsigned i = 0; i < sent; i++)
		run_gso(&p, NT_DIR_FROM_POD, i % 3 ? 0 : gso_size);
	lab_drain(ring);
	/* A last one behind the hole. */
	captured = ring->len;
	for (unsigned i = 0; i < ring->len; i++) {
		gaps += ring->events[i].seq - next;
		next = ring->events[i].seq + ring->events[i].gso_segs;
	}
	ck_assert_uint_gt(captured, 50);
	ck_assert_uint_lt(captured, sent);
	run(&p, NT_DIR_FROM_POD);
	ck_assert_uint_eq(lab_drain(ring), 1);
	gaps += ring->events[0].seq - next;
	c = counters();
	ck_assert_uint_eq(c.lost[NT_DIR_FROM_POD][NT_LOSS_SHARE_EXCEEDED], gaps);
	ck_assert_uint_eq(c.seq[NT_DIR_FROM_POD],
			  (sent + 2) / 3 * segs + sent - (sent + 2) / 3 + 1);
	ck_assert_uint_gt(gaps, 0);
}
END_TEST

static struct nt_drain drain_state(const __u32 *arm)
{
	struct nt_drain d;
	__u32 zero = 0;

	ck_assert_int_eq(bpf_map_lookup_elem(nt_taps_drain_fd(taps), &zero, &d), 0);
	if (arm) {
		d.armed = *arm;
		ck_assert_int_eq(bpf_map_update_elem(nt_taps_drain_fd(taps), &zero, &d, BPF_ANY),
				 0);
	}
	return d;
}

/* Above a quarter: one wake-up per drain, none below (T12). */
START_TEST(one_wakeup_per_drain)
{
	struct packet p = packet_query4();
	const __u32 armed = 1;

	again_with(&(struct nt_taps_config){ .load.ring_bytes = 16384 });
	(void)drain_state(&armed);
	for (int i = 0; i < 20; i++)
		run(&p, NT_DIR_FROM_POD);
	ck_assert_uint_eq(drain_state(NULL).wakeups, 0);
	ck_assert_int_eq(ring_buffer__epoll_fd(ring->rb) >= 0, 1);
	for (int i = 0; i < 20; i++)
		run(&p, NT_DIR_FROM_POD);
	ck_assert_uint_eq(drain_state(NULL).wakeups, 1);
	ck_assert_uint_eq(drain_state(NULL).armed, 0);
	ring->len = 0;
	ck_assert_int_gt(ring_buffer__poll(ring->rb, 1000), 0);
	ck_assert_uint_eq(ring->len, 40);
	for (int i = 0; i < 40; i++)
		run(&p, NT_DIR_FROM_POD);
	ck_assert_uint_eq(drain_state(&armed).wakeups, 1);
	run(&p, NT_DIR_FROM_POD);
	ck_assert_uint_eq(drain_state(NULL).wakeups, 2);
}
END_TEST

START_TEST(unknown_link_leaves_no_trace)
{
	struct packet p = packet_query4();
	__u32 ifindex = IFINDEX;

	ck_assert_int_eq(bpf_map_delete_elem(nt_taps_endpoints_fd(taps), &ifindex), 0);
	check_nothing(&p);
}
END_TEST

START_TEST(endpoint_without_counters)
{
	struct packet p = packet_query4();
	__u64 ep_id = EP_ID;

	ck_assert_int_eq(bpf_map_delete_elem(nt_taps_counters_fd(taps), &ep_id), 0);
	run(&p, NT_DIR_FROM_POD);
	ck_assert_uint_eq(lab_drain(ring), 0);
}
END_TEST

START_TEST(ports_are_configuration)
{
	struct packet dns = packet_query4(), mdns = packet_query4(), reply = packet_reply4();

	again_with(&(struct nt_taps_config){ .load.ports = { 5353, 0, 0, 1053 } });
	check_nothing(&dns);
	packet_put16(mdns.octets + mdns.udp + 2, 5353);
	check_captured(&mdns, NT_DIR_FROM_POD);
	packet_put16(reply.octets + reply.udp, 1053);
	run(&reply, NT_DIR_TO_POD);
	ck_assert_uint_eq(lab_drain(ring), 1);
	ck_assert_uint_eq(ring->events[0].sport, 1053);
}
END_TEST

/* A port that is DNS only where a pod answers on it: what its clients ask is no lookup of theirs,
 * and multicast DNS between two of them is none at all. */
START_TEST(ports_of_servers)
{
	struct packet query = packet_query4(), reply = packet_reply4(), mdns = packet_query4();
	struct packet segment = packet_tcp4(PSH | ACK);

	again_with(&(struct nt_taps_config){ .load.server_ports = { 0, 5353 } });
	packet_put16(query.octets + query.udp + 2, 5353);
	packet_put16(reply.octets + reply.udp, 5353);
	packet_put16(segment.octets + segment.tcp + 2, 5353);
	packet_put16(mdns.octets + mdns.udp, 5353);
	packet_put16(mdns.octets + mdns.udp + 2, 5353);
	run(&query, NT_DIR_TO_POD);
	run(&reply, NT_DIR_FROM_POD);
	run(&segment, NT_DIR_TO_POD);
	ck_assert_uint_eq(lab_drain(ring), 3);
	run(&query, NT_DIR_FROM_POD);
	run(&reply, NT_DIR_TO_POD);
	run(&segment, NT_DIR_FROM_POD);
	ck_assert_uint_eq(lab_drain(ring), 0);
	check_nothing(&mdns);
	query = packet_query4();
	run(&query, NT_DIR_FROM_POD);
	ck_assert_uint_eq(lab_drain(ring), 1);
}
END_TEST

/* Agent and plugin read them there. */
START_TEST(ports_are_in_the_meta)
{
	const __u16 ports[NT_PORTS_MAX] = { 53 }, some[NT_PORTS_MAX] = { 5353, 1053 };
	struct nt_meta meta = nt_taps_meta(taps);

	ck_assert_mem_eq(meta.ports, ports, sizeof(ports));
	ck_assert_uint_eq(meta.server_ports[0], 0);
	again_with(&(struct nt_taps_config){ .load.ports = { 5353, 0, 5353, 1053 },
					     .load.server_ports = { 0, 0, 8053 } });
	meta = nt_taps_meta(taps);
	ck_assert_mem_eq(meta.ports, some, sizeof(some));
	ck_assert_uint_eq(meta.server_ports[0], 8053);
	ck_assert_uint_eq(meta.server_ports[1], 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tap_ring");
	TCase *t = tcase_create("ring");

	lab_enter();
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, sequence_per_direction);
	tcase_add_test(t, gso_takes_a_number_per_datagram);
	tcase_add_test(t, gso_of_one_datagram_is_none);
	tcase_add_test(t, full_ring_counts_exactly);
	tcase_add_test(t, one_wakeup_per_drain);
	tcase_add_test(t, unknown_link_leaves_no_trace);
	tcase_add_test(t, endpoint_without_counters);
	tcase_add_test(t, ports_are_configuration);
	tcase_add_test(t, ports_of_servers);
	tcase_add_test(t, ports_are_in_the_meta);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
