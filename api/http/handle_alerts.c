/* SPDX-License-Identifier: Apache-2.0 */
/* GET alerts, alerts/events: the rules with their mistakes, and what fired. */
#include "api/http/frame.h"

#include "controller/alerts/event.h"
#include "controller/ingest/ingest.h"
#include "controller/leader.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"

enum { EVENTS_MAX = 1000, EVENTS_DEFAULT = 100 };

static void write_texts(struct nt_json *j, const char *key, const struct nt_slice *texts,
			size_t len)
{
	nt_json_key(j, key);
	nt_json_open(j, '[');
	for (size_t i = 0; i < len; i++)
		nt_json_str(j, texts[i]);
	nt_json_close(j, ']');
}

/* What Calico's GlobalAlert has not. */
static void write_beyond(struct nt_json *j, const struct nt_alert_rule *rule)
{
	nt_json_key_str(j, "type", nt_slice_str(rule->unlogged ? "UNLOGGED" : "LOG"));
	nt_json_key_str(j, "numerator", rule->numerator);
	nt_json_key_u64(j, "min_count", rule->min_count);
	nt_json_key_u64(j, "for", (uint64_t)(rule->for_us * NT_NS_PER_US));
	nt_json_key_u64(j, "cooldown", (uint64_t)(rule->cooldown_us * NT_NS_PER_US));
	nt_json_key_u64(j, "unseen_for", (uint64_t)(rule->unseen_for_us * NT_NS_PER_US));
	nt_json_key_u64(j, "learn_for", (uint64_t)(rule->learn_for_us * NT_NS_PER_US));
	nt_json_key_time_or_null(j, "known_since", rule->known_since_us);
	nt_json_key_time_or_null(j, "learning_until", rule->learning_until_us);
	nt_json_key_u64(j, "remembered", rule->remembered);
	nt_json_key(j, "labels");
	nt_json_open(j, '{');
	for (size_t i = 0; i < rule->labels_len; i++)
		nt_json_key_str(j, rule->labels[i].key.p, rule->labels[i].value);
	nt_json_close(j, '}');
	write_texts(j, "notify", rule->notify, rule->notify_len);
	nt_json_key(j, "disabled");
	nt_json_bool(j, rule->disabled);
	nt_json_key(j, "waits");
	nt_json_bool(j, rule->waits);
	nt_json_key_str(j, "note", rule->note);
	nt_json_key_u64(j, "over", rule->over);
}

static void write_set(struct nt_json *j, const char *key, const struct nt_selftest_set *set)
{
	nt_json_key(j, key);
	nt_json_open(j, '{');
	nt_json_key_str(j, "source", nt_slice_str(set->given ? "given" : "generated"));
	nt_json_key_u64(j, "rows", set->rows);
	nt_json_key_u64(j, "events", set->events);
	nt_json_close(j, '}');
}

static void write_selftest(struct nt_json *j, const struct nt_selftest *t)
{
	nt_json_key(j, "self_test");
	if (t->state == NT_SELFTEST_NONE) {
		nt_json_null(j);
		return;
	}
	nt_json_open(j, '{');
	nt_json_key_str(j, "result", nt_slice_str(nt_selftest_word(t->state)));
	nt_json_key_str(j, "message", nt_slice_str(t->msg));
	write_set(j, "fires", &t->fires);
	write_set(j, "silent", &t->silent);
	nt_json_close(j, '}');
}

