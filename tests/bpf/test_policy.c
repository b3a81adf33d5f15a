/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts of policies on built packets, and the reply to what is denied, octet by octet (T28). */
#include "tests/bpf/policy_lab.h"

#include "lib/base/cleanup.h"

#define SERVER_COOKIE_MAX 32
#define ALLOWED "www.example.com"
#define DENIED "api.example.com"

static const int versions[] = { 4, 6 };

static const struct {
	const char *name;
	bool allowed;
} names[] = {
	{ "www.example.com", true },
	{ "WwW.eXAMPLE.CoM", true },
	{ "a.www.example.com", false },
	{ "example.com", false },
	{ "com", false },
	{ "", false },
	{ "www.example.com.evil.net", false },
	{ "xwww.example.com", false },
	{ "www.example.org", false },
	{ "ww.example.com", false },
	{ "www1.example.com", false },
};

START_TEST(name_decides)
{
	for (size_t v = 0; v < 2; v++) {
		struct message q = query(names[_i].name, 1),
			       want = denial(&q, q.len, false, 0, "", 0);
		struct packet p = packet_of(versions[v], &q);

		if (names[_i].allowed)
			passes_as(&p, NT_VERDICT_ALLOW, names[_i].name);
		else
			denied_with(&p, &want, names[_i].name);
	}
}
END_TEST

static const unsigned types[] = { 1, 28, 16, 65, 255, 41, 65535 };

START_TEST(type_does_not)
{
	struct message q = query(ALLOWED, types[_i]), r = query(DENIED, types[_i]);
	struct message want = denial(&r, r.len, false, 0, "", 0);
	struct packet p = packet_of(4, &q), denied = packet_of(6, &r);

	passes_as(&p, NT_VERDICT_ALLOW, "any type");
	denied_with(&denied, &want, "any type");
}
END_TEST

/* Of the flags of a query RD and CD come back. */
START_TEST(flags_of_the_reply)
{
	for (unsigned bits = 0; bits < 8; bits++) {
		struct message q = query(DENIED, 1), want;
		struct packet p;

		q.octets[2] = bits & 1; /* RD */
		q.octets[3] = (__u8)((bits & 2 ? 0x10 : 0) | (bits & 4 ? 0x20 : 0)); /* CD, AD */
		want = denial(&q, q.len, false, 0, "", 0);
		ck_assert_uint_eq(want.octets[2], 0x80 | (bits & 1));
		ck_assert_uint_eq(want.octets[3], 0x83 | (bits & 2 ? 0x10 : 0));
		p = packet_of(versions[bits % 2], &q);
		denied_with(&p, &want, "flags");
	}
}
END_TEST

/* Each case: what the query's OPT holds, and which of it comes back. */
static const struct {
	const char *what;
	unsigned cookie_len; /* 0: no cookie */
	bool dnssec, padding, subnet;
	bool echoed;
} opts[] = {
	{ "an OPT without options", 0, false, false, false, false },
	{ "DO", 0, true, false, false, false },
	{ "a client's cookie", 8, false, false, false, false },
	{ "a cookie of no legal length", 9, false, false, false, false },
	{ "a cookie one short of a server's", 15, false, false, false, false },
	{ "the shortest server's cookie", 16, false, false, false, true },
	{ "a usual cookie", 24, true, false, false, true },
	{ "the longest cookie", 8 + SERVER_COOKIE_MAX, false, false, false, true },
	{ "a cookie that is too long", 41, false, false, false, false },
	{ "an empty cookie", 1000, false, false, false, false }, /* see below */
	{ "padding and subnet", 0, false, true, true, false },
	{ "a cookie between others", 16, true, true, true, true },
	{ "a client's cookie between others", 8, true, true, true, false },
};

static struct message options_of(int i, struct message *cookie)
{
	static const __u8 zeroes[128];
	unsigned len = opts[i].cookie_len == 1000 ? 0 : opts[i].cookie_len;
	struct message all = {};
	__u8 octets[64];

