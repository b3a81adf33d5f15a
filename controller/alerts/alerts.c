/* SPDX-License-Identifier: Apache-2.0 */
/* GlobalAlerts over what the store receives: which windows are due, and what comes of that. */
#include "controller/alerts/alerts.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "controller/alerts/inside.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/query/query.h"

/* Rows of an agent that was cut off are waited for so long, or a lookback if that is longer; see
 * nt_alerts_late_span. */
#define LATE_US (600 * 1000000LL)
/* Clocks of nodes may be ahead of ours; what is further ahead is no time at all. */
#define AHEAD_US (600 * 1000000LL)
/* After the store failed. */
#define RETRY_US (10 * 1000000LL)
/* Texts of the events that one tick changes. */
#define PENDING_BYTES_MAX (128u << 20)
#define DELAY_NS (15 * NT_NS_PER_S)
#define GROUPS_MAX 10000

/* --- times ------------------------------------------------------------------------------------ */

int64_t nt_alerts_delay_us(const struct nt_alerts *a)
{
	return a->config.delay_ns / NT_NS_PER_US;
}

int64_t nt_alerts_newest_end(const struct nt_alerts *a, const struct nt_rule *r)
{
	int64_t us = a->now_us - nt_alerts_delay_us(a);

	return us > 0 ? us / r->step_us * r->step_us : 0;
}

int64_t nt_alerts_late_span(const struct nt_rule *r)
{
	int64_t span = r->lookback_us > LATE_US ? r->lookback_us : LATE_US;
	int64_t max = r->width_us * NT_RULE_BUCKETS_MAX;

	span = span < max ? span : max;
	/* After a restart, the windows of meanwhile tell whether the condition lasted. */
	span = span > r->for_us + r->step_us ? span : r->for_us + r->step_us;
	return (span + r->step_us - 1) / r->step_us * r->step_us;
}

int64_t nt_alerts_keep_from(const struct nt_alerts *a, const struct nt_rule *r)
{
	return nt_alerts_newest_end(a, r) - nt_alerts_late_span(r) - r->lookback_us;
}

/* --- entries ---------------------------------------------------------------------------------- */

static void free_entry(struct nt_alerts_entry *e)
{
	if (!e)
		return;
	if (e->rule)
		nt_window_done(&e->window);
	nt_memory_done(&e->memory);
	nt_rule_free(e->rule);
	free(e->name);
	free(e->spec);
	free(e->untested);
	free(e->uid);
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
	nt_shared_done(&a->shared);
	free(a->order);
	nt_pending_done(&a->pending);
	free(a);
}

struct nt_alerts_entry *nt_alerts_find(const struct nt_alerts *a, struct nt_slice name)
{
	for (size_t i = 0; i < a->entries_len; i++)
		if (nt_slice_eq(nt_slice_str(a->entries[i]->name), name))
			return a->entries[i];
	return NULL;
}

