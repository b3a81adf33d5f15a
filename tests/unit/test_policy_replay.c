/* SPDX-License-Identifier: Apache-2.0 */
/* Policies over stored rows: what would newly be denied, what cannot be known, and the bounds. */
#include "controller/policies/replay.c"
#include "tests/unit/policies_stage.h"

#define ENFORCE_A "mode: Enforce, allow: [a.example]"
#define OF_WEB "podSelector: {matchLabels: {app: web}}, "
#define S 1000000LL

static struct nt_replay *replay_by(const struct nt_plans *plans, const char *cluster_domain,
				   int64_t budget_ns)
{
	const struct nt_replay_config config = { .from_us = T0_US - 86400 * S,
						 .to_us = T0_US + 86400 * S,
						 .cluster_domain = nt_slice_str(cluster_domain),
						 .budget_ns = budget_ns };
	struct nt_replay *replay = NULL;

	ck_assert_msg(nt_replay_run(store, reader, plans, &config, &replay, &err) == 0, "%s",
		      err.msg);
	return replay;
}

/* Each entry as "verdict[?doubt] namespace/workload name policy lookups first-last". */
static void put_entries(const struct nt_replay *r, struct nt_buf *out)
{
	for (size_t i = 0; i < r->entries_len; i++) {
		const struct nt_replay_entry *e = &r->entries[i];

		nt_buf_printf(out, "%s%s%s %.*s/%.*s %.*s %.*s %llu %lld-%lld\n",
			      nt_replay_verdict_word(e->verdict), e->doubt ? "?" : "",
			      nt_replay_doubt_word(e->doubt), NT_SLICE_ARG(e->namespace_),
			      NT_SLICE_ARG(e->workload), NT_SLICE_ARG(e->name),
			      NT_SLICE_ARG(e->policy), (unsigned long long)e->lookups,
			      (long long)((e->first_us - T0_US) / S),
			      (long long)((e->last_us - T0_US) / S));
	}
}

static void expect_by(int line, const char *policies, const char *cluster_domain,
		      const char *wanted)
{
	struct nt_plans *plans = plans_of(policies);
	struct nt_replay *replay = replay_by(plans, cluster_domain, INT64_MAX / 2);
	_cleanup_buf_ struct nt_buf got = { 0 };

	put_entries(replay, &got);
	ck_assert_msg(strcmp(nt_buf_str(&got), wanted) == 0, "line %d:\n%swanted:\n%s", line,
		      nt_buf_str(&got), wanted);
	nt_replay_free(replay);
	nt_plans_free(plans);
}
#define expect(policies, wanted) expect_by(__LINE__, policies, "cluster.local", wanted)
#define expect_clusterless(policies, wanted) expect_by(__LINE__, policies, "", wanted)

START_TEST(what_is_not_listed_is_denied)
{
	struct nt_record r = lookup("b.example", 3 * S);

	give(lookup("a.example", 0));
	r.count = r.queries = 4;
	give(r);
	give(lookup("b.example", S));
	give(lookup("c.example", 2 * S));
	expect(POLICY("shop", "p", OF_WEB ENFORCE_A), "deny shop/web b.example p 5 1-3\n"
						      "deny shop/web c.example p 1 2-2\n");
	expect(POLICY("shop", "p", "mode: Audit, allow: ['*.example']"), "");
	expect(POLICY("shop", "p", "mode: Audit, allow: [b.example, c.example]"),
	       "audit shop/web a.example p 1 0-0\n");
	expect(POLICY("other", "p", ENFORCE_A), "");
}
END_TEST

START_TEST(only_what_is_new_is_told)
{
	write_current(POLICY("shop", "old", ENFORCE_A)
			      POLICY("shop", "marks", "mode: Audit, allow: []"));
	give(lookup("a.example", 0)); /* marked today */
	give(lookup("b.example", 0)); /* denied today */
	expect(POLICY("shop", "new", "mode: Enforce, allow: [b.example]"), "");
	expect(POLICY("shop", "old", "mode: Enforce, allow: [c.example]"),
	       "deny shop/web a.example old 1 0-0\n");
	expect(POLICY("shop", "marks", "mode: Enforce, allow: []"), "");
	expect(POLICY("shop", "old", "mode: Audit, allow: []"), "");
}
END_TEST

