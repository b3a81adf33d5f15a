/* SPDX-License-Identifier: Apache-2.0 */
/* TCP segments through the tap programs: which are events, with which numbers. */
#include "tests/bpf/tap_fixture.h"

static struct nt_event expected_tcp(const struct packet *p, enum nt_dir dir, unsigned header)
{
	const __u8 *tcp = p->octets + p->tcp;
	struct packet udp = *p;
	struct nt_event e;

	udp.udp = p->tcp;
	e = expected(&udp, dir);
	e.l4proto = IPPROTO_TCP;
	e.tcp_flags = tcp[13];
	e.tcp_seq = 0xfffffff0 + !!(tcp[13] & SYN);
	e.payload_len = e.cap_len = (__u32)(p->len - p->tcp - header);
	return e;
}

static void check_segment(const struct packet *p, enum nt_dir dir, unsigned header, unsigned number)
{
	struct nt_event want = expected_tcp(p, dir, header);

	want.seq = number;
	run(p, dir);
	check_event(want, p->octets + p->tcp + header);
}

START_TEST(segment_of_either_direction)
{
	struct packet query = packet_tcp4(PSH | ACK), reply = packet_tcp4(PSH | ACK);

	check_segment(&query, NT_DIR_FROM_POD, 20, 0);
	check_segment(&query, NT_DIR_TO_POD, 20, 0); /* a pod that serves */
	packet_put16(reply.octets + reply.tcp, 53);
	packet_put16(reply.octets + reply.tcp + 2, 40000);
	check_segment(&reply, NT_DIR_TO_POD, 20, 1);
	ck_assert_uint_eq(counters().bytes[NT_DIR_TO_POD], 2 * (QUERY_LEN + 2));
}
END_TEST

/* What opens and closes a stream is told, what only acknowledges is not. */
START_TEST(segments_without_payload)
{
	const unsigned flags[] = { SYN, SYN | ACK, FIN | ACK, RST, RST | ACK, SYN | 0xc0 };
	struct packet p = {};

	packet_eth(&p, ETH_P_IP);
	packet_ip4(&p, CLIENT4, SERVER4, 0, IPPROTO_TCP);
	packet_tcp(&p, 40000, 53, 0, 12, "", 0);
	packet_done(&p);
	for (unsigned i = 0; i < 6; i++) {
		p.octets[p.tcp + 13] = (__u8)flags[i];
		check_segment(&p, NT_DIR_FROM_POD, 32, i);
	}
	p.octets[p.tcp + 13] = ACK;
	check_nothing(&p);
	p.octets[p.tcp + 13] = PSH | ACK | 0x20;
	check_nothing(&p);
}
END_TEST

START_TEST(data_in_a_syn)
{
	struct packet p = packet_tcp4(SYN);

	check_segment(&p, NT_DIR_FROM_POD, 20, 0);
}
END_TEST

START_TEST(tcp_options_and_padding)
{
	const unsigned lens[] = { 0, 4, 20, 40 };
	struct nt_event want;
	struct packet p = {};

	packet_eth(&p, ETH_P_IP);
	packet_ip4(&p, CLIENT4, SERVER4, lens[3 - _i], IPPROTO_TCP);
	packet_tcp(&p, 40000, 53, ACK, lens[_i], QUERY, QUERY_LEN);
	packet_done(&p);
	want = expected_tcp(&p, NT_DIR_FROM_POD, 20 + lens[_i]);
	memset(packet_add(&p, 20), 0xee, 20); /* of a short frame */
	run(&p, NT_DIR_FROM_POD);
	check_event(want, QUERY);
}
END_TEST

START_TEST(tcp_over_ipv6_and_tags)
{
	const unsigned control = _i % 2 ? 0x2005 : 0;
	struct nt_event want;
	struct packet p = {};

	packet_eth(&p, control ? ETH_P_8021Q : ETH_P_IPV6);
	if (control)
		packet_tag(&p, control, ETH_P_IPV6);
	packet_ip6(&p, CLIENT6, SERVER6, IPPROTO_TCP);
	if (_i >= 2) {
		packet_ext(&p, IPPROTO_HOPOPTS, 8);
		packet_ext(&p, IPPROTO_DSTOPTS, 24);
	}
	packet_tcp(&p, 40000, 53, PSH | ACK, 12, QUERY, QUERY_LEN);
	packet_done(&p);
	want = expected_tcp(&p, NT_DIR_FROM_POD, 32);
	want.flags = control ? NT_EV_VLAN : 0;
	want.vlan = control & 0xfff;
	run(&p, NT_DIR_FROM_POD);
	check_event(want, QUERY);
}
END_TEST

START_TEST(tcp_cut_anywhere)
{
	const struct packet whole = packet_tcp4(PSH | ACK);

	for (size_t len = whole.len - 1; len >= whole.ip + 20; len--) {
		struct packet p = whole;

		p.len = len;
		if (len >= whole.tcp + 4)
			check_lost(&p, NT_DIR_FROM_POD, NT_LOSS_UNPARSABLE);
		else
			check_nothing(&p);
	}
}
END_TEST

START_TEST(tcp_header_that_lies)
{
	const __u8 words[] = { 0x00, 0x40, 0xf0 }; /* 60 octets of header are more than there are */
	struct packet p = packet_tcp4(ACK);

	p.octets[p.tcp + 12] = words[_i];
	check_lost(&p, NT_DIR_FROM_POD, NT_LOSS_UNPARSABLE);
}
END_TEST

