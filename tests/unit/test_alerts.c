/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of alert rules under virtual time, with a real store and a real folder of objects. */
#include "controller/alerts/alerts.h"
#include "tests/unit/store_fixture.h"

#define S 1000000LL /* us */
#define DELAY_S 5

/* Counts NXDOMAIN per client, every 10 s over 30 s; more than 4 are too many. */
#define RULE                                                                                   \
	"severity: 60, period: 10s, lookback: 30s, query: rcode = NXDOMAIN, metric: count, "   \
	"condition: gt, threshold: 4, aggregateBy: [client_name], summary: \"${client_name}: " \
	"${count}\""

static struct nt_objects *objects;
static struct nt_alerts *alerts;
static char objects_folder[96];
static uint64_t next_id, next_seq;
static int64_t now_s; /* since T0 */

/* --- the stage -------------------------------------------------------------------------------- */

static void write_rules(const char *text)
{
	char path[128], old[128];
	FILE *f;

	snprintf(old, sizeof(old), "%s/new", objects_folder);
	snprintf(path, sizeof(path), "%s/rules.yaml", objects_folder);
	f = fopen(old, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	ck_assert_int_eq(rename(old, path), 0);
}

/* One rule named "r" with that spec. */
static void write_rule(const char *spec)
{
	_cleanup_buf_ struct nt_buf text = { 0 };

	nt_buf_printf(&text,
		      "apiVersion: nametap.io/v1alpha1\nkind: GlobalAlert\n"
		      "metadata: {name: r}\nspec: {%s}\n",
		      spec);
	write_rules(text.p);
}

static void poll_rules(void)
{
	ck_assert_int_eq(nt_objects_poll(objects), 1);
	ck_assert_int_eq(nt_alerts_objects(alerts, objects, &err), 0);
}

static void tick(int64_t at_s)
{
	now_s = at_s;
	ck_assert_msg(nt_alerts_tick(alerts, T0_US + at_s * S, &err) == 0, "%s", err.msg);
}

static void tick_to(int64_t to_s)
{
	while (now_s < to_s)
		tick(now_s + 1);
}

/* As after a start of the process. groups: 0 is the default. */
static void start(uint32_t groups)
{
	struct nt_alerts_config config = { .delay_ns = DELAY_S * S * 1000, .max_groups = groups };

	if (!objects_folder[0])
		store_mkdir(objects_folder);
	ck_assert_msg(nt_objects_open_dir(objects_folder, &objects, &err) == 0, "%s", err.msg);
	ck_assert_int_eq(nt_alerts_new(&config, store, reader, &alerts, &err), 0);
	ck_assert_int_eq(nt_alerts_objects(alerts, objects, &err), 0);
}

/* A kill -9: nothing is said to anybody. */
static void stop(void)
{
	nt_alerts_free(alerts);
	nt_objects_free(objects);
	alerts = NULL;
	objects = NULL;
}

static void begin(const char *spec)
{
	store_mkdir(objects_folder);
	write_rule(spec);
	start(0);
	tick(0);
}

/* Into the store, and then to the alerts when they run. */
static void give(const struct nt_record *records, size_t len)
{
	append_records(++next_seq, records, len);
	if (alerts)
		nt_alerts_records(alerts, records, len);
}

static struct nt_record row(const char *client, int64_t at_s, uint64_t count)
{
	struct nt_record r = store_record(++next_id, T0_US + at_s * S, "nowhere.test");

	r.client_name = nt_slice_str(client);
	r.rcode = 3;
	r.count = r.queries = r.replies = count;
	return r;
}

static void asks(const char *client, int64_t at_s, uint64_t count)
{
	struct nt_record r = row(client, at_s, count);

	give(&r, 1);
}

/* "r {"client_name":"a"} a: 5 5/5 40-50 open": all events, oldest first, as text. */
static bool describe(void *ctx, const struct nt_store_event *e)
{
	_cleanup_buf_ struct nt_buf rest = { 0 };
	struct nt_buf *out = ctx;

	nt_buf_slice(&rest, nt_slice_mem(out->p, out->len));
	nt_buf_reset(out);
	nt_buf_printf(out, "%.*s %g/%g %lld-%lld ", NT_SLICE_ARG(e->group), e->value, e->peak,
		      (long long)((e->first_seen_us - T0_US) / S),
		      (long long)((e->last_seen_us - T0_US) / S));
	if (e->resolved_us)
		nt_buf_printf(out, "%lld\n", (long long)((e->resolved_us - T0_US) / S));
	else
		nt_buf_puts(out, "open\n");
	nt_buf_slice(out, nt_slice_mem(rest.p, rest.len));
	return true;
}

static void expect_at(int line, const char *wanted)
{
	_cleanup_buf_ struct nt_buf got = { 0 };

	ck_assert_int_eq(
		nt_store_events(reader, -1, (struct nt_slice){ 0 }, 1000, describe, &got, &err), 0);
	ck_assert_msg(strcmp(nt_buf_str(&got), wanted) == 0, "line %d at %lld:\n%swanted:\n%s",
		      line, (long long)now_s, nt_buf_str(&got), wanted);
}
#define expect(wanted) expect_at(__LINE__, wanted)

/* --- stories ---------------------------------------------------------------------------------- */

START_TEST(opens_within_one_period_and_resolves_by_absence)
{
	begin(RULE);
	asks("a", 41, 5);
	tick_to(54);
	expect("");
	tick_to(55); /* the window that ends at 50 is closed */
	expect("{\"client_name\":\"a\"} 5/5 50-50 open\n");
	tick_to(70);
	expect("{\"client_name\":\"a\"} 5/5 50-60 open\n");
	tick_to(84);
	expect("{\"client_name\":\"a\"} 5/5 50-70 open\n");
	tick_to(85);
	expect("{\"client_name\":\"a\"} 5/5 50-70 80\n");
	tick_to(200);
	expect("{\"client_name\":\"a\"} 5/5 50-70 80\n");
}
END_TEST

START_TEST(threshold_is_met_over_the_whole_lookback)
{
	begin(RULE);
	asks("a", 31, 2);
	asks("a", 41, 2);
	tick_to(58);
	asks("a", 51, 1);
	tick_to(64);
	expect("");
	tick_to(65);
	expect("{\"client_name\":\"a\"} 5/5 60-60 open\n");
	tick_to(75); /* what was at 31 is past */
	expect("{\"client_name\":\"a\"} 5/5 60-60 70\n");
}
END_TEST

START_TEST(one_open_event_per_group_with_value_and_peak)
{
	begin(RULE);
	asks("a", 41, 5);
	asks("b", 42, 4);
	asks("a", 43, 1);
	tick_to(55);
	expect("{\"client_name\":\"a\"} 6/6 50-50 open\n");
	asks("a", 55, 10);
	asks("b", 55, 7);
	tick_to(66);
	expect("{\"client_name\":\"a\"} 16/16 50-60 open\n{\"client_name\":\"b\"} 11/11 60-60 "
	       "open\n");
	tick_to(96);
	expect("{\"client_name\":\"a\"} 10/16 50-80 90\n{\"client_name\":\"b\"} 7/11 60-80 90\n");
	asks("a", 95, 9);
	tick_to(106);
	expect("{\"client_name\":\"a\"} 10/16 50-80 90\n{\"client_name\":\"b\"} 7/11 60-80 90\n"
	       "{\"client_name\":\"a\"} 9/9 100-100 open\n");
}
END_TEST

static bool check_words(void *ctx, const struct nt_store_event *e)
{
	(void)ctx;
	ck_assert(nt_slice_eq(e->rule, NT_SLICE_LIT("r")));
	ck_assert_msg(nt_slice_eq(e->summary, NT_SLICE_LIT("it's \"a\": 5")), "%.*s",
		      NT_SLICE_ARG(e->summary));
	ck_assert(nt_slice_eq(
		e->query, NT_SLICE_LIT("(rcode = NXDOMAIN) AND client_name = \"it's \"\"a\"\"\"")));
	ck_assert(nt_slice_eq(e->metric, NT_SLICE_LIT("count")));
	ck_assert(nt_slice_eq(e->condition, NT_SLICE_LIT("gt")));
	ck_assert_uint_eq(e->severity, 60);
	ck_assert(e->threshold == 4);
	return true;
}

struct rows_behind {
	int64_t from_us, to_us;
	char query[512];
};

static bool keep_query(void *ctx, const struct nt_store_event *e)
{
	struct rows_behind *b = ctx;

	b->from_us = e->from_us;
	b->to_us = e->last_seen_us;
	snprintf(b->query, sizeof(b->query), "%.*s", NT_SLICE_ARG(e->query));
	return true;
}

START_TEST(event_leads_to_its_rows)
{
	struct rows_behind b = { 0 };
	struct nt_store_range range = everything();

	begin(RULE);
	asks("it's \"a\"", 41, 5);
	asks("b", 41, 4);
	tick_to(85);
	ck_assert_int_eq(nt_store_events(reader, 0, NT_SLICE_LIT("r"), 1, check_words, NULL, &err),
			 0);
	asks("it's \"a\"", 95, 5);
	ck_assert_int_eq(nt_store_events(reader, 0, NT_SLICE_LIT("r"), 1, keep_query, &b, &err), 0);
	range.from_us = b.from_us;
	range.to_us = b.to_us;
	range.filter = query(b.query);
	ck_assert_uint_eq(total(&range).count, 5);
	nt_query_free((struct nt_query *)(uintptr_t)range.filter);
}
END_TEST

START_TEST(only_rows_that_figures_count)
{
	struct nt_record r[5];

	begin(RULE);
	for (int i = 0; i < 5; i++)
		r[i] = row("a", 41, 9);
	r[0].side = NT_SIDE_SERVER;
	r[1].role = NT_ROLE_RESOLVER;
	r[2].rcode = 0;
	r[3].type = NT_RECORD_UNLOGGED;
	r[4].start_us = T0_US + 400000 * S; /* a clock that is days ahead */
	give(r, 5);
	tick_to(100);
	expect("");
	ck_assert_uint_eq(nt_alerts_stats(alerts).late_rows, 1);
}
END_TEST

/* --- what is late ----------------------------------------------------------------------------- */

START_TEST(late_rows_open_what_was_missed)
{
	begin(RULE);
	tick_to(100);
	asks("a", 41, 5);
	tick(101);
	expect("{\"client_name\":\"a\"} 5/5 50-70 80\n");
	tick_to(200);
	expect("{\"client_name\":\"a\"} 5/5 50-70 80\n");
	ck_assert_uint_eq(nt_alerts_stats(alerts).late_rows, 1);
}
END_TEST

START_TEST(late_rows_raise_but_never_resolve_or_repeat)
{
	begin(RULE);
	asks("a", 41, 5);
	tick_to(56);
	asks("a", 42, 3);
	tick(57);
	expect("{\"client_name\":\"a\"} 8/8 50-50 open\n");
	asks("a", 33, 9); /* belongs to windows from 40 on */
	tick(58);
	expect("{\"client_name\":\"a\"} 17/17 40-50 open\n");
	tick_to(90);
	expect("{\"client_name\":\"a\"} 8/17 40-70 80\n");
	asks("a", 45, 50);
	tick_to(100);
	expect("{\"client_name\":\"a\"} 8/17 40-70 80\n");
}
END_TEST

START_TEST(what_is_too_late_is_counted)
{
	begin(RULE);
	tick_to(1000);
	asks("a", 41, 5);
	tick_to(1020);
	expect("");
	ck_assert_uint_eq(nt_alerts_stats(alerts).late_rows, 1);
}
END_TEST

/* --- restarts --------------------------------------------------------------------------------- */

static void restart_at(int64_t at_s)
{
	stop();
	start(0);
	tick(at_s);
}

START_TEST(restart_goes_on_with_the_open_event)
{
	begin(RULE);
	asks("a", 41, 5);
	tick_to(56);
	restart_at(57);
	tick_to(70);
	expect("{\"client_name\":\"a\"} 5/5 50-60 open\n");
	tick_to(86);
	expect("{\"client_name\":\"a\"} 5/5 50-70 80\n");
	restart_at(87);
	tick_to(200);
	expect("{\"client_name\":\"a\"} 5/5 50-70 80\n");
}
END_TEST

START_TEST(restart_loses_no_window)
{
	begin(RULE);
	asks("a", 41, 5);
	tick_to(44);
	restart_at(150); /* all of its windows have closed meanwhile */
	tick_to(154);
	expect("");
	tick_to(155);
	expect("{\"client_name\":\"a\"} 5/5 50-70 80\n");
}
END_TEST

START_TEST(rows_that_agents_kept_meanwhile_count)
{
	begin(RULE);
	asks("a", 41, 3);
	tick_to(44);
	restart_at(60);
	asks("a", 43, 3);
	tick_to(66);
	expect("{\"client_name\":\"a\"} 6/6 50-60 open\n");
}
END_TEST

START_TEST(restart_at_any_second_changes_nothing)
{
	begin(RULE);
	tick_to(30);
	asks("a", 31, 5);
	asks("a", 62, 9);
	asks("b", 62, 5);
	for (int64_t s = 31; s <= 130; s++) {
		if (s % 9 == _i)
			restart_at(s);
		else
			tick(s);
	}
	expect("{\"client_name\":\"a\"} 9/9 40-90 100\n{\"client_name\":\"b\"} 5/5 70-90 100\n");
}
END_TEST

START_TEST(event_of_a_rule_that_is_gone_is_resolved)
{
	begin(RULE);
	asks("a", 41, 5);
	tick_to(56);
	write_rules("# none\n");
	poll_rules();
	tick(57);
	expect("{\"client_name\":\"a\"} 5/5 50-50 57\n");
	write_rule(RULE);
	poll_rules();
	tick(58);
	expect("{\"client_name\":\"a\"} 5/5 50-50 57\n");
	asks("a", 56, 5);
	tick_to(66); /* it fires still, so that is another event */
	expect("{\"client_name\":\"a\"} 5/5 50-50 57\n{\"client_name\":\"a\"} 10/10 60-60 open\n");
	stop();
	write_rules("# none\n");
	start(0);
	tick(67);
	expect("{\"client_name\":\"a\"} 5/5 50-50 57\n{\"client_name\":\"a\"} 10/10 60-60 67\n");
}
END_TEST

/* --- rules that change ------------------------------------------------------------------------ */

static bool copy_rule(void *ctx, const struct nt_alert_rule *rule)
{
	*(struct nt_alert_rule *)ctx = *rule;
	return true;
}

START_TEST(refused_rule_goes_on_in_its_last_good_form)
{
	struct nt_alert_rule listed = { 0 };

	begin(RULE);
	write_rule("severity: 60, metric: cuont");
	poll_rules();
	nt_alerts_rules(alerts, copy_rule, &listed);
	ck_assert(!listed.accepted &&
		  nt_slice_eq(listed.problem_field, NT_SLICE_LIT("spec.metric")));
	ck_assert(nt_slice_eq(listed.query, NT_SLICE_LIT("rcode = NXDOMAIN")));
	ck_assert_uint_eq(nt_alerts_stats(alerts).rules_refused, 1);
	asks("a", 41, 5);
	tick_to(55);
	expect("{\"client_name\":\"a\"} 5/5 50-50 open\n");
	write_rule(RULE);
	poll_rules();
	tick(56);
	nt_alerts_rules(alerts, copy_rule, &listed);
	ck_assert(listed.accepted && listed.open_events == 1);
	ck_assert_uint_eq(nt_alerts_stats(alerts).rules_refused, 0);
	tick_to(90);
	expect("{\"client_name\":\"a\"} 5/5 50-70 80\n");
}
END_TEST

START_TEST(rule_that_never_was_right_is_listed)
{
	struct nt_alert_rule listed = { 0 };

	begin("severity: 0");
	nt_alerts_rules(alerts, copy_rule, &listed);
	ck_assert(nt_slice_eq(listed.name, NT_SLICE_LIT("r")) && !listed.accepted);
	asks("a", 41, 5);
	tick_to(100);
	expect("");
}
END_TEST

START_TEST(changed_rule_keeps_the_events_of_its_groups)
{
	begin(RULE);
	asks("a", 41, 5);
	tick_to(56);
	write_rule("severity: 1, period: 10s, lookback: 30s, query: rcode = NXDOMAIN, "
		   "aggregateBy: [client_name]");
	poll_rules();
	tick_to(66);
	expect("{\"client_name\":\"a\"} 5/5 50-60 open\n");
	write_rule("severity: 1, period: 10s, lookback: 30s, query: rcode = NXDOMAIN, "
		   "aggregateBy: [qname]");
	poll_rules();
	tick(67);
	expect("{\"client_name\":\"a\"} 5/5 50-60 67\n{\"qname\":\"nowhere.test\"} 5/5 60-60 "
	       "open\n");
}
END_TEST

START_TEST(other_objects_disturb_nothing)
{
	begin(RULE);
	asks("a", 41, 5);
	tick_to(50);
	write_rules("apiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n---\n"
		    "apiVersion: nametap.io/v1alpha1\nkind: GlobalAlert\nmetadata: {name: r}\n"
		    "spec: {" RULE "}\n");
	poll_rules();
	asks("a", 42, 5);
	tick_to(55);
	expect("{\"client_name\":\"a\"} 10/10 50-50 open\n");
}
END_TEST

START_TEST(new_rule_looks_back_once)
{
	store_mkdir(objects_folder);
	start(0);
	tick(0);
	tick_to(40);
	asks("old", 11, 9);
	asks("a", 41, 5);
	tick_to(70);
	write_rule(RULE);
	poll_rules();
	tick(71); /* the window up to 60: what was at 11 is history */
	expect("{\"client_name\":\"a\"} 5/5 60-60 open\n");
}
END_TEST

static bool keep_value(void *ctx, const struct nt_store_event *e)
{
	*(double *)ctx = e->value;
	return true;
}

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

/* Nothing is known of the time before the log began, nor of what agents still hold after a restart.
 */
START_TEST(silence_is_told_of_known_time_only)
{
	begin("severity: 1, period: 10s, lookback: 30s, metric: count, condition: lt, threshold: "
	      "1");
	tick_to(34);
	expect("");
	tick_to(35);
	expect("{} 0/0 30-30 open\n");
	asks("a", 35, 1);
	tick_to(45);
	expect("{} 0/0 30-30 40\n");
	tick_to(64);
	stop();
	start(0);
	tick(200);
	tick_to(204);
	asks("a", 190, 1); /* what its agent kept */
	tick_to(234);
	expect("{} 0/0 30-30 40\n");
	tick_to(235);
	expect("{} 0/0 30-30 40\n{} 0/0 230-230 open\n");
}
END_TEST

START_TEST(late_replies_are_no_lookups)
{
	struct nt_record late = store_late(900, T0_US + 41 * S, "slow.test", 899);

	begin("severity: 1, period: 10s, lookback: 10s, aggregateBy: [client_name]");
	give(&late, 1);
	tick_to(56);
	expect("");
	write_rule("severity: 1, period: 10s, lookback: 10s, query: late = true");
	poll_rules();
	tick(57);
	expect("{\"node\":\"n1\",\"id\":\"0000000000000384\"} 0/0 50-50 open\n");
}
END_TEST

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

/* --- bounds and faults ------------------------------------------------------------------------ */

START_TEST(groups_are_bounded_and_room_comes_back)
{
	char names[50][16];

	store_mkdir(objects_folder);
	write_rule(RULE);
	start(20);
	tick(0);
	for (int i = 0; i < 50; i++) {
		snprintf(names[i], sizeof(names[i]), "c%d", i);
		asks(names[i], 1, 1);
	}
	ck_assert_uint_eq(nt_alerts_stats(alerts).groups, 20);
	ck_assert_uint_eq(nt_alerts_stats(alerts).groups_over, 30);
	tick_to(700);
	ck_assert_uint_eq(nt_alerts_stats(alerts).groups, 0);
	asks("late-comer", 700, 5);
	tick_to(716);
	expect("{\"client_name\":\"late-comer\"} 5/5 710-710 open\n");
}
END_TEST

START_TEST(open_events_are_bounded)
{
	enum { CLIENTS = 1200 };
	static char names[CLIENTS][16];
	static struct nt_record r[CLIENTS];
	struct nt_alert_rule listed;

	begin(RULE);
	for (int i = 0; i < CLIENTS; i++) {
		snprintf(names[i], sizeof(names[i]), "c%d", i);
		r[i] = row(names[i], 41, 5);
	}
	give(r, CLIENTS);
	tick_to(55);
	nt_alerts_rules(alerts, copy_rule, &listed);
	ck_assert_uint_eq(listed.open_events, 1000);
	ck_assert_uint_eq(nt_alerts_stats(alerts).groups_over, 200);
	tick_to(85);
	nt_alerts_rules(alerts, copy_rule, &listed);
	ck_assert_uint_eq(listed.open_events, 0);
	ck_assert_uint_eq(nt_alerts_stats(alerts).events_resolved, 1000);
}
END_TEST

START_TEST(clock_that_jumps)
{
	begin(RULE);
	asks("a", 41, 5);
	tick_to(56);
	tick(1000000); /* the machine slept */
	expect("{\"client_name\":\"a\"} 5/5 50-50 999400\n");
	tick(60); /* the clock was wrong */
	asks("b", 61, 5);
	tick_to(80);
	expect("{\"client_name\":\"a\"} 5/5 50-50 999400\n{\"client_name\":\"a\"} 5/5 60-70 "
	       "open\n{\"client_name\":\"b\"} 5/5 70-70 open\n");
}
END_TEST

/* The event is in the store already, as after a mistake of ours: the tick fails, starts over from
 * the store and goes on with what is there. */
START_TEST(store_that_refuses_is_asked_again)
{
	struct nt_store_event there = { .rule = NT_SLICE_LIT("r"),
					.group = NT_SLICE_LIT("{\"client_name\":\"a\"}"),
					.first_seen_us = T0_US + 40 * S,
					.last_seen_us = T0_US + 40 * S,
					.value = 1,
					.peak = 1 };
	int64_t id;

	begin(RULE);
	asks("a", 41, 5);
	tick_to(54);
	ck_assert_int_eq(nt_store_events_put(store, &there, 1, &id, &err), 0);
	ck_assert_int_eq(nt_alerts_tick(alerts, T0_US + 55 * S, &err), -EEXIST);
	now_s = 55;
	tick_to(64);
	expect("{\"client_name\":\"a\"} 1/1 40-40 open\n");
	tick_to(65);
	expect("{\"client_name\":\"a\"} 5/5 40-60 open\n");
	tick_to(90);
	expect("{\"client_name\":\"a\"} 5/5 40-70 80\n");
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("alerts");

	tcase_add_checked_fixture(tc, NULL, stop);
	tcase_add_test(tc, opens_within_one_period_and_resolves_by_absence);
	tcase_add_test(tc, threshold_is_met_over_the_whole_lookback);
	tcase_add_test(tc, one_open_event_per_group_with_value_and_peak);
	tcase_add_test(tc, event_leads_to_its_rows);
	tcase_add_test(tc, only_rows_that_figures_count);
	tcase_add_test(tc, late_rows_open_what_was_missed);
	tcase_add_test(tc, late_rows_raise_but_never_resolve_or_repeat);
	tcase_add_test(tc, what_is_too_late_is_counted);
	tcase_add_test(tc, restart_goes_on_with_the_open_event);
	tcase_add_test(tc, restart_loses_no_window);
	tcase_add_test(tc, rows_that_agents_kept_meanwhile_count);
	tcase_add_loop_test(tc, restart_at_any_second_changes_nothing, 0, 9);
	tcase_add_test(tc, event_of_a_rule_that_is_gone_is_resolved);
	tcase_add_test(tc, refused_rule_goes_on_in_its_last_good_form);
	tcase_add_test(tc, rule_that_never_was_right_is_listed);
	tcase_add_test(tc, changed_rule_keeps_the_events_of_its_groups);
	tcase_add_test(tc, other_objects_disturb_nothing);
	tcase_add_test(tc, new_rule_looks_back_once);
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
	tcase_add_test(tc, silence_is_told_of_known_time_only);
	tcase_add_test(tc, late_replies_are_no_lookups);
	tcase_add_test(tc, groups_are_bounded_and_room_comes_back);
	tcase_add_test(tc, open_events_are_bounded);
	tcase_add_test(tc, clock_that_jumps);
	tcase_add_test(tc, store_that_refuses_is_asked_again);
	return store_run("alerts", tc);
}
