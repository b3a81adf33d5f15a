/* SPDX-License-Identifier: Apache-2.0 */
/* Every sink's escape against all 256 octets, and the cases that once were syntax somewhere. */
#include "lib/base/escape.h"

#include <check.h>
#include <jansson.h>
#include <stdlib.h>

#include "tests/unit/suite.h"

static struct nt_slice all_octets(void)
{
	static char octets[256];

	for (int i = 0; i < 256; i++)
		octets[i] = (char)i;
	return nt_slice_mem(octets, sizeof(octets));
}

START_TEST(json_of_all_octets_parses_and_keeps_their_values)
{
	_cleanup_buf_ struct nt_buf out = { 0 };
	json_t *text;
	const unsigned char *p;
	size_t at = 0;

	nt_escape_json_string(&out, all_octets());
	text = json_loadb(out.p, out.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	ck_assert_ptr_nonnull(text);
	/* Octets from 0x80 on come back as the code point of the same value, in UTF-8. */
	p = (const unsigned char *)json_string_value(text);
	for (int i = 0; i < 256; i++) {
		if (i < 0x80) {
			ck_assert_int_eq(p[at++], i);
		} else {
			ck_assert_int_eq((p[at] & 0x1f) << 6 | (p[at + 1] & 0x3f), i);
			at += 2;
		}
	}
	ck_assert_uint_eq(at, json_string_length(text));
	json_decref(text);
}
END_TEST

START_TEST(json_passes_utf8_as_it_is)
{
	_cleanup_buf_ struct nt_buf out = { 0 };

	nt_escape_json_string(&out, NT_SLICE_LIT("b\xc3\xbc"
						 "cher \xe2\x82\xac \xf0\x9f\x98\x80"));
	ck_assert_str_eq(nt_buf_str(&out), "\"b\xc3\xbc"
					   "cher \xe2\x82\xac \xf0\x9f\x98\x80\"");
}
END_TEST

START_TEST(terminal_output_is_printable_ascii_only)
{
	_cleanup_buf_ struct nt_buf out = { 0 };

	nt_escape_terminal(&out, all_octets());
	for (size_t i = 0; i < out.len; i++)
		ck_assert(out.p[i] >= 0x20 && out.p[i] < 0x7f);
	nt_buf_reset(&out);
	nt_escape_terminal(&out, NT_SLICE_LIT("a\x1b[2J\n\\"));
	ck_assert_str_eq(nt_buf_str(&out), "a\\x1b[2J\\n\\x5c");
}
END_TEST

START_TEST(slack_text_has_no_markup)
{
	_cleanup_buf_ struct nt_buf out = { 0 };

	nt_escape_slack(&out, all_octets());
	for (size_t i = 0; i < out.len; i++) {
		ck_assert((unsigned char)out.p[i] >= ' ' && out.p[i] != 0x7f);
		ck_assert(out.p[i] != '<' && out.p[i] != '>');
	}
	nt_buf_reset(&out);
	nt_escape_slack(&out, NT_SLICE_LIT("<!channel>&amp;\n<http://x|y>"));
	ck_assert_str_eq(nt_buf_str(&out), "&lt;!channel&gt;&amp;amp; &lt;http://x|y&gt;");
}
END_TEST

START_TEST(jira_text_has_no_markup)
{
	_cleanup_buf_ struct nt_buf out = { 0 };

	nt_escape_jira(&out, all_octets());
	for (size_t i = 0; i < out.len; i++) {
		ck_assert((unsigned char)out.p[i] >= ' ' && out.p[i] != 0x7f);
		ck_assert_ptr_null(strchr("{}[]*_-+^~?!|@<>\\\"'`=:/", out.p[i]));
	}
	nt_buf_reset(&out);
	nt_escape_jira(&out, NT_SLICE_LIT("{code}a.b, 1&"));
	ck_assert_str_eq(nt_buf_str(&out), "&#123;code&#125;a.b, 1&#38;");
}
END_TEST

static const struct {
	const char *in, *out;
} csv_cases[] = {
	{ "plain", "\"plain\"" },   { "a\"b", "\"a\"\"b\"" }, { "=1+1", "\"'=1+1\"" },
	{ "+1", "\"'+1\"" },	    { "-1", "\"'-1\"" },      { "@x", "\"'@x\"" },
	{ "\tx", "\"'\tx\"" },	    { "a=1", "\"a=1\"" },     { "", "\"\"" },
	{ "a,b\nc", "\"a,b\nc\"" },
};

START_TEST(csv_cell)
{
	_cleanup_buf_ struct nt_buf out = { 0 };

	nt_escape_csv(&out, nt_slice_str(csv_cases[_i].in));
	ck_assert_str_eq(nt_buf_str(&out), csv_cases[_i].out);
}
END_TEST

START_TEST(prometheus_label_has_no_bare_quote_or_newline)
{
	_cleanup_buf_ struct nt_buf out = { 0 };

	nt_escape_prometheus(&out, all_octets());
	for (size_t i = 0; i < out.len;) {
		struct nt_slice rest = nt_slice_mem(out.p + i, out.len - i);
		size_t n = nt_utf8_len(rest);

		ck_assert_uint_gt(n, 0);
		ck_assert_int_ne(out.p[i], '\n');
		if (out.p[i] == '\\')
			i++;
		else
			ck_assert_int_ne(out.p[i], '"');
		i += n;
	}
}
END_TEST

static const struct {
	const char *octets;
	size_t len;
} utf8_cases[] = {
	{ "a", 1 },
	{ "\xc2\x80", 2 },
	{ "\xe0\xa0\x80", 3 },
	{ "\xed\x9f\xbf", 3 },
	{ "\xf4\x8f\xbf\xbf", 4 },
	{ "\x80", 0 },
	{ "\xc0\x80", 0 },
	{ "\xc1\xbf", 0 },
	{ "\xe0\x9f\xbf", 0 },
	{ "\xed\xa0\x80", 0 },
	{ "\xf0\x8f\xbf\xbf", 0 },
	{ "\xf4\x90\x80\x80", 0 },
	{ "\xf5\x80", 0 },
	{ "\xe2\x82", 0 },
	{ "\xe2\x28\xa1", 0 },
	{ "\xf0\x9f\x98x", 0 },
};

START_TEST(utf8_length)
{
	ck_assert_uint_eq(nt_utf8_len(nt_slice_str(utf8_cases[_i].octets)), utf8_cases[_i].len);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("escape");
	TCase *t = tcase_create("sinks");

	tcase_add_test(t, json_of_all_octets_parses_and_keeps_their_values);
	tcase_add_test(t, json_passes_utf8_as_it_is);
	tcase_add_test(t, terminal_output_is_printable_ascii_only);
	tcase_add_test(t, slack_text_has_no_markup);
	tcase_add_test(t, jira_text_has_no_markup);
	tcase_add_loop_test(t, csv_cell, 0, sizeof(csv_cases) / sizeof(csv_cases[0]));
	tcase_add_test(t, prometheus_label_has_no_bare_quote_or_newline);
	tcase_add_loop_test(t, utf8_length, 0, sizeof(utf8_cases) / sizeof(utf8_cases[0]));
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