static bool add_rule(void *ctx, const struct nt_alert_rule *rule)
{
	struct nt_json *j = ctx;

	nt_json_open(j, '{');
	nt_json_key_str(j, "name", rule->name);
	nt_json_key_str(j, "description", rule->description);
	nt_json_key_str(j, "summary", rule->summary);
	nt_json_key_u64(j, "severity", rule->severity);
	nt_json_key_u64(j, "period", (uint64_t)(rule->period_us * NT_NS_PER_US));
	nt_json_key_u64(j, "lookback", (uint64_t)(rule->lookback_us * NT_NS_PER_US));
	nt_json_key_str(j, "query", rule->query);
	write_texts(j, "aggregate_by", rule->aggregate_by, rule->aggregate_by_len);
	nt_json_key_str(j, "field", rule->field);
	nt_json_key_str(j, "metric", rule->metric);
	nt_json_key_str(j, "condition", rule->condition);
	nt_json_key(j, "threshold");
	if (rule->metric.len)
		nt_json_double(j, rule->threshold);
	else
		nt_json_null(j);
	write_beyond(j, rule);
	nt_frame_key_accepted(j, rule->accepted);
	nt_frame_key_problem(j, rule->accepted, rule->problem_field, rule->problem_msg);
	write_selftest(j, rule->selftest);
	nt_json_key_time_or_null(j, "last_evaluated", rule->last_evaluated_us);
	nt_json_key_u64(j, "open_events", rule->open_events);
	nt_json_close(j, '}');
	return true;
}

static void write_evaluator(struct nt_api *api, struct nt_json *j)
{
	struct nt_leader_state s;

	nt_leader_state(api->leader, &s);
	nt_json_key(j, "evaluator");
	nt_json_open(j, '{');
	nt_json_key(j, "here");
	nt_json_bool(j, s.leads);
	nt_json_key_str(j, "lease", nt_slice_str(s.lease));
	nt_json_key_str(j, "holder", nt_slice_str(s.holder));
	nt_json_key_str(j, "error", nt_slice_str(s.why));
	nt_json_close(j, '}');
}

void nt_handle_alerts(struct nt_api *api, const struct nt_params *p, struct nt_reply *reply)
{
	struct nt_json j;

	if (!nt_frame_plain(p, reply))
		return;
	j = nt_frame_list_open(reply, "rules");
	nt_ingest_alert_rules(api->ingest, add_rule, &j);
	nt_json_close(&j, ']');
	write_evaluator(api, &j);
	nt_json_close(&j, '}');
}

struct events {
	int state; /* as nt_store_events has it */
	struct nt_slice rule;
	struct nt_json j;
	uint32_t limit, listed;
	bool more;
};

static bool add_event(void *ctx, const struct nt_store_event *e)
{
	struct events *all = ctx;

	all->more = all->listed == all->limit;
	if (all->more)
		return false;
	all->listed++;
	nt_event_json(&all->j, e);
	return true;
}

static int write_events(struct nt_api *api, struct nt_store_reader *reader, void *ctx,
			struct nt_reply *reply, struct nt_err *err)
{
	struct events *all = ctx;
	int r;

	(void)api;
	all->j = nt_frame_list_open(reply, "events");
	/* One more than asked for says whether there is more. */
	r = nt_store_events(reader, all->state, all->rule, all->limit + 1, add_event, all, err);
	nt_json_close(&all->j, ']');
	nt_json_key(&all->j, "more");
	nt_json_bool(&all->j, all->more);
	nt_json_close(&all->j, '}');
	return r;
}

void nt_handle_alert_events(struct nt_api *api, const struct nt_params *p, struct nt_reply *reply)
{
	static const char *const states[] = { "resolved", "open", "all", NULL };
	const struct nt_slice *rule = nt_params_find(p, "rule");
	struct events all = { .rule = rule ? *rule : (struct nt_slice){ 0 } };
	struct nt_err err = { 0 };

	if (nt_params_check(p, "state rule limit", &err) < 0 ||
	    nt_params_word(p, "state", states, 2, &all.state, &err) < 0 ||
	    nt_params_u32(p, "limit", EVENTS_MAX, EVENTS_DEFAULT, &all.limit, &err) < 0) {
		nt_reply_problem(reply, 400, "%s", err.msg);
		return;
	}
	if (all.state == 2)
		all.state = -1;
	nt_reply_json(reply);
	nt_frame_from_store(api, write_events, &all, reply);
}
