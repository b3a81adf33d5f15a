/* SPDX-License-Identifier: Apache-2.0 */
/* spec.test: rows on which a rule must fire, and rows on which it must not. */
#include "controller/alerts/rule_parts.h"

#include <jansson.h>
#include <stdio.h>

#include "controller/alerts/sample_base.h"
#include "lib/base/nearest.h"
#include "lib/query/query.h"

enum { SET_MAX = 32, TIMES_MAX = 4096, LIST_MAX = 64 };

#define WHOLE_MAX 9007199254740992 /* 2^53 */

struct reading {
	const struct nt_spec *s;
	struct nt_record *record;
};

static int read_members(const struct reading *g, const struct nt_fields *fields, void *base,
			const json_t *object, const char *prefix, const char *path);

/* --- one value -------------------------------------------------------------------------------- */

static const char *wanted_of(const struct nt_field *f)
{
	switch (f->kind) {
	case NT_FIELD_UINT:
	case NT_FIELD_NS:
	case NT_FIELD_MEAN:
	case NT_FIELD_HOP:
	case NT_FIELD_OPTIONS:
		return "a whole number from 0 on, of its size, is wanted";
	case NT_FIELD_BOOL:
		return "true or false is wanted";
	case NT_FIELD_ADDR:
		return "an IP address is wanted";
	case NT_FIELD_TYPE:
	case NT_FIELD_CLASS:
	case NT_FIELD_RCODE:
		return "a mnemonic of DNS is wanted, such as AAAA, IN, NXDOMAIN or TYPE64";
	case NT_FIELD_ID:
		return "16 hexadecimal digits are wanted";
	case NT_FIELD_ENUM:
	case NT_FIELD_FLAGS:
		return "it is none of the field's values, which GET /api/v1/fields lists";
	default:
		return "a text is wanted";
	}
}

static bool value_of(const json_t *v, struct nt_column_value *ret)
{
	if (json_is_string(v)) {
		*ret = (struct nt_column_value){ .kind = NT_COLUMN_TEXT,
						 .text = nt_slice_mem(json_string_value(v),
								      json_string_length(v)) };
		return true;
	}
	*ret = (struct nt_column_value){ .kind = NT_COLUMN_INT,
					 .i = json_is_true(v) ? 1 : json_integer_value(v) };
	return (json_is_integer(v) && ret->i <= WHOLE_MAX) || json_is_boolean(v);
}

/* An answer that is "" or null was none. */
static bool is_nothing(const struct nt_field *f, const json_t *v)
{
	return json_is_null(v) ||
	       (f->kind == NT_FIELD_RCODE && json_is_string(v) && !json_string_length(v));
}

static int read_scalar(const struct reading *g, const struct nt_field *f, void *base,
		       const json_t *v, const char *path)
{
	struct nt_column_value value = { .kind = NT_COLUMN_NULL };

	if (!is_nothing(f, v) &&
	    (!value_of(v, &value) || json_is_boolean(v) != (f->kind == NT_FIELD_BOOL)))
		return nt_spec_refuse(g->s, path, "%s", wanted_of(f));
	if (nt_field_set(f, base, g->record, value, g->s->arena) || f->kind == NT_FIELD_STR)
		return 0;
	if ((f->flags & NT_FF_LOG) && g->record->type == NT_RECORD_UNLOGGED)
		return nt_spec_refuse(g->s, path, "an UNLOGGED row has no %s", f->name);
	return nt_spec_refuse(g->s, path, "%s", wanted_of(f));
}

/* --- lists ------------------------------------------------------------------------------------ */

