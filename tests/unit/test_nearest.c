/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean": typing errors find their word, other words do not. */
#include "lib/base/nearest.h"

#include <check.h>

#include "lib/base/cleanup.h"
#include "tests/unit/suite.h"

static const char *const words[] = { "podSelector", "mode", "allow", "In", NULL };

static const struct {
	const char *wrong, *best;
} cases[] = {
	{ "allow", "allow" },
	{ "ALLOW", "allow" },
	{ "alow", "allow" },
	{ "allows", "allow" },
	{ "lalow", "allow" },
	{ "alolw", "allow" },
	{ "aloww", "allow" },
	{ "podselector", "podSelector" },
	{ "podSelctor", "podSelector" },
	{ "pod_selector", "podSelector" },
	{ "omde", "mode" },
	{ "modus", "mode" },
	{ "in", "In" },
	{ "deny", NULL },
	{ "", NULL },
	{ "choice", NULL },
	{ "podSelectorpodSelectorpodSelectorpodSelector", NULL },
};

START_TEST(test_nearest)
{
	const char *best = nt_nearest_in(nt_slice_str(cases[_i].wrong), words);

	if (!cases[_i].best)
		ck_assert_msg(!best, "%s", best);
	else
		ck_assert_str_eq(best, cases[_i].best);
}
END_TEST

START_TEST(test_first_of_equals)
{
	struct nt_nearest n = nt_nearest_of(NT_SLICE_LIT("baa"));

	nt_nearest_consider(&n, "bab");
	nt_nearest_consider(&n, "caa");
	ck_assert_str_eq(n.best, "bab");
	nt_nearest_consider(&n, "baa");
	ck_assert_str_eq(n.best, "baa");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("nearest");
	TCase *t = tcase_create("nearest");

	tcase_add_loop_test(t, test_nearest, 0, (int)NT_ARRAY_LEN(cases));
	tcase_add_test(t, test_first_of_equals);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
