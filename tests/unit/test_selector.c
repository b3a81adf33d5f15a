/* SPDX-License-Identifier: Apache-2.0 */
/* Label selectors: matching as Kubernetes does, and what is said about the ones that are wrong. */
#include "lib/objects/selector.h"

#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "tests/unit/suite.h"

static int parse(const char *text, struct nt_selector **ret_selector,
		 struct nt_selector_problem *ret_problem)
{
	json_auto_t *json = json_loads(text, JSON_DECODE_ANY, NULL);

	ck_assert_msg(json, "%s", text);
	return nt_selector_parse(json, ret_selector, ret_problem);
}

#define EXPR(key, op, values) \
	"{\"matchExpressions\":[{\"key\":\"" key "\",\"operator\":\"" op "\"" values "}]}"
#define VALUES(v) ",\"values\":[" v "]"

static const struct {
	const char *selector;
	size_t terms;
	bool web, none, other; /* app=web,tier=; no labels; app=db,track=canary */
} matches[] = {
	{ "{}", 0, true, true, true },
	{ "{\"matchLabels\":{}}", 0, true, true, true },
	{ "{\"matchLabels\":{\"app\":\"web\"}}", 1, true, false, false },
	{ "{\"matchLabels\":{\"tier\":\"\"}}", 1, true, false, false },
	{ "{\"matchLabels\":{\"app\":\"web\",\"tier\":\"\"}}", 2, true, false, false },
	{ "{\"matchLabels\":{\"app\":\"db\",\"tier\":\"\"}}", 2, false, false, false },
	{ "{\"matchLabels\":{\"App\":\"web\"}}", 1, false, false, false },
	{ "{\"matchLabels\":{\"app\":\"Web\"}}", 1, false, false, false },
	{ EXPR("app", "In", VALUES("\"db\",\"web\"")), 1, true, false, true },
	{ EXPR("app", "In", VALUES("\"x\"")), 1, false, false, false },
	{ EXPR("app", "NotIn", VALUES("\"web\"")), 1, false, true, true },
	{ EXPR("track", "NotIn", VALUES("\"canary\"")), 1, true, true, false },
	{ EXPR("track", "Exists", ""), 1, false, false, true },
	{ EXPR("tier", "Exists", VALUES("")), 1, true, false, false },
	{ EXPR("track", "DoesNotExist", ""), 1, true, true, false },
	{ "{\"matchLabels\":{\"app\":\"db\"},\"matchExpressions\":[{\"key\":\"track\","
	  "\"operator\":\"DoesNotExist\"}]}",
	  2, false, false, false },
	{ EXPR("app.kubernetes.io/name", "Exists", ""), 1, false, false, false },
};

START_TEST(test_matches)
{
	_cleanup_(nt_selector_freep) struct nt_selector *s = NULL;
	struct nt_label web[] = { { NT_SLICE_LIT("app"), NT_SLICE_LIT("web") },
				  { NT_SLICE_LIT("tier"), NT_SLICE_LIT("") } };
	struct nt_label other[] = { { NT_SLICE_LIT("app"), NT_SLICE_LIT("db") },
				    { NT_SLICE_LIT("track"), NT_SLICE_LIT("canary") } };
	struct nt_selector_problem problem;

	ck_assert_int_eq(parse(matches[_i].selector, &s, &problem), 0);
	ck_assert_uint_eq(nt_selector_terms_len(s), matches[_i].terms);
	ck_assert_int_eq(nt_selector_matches(s, web, 2), matches[_i].web);
	ck_assert_int_eq(nt_selector_matches(s, NULL, 0), matches[_i].none);
	ck_assert_int_eq(nt_selector_matches(s, other, 2), matches[_i].other);
}
END_TEST

#define L63 "lllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllll"

