/* SPDX-License-Identifier: Apache-2.0 */
/* GlobalAlerts over what the store receives: which windows are due, and what comes of that. */
#include "controller/alerts/alerts.h"

#include <jansson.h>
#include <stdlib.h>
#include <sys/random.h>

#include "controller/alerts/pending.h"
#include "controller/alerts/text.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/query/query.h"

/* More open events of one rule than a person can look at say only that the rule is wrong. */
#define OPEN_MAX 1000
/* Rows of an agent that was cut off are waited for so long, or a lookback if that is longer; see
 * late_span. */
#define LATE_US (600 * 1000000LL)
/* Clocks of nodes may be ahead of ours; what is further ahead is no time at all. */
#define AHEAD_US (600 * 1000000LL)
/* After the store failed. */
#define RETRY_US (10 * 1000000LL)
/* Texts of the events that one tick changes. */
#define PENDING_BYTES_MAX (128u << 20)
#define DELAY_NS (15 * NT_NS_PER_S)
#define GROUPS_MAX 10000

/* A GlobalAlert: the last form of it that was right, and what is wrong with the present one. */
struct entry {
	char *name, *spec; /* owned; spec: the object's text, to know whether it changed */
	struct nt_rule *rule; /* NULL: it never was right */
	struct nt_window window; /* of rule */
	bool accepted;
	struct nt_object_problem problem;
	bool seen; /* by the round over the objects */
	bool built; /* the window holds what the store has */
	bool catch_up; /* evaluate past windows, too: this process was not there */
	bool redo; /* a group has late rows */
	int64_t evaluated_us; /* end of the newest window that was evaluated */
	int64_t listed_us; /* the same, 0 before the first: for people */
	uint64_t open_events;
};

struct nt_alerts {
	struct nt_alerts_config config;
	struct nt_store *store;
	struct nt_store_reader *reader;
	struct entry **entries; /* in order of name, as objects come */
	size_t entries_len;
	struct nt_siphash_key hash_key;
	uint64_t bytes; /* of all windows */
	struct nt_pending pending;
	int64_t now_us; /* of the last tick; 0 before the first */
	int64_t start_us; /* the first tick */
	int64_t known_us; /* since when there is a log */
	int64_t ready_us; /* nothing is evaluated before: agents come back after a restart */
	int64_t retry_us; /* the store failed: nothing before that */
	bool check_orphans; /* rules went: look for their events */
	struct nt_alerts_stats stats;
};

/* --- times ------------------------------------------------------------------------------------ */

static int64_t delay_us(const struct nt_alerts *a)
{
	return a->config.delay_ns / NT_NS_PER_US;
}

/* The newest closed window's end. */
static int64_t newest_end(const struct nt_alerts *a, const struct nt_rule *r)
{
	int64_t us = a->now_us - delay_us(a);

	return us > 0 ? us / r->step_us * r->step_us : 0;
}

/* For how long closed windows may still be raised. */
static int64_t late_span(const struct nt_rule *r)
{
	int64_t span = r->lookback_us > LATE_US ? r->lookback_us : LATE_US;
	int64_t max = r->width_us * NT_RULE_BUCKETS_MAX;

	span = span < max ? span : max;
	return (span + r->step_us - 1) / r->step_us * r->step_us;
}

static int64_t keep_from(const struct nt_alerts *a, const struct nt_rule *r)
{
	return newest_end(a, r) - late_span(r) - r->lookback_us;
}

/* --- entries ---------------------------------------------------------------------------------- */

static void free_entry(struct entry *e)
{
	if (!e)
		return;
	if (e->rule)
		nt_window_done(&e->window);
	nt_rule_free(e->rule);
	free(e->name);
	free(e->spec);
	free(e);
}

int nt_alerts_new(const struct nt_alerts_config *config, struct nt_store *store,
		  struct nt_store_reader *reader, struct nt_alerts **ret_alerts, struct nt_err *err)
{
	struct nt_alerts *a = calloc(1, sizeof(*a));

	if (!a)
		return nt_err_set(err, ENOMEM, "no memory for the alerts");
	a->config = *config;
	a->config.delay_ns = config->delay_ns ?: DELAY_NS;
	a->config.max_groups = config->max_groups ?: GROUPS_MAX;
	a->store = store;
	a->reader = reader;
	a->pending.arena = NT_ARENA(PENDING_BYTES_MAX);
	if (getrandom(&a->hash_key, sizeof(a->hash_key), 0) != sizeof(a->hash_key)) {
		free(a);
		return nt_err_set(err, EIO, "no random numbers for the alerts");
	}
	*ret_alerts = a;
	return 0;
}

