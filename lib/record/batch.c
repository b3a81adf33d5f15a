/* SPDX-License-Identifier: Apache-2.0 */
/* The numbered batch in its wire form: magic, version, tagged fields, CRC-32. */
#include "lib/record/batch.h"

#include <libdeflate.h>

#include "lib/base/cleanup.h"
#include "lib/names/names.h"
#include "lib/record/codec.h"
#include "lib/record/expand.h"
#include "lib/record/wire.h"

static const char magic[4] = "NTB1";
enum { HEAD_LEN = sizeof(magic) + 1, CRC_LEN = 4 };

/* Numbers of the fields; README.md has them in words. */
enum {
	NODE = 1,
	SPOOL = 2,
	SEQ = 3,
	CREATED = 4,
	RECORD = NT_BATCH_RECORD,
	RANGE = 6,
	ENDPOINT = 7,
	GAP = 8,
	ADDRESS = 9,
	BASE = 10,
	ROW = NT_BATCH_ROW,
	CLUSTER_DOMAIN = 12,
	CONNTRACK = 13,
};
enum { ADDRESS_EP_ID = 1, ADDRESS_IP = 2, ADDRESS_SINCE = 3, ADDRESS_UNTIL = 4 };
enum { GAP_EP_ID = 1, GAP_FROM = 2, GAP_TO = 3, GAP_REASON = 4 };
enum {
	RANGE_EP_ID = 1,
	RANGE_EPOCH = 2,
	RANGE_CPU = 3,
	RANGE_DIR = 4,
	RANGE_FROM = 5,
	RANGE_TO = 6
};
enum {
	EP_ID = 1,
	EP_STATE = 2,
	EP_NAMESPACE = 3,
	EP_NAME = 4,
	EP_UID = 5,
	EP_CONTAINER_ID = 6,
	EP_IFNAME = 7,
	EP_HOST_IFNAME = 8,
	EP_NETWORK = 9,
	EP_IP = 10,
	EP_ROLE = 11,
	EP_SINCE = 12,
	EP_UNTIL = 13,
	EP_SEEN = 14,
	EP_LOGGED = 15,
	EP_UNLOGGED = 16,
	EP_REASON = 17,
	EP_ORIGIN = 18,
	EP_DNS = 19,
	EP_HOOK = 20,
	EP_STREAM = 21,
	EP_BEFORE_TAP = 22,
	EP_LINK_RX = 23,
	EP_LINK_TX = 24,
};

static void put_range(const struct nt_batch_range *range, struct nt_buf *out)
{
	nt_wire_put_uint(out, RANGE_EP_ID, range->ep_id);
	nt_wire_put_uint(out, RANGE_EPOCH, range->epoch);
	nt_wire_put_uint(out, RANGE_CPU, range->cpu);
	nt_wire_put_uint(out, RANGE_DIR, range->dir);
	nt_wire_put_uint(out, RANGE_FROM, range->from);
	nt_wire_put_uint(out, RANGE_TO, range->to);
}

static void put_endpoint(const struct nt_batch_endpoint *e, struct nt_buf *out)
{
	nt_wire_put_uint(out, EP_ID, e->ep_id);
	nt_wire_put_uint(out, EP_STATE, e->state);
	nt_wire_put_str(out, EP_NAMESPACE, e->namespace_);
	nt_wire_put_str(out, EP_NAME, e->name);
	nt_wire_put_str(out, EP_UID, e->uid);
	nt_wire_put_str(out, EP_CONTAINER_ID, e->container_id);
	nt_wire_put_str(out, EP_IFNAME, e->ifname);
	nt_wire_put_str(out, EP_HOST_IFNAME, e->host_ifname);
	nt_wire_put_str(out, EP_NETWORK, e->network);
	for (size_t i = 0; i < e->ips_len; i++)
		nt_wire_put_addr(out, EP_IP, &e->ips[i]);
	nt_wire_put_uint(out, EP_ROLE, e->role);
	nt_wire_put_uint(out, EP_SINCE, (uint64_t)e->since_us);
	nt_wire_put_uint(out, EP_UNTIL, (uint64_t)e->until_us);
	nt_wire_put_uint(out, EP_SEEN, e->seen);
	nt_wire_put_uint(out, EP_LOGGED, e->logged);
	nt_wire_put_uint(out, EP_UNLOGGED, e->unlogged);
	nt_wire_put_str(out, EP_REASON, e->reason);
	nt_wire_put_uint(out, EP_ORIGIN, e->origin);
	nt_wire_put_uint(out, EP_DNS, e->dns);
	nt_wire_put_uint(out, EP_HOOK, e->hook);
	nt_wire_put_uint(out, EP_STREAM, e->stream);
	nt_wire_put_uint(out, EP_BEFORE_TAP, e->before_tap);
	nt_wire_put_uint(out, EP_LINK_RX, e->link_rx);
	nt_wire_put_uint(out, EP_LINK_TX, e->link_tx);
}

