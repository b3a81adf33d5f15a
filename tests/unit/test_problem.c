/* SPDX-License-Identifier: Apache-2.0 */
/* What is read of a problem document: one sentence, whatever the body is. */
#include "lib/http/problem.h"

#include <check.h>

#include "lib/base/cleanup.h"
#include "tests/unit/suite.h"

static const struct {
	const char *body, *detail;
} cases[] = {
	{ "{\"title\":\"Forbidden\",\"status\":403,\"detail\":\"a batch of node a by b\"}",
	  "a batch of node a by b" },
	{ "{\"title\":\"Forbidden\",\"status\":403}", "Forbidden" },
	{ "{\"detail\":\"a\\u00e4\\n\\u001b[2Jb\"}", "a????[2Jb" },
	{ "{\"detail\":7,\"title\":\"Bad Request\"}", "Bad Request" },
	{ "{\"detail\":\"0123456789012345678901234567890123456789\"}",
	  "0123456789012345678901234567890" },
	{ "{\"detail\":", "" },
	{ "[]", "" },
	{ "<html>", "" },
	{ "", "" },
};

START_TEST(bodies)
{
	char detail[32] = "unset";

	nt_problem_detail(nt_slice_str(cases[_i].body), detail, sizeof(detail));
	ck_assert_str_eq(detail, cases[_i].detail);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("problem");
	TCase *t = tcase_create("problem");

	tcase_add_loop_test(t, bodies, 0, (int)NT_ARRAY_LEN(cases));
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
