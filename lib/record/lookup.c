/* SPDX-License-Identifier: Apache-2.0 */
/* From a paired transaction to the octets of its row. */
#include "lib/record/lookup.h"

#include "lib/record/wire.h"

enum { TYPE_DNAME = 39, POINTER_MAX = 0x3fff, POLICY_MAX = 384 };

/* An answer: name empty for the question's. */
struct answer {
	struct nt_slice name, rdata;
	uint16_t type, class_;
	uint32_t ttl;
};

/* What is read of a message, one answer behind the other. */
struct reader {
	const struct nt_dns_msg *msg;
	struct nt_lookup *l;
	size_t names_len, octets_len;
	/* The name in the data of the answer before, an alias: the next one's owner, mostly. */
	uint16_t alias_at;
	struct nt_slice alias;
};

#define BIT(type) ((uint64_t)1 << (type))

/* Types whose fields (rdata.c) are at most sixteen times as long in text. */
static bool is_usual(uint16_t type)
{
	const uint64_t usual = BIT(NT_TYPE_A) | BIT(NT_TYPE_NS) | BIT(NT_TYPE_CNAME) |
			       BIT(NT_TYPE_SOA) | BIT(NT_TYPE_PTR) | BIT(NT_TYPE_MX) |
			       BIT(NT_TYPE_TXT) | BIT(NT_TYPE_AAAA) | BIT(NT_TYPE_SRV) |
			       BIT(TYPE_DNAME);

	return type < 64 ? usual >> type & 1
			 : type == NT_TYPE_SVCB || type == NT_TYPE_HTTPS || type == NT_TYPE_CAA;
}

static bool is_name(uint16_t type)
{
	return type == NT_TYPE_CNAME || type == NT_TYPE_PTR || type == NT_TYPE_NS ||
	       type == TYPE_DNAME;
}

static bool has_names(uint16_t type)
{
	return type == NT_TYPE_SRV || type == NT_TYPE_MX || type == NT_TYPE_SOA ||
	       type == NT_TYPE_HTTPS || type == NT_TYPE_SVCB;
}

/* Octets behind those that are taken. False: there is no room. */
static bool keep(struct reader *rd, size_t len, struct nt_slice *ret)
{
	*ret = nt_slice_mem(rd->l->names + rd->names_len, len);
	rd->names_len += len;
	return rd->names_len <= NT_LOOKUP_NAMES;
}

static bool read_name(struct reader *rd, uint16_t at, struct nt_slice *ret)
{
	struct nt_cursor c = nt_cursor_over(rd->msg->wire);
	struct nt_name name;

	c.at = at;
	nt_name_read(&c, &name);
	memcpy(rd->l->names + rd->names_len, name.wire, name.len);
	return keep(rd, name.len, ret);
}

/* Most owners are pointers to a name that was read. */
static bool read_owner(struct reader *rd, uint16_t at, struct nt_slice *ret)
{
	struct nt_cursor c = nt_cursor_over(rd->msg->wire);
	const struct nt_name *qname = &rd->msg->qname;
	uint16_t pointer;

	c.at = at;
	pointer = nt_cursor_u16(&c);
	if (pointer == NT_DNS_QNAME_POINTER) {
		*ret = (struct nt_slice){ 0 };
		return true;
	}
	if (rd->alias.p && rd->alias_at <= POINTER_MAX && pointer == (0xc000 | rd->alias_at))
		*ret = rd->alias;
	else if (!read_name(rd, at, ret))
		return false;
	if (nt_slice_eq(*ret, nt_slice_mem(qname->wire, qname->len)))
		*ret = (struct nt_slice){ 0 };
	return true;
}

static bool read_odd_data(struct reader *rd, const struct nt_dns_rr *rr, struct nt_slice *ret)
{
	struct nt_buf out = { .p = (char *)rd->l->names + rd->names_len,
			      .cap = sizeof(rd->l->names) - rd->names_len,
			      .borrowed = true };
	bool fits;

	nt_rdata_octets(rd->msg, rr, &out);
	fits = out.borrowed && nt_buf_ok(&out);
	if (!fits)
		nt_buf_done(&out);
	return fits && keep(rd, out.len, ret);
}

static bool read_data(struct reader *rd, const struct nt_dns_rr *rr, struct nt_slice *ret)
{
	rd->alias = (struct nt_slice){ 0 };
	if (rr->type == NT_TYPE_A || rr->type == NT_TYPE_AAAA) {
		*ret = nt_slice_mem(rd->msg->wire.p + rr->rdata_at, rr->rdata_len);
		return true;
	}
	if (is_name(rr->type) && rr->rdata_len) {
		if (!read_name(rd, rr->rdata_at, ret))
			return false;
		rd->alias = *ret;
		rd->alias_at = rr->rdata_at;
		return true;
	}
	if (has_names(rr->type) && rr->rdata_len)
		return read_odd_data(rd, rr, ret);
	*ret = nt_slice_mem(rd->msg->wire.p + rr->rdata_at, rr->rdata_len);
	return true;
}

