/* SPDX-License-Identifier: Apache-2.0 */
/* Policies as they are and as they would be: which select a pod, what they say, what is refused. */
#include "lib/query/query.h"
#include "tests/unit/policies_stage.h"

static struct nt_label web[] = { { { "app", 3 }, { "web", 3 } } };

/* "a b | c": names of the policies now and then. */
static const char *picked(const struct nt_plans *plans, const struct nt_label *labels, size_t len,
			  bool known)
{
	static char text[512];
	struct nt_plan_picks picks;
	size_t at = 0;

	nt_plans_pick(plans, NT_SLICE_LIT("shop"), labels, len, known, &picks);
	text[0] = '\0';
	for (size_t plan = 0; plan < NT_PLAN_LEN; plan++) {
		for (size_t i = 0; i < picks.by[plan].len; i++)
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%.*s ",
					       NT_SLICE_ARG(nt_policy_name(picks.by[plan].at[i])));
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s", plan ? "" : "| ");
	}
	snprintf(text + at, sizeof(text) - at, "%s", picks.unknown ? "unknown" : "");
	return text;
}

#define AUDIT "mode: Audit, allow: []"
#define ENFORCE "mode: Enforce, allow: []"
#define OF_WEB "podSelector: {matchLabels: {app: web}}, "
#define OF_API "podSelector: {matchLabels: {app: api}}, "

START_TEST(file_stands_beside_what_is_there)
{
	struct nt_plan_policy p;
	struct nt_plans *plans;

	write_current(POLICY("shop", "a-audit", AUDIT) POLICY("shop", "b-old", ENFORCE)
			      POLICY("shop", "of-api", OF_API ENFORCE)
				      POLICY("other", "elsewhere", ENFORCE));
	plans = plans_of(POLICY("shop", "c-new", OF_WEB ENFORCE) POLICY("shop", "b-old", AUDIT));
	ck_assert_str_eq(picked(plans, web, 1, true), "b-old a-audit | c-new a-audit b-old ");
	ck_assert_str_eq(picked(plans, NULL, 0, true), "b-old a-audit | a-audit b-old ");
	ck_assert_str_eq(picked(plans, NULL, 0, false), "b-old a-audit | a-audit b-old unknown");
	ck_assert(nt_plans_at(plans, 0, &p) && !p.replaces);
	ck_assert(nt_plans_at(plans, 1, &p) && p.replaces);
	ck_assert(!nt_plans_at(plans, 2, &p));
	nt_plans_free(plans);
}
END_TEST

START_TEST(refused_ones_are_counted)
{
	struct nt_slice first;
	struct nt_plans *plans;

	write_current(POLICY("shop", "x-bad", "mode: Auditt, allow: []")
			      POLICY("shop", "y-bad", "mode: Audit, allow: [a..b]"));
	plans = plans_of(POLICY("shop", "y-bad", AUDIT));
	ck_assert_uint_eq(nt_plans_refused(plans, &first), 2);
	ck_assert_msg(nt_slice_eq(first, NT_SLICE_LIT("shop/x-bad")), "%.*s", NT_SLICE_ARG(first));
	ck_assert_str_eq(picked(plans, web, 1, true), "| y-bad ");
	nt_plans_free(plans);
}
END_TEST

START_TEST(more_than_the_slots_are_left_out_as_in_an_agent)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_plan_picks picks;
	struct nt_plans *plans;

	for (int i = 0; i <= NT_POLICY_SLOTS; i++)
		nt_buf_printf(&text, POLICY("shop", "p%d", "mode: %s, allow: []"), i,
			      i == NT_POLICY_SLOTS ? "Enforce" : "Audit");
	plans = plans_of(text.p);
	nt_plans_pick(plans, NT_SLICE_LIT("shop"), web, 1, true, &picks);
	ck_assert_uint_eq(picks.by[NT_PLAN_THEN].len, NT_POLICY_SLOTS);
	ck_assert_uint_eq(picks.by[NT_PLAN_THEN].selected, NT_POLICY_SLOTS + 1);
	ck_assert(nt_policy_mode(picks.by[NT_PLAN_THEN].at[0]) == NT_POLICY_ENFORCE);
	nt_plans_free(plans);
}
END_TEST

static const struct {
	const char *text;
	size_t index;
	const char *field, *msg;
} mistakes[] = {
	{ POLICY("shop", "a", AUDIT) POLICY("shop", "b", "mode: Audit, allow: ['a..b']"), 1,
	  "spec.allow[0]", "two dots in a row" },
	{ POLICY("shop", "a", "allow: []"), 0, "spec.mode", "is missing" },
	{ POLICY("shop", "a", AUDIT) POLICY("other", "a", AUDIT) POLICY("shop", "a", ENFORCE), 2,
	  "metadata.name", "the same name" },
};

