/* SPDX-License-Identifier: Apache-2.0 */
/* From rows to a metric's value. */
#include "controller/alerts/figure.h"

#include <stdlib.h>

#include "controller/alerts/key.h"
#include "lib/base/cleanup.h"
#include "lib/query/query.h"
#include "lib/record/histogram.h"

static bool has_value(const struct nt_rule *rule)
{
	return rule->metric >= NT_RULE_SUM && rule->metric <= NT_RULE_AVG;
}

/* --- adding ----------------------------------------------------------------------------------- */

/* Of the rule's field; false when the record has none. The mean of a row weighs as much as what was
 * measured for it. */
static bool value_of(const struct nt_field *field, const struct nt_record *r, double *ret_value,
		     double *ret_weight)
{
	char small[NT_FIELD_SMALL];
	struct nt_column_value v;

	if (nt_field_missing(field, r, r))
		return false;
	v = nt_field_scalar(field, r, r, small);
	if (v.kind != NT_COLUMN_INT && v.kind != NT_COLUMN_DOUBLE)
		return false;
	*ret_value = v.kind == NT_COLUMN_INT ? (double)v.i : v.d;
	*ret_weight = field->kind == NT_FIELD_MEAN ? (double)r->latency_count : 1;
	return true;
}

static void add_value(struct nt_figure *f, const struct nt_rule *rule, const struct nt_record *r)
{
	double value, weight;

	if (!value_of(rule->field.field, r, &value, &weight))
		return;
	f->min = f->weight == 0 || value < f->min ? value : f->min;
	f->max = f->weight == 0 || value > f->max ? value : f->max;
	f->sum += rule->metric == NT_RULE_AVG ? value * weight : value;
	f->weight += weight;
}

static bool add_text(struct nt_figure *f, const struct nt_figure_row *row,
		     const struct nt_server *server, uint64_t *bytes)
{
	if (!nt_keys_take(row->field, row->row, server))
		return false;
	/* No value is a NUL alone. */
	return row->field->text.len == 1 || nt_distinct_add(&f->distinct, row->field->hash, bytes);
}

static bool is_name(const struct nt_rule_key *field)
{
	return nt_slice_eq(field->name, NT_SLICE_LIT("qname")) ||
	       nt_slice_eq(field->name, NT_SLICE_LIT("logical_qname"));
}

/* A folded row has one name in the place of many (lib/record/fold.h). */
static bool add_distinct(struct nt_figure *f, const struct nt_rule *rule,
			 const struct nt_figure_row *row, uint64_t *bytes)
{
	const struct nt_rule_key *field = &rule->field;
	const struct nt_record *r = row->row->r;
	bool whole = true;

	if (r->distinct > f->folded && is_name(field))
		f->folded = r->distinct;
	if (!field->member)
		return add_text(f, row, NULL, bytes);
	if (row->server)
		return add_text(f, row, row->server, bytes);
	for (size_t i = 0; i < r->servers_len; i++)
		whole &= add_text(f, row, &r->servers[i], bytes);
	return whole;
}

static bool add_latencies(struct nt_figure *f, const struct nt_record *r, uint64_t *bytes)
{
	if (!r->latency_count)
		return true;
	if (!f->latencies) {
		if (!nt_budget_take(bytes, sizeof(*f->latencies)))
			return false;
		f->latencies = calloc(1, sizeof(*f->latencies));
		if (!f->latencies) {
			*bytes -= sizeof(*f->latencies);
			return false;
		}
	}
	nt_histogram_add(f->latencies->histogram, r->latency_histogram);
	if (r->latency_max_ns > f->latencies->max_ns)
		f->latencies->max_ns = r->latency_max_ns;
	return true;
}

bool nt_figure_add(struct nt_figure *f, const struct nt_rule *rule, const struct nt_figure_row *row,
		   uint64_t *bytes)
{
	const struct nt_record *r = row->row->r;
	/* A late reply is no lookup of its own: it makes no group. */
	bool seen = !r->late || rule->late;

	f->rows += seen;
	f->count += (double)r->count;
	if (has_value(rule))
		add_value(f, rule, r);
	else if (rule->metric == NT_RULE_RATIO &&
		 nt_query_terms_eval(row->row->terms, rule->numerator, r))
		f->numerator += (double)r->count;
	else if (rule->metric == NT_RULE_DISTINCT && seen)
		return add_distinct(f, rule, row, bytes);
	else if (nt_rule_is_percentile(rule))
		return add_latencies(f, r, bytes);
	return true;
}

