/* SPDX-License-Identifier: Apache-2.0 */
/* What rules count and for how long it has to be so: metrics, for, cooldown, rows, disabled. */
#include "tests/unit/alerts_stage.h"

/* --- the ways to ask -------------------------------------------------------------------------- */

static const struct {
	const char *spec, *wanted; /* at 56 */
} ways[] = {
	{ "metric: sum, field: latency_max, condition: gte, threshold: 60",
	  "{} 60/60 50-50 open\n" },
	{ "metric: min, field: latency_max, condition: lt, threshold: 11",
	  "{} 10/10 50-50 open\n" },
	{ "metric: max, field: latency_max, condition: gt, threshold: 29",
	  "{} 30/30 50-50 open\n" },
	{ "metric: max, field: latency_max, condition: gt, threshold: 30", "" },
	{ "metric: avg, field: latency_max, condition: eq, threshold: 20",
	  "{} 20/20 50-50 open\n" },
	/* 10 x 1, 20 x 1, 30 x 2 lookups */
	{ "metric: avg, field: latency_mean, condition: eq, threshold: 22.5",
	  "{} 22.5/22.5 50-50 open\n" },
	{ "metric: count, condition: eq, threshold: 4", "{} 4/4 50-50 open\n" },
	{ "metric: count, condition: not_eq, threshold: 4", "{} 0/0 10-40 50\n" },
	{ "metric: sum, field: count, condition: lte, threshold: 4, query: qname = nowhere.test "
	  "AND "
	  "qtype = A",
	  "{} 4/0 10-50 open\n" },
	/* One event per row. */
	{ "query: qname = nowhere.test AND count = 2",
	  "{\"node\":\"n1\",\"id\":\"0000000000000003\"} 2/2 50-50 open\n" },
	{ "query: qname = other.test", "" },
	{ "aggregateBy: [qtype, servers.ip]",
	  "{\"qtype\":\"A\",\"servers.ip\":\"10.96.0.10\"} 4/4 50-50 open\n" },
	{ "aggregateBy: [policy, late]", "{\"policy\":\"\",\"late\":\"false\"} 4/4 50-50 open\n" },
	/* Silence: nobody asks for this one. */
	{ "metric: count, condition: lt, threshold: 1, query: qname = other.test",
	  "{} 0/0 10-50 open\n" },
	{ "metric: min, field: latency_max, condition: lt, threshold: 99, query: qname = "
	  "other.test",
	  "" },
	{ "metric: count, condition: lt, threshold: 1, query: qname = other.test, "
	  "aggregateBy: [client_name]",
	  "" },
	/* 3 rows, 4 lookups */
	{ "metric: countRows, condition: eq, threshold: 3", "{} 3/3 50-50 open\n" },
	{ "metric: distinct, field: qname, condition: eq, threshold: 1", "{} 1/1 50-50 open\n" },
	{ "metric: distinct, field: servers.ip, condition: gte, threshold: 1, aggregateBy: "
	  "[servers.port]",
	  "{\"servers.port\":\"53\"} 1/1 50-50 open\n" },
	{ "metric: distinct, field: policy, condition: gt, threshold: 0", "" },
	{ "metric: distinct, field: qname, condition: lt, threshold: 1, query: qname = other.test",
	  "{} 0/0 10-50 open\n" },
	{ "metric: p99, condition: eq, threshold: 30, minCount: 4", "{} 30/30 50-50 open\n" },
	{ "metric: p99, condition: gt, threshold: 1, minCount: 5", "" },
	{ "metric: p99, condition: gt, threshold: 1, query: qname = other.test", "" },
	{ "metric: ratio, numerator: latency_max = 30, condition: gte, threshold: 0.5",
	  "{} 0.5/0.5 50-50 open\n" },
	{ "metric: ratio, numerator: latency_max < 30, condition: gt, threshold: 0.5", "" },
	{ "metric: ratio, numerator: latency_max = 10, condition: lt, threshold: 0.5, minCount: 4",
	  "{} 0.25/0.25 50-50 open\n" },
	{ "metric: ratio, numerator: latency_max = 10, condition: lt, threshold: 0.5, minCount: 5",
	  "" },
	{ "metric: ratio, numerator: 'qname IN ${none}', condition: eq, threshold: 0, "
	  "substitutions: [{name: none, values: ['*.none']}]",
	  "{} 0/0 50-50 open\n" },
	{ "metric: ratio, numerator: count > 0, condition: gte, threshold: 0, query: qname = "
	  "other.test",
	  "" },
};

START_TEST(metrics_and_conditions)
{
	_cleanup_buf_ struct nt_buf spec = { 0 };
	struct nt_record r[3];

	nt_buf_printf(&spec, "severity: 1, period: 10s, lookback: 10s, %s", ways[_i].spec);
	begin(spec.p);
	for (int i = 0; i < 3; i++) {
		r[i] = row("a", 41 + i, i == 2 ? 2 : 1);
		r[i].latency_max_ns = 10 + 10 * (uint64_t)i;
		r[i].latency_count = r[i].count;
		r[i].latency_sum_ns = r[i].latency_max_ns * r[i].count;
		r[i].latency_histogram[1] = r[i].count;
	}
	tick_to(44);
	give(r, 3);
	tick_to(56);
	expect(ways[_i].wanted);
}
END_TEST

