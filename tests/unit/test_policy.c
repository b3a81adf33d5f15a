/* SPDX-License-Identifier: Apache-2.0 */
/* DNSPolicy objects: what is read, and the field and the reason of what is refused. */
#include "lib/policy/policy.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "tests/unit/policy_build.h"
#include "tests/unit/suite.h"

static bool same(struct nt_slice s, const char *text)
{
	return nt_slice_eq(s, nt_slice_str(text));
}

START_TEST(test_reads_all_of_it)
{
	_cleanup_(nt_policy_freep) struct nt_policy *p = build_policy(
		"{podSelector: {matchLabels: {app: web}}, mode: Enforce, "
		"allow: [b.example, '*.Example.com', B.example., '*.example.com.', example.com]}");
	struct nt_label web[] = { { NT_SLICE_LIT("app"), NT_SLICE_LIT("web") } };

	ck_assert(same(nt_policy_namespace(p), "shop") && same(nt_policy_name(p), "only-these"));
	ck_assert_int_eq(nt_policy_mode(p), NT_POLICY_ENFORCE);
	ck_assert_uint_eq(nt_policy_allow_len(p), 3);
	ck_assert(same(nt_policy_allow_at(p, 0), "b.example"));
	ck_assert(same(nt_policy_allow_at(p, 1), "*.example.com"));
	ck_assert(same(nt_policy_allow_at(p, 2), "example.com"));
	ck_assert(!nt_policy_selects_all(p));
	ck_assert(nt_policy_selects(p, NT_SLICE_LIT("shop"), web, 1));
	ck_assert(!nt_policy_selects(p, NT_SLICE_LIT("shop"), NULL, 0));
	ck_assert(!nt_policy_selects(p, NT_SLICE_LIT("other"), web, 1));
}
END_TEST

static const char *const every_pod[] = {
	"{mode: Audit, allow: []}",
	"{podSelector: {}, mode: Audit, allow: []}",
	"{podSelector: {matchLabels: {}}, mode: Audit, allow: []}",
	"{podSelector: {matchLabels: {}, matchExpressions: []}, mode: Audit, allow: []}",
};

START_TEST(test_every_pod_of_the_namespace)
{
	_cleanup_(nt_policy_freep) struct nt_policy *p = build_policy(every_pod[_i]);
	struct nt_label web[] = { { NT_SLICE_LIT("app"), NT_SLICE_LIT("web") } };

	ck_assert(nt_policy_selects_all(p));
	ck_assert(nt_policy_selects(p, NT_SLICE_LIT("shop"), NULL, 0));
	ck_assert(nt_policy_selects(p, NT_SLICE_LIT("shop"), web, 1));
	ck_assert(!nt_policy_selects(p, NT_SLICE_LIT("default"), web, 1));
	ck_assert_int_eq(nt_policy_mode(p), NT_POLICY_AUDIT);
	ck_assert_uint_eq(nt_policy_allow_len(p), 0);
}
END_TEST

