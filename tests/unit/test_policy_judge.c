/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts: the table of the README and more; the compiled table walked as the kernel does must say
 * the same each time. */
#include "lib/policy/policy.h"

#include <stdio.h>

#include "lib/base/cleanup.h"
#include "tests/unit/policy_build.h"
#include "tests/unit/policy_walk.h"
#include "tests/unit/suite.h"

#define NONE NT_VERDICT_NONE
#define ALLOW NT_VERDICT_ALLOW
#define AUDIT NT_VERDICT_AUDIT
#define DENY NT_VERDICT_DENY

#define ENFORCE(names) "{mode: Enforce, allow: [" names "]}"
#define LOOK(names) "{mode: Audit, allow: [" names "]}"
#define SHOP "api.payments.example, '*.cdn.example'"
#define EXAMPLE ENFORCE("example.com, '*.example.net'")

struct judgement {
	const char *policies[4];
	const char *name;
	uint8_t verdict;
	size_t index;
};

/* Scope: cluster.local; searches corp.example, eu.corp.example, and the root, which is none. */
static const struct judgement judgements[] = {
	/* The table of the README. */
	{ { ENFORCE(SHOP) }, "api.payments.example", ALLOW, 0 },
	{ { ENFORCE(SHOP) }, "API.Payments.Example", ALLOW, 0 },
	{ { ENFORCE(SHOP) }, "v2.api.payments.example", DENY, 0 },
	{ { ENFORCE(SHOP) }, "payments.example", DENY, 0 },
	{ { ENFORCE(SHOP) }, "img.cdn.example", ALLOW, 0 },
	{ { ENFORCE(SHOP) }, "a.b.cdn.example", ALLOW, 0 },
	{ { ENFORCE(SHOP) }, "cdn.example", DENY, 0 },
	{ { ENFORCE(SHOP) }, "notcdn.example", DENY, 0 },
	{ { ENFORCE(SHOP) }, "api.payments.example.evil.net", DENY, 0 },
	{ { ENFORCE(SHOP) }, "api.payments.example.corp.example", ALLOW, 0 },
	{ { ENFORCE(SHOP) }, "wiki.corp.example", DENY, 0 },
	{ { ENFORCE(SHOP) }, "kubernetes.default.svc.cluster.local", ALLOW, 0 },
	{ { LOOK(SHOP) }, "evil.net", AUDIT, 0 },
	{ { LOOK(SHOP) }, "img.cdn.example", ALLOW, 0 },
	{ { NULL }, "evil.net", NONE, 0 },
	{ { NULL }, "example.com", NONE, 0 },
	{ { NULL }, "kubernetes.default.svc.cluster.local", NONE, 0 },
	/* Exact and wildcard. */
	{ { EXAMPLE }, "example.com", ALLOW, 0 },
	{ { EXAMPLE }, "EXAMPLE.Com", ALLOW, 0 },
	{ { EXAMPLE }, "www.example.com", DENY, 0 },
	{ { EXAMPLE }, "com", DENY, 0 },
	{ { EXAMPLE }, "example.com.evil.net", DENY, 0 },
	{ { EXAMPLE }, "notexample.com", DENY, 0 },
	{ { EXAMPLE }, "example.co", DENY, 0 },
	{ { EXAMPLE }, "example\\046com", DENY, 0 },
	{ { EXAMPLE }, "example.net", DENY, 0 },
	{ { EXAMPLE }, "a.example.net", ALLOW, 0 },
	{ { EXAMPLE }, "a.b.c.example.net", ALLOW, 0 },
	{ { EXAMPLE }, "\\042.example.net", ALLOW, 0 },
	{ { EXAMPLE }, "notexample.net", DENY, 0 },
	{ { EXAMPLE }, "a.notexample.net", DENY, 0 },
	{ { EXAMPLE }, ".", DENY, 0 },
	{ { ENFORCE("'*.com'") }, "com", DENY, 0 },
	{ { ENFORCE("'*.com'") }, "a.com", ALLOW, 0 },
	{ { ENFORCE("a.com, '*.a.com'") }, "a.com", ALLOW, 0 },
	{ { ENFORCE("a.com, '*.a.com'") }, "b.a.com", ALLOW, 0 },
	{ { ENFORCE("\"\\\\042.com\"") }, "a.com", DENY, 0 },
	{ { ENFORCE("\"\\\\042.com\"") }, "\\042.com", ALLOW, 0 },
	/* Suffixes of listed names are not listed. */
	{ { ENFORCE("a.b.c.com, b.c.com") }, "c.com", DENY, 0 },
	{ { ENFORCE("a.b.c.com, b.c.com") }, "b.c.com", ALLOW, 0 },
	{ { ENFORCE("a.b.c.com, '*.x.b.c.com'") }, "x.b.c.com", DENY, 0 },
	/* Nothing is allowed. */
	{ { ENFORCE("") }, "example.com", DENY, 0 },
	{ { LOOK("") }, "example.com", AUDIT, 0 },
	/* The cluster domain. */
	{ { ENFORCE("") }, "web.shop.svc.cluster.local", ALLOW, 0 },
	{ { ENFORCE("") }, "cluster.local", ALLOW, 0 },
	{ { ENFORCE("") }, "local", DENY, 0 },
	{ { ENFORCE("") }, "notcluster.local", DENY, 0 },
	{ { ENFORCE("") }, "cluster.local.evil.net", DENY, 0 },
	{ { ENFORCE("") }, "example.com.cluster.local", ALLOW, 0 },
	/* Search domains. */
	{ { EXAMPLE }, "example.com.corp.example", ALLOW, 0 },
	{ { EXAMPLE }, "example.com.eu.corp.example", ALLOW, 0 },
	{ { EXAMPLE }, "a.example.net.corp.example", ALLOW, 0 },
	{ { EXAMPLE }, "corp.example", DENY, 0 },
	{ { EXAMPLE }, "evil.com.corp.example", DENY, 0 },
	{ { EXAMPLE }, "data.example.com.corp.example", DENY, 0 },
	{ { EXAMPLE }, "example.com.notcorp.example", DENY, 0 },
	/* Only the longest domain is taken off, and once. */
	{ { ENFORCE("a.eu") }, "a.eu.corp.example", DENY, 0 },
	{ { ENFORCE("a") }, "a.eu.corp.example", ALLOW, 0 },
	{ { EXAMPLE }, "example.com.corp.example.corp.example", DENY, 0 },
	{ { ENFORCE("eu") }, "eu.corp.example", ALLOW, 0 },
	/* As written. */
	{ { ENFORCE("wiki.corp.example") }, "wiki.corp.example", ALLOW, 0 },
	{ { ENFORCE("'*.corp.example'") }, "a.b.corp.example", ALLOW, 0 },
	{ { ENFORCE("db") }, "db.corp.example", ALLOW, 0 },
	{ { ENFORCE("db") }, "db", ALLOW, 0 },
	/* Cluster names are no logical names. */
	{ { ENFORCE("") }, "web.cluster.local.corp.example", DENY, 0 },
	/* Several policies. */
	{ { ENFORCE("a.com"), ENFORCE("b.com") }, "b.com", ALLOW, 0 },
	{ { ENFORCE("a.com"), ENFORCE("b.com") }, "c.com", DENY, 0 },
	{ { LOOK("a.com"), ENFORCE("a.com, b.com"), ENFORCE("") }, "c.com", DENY, 1 },
	{ { LOOK("a.com"), ENFORCE("a.com, b.com") }, "b.com", AUDIT, 0 },
	{ { LOOK("a.com"), ENFORCE("a.com, b.com") }, "a.com", ALLOW, 0 },
	{ { ENFORCE("a.com, b.com"), LOOK("a.com") }, "b.com", AUDIT, 1 },
	{ { ENFORCE("a.com"), LOOK("b.com") }, "b.com", DENY, 0 },
	{ { LOOK("a.com"), LOOK("b.com") }, "b.com", ALLOW, 0 },
	{ { LOOK("a.com"), LOOK("b.com") }, "c.com", AUDIT, 0 },
	/* One reading for one policy, the other for the next. */
	{ { ENFORCE("db"), LOOK("db.corp.example") }, "db.corp.example", ALLOW, 0 },
};

