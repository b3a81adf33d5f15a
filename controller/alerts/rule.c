/* SPDX-License-Identifier: Apache-2.0 */
/* GlobalAlert objects to rules: every field checked, and each mistake with what to write. */
#include "controller/alerts/rule.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "controller/alerts/text.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/nearest.h"
#include "lib/base/parse.h"
#include "lib/query/query.h"

enum {
	TEXT_MAX = 2048, /* of summary and description */
	ARENA_MAX = 64 << 10,
};
#define DURATION_MAX_US (30 * 86400 * 1000000LL) /* longer than rows are kept */

static const char *const metrics[] = { "", "count", "sum", "min", "max", "avg", NULL };
static const char *const conditions[] = { "eq", "not_eq", "lt", "lte", "gt", "gte", NULL };

struct parse {
	struct nt_rule *rule;
	json_t *spec; /* borrowed */
	struct nt_object_problem *problem;
};

#define refuse(p, ...) nt_object_refuse((p)->problem, __VA_ARGS__)
#define no_memory(p) nt_object_no_memory((p)->problem)

/* --- values of the spec ----------------------------------------------------------------------- */

/* "summary" of "spec.summary"; NULL when it is not there. */
static json_t *member(const struct parse *p, const char *path)
{
	json_t *v = json_object_get(p->spec, path + strlen("spec."));

	return json_is_null(v) ? NULL : v;
}

/* "" when it is not there. */
static int take_text(struct parse *p, const char *path, size_t max_len, struct nt_slice *ret)
{
	json_t *v = member(p, path);

	if (!v)
		return 0;
	if (!json_is_string(v))
		return refuse(p, path, "must be a text: put it in quotes");
	if (json_string_length(v) > max_len)
		return refuse(p, path, "longer than %zu octets", max_len);
	*ret = nt_arena_copy(&p->rule->arena,
			     nt_slice_mem(json_string_value(v), json_string_length(v)));
	return ret->p ? 0 : no_memory(p);
}

static int take_word(struct parse *p, const char *path, const char *const *words, int *ret_index)
{
	json_t *v = member(p, path);
	const char *text = json_string_value(v), *near;
	_cleanup_buf_ struct nt_buf all = { 0 };

	for (int i = 0; text && text[0] && words[i]; i++) {
		if (strcmp(words[i], text) == 0) {
			*ret_index = i;
			return 0;
		}
	}
	for (; *words && !**words; words++)
		; /* the word for none */
	for (int i = 0; words[i]; i++)
		nt_buf_printf(&all, "%s%s", i ? ", " : "", words[i]);
	near = text ? nt_nearest_in(nt_slice_str(text), words) : NULL;
	return refuse(p, path, "one of %s%s%s%s", nt_buf_str(&all), near ? "; did you mean " : "",
		      near ? near : "", near ? "?" : "");
}

/* "5m", and "1h30m" as Go writes it. */
static bool parse_duration(struct nt_slice text, int64_t *ret_us)
{
	int64_t sum_ns = 0, ns;
	size_t from = 0;

	for (size_t i = 0; i < text.len; i++) {
		bool unit = text.p[i] >= 'a' && text.p[i] <= 'z';
		bool next = i + 1 < text.len && text.p[i + 1] >= 'a' && text.p[i + 1] <= 'z';

		if (!unit || next)
			continue;
		if (nt_parse_duration_ns(nt_slice_mem(text.p + from, i + 1 - from), &ns) < 0 ||
		    ns > DURATION_MAX_US * NT_NS_PER_US)
			return false;
		sum_ns += ns;
		if (sum_ns > DURATION_MAX_US * NT_NS_PER_US)
			return false;
		from = i + 1;
	}
	*ret_us = sum_ns / NT_NS_PER_US;
	return from && from == text.len && sum_ns % NT_NS_PER_S == 0;
}

static int take_duration(struct parse *p, const char *path, int64_t *us)
{
	json_t *v = member(p, path);

	if (!v)
		return 0;
	if (!json_is_string(v) ||
	    !parse_duration(nt_slice_mem(json_string_value(v), json_string_length(v)), us))
		return refuse(p, path, "a duration in whole seconds, such as 30s, 5m or 1h30m");
	if (*us < NT_NS_PER_S / NT_NS_PER_US || *us > DURATION_MAX_US)
		return refuse(p, path, "from 1s to 30d");
	return 0;
}

