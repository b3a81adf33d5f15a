/* SPDX-License-Identifier: Apache-2.0 */
/* A record as JSON, streamed, field by field as lib/record/fields.def has them. */
#include "lib/base/date.h"
#include "lib/base/escape.h"
#include "lib/record/codec.h"
#include "lib/record/fields.h"

static void put_string(struct nt_buf *out, struct nt_slice s)
{
	_cleanup_buf_ struct nt_buf scratch = { 0 };

	/* nt_escape_json does the rest of nt_text_clean by itself. */
	if (s.len && memchr(s.p, 0, s.len))
		s = nt_text_clean(s, &scratch);
	nt_escape_json_string(out, s);
	if (!nt_buf_ok(&scratch))
		out->failed = true;
}

/* Four digits at least; with a minus sign three. */
static void put_year(struct nt_buf *out, int64_t year)
{
	if (year >= 0 && year <= 9999) {
		nt_buf_padded(out, (uint64_t)year, 4);
		return;
	}
	if (year < 0 && year > -1000) {
		nt_buf_putc(out, '-');
		nt_buf_padded(out, (uint64_t)-year, 3);
		return;
	}
	nt_buf_i64(out, year);
}

static void put_part(struct nt_buf *out, char before, unsigned value)
{
	nt_buf_putc(out, before);
	nt_buf_padded(out, value, 2);
}

static void put_time(struct nt_buf *out, int64_t us)
{
	int64_t second = us / 1000000 - (us % 1000000 < 0);
	struct nt_date d = nt_date_of(second);

	nt_buf_putc(out, '"');
	put_year(out, d.year);
	put_part(out, '-', d.month);
	put_part(out, '-', d.day);
	put_part(out, 'T', d.hour);
	put_part(out, ':', d.minute);
	put_part(out, ':', d.second);
	nt_buf_putc(out, '.');
	nt_buf_padded(out, (uint64_t)(us - second * 1000000), 6);
	nt_buf_puts(out, "Z\"");
}

static void put_comma(struct nt_buf *out, bool *first)
{
	if (!*first)
		nt_buf_putc(out, ',');
	*first = false;
}

/* `,"name":`, the first time without the comma. */
static struct nt_slice lead_of(const struct nt_field *f, bool *first)
{
	struct nt_slice lead = nt_slice_mem(f->lead + *first, f->lead_len - *first);

	*first = false;
	return lead;
}

/* A struct of a list, as an object. */
static void put_member(const struct nt_fields *fields, const void *base, const struct nt_record *r,
		       struct nt_buf *out)
{
	bool first = true;

	nt_buf_putc(out, '{');
	for (size_t i = 0; i < fields->len; i++) {
		const struct nt_field *f = &fields->fields[i];

		if (nt_field_missing(f, base, r))
			continue;
		nt_buf_slice(out, lead_of(f, &first));
		nt_field_json(f, base, r, out);
	}
	nt_buf_putc(out, '}');
}

static void put_labels(struct nt_field_list list, struct nt_buf *out)
{
	const struct nt_label *labels = list.p;
	bool first = true;

	nt_buf_putc(out, '{');
	for (size_t i = 0; i < list.len; i++) {
		put_comma(out, &first);
		put_string(out, labels[i].key);
		nt_buf_putc(out, ':');
		put_string(out, labels[i].value);
	}
	nt_buf_putc(out, '}');
}

static void put_list(const struct nt_field *f, const void *base, const struct nt_record *r,
		     struct nt_buf *out)
{
	const struct nt_fields *members = nt_field_members(f);
	struct nt_field_list list = nt_field_list(f, base);
	bool first = true;

	nt_buf_putc(out, '[');
	for (size_t i = 0; i < list.len; i++) {
		put_comma(out, &first);
		if (members)
			put_member(members, (char *)list.p + i * members->size, r, out);
		else
			put_string(out, ((struct nt_slice *)list.p)[i]);
	}
	nt_buf_putc(out, ']');
}

static void put_flags(const struct nt_field *f, uint64_t flags, struct nt_buf *out)
{
	bool first = true;

	nt_buf_putc(out, '[');
	for (const struct nt_enum_value *v = f->values; v->name; v++) {
		if (!(flags & v->value))
			continue;
		put_comma(out, &first);
		nt_buf_putc(out, '"');
		nt_buf_puts(out, v->name);
		nt_buf_putc(out, '"');
	}
	nt_buf_putc(out, ']');
}