START_TEST(mistake_is_told_with_its_object)
{
	struct nt_object_problem problem = { 0 };
	struct nt_plans *plans = NULL;
	size_t index;

	ck_assert_int_eq(parse_plans(mistakes[_i].text, &plans, &index, &problem), -EINVAL);
	ck_assert_uint_eq(index, mistakes[_i].index);
	ck_assert_str_eq(problem.field, mistakes[_i].field);
	ck_assert_msg(strstr(problem.msg, mistakes[_i].msg), "%s", problem.msg);
	ck_assert_ptr_null(plans);
}
END_TEST

START_TEST(policies_of_a_file_are_bounded)
{
	struct nt_object_problem problem = { 0 };
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_plans *plans = NULL;
	size_t index;

	for (int i = 0; i <= NT_PLANS_FILE_MAX; i++)
		nt_buf_printf(&text, POLICY("shop", "p%d", AUDIT), i);
	ck_assert_int_eq(parse_plans(text.p, &plans, &index, &problem), -EINVAL);
	ck_assert_uint_eq(index, NT_PLANS_FILE_MAX);
	ck_assert_msg(strstr(problem.msg, "is one of 257 policies"), "%s", problem.msg);
}
END_TEST

START_TEST(rows_are_those_of_the_namespaces)
{
	struct nt_plans *plans = plans_of(POLICY("shop", "a", AUDIT) POLICY("other", "b", AUDIT));
	struct nt_record r = lookup("a.example", 0);
	struct nt_query *q = NULL;

	ck_assert_int_eq(nt_plans_query(plans, &q, &err), 0);
	ck_assert(nt_query_eval(q, &r));
	r.client_namespace = NT_SLICE_LIT("shopper");
	ck_assert(!nt_query_eval(q, &r));
	nt_query_free(q);
	nt_plans_free(plans);
	plans = plans_of(POLICY("'sh*p'", "a", AUDIT)); /* would be a wildcard */
	ck_assert_int_eq(nt_plans_query(plans, &q, &err), 0);
	ck_assert_ptr_null(q);
	nt_plans_free(plans);
}
END_TEST

/* nt_policy_judge has tests of its own; this is what stands before it. */
START_TEST(tcp_is_reset_by_whoever_enforces)
{
	struct nt_plans *plans = plans_of(POLICY("shop", "a", "mode: Enforce, allow: [a.example]")
						  POLICY("shop", "b", OF_WEB AUDIT));
	const struct nt_policy_scope scope = { 0 };
	const struct nt_policy *policy;
	struct nt_plan_picks picks;
	struct nt_name name;

	ck_assert_int_eq(nt_name_parse(NT_SLICE_LIT("a.example"), &name), 0);
	nt_plans_pick(plans, NT_SLICE_LIT("shop"), web, 1, true, &picks);
	ck_assert_uint_eq(nt_plan_judge(&picks.by[NT_PLAN_THEN], &scope, &name, false, &policy),
			  NT_VERDICT_AUDIT);
	ck_assert(nt_slice_eq(nt_policy_name(policy), NT_SLICE_LIT("b")));
	ck_assert_uint_eq(nt_plan_judge(&picks.by[NT_PLAN_THEN], &scope, &name, true, &policy),
			  NT_VERDICT_UNJUDGEABLE);
	ck_assert(nt_slice_eq(nt_policy_name(policy), NT_SLICE_LIT("a")));
	ck_assert_uint_eq(nt_plan_judge(&picks.by[NT_PLAN_NOW], &scope, &name, true, &policy),
			  NT_VERDICT_NONE);
	ck_assert_ptr_null(policy);
	nt_plans_free(plans);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("plans");

	tcase_add_test(tc, file_stands_beside_what_is_there);
	tcase_add_test(tc, refused_ones_are_counted);
	tcase_add_test(tc, more_than_the_slots_are_left_out_as_in_an_agent);
	tcase_add_loop_test(tc, mistake_is_told_with_its_object, 0, NT_ARRAY_LEN(mistakes));
	tcase_add_test(tc, policies_of_a_file_are_bounded);
	tcase_add_test(tc, rows_are_those_of_the_namespaces);
	tcase_add_test(tc, tcp_is_reset_by_whoever_enforces);
	return store_run("plans", tc);
}
