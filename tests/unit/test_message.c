/* SPDX-License-Identifier: Apache-2.0 */
/* Messages: header, question, records, EDNS, faults; hostile and cut ones included. */
#include "lib/dns/message.h"

#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "tests/unit/dns_build.h"
#include "tests/unit/suite.h"

#define QUESTION NT_SLICE_LIT("\xc0\x0c")
#define ROOT NT_SLICE_LIT("\0")
#define ADDRESS NT_SLICE_LIT("\xc0\0\2\1")

static struct dns_build b;

static int parse(struct nt_dns_msg *m)
{
	return nt_dns_parse(nt_slice_mem(b.wire, b.len), m);
}

START_TEST(test_query)
{
	struct nt_dns_iter it = { 0 };
	struct nt_dns_msg m;
	struct nt_dns_rr rr;
	char text[NT_NAME_TEXT_MAX];

	put_header(&b, 0x1234, NT_DNS_RD | NT_DNS_CD, 1, 0, 0, 0);
	put_question(&b, NT_TYPE_AAAA);
	ck_assert_int_eq(parse(&m), 0);
	ck_assert_uint_eq(m.id, 0x1234);
	ck_assert_uint_eq(m.flags, NT_DNS_RD | NT_DNS_CD);
	ck_assert(m.has_question);
	ck_assert_uint_eq(m.qtype, NT_TYPE_AAAA);
	ck_assert_uint_eq(m.qclass, 1);
	nt_name_text(&m.qname, text);
	ck_assert_str_eq(text, "example.com");
	ck_assert(!m.edns.present);
	ck_assert_int_eq(m.edns.ede, -1);
	ck_assert(!nt_dns_next(&m, &it, &rr));
}
END_TEST

START_TEST(test_sections)
{
	static const struct {
		enum nt_dns_section section;
		uint16_t type;
		uint32_t ttl;
		const char *rdata;
	} want[] = {
		{ NT_DNS_ANSWER, NT_TYPE_CNAME, 300, "www.example.com" },
		{ NT_DNS_ANSWER, NT_TYPE_A, 0xffffffff, "192.0.2.1" },
		{ NT_DNS_AUTHORITY, NT_TYPE_NS, 60, "ns1.com" },
		{ NT_DNS_ADDITIONAL, NT_TYPE_OPT, 0x8000, "\\# 0" },
		{ NT_DNS_ADDITIONAL, NT_TYPE_A, 0, "192.0.2.1" },
	};
	_cleanup_buf_ struct nt_buf out = { 0 };
	struct nt_dns_iter it = { 0 };
	struct nt_dns_msg m;
	struct nt_dns_rr rr;

	put_header(&b, 1, NT_DNS_QR, 1, 2, 1, 2);
	put_question(&b, NT_TYPE_A);
	put_record(&b, QUESTION, NT_TYPE_CNAME, 1, 300, NT_SLICE_LIT("\3WWW\xc0\x0c"));
	put_record(&b, NT_SLICE_LIT("\xc0\x29"), NT_TYPE_A, 1, 0xffffffff, ADDRESS);
	put_record(&b, NT_SLICE_LIT("\xc0\x14"), NT_TYPE_NS, 1, 60, NT_SLICE_LIT("\3ns1\xc0\x14"));
	put_record(&b, ROOT, NT_TYPE_OPT, 1232, 0x8000, NT_SLICE_LIT(""));
	put_record(&b, QUESTION, NT_TYPE_A, 1, 0, ADDRESS);
	ck_assert_int_eq(parse(&m), 0);
	ck_assert(m.edns.present && m.edns.dnssec_ok);
	ck_assert_uint_eq(m.edns.udp_size, 1232);
	for (size_t i = 0; i < NT_ARRAY_LEN(want); i++) {
		ck_assert(nt_dns_next(&m, &it, &rr));
		ck_assert_int_eq(rr.section, want[i].section);
		ck_assert_uint_eq(rr.type, want[i].type);
		ck_assert_uint_eq(rr.ttl, want[i].ttl);
		nt_buf_reset(&out);
		nt_rdata_format(&m, &rr, &out);
		ck_assert_str_eq(nt_buf_str(&out), want[i].rdata);
	}
	ck_assert(!nt_dns_next(&m, &it, &rr));
	ck_assert(!nt_dns_next(&m, &it, &rr));
}
END_TEST

