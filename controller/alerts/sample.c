/* SPDX-License-Identifier: Apache-2.0 */
/* Rows around a rule's threshold. */
#include "controller/alerts/sample.h"

#include <math.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "controller/alerts/key.h"
#include "controller/alerts/sample_base.h"
#include "lib/base/cleanup.h"
#include "lib/query/invent.h"
#include "lib/query/query.h"

enum {
	ARENA_MAX = 16 << 20,
	RATIO_OF = 1000, /* lookups, of which a ratio is a part */
	/* distinct is an estimate behind 128 values, with an error of 3.25 percent. */
	SURE_DISTINCT = 100,
	DISTINCT_MARGIN_PERCENT = 20,
};

#define FIGURE_MAX 9007199254740992.0 /* 2^53: as ingestion has it */

struct making {
	const struct nt_rule *rule;
	bool fires;
	struct nt_sample *sample;
	size_t cap;
	char *why; /* 256 */
};

static enum nt_sample_outcome fail(const struct making *m, enum nt_sample_outcome outcome,
				   const char *fmt, ...) NT_PRINTF(3, 4);
static enum nt_sample_outcome fail(const struct making *m, enum nt_sample_outcome outcome,
				   const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(m->why, 256, fmt, ap);
	va_end(ap);
	return outcome;
}

#define impossible(m, ...) fail(m, NT_SAMPLE_IMPOSSIBLE, __VA_ARGS__)
#define unknown(m, ...) fail(m, NT_SAMPLE_UNKNOWN, __VA_ARGS__)

/* --- rows ------------------------------------------------------------------------------------- */

static enum nt_sample_outcome add_rows(struct making *m, const struct nt_record *record,
				       double times, int64_t offset_us)
{
	struct nt_sample *s = m->sample;

	if (times > NT_SAMPLE_ROWS_MAX - (double)s->len)
		return unknown(m, "it would take more than %d rows", NT_SAMPLE_ROWS_MAX);
	if (s->len + (size_t)times > m->cap) {
		size_t cap = (s->len + (size_t)times) * 2;
		struct nt_sample_row *rows = reallocarray(s->rows, cap, sizeof(*rows));

		if (!rows)
			return unknown(m, "no memory");
		s->rows = rows;
		m->cap = cap;
	}
	for (size_t i = 0; i < (size_t)times; i++)
		s->rows[s->len++] = (struct nt_sample_row){ *record, offset_us };
	return NT_SAMPLE_MADE;
}

/* numerator: 1 or 0 when it is to hold, or not; -1: no matter. */
static enum nt_sample_outcome invent(const struct making *m, const struct nt_record *base,
				     int numerator, size_t number, struct nt_record *ret_record)
{
	const struct nt_query_wish wishes[] = { { m->rule->query, true },
						{ m->rule->numerator, numerator == 1 } };
	const struct nt_query_invention wanted = { .wishes = wishes,
						   .len = numerator < 0 ? 1 : 2,
						   .base = base,
						   .number = number,
						   .arena = &m->sample->arena };
	struct nt_err err = { 0 };
	int r = nt_query_invent(&wanted, ret_record, &err);

	if (r == 0)
		return NT_SAMPLE_MADE;
	return fail(m, r == -ENOENT ? NT_SAMPLE_IMPOSSIBLE : NT_SAMPLE_UNKNOWN, "%s: %s",
		    numerator < 0 ? "spec.query" : "spec.query with spec.numerator", err.msg);
}

/* The text by which a key tells rows apart, in the arena. */
static struct nt_slice text_of(const struct making *m, const struct nt_rule_key *key,
			       const struct nt_record *r)
{
	_cleanup_buf_ struct nt_buf scratch = { 0 };
	const struct nt_server *server = r->servers_len ? &r->servers[0] : NULL;

	return nt_arena_copy(&m->sample->arena, nt_key_text(key, r, server, &scratch));
}

static bool same_group(const struct making *m, const struct nt_record *a, const struct nt_record *b)
{
	for (size_t i = 0; i < m->rule->keys_len; i++)
		if (!nt_slice_eq(text_of(m, &m->rule->keys[i], a),
				 text_of(m, &m->rule->keys[i], b)))
			return false;
	return true;
}

/* --- numbers ---------------------------------------------------------------------------------- */

/* The multiple of `unit`, from the min-th on, that is nearest to the threshold on the side that is
 * wanted. False: there is none. */