/* The pod may be no more, and its successor may have others. */
START_TEST(labels_are_those_of_the_row)
{
	static struct nt_label other[] = { { { "app", 3 }, { "api", 3 } } };
	struct nt_record was = lookup("b.example", 0), is = lookup("b.example", S);

	is.client_labels = other;
	give(was);
	give(is);
	expect(POLICY("shop", "p", OF_WEB ENFORCE_A), "deny shop/web b.example p 1 0-0\n");
	/* Two policies, one workload: one line where the same decides. */
	expect(POLICY("shop", "p", ENFORCE_A) POLICY("shop", "q", OF_WEB ENFORCE_A),
	       "deny shop/web b.example p 2 0-1\n");
}
END_TEST

START_TEST(pods_without_known_labels_are_not_judged)
{
	struct nt_record r = lookup("b.example", 0);
	struct nt_replay *replay;
	struct nt_plans *plans;

	r.client_workload_kind = r.client_workload_name = (struct nt_slice){ 0 };
	r.client_name_aggr = NT_SLICE_LIT("web-*");
	r.client_labels_len = 0;
	give(r);
	plans = plans_of(POLICY("shop", "p", OF_WEB ENFORCE_A));
	replay = replay_by(plans, "cluster.local", 0);
	ck_assert_uint_eq(replay->entries_len, 0);
	ck_assert_uint_eq(replay->unlabelled, 1);
	ck_assert_uint_eq(replay->lookups, 0);
	nt_replay_free(replay);
	nt_plans_free(plans);
	/* One that takes every pod needs no labels. */
	expect(POLICY("shop", "p", ENFORCE_A), "deny shop/web-* b.example p 1 0-0\n");
}
END_TEST

START_TEST(search_domains_are_taken_both_ways)
{
	struct nt_record found = lookup("a.example.corp.example", 4 * S);

	give(step("a.example", "a.example.corp.example", 0));
	give(step("b.example", "b.example.corp.example", S));
	give(found); /* external, as the log has it */
	give(lookup("b.example.evil.test", 5 * S));
	expect(POLICY("shop", "p", ENFORCE_A),
	       "deny shop/web b.example.corp.example p 1 1-1\n"
	       "deny shop/web b.example.evil.test p 1 5-5\n"
	       "deny?search_domain shop/web a.example.corp.example p 2 0-4\n");
	/* Allowed as it is written: nothing is open. */
	expect(POLICY("shop", "p", "mode: Enforce, allow: ['*.example', '*.test']"), "");
}
END_TEST

/* The policy that is there allows the logical name, the new one does not. */
START_TEST(search_domain_can_make_it_new)
{
	write_current(POLICY("shop", "p", ENFORCE_A));
	give(step("a.example", "a.example.corp.example", 0));
	expect(POLICY("shop", "p", "mode: Enforce, allow: []"),
	       "deny?search_domain shop/web a.example.corp.example p 1 0-0\n");
}
END_TEST

START_TEST(names_of_the_cluster_stay_allowed)
{
	struct nt_record service = lookup("db.shop.svc.cluster.local", 0);

	service.scope = NT_SCOPE_CLUSTER;
	give(service);
	give(step("b.example", "b.example.shop.svc.cluster.local", S));
	give(step("b.example", "b.example.cluster.local", 2 * S));
	expect(POLICY("shop", "p", ENFORCE_A), "");
	/* No agent has told its domain since the start: what its rows say is left. */
	expect_clusterless(
		POLICY("shop", "p", ENFORCE_A),
		"deny?cluster_domain shop/web b.example.cluster.local p 1 2-2\n"
		"deny?cluster_domain shop/web b.example.shop.svc.cluster.local p 1 1-1\n");
	/* The domain of the rows' agents is another one: theirs counts for their names. */
	expect_by(__LINE__, POLICY("shop", "p", ENFORCE_A), "other.local",
		  "deny shop/web b.example.cluster.local p 1 2-2\n"
		  "deny shop/web b.example.shop.svc.cluster.local p 1 1-1\n");
}
END_TEST

