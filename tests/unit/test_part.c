/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of which the end is missing. */
#include "lib/dns/part.h"

#include "lib/base/cleanup.h"
#include "tests/unit/dns_build.h"
#include "tests/unit/suite.h"

enum { QUESTION = 12 + 1 + 4 };

/* Two answers, one authority record, one OPT. */
static size_t build(struct dns_build *b)
{
	put_header(b, 7, 0x8180, 1, 2, 1, 1);
	put_slice(b, NT_SLICE_LIT("\0\0\1\0\1"));
	for (int i = 0; i < 3; i++)
		put_slice(b, NT_SLICE_LIT("\0\0\1\0\1\0\0\0\5\0\4\1\2\3\4"));
	put_slice(b, NT_SLICE_LIT("\0\0\51\4\320\0\0\0\0\0\0"));
	return b->len;
}

START_TEST(cut_anywhere)
{
	_cleanup_buf_ struct nt_buf scratch = { 0 };
	static struct dns_build b;
	size_t whole = build(&b);

	for (size_t len = 0; len <= whole; len++) {
		size_t records = len < QUESTION ? 0 : (len - QUESTION) / 15;
		struct nt_dns_msg msg;
		int r = nt_dns_parse_part(nt_slice_mem(b.wire, len), &scratch, &msg);

		if (len == whole)
			records = 4;
		else if (records > 3)
			records = 3;
		ck_assert_int_eq(r, len < QUESTION ? -NT_DNS_ESHORT : 0);
		if (r < 0)
			continue;
		ck_assert_uint_eq(msg.id, 7);
		ck_assert_uint_eq(msg.ancount + msg.nscount + msg.arcount, records);
		ck_assert_uint_eq(msg.ancount, records < 2 ? records : 2);
		ck_assert_int_eq(msg.edns.present, len == whole);
	}
}
END_TEST

/* What is broken is broken, cut or not. */
START_TEST(faults_stay)
{
	_cleanup_buf_ struct nt_buf scratch = { 0 };
	static struct dns_build b;
	struct nt_dns_msg msg;
	size_t len = build(&b);

	b.wire[QUESTION + 10] = 3; /* an A record of three octets */
	ck_assert_int_lt(nt_dns_parse_part(nt_slice_mem(b.wire, len - 1), &scratch, &msg), 0);
	b.wire[QUESTION + 10] = 4;
	b.wire[len++] = 0;
	ck_assert_int_eq(nt_dns_parse_part(nt_slice_mem(b.wire, len), &scratch, &msg),
			 -NT_DNS_ETRAILING);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("part");
	TCase *t = tcase_create("part");

	tcase_add_test(t, cut_anywhere);
	tcase_add_test(t, faults_stay);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