static bool find_multiple(const struct making *m, double unit, double min, double *ret_times)
{
	double middle = floor(m->rule->threshold / unit);
	const double tries[] = { middle, middle + 1, middle - 1, middle + 2, min, min + 1 };

	for (size_t i = 0; i < NT_ARRAY_LEN(tries); i++) {
		if (tries[i] < min || nt_rule_holds(m->rule, tries[i] * unit) != m->fires)
			continue;
		*ret_times = tries[i];
		return true;
	}
	return false;
}

static bool is_grouped(const struct nt_rule *r)
{
	return r->keys_len > 0;
}

/* No figure does as it is wanted: that is no fault where a group without rows is silent. */
static enum nt_sample_outcome no_figure(const struct making *m, const char *of)
{
	const struct nt_rule *r = m->rule;

	if (m->fires)
		return impossible(m, "it can never fire: no %s is %s %g", of,
				  nt_rule_condition_name(r), r->threshold);
	if (is_grouped(r) || !nt_rule_counts(r))
		return NT_SAMPLE_MADE; /* without rows */
	return impossible(m, "it always fires: each %s is %s %g", of, nt_rule_condition_name(r),
			  r->threshold);
}

static enum nt_sample_outcome add_multiple(struct making *m, const struct nt_record *record,
					   double unit, double min, const char *of)
{
	double times;

	if (unit > 0 && find_multiple(m, unit, min, &times))
		return add_rows(m, record, times, 0);
	if (!m->fires && is_grouped(m->rule))
		return NT_SAMPLE_MADE;
	return unknown(m,
		       "the rows that were found for spec.query have %s %g each, and no number of "
		       "them is %s %g",
		       of, unit, nt_rule_condition_name(m->rule), m->rule->threshold);
}

/* So many rows of it have minCount lookups. */
static double rows_for_min(const struct nt_rule *r, const struct nt_record *record)
{
	double count = record->count ? (double)record->count : 1;

	return r->min_count > record->count ? ceil((double)r->min_count / count) : 1;
}

static double value_of(const struct nt_field *field, const struct nt_record *r, bool *ret_there)
{
	char small[NT_FIELD_SMALL];
	struct nt_column_value v = nt_field_scalar(field, r, r, small);

	*ret_there = v.kind == NT_COLUMN_INT;
	return *ret_there ? (double)v.i : 0;
}

/* --- by metric -------------------------------------------------------------------------------- */

static enum nt_sample_outcome make_any(struct making *m)
{
	struct nt_record record, base = nt_sample_base(m->rule, 1);
	enum nt_sample_outcome o;

	if (!m->fires)
		return NT_SAMPLE_MADE;
	o = invent(m, &base, -1, 0, &record);
	return o == NT_SAMPLE_MADE ? add_rows(m, &record, 1, 0) : o;
}

static enum nt_sample_outcome make_count(struct making *m)
{
	bool rows = m->rule->metric == NT_RULE_COUNT_ROWS;
	const char *of = rows ? "number of rows" : "number of lookups";
	double min = is_grouped(m->rule) ? 1 : 0, figure;
	struct nt_record record, base;
	enum nt_sample_outcome o;

	if (!find_multiple(m, 1, min, &figure))
		return no_figure(m, of);
	if (figure > FIGURE_MAX)
		return unknown(m, "it would take more than 2^53 lookups");
	if (figure == 0)
		return NT_SAMPLE_MADE;
	base = nt_sample_base(m->rule, rows ? 1 : (uint64_t)figure);
	o = invent(m, &base, -1, 0, &record);
	if (o != NT_SAMPLE_MADE)
		return o;
	return add_multiple(m, &record, rows ? 1 : (double)record.count, min, of);
}

/* A row whose field is as near to that figure as the query lets it be. */
static enum nt_sample_outcome invent_figure(const struct making *m, double figure,
					    struct nt_record *ret_record, double *ret_value,
					    bool *ret_there)
{
	const struct nt_field *field = m->rule->field.field;
	uint64_t count = m->rule->min_count ?: 1;
	struct nt_record base = nt_sample_base(m->rule, count);
	const struct nt_column_value value = { .kind = NT_COLUMN_INT, .i = (int64_t)figure };
	enum nt_sample_outcome o;

	if (figure > FIGURE_MAX)
		return unknown(m, "it would take a figure above 2^53");
	if (field == nt_field_find(&nt_record_fields, NT_SLICE_LIT("count")) && figure >= 1)
		base = nt_sample_base(m->rule, (uint64_t)figure);
	if (!nt_field_set(field, &base, &base, value, &m->sample->arena))
		return unknown(m, "no row can have %.*s %g", NT_SLICE_ARG(m->rule->field.name),
			       figure);
	o = invent(m, &base, -1, 0, ret_record);
	*ret_value = value_of(field, ret_record, ret_there);
	return o;
}