static void put_numbers(const struct nt_field *f, const struct nt_record *r, struct nt_buf *out)
{
	bool histogram = f->kind == NT_FIELD_HISTOGRAM, first = true;
	size_t len = histogram ? NT_HISTOGRAM_BUCKETS : r->edns_options_len;

	nt_buf_putc(out, '[');
	for (size_t i = 0; i < len; i++) {
		put_comma(out, &first);
		nt_buf_u64(out, histogram ? r->latency_histogram[i] : r->edns_options[i]);
	}
	nt_buf_putc(out, ']');
}

static void put_scalar(const struct nt_field *f, const void *base, const struct nt_record *r,
		       struct nt_buf *out)
{
	char small[NT_FIELD_SMALL];
	struct nt_column_value v = nt_field_scalar(f, base, r, small);

	if (v.kind == NT_COLUMN_TEXT)
		put_string(out, v.text);
	else if (v.i == INT64_MAX) /* cut to what SQL can hold */
		nt_buf_u64(out, nt_field_uint(f, base));
	else
		nt_buf_i64(out, v.i);
}

void nt_field_json(const struct nt_field *f, const void *base, const struct nt_record *r,
		   struct nt_buf *out)
{
	switch (f->kind) {
	case NT_FIELD_TIME:
		put_time(out, (int64_t)nt_field_uint(f, base));
		break;
	case NT_FIELD_BOOL:
		nt_buf_puts(out, nt_field_uint(f, base) ? "true" : "false");
		break;
	case NT_FIELD_FLAGS:
		put_flags(f, nt_field_uint(f, base), out);
		break;
	case NT_FIELD_OPTIONS:
	case NT_FIELD_HISTOGRAM:
		put_numbers(f, r, out);
		break;
	case NT_FIELD_LABELS:
		put_labels(nt_field_list(f, base), out);
		break;
	case NT_FIELD_STRS:
	case NT_FIELD_SERVERS:
	case NT_FIELD_RRSETS:
		put_list(f, base, r, out);
		break;
	default:
		put_scalar(f, base, r, out);
	}
}

/* Left out of the JSON of a record. An unanswered lookup's rcode is there and empty. */
static bool left_out(const struct nt_field *f, const struct nt_record *r)
{
	if (!f->name[0] || (f->flags & NT_FF_SQL))
		return true;
	if (f->kind == NT_FIELD_RCODE)
		return r->type == NT_RECORD_UNLOGGED;
	return nt_field_missing(f, r, r) || ((f->flags & NT_FF_NZ) && !nt_field_uint(f, r));
}

/* Writes the name, and opens and closes the object that fields with the same name up to a dot are
 * in: `open` is that part of the name, empty when none is open. */
static void put_name(const struct nt_field *f, struct nt_slice *open, bool *first,
		     struct nt_buf *out)
{
	const char *dot = memchr(f->lead, '.', f->lead_len);
	struct nt_slice lead = lead_of(f, first), prefix;

	if (!dot && !open->len) {
		nt_buf_slice(out, lead);
		return;
	}
	prefix = nt_slice_mem(f->name, dot ? (size_t)(strchr(f->name, '.') - f->name) : 0);
	if (open->len && !nt_slice_eq(*open, prefix)) {
		nt_buf_putc(out, '}');
		*open = (struct nt_slice){ 0 };
	}
	if (!prefix.len) {
		nt_buf_slice(out, lead);
		return;
	}
	if (!open->len)
		nt_buf_add(out, lead.p, (size_t)(dot - lead.p));
	nt_buf_puts(out, open->len ? ",\"" : "\":{\"");
	nt_buf_add(out, dot + 1, (size_t)(lead.p + lead.len - dot - 1));
	*open = prefix;
}

void nt_record_json(const struct nt_record *r, struct nt_buf *out)
{
	struct nt_slice open = { 0 };
	bool first = true;

	nt_buf_putc(out, '{');
	for (size_t i = 0; i < nt_record_fields.len; i++) {
		const struct nt_field *f = &nt_record_fields.fields[i];

		if (left_out(f, r))
			continue;
		put_name(f, &open, &first, out);
		if (nt_field_missing(f, r, r))
			nt_buf_puts(out, "\"\"");
		else
			nt_field_json(f, r, r, out);
	}
	nt_buf_puts(out, open.len ? "}}" : "}");
}