START_TEST(test_no_question)
{
	struct nt_dns_msg m;

	put_header(&b, 7, NT_DNS_QR | 1, 0, 0, 0, 0);
	ck_assert_int_eq(parse(&m), 0);
	ck_assert(!m.has_question);
	ck_assert_uint_eq(m.qname.len, 0);
	ck_assert_uint_eq(m.rcode, 1);
	/* Without a question offset 12 is a record of this message, so the short cut for owners
	 * that point there must not be taken. */
	put_header(&b, 7, NT_DNS_QR, 0, 1, 0, 0);
	put_record(&b, QUESTION, NT_TYPE_A, 1, 0, ADDRESS);
	ck_assert_int_eq(parse(&m), -NT_DNS_ENAME);
}
END_TEST

START_TEST(test_edns)
{
	struct nt_dns_msg m;

	put_header(&b, 1, NT_DNS_QR, 1, 0, 0, 1);
	put_question(&b, NT_TYPE_A);
	/* Version 0, code 1 in the upper bits: BADVERS; NSID, EDE 18, EDE 3 with text, cookie. */
	put_record(&b, ROOT, NT_TYPE_OPT, 4096, 0x01000000,
		   NT_SLICE_LIT("\0\3\0\0\0\x0f\0\2\0\x12\0\x0f\0\4\0\3hi\0\x0a\0\1x"));
	ck_assert_int_eq(parse(&m), 0);
	ck_assert_uint_eq(m.rcode, 16);
	ck_assert(m.edns.present && !m.edns.dnssec_ok);
	ck_assert_uint_eq(m.edns.version, 0);
	ck_assert_uint_eq(m.edns.udp_size, 4096);
	ck_assert_uint_eq(m.edns.options_len, 4);
	ck_assert_uint_eq(m.edns.options[0], 3);
	ck_assert_uint_eq(m.edns.options[1], 15);
	ck_assert_uint_eq(m.edns.options[3], 10);
	ck_assert_int_eq(m.edns.ede, 18);
	/* More options than are kept, version 5, all bits of the code: 0xff << 4 | 15. */
	put_header(&b, 1, NT_DNS_QR | 15, 0, 0, 0, 1);
	put_record(&b, ROOT, NT_TYPE_OPT, 512, 0xff058000,
		   NT_SLICE_LIT("\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5\0\0\0\6\0\0\0\7\0\0"
				"\0\x08\0\0\0\x09\0\0\0\x0f\0\2\xff\xff"));
	ck_assert_int_eq(parse(&m), 0);
	ck_assert_uint_eq(m.rcode, 4095);
	ck_assert_uint_eq(m.edns.version, 5);
	ck_assert_uint_eq(m.edns.options_len, 8);
	ck_assert_uint_eq(m.edns.options[7], 8);
	ck_assert_int_eq(m.edns.ede, 65535);
}
END_TEST

