/* SPDX-License-Identifier: Apache-2.0 */
/* A rule on rows that were made for it, live and stored. */
#include "controller/alerts/selftest.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>

#include "controller/alerts/inside.h"
#include "controller/alerts/preview.h"
#include "controller/alerts/sample.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"

/* 2026-01-01T00:00:00Z. Any time would do: the clock of a test is its own. */
#define ORIGIN_US (1767225600LL * 1000000)
#define TEST_DELAY_NS NT_NS_PER_S
/* A set comes again in each lookback; so many rows are stored at the most. */
#define STORED_ROWS_MAX 20000

struct trial {
	const struct nt_object *object;
	const struct nt_rule *rule;
	const struct nt_sample *sample;
	int64_t deadline_ns; /* CLOCK_MONOTONIC */
	const atomic_bool *stop; /* or NULL */
	/* The first rows; windows that end in (from, to] are looked at, and each has all rows of
	 * one lookback in it, but where it is about what is new. */
	int64_t begin_us, from_us, to_us;
	struct nt_store *store;
	struct nt_store_reader *reader;
	struct nt_alerts *alerts;
	struct nt_feeds *feeds; /* pretended; borrowed */
	size_t round, next; /* which rows come next: of that lookback, by number */
	uint64_t ids, batches;
	struct nt_record *batch; /* as many as the sample has, and one */
};

static void trial_done(struct trial *t)
{
	nt_alerts_free(t->alerts);
	nt_store_reader_close(t->reader);
	nt_store_close(t->store);
	free(t->batch);
}

/* --- time ------------------------------------------------------------------------------------- */

static int64_t round_up(int64_t us, int64_t to)
{
	return (us + to - 1) / to * to;
}

static void set_times(struct trial *t)
{
	const struct nt_rule *r = t->rule;

	int64_t whole_us; /* end of the first window that has all rows of a lookback */

	/* Windows and buckets begin at multiples of their width. */
	t->begin_us = round_up(ORIGIN_US, r->step_us);
	whole_us = round_up(t->begin_us + r->lookback_us, r->step_us);
	t->from_us = whole_us;
	if (r->unseen_us) {
		/* A group is new in the first lookback alone, all of which is in one window. */
		t->begin_us = whole_us - r->lookback_us;
		t->from_us = whole_us - round_up(r->lookback_us, r->step_us);
	}
	t->to_us = whole_us + round_up(r->for_us, r->step_us) + 2 * r->step_us;
}

static uint64_t rounds_of(const struct trial *t)
{
	return (uint64_t)((t->to_us - t->begin_us + t->rule->lookback_us - 1) /
			  t->rule->lookback_us);
}

/* --- live ------------------------------------------------------------------------------------- */

static int store_batch(struct trial *t, size_t len, struct nt_err *err)
{
	const struct nt_batch batch = { .node = NT_SLICE_LIT("selftest"),
					.spool = NT_SLICE_LIT("selftest"),
					.seq = ++t->batches,
					.created_us = t->batch[0].start_us,
					.records = t->batch,
					.records_len = len };
	enum nt_store_outcome outcome;
	int r = nt_store_append(t->store, &batch, &outcome, err);

	if (r == 0)
		nt_alerts_records(t->alerts, t->batch, len);
	return r;
}

static void put_record(struct trial *t, size_t at, const struct nt_record *record, int64_t start_us)
{
	t->batch[at] = *record;
	t->batch[at].id = ++t->ids;
	t->batch[at].start_us = start_us;
	t->batch[at].end_us = start_us;
}

/* The rows that begin before us and did not come yet, of the lookback at hand. */
static int feed_round(struct trial *t, int64_t us, struct nt_err *err)
{
	int64_t start_us = t->begin_us + (int64_t)t->round * t->rule->lookback_us;
	size_t len = 0;

	while (t->next < t->sample->len && start_us + t->sample->rows[t->next].offset_us < us) {
		const struct nt_sample_row *row = &t->sample->rows[t->next++];

		put_record(t, len++, &row->record, start_us + row->offset_us);
	}
	if (t->next == t->sample->len) {
		t->next = 0;
		t->round++;
	}
	return len ? store_batch(t, len, err) : 0;
}

static int feed(struct trial *t, int64_t us, struct nt_err *err)
{
	int r = 0;
	size_t round = SIZE_MAX;

	while (r == 0 && t->round != round &&
	       t->begin_us + (int64_t)t->round * t->rule->lookback_us < us) {
		round = t->round;
		r = feed_round(t, us, err);
	}
	return r;
}

