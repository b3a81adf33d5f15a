/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that wait for their other side: a ring of them, hashed by client and question. */
#include "controller/store/join_own.h"

#include <stdlib.h>
#include <sys/random.h>

#include "dataplane/abi.h"
#include "lib/base/cleanup.h"

/* Rows without a decision, of which some are looked at again with each batch. */
#define WAITING_MAX 4096
/* An agent's word of a lookup that no server of its own node saw. */
#define NOT_SEEN_HERE "not_seen_here"
/* So long after it came a row has met whom it will meet. */
#define AGED_US (60LL * 1000000)

struct nt_join *nt_join_new(uint32_t max, struct nt_err *err)
{
	struct nt_join *j = calloc(1, sizeof(*j));

	if (!j || nt_peers_init(&j->peers) < 0)
		goto no_memory;
	j->max = max;
	j->ends = calloc(max, sizeof(*j->ends));
	j->buckets = calloc(max, sizeof(*j->buckets));
	j->touched = calloc(max, sizeof(*j->touched));
	j->dirty = calloc(max, sizeof(*j->dirty));
	j->waiting = calloc(WAITING_MAX, sizeof(*j->waiting));
	if (!j->ends || !j->buckets || !j->touched || !j->dirty || !j->waiting ||
	    getrandom(&j->secret, sizeof(j->secret), 0) != sizeof(j->secret))
		goto no_memory;
	return j;
no_memory:
	nt_join_free(j);
	nt_err_set(err, ENOMEM, "no memory to join both ends of lookups");
	return NULL;
}

void nt_join_free(struct nt_join *j)
{
	if (!j)
		return;
	nt_peers_done(&j->peers);
	free(j->ends);
	free(j->buckets);
	free(j->touched);
	free(j->dirty);
	free(j->waiting);
	free(j);
}

void nt_join_clear(struct nt_join *j)
{
	memset(j->ends, 0, j->max * sizeof(*j->ends));
	memset(j->buckets, 0, j->max * sizeof(*j->buckets));
	j->serial = j->aged = 0;
	j->forgotten_us = j->unread_us = 0;
	j->touched_len = j->waiting_len = j->dirty_len = 0;
	j->stats.rows = 0;
	nt_peers_clear(&j->peers);
}

void nt_join_forgot(struct nt_join *j, int64_t until_us)
{
	if (until_us > j->unread_us)
		j->unread_us = until_us;
}

struct nt_join_stats nt_join_stats(const struct nt_join *j)
{
	struct nt_join_stats stats = j->stats;

	stats.peers_forgotten = j->peers.forgotten + j->peers.losses.forgotten;
	return stats;
}

int64_t nt_join_offset(const struct nt_join *j, const struct nt_end *e)
{
	return e->offset_us != NT_JOIN_NO_OFFSET ? e->offset_us
						 : nt_peers_offset(&j->peers, e->node);
}

/* --- hashes ----------------------------------------------------------------------------------- */

static void put(struct nt_buf *out, const void *p, size_t len)
{
	nt_buf_add(out, (const char *)p, len);
}

static uint64_t hash_buf(const struct nt_join *j, const struct nt_buf *b)
{
	uint64_t hash = nt_buf_ok(b) ? nt_siphash(&j->secret, nt_slice_mem(b->p, b->len)) : 0;

	return hash ? hash : 1;
}

/* What both sides have in common; behind a Service the server's address is another one. */
static uint64_t key_of(const struct nt_join *j, const struct nt_record *r)
{
	char room[1200]; /* a name's text has at most 1,004 octets */
	struct nt_buf b = NT_BUF_OVER(room);

	put(&b, &r->client_ip, sizeof(r->client_ip));
	put(&b, &r->transport, sizeof(r->transport));
	put(&b, &r->qtype, sizeof(r->qtype));
	put(&b, &r->qclass, sizeof(r->qclass));
	put(&b, r->qname.p, r->qname.len);
	return hash_buf(j, &b);
}

