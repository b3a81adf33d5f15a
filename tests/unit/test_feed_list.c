/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of domains in their formats: what is taken and what is refused, however they arrive. */
#include "lib/feed/list.h"

#include <check.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "tests/unit/suite.h"

/* --- memory that ends ------------------------------------------------------------------------- */

/* Allocations of buffers and of jansson that still succeed. */
static unsigned allocations_left = UINT_MAX;

static bool may_allocate(void)
{
	if (allocations_left == UINT_MAX)
		return true;
	if (allocations_left) {
		allocations_left--;
		return true;
	}
	errno = ENOMEM;
	return false;
}

static void *bounded_realloc(void *p, size_t len)
{
	return may_allocate() ? realloc(p, len) : NULL;
}

static void *bounded_malloc(size_t len)
{
	return may_allocate() ? malloc(len) : NULL;
}

#define realloc bounded_realloc
#include "lib/base/buf.c"
#undef realloc

/* --- lists ------------------------------------------------------------------------------------ */

#define JSON NT_FEED_JSON
#define CSV NT_FEED_CSV
#define LINES NT_FEED_LINES
#define BOM "\xef\xbb\xbf"

static const struct {
	enum nt_feed_format format;
	const char *field, *text;
	const char *entries; /* in the set's order, each followed by a blank */
	const char *refusals; /* "line kind; " each */
	size_t own_names;
	char separator;
} lists[] = {
	{ LINES, "", "", "", "", 0, 0 },
	{ LINES, "", "bad.example\nworse.example", "bad.example worse.example ", "", 0, 0 },
	{ LINES, "", BOM "bad.example\r\n\r\n \t Worse.Example. \t\r\n",
	  "bad.example worse.example ", "", 0, 0 },
	{ LINES, "", "# a\n; b\n! c\n// d\n  # e\nx.example # f\ny.example\t#g\n",
	  "x.example y.example ", "", 0, 0 },
	{ LINES, "", "a.example\na.example\nA.EXAMPLE.\n", "a.example ", "", 0, 0 },
	{ LINES, "", "*.cdn.example\n*.zip\nzip\n*\n*.\n.\n", "*.zip *.cdn.example ",
	  "3 name; 4 name; 5 name; 6 name; ", 0, 0 },
	{ LINES, "",
	  "good.example\nhttp://a.example/x\n.b.example\n||c.example^\n1.2.3.4\nd e\n"
	  "m\xfc.de\nm\xc3\xbc.de\n",
	  "xn--m-eha.de good.example ", "2 name; 3 name; 4 name; 5 name; 6 name; 7 name; ", 0, 0 },
	{ LINES, "", "xn--mnchen-3ya.de\n_x._tcp.example.com\n",
	  "xn--mnchen-3ya.de _x._tcp.example.com ", "", 0, 0 },
	{ LINES, "", "a\\046b.example\n", "a\\046b.example ", "", 0, 0 },
	/* Hosts files. */
	{ LINES, "",
	  "127.0.0.1 localhost\n::1 ip6-localhost ip6-loopback\n0.0.0.0 0.0.0.0\n"
	  "0.0.0.0 ads.example  track.example # two\n0.0.0.0\tx.example\n0.0.0.0 a..b\n",
	  "x.example ads.example track.example ", "6 name; ", 4, 0 },
	/* CSV. */
	{ CSV, "", "a.example,1\nb.example\n\n  \nc.example,\n", "a.example b.example c.example ",
	  "", 0, 0 },
	{ CSV, "2", "1,a.example\n\"2\" , \"b.example\" \nx\n3,\"c.exa\"\"mple\"\n",
	  "a.example b.example ", "3 field; 4 name; ", 0, 0 },
	{ CSV, "domain",
	  "# note, \"x\nfirst_seen, \"domain\" "
	  ",tag\n2026-01-01,a.example,x\n,b.example,\"y\nz\",\n",
	  "a.example b.example ", "", 0, 0 },
	{ CSV, "domain", "id;domain\n1;a.example\n2;\n3\n", "a.example ", "3 name; 4 field; ", 0,
	  ';' },
	{ CSV, "1", "\"a.example\"x,1\n\"b.example\",2\n\"\",\n\"#c.example\"\n", "b.example ",
	  "1 syntax; 3 name; 4 name; ", 0, 0 },
	{ CSV, "2", "a\tb.example\n#\tc.example\n", "b.example ", "", 0, '\t' },
	/* JSON. */
	{ JSON, "", "[]", "", "", 0, 0 },
	{ JSON, "", BOM " [ \"a.example\" , \"B.example\"\n,\"c\\u002eexample\"]\n",
	  "a.example b.example c.example ", "", 0, 0 },
	{ JSON, "", "[\"a.example\",\n1,null,\n{\"x\":[\"]\",\"}\"]},[\"b.example\"],\"\\\"]\"\n,]",
	  "a.example ", "2 field; 2 field; 3 field; 3 field; 3 name; ", 0, 0 },
	{ JSON, "host",
	  "[{\"host\":\"a.example\",\"n\":{\"host\":1}},\n{\"host\":7},{\"hos\":\"b\"},\"c."
	  "example\"]",
	  "a.example ", "2 field; 2 field; 2 field; ", 0, 0 },
	{ JSON, "host", "{\"host\":\"a.example\"}\n{\"host\":\"b.example\"}\n{\"host\" \"x\"}",
	  "a.example b.example ", "3 syntax; ", 0, 0 },
	{ JSON, "", "\"a.example\" \"b.example\"\n", "a.example b.example ", "", 0, 0 },
	{ JSON, "", "[\"a.example\", \"b.exa\\u0000mple\", }, x]", "a.example ",
	  "1 name; 1 syntax; 1 syntax; ", 0, 0 },
};

