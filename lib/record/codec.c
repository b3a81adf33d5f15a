/* SPDX-License-Identifier: Apache-2.0 */
/* The wire form of a record, both ways, and the octets by which rows are the same. */
#include "lib/record/codec.h"

#include "lib/base/cleanup.h"
#include "lib/record/unroll.h"
#include "lib/record/wire.h"

/* Members of one list: a DNS message of 65,535 octets cannot hold more records than this. */
enum { LIST_MAX = 8192 };

/* --- out -------------------------------------------------------------------------------------- */

/* Packed numbers; zeros at the end are left out. */
static void put_packed(struct nt_buf *out, unsigned number, const uint64_t *v, size_t len)
{
	char octets[NT_HISTOGRAM_BUCKETS * NT_WIRE_VARINT_MAX];
	size_t n = 0;

	while (len && !v[len - 1])
		len--;
	for (size_t i = 0; i < len; i++)
		n += nt_wire_varint(octets + n, v[i]);
	if (n)
		nt_wire_put_bytes(out, number, nt_slice_mem(octets, n));
}

static void put_options(struct nt_buf *out, unsigned number, const struct nt_tally *t)
{
	char octets[NT_ARRAY_LEN(t->edns_options) * 3];
	size_t n = 0;

	for (size_t i = 0; i < t->edns_options_len; i++)
		n += nt_wire_varint(octets + n, t->edns_options[i]);
	if (n)
		nt_wire_put_bytes(out, number, nt_slice_mem(octets, n));
}

static void put_strings(struct nt_buf *out, unsigned number, struct nt_field_list list)
{
	for (size_t i = 0; i < list.len; i++)
		nt_wire_put_bytes(out, number, ((struct nt_slice *)list.p)[i]);
}

static void put_labels(struct nt_buf *out, unsigned number, struct nt_field_list list);
static void put_servers(struct nt_buf *out, unsigned number, struct nt_field_list list);
static void put_rrsets(struct nt_buf *out, unsigned number, struct nt_field_list list);

NT_UNROLL void put_value(const struct nt_field *f, const void *base, struct nt_buf *out)
{
	switch (f->kind) {
	case NT_FIELD_STR:
		return nt_wire_put_str(out, f->wire, nt_field_str(f, base));
	case NT_FIELD_ADDR:
		return nt_wire_put_addr(out, f->wire,
					(const struct nt_addr *)((const char *)base + f->offset));
	case NT_FIELD_OPTIONS:
		return put_options(out, f->wire, base);
	case NT_FIELD_HISTOGRAM:
		return put_packed(out, f->wire, ((const struct nt_tally *)base)->latency_histogram,
				  NT_HISTOGRAM_BUCKETS);
	case NT_FIELD_STRS:
		return put_strings(out, f->wire, nt_field_list(f, base));
	case NT_FIELD_LABELS:
		return put_labels(out, f->wire, nt_field_list(f, base));
	case NT_FIELD_SERVERS:
		return put_servers(out, f->wire, nt_field_list(f, base));
	case NT_FIELD_RRSETS:
		return put_rrsets(out, f->wire, nt_field_list(f, base));
	case NT_FIELD_TTLS: /* nt_ttls_wire */
		return;
	case NT_FIELD_HOP: /* -1 is what is not there */
		return nt_wire_put_uint(out, f->wire, nt_field_uint(f, base) + 1);
	default:
		return nt_wire_put_uint(out, f->wire, nt_field_uint(f, base));
	}
}

/* The parts of a record. */
enum part { KEY = 0, DETAILS = 1, TALLY = 2 };

NT_UNROLL enum part part_of(const struct nt_field *f, bool search)
{
	if (f->offset < sizeof(struct nt_tally))
		return TALLY;
	return f->merge == NT_MERGE_KEY || (f->merge == NT_MERGE_KEY_SEARCH && search) ? KEY
										       : DETAILS;
}

/* base: the record, or of TALLY its figures. search: logical_qname is a key. */
NT_UNROLL void put_part(const void *base, enum part part, bool search, struct nt_buf *out)
{
#define NT_RECORD_FIELD(...)                                           \
	NT_UNROLLED(nt_record,                                         \
		    if (field.wire && part_of(&field, search) == part) \
			    put_value(&field, base, out),              \
		    __VA_ARGS__)
#include "lib/record/fields.def"
}