static const struct {
	const char *what;
	unsigned counts[4];
	struct nt_slice body;
	int error;
} faults[] = {
	{ "question without type", { 1 }, NT_SLICE_LIT("\1a\0\0"), NT_DNS_ESHORT },
	{ "question missing", { 1 }, NT_SLICE_LIT(""), NT_DNS_ESHORT },
	{ "name points to itself", { 1 }, NT_SLICE_LIT("\xc0\x0c\0\1\0\1"), NT_DNS_ENAME },
	{ "name points forward", { 1 }, NT_SLICE_LIT("\xc0\x20\0\1\0\1"), NT_DNS_ENAME },
	{ "name points into the header",
	  { 1 },
	  NT_SLICE_LIT("\xc0\2\0\1\0\1"), /* flags 0: a root label; 4 octets are left: fits */
	  0 },
	{ "two questions", { 2 }, NT_SLICE_LIT("\0\0\1\0\1\0\0\1\0\1"), NT_DNS_EQUESTION },
	{ "answer missing", { 1, 1 }, NT_SLICE_LIT("\0\0\1\0\1"), NT_DNS_ESHORT },
	{ "record without length",
	  { 1, 1 },
	  NT_SLICE_LIT("\0\0\1\0\1\0\0\1\0\1\0\0\0\0"),
	  NT_DNS_ESHORT },
	{ "data longer than the message",
	  { 1, 1 },
	  NT_SLICE_LIT("\0\0\1\0\1\0\0\1\0\1\0\0\0\0\0\4\1\1\1"),
	  NT_DNS_ESHORT },
	{ "address of three octets",
	  { 1, 1 },
	  NT_SLICE_LIT("\0\0\1\0\1\0\0\1\0\1\0\0\0\0\0\3\1\1\1"),
	  NT_DNS_ERDATA },
	{ "target loops",
	  { 1, 1 },
	  NT_SLICE_LIT("\0\0\1\0\1\0\0\5\0\1\0\0\0\0\0\2\xc0\x1c"),
	  NT_DNS_ENAME },
	{ "target longer than its data",
	  { 1, 1 },
	  NT_SLICE_LIT("\0\0\1\0\1\0\0\5\0\1\0\0\0\0\0\2\1a\0"),
	  NT_DNS_ERDATA },
	{ "octets behind", { 1 }, NT_SLICE_LIT("\0\0\1\0\1x"), NT_DNS_ETRAILING },
	{ "two OPT",
	  { 0, 0, 0, 2 },
	  NT_SLICE_LIT("\0\0\x29\4\0\0\0\0\0\0\0\0\0\x29\4\0\0\0\0\0\0\0"),
	  NT_DNS_EOPT },
	{ "OPT in the answer", { 0, 1 }, NT_SLICE_LIT("\0\0\x29\4\0\0\0\0\0\0\0"), NT_DNS_EOPT },
	{ "OPT in authority", { 0, 0, 1 }, NT_SLICE_LIT("\0\0\x29\4\0\0\0\0\0\0\0"), NT_DNS_EOPT },
	{ "OPT of a name",
	  { 0, 0, 0, 1 },
	  NT_SLICE_LIT("\1a\0\0\x29\4\0\0\0\0\0\0\0"),
	  NT_DNS_EOPT },
	{ "option without length",
	  { 0, 0, 0, 1 },
	  NT_SLICE_LIT("\0\0\x29\4\0\0\0\0\0\0\3\0\1\0"),
	  NT_DNS_ERDATA },
	{ "option longer than OPT",
	  { 0, 0, 0, 1 },
	  NT_SLICE_LIT("\0\0\x29\4\0\0\0\0\0\0\4\0\1\0\1"),
	  NT_DNS_ERDATA },
	{ "EDE of one octet",
	  { 0, 0, 0, 1 },
	  NT_SLICE_LIT("\0\0\x29\4\0\0\0\0\0\0\5\0\x0f\0\1\0"),
	  NT_DNS_ERDATA },
};

START_TEST(test_fault)
{
	const unsigned *n = faults[_i].counts;
	_cleanup_free_ uint8_t *copy = NULL;
	struct nt_dns_msg m;

	put_header(&b, 0xbeef, 0, n[0], n[1], n[2], n[3]);
	put_slice(&b, faults[_i].body);
	ck_assert_msg(parse_exact(b.wire, b.len, &m, &copy) == -faults[_i].error, "%s",
		      faults[_i].what);
	ck_assert_uint_eq(m.id, 0xbeef);
	ck_assert_uint_eq(m.wire.len, b.len);
	ck_assert(strlen(nt_dns_strerror(faults[_i].error)) > 5);
}
END_TEST

START_TEST(test_what_is_kept_of_a_faulty_message)
{
	struct nt_dns_msg m;

	put_header(&b, 9, NT_DNS_RD, 1, 1, 0, 0);
	put_question(&b, NT_TYPE_MX);
	ck_assert_int_eq(parse(&m), -NT_DNS_ESHORT);
	ck_assert(m.has_question);
	ck_assert_uint_eq(m.qtype, NT_TYPE_MX);
	ck_assert_uint_eq(m.qname.len, 13);
	b.len = 11;
	ck_assert_int_eq(parse(&m), -NT_DNS_ESHORT);
	ck_assert_uint_eq(m.wire.len, 0);
	ck_assert(!m.has_question);
}
END_TEST

