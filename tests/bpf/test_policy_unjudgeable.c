/* SPDX-License-Identifier: Apache-2.0 */
/* What no policy can judge is dropped: queries that are not plain (T28), IP options and extension
 * headers, fragments, several datagrams in one packet (T1). */
#include "tests/bpf/policy_lab.h"

#include "lib/base/cleanup.h"

#define ALLOWED "www.example.com"
#define DENIED "api.example.com"

static const int versions[] = { 4, 6 };

/* --- messages: each an allowed query but for what its name says ------------------------------- */

static void put_rr(struct message *m, unsigned type, unsigned class, const void *rdata, size_t len)
{
	put(m, "", 1);
	put16(m, type);
	put16(m, class);
	put32(m, 0);
	put16(m, (unsigned)len);
	put(m, rdata, len);
}

static void tsig(struct message *m)
{
	count(m, 10);
	put_rr(m, 250, 255, "\x08hmac-md5\x00", 10);
}

static void tsig_behind_opt(struct message *m)
{
	put_opt(m, 0, "", 0);
	tsig(m);
}

static void sig0(struct message *m)
{
	count(m, 10);
	put_rr(m, 24, 255, "\x00\x00\x05\x00", 4);
}

static void sig0_behind_opt(struct message *m)
{
	put_opt(m, 0, "", 0);
	sig0(m);
}

static void two_opts(struct message *m)
{
	put_opt(m, 0, "", 0);
	put_opt(m, 0, "", 0);
}

static void version_1(struct message *m)
{
	put_opt(m, 1 << 16, "", 0);
}

static void version_255(struct message *m)
{
	put_opt(m, 255 << 16, "", 0);
}

static void opt_of_a_name(struct message *m)
{
	count(m, 10);
	put(m, "\x01x\x00\x00\x29\x10\x00\x00\x00\x00\x00\x00\x00", 13);
}

static void opt_named_by_pointer(struct message *m)
{
	count(m, 10);
	put(m, "\xc0\x0c\x00\x29\x10\x00\x00\x00\x00\x00\x00\x00", 12);
}

static void opt_cut_off(struct message *m)
{
	put_opt(m, 0, "", 0);
	m->len -= 3;
}

static void opt_that_is_missing(struct message *m)
{
	count(m, 10);
}

static void opt_longer_than_the_message(struct message *m)
{
	put_opt(m, 0, "\x00\x0c\x00\x00", 4);
	m->len -= 1;
}

static void octets_behind_opt(struct message *m)
{
	put_opt(m, 0, "", 0);
	put(m, "", 1);
}

static void option_beyond_its_opt(struct message *m)
{
	put_opt(m, 0, "\x00\x0c\x00\x05\x00", 5);
}

static void option_without_length(struct message *m)
{
	put_opt(m, 0, "\x00\x0c\x00", 3);
}

static void cookie_beyond_its_opt(struct message *m)
{
	put_opt(m, 0, "\x00\x0a\x00\x10 0123456789", 15);
}

static void more_options_than_are_read(struct message *m)
{
	static const __u8 options[4 * 17];

	put_opt(m, 0, options, sizeof(options));
}

static void octets_behind_the_question(struct message *m)
{
	put(m, "", 1);
}

static void no_question(struct message *m)
{
	m->octets[5] = 0;
	m->len = 12;
}

static void question_that_is_not_counted(struct message *m)
{
	m->octets[5] = 0;
}

static void two_questions(struct message *m)
{
	struct message other = query(DENIED, 1);

	count(m, 4);
	put(m, other.octets + 12, other.len - 12);
}

static void many_questions(struct message *m)
{
	m->octets[4] = 1;
}

static void an_answer(struct message *m)
{
	count(m, 6);
	put_rr(m, 1, 1, "\x7f\x00\x00\x01", 4);
}

static void an_authority(struct message *m)
{
	count(m, 8);
	put_rr(m, 1, 1, "\x7f\x00\x00\x01", 4);
}

static void a_reply(struct message *m)
{
	m->octets[2] |= 0x80;
}

static void inverse_query(struct message *m)
{
	m->octets[2] |= 1 << 3;
}