static void put_gap(const struct nt_batch_gap *gap, struct nt_buf *out)
{
	nt_wire_put_uint(out, GAP_EP_ID, gap->ep_id);
	nt_wire_put_uint(out, GAP_FROM, (uint64_t)gap->from_us);
	nt_wire_put_uint(out, GAP_TO, (uint64_t)gap->to_us);
	nt_wire_put_str(out, GAP_REASON, gap->reason);
}

static void put_address(const struct nt_batch_address *a, struct nt_buf *out)
{
	nt_wire_put_uint(out, ADDRESS_EP_ID, a->ep_id);
	nt_wire_put_addr(out, ADDRESS_IP, &a->ip);
	nt_wire_put_uint(out, ADDRESS_SINCE, (uint64_t)a->since_us);
	nt_wire_put_uint(out, ADDRESS_UNTIL, (uint64_t)a->until_us);
}

static void put_crc(struct nt_buf *out, size_t from)
{
	uint32_t crc;

	if (!nt_buf_ok(out))
		return;
	crc = libdeflate_crc32(0, out->p + from, out->len - from);
	for (unsigned i = 0; i < CRC_LEN; i++)
		nt_buf_putc(out, (char)(crc >> 8 * i));
}

void nt_batch_begin(const struct nt_batch *b, struct nt_buf *out)
{
	nt_buf_add(out, magic, sizeof(magic));
	nt_buf_putc(out, b->bases_len ? NT_BATCH_VERSION : 1);
	nt_wire_put_str(out, NODE, b->node);
	nt_wire_put_str(out, SPOOL, b->spool);
	nt_wire_put_uint(out, SEQ, b->seq);
	nt_wire_put_uint(out, CREATED, (uint64_t)b->created_us);
	nt_wire_put_str(out, CONNTRACK, b->conntrack);
	if (b->bases_len)
		nt_wire_put_str(out, CLUSTER_DOMAIN, b->cluster_domain);
	for (size_t i = 0; i < b->bases_len; i++)
		nt_wire_put_bytes(out, BASE, b->bases[i]);
}

static void put_rest(const struct nt_batch *b, struct nt_buf *out)
{
	for (size_t i = 0; i < b->ranges_len && nt_buf_ok(out); i++) {
		size_t at = nt_wire_begin(out, RANGE);

		put_range(&b->ranges[i], out);
		nt_wire_end(out, at);
	}
	for (size_t i = 0; i < b->endpoints_len && nt_buf_ok(out); i++) {
		size_t at = nt_wire_begin(out, ENDPOINT);

		put_endpoint(&b->endpoints[i], out);
		nt_wire_end(out, at);
	}
	for (size_t i = 0; i < b->gaps_len && nt_buf_ok(out); i++) {
		size_t at = nt_wire_begin(out, GAP);

		put_gap(&b->gaps[i], out);
		nt_wire_end(out, at);
	}
	for (size_t i = 0; i < b->addresses_len && nt_buf_ok(out); i++) {
		size_t at = nt_wire_begin(out, ADDRESS);

		put_address(&b->addresses[i], out);
		nt_wire_end(out, at);
	}
}

