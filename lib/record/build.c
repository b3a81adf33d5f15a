/* SPDX-License-Identifier: Apache-2.0 */
/* From a paired transaction to a record: the same for the agent and for decode. */
#include "lib/record/aggregate.h"

#include "lib/base/cleanup.h"
#include "lib/names/names.h"
#include "lib/record/lookup.h"
#include "lib/record/rrsets.h"

enum { NOERROR = 0, NXDOMAIN = 3 };
/* Flags of the header that a record has. */
enum { FLAGS = NT_DNS_AA | NT_DNS_TC | NT_DNS_RD | NT_DNS_RA | NT_DNS_AD | NT_DNS_CD };

static int64_t real_us(const struct nt_time_base *time, int64_t boot_ns)
{
	return (boot_ns + time->real_minus_boot_ns) / 1000;
}

/* Packets, octets and times. A query packet that brought no reply is unanswered once, whatever its
 * retransmissions: queries = answered + unanswered + retries. */
static void set_counts(const struct nt_txn *txn, const struct nt_time_base *time,
		       struct nt_tally *t)
{
	const struct nt_pair_query *q = txn->query;
	int64_t first_ns = q->first_ns, last_ns = q->last_ns;

	if (txn->kind != NT_TXN_LATE) {
		t->count = 1;
		t->queries = q->queries;
		t->retries = q->queries ? q->queries - 1 : 0;
		t->bytes_out = q->bytes;
	}
	if (txn->kind == NT_TXN_UNANSWERED)
		t->unanswered = 1;
	else if (txn->reply_ns > last_ns)
		last_ns = txn->reply_ns;
	/* No query packet is in these rows, so they begin with their reply. */
	if (txn->kind == NT_TXN_LATE || txn->kind == NT_TXN_UNPAIRED)
		first_ns = last_ns = txn->reply_ns;
	t->start_us = real_us(time, first_ns);
	t->end_us = real_us(time, last_ns);
	t->clock_step = time->clock_step;
}

static int64_t latency_of(const struct nt_txn *txn)
{
	bool has_one = txn->kind == NT_TXN_ANSWERED || txn->kind == NT_TXN_LATE;

	return has_one ? txn->reply_ns - txn->query->first_ns : -1;
}

static void set_latency(int64_t ns, struct nt_tally *t)
{
	size_t bucket;

	if (ns < 0)
		return;
	bucket = ns >> 14 ? 64 - (size_t)__builtin_clzll((uint64_t)ns >> 14) : 0;
	if (bucket >= NT_HISTOGRAM_BUCKETS)
		bucket = NT_HISTOGRAM_BUCKETS - 1;
	t->latency_count = 1;
	t->latency_min_ns = t->latency_max_ns = t->latency_sum_ns = (uint64_t)ns;
	t->latency_histogram[bucket] = 1;
}

void nt_tally_set_hops(struct nt_tally *t, int64_t upstream_ns)
{
	int64_t latency_ns = (int64_t)t->latency_sum_ns;

	if (upstream_ns < 0 || t->latency_count != 1)
		return;
	t->hop_count = 1;
	t->hop_upstream_ns = upstream_ns < latency_ns ? upstream_ns : latency_ns;
	t->hop_server_ns = latency_ns - t->hop_upstream_ns;
}

static void add_option(struct nt_tally *t, uint16_t option)
{
	size_t at = 0;

	while (at < t->edns_options_len && t->edns_options[at] < option)
		at++;
	if (t->edns_options_len == NT_ARRAY_LEN(t->edns_options) ||
	    (at < t->edns_options_len && t->edns_options[at] == option))
		return;
	memmove(t->edns_options + at + 1, t->edns_options + at,
		(t->edns_options_len - at) * sizeof(option));
	t->edns_options[at] = option;
	t->edns_options_len++;
}

/* Of query and reply together. */
static void add_edns(struct nt_tally *t, const struct nt_dns_edns *e)
{
	if (!e->present)
		return;
	t->edns = true;
	t->edns_do |= e->dnssec_ok;
	if (e->version > t->edns_version)
		t->edns_version = e->version;
	if (e->udp_size > t->edns_udp_size_max)
		t->edns_udp_size_max = e->udp_size;
	for (size_t i = 0; i < e->options_len; i++)
		add_option(t, e->options[i]);
}

void nt_tally_from_txn(const struct nt_txn *txn, const struct nt_time_base *time,
		       struct nt_tally *t)
{
	*t = (struct nt_tally){ .hop_network_ns = -1, .hop_server_ns = -1, .hop_upstream_ns = -1 };
	set_counts(txn, time, t);
	set_latency(latency_of(txn), t);
	add_edns(t, &txn->query->edns);
	if (!txn->reply)
		return;
	t->replies = 1;
	t->flags = txn->reply->flags & FLAGS;
	t->truncated = (txn->reply->flags & NT_DNS_TC) != 0;
	t->bytes_in = txn->reply_bytes;
	add_edns(t, &txn->reply->edns);
}