static const struct {
	const char *spec, *field, *msg;
} refused[] = {
	{ "5", "spec", "no mapping" },
	{ "~", "spec", "no mapping" },
	{ "{allow: []}", "spec.mode", "is missing" },
	{ "{mode: ~, allow: []}", "spec.mode", "has to be Audit or Enforce" },
	{ "{mode: 5, allow: []}", "spec.mode", "has to be Audit or Enforce" },
	{ "{mode: enforce, allow: []}", "spec.mode", "did you mean Enforce?" },
	{ "{mode: Enforced, allow: []}", "spec.mode", "did you mean Enforce?" },
	{ "{mode: Block, allow: []}", "spec.mode", "Audit or Enforce" },
	{ "{mode: 'a\xc3\xbc', allow: []}", "spec.mode", "\"a??\" is no mode" },
	{ "{mode: Audit}", "spec.allow", "write [] to allow no name" },
	{ "{mode: Audit, allow: ~}", "spec.allow", "write [] to allow none" },
	{ "{mode: Audit, allow: example.com}", "spec.allow", "is no list" },
	{ "{mode: Audit, allow: {a.com: b}}", "spec.allow", "is no list" },
	{ "{mode: Audit, allow: [a.com, 5]}", "spec.allow[1]", "put it in quotes" },
	{ "{mode: Audit, allow: [~]}", "spec.allow[0]", "put it in quotes" },
	{ "{mode: Audit, allow: [a.com, b.com, '*']}", "spec.allow[2]", "every name" },
	{ "{mode: Audit, allow: [www.*.com]}", "spec.allow[0]", "behind its first label" },
	{ "{mode: Audit, allow: [], podSelector: ~}", "spec.podSelector", "check the indent" },
	{ "{mode: Audit, allow: [], podSelector: web}", "spec.podSelector", "no mapping" },
	{ "{mode: Audit, allow: [], podSelector: {matchLabel: {a: b}}}", "spec.podSelector",
	  "did you mean matchLabels?" },
	{ "{mode: Audit, allow: [], podSelector: {matchLabels: {a: 5}}}",
	  "spec.podSelector.matchLabels.a", "put it in quotes" },
	{ "{mode: Audit, allow: [], podSelector: {matchExpressions: [{key: a, operator: in}]}}",
	  "spec.podSelector.matchExpressions[0].operator", "did you mean In?" },
	{ "{mode: Audit, allow: [], allowed: []}", "spec.allowed", "did you mean spec.allow?" },
	{ "{mode: Audit, allow: [], podselector: {}}", "spec.podselector",
	  "did you mean spec.podSelector?" },
	{ "{mode: Audit, allow: [], selector: {}}", "spec.selector",
	  "did you mean spec.podSelector?" },
	{ "{mode: Audit, allow: [], matchLabels: {}}", "spec.matchLabels",
	  "did you mean spec.podSelector.matchLabels?" },
	{ "{mode: Audit, allow: [], domains: []}", "spec.domains", "did you mean spec.allow?" },
	{ "{mode: Audit, allow: [], onUnjudgeable: Allow}", "spec.onUnjudgeable",
	  "podSelector, mode and allow are known" },
	{ "{mode: Audit, allow: []}\nallow: [a.com]", "allow", "belongs below spec" },
	{ "{mode: Audit, allow: []}\npodSelector: {}", "podSelector", "belongs below spec" },
	{ "{mode: Audit, allow: []}\nspecs: {}", "specs", "did you mean spec?" },
	{ "{mode: Audit, allow: []}\nwhatever: {}", "whatever", "there is no such field" },
};

START_TEST(test_refused)
{
	struct nt_object_problem problem = { .msg = "" };
	struct nt_policy *p = NULL;

	ck_assert_int_eq(build_policy_of(BUILD_POLICY_HEAD, refused[_i].spec, &p, &problem),
			 -EINVAL);
	ck_assert_ptr_null(p);
	ck_assert_str_eq(problem.field, refused[_i].field);
	ck_assert_msg(strstr(problem.msg, refused[_i].msg), "%s", problem.msg);
}
END_TEST

#define NAME_62 "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
#define NAME_253 NAME_62 NAME_62 NAME_62 NAME_62 "nnnnn"

static const struct {
	const char *head, *field;
} heads[] = {
	{ "apiVersion: nametap.io/v1alpha1\nkind: DNSPolicy\nmetadata: {name: " NAME_253 "}",
	  NULL },
	{ "apiVersion: nametap.io/v1alpha1\nkind: DNSPolicy\nmetadata: {name: n" NAME_253 "}",
	  "metadata.name" },
	{ "apiVersion: nametap.io/v1alpha1\nkind: DNSPolicy\nmetadata: {name: a, namespace: "
	  "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn}",
	  "metadata.namespace" },
	{ "apiVersion: nametap.io/v1\nkind: DNSPolicy\nmetadata: {name: a}", "apiVersion" },
	{ "apiVersion: nametap.io/v1alpha1\nkind: ClusterDNSPolicy\nmetadata: {name: a}", "kind" },
};

