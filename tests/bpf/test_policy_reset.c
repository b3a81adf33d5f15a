/* SPDX-License-Identifier: Apache-2.0 */
/* TCP of an enforced pod to a DNS port: each segment becomes the reset that a host without that
 * connection would send (RFC 9293 section 3.10.7.1), octet by octet. */
#include "tests/bpf/policy_lab.h"

#include "lib/base/cleanup.h"

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define PSH 0x08
#define ACK 0x10

#define SEQ 0xfffffff0u /* of packet_tcp(): what is acknowledged wraps */
#define ACKED 0x12345678u

static const int versions[] = { 4, 6 };

static const struct {
	const char *what;
	unsigned flags, options_len, data_len;
	/* the reset's */
	unsigned reply_flags;
	__u32 reply_seq, reply_ack;
} segments[] = {
	{ "SYN", SYN, 0, 0, RST | ACK, 0, SEQ + 1 },
	{ "SYN with options", SYN, 20, 0, RST | ACK, 0, SEQ + 1 },
	{ "SYN with data (TCP Fast Open)", SYN, 12, 34, RST | ACK, 0, SEQ + 1 + 34 },
	{ "SYN with FIN", SYN | FIN, 0, 0, RST | ACK, 0, SEQ + 2 },
	{ "SYN and ACK", SYN | ACK, 4, 0, RST, ACKED, 0 },
	{ "ACK", ACK, 0, 0, RST, ACKED, 0 },
	{ "ACK with options", ACK, 12, 0, RST, ACKED, 0 },
	{ "data", ACK | PSH, 12, 35, RST, ACKED, 0 },
	{ "much data", ACK, 12, 1448, RST, ACKED, 0 },
	{ "an odd octet", ACK, 0, 1, RST, ACKED, 0 },
	{ "FIN", FIN | ACK, 0, 0, RST, ACKED, 0 },
	{ "FIN without ACK", FIN, 0, 5, RST | ACK, 0, SEQ + 5 + 1 },
	{ "no flags", 0, 0, 0, RST | ACK, 0, SEQ },
	{ "all options", ACK, 40, 2, RST, ACKED, 0 },
};

static struct packet segment(int version, unsigned flags, unsigned options_len, size_t data_len)
{
	static __u8 data[4096];
	struct packet p = {};
	struct tcphdr *tcp;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (__u8)(i * 7 + 1);
	packet_head(&p, version, IPPROTO_TCP);
	tcp = packet_tcp(&p, 40000, 53, flags, options_len, data, data_len);
	tcp->window = htons(29200);
	if (flags & ACK)
		tcp->ack_seq = htonl(ACKED);
	packet_sums(&p);
	return p;
}

/* Built from nothing, but for the IP header's fields that a turned packet keeps. */
static struct packet reset_to(const struct packet *p, unsigned flags, __u32 seq, __u32 ack)
{
	struct packet r = {};
	struct tcphdr *tcp;

	packet_eth(&r, p->version == 4 ? ETH_P_IP : ETH_P_IPV6);
	memcpy(r.octets, p->octets + 6, 6);
	memcpy(r.octets + 6, p->octets, 6);
	if (p->version == 4)
		packet_ip4(&r, SERVER4, CLIENT4, 0, IPPROTO_TCP);
	else
		packet_ip6(&r, SERVER6, CLIENT6, IPPROTO_TCP);
	tcp = packet_tcp(&r, 53, 40000, flags, 0, "", 0);
	tcp->seq = htonl(seq);
	tcp->ack_seq = htonl(ack);
	packet_sums(&r);
	return r;
}

START_TEST(segment_is_reset)
{
	for (size_t v = 0; v < 2; v++) {
		struct packet p = segment(versions[v], segments[_i].flags, segments[_i].options_len,
					  segments[_i].data_len);
		struct packet want = reset_to(&p, segments[_i].reply_flags, segments[_i].reply_seq,
					      segments[_i].reply_ack);
		struct outcome o = run(&p);

		ck_assert_msg(o.action == TO_POD, "%s: action %d", segments[_i].what, o.action);
		same_packet(&o.after, &want, segments[_i].what);
		only_lost(&o, NT_LOSS_TCP_RESET, 1, segments[_i].what);
	}
}
END_TEST

static void dropped(const struct packet *p, const char *what)
{
	struct outcome o = run(p);

	ck_assert_msg(o.action == DROP, "%s: action %d", what, o.action);
	same_packet(&o.after, p, what);
	only_lost(&o, NT_LOSS_TCP_RESET, 1, what);
}