static void status_query(struct message *m)
{
	m->octets[2] |= 2 << 3;
}

static void notify(struct message *m)
{
	m->octets[2] |= 4 << 3;
}

static void update(struct message *m)
{
	m->octets[2] |= 5 << 3;
}

static void opcode_15(struct message *m)
{
	m->octets[2] |= 15 << 3;
}

static void replace_name(struct message *m, const void *wire, size_t len)
{
	m->len = 12;
	put(m, wire, len);
	put(m, "\x00\x01\x00\x01", 4);
}

static void pointer(struct message *m)
{
	replace_name(m, "\xc0\x0c", 2);
}

static void pointer_behind_a_label(struct message *m)
{
	replace_name(m, "\x03www\xc0\x10", 6);
}

static void pointer_to_an_allowed_name(struct message *m)
{
	struct message name = query(ALLOWED, 1);

	replace_name(m, "\xc0\x12", 2);
	put(m, name.octets + 12, name.len - 16);
}

static void label_type_1(struct message *m)
{
	replace_name(m, "\x41\x00", 2);
}

static void label_type_2(struct message *m)
{
	replace_name(m, "\x80\x00", 2);
}

static void label_of_64(struct message *m)
{
	__u8 label[66] = { 64 };

	replace_name(m, label, sizeof(label));
}

static void name_without_end(struct message *m)
{
	m->len -= 5;
}

static void label_beyond_the_message(struct message *m)
{
	m->octets[12] = 60;
}

static void question_without_class(struct message *m)
{
	m->len -= 2;
}

static void name_of_256_octets(struct message *m)
{
	__u8 wire[256] = {};

	for (int i = 0; i < 3; i++)
		wire[i * 64] = 63;
	wire[192] = 62;
	replace_name(m, wire, sizeof(wire));
}

static void labels_of_256_octets(struct message *m)
{
	__u8 wire[257] = {};

	for (int i = 0; i < 128; i++)
		wire[i * 2] = 1;
	replace_name(m, wire, sizeof(wire));
}

static void longer_than_512(struct message *m)
{
	static const __u8 zeroes[1024];

	put_opt(m, 0, "", 0);
	packet_put16(m->octets + m->len - 2, (unsigned)(513 - m->len));
	put(m, "\x00\x0c", 2);
	put16(m, (unsigned)(513 - m->len - 2));
	put(m, zeroes, 513 - m->len);
}

static void as_long_as_can_be(struct message *m)
{
	static const __u8 zeroes[1400];

	put(m, zeroes, 1400 - m->len);
}

static void header_alone(struct message *m)
{
	m->len = 12;
}

static void header_cut_off(struct message *m)
{
	m->len = 11;
}

static void nothing(struct message *m)
{
	m->len = 0;
}

#define CASE(what)          \
	{                   \
#what, what \
	}

static const struct {
	const char *what;
	void (*make)(struct message *m);
} messages[] = {
	CASE(tsig),
	CASE(tsig_behind_opt),
	CASE(sig0),
	CASE(sig0_behind_opt),
	CASE(two_opts),
	CASE(version_1),
	CASE(version_255),
	CASE(opt_of_a_name),
	CASE(opt_named_by_pointer),
	CASE(opt_cut_off),
	CASE(opt_that_is_missing),
	CASE(opt_longer_than_the_message),
	CASE(octets_behind_opt),
	CASE(option_beyond_its_opt),
	CASE(option_without_length),
	CASE(cookie_beyond_its_opt),
	CASE(more_options_than_are_read),
	CASE(octets_behind_the_question),
	CASE(no_question),
	CASE(question_that_is_not_counted),
	CASE(two_questions),
	CASE(many_questions),
	CASE(an_answer),
	CASE(an_authority),
	CASE(a_reply),
	CASE(inverse_query),
	CASE(status_query),
	CASE(notify),
	CASE(update),
	CASE(opcode_15),
	CASE(pointer),
	CASE(pointer_behind_a_label),
	CASE(pointer_to_an_allowed_name),
	CASE(label_type_1),
	CASE(label_type_2),
	CASE(label_of_64),
	CASE(name_without_end),
	CASE(label_beyond_the_message),
	CASE(question_without_class),
	CASE(name_of_256_octets),
	CASE(labels_of_256_octets),
	CASE(longer_than_512),
	CASE(as_long_as_can_be),
	CASE(header_alone),
	CASE(header_cut_off),
	CASE(nothing),
};

