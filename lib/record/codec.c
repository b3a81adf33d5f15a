/* SPDX-License-Identifier: Apache-2.0 */
/* The wire form of a record, both ways, and the octets by which rows are the same. */
#include "lib/record/codec.h"

#include "lib/base/cleanup.h"
#include "lib/record/unroll.h"
#include "lib/record/wire.h"

/* --- out -------------------------------------------------------------------------------------- */

/* Everything is written into room that was reserved once: how much it takes at most is counted
 * before (room_*), then written without looking (put_*, which return behind it). */

NT_UNROLL size_t room_member(const struct nt_field *f, const void *base);
NT_UNROLL char *put_member(const struct nt_field *f, const void *base, char *at);

/* Members of lists: their keys. */
static size_t room_label(const struct nt_label *l)
{
	size_t room = 0;

#define NT_LABEL_FIELD(...) NT_UNROLLED(nt_label, room += room_member(&field, l), __VA_ARGS__)
#include "lib/record/fields.def"
	return room;
}

static char *put_label(const struct nt_label *l, char *at)
{
#define NT_LABEL_FIELD(...) NT_UNROLLED(nt_label, at = put_member(&field, l, at), __VA_ARGS__)
#include "lib/record/fields.def"
	return at;
}

static size_t room_server(const struct nt_server *s)
{
	size_t room = 0;

#define NT_SERVER_FIELD(...) NT_UNROLLED(nt_server, room += room_member(&field, s), __VA_ARGS__)
#include "lib/record/fields.def"
	return room;
}

static char *put_server(const struct nt_server *s, char *at)
{
#define NT_SERVER_FIELD(...) NT_UNROLLED(nt_server, at = put_member(&field, s, at), __VA_ARGS__)
#include "lib/record/fields.def"
	return at;
}

static size_t room_rrset(const struct nt_rrset *s)
{
	size_t room = 0;

#define NT_RRSET_FIELD(...) NT_UNROLLED(nt_rrset, room += room_member(&field, s), __VA_ARGS__)
#include "lib/record/fields.def"
	return room;
}

static char *put_rrset(const struct nt_rrset *s, char *at)
{
#define NT_RRSET_FIELD(...) NT_UNROLLED(nt_rrset, at = put_member(&field, s, at), __VA_ARGS__)
#include "lib/record/fields.def"
	return at;
}

/* Each is one member of the message: octets that are text, or a message again. */
NT_UNROLL size_t room_list(const struct nt_field *f, struct nt_field_list list)
{
	size_t room = list.len * NT_WIRE_HEAD_MAX;

	for (size_t i = 0; i < list.len; i++) {
		switch (f->kind) {
		case NT_FIELD_STRS:
			room += ((const struct nt_slice *)list.p)[i].len;
			break;
		case NT_FIELD_LABELS:
			room += room_label((const struct nt_label *)list.p + i);
			break;
		case NT_FIELD_SERVERS:
			room += room_server((const struct nt_server *)list.p + i);
			break;
		case NT_FIELD_RRSETS:
			room += room_rrset((const struct nt_rrset *)list.p + i);
			break;
		}
	}
	return room;
}

NT_UNROLL char *put_list(const struct nt_field *f, struct nt_field_list list, char *at)
{
	for (size_t i = 0; i < list.len; i++) {
		char *begin = nt_wire_at_open(at, f->wire);

		switch (f->kind) {
		case NT_FIELD_STRS:
			at = nt_wire_at_bytes(at, f->wire, ((const struct nt_slice *)list.p)[i]);
			break;
		case NT_FIELD_LABELS:
			at = put_label((const struct nt_label *)list.p + i, begin);
			at = nt_wire_at_close(begin, at);
			break;
		case NT_FIELD_SERVERS:
			at = put_server((const struct nt_server *)list.p + i, begin);
			at = nt_wire_at_close(begin, at);
			break;
		case NT_FIELD_RRSETS:
			at = put_rrset((const struct nt_rrset *)list.p + i, begin);
			at = nt_wire_at_close(begin, at);
			break;
		}
	}
	return at;
}