START_TEST(test_heads)
{
	struct nt_object_problem problem = { .msg = "" };
	_cleanup_(nt_policy_freep) struct nt_policy *p = NULL;
	int r = build_policy_of(heads[_i].head, "{mode: Audit, allow: []}", &p, &problem);

	ck_assert_int_eq(r, heads[_i].field ? -EINVAL : 0);
	ck_assert_str_eq(problem.field, heads[_i].field ? heads[_i].field : "");
}
END_TEST

START_TEST(test_without_spec)
{
	struct nt_manifest m = { 0 };
	struct nt_object_problem problem;
	struct nt_policy *p = NULL;

	ck_assert_int_eq(nt_manifest_parse(nt_slice_str(BUILD_POLICY_HEAD), NT_MANIFEST_YAML, &m),
			 0);
	ck_assert_int_eq(nt_policy_parse(&m.objects[0].compact->object, &p, &problem), -EINVAL);
	ck_assert_str_eq(problem.field, "spec");
	ck_assert_str_eq(problem.msg, "is missing");
	nt_manifest_done(&m);
}
END_TEST

static int with_names(size_t names, struct nt_policy **ret_policy,
		      struct nt_object_problem *ret_problem)
{
	_cleanup_buf_ struct nt_buf spec = { 0 };

	nt_buf_puts(&spec, "{mode: Enforce, allow: [");
	for (size_t i = 0; i < names; i++)
		nt_buf_printf(&spec, "n%zu.example.com,", i);
	nt_buf_puts(&spec, "]}");
	return build_policy_of(BUILD_POLICY_HEAD, nt_buf_str(&spec), ret_policy, ret_problem);
}

START_TEST(test_bound_of_names)
{
	struct nt_object_problem problem = { .msg = "" };
	_cleanup_(nt_policy_freep) struct nt_policy *p = NULL;
	struct nt_policy *more = NULL;
	struct nt_name in = build_name("n9999.example.com"), out = build_name("n10000.example.com");

	ck_assert_int_eq(with_names(NT_POLICY_ALLOW_MAX, &p, &problem), 0);
	ck_assert_uint_eq(nt_policy_allow_len(p), NT_POLICY_ALLOW_MAX);
	ck_assert(nt_policy_allows(p, &in) && !nt_policy_allows(p, &out));
	ck_assert_int_eq(with_names(NT_POLICY_ALLOW_MAX + 1, &more, &problem), -EINVAL);
	ck_assert_str_eq(problem.field, "spec.allow");
	ck_assert_msg(strstr(problem.msg, "10001 names, and 10000 are possible"), "%s",
		      problem.msg);
}
END_TEST

/* n names of `labels` labels without a common suffix. */
static int with_labels(size_t names, size_t labels, struct nt_object_problem *ret_problem)
{
	_cleanup_buf_ struct nt_buf spec = { 0 };
	_cleanup_(nt_policy_freep) struct nt_policy *p = NULL;

	nt_buf_puts(&spec, "{mode: Enforce, allow: [");
	for (size_t i = 0; i < names; i++) {
		for (size_t k = 1; k < labels; k++)
			nt_buf_puts(&spec, "a.");
		nt_buf_printf(&spec, "n%zu,", i);
	}
	nt_buf_puts(&spec, "]}");
	return build_policy_of(BUILD_POLICY_HEAD, nt_buf_str(&spec), &p, ret_problem);
}

START_TEST(test_bound_of_suffixes)
{
	struct nt_object_problem problem = { .msg = "" };

	ck_assert_int_eq(with_labels(NT_POLICY_ALLOW_MAX, 6, &problem), 0);
	ck_assert_int_eq(with_labels(1024, 64, &problem), 0);
	ck_assert_int_eq(with_labels(1025, 64, &problem), -EINVAL);
	ck_assert_str_eq(problem.field, "spec.allow");
	ck_assert_msg(strstr(problem.msg, "65600 different suffixes"), "%s", problem.msg);
}
END_TEST