int nt_batch_end(const struct nt_batch *b, size_t from, struct nt_buf *out, struct nt_err *err)
{
	if (!b->node.len || !b->spool.len || !b->seq)
		return nt_err_set(err, EINVAL, "batch: node, spool and sequence must be set");
	put_rest(b, out);
	put_crc(out, from);
	if (!nt_buf_ok(out))
		return nt_err_set(err, ENOMEM, "batch: no memory for %zu octets", out->len - from);
	if (out->len - from > NT_BATCH_BYTES_MAX)
		return nt_err_set(err, EMSGSIZE, "batch: %zu octets, at most %u are allowed",
				  out->len - from, NT_BATCH_BYTES_MAX);
	return 0;
}

int nt_batch_encode(const struct nt_batch *b, struct nt_buf *out, struct nt_err *err)
{
	size_t from = out->len;

	nt_batch_begin(b, out);
	for (size_t i = 0; i < b->records_len && nt_buf_ok(out); i++) {
		size_t at = nt_wire_begin(out, RECORD);

		nt_record_wire(&b->records[i], out);
		nt_wire_end(out, at);
	}
	return nt_batch_end(b, from, out, err);
}

static int bad_field(const char *what, uint64_t number, struct nt_err *err)
{
	return nt_err_set(err, EBADMSG, "batch: %s has a bad field %llu", what,
			  (unsigned long long)number);
}

static int get_range(struct nt_slice wire, struct nt_batch_range *ret, struct nt_err *err)
{
	struct nt_cursor c = nt_cursor_over(wire);
	struct nt_batch_range range = { 0 };
	struct nt_wire_token t;
	bool ok = true;

	while (ok && nt_wire_next(&c, &t)) {
		switch (t.number) {
		case RANGE_EP_ID:
			ok = nt_wire_get_uint(&t, UINT64_MAX, &range.ep_id);
			break;
		case RANGE_EPOCH:
			ok = nt_wire_get_u32(&t, &range.epoch);
			break;
		case RANGE_CPU:
			ok = nt_wire_get_u32(&t, &range.cpu);
			break;
		case RANGE_DIR:
			ok = t.type == NT_WIRE_VARINT && t.value <= 1;
			range.dir = (uint8_t)t.value;
			break;
		case RANGE_FROM:
			ok = nt_wire_get_uint(&t, UINT64_MAX, &range.from);
			break;
		case RANGE_TO:
			ok = nt_wire_get_uint(&t, UINT64_MAX, &range.to);
			break;
		}
	}
	if (!ok || c.bad)
		return bad_field("a sequence range", t.number, err);
	if (range.to < range.from)
		return nt_err_set(err, EBADMSG, "batch: a sequence range ends before it begins");
	*ret = range;
	return 0;
}

static bool get_endpoint_ip(const struct nt_wire_token *t, struct nt_batch_endpoint *e)
{
	return e->ips_len < sizeof(e->ips) / sizeof(e->ips[0]) &&
	       nt_wire_get_addr(t, &e->ips[e->ips_len++]);
}

static struct nt_slice *endpoint_text(struct nt_batch_endpoint *e, uint64_t number)
{
	switch (number) {
	case EP_NAMESPACE:
		return &e->namespace_;
	case EP_NAME:
		return &e->name;
	case EP_UID:
		return &e->uid;
	case EP_CONTAINER_ID:
		return &e->container_id;
	case EP_IFNAME:
		return &e->ifname;
	case EP_HOST_IFNAME:
		return &e->host_ifname;
	case EP_NETWORK:
		return &e->network;
	case EP_REASON:
		return &e->reason;
	default:
		return NULL;
	}
}

static uint64_t *endpoint_number(struct nt_batch_endpoint *e, uint64_t number)
{
	switch (number) {
	case EP_ID:
		return &e->ep_id;
	case EP_SINCE:
		return (uint64_t *)&e->since_us;
	case EP_UNTIL:
		return (uint64_t *)&e->until_us;
	case EP_SEEN:
		return &e->seen;
	case EP_LOGGED:
		return &e->logged;
	case EP_UNLOGGED:
		return &e->unlogged;
	case EP_STREAM:
		return &e->stream;
	case EP_BEFORE_TAP:
		return &e->before_tap;
	case EP_LINK_RX:
		return &e->link_rx;
	case EP_LINK_TX:
		return &e->link_tx;
	default:
		return NULL;
	}
}

