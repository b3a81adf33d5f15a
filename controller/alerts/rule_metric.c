/* SPDX-License-Identifier: Apache-2.0 */
/* In which groups a rule counts, and what: fields against the schema, and what goes with what. */
#include "controller/alerts/rule_parts.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "lib/base/cleanup.h"
#include "lib/query/query.h"

/* In the order of enum nt_rule_metric and enum nt_rule_condition. */
static const char *const metrics[] = { "",    "count", "countRows", "sum", "min",
				       "max", "avg",   "distinct",  "p50", "p95",
				       "p99", "ratio", NULL };
static const char *const conditions[] = { "eq", "not_eq", "lt", "lte", "gt", "gte", NULL };

const char *nt_rule_metric_name(const struct nt_rule *r)
{
	return metrics[r->metric];
}

const char *nt_rule_condition_name(const struct nt_rule *r)
{
	return r->metric == NT_RULE_ANY ? "" : conditions[r->condition];
}

/* --- fields of the record --------------------------------------------------------------------- */

static int refuse_field(const struct nt_spec *s, const char *path, struct nt_slice name)
{
	const char *near = nt_query_suggest_field(name);
	int shown = name.len < 64 ? (int)name.len : 64;

	return nt_spec_refuse(s, path, "%.*s is not a field%s%s%s", shown, name.p,
			      near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static struct nt_rule_key key_of(const struct nt_query_field *q)
{
	struct nt_rule_key key = { .name = nt_slice_str(q->name) }; /* constant of the schema */
	const char *dot = strchr(q->name, '.');

	key.field = nt_field_find(&nt_record_fields, key.name);
	if (!key.field && dot) {
		key.field = nt_field_find(&nt_record_fields,
					  nt_slice_mem(q->name, (size_t)(dot - q->name)));
		key.member = nt_field_find(nt_field_members(key.field), nt_slice_str(dot + 1));
	}
	return key;
}

static void add_key(struct nt_rule *r, struct nt_rule_key key)
{
	r->key_names[r->keys_len] = key.name;
	r->keys[r->keys_len++] = key;
}

static int take_key(const struct nt_spec *s, struct nt_rule *r, const char *path,
		    struct nt_slice name)
{
	const struct nt_query_field *q = nt_query_field_find(name);
	struct nt_rule_key key;

	if (!q)
		return refuse_field(s, path, name);
	if (!q->groupable)
		return nt_spec_refuse(s, path, "%s is not a field to group by", q->name);
	key = key_of(q);
	for (size_t i = 0; i < r->keys_len; i++)
		if (nt_slice_eq(r->keys[i].name, key.name))
			return nt_spec_refuse(s, path, "%s is there twice", q->name);
	add_key(r, key);
	return 0;
}

/* Calico's documents have a text in the place of a list of one, too. */
static int take_keys(const struct nt_spec *s, struct nt_rule *r)
{
	json_t *list = nt_spec_member(s, "spec.aggregateBy");

	if (!list)
		return 0;
	if (json_is_string(list))
		return take_key(s, r, "spec.aggregateBy",
				nt_slice_mem(json_string_value(list), json_string_length(list)));
	if (!json_is_array(list))
		return nt_spec_refuse(s, "spec.aggregateBy",
				      "must be a list, such as [client_namespace]");
	if (json_array_size(list) > NT_STORE_GROUP_KEYS)
		return nt_spec_refuse(s, "spec.aggregateBy", "at most %d fields",
				      NT_STORE_GROUP_KEYS);
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *v = json_array_get(list, i);
		char path[48];
		int result;

		snprintf(path, sizeof(path), "spec.aggregateBy[%zu]", i);
		if (!json_is_string(v))
			return nt_spec_refuse(s, path, "must be the name of a field");
		result = take_key(s, r, path,
				  nt_slice_mem(json_string_value(v), json_string_length(v)));
		if (result < 0)
			return result;
	}
	return 0;
}

/* --- the metric's field ----------------------------------------------------------------------- */

static bool is_number(const struct nt_rule_key *key)
{
	const struct nt_field *f = key->field;

	return f && !key->member &&
	       (f->kind == NT_FIELD_UINT || f->kind == NT_FIELD_NS || f->kind == NT_FIELD_MEAN ||
		f->kind == NT_FIELD_HOP);
}

static int refuse_needless(const struct nt_spec *s, const struct nt_rule *r)
{
	static const char field[] = "spec.field";

	if (r->metric == NT_RULE_ANY)
		return nt_spec_refuse(s, field,
				      "needs spec.metric: sum, min, max, avg or distinct");
	if (nt_rule_is_percentile(r))
		return nt_spec_refuse(s, field,
				      "metric %s is of the latencies of lookups and has no "
				      "field: leave it out",
				      nt_rule_metric_name(r));
	if (r->metric == NT_RULE_RATIO)
		return nt_spec_refuse(s, field, "metric ratio has spec.numerator and no field");
	return nt_spec_refuse(s, field, "metric %s has no field: leave it out, or use metric: sum",
			      nt_rule_metric_name(r));
}

static int take_field(const struct nt_spec *s, struct nt_rule *r)
{
	bool wanted = (r->metric >= NT_RULE_SUM && r->metric <= NT_RULE_DISTINCT);
	bool distinct = r->metric == NT_RULE_DISTINCT;
	const struct nt_query_field *q;
	struct nt_slice name = { 0 };
	int result = nt_spec_text(s, "spec.field", 256, &name);

	if (result < 0)
		return result;
	if (name.len && !wanted)
		return refuse_needless(s, r);
	if (!name.len && wanted)
		return nt_spec_refuse(s, "spec.field", "missing: metric %s needs a field%s",
				      nt_rule_metric_name(r),
				      distinct ? ", such as qname" : " with numbers");
	if (!wanted)
		return 0;
	q = nt_query_field_find(name);
	if (!q)
		return refuse_field(s, "spec.field", name);
	r->field = key_of(q);
	if (distinct && !q->groupable)
		return nt_spec_refuse(s, "spec.field",
				      "the values of %s are not told apart: qname, domain or "
				      "client_name would be",
				      q->name);
	if (!distinct && !is_number(&r->field))
		return nt_spec_refuse(s, "spec.field",
				      "%s is no number: count, unanswered or latency_max would be",
				      q->name);
	return 0;
}

/* --- condition -------------------------------------------------------------------------------- */

static int refuse_lonely(const struct nt_spec *s)
{
	static const char *const paths[] = { "spec.threshold", "spec.condition", "spec.minCount" };

	for (size_t i = 0; i < NT_ARRAY_LEN(paths); i++)
		if (nt_spec_member(s, paths[i]))
			return nt_spec_refuse(s, paths[i], "needs spec.metric");
	return 0;
}

static int take_threshold(const struct nt_spec *s, struct nt_rule *r)
{
	json_t *threshold = nt_spec_member(s, "spec.threshold");
	int word = 0, result;

	result = nt_spec_word(s, "spec.condition", conditions, &word);
	if (result < 0)
		return result;
	r->condition = (enum nt_rule_condition)word;
	if (!json_is_number(threshold) || !isfinite(json_number_value(threshold)))
		return nt_spec_refuse(s, "spec.threshold", "%sa number is wanted",
				      threshold ? "" : "missing: ");
	r->threshold = json_number_value(threshold);
	if (r->metric == NT_RULE_RATIO && (r->threshold < 0 || r->threshold > 1))
		return nt_spec_refuse(s, "spec.threshold",
				      "a ratio is from 0 to 1: 30 percent are 0.3");
	return 0;
}

/* More rows do not raise these figures: one lookup alone would be 100 percent of something. */
static int take_min_count(const struct nt_spec *s, struct nt_rule *r)
{
	json_t *v = nt_spec_member(s, "spec.minCount");

	if (!v)
		return 0;
	if (r->metric != NT_RULE_AVG && r->metric != NT_RULE_RATIO && !nt_rule_is_percentile(r))
		return nt_spec_refuse(s, "spec.minCount",
				      "is for metric avg, p50, p95, p99 and ratio");
	if (!json_is_integer(v) || json_integer_value(v) < 1)
		return nt_spec_refuse(s, "spec.minCount", "a whole number from 1 on is wanted");
	r->min_count = (uint64_t)json_integer_value(v);
	return 0;
}

/* One event per row: what tells rows apart is the number that their agent gave them. */
static void group_by_row(struct nt_rule *r)
{
	r->per_row = true;
	add_key(r, key_of(nt_query_field_find(NT_SLICE_LIT("node"))));
	add_key(r, key_of(nt_query_field_find(NT_SLICE_LIT("id"))));
}

int nt_rule_take_figure(const struct nt_spec *s, struct nt_rule *r)
{
	int word = NT_RULE_ANY, result = take_keys(s, r);

	if (result == 0 && nt_spec_member(s, "spec.metric"))
		result = nt_spec_word(s, "spec.metric", metrics, &word);
	r->metric = (enum nt_rule_metric)word;
	if (result == 0)
		result = take_field(s, r);
	if (result == 0)
		result = r->metric == NT_RULE_ANY ? refuse_lonely(s) : take_threshold(s, r);
	if (result == 0)
		result = take_min_count(s, r);
	if (result == 0 && r->metric == NT_RULE_ANY && !r->keys_len)
		group_by_row(r);
	return result;
}

/* --- what a figure means ---------------------------------------------------------------------- */

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
