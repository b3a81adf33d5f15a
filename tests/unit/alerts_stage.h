/* SPDX-License-Identifier: Apache-2.0 */
/* The stage for stories of alert rules: virtual time, a real store, a real folder of objects. */
#pragma once

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

static inline void write_rules(const char *text)
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
static inline void write_rule(const char *spec)
{
	_cleanup_buf_ struct nt_buf text = { 0 };

	nt_buf_printf(&text,
		      "apiVersion: nametap.io/v1alpha1\nkind: GlobalAlert\n"
		      "metadata: {name: r}\nspec: {%s}\n",
		      spec);
	write_rules(text.p);
}

static inline void poll_rules(void)
{
	ck_assert_int_eq(nt_objects_poll(objects), 1);
	ck_assert_int_eq(nt_alerts_objects(alerts, objects, &err), 0);
}

static inline void tick(int64_t at_s)
{
	now_s = at_s;
	ck_assert_msg(nt_alerts_tick(alerts, T0_US + at_s * S, &err) == 0, "%s", err.msg);
}

static inline void tick_to(int64_t to_s)
{
	while (now_s < to_s)
		tick(now_s + 1);
}

/* As after a start of the process. groups: 0 is the default. */
static inline void start(uint32_t groups)
{
	struct nt_alerts_config config = { .delay_ns = DELAY_S * S * 1000, .max_groups = groups };

	if (!objects_folder[0])
		store_mkdir(objects_folder);
	ck_assert_msg(nt_objects_open_dir(objects_folder, &objects, &err) == 0, "%s", err.msg);
	ck_assert_int_eq(nt_alerts_new(&config, store, reader, &alerts, &err), 0);
	ck_assert_int_eq(nt_alerts_objects(alerts, objects, &err), 0);
}

/* A kill -9: nothing is said to anybody. */
static inline void stop(void)
{
	nt_alerts_free(alerts);
	nt_objects_free(objects);
	alerts = NULL;
	objects = NULL;
}

static inline void begin(const char *spec)
{
	store_mkdir(objects_folder);
	write_rule(spec);
	start(0);
	tick(0);
}

/* Into the store, and then to the alerts when they run. */
static inline void give(const struct nt_record *records, size_t len)
{
	append_records(++next_seq, records, len);
	if (alerts)
		nt_alerts_records(alerts, records, len);
}

static inline struct nt_record row(const char *client, int64_t at_s, uint64_t count)
{
	struct nt_record r = store_record(++next_id, T0_US + at_s * S, "nowhere.test");

	r.client_name = nt_slice_str(client);
	r.rcode = 3;
	r.count = r.queries = r.replies = count;
	return r;
}

static inline void asks(const char *client, int64_t at_s, uint64_t count)
{
	struct nt_record r = row(client, at_s, count);

	give(&r, 1);
}

/* "r {"client_name":"a"} a: 5 5/5 40-50 open": all events, oldest first, as text. */
static inline bool describe(void *ctx, const struct nt_store_event *e)
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

static inline void expect_at(int line, const char *wanted)
{
	_cleanup_buf_ struct nt_buf got = { 0 };

	ck_assert_int_eq(
		nt_store_events(reader, -1, (struct nt_slice){ 0 }, 1000, describe, &got, &err), 0);
	ck_assert_msg(strcmp(nt_buf_str(&got), wanted) == 0, "line %d at %lld:\n%swanted:\n%s",
		      line, (long long)now_s, nt_buf_str(&got), wanted);
}
#define expect(wanted) expect_at(__LINE__, wanted)

static inline void restart_at(int64_t at_s)
{
	stop();
	start(0);
	tick(at_s);
}

static inline bool copy_rule(void *ctx, const struct nt_alert_rule *rule)
{
	*(struct nt_alert_rule *)ctx = *rule;
	return true;
}

struct rows_behind {
	int64_t from_us, to_us;
	char query[512];
};

static inline bool keep_query(void *ctx, const struct nt_store_event *e)
{
	struct rows_behind *b = ctx;

	b->from_us = e->from_us;
	b->to_us = e->last_seen_us;
	snprintf(b->query, sizeof(b->query), "%.*s", NT_SLICE_ARG(e->query));
	return true;
}