void nt_alerts_free(struct nt_alerts *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->entries_len; i++)
		free_entry(a->entries[i]);
	free(a->entries);
	nt_pending_done(&a->pending);
	free(a);
}

static struct entry *find_entry(const struct nt_alerts *a, struct nt_slice name)
{
	for (size_t i = 0; i < a->entries_len; i++)
		if (nt_slice_eq(nt_slice_str(a->entries[i]->name), name))
			return a->entries[i];
	return NULL;
}

static struct entry *add_entry(struct nt_alerts *a, struct nt_slice name)
{
	struct entry **entries = reallocarray(a->entries, a->entries_len + 1, sizeof(*a->entries));
	struct entry *e = entries ? calloc(1, sizeof(*e)) : NULL;

	if (entries)
		a->entries = entries;
	if (!e)
		return NULL;
	e->name = strndup(name.p, name.len);
	if (!e->name) {
		free(e);
		return NULL;
	}
	a->entries[a->entries_len++] = e;
	return e;
}

/* The rule begins anew; its open events go on when their groups are still groups of it. */
static void set_rule(struct nt_alerts *a, struct entry *e, struct nt_rule *rule)
{
	if (e->rule)
		nt_window_done(&e->window);
	nt_rule_free(e->rule);
	e->rule = rule;
	nt_window_init(&e->window, rule, &a->hash_key, a->config.max_groups, &a->bytes);
	e->built = false;
	/* Rules that are there from the start were there before it. */
	e->catch_up = a->now_us == 0;
	e->evaluated_us = e->listed_us = 0;
}

static int take_object(struct nt_alerts *a, const struct nt_object *object)
{
	struct entry *e = find_entry(a, object->name);
	struct nt_rule *rule = NULL;
	char *spec;
	int r;

	if (!e)
		e = add_entry(a, object->name);
	if (!e)
		return -ENOMEM;
	e->seen = true;
	spec = json_dumps(object->json, JSON_COMPACT | JSON_SORT_KEYS);
	if (!spec)
		return -ENOMEM;
	if (e->spec && strcmp(e->spec, spec) == 0) {
		free(spec);
		return 0;
	}
	r = nt_rule_parse(object, &rule, &e->problem);
	if (r == -ENOMEM) {
		free(spec);
		return r;
	}
	free(e->spec);
	e->spec = spec;
	e->accepted = r == 0;
	if (e->accepted)
		set_rule(a, e, rule);
	return 0;
}

/* Their events are ended by the next tick, which has the time. */
static void drop_unseen(struct nt_alerts *a)
{
	size_t n = 0;

	for (size_t i = 0; i < a->entries_len; i++) {
		struct entry *e = a->entries[i];

		if (e->seen)
			a->entries[n++] = e;
		else
			free_entry(e);
	}
	a->entries_len = n;
	a->check_orphans = true;
}

int nt_alerts_objects(struct nt_alerts *a, const struct nt_objects *objects, struct nt_err *err)
{
	const struct nt_object *object;

	for (size_t i = 0; i < a->entries_len; i++)
		a->entries[i]->seen = false;
	for (size_t i = 0; (object = nt_objects_at(objects, NT_SLICE_LIT("GlobalAlert"), i)); i++)
		if (take_object(a, object) < 0)
			return nt_err_set(err, ENOMEM, "no memory for the rule %.*s",
					  NT_SLICE_ARG(object->name));
	drop_unseen(a);
	return 0;
}

/* --- records ---------------------------------------------------------------------------------- */

struct adding {
	struct entry *entry;
	int64_t end_us; /* of the first window that has the row */
	bool late;
};

static void on_group(void *ctx, struct nt_window_group *g)
{
	struct adding *adding = ctx;

	if (!adding->late)
		return;
	adding->entry->redo = true;
	if (!g->redo_us || adding->end_us < g->redo_us)
		g->redo_us = adding->end_us;
}

