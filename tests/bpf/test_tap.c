/* SPDX-License-Identifier: Apache-2.0 */
/* Built packets through both programs: the verdict, the counters and the event, octet by octet. */
#include "tests/bpf/lab.h"
#include "tests/bpf/packet.h"

#include <linux/bpf.h>
#include <time.h>

#include "tests/unit/suite.h"

#define EP_ID 4711
#define IFINDEX 1 /* loopback: where BPF_PROG_TEST_RUN says that packets are */

static struct nt_taps *taps;
static struct lab_ring *ring;
static int prog[NT_DIR_MAX];

static void write_endpoint(void)
{
	struct nt_counters *zero = calloc((size_t)nt_taps_cpus(taps), sizeof(*zero));
	struct nt_endpoint ep = { .ep_id = EP_ID };
	__u32 ifindex = IFINDEX;
	__u64 ep_id = EP_ID;

	ck_assert_int_eq(bpf_map_update_elem(nt_taps_counters_fd(taps), &ep_id, zero, BPF_ANY), 0);
	ck_assert_int_eq(bpf_map_update_elem(nt_taps_endpoints_fd(taps), &ifindex, &ep, BPF_ANY),
			 0);
	free(zero);
}

static void set_up_with(const struct nt_taps_config *config)
{
	taps = lab_open(config);
	ring = lab_ring_new(taps);
	prog[NT_DIR_FROM_POD] = bpf_obj_get(LAB_ROOT "/" NT_PIN_FROM_POD);
	prog[NT_DIR_TO_POD] = bpf_obj_get(LAB_ROOT "/" NT_PIN_TO_POD);
	ck_assert_int_ge(prog[0], 0);
	ck_assert_int_ge(prog[1], 0);
	write_endpoint();
}

static void set_up(void)
{
	set_up_with(NULL);
}

static void tear_down(void)
{
	close(prog[0]);
	close(prog[1]);
	lab_ring_free(ring);
	lab_remove(taps);
}

static void again_with(const struct nt_taps_config *config)
{
	tear_down();
	set_up_with(config);
}

/* The packet must pass on unchanged, whatever it is. */
static void run_gso(const struct packet *p, enum nt_dir dir, unsigned gso_size)
{
	struct __sk_buff skb = { .gso_size = gso_size, .gso_segs = gso_size ? 2 : 0 };
	__u8 after[sizeof(p->octets) + 512];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p->octets, .data_size_in = (__u32)p->len,
		    .data_out = after, .data_size_out = sizeof(after), .ctx_in = &skb,
		    .ctx_size_in = sizeof(skb));

	ck_assert_int_eq(bpf_prog_test_run_opts(prog[dir], &opts), 0);
	ck_assert_int_eq((int)opts.retval, -1);
	ck_assert_uint_eq(opts.data_size_out, p->len);
	ck_assert_mem_eq(after, p->octets, p->len);
}

static void run(const struct packet *p, enum nt_dir dir)
{
	run_gso(p, dir, 0);
}

static struct nt_counters counters(void)
{
	return lab_counters(taps, EP_ID);
}

static struct nt_event expected(const struct packet *p, enum nt_dir dir)
{
	const __u8 *udp = p->octets + p->udp;
	struct nt_event e = {
		.version = NT_ABI_VERSION,
		.dir = (__u8)dir,
		.ip_version = (__u8)p->version,
		.l4proto = IPPROTO_UDP,
		.hdr_len = sizeof(e),
		.ep_id = EP_ID,
		.epoch = 1,
		.cpu = (__u32)sched_getcpu(),
		.ifindex = IFINDEX,
		.payload_len = (__u32)(p->len - p->udp - sizeof(struct udphdr)),
		.cap_len = (__u32)(p->len - p->udp - sizeof(struct udphdr)),
		.gso_segs = 1,
		.sport = (__u16)(udp[0] << 8 | udp[1]),
		.dport = (__u16)(udp[2] << 8 | udp[3]),
	};

	if (p->version == 4) {
		memcpy(e.saddr, p->octets + p->ip + 12, 4);
		memcpy(e.daddr, p->octets + p->ip + 16, 4);
	} else {
		memcpy(e.saddr, p->octets + p->ip + 8, 16);
		memcpy(e.daddr, p->octets + p->ip + 24, 16);
	}
	return e;
}