/* A reply that has nearly everything; whatever its length is cut to, nothing beyond is read. */
static void build_rich(void)
{
	put_header(&b, 1, NT_DNS_QR, 1, 6, 1, 2);
	put_question(&b, NT_TYPE_HTTPS);
	put_record(&b, QUESTION, NT_TYPE_HTTPS, 1, 5,
		   NT_SLICE_LIT("\0\1\0\0\1\0\3\2h2\0\3\0\2\1\xbb\0\4\0\4\1\2\3\4"));
	put_record(&b, QUESTION, 46, 1, 5,
		   NT_SLICE_LIT("\0\x41\x0d\2\0\0\0\5\1\2\3\4\1\2\3\4\0\7\xc0\x0csignature"));
	put_record(&b, QUESTION, NT_TYPE_SRV, 1, 5, NT_SLICE_LIT("\0\1\0\2\0\3\1a\xc0\x0c"));
	put_record(&b, QUESTION, NT_TYPE_TXT, 1, 5, NT_SLICE_LIT("\3abc\0\1x"));
	put_record(&b, QUESTION, 35, 1, 5, NT_SLICE_LIT("\0\1\0\2\1U\3a+b\0\xc0\x0c"));
	put_record(&b, QUESTION, 47, 1, 5, NT_SLICE_LIT("\1b\xc0\x0c\0\2\x40\1\1\1\x40"));
	put_record(&b, NT_SLICE_LIT("\xc0\x14"), NT_TYPE_SOA, 1, 5,
		   NT_SLICE_LIT("\1m\xc0\x14\1r\xc0\x14\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5"));
	put_record(&b, ROOT, NT_TYPE_OPT, 1232, 0, NT_SLICE_LIT("\0\x0f\0\2\0\1"));
	put_record(&b, QUESTION, NT_TYPE_CAA, 1, 5, NT_SLICE_LIT("\0\5issueca.example"));
}

static void format_all(const struct nt_dns_msg *m)
{
	_cleanup_buf_ struct nt_buf out = { 0 };
	struct nt_dns_iter it = { 0 };
	struct nt_dns_rr rr;

	while (nt_dns_next(m, &it, &rr))
		nt_rdata_format(m, &rr, &out);
	for (size_t i = 0; i < out.len; i++)
		ck_assert(out.p[i] >= ' ' && out.p[i] <= '~');
}

START_TEST(test_every_prefix)
{
	struct nt_dns_msg m;

	build_rich();
	for (size_t len = 0; len <= b.len; len++) {
		_cleanup_free_ uint8_t *copy = NULL;
		int r = parse_exact(b.wire, len, &m, &copy);

		ck_assert_int_eq(r, len == b.len ? 0 : -NT_DNS_ESHORT);
	}
}
END_TEST

/* One octet changed to each of a few values: an error, or a message that formats. */
START_TEST(test_every_octet_changed)
{
	static const uint8_t values[] = { 0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xff };
	struct nt_dns_msg m;

	build_rich();
	for (size_t i = 0; i < b.len * NT_ARRAY_LEN(values); i++) {
		uint8_t *at = b.wire + i / NT_ARRAY_LEN(values), was = *at;
		_cleanup_free_ uint8_t *copy = NULL;

		*at = values[i % NT_ARRAY_LEN(values)];
		if (parse_exact(b.wire, b.len, &m, &copy) == 0)
			format_all(&m);
		*at = was;
	}
}
END_TEST

START_TEST(test_largest)
{
	_cleanup_free_ uint8_t *large = calloc(1, 70000);
	struct nt_dns_iter it = { 0 };
	struct nt_dns_msg m;
	struct nt_dns_rr rr;
	unsigned n = 0;

	/* 65,535 octets: 5,956 records of 11 octets, the last one with 7 octets more. */
	put_header(&b, 1, NT_DNS_QR, 0, 5956, 0, 0);
	for (int i = 0; i < 5955; i++)
		put_record(&b, ROOT, 65280, 1, 0, NT_SLICE_LIT(""));
	put_record(&b, ROOT, 65280, 1, 0, NT_SLICE_LIT("1234567"));
	ck_assert_uint_eq(b.len, 65535);
	ck_assert_int_eq(parse(&m), 0);
	while (nt_dns_next(&m, &it, &rr))
		n++;
	ck_assert_uint_eq(n, 5956);
	ck_assert_uint_eq(rr.rdata_at + rr.rdata_len, 65535);
	ck_assert_int_eq(nt_dns_parse(nt_slice_mem(large, 65536), &m), -NT_DNS_ETRAILING);
}
END_TEST

