/* SPDX-License-Identifier: Apache-2.0 */
/* Record data in presentation form, and what is refused; examples of the RFCs where they have some.
 */
#include "lib/dns/message.h"

#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/dns/text.h"
#include "tests/unit/dns_build.h"
#include "tests/unit/suite.h"

/* \xc0\x0c is example.com, \xc0\x14 com. */
static const struct {
	unsigned type, class_;
	struct nt_slice rdata;
	const char *text; /* NULL: refused, with error */
	int error;
} cases[] = {
	{ 1, 1, NT_SLICE_LIT("\xff\0\x0a\x64"), "255.0.10.100", 0 },
	{ 1, 1, NT_SLICE_LIT("\1\2\3"), NULL, NT_DNS_ERDATA },
	{ 1, 1, NT_SLICE_LIT("\1\2\3\4\5"), NULL, NT_DNS_ERDATA },
	{ 1, 1, NT_SLICE_LIT(""), NULL, NT_DNS_ERDATA },
	{ 1, 3, NT_SLICE_LIT("\0\1\2"), "\\# 3 000102", 0 }, /* CHAOS: a name and a number */
	{ 1, 255, NT_SLICE_LIT(""), "\\# 0", 0 }, /* dynamic update */
	{ 1, 254, NT_SLICE_LIT("\1\2\3\4"), "1.2.3.4", 0 },
	{ 2, 1, NT_SLICE_LIT("\3NS1\xc0\x0c"), "ns1.example.com", 0 },
	{ 2, 1, NT_SLICE_LIT("\0"), ".", 0 },
	{ 2, 1,
	  NT_SLICE_LIT("\xc0\x0c"
		       "x"),
	  NULL, NT_DNS_ERDATA },
	{ 2, 1, NT_SLICE_LIT("\xc0\xff"), NULL, NT_DNS_ENAME },
	{ 2, 1, NT_SLICE_LIT("\1a\x80"), NULL, NT_DNS_ENAME },
	{ 2, 1, NT_SLICE_LIT("\1a"), NULL, NT_DNS_ERDATA },
	{ 5, 1, NT_SLICE_LIT("\5a.b c\xc0\x0c"), "a\\046b\\032c.example.com", 0 },
	{ 6, 1,
	  NT_SLICE_LIT("\2ns\xc0\x0c\4root\xc0\x0c\x78\xa5\xc6\x41\0\0\x1c\x20\0\0\x0e\x10\0\x12"
		       "\x75\0\0\0\1\x2c"),
	  "ns.example.com root.example.com 2024130113 7200 3600 1209600 300", 0 },
	{ 6, 1, NT_SLICE_LIT("\0\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0"), NULL, NT_DNS_ERDATA },
	{ 10, 1, NT_SLICE_LIT("\1\2"), "\\# 2 0102", 0 },
	{ 10, 1, NT_SLICE_LIT(""), "\\# 0", 0 },
	{ 12, 1, NT_SLICE_LIT("\4host\xc0\x0c"), "host.example.com", 0 },
	{ 13, 1, NT_SLICE_LIT("\3x86\5Linux"), "\"x86\" \"Linux\"", 0 },
	{ 13, 1, NT_SLICE_LIT("\3x86"), NULL, NT_DNS_ERDATA },
	{ 15, 1, NT_SLICE_LIT("\0\x0a\4mail\xc0\x0c"), "10 mail.example.com", 0 },
	{ 15, 1, NT_SLICE_LIT("\0\0\0"), "0 .", 0 }, /* RFC 7505 */
	{ 16, 1, NT_SLICE_LIT("\5hello"), "\"hello\"", 0 },
	{ 16, 1, NT_SLICE_LIT("\0"), "\"\"", 0 },
	{ 16, 1, NT_SLICE_LIT("\1a\0\4\"\\;\n"), "\"a\" \"\" \"\\\"\\\\;\\010\"", 0 },
	{ 16, 1, NT_SLICE_LIT("\4\x1b[2J\2\xc3\xa9"), "\"\\027[2J\" \"\\195\\169\"", 0 },
	{ 16, 1, NT_SLICE_LIT(""), NULL, NT_DNS_ERDATA },
	{ 16, 1, NT_SLICE_LIT("\2a"), NULL, NT_DNS_ERDATA },
	{ 16, 3,
	  NT_SLICE_LIT("\6"
		       "9.18.1"),
	  "\"9.18.1\"", 0 }, /* version.bind */
	{ 17, 1, NT_SLICE_LIT("\5admin\xc0\x0c\0"), "admin.example.com .", 0 },
	{ 18, 1, NT_SLICE_LIT("\0\1\xc0\x0c"), "1 example.com", 0 },
	{ 25, 1, NT_SLICE_LIT("\xc0\0\3\1"), "49152 3 1", 0 }, /* a KEY without key, RFC 2535 */
	{ 28, 1, NT_SLICE_LIT("\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"), "2001:db8::1", 0 },
	{ 28, 1, NT_SLICE_LIT("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), NULL, NT_DNS_ERDATA },
	{ 29, 1, NT_SLICE_LIT("\0\x12"), "\\# 2 0012", 0 }, /* LOC */
	{ 33, 1, NT_SLICE_LIT("\0\0\0\5\x0d\x3d\2db\xc0\x0c"), "0 5 3389 db.example.com", 0 },
	{ 33, 1, NT_SLICE_LIT("\0\0\0\5\x0d"), NULL, NT_DNS_ERDATA },
	{ 35, 1, NT_SLICE_LIT("\0\x64\0\x0a\1U\7E2U+sip\x12!^.*$!sip:a@b.c!\\1\0"),
	  "100 10 \"U\" \"E2U+sip\" \"!^.*$!sip:a@b.c!\\\\1\" .", 0 },
	{ 37, 1, NT_SLICE_LIT("\0\1\0\2\5ab"), "1 2 5 YWI=", 0 },
	{ 39, 1, NT_SLICE_LIT("\xc0\x14"), "com", 0 },
	/* RFC 4034 section 5.4 */
	{ 43, 1,
	  NT_SLICE_LIT("\xec\x45\5\1\x2b\xb1\x83\xaf\x5f\x22\x58\x81\x79\xa5\x3b\x0a\x98\x63\x1f"
		       "\xad\x1a\x29\x21\x18"),
	  "60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118", 0 },
	{ 43, 1, NT_SLICE_LIT("\xec\x45\5"), NULL, NT_DNS_ERDATA },
	{ 44, 1, NT_SLICE_LIT("\4\2\xab\xcd"), "4 2 ABCD", 0 },
	/* RFC 4034 section 3.3's fields and dates, a short signature */
	{ 46, 1,
	  NT_SLICE_LIT("\0\1\5\3\0\1\x51\x80\x3e\x7c\x9d\xd7\x3e\x55\x10\xd7\x0a\x52\7example"
		       "\3com\0sig"),
	  "A 5 3 86400 20030322173103 20030220173103 2642 example.com c2ln", 0 },
	/* RFC 4034 section 4.3 */
	{ 47, 1,
	  NT_SLICE_LIT("\4host\7example\3com\0\0\6\x40\1\0\0\0\3\4\x1b\0\0\0\0\0\0\0\0\0\0\0\0\0"
		       "\0\0\0\0\0\0\0\0\0\0\0\0\0\x20"),
	  "host.example.com A MX RRSIG NSEC TYPE1234", 0 },
	{ 47, 1, NT_SLICE_LIT("\0"), ".", 0 },
	{ 47, 1, NT_SLICE_LIT("\0\0\0"), NULL, NT_DNS_ERDATA }, /* an empty window */
	{ 47, 1, NT_SLICE_LIT("\0\1\1\x40\0\1\x40"), NULL, NT_DNS_ERDATA }, /* descending */
	{ 47, 1, NT_SLICE_LIT("\0\0\x21zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"), NULL, NT_DNS_ERDATA },
	{ 48, 1,
	  NT_SLICE_LIT("\1\1\3\x0d"
		       "abcdef"),
	  "257 3 13 YWJjZGVm", 0 },
	{ 60, 1, NT_SLICE_LIT("\0\0\3\0\0"), "0 3 0 AA==", 0 }, /* RFC 8078 delete */
	{ 50, 1,
	  NT_SLICE_LIT("\1\1\0\x0c\4\xaa\xbb\xcc\xdd\x14\x17\x4e\xb2\x40\x9f\xe2\x8b\xcb\x48\x87"
		       "\xa1\x83\x6f\x95\x7f\x0a\x84\x25\xe2\x7b\0\7\x22\1\0\0\0\2\x90"),
	  "1 1 12 AABBCCDD 2t7b4g4vsa5smi47k61mv5bv1a22bojr NS SOA MX RRSIG DNSKEY NSEC3PARAM",
	  0 }, /* RFC 5155 appendix A: example. and its types */
	{ 50, 1, NT_SLICE_LIT("\1\0\0\0\0\1\xff"), "1 0 0 - vs", 0 }, /* empty non-terminal */
	{ 50, 1, NT_SLICE_LIT("\1\0\0\0\0\0"), NULL, NT_DNS_ERDATA },
	{ 51, 1, NT_SLICE_LIT("\1\0\0\x0a\0"), "1 0 10 -", 0 },
	{ 52, 1, NT_SLICE_LIT("\3\1\1\xd2\xab"), "3 1 1 D2AB", 0 },
	{ 62, 1, NT_SLICE_LIT("\0\0\0\x42\0\3\0\4\x60\0\0\x08"), "66 3 A NS AAAA", 0 },
	{ 99, 1, NT_SLICE_LIT("\6v=spf1"), "\"v=spf1\"", 0 },
	{ 105, 1, NT_SLICE_LIT("\0\x0a\x0a\1\2\3"), "10 10.1.2.3", 0 },
	{ 108, 1, NT_SLICE_LIT("\0\0\x5e\0\x53\x2a"), "00-00-5e-00-53-2a", 0 },
	{ 109, 1, NT_SLICE_LIT("\0\0\x5e\xef\x10\0\0\x2a"), "00-00-5e-ef-10-00-00-2a", 0 },
	{ 108, 1, NT_SLICE_LIT("\0\0\x5e\0\x53"), NULL, NT_DNS_ERDATA },
	{ 256, 1, NT_SLICE_LIT("\0\x0a\0\1ftp://a/\""), "10 1 \"ftp://a/\\\"\"", 0 },
	/* RFC 8659 section 4.1.1 */
	{ 257, 1, NT_SLICE_LIT("\0\5issueca1.example.net"), "0 issue \"ca1.example.net\"", 0 },
	{ 257, 1, NT_SLICE_LIT("\x80\3tbs"), "128 tbs \"\"", 0 },
	{ 257, 1, NT_SLICE_LIT("\0\2a b"), "0 a\\032 \"b\"", 0 },
	{ 257, 1, NT_SLICE_LIT("\0\0x"), NULL, NT_DNS_ERDATA },
	{ 257, 1, NT_SLICE_LIT("\0\5iss"), NULL, NT_DNS_ERDATA },
	{ 65280, 1, NT_SLICE_LIT("\x0a\0\0\1"), "\\# 4 0A000001", 0 },
	/* RFC 9460 appendix D: alias, service, port, generic, hints, mandatory, escaped alpn */
	{ 65, 1, NT_SLICE_LIT("\0\0\3foo\xc0\x0c"), "0 foo.example.com", 0 },
	{ 64, 1, NT_SLICE_LIT("\0\1\0"), "1 .", 0 },
	{ 64, 1, NT_SLICE_LIT("\0\x10\3foo\xc0\x0c\0\3\0\2\0\x35"), "16 foo.example.com port=53",
	  0 },
	{ 64, 1, NT_SLICE_LIT("\0\1\3foo\xc0\x0c\2\x9b\0\5hello"),
	  "1 foo.example.com key667=\"hello\"", 0 },
	{ 64, 1, NT_SLICE_LIT("\0\1\3foo\xc0\x0c\2\x9b\0\x09hello\xd2qoo"),
	  "1 foo.example.com key667=\"hello\\210qoo\"", 0 },
	{ 64, 1,
	  NT_SLICE_LIT("\0\1\3foo\xc0\x0c\0\6\0\x20\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\x20\1"
		       "\x0d\xb8\0\0\0\0\0\0\0\0\0\x53\0\1"),
	  "1 foo.example.com ipv6hint=2001:db8::1,2001:db8::53:1", 0 },
	{ 64, 1,
	  NT_SLICE_LIT("\0\x10\3foo\xc0\x0c\0\0\0\4\0\1\0\4\0\1\0\x09\2h2\5h3-19\0\4\0\4\xc0\0\2"
		       "\1"),
	  "16 foo.example.com mandatory=alpn,ipv4hint alpn=\"h2,h3-19\" ipv4hint=192.0.2.1", 0 },
	{ 64, 1,
	  NT_SLICE_LIT("\0\x10\3foo\xc0\x0c\0\1\0\x0c\x08"
		       "f\\oo,bar\2h2"),
	  "16 foo.example.com alpn=\"f\\\\\\\\oo\\\\,bar,h2\"", 0 },
	{ 65, 1, NT_SLICE_LIT("\0\1\0\0\2\0\0\0\5\0\3abc\0\7\0\2/q\0\x08\0\0\xff\xff\0\0"),
	  "1 . no-default-alpn ech=YWJj dohpath=\"/q\" ohttp key65535", 0 },
	{ 65, 1, NT_SLICE_LIT("\0\1"), NULL, NT_DNS_ERDATA },
	{ 65, 1, NT_SLICE_LIT("\0\1\0\0\3\0\2\0"), NULL, NT_DNS_ERDATA }, /* cut value */
	{ 65, 1, NT_SLICE_LIT("\0\1\0\0\3\0"), NULL, NT_DNS_ERDATA }, /* cut length */
	{ 65, 1, NT_SLICE_LIT("\0\1\0\0\4\0\4\1\2\3\4\0\3\0\2\0\1"), NULL, NT_DNS_ERDATA },
	{ 65, 1, NT_SLICE_LIT("\0\1\0\0\3\0\2\0\1\0\3\0\2\0\1"), NULL, NT_DNS_ERDATA }, /* twice */
	{ 65, 1, NT_SLICE_LIT("\0\1\0\0\3\0\3\0\1\2"), NULL, NT_DNS_ERDATA }, /* long port */
	{ 65, 1, NT_SLICE_LIT("\0\1\0\0\4\0\3\1\2\3"), NULL, NT_DNS_ERDATA },
	{ 65, 1, NT_SLICE_LIT("\0\1\0\0\4\0\0"), NULL, NT_DNS_ERDATA },
	{ 65, 1, NT_SLICE_LIT("\0\1\0\0\2\0\1x"), NULL, NT_DNS_ERDATA },
	{ 65, 1, NT_SLICE_LIT("\0\1\0\0\1\0\1\0"), NULL, NT_DNS_ERDATA }, /* empty alpn id */
	{ 65, 1, NT_SLICE_LIT("\0\1\0\0\1\0\2\2h"), NULL, NT_DNS_ERDATA },
	{ 65, 1, NT_SLICE_LIT("\0\1\0\0\0\0\4\0\4\0\1"), NULL, NT_DNS_ERDATA }, /* descending */
	{ 65, 1, NT_SLICE_LIT("\0\1\0\0\0\0\2\0\0"), NULL, NT_DNS_ERDATA }, /* itself */
	{ 65, 1, NT_SLICE_LIT("\0\1\0\0\0\0\1\1"), NULL, NT_DNS_ERDATA },
};

static struct dns_build b;

static void build(unsigned type, unsigned class_, struct nt_slice rdata)
{
	put_header(&b, 1, NT_DNS_QR, 1, 1, 0, 0);
	put_question(&b, NT_TYPE_A);
	put_record(&b, NT_SLICE_LIT("\xc0\x0c"), type, class_, 60, rdata);
}

START_TEST(test_rdata)
{
	_cleanup_buf_ struct nt_buf out = { 0 };
	_cleanup_free_ uint8_t *copy = NULL;
	struct nt_dns_iter it = { 0 };
	struct nt_dns_msg m;
	struct nt_dns_rr rr;

	build(cases[_i].type, cases[_i].class_, cases[_i].rdata);
	ck_assert_int_eq(parse_exact(b.wire, b.len, &m, &copy), -cases[_i].error);
	if (!cases[_i].text)
		return;
	ck_assert(nt_dns_next(&m, &it, &rr));
	nt_rdata_format(&m, &rr, &out);
	ck_assert_str_eq(nt_buf_str(&out), cases[_i].text);
}
END_TEST

/* Each type with each cut of each example's data: refused or formatted, never read beyond. */
START_TEST(test_cut)
{
	for (size_t len = 0; len <= cases[_i].rdata.len; len++) {
		_cleanup_buf_ struct nt_buf out = { 0 };
		_cleanup_free_ uint8_t *copy = NULL;
		struct nt_dns_iter it = { 0 };
		struct nt_dns_msg m;
		struct nt_dns_rr rr;

		build(cases[_i].type, cases[_i].class_, nt_slice_mem(cases[_i].rdata.p, len));
		if (parse_exact(b.wire, b.len, &m, &copy) < 0)
			continue;
		ck_assert(nt_dns_next(&m, &it, &rr));
		nt_rdata_format(&m, &rr, &out);
		for (size_t i = 0; i < out.len; i++)
			ck_assert(out.p[i] >= ' ' && out.p[i] <= '~');
		ck_assert(!out.len || out.p[out.len - 1] != ' ');
	}
}
END_TEST

/* The same octets under every type that is described: no type may trust the data. */
START_TEST(test_every_type)
{
	static const struct nt_slice data[] = {
		NT_SLICE_LIT("\0\1\0\0\1\0\3\2h2"),
		NT_SLICE_LIT("\4abcd\4efgh\0"),
		NT_SLICE_LIT("\xc0\x0c\xc0\x0c\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
		NT_SLICE_LIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
	};

	for (unsigned type = 0; type < 300; type++) {
		for (size_t i = 0; i < NT_ARRAY_LEN(data); i++) {
			_cleanup_buf_ struct nt_buf out = { 0 };
			_cleanup_free_ uint8_t *copy = NULL;
			struct nt_dns_iter it = { 0 };
			struct nt_dns_msg m;
			struct nt_dns_rr rr;

			build(type, 1, data[i]);
			if (parse_exact(b.wire, b.len, &m, &copy) < 0)
				continue;
			ck_assert(nt_dns_next(&m, &it, &rr));
			nt_rdata_format(&m, &rr, &out);
			ck_assert(nt_buf_ok(&out) && out.len);
		}
	}
}
END_TEST

/* RFC 4648 section 10, all lengths of the last group. */
static const struct {
	const char *octets, *base64, *base32hex;
} vectors[] = {
	{ "", "", "" },
	{ "f", "Zg==", "co" },
	{ "fo", "Zm8=", "cpng" },
	{ "foo", "Zm9v", "cpnmu" },
	{ "foob", "Zm9vYg==", "cpnmuog" },
	{ "fooba", "Zm9vYmE=", "cpnmuoj1" },
	{ "foobar", "Zm9vYmFy", "cpnmuoj1e8" },
};

START_TEST(test_base)
{
	_cleanup_buf_ struct nt_buf out = { 0 };

	nt_text_base64(&out, nt_slice_str(vectors[_i].octets));
	ck_assert_str_eq(nt_buf_str(&out), vectors[_i].base64);
	nt_buf_reset(&out);
	nt_text_base32hex(&out, nt_slice_str(vectors[_i].octets));
	ck_assert_str_eq(nt_buf_str(&out), vectors[_i].base32hex);
}
END_TEST

/* A buffer with a bound fails as a whole and writes nothing beyond. */
START_TEST(test_bounded_buffer)
{
	struct nt_dns_iter it = { 0 };
	struct nt_dns_msg m;
	struct nt_dns_rr rr;

	build(16, 1,
	      NT_SLICE_LIT("\x0a"
			   "0123456789"));
	ck_assert_int_eq(nt_dns_parse(nt_slice_mem(b.wire, b.len), &m), 0);
	ck_assert(nt_dns_next(&m, &it, &rr));
	for (size_t max = 1; max < 60; max++) {
		_cleanup_buf_ struct nt_buf out = { .max_len = max };

		nt_rdata_format(&m, &rr, &out);
		ck_assert(out.len <= max);
		if (nt_buf_ok(&out))
			ck_assert_str_eq(nt_buf_str(&out), "\"0123456789\"");
	}
}
END_TEST

/* What is reserved for the longest form is enough: each length into a buffer that has not grown. */
START_TEST(test_room)
{
	uint8_t octets[256];

	memset(octets, 0xff, sizeof(octets));
	for (size_t len = 0; len <= sizeof(octets); len++) {
		struct nt_slice s = nt_slice_mem(octets, len);
		_cleanup_buf_ struct nt_buf string = { 0 }, hex = { 0 }, base64 = { 0 };
		_cleanup_buf_ struct nt_buf base32 = { 0 };

		nt_text_string(&string, s);
		ck_assert_uint_eq(string.len, 4 * len);
		nt_text_hex(&hex, s);
		ck_assert_uint_eq(hex.len, 2 * len);
		nt_text_base64(&base64, s);
		ck_assert_uint_eq(base64.len, (len + 2) / 3 * 4);
		nt_text_base32hex(&base32, s);
		ck_assert_uint_eq(base32.len, (len * 8 + 4) / 5);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("rdata");
	TCase *t = tcase_create("rdata");

	tcase_add_loop_test(t, test_rdata, 0, (int)NT_ARRAY_LEN(cases));
	tcase_add_loop_test(t, test_cut, 0, (int)NT_ARRAY_LEN(cases));
	tcase_add_test(t, test_every_type);
	tcase_add_loop_test(t, test_base, 0, (int)NT_ARRAY_LEN(vectors));
	tcase_add_test(t, test_bounded_buffer);
	tcase_add_test(t, test_room);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