static bool get_endpoint_field(const struct nt_wire_token *t, struct nt_batch_endpoint *e)
{
	struct nt_slice *text = endpoint_text(e, t->number);
	uint64_t *number = endpoint_number(e, t->number);

	if (text)
		return nt_wire_get_str(t, text);
	if (number)
		return nt_wire_get_uint(t, UINT64_MAX, number);
	if (t->number == EP_IP)
		return get_endpoint_ip(t, e);
	if (t->number == EP_STATE) {
		e->state = (enum nt_endpoint_state)t->value;
		return t->type == NT_WIRE_VARINT && t->value <= NT_ENDPOINT_EXCLUDED;
	}
	if (t->number == EP_HOOK) {
		e->hook = (enum nt_endpoint_hook)t->value;
		return t->type == NT_WIRE_VARINT && t->value <= NT_ENDPOINT_HOOK_TCX;
	}
	if (t->number == EP_ROLE) {
		e->role = (enum nt_role)t->value;
		return t->type == NT_WIRE_VARINT && t->value <= NT_ROLE_RESOLVER;
	}
	if (t->number == EP_ORIGIN) {
		e->origin = (enum nt_endpoint_origin)t->value;
		return t->type == NT_WIRE_VARINT && t->value <= NT_ENDPOINT_NODE;
	}
	if (t->number == EP_DNS) {
		e->dns = (enum nt_endpoint_dns)t->value;
		return t->type == NT_WIRE_VARINT && t->value <= NT_ENDPOINT_DNS_DERIVED;
	}
	return true;
}

static int get_endpoint(struct nt_slice wire, struct nt_batch_endpoint *ret, struct nt_err *err)
{
	struct nt_cursor c = nt_cursor_over(wire);
	struct nt_batch_endpoint e = { 0 };
	struct nt_wire_token t = { 0 };
	bool ok = true;

	while (ok && nt_wire_next(&c, &t))
		ok = get_endpoint_field(&t, &e);
	if (!ok || c.bad || e.state == 0)
		return bad_field("an endpoint", t.number, err);
	*ret = e;
	return 0;
}

static int get_gap(struct nt_slice wire, struct nt_batch_gap *ret, struct nt_err *err)
{
	struct nt_cursor c = nt_cursor_over(wire);
	struct nt_batch_gap gap = { 0 };
	struct nt_wire_token t = { 0 };
	bool ok = true;

	while (ok && nt_wire_next(&c, &t)) {
		switch (t.number) {
		case GAP_EP_ID:
			ok = nt_wire_get_uint(&t, UINT64_MAX, &gap.ep_id);
			break;
		case GAP_FROM:
			ok = nt_wire_get_uint(&t, INT64_MAX, (uint64_t *)&gap.from_us);
			break;
		case GAP_TO:
			ok = nt_wire_get_uint(&t, INT64_MAX, (uint64_t *)&gap.to_us);
			break;
		case GAP_REASON:
			ok = nt_wire_get_str(&t, &gap.reason);
			break;
		}
	}
	if (!ok || c.bad)
		return bad_field("a gap", t.number, err);
	*ret = gap;
	return 0;
}

static int get_address(struct nt_slice wire, struct nt_batch_address *ret, struct nt_err *err)
{
	struct nt_cursor c = nt_cursor_over(wire);
	struct nt_batch_address a = { 0 };
	struct nt_wire_token t = { 0 };
	bool ok = true;

	while (ok && nt_wire_next(&c, &t)) {
		switch (t.number) {
		case ADDRESS_EP_ID:
			ok = nt_wire_get_uint(&t, UINT64_MAX, &a.ep_id);
			break;
		case ADDRESS_IP:
			ok = nt_wire_get_addr(&t, &a.ip);
			break;
		case ADDRESS_SINCE:
			ok = nt_wire_get_uint(&t, INT64_MAX, (uint64_t *)&a.since_us);
			break;
		case ADDRESS_UNTIL:
			ok = nt_wire_get_uint(&t, INT64_MAX, (uint64_t *)&a.until_us);
			break;
		}
	}
	if (!ok || c.bad || !a.ip.family)
		return bad_field("an address", t.number, err);
	*ret = a;
	return 0;
}