static const struct {
	const char *selector, *field, *msg;
} refused[] = {
	{ "null", "", "write {} when every pod is meant" },
	{ "[]", "", "no mapping" },
	{ "{\"matchlabels\":{}}", "", "did you mean matchLabels?" },
	{ "{\"app\":\"web\"}", "", "there is no field \"app\"" },
	{ "{\"matchLabels\":null}", "matchLabels", "no mapping" },
	{ "{\"matchLabels\":{\"a\":true}}", "matchLabels.a", "put it in quotes" },
	{ "{\"matchLabels\":{\"a\":null}}", "matchLabels.a", "put it in quotes" },
	{ "{\"matchLabels\":{\"a\":\"b c\"}}", "matchLabels.a", "\"b c\" cannot be" },
	{ "{\"matchLabels\":{\"a\":\"" L63 "l\"}}", "matchLabels.a", "cannot be" },
	{ "{\"matchLabels\":{\"a\":\"" L63 L63 L63 L63 L63 L63 "\"}}", "matchLabels.a",
	  "longer than any label" },
	{ "{\"matchLabels\":{\"\":\"b\"}}", "matchLabels", "\"\" cannot be" },
	{ "{\"matchLabels\":{\"-a\":\"b\"}}", "matchLabels", "\"-a\" cannot be" },
	{ "{\"matchLabels\":{\"a/b/c\":\"b\"}}", "matchLabels", "\"a/b/c\" cannot be" },
	{ "{\"matchLabels\":{\"/b\":\"b\"}}", "matchLabels", "\"/b\" cannot be" },
	{ "{\"matchLabels\":{\"a/\":\"b\"}}", "matchLabels", "\"a/\" cannot be" },
	{ "{\"matchLabels\":{\"" L63 "l\":\"b\"}}", "matchLabels", "cannot be" },
	{ "{\"matchLabels\":{\"\xc3\xa4\":\"b\"}}", "matchLabels", "\"??\" cannot be" },
	{ "{\"matchExpressions\":{}}", "matchExpressions", "no list" },
	{ "{\"matchExpressions\":[5]}", "matchExpressions[0]", "no mapping" },
	{ "{\"matchExpressions\":[{\"key\":\"a\",\"op\":\"In\"}]}", "matchExpressions[0]",
	  "no field \"op\"" },
	{ "{\"matchExpressions\":[{\"operator\":\"In\"}]}", "matchExpressions[0].key",
	  "is missing" },
	{ "{\"matchExpressions\":[{\"key\":\"a\"}]}", "matchExpressions[0].operator",
	  "is missing" },
	{ EXPR("a", "exists", ""), "matchExpressions[0].operator", "did you mean Exists?" },
	{ EXPR("a", "Equals", ""), "matchExpressions[0].operator", "In, NotIn, Exists or" },
	{ EXPR("a", "In", ""), "matchExpressions[0].values", "at least one value" },
	{ EXPR("a", "NotIn", VALUES("")), "matchExpressions[0].values", "at least one value" },
	{ EXPR("a", "Exists", VALUES("\"b\"")), "matchExpressions[0].values", "takes no values" },
	{ EXPR("a", "In", ",\"values\":\"b\""), "matchExpressions[0].values", "no list" },
	{ EXPR("a", "In", VALUES("\"b\",5")), "matchExpressions[0].values[1]", "quotes" },
	{ EXPR("a", "In", VALUES("\".\"")), "matchExpressions[0].values[0]", "cannot be" },
};

START_TEST(test_refused)
{
	struct nt_selector_problem problem = { .msg = "" };
	struct nt_selector *s = NULL;

	ck_assert_int_eq(parse(refused[_i].selector, &s, &problem), -EINVAL);
	ck_assert_ptr_null(s);
	ck_assert_str_eq(problem.field, refused[_i].field);
	ck_assert_msg(strstr(problem.msg, refused[_i].msg), "%s", problem.msg);
}
END_TEST

static int with_values(size_t terms, size_t values, struct nt_selector_problem *ret_problem)
{
	_cleanup_(nt_selector_freep) struct nt_selector *s = NULL;
	_cleanup_buf_ struct nt_buf text = { 0 };

	nt_buf_puts(&text, "{\"matchExpressions\":[");
	for (size_t i = 0; i < terms; i++) {
		nt_buf_printf(&text, "%s{\"key\":\"%s\",\"operator\":\"In\",\"values\":[",
			      i ? "," : "", L63);
		for (size_t k = 0; k < values; k++)
			nt_buf_printf(&text, "%s\"%s\"", k ? "," : "", L63);
		nt_buf_puts(&text, "]}");
	}
	nt_buf_puts(&text, "]}");
	return parse(nt_buf_str(&text), &s, ret_problem);
}

START_TEST(test_bounds)
{
	struct nt_selector_problem problem = { .msg = "" };

	ck_assert_int_eq(with_values(NT_SELECTOR_TERMS_MAX, NT_SELECTOR_VALUES_MAX, &problem), 0);
	ck_assert_int_eq(with_values(NT_SELECTOR_TERMS_MAX + 1, 1, &problem), -EINVAL);
	ck_assert_str_eq(problem.msg, "more than 64 terms");
	ck_assert_int_eq(with_values(1, NT_SELECTOR_VALUES_MAX + 1, &problem), -EINVAL);
	ck_assert_str_eq(problem.msg, "257 values, 256 at most");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("selector");
	TCase *t = tcase_create("selector");

	tcase_add_loop_test(t, test_matches, 0, (int)NT_ARRAY_LEN(matches));
	tcase_add_loop_test(t, test_refused, 0, (int)NT_ARRAY_LEN(refused));
	tcase_add_test(t, test_bounds);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