static const struct nt_policy_scope *the_scope(void)
{
	static struct nt_policy_scope scope;

	scope = (struct nt_policy_scope){
		.cluster_domain = build_name("cluster.local"),
		.searches = { build_name("corp.example"), build_name("eu.corp.example"),
			      build_name(".") },
		.searches_len = 3,
	};
	return &scope;
}

START_TEST(test_judgements)
{
	const struct judgement *j = &judgements[_i];
	struct nt_policy *policies[4];
	struct walk walk = { .key = "0123456789abcde" };
	struct nt_name name = build_name(j->name);
	size_t len = 0, index = 99, walked = 99;

	for (; len < NT_ARRAY_LEN(j->policies) && j->policies[len]; len++) {
		policies[len] = build_policy(j->policies[len]);
		ck_assert_int_eq(walk_add(&walk, policies[len]), 0);
	}
	ck_assert_uint_eq(nt_policy_judge((const struct nt_policy *const *)policies, len,
					  the_scope(), &name, &index),
			  j->verdict);
	ck_assert_uint_eq(index, j->index);
	ck_assert_uint_eq(walk_judge(&walk, the_scope(), &name, &walked), j->verdict);
	ck_assert_uint_eq(walked, j->index);
	while (len)
		nt_policy_free(policies[--len]);
	walk_done(&walk);
}
END_TEST

START_TEST(test_no_scope)
{
	_cleanup_(nt_policy_freep) struct nt_policy *p = build_policy(ENFORCE("a.com"));
	static const struct nt_policy_scope none;
	struct nt_policy_scope root = { .cluster_domain = build_name(".") };
	struct nt_name cluster = build_name("a.cluster.local"), no_name = { .len = 0 };
	size_t index;

	ck_assert_uint_eq(nt_policy_judge((const struct nt_policy *const *)&p, 1, &none, &cluster,
					  &index),
			  DENY);
	ck_assert_uint_eq(nt_policy_judge((const struct nt_policy *const *)&p, 1, &root, &cluster,
					  &index),
			  DENY);
	ck_assert_uint_eq(nt_policy_judge((const struct nt_policy *const *)&p, 1, &none, &no_name,
					  &index),
			  DENY);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("policy_judge");
	TCase *t = tcase_create("policy_judge");

	tcase_add_loop_test(t, test_judgements, 0, (int)NT_ARRAY_LEN(judgements));
	tcase_add_test(t, test_no_scope);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