static enum nt_sample_outcome make_sum(struct making *m)
{
	struct nt_record record;
	enum nt_sample_outcome o;
	double figure, value;
	bool there;

	if (!find_multiple(m, 1, 0, &figure))
		return no_figure(m, "sum of whole numbers");
	if (figure == 0 && !is_grouped(m->rule))
		return NT_SAMPLE_MADE;
	o = invent_figure(m, figure, &record, &value, &there);
	if (o != NT_SAMPLE_MADE)
		return o;
	if (value == 0 && nt_rule_holds(m->rule, 0) == m->fires)
		return add_rows(m, &record, 1, 0);
	return add_multiple(m, &record, value, 1, "a value of");
}

/* min, max, avg: of one row they are all the same. */
static enum nt_sample_outcome make_value(struct making *m)
{
	struct nt_record record;
	enum nt_sample_outcome o;
	double figure, value;
	bool there;

	if (!find_multiple(m, 1, 0, &figure))
		return m->rule->metric == NT_RULE_AVG && m->rule->threshold > 0 && m->fires
			       ? unknown(m, "an average of %g", m->rule->threshold)
			       : no_figure(m, "value");
	o = invent_figure(m, figure, &record, &value, &there);
	if (o != NT_SAMPLE_MADE)
		return o;
	if (there && nt_rule_holds(m->rule, value) == m->fires)
		return add_rows(m, &record, rows_for_min(m->rule, &record), 0);
	if (!m->fires)
		return NT_SAMPLE_MADE; /* nothing that the query takes is silent */
	return unknown(m, "no row was found that spec.query takes and whose %.*s is %s %g",
		       NT_SLICE_ARG(m->rule->field.name), nt_rule_condition_name(m->rule),
		       m->rule->threshold);
}

static enum nt_sample_outcome make_percentile(struct making *m)
{
	struct nt_record record, base = nt_sample_base(m->rule, m->rule->min_count ?: 1);
	enum nt_sample_outcome o;
	double ns;

	if (!find_multiple(m, 1, 1, &ns))
		return no_figure(m, "latency");
	if (ns > FIGURE_MAX)
		return unknown(m, "it would take a latency above 2^53 ns");
	nt_sample_set_latency(&base, (uint64_t)ns);
	o = invent(m, &base, -1, 0, &record);
	if (o != NT_SAMPLE_MADE)
		return o;
	nt_sample_set_histogram(&record);
	if (record.latency_count &&
	    nt_rule_holds(m->rule, (double)record.latency_max_ns) == m->fires)
		return add_rows(m, &record, rows_for_min(m->rule, &record), 0);
	if (!m->fires)
		return NT_SAMPLE_MADE;
	return unknown(m, "no row was found that spec.query takes and whose latency is %s %g",
		       nt_rule_condition_name(m->rule), m->rule->threshold);
}

/* part of whole lookups that match the numerator: one row, or two that are in one group. Not so:
 * *ret_good is false. */
static enum nt_sample_outcome add_ratio(struct making *m, uint64_t part, uint64_t whole,
					bool *ret_good)
{
	const uint64_t counts[] = { whole - part, part };
	bool mixed = part && part < whole;
	struct nt_record records[2];
	enum nt_sample_outcome o = NT_SAMPLE_MADE;

	*ret_good = false;
	for (int holds = 0; holds < 2 && o == NT_SAMPLE_MADE; holds++) {
		struct nt_record base = nt_sample_base(m->rule, counts[holds]);

		if (!counts[holds])
			continue;
		o = invent(m, &base, holds, 0, &records[holds]);
		if (o == NT_SAMPLE_MADE && mixed && records[holds].count != counts[holds])
			return o;
		if (o == NT_SAMPLE_MADE)
			o = add_rows(m, &records[holds],
				     mixed ? 1 : rows_for_min(m->rule, &records[holds]), 0);
	}
	*ret_good = o == NT_SAMPLE_MADE && (!mixed || same_group(m, &records[0], &records[1]));
	return o;
}

static enum nt_sample_outcome make_ratio(struct making *m)
{
	uint64_t whole = m->rule->min_count > RATIO_OF ? m->rule->min_count : RATIO_OF;
	double middle = floor(m->rule->threshold * (double)whole);
	const double tries[] = { middle, middle + 1, middle - 1, (double)whole, 0 };
	enum nt_sample_outcome o = NT_SAMPLE_UNKNOWN;
	size_t len = m->sample->len;
	bool any = false;