	for (unsigned at = 0; at < sizeof(octets); at++)
		octets[at] = (__u8)(0xa0 + at);
	if (opts[i].subnet)
		add_option(&all, 8, "\x00\x01\x18\x00\xc0\x00\x02", 7);
	if (opts[i].cookie_len)
		add_option(cookie, 10, octets, len);
	put(&all, cookie->octets, cookie->len);
	if (opts[i].padding)
		add_option(&all, 12, zeroes, sizeof(zeroes));
	return all;
}

START_TEST(opt_of_the_reply)
{
	struct message q = query("Api.Example.Com", 28), cookie = {}, options, want;
	size_t question_end = q.len;

	options = options_of(_i, &cookie);
	put_opt(&q, opts[_i].dnssec ? OPT_DO : 0, options.octets, options.len);
	want = denial(&q, question_end, true, opts[_i].dnssec ? OPT_DO : 0, cookie.octets,
		      opts[_i].echoed ? cookie.len : 0);
	for (size_t v = 0; v < 2; v++) {
		struct packet p = packet_of(versions[v], &q);

		denied_with(&p, &want, opts[_i].what);
	}
}
END_TEST

/* Of the flags only DO is known today; the others must be zero in a reply (RFC 6891 6.1.4). */
START_TEST(flags_of_the_opt)
{
	struct message q = query(DENIED, 1), want;
	size_t question_end = q.len;
	struct packet p;

	put_opt(&q, 0xffff, "", 0);
	want = denial(&q, question_end, true, OPT_DO, "", 0);
	p = packet_of(4, &q);
	denied_with(&p, &want, "all flags");
}
END_TEST

/* RFC 1035 2.3.4: 255 octets; the reply has all of it, the cookie and the reason. */
START_TEST(longest_name)
{
	char name[256] = "";
	struct message q, want, cookie = {};
	size_t question_end;

	for (int i = 0; i < 3; i++)
		memcpy(name + i * 64,
		       "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz0123456789-.", 64);
	memset(name + 192, 'z', 61);
	add_option(&cookie, 10, name, 40);
	q = query(name, 1);
	question_end = q.len;
	ck_assert_uint_eq(question_end, 12 + 255 + 4);
	put_opt(&q, OPT_DO, cookie.octets, cookie.len);
	want = denial(&q, question_end, true, OPT_DO, cookie.octets, cookie.len);
	for (size_t v = 0; v < 2; v++) {
		struct packet p = packet_of(versions[v], &q);

		denied_with(&p, &want, "the longest name");
	}
}
END_TEST

START_TEST(most_labels)
{
	char name[256] = "";
	struct message q, want;
	struct packet p;

	for (int i = 0; i < 127; i++)
		memcpy(name + i * 2, "a.", 2);
	name[253] = '\0';
	q = query(name, 1);
	ck_assert_uint_eq(q.len, 12 + 255 + 4);
	want = denial(&q, q.len, false, 0, "", 0);
	p = packet_of(6, &q);
	denied_with(&p, &want, "127 labels");
}
END_TEST

/* Up to 512 octets are judged, with odd lengths and even ones. */
START_TEST(length_of_the_query)
{
	static const __u8 zeroes[512];

	for (size_t len = 500; len <= 512; len++) {
		struct message q = query(DENIED, 1), options = {}, want;
		size_t question_end = q.len;
		struct packet p;

		add_option(&options, 12, zeroes, len - question_end - 11 - 4);
		put_opt(&q, 0, options.octets, options.len);
		ck_assert_uint_eq(q.len, len);
		want = denial(&q, question_end, true, 0, "", 0);
		p = packet_of(versions[len % 2], &q);
		denied_with(&p, &want, "a long query");
	}
}
END_TEST

/* RFC 768: no checksum; it stays so. */
START_TEST(no_checksum)
{
	struct message q = query(DENIED, 1), want = denial(&q, q.len, false, 0, "", 0);
	struct packet p = packet_of(4, &q), reply;
	struct outcome o;

	packet_put16(p.octets + p.udp + 6, 0);
	o = run(&p);
	reply = answer_to(&p, &want);
	packet_put16(reply.octets + reply.udp + 6, 0);
	ck_assert_int_eq(o.action, TO_POD);
	same_packet(&o.after, &reply, "no checksum");
}
END_TEST