START_TEST(message_is_dropped)
{
	for (size_t v = 0; v < 2; v++) {
		struct message m = query(ALLOWED, 1);
		struct packet p;

		messages[_i].make(&m);
		p = packet_of(versions[v], &m);
		dropped_as(&p, NT_VERDICT_UNJUDGEABLE, messages[_i].what);
	}
}
END_TEST

/* The same without what makes it unjudgeable, so that each case shows what it says. */
START_TEST(plain_ones_pass)
{
	for (size_t v = 0; v < 2; v++) {
		struct message m = query(ALLOWED, 1), opt = query(ALLOWED, 1);
		static const __u8 options[4 * 16];
		struct packet p = packet_of(versions[v], &m), with_opt;

		put_opt(&opt, OPT_DO, options, sizeof(options));
		with_opt = packet_of(versions[v], &opt);
		passes_as(&p, NT_VERDICT_ALLOW, "a plain query");
		passes_as(&with_opt, NT_VERDICT_ALLOW, "with as many options as are read");
	}
}
END_TEST

/* --- IP --------------------------------------------------------------------------------------- */

static struct packet with_options(void)
{
	struct message m = query(ALLOWED, 1);
	struct packet p = {};

	packet_eth(&p, ETH_P_IP);
	packet_ip4(&p, CLIENT4, SERVER4, 4, IPPROTO_UDP);
	packet_udp(&p, 40000, 53, m.octets, m.len);
	packet_sums(&p);
	return p;
}

static struct packet with_extension(unsigned type)
{
	struct message m = query(ALLOWED, 1);
	struct packet p = {};

	packet_eth(&p, ETH_P_IPV6);
	packet_ip6(&p, CLIENT6, SERVER6, IPPROTO_UDP);
	packet_ext(&p, type, 8);
	packet_udp(&p, 40000, 53, m.octets, m.len);
	packet_sums(&p);
	return p;
}

START_TEST(headers_between_are_dropped)
{
	/* A fragment header without fragments, too (RFC 6946). */
	static const unsigned types[] = { IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS,
					  IPPROTO_FRAGMENT };
	struct packet p = with_options();

	dropped_as(&p, NT_VERDICT_UNJUDGEABLE, "IPv4 options");
	for (size_t i = 0; i < NT_ARRAY_LEN(types); i++) {
		p = with_extension(types[i]);
		dropped_as(&p, NT_VERDICT_UNJUDGEABLE, "an extension header");
	}
}
END_TEST

START_TEST(lengths_that_lie_are_dropped)
{
	struct message m = query(ALLOWED, 1);

	for (size_t v = 0; v < 2; v++) {
		static const int lies[] = { 4, 7, 2000 };

		for (size_t i = 0; i < NT_ARRAY_LEN(lies); i++) {
			struct packet p = packet_of(versions[v], &m);
			struct outcome o;

			packet_put16(p.octets + p.udp + 4, (unsigned)lies[i]);
			o = run(&p);
			ck_assert_int_eq(o.action, DROP);
			only_lost(&o, NT_LOSS_DROPPED, 1, "a length that lies");
		}
	}
}
END_TEST

/* Octets behind the datagram, within the IP packet or behind it, are nothing to DNS. */
START_TEST(what_is_behind_does_not_matter)
{
	struct message m = query(ALLOWED, 1);
	struct packet p = packet_of(4, &m);
	struct outcome o;

	memset(packet_add(&p, 9), 0x55, 9);
	o = run(&p);
	ck_assert_int_eq(o.action, NEXT);
	ck_assert_uint_eq(o.event.verdict, NT_VERDICT_ALLOW);
	packet_put16(p.octets + p.ip + 2, (unsigned)(p.len - p.ip));
	o = run(&p);
	ck_assert_int_eq(o.action, NEXT);
	ck_assert_uint_eq(o.event.verdict, NT_VERDICT_ALLOW);
	ck_assert_uint_eq(o.event.payload_len, m.len);
}
END_TEST