/* piece: octets at a time. 0, or the list's error. */
static int read_list(const struct nt_feed_form *form, struct nt_slice text, size_t piece,
		     struct nt_feed_set **ret_set, struct nt_feed_report *ret_report,
		     struct nt_err *err)
{
	_cleanup_(nt_feed_builder_freep) struct nt_feed_builder *b = NULL;
	_cleanup_(nt_feed_list_freep) struct nt_feed_list *l = NULL;
	int r = nt_feed_builder_new(NT_FEED_LIMITS_DEFAULT, &b, err);

	ck_assert_int_eq(r, 0);
	ck_assert_int_eq(nt_feed_list_new(form, b, &l, err), 0);
	for (size_t at = 0; at < text.len && r == 0; at += piece)
		r = nt_feed_list_push(
			l, nt_slice_mem(text.p + at, text.len - at < piece ? text.len - at : piece),
			err);
	if (r == 0)
		r = nt_feed_list_end(l, err);
	*ret_report = *nt_feed_list_report(l);
	return r < 0 ? r : nt_feed_builder_finish(b, ret_set, err);
}

static void format_set(const struct nt_feed_set *s, struct nt_buf *out)
{
	struct nt_feed_walk w = { .set = s };
	char text[NT_NAME_TEXT_MAX + 2];
	struct nt_pattern entry;

	while (nt_feed_walk_next(&w, &entry)) {
		nt_buf_add(out, text, nt_pattern_text(&entry, text));
		nt_buf_putc(out, ' ');
	}
}

static void format_refusals(const struct nt_feed_report *r, struct nt_buf *out)
{
	size_t sum = 0;

	for (size_t i = 0; i < r->first_len; i++) {
		ck_assert(r->first[i].msg[0]);
		nt_buf_printf(out, "%zu %s; ", r->first[i].line,
			      nt_feed_fault_name(r->first[i].fault));
	}
	for (int i = 0; i < NT_FEED_FAULTS; i++)
		sum += r->refused[i];
	ck_assert_uint_eq(sum, r->first_len);
}

