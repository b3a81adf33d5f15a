/* SPDX-License-Identifier: Apache-2.0 */
/* A rule over stored rows, with alerts of its own that write their events into memory. */
#include "controller/alerts/preview.h"

#include <stdlib.h>

#include "controller/alerts/budget.h"
#include "controller/alerts/event.h"
#include "controller/alerts/inside.h"
#include "controller/store/pages.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"

enum {
	/* Texts of one event, and of those that one window changes. */
	EVENT_TEXTS_MAX = 64 << 10,
	PENDING_TEXTS_MAX = 16 << 20,
};

struct kept_event {
	struct nt_store_event event; /* texts in the arena */
	struct nt_arena arena;
};

struct run {
	struct nt_alerts *alerts; /* of this rule alone */
	struct nt_alerts_entry *entry;
	const struct nt_preview_config *config;
	int64_t deadline_ns; /* CLOCK_MONOTONIC */
	int64_t next_end_us; /* of the window that is evaluated next */
	struct kept_event *events;
	size_t events_len;
	struct nt_preview *preview;
	int result; /* of what failed between two rows */
	struct nt_err *err;
};

static void run_done(struct run *run)
{
	for (size_t i = 0; i < run->events_len; i++)
		nt_arena_done(&run->events[i].arena);
	free(run->events);
	nt_alerts_free(run->alerts);
}

/* --- events ----------------------------------------------------------------------------------- */

static int keep_event(struct run *run, const struct nt_store_event *e, int64_t *id,
		      struct nt_err *err)
{
	struct kept_event *kept;

	if (!e->id && run->events_len == NT_PREVIEW_EVENTS_MAX) {
		run->preview->end = NT_PREVIEW_EVENTS;
		return 0;
	}
	if (!e->id)
		run->events[run->events_len++].arena = NT_ARENA(EVENT_TEXTS_MAX);
	*id = e->id ?: (int64_t)run->events_len;
	kept = &run->events[*id - 1];
	nt_arena_reset(&kept->arena);
	if (!nt_event_copy(e, &kept->arena, &kept->event))
		return nt_err_set(err, ENOMEM, "no memory for the events of a preview");
	kept->event.id = *id;
	return 0;
}

/* In the store's place. */
static int keep_events(void *ctx, const struct nt_store_event *events, size_t len, int64_t *ids,
		       const struct nt_store_memory_change *changes, size_t changes_len,
		       struct nt_err *err)
{
	int r = 0;

	(void)changes;
	(void)changes_len;
	for (size_t i = 0; i < len && r == 0; i++)
		r = keep_event(ctx, &events[i], &ids[i], err);
	return r;
}

static int by_opening(const void *left, const void *right)
{
	const struct nt_store_event *a = &((const struct kept_event *)left)->event;
	const struct nt_store_event *b = &((const struct kept_event *)right)->event;

	if (a->first_seen_us != b->first_seen_us)
		return a->first_seen_us < b->first_seen_us ? -1 : 1;
	return strcmp(a->group.p, b->group.p); /* JSON, and the arena puts a NUL behind it */
}

/* Groups come in the order of a hash whose key is another one each time: not so for the reader. */
static void tell(struct run *run, nt_store_event_fn *fn, void *ctx)
{
	qsort(run->events, run->events_len, sizeof(*run->events), by_opening);
	for (size_t i = 0; i < run->events_len; i++) {
		run->events[i].event.id = (int64_t)i + 1;
		if (!fn(ctx, &run->events[i].event))
			return;
	}
}

/* --- time ------------------------------------------------------------------------------------- */

static bool is_over(struct run *run)
{
	if (run->result == 0 && run->preview->end == NT_PREVIEW_WHOLE &&
	    nt_clock_monotonic_now() > run->deadline_ns)
		run->preview->end = NT_PREVIEW_TIME;
	return run->result < 0 || run->preview->end != NT_PREVIEW_WHOLE;
}

/* The windows that end at us or before and were not evaluated yet, one after the other, as a
 * process would have that was there all the time; fewer when it is over before. */
