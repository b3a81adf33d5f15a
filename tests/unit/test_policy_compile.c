/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled tables: each suffix once with its flags, appended; collisions are told. */
#include "lib/policy/compile.c" /* its own rule_at and collides */

#include <stdio.h>

#include "lib/base/cleanup.h"
#include "tests/unit/policy_build.h"
#include "tests/unit/suite.h"

static const uint8_t key[16] = "a secret of ours";

#define EXACT NT_RULE_EXACT
#define WILDCARD NT_RULE_WILDCARD
#define CHILD NT_RULE_HAS_CHILD

static const struct {
	const char *allow;
	struct {
		const char *suffix;
		uint32_t flags;
	} rules[8];
} tables[] = {
	{ "", { { NULL, 0 } } },
	{ "com", { { "com", EXACT } } },
	{ "'*.com'", { { "com", WILDCARD } } },
	{ "example.com", { { "com", CHILD }, { "example.com", EXACT } } },
	{ "'*.example.com'", { { "com", CHILD }, { "example.com", WILDCARD } } },
	{ "example.com, '*.example.com'",
	  { { "com", CHILD }, { "example.com", EXACT | WILDCARD } } },
	{ "'*.com', com, www.example.com",
	  { { "com", EXACT | WILDCARD | CHILD },
	    { "example.com", CHILD },
	    { "www.example.com", EXACT } } },
	{ "a.x.com, b.x.com, x.com, x.net",
	  { { "com", CHILD },
	    { "x.com", CHILD | EXACT },
	    { "a.x.com", EXACT },
	    { "b.x.com", EXACT },
	    { "net", CHILD },
	    { "x.net", EXACT } } },
	/* Neighbours in octets are none in labels. */
	{ "a.com, a.comm, ab.com, a.b.com",
	  { { "com", CHILD },
	    { "comm", CHILD },
	    { "a.com", EXACT },
	    { "a.comm", EXACT },
	    { "ab.com", EXACT },
	    { "b.com", CHILD },
	    { "a.b.com", EXACT } } },
};

static uint32_t flags_of(const struct nt_policy_rule *rules, size_t len, const char *suffix)
{
	struct nt_name name = build_name(suffix);
	uint64_t hash = nt_suffix_hash(key, &name);

	for (size_t i = 0; i < len; i++)
		if (rules[i].hash == hash)
			return rules[i].flags;
	return 0;
}

START_TEST(test_tables)
{
	_cleanup_buf_ struct nt_buf spec = { 0 }, out = { 0 };
	_cleanup_(nt_policy_freep) struct nt_policy *p = NULL;
	size_t wanted = 0, len;

	nt_buf_printf(&spec, "{mode: Audit, allow: [%s]}", tables[_i].allow);
	p = build_policy(nt_buf_str(&spec));
	ck_assert_int_eq(nt_policy_compile(p, key, &out), 0);
	len = out.len / sizeof(struct nt_policy_rule);
	for (; wanted < 8 && tables[_i].rules[wanted].suffix; wanted++)
		ck_assert_msg(flags_of(rule_at(&out, 0), len, tables[_i].rules[wanted].suffix) ==
				      tables[_i].rules[wanted].flags,
			      "%s", tables[_i].rules[wanted].suffix);
	ck_assert_uint_eq(len, wanted);
	ck_assert_uint_eq(nt_policy_rules_len(p), wanted);
	for (size_t i = 0; i < len; i++)
		ck_assert_uint_eq(rule_at(&out, i)->reserved, 0);
}
END_TEST

START_TEST(test_appends)
{
	_cleanup_(nt_policy_freep) struct nt_policy *p =
		build_policy("{mode: Audit, allow: [com]}");
	_cleanup_buf_ struct nt_buf out = { 0 };
	struct nt_policy_rule rule;

	nt_buf_puts(&out, "abc");
	ck_assert_int_eq(nt_policy_compile(p, key, &out), 0);
	ck_assert_uint_eq(out.len, 3 + sizeof(rule));
	ck_assert_mem_eq(out.p, "abc", 3);
	memcpy(&rule, out.p + 3, sizeof(rule));
	ck_assert_uint_eq(rule.flags, EXACT);
}
END_TEST

START_TEST(test_a_full_buffer)
{
	_cleanup_(nt_policy_freep) struct nt_policy *p =
		build_policy("{mode: Audit, allow: [a.b]}");
	_cleanup_buf_ struct nt_buf out = { .max_len = sizeof(struct nt_policy_rule) };

	ck_assert_int_eq(nt_policy_compile(p, key, &out), -ENOMEM);
	ck_assert_uint_eq(out.len, 0);
}
END_TEST

START_TEST(test_another_key_is_another_table)
{
	_cleanup_(nt_policy_freep) struct nt_policy *p =
		build_policy("{mode: Audit, allow: [com]}");
	_cleanup_buf_ struct nt_buf a = { 0 }, b = { 0 };
	uint8_t other[16] = "another secret..";

	ck_assert_int_eq(nt_policy_compile(p, key, &a), 0);
	ck_assert_int_eq(nt_policy_compile(p, other, &b), 0);
	ck_assert_uint_ne(rule_at(&a, 0)->hash, rule_at(&b, 0)->hash);
}
END_TEST

/* Nobody finds 64 bits that collide in a test; what would be done with them is this. */
START_TEST(test_collisions)
{
	struct nt_policy_rule none[] = { { .hash = 1 }, { .hash = 2 }, { .hash = 3 } };
	struct nt_policy_rule twice[] = { { .hash = 1 }, { .hash = 3 }, { .hash = 3 } };
	struct nt_policy_rule root[] = { { .hash = 0 }, { .hash = 3 } };

	ck_assert(!collides(none, 3) && !collides(none, 0));
	ck_assert(collides(twice, 3));
	ck_assert(collides(root, 2));
}
END_TEST

START_TEST(test_longest_names)
{
	_cleanup_buf_ struct nt_buf spec = { 0 }, out = { 0 };
	_cleanup_(nt_policy_freep) struct nt_policy *p = NULL;

	nt_buf_puts(&spec, "{mode: Enforce, allow: [");
	for (int i = 0; i < 127; i++)
		nt_buf_puts(&spec, i ? ".a" : "a");
	nt_buf_puts(&spec, ", a.a, '*.a']}");
	p = build_policy(nt_buf_str(&spec));
	ck_assert_int_eq(nt_policy_compile(p, key, &out), 0);
	ck_assert_uint_eq(out.len / sizeof(struct nt_policy_rule), 127);
	ck_assert_uint_eq(flags_of(rule_at(&out, 0), 127, "a"), WILDCARD | CHILD);
	ck_assert_uint_eq(flags_of(rule_at(&out, 0), 127, "a.a"), EXACT | CHILD);
	ck_assert_uint_eq(flags_of(rule_at(&out, 0), 127, "a.a.a"), CHILD);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("policy_compile");
	TCase *t = tcase_create("policy_compile");

	tcase_add_loop_test(t, test_tables, 0, (int)NT_ARRAY_LEN(tables));
	tcase_add_test(t, test_appends);
	tcase_add_test(t, test_a_full_buffer);
	tcase_add_test(t, test_another_key_is_another_table);
	tcase_add_test(t, test_collisions);
	tcase_add_test(t, test_longest_names);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
