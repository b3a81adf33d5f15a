/* SPDX-License-Identifier: Apache-2.0 */
/* A preview over stored rows says what the same rule did while they came; and its bounds. */
#include <stdlib.h>

#include "controller/alerts/preview.h"
#include "tests/unit/alerts_stage.h"

/* --- what happens between two pages ----------------------------------------------------------- */

/* The store's answer for the page before, and what it becomes; NULL: nothing happens. */
static int (*behind_page)(int result, struct nt_err *why);

static int rows_then(struct nt_store_reader *r, const struct nt_store_range *range,
		     enum nt_store_order order, uint32_t limit, int64_t cursor, nt_store_row_fn *fn,
		     void *ctx, int64_t *ret_cursor, struct nt_err *why)
{
	int result = nt_store_rows(r, range, order, limit, cursor, fn, ctx, ret_cursor, why);

	return behind_page ? behind_page(result, why) : result;
}

#define nt_store_rows rows_then
#include "controller/store/pages.c"

#include "controller/alerts/preview.c"
#undef nt_store_rows

/* --- both ways -------------------------------------------------------------------------------- */

/* All of an event but its id, one line each. */
static bool put_event(void *ctx, const struct nt_store_event *e)
{
	nt_buf_printf(ctx,
		      "%.*s %.*s value %g peak %g %s %s %g seen %lld-%lld from %lld until %lld "
		      "\"%.*s\" \"%.*s\" %u %.*s %.*s\n",
		      NT_SLICE_ARG(e->rule), NT_SLICE_ARG(e->group), e->value, e->peak,
		      e->metric.len ? e->metric.p : "any",
		      e->condition.len ? e->condition.p : "any", e->threshold,
		      (long long)(e->first_seen_us - T0_US) / S,
		      (long long)(e->last_seen_us - T0_US) / S, (long long)(e->from_us - T0_US) / S,
		      (long long)(e->resolved_us ? (e->resolved_us - T0_US) / S : -1),
		      NT_SLICE_ARG(e->summary), NT_SLICE_ARG(e->query), e->severity,
		      NT_SLICE_ARG(e->labels), NT_SLICE_ARG(e->notify));
	return true;
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The lines in an order that both have. */
static void sort_lines(struct nt_buf *text)
{
	_cleanup_free_ char *copy = strdup(nt_buf_str(text));
	static char *lines[4096];
	size_t len = 0;

	for (char *at = strtok(copy, "\n"); at; at = strtok(NULL, "\n"))
		lines[len++] = at;
	ck_assert_uint_lt(len, NT_ARRAY_LEN(lines));
	qsort(lines, len, sizeof(*lines), compare_lines);
	nt_buf_reset(text);
	for (size_t i = 0; i < len; i++)
		nt_buf_printf(text, "%s\n", lines[i]);
}

static const struct nt_object *rule_object(void)
{
	return nt_objects_at(objects, NT_SLICE_LIT("GlobalAlert"), 0);
}

static struct nt_preview preview(int64_t from_s, int64_t to_s, struct nt_buf *out)
{
	const struct nt_preview_config config = { .from_us = T0_US + from_s * S,
						  .to_us = T0_US + to_s * S,
						  .budget_ns = INT64_MAX / 2 };
	struct nt_object_problem problem = { 0 };
	struct nt_preview p;

	ck_assert_msg(nt_preview_run(store, reader, rule_object(), &config, put_event, out, &p,
				     &problem, &err) == 0,
		      "%s %s %s", err.msg, problem.field, problem.msg);
	return p;
}

/* --- rules of every sort ---------------------------------------------------------------------- */

static const char *const specs[] = {
	"query: rcode = NXDOMAIN, metric: count, condition: gt, threshold: 8, aggregateBy: "
	"[client_name], summary: \"${client_name}: ${count}\", labels: {team: a}, notify: [chat, "
	"pager]",
	"metric: count, condition: gt, threshold: 5, aggregateBy: [client_name, qname], for: 10s",
	"metric: count, condition: gte, threshold: 12, aggregateBy: [client_name], cooldown: 60s",
	"metric: count, condition: lt, threshold: 1",
	"metric: count, condition: lt, threshold: 1, query: qname = a.test, for: 10s",
	"metric: countRows, condition: eq, threshold: 3",
	"metric: sum, field: latency_max, condition: gte, threshold: 300, aggregateBy: [qname]",
	"metric: min, field: latency_max, condition: lt, threshold: 20, aggregateBy: [client_name]",
	"metric: max, field: latency_max, condition: gt, threshold: 90",
	"metric: avg, field: latency_mean, condition: gt, threshold: 50, minCount: 6",
	"metric: distinct, field: qname, condition: gte, threshold: 3, aggregateBy: [client_name]",
	"metric: p95, condition: gt, threshold: 90, minCount: 3",
	"metric: ratio, numerator: rcode = NXDOMAIN, condition: gt, threshold: 0.6, minCount: 5, "
	"aggregateBy: [servers.ip]",
	"metric: ratio, numerator: 'qname IN ${set}', condition: gt, threshold: 0.5, "
	"substitutions: "
	"[{name: set, values: ['*.test', b.example]}]",
	"query: rcode = NXDOMAIN AND count > 3, aggregateBy: [client_name]",
	"query: count = 5",
	"query: rcode = NXDOMAIN, aggregateBy: [client_name, qname], unseenFor: 1h, learnFor: 100s",
	"metric: count, condition: gt, threshold: 4, aggregateBy: [client_name, qname, rcode], "
	"unseenFor: 1h, learnFor: 1s",
	"query: side = server OR rcode = NXDOMAIN, metric: count, condition: not_eq, threshold: 0",
	"query: type = UNLOGGED, metric: count, condition: gt, threshold: 3, aggregateBy: [reason]",
	"query: reason = ring_full, metric: count, condition: lt, threshold: 1",
};

static const char *const times[] = { "period: 10s, lookback: 30s", "period: 7s, lookback: 21s",
				     "period: 1s, lookback: 10s", "period: 60s, lookback: 120s" };

static struct nt_record random_row(int64_t at_s)
{
	static const char *const clients[] = { "a", "b", "it's \"c\"" };
	static const char *const names[] = { "a.test", "b.example", "c.example", "d.test" };
	struct nt_record r = row(clients[random() % 3], at_s, 1 + (uint64_t)random() % 5);

	if (random() % 8 == 0)
		return store_unlogged(next_id, T0_US + at_s * S, r.count,
				      random() % 2 ? "ring_full" : "before_tap");
	r.qname = nt_slice_str(names[random() % 4]);
	r.rcode = random() % 2 ? 3 : 0;
	r.side = random() % 8 ? NT_SIDE_CLIENT : NT_SIDE_SERVER;
	r.latency_max_ns = 10 + (uint64_t)random() % 100;
	r.latency_count = r.count;
	r.latency_sum_ns = r.latency_max_ns * r.count;
	r.latency_histogram[1] = r.count;
	return r;
}

enum { END_S = 600, ROUNDS = 2 };

/* Busy times and quiet ones; the first row is there from the start, as far as the log tells. */
static void live(void)
{
	struct nt_record first = row("a", 0, 1);

	give(&first, 1);
	for (int64_t at_s = 0; at_s < END_S - 100;) {
		struct nt_record rows[4];

		at_s += random() % 12 ? random() % 6 : random() % 150;
		if (at_s >= END_S)
			break;
		tick_to(at_s);
		for (size_t i = 0; i < NT_ARRAY_LEN(rows); i++)
			rows[i] = random_row(at_s);
		give(rows, (size_t)(1 + random() % 4));
	}
	tick_to(END_S + DELAY_S);
}

START_TEST(preview_is_what_happened)
{
	_cleanup_buf_ struct nt_buf spec = { 0 }, was = { 0 }, would_be = { 0 };
	uint64_t events_seen = 0;
	struct nt_preview p;

	for (int round = 0; round < ROUNDS; round++) {
		srandom((unsigned)(_i * ROUNDS + round));
		nt_buf_reset(&spec);
		nt_buf_reset(&was);
		nt_buf_reset(&would_be);
		nt_buf_printf(&spec, "severity: 60, %s, %s",
			      times[(_i + round) % (int)NT_ARRAY_LEN(times)], specs[_i]);
		begin(spec.p);
		live();
		ck_assert_int_eq(nt_store_events(reader, -1, (struct nt_slice){ 0 }, 10000,
						 put_event, &was, &err),
				 0);
		p = preview(0, END_S, &would_be);
		ck_assert_int_eq(p.end, NT_PREVIEW_WHOLE);
		ck_assert_uint_eq(p.over, nt_alerts_stats(alerts).groups_over);
		sort_lines(&was);
		sort_lines(&would_be);
		ck_assert_msg(strcmp(nt_buf_str(&was), nt_buf_str(&would_be)) == 0,
			      "%s\nlive:\n%spreview:\n%s", spec.p, nt_buf_str(&was),
			      nt_buf_str(&would_be));
		events_seen += nt_alerts_stats(alerts).events_opened;
		stop();
		close_store();
		setup();
	}
	ck_assert_uint_gt(events_seen, 0); /* there was something to agree about */
}
END_TEST

/* --- edges ------------------------------------------------------------------------------------ */

START_TEST(nothing_is_changed)
{
	_cleanup_buf_ struct nt_buf out = { 0 };

	store_mkdir(objects_folder);
	write_rule(RULE);
	start(0);
	append_records(1, (struct nt_record[]){ row("a", 41, 5) }, 1);
	ck_assert_uint_eq(preview(0, 200, &out).windows, 16); /* 50 to 200: none before the rows */
	ck_assert_ptr_nonnull(strstr(nt_buf_str(&out), "seen 50-70"));
	expect("");
	ck_assert_uint_eq(nt_alerts_stats(alerts).events_opened, 0);
}
END_TEST

START_TEST(range_is_of_ends_of_windows)
{
	_cleanup_buf_ struct nt_buf out = { 0 };
	struct nt_preview p;

	begin(RULE);
	asks("a", 1, 1);
	asks("a", 41, 5);
	p = preview(50, 69, &out); /* the window that ends at 60 */
	ck_assert_uint_eq(p.windows, 1);
	ck_assert_int_eq(p.covered_us, T0_US + 60 * S);
	ck_assert_msg(strstr(nt_buf_str(&out), "value 5 peak 5 count gt 4 seen 60-60 from 30 until "
					       "-1"),
		      "%s", nt_buf_str(&out));
	nt_buf_reset(&out);
	p = preview(60, 60, &out);
	ck_assert_uint_eq(p.windows + out.len, 0);
}
END_TEST

START_TEST(store_without_rows_tells_nothing)
{
	_cleanup_buf_ struct nt_buf out = { 0 };

	begin("severity: 1, period: 10s, lookback: 10s, metric: count, condition: lt, threshold: "
	      "1");
	ck_assert_uint_eq(preview(-100000, 200, &out).windows, 0);
	ck_assert_uint_eq(out.len, 0);
}
END_TEST

START_TEST(disabled_rule_can_be_tried)
{
	_cleanup_buf_ struct nt_buf out = { 0 };

	begin(RULE ", disabled: true");
	asks("a", 41, 5);
	tick_to(100);
	expect("");
	(void)preview(0, 100, &out);
	ck_assert_ptr_nonnull(strstr(nt_buf_str(&out), "seen 50-70 from 20 until 80"));
}
END_TEST

START_TEST(mistake_is_that_of_the_listing)
{
	const struct nt_preview_config config = { .from_us = T0_US, .to_us = T0_US + S };
	struct nt_object_problem problem = { 0 };
	struct nt_alert_rule listed = { 0 };
	struct nt_preview p;

	begin("severity: 60, query: rtype = A, aggregateBy: [client_name]");
	nt_alerts_rules(alerts, copy_rule, &listed);
	ck_assert_int_eq(nt_preview_run(store, reader, rule_object(), &config, put_event, NULL, &p,
					&problem, &err),
			 -EINVAL);
	ck_assert(nt_slice_eq(listed.problem_field, nt_slice_str(problem.field)));
	ck_assert(nt_slice_eq(listed.problem_msg, nt_slice_str(problem.msg)));
	ck_assert_msg(strstr(problem.msg, "did you mean qtype?"), "%s", problem.msg);
}
END_TEST

/* --- bounds ----------------------------------------------------------------------------------- */

/* Rows of so many clients, each with a latency. */
static void many(size_t len, const char *prefix, int64_t at_s)
{
	_cleanup_free_ struct nt_record *r = calloc(len, sizeof(*r));
	_cleanup_free_ char(*names)[32] = calloc(len, sizeof(*names));

	for (size_t i = 0; i < len; i++) {
		snprintf(names[i], sizeof(names[i]), "%s-%zu", prefix, i);
		r[i] = row(names[i], at_s, 5);
		r[i].latency_count = r[i].latency_histogram[1] = 5;
	}
	append_records(++next_seq, r, len);
}

START_TEST(events_are_bounded)
{
	_cleanup_buf_ struct nt_buf out = { 0 };
	struct nt_preview p;
	size_t lines = 0;

	begin(RULE);
	many(600, "early", 41);
	many(600, "late", 201);
	p = preview(0, 400, &out);
	ck_assert_int_eq(p.end, NT_PREVIEW_EVENTS);
	ck_assert_int_eq(p.covered_us, T0_US + 210 * S); /* where the others would open */
	ck_assert_uint_eq(p.over, 0);
	for (const char *at = nt_buf_str(&out); (at = strchr(at, '\n')); at++)
		lines++;
	ck_assert_uint_eq(lines, NT_PREVIEW_EVENTS_MAX);
	ck_assert_ptr_nonnull(strstr(nt_buf_str(&out), "{\"client_name\":\"early-599\"}"));
}
END_TEST

START_TEST(what_finds_no_room_is_counted)
{
	_cleanup_buf_ struct nt_buf out = { 0 };

	begin(RULE);
	many(1100, "c", 41);
	ck_assert_uint_ge(preview(0, 60, &out).over, 100); /* 1,000 may be open */
}
END_TEST

START_TEST(memory_is_bounded)
{
	_cleanup_buf_ struct nt_buf out = { 0 };

	/* A percentile takes 240 octets a bucket: 9,000 groups of 10 are more than 16 MiB. */
	begin("severity: 1, period: 10s, lookback: 100s, metric: p99, condition: gt, threshold: "
	      "1000000, aggregateBy: [client_name]");
	for (int i = 0; i < 10; i++)
		many(9000, "c", 1 + 10 * i);
	ck_assert_uint_gt(preview(0, 110, &out).over, 0);
}
END_TEST

START_TEST(time_is_bounded)
{
	const struct nt_preview_config config = { .from_us = T0_US,
						  .to_us = T0_US + 100 * S,
						  .budget_ns = 1 };
	_cleanup_buf_ struct nt_buf out = { 0 };
	struct nt_object_problem problem;
	struct nt_preview p;

	begin(RULE);
	asks("a", 41, 5);
	ck_assert_int_eq(nt_preview_run(store, reader, rule_object(), &config, put_event, &out, &p,
					&problem, &err),
			 0);
	ck_assert_int_eq(p.end, NT_PREVIEW_TIME);
	ck_assert_uint_eq(p.windows + out.len, 0);
	ck_assert_int_lt(p.covered_us, T0_US + 50 * S);
}
END_TEST

static int expire(int result, struct nt_err *why)
{
	uint64_t rows;

	behind_page = NULL;
	ck_assert_int_eq(nt_store_expire(store, T0_US + 100 * S, &rows, why), 0);
	ck_assert_uint_ge(rows, NT_STORE_PAGE_ROWS);
	return result;
}

/* Once it was -ENOENT, which the API made a mistake of the one who asked. */
START_TEST(rows_that_expire_meanwhile)
{
	const struct nt_preview_config config = { .from_us = T0_US,
						  .to_us = T0_US + 200 * S,
						  .budget_ns = INT64_MAX / 2 };
	struct nt_object_problem problem = { 0 };
	_cleanup_buf_ struct nt_buf out = { 0 };
	struct nt_preview p;

	begin(RULE);
	for (int i = 0; i < 3; i++)
		many(NT_STORE_PAGE_ROWS / 3 + 1, "c", 41);
	behind_page = expire;
	ck_assert_int_eq(nt_preview_run(store, reader, rule_object(), &config, put_event, &out, &p,
					&problem, &err),
			 -EBUSY);
	ck_assert_int_eq(err.code, EBUSY);
	ck_assert_msg(strstr(err.msg, "expired while they were read: ask again"), "%s", err.msg);
	ck_assert_uint_eq(out.len, 0);
}
END_TEST

static int time_out(int result, struct nt_err *why)
{
	(void)result;
	return nt_err_set(why, ETIMEDOUT, "the store took its time");
}

START_TEST(page_that_takes_the_stores_time)
{
	_cleanup_buf_ struct nt_buf out = { 0 };
	struct nt_preview p;

	begin(RULE);
	many(1, "a", 41);
	many(1, "b", 201);
	behind_page = time_out;
	p = preview(0, 400, &out);
	ck_assert_int_eq(p.end, NT_PREVIEW_TIME);
	ck_assert_int_eq(p.covered_us, T0_US + 200 * S);
	ck_assert_ptr_nonnull(strstr(nt_buf_str(&out), "seen 50-70"));
}
END_TEST

/* The first reason is the one that is told. */
START_TEST(events_end_it_before_the_stores_time)
{
	_cleanup_buf_ struct nt_buf out = { 0 };
	struct nt_preview p;

	begin(RULE);
	many(600, "early", 41);
	many(600, "late", 201);
	many(1, "last", 301);
	behind_page = time_out;
	p = preview(0, 400, &out);
	ck_assert_int_eq(p.end, NT_PREVIEW_EVENTS);
	ck_assert_int_eq(p.covered_us, T0_US + 210 * S);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("preview");

	tcase_add_loop_test(tc, preview_is_what_happened, 0, NT_ARRAY_LEN(specs));
	tcase_add_test(tc, nothing_is_changed);
	tcase_add_test(tc, range_is_of_ends_of_windows);
	tcase_add_test(tc, store_without_rows_tells_nothing);
	tcase_add_test(tc, disabled_rule_can_be_tried);
	tcase_add_test(tc, mistake_is_that_of_the_listing);
	tcase_add_test(tc, events_are_bounded);
	tcase_add_test(tc, what_finds_no_room_is_counted);
	tcase_add_test(tc, memory_is_bounded);
	tcase_add_test(tc, time_is_bounded);
	tcase_add_test(tc, rows_that_expire_meanwhile);
	tcase_add_test(tc, page_that_takes_the_stores_time);
	tcase_add_test(tc, events_end_it_before_the_stores_time);
	return store_run("alert_preview", tc);
}