static void evaluate_until(struct run *run, int64_t us)
{
	struct nt_alerts *a = run->alerts;
	uint64_t opened, resolved;

	while (!is_over(run) && run->next_end_us <= us) {
		a->now_us = run->next_end_us;
		nt_alerts_evaluate(a, run->entry);
		run->result = nt_pending_write(&a->pending, keep_events, run, &opened, &resolved,
					       run->err);
		run->next_end_us += run->entry->rule->step_us;
	}
}

static bool take_row(void *ctx, int64_t row_id, const struct nt_record *record, const char *why)
{
	struct run *run = ctx;

	(void)row_id;
	(void)why;
	run->preview->rows++;
	run->preview->rows_unreadable += !record;
	if (!record)
		return !is_over(run);
	evaluate_until(run, record->start_us);
	if (is_over(run))
		return false;
	run->alerts->now_us = record->start_us;
	nt_alerts_add_record(run->alerts, record, false);
	return true;
}

static struct nt_store_range rows_of(const struct nt_rule *rule, int64_t from_us, int64_t to_us)
{
	return (struct nt_store_range){
		.from_us = from_us,
		.to_us = to_us,
		.filter = rule->query,
		.side = rule->side,
		.role = rule->role,
		.unlogged = rule->unlogged,
	};
}

static int read_rows(struct run *run)
{
	const struct nt_rule *rule = run->entry->rule;
	const struct nt_store_range range =
		rows_of(rule, run->next_end_us - rule->lookback_us, run->config->to_us);
	struct nt_err why;
	bool late;
	int r = nt_store_pages(run->alerts->reader, &range, NT_STORE_OLDEST, take_row, run, &late,
			       &why);

	if (run->result < 0)
		return run->result; /* the page ended for that, and run->err has it */
	if (r < 0) {
		*run->err = why;
		return r;
	}
	/* The windows before what took the store's time are there. */
	if (late && run->preview->end == NT_PREVIEW_WHOLE)
		run->preview->end = NT_PREVIEW_TIME;
	return 0;
}

/* --- what was seen before --------------------------------------------------------------------- */

struct past {
	struct run *run;
	int64_t reached_us; /* all rows from here on were looked at */
	int64_t deadline_ns;
	bool over;
};

static bool take_past(void *ctx, int64_t row_id, const struct nt_record *record, const char *why)
{
	struct past *past = ctx;

	(void)row_id;
	(void)why;
	past->over = nt_clock_monotonic_now() > past->deadline_ns;
	if (past->over)
		return false;
	if (record) {
		nt_alerts_add_past(past->run->alerts, past->run->entry, record);
		past->reached_us = record->start_us;
	}
	return true;
}

/* Backwards, so that what there is no time for is the oldest; to us is where the windows' rows
 * begin. */
static int read_past(struct past *past, int64_t to_us)
{
	struct run *run = past->run;
	const struct nt_store_range range = rows_of(run->entry->rule, past->reached_us, to_us);
	struct nt_err why;
	bool late;
	int r;

	past->reached_us = to_us;
	r = nt_store_pages(run->alerts->reader, &range, NT_STORE_NEWEST, take_past, past, &late,
			   &why);
	if (r == 0 && !late && !past->over)
		past->reached_us = range.from_us;
	/* The oldest rows expired, or took the store's own time. */
	if (r == 0 || r == -EBUSY)
		return 0;
	*run->err = why;
	return r;
}

/* What the rule would have known at the first window, as far as the store and half of the time go:
 * from there on it would have learned. */
