/* SPDX-License-Identifier: Apache-2.0 */
/* UDP packets, built octet by octet, through the tap programs: verdict and event. */
#include "tests/bpf/tap_fixture.h"

START_TEST(query_over_ipv4)
{
	struct packet p = packet_query4();

	check_captured(&p, NT_DIR_FROM_POD);
}
END_TEST

START_TEST(reply_over_ipv4)
{
	struct packet p = packet_reply4();

	check_captured(&p, NT_DIR_TO_POD);
}
END_TEST

/* A pod that serves DNS gets queries and sends replies. */
START_TEST(server_role)
{
	struct packet query = packet_query4(), reply = packet_reply4();

	check_captured(&query, NT_DIR_TO_POD);
	check_captured(&reply, NT_DIR_FROM_POD);
}
END_TEST

START_TEST(ipv4_options)
{
	const unsigned lens[] = { 4, 12, 40 };
	struct packet p = {};

	packet_eth(&p, ETH_P_IP);
	packet_ip4(&p, CLIENT4, SERVER4, lens[_i], IPPROTO_UDP);
	packet_udp(&p, 40000, 53, QUERY, QUERY_LEN);
	packet_done(&p);
	check_captured(&p, NT_DIR_FROM_POD);
}
END_TEST

START_TEST(query_over_ipv6)
{
	struct packet p = packet_query6();

	check_captured(&p, NT_DIR_FROM_POD);
}
END_TEST

static struct packet with_extensions(const unsigned *types, const unsigned *lens, unsigned n)
{
	struct packet p = {};

	packet_eth(&p, ETH_P_IPV6);
	packet_ip6(&p, CLIENT6, SERVER6, IPPROTO_UDP);
	for (unsigned i = 0; i < n; i++)
		packet_ext(&p, types[i], lens[i]);
	packet_udp(&p, 40000, 53, QUERY, QUERY_LEN);
	packet_done(&p);
	return p;
}

START_TEST(ipv6_extension_headers)
{
	const unsigned types[] = {
		IPPROTO_HOPOPTS, IPPROTO_DSTOPTS, IPPROTO_ROUTING, IPPROTO_AH, 135, 139, 140,
		IPPROTO_DSTOPTS
	};
	const unsigned lens[] = { 8, 16, 24, 28, 8, 8, 8, 256 };
	struct packet p = with_extensions(types, lens, (unsigned)_i + 1);

	check_captured(&p, NT_DIR_FROM_POD);
}
END_TEST

/* More of them than are followed may hide DNS: counted, not overlooked. */
START_TEST(ipv6_endless_extension_headers)
{
	const unsigned type = IPPROTO_DSTOPTS, len = 8;
	unsigned types[12], lens[12];
	struct packet p;

	for (int i = 0; i < 12; i++) {
		types[i] = type;
		lens[i] = len;
	}
	p = with_extensions(types, lens, 12);
	check_lost(&p, NT_DIR_FROM_POD, NT_LOSS_UNPARSABLE);
}
END_TEST

START_TEST(vlan_tag_in_the_frame)
{
	/* The priority bits are no part of the identifier; identifier 0 is a tag too. */
	const unsigned controls[] = { 100, 0xe000 | 4094, 0x6000 };
	const unsigned version = _i % 2 ? ETH_P_IPV6 : ETH_P_IP;
	struct nt_event want;
	struct packet p = {};

	packet_eth(&p, _i < 3 ? ETH_P_8021Q : ETH_P_8021AD);
	packet_tag(&p, controls[_i % 3], version);
	if (version == ETH_P_IP)
		packet_ip4(&p, CLIENT4, SERVER4, 0, IPPROTO_UDP);
	else
		packet_ip6(&p, CLIENT6, SERVER6, IPPROTO_UDP);
	packet_udp(&p, 40000, 53, QUERY, QUERY_LEN);
	packet_done(&p);
	want = expected(&p, NT_DIR_FROM_POD);
	want.flags = NT_EV_VLAN;
	want.vlan = controls[_i % 3] & 0xfff;
	run(&p, NT_DIR_FROM_POD);
	check_event(want, QUERY);
}
END_TEST