static int read_labels(const struct reading *g, const struct nt_field *f, void *base,
		       const json_t *v, const char *path)
{
	const char *key;
	json_t *value;

	if (!json_is_object(v))
		return nt_spec_refuse(g->s, path, "a mapping of texts is wanted");
	json_object_foreach((json_t *)(uintptr_t)v, key, value)
	{
		struct nt_label *label;
		int r;

		if (!json_is_string(value))
			return nt_spec_refuse(g->s, path, "%.40s: a text is wanted", key);
		label = nt_field_add(f, base, g->s->arena);
		if (!label)
			return nt_spec_no_memory(g->s);
		r = nt_spec_copy(g->s, nt_slice_str(key), &label->key);
		if (r == 0)
			r = nt_spec_copy(g->s, nt_slice_str(json_string_value(value)),
					 &label->value);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_item(const struct reading *g, const struct nt_field *f, void *base,
		     const json_t *item, const char *path)
{
	const struct nt_fields *members = nt_field_members(f);
	void *element;

	if (!members)
		return read_scalar(g, f, base, item, path);
	element = nt_field_add(f, base, g->s->arena);
	return element ? read_members(g, members, element, item, "", path)
		       : nt_spec_no_memory(g->s);
}

static int read_list(const struct reading *g, const struct nt_field *f, void *base, const json_t *v,
		     const char *path)
{
	static const struct nt_column_value missing = { .kind = NT_COLUMN_NULL };
	int r = 0;

	/* In place of what the plain row has. */
	(void)!nt_field_set(f, base, g->record, missing, g->s->arena);
	if (f->kind == NT_FIELD_LABELS)
		return read_labels(g, f, base, v, path);
	if (!json_is_array(v) || json_array_size(v) > LIST_MAX)
		return nt_spec_refuse(g->s, path, "a list of at most %d is wanted", LIST_MAX);
	for (size_t i = 0; i < json_array_size(v) && r == 0; i++) {
		char whole[128];

		snprintf(whole, sizeof(whole), "%.100s[%zu]", path, i);
		r = read_item(g, f, base, json_array_get(v, i), whole);
	}
	return r;
}

static bool is_list(const struct nt_field *f)
{
	return f->kind == NT_FIELD_FLAGS || f->kind == NT_FIELD_OPTIONS || f->kind >= NT_FIELD_STRS;
}

/* --- a record --------------------------------------------------------------------------------- */

/* What the test gives each row, or makes of others. */
static bool is_ours(const struct nt_field *f)
{
	static const char *const ours[] = { "id", "start_time", "end_time", "latency_histogram" };

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strcmp(f->name, ours[i]) == 0)
			return true;
	return (f->flags & (NT_FF_BATCH | NT_FF_SQL)) != 0;
}

static const json_t *member_at(const json_t *object, const char *name)
{
	const char *dot = strchr(name, '.');
	char first[64];

	if (!dot)
		return json_object_get(object, name);
	snprintf(first, sizeof(first), "%.*s", (int)(dot - name), name);
	return json_object_get(json_object_get(object, first), dot + 1);
}

/* The object's keys, and those of objects that stand for a dot in a name. */
static int check_keys(const struct reading *g, const struct nt_fields *fields, const json_t *object,
		      const char *prefix, const char *path)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, key, value)
	{
		struct nt_nearest nearest = nt_nearest_of(nt_slice_str(key));
		char name[64], whole[128];
		size_t len = 0;
		bool dotted = false;

		snprintf(name, sizeof(name), "%s%.40s", prefix, key);
		snprintf(whole, sizeof(whole), "%.80s.%.40s", path, key);
		if (nt_field_find(fields, nt_slice_str(name)))
			continue;
		len = strlen(name);
		for (size_t i = 0; i < fields->len; i++) {
			const char *f = fields->fields[i].name;

			dotted |= strncmp(f, name, len) == 0 && f[len] == '.';
			if (f[0])
				nt_nearest_consider(&nearest, f);
		}
		if (!dotted || !json_is_object(value))
			return nt_spec_refuse(g->s, whole, "no such field of a row%s%s%s",
					      nearest.best ? "; did you mean " : "",
					      nearest.best ?: "", nearest.best ? "?" : "");
		snprintf(name, sizeof(name), "%.40s.", key);
		if (check_keys(g, fields, value, name, whole) < 0)
			return -EINVAL;
	}
	return 0;
}

/* In the order of the table: the type says which others there are. */
static int read_members(const struct reading *g, const struct nt_fields *fields, void *base,
			const json_t *object, const char *prefix, const char *path)
{
	int r;

	if (!json_is_object(object))
		return nt_spec_refuse(g->s, path, "a mapping is wanted");
	r = check_keys(g, fields, object, prefix, path);
	for (size_t i = 0; i < fields->len && r == 0; i++) {
		const struct nt_field *f = &fields->fields[i];
		const json_t *v = f->name[0] ? member_at(object, f->name) : NULL;
		char whole[128];

		if (!v)
			continue;
		snprintf(whole, sizeof(whole), "%.80s.%.40s", path, f->name);
		if (is_ours(f))
			r = nt_spec_refuse(g->s, whole,
					   "the test gives it each row: leave it out; offset says "
					   "when the row is, latency_max how long it took");
		else
			r = is_list(f) ? read_list(g, f, base, v, whole)
				       : read_scalar(g, f, base, v, whole);
	}
	return r;
}

/* Figures that nobody gave and that follow from others. */
static void complete(struct nt_record *r, const json_t *object)
{
	if (json_object_get(object, "count")) {
		if (!json_object_get(object, "queries"))
			r->queries = r->count;
		if (!json_object_get(object, "replies") && r->answered)
			r->replies = r->count;
		if (!json_object_get(object, "latency_count") && r->latency_count)
			r->latency_count = r->count;
	}
	if (!json_object_get(object, "logical_qname"))
		r->logical_qname = r->qname;
	if (r->type == NT_RECORD_UNLOGGED)
		return;
	if (!r->answered && !json_object_get(object, "latency_max"))
		r->latency_count = 0;
	if (!json_object_get(object, "latency_mean"))
		(void)!__builtin_mul_overflow(r->latency_max_ns, r->latency_count,
					      &r->latency_sum_ns);
	nt_sample_set_histogram(r);
}

