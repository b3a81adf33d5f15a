/* SPDX-License-Identifier: Apache-2.0 */
/* YAML and JSON text to documents: typing of plain scalars (checked against kubectl), bounds. */
#include "lib/objects/yaml.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/buf.h"
#include "tests/unit/suite.h"

struct documents {
	struct nt_buf json; /* the documents as compact JSON, one per line */
	size_t lines[8];
	size_t len;
};

static void take(void *ctx, json_t *document, size_t line)
{
	struct documents *d = ctx;
	char *text = json_dumps(document, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(15));

	ck_assert_ptr_nonnull(text);
	nt_buf_puts(&d->json, text);
	nt_buf_putc(&d->json, '\n');
	ck_assert_uint_lt(d->len, 8);
	d->lines[d->len++] = line;
	free(text);
	json_decref(document);
}

struct value {
	const char *yaml, *json;
};

/* What `kubectl label --local -o json` makes of each of them. */
static const struct value values[] = {
	{ "yes", "true" },
	{ "y", "true" },
	{ "on", "true" },
	{ "True", "true" },
	{ "tRue", "\"tRue\"" },
	{ "No", "false" },
	{ "off", "false" },
	{ "~", "null" },
	{ "NULL", "null" },
	{ "", "null" },
	{ "0777", "511" },
	{ "0o17", "15" },
	{ "0x1F", "31" },
	{ "0x", "\"0x\"" },
	{ "-0b11", "-3" },
	{ "0", "0" },
	{ "-0", "0" },
	{ "089", "89.0" },
	{ "1_000", "1000" },
	{ "_1", "\"_1\"" },
	{ "5_", "5" },
	{ "+5", "5" },
	{ "5-", "\"5-\"" },
	{ "1e3", "1000.0" },
	{ ".5", "0.5" },
	{ "+.5", "0.5" },
	{ "1.", "1.0" },
	{ "0.10", "0.1" },
	{ "1.2.3", "\"1.2.3\"" },
	{ "10.0.0.1", "\"10.0.0.1\"" },
	{ "1e400", "\"1e400\"" },
	{ "9223372036854775807", "9223372036854775807" },
	{ "-9223372036854775808", "-9223372036854775808" },
	{ "9223372036854775808", "9.22337203685478e18" },
	{ "1:30", "\"1:30\"" },
	{ "2001-01-01", "\"2001-01-01\"" },
	{ "'5'", "\"5\"" },
	{ "\"true\"", "\"true\"" },
	{ "'~'", "\"~\"" },
	{ "!!str 5", "\"5\"" },
	{ "! 5", "\"5\"" },
	{ "!!int 5", "5" },
	{ "|\n  a\n  b", "\"a\\nb\\n\"" },
	{ ">-\n  5", "\"5\"" },
	{ "[1, a, {b: c}]", "[1,\"a\",{\"b\":\"c\"}]" },
	{ "{1: a, yes: b, 1.5: c, 0x10: d}",
	  "{\"1\":\"a\",\"1.5\":\"c\",\"16\":\"d\",\"true\":\"b\"}" },
	{ "\"\\u00e9\\x41\"", "\"\xc3\xa9\x41\"" },
	{ "\"a\\0b\"", "\"a\\u0000b\"" },
};

START_TEST(test_values)
{
	const struct value *v = &values[_i];
	_cleanup_buf_ struct nt_buf text = { 0 }, want = { 0 };
	struct documents d = { 0 };
	struct nt_yaml_problem problem = { 0 };

	nt_buf_printf(&text, "v: %s\n", v->yaml);
	nt_buf_printf(&want, "{\"v\":%s}\n", v->json);
	ck_assert_msg(nt_yaml_parse(nt_slice_mem(text.p, text.len), take, &d, &problem) == 0,
		      "%s: %s", v->yaml, problem.msg);
	ck_assert_str_eq(nt_buf_str(&d.json), nt_buf_str(&want));
	nt_buf_done(&d.json);
}
END_TEST

START_TEST(test_documents_and_lines)
{
	static const char text[] =
		"# nothing\n---\n---\na: 1\n...\n---\n# a remark\n\nb: 2\n---\n~\n"
		"---\n- x\n";
	struct documents d = { 0 };
	struct nt_yaml_problem problem;

	ck_assert_int_eq(nt_yaml_parse(NT_SLICE_LIT(text), take, &d, &problem), 0);
	ck_assert_str_eq(nt_buf_str(&d.json), "{\"a\":1}\n{\"b\":2}\n[\"x\"]\n");
	ck_assert_uint_eq(d.lines[0], 4);
	ck_assert_uint_eq(d.lines[1], 9);
	ck_assert_uint_eq(d.lines[2], 13);
	nt_buf_done(&d.json);
	d = (struct documents){ 0 };
	ck_assert_int_eq(nt_yaml_parse(NT_SLICE_LIT(""), take, &d, &problem), 0);
	ck_assert_int_eq(nt_yaml_parse((struct nt_slice){ 0 }, take, &d, &problem), 0);
	ck_assert_uint_eq(d.len, 0);
}
END_TEST

struct mistake {
	const char *text;
	size_t line;
	const char *msg;
};