START_TEST(two_tags_are_not_followed)
{
	struct packet p = {};

	packet_eth(&p, ETH_P_8021AD);
	packet_tag(&p, 5, ETH_P_8021Q);
	packet_tag(&p, 6, ETH_P_IP);
	packet_ip4(&p, CLIENT4, SERVER4, 0, IPPROTO_UDP);
	packet_udp(&p, 40000, 53, QUERY, QUERY_LEN);
	packet_done(&p);
	check_nothing(&p);
}
END_TEST

START_TEST(what_is_not_dns)
{
	struct packet tcp = packet_query4(), tcp6 = packet_query6(), icmp6 = packet_query6();
	struct packet port = packet_query4(), none = packet_query4(), arp = packet_query4();
	struct packet esp = packet_query6(), version = packet_query4(), ihl = packet_query4();

	tcp.octets[tcp.ip + 9] = IPPROTO_TCP;
	packet_put16(tcp.octets + tcp.udp + 2, 443);
	check_nothing(&tcp);
	tcp6.octets[tcp6.ip + 6] = IPPROTO_TCP;
	packet_put16(tcp6.octets + tcp6.udp + 2, 443);
	check_nothing(&tcp6);
	icmp6.octets[icmp6.ip + 6] = IPPROTO_ICMPV6;
	check_nothing(&icmp6);
	esp.octets[esp.ip + 6] = IPPROTO_ESP;
	check_nothing(&esp);
	packet_put16(port.octets + port.udp + 2, 5353);
	check_nothing(&port);
	/* 0 stands for "no port" in the set; it is not a port in it. */
	memset(none.octets + none.udp, 0, 4);
	check_nothing(&none);
	packet_put16(arp.octets + 12, ETH_P_ARP);
	check_nothing(&arp);
	version.octets[version.ip] = 0x65;
	check_nothing(&version);
	ihl.octets[ihl.ip] = 0x44;
	check_nothing(&ihl);
}
END_TEST

/* Cut at each octet: no event; a loss as soon as the ports can be seen. The kernel refuses to run
 * a program on less than an IP header. */
static void check_cut(const struct packet *whole)
{
	const size_t shortest = whole->ip + (whole->version == 4 ? 20 : 40);

	for (size_t len = whole->len - 1; len >= shortest; len--) {
		struct packet p = *whole;

		p.len = len;
		if (len >= whole->udp + 4)
			check_lost(&p, NT_DIR_FROM_POD, NT_LOSS_UNPARSABLE);
		else
			check_nothing(&p);
	}
}

START_TEST(cut_anywhere)
{
	const unsigned types[] = { IPPROTO_HOPOPTS, IPPROTO_DSTOPTS }, lens[] = { 8, 16 };
	struct packet p4 = packet_query4(), p6 = with_extensions(types, lens, 2);

	check_cut(&p4);
	check_cut(&p6);
}
END_TEST

START_TEST(udp_length_that_lies)
{
	const unsigned real = sizeof(struct udphdr) + QUERY_LEN;
	const unsigned lens[] = { 0, 1, 7, real + 1, 65535 };
	struct packet p4 = packet_query4(), p6 = packet_query6();

	packet_put16(p4.octets + p4.udp + 4, lens[_i]);
	check_lost(&p4, NT_DIR_FROM_POD, NT_LOSS_UNPARSABLE);
	packet_put16(p6.octets + p6.udp + 4, lens[_i]);
	check_lost(&p6, NT_DIR_TO_POD, NT_LOSS_UNPARSABLE);
}
END_TEST

START_TEST(ip_length_that_lies)
{
	const unsigned real = sizeof(struct iphdr) + sizeof(struct udphdr) + QUERY_LEN;
	const unsigned lens[] = { 0, 20, real - 1, real + 1, 65535 };
	struct packet p = packet_query4();

	packet_put16(p.octets + p.ip + 2, lens[_i]);
	check_lost(&p, NT_DIR_FROM_POD, NT_LOSS_UNPARSABLE);
}
END_TEST

