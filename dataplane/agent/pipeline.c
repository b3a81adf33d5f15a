/* SPDX-License-Identifier: Apache-2.0 */
/* One event to its datagrams, to messages, to paired transactions, to rows. */
#include "dataplane/agent/pipeline.h"

#include <netinet/in.h>

#include "dataplane/agent/tcp.h"
#include "dataplane/agent/writeoff.h"
#include "lib/base/log.h"
#include "lib/dns/part.h"
#include "lib/record/fold.h"
#include "lib/record/lookup.h"

static bool is_in(const __u16 ports[NT_PORTS_MAX], uint16_t port)
{
	for (size_t i = 0; i < NT_PORTS_MAX; i++)
		if (ports[i] == port && port)
			return true;
	return false;
}

bool nt_pipeline_is_dns(const struct nt_agent *a, uint16_t port, bool of_pod)
{
	const struct nt_meta *meta = &a->source.meta;

	return is_in(meta->ports, port) || (of_pod && is_in(meta->server_ports, port));
}

static struct nt_addr address_of(const struct nt_event *e, const __u8 *octets)
{
	return nt_addr_from(e->ip_version, octets);
}

void nt_pipeline_flow(const struct nt_event *e, bool from_server, struct nt_flow *ret_flow)
{
	bool from_pod = e->dir == NT_DIR_FROM_POD;

	*ret_flow = (struct nt_flow){
		.owner = e->ep_id,
		.cookie = e->cookie,
		.side = from_server != from_pod ? NT_SIDE_CLIENT : NT_SIDE_SERVER,
		.transport = e->l4proto,
		.client_port = from_server ? e->dport : e->sport,
		.server_port = from_server ? e->sport : e->dport,
		.client = address_of(e, from_server ? e->daddr : e->saddr),
		.server = address_of(e, from_server ? e->saddr : e->daddr),
	};
}

/* The QR bit of a datagram says who is who, and the ports must agree: a query goes to a DNS port, a
 * reply comes from one. What contradicts itself is no lookup that could be paired. */
static int parse(struct nt_agent *a, const struct nt_event *e, const struct nt_datagram *d,
		 struct nt_slice captured, struct nt_dns_msg *ret_msg)
{
	bool is_reply;
	int r = -NT_OWED_TRUNCATED;

	if (d->whole)
		r = nt_dns_parse(d->payload, ret_msg);
	else if (e->flags & NT_EV_FRAGMENT)
		r = nt_dns_parse_part(captured, &a->part, ret_msg);
	if (r < 0)
		return r;
	is_reply = ret_msg->flags & NT_DNS_QR;
	if (!nt_pipeline_is_dns(a, is_reply ? e->sport : e->dport,
				is_reply == (e->dir == NT_DIR_FROM_POD)))
		return -NT_OWED_DIRECTION;
	return 0;
}

static void not_logged(struct nt_agent *a, struct nt_agent_pod *pod, const struct nt_event *e,
		       enum nt_reason reason, int error)
{
	int64_t at_us = nt_timebase_us(&a->timebase, (int64_t)e->time_ns);

	nt_agent_pod_owe(pod, reason, error, 1, at_us, at_us);
	a->stats.lost[reason]++;
}

static void take_message(struct nt_agent *a, struct nt_agent_pod *pod, const struct nt_event *e,
			 const struct nt_datagram *d, struct nt_slice captured)
{
	struct nt_pair_mark mark = { 0 };
	struct nt_dns_msg msg;
	struct nt_flow flow;
	int r = parse(a, e, d, captured, &msg);

	if (r < 0) {
		a->stats.parse_errors++;
		not_logged(a, pod, e, (enum nt_reason)NT_LOSS_UNPARSABLE, -r);
		return;
	}
	pod->logged++;
	a->stats.logged++;
	if (msg.flags & NT_DNS_QR)
		a->stats.replies++;
	else
		a->stats.queries++;
	nt_pipeline_flow(e, msg.flags & NT_DNS_QR, &flow);
	/* Segments of one GSO packet pass or are dropped together, so they share its verdict. */
	if (flow.side == NT_SIDE_CLIENT)
		mark = (struct nt_pair_mark){ .verdict = e->verdict,
					      .policy_slot = e->policy_slot };
	nt_ends_message(a, pod, &flow, &msg, (int64_t)e->time_ns);
	nt_pair_marked(a->pair, &flow, &msg, &mark, (int64_t)e->time_ns);
}

