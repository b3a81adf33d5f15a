/* SPDX-License-Identifier: Apache-2.0 */
/* Hundreds of rules look at a record together: those that it is for are found, with their keys. */
#include <check.h>

#include "controller/alerts/inside.h"
#include "lib/base/cleanup.h"
#include "lib/objects/manifest.h"
#include "lib/query/query.h"
#include "tests/unit/store_build.h"
#include "tests/unit/suite.h"

enum { RULES = 120 };

/* %u: another value for some of the rules with it. */
static const char *const specs[] = {
	"query: client_namespace = team-%u, metric: count, condition: gt, threshold: %u",
	"query: client_namespace = TEAM-%u AND rcode = NXDOMAIN, metric: count, condition: gt, "
	"threshold: %u",
	"query: NOT client_namespace = team-%u, metric: count, condition: gt, threshold: %u",
	"query: client_namespace = team-%u OR qtype = AAAA, metric: count, condition: gt, "
	"threshold: %u",
	"query: 'qname = \"n%u.test\" AND count > 0', metric: distinct, field: servers.ip, "
	"condition: gt, "
	"threshold: %u, aggregateBy: [client_name]",
	"query: '', metric: ratio, numerator: client_namespace = team-%u, condition: gt, "
	"threshold: 0.%u, "
	"aggregateBy: [servers.ip]",
	"query: type = UNLOGGED AND client_namespace = team-%u, metric: count, condition: gt, "
	"threshold: %u",
	"query: client_name = web-%u, aggregateBy: [client_name, qname], metric: count, condition: "
	"gt, "
	"threshold: %u",
};

static struct nt_alerts_entry entries[RULES];
static struct nt_alerts_entry *list[RULES];
static struct nt_shared shared;
static const struct nt_siphash_key hash_key = { 1, 2 };
static bool called[RULES];

static struct nt_rule *make_rule(unsigned n)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_manifest manifest = { 0 };
	struct nt_object_problem problem = { 0 };
	struct nt_rule *rule = NULL;

	nt_buf_puts(&text, "apiVersion: nametap.io/v1alpha1\nkind: GlobalAlert\n"
			   "metadata: {name: r}\nspec: {severity: 1, ");
	nt_buf_printf(&text, specs[n % NT_ARRAY_LEN(specs)], n / NT_ARRAY_LEN(specs) % 5, n);
	nt_buf_puts(&text, "}\n");
	ck_assert_int_eq(
		nt_manifest_parse(nt_slice_mem(text.p, text.len), NT_MANIFEST_YAML, &manifest), 0);
	ck_assert_msg(manifest.objects_len == 1, "%s", nt_buf_str(&text));
	ck_assert_msg(nt_rule_parse(&manifest.objects[0].compact->object, &rule, &problem) == 0,
		      "%s: %s: %s", nt_buf_str(&text), problem.field, problem.msg);
	nt_manifest_done(&manifest);
	return rule;
}

static void setup(void)
{
	static uint64_t bytes;

	for (unsigned i = 0; i < RULES; i++) {
		list[i] = &entries[i];
		entries[i] = (struct nt_alerts_entry){ .rule = i % 17 ? make_rule(i) : NULL };
		if (entries[i].rule)
			nt_window_init(&entries[i].window, entries[i].rule, &hash_key, 100, &bytes);
	}
	ck_assert_int_eq(nt_shared_make(&shared, list, RULES), 0);
}

static void teardown(void)
{
	nt_shared_done(&shared);
	for (size_t i = 0; i < RULES; i++) {
		if (entries[i].rule)
			nt_window_done(&entries[i].window);
		nt_rule_free(entries[i].rule);
	}
}

static struct nt_record record_at(unsigned n)
{
	static char names[3][32];
	struct nt_record r = n % 7 ? store_record(n + 1, T0_US, "")
				   : store_unlogged(n + 1, T0_US, 3, "ring_full");

	snprintf(names[0], sizeof(names[0]), n % 2 ? "team-%u" : "Team-%u", n % 6);
	snprintf(names[1], sizeof(names[1]), "web-%u", n / 2 % 6);
	snprintf(names[2], sizeof(names[2]), "n%u.test", n / 3 % 6);
	r.client_namespace = n % 11 ? nt_slice_str(names[0]) : (struct nt_slice){ 0 };
	r.client_name = nt_slice_str(names[1]);
	if (n % 7)
		r.qname = nt_slice_str(names[2]);
	r.qtype = n % 3 ? 1 : 28;
	r.rcode = n % 5 ? 0 : 3;
	return r;
}

/* Text and hash of the rule's keys are those that its own values give. */
static void check_keys(struct nt_alerts_entry *e, const struct nt_row *row)
{
	const struct nt_server *server = row->r->servers_len ? row->r->servers : NULL;
	_cleanup_buf_ struct nt_buf wanted = { 0 }, scratch = { 0 };

	ck_assert(nt_keys_take(e->window.keys, row, server));
	for (size_t i = 0; i < e->rule->keys_len; i++) {
		nt_buf_slice(&wanted, nt_key_text(&e->rule->keys[i], row->r, server, &scratch));
		nt_buf_putc(&wanted, '\0');
	}
	ck_assert(nt_slice_eq(nt_keys_slice(e->window.keys),
			      nt_slice_mem(wanted.len ? wanted.p : "", wanted.len)));
	ck_assert_uint_eq(e->window.keys->hash,
			  nt_siphash(&hash_key, nt_keys_slice(e->window.keys)));
}

static void on_entry(void *ctx, struct nt_alerts_entry *e, const struct nt_row *row)
{
	(void)ctx;
	ck_assert(!called[e - entries]);
	called[e - entries] = true;
	check_keys(e, row);
}

START_TEST(a_record_comes_to_the_rules_that_it_is_for)
{
	size_t hits = 0;

	for (unsigned n = 0; n < 400; n++) {
		struct nt_record r = record_at(n);

		memset(called, 0, sizeof(called));
		nt_shared_each(&shared, &r, &hash_key, on_entry, NULL);
		for (size_t i = 0; i < RULES; i++) {
			const struct nt_rule *rule = entries[i].rule;
			bool wanted = rule && rule->unlogged == (r.type == NT_RECORD_UNLOGGED) &&
				      nt_query_eval(rule->query, &r);

			ck_assert_msg(called[i] == wanted, "rule %zu, record %u", i, n);
			hits += wanted;
		}
	}
	ck_assert_uint_gt(hits, 400);
}
END_TEST

START_TEST(rules_alike_lie_together)
{
	size_t lists = 0, rules = 0;

	for (size_t i = 0; i < shared.lists_len; i += shared.lists[i].alike)
		lists++;
	for (size_t i = 0; i < shared.lists_len; i++)
		rules += shared.lists[i].len;
	ck_assert_uint_eq(rules, RULES - (RULES + 16) / 17);
	ck_assert_uint_lt(shared.lists_len, 60); /* the same queries, three times each */
	/* Five values of three fields, and all that need none. */
	ck_assert_uint_eq(lists, 5 * 3 + 1);
	ck_assert_uint_lt(shared.keys_len, 10);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("alert_shared");
	TCase *tc = tcase_create("alert_shared");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_record_comes_to_the_rules_that_it_is_for);
	tcase_add_test(tc, rules_alike_lie_together);
	suite_add_tcase(s, tc);
	return nt_suite_run(s);
}