START_TEST(tcp_of_an_enforced_pod_is_not_judged_by_name)
{
	struct nt_record r = lookup("a.example", 0);

	r.transport = IPPROTO_TCP;
	give(r);
	expect(POLICY("shop", "p", ENFORCE_A), "unjudgeable shop/web a.example p 1 0-0\n");
	expect(POLICY("shop", "p", "mode: Audit, allow: []"), "");
}
END_TEST

START_TEST(folded_rows_are_judged_by_what_they_are_below)
{
	struct nt_record r = lookup("*.b.example", 0);

	r.folded = r.count = r.queries = 7;
	give(r);
	expect(POLICY("shop", "p", "mode: Audit, allow: ['*.b.example']"), "");
	expect(POLICY("shop", "p", "mode: Audit, allow: ['*.example']"), "");
	expect(POLICY("shop", "p", "mode: Audit, allow: [x.b.example]"),
	       "audit?folded shop/web *.b.example p 7 0-0\n");
}
END_TEST

START_TEST(what_no_policy_is_asked_about)
{
	struct nt_record server = lookup("b.example", 0), late = lookup("b.example", 0),
			 unpaired = lookup("b.example", 0), host = lookup("b.example", 0),
			 resolver = lookup("c.example", 0), nameless = lookup("", 0);
	struct nt_replay *replay;
	struct nt_plans *plans;

	server.side = NT_SIDE_SERVER;
	late.count = late.queries = 0;
	late.late = true;
	late.late_of = 1;
	unpaired.queries = 0;
	host.client_name = (struct nt_slice){ 0 };
	resolver.role = NT_ROLE_RESOLVER;
	give(server);
	give(late);
	give(unpaired);
	give(host);
	give(resolver);
	give(nameless);
	give(store_unlogged(++next_id, T0_US, 5, "ring_full"));
	expect(POLICY("shop", "p", ENFORCE_A), "deny shop/web c.example p 1 0-0\n");
	plans = plans_of(POLICY("shop", "p", ENFORCE_A));
	replay = replay_by(plans, "", 0);
	ck_assert_uint_eq(replay->nameless, 1);
	ck_assert_uint_eq(replay->lookups, 2);
	nt_replay_free(replay);
	nt_plans_free(plans);
}
END_TEST

/* --- against each row by itself --------------------------------------------------------------- */

static const char *const oracle_names[] = { "a.example",	"b.example",
					    "x.a.example",	"a.example.corp.test",
					    "deep.x.a.example", "corp.test",
					    "y.corp.test",	"evil.test" };
static const char *const oracle_lists[] = { "[]",
					    "[a.example]",
					    "['*.a.example', b.example]",
					    "['*.test']",
					    "[a.example, 'y', evil.test]",
					    "['*.example']" };

static const char *random_policies(struct nt_buf *out, const char *prefix)
{
	nt_buf_reset(out);
	for (int i = 0, len = 1 + (int)(random() % 3); i < len; i++)
		nt_buf_printf(out, POLICY("shop", "%s%d", "mode: %s, allow: %s%s"), prefix, i,
			      random() % 2 ? "Audit" : "Enforce",
			      oracle_lists[(size_t)random() % NT_ARRAY_LEN(oracle_lists)],
			      random() % 2 ? ", podSelector: {matchLabels: {app: web}}" : "");
	return nt_buf_str(out);
}

struct oracle {
	uint64_t deny, audit;
};