/* True while rows cannot be written and memory for them is used up. */
static bool is_holding(const struct nt_agent *a)
{
	struct nt_row *rows;

	return a->write_failed && (nt_aggregate_rows(a->rows, &rows) >= a->config.hold_rows ||
				   nt_agent_row_bytes(a) >= a->hold_bytes);
}

static bool is_full(const struct nt_agent *a)
{
	struct nt_row *rows;

	return nt_aggregate_rows(a->rows, &rows) >= a->config.flush_rows ||
	       nt_agent_row_bytes(a) >= NT_AGENT_FLUSH_BYTES;
}

/* What waited in the ring for long: rows are of an interval, not of all the time that the agent was
 * away. Twice the interval, because the timer is not exact. */
static bool is_next_interval(const struct nt_agent *a, int64_t time_ns)
{
	return a->config.interval_ns && a->first_event_ns &&
	       time_ns - a->first_event_ns > 2 * a->config.interval_ns;
}

/* Between events, so that a batch never covers half of one. */
static void flush_before(struct nt_agent *a, int64_t time_ns)
{
	struct nt_err err;
	int r = 0;

	if (a->write_failed)
		return;
	if (is_next_interval(a, time_ns)) {
		r = nt_agent_flush(a, false, &err);
	} else if (a->full) {
		a->stats.early_flushes++;
		r = nt_agent_flush_early(a, &err);
	}
	if (r < 0)
		nt_log_error("flush: %s", err.msg);
}

void nt_agent_event(struct nt_agent *a, struct nt_slice sample)
{
	struct nt_agent_pod *pod;
	struct nt_datagram d;
	struct nt_split s;
	struct nt_err err;

	a->stats.events++;
	if (nt_split_open(sample, &s, &err) < 0) {
		/* Its numbers will be missing and stated as unaccounted. */
		if (a->stats.bad_events++ == 0)
			nt_log_error("ring buffer: %s", err.msg);
		return;
	}
	flush_before(a, (int64_t)s.event.time_ns);
	if ((int64_t)s.event.time_ns > a->ends.now_ns)
		a->ends.now_ns = (int64_t)s.event.time_ns;
	if (!a->first_event_ns)
		a->first_event_ns = (int64_t)s.event.time_ns;
	pod = nt_podtable_get(&a->pods, s.event.ep_id);
	if (pod && !pod->numbers)
		pod->numbers = nt_account_open(a->account, s.event.ep_id, s.event.epoch);
	while (nt_split_next(&s, &d)) {
		if (!(pod ? nt_account_seen_by(a->account, pod->numbers, &s.event, d.seq)
			  : nt_account_seen(a->account, &s.event, d.seq))) {
			a->stats.repeated++;
			continue;
		}
		a->stats.datagrams++;
		if (!pod)
			a->stats.lost[NT_REASON_NO_MEMORY]++;
		else if (is_holding(a))
			not_logged(a, pod, &s.event, NT_REASON_DISK_FULL, 0);
		else if (s.event.l4proto == IPPROTO_TCP)
			nt_tcp_segment(a, pod, &s.event, s.captured);
		else
			take_message(a, pod, &s.event, &d, s.captured);
	}
}

void nt_agent_second(struct nt_agent *a)
{
	bool fresh = nt_timebase_sample(&a->timebase, a->clock);

	nt_clocklog_write(&a->clocklog, &a->timebase, fresh);
}

void nt_agent_drained(struct nt_agent *a, int64_t boot_ns)
{
	a->ends.now_ns = boot_ns;
	nt_streams_expire(a->streams, boot_ns);
	nt_pair_expire(a->pair, boot_ns);
}

/* --- transactions to rows --------------------------------------------------------------------- */

static uint64_t packets_of(const struct nt_txn *txn)
{
	bool query_is_new = txn->kind == NT_TXN_ANSWERED || txn->kind == NT_TXN_UNANSWERED;

	return (query_is_new ? txn->query->queries : 0) + (txn->reply != NULL);
}

static void not_stored(struct nt_agent *a, struct nt_agent_pod *pod, const struct nt_txn *txn)
{
	uint64_t packets = packets_of(txn);
	int64_t first = nt_timebase_us(&a->timebase, txn->query->first_ns);
	int64_t last =
		nt_timebase_us(&a->timebase, txn->reply ? txn->reply_ns : txn->query->last_ns);

	if (txn->query->flow.transport == IPPROTO_TCP) {
		nt_tcp_write_off(a, pod, NT_REASON_NO_MEMORY, packets, first, last);
		return;
	}
	pod->logged -= packets;
	nt_agent_pod_owe(pod, NT_REASON_NO_MEMORY, 0, packets, first, last);
	a->stats.lost[NT_REASON_NO_MEMORY] += packets;
}