/* Segments that offload keeps together are one event as long as they fit, with one number. */
START_TEST(tcp_gso_is_one_event)
{
	static __u8 payload[3000];
	struct nt_event want;
	struct packet p = {};

	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (__u8)(i * 7);
	packet_eth(&p, ETH_P_IP);
	packet_ip4(&p, CLIENT4, SERVER4, 0, IPPROTO_TCP);
	packet_tcp(&p, 40000, 53, PSH | ACK, 0, payload, sizeof(payload));
	packet_done(&p);
	want = expected_tcp(&p, NT_DIR_FROM_POD, 20);
	run_gso(&p, NT_DIR_FROM_POD, 1000);
	check_event(want, payload);
	ck_assert_uint_eq(counters().seq[NT_DIR_FROM_POD], 1);
	ck_assert_uint_eq(counters().gso[NT_DIR_FROM_POD], 1);
}
END_TEST

/* A first fragment: as a segment of what it holds, whose end, and that of the stream, is in others.
 */
static void check_first_fragment(const struct packet *p, unsigned header, unsigned number)
{
	struct nt_event want = expected_tcp(p, NT_DIR_FROM_POD, header);

	want.seq = number;
	want.flags = NT_EV_FRAGMENT;
	want.tcp_flags &= (__u8) ~(FIN | RST);
	run(p, NT_DIR_FROM_POD);
	check_event(want, p->octets + p->tcp + header);
}

START_TEST(fragments_of_ipv4)
{
	struct packet first = packet_tcp4(PSH | ACK | FIN), later = packet_tcp4(PSH | ACK);

	packet_put16(first.octets + first.ip + 6, 0x2000);
	packet_put16(later.octets + later.ip + 6, 0x0003);
	check_nothing(&later);
	check_first_fragment(&first, 20, 0);
	check_lost(&later, NT_DIR_FROM_POD, NT_LOSS_FRAGMENT);
	packet_put16(first.octets + first.tcp + 2, 80);
	check_nothing(&first);
	check_nothing(&later);
}
END_TEST

START_TEST(fragments_of_ipv6)
{
	struct packet first = {}, later;
	__u8 *ext;

	packet_eth(&first, ETH_P_IPV6);
	packet_ip6(&first, CLIENT6, SERVER6, IPPROTO_TCP);
	ext = packet_ext(&first, IPPROTO_FRAGMENT, 8);
	packet_put16(ext + 2, 1);
	packet_tcp(&first, 40000, 53, SYN | RST, 12, QUERY, QUERY_LEN);
	packet_done(&first);
	later = first;
	packet_put16(later.octets + (ext - first.octets) + 2, 64);
	check_nothing(&later);
	check_first_fragment(&first, 32, 0);
	check_lost(&later, NT_DIR_FROM_POD, NT_LOSS_FRAGMENT);
}
END_TEST

/* With its header and no octet more it is a segment all the same: those are in the others. Without
 * all of the header it says no more than the ports. */
START_TEST(first_fragment_cut_anywhere)
{
	struct packet whole = packet_tcp4(PSH | ACK);

	packet_put16(whole.octets + whole.ip + 6, 0x2000);
	whole.len = whole.tcp + 20;
	packet_done(&whole);
	check_first_fragment(&whole, 20, 0);
	for (size_t len = whole.tcp + 19; len >= whole.tcp + 4; len--) {
		struct packet p = whole;

		p.len = len;
		packet_done(&p);
		check_lost(&p, NT_DIR_FROM_POD, NT_LOSS_FRAGMENT);
	}
}
END_TEST

START_TEST(full_ring_counts_segments)
{
	struct packet p = packet_tcp4(PSH | ACK);
	struct nt_counters c;

	again_with(&(struct nt_taps_config){ .load.ring_bytes = 16384 });
	for (unsigned i = 0; i < 500; i++)
		run(&p, NT_DIR_FROM_POD);
	c = counters();
	ck_assert_uint_eq(c.seq[NT_DIR_FROM_POD], 500);
	ck_assert_uint_gt(lab_drain(ring), 50);
	ck_assert_uint_eq(c.lost[NT_DIR_FROM_POD][NT_LOSS_RING_FULL] +
				  c.lost[NT_DIR_FROM_POD][NT_LOSS_SHARE_EXCEEDED],
			  500 - ring->len);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tap_tcp");
	TCase *t = tcase_create("segments");

	lab_enter();
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, segment_of_either_direction);
	tcase_add_test(t, segments_without_payload);
	tcase_add_test(t, data_in_a_syn);
	tcase_add_loop_test(t, tcp_options_and_padding, 0, 4);
	tcase_add_loop_test(t, tcp_over_ipv6_and_tags, 0, 4);
	tcase_add_test(t, tcp_cut_anywhere);
	tcase_add_loop_test(t, tcp_header_that_lies, 0, 3);
	tcase_add_test(t, tcp_gso_is_one_event);
	tcase_add_test(t, fragments_of_ipv4);
	tcase_add_test(t, fragments_of_ipv6);
	tcase_add_test(t, first_fragment_cut_anywhere);
	tcase_add_test(t, full_ring_counts_segments);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