static struct nt_alerts_entry *add_entry(struct nt_alerts *a, struct nt_slice name)
{
	struct nt_alerts_entry **entries =
		reallocarray(a->entries, a->entries_len + 1, sizeof(*a->entries));
	struct nt_alerts_entry *e = entries ? calloc(1, sizeof(*e)) : NULL;

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

/* Rows that are groups of their own are as many as there may be events of them. */
void nt_alerts_init_window(struct nt_alerts *a, struct nt_alerts_entry *e)
{
	uint32_t groups_max = a->config.max_groups;

	if (e->rule->per_row && groups_max > NT_ALERTS_OPEN_MAX)
		groups_max = NT_ALERTS_OPEN_MAX;
	nt_window_init(&e->window, e->rule, &a->hash_key, groups_max, &a->bytes);
	a->shares = false;
}

/* A test is of the form that is at work, whatever comes behind it. */
static void await_selftest(struct nt_alerts *a, struct nt_alerts_entry *e)
{
	free(e->untested);
	e->untested = strdup(e->spec);
	e->ticket = ++a->tickets;
	e->selftest = (struct nt_selftest){ .state = NT_SELFTEST_PENDING };
	if (!e->untested) {
		e->selftest.state = NT_SELFTEST_NOT_GENERATED;
		snprintf(e->selftest.msg, sizeof(e->selftest.msg), "no memory");
	}
}

/* What it remembers is of use for as long as it looks for the same. A disabled rule sees nothing:
 * what the store has of it waits. */
static void set_memory(struct nt_alerts *a, struct nt_alerts_entry *e, const struct nt_rule *rule)
{
	if (e->memory.loaded && rule->unseen_us && !rule->disabled &&
	    e->memory.head.what == rule->memory_of) {
		e->memory.rule = rule;
		return;
	}
	nt_memory_done(&e->memory);
	nt_memory_init(&e->memory, rule, &a->bytes, &a->remembered);
}

/* The rule begins anew; its open events go on when their groups are still groups of it. */
static void set_rule(struct nt_alerts *a, struct nt_alerts_entry *e, struct nt_rule *rule)
{
	bool remembered = e->rule && e->rule->unseen_us;

	if (e->rule)
		nt_window_done(&e->window);
	set_memory(a, e, rule);
	nt_rule_free(e->rule);
	e->rule = rule;
	nt_alerts_init_window(a, e);
	e->built = false;
	/* Rules that are there from the start were there before it. */
	e->catch_up = a->now_us == 0 || a->rests;
	e->evaluated_us = e->listed_us = 0;
	e->over = 0;
	if (rule->disabled)
		e->open_events = 0;
	a->check_orphans |= rule->disabled || remembered;
}

/* Which object it is, and which form of it, as the API counts them. */
static int take_identity(struct nt_alerts_entry *e, const struct nt_object *object)
{
	const json_t *meta = json_object_get(object->json, "metadata");
	char *uid = strndup(object->uid.p ?: "", object->uid.len);

	if (!uid)
		return -ENOMEM;
	free(e->uid);
	e->uid = uid;
	e->generation = json_integer_value(json_object_get(meta, "generation"));
	return 0;
}

int nt_alerts_take_object(struct nt_alerts *a, const struct nt_object *object)
{
	struct nt_alerts_entry *e = nt_alerts_find(a, object->name);
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
	r = take_identity(e, object);
	if (r == 0)
		r = nt_rule_parse(object, &rule, &e->problem);
	if (r == -ENOMEM) {
		free(spec);
		return r;
	}
	free(e->spec);
	e->spec = spec;
	e->accepted = r == 0;
	e->standing = ++a->standing;
	if (e->accepted) {
		set_rule(a, e, rule);
		await_selftest(a, e);
	}
	return 0;
}

/* A rule whose feed has no list counts nothing and judges nothing, its open events stay as they
 * are; when the list is there again it goes on with what the store has, as after a restart. */
static void take_feeds(struct nt_alerts *a, struct nt_alerts_entry *e)
{
	char why[NT_FEED_WHY_MAX];
	bool waits;

	if (!e->rule || !e->rule->feeds_len) {
		e->waits = false;
		return;
	}
	waits = !nt_rule_take_feeds(e->rule, a->feeds, why);
	a->standing += waits && (!e->waits || strcmp(why, e->why_waits) != 0);
	e->waits = waits;
	snprintf(e->why_waits, sizeof(e->why_waits), "%s", waits ? why : "");
	e->catch_up |= e->waits && e->built;
	e->built &= !e->waits;
}

void nt_alerts_use_feeds(struct nt_alerts *a, struct nt_feeds *feeds)
{
	a->feeds = feeds;
}

/* Their events are ended by the next tick, which has the time. */
static void drop_unseen(struct nt_alerts *a)
{
	size_t n = 0;

	for (size_t i = 0; i < a->entries_len; i++) {
		struct nt_alerts_entry *e = a->entries[i];

		if (e->seen)
			a->entries[n++] = e;
		else
			free_entry(e);
	}
	a->standing += n < a->entries_len;
	a->shares &= n == a->entries_len;
	a->entries_len = n;
	a->check_orphans = true;
}

int nt_alerts_objects(struct nt_alerts *a, const struct nt_objects *objects, struct nt_err *err)
{
	const struct nt_object *object;

	for (size_t i = 0; i < a->entries_len; i++)
		a->entries[i]->seen = false;
	for (size_t i = 0; (object = nt_objects_at(objects, NT_SLICE_LIT("GlobalAlert"), i)); i++)
		if (nt_alerts_take_object(a, object) < 0)
			return nt_err_set(err, ENOMEM, "no memory for the rule %.*s",
					  NT_SLICE_ARG(object->name));
	drop_unseen(a);
	a->rules_whole = nt_objects_have_synced(objects);
	return 0;
}

/* --- records ---------------------------------------------------------------------------------- */

struct adding {
	struct nt_alerts *alerts;
	bool built;
	struct nt_alerts_entry *entry; /* and of it: */
	const struct nt_record *record;
	int64_t end_us; /* of the first window that has the row */
	bool late; /* that window was evaluated */
	bool in_time; /* for some window */
};

static void count_over(struct nt_alerts *a, struct nt_alerts_entry *e, uint64_t n)
{
	a->stats.groups_over += n;
	e->over += n;
}

/* A late reply is no sighting, as it makes no group. */
static int64_t remember(const struct adding *adding, struct nt_slice key)
{
	struct nt_memory *m = &adding->entry->memory;
	int64_t new_us;

	if (!nt_memory_see(m, key, adding->record->start_us, adding->in_time, &new_us))
		count_over(adding->alerts, adding->entry, 1);
	count_over(adding->alerts, adding->entry, m->forgotten);
	m->forgotten = 0;
	return new_us;
}

static bool is_sighting(const struct nt_rule *rule, const struct nt_record *r)
{
	return rule->unseen_us && (!r->late || rule->late);
}

static void on_group(void *ctx, struct nt_window_group *g)
{
	struct adding *adding = ctx;

	if (is_sighting(adding->entry->rule, adding->record))
		g->new_us = remember(adding, nt_window_key(g));
	if (!adding->late)
		return;
	adding->entry->redo = true;
	if (!g->redo_us || adding->end_us < g->redo_us)
		g->redo_us = adding->end_us;
}

static bool on_key(void *ctx, struct nt_slice key, const struct nt_server *server)
{
	(void)server;
	(void)remember(ctx, key);
	return true;
}

static void add_past(struct nt_alerts *a, struct nt_alerts_entry *e, const struct nt_row *row,
		     bool in_time)
{
	struct adding adding = { .alerts = a, .entry = e, .record = row->r, .in_time = in_time };

	if (is_sighting(e->rule, row->r) && !nt_window_keys(&e->window, row, on_key, &adding))
		count_over(a, e, 1);
}

void nt_alerts_add_past(struct nt_alerts *a, struct nt_alerts_entry *e, const struct nt_record *r)
{
	const struct nt_row row = nt_shared_row(&a->shared, r, &a->hash_key);

	add_past(a, e, &row, true);
}

static bool is_in_time(const struct nt_alerts *a, const struct nt_rule *rule, int64_t us)
{
	return us >= nt_alerts_keep_from(a, rule) && us <= a->now_us + AHEAD_US;
}

static void add_to(void *ctx, struct nt_alerts_entry *e, const struct nt_row *row)
{
	struct adding *adding = ctx;
	struct nt_alerts *a = adding->alerts;
	const struct nt_rule *rule = e->rule;
	const struct nt_record *r = row->r;

	if (e->built != adding->built || !nt_alerts_is_ready(e) ||
	    (r->type == NT_RECORD_UNLOGGED) != rule->unlogged ||
	    (rule->side >= 0 && (int)r->side != rule->side) ||
	    (rule->role >= 0 && (int)r->role != rule->role))
		return;
	adding->entry = e;
	adding->late = false;
	/* Most rows are of the windows to come: divisions cost. */
	if (!e->built || r->start_us < e->evaluated_us || r->start_us > a->now_us) {
		if (!is_in_time(a, rule, r->start_us)) {
			a->stats.late_rows++;
			if (r->start_us < a->now_us)
				add_past(a, e, row, false);
			return;
		}
		adding->end_us = (r->start_us / rule->step_us + 1) * rule->step_us;
		adding->late = e->built && adding->end_us <= e->evaluated_us;
		a->stats.late_rows += adding->late;
	}
	if (!nt_window_add(&e->window, row, on_group, adding))
		count_over(a, e, 1);
}

/* Everything anew from the store, which is the truth. */
static void start_over(struct nt_alerts *a, bool catch_up)
{
	a->caught_up = false;
	for (size_t i = 0; i < a->entries_len; i++) {
		a->entries[i]->built = a->entries[i]->memory.loaded = false;
		a->entries[i]->catch_up |= catch_up;
	}
}

int nt_alerts_share(struct nt_alerts *a)
{
	int r = a->shares ? 0 : nt_shared_make(&a->shared, a->entries, a->entries_len);

	a->shares = r == 0;
	return r;
}

void nt_alerts_add_record(struct nt_alerts *a, const struct nt_record *r, bool built)
{
	struct adding adding = { .alerts = a, .built = built, .record = r, .in_time = true };

	nt_shared_each(&a->shared, r, &a->hash_key, add_to, &adding);
}

static int compare_order(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

/* The records by client: in the lower half their places. What rules keep of a pod is in the CPU's
 * caches then when its next record comes. NULL: no memory. */
static const uint64_t *order(struct nt_alerts *a, const struct nt_record *records, size_t len)
{
	uint64_t *order = reallocarray(a->order, len, sizeof(*order));

	if (!order)
		return NULL;
	a->order = order;
	for (size_t i = 0; i < len; i++) {
		uint32_t ip[4];

		memcpy(ip, records[i].client_ip.octets, sizeof(ip));
		order[i] = (uint64_t)(ip[0] ^ ip[3]) << 32 | (uint32_t)i;
	}
	qsort(order, len, sizeof(*order), compare_order);
	return order;
}

void nt_alerts_records(struct nt_alerts *a, const struct nt_record *records, size_t len)
{
	const uint64_t *by_client = len ? order(a, records, len) : NULL;

	/* Without memory these are read from the store again, when there is some. */
	if (nt_alerts_share(a) < 0 || (len && !by_client)) {
		start_over(a, false);
		return;
	}
	for (size_t i = 0; i < len; i++)
		nt_alerts_add_record(a, &records[(uint32_t)by_client[i]], true);
}

/* --- ticks ------------------------------------------------------------------------------------ */

static void set_now(struct nt_alerts *a, int64_t now_us)
{
	if (!a->now_us) {
		int64_t oldest_us = nt_store_stats(a->store).oldest_us;

		a->start_us = now_us;
		a->known_us = oldest_us && oldest_us < now_us ? oldest_us : now_us;
		a->ready_us = now_us + nt_alerts_delay_us(a);
	}
	if (now_us < a->now_us - AHEAD_US) {
		start_over(a, false);
		a->ready_us = a->retry_us = 0;
	}
	a->now_us = now_us;
}

static int put_stored(void *ctx, const struct nt_store_event *events, size_t len, int64_t *ids,
		      const struct nt_store_memory_change *changes, size_t changes_len,
		      struct nt_err *err)
{
	return nt_store_alerts_put(ctx, events, len, ids, changes, changes_len, err);
}

static void note_memories(struct nt_alerts *a)
{
	for (size_t i = 0; i < a->entries_len; i++) {
		struct nt_alerts_entry *e = a->entries[i];

		if (e->memory.loaded && nt_memory_is_due(&e->memory, a->now_us))
			nt_pending_remember(&a->pending, nt_slice_str(e->name), &e->memory,
					    e->evaluated_us);
	}
}

static int run(struct nt_alerts *a, struct nt_err *err)
{
	bool ready = a->now_us >= a->ready_us;
	uint64_t opened, resolved;
	int r = 0;

	for (size_t i = 0; i < a->entries_len; i++)
		take_feeds(a, a->entries[i]);

	/* Before an event opens: what has ended holds for none of them. But not before it is known
	 * what became of the open ones while this process was away: those that are over go untold.
	 */
	if (a->caught_up)
		r = nt_store_suppressions_end(a->store, a->now_us, err);
	if (r == 0 && a->check_orphans && a->rules_whole)
		r = nt_alerts_end_orphans(a, err);
	if (r == 0)
		r = nt_alerts_build(a, err);
	for (size_t i = 0; i < a->entries_len && r == 0 && ready; i++) {
		struct nt_alerts_entry *e = a->entries[i];

		if (nt_alerts_is_ready(e) &&
		    (e->redo || nt_alerts_newest_end(a, e->rule) > e->evaluated_us))
			nt_alerts_evaluate(a, e);
	}
	if (r < 0)
		return r;
	note_memories(a);
	r = nt_pending_write(&a->pending, put_stored, a->store, &opened, &resolved, err);
	if (r < 0)
		return r;
	a->check_orphans &= !a->rules_whole;
	a->caught_up |= ready;
	a->stats.events_opened += opened;
	a->stats.events_resolved += resolved;
	return 0;
}

void nt_alerts_rest(struct nt_alerts *a)
{
	if (a->rests)
		return;
	a->rests = true;
	start_over(a, true);
	for (size_t i = 0; i < a->entries_len; i++) {
		struct nt_alerts_entry *e = a->entries[i];

		if (!e->rule)
			continue;
		nt_window_done(&e->window);
		nt_alerts_init_window(a, e);
		nt_memory_done(&e->memory);
		nt_memory_init(&e->memory, e->rule, &a->bytes, &a->remembered);
	}
}

int nt_alerts_tick(struct nt_alerts *a, int64_t now_us, struct nt_err *err)
{
	int r;

	a->rests = false;
	a->tick_ns = nt_clock_boot_now();
	set_now(a, now_us);
	if (now_us < a->retry_us)
		return 0;
	r = run(a, err);
	if (r < 0) {
		nt_pending_clear(&a->pending);
		start_over(a, true);
		a->retry_us = now_us + RETRY_US;
		return nt_err_wrap(err, "alerts");
	}
	return 0;
}

/* --- self tests ------------------------------------------------------------------------------- */

bool nt_alerts_selftest_next(const struct nt_alerts *a, struct nt_buf *out, uint64_t *ret_ticket)
{
	const struct nt_alerts_entry *next = NULL;

	for (size_t i = 0; i < a->entries_len; i++)
		if (a->entries[i]->untested && (!next || a->entries[i]->ticket < next->ticket))
			next = a->entries[i];
	if (!next)
		return false;
	*ret_ticket = next->ticket;
	nt_buf_reset(out);
	nt_buf_puts(out, next->untested);
	return nt_buf_ok(out);
}

void nt_alerts_selftest_done(struct nt_alerts *a, uint64_t ticket, const struct nt_selftest *result)
{
	a->stats.selftests++;
	for (size_t i = 0; i < a->entries_len; i++) {
		struct nt_alerts_entry *e = a->entries[i];

		if (!e->untested || e->ticket != ticket)
			continue;
		free(e->untested);
		e->untested = NULL;
		e->selftest = *result;
		e->standing = ++a->standing;
	}
}

uint64_t nt_alerts_standing(const struct nt_alerts *a)
{
	return a->standing;
}

/* --- for people ------------------------------------------------------------------------------- */

enum { NOTE_SIZE = 256 };

/* What a person has to know of the rule beside its spec; in note, unless it is the rule's own. */
static struct nt_slice note_of(const struct nt_rule *r, int64_t learning_until_us,
			       char note[NOTE_SIZE])
{
	time_t until = (time_t)(learning_until_us / 1000000);
	char text[32] = "";
	struct tm tm;

	if (!learning_until_us || !gmtime_r(&until, &tm))
		return r->note;
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	snprintf(note, NOTE_SIZE, "learning until %s what there is: no event opens before%s%.*s",
		 text, r->note.len ? "; " : "", NT_SLICE_ARG(r->note));
	return nt_slice_str(note);
}

static void list_memory(const struct nt_alerts *a, const struct nt_alerts_entry *e,
			struct nt_alert_rule *rule)
{
	int64_t until_us = nt_memory_learns_until(&e->memory);

	rule->known_since_us = e->memory.head.since_us;
	rule->learning_until_us = a->now_us < until_us ? until_us : 0;
	rule->remembered = e->memory.len;
}

void nt_alerts_rules(const struct nt_alerts *a, nt_alert_rule_fn *fn, void *ctx)
{
	char note[NOTE_SIZE];

	for (size_t i = 0; i < a->entries_len; i++) {
		const struct nt_alerts_entry *e = a->entries[i];
		const struct nt_rule *r = e->rule;
		struct nt_alert_rule rule = { .name = nt_slice_str(e->name),
					      .accepted = e->accepted,
					      .uid = nt_slice_str(e->uid ?: ""),
					      .generation = e->generation,
					      .standing = e->standing,
					      .last_evaluated_us = e->listed_us,
					      .selftest = &e->selftest,
					      .open_events = e->open_events,
					      .over = e->over };

		if (!e->accepted) {
			rule.problem_field = nt_slice_str(e->problem.field);
			rule.problem_msg = nt_slice_str(e->problem.msg);
		}
		if (r) {
			rule.description = r->description;
			rule.summary = r->summary;
			/* What a filter can be made of, where that is short enough. */
			rule.query = r->filter_text.len ? r->filter_text : r->query_text;
			rule.metric = nt_slice_str(nt_rule_metric_name(r));
			rule.field = r->field.name;
			rule.condition = nt_slice_str(nt_rule_condition_name(r));
			rule.numerator = r->numerator_text;
			rule.min_count = r->min_count;
			rule.aggregate_by = r->key_names;
			rule.aggregate_by_len = r->per_row ? 0 : r->keys_len;
			rule.threshold = r->threshold;
			rule.unlogged = r->unlogged;
			rule.severity = r->severity;
			rule.period_us = r->period_us;
			rule.lookback_us = r->lookback_us;
			rule.for_us = r->for_us;
			rule.cooldown_us = r->cooldown_us;
			rule.unseen_for_us = r->unseen_us;
			rule.learn_for_us = r->learn_us;
			rule.disabled = r->disabled;
			rule.labels = r->labels;
			rule.labels_len = r->labels_len;
			rule.notify = r->notify;
			rule.notify_len = r->notify_len;
			if (e->memory.loaded)
				list_memory(a, e, &rule);
			rule.note = e->waits ? nt_slice_str(e->why_waits)
					     : note_of(r, rule.learning_until_us, note);
			rule.waits = e->waits;
		}
		if (!fn(ctx, &rule))
			return;
	}
}

struct nt_alerts_stats nt_alerts_stats(const struct nt_alerts *a)
{
	struct nt_alerts_stats stats = a->stats;

	stats.rules = a->entries_len;
	stats.remembered = a->remembered;
	for (size_t i = 0; i < a->entries_len; i++) {
		stats.rules_refused += !a->entries[i]->accepted;
		stats.selftests_pending += a->entries[i]->untested != NULL;
		stats.selftests_failed += a->entries[i]->selftest.state == NT_SELFTEST_FAILED;
		stats.selftests_not_generated +=
			a->entries[i]->selftest.state == NT_SELFTEST_NOT_GENERATED;
		if (a->entries[i]->rule)
			stats.groups += a->entries[i]->window.groups_len;
	}
	return stats;
}
