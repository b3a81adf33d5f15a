/* SPDX-License-Identifier: Apache-2.0 */
/* From the octets of a row to its record. */
#include "lib/record/expand.h"

#include "lib/base/cleanup.h"
#include "lib/record/codec.h"
#include "lib/record/fields.h"
#include "lib/record/lookup.h"
#include "lib/record/rrsets.h"
#include "lib/record/wire.h"

enum { BASE_RECORD = 1, BASE_SEARCHES = 2 };

void nt_base_wire(struct nt_slice record, struct nt_slice searches, struct nt_buf *out)
{
	nt_wire_put_str(out, BASE_RECORD, record);
	nt_wire_put_str(out, BASE_SEARCHES, searches);
}

static int bad(const char *what, uint64_t number, struct nt_err *err)
{
	return nt_err_set(err, EBADMSG, "%s: field %llu has a value that is not allowed", what,
			  (unsigned long long)number);
}

static int no_memory(struct nt_err *err)
{
	return nt_err_set(err, ENOMEM, "row: its text does not fit");
}

int nt_base_from_wire(struct nt_slice wire, struct nt_arena *arena, struct nt_base *ret_base,
		      struct nt_err *err)
{
	struct nt_cursor c = nt_cursor_over(wire);
	struct nt_slice record = { 0 }, searches = { 0 };
	struct nt_wire_token t = { 0 };
	bool ok = true;
	int r;

	while (ok && nt_wire_next(&c, &t)) {
		if (t.number == BASE_SEARCHES)
			ok = nt_wire_get_str(&t, &searches) && searches.len <= NT_BASE_SEARCHES_MAX;
		else if (t.number == BASE_RECORD)
			ok = t.type == NT_WIRE_BYTES && (record = t.bytes, true);
	}
	if (!ok || c.bad)
		return bad("base", t.number, err);
	searches = nt_arena_copy(arena, searches); /* ends in a NUL */
	if (!searches.p)
		return no_memory(err);
	r = nt_record_from_wire(record, arena, &ret_base->record, err);
	ret_base->searches = searches.p;
	return r;
}

/* --- names and answers ------------------------------------------------------------------------ */

/* Octets that are one whole name without a pointer, as text. */
static int name_text(struct nt_slice octets, struct nt_arena *arena, struct nt_slice *ret_text,
		     struct nt_err *err)
{
	struct nt_cursor c = nt_cursor_over(octets);
	char text[NT_NAME_TEXT_MAX];
	struct nt_name name;

	if (!octets.len)
		return nt_err_set(err, EBADMSG, "row: it has no name");
	nt_name_read(&c, &name);
	if (c.bad || nt_cursor_left(&c) || name.len != octets.len)
		return nt_err_set(err, EBADMSG, "row: a name is none");
	*ret_text = nt_arena_copy(arena, nt_slice_mem(text, nt_name_text(&name, text)));
	return ret_text->p ? 0 : no_memory(err);
}

static int data_text(const struct nt_rrset *set, struct nt_slice octets, struct nt_arena *arena,
		     struct nt_slice *ret_text, struct nt_err *err)
{
	char first[NT_NAME_TEXT_MAX + 64];
	_cleanup_buf_ struct nt_buf text = NT_BUF_OVER(first);

	if (nt_rdata_text(set->type, set->class_, octets, &text) < 0)
		return nt_err_set(err, EBADMSG, "row: data of an answer does not fit its type");
	*ret_text = nt_buf_ok(&text) ? nt_arena_copy(arena, nt_slice_mem(text.p, text.len))
				     : (struct nt_slice){ 0 };
	return ret_text->p ? 0 : no_memory(err);
}

static struct nt_slice take_octets(struct nt_cursor *c)
{
	return nt_cursor_take(c, nt_wire_read_varint(c));
}

static uint16_t take_u16(struct nt_cursor *c)
{
	uint64_t v = nt_wire_read_varint(c);

	if (v > UINT16_MAX)
		nt_cursor_fail(c);
	return (uint16_t)v;
}