/* Short frames are padded: what is behind the datagram is none of its payload. */
START_TEST(padding_is_no_payload)
{
	struct packet p = packet_query4();
	struct nt_event want = expected(&p, NT_DIR_FROM_POD);

	memset(packet_add(&p, 40), 0xee, 40);
	run(&p, NT_DIR_FROM_POD);
	check_event(want, QUERY);
}
END_TEST

/* UDP itself ends before the IP packet does. */
START_TEST(udp_shorter_than_ip)
{
	struct packet p = packet_query4();
	struct nt_event want = expected(&p, NT_DIR_FROM_POD);

	want.payload_len = want.cap_len = 10;
	packet_put16(p.octets + p.udp + 4, sizeof(struct udphdr) + 10);
	run(&p, NT_DIR_FROM_POD);
	check_event(want, QUERY);
}
END_TEST

START_TEST(payload_of_any_length)
{
	static const unsigned lens[] = { 0, 1, 2, 511, 512, 513, 1232, 3000 };
	__u8 payload[3000];
	struct packet p = {};

	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (__u8)(i * 7);
	packet_eth(&p, ETH_P_IP);
	packet_ip4(&p, CLIENT4, SERVER4, 0, IPPROTO_UDP);
	packet_udp(&p, 40000, 53, payload, lens[_i]);
	packet_done(&p);
	check_captured(&p, NT_DIR_FROM_POD);
	ck_assert_uint_eq(counters().bytes[NT_DIR_FROM_POD], lens[_i]);
}
END_TEST

/* What a first fragment says: the whole datagram's length, and the octets that are here. */
static void check_first_fragment(const struct packet *p, unsigned whole, unsigned number)
{
	struct nt_event want = expected(p, NT_DIR_FROM_POD);

	want.seq = number;
	want.flags = NT_EV_FRAGMENT | NT_EV_TRUNCATED;
	want.payload_len = whole;
	run(p, NT_DIR_FROM_POD);
	check_event(want, QUERY);
}

/* Counters after this packet: a number lost as a fragment (dns), or one that nobody knows. */
static void check_later_fragment(const struct packet *p, enum nt_dir dir, int dns, int unknown)
{
	struct nt_counters want = counters(), got;

	want.seq[dir] += (unsigned)dns;
	want.lost[dir][NT_LOSS_FRAGMENT] += (unsigned)dns;
	want.fragments[dir] += (unsigned)unknown;
	run(p, dir);
	got = counters();
	ck_assert_mem_eq(&got, &want, sizeof(got));
	ck_assert_uint_eq(lab_drain(ring), 0);
}

START_TEST(fragments_of_ipv4)
{
	struct packet first = packet_query4(), later = packet_query4(), other = packet_query4();
	struct packet tcp = packet_query4();

	packet_put16(later.octets + later.ip + 6, 0x2010);
	packet_put16(later.octets + later.ip + 4, 77);
	check_later_fragment(&later, NT_DIR_FROM_POD, 0, 1); /* before its first one */
	packet_put16(first.octets + first.ip + 6, 0x2000);
	packet_put16(first.octets + first.ip + 4, 77);
	packet_put16(first.octets + first.udp + 4, 3008);
	check_first_fragment(&first, 3000, 0);
	check_later_fragment(&later, NT_DIR_FROM_POD, 1, 0);
	packet_put16(later.octets + later.ip + 6, 0x0020);
	check_later_fragment(&later, NT_DIR_FROM_POD, 1, 0);
	/* Another identification, direction, address: nobody knows. */
	check_later_fragment(&later, NT_DIR_TO_POD, 0, 1);
	packet_put16(later.octets + later.ip + 4, 78);
	check_later_fragment(&later, NT_DIR_FROM_POD, 0, 1);
	packet_put16(later.octets + later.ip + 4, 77);
	later.octets[later.ip + 19] ^= 1;
	check_later_fragment(&later, NT_DIR_FROM_POD, 0, 1);
	/* Those of something else are nothing to us. */
	packet_put16(other.octets + other.ip + 6, 0x2000);
	packet_put16(other.octets + other.ip + 4, 79);
	packet_put16(other.octets + other.udp + 2, 123);
	check_nothing(&other);
	later.octets[later.ip + 19] ^= 1;
	packet_put16(later.octets + later.ip + 4, 79);
	check_later_fragment(&later, NT_DIR_FROM_POD, 0, 0);
	packet_put16(tcp.octets + tcp.ip + 6, 0x0010);
	tcp.octets[tcp.ip + 9] = IPPROTO_TCP;
	check_nothing(&tcp);
	/* "Do not fragment" is no fragment. */
	first = packet_query4();
	packet_put16(first.octets + first.ip + 6, 0x4000);
	run(&first, NT_DIR_FROM_POD);
	ck_assert_uint_eq(lab_drain(ring), 1);
}
END_TEST