static int take_severity(struct parse *p)
{
	json_t *v = member(p, "spec.severity");
	json_int_t severity = json_integer_value(v);

	if (!json_is_integer(v) || severity < 1 || severity > 100)
		return refuse(p, "spec.severity", "%sa whole number from 1 to 100 is wanted",
			      v ? "" : "missing: ");
	p->rule->severity = (uint32_t)severity;
	return 0;
}

/* --- fields of the record --------------------------------------------------------------------- */

static int refuse_field(struct parse *p, const char *path, struct nt_slice name)
{
	const char *near = nt_query_suggest_field(name);
	int shown = name.len < 64 ? (int)name.len : 64;

	return refuse(p, path, "%.*s is not a field%s%s%s", shown, name.p,
		      near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static int take_key(struct parse *p, const char *path, struct nt_slice name)
{
	const struct nt_query_field *q = nt_query_field_find(name);
	struct nt_rule *r = p->rule;
	struct nt_rule_key *key = &r->keys[r->keys_len];
	const char *dot;

	if (!q)
		return refuse_field(p, path, name);
	if (!q->groupable)
		return refuse(p, path, "%s is not a field to group by", q->name);
	key->name = nt_slice_str(q->name); /* constant of the schema */
	for (size_t i = 0; i < r->keys_len; i++)
		if (nt_slice_eq(r->keys[i].name, key->name))
			return refuse(p, path, "%s is there twice", q->name);
	key->field = nt_field_find(&nt_record_fields, key->name);
	dot = strchr(q->name, '.');
	if (!key->field && dot) {
		key->field = nt_field_find(&nt_record_fields,
					   nt_slice_mem(q->name, (size_t)(dot - q->name)));
		key->member = nt_field_find(nt_field_members(key->field), nt_slice_str(dot + 1));
	}
	r->key_names[r->keys_len++] = key->name;
	return 0;
}

static int take_keys(struct parse *p)
{
	json_t *list = member(p, "spec.aggregateBy");

	if (!list)
		return 0;
	if (!json_is_array(list))
		return refuse(p, "spec.aggregateBy", "must be a list, such as [client_namespace]");
	if (json_array_size(list) > NT_STORE_GROUP_KEYS)
		return refuse(p, "spec.aggregateBy", "at most %d fields", NT_STORE_GROUP_KEYS);
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *v = json_array_get(list, i);
		char path[48];
		int r;

		snprintf(path, sizeof(path), "spec.aggregateBy[%zu]", i);
		if (!json_is_string(v))
			return refuse(p, path, "must be the name of a field");
		r = take_key(p, path, nt_slice_mem(json_string_value(v), json_string_length(v)));
		if (r < 0)
			return r;
	}
	return 0;
}

static bool is_number(const struct nt_field *f)
{
	return f->kind == NT_FIELD_UINT || f->kind == NT_FIELD_NS || f->kind == NT_FIELD_MEAN ||
	       f->kind == NT_FIELD_HOP;
}

static int take_metric_field(struct parse *p)
{
	struct nt_rule *r = p->rule;
	const struct nt_query_field *q;
	struct nt_slice name = { 0 };
	int result = take_text(p, "spec.field", 256, &name);

	if (result < 0)
		return result;
	if (name.len && r->metric == NT_RULE_ANY)
		return refuse(p, "spec.field", "needs spec.metric: sum, min, max or avg");
	if (name.len && r->metric == NT_RULE_COUNT)
		return refuse(p, "spec.field",
			      "metric count has no field: leave it out, or use "
			      "metric: sum");
	if (!name.len && r->metric > NT_RULE_COUNT)
		return refuse(p, "spec.field", "missing: metric %s needs a field with numbers",
			      nt_rule_metric_name(r));
	if (!name.len)
		return 0;
	q = nt_query_field_find(name);
	if (!q)
		return refuse_field(p, "spec.field", name);
	r->field = nt_field_find(&nt_record_fields, nt_slice_str(q->name));
	if (!r->field || !is_number(r->field))
		return refuse(p, "spec.field",
			      "%s is no number: count, unanswered or "
			      "latency_max would be",
			      q->name);
	r->field_name = nt_slice_str(q->name);
	return 0;
}

static int take_threshold(struct parse *p)
{
	struct nt_rule *r = p->rule;
	json_t *threshold = member(p, "spec.threshold");
	int word = 0, result;

	if (r->metric == NT_RULE_ANY && (threshold || member(p, "spec.condition")))
		return refuse(p, threshold ? "spec.threshold" : "spec.condition",
			      "needs spec.metric");
	if (r->metric == NT_RULE_ANY)
		return 0;
	result = take_word(p, "spec.condition", conditions, &word);
	if (result < 0)
		return result;
	r->condition = (enum nt_rule_condition)word;
	if (!json_is_number(threshold) || !isfinite(json_number_value(threshold)))
		return refuse(p, "spec.threshold", "%sa number is wanted",
			      threshold ? "" : "missing: ");
	r->threshold = json_number_value(threshold);
	return 0;
}

/* --- query and texts -------------------------------------------------------------------------- */

static bool is_blank(struct nt_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!strchr(" \t\r\n", s.p[i]))
			return false;
	return true;
}