static bool read_answers(struct reader *rd, struct answer *answers)
{
	for (size_t i = 0; i < rd->msg->ancount; i++) {
		const struct nt_dns_rr *rr = &rd->msg->answers[i];
		struct answer *a = &answers[i];

		if (!is_usual(rr->type) || !read_owner(rd, rr->owner_at, &a->name) ||
		    !read_data(rd, rr, &a->rdata))
			return false;
		a->type = rr->type;
		a->class_ = rr->class_;
		a->ttl = rr->ttl;
		rd->octets_len += a->name.len + a->rdata.len;
	}
	return rd->octets_len <= NT_LOOKUP_OCTETS;
}

static int compare(struct nt_slice a, struct nt_slice b)
{
	if (a.len != b.len)
		return a.len < b.len ? -1 : 1;
	return a.len && a.p != b.p ? memcmp(a.p, b.p, a.len) : 0;
}

static int compare_sets(const struct answer *a, const struct answer *b)
{
	int r = compare(a->name, b->name);

	if (r == 0)
		r = (int)a->type - b->type;
	return r ? r : (int)a->class_ - b->class_;
}

/* What has no order in DNS is sorted, so that the same answers are the same octets. */
static void sort(struct answer *answers, size_t len)
{
	for (size_t i = 1; i < len; i++) {
		size_t at = i;
		struct answer a;
		int r = compare_sets(&answers[i - 1], &answers[i]);

		if (r < 0 || (r == 0 && compare(answers[i - 1].rdata, answers[i].rdata) <= 0))
			continue;
		a = answers[i];
		do {
			answers[at] = answers[at - 1];
			at--;
			r = at ? compare_sets(&answers[at - 1], &a) : -1;
		} while (r > 0 || (r == 0 && compare(answers[at - 1].rdata, a.rdata) > 0));
		answers[at] = a;
	}
}

static char *put_octets(char *at, struct nt_slice s)
{
	at = nt_wire_at_varint(at, s.len);
	if (s.len)
		memcpy(at, s.p, s.len);
	return at + s.len;
}

/* A set from the run of answers that share its name, type and class: these, their number, each. */
static char *put_set(char *at, const struct answer *answers, size_t len, struct nt_ttls *ret_ttls)
{
	struct nt_ttls ttls = { answers->ttl, answers->ttl };

	at = put_octets(at, answers->name);
	at = nt_wire_at_varint(at, answers->type);
	at = nt_wire_at_varint(at, answers->class_);
	at = nt_wire_at_varint(at, len);
	for (size_t i = 0; i < len; i++) {
		at = put_octets(at, answers[i].rdata);
		if (answers[i].ttl < ttls.min)
			ttls.min = answers[i].ttl;
		if (answers[i].ttl > ttls.max)
			ttls.max = answers[i].ttl;
	}
	*ret_ttls = ttls;
	return at;
}

static char *put_answers(const struct nt_dns_msg *msg, struct nt_lookup *l, char *at)
{
	struct answer answers[NT_LOOKUP_ANSWERS];
	struct reader rd = { .msg = msg, .l = l };
	size_t len = msg->ancount, n;
	char *begin;

	if (len > NT_LOOKUP_ANSWERS || !read_answers(&rd, answers))
		return NULL;
	sort(answers, len);
	begin = nt_wire_at_open(at, NT_ROW_ANSWERS);
	at = begin;
	for (size_t i = 0; i < len; i += n) {
		for (n = 1; i + n < len && compare_sets(&answers[i], &answers[i + n]) == 0;)
			n++;
		at = put_set(at, &answers[i], n, &l->ttls[l->ttls_len++]);
	}
	return nt_wire_at_close(begin, at);
}

bool nt_lookup_make(const struct nt_txn *txn, uint32_t base, struct nt_slice policy,
		    struct nt_lookup *ret_lookup)
{
	const struct nt_pair_query *q = txn->query;
	struct nt_lookup *l = ret_lookup;
	char *at = l->key;