/* Members of lists: their keys. */
NT_UNROLL void put_member(const struct nt_field *f, const void *base, struct nt_buf *out)
{
	if (f->merge == NT_MERGE_KEY)
		put_value(f, base, out);
}

static void put_labels(struct nt_buf *out, unsigned number, struct nt_field_list list)
{
	for (size_t i = 0; i < list.len; i++) {
		const struct nt_label *l = (const struct nt_label *)list.p + i;
		size_t at = nt_wire_begin(out, number);

#define NT_LABEL_FIELD(...) NT_UNROLLED(nt_label, put_member(&field, l, out), __VA_ARGS__)
#include "lib/record/fields.def"
		nt_wire_end(out, at);
	}
}

static void put_servers(struct nt_buf *out, unsigned number, struct nt_field_list list)
{
	for (size_t i = 0; i < list.len; i++) {
		const struct nt_server *s = (const struct nt_server *)list.p + i;
		size_t at = nt_wire_begin(out, number);

#define NT_SERVER_FIELD(...) NT_UNROLLED(nt_server, put_member(&field, s, out), __VA_ARGS__)
#include "lib/record/fields.def"
		nt_wire_end(out, at);
	}
}

static void put_rrsets(struct nt_buf *out, unsigned number, struct nt_field_list list)
{
	for (size_t i = 0; i < list.len; i++) {
		const struct nt_rrset *s = (const struct nt_rrset *)list.p + i;
		size_t at = nt_wire_begin(out, number);

#define NT_RRSET_FIELD(...) NT_UNROLLED(nt_rrset, put_member(&field, s, out), __VA_ARGS__)
#include "lib/record/fields.def"
		nt_wire_end(out, at);
	}
}

void nt_record_key(const struct nt_record *r, struct nt_buf *out)
{
	if (r->scope == NT_SCOPE_SEARCH)
		put_part(r, KEY, true, out);
	else
		put_part(r, KEY, false, out);
}

void nt_record_details(const struct nt_record *r, struct nt_buf *out)
{
	put_part(r, DETAILS, r->scope == NT_SCOPE_SEARCH, out);
}

void nt_tally_wire(const struct nt_tally *t, struct nt_buf *out)
{
	put_part(t, TALLY, false, out);
}

void nt_role_wire(enum nt_role role, struct nt_buf *out)
{
#define NT_RECORD_FIELD(...)                                              \
	NT_UNROLLED(nt_record,                                            \
		    if (field.offset == offsetof(struct nt_record, role)) \
			    nt_wire_put_uint(out, field.wire, role),      \
		    __VA_ARGS__)
#include "lib/record/fields.def"
}

static void put_ttl(struct nt_buf *out, uint32_t ttl)
{
	char *at = nt_buf_reserve(out, NT_WIRE_VARINT_MAX);

	if (at)
		nt_buf_wrote(out, at + nt_wire_varint(at, ttl));
}

static size_t begin_ttls(struct nt_buf *out)
{
	size_t at = 0;

#define NT_RECORD_FIELD(...)                                                              \
	NT_UNROLLED(nt_record,                                                            \
		    if (field.kind == NT_FIELD_TTLS) at = nt_wire_begin(out, field.wire), \
		    __VA_ARGS__)
#include "lib/record/fields.def"
	return at;
}

void nt_ttls_wire(const struct nt_ttls *ttls, size_t len, struct nt_buf *out)
{
	size_t at = len ? begin_ttls(out) : 0;

	for (size_t i = 0; i < len; i++) {
		put_ttl(out, ttls[i].min);
		put_ttl(out, ttls[i].max);
	}
	if (len)
		nt_wire_end(out, at);
}

void nt_record_wire(const struct nt_record *r, struct nt_buf *out)
{
	size_t at;

	nt_record_key(r, out);
	nt_record_details(r, out);
	nt_tally_wire(&r->tally, out);
	if (!r->rrsets_len)
		return;
	at = begin_ttls(out);
	for (size_t i = 0; i < r->rrsets_len; i++) {
		put_ttl(out, r->rrsets[i].ttl_min);
		put_ttl(out, r->rrsets[i].ttl_max);
	}
	nt_wire_end(out, at);
}