static void add_record(struct nt_alerts *a, struct entry *e, const struct nt_record *r)
{
	const struct nt_rule *rule = e->rule;
	struct adding adding = { .entry = e };

	if (r->type != NT_RECORD_LOG || (rule->side >= 0 && (int)r->side != rule->side) ||
	    (rule->role >= 0 && (int)r->role != rule->role) || !nt_query_eval(rule->query, r))
		return;
	if (r->start_us < keep_from(a, rule) || r->start_us > a->now_us + AHEAD_US) {
		a->stats.late_rows++;
		return;
	}
	adding.end_us = (r->start_us / rule->step_us + 1) * rule->step_us;
	adding.late = e->built && adding.end_us <= e->evaluated_us;
	a->stats.late_rows += adding.late;
	if (!nt_window_add(&e->window, r, on_group, &adding))
		a->stats.groups_over++;
}

/* Rules that are not built yet find the rows in the store. */
void nt_alerts_records(struct nt_alerts *a, const struct nt_record *records, size_t len)
{
	for (size_t i = 0; i < a->entries_len; i++)
		for (size_t k = 0; a->entries[i]->built && k < len; k++)
			add_record(a, a->entries[i], &records[k]);
}

/* --- building from the store ------------------------------------------------------------------ */

struct loading {
	struct nt_alerts *a;
	struct entry *entry;
};

static bool load_event(void *ctx, const struct nt_store_event *event)
{
	_cleanup_arena_ struct nt_arena arena = NT_ARENA(1 << 20);
	struct loading *l = ctx;
	struct entry *e = l->entry;
	int64_t newest = newest_end(l->a, e->rule);
	struct nt_slice values[NT_STORE_GROUP_KEYS];
	struct nt_window_group *g = NULL;

	if (event->resolved_us && event->last_seen_us < newest - late_span(e->rule))
		return false;
	if (nt_text_group_parse(e->rule, event->group, &arena, values))
		g = nt_window_group(&e->window, values, true);
	if (!g && !event->resolved_us)
		nt_pending_end(&l->a->pending, event, l->a->now_us);
	if (!g)
		return true;
	/* A clock that went back must not make an event last for ever. */
	if (event->resolved_us) {
		if (event->resolved_us > g->settled_us)
			g->settled_us = event->resolved_us < newest ? event->resolved_us : newest;
		return true;
	}
	g->event = (struct nt_window_event){
		.id = event->id,
		.open = true,
		.first_us = event->first_seen_us,
		.last_us = event->last_seen_us < newest ? event->last_seen_us : newest,
		.from_us = event->from_us,
		.value = event->value,
		.peak = event->peak,
	};
	e->open_events++;
	return true;
}

static int load_events(struct nt_alerts *a, struct entry *e, struct nt_err *err)
{
	struct loading l = { a, e };
	struct nt_slice name = nt_slice_str(e->name);
	int r;

	nt_window_done(&e->window);
	nt_window_init(&e->window, e->rule, &a->hash_key, a->config.max_groups, &a->bytes);
	e->open_events = 0;
	e->redo = false;
	/* A rule without aggregateBy has its one group from the start. */
	if (!e->rule->keys_len && !nt_window_group(&e->window, NULL, true))
		return nt_err_set(err, ENOMEM, "no memory for the rule %s", e->name);
	r = nt_store_events(a->reader, 1, name, UINT32_MAX, load_event, &l, err);
	if (r == 0)
		r = nt_store_events(a->reader, 0, name, UINT32_MAX, load_event, &l, err);
	return r;
}

static bool load_row(void *ctx, int64_t row_id, const struct nt_record *record, const char *why)
{
	struct nt_alerts *a = ctx;

	(void)row_id;
	(void)why;
	a->stats.rows_unreadable += !record;
	for (size_t i = 0; record && i < a->entries_len; i++)
		if (a->entries[i]->rule && !a->entries[i]->built)
			add_record(a, a->entries[i], record);
	return true;
}

/* One pass over the rows for all rules that need it. */
static int load_rows(struct nt_alerts *a, int64_t from_us, struct nt_err *err)
{
	enum { PAGE_ROWS = 20000 };
	struct nt_store_range range = {
		.from_us = from_us, .to_us = INT64_MAX, .side = -1, .role = -1
	};
	int64_t cursor = 0;
	int r;

	do {
		r = nt_store_rows(a->reader, &range, NT_STORE_NEWEST, PAGE_ROWS, cursor, load_row,
				  a, &cursor, err);
	} while (r == 0 && cursor);
	return r;
}

