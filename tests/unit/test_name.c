/* SPDX-License-Identifier: Apache-2.0 */
/* Names: decompression, limits, text and back. */
#include "lib/dns/name.h"

#include <check.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "tests/unit/suite.h"

#define L63 "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0"

static const struct {
	struct nt_slice packet;
	size_t at;
	const char *text; /* NULL: refused */
	size_t after;
} reads[] = {
	{ NT_SLICE_LIT("\0"), 0, ".", 1 },
	{ NT_SLICE_LIT("\3WwW\7Example\3COM\0"), 0, "www.example.com", 17 },
	/* Compressed: to the front, with labels before, through another pointer. */
	{ NT_SLICE_LIT("\3com\0\xc0\0"), 5, "com", 7 },
	{ NT_SLICE_LIT("\3com\0\1a\xc0\0"), 5, "a.com", 9 },
	{ NT_SLICE_LIT("\3com\0\1a\xc0\0\1b\xc0\5"), 9, "b.a.com", 13 },
	{ NT_SLICE_LIT("\3com\0\xc0\0\xc0\5"), 7, "com", 9 },
	/* Pointers that do not go back: to itself, forward, into its own labels, round in two. */
	{ NT_SLICE_LIT("\xc0\0"), 0, NULL, 0 },
	{ NT_SLICE_LIT("\xc0\2\3com\0"), 0, NULL, 0 },
	{ NT_SLICE_LIT("\1a\xc0\0"), 0, NULL, 0 },
	{ NT_SLICE_LIT("\xc0\2\xc0\0"), 2, NULL, 0 },
	{ NT_SLICE_LIT("\1a\xc0\4\1b\xc0\0"), 4, NULL, 0 },
	{ NT_SLICE_LIT("\xff\xff"), 0, NULL, 0 },
	/* Reserved label types. */
	{ NT_SLICE_LIT("\x40\0"), 0, NULL, 0 },
	{ NT_SLICE_LIT("\x80\0"), 0, NULL, 0 },
	{ NT_SLICE_LIT("\1a\x41\1\0"), 0, NULL, 0 },
	/* Cut short: nothing, a label, before the root, half a pointer. */
	{ NT_SLICE_LIT(""), 0, NULL, 0 },
	{ NT_SLICE_LIT("\5ab"), 0, NULL, 0 },
	{ NT_SLICE_LIT("\1a"), 0, NULL, 0 },
	{ NT_SLICE_LIT("\1a\0\xc0"), 3, NULL, 0 },
	/* Octets that are no letters. */
	{ NT_SLICE_LIT("\5a.b c\0"), 0, "a\\046b\\032c", 7 },
	{ NT_SLICE_LIT("\4\0\x7f\xff\n\0"), 0, "\\000\\127\\255\\010", 6 },
	{ NT_SLICE_LIT("\6\\\";()@\1$\0"), 0, "\\092\\034\\059\\040\\041\\064.\\036", 10 },
	{ NT_SLICE_LIT("\6_*-/~!\0"), 0, "_*-/~!", 8 },
	{ NT_SLICE_LIT("\4[\\]^\0"), 0, "[\\092]^", 6 },
	{ NT_SLICE_LIT("\4@AZ[\0"), 0, "\\064az[", 6 },
};

START_TEST(test_read)
{
	struct nt_cursor c = nt_cursor_over(reads[_i].packet);
	struct nt_cursor skip = c;
	char text[NT_NAME_TEXT_MAX];
	struct nt_name name;

	c.at = skip.at = reads[_i].at;
	nt_name_read(&c, &name);
	nt_name_read(&skip, NULL);
	ck_assert_int_eq(c.bad, skip.bad);
	if (!reads[_i].text) {
		ck_assert(c.bad);
		ck_assert_uint_eq(name.len, 0);
		return;
	}
	ck_assert(!c.bad);
	ck_assert_uint_eq(c.at, reads[_i].after);
	ck_assert_uint_eq(skip.at, reads[_i].after);
	ck_assert_uint_eq(nt_name_text(&name, text), strlen(reads[_i].text));
	ck_assert_str_eq(text, reads[_i].text);
}
END_TEST

/* 255 octets with the root label are the most (RFC 1035 section 2.3.4), also by pointers. */
START_TEST(test_read_length)
{
	uint8_t packet[600] = { 0 };
	struct nt_name name;

	for (size_t last = 60; last <= 63; last++) {
		struct nt_cursor c = nt_cursor_over(nt_slice_mem(packet, sizeof(packet)));

		for (size_t i = 0; i < 3; i++)
			packet[i * 64] = 63;
		packet[192] = (uint8_t)last;
		packet[193 + last] = 0;
		nt_name_read(&c, &name);
		ck_assert_int_eq(c.bad, last > 61);
		ck_assert_uint_eq(name.len, last > 61 ? 0 : 194 + last);
	}
	packet[192] = 61;
	packet[254] = 0;
	memcpy(packet + 300, "\1a\xc0\0", 4); /* 257 octets in all */
	struct nt_cursor c = nt_cursor_over(nt_slice_mem(packet, sizeof(packet)));

	c.at = 300;
	nt_name_read(&c, &name);
	ck_assert(c.bad);
}
END_TEST