static int learn(struct run *run)
{
	struct nt_alerts_entry *e = run->entry;
	int64_t to_us = run->next_end_us - e->rule->lookback_us;
	int64_t from_us = to_us - e->rule->unseen_us, now_ns = nt_clock_monotonic_now();
	struct past past = { .run = run };
	int r;

	if (!e->rule->unseen_us)
		return 0;
	past.deadline_ns = now_ns + (run->deadline_ns - now_ns) / 2;
	past.reached_us = from_us > run->alerts->known_us ? from_us : run->alerts->known_us;
	r = nt_memory_begin(&e->memory, past.reached_us, run->err);
	if (r == 0 && past.reached_us < to_us)
		r = read_past(&past, to_us);
	e->memory.head.since_us = past.reached_us;
	run->preview->known_since_us = past.reached_us;
	if (nt_memory_learns_until(&e->memory) > to_us)
		run->preview->learning_until_us = nt_memory_learns_until(&e->memory);
	return r;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int begin_run(struct run *run, struct nt_store *store, struct nt_store_reader *reader,
		     const struct nt_object *object, struct nt_object_problem *ret_problem)
{
	const struct nt_alerts_config defaults = { 0 };
	int64_t oldest_us = nt_store_stats(store).oldest_us ?: run->config->to_us;
	int64_t from_us, step_us;
	struct nt_alerts *a;
	char why[NT_FEED_WHY_MAX];
	int r = nt_alerts_new(&defaults, NULL, reader, &run->alerts, run->err);

	if (r < 0)
		return r;
	a = run->alerts;
	a->config.delay_ns = 0; /* rows come in order: all of a window are there at its end */
	a->bytes = NT_ALERT_BYTES_MAX - NT_PREVIEW_BYTES_MAX; /* what is not for us */
	a->pending.arena = NT_ARENA(PENDING_TEXTS_MAX);
	a->known_us = oldest_us;
	run->events = calloc(NT_PREVIEW_EVENTS_MAX, sizeof(*run->events));
	if (!run->events || nt_alerts_take_object(a, object) < 0)
		return nt_err_set(run->err, ENOMEM, "no memory for a preview");
	run->entry = a->entries[0];
	if (!run->entry->accepted) {
		*ret_problem = run->entry->problem;
		return nt_err_set(run->err, EINVAL, "the rule has a mistake");
	}
	if (!nt_rule_take_feeds(run->entry->rule, run->config->feeds, why)) {
		nt_object_refuse(ret_problem, "spec.substitutions", "%s", why);
		return nt_err_set(run->err, EINVAL, "a feed of the rule has no list");
	}
	run->entry->rule->disabled = false; /* what would come of it is asked */
	/* Before the first row of the store no window tells anything. It is never built: no row of
	 * ours is late, those before the first window are its past. */
	from_us = run->config->from_us > oldest_us ? run->config->from_us : oldest_us;
	step_us = run->entry->rule->step_us;
	run->entry->evaluated_us = from_us / step_us * step_us;
	run->next_end_us = run->entry->evaluated_us + step_us;
	if (nt_alerts_begin_window(a, run->entry, run->err) < 0)
		return -ENOMEM;
	return nt_alerts_share(a) == 0 ? 0
				       : nt_err_set(run->err, ENOMEM, "no memory for a preview");
}

int nt_preview_run(struct nt_store *store, struct nt_store_reader *reader,
		   const struct nt_object *object, const struct nt_preview_config *config,
		   nt_store_event_fn *fn, void *ctx, struct nt_preview *ret_preview,
		   struct nt_object_problem *ret_problem, struct nt_err *err)
{
	struct nt_preview preview = { 0 };
	_cleanup_(run_done) struct run run = {
		.config = config,
		.preview = &preview,
		.deadline_ns = nt_clock_monotonic_now() +
			       (config->budget_ns ?: NT_PREVIEW_SECONDS * NT_NS_PER_S),
		.err = err,
	};
	int r = begin_run(&run, store, reader, object, ret_problem);

	if (r == 0)
		r = learn(&run);
	if (r == 0)
		r = read_rows(&run);
	if (r < 0)
		return r;
	evaluate_until(&run, config->to_us); /* those behind the last row */
	if (run.result < 0)
		return run.result;
	preview.covered_us = run.entry->evaluated_us;
	preview.windows = run.alerts->stats.evaluations;
	preview.over = run.alerts->stats.groups_over;
	preview.note = run.entry->rule->note;
	tell(&run, fn, ctx);
	*ret_preview = preview;
	return 0;
}