static bool keep_value(void *ctx, const struct nt_store_event *e)
{
	*(double *)ctx = e->value;
	return true;
}

/* Of lookups, not of rows, and from the buckets: never below the true one, and not twice it. */
START_TEST(percentiles_are_of_lookups)
{
	static const struct {
		const char *metric, *wanted;
	} cases[] = {
		{ "p50", "{} 262144/262144 50-50 open\n" },
		{ "p95", "{} 6.71089e+07/6.71089e+07 50-50 open\n" },
		{ "p99", "{} 9e+08/9e+08 50-50 open\n" },
	};
	static const struct {
		uint64_t count, ns;
		size_t bucket;
	} rows[] = { { 90, 200000, 4 }, { 6, 50000000, 12 }, { 4, 900000000, 16 } };
	_cleanup_buf_ struct nt_buf spec = { 0 };

	nt_buf_printf(&spec,
		      "severity: 1, period: 10s, lookback: 10s, metric: %s, condition: gt, "
		      "threshold: 0",
		      cases[_i].metric);
	begin(spec.p);
	for (size_t i = 0; i < 3; i++) {
		struct nt_record r = row("a", 41 + (int64_t)i, rows[i].count);

		r.latency_histogram[1] = 0;
		r.latency_count = r.latency_histogram[rows[i].bucket] = rows[i].count;
		r.latency_min_ns = r.latency_max_ns = rows[i].ns;
		r.latency_sum_ns = rows[i].ns * rows[i].count;
		give(&r, 1);
	}
	tick_to(56);
	expect(cases[_i].wanted);
}
END_TEST

/* Over buckets and windows: a name that comes again is one name. */
START_TEST(distinct_names_of_a_window)
{
	static const struct {
		int names;
		double most_off;
	} cases[] = { { 100, 0 }, { 128, 0 }, { 5000, 0.13 } }; /* four standard errors */
	struct nt_alert_rule listed;
	char name[64];
	double value = 0;
	int n = cases[_i].names;

	begin("severity: 1, period: 10s, lookback: 30s, metric: distinct, field: qname, condition: "
	      "gt, threshold: 2, aggregateBy: [client_name]");
	for (int i = 0; i < 2 * n; i++) {
		struct nt_record r = row("a", 21 + i % 25, 1);

		snprintf(name, sizeof(name), "%d.tunnel.test", i % n);
		r.qname = nt_slice_str(name);
		nt_alerts_records(alerts, &r, 1);
	}
	tick_to(56);
	ck_assert_int_eq(nt_store_events(reader, 1, NT_SLICE_LIT("r"), 1, keep_value, &value, &err),
			 0);
	ck_assert_msg(value >= n * (1 - cases[_i].most_off) &&
			      value <= n * (1 + cases[_i].most_off),
		      "%g of %d", value, n);
	nt_alerts_rules(alerts, copy_rule, &listed);
	ck_assert_uint_eq(listed.over, 0);
}
END_TEST

/* A pod with too many names has one row for the rest of them, and how many they were about. */
START_TEST(folded_names_count_as_what_they_stand_for)
{
	struct nt_record r = row("a", 41, 900);

	begin("severity: 1, period: 10s, lookback: 10s, metric: distinct, field: qname, condition: "
	      "gte, threshold: 700");
	r.qname = NT_SLICE_LIT("*.tunnel.test");
	r.folded = 900;
	r.distinct = 700;
	give(&r, 1);
	tick_to(56);
	expect("{} 700/700 50-50 open\n");
}
END_TEST

/* --- for and cooldown ------------------------------------------------------------------------- */

#define RULE_FOR RULE ", for: 20s"

START_TEST(event_is_seen_since_the_condition_holds)
{
	begin(RULE_FOR);
	asks("a", 41, 9);
	asks("a", 52, 1);
	tick_to(74);
	expect("");
	tick_to(75);
	expect("{\"client_name\":\"a\"} 10/10 50-70 open\n");
	tick_to(85);
	expect("{\"client_name\":\"a\"} 10/10 50-70 80\n");
}
END_TEST

START_TEST(what_does_not_last_opens_nothing)
{
	begin(RULE ", for: 21s"); /* 30 s of lookback are three windows: 20 s */
	asks("a", 41, 9);
	tick_to(79);
	asks("a", 89, 9); /* two windows later: from anew */
	tick_to(200);
	expect("");
}
END_TEST

START_TEST(restart_keeps_what_lasts)
{
	begin(RULE_FOR);
	asks("a", 41, 9);
	tick_to(56 + _i);
	restart_at(57 + _i);
	tick_to(90);
	expect("{\"client_name\":\"a\"} 9/9 50-70 80\n");
}
END_TEST

START_TEST(late_rows_close_a_gap)
{
	begin(RULE ", for: 40s");
	asks("a", 41, 5); /* 50, 60, 70 */
	asks("a", 82, 5); /* 90, 100, 110 */
	tick_to(116);
	expect("");
	asks("a", 53, 5); /* 60, 70, 80 */
	tick(117);
	expect("{\"client_name\":\"a\"} 5/10 50-110 open\n");
}
END_TEST