static void add_edns_one(struct nt_one *o, const struct nt_dns_edns *e)
{
	if (!e->present)
		return;
	o->edns = true;
	o->edns_do |= e->dnssec_ok;
	if (e->version > o->edns_version)
		o->edns_version = e->version;
	if (e->udp_size > o->edns_udp_size)
		o->edns_udp_size = e->udp_size;
}

bool nt_one_from_txn(const struct nt_txn *txn, const struct nt_time_base *time,
		     struct nt_one *ret_one)
{
	const struct nt_pair_query *q = txn->query;
	const struct nt_dns_msg *reply = txn->reply;
	bool paired = txn->kind == NT_TXN_ANSWERED || txn->kind == NT_TXN_UNANSWERED;
	int64_t first_ns = paired ? q->first_ns : txn->reply_ns, last_ns = first_ns;
	struct nt_one o = { .kind = (uint8_t)txn->kind,
			    .upstream_ns = -1,
			    .clock_step = time->clock_step };

	if (paired)
		last_ns = txn->reply_ns > q->last_ns ? txn->reply_ns : q->last_ns;
	o.start_us = real_us(time, first_ns);
	o.span_us = (uint64_t)(real_us(time, last_ns) - o.start_us);
	o.latency_ns = latency_of(txn);
	if (txn->kind != NT_TXN_LATE) {
		o.queries = q->queries;
		o.bytes_out = q->bytes;
	}
	add_edns_one(&o, &q->edns);
	if (reply) {
		o.flags = reply->flags & FLAGS;
		o.bytes_in = txn->reply_bytes;
		add_edns_one(&o, &reply->edns);
	}
	*ret_one = o;
	return last_ns >= first_ns && !q->edns.options_len && !(reply && reply->edns.options_len);
}

void nt_one_tally(const struct nt_one *o, struct nt_tally *ret_tally)
{
	bool late = o->kind == NT_TXN_LATE, replied = o->kind != NT_TXN_UNANSWERED;

	*ret_tally = (struct nt_tally){
		.id = o->id,
		.start_us = o->start_us,
		.end_us = o->start_us + (int64_t)o->span_us,
		.count = !late,
		.queries = o->queries,
		.retries = o->queries ? o->queries - 1 : 0,
		.replies = replied,
		.unanswered = !replied,
		.truncated = (o->flags & NT_DNS_TC) != 0,
		.bytes_out = o->bytes_out,
		.bytes_in = o->bytes_in,
		.hop_network_ns = -1,
		.hop_server_ns = -1,
		.hop_upstream_ns = -1,
		.flags = o->flags,
		.edns = o->edns,
		.edns_version = o->edns_version,
		.edns_udp_size_max = o->edns_udp_size,
		.edns_do = o->edns_do,
		.clock_step = o->clock_step,
	};
	set_latency(o->latency_ns, ret_tally);
	nt_tally_set_hops(ret_tally, o->upstream_ns);
}

static int set_reply(const struct nt_txn *txn, struct nt_arena *arena, struct nt_record *r)
{
	if (!txn->reply)
		return 0;
	r->answered = true;
	r->rcode = txn->reply->rcode;
	return nt_rrsets_from_msg(txn->reply, arena, r);
}

/* Kubernetes makes random ends of five of these (k8s.io/apimachinery, util/rand). */
static bool random_octet(char c)
{
	return strchr("bcdfghjklmnpqrstvwxz2456789", c) && c;
}

static bool generated_end(struct nt_slice end)
{
	bool digits = end.len > 0, random = end.len == 5;

	for (size_t i = 0; i < end.len; i++) {
		digits = digits && end.p[i] >= '0' && end.p[i] <= '9';
		random = random && random_octet(end.p[i]);
	}
	return digits || random;
}

size_t nt_record_aggr_len(struct nt_slice name)
{
	size_t at = name.len;

	while (at && name.p[at - 1] != '-')
		at--;
	return at < 2 || !generated_end(nt_slice_mem(name.p + at, name.len - at)) ? name.len : at;
}

int nt_record_name_aggr(struct nt_slice name, struct nt_arena *arena, struct nt_slice *ret_aggr)
{
	size_t kept = nt_record_aggr_len(name);
	char *p;

	if (kept == name.len) {
		*ret_aggr = name;
		return 0;
	}
	p = nt_arena_alloc(arena, kept + 1);
	if (!p)
		return -ENOMEM;
	memcpy(p, name.p, kept);
	p[kept] = '*';
	*ret_aggr = nt_slice_mem(p, kept + 1);
	return 0;
}

static int set_aggr(const struct nt_identity *identity, struct nt_arena *arena,
		    struct nt_slice *ret_aggr)
{
	if (!identity->name_aggr.p)
		return nt_record_name_aggr(identity->name, arena, ret_aggr);
	*ret_aggr = identity->name_aggr;
	return 0;
}