START_TEST(more_headers_than_are_followed)
{
	struct message m = query(ALLOWED, 1);
	struct packet p = {};
	struct outcome o;

	packet_eth(&p, ETH_P_IPV6);
	packet_ip6(&p, CLIENT6, SERVER6, IPPROTO_UDP);
	for (int i = 0; i < 12; i++)
		packet_ext(&p, IPPROTO_DSTOPTS, 8);
	packet_udp(&p, 40000, 53, m.octets, m.len);
	packet_sums(&p);
	o = run(&p);
	ck_assert_int_eq(o.action, DROP);
	only_lost(&o, NT_LOSS_DROPPED, 1, "a chain of headers");
}
END_TEST

/* --- fragments -------------------------------------------------------------------------------- */

/* The first or a later piece of `size` octets of a datagram. */
static struct packet fragment(int version, unsigned offset, bool more, unsigned proto, size_t size)
{
	struct message m = query(ALLOWED, 1);
	struct packet p = {};
	__u8 *ext;

	if (version == 4) {
		packet_eth(&p, ETH_P_IP);
		packet_ip4(&p, CLIENT4, SERVER4, 0, proto)->frag_off =
			htons((__u16)(offset / 8 | (more ? 0x2000 : 0)));
	} else {
		packet_eth(&p, ETH_P_IPV6);
		packet_ip6(&p, CLIENT6, SERVER6, proto);
		ext = packet_ext(&p, IPPROTO_FRAGMENT, 8);
		packet_put16(ext + 2, offset | more);
	}
	if (offset == 0 && proto == IPPROTO_UDP) {
		packet_udp(&p, 40000, 53, m.octets, m.len);
		packet_put16(p.octets + p.udp + 4, 2000);
		p.udp = 0; /* its length is not that of the piece */
		if (size)
			p.len -= 8 + m.len - size;
	} else {
		memset(packet_add(&p, size ? size : 64), 0, size ? size : 64);
	}
	packet_done(&p);
	return p;
}

START_TEST(fragments_are_dropped)
{
	for (size_t v = 0; v < 2; v++) {
		struct packet first = fragment(versions[v], 0, true, IPPROTO_UDP, 0);
		struct packet later = fragment(versions[v], 64, true, IPPROTO_UDP, 0);
		struct packet last = fragment(versions[v], 1024, false, IPPROTO_UDP, 0);
		struct outcome o = run(&first);

		ck_assert_int_eq(o.action, DROP);
		only_lost(&o, NT_LOSS_DROPPED, 1, "a first fragment");
		o = run(&later);
		ck_assert_int_eq(o.action, DROP);
		only_lost(&o, 0, 0, "a later fragment");
		ck_assert_uint_eq(o.more.fragments[NT_DIR_FROM_POD], 1);
		o = run(&last);
		ck_assert_int_eq(o.action, DROP);
		ck_assert_uint_eq(o.more.fragments[NT_DIR_FROM_POD], 1);
	}
}
END_TEST

/* Without its ports nobody knows what it is (RFC 7112): the first piece ends before them, and the
 * next ones name the header that it began with. */
START_TEST(fragments_that_hide_their_ports)
{
	for (unsigned type = 0; type < 2; type++) {
		static const unsigned types[] = { IPPROTO_DSTOPTS, IPPROTO_ROUTING };
		struct packet first = fragment(6, 0, true, types[type], 16);
		struct packet later = fragment(6, 16, false, types[type], 64);
		struct outcome o;

		first.octets[first.ip + 48] = IPPROTO_UDP;
		first.octets[first.ip + 49] = 10; /* of 88 octets, 16 of them here */
		o = run(&first);
		ck_assert_int_eq(o.action, DROP);
		ck_assert_uint_eq(o.events, 0);
		ck_assert_uint_eq(o.more.fragments[NT_DIR_FROM_POD], 1);
		o = run(&later);
		ck_assert_int_eq(o.action, DROP);
		ck_assert_uint_eq(o.events, 0);
		ck_assert_uint_eq(o.more.fragments[NT_DIR_FROM_POD], 1);
	}
	for (size_t v = 0; v < 2; v++) {
		struct packet tiny = fragment(versions[v], 0, true, IPPROTO_UDP, 2);
		struct outcome o = run(&tiny);

		ck_assert_int_eq(o.action, DROP);
		ck_assert_uint_eq(o.more.fragments[NT_DIR_FROM_POD], 1);
	}
}
END_TEST