START_TEST(test_lists)
{
	const struct nt_feed_form form = { lists[_i].format, nt_slice_str(lists[_i].field),
					   lists[_i].separator };
	struct nt_slice text = nt_slice_str(lists[_i].text);

	for (size_t piece = 1; piece <= text.len + 1; piece++) {
		_cleanup_(nt_feed_set_freep) struct nt_feed_set *s = NULL;
		_cleanup_buf_ struct nt_buf entries = { 0 }, refusals = { 0 };
		struct nt_feed_report report;
		struct nt_err err;

		ck_assert_msg(read_list(&form, text, piece, &s, &report, &err) == 0, "%s", err.msg);
		format_set(s, &entries);
		format_refusals(&report, &refusals);
		ck_assert_str_eq(nt_buf_str(&entries), lists[_i].entries);
		ck_assert_str_eq(nt_buf_str(&refusals), lists[_i].refusals);
		ck_assert_uint_eq(report.own_names, lists[_i].own_names);
	}
}
END_TEST

/* Lists that are refused as a whole. */
static const struct {
	enum nt_feed_format format;
	const char *field, *text, *msg;
} bad[] = {
	{ JSON, "", "", "line 1: the JSON ends in the midst" },
	{ JSON, "", "[\"a.example\",\n\"b.exam", "line 2: the JSON ends in the midst" },
	{ JSON, "", "[\"a.example\"", "the JSON ends in the midst" },
	{ JSON, "", "[\"a.example\"] []", "line 1: neither an array" },
	{ JSON, "", "\n<html>", "line 2: neither an array" },
	{ JSON, "x", "{\"x\":\"a.example\"},", "line 1: neither an array" },
	{ CSV, "domain", "host,tag\na.example,x\n",
	  "line 1: the first row has no column \"domain\"" },
	{ CSV, "domain", "# nothing\n\n", "no column \"domain\"" },
	{ CSV, "", "a.example\n\"b.example,\nc.example\n", "line 2: a quote that opens here" },
	{ LINES, "", "<html>\n<body>no such page</body>\n",
	  "nothing but what is refused, 2 times: is it the right format? line 1: \"<html>\"" },
};

START_TEST(test_bad_lists)
{
	const struct nt_feed_form form = { .format = bad[_i].format,
					   .field = nt_slice_str(bad[_i].field) };
	struct nt_slice text = nt_slice_str(bad[_i].text);

	for (size_t piece = 1; piece <= text.len + 1; piece++) {
		struct nt_feed_set *s = NULL;
		struct nt_feed_report report;
		struct nt_err err;

		ck_assert_int_eq(read_list(&form, text, piece, &s, &report, &err), -EINVAL);
		ck_assert_msg(strstr(err.msg, bad[_i].msg), "%s", err.msg);
		ck_assert_ptr_null(s);
	}
}
END_TEST

START_TEST(test_bad_forms)
{
	const struct nt_feed_form forms[] = { { .format = CSV, .field = NT_SLICE_LIT("0") },
					      { .format = CSV, .separator = '"' } };
	struct nt_feed_list *l = NULL;
	struct nt_err err;

	for (size_t i = 0; i < NT_ARRAY_LEN(forms); i++)
		ck_assert_int_eq(nt_feed_list_new(&forms[i], NULL, &l, &err), -EINVAL);
}
END_TEST

/* --- what is too long ------------------------------------------------------------------------- */

static const struct {
	enum nt_feed_format format;
	const char *before, *behind; /* what is too long stands between them */
} longs[] = {
	{ LINES, "a.example\n", "\nb.example\n" },
	{ LINES, "a.example\nb.example\n", "" },
	{ CSV, "a.example\n\"", "\",1\nb.example\n" },
	{ CSV, "a.example\nc.example,", "\nb.example\n" },
	{ JSON, "[\"a.example\",\n\"", "\",\"b.example\"]" },
	{ JSON, "[\"a.example\",\n{\"x\":[\"", "\"]},\"b.example\"]" },
};

START_TEST(test_too_long)
{
	const struct nt_feed_form form = { .format = longs[_i].format };
	_cleanup_(nt_feed_set_freep) struct nt_feed_set *s = NULL;
	_cleanup_buf_ struct nt_buf text = { 0 }, entries = { 0 };
	struct nt_feed_report report;
	struct nt_err err;

	nt_buf_puts(&text, longs[_i].before);
	for (int i = 0; i < 70000; i++)
		nt_buf_putc(&text, 'x');
	nt_buf_puts(&text, longs[_i].behind);
	ck_assert_msg(read_list(&form, nt_slice_mem(text.p, text.len), 4096, &s, &report, &err) ==
			      0,
		      "%s", err.msg);
	format_set(s, &entries);
	ck_assert_str_eq(nt_buf_str(&entries), "a.example b.example ");
	ck_assert_uint_eq(report.refused[NT_FEED_FAULT_LENGTH], 1);
	ck_assert_uint_eq(report.first[0].line, *longs[_i].behind ? 2 : 3);
}
END_TEST