START_TEST(tag_stays)
{
	struct message q = query(DENIED, 1), want = denial(&q, q.len, false, 0, "", 0);

	for (size_t v = 0; v < 2; v++) {
		struct packet p = {};

		packet_eth(&p, ETH_P_8021Q);
		packet_tag(&p, 7, v ? ETH_P_IPV6 : ETH_P_IP);
		if (v)
			packet_ip6(&p, CLIENT6, SERVER6, IPPROTO_UDP);
		else
			packet_ip4(&p, CLIENT4, SERVER4, 0, IPPROTO_UDP);
		packet_udp(&p, 40000, 53, q.octets, q.len);
		packet_sums(&p);
		denied_with(&p, &want, "a tag in the frame");
	}
}
END_TEST

/* A server's answer from the pod's own port 53 asks for nothing, whatever its name. */
START_TEST(answers_are_no_questions)
{
	struct message q = query(DENIED, 1);
	struct packet p = {};

	q.octets[2] |= 0x80;
	packet_head(&p, 4, IPPROTO_UDP);
	packet_udp(&p, 53, 53, q.octets, q.len);
	packet_sums(&p);
	passes_as(&p, NT_VERDICT_NONE, "an answer from port 53");
}
END_TEST

START_TEST(other_ports_are_not_judged)
{
	struct message q = query(DENIED, 1);
	struct packet p = {};
	struct outcome o;

	packet_head(&p, 4, IPPROTO_UDP);
	packet_udp(&p, 40000, 5300, q.octets, q.len);
	packet_sums(&p);
	o = run(&p);
	ck_assert_int_eq(o.action, NEXT);
	ck_assert_uint_eq(o.events, 0);
	same_packet(&o.after, &p, "another port");
}
END_TEST

START_TEST(audit_passes)
{
	struct message q = query(DENIED, 1), fine = query(ALLOWED, 1), bad = query(DENIED, 1);

	count(&bad, 4);
	for (size_t v = 0; v < 2; v++) {
		struct packet p = packet_of(versions[v], &q),
			      allowed = packet_of(versions[v], &fine);
		struct packet unjudgeable = packet_of(versions[v], &bad);

		passes_as(&p, NT_VERDICT_AUDIT, "a name that is not allowed");
		passes_as(&allowed, NT_VERDICT_ALLOW, "a name that is");
		passes_as(&unjudgeable, NT_VERDICT_AUDIT, "what nobody can judge");
	}
}
END_TEST

int main(void)
{
	TCase *enforced = tcase_create("enforced"), *audited = tcase_create("audited");
	Suite *s = suite_create("policy");

	lab_enter();
	tcase_add_checked_fixture(enforced, policy_enforced, policy_tear_down);
	tcase_add_checked_fixture(audited, policy_audited, policy_tear_down);
	tcase_set_timeout(enforced, 60);
	tcase_set_timeout(audited, 60);
	tcase_add_loop_test(enforced, name_decides, 0, NT_ARRAY_LEN(names));
	tcase_add_loop_test(enforced, type_does_not, 0, NT_ARRAY_LEN(types));
	tcase_add_test(enforced, flags_of_the_reply);
	tcase_add_loop_test(enforced, opt_of_the_reply, 0, NT_ARRAY_LEN(opts));
	tcase_add_test(enforced, flags_of_the_opt);
	tcase_add_test(enforced, longest_name);
	tcase_add_test(enforced, most_labels);
	tcase_add_test(enforced, length_of_the_query);
	tcase_add_test(enforced, no_checksum);
	tcase_add_test(enforced, tag_stays);
	tcase_add_test(enforced, answers_are_no_questions);
	tcase_add_test(enforced, other_ports_are_not_judged);
	tcase_add_test(audited, audit_passes);
	suite_add_tcase(s, enforced);
	suite_add_tcase(s, audited);
	return nt_suite_run(s);
}