/* By every policy's own text: what the manifests say, and lib/policy's judge. */
static void judge_row(struct oracle *o, const char *now, const char *then,
		      const struct nt_record *r)
{
	const char *const texts[] = { now, then };
	struct nt_policy_scope scope = { 0 };
	uint8_t verdicts[2];
	struct nt_name name;

	ck_assert_int_eq(nt_name_parse(r->qname, &name), 0);
	for (size_t i = 0; i < 2; i++) {
		const struct nt_policy *at[16];
		struct nt_policy *owned[16];
		struct nt_manifest m = { 0 };
		size_t len = 0, index, total = 0;

		ck_assert_int_eq(nt_manifest_parse(nt_slice_str(texts[i]), NT_MANIFEST_YAML, &m),
				 0);
		for (size_t k = 0; k < m.objects_len; k++) {
			struct nt_object_problem problem;

			ck_assert_int_eq(nt_policy_parse(&m.objects[k].compact->object,
							 &owned[total++], &problem),
					 0);
			if (nt_policy_selects(owned[k], r->client_namespace, r->client_labels,
					      r->client_labels_len))
				at[len++] = owned[k];
		}
		verdicts[i] = nt_policy_judge(at, len, &scope, &name, &index);
		while (total)
			nt_policy_free(owned[--total]);
		nt_manifest_done(&m);
	}
	if (verdicts[1] == NT_VERDICT_DENY && verdicts[0] != NT_VERDICT_DENY)
		o->deny += r->count;
	if (verdicts[1] == NT_VERDICT_AUDIT && verdicts[0] < NT_VERDICT_AUDIT)
		o->audit += r->count;
}

enum { ORACLE_ROUNDS = 20, ORACLE_ROWS = 60 };

START_TEST(sums_are_those_of_each_row)
{
	_cleanup_buf_ struct nt_buf now = { 0 }, then = { 0 }, both = { 0 };
	struct oracle seen = { 0 };

	for (unsigned round = 0; round < ORACLE_ROUNDS; round++) {
		struct nt_record rows[ORACLE_ROWS];
		struct oracle oracle = { 0 };
		struct nt_replay *replay;
		struct nt_plans *plans;

		srandom((unsigned)_i * ORACLE_ROUNDS + round);
		write_current(random_policies(&now, "n"));
		(void)random_policies(&then, "t");
		nt_buf_reset(&both);
		nt_buf_printf(&both, "%s%s", now.p, then.p);
		for (size_t i = 0; i < ORACLE_ROWS; i++) {
			rows[i] =
				lookup(oracle_names[(size_t)random() % NT_ARRAY_LEN(oracle_names)],
				       (int64_t)random() % 1000 * S);
			rows[i].count = rows[i].queries = 1 + (uint64_t)random() % 9;
			rows[i].client_labels_len = (size_t)random() % 2;
			judge_row(&oracle, now.p, both.p, &rows[i]);
		}
		append_records(++next_seq, rows, ORACLE_ROWS);
		plans = plans_of(then.p);
		replay = replay_by(plans, "cluster.local", 0);
		ck_assert_uint_eq(replay->deny, oracle.deny);
		ck_assert_uint_eq(replay->audit, oracle.audit);
		ck_assert_uint_eq(replay->unsure, 0);
		seen.deny += oracle.deny;
		seen.audit += oracle.audit;
		nt_replay_free(replay);
		nt_plans_free(plans);
		nt_objects_free(current);
		current = NULL;
		close_store();
		setup();
	}
	ck_assert_uint_gt(seen.deny, 0); /* there was something to agree about */
	ck_assert_uint_gt(seen.audit, 0);
}
END_TEST

/* --- bounds ----------------------------------------------------------------------------------- */

/* So many names of one workload, each asked for once, but the first twice. */
static void many(size_t len, const char *workload)
{
	_cleanup_free_ struct nt_record *r = calloc(len + 1, sizeof(*r));
	_cleanup_free_ char(*names)[64] = calloc(len, sizeof(*names));

	for (size_t i = 0; i < len; i++) {
		snprintf(names[i], sizeof(names[i]), "n%zu.tunnel.test", i);
		r[i] = lookup(names[i], (int64_t)i);
		r[i].client_workload_name = nt_slice_str(workload);
	}
	r[len] = r[0];
	r[len].id = ++next_id;
	append_records(++next_seq, r, len + 1);
}