/* A chain of pointers must not make a name cost the whole message. */
START_TEST(test_read_pointer_chain)
{
	uint8_t packet[2 + 2 * 200] = { 0 };
	struct nt_name name;

	for (size_t i = 1; i <= 200; i++) {
		packet[2 * i] = (uint8_t)(0xc0 | (2 * i - 2) >> 8);
		packet[2 * i + 1] = (uint8_t)(2 * i - 2);
	}
	for (size_t i = 1; i <= 200; i++) {
		struct nt_cursor c = nt_cursor_over(nt_slice_mem(packet, sizeof(packet)));

		c.at = 2 * i;
		nt_name_read(&c, &name);
		ck_assert_int_eq(c.bad, i > 127);
	}
}
END_TEST

/* Every octet comes through text unchanged, but for upper case. */
START_TEST(test_round_trip)
{
	for (unsigned v = 0; v < 256; v++) {
		struct nt_name name = { .len = 4, .wire = { 2, 'x', (uint8_t)v, 0 } }, back;
		char text[NT_NAME_TEXT_MAX];
		size_t len = nt_name_text(&name, text);

		for (size_t i = 0; i < len; i++)
			ck_assert(text[i] > ' ' && text[i] <= '~');
		ck_assert_int_eq(nt_name_parse(nt_slice_mem(text, len), &back), 0);
		if (v >= 'A' && v <= 'Z')
			name.wire[2] = (uint8_t)(v + 32);
		ck_assert(nt_name_eq(&name, &back));
	}
}
END_TEST

START_TEST(test_longest)
{
	struct nt_name name = { .len = 255 };
	struct nt_name back;
	char text[NT_NAME_TEXT_MAX];

	for (int i = 0; i < 127; i++)
		name.wire[2 * i] = 1; /* labels of a zero octet */
	ck_assert_uint_eq(nt_name_text(&name, text), 127 * 4 + 126);
	ck_assert_int_eq(nt_name_parse(nt_slice_str(text), &back), 0);
	ck_assert(nt_name_eq(&name, &back));
	for (int i = 0; i < 4; i++)
		name.wire[64 * i] = i < 3 ? 63 : 61;
	for (int i = 0; i < 254; i++)
		if (i % 64)
			name.wire[i] = 0xff;
	ck_assert_uint_eq(nt_name_text(&name, text), 250 * 4 + 3);
	ck_assert_int_eq(nt_name_parse(nt_slice_str(text), &back), 0);
	ck_assert(nt_name_eq(&name, &back));
}
END_TEST

static const struct {
	const char *text;
	const char *canonical; /* NULL: refused */
} parses[] = {
	{ ".", "." },
	{ "com", "com" },
	{ "com.", "com" },
	{ "Www.Example.COM.", "www.example.com" },
	{ "a\\.b.c", "a\\046b.c" },
	{ "a\\065\\B", "aab" },
	{ "\\000\\255", "\\000\\255" },
	{ "*.example.com", "*.example.com" },
	{ L63 ".com", L63 ".com" },
	{ L63 "." L63 "." L63 "." L63, NULL }, /* 257 octets */
	{ L63 "x", NULL },
	{ "", NULL },
	{ "..", NULL },
	{ ".com", NULL },
	{ "a..b", NULL },
	{ "a..", NULL },
	{ "a\\", NULL },
	{ "a\\25", NULL },
	{ "a\\256", NULL },
	{ "a\\2x5", NULL },
};

START_TEST(test_parse)
{
	struct nt_name name = { .len = 77 };
	char text[NT_NAME_TEXT_MAX];
	int r = nt_name_parse(nt_slice_str(parses[_i].text), &name);

	if (!parses[_i].canonical) {
		ck_assert_int_eq(r, -EINVAL);
		ck_assert_uint_eq(name.len, 77);
		return;
	}
	ck_assert_int_eq(r, 0);
	nt_name_text(&name, text);
	ck_assert_str_eq(text, parses[_i].canonical);
}
END_TEST

START_TEST(test_parse_length)
{
	char text[600];

	for (size_t n = 1; n < 300; n++) { /* n labels of one octet: 2n + 1 octets */
		struct nt_name name;

		for (size_t i = 0; i < n; i++)
			memcpy(text + 2 * i, "a.", 2);
		ck_assert_int_eq(nt_name_parse(nt_slice_mem(text, 2 * n - 1), &name),
				 n <= 127 ? 0 : -EINVAL);
		ck_assert_int_eq(nt_name_parse(nt_slice_mem(text, 2 * n), &name),
				 n <= 127 ? 0 : -EINVAL);
	}
}
END_TEST

START_TEST(test_format_bounded)
{
	_cleanup_buf_ struct nt_buf b = { .max_len = 2000 };
	struct nt_name name;

	ck_assert_int_eq(nt_name_parse(NT_SLICE_LIT("a.b"), &name), 0);
	nt_name_format(&name, &b);
	nt_name_format(&name, &b);
	ck_assert(nt_buf_ok(&b));
	ck_assert_str_eq(nt_buf_str(&b), "a.ba.b");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("name");
	TCase *t = tcase_create("name");

	tcase_add_loop_test(t, test_read, 0, (int)NT_ARRAY_LEN(reads));
	tcase_add_test(t, test_read_length);
	tcase_add_test(t, test_read_pointer_chain);
	tcase_add_test(t, test_round_trip);
	tcase_add_test(t, test_longest);
	tcase_add_loop_test(t, test_parse, 0, (int)NT_ARRAY_LEN(parses));
	tcase_add_test(t, test_parse_length);
	tcase_add_test(t, test_format_bounded);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