/* The lists are counted first, so that they are made once. */
struct lists {
	struct nt_record *records;
	struct nt_base *bases;
	struct nt_row_reader rows; /* of those bases that were read */
	struct nt_batch_range *ranges;
	struct nt_batch_endpoint *endpoints;
	struct nt_batch_gap *gaps;
	struct nt_batch_address *addresses;
};

static int make_lists(struct nt_slice body, struct nt_arena *arena, struct lists *ret,
		      struct nt_err *err)
{
	struct nt_cursor c = nt_cursor_over(body);
	size_t records = 0, bases = 0, ranges = 0, endpoints = 0, gaps = 0, addresses = 0;
	struct nt_wire_token t;

	while (nt_wire_next(&c, &t)) {
		records += t.number == RECORD || t.number == ROW;
		bases += t.number == BASE;
		ranges += t.number == RANGE;
		endpoints += t.number == ENDPOINT;
		gaps += t.number == GAP;
		addresses += t.number == ADDRESS;
	}
	if (c.bad)
		return nt_err_set(err, EBADMSG, "batch: broken at octet %zu", HEAD_LEN + c.at);
	ret->records = nt_arena_alloc(arena, records * sizeof(*ret->records));
	ret->bases = nt_arena_alloc(arena, bases * sizeof(*ret->bases));
	ret->ranges = nt_arena_alloc(arena, ranges * sizeof(*ret->ranges));
	ret->endpoints = nt_arena_alloc(arena, endpoints * sizeof(*ret->endpoints));
	ret->gaps = nt_arena_alloc(arena, gaps * sizeof(*ret->gaps));
	ret->addresses = nt_arena_alloc(arena, addresses * sizeof(*ret->addresses));
	if (!ret->records || !ret->bases || !ret->ranges || !ret->endpoints || !ret->gaps ||
	    !ret->addresses)
		return nt_err_set(err, ENOMEM,
				  "batch: %zu records, %zu ranges, %zu endpoints, %zu gaps, "
				  "%zu addresses do not fit in %zu octets",
				  records, ranges, endpoints, gaps, addresses, arena->max_bytes);
	return 0;
}

/* The names of a batch are classified with one cluster domain, which stands before them. */
static int open_names(const struct nt_batch *b, struct lists *lists, struct nt_err *err)
{
	char domain[256];
	int r;

	if (lists->rows.names || !b->cluster_domain.len)
		return 0;
	snprintf(domain, sizeof(domain), "%.*s", NT_SLICE_ARG(b->cluster_domain));
	r = nt_names_new(domain, &lists->rows.names, err);
	return r == -EINVAL ? nt_err_set(err, EBADMSG, "batch: the cluster domain is none") : r;
}

static int get_base(struct nt_slice wire, struct nt_arena *arena, struct lists *lists,
		    struct nt_err *err)
{
	int r = nt_base_from_wire(wire, arena, &lists->bases[lists->rows.bases_len], err);

	if (r < 0)
		return nt_err_wrap(err, "batch: base %zu", lists->rows.bases_len + 1);
	lists->rows.bases = lists->bases;
	lists->rows.bases_len++;
	return 0;
}

static int get_row(struct nt_slice wire, struct nt_arena *arena, struct lists *lists,
		   struct nt_batch *b, struct nt_err *err)
{
	int r = open_names(b, lists, err);

	if (r < 0)
		return r;
	r = nt_row_from_wire(&lists->rows, wire, arena, &lists->records[b->records_len], err);
	if (r < 0)
		return nt_err_wrap(err, "batch: row %zu", b->records_len + 1);
	b->records_len++;
	return 0;
}

static int get_message(const struct nt_wire_token *t, struct nt_arena *arena, struct lists *lists,
		       struct nt_batch *b, struct nt_err *err)
{
	int result;

	if (t->type != NT_WIRE_BYTES)
		return bad_field("it", t->number, err);
	if (t->number == RECORD) {
		result = nt_record_from_wire(t->bytes, arena, &lists->records[b->records_len], err);
		if (result < 0)
			return nt_err_wrap(err, "batch: record %zu", b->records_len + 1);
		b->records_len++;
		return 0;
	}
	if (t->number == ROW)
		return get_row(t->bytes, arena, lists, b, err);
	if (t->number == BASE)
		return get_base(t->bytes, arena, lists, err);
	if (t->number == RANGE)
		return get_range(t->bytes, &lists->ranges[b->ranges_len++], err);
	if (t->number == GAP)
		return get_gap(t->bytes, &lists->gaps[b->gaps_len++], err);
	if (t->number == ADDRESS)
		return get_address(t->bytes, &lists->addresses[b->addresses_len++], err);
	return get_endpoint(t->bytes, &lists->endpoints[b->endpoints_len++], err);
}