static const struct mistake mistakes[] = {
	{ "a: 1\nb: [1, 2\nc: 3\n", 3, "expected ',' or ']'" },
	{ "a: 1\na: 2\n", 2, "\"a\" is there twice" },
	{ "a: 1\n'a': 2\n", 2, "\"a\" is there twice" },
	{ "a: &x 1\nb: *x\n", 2, "aliases" },
	{ "a: {<<: {b: 1}}\n", 1, "merge keys" },
	{ "a: .inf\n", 1, "quotes" },
	{ "\na: !!binary aGk=\n", 2, "tag" },
	{ "a: !mine 5\n", 1, "tag" },
	{ "? [a]\n: b\n", 1, "key" },
	{ "~: b\n", 1, "key is missing" },
	{ "\"a\\0b\": c\n", 1, "NUL" },
	{ "a: 1\n\tb: 2\n", 2, "tab character" },
	{ "a: \xff\n", 1, "invalid leading UTF-8 octet" },
	{ "a: \"\\ud800\"\n", 1, "invalid Unicode" },
	{ "a: 1\n}\n", 2, "did not find expected" },
};

START_TEST(test_mistakes)
{
	const struct mistake *m = &mistakes[_i];
	struct documents d = { 0 };
	struct nt_yaml_problem problem = { 0 };

	ck_assert_int_eq(nt_yaml_parse(nt_slice_str(m->text), take, &d, &problem), -EBADMSG);
	ck_assert_msg(strstr(problem.msg, m->msg) != NULL, "\"%s\" lacks \"%s\"", problem.msg,
		      m->msg);
	ck_assert_uint_eq(problem.line, m->line);
	nt_buf_done(&d.json);
}
END_TEST

static void repeat(struct nt_buf *b, const char *s, int n)
{
	while (n-- > 0)
		nt_buf_puts(b, s);
}

START_TEST(test_bounds)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct documents d = { 0 };
	struct nt_yaml_problem problem;

	repeat(&text, "[", NT_YAML_DEPTH_MAX);
	repeat(&text, "]", NT_YAML_DEPTH_MAX);
	ck_assert_int_eq(nt_yaml_parse(nt_slice_mem(text.p, text.len), take, &d, &problem), 0);
	ck_assert_int_eq(nt_yaml_parse_json(nt_slice_mem(text.p, text.len), take, &d, &problem), 0);
	nt_buf_done(&d.json);
	nt_buf_reset(&text);
	repeat(&text, "[", NT_YAML_DEPTH_MAX + 1);
	repeat(&text, "]", NT_YAML_DEPTH_MAX + 1);
	ck_assert_int_eq(nt_yaml_parse(nt_slice_mem(text.p, text.len), take, &d, &problem),
			 -EBADMSG);
	ck_assert_ptr_nonnull(strstr(problem.msg, "too deep"));
	ck_assert_int_eq(nt_yaml_parse_json(nt_slice_mem(text.p, text.len), take, &d, &problem),
			 -EBADMSG);
	ck_assert_ptr_nonnull(strstr(problem.msg, "too deep"));
	nt_buf_reset(&text);
	nt_buf_puts(&text, "[0");
	repeat(&text, ",0", NT_YAML_NODES_MAX);
	nt_buf_puts(&text, "]");
	ck_assert_int_eq(nt_yaml_parse_json(nt_slice_mem(text.p, text.len), take, &d, &problem),
			 -EBADMSG);
	ck_assert_ptr_nonnull(strstr(problem.msg, "too many"));
	ck_assert_int_eq(nt_yaml_parse(nt_slice_mem(text.p, text.len), take, &d, &problem),
			 -EBADMSG);
	ck_assert_ptr_nonnull(strstr(problem.msg, "too many"));
}
END_TEST

START_TEST(test_json)
{
	struct documents d = { 0 };
	struct nt_yaml_problem problem;

	ck_assert_int_eq(nt_yaml_parse_json(NT_SLICE_LIT("{\"a\":\n\t[true, \"\\ud83d\\ude00\"]}"),
					    take, &d, &problem),
			 0);
	ck_assert_str_eq(nt_buf_str(&d.json), "{\"a\":[true,\"\xf0\x9f\x98\x80\"]}\n");
	nt_buf_done(&d.json);
	ck_assert_int_eq(nt_yaml_parse_json(NT_SLICE_LIT("{\n\"a\": yes}"), take, &d, &problem),
			 -EBADMSG);
	ck_assert_uint_eq(problem.line, 2);
	ck_assert_int_eq(nt_yaml_parse_json(NT_SLICE_LIT("{\"a\":1,\"a\":2}"), take, &d, &problem),
			 -EBADMSG);
	ck_assert_int_eq(nt_yaml_parse_json(NT_SLICE_LIT(""), take, &d, &problem), -EBADMSG);
	ck_assert_int_eq(nt_yaml_parse_json((struct nt_slice){ 0 }, take, &d, &problem), -EBADMSG);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("yaml");
	TCase *t = tcase_create("yaml");

	tcase_set_timeout(t, 30);
	tcase_add_loop_test(t, test_values, 0, (int)(sizeof(values) / sizeof(values[0])));
	tcase_add_test(t, test_documents_and_lines);
	tcase_add_loop_test(t, test_mistakes, 0, (int)(sizeof(mistakes) / sizeof(mistakes[0])));
	tcase_add_test(t, test_bounds);
	tcase_add_test(t, test_json);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