static uint64_t pod_of(const struct nt_join *j, struct nt_slice node, struct nt_slice namespace_,
		       struct nt_slice name)
{
	char room[1024];
	struct nt_buf b = NT_BUF_OVER(room);

	put(&b, node.p, node.len);
	put(&b, "/", 1);
	put(&b, namespace_.p, namespace_.len);
	put(&b, "/", 1);
	if (!nt_slice_eq(name, NT_SLICE_LIT("-"))) /* a server in the host's network */
		put(&b, name.p, name.len);
	return hash_buf(j, &b);
}

/* --- the ring --------------------------------------------------------------------------------- */

static uint32_t *bucket(const struct nt_join *j, uint64_t key)
{
	return &j->buckets[key & (j->max - 1)];
}

static void unlink_end(struct nt_join *j, const struct nt_end *e)
{
	if (e->next)
		j->ends[e->next - 1].prev = e->prev;
	if (e->prev)
		j->ends[e->prev - 1].next = e->next;
	else
		*bucket(j, e->key) = e->next;
}

static void forget(struct nt_join *j, struct nt_end *e)
{
	int64_t end_us = e->end_us - nt_join_offset(j, e);

	unlink_end(j, e);
	/* Not known to be years ahead a clock may be so still: what comes is not forgotten. */
	if (end_us > j->now_us)
		end_us = j->now_us;
	if (end_us > j->forgotten_us)
		j->forgotten_us = end_us;
	j->stats.forgotten += !e->met;
	j->stats.rows--;
	e->serial = 0;
}

static struct nt_end *add(struct nt_join *j, const struct nt_end *end)
{
	uint32_t slot = (uint32_t)(++j->serial & (j->max - 1)), *head = bucket(j, end->key);
	struct nt_end *e = &j->ends[slot];

	if (e->serial)
		forget(j, e);
	*e = *end;
	e->serial = j->serial;
	e->prev = 0;
	e->next = *head;
	if (e->next)
		j->ends[e->next - 1].prev = slot + 1;
	*head = slot + 1;
	j->stats.rows++;
	return e;
}

static void touch(struct nt_join *j, struct nt_end *e)
{
	if (e->touched || j->touched_len == j->max)
		return;
	e->touched = true;
	j->touched[j->touched_len++] = e->serial;
}

/* --- rows ------------------------------------------------------------------------------------- */

static const struct nt_join_result nothing = {
	.network_ns = -1, .server_ns = -1, .upstream_ns = -1, .reason = ""
};

const char *nt_join_word(struct nt_slice text)
{
	static const char *const words[] = {
		NT_JOIN_NOT_TAPPED, NT_JOIN_NOT_TOLD, NT_JOIN_LOST,	     NT_JOIN_GAP,
		NT_JOIN_CLOCK,	    NT_JOIN_SEVERAL,  NT_JOIN_SILENT,	     NT_JOIN_UNSAID,
		NT_JOIN_FORGOTTEN,  NOT_SEEN_HERE,    "server_asked_others", "given_up_early",
	};

	for (size_t i = 0; i < NT_ARRAY_LEN(words); i++)
		if (nt_slice_eq(text, nt_slice_str(words[i])))
			return words[i];
	return "";
}

/* A row that is no set of lookups as the other side has it: of packets, of names that are not
 * shown, stopped before it was sent, replies to nothing. */
static bool is_joined(const struct nt_record *r)
{
	return r->type == NT_RECORD_LOG && r->client_ip.family && r->qname.len && !r->folded &&
	       (r->queries || (r->late && r->late_of)) && r->servers_len &&
	       r->verdict != NT_VERDICT_DENY && r->verdict != NT_VERDICT_UNJUDGEABLE;
}

static uint64_t hash_addr(const struct nt_join *j, const struct nt_addr *ip)
{
	return nt_siphash(&j->secret, nt_slice_mem(ip, sizeof(*ip)));
}