/* 10,000 names as long as names are, each octet as \DDD: no bound of memory below what is taken. */
START_TEST(test_largest_policy)
{
	_cleanup_buf_ struct nt_buf spec = { 0 };
	_cleanup_(nt_policy_freep) struct nt_policy *p = NULL;
	struct nt_object_problem problem = { .msg = "" };

	nt_buf_puts(&spec, "{mode: Enforce, allow: [");
	for (size_t i = 0; i < NT_POLICY_ALLOW_MAX; i++) {
		nt_buf_printf(&spec, "'n%05zu", i);
		for (int k = 0; k < 247; k++)
			nt_buf_puts(&spec, (k + 7) % 50 == 0 ? "." : "\\001");
		nt_buf_puts(&spec, "',");
	}
	nt_buf_puts(&spec, "]}");
	ck_assert_int_eq(build_policy_of(BUILD_POLICY_HEAD, nt_buf_str(&spec), &p, &problem), 0);
	ck_assert_uint_eq(nt_policy_allow_len(p), NT_POLICY_ALLOW_MAX);
}
END_TEST

static const struct {
	const char *a, *b;
	bool same;
} digests[] = {
	{ "{mode: Audit, allow: [a.com, b.com]}", "{mode: Audit, allow: [B.com, a.com.]}", true },
	{ "{mode: Audit, allow: [a.com, a.com]}", "{mode: Audit, allow: [a.com]}", true },
	{ "{podSelector: {matchLabels: {a: b}}, mode: Audit, allow: [a.com]}",
	  "{mode: Audit, allow: [a.com]}", true },
	{ "{mode: Audit, allow: [a.com]}", "{mode: Enforce, allow: [a.com]}", false },
	{ "{mode: Audit, allow: [a.com]}", "{mode: Audit, allow: ['*.a.com']}", false },
	{ "{mode: Audit, allow: [a.com]}", "{mode: Audit, allow: [a.com, b.com]}", false },
	{ "{mode: Audit, allow: [a.com]}", "{mode: Audit, allow: []}", false },
	{ "{mode: Audit, allow: [a.b]}", "{mode: Audit, allow: [a, b]}", false },
	{ "{mode: Audit, allow: ['*.a', b]}", "{mode: Audit, allow: [a, '*.b']}", false },
	{ "{mode: Audit, allow: [a.b]}", "{mode: Audit, allow: [b.a]}", false },
};

START_TEST(test_digests)
{
	_cleanup_(nt_policy_freep) struct nt_policy *a = build_policy(digests[_i].a);
	_cleanup_(nt_policy_freep) struct nt_policy *b = build_policy(digests[_i].b);
	uint8_t da[16], db[16];

	nt_policy_digest(a, da);
	nt_policy_digest(b, db);
	ck_assert_int_eq(memcmp(da, db, 8) == 0, digests[_i].same);
	ck_assert_int_eq(memcmp(da + 8, db + 8, 8) == 0, digests[_i].same);
	ck_assert_mem_ne(da, da + 8, 8);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("policy");
	TCase *t = tcase_create("policy");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_reads_all_of_it);
	tcase_add_loop_test(t, test_every_pod_of_the_namespace, 0, (int)NT_ARRAY_LEN(every_pod));
	tcase_add_loop_test(t, test_refused, 0, (int)NT_ARRAY_LEN(refused));
	tcase_add_loop_test(t, test_heads, 0, (int)NT_ARRAY_LEN(heads));
	tcase_add_test(t, test_without_spec);
	tcase_add_test(t, test_bound_of_names);
	tcase_add_test(t, test_bound_of_suffixes);
	tcase_add_test(t, test_largest_policy);
	tcase_add_loop_test(t, test_digests, 0, (int)NT_ARRAY_LEN(digests));
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