START_TEST(workload_that_makes_up_names_costs_the_others_nothing)
{
	struct nt_plans *plans = plans_of(POLICY("shop", "p", ENFORCE_A));
	struct nt_replay *replay;
	uint64_t lookups = 0;

	give(lookup("b.example", 0)); /* the oldest: is read last */
	many(NT_REPLAY_NAMES_MAX + 500, "tunnel");
	replay = replay_by(plans, "", 0);
	ck_assert_uint_eq(replay->entries_len, NT_REPLAY_ENTRIES_MAX);
	ck_assert_uint_eq(replay->entries_more, 2);
	ck_assert_uint_ge(replay->other, 500);
	ck_assert_uint_eq(replay->deny + replay->unsure, NT_REPLAY_NAMES_MAX + 502);
	ck_assert_uint_eq(replay->unsure, replay->other);
	for (size_t i = 0; i < replay->entries_len; i++)
		if (nt_slice_eq(replay->entries[i].workload, NT_SLICE_LIT("web")))
			lookups += replay->entries[i].lookups;
	ck_assert_uint_eq(lookups, 1);
	nt_replay_free(replay);
	nt_plans_free(plans);
}
END_TEST

START_TEST(time_is_bounded)
{
	struct nt_plans *plans = plans_of(POLICY("shop", "p", ENFORCE_A));
	struct nt_replay *replay;

	give(lookup("b.example", 0));
	replay = replay_by(plans, "", 1);
	ck_assert(replay->span.late);
	ck_assert_uint_eq(replay->span.rows + replay->entries_len, 0);
	ck_assert_int_eq(replay->span.from_us, replay->span.to_us);
	nt_replay_free(replay);
	nt_plans_free(plans);
}
END_TEST

START_TEST(log_may_be_shorter_than_asked)
{
	struct nt_plans *plans = plans_of(POLICY("shop", "p", ENFORCE_A));
	struct nt_replay *replay = replay_by(plans, "", 0);

	ck_assert_int_eq(replay->span.from_us, replay->span.to_us); /* it is empty */
	nt_replay_free(replay);
	give(lookup("b.example", 7 * S));
	replay = replay_by(plans, "", 0);
	ck_assert_int_eq(replay->span.from_us, T0_US + 7 * S);
	ck_assert_int_eq(replay->span.to_us, T0_US + 86400 * S);
	ck_assert(!replay->span.late);
	nt_replay_free(replay);
	nt_plans_free(plans);
}
END_TEST

START_TEST(search_domains_are_bounded)
{
	struct nt_plans *plans = plans_of(POLICY("shop", "p", ENFORCE_A));
	struct nt_replay *replay;
	char names[NT_SEARCHES_SEEN_MAX + 3][32];

	for (size_t i = 0; i < NT_ARRAY_LEN(names); i++) {
		snprintf(names[i], sizeof(names[i]), "x.d%zu.test", i);
		give(step("x", names[i], 0));
	}
	replay = replay_by(plans, "", 0);
	ck_assert_uint_eq(replay->searches.len, NT_SEARCHES_SEEN_MAX);
	ck_assert_uint_eq(replay->searches.over, 3);
	nt_replay_free(replay);
	nt_plans_free(plans);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("replay");

	tcase_add_test(tc, what_is_not_listed_is_denied);
	tcase_add_test(tc, only_what_is_new_is_told);
	tcase_add_test(tc, labels_are_those_of_the_row);
	tcase_add_test(tc, pods_without_known_labels_are_not_judged);
	tcase_add_test(tc, search_domains_are_taken_both_ways);
	tcase_add_test(tc, search_domain_can_make_it_new);
	tcase_add_test(tc, names_of_the_cluster_stay_allowed);
	tcase_add_test(tc, tcp_of_an_enforced_pod_is_not_judged_by_name);
	tcase_add_test(tc, folded_rows_are_judged_by_what_they_are_below);
	tcase_add_test(tc, what_no_policy_is_asked_about);
	tcase_add_loop_test(tc, sums_are_those_of_each_row, 0, 4);
	tcase_add_test(tc, workload_that_makes_up_names_costs_the_others_nothing);
	tcase_add_test(tc, time_is_bounded);
	tcase_add_test(tc, log_may_be_shorter_than_asked);
	tcase_add_test(tc, search_domains_are_bounded);
	return store_run("replay", tc);
}