/* Number of data that follow; each has an octet at least. */
static size_t take_count(struct nt_cursor *c)
{
	uint64_t v = nt_wire_read_varint(c);

	if (!v || v > nt_cursor_left(c) || v > NT_RECORD_LIST_MAX)
		nt_cursor_fail(c);
	return c->bad ? 0 : v;
}

static size_t count_sets(struct nt_cursor c)
{
	size_t sets = 0;

	for (; nt_cursor_left(&c); sets++) {
		(void)take_octets(&c);
		(void)take_u16(&c);
		(void)take_u16(&c);
		for (size_t n = take_count(&c); n && !c.bad; n--)
			(void)take_octets(&c);
	}
	return sets;
}

static int get_set(struct nt_cursor *c, struct nt_slice qname, struct nt_arena *arena,
		   struct nt_rrset *set, struct nt_err *err)
{
	struct nt_slice name = take_octets(c);
	int r = 0;

	set->type = take_u16(c);
	set->class_ = take_u16(c);
	set->rdata_len = take_count(c);
	if (c->bad)
		return bad("row", NT_ROW_ANSWERS, err);
	set->name = qname;
	if (name.len)
		r = name_text(name, arena, &set->name, err);
	set->rdata = nt_arena_alloc(arena, set->rdata_len * sizeof(*set->rdata));
	if (r == 0 && !set->rdata)
		r = no_memory(err);
	for (size_t i = 0; r == 0 && i < set->rdata_len; i++) {
		struct nt_slice octets = take_octets(c);

		r = c->bad ? bad("row", NT_ROW_ANSWERS, err)
			   : data_text(set, octets, arena, &set->rdata[i], err);
	}
	return r;
}

static int get_answers(struct nt_slice octets, struct nt_arena *arena, struct nt_record *r,
		       struct nt_err *err)
{
	struct nt_cursor c = nt_cursor_over(octets);
	int result = 0;

	r->rrsets_len = count_sets(c);
	if (r->rrsets_len > NT_RECORD_LIST_MAX)
		return bad("row", NT_ROW_ANSWERS, err);
	r->rrsets = nt_arena_zalloc(arena, r->rrsets_len * sizeof(*r->rrsets));
	if (!r->rrsets)
		return no_memory(err);
	for (size_t i = 0; result == 0 && i < r->rrsets_len; i++)
		result = get_set(&c, r->qname, arena, &r->rrsets[i], err);
	return result;
}

/* The sets are in the order of their octets yet. */
static int get_ttls(struct nt_slice octets, struct nt_record *r, struct nt_err *err)
{
	struct nt_cursor c = nt_cursor_over(octets);

	for (size_t i = 0; i < r->rrsets_len; i++) {
		uint64_t min = nt_wire_read_varint(&c), max = nt_wire_read_varint(&c);

		if (c.bad || min > UINT32_MAX || max > UINT32_MAX)
			return bad("row", NT_ROW_TTLS, err);
		r->rrsets[i].ttl_min = (uint32_t)min;
		r->rrsets[i].ttl_max = (uint32_t)max;
	}
	return nt_cursor_left(&c) ? bad("row", NT_ROW_TTLS, err) : 0;
}

/* Whoever stores the record adds to its servers what is known of them at its time. */
static int copy_servers(struct nt_arena *arena, struct nt_record *r, struct nt_err *err)
{
	struct nt_server *own = nt_arena_alloc(arena, r->servers_len * sizeof(*own));

	if (!own)
		return no_memory(err);
	for (size_t i = 0; i < r->servers_len; i++)
		own[i] = r->servers[i];
	r->servers = own;
	return 0;
}

/* --- a row ------------------------------------------------------------------------------------ */

/* The row's fields as they stand there; a writer's order is not relied upon. */
struct parts {
	uint64_t base, qtype, qclass, rcode, verdict, late_of, role;
	struct nt_slice qname, answers, policy, one, ttls, fields;
};