/* All are counted, the first are kept. */
START_TEST(test_many_refusals)
{
	_cleanup_(nt_feed_set_freep) struct nt_feed_set *s = NULL;
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_feed_report report;
	struct nt_err err;

	nt_buf_puts(&text, "a.example\n");
	for (int i = 0; i < 100; i++)
		nt_buf_puts(&text, "\x1b[31m..\n");
	ck_assert_int_eq(nt_feed_parse(&(struct nt_feed_form){ 0 }, NT_FEED_LIMITS_DEFAULT,
				       nt_slice_mem(text.p, text.len), &s, &report, &err),
			 0);
	ck_assert_uint_eq(nt_feed_set_len(s), 1);
	ck_assert_uint_eq(report.taken, 1);
	ck_assert_uint_eq(report.refused[NT_FEED_FAULT_NAME], 100);
	ck_assert_uint_eq(report.first_len, NT_FEED_REFUSALS_KEPT);
	ck_assert_uint_eq(report.octets, text.len);
	for (const char *c = report.first[0].msg; *c; c++)
		ck_assert(*c >= ' ' && *c <= '~');
}
END_TEST

static const struct {
	struct nt_feed_form form;
	const char *before, *octet, *behind;
} of_one_name[] = {
	{ { LINES, { 0 }, 0 }, "", "\\097", "\n" },
	{ { CSV, { "domain", 6 }, 0 }, "id,domain\n1,", "\\097", "\n" },
	{ { JSON, { "domain", 6 }, 0 }, "[{\"id\": 1, \"domain\": \"", "\\\\097", "\"}]" },
};

/* Whichever allocation fails: the list is not read, and its text is not to blame. */
START_TEST(test_no_memory)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	unsigned fails = 0;
	int r;

	/* A name of 208 octets, whose text is longer than what a buffer begins with. */
	nt_buf_puts(&text, of_one_name[_i].before);
	for (int i = 1; i <= 200; i++)
		nt_buf_printf(&text, "%s%s", of_one_name[_i].octet, i % 50 ? "" : ".");
	nt_buf_printf(&text, "bad%s", of_one_name[_i].behind);
	json_set_alloc_funcs(bounded_malloc, free);
	do {
		_cleanup_(nt_feed_set_freep) struct nt_feed_set *s = NULL;
		struct nt_feed_report report = { .octets = 1 };
		struct nt_err err;

		allocations_left = fails;
		r = nt_feed_parse(&of_one_name[_i].form, NT_FEED_LIMITS_DEFAULT,
				  nt_slice_mem(text.p, text.len), &s, &report, &err);
		allocations_left = UINT_MAX;
		ck_assert_msg(r == 0 || r == -ENOMEM, "%u: %s", fails, err.msg);
		ck_assert_uint_eq(report.first_len, 0);
		ck_assert_uint_eq(report.taken, r == 0);
		ck_assert(report.octets == text.len || (r < 0 && report.octets == 0));
	} while (r < 0 && fails++ < 1000);
	ck_assert_int_eq(r, 0);
	ck_assert_uint_gt(fails, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("feed_list");
	TCase *t = tcase_create("feed_list");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, test_lists, 0, (int)NT_ARRAY_LEN(lists));
	tcase_add_loop_test(t, test_bad_lists, 0, (int)NT_ARRAY_LEN(bad));
	tcase_add_test(t, test_bad_forms);
	tcase_add_loop_test(t, test_too_long, 0, (int)NT_ARRAY_LEN(longs));
	tcase_add_test(t, test_many_refusals);
	tcase_add_loop_test(t, test_no_memory, 0, (int)NT_ARRAY_LEN(of_one_name));
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