static __u64 boot_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (__u64)now.tv_sec * 1000000000ULL + (__u64)now.tv_nsec;
}

/* One event, equal to `want` in each octet but the time, and the payload behind it. */
static void check_event(struct nt_event want, const void *payload)
{
	struct nt_event got;

	ck_assert_uint_eq(lab_drain(ring), 1);
	got = ring->events[0];
	ck_assert_uint_le(got.time_ns, boot_ns());
	ck_assert_uint_gt(got.time_ns + 10000000000ULL, boot_ns());
	want.time_ns = got.time_ns;
	ck_assert_mem_eq(&got, &want, sizeof(got));
	ck_assert_mem_eq(ring->payload, payload, want.cap_len);
}

/* Runs it and expects the plain event. */
static void check_captured(const struct packet *p, enum nt_dir dir)
{
	run(p, dir);
	check_event(expected(p, dir), p->octets + p->udp + sizeof(struct udphdr));
}

static void check_nothing(const struct packet *p)
{
	struct nt_counters before = counters(), after;

	for (int dir = 0; dir < NT_DIR_MAX; dir++)
		run(p, dir);
	after = counters();
	ck_assert_mem_eq(&before, &after, sizeof(after));
	ck_assert_uint_eq(lab_drain(ring), 0);
}

/* One sequence number is gone and one loss of that reason is counted. */
static void check_lost(const struct packet *p, enum nt_dir dir, enum nt_loss reason)
{
	struct nt_counters want = counters(), got;

	want.seq[dir]++;
	want.lost[dir][reason]++;
	run(p, dir);
	got = counters();
	ck_assert_mem_eq(&got, &want, sizeof(got));
	ck_assert_uint_eq(lab_drain(ring), 0);
}

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

/* Nobody fragments TCP without cause: nothing of it is read, all of it is counted. */
START_TEST(fragments_of_tcp)
{
	struct packet first = packet_tcp4(0x18), later = packet_tcp4(0x18);

	packet_put16(first.octets + first.ip + 6, 0x2000);
	packet_put16(later.octets + later.ip + 6, 0x0003);
	check_nothing(&later);
	check_lost(&first, NT_DIR_FROM_POD, NT_LOSS_FRAGMENT);
	check_lost(&later, NT_DIR_FROM_POD, NT_LOSS_FRAGMENT);
	packet_put16(first.octets + first.tcp + 2, 80);
	check_nothing(&first);
}
END_TEST

/* --- TCP --- */

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

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

START_TEST(full_ring_counts_segments)
{
	struct packet p = packet_tcp4(PSH | ACK);
	struct nt_counters c;

	again_with(&(struct nt_taps_config){ .ring_bytes = 16384 });
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

	again_with(&(struct nt_taps_config){ .ring_bytes = 16384 });
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

	again_with(&(struct nt_taps_config){ .ring_bytes = 16384 });
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

	again_with(&(struct nt_taps_config){ .ports = { 5353, 0, 0, 1053 } });
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

	again_with(&(struct nt_taps_config){ .server_ports = { 0, 5353 } });
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
	again_with(&(struct nt_taps_config){ .ports = { 5353, 0, 5353, 1053 },
					     .server_ports = { 0, 0, 8053 } });
	meta = nt_taps_meta(taps);
	ck_assert_mem_eq(meta.ports, some, sizeof(some));
	ck_assert_uint_eq(meta.server_ports[0], 8053);
	ck_assert_uint_eq(meta.server_ports[1], 0);
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
	tcase_add_test(t, fragments_of_tcp);
	tcase_add_test(t, segment_of_either_direction);
	tcase_add_test(t, segments_without_payload);
	tcase_add_test(t, data_in_a_syn);
	tcase_add_loop_test(t, tcp_options_and_padding, 0, 4);
	tcase_add_loop_test(t, tcp_over_ipv6_and_tags, 0, 4);
	tcase_add_test(t, tcp_cut_anywhere);
	tcase_add_loop_test(t, tcp_header_that_lies, 0, 3);
	tcase_add_test(t, tcp_gso_is_one_event);
	tcase_add_test(t, full_ring_counts_segments);
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