static struct nt_end end_of(const struct nt_join *j, const struct nt_record *r)
{
	const struct nt_server *server = &r->servers[0];
	bool client = r->side == NT_SIDE_CLIENT;
	struct nt_end e = {
		.key = key_of(j, r),
		.node = j->node,
		.kind = client ? NT_END_CLIENT : NT_END_SERVER,
		.died = (uint8_t)r->died,
		.reason = nt_join_word(r->died_reason),
		.open = r->died == NT_DIED_NONE ||
			nt_slice_eq(r->died_reason, NT_SLICE_LIT(NOT_SEEN_HERE)),
		.stepped = r->clock_step,
		.pod = client ? pod_of(j, r->node, r->client_namespace, r->client_name)
			      : pod_of(j, r->node, server->namespace_, server->name),
		/* Behind the address that was asked is the one that answers, where it is told. */
		.translated = client && r->servers_len > 1,
		.target = hash_addr(j, &r->servers[client && r->servers_len > 1].ip),
		.id = r->late ? r->late_of : r->id,
		.start_us = r->start_us,
		.end_us = r->end_us,
		.offset_us = j->offset_us,
		.told_us = j->told_us,
		.arrived_us = j->now_us,
		.answered = r->latency_count,
		.unanswered = r->unanswered,
		.latency_ns = r->latency_sum_ns,
		.upstream_ns = r->hop_count == r->latency_count ? r->hop_upstream_ns : -1,
		.server = server->ip,
		.result = nothing,
	};

	if (r->late) {
		e.kind = NT_END_LATE;
		e.late = r->replies;
		e.met = true;
	}
	e.result.judged = client && !r->late && e.open && e.unanswered;
	return e;
}

static struct nt_end *add_record(struct nt_join *j, const struct nt_record *r)
{
	struct nt_end end;

	if (r->type == NT_RECORD_UNLOGGED) {
		const struct nt_join_span loss = { .from_us = r->start_us, .to_us = r->end_us };

		nt_losses_add(&j->peers.losses,
			      pod_of(j, r->node, r->client_namespace, r->client_name), &loss,
			      j->now_us);
	}
	if (!is_joined(r))
		return NULL;
	end = end_of(j, r);
	return add(j, &end);
}

void nt_join_batch(struct nt_join *j, const struct nt_batch *b, int64_t now_us)
{
	j->now_us = j->peers.now_us = now_us;
	j->told_us = b->created_us;
	j->node = nt_peers_node(&j->peers, nt_siphash(&j->secret, b->node));
	nt_peers_batch(&j->peers, j->node, nt_siphash(&j->secret, b->spool), b);
	j->offset_us = nt_peers_offset(&j->peers, j->node);
}

void nt_join_gap(struct nt_join *j, struct nt_slice node, struct nt_slice namespace_,
		 struct nt_slice name, int64_t from_us, int64_t to_us)
{
	const struct nt_join_span gap = { .from_us = from_us,
					  .to_us = to_us ? to_us : NT_JOIN_FOREVER,
					  .gap = true };

	nt_losses_add(&j->peers.losses, pod_of(j, node, namespace_, name), &gap, j->now_us);
}

uint64_t nt_join_add(struct nt_join *j, const struct nt_record *rec)
{
	struct nt_end *e = add_record(j, rec);

	if (!e)
		return 0;
	touch(j, e);
	return e->serial;
}

void nt_join_restore(struct nt_join *j, const struct nt_record *rec, int64_t row,
		     const struct nt_join_result *known, int64_t now_us)
{
	struct nt_end *e;

	j->restoring = true;
	j->now_us = j->told_us = j->peers.now_us = now_us;
	j->offset_us = NT_JOIN_NO_OFFSET;
	j->node = nt_peers_node(&j->peers, nt_siphash(&j->secret, rec->node));
	e = add_record(j, rec);
	if (!e)
		return;
	e->row = row;
	e->stored = true;
	if (known) {
		bool judged = e->result.judged;

		e->result = *known;
		e->result.judged = judged;
	}
	touch(j, e);
}

/* --- looking ---------------------------------------------------------------------------------- */