/* No policy decided where there is no slot: an allowed name, a message that nobody could judge. */
static struct nt_slice policy_of(const struct nt_agent *a, const struct nt_pair_mark *mark)
{
	if (!mark->verdict || !mark->policy_slot || !a->config.policy_name)
		return (struct nt_slice){ 0 };
	return a->config.policy_name(a->config.policy_ctx,
				     mark->policy_slot & ~(uint32_t)NT_SLOT_AUDIT);
}

/* Which of its clients the pod as a server is asked by; 0 for its own lookups. */
static uint64_t client_of(const struct nt_agent *a, const struct nt_flow *flow)
{
	if (flow->side == NT_SIDE_CLIENT)
		return 0;
	return nt_siphash(&a->client_key, nt_slice_mem(&flow->client, sizeof(flow->client)));
}

/* A new row is the last one. */
static void took(struct nt_agent *a, struct nt_agent_pod *pod, enum nt_side side,
		 enum nt_fold depth, uint64_t client)
{
	struct nt_row *rows;
	size_t len = nt_aggregate_rows(a->rows, &rows);

	nt_rowshare_took(&pod->rowshare, side, depth, client, rows[len - 1].octets_len);
}

/* Under fewer and fewer keys, until there is a row for it. */
static uint64_t place_folded(struct nt_agent *a, struct nt_agent_pod *pod, struct nt_record *r,
			     uint64_t client)
{
	const struct nt_addr own =
		r->side == NT_SIDE_CLIENT ? nt_agent_pod_ip(pod, 0) : (struct nt_addr){ 0 };
	const struct nt_record whole = *r;
	bool may_add = false;
	uint64_t id = 0;

	for (enum nt_fold depth = NT_FOLD_NONE + 1; depth < NT_FOLD_MAX && !id && !may_add;
	     depth++) {
		may_add = nt_rowshare_allows(&pod->rowshare, r->side, depth, client, a->rows_now);
		*r = whole;
		if (nt_record_fold(r, depth, nt_names_under(a->names, &whole), &own,
				   nt_aggregate_arena(a->rows)) < 0)
			return 0;
		id = nt_aggregate_commit_folded(a->rows, whole.qname, may_add);
		if (id > a->last_row_id)
			took(a, pod, r->side, depth, client);
	}
	a->stats.folded += id != 0;
	return id;
}

/* The address of the flow's end that the pod is says which of its own it is known by. */
static const struct nt_identity *identity_of(struct nt_agent *a, struct nt_agent_pod *pod,
					     const struct nt_flow *flow)
{
	uint8_t family = flow->side == NT_SIDE_CLIENT ? flow->client.family : flow->server.family;

	return nt_agent_pod_who(pod, a->node, family);
}

/* What a record is made of. */
struct arrival {
	const struct nt_txn *txn;
	const struct nt_identity *who;
	struct nt_time_base time;
	struct nt_slice policy;
	struct nt_verdict_of_death death;
	int64_t upstream_ns; /* of a server's latency; negative: not known */
};

/* NULL without memory. */
static struct nt_record *make_record(struct nt_agent *a, const struct arrival *m)
{
	struct nt_record *r = nt_aggregate_begin(a->rows);

	if (!r || nt_record_from_txn(m->txn, m->who, &m->time, a->names,
				     nt_aggregate_arena(a->rows), r) < 0)
		return NULL;
	r->policy = m->policy;
	r->died = m->death.died;
	r->died_reason = nt_slice_str(m->death.reason);
	nt_tally_set_hops(&r->tally, m->upstream_ns);
	return r;
}

/*
 * A row of its own, or one that is there. A pod that has had its share of the interval's rows gets
 * no new ones: its records are folded (T10).
 */