static int tick(struct trial *t, int64_t end_us, struct nt_err *err)
{
	if (nt_clock_monotonic_now() > t->deadline_ns || (t->stop && atomic_load(t->stop)))
		return nt_err_set(err, ETIMEDOUT, "it took longer than its time");
	return nt_alerts_tick(t->alerts, end_us + nt_alerts_delay_us(t->alerts), err);
}

/* The clock goes from window to window, rows come in time, as they would over the days. */
static int run_live(struct trial *t, struct nt_err *err)
{
	struct nt_alerts_entry *entry = t->alerts->entries[0];
	int64_t step_us = t->rule->step_us, start_us = t->begin_us - t->rule->learn_us;
	int r;

	put_record(t, 0, &t->sample->bystander, start_us);
	r = store_batch(t, 1, err);
	if (r == 0)
		r = nt_alerts_tick(t->alerts, start_us, err);
	for (int64_t end = t->begin_us / step_us * step_us + step_us; end <= t->to_us && r == 0;
	     end += step_us) {
		r = feed(t, end, err);
		if (end <= t->from_us) /* no such window has all its rows */
			entry->evaluated_us = end;
		if (r == 0)
			r = tick(t, end, err);
	}
	return r;
}

/* --- what came of it -------------------------------------------------------------------------- */

static bool count_event(void *ctx, const struct nt_store_event *e)
{
	(void)e;
	(*(uint64_t *)ctx)++;
	return true;
}

static int run_stored(struct trial *t, uint64_t *ret_events, struct nt_err *err)
{
	const struct nt_preview_config config = { .from_us = t->from_us,
						  .to_us = t->to_us,
						  .feeds = t->feeds,
						  .budget_ns = t->deadline_ns -
							       nt_clock_monotonic_now() };
	struct nt_object_problem problem;
	struct nt_preview preview;
	int r = -ETIMEDOUT;

	*ret_events = 0;
	if (config.budget_ns > 0)
		r = nt_preview_run(t->store, t->reader, t->object, &config, count_event, ret_events,
				   &preview, &problem, err);
	if (r == -ETIMEDOUT || (r == 0 && preview.end == NT_PREVIEW_TIME))
		return nt_err_set(err, ETIMEDOUT, "it took longer than its time");
	return r;
}

static int open_trial(struct trial *t, struct nt_err *err)
{
	const struct nt_alerts_config config = { .delay_ns = TEST_DELAY_NS };
	int r;

	t->batch = calloc(t->sample->len + 1, sizeof(*t->batch));
	if (!t->batch)
		return nt_err_set(err, ENOMEM, "no memory");
	r = nt_store_open_memory(NT_SELFTEST_BYTES_MAX, &t->store, err);
	if (r == 0)
		r = nt_store_reader_open(t->store, &t->reader, err);
	if (r == 0)
		r = nt_alerts_new(&config, t->store, t->reader, &t->alerts, err);
	if (r == 0)
		nt_alerts_use_feeds(t->alerts, t->feeds);
	if (r == 0 && nt_alerts_take_object(t->alerts, t->object) < 0)
		r = nt_err_set(err, ENOMEM, "no memory");
	return r;
}

static int run_trial(struct trial *t, uint64_t *ret_live, uint64_t *ret_stored, struct nt_err *err)
{
	int r = open_trial(t, err);

	*ret_live = 0;
	if (r == 0)
		r = run_live(t, err);
	if (r == 0)
		r = nt_store_events(t->reader, -1, (struct nt_slice){ 0 }, UINT32_MAX, count_event,
				    ret_live, err);
	return r == 0 ? run_stored(t, ret_stored, err) : r;
}

/* --- a set ------------------------------------------------------------------------------------ */

static void say(struct nt_selftest *result, enum nt_selftest_state state, const char *fmt, ...)
	NT_PRINTF(3, 4);
static void say(struct nt_selftest *result, enum nt_selftest_state state, const char *fmt, ...)
{
	va_list ap;

	result->state = state;
	va_start(ap, fmt);
	vsnprintf(result->msg, sizeof(result->msg), fmt, ap);
	va_end(ap);
}

static const char *name_of(const struct nt_selftest_set *set, bool fires)
{
	if (set->given)
		return fires ? "spec.test.fires" : "spec.test.silent";
	return fires ? "the generated rows that must fire"
		     : "the generated rows that must not fire";
}