/* The filter of an event has one pair of brackets and some conditions more than the rule's. */
static bool filter_fits(const struct nt_rule *r)
{
	_cleanup_(nt_query_freep) struct nt_query *q = NULL;
	_cleanup_buf_ struct nt_buf text = { 0 };
	const struct nt_slice values[NT_STORE_GROUP_KEYS] = { 0 };
	struct nt_query_error mistake;

	nt_text_filter(r, values, &text);
	return nt_buf_ok(&text) &&
	       nt_query_parse(nt_slice_mem(text.p, text.len), &q, &mistake) == 0;
}

static int take_query(struct parse *p)
{
	struct nt_query_error mistake = { 0 };
	struct nt_rule *r = p->rule;
	int result = take_text(p, "spec.query", NT_RULE_QUERY_MAX, &r->query_text);

	if (result < 0)
		return result;
	if (is_blank(r->query_text))
		r->query_text.len = 0;
	if (nt_query_parse(r->query_text, &r->query, &mistake) < 0)
		return refuse(p, "spec.query", "at octet %zu: %s%s%s%s", mistake.at, mistake.msg,
			      mistake.suggestion[0] ? "; did you mean " : "", mistake.suggestion,
			      mistake.suggestion[0] ? "?" : "");
	if (!filter_fits(r))
		return refuse(p, "spec.query", "too many brackets in each other");
	r->side = nt_query_mentions(r->query, "side") ? -1 : NT_SIDE_CLIENT;
	r->role = nt_query_mentions(r->query, "role") ? -1 : NT_ROLE_WORKLOAD;
	r->late = nt_query_mentions(r->query, "late") || nt_query_mentions(r->query, "late_of");
	return 0;
}

static bool may_name(const struct nt_rule *r, struct nt_slice name)
{
	for (size_t i = 0; i < r->keys_len; i++)
		if (nt_slice_caseeq(r->keys[i].name, name))
			return true;
	return r->metric != NT_RULE_ANY &&
	       nt_slice_caseeq(nt_slice_str(nt_rule_metric_name(r)), name);
}

static int check_placeholders(struct parse *p, const char *path, struct nt_slice text)
{
	const struct nt_rule *r = p->rule;
	struct nt_slice before, name;
	size_t at = 0;
	bool open;

	while (nt_text_placeholder(text, &at, &before, &name, &open)) {
		int shown = name.len < 64 ? (int)name.len : 64;

		if (may_name(r, name))
			continue;
		if (r->metric == NT_RULE_ANY)
			return refuse(p, path, "${%.*s}: only fields of aggregateBy can be named",
				      shown, name.p);
		return refuse(p, path, "${%.*s}: only fields of aggregateBy and ${%s} can be named",
			      shown, name.p, nt_rule_metric_name(r));
	}
	return open ? refuse(p, path, "a ${ is not closed by }") : 0;
}