static bool get_part(const struct nt_wire_token *t, struct parts *p)
{
	switch (t->number) {
	case NT_ROW_BASE:
		return nt_wire_get_uint(t, UINT32_MAX, &p->base);
	case NT_ROW_QTYPE:
		return nt_wire_get_uint(t, UINT16_MAX, &p->qtype);
	case NT_ROW_QCLASS:
		return nt_wire_get_uint(t, UINT16_MAX, &p->qclass);
	case NT_ROW_RCODE:
		return nt_wire_get_uint(t, UINT16_MAX + 1, &p->rcode);
	case NT_ROW_VERDICT:
		return nt_wire_get_uint(t, UINT8_MAX, &p->verdict);
	case NT_ROW_LATE_OF:
		return nt_wire_get_uint(t, UINT64_MAX, &p->late_of);
	case NT_ROW_ROLE:
		return nt_wire_get_uint(t, NT_ROLE_RESOLVER, &p->role);
	case NT_ROW_POLICY:
		return nt_wire_get_str(t, &p->policy);
	case NT_ROW_QNAME:
		p->qname = t->bytes;
		break;
	case NT_ROW_ANSWERS:
		p->answers = t->bytes;
		break;
	case NT_ROW_ONE:
		p->one = t->bytes;
		break;
	case NT_ROW_TTLS:
		p->ttls = t->bytes;
		break;
	case NT_ROW_FIELDS:
		p->fields = t->bytes;
		break;
	default:
		return true;
	}
	return t->type == NT_WIRE_BYTES;
}

static int get_parts(struct nt_slice wire, struct parts *p, struct nt_err *err)
{
	struct nt_cursor c = nt_cursor_over(wire);
	struct nt_wire_token t = { 0 };
	bool ok = true;

	while (ok && nt_wire_next(&c, &t))
		ok = get_part(&t, p);
	return ok && !c.bad ? 0 : bad("row", t.number, err);
}

static int set_keys(const struct parts *p, struct nt_record *r, struct nt_err *err)
{
	const struct nt_field *verdict = nt_field_find(&nt_record_fields, NT_SLICE_LIT("verdict"));

	if (p->verdict && !nt_enum_name(verdict->values, (unsigned)p->verdict))
		return bad("row", NT_ROW_VERDICT, err);
	r->qtype = (uint16_t)p->qtype;
	r->qclass = (uint16_t)p->qclass;
	r->answered = p->rcode != 0;
	r->rcode = p->rcode ? (uint16_t)(p->rcode - 1) : 0;
	r->verdict = (uint8_t)p->verdict;
	r->policy = p->policy;
	r->late = p->late_of != 0;
	r->late_of = p->late_of ? p->late_of - 1 : 0;
	if (p->role)
		r->role = (enum nt_role)p->role;
	return 0;
}

static int set_figures(const struct parts *p, struct nt_arena *arena, struct nt_record *r,
		       struct nt_err *err)
{
	struct nt_one one;

	if (p->fields.len)
		return nt_record_add_wire(p->fields, arena, r, err);
	if (!nt_one_read(p->one, &one))
		return bad("row", NT_ROW_ONE, err);
	nt_one_tally(&one, &r->tally);
	return 0;
}

int nt_row_from_wire(const struct nt_row_reader *reader, struct nt_slice wire,
		     struct nt_arena *arena, struct nt_record *ret_record, struct nt_err *err)
{
	struct parts p = { 0 };
	const struct nt_base *base;
	struct nt_record r;
	int result = get_parts(wire, &p, err);

	if (result < 0)
		return result;
	if (!p.base || p.base > reader->bases_len)
		return bad("row", NT_ROW_BASE, err);
	base = &reader->bases[p.base - 1];
	r = base->record;
	result = copy_servers(arena, &r, err);
	if (result == 0)
		result = set_keys(&p, &r, err);
	if (result == 0)
		result = set_figures(&p, arena, &r, err);
	if (result == 0)
		result = name_text(p.qname, arena, &r.qname, err);
	r.logical_qname = r.qname;
	if (result == 0)
		result = get_answers(p.answers, arena, &r, err);
	if (result == 0 && p.ttls.len)
		result = get_ttls(p.ttls, &r, err);
	if (result < 0)
		return result;
	nt_rrsets_sort(r.rrsets, r.rrsets_len);
	nt_record_meaning(reader->names, base->searches, &r);
	*ret_record = r;
	return 0;
}