/* Zeros at the end are left out. */
NT_UNROLL char *put_histogram(const struct nt_field *f, const struct nt_tally *t, char *at)
{
	char *begin = nt_wire_at_open(at, f->wire), *to = begin;
	size_t len = NT_HISTOGRAM_BUCKETS;

	while (len && !t->latency_histogram[len - 1])
		len--;
	for (size_t i = 0; i < len; i++)
		to = nt_wire_at_varint(to, t->latency_histogram[i]);
	return len ? nt_wire_at_close(begin, to) : at;
}

NT_UNROLL char *put_options(const struct nt_field *f, const struct nt_tally *t, char *at)
{
	char *begin = nt_wire_at_open(at, f->wire), *to = begin;

	for (size_t i = 0; i < t->edns_options_len; i++)
		to = nt_wire_at_varint(to, t->edns_options[i]);
	return t->edns_options_len ? nt_wire_at_close(begin, to) : at;
}

NT_UNROLL size_t room_value(const struct nt_field *f, const void *base)
{
	switch (f->kind) {
	case NT_FIELD_STR:
		return NT_WIRE_HEAD_MAX + nt_field_str(f, base).len;
	case NT_FIELD_ADDR:
		return NT_WIRE_HEAD_MAX + 16;
	case NT_FIELD_OPTIONS:
		return NT_WIRE_HEAD_MAX +
		       NT_ARRAY_LEN(((struct nt_tally *)NULL)->edns_options) * NT_WIRE_VARINT_MAX;
	case NT_FIELD_HISTOGRAM:
		return NT_WIRE_HEAD_MAX + NT_HISTOGRAM_BUCKETS * NT_WIRE_VARINT_MAX;
	case NT_FIELD_TTLS: /* room_ttls */
		return 0;
	case NT_FIELD_STRS:
	case NT_FIELD_LABELS:
	case NT_FIELD_SERVERS:
	case NT_FIELD_RRSETS:
		return room_list(f, nt_field_list(f, base));
	default:
		return NT_WIRE_HEAD_MAX;
	}
}

NT_UNROLL char *put_value(const struct nt_field *f, const void *base, char *at)
{
	switch (f->kind) {
	case NT_FIELD_STR:
		return nt_wire_at_str(at, f->wire, nt_field_str(f, base));
	case NT_FIELD_ADDR:
		return nt_wire_at_addr(at, f->wire,
				       (const struct nt_addr *)((const char *)base + f->offset));
	case NT_FIELD_OPTIONS:
		return put_options(f, base, at);
	case NT_FIELD_HISTOGRAM:
		return put_histogram(f, base, at);
	case NT_FIELD_TTLS: /* put_ttls */
		return at;
	case NT_FIELD_STRS:
	case NT_FIELD_LABELS:
	case NT_FIELD_SERVERS:
	case NT_FIELD_RRSETS:
		return put_list(f, nt_field_list(f, base), at);
	case NT_FIELD_ID:
	case NT_FIELD_TIME:
		return nt_wire_at_fixed(at, f->wire, nt_field_uint(f, base));
	case NT_FIELD_HOP: /* -1 is what is not there */
		return nt_wire_at_uint(at, f->wire, nt_field_uint(f, base) + 1);
	default:
		return nt_wire_at_uint(at, f->wire, nt_field_uint(f, base));
	}
}

NT_UNROLL size_t room_member(const struct nt_field *f, const void *base)
{
	return f->merge == NT_MERGE_KEY ? room_value(f, base) : 0;
}

NT_UNROLL char *put_member(const struct nt_field *f, const void *base, char *at)
{
	return f->merge == NT_MERGE_KEY ? put_value(f, base, at) : at;
}

/* The parts of a record; CLIENT is the first one of the keys. */
enum part { CLIENT = 0, KEY = 1, DETAILS = 2, TALLY = 3 };

/* The text by which the client is known: the same in all rows of a pod. */
NT_UNROLL bool is_client(const struct nt_field *f)
{
	switch (f->offset) {
	case offsetof(struct nt_record, node):
	case offsetof(struct nt_record, client_namespace):
	case offsetof(struct nt_record, client_name):
	case offsetof(struct nt_record, client_uid):
	case offsetof(struct nt_record, client_ifname):
	case offsetof(struct nt_record, client_container_id):
		return true;
	default:
		return false;
	}
}

