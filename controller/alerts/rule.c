/* SPDX-License-Identifier: Apache-2.0 */
/* GlobalAlert objects to rules: every field checked, and each mistake with what to write. */
#include "controller/alerts/rule.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/alerts/rule_parts.h"
#include "controller/alerts/text.h"
#include "lib/base/cleanup.h"
#include "lib/dns/siphash.h"
#include "lib/query/query.h"

enum {
	TEXT_MAX = 2048, /* of summary and description */
	LABELS_MAX = 16,
	LABEL_LEN_MAX = 256,
	RECEIVERS_MAX = 16,
	RECEIVER_LEN_MAX = 253, /* an object's name */
	ARENA_MAX = 512 << 10, /* a rule's values may be read before they are found too many */
};

/* --- texts ------------------------------------------------------------------------------------ */

static bool may_name(const struct nt_rule *r, struct nt_slice name)
{
	for (size_t i = 0; i < r->keys_len; i++)
		if (nt_slice_caseeq(r->keys[i].name, name))
			return true;
	return r->metric != NT_RULE_ANY &&
	       nt_slice_caseeq(nt_slice_str(nt_rule_metric_name(r)), name);
}

static int check_placeholders(const struct nt_spec *s, const struct nt_rule *r, const char *path,
			      struct nt_slice text)
{
	struct nt_slice before, name;
	size_t at = 0;
	bool open;

	while (nt_text_placeholder(text, &at, &before, &name, &open)) {
		int shown = name.len < 64 ? (int)name.len : 64;

		if (may_name(r, name))
			continue;
		if (r->metric == NT_RULE_ANY)
			return nt_spec_refuse(s, path,
					      "${%.*s}: only fields of aggregateBy can be named",
					      shown, name.p);
		return nt_spec_refuse(s, path,
				      "${%.*s}: only fields of aggregateBy and ${%s} can be named",
				      shown, name.p, nt_rule_metric_name(r));
	}
	return open ? nt_spec_refuse(s, path, "a ${ is not closed by }") : 0;
}

static int take_texts(const struct nt_spec *s, struct nt_rule *r)
{
	int result = nt_spec_text(s, "spec.summary", TEXT_MAX, &r->summary);

	if (result == 0)
		result = nt_spec_text(s, "spec.description", TEXT_MAX, &r->description);
	if (result == 0)
		result = check_placeholders(s, r, "spec.summary", r->summary);
	if (result == 0)
		result = check_placeholders(s, r, "spec.description", r->description);
	return result;
}

/* --- time ------------------------------------------------------------------------------------- */

/* Ends of windows are multiples of the step, and buckets divide both: the window is exact. */
static void set_buckets(struct nt_rule *r)
{
	int64_t a = r->lookback_us, b = r->period_us, buckets, merged;

	while (b) {
		int64_t rest = a % b;

		a = b;
		b = rest;
	}
	buckets = r->lookback_us / a;
	merged = (buckets + NT_RULE_BUCKETS_MAX - 1) / NT_RULE_BUCKETS_MAX;
	while (buckets % merged)
		merged++;
	r->width_us = a * merged;
	r->step_us = (r->period_us + r->width_us - 1) / r->width_us * r->width_us;
}

static int take_for(const struct nt_spec *s, struct nt_rule *r)
{
	static const char field[] = "spec.for";
	int64_t max_us = r->width_us * NT_RULE_BUCKETS_MAX;
	int result = nt_spec_duration(s, field, &r->for_us);

	if (result < 0 || !r->for_us)
		return result;
	if (r->per_row)
		return nt_spec_refuse(s, field,
				      "needs spec.metric or spec.aggregateBy: a single "
				      "row does not last");
	if (r->for_us > max_us)
		return nt_spec_refuse(s, field,
				      "at most %lld s with this period and lookback, which are "
				      "counted in steps of %lld s",
				      (long long)(max_us / 1000000),
				      (long long)(r->width_us / 1000000));
	return 0;
}