/* --- a set ------------------------------------------------------------------------------------ */

static int read_times(const struct nt_spec *s, const json_t *item, const char *path,
		      struct nt_rule_test_row *row)
{
	const json_t *v = json_object_get(item, "times");
	char whole[128];

	row->times = 1;
	if (!v)
		return 0;
	snprintf(whole, sizeof(whole), "%s.times", path);
	if (!json_is_integer(v) || json_integer_value(v) < 1 || json_integer_value(v) > TIMES_MAX)
		return nt_spec_refuse(s, whole, "a whole number from 1 to %d is wanted", TIMES_MAX);
	row->times = (uint32_t)json_integer_value(v);
	return 0;
}

static int read_offset(const struct nt_spec *s, const struct nt_rule *r, const json_t *item,
		       const char *path, struct nt_rule_test_row *row)
{
	const json_t *v = json_object_get(item, "offset");
	char whole[128];
	int result;

	if (!v)
		return 0;
	snprintf(whole, sizeof(whole), "%s.offset", path);
	result = nt_spec_duration_of(s, v, whole, &row->offset_us);
	if (result == 0 && row->offset_us >= r->lookback_us)
		return nt_spec_refuse(s, whole,
				      "it is behind the beginning of a lookback, and shorter");
	return result;
}

/* A plain row of the type that the record says. */
static struct nt_record base_of(const struct nt_rule *r, const json_t *record)
{
	const char *type = json_string_value(json_object_get(record, "type"));
	const char *usual = r->unlogged ? "UNLOGGED" : "LOG";

	return type && strcmp(type, usual) != 0 ? nt_sample_other(r) : nt_sample_base(r, 1);
}

static int read_row(const struct nt_spec *s, const struct nt_rule *r, const json_t *item,
		    const char *path, struct nt_rule_test_row *row)
{
	static const char *const known[] = { "record", "times", "offset", NULL };
	const json_t *record = json_object_get(item, "record");
	const struct reading reading = { s, &row->record };
	char whole[128];
	int result;

	if (!json_is_object(item))
		return nt_spec_refuse(s, path,
				      "a mapping with record, and times and offset, is "
				      "wanted");
	result = nt_spec_known(s, item, path, known);
	if (result == 0)
		result = read_times(s, item, path, row);
	if (result == 0)
		result = read_offset(s, r, item, path, row);
	if (result < 0)
		return result;
	snprintf(whole, sizeof(whole), "%s.record", path);
	row->record = base_of(r, record);
	if (!record)
		return nt_spec_refuse(s, whole,
				      "missing: a row of the log as the API has it; what "
				      "it leaves out is as in a usual row");
	result = read_members(&reading, &nt_record_fields, &row->record, record, "", whole);
	if (result == 0)
		complete(&row->record, record);
	return result;
}

static int read_set(const struct nt_spec *s, const struct nt_rule *r, const json_t *test,
		    const char *name, struct nt_rule_test *ret)
{
	const json_t *list = json_object_get(test, name);
	char path[64];
	int result = 0;

	if (!list)
		return 0;
	snprintf(path, sizeof(path), "spec.test.%s", name);
	if (!json_is_array(list) || json_array_size(list) > SET_MAX)
		return nt_spec_refuse(s, path, "a list of at most %d rows is wanted", SET_MAX);
	ret->rows = nt_arena_zalloc(s->arena, (json_array_size(list) + 1) * sizeof(*ret->rows));
	if (!ret->rows)
		return nt_spec_no_memory(s);
	ret->given = true;
	for (; ret->len < json_array_size(list) && result == 0; ret->len += result == 0) {
		snprintf(path, sizeof(path), "spec.test.%s[%zu]", name, ret->len);
		result = read_row(s, r, json_array_get(list, ret->len), path, &ret->rows[ret->len]);
	}
	return result;
}

int nt_rule_take_test(const struct nt_spec *s, struct nt_rule *r)
{
	static const char *const known[] = { "fires", "silent", NULL };
	json_t *test = nt_spec_member(s, "spec.test");
	int result;

	if (!test)
		return 0;
	if (!json_is_object(test))
		return nt_spec_refuse(s, "spec.test", "a mapping with fires and silent is wanted");
	result = nt_spec_known(s, test, "spec.test", known);
	if (result == 0)
		result = read_set(s, r, test, "fires", &r->fires);
	return result == 0 ? read_set(s, r, test, "silent", &r->silent) : result;
}