static void judge(struct nt_selftest *result, const struct nt_selftest_set *set, bool fires,
		  uint64_t live, uint64_t stored)
{
	const char *name = name_of(set, fires);

	if (live != stored)
		say(result, NT_SELFTEST_FAILED,
		    "%s opened %" PRIu64 " events as they came and %" PRIu64
		    " over stored rows, which must be as many",
		    name, live, stored);
	else if (fires && !live)
		say(result, NT_SELFTEST_FAILED,
		    "%s (%u a lookback) opened no event, where one must open", name, set->rows);
	else if (!fires && live)
		say(result, NT_SELFTEST_FAILED,
		    "%s (%u a lookback) opened %" PRIu64 " event%s, where none must open", name,
		    set->rows, live, live == 1 ? "" : "s");
}

static void run_set(struct nt_selftest *result, const struct nt_object *object,
		    const struct nt_rule *rule, struct nt_feeds *feeds, bool fires,
		    int64_t deadline_ns, const atomic_bool *stop)
{
	struct nt_selftest_set *set = fires ? &result->fires : &result->silent;
	_cleanup_(nt_sample_done) struct nt_sample sample = { 0 };
	_cleanup_(trial_done) struct trial t = {
		.object = object,
		.rule = rule,
		.feeds = feeds,
		.sample = &sample,
		.deadline_ns = deadline_ns,
		.stop = stop,
	};
	enum nt_sample_outcome made;
	uint64_t live, stored;
	struct nt_err err = { 0 };
	char why[256];

	made = nt_sample_make(rule, fires, &sample, why);
	set->given = sample.given;
	set->rows = (uint32_t)sample.len;
	set_times(&t);
	if (made == NT_SAMPLE_IMPOSSIBLE)
		say(result, NT_SELFTEST_FAILED, "there are no rows that %s: %s",
		    fires ? "make it fire" : "leave it silent", why);
	else if (made == NT_SAMPLE_UNKNOWN)
		say(result, NT_SELFTEST_NOT_GENERATED,
		    "no rows were made that %s: %s; give them in spec.test.%s",
		    fires ? "make it fire" : "leave it silent", why, fires ? "fires" : "silent");
	else if (sample.len * rounds_of(&t) > STORED_ROWS_MAX)
		say(result, NT_SELFTEST_NOT_GENERATED,
		    "%s would be %" PRIu64 " rows over its lookbacks, of at most %d",
		    name_of(set, fires), sample.len * rounds_of(&t), STORED_ROWS_MAX);
	else if (run_trial(&t, &live, &stored, &err) < 0)
		say(result, NT_SELFTEST_NOT_GENERATED, "%s could not be tried: %s",
		    name_of(set, fires), err.msg);
	else {
		set->events = (uint32_t)live;
		judge(result, set, fires, live, stored);
	}
}

/* --- the whole -------------------------------------------------------------------------------- */

const char *nt_selftest_word(enum nt_selftest_state state)
{
	static const char *const words[] = { "", "pending", "passed", "failed", "notGenerated" };

	return words[state];
}

/* What is disabled is not evaluated, and is to be tried all the same. */
static json_t *enabled_copy(const struct nt_object *object)
{
	json_t *copy = json_deep_copy(object->json);

	if (copy)
		(void)json_object_del(json_object_get(copy, "spec"), "disabled");
	return copy;
}

void nt_selftest_run(const struct nt_object *object, const struct nt_selftest_config *config,
		     struct nt_selftest *ret_result)
{
	int64_t deadline_ns =
		nt_clock_monotonic_now() + (config->budget_ns ?: NT_SELFTEST_SECONDS * NT_NS_PER_S);
	_cleanup_(nt_feeds_freep) struct nt_feeds *feeds = NULL; /* those of the rule go first */
	_cleanup_(nt_rule_freep) struct nt_rule *rule = NULL;
	struct nt_object_problem problem;
	struct nt_err err;
	char why[NT_FEED_WHY_MAX];
	struct nt_object enabled = *object;
	json_auto_t *json = enabled_copy(object);

	*ret_result = (struct nt_selftest){ 0 };
	enabled.json = json;
	if (!json || nt_rule_parse(&enabled, &rule, &problem) < 0 ||
	    nt_feeds_pretend(&feeds, &err) < 0 || !nt_rule_take_feeds(rule, feeds, why))
		return;
	ret_result->state = NT_SELFTEST_PASSED;
	run_set(ret_result, &enabled, rule, feeds, true, deadline_ns, config->stop);
	if (ret_result->state == NT_SELFTEST_PASSED)
		run_set(ret_result, &enabled, rule, feeds, false, deadline_ns, config->stop);
}
