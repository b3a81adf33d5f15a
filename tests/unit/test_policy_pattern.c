/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of allow lists: what is taken, in which form, and what is said about the rest. */
#include "lib/policy/pattern.h"

#include <check.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "tests/unit/suite.h"

#define L63 "lllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllll"
/* 255 octets with the root; and two less. */
#define LONGEST                 \
	L63 "." L63 "." L63 "." \
	    "lllllllllllllllllllllllllllllllllllllllllllllllllllllllllllll"
#define LONGEST_WITH_ROOM       \
	L63 "." L63 "." L63 "." \
	    "lllllllllllllllllllllllllllllllllllllllllllllllllllllllllll"

static const struct {
	const char *text, *canonical;
} taken[] = {
	{ "example.com", "example.com" },
	{ "example.com.", "example.com" },
	{ "*.example.com", "*.example.com" },
	{ "*.Example.COM.", "*.example.com" },
	{ "com", "com" },
	{ "localhost", "localhost" },
	{ "*.com", "*.com" },
	{ "_ldap._tcp.example.com", "_ldap._tcp.example.com" },
	{ "-a-.b--c.example", "-a-.b--c.example" },
	{ "xn--mnchen-3ya.de", "xn--mnchen-3ya.de" },
	/* IDNA2008; what browsers map is mapped, and the rest of the entry is as ever. */
	{ "m\xc3\xbcnchen.de", "xn--mnchen-3ya.de" },
	{ "*.M\xc3\x9cNCHEN.de.", "*.xn--mnchen-3ya.de" },
	{ "mu\xcc\x88nchen.de", "xn--mnchen-3ya.de" }, /* a combining mark */
	{ "stra\xc3\x9f"
	  "e.example",
	  "xn--strae-oqa.example" },
	{ "_x.\xe4\xbe\x8b\xe3\x81\x88.\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88",
	  "_x.xn--r8jz45g.xn--zckzah" },
	{ "\xef\xbd\x81.example", "a.example" }, /* a full-width a */
	{ "a\\046b.m\xc3\xbcnchen.de", "a\\046b.xn--mnchen-3ya.de" },
	{ "1.0.0.10.in-addr.arpa", "1.0.0.10.in-addr.arpa" },
	{ "1password.com", "1password.com" },
	{ "a.5g", "a.5g" },
	/* The log's form of octets. */
	{ "my\\032printer._ipp._tcp.local", "my\\032printer._ipp._tcp.local" },
	{ "0\\04725.2.0.192.in-addr.arpa", "0\\04725.2.0.192.in-addr.arpa" },
	{ "\\065.example", "a.example" },
	{ "a\\046b.example", "a\\046b.example" },
	{ "example\\046", "example\\046" },
	{ "example\\046.", "example\\046" },
	/* A label that is a star, and no wildcard. */
	{ "\\042.example.com", "\\042.example.com" },
	{ "*.\\042.example.com", "*.\\042.example.com" },
	{ "\\000\\255.x", "\\000\\255.x" },
	{ LONGEST, LONGEST },
	{ LONGEST ".", LONGEST },
	{ "*." LONGEST_WITH_ROOM, "*." LONGEST_WITH_ROOM },
};

START_TEST(test_taken)
{
	char msg[NT_PATTERN_MSG_MAX] = "", text[NT_NAME_TEXT_MAX + 2];
	struct nt_pattern p, again;
	int r = nt_pattern_parse(nt_slice_str(taken[_i].text), &p, msg);
	size_t len;

	ck_assert_msg(r == 0, "%s", msg);
	len = nt_pattern_text(&p, text);
	ck_assert_str_eq(text, taken[_i].canonical);
	ck_assert_uint_eq(len, strlen(text));
	ck_assert_int_eq(nt_pattern_parse(nt_slice_mem(text, len), &again, msg), 0);
	ck_assert(again.wildcard == p.wildcard && nt_name_eq(&again.name, &p.name));
}
END_TEST