static int take_times(const struct nt_spec *s, struct nt_rule *r)
{
	int result;

	r->period_us = 300 * 1000000LL;
	r->lookback_us = 600 * 1000000LL;
	result = nt_spec_duration(s, "spec.period", &r->period_us);
	if (result == 0)
		result = nt_spec_duration(s, "spec.lookback", &r->lookback_us);
	if (result < 0)
		return result;
	if (r->lookback_us < r->period_us)
		return nt_spec_refuse(s, "spec.lookback",
				      "shorter than the period: rows between two windows would be "
				      "in none");
	set_buckets(r);
	result = take_for(s, r);
	return result == 0 ? nt_spec_duration(s, "spec.cooldown", &r->cooldown_us) : result;
}

/* --- what was seen before --------------------------------------------------------------------- */

/* Long enough for rows that come late, and for windows that are looked at again (memory.h). */
#define UNSEEN_MIN_US (3600 * 1000000LL)
#define UNSEEN_LOOKBACKS 4
#define LEARN_US (86400 * 1000000LL)

/* What a memory of groups is of: with other rows or other groups it would tell nothing. */
static int set_memory_of(const struct nt_spec *s, struct nt_rule *r)
{
	static const struct nt_siphash_key same_in_each_process = { 0 };
	_cleanup_buf_ struct nt_buf text = { 0 };
	const json_t *sets = nt_spec_member(s, "spec.substitutions");
	_cleanup_free_ char *dump = sets ? json_dumps(sets, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

	if (sets && !dump)
		return nt_spec_no_memory(s);
	nt_buf_slice(&text, r->query_text);
	for (size_t i = 0; i < r->keys_len; i++) {
		nt_buf_putc(&text, '\0');
		nt_buf_slice(&text, r->keys[i].name);
	}
	nt_buf_putc(&text, '\0');
	nt_buf_puts(&text, dump ? dump : "");
	if (!nt_buf_ok(&text))
		return nt_spec_no_memory(s);
	r->memory_of = nt_siphash(&same_in_each_process, nt_slice_mem(text.p, text.len));
	return 0;
}

static int check_unseen(const struct nt_spec *s, const struct nt_rule *r)
{
	static const char field[] = "spec.unseenFor";

	if (r->per_row || !r->keys_len)
		return nt_spec_refuse(s, field,
				      "needs spec.aggregateBy: what is new are its groups");
	if (r->unseen_us < UNSEEN_MIN_US || r->unseen_us < UNSEEN_LOOKBACKS * r->lookback_us)
		return nt_spec_refuse(s, field, "at least 1h, and %d times the lookback",
				      UNSEEN_LOOKBACKS);
	if (r->for_us >= r->lookback_us)
		return nt_spec_refuse(s, "spec.for",
				      "a group is new for one lookback: with spec.unseenFor a "
				      "shorter time than that is wanted");
	if (r->learn_us > r->unseen_us)
		return nt_spec_refuse(s, "spec.learnFor",
				      "longer than spec.unseenFor: what was seen at its begin "
				      "would be forgotten at its end");
	return 0;
}

static int take_unseen(const struct nt_spec *s, struct nt_rule *r)
{
	int result = nt_spec_duration(s, "spec.unseenFor", &r->unseen_us);

	if (result < 0)
		return result;
	if (!r->unseen_us)
		return nt_spec_member(s, "spec.learnFor")
			       ? nt_spec_refuse(s, "spec.learnFor", "needs spec.unseenFor")
			       : 0;
	r->learn_us = r->unseen_us < LEARN_US ? r->unseen_us : LEARN_US;
	result = nt_spec_duration(s, "spec.learnFor", &r->learn_us);
	if (result == 0)
		result = check_unseen(s, r);
	return result == 0 ? set_memory_of(s, r) : result;
}

/* --- for who is told -------------------------------------------------------------------------- */

/* As Prometheus and Alertmanager name labels. */
static bool is_label_name(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
	size_t begin = strspn(name, letters);

	return begin && strlen(name) <= LABEL_LEN_MAX &&
	       !name[begin + strspn(name + begin, "abcdefghijklmnopqrstuvwxyz"
						  "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789")];
}

static int take_label(const struct nt_spec *s, struct nt_rule *r, const char *key, json_t *value)
{
	struct nt_rule_label *label = &r->labels[r->labels_len];
	struct nt_slice text = nt_slice_mem(json_string_value(value), json_string_length(value));
	char path[128];
	int result;

	snprintf(path, sizeof(path), "spec.labels.%s", key);
	if (!is_label_name(key))
		return nt_spec_refuse(s, path,
				      "a label's name has letters, digits and _, and begins with "
				      "none of the digits");
	if (!json_is_string(value) || text.len > LABEL_LEN_MAX)
		return nt_spec_refuse(s, path, "must be a text of at most %d octets",
				      LABEL_LEN_MAX);
	result = nt_spec_copy(s, nt_slice_str(key), &label->key);
	if (result == 0)
		result = nt_spec_copy(s, text, &label->value);
	r->labels_len += result == 0;
	return result;
}

static int take_labels(const struct nt_spec *s, struct nt_rule *r)
{
	json_t *labels = nt_spec_member(s, "spec.labels"), *value;
	const char *key;
	int result = 0;

	if (!labels)
		return 0;
	if (!json_is_object(labels) || json_object_size(labels) > LABELS_MAX)
		return nt_spec_refuse(s, "spec.labels", "a mapping of at most %d texts is wanted",
				      LABELS_MAX);
	r->labels = nt_arena_zalloc(s->arena, LABELS_MAX * sizeof(*r->labels));
	if (!r->labels)
		return nt_spec_no_memory(s);
	json_object_foreach(labels, key, value) if (result == 0) result =
		take_label(s, r, key, value);
	return result;
}

static int take_notify(const struct nt_spec *s, struct nt_rule *r)
{
	static const char field[] = "spec.notify";
	json_t *list = nt_spec_member(s, field);
	int result;

	if (!list)
		return 0;
	result = nt_spec_texts(s, list, field, RECEIVERS_MAX, RECEIVER_LEN_MAX, &r->notify,
			       &r->notify_len);
	for (size_t i = 0; i < r->notify_len && result == 0; i++) {
		/* An event keeps them as one text. */
		if (memchr(r->notify[i].p, ',', r->notify[i].len))
			result = nt_spec_refuse(s, field, "a name has no comma: a list is wanted");
		for (size_t k = 0; k < i && result == 0; k++)
			if (nt_slice_eq(r->notify[i], r->notify[k]))
				result = nt_spec_refuse(s, field, "a receiver is there twice");
	}
	return result;
}

/* --- the whole -------------------------------------------------------------------------------- */

static const char *const versions[] = { "nametap.io/v1alpha1", "projectcalico.org/v3" };

static int check_kind(const struct nt_spec *s, const json_t *object, bool *ret_foreign)
{
	const char *version = json_string_value(json_object_get(object, "apiVersion"));

	for (size_t i = 0; i < NT_ARRAY_LEN(versions); i++) {
		if (version && strcmp(version, versions[i]) == 0) {
			*ret_foreign = i > 0;
			return 0;
		}
	}
	return nt_spec_refuse(s, "apiVersion", "%s or %s is wanted", versions[0], versions[1]);
}

/* What the reference has and nametap has not. */
static int check_absent(const struct nt_spec *s)
{
	static const char *const types[] = { "RuleBased", NULL };
	static const char *const sets[] = { "dns", NULL };
	static const char *const others[] = { "audit", "flows", "l7", "waf", "vulnerability" };
	const char *type = json_string_value(nt_spec_member(s, "spec.type"));
	const char *set = json_string_value(nt_spec_member(s, "spec.dataSet"));
	int word, r;

	if ((type && strcmp(type, "AnomalyDetection") == 0) || nt_spec_member(s, "spec.detector"))
		return nt_spec_refuse(s, type ? "spec.type" : "spec.detector",
				      "there is no AnomalyDetection, here as in Calico since 3.18: "
				      "one of RuleBased, with a query and a metric");
	for (size_t i = 0; set && i < NT_ARRAY_LEN(others); i++)
		if (strcmp(set, others[i]) == 0)
			return nt_spec_refuse(s, "spec.dataSet",
					      "one of dns: %s are not recorded by nametap", set);
	r = nt_spec_member(s, "spec.type") ? nt_spec_word(s, "spec.type", types, &word) : 0;
	if (r == 0 && nt_spec_member(s, "spec.dataSet"))
		r = nt_spec_word(s, "spec.dataSet", sets, &word);
	return r;
}

static int check_spec(const struct nt_spec *s)
{
	static const char *const known[] = {
		"type",	     "summary",	  "description", "severity",	  "dataSet",
		"period",    "lookback",  "query",	 "aggregateBy",	  "field",
		"metric",    "condition", "threshold",	 "substitutions", "detector",
		"numerator", "minCount",  "for",	 "cooldown",	  "labels",
		"notify",    "disabled",  "unseenFor",	 "learnFor",	  "test",
		NULL,
	};
	int r;

	if (!json_is_object(s->json))
		return nt_spec_refuse(s, "spec", "missing: a mapping is wanted");
	r = nt_spec_known(s, s->json, "spec", known);
	return r == 0 ? check_absent(s) : r;
}

static int take_severity(const struct nt_spec *s, struct nt_rule *r)
{
	json_t *v = nt_spec_member(s, "spec.severity");
	json_int_t severity = json_integer_value(v);

	if (!json_is_integer(v) || severity < 1 || severity > 100)
		return nt_spec_refuse(s, "spec.severity",
				      "%sa whole number from 1 to 100 is wanted",
				      v ? "" : "missing: ");
	r->severity = (uint32_t)severity;
	return 0;
}

static int take_spec(const struct nt_spec *s, struct nt_rule *r)
{
	static int (*const parts[])(const struct nt_spec *, struct nt_rule *) = {
		take_severity,	      nt_rule_take_figure, take_times,
		nt_rule_take_queries, take_texts,	   take_labels,
		take_notify,	      nt_rule_take_test,   take_unseen,
	};
	int result = check_spec(s);

	for (size_t i = 0; i < NT_ARRAY_LEN(parts) && result == 0; i++)
		result = parts[i](s, r);
	return result == 0 ? nt_spec_bool(s, "spec.disabled", &r->disabled) : result;
}

int nt_rule_parse(const struct nt_object *object, struct nt_rule **ret_rule,
		  struct nt_object_problem *ret_problem)
{
	_cleanup_(nt_rule_freep) struct nt_rule *rule = calloc(1, sizeof(*rule));
	struct nt_spec s = { .json = json_object_get(object->json, "spec"),
			     .arena = rule ? &rule->arena : NULL,
			     .problem = ret_problem };
	bool foreign = false;
	int r;

	if (!rule)
		return nt_spec_no_memory(&s);
	rule->arena = NT_ARENA(ARENA_MAX);
	r = nt_spec_copy(&s, object->name, &rule->name);
	if (r == 0)
		r = check_kind(&s, object->json, &foreign);
	if (r == 0)
		r = take_spec(&s, rule);
	if (r < 0)
		return r;
	if (foreign && rule->metric == NT_RULE_COUNT)
		rule->note = NT_SLICE_LIT("metric count is of lookups here and of log rows in "
					  "Calico; metric countRows is of rows");
	*ret_rule = NT_TAKE_PTR(rule);
	return 0;
}

bool nt_rule_take_feeds(struct nt_rule *r, struct nt_feeds *feeds, char ret_why[NT_FEED_WHY_MAX])
{
	bool all = true;

	for (size_t i = 0; i < r->feeds_len; i++) {
		struct nt_feed_names *old = r->feeds[i].names;

		r->feeds[i].names = nt_feeds_find(feeds, r->feeds[i].feed, all ? ret_why : NULL);
		all = all && r->feeds[i].names;
		nt_feed_names_unref(old);
	}
	return all;
}

void nt_rule_free(struct nt_rule *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->feeds_len; i++)
		nt_feed_names_unref(r->feeds[i].names);
	nt_query_free(r->query);
	nt_query_free(r->numerator);
	nt_arena_done(&r->arena);
	free(r);
}