void nt_join_wait(struct nt_join *j, struct nt_end *e, uint32_t node)
{
	if (e->waiting || j->waiting_len == WAITING_MAX || nt_peers_is_aged(&j->peers, e))
		return;
	e->waiting = true;
	e->waits_for = node;
	j->waiting[j->waiting_len++] = e->serial;
}

static bool waits(const struct nt_join *j, const struct nt_end *e)
{
	const char *reason;

	if (nt_peers_is_aged(&j->peers, e))
		return false;
	if (e->waits_for != NT_JOIN_NO_NODE)
		return !nt_peers_is_heard(&j->peers, e->waits_for);
	reason = nt_peers_unsure(&j->peers, e);
	return reason && strcmp(reason, NT_JOIN_NOT_TOLD) == 0;
}

static bool is_same(const struct nt_join_result *a, const struct nt_join_result *b)
{
	return a->hop_count == b->hop_count && a->network_ns == b->network_ns &&
	       a->server_ns == b->server_ns && a->upstream_ns == b->upstream_ns &&
	       a->judged == b->judged && a->died == b->died && strcmp(a->reason, b->reason) == 0;
}

void nt_join_say(struct nt_join *j, struct nt_end *e, const struct nt_join_result *result)
{
	if (is_same(result, &e->result) || j->restoring)
		return;
	if (!e->result.hop_count)
		j->stats.lookups += result->hop_count;
	e->result = *result;
	if (e->stored && !e->dirty && j->dirty_len < j->max) {
		e->dirty = true;
		j->dirty[j->dirty_len++] = e->serial;
	}
}

/* Rows that wait are looked at when their server's nodes have told enough. */
static void touch_waiting(struct nt_join *j)
{
	size_t kept = 0;

	for (size_t i = 0; i < j->waiting_len; i++) {
		struct nt_end *e = nt_join_end(j, j->waiting[i]);

		if (e && waits(j, e)) {
			j->waiting[kept++] = e->serial;
			continue;
		}
		if (e) {
			e->waiting = false;
			touch(j, e);
		}
	}
	j->waiting_len = kept;
}

/* An answer that no server's side has, long after: not all behind that address are tapped. */
static void age(struct nt_join *j)
{
	for (; j->aged < j->serial; j->aged++) {
		const struct nt_end *e = nt_join_end(j, j->aged + 1);

		if (e && e->arrived_us > j->now_us - AGED_US)
			return;
		/* By a clock that is off nobody is met. */
		if (e && e->kind == NT_END_CLIENT && e->answered && !e->met &&
		    llabs(nt_join_offset(j, e)) <= NT_JOIN_CLOCK_US)
			nt_peers_unmet(&j->peers, e);
	}
}

void nt_join_settle(struct nt_join *j)
{
	touch_waiting(j);
	for (size_t i = 0; i < j->touched_len; i++) {
		struct nt_end *e = nt_join_end(j, j->touched[i]);

		/* Not so when another row of its set was looked at. */
		if (e && e->touched)
			nt_join_look(j, e->key, *bucket(j, e->key));
	}
	j->touched_len = 0;
	j->restoring = false;
	age(j);
}

struct nt_join_result nt_join_result(const struct nt_join *j, uint64_t ticket)
{
	const struct nt_end *e = nt_join_end(j, ticket);

	return e ? e->result : nothing;
}

void nt_join_stored(struct nt_join *j, uint64_t ticket, int64_t row)
{
	struct nt_end *e = nt_join_end(j, ticket);

	if (!e)
		return;
	e->row = row;
	e->stored = true;
}

bool nt_join_next(struct nt_join *j, int64_t *ret_row, struct nt_join_result *ret_result)
{
	while (j->dirty_len) {
		struct nt_end *e = nt_join_end(j, j->dirty[--j->dirty_len]);

		if (!e)
			continue;
		e->dirty = false;
		*ret_row = e->row;
		*ret_result = e->result;
		return true;
	}
	return false;
}