NT_UNROLL bool is_in(const struct nt_field *f, enum part part, bool search)
{
	bool key = f->merge == NT_MERGE_KEY || (f->merge == NT_MERGE_KEY_SEARCH && search);

	if (!f->wire || f->offset < sizeof(struct nt_tally))
		return f->wire && part == TALLY;
	if (!key)
		return part == DETAILS;
	return part == (is_client(f) ? CLIENT : KEY);
}

/* base: the record, or of TALLY its figures. search: logical_qname is a key. */
NT_UNROLL void put_part(const void *base, enum part part, bool search, struct nt_buf *out)
{
	size_t room = 0;
	char *at;

#define NT_RECORD_FIELD(...)                                                                      \
	NT_UNROLLED(nt_record, if (is_in(&field, part, search)) room += room_value(&field, base), \
		    __VA_ARGS__)
#include "lib/record/fields.def"
	at = nt_buf_reserve(out, room);
	if (!at)
		return;
#define NT_RECORD_FIELD(...)                                                                      \
	NT_UNROLLED(nt_record, if (is_in(&field, part, search)) at = put_value(&field, base, at), \
		    __VA_ARGS__)
#include "lib/record/fields.def"
	nt_buf_wrote(out, at);
}

void nt_record_client(const struct nt_record *r, struct nt_buf *out)
{
	put_part(r, CLIENT, false, out);
}

void nt_record_key(const struct nt_record *r, struct nt_buf *out)
{
	if (r->client_wire.len)
		nt_buf_slice(out, r->client_wire);
	else
		nt_record_client(r, out);
	if (r->scope == NT_SCOPE_SEARCH)
		put_part(r, KEY, true, out);
	else
		put_part(r, KEY, false, out);
}

void nt_record_details(const struct nt_record *r, struct nt_buf *out)
{
	if (r->scope == NT_SCOPE_SEARCH)
		put_part(r, DETAILS, true, out);
	else
		put_part(r, DETAILS, false, out);
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

static void put_ttls(uint32_t min, uint32_t max, struct nt_buf *out)
{
	char *at = nt_buf_reserve(out, 2 * NT_WIRE_VARINT_MAX);

	if (at)
		nt_buf_wrote(out, nt_wire_at_varint(nt_wire_at_varint(at, min), max));
}

void nt_ttls_wire(const struct nt_ttls *ttls, size_t len, struct nt_buf *out)
{
	size_t at = len ? begin_ttls(out) : 0;

	for (size_t i = 0; i < len; i++)
		put_ttls(ttls[i].min, ttls[i].max, out);
	if (len)
		nt_wire_end(out, at);
}

void nt_record_wire(const struct nt_record *r, struct nt_buf *out)
{
	size_t at;

	nt_record_key(r, out);
	nt_record_details(r, out);
	nt_tally_wire(&r->tally, out);
	at = r->rrsets_len ? begin_ttls(out) : 0;
	for (size_t i = 0; i < r->rrsets_len; i++)
		put_ttls(r->rrsets[i].ttl_min, r->rrsets[i].ttl_max, out);
	if (r->rrsets_len)
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

static bool is_of_type(const struct nt_field *f, unsigned type)
{
	bool fixed = f->kind == NT_FIELD_ID || f->kind == NT_FIELD_TIME;

	return type == (is_bytes(f) ? NT_WIRE_BYTES : NT_WIRE_VARINT) ||
	       (fixed && type == NT_WIRE_FIXED64);
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

	if (!is_of_type(f, t->type))
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
		    ++counts[t.number] > NT_RECORD_LIST_MAX)
			return nt_err_set(err, EBADMSG, "record: more than %d times field %u",
					  NT_RECORD_LIST_MAX, (unsigned)t.number);
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

int nt_record_add_wire(struct nt_slice wire, struct nt_arena *arena, struct nt_record *r,
		       struct nt_err *err)
{
	return get_fields(&nt_record_fields, wire, arena, r, err);
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