	for (size_t i = 0; i < NT_ARRAY_LEN(tries); i++) {
		bool good;

		if (tries[i] < 0 || tries[i] > (double)whole ||
		    nt_rule_holds(m->rule, tries[i] / (double)whole) != m->fires)
			continue;
		any = true;
		o = add_ratio(m, (uint64_t)tries[i], whole, &good);
		if (good)
			return NT_SAMPLE_MADE;
		m->sample->len = len;
	}
	if (!any && m->rule->condition == (m->fires ? NT_RULE_EQ : NT_RULE_NOT_EQ))
		return unknown(m, "a ratio of %g", m->rule->threshold);
	if (!any)
		return no_figure(m, "ratio");
	if (!m->fires)
		return NT_SAMPLE_MADE; /* nothing that the query takes is silent */
	return o == NT_SAMPLE_MADE ? unknown(m, "rows in one group, with and without the numerator")
				   : o;
}

static int by_text(const void *left, const void *right)
{
	const struct nt_slice *a = left, *b = right;
	int order = memcmp(a->p, b->p, a->len < b->len ? a->len : b->len);

	return order ? order : (a->len > b->len) - (a->len < b->len);
}

/* How many of them are there, each once, the empty one not. */
static size_t distinct_of(struct nt_slice *texts, size_t len)
{
	size_t n = 0;

	qsort(texts, len, sizeof(*texts), by_text);
	for (size_t i = 0; i < len; i++)
		n += texts[i].len && (!i || !nt_slice_eq(texts[i - 1], texts[i]));
	return n;
}

/* Rows whose field has so many values, all in one group. */
static enum nt_sample_outcome add_distinct(struct making *m, size_t values)
{
	_cleanup_free_ struct nt_slice *texts = calloc(values + 1, sizeof(*texts));
	enum nt_sample_outcome o = texts ? NT_SAMPLE_MADE : unknown(m, "no memory");
	struct nt_record record;
	size_t len;

	for (size_t i = 0; i < values && o == NT_SAMPLE_MADE; i++) {
		struct nt_record base = nt_sample_base(m->rule, 1);

		nt_sample_vary(&base, &m->rule->field, i + 1, &m->sample->arena);
		o = invent(m, &base, -1, i + 1, &record);
		if (o == NT_SAMPLE_MADE && i && !same_group(m, &m->sample->rows[0].record, &record))
			o = unknown(m, "rows of one group that differ in %.*s",
				    NT_SLICE_ARG(m->rule->field.name));
		if (o == NT_SAMPLE_MADE)
			o = add_rows(m, &record, 1, 0);
		texts[i] = text_of(m, &m->rule->field, &record);
	}
	if (o != NT_SAMPLE_MADE)
		return o;
	len = distinct_of(texts, values);
	return len == values ? NT_SAMPLE_MADE
			     : unknown(m,
				       "%zu different values of %.*s in rows that spec.query "
				       "takes: %zu were found",
				       values, NT_SLICE_ARG(m->rule->field.name), len);
}

/* A group of which each row is without the field. */
static enum nt_sample_outcome add_without(struct making *m)
{
	static const struct nt_column_value missing = { .kind = NT_COLUMN_NULL };
	struct nt_record record, base = nt_sample_base(m->rule, 1);
	enum nt_sample_outcome o;

	if (m->rule->field.member ||
	    !nt_field_set(m->rule->field.field, &base, &base, missing, &m->sample->arena))
		base.servers_len = 0;
	o = invent(m, &base, -1, 0, &record);
	if (o == NT_SAMPLE_MADE && text_of(m, &m->rule->field, &record).len)
		return unknown(m, "a row without %.*s", NT_SLICE_ARG(m->rule->field.name));
	return o == NT_SAMPLE_MADE ? add_rows(m, &record, 1, 0) : o;
}

static enum nt_sample_outcome make_distinct(struct making *m)
{
	static const double tries[] = { 1 + DISTINCT_MARGIN_PERCENT / 100.0,
					1 - DISTINCT_MARGIN_PERCENT / 100.0 };
	double figure, margin;