/* --- in --------------------------------------------------------------------------------------- */

/* Writers go through the table in order, so the field is mostly the one behind the last. */
static const struct nt_field *find_wire(const struct nt_fields *fields, uint64_t number, size_t *at)
{
	for (size_t n = 0; n < fields->len; n++) {
		size_t i = (*at + n) % fields->len;

		if (fields->fields[i].wire == number) {
			*at = i;
			return &fields->fields[i];
		}
	}
	return NULL;
}

static bool is_list(const struct nt_field *f)
{
	return f->kind >= NT_FIELD_STRS;
}

static bool is_bytes(const struct nt_field *f)
{
	return f->kind == NT_FIELD_STR || f->kind == NT_FIELD_ADDR || f->kind >= NT_FIELD_OPTIONS;
}

static size_t member_size(const struct nt_field *f)
{
	const struct nt_fields *members = nt_field_members(f);

	return members ? members->size : sizeof(struct nt_slice);
}

static int bad_value(const struct nt_field *f, struct nt_err *err)
{
	return nt_err_set(err, EBADMSG, "record: field %u (%s) has a value that is not allowed",
			  f->wire, f->name);
}

static int get_packed(const struct nt_field *f, struct nt_slice bytes, uint64_t *v, size_t max,
		      size_t *ret_len, struct nt_err *err)
{
	struct nt_cursor c = nt_cursor_over(bytes);
	size_t n = 0;

	while (nt_cursor_left(&c)) {
		if (n == max)
			return bad_value(f, err);
		v[n++] = nt_wire_read_varint(&c);
	}
	*ret_len = n;
	return c.bad ? bad_value(f, err) : 0;
}

static int get_options(const struct nt_field *f, struct nt_slice bytes, struct nt_record *r,
		       struct nt_err *err)
{
	uint64_t v[NT_ARRAY_LEN(r->edns_options)] = { 0 };
	size_t len = 0;
	int result = get_packed(f, bytes, v, NT_ARRAY_LEN(v), &len, err);

	if (result < 0)
		return result;
	for (size_t i = 0; i < len; i++) {
		if (v[i] > UINT16_MAX || (i && v[i] <= v[i - 1]))
			return bad_value(f, err);
		r->edns_options[i] = (uint16_t)v[i];
	}
	r->edns_options_len = len;
	return 0;
}

/* The sets are there already: a writer puts the keys first. */
static int get_ttls(const struct nt_field *f, struct nt_slice bytes, struct nt_record *r,
		    struct nt_err *err)
{
	struct nt_cursor c = nt_cursor_over(bytes);

	for (size_t i = 0; i < r->rrsets_len; i++) {
		uint64_t min = nt_wire_read_varint(&c), max = nt_wire_read_varint(&c);

		if (c.bad || min > UINT32_MAX || max > UINT32_MAX)
			return bad_value(f, err);
		r->rrsets[i].ttl_min = (uint32_t)min;
		r->rrsets[i].ttl_max = (uint32_t)max;
	}
	return nt_cursor_left(&c) ? bad_value(f, err) : 0;
}

static int get_uint(const struct nt_field *f, uint64_t v, void *base, struct nt_err *err)
{
	uint64_t max = f->size < 8 ? (1ull << 8 * f->size) - 1 : UINT64_MAX;

	if (f->kind == NT_FIELD_HOP && v-- > INT64_MAX)
		return bad_value(f, err);
	if (f->kind == NT_FIELD_BOOL)
		max = 1;
	if (v > max || (f->kind == NT_FIELD_ENUM && v && !nt_enum_name(f->values, (unsigned)v)))
		return bad_value(f, err);
	nt_field_set_uint(f, base, v);
	return 0;
}

static int get_fields(const struct nt_fields *fields, struct nt_slice wire, struct nt_arena *arena,
		      void *base, struct nt_err *err);