static int get_batch(struct nt_slice body, struct nt_arena *arena, struct lists *lists,
		     struct nt_batch *b, struct nt_err *err)
{
	struct nt_cursor c = nt_cursor_over(body);
	struct nt_wire_token t;
	int result = 0;
	bool ok = true;

	while (result == 0 && ok && nt_wire_next(&c, &t)) {
		switch (t.number) {
		case NODE:
			ok = nt_wire_get_str(&t, &b->node);
			break;
		case SPOOL:
			ok = nt_wire_get_str(&t, &b->spool);
			break;
		case SEQ:
			ok = nt_wire_get_uint(&t, UINT64_MAX, &b->seq);
			break;
		case CREATED:
			ok = nt_wire_get_uint(&t, UINT64_MAX, (uint64_t *)&b->created_us);
			break;
		case CLUSTER_DOMAIN:
			ok = nt_wire_get_str(&t, &b->cluster_domain);
			break;
		case CONNTRACK:
			ok = nt_wire_get_str(&t, &b->conntrack);
			break;
		case RECORD:
		case ROW:
		case BASE:
		case RANGE:
		case ENDPOINT:
		case GAP:
		case ADDRESS:
			result = get_message(&t, arena, lists, b, err);
			break;
		}
	}
	return ok ? result : bad_field("it", t.number, err);
}

/* Checks the frame: what is between version and CRC. */
static int open_frame(struct nt_slice wire, struct nt_slice *ret_body, struct nt_err *err)
{
	uint32_t want = 0, crc;
	unsigned version;

	if (wire.len > NT_BATCH_BYTES_MAX)
		return nt_err_set(err, EBADMSG, "batch: %zu octets, at most %u are allowed",
				  wire.len, NT_BATCH_BYTES_MAX);
	if (wire.len < HEAD_LEN + CRC_LEN || memcmp(wire.p, magic, sizeof(magic)) != 0)
		return nt_err_set(err, EBADMSG, "batch: it does not begin with %.4s", magic);
	version = (uint8_t)wire.p[sizeof(magic)];
	if (!version || version > NT_BATCH_VERSION)
		return nt_err_set(err, EBADMSG,
				  "batch: version %u is not known here, only up to %u", version,
				  NT_BATCH_VERSION);
	for (unsigned i = 0; i < CRC_LEN; i++)
		want |= (uint32_t)(uint8_t)wire.p[wire.len - CRC_LEN + i] << 8 * i;
	crc = libdeflate_crc32(0, wire.p, wire.len - CRC_LEN);
	if (crc != want)
		return nt_err_set(err, EBADMSG,
				  "batch: torn or damaged, the CRC-32 is %08x and "
				  "not %08x",
				  crc, want);
	*ret_body = nt_slice_mem(wire.p + HEAD_LEN, wire.len - HEAD_LEN - CRC_LEN);
	return 0;
}

int nt_batch_decode(struct nt_slice wire, struct nt_arena *arena, struct nt_batch *ret_batch,
		    struct nt_err *err)
{
	struct nt_batch b = { 0 };
	struct nt_slice body = { 0 };
	struct lists lists = { 0 };
	int result = open_frame(wire, &body, err);

	if (result == 0)
		result = make_lists(body, arena, &lists, err);
	if (result < 0)
		return result;
	b.records = lists.records;
	b.ranges = lists.ranges;
	b.endpoints = lists.endpoints;
	b.gaps = lists.gaps;
	b.addresses = lists.addresses;
	result = get_batch(body, arena, &lists, &b, err);
	nt_names_free(lists.rows.names);
	if (result < 0)
		return result;
	if (!b.node.len || !b.spool.len || !b.seq)
		return nt_err_set(err, EBADMSG, "batch: node, spool or sequence is missing");
	*ret_batch = b;
	return 0;
}
