/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of requests: what is taken, and the sentence that says why not. */
#include <check.h>

#include "api/http/body.h"
#include "lib/base/cleanup.h"
#include "tests/unit/suite.h"

static const char *const known[] = { "by", "group", NULL };

static const struct {
	const char *text;
	const char *says; /* NULL: it is taken */
} bodies[] = {
	{ "{}", NULL },
	{ " {\"by\": \"x\", \"group\": {\"a\": \"b\"}} ", NULL },
	{ "", "body, line 1: " },
	{ "{", "body, line 1: " },
	{ "{\n\"by\": }", "body, line 2: " },
	{ "{} {}", "body, line 1: " },
	{ "[]", "body: a JSON object is wanted" },
	{ "\"x\"", "body, line 1: " },
	{ "by: x", "body, line 1: " },
	{ "{\"by\": \"x\", \"by\": \"y\"}", "body, line 1: duplicate object key" },
	{ "{\"by\": \"\\u0000\"}", "body, line 1: " },
	{ "{\"by\": \"\xff\"}", "body, line 1: " },
	{ "{\"comment\": \"x\"}", "body: no such member: comment (there are: by, group)" },
	{ "{\"by\": \"x\", \"b\xc3\xa9\": 1}", "body: no such member: b?? (there are: by, group)" },
};

START_TEST(body_is_an_object_of_known_members)
{
	struct nt_err err = { 0 };
	json_auto_t *object = NULL;
	int r = nt_body_parse(nt_slice_str(bodies[_i].text), known, &object, &err);

	ck_assert_int_eq(r, bodies[_i].says ? -EINVAL : 0);
	ck_assert_int_eq(object != NULL, r == 0);
	if (bodies[_i].says)
		ck_assert_msg(strncmp(err.msg, bodies[_i].says, strlen(bodies[_i].says)) == 0, "%s",
			      err.msg);
}
END_TEST

static const struct {
	const char *text;
	bool required;
	const char *is, *says; /* one of them */
} texts[] = {
	{ "{\"by\": \"ann\"}", true, "ann", NULL },
	{ "{\"by\": \"\xc3\xa9<&\\\"\"}", true, "\xc3\xa9<&\"", NULL },
	{ "{\"by\": \"12345678\"}", true, "12345678", NULL },
	{ "{\"by\": \"\"}", false, "", NULL },
	{ "{}", false, "", NULL },
	{ "{}", true, NULL, "by: is missing, a text is wanted" },
	{ "{\"by\": \"\"}", true, NULL, "by: a text of 1 to 8 octets is wanted" },
	{ "{\"by\": \"123456789\"}", true, NULL, "by: a text of 1 to 8 octets is wanted" },
	{ "{\"by\": \"123456789\"}", false, NULL, "by: a text of at most 8 octets is wanted" },
	{ "{\"by\": 5}", false, NULL, "by: a text is wanted" },
	{ "{\"by\": null}", true, NULL, "by: a text is wanted" },
	{ "{\"by\": {}}", true, NULL, "by: a text is wanted" },
	{ "{\"by\": \"a\\nb\"}", true, NULL, "by: no line breaks" },
	{ "{\"by\": \"\\u001b[31m\"}", false, NULL, "by: no line breaks" },
	{ "{\"by\": \"\\u007f\"}", true, NULL, "by: no line breaks" },
};

START_TEST(text_is_one_line)
{
	struct nt_err err = { 0 };
	json_auto_t *object = json_loads(texts[_i].text, 0, NULL);
	struct nt_slice text = NT_SLICE_LIT("untouched");
	int r = nt_body_text(object, "by", 8, texts[_i].required, &text, &err);

	ck_assert_int_eq(r, texts[_i].is ? 0 : -EINVAL);
	ck_assert(nt_slice_eq(text, nt_slice_str(texts[_i].is ? texts[_i].is : "untouched")));
	if (texts[_i].says)
		ck_assert_msg(strncmp(err.msg, texts[_i].says, strlen(texts[_i].says)) == 0, "%s",
			      err.msg);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("http_body");
	TCase *tc = tcase_create("body");

	tcase_add_loop_test(tc, body_is_an_object_of_known_members, 0, NT_ARRAY_LEN(bodies));
	tcase_add_loop_test(tc, text_is_one_line, 0, NT_ARRAY_LEN(texts));
	suite_add_tcase(suite, tc);
	return nt_suite_run(suite);
}
