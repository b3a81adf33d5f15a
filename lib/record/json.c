/* SPDX-License-Identifier: Apache-2.0 */
/* A record as JSON, streamed, field by field as lib/record/fields.def has them. */
#include "lib/base/date.h"
#include "lib/base/escape.h"
#include "lib/record/codec.h"
#include "lib/record/unroll.h"

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
	int64_t rest = us % 1000000, before = rest < 0;
	struct nt_date d = nt_date_of(us / 1000000 - before);

	nt_buf_putc(out, '"');
	put_year(out, d.year);
	put_part(out, '-', d.month);
	put_part(out, '-', d.day);
	put_part(out, 'T', d.hour);
	put_part(out, ':', d.minute);
	put_part(out, ':', d.second);
	nt_buf_putc(out, '.');
	nt_buf_padded(out, (uint64_t)(rest + before * 1000000), 6);
	nt_buf_puts(out, "Z\"");
}

static void put_comma(struct nt_buf *out, bool *first)
{
	if (!*first)
		nt_buf_putc(out, ',');
	*first = false;
}

/* `,"name":`, the first time without the comma. */
NT_UNROLL struct nt_slice lead_of(const struct nt_field *f, bool *first)
{
	struct nt_slice lead = nt_slice_mem(f->lead + *first, f->lead_len - *first);

	*first = false;
	return lead;
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

static void put_strings(struct nt_field_list list, struct nt_buf *out)
{
	const struct nt_slice *strings = list.p;
	bool first = true;

	nt_buf_putc(out, '[');
	for (size_t i = 0; i < list.len; i++) {
		put_comma(out, &first);
		put_string(out, strings[i]);
	}
	nt_buf_putc(out, ']');
}

static void put_servers(struct nt_field_list list, const struct nt_record *r, struct nt_buf *out);
static void put_rrsets(struct nt_field_list list, const struct nt_record *r, struct nt_buf *out);

/* Text that needs no escape: names of types and codes, addresses. */
static void put_plain(struct nt_buf *out, const char *text)
{
	nt_buf_putc(out, '"');
	nt_buf_puts(out, text);
	nt_buf_putc(out, '"');
}

static void put_flags(const struct nt_enum_value *values, uint64_t flags, struct nt_buf *out)
{
	bool first = true;

	nt_buf_putc(out, '[');
	for (const struct nt_enum_value *v = values; v->name; v++) {
		if (!(flags & v->value))
			continue;
		put_comma(out, &first);
		put_plain(out, v->name);
	}
	nt_buf_putc(out, ']');
}

static void put_options(const struct nt_record *r, struct nt_buf *out)
{
	bool first = true;

	nt_buf_putc(out, '[');
	for (size_t i = 0; i < r->edns_options_len; i++) {
		put_comma(out, &first);
		nt_buf_u64(out, r->edns_options[i]);
	}
	nt_buf_putc(out, ']');
}

static void put_histogram(const struct nt_record *r, struct nt_buf *out)
{
	bool first = true;

	nt_buf_putc(out, '[');
	for (size_t i = 0; i < NT_HISTOGRAM_BUCKETS; i++) {
		put_comma(out, &first);
		nt_buf_u64(out, r->latency_histogram[i]);
	}
	nt_buf_putc(out, ']');
}

static void put_id(struct nt_buf *out, uint64_t id)
{
	nt_buf_putc(out, '"');
	nt_buf_hex(out, id, 16);
	nt_buf_putc(out, '"');
}

static void put_addr(struct nt_buf *out, const struct nt_addr *addr)
{
	char text[NT_ADDR_TEXT_MAX];

	put_plain(out, nt_addr_format(addr, text));
}

NT_UNROLL void put_scalar(const struct nt_field *f, const void *base, const struct nt_record *r,
			  struct nt_buf *out)
{
	uint64_t v =
		f->kind == NT_FIELD_STR || f->kind == NT_FIELD_ADDR ? 0 : nt_field_uint(f, base);
	char scratch[16];

	switch (f->kind) {
	case NT_FIELD_ID:
		return put_id(out, v);
	case NT_FIELD_ENUM:
		return put_plain(out, nt_enum_name(f->values, (unsigned)v));
	case NT_FIELD_TIME:
		return put_time(out, (int64_t)v);
	case NT_FIELD_MEAN:
		return nt_buf_u64(out, v / r->latency_count);
	case NT_FIELD_HOP:
		return nt_buf_u64(out, v / r->hop_count);
	case NT_FIELD_BOOL:
		return nt_buf_puts(out, v ? "true" : "false");
	case NT_FIELD_STR:
		return put_string(out, nt_field_str(f, base));
	case NT_FIELD_ADDR:
		return put_addr(out, (const struct nt_addr *)((const char *)base + f->offset));
	case NT_FIELD_TYPE:
		return put_plain(out, nt_dns_type_name((uint16_t)v, scratch));
	case NT_FIELD_CLASS:
		return put_plain(out, nt_dns_class_name((uint16_t)v, scratch));
	case NT_FIELD_RCODE:
		return put_plain(out, nt_dns_rcode_name((uint16_t)v, scratch));
	default:
		return nt_buf_u64(out, v);
	}
}

NT_UNROLL void put_value(const struct nt_field *f, const void *base, const struct nt_record *r,
			 struct nt_buf *out)
{
	switch (f->kind) {
	case NT_FIELD_FLAGS:
		return put_flags(f->values, nt_field_uint(f, base), out);
	case NT_FIELD_OPTIONS:
		return put_options(r, out);
	case NT_FIELD_HISTOGRAM:
		return put_histogram(r, out);
	case NT_FIELD_STRS:
		return put_strings(nt_field_list(f, base), out);
	case NT_FIELD_LABELS:
		return put_labels(nt_field_list(f, base), out);
	case NT_FIELD_SERVERS:
		return put_servers(nt_field_list(f, base), r, out);
	case NT_FIELD_RRSETS:
		return put_rrsets(nt_field_list(f, base), r, out);
	default:
		return put_scalar(f, base, r, out);
	}
}

void nt_field_json(const struct nt_field *f, const void *base, const struct nt_record *r,
		   struct nt_buf *out)
{
	put_value(f, base, r, out);
}

/* --- members of lists ------------------------------------------------------------------------- */

NT_UNROLL void put_member(const struct nt_field *f, const void *base, const struct nt_record *r,
			  bool *first, struct nt_buf *out)
{
	if (nt_field_missing(f, base, r))
		return;
	nt_buf_slice(out, lead_of(f, first));
	put_value(f, base, r, out);
}

static void put_server(const struct nt_server *s, const struct nt_record *r, struct nt_buf *out)
{
	bool first = true;

	nt_buf_putc(out, '{');
#define NT_SERVER_FIELD(...) \
	NT_UNROLLED(nt_server, put_member(&field, s, r, &first, out), __VA_ARGS__)
#include "lib/record/fields.def"
	nt_buf_putc(out, '}');
}

static void put_rrset(const struct nt_rrset *s, const struct nt_record *r, struct nt_buf *out)
{
	bool first = true;

	nt_buf_putc(out, '{');
#define NT_RRSET_FIELD(...) \
	NT_UNROLLED(nt_rrset, put_member(&field, s, r, &first, out), __VA_ARGS__)
#include "lib/record/fields.def"
	nt_buf_putc(out, '}');
}

static void put_servers(struct nt_field_list list, const struct nt_record *r, struct nt_buf *out)
{
	bool first = true;

	nt_buf_putc(out, '[');
	for (size_t i = 0; i < list.len; i++) {
		put_comma(out, &first);
		put_server((const struct nt_server *)list.p + i, r, out);
	}
	nt_buf_putc(out, ']');
}

static void put_rrsets(struct nt_field_list list, const struct nt_record *r, struct nt_buf *out)
{
	bool first = true;

	nt_buf_putc(out, '[');
	for (size_t i = 0; i < list.len; i++) {
		put_comma(out, &first);
		put_rrset((const struct nt_rrset *)list.p + i, r, out);
	}
	nt_buf_putc(out, ']');
}

/* --- the record ------------------------------------------------------------------------------- */

/* Left out of the JSON of a record. An unanswered lookup's rcode is there and empty. */
NT_UNROLL bool left_out(const struct nt_field *f, const struct nt_record *r)
{
	if (!f->name[0] || (f->flags & NT_FF_SQL))
		return true;
	if (f->kind == NT_FIELD_RCODE)
		return r->type == NT_RECORD_UNLOGGED;
	return nt_field_missing(f, r, r) || ((f->flags & NT_FF_NZ) && !nt_field_uint(f, r));
}

/* Where the record's writer is: fields with the same name up to a dot are in one object. */
struct place {
	const char *open; /* that part of the name, NULL when none is open */
	bool first;
};

static void put_close(struct place *at, struct nt_buf *out)
{
	nt_buf_putc(out, '}');
	at->open = NULL;
}

/* The name of a field with a dot in it. */
static void put_dotted(const struct nt_field *f, const char *dot, struct place *at,
		       struct nt_buf *out)
{
	struct nt_slice lead = lead_of(f, &at->first);
	size_t len = (size_t)(dot - f->name);

	if (at->open && strncmp(at->open, f->name, len + 1) != 0)
		put_close(at, out);
	if (!at->open) {
		nt_buf_add(out, lead.p, (size_t)(strchr(lead.p, '.') - lead.p));
		nt_buf_puts(out, "\":{\"");
	} else {
		nt_buf_puts(out, ",\"");
	}
	nt_buf_puts(out, dot + 1);
	nt_buf_puts(out, "\":");
	at->open = f->name;
}

NT_UNROLL void put_field(const struct nt_field *f, const struct nt_record *r, struct place *at,
			 struct nt_buf *out)
{
	const char *dot = __builtin_strchr(f->name, '.');

	if (left_out(f, r))
		return;
	if (dot) {
		put_dotted(f, dot, at, out);
	} else {
		if (at->open)
			put_close(at, out);
		nt_buf_slice(out, lead_of(f, &at->first));
	}
	if (f->kind == NT_FIELD_RCODE && nt_field_missing(f, r, r))
		nt_buf_puts(out, "\"\"");
	else
		put_value(f, r, r, out);
}

void nt_record_json(const struct nt_record *r, struct nt_buf *out)
{
	struct place at = { .first = true };

	nt_buf_putc(out, '{');
#define NT_RECORD_FIELD(...) NT_UNROLLED(nt_record, put_field(&field, r, &at, out), __VA_ARGS__)
#include "lib/record/fields.def"
	nt_buf_puts(out, at.open ? "}}" : "}");
}