/* Those of other protocols are none of ours. */
START_TEST(other_fragments_pass)
{
	for (size_t v = 0; v < 2; v++) {
		unsigned icmp = versions[v] == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
		struct packet first = fragment(versions[v], 0, true, icmp, 64);
		struct packet later = fragment(versions[v], 64, false, icmp, 64);
		struct outcome o = run(&first);

		ck_assert_int_eq(o.action, NEXT);
		ck_assert_uint_eq(o.events, 0);
		o = run(&later);
		ck_assert_int_eq(o.action, NEXT);
	}
}
END_TEST

/* --- several datagrams (T1) ------------------------------------------------------------------- */

static struct packet datagrams(int version, const struct message *m, unsigned n)
{
	struct message all = {};

	for (unsigned i = 0; i < n; i++)
		put(&all, m[i].octets, m[i].len);
	return packet_of(version, &all);
}

static void check_datagrams(const struct message *m, unsigned n, int action,
			    enum nt_verdict verdict, const char *what)
{
	for (size_t v = 0; v < 2; v++) {
		struct packet p = datagrams(versions[v], m, n);
		struct outcome o = run_gso(&p, (unsigned)m[0].len);

		ck_assert_msg(o.action == action, "%s: action %d", what, o.action);
		same_packet(&o.after, &p, what);
		same_event(&o, &p, verdict, what);
		ck_assert_uint_eq(o.event.gso_segs, n);
	}
}

START_TEST(datagrams_are_judged_one_by_one)
{
	const struct message yes = query(ALLOWED, 1), no = query(DENIED, 1), root = query("", 1);
	struct message m[9];

	for (int i = 0; i < 9; i++)
		m[i] = yes;
	check_datagrams(m, 8, NEXT, NT_VERDICT_ALLOW, "eight allowed ones");
	check_datagrams(m, 9, DROP, NT_VERDICT_UNJUDGEABLE, "more than are judged");
	for (int i = 0; i < 8; i++) {
		m[i] = no;
		check_datagrams(m, 8, DROP, NT_VERDICT_DENY, "one denied");
		m[i] = yes;
	}
	m[1] = root; /* a last one that is shorter */
	check_datagrams(m, 2, DROP, NT_VERDICT_DENY, "the shorter one denied");
	m[1] = yes;
	m[1].octets[2] |= 5 << 3;
	check_datagrams(m, 3, DROP, NT_VERDICT_UNJUDGEABLE, "one that cannot be judged");
	m[2] = no;
	check_datagrams(m, 3, DROP, NT_VERDICT_UNJUDGEABLE, "that and a denied one");
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("unjudgeable");
	Suite *s = suite_create("policy_unjudgeable");

	lab_enter();
	tcase_add_checked_fixture(tc, policy_enforced, policy_tear_down);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, message_is_dropped, 0, NT_ARRAY_LEN(messages));
	tcase_add_test(tc, plain_ones_pass);
	tcase_add_test(tc, headers_between_are_dropped);
	tcase_add_test(tc, lengths_that_lie_are_dropped);
	tcase_add_test(tc, what_is_behind_does_not_matter);
	tcase_add_test(tc, more_headers_than_are_followed);
	tcase_add_test(tc, fragments_are_dropped);
	tcase_add_test(tc, fragments_that_hide_their_ports);
	tcase_add_test(tc, other_fragments_pass);
	tcase_add_test(tc, datagrams_are_judged_one_by_one);
	suite_add_tcase(s, tc);
	return nt_suite_run(s);
}