static void begin(struct nt_alerts *a, struct entry *e)
{
	int64_t back = e->catch_up ? late_span(e->rule) : e->rule->step_us;

	e->evaluated_us = newest_end(a, e->rule) - back;
	e->built = true;
	e->catch_up = false;
}

static int build(struct nt_alerts *a, struct nt_err *err)
{
	int64_t from_us = INT64_MAX;
	int r = 0;

	for (size_t i = 0; i < a->entries_len && r == 0; i++) {
		struct entry *e = a->entries[i];

		if (!e->rule || e->built)
			continue;
		if (keep_from(a, e->rule) < from_us)
			from_us = keep_from(a, e->rule);
		r = load_events(a, e, err);
	}
	if (r == 0 && from_us < INT64_MAX)
		r = load_rows(a, from_us, err);
	for (size_t i = 0; i < a->entries_len && r == 0; i++)
		if (a->entries[i]->rule && !a->entries[i]->built)
			begin(a, a->entries[i]);
	return r;
}

static bool end_orphan(void *ctx, const struct nt_store_event *event)
{
	struct nt_alerts *a = ctx;

	if (!find_entry(a, event->rule))
		nt_pending_end(&a->pending, event, a->now_us);
	return true;
}

/* --- evaluation ------------------------------------------------------------------------------- */

/* A rule that fires when there is too little. It has to wait for a window that lies in the time of
 * which the log tells, and that was not open while this process was away. */
static bool knows_too_little(const struct nt_alerts *a, const struct nt_rule *r, int64_t end_us)
{
	bool of_little = !r->keys_len && (r->metric == NT_RULE_COUNT || r->metric == NT_RULE_SUM) &&
			 nt_rule_holds(r, 0);

	return of_little && (end_us - r->lookback_us < a->known_us || end_us <= a->start_us);
}

static void open_event(struct nt_alerts *a, struct entry *e, struct nt_window_group *g,
		       int64_t end_us, double value)
{
	if (e->open_events >= OPEN_MAX) {
		a->stats.groups_over++;
		return;
	}
	e->open_events++;
	g->event = (struct nt_window_event){ .open = true,
					     .first_us = end_us,
					     .last_us = end_us,
					     .from_us = end_us - e->rule->lookback_us,
					     .value = value,
					     .peak = value };
	nt_pending_note(&a->pending, &e->window, g, 0);
}

static void raise_event(struct nt_alerts *a, struct entry *e, struct nt_window_group *g,
			int64_t end_us, double value)
{
	struct nt_window_event *event = &g->event;
	bool worse = nt_rule_worse(e->rule, value, event->peak);
	bool inside = end_us >= event->first_us && end_us < event->last_us;

	if (!worse && (inside || (end_us == event->last_us && value == event->value)))
		return;
	if (end_us >= event->last_us) {
		event->last_us = end_us;
		event->value = value;
	}
	if (end_us < event->first_us) {
		event->first_us = end_us;
		event->from_us = end_us - e->rule->lookback_us;
	}
	if (worse)
		event->peak = value;
	nt_pending_note(&a->pending, &e->window, g, 0);
}

static void evaluate(struct nt_alerts *a, struct entry *e, struct nt_window_group *g,
		     int64_t end_us)
{
	double value = 0;
	bool fires = nt_window_fires(&e->window, g, end_us, &value);

	if (g->event.open && fires) {
		raise_event(a, e, g, end_us, value);
	} else if (g->event.open && end_us > g->event.last_us) {
		nt_pending_note(&a->pending, &e->window, g, end_us);
		g->event = (struct nt_window_event){ 0 };
		g->settled_us = end_us;
		e->open_events--;
	} else if (!g->event.open && fires && end_us > g->settled_us &&
		   !knows_too_little(a, e->rule, end_us)) {
		open_event(a, e, g, end_us, value);
	}
}

/* Windows in order of time for each group: those that late rows changed, then the new ones. */
static void evaluate_entry(struct nt_alerts *a, struct entry *e)
{
	int64_t step = e->rule->step_us, newest = newest_end(a, e->rule);
	int64_t oldest = newest - late_span(e->rule) + step;
	int64_t from = e->evaluated_us + step > oldest ? e->evaluated_us + step : oldest;

	for (struct nt_window_group *g = NULL; (g = nt_window_next(&e->window, g));) {
		int64_t redo = g->redo_us && g->redo_us < oldest ? oldest : g->redo_us;

		for (int64_t end = redo ?: from; end <= newest; end += step)
			evaluate(a, e, g, end);
		g->redo_us = 0;
	}
	if (from <= newest) {
		a->stats.evaluations += (uint64_t)((newest - from) / step) + 1;
		e->evaluated_us = e->listed_us = newest;
		nt_window_expire(&e->window, keep_from(a, e->rule));
	}
	e->redo = false;
}