/* The UDP length must hold what is here; a fragment that says less lies. */
START_TEST(first_fragment_that_lies)
{
	struct packet p = packet_query4();
	const unsigned lens[] = { 0, 7 };

	packet_put16(p.octets + p.ip + 6, 0x2000);
	packet_put16(p.octets + p.udp + 4, lens[_i]);
	check_lost(&p, NT_DIR_FROM_POD, NT_LOSS_UNPARSABLE);
}
END_TEST

static struct packet fragment6(unsigned offset_flags, unsigned next)
{
	struct packet p = {};
	__u8 *ext;

	packet_eth(&p, ETH_P_IPV6);
	packet_ip6(&p, CLIENT6, SERVER6, next);
	ext = packet_ext(&p, IPPROTO_FRAGMENT, 8);
	packet_put16(ext + 2, offset_flags);
	packet_udp(&p, 40000, 53, QUERY, QUERY_LEN);
	packet_done(&p);
	return p;
}

START_TEST(fragments_of_ipv6)
{
	struct packet first = fragment6(1, IPPROTO_UDP), later = fragment6(64 | 1, IPPROTO_UDP);
	struct packet last = fragment6(128, IPPROTO_UDP), atomic = fragment6(0, IPPROTO_UDP);
	struct packet tcp = fragment6(128, IPPROTO_TCP);

	packet_put16(first.octets + first.udp + 4, 2008);
	check_first_fragment(&first, 2000, 0);
	check_nothing(&tcp);
	check_later_fragment(&later, NT_DIR_FROM_POD, 1, 0);
	check_later_fragment(&last, NT_DIR_FROM_POD, 1, 0);
	last.octets[last.ip + 40 + 7] ^= 1; /* of the identification */
	check_later_fragment(&last, NT_DIR_FROM_POD, 0, 1);
	run(&atomic, NT_DIR_FROM_POD);
	ck_assert_uint_eq(lab_drain(ring), 1);
	ck_assert_uint_eq(ring->events[0].seq, 3);
	ck_assert_mem_eq(ring->payload, QUERY, QUERY_LEN);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tap");
	TCase *t = tcase_create("packets");

	lab_enter();
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, query_over_ipv4);
	tcase_add_test(t, reply_over_ipv4);
	tcase_add_test(t, server_role);
	tcase_add_loop_test(t, ipv4_options, 0, 3);
	tcase_add_test(t, query_over_ipv6);
	tcase_add_loop_test(t, ipv6_extension_headers, 0, 8);
	tcase_add_test(t, ipv6_endless_extension_headers);
	tcase_add_loop_test(t, vlan_tag_in_the_frame, 0, 6);
	tcase_add_test(t, two_tags_are_not_followed);
	tcase_add_test(t, what_is_not_dns);
	tcase_add_test(t, cut_anywhere);
	tcase_add_loop_test(t, udp_length_that_lies, 0, 5);
	tcase_add_loop_test(t, ip_length_that_lies, 0, 5);
	tcase_add_test(t, padding_is_no_payload);
	tcase_add_test(t, udp_shorter_than_ip);
	tcase_add_loop_test(t, payload_of_any_length, 0, 8);
	tcase_add_test(t, fragments_of_ipv4);
	tcase_add_loop_test(t, first_fragment_that_lies, 0, 2);
	tcase_add_test(t, fragments_of_ipv6);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