static uint64_t place(struct nt_agent *a, struct nt_agent_pod *pod, const struct arrival *m)
{
	const struct nt_flow *flow = &m->txn->query->flow;
	enum nt_side side = flow->side == NT_SIDE_SERVER ? NT_SIDE_SERVER : NT_SIDE_CLIENT;
	uint64_t client = client_of(a, flow), id;
	bool may_add = nt_rowshare_allows(&pod->rowshare, side, NT_FOLD_NONE, client, a->rows_now);
	/* A lookup has no place for where it died. */
	bool taken = !m->death.died &&
		     nt_aggregate_take(a->rows, m->txn, m->who, &m->time, m->policy, may_add);
	struct nt_record *r = taken ? NULL : make_record(a, m);

	if (!taken && !r)
		return 0;
	if (taken && m->upstream_ns >= 0)
		nt_aggregate_take_upstream(a->rows, m->upstream_ns);
	id = taken ? nt_aggregate_commit_taken(a->rows, may_add)
		   : nt_aggregate_commit(a->rows, may_add);
	if (!id && !may_add) {
		r = r ? r : make_record(a, m);
		return r ? place_folded(a, pod, r, client) : 0;
	}
	if (id > a->last_row_id)
		took(a, pod, side, NT_FOLD_NONE, client);
	return id;
}

/* A transaction with the backend as the one that was asked, and the Service as the one that
 * answers, or would have: as a socket of the host has it (T15). */
struct translated {
	struct nt_txn txn;
	struct nt_pair_query query;
	struct nt_flow front;
};

/* The same transaction where no backend is known. What a policy stopped went nowhere. */
static const struct nt_txn *translate(const struct nt_agent *a, const struct nt_txn *txn,
				      struct translated *t)
{
	const struct nt_pair_query *q = txn->query;
	struct nt_backend backend;

	if (!a->config.backend || q->flow.side != NT_SIDE_CLIENT || q->flow.cookie ||
	    q->mark.verdict == NT_VERDICT_DENY || q->mark.verdict == NT_VERDICT_UNJUDGEABLE ||
	    !a->config.backend(a->config.backend_ctx, &q->flow,
			       txn->reply ? txn->reply_ns : q->last_ns, &backend))
		return txn;
	*t = (struct translated){ .txn = *txn, .query = *q, .front = q->flow };
	t->query.flow.server = backend.ip;
	t->query.flow.server_port = backend.port;
	t->txn.query = &t->query;
	t->txn.reply_flow = &t->front;
	return &t->txn;
}

static uint64_t add_row(struct nt_agent *a, struct nt_agent_pod *pod, const struct nt_txn *txn)
{
	struct translated translated;
	const struct arrival m = {
		.txn = translate(a, txn, &translated),
		.who = identity_of(a, pod, &txn->query->flow),
		.time = nt_timebase_at(&a->timebase,
				       txn->reply ? txn->reply_ns : txn->query->last_ns),
		.policy = policy_of(a, &txn->query->mark),
		.death = nt_ends_died(a, pod, txn),
		.upstream_ns = nt_ends_upstream(a, pod, txn),
	};
	uint64_t id = place(a, pod, &m);

	nt_agent_row_owned(a, id, pod->pod.ep_id, false);
	a->full = is_full(a);
	return id;
}

uint64_t nt_pipeline_txn(void *ctx, const struct nt_txn *txn)
{
	struct nt_agent *a = ctx;
	struct nt_agent_pod *pod = nt_podtable_get(&a->pods, txn->query->flow.owner);
	uint64_t id;

	if (!pod)
		return 0;
	if (txn->kind == NT_TXN_ANSWERED && txn->query->flow.side == NT_SIDE_SERVER)
		pod->answered = true;
	id = add_row(a, pod, txn);
	if (!id)
		not_stored(a, pod, txn);
	return id;
}

void nt_agent_row_owned(struct nt_agent *a, uint64_t row_id, uint64_t ep_id, bool written_off)
{
	struct nt_row *rows;
	size_t len;

	if (row_id <= a->last_row_id) /* merged into a row that is there, or none */
		return;
	a->last_row_id = row_id;
	len = nt_aggregate_rows(a->rows, &rows); /* the new one is the last one */
	rows[len - 1].owner = ep_id;
	rows[len - 1].written_off = written_off;
}

bool nt_agent_add_unlogged(struct nt_agent *a, struct nt_record *r, uint64_t ep_id)
{
	uint64_t id;

	nt_arena_reset(&a->scratch);
	if (nt_record_name_aggr(r->client_name, &a->scratch, &r->client_name_aggr) < 0)
		return false;
	r->hop_network_ns = r->hop_server_ns = r->hop_upstream_ns = -1;
	id = nt_aggregate_add(a->rows, r);
	nt_agent_row_owned(a, id, ep_id, nt_writeoff_is(r));
	return id != 0;
}