/* A reset answered by a reset would go on for ever. */
START_TEST(reset_is_not_answered)
{
	for (size_t v = 0; v < 2; v++) {
		struct packet p = segment(versions[v], RST, 0, 0);

		dropped(&p, "RST");
		p = segment(versions[v], RST | ACK, 0, 0);
		dropped(&p, "RST and ACK");
		p = segment(versions[v], RST | SYN, 0, 3);
		dropped(&p, "RST and SYN with data");
	}
}
END_TEST

START_TEST(what_cannot_be_answered_is_dropped)
{
	for (size_t v = 0; v < 2; v++) {
		struct packet p = segment(versions[v], ACK, 0, 3000);

		dropped(&p, "a segment longer than is summed up");
		p = segment(versions[v], ACK, 0, 0);
		p.octets[p.tcp + 12] = 4 << 4;
		dropped(&p, "a header of 16 octets");
		p = segment(versions[v], ACK, 0, 0);
		p.octets[p.tcp + 12] = 15 << 4;
		dropped(&p, "a header longer than the packet");
		p = segment(versions[v], ACK, 0, 4);
		p.len -= 5;
		dropped(&p, "a packet shorter than it says");
	}
}
END_TEST

START_TEST(options_and_extensions)
{
	struct packet p = {};

	packet_eth(&p, ETH_P_IP);
	packet_ip4(&p, CLIENT4, SERVER4, 8, IPPROTO_TCP);
	packet_tcp(&p, 40000, 53, SYN, 0, "", 0);
	packet_sums(&p);
	dropped(&p, "IPv4 options");
	p = (struct packet){};
	packet_eth(&p, ETH_P_IPV6);
	packet_ip6(&p, CLIENT6, SERVER6, IPPROTO_TCP);
	packet_ext(&p, IPPROTO_DSTOPTS, 8);
	packet_tcp(&p, 40000, 53, SYN, 0, "", 0);
	packet_sums(&p);
	dropped(&p, "an extension header");
}
END_TEST

/* First fragments show the port, and without them later ones are nothing. */
START_TEST(fragments)
{
	struct packet p = segment(4, ACK, 0, 16), first = p, later = p;
	struct outcome o;

	first.octets[first.ip + 6] = 0x20;
	dropped(&first, "a first fragment");
	later.octets[later.ip + 7] = 2;
	o = run(&later);
	ck_assert_int_eq(o.action, NEXT);
	ck_assert_uint_eq(o.events, 0);
}
END_TEST

START_TEST(other_ports_pass)
{
	static const unsigned ports[][2] = { { 40000, 853 }, { 40000, 443 }, { 40000, 5300 } };

	for (size_t i = 0; i < NT_ARRAY_LEN(ports); i++) {
		for (size_t v = 0; v < 2; v++) {
			struct packet p = {};
			struct outcome o;

			packet_head(&p, versions[v], IPPROTO_TCP);
			packet_tcp(&p, ports[i][0], ports[i][1], SYN, 0, "", 0);
			packet_sums(&p);
			o = run(&p);
			ck_assert_int_eq(o.action, NEXT);
			ck_assert_uint_eq(o.events, 0);
			ck_assert_uint_eq(o.more.seq[NT_DIR_FROM_POD], 0);
			same_packet(&o.after, &p, "another port");
		}
	}
}
END_TEST

/* Nothing is enforced, so TCP goes its way and is logged. */
START_TEST(audit_passes)
{
	for (size_t v = 0; v < 2; v++) {
		struct packet p = segment(versions[v], SYN, 0, 0);
		struct outcome o = run(&p);

		ck_assert_int_eq(o.action, NEXT);
		same_packet(&o.after, &p, "audited");
		ck_assert_uint_eq(o.events, 1);
		ck_assert_uint_eq(o.event.l4proto, IPPROTO_TCP);
		ck_assert_uint_eq(o.event.tcp_flags, SYN);
		ck_assert_uint_eq(o.event.verdict, NT_VERDICT_NONE);
	}
}
END_TEST

int main(void)
{
	TCase *enforced = tcase_create("enforced"), *audited = tcase_create("audited");
	Suite *s = suite_create("policy_reset");

	lab_enter();
	tcase_add_checked_fixture(enforced, policy_enforced, policy_tear_down);
	tcase_add_checked_fixture(audited, policy_audited, policy_tear_down);
	tcase_set_timeout(enforced, 60);
	tcase_set_timeout(audited, 60);
	tcase_add_loop_test(enforced, segment_is_reset, 0, NT_ARRAY_LEN(segments));
	tcase_add_test(enforced, reset_is_not_answered);
	tcase_add_test(enforced, what_cannot_be_answered_is_dropped);
	tcase_add_test(enforced, options_and_extensions);
	tcase_add_test(enforced, fragments);
	tcase_add_test(enforced, other_ports_pass);
	tcase_add_test(audited, audit_passes);
	suite_add_tcase(s, enforced);
	suite_add_tcase(s, audited);
	return nt_suite_run(s);
}