/* Everything anew from the store, which is the truth. */
static void start_over(struct nt_alerts *a, bool catch_up)
{
	for (size_t i = 0; i < a->entries_len; i++) {
		a->entries[i]->built = false;
		a->entries[i]->catch_up |= catch_up;
	}
}

static void set_now(struct nt_alerts *a, int64_t now_us)
{
	if (!a->now_us) {
		int64_t oldest_us = nt_store_stats(a->store).oldest_us;

		a->start_us = now_us;
		a->known_us = oldest_us && oldest_us < now_us ? oldest_us : now_us;
		a->ready_us = now_us + delay_us(a);
	}
	if (now_us < a->now_us - AHEAD_US) {
		start_over(a, false);
		a->ready_us = a->retry_us = 0;
	}
	a->now_us = now_us;
}

static int run(struct nt_alerts *a, struct nt_err *err)
{
	uint64_t opened, resolved;
	int r = 0;

	if (a->check_orphans)
		r = nt_store_events(a->reader, 1, (struct nt_slice){ 0 }, UINT32_MAX, end_orphan, a,
				    err);
	if (r == 0)
		r = build(a, err);
	for (size_t i = 0; i < a->entries_len && r == 0 && a->now_us >= a->ready_us; i++) {
		struct entry *e = a->entries[i];

		if (e->rule && (e->redo || newest_end(a, e->rule) > e->evaluated_us))
			evaluate_entry(a, e);
	}
	if (r < 0)
		return r;
	r = nt_pending_write(&a->pending, a->store, &opened, &resolved, err);
	if (r < 0)
		return r;
	a->check_orphans = false;
	a->stats.events_opened += opened;
	a->stats.events_resolved += resolved;
	return 0;
}

int nt_alerts_tick(struct nt_alerts *a, int64_t now_us, struct nt_err *err)
{
	int r;

	set_now(a, now_us);
	if (now_us < a->retry_us)
		return 0;
	r = run(a, err);
	if (r < 0) {
		a->pending.len = 0;
		nt_arena_reset(&a->pending.arena);
		start_over(a, true);
		a->retry_us = now_us + RETRY_US;
		return nt_err_wrap(err, "alerts");
	}
	return 0;
}

/* --- for people ------------------------------------------------------------------------------- */

void nt_alerts_rules(const struct nt_alerts *a, nt_alert_rule_fn *fn, void *ctx)
{
	for (size_t i = 0; i < a->entries_len; i++) {
		const struct entry *e = a->entries[i];
		const struct nt_rule *r = e->rule;
		struct nt_alert_rule rule = { .name = nt_slice_str(e->name),
					      .accepted = e->accepted,
					      .last_evaluated_us = e->listed_us,
					      .open_events = e->open_events };

		if (!e->accepted) {
			rule.problem_field = nt_slice_str(e->problem.field);
			rule.problem_msg = nt_slice_str(e->problem.msg);
		}
		if (r) {
			rule.description = r->description;
			rule.summary = r->summary;
			rule.query = r->query_text;
			rule.metric = nt_slice_str(nt_rule_metric_name(r));
			rule.field = r->field_name;
			rule.condition = nt_slice_str(nt_rule_condition_name(r));
			rule.aggregate_by = r->key_names;
			rule.aggregate_by_len = r->keys_len;
			rule.threshold = r->threshold;
			rule.severity = r->severity;
			rule.period_us = r->period_us;
			rule.lookback_us = r->lookback_us;
		}
		if (!fn(ctx, &rule))
			return;
	}
}

struct nt_alerts_stats nt_alerts_stats(const struct nt_alerts *a)
{
	struct nt_alerts_stats stats = a->stats;

	stats.rules = a->entries_len;
	for (size_t i = 0; i < a->entries_len; i++) {
		stats.rules_refused += !a->entries[i]->accepted;
		if (a->entries[i]->rule)
			stats.groups += a->entries[i]->window.groups_len;
	}
	return stats;
}