void nt_figure_done(struct nt_figure *f, const struct nt_rule *rule, uint64_t *bytes)
{
	if (rule->metric == NT_RULE_DISTINCT) {
		nt_distinct_done(&f->distinct, bytes);
	} else if (nt_rule_is_percentile(rule) && f->latencies) {
		*bytes -= sizeof(*f->latencies);
		free(f->latencies);
	}
}

/* --- the window ------------------------------------------------------------------------------- */

static void unite_values(struct nt_figure_sum *into, const struct nt_figure *f)
{
	if (f->weight > 0) {
		into->min = into->weight == 0 || f->min < into->min ? f->min : into->min;
		into->max = into->weight == 0 || f->max > into->max ? f->max : into->max;
	}
	into->sum += f->sum;
	into->weight += f->weight;
}

static void unite_latencies(struct nt_latencies *into, const struct nt_latencies *l)
{
	if (!l)
		return;
	nt_histogram_add(into->histogram, l->histogram);
	if (l->max_ns > into->max_ns)
		into->max_ns = l->max_ns;
}

void nt_figure_unite(struct nt_figure_sum *into, const struct nt_rule *rule,
		     const struct nt_figure *f)
{
	into->rows += f->rows;
	into->count += f->count;
	if (has_value(rule)) {
		unite_values(into, f);
	} else if (rule->metric == NT_RULE_RATIO) {
		into->numerator += f->numerator;
	} else if (rule->metric == NT_RULE_DISTINCT) {
		nt_distinct_unite(&into->distinct, &f->distinct);
		into->folded = f->folded > into->folded ? f->folded : into->folded;
	} else if (nt_rule_is_percentile(rule)) {
		unite_latencies(&into->latencies, f->latencies);
	}
}

/* Names of folded rows may be names of other rows: they are no reason to say more. */
static double distinct_of(const struct nt_figure_sum *sum)
{
	uint64_t n = nt_distinct_estimate(&sum->distinct);

	return (double)(n > sum->folded ? n : sum->folded);
}

static bool percentile_of(const struct nt_figure_sum *sum, unsigned percent, double *ret_value)
{
	uint64_t ns =
		nt_histogram_percentile(sum->latencies.histogram, sum->latencies.max_ns, percent);

	*ret_value = (double)ns;
	return ns > 0;
}

static bool value(const struct nt_figure_sum *sum, const struct nt_rule *rule, double *ret_value)
{
	switch (rule->metric) {
	case NT_RULE_COUNT_ROWS:
		*ret_value = (double)sum->rows;
		return true;
	case NT_RULE_SUM:
		*ret_value = sum->sum;
		return true;
	case NT_RULE_MIN:
		*ret_value = sum->min;
		return sum->weight > 0;
	case NT_RULE_MAX:
		*ret_value = sum->max;
		return sum->weight > 0;
	case NT_RULE_AVG:
		*ret_value = sum->sum / sum->weight;
		return sum->weight > 0;
	case NT_RULE_DISTINCT:
		*ret_value = distinct_of(sum);
		return true;
	case NT_RULE_P50:
		return percentile_of(sum, 50, ret_value);
	case NT_RULE_P95:
		return percentile_of(sum, 95, ret_value);
	case NT_RULE_P99:
		return percentile_of(sum, 99, ret_value);
	case NT_RULE_RATIO:
		*ret_value = sum->numerator / sum->count;
		return sum->count > 0;
	default:
		*ret_value = sum->count;
		return true;
	}
}

bool nt_figure_value(const struct nt_figure_sum *sum, const struct nt_rule *rule, double *ret_value)
{
	bool anything = sum->rows || sum->weight > 0 || sum->latencies.max_ns;

	if (!anything && (rule->keys_len || rule->metric == NT_RULE_ANY))
		return false;
	if (sum->count < (double)rule->min_count)
		return false;
	return value(sum, rule, ret_value);
}
