/* SPDX-License-Identifier: Apache-2.0 */
/* Pages and objects of the Kubernetes API that are larger than what is read. */
#include "lib/objects/objects.h"

#include "tests/unit/kube_steps.h"

/* malloc. */
static char *large_text(void)
{
	const size_t len = 5 << 20;
	char *text = malloc(len);

	ck_assert_ptr_nonnull(text);
	memset(text, ' ', len);
	text[len - 1] = '\0';
	return text;
}

/* The page that is too large is asked for with half as many objects. */
START_TEST(pages_that_are_too_large)
{
	_cleanup_free_ char *large = large_text();
	const struct step all[] = {
		{ "limit=250", NULL, 200, large },
		{ "limit=125", NULL, 200, large },
		{ "limit=62", NULL, 200, PODS("7", "n", POD("a", "1")) },
		{ "limit=62&continue=n", NULL, 200, PODS("7", "", POD("b", "1")) },
		STAYS,
	};

	open_kube(all, NT_ARRAY_LEN(all), fast(pods_only));
	run_until(all_done);
	ck_assert_uint_eq(nt_objects_count(objects, NT_SLICE_LIT("Pod")), 2);
	ck_assert_uint_eq(state_of().failures, 0);
	close_kube();
}
END_TEST

static bool is_watching(void)
{
	return steps_done == steps_len && state_of().synced;
}

/* Two of four are too large, one of these the first. Each is left out and named, and costs the
 * others nothing. */
START_TEST(objects_that_are_too_large)
{
	_cleanup_free_ char *large = large_text();
	const struct step all[] = {
		{ "limit=2", NULL, 200, large },
		{ "limit=1", NULL, 200, large },
		{ "limit=1", NULL, ALONE, PODS("7", "m", POD("big", "1")) },
		{ "limit=2&continue=m", NULL, 200, large },
		{ "limit=1&continue=m", NULL, 200, PODS("7", "n", POD("a", "1")) },
		{ "limit=1&continue=n", NULL, 200, large },
		{ "limit=1&continue=n", NULL, ALONE, PODS("7", "o", POD("bigger", "1")) },
		{ "limit=2&continue=o", NULL, 200, PODS("7", "", POD("z", "1")) },
		STAYS,
	};
	struct nt_objects_kube_config config = fast(pods_only);

	config.page_len = 2;
	open_kube(all, NT_ARRAY_LEN(all), config);
	run_until(is_watching);
	ck_assert(nt_objects_have_synced(objects));
	ck_assert_uint_eq(nt_objects_count(objects, NT_SLICE_LIT("Pod")), 2);
	ck_assert_uint_eq(state_of().failures, 0);
	ck_assert_uint_eq(state_of().too_large, 2);
	ck_assert_str_eq(nt_objects_problem_at(objects, 0)->msg,
			 "2 Pods above 4 MiB are left out: demo/big and others");
	ck_assert_ptr_null(nt_objects_problem_at(objects, 1));
	close_kube();
}
END_TEST

/* A server that gives more than it was asked for is not taken at its word. */
START_TEST(names_of_more_than_one_are_no_answer)
{
	_cleanup_free_ char *large = large_text();
	const struct step all[] = {
		{ "limit=1", NULL, 200, large },
		{ "limit=1", NULL, ALONE, PODS("7", "", POD("a", "1") "," POD("b", "1")) },
		{ "limit=1", NULL, 200, PODS("7", "", POD("a", "1")) },
		STAYS,
	};
	struct nt_objects_kube_config config = fast(pods_only);

	config.page_len = 1;
	open_kube(all, NT_ARRAY_LEN(all), config);
	run_until(is_watching);
	ck_assert_uint_eq(state_of().failures, 1);
	ck_assert_uint_eq(state_of().too_large, 0);
	ck_assert_uint_eq(nt_objects_count(objects, NT_SLICE_LIT("Pod")), 1);
	close_kube();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("objects_large");
	TCase *t = tcase_create("objects_large");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, pages_that_are_too_large);
	tcase_add_test(t, objects_that_are_too_large);
	tcase_add_test(t, names_of_more_than_one_are_no_answer);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