	if (!find_multiple(m, 1, 0, &figure))
		return no_figure(m, "number of values");
	if (figure == 0)
		return is_grouped(m->rule) && m->fires ? add_without(m) : NT_SAMPLE_MADE;
	for (size_t i = 0; i < NT_ARRAY_LEN(tries) && figure > SURE_DISTINCT; i++) {
		margin = floor(figure * tries[i]);
		if (nt_rule_holds(m->rule, margin) != m->fires)
			continue;
		figure = margin;
		break;
	}
	if (figure > SURE_DISTINCT &&
	    nt_rule_holds(m->rule, figure + 1) != nt_rule_holds(m->rule, figure - 1))
		return unknown(m, "exactly %g different values, which are estimated", figure);
	if (figure > NT_SAMPLE_ROWS_MAX)
		return unknown(m, "it would take more than %d rows", NT_SAMPLE_ROWS_MAX);
	return add_distinct(m, (size_t)figure);
}

/* --- the whole -------------------------------------------------------------------------------- */

static enum nt_sample_outcome make_rows(struct making *m)
{
	switch (m->rule->metric) {
	case NT_RULE_ANY:
		return make_any(m);
	case NT_RULE_COUNT:
	case NT_RULE_COUNT_ROWS:
		return make_count(m);
	case NT_RULE_SUM:
		return make_sum(m);
	case NT_RULE_MIN:
	case NT_RULE_MAX:
	case NT_RULE_AVG:
		return make_value(m);
	case NT_RULE_DISTINCT:
		return make_distinct(m);
	case NT_RULE_RATIO:
		return make_ratio(m);
	default:
		return make_percentile(m);
	}
}

/* One that the rule's query does not take, beside all that would make the rule fire; else one of
 * the other type, which no rule counts together with its own. */
static void make_bystander(struct making *m)
{
	const struct nt_query_wish wish = { m->rule->query, false };
	struct nt_record base =
		m->sample->len ? m->sample->rows[0].record : nt_sample_base(m->rule, 1);
	const struct nt_query_invention wanted = {
		.wishes = &wish, .len = 1, .base = &base, .arena = &m->sample->arena
	};
	struct nt_err err;

	if (nt_query_invent(&wanted, &m->sample->bystander, &err) < 0)
		m->sample->bystander = nt_sample_other(m->rule);
}

static enum nt_sample_outcome add_given(struct making *m, const struct nt_rule_test *test)
{
	enum nt_sample_outcome o = NT_SAMPLE_MADE;

	m->sample->given = true;
	for (size_t i = 0; i < test->len; i++) {
		const struct nt_rule_test_row *row = &test->rows[i];

		for (uint32_t n = 1; n <= row->times && o == NT_SAMPLE_MADE; n++) {
			struct nt_record record = row->record;

			o = nt_sample_number(&record, n, &m->sample->arena)
				    ? add_rows(m, &record, 1, row->offset_us)
				    : unknown(m, "no memory");
		}
	}
	return o;
}

/* What the test says of each row by itself. */
static const char *asks_for_ours(const struct nt_rule *r)
{
	static const char *const ours[] = { "start_time", "end_time", "id" };

	for (size_t i = 0; i < NT_ARRAY_LEN(ours); i++)
		if (nt_query_mentions(r->query, ours[i]) ||
		    (r->numerator && nt_query_mentions(r->numerator, ours[i])))
			return ours[i];
	return NULL;
}

static int by_offset(const void *left, const void *right)
{
	const struct nt_sample_row *a = left, *b = right;

	return (a->offset_us > b->offset_us) - (a->offset_us < b->offset_us);
}

enum nt_sample_outcome nt_sample_make(const struct nt_rule *r, bool fires,
				      struct nt_sample *ret_sample, char why[256])
{
	const struct nt_rule_test *test = fires ? &r->fires : &r->silent;
	struct making m = { .rule = r, .fires = fires, .sample = ret_sample, .why = why };
	const char *ours = asks_for_ours(r);
	enum nt_sample_outcome o;

	*ret_sample = (struct nt_sample){ .arena = NT_ARENA(ARENA_MAX) };
	if (test->given)
		o = add_given(&m, test);
	else if (ours)
		o = unknown(&m, "the query asks for %s, which the test chooses", ours);
	else
		o = make_rows(&m);
	if (o != NT_SAMPLE_MADE)
		return o;
	make_bystander(&m);
	if (ret_sample->len)
		qsort(ret_sample->rows, ret_sample->len, sizeof(*ret_sample->rows), by_offset);
	return o;
}

void nt_sample_done(struct nt_sample *s)
{
	nt_arena_done(&s->arena);
	free(s->rows);
	*s = (struct nt_sample){ 0 };
}