static int get_member(const struct nt_field *f, const struct nt_wire_token *t,
		      struct nt_arena *arena, void *base, struct nt_err *err)
{
	const struct nt_fields *members = nt_field_members(f);
	struct nt_field_list list = nt_field_list(f, base);
	char *at = (char *)list.p + list.len * member_size(f);

	list.len++;
	nt_field_set_list(f, base, list);
	if (members)
		return get_fields(members, t->bytes, arena, at, err);
	return nt_wire_get_str(t, (struct nt_slice *)at) ? 0 : bad_value(f, err);
}

static int get_field(const struct nt_field *f, const struct nt_wire_token *t,
		     struct nt_arena *arena, void *base, struct nt_err *err)
{
	struct nt_slice *text = (struct nt_slice *)((char *)base + f->offset);
	struct nt_addr addr;
	size_t len = 0;

	if (t->type != (is_bytes(f) ? NT_WIRE_BYTES : NT_WIRE_VARINT))
		return nt_err_set(err, EBADMSG, "record: field %u (%s) has wire type %u", f->wire,
				  f->name, t->type);
	switch (f->kind) {
	case NT_FIELD_STR:
		return nt_wire_get_str(t, text) ? 0 : bad_value(f, err);
	case NT_FIELD_ADDR:
		if (!nt_wire_get_addr(t, &addr))
			return bad_value(f, err);
		memcpy((char *)base + f->offset, &addr, sizeof(addr));
		return 0;
	case NT_FIELD_OPTIONS:
		return get_options(f, t->bytes, base, err);
	case NT_FIELD_HISTOGRAM:
		return get_packed(f, t->bytes, ((struct nt_record *)base)->latency_histogram,
				  NT_HISTOGRAM_BUCKETS, &len, err);
	case NT_FIELD_TTLS:
		return get_ttls(f, t->bytes, base, err);
	default:
		return is_list(f) ? get_member(f, t, arena, base, err)
				  : get_uint(f, t->value, base, err);
	}
}

/* Counts the members of each list, checks the frame, and makes room for the lists. */
static int make_lists(const struct nt_fields *fields, struct nt_slice wire, struct nt_arena *arena,
		      void *base, struct nt_err *err)
{
	struct nt_cursor c = nt_cursor_over(wire);
	uint16_t counts[256] = { 0 };
	struct nt_wire_token t;

	while (nt_wire_next(&c, &t))
		if (t.number < NT_ARRAY_LEN(counts) && t.type == NT_WIRE_BYTES &&
		    ++counts[t.number] > LIST_MAX)
			return nt_err_set(err, EBADMSG, "record: more than %d times field %u",
					  LIST_MAX, (unsigned)t.number);
	if (c.bad)
		return nt_err_set(err, EBADMSG, "record: broken at octet %zu of %zu", c.at, c.len);
	for (size_t i = 0; i < fields->len; i++) {
		const struct nt_field *f = &fields->fields[i];
		struct nt_field_list list = { 0 };

		if (!f->wire || !is_list(f) || !counts[f->wire])
			continue;
		list.p = nt_arena_zalloc(arena, counts[f->wire] * member_size(f));
		if (!list.p)
			return nt_err_set(err, ENOMEM, "record: a list of %u does not fit",
					  counts[f->wire]);
		nt_field_set_list(f, base, list);
	}
	return 0;
}

static int get_fields(const struct nt_fields *fields, struct nt_slice wire, struct nt_arena *arena,
		      void *base, struct nt_err *err)
{
	struct nt_cursor c = nt_cursor_over(wire);
	struct nt_wire_token t;
	size_t at = 0;
	int result = make_lists(fields, wire, arena, base, err);

	while (result == 0 && nt_wire_next(&c, &t)) {
		const struct nt_field *f = find_wire(fields, t.number, &at);

		if (f)
			result = get_field(f, &t, arena, base, err);
	}
	return result;
}

int nt_record_from_wire(struct nt_slice wire, struct nt_arena *arena, struct nt_record *ret_record,
			struct nt_err *err)
{
	struct nt_record r = { .hop_network_ns = -1, .hop_server_ns = -1, .hop_upstream_ns = -1 };
	int result = get_fields(&nt_record_fields, wire, arena, &r, err);

	if (result == 0)
		*ret_record = r;
	return result;
}