START_TEST(cooldown_keeps_a_group_quiet)
{
	begin(RULE ", cooldown: 1m");
	asks("a", 41, 5);
	tick_to(86);
	expect("{\"client_name\":\"a\"} 5/5 50-70 80\n");
	asks("a", 95, 5); /* up to 120 */
	asks("b", 95, 5);
	if (_i)
		restart_at(101);
	tick_to(135);
	expect("{\"client_name\":\"a\"} 5/5 50-70 80\n"
	       "{\"client_name\":\"b\"} 5/5 100-120 130\n");
	asks("a", 131, 5); /* at 140 it ends */
	tick_to(156);
	expect("{\"client_name\":\"a\"} 5/5 50-70 80\n"
	       "{\"client_name\":\"b\"} 5/5 100-120 130\n"
	       "{\"client_name\":\"a\"} 5/5 150-150 open\n");
}
END_TEST

/* --- one event per row ------------------------------------------------------------------------ */

#define RULE_ROWS "severity: 1, period: 10s, lookback: 30s, query: rcode = NXDOMAIN"

START_TEST(rows_are_events_of_their_own)
{
	struct rows_behind b = { 0 };
	struct nt_store_range range = everything();

	begin(RULE_ROWS);
	asks("a", 41, 5);
	tick_to(56);
	asks("a", 52, 7);
	tick_to(66);
	expect("{\"node\":\"n1\",\"id\":\"0000000000000001\"} 5/5 50-60 open\n"
	       "{\"node\":\"n1\",\"id\":\"0000000000000002\"} 7/7 60-60 open\n");
	ck_assert_int_eq(nt_store_events(reader, 1, NT_SLICE_LIT("r"), 1, keep_query, &b, &err), 0);
	range.from_us = b.from_us;
	range.to_us = b.to_us;
	range.filter = query(b.query);
	ck_assert_uint_eq(total(&range).rows, 1);
	nt_query_free((struct nt_query *)(uintptr_t)range.filter);
	restart_at(67);
	tick_to(106);
	expect("{\"node\":\"n1\",\"id\":\"0000000000000001\"} 5/5 50-70 80\n"
	       "{\"node\":\"n1\",\"id\":\"0000000000000002\"} 7/7 60-80 90\n");
}
END_TEST

START_TEST(events_of_rows_are_bounded)
{
	struct nt_alert_rule listed;

	begin(RULE_ROWS);
	for (int i = 0; i < 1100; i++) {
		struct nt_record r = row("a", 41, 1);

		nt_alerts_records(alerts, &r, 1);
	}
	tick_to(56);
	nt_alerts_rules(alerts, copy_rule, &listed);
	ck_assert_uint_eq(listed.open_events, 1000);
	ck_assert_uint_eq(listed.over, 100);
	ck_assert_uint_eq(listed.aggregate_by_len, 0);
}
END_TEST

/* --- disabled --------------------------------------------------------------------------------- */

START_TEST(disabled_rule_ends_its_events_and_says_nothing)
{
	struct nt_alert_rule listed = { 0 };

	begin(RULE);
	asks("a", 41, 5);
	tick_to(56);
	write_rule(RULE ", disabled: true");
	poll_rules();
	tick(57);
	expect("{\"client_name\":\"a\"} 5/5 50-50 57\n");
	nt_alerts_rules(alerts, copy_rule, &listed);
	ck_assert(listed.accepted && listed.disabled && listed.open_events == 0);
	asks("b", 58, 5);
	restart_at(60);
	tick_to(100);
	expect("{\"client_name\":\"a\"} 5/5 50-50 57\n");
	write_rule(RULE);
	poll_rules();
	asks("b", 101, 5);
	tick_to(115);
	expect("{\"client_name\":\"a\"} 5/5 50-50 57\n{\"client_name\":\"b\"} 5/5 110-110 open\n");
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("alert_metrics");

	tcase_add_checked_fixture(tc, NULL, stop);
	tcase_add_loop_test(tc, metrics_and_conditions, 0, NT_ARRAY_LEN(ways));
	tcase_add_loop_test(tc, percentiles_are_of_lookups, 0, 3);
	tcase_add_loop_test(tc, distinct_names_of_a_window, 0, 3);
	tcase_add_test(tc, folded_names_count_as_what_they_stand_for);
	tcase_add_test(tc, event_is_seen_since_the_condition_holds);
	tcase_add_test(tc, what_does_not_last_opens_nothing);
	tcase_add_loop_test(tc, restart_keeps_what_lasts, 0, 20);
	tcase_add_test(tc, late_rows_close_a_gap);
	tcase_add_loop_test(tc, cooldown_keeps_a_group_quiet, 0, 2);
	tcase_add_test(tc, rows_are_events_of_their_own);
	tcase_add_test(tc, events_of_rows_are_bounded);
	tcase_add_test(tc, disabled_rule_ends_its_events_and_says_nothing);
	return store_run("alert_metrics", tc);
}