static int take_texts(struct parse *p)
{
	struct nt_rule *r = p->rule;
	int result = take_text(p, "spec.summary", TEXT_MAX, &r->summary);

	if (result == 0)
		result = take_text(p, "spec.description", TEXT_MAX, &r->description);
	if (result == 0)
		result = check_placeholders(p, "spec.summary", r->summary);
	if (result == 0)
		result = check_placeholders(p, "spec.description", r->description);
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

static int take_times(struct parse *p)
{
	struct nt_rule *r = p->rule;
	int result;

	r->period_us = 300 * 1000000LL;
	r->lookback_us = 600 * 1000000LL;
	result = take_duration(p, "spec.period", &r->period_us);
	if (result == 0)
		result = take_duration(p, "spec.lookback", &r->lookback_us);
	if (result < 0)
		return result;
	if (r->lookback_us < r->period_us)
		return refuse(p, "spec.lookback",
			      "shorter than the period: rows between two "
			      "windows would be in none");
	set_buckets(r);
	return 0;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int check_kind(struct parse *p, const json_t *object)
{
	static const char *const versions[] = { "nametap.io/v1alpha1", "projectcalico.org/v3" };
	const char *version = json_string_value(json_object_get(object, "apiVersion"));

	for (size_t i = 0; i < NT_ARRAY_LEN(versions); i++)
		if (version && strcmp(version, versions[i]) == 0)
			return 0;
	return refuse(p, "apiVersion", "%s or %s is wanted", versions[0], versions[1]);
}

static int check_spec(struct parse *p)
{
	static const char *const known[] = { "type",	  "summary",	   "description",
					     "severity",  "dataSet",	   "period",
					     "lookback",  "query",	   "aggregateBy",
					     "field",	  "metric",	   "condition",
					     "threshold", "substitutions", NULL };
	static const char *const types[] = { "RuleBased", NULL };
	static const char *const sets[] = { "dns", NULL };
	const char *unknown, *near;
	char path[96];
	int word, r;

	if (!json_is_object(p->spec))
		return refuse(p, "spec", "missing: a mapping is wanted");
	unknown = nt_fields_unknown(p->spec, known);
	if (unknown) {
		snprintf(path, sizeof(path), "spec.%s", unknown);
		near = nt_nearest_in(nt_slice_str(unknown), known);
		return refuse(p, path, "no such field%s%s%s", near ? "; did you mean " : "",
			      near ? near : "", near ? "?" : "");
	}
	if (member(p, "spec.substitutions"))
		return refuse(p, "spec.substitutions",
			      "not yet: write the values into the query, "
			      "as in qname IN {a, b}");
	r = member(p, "spec.type") ? take_word(p, "spec.type", types, &word) : 0;
	if (r == 0 && member(p, "spec.dataSet"))
		r = take_word(p, "spec.dataSet", sets, &word);
	return r;
}

static int parse_spec(struct parse *p)
{
	struct nt_rule *r = p->rule;
	int metric = NT_RULE_ANY;
	int result = check_spec(p);

	if (result == 0)
		result = take_severity(p);
	if (result == 0)
		result = take_times(p);
	if (result == 0)
		result = take_keys(p);
	if (result == 0 && member(p, "spec.metric"))
		result = take_word(p, "spec.metric", metrics, &metric);
	r->metric = (enum nt_rule_metric)metric;
	if (result == 0)
		result = take_metric_field(p);
	if (result == 0)
		result = take_threshold(p);
	if (result == 0)
		result = take_query(p);
	return result == 0 ? take_texts(p) : result;
}

int nt_rule_parse(const struct nt_object *object, struct nt_rule **ret_rule,
		  struct nt_object_problem *ret_problem)
{
	_cleanup_(nt_rule_freep) struct nt_rule *rule = calloc(1, sizeof(*rule));
	struct parse p = { .rule = rule, .problem = ret_problem };
	const json_t *json = object->json;
	int r;

	if (!rule)
		return no_memory(&p);
	rule->arena = NT_ARENA(ARENA_MAX);
	rule->name = nt_arena_copy(&rule->arena, object->name);
	if (!rule->name.p)
		return no_memory(&p);
	p.spec = json_object_get(json, "spec");
	r = check_kind(&p, json);
	if (r == 0)
		r = parse_spec(&p);
	if (r == 0)
		*ret_rule = NT_TAKE_PTR(rule);
	return r;
}

void nt_rule_free(struct nt_rule *r)
{
	if (!r)
		return;
	nt_query_free(r->query);
	nt_arena_done(&r->arena);
	free(r);
}

const char *nt_rule_metric_name(const struct nt_rule *r)
{
	return metrics[r->metric];
}

const char *nt_rule_condition_name(const struct nt_rule *r)
{
	return r->metric == NT_RULE_ANY ? "" : conditions[r->condition];
}

bool nt_rule_holds(const struct nt_rule *r, double value)
{
	switch (r->condition) {
	case NT_RULE_EQ:
		return value == r->threshold;
	case NT_RULE_NOT_EQ:
		return value != r->threshold;
	case NT_RULE_LT:
		return value < r->threshold;
	case NT_RULE_LTE:
		return value <= r->threshold;
	case NT_RULE_GT:
		return value > r->threshold;
	default:
		return value >= r->threshold;
	}
}

bool nt_rule_worse(const struct nt_rule *r, double value, double than)
{
	bool below = r->metric != NT_RULE_ANY &&
		     (r->condition == NT_RULE_LT || r->condition == NT_RULE_LTE);

	return below ? value < than : value > than;
}