static void put_server(const struct nt_flow *flow, struct nt_server *server)
{
	server->ip = flow->server;
	server->port = flow->server_port;
	server->name = NT_SLICE_LIT("-");
	server->name_aggr =
		nt_addr_is_private(&flow->server) ? NT_SLICE_LIT("pvt") : NT_SLICE_LIT("pub");
}

/* Behind kube-proxy a socket of the host sees the Service answer and the backend being asked (T15),
 * and of a pod's lookups the agent may know it: both are the servers, in this order. */
static bool has_backend(const struct nt_txn *txn)
{
	const struct nt_flow *q = &txn->query->flow, *r = txn->reply_flow;

	return r && (!nt_addr_eq(&q->server, &r->server) || q->server_port != r->server_port);
}

static int set_server(const struct nt_txn *txn, const struct nt_identity *identity,
		      struct nt_arena *arena, struct nt_record *r)
{
	size_t len = has_backend(txn) ? 2 : 1;
	struct nt_server *server = nt_arena_zalloc(arena, len * sizeof(*server));

	if (!server)
		return -ENOMEM;
	put_server(txn->reply_flow ? txn->reply_flow : &txn->query->flow, server);
	r->servers = server;
	r->servers_len = len;
	if (len > 1)
		put_server(&txn->query->flow, &server[1]);
	if (r->side != NT_SIDE_SERVER || !identity->name.len)
		return 0;
	server->name = identity->name;
	server->namespace_ = identity->namespace_;
	return set_aggr(identity, arena, &server->name_aggr);
}

static void set_client(const struct nt_identity *identity, struct nt_record *r)
{
	r->node = identity->node;
	r->client_namespace = identity->namespace_;
	r->client_name = identity->name;
	r->client_uid = identity->uid;
	r->client_ifname = identity->ifname;
	r->client_container_id = identity->container_id;
	r->client_wire = identity->client_wire;
}

void nt_identity_wire(const struct nt_identity *identity, struct nt_buf *out)
{
	struct nt_record r = { 0 };

	set_client(identity, &r);
	nt_record_client(&r, out);
}

static int set_ends(const struct nt_txn *txn, const struct nt_identity *identity,
		    struct nt_arena *arena, struct nt_record *r)
{
	const struct nt_flow *flow = &txn->query->flow;

	r->node = identity->node;
	r->side = flow->side == NT_SIDE_SERVER ? NT_SIDE_SERVER : NT_SIDE_CLIENT;
	r->role = identity->role;
	r->client_ip = flow->client;
	r->transport = flow->transport;
	if (r->side == NT_SIDE_CLIENT) {
		if (!r->client_ip.family)
			r->client_ip = identity->ip;
		set_client(identity, r);
		if (set_aggr(identity, arena, &r->client_name_aggr) < 0)
			return -ENOMEM;
	}
	return set_server(txn, identity, arena, r);
}

/* A message without a question has no name: qname, type and class are missing then. */
static int set_question(const struct nt_pair_query *q, struct nt_arena *arena, struct nt_record *r)
{
	if (!q->qname.len)
		return 0;
	r->qname = nt_name_copy_text(&q->qname, arena);
	if (!r->qname.p)
		return -ENOMEM;
	r->qtype = q->qtype;
	r->qclass = q->qclass;
	r->logical_qname = r->qname;
	return 0;
}

void nt_record_meaning(struct nt_names *names, const char *searches, struct nt_record *r)
{
	struct nt_name_class c;

	if (!names || !r->qname.len)
		return;
	c = nt_names_classify(names, r->qname, searches ? searches : "",
			      r->answered && r->rcode == NOERROR,
			      r->answered && r->rcode == NXDOMAIN);
	r->scope = c.scope;
	r->logical_qname = c.logical;
	r->domain = c.domain;
	r->service_namespace = c.service_namespace;
	r->service_name = c.service_name;
}

int nt_record_from_txn(const struct nt_txn *txn, const struct nt_identity *identity,
		       const struct nt_time_base *time, struct nt_names *names,
		       struct nt_arena *arena, struct nt_record *ret_record)
{
	struct nt_record *r = ret_record;

	memset(r, 0, sizeof(*r)); /* where it stays: a thousand octets */
	nt_tally_from_txn(txn, time, &r->tally);
	r->verdict = txn->query->mark.verdict;
	r->late = txn->kind == NT_TXN_LATE;
	r->late_of = r->late ? txn->query->tag : 0;
	if (set_question(txn->query, arena, r) < 0 || set_reply(txn, arena, r) < 0 ||
	    set_ends(txn, identity, arena, r) < 0)
		return -ENOMEM;
	nt_record_meaning(names, identity->searches, r);
	return 0;
}

int nt_record_ends(const struct nt_txn *txn, const struct nt_identity *identity,
		   struct nt_arena *arena, struct nt_record *ret_record)
{
	memset(ret_record, 0, sizeof(*ret_record));
	return set_ends(txn, identity, arena, ret_record);
}