	l->ttls_len = 0;
	if (!q->qname.len || policy.len > POLICY_MAX)
		return false;
	at = nt_wire_at_uint(at, NT_ROW_BASE, (uint64_t)base + 1);
	at = nt_wire_at_bytes(at, NT_ROW_QNAME, nt_slice_mem(q->qname.wire, q->qname.len));
	at = nt_wire_at_uint(at, NT_ROW_QTYPE, q->qtype);
	at = nt_wire_at_uint(at, NT_ROW_QCLASS, q->qclass);
	if (txn->reply) {
		at = nt_wire_at_uint(at, NT_ROW_RCODE, txn->reply->rcode + 1u);
		at = txn->reply->ancount ? put_answers(txn->reply, l, at) : at;
		if (!at)
			return false;
	}
	at = nt_wire_at_uint(at, NT_ROW_VERDICT, q->mark.verdict);
	at = nt_wire_at_str(at, NT_ROW_POLICY, policy);
	if (txn->kind == NT_TXN_LATE)
		at = nt_wire_at_uint(at, NT_ROW_LATE_OF, q->tag + 1);
	l->key_len = (size_t)(at - l->key);
	l->transport = q->flow.transport;
	return true;
}

void nt_lookup_count(const struct nt_txn *txn, const struct nt_time_base *time,
		     struct nt_lookup *ret_lookup)
{
	ret_lookup->has_one = nt_one_from_txn(txn, time, &ret_lookup->one);
	if (!ret_lookup->has_one)
		nt_tally_from_txn(txn, time, &ret_lookup->tally);
}

/* --- the figures of one transaction ----------------------------------------------------------- */

enum { ONE_KIND = 3, ONE_EDNS = 4, ONE_DO = 8, ONE_STEP = 16, ONE_UPSTREAM = 32 };

static char *put_fixed(char *at, uint64_t v)
{
	v = htole64(v);
	memcpy(at, &v, sizeof(v));
	return at + sizeof(v);
}

char *nt_one_at(char *at, const struct nt_one *o)
{
	unsigned bits = o->kind | (o->edns ? ONE_EDNS : 0u) | (o->edns_do ? ONE_DO : 0u) |
			(o->clock_step ? ONE_STEP : 0u) | (o->upstream_ns >= 0 ? ONE_UPSTREAM : 0u);

	at = put_fixed(at, o->id);
	at = put_fixed(at, (uint64_t)o->start_us);
	*at++ = (char)bits;
	at = nt_wire_at_varint(at, o->span_us);
	at = nt_wire_at_varint(at, o->latency_ns < 0 ? 0 : (uint64_t)o->latency_ns + 1);
	at = nt_wire_at_varint(at, o->queries);
	at = nt_wire_at_varint(at, o->bytes_out);
	at = nt_wire_at_varint(at, o->bytes_in);
	at = nt_wire_at_varint(at, o->flags);
	if (o->edns) {
		at = nt_wire_at_varint(at, o->edns_udp_size);
		at = nt_wire_at_varint(at, o->edns_version);
	}
	return o->upstream_ns < 0 ? at : nt_wire_at_varint(at, (uint64_t)o->upstream_ns);
}

static uint64_t read_fixed(struct nt_cursor *c)
{
	uint64_t low = __builtin_bswap32(nt_cursor_u32(c));

	return low | (uint64_t)__builtin_bswap32(nt_cursor_u32(c)) << 32;
}

static uint64_t read_up_to(struct nt_cursor *c, uint64_t max)
{
	uint64_t v = nt_wire_read_varint(c);

	if (v > max)
		nt_cursor_fail(c);
	return v;
}

bool nt_one_read(struct nt_slice wire, struct nt_one *ret_one)
{
	struct nt_cursor c = nt_cursor_over(wire);
	struct nt_one o = { 0 };
	uint8_t bits;

	o.id = read_fixed(&c);
	o.start_us = (int64_t)read_fixed(&c);
	bits = nt_cursor_u8(&c);
	o.kind = bits & ONE_KIND;
	o.edns = bits & ONE_EDNS;
	o.edns_do = bits & ONE_DO;
	o.clock_step = bits & ONE_STEP;
	o.span_us = read_up_to(&c, (uint64_t)INT64_MAX);
	o.latency_ns = (int64_t)read_up_to(&c, (uint64_t)INT64_MAX) - 1;
	o.queries = (uint32_t)read_up_to(&c, UINT32_MAX);
	o.bytes_out = (uint32_t)read_up_to(&c, UINT32_MAX);
	o.bytes_in = (uint32_t)read_up_to(&c, UINT32_MAX);
	o.flags = (uint16_t)read_up_to(&c, UINT16_MAX);
	if (o.edns) {
		o.edns_udp_size = (uint16_t)read_up_to(&c, UINT16_MAX);
		o.edns_version = (uint8_t)read_up_to(&c, UINT8_MAX);
	}
	o.upstream_ns = bits & ONE_UPSTREAM ? (int64_t)read_up_to(&c, (uint64_t)INT64_MAX) : -1;
	if (c.bad || __builtin_add_overflow(o.start_us, (int64_t)o.span_us, &(int64_t){ 0 }))
		return false;
	*ret_one = o;
	return true;
}