START_TEST(test_mnemonics)
{
	char name[16];
	uint16_t back;

	for (unsigned v = 0; v < 65536; v++) {
		ck_assert_int_eq(
			nt_dns_type_parse(nt_slice_str(nt_dns_type_name((uint16_t)v, name)), &back),
			0);
		ck_assert_uint_eq(back, v);
		ck_assert_int_eq(nt_dns_class_parse(
					 nt_slice_str(nt_dns_class_name((uint16_t)v, name)), &back),
				 0);
		ck_assert_uint_eq(back, v);
	}
	for (unsigned v = 0; v < 4096; v++) {
		ck_assert_int_eq(nt_dns_rcode_parse(
					 nt_slice_str(nt_dns_rcode_name((uint16_t)v, name)), &back),
				 0);
		ck_assert_uint_eq(back, v);
	}
	ck_assert_str_eq(nt_dns_type_name(65, name), "HTTPS");
	ck_assert_str_eq(nt_dns_type_name(257, name), "CAA");
	ck_assert_str_eq(nt_dns_type_name(54, name), "TYPE54");
	ck_assert_str_eq(nt_dns_type_name(65535, name), "TYPE65535");
	ck_assert_str_eq(nt_dns_type_name(255, name), "ANY");
	ck_assert_str_eq(nt_dns_class_name(1, name), "IN");
	ck_assert_str_eq(nt_dns_class_name(2, name), "CLASS2");
	ck_assert_str_eq(nt_dns_rcode_name(3, name), "NXDOMAIN");
	ck_assert_str_eq(nt_dns_rcode_name(16, name), "BADVERS");
	ck_assert_str_eq(nt_dns_rcode_name(23, name), "BADCOOKIE");
	ck_assert_str_eq(nt_dns_rcode_name(24, name), "RCODE24");
}
END_TEST

static const struct {
	const char *text;
	int type, class_, rcode; /* -1: refused */
} words[] = {
	{ "a", 1, -1, -1 },	    { "Aaaa", 28, -1, -1 },	   { "nsap-ptr", 23, -1, -1 },
	{ "TYPE1", 1, -1, -1 },	    { "type65", 65, -1, -1 },	   { "TYPE65536", -1, -1, -1 },
	{ "TYPE", -1, -1, -1 },	    { "TYPE-1", -1, -1, -1 },	   { "TYPE1 ", -1, -1, -1 },
	{ "", -1, -1, -1 },	    { "in", -1, 1, -1 },	   { "CLASS1", -1, 1, -1 },
	{ "any", 255, 255, -1 },    { "NoError", -1, -1, 0 },	   { "nxdomain", -1, -1, 3 },
	{ "BADSIG", -1, -1, 16 },   { "RCODE4095", -1, -1, 4095 }, { "RCODE4096", -1, -1, -1 },
	{ "NOERRORS", -1, -1, -1 }, { "TA", 32768, -1, -1 },	   { "dlv", 32769, -1, -1 },
};

START_TEST(test_mnemonics_from_text)
{
	struct nt_slice text = nt_slice_str(words[_i].text);
	uint16_t v = 0;
	int r;

	r = nt_dns_type_parse(text, &v);
	ck_assert_int_eq(r < 0 ? -1 : v, words[_i].type);
	r = nt_dns_class_parse(text, &v);
	ck_assert_int_eq(r < 0 ? -1 : v, words[_i].class_);
	r = nt_dns_rcode_parse(text, &v);
	ck_assert_int_eq(r < 0 ? -1 : v, words[_i].rcode);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("message");
	TCase *t = tcase_create("message");

	tcase_add_test(t, test_query);
	tcase_add_test(t, test_sections);
	tcase_add_test(t, test_no_question);
	tcase_add_test(t, test_edns);
	tcase_add_loop_test(t, test_fault, 0, (int)NT_ARRAY_LEN(faults));
	tcase_add_test(t, test_what_is_kept_of_a_faulty_message);
	tcase_add_test(t, test_every_prefix);
	tcase_add_test(t, test_every_octet_changed);
	tcase_add_test(t, test_largest);
	tcase_add_test(t, test_mnemonics);
	tcase_add_loop_test(t, test_mnemonics_from_text, 0, (int)NT_ARRAY_LEN(words));
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
