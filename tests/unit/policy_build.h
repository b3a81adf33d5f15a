/* SPDX-License-Identifier: Apache-2.0 */
/* Policies and selectors from YAML text, for tests. */
#pragma once

#include <check.h>

#include "lib/objects/manifest.h"
#include "lib/policy/policy.h"

/* -errno of nt_policy_parse; spec is one line of flow YAML. */
static inline int build_policy_of(const char *head, const char *spec, struct nt_policy **ret_policy,
				  struct nt_object_problem *ret_problem)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_manifest m = { 0 };
	int r;

	nt_buf_printf(&text, "%s\nspec: %s\n", head, spec);
	ck_assert_int_eq(nt_manifest_parse(nt_slice_mem(text.p, text.len), NT_MANIFEST_YAML, &m),
			 0);
	ck_assert_msg(m.objects_len == 1, "%s", m.problems_len ? m.problems[0].msg : "no object");
	r = nt_policy_parse(&m.objects[0].compact->object, ret_policy, ret_problem);
	nt_manifest_done(&m); /* the policy needs nothing of it */
	return r;
}

#define BUILD_POLICY_HEAD                                    \
	"apiVersion: nametap.io/v1alpha1\nkind: DNSPolicy\n" \
	"metadata: {name: only-these, namespace: shop}"

static inline struct nt_policy *build_policy(const char *spec)
{
	struct nt_object_problem problem = { .msg = "" };
	struct nt_policy *p = NULL;
	int r = build_policy_of(BUILD_POLICY_HEAD, spec, &p, &problem);

	ck_assert_msg(r == 0, "%s: %s", problem.field, problem.msg);
	return p;
}

static inline struct nt_name build_name(const char *text)
{
	struct nt_name name;

	ck_assert_msg(nt_name_parse(nt_slice_str(text), &name) == 0, "%s", text);
	return name;
}