static const struct {
	const char *text, *msg; /* a part of the message */
} refused[] = {
	{ "", "is empty" },
	{ "*", "would allow every name" },
	{ "*.", "would allow every name" },
	{ ".", "is the root" },
	{ "..", "ends in two dots" },
	{ "*..", "ends in two dots" },
	{ "example.com..", "ends in two dots" },
	{ "a..b", "two dots in a row" },
	{ "*..example.com", "two dots behind '*'" },
	{ ".example.com", "write *.example.com for the names below, and example.com for" },
	{ "www.*.com", "behind its first label" },
	{ "*.*.com", "behind its first label" },
	{ "example.*", "behind its first label" },
	{ "*example.com", "part of a label" },
	{ "api*.example.com", "part of a label" },
	{ "a*b.example.com", "part of a label" },
	{ "*.a*.example.com", "part of a label" },
	{ "**.example.com", "any number of labels" },
	{ "***.example.com", "part of a label" },
	{ "example\xe3\x80\x82"
	  "com",
	  "A-label form (it holds what stands for a dot" }, /* an ideographic full stop */
	{ "\xef\xbc\x8a.example.com", "A-label form" }, /* a full-width star */
	{ "m\xc3\xbcn chen.de", "A-label form" },
	{ "m\xfcnchen.de", "A-label form (string encoding error" }, /* Latin-1 */
	{ "m\xc3\xbcnchen..de", "two dots in a row" },
	{ "*m\xc3\xbcnchen.de", "A-label form" },
	{ "*.*.m\xc3\xbcnchen.de", "behind its first label" },
	{ "xn--\xc3\xbc.de", "A-label form" },
	{ " example.com", "blank" },
	{ "example.com\n", "blank" },
	{ "example .com", "blank" },
	{ "a\x01.com", "control character" },
	{ "a\x7f.com", "control character" },
	{ "10.0.0.1", "is an address" },
	{ "10.0.0.0/8", "is an address" },
	{ "fd00::1", "is an address" },
	{ "::/0", "is an address" },
	{ "10.0.0.1.", "ends in a number" },
	{ "*.0.0.10", "ends in a number" },
	{ "10.0.0", "ends in a number" },
	{ "5", "ends in a number" },
	{ "https://example.com/", "is a URL" },
	{ "user@example.com", "behind the @" },
	{ "example.com:443", "without a port" },
	{ "a.com,b.com", "one per entry" },
	{ "a.com; b.com", "one per entry" },
	{ "example.com/path", "holds '/'" },
	{ "example.com/path", "write \\047" },
	{ "a?.example.com", "holds '?'" },
	{ "~^a$", "holds '~'" },
	{ "\\", "backslash" },
	{ "a\\.b", "backslash" },
	{ "a\\25", "backslash" },
	{ "a\\256", "backslash" },
	{ "a\\1x1", "backslash" },
	{ L63 "l.com", "more than 63 octets" },
	{ LONGEST "l", "is 256 octets long" },
	{ "a." LONGEST, "names end at 255" },
	{ "*." LONGEST, "no name can be below it" },
	{ "*.a." LONGEST_WITH_ROOM, "no name can be below it" },
};

START_TEST(test_refused)
{
	char msg[NT_PATTERN_MSG_MAX] = "";
	struct nt_pattern p;
	int r = nt_pattern_parse(nt_slice_str(refused[_i].text), &p, msg);

	ck_assert_int_eq(r, -EINVAL);
	ck_assert_msg(strstr(msg, refused[_i].msg), "%s", msg);
	for (const char *c = msg; *c; c++)
		ck_assert(*c >= ' ' && *c <= '~');
}
END_TEST

START_TEST(test_message_of_any_length)
{
	char text[6000], msg[NT_PATTERN_MSG_MAX];
	struct nt_pattern p;

	memset(text, 'a', sizeof(text));
	for (size_t len = 0; len <= sizeof(text); len += 1 + len / 7) {
		int r = nt_pattern_parse(nt_slice_mem(text, len), &p, msg);

		ck_assert_int_eq(r, len >= 1 && len <= 63 ? 0 : -EINVAL);
	}
	ck_assert_int_eq(nt_pattern_parse((struct nt_slice){ 0 }, &p, msg), -EINVAL);
	ck_assert_int_eq(nt_pattern_parse(nt_slice_mem("a\0b", 3), &p, msg), -EINVAL);
}
END_TEST

START_TEST(test_reverse)
{
	uint8_t out[NT_NAME_WIRE_MAX];
	struct nt_name name;

	ck_assert_int_eq(nt_name_parse(NT_SLICE_LIT("www.example.com"), &name), 0);
	ck_assert_uint_eq(nt_pattern_reverse(&name, out), 16);
	ck_assert_mem_eq(out, "\3com\7example\3www", 16);
	ck_assert_int_eq(nt_name_parse(NT_SLICE_LIT("."), &name), 0);
	ck_assert_uint_eq(nt_pattern_reverse(&name, out), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("policy_pattern");
	TCase *t = tcase_create("policy_pattern");

	tcase_add_loop_test(t, test_taken, 0, (int)NT_ARRAY_LEN(taken));
	tcase_add_loop_test(t, test_refused, 0, (int)NT_ARRAY_LEN(refused));
	tcase_add_test(t, test_message_of_any_length);
	tcase_add_test(t, test_reverse);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
