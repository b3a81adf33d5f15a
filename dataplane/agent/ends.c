/* SPDX-License-Identifier: Apache-2.0 */
/* What the servers of this node saw of a lookup, and what an unanswered one died of. */
#include "dataplane/agent/ends.h"

#include <stdlib.h>
#include <sys/random.h>

#include "dataplane/agent/agent.h"

#define LOOK_NS (100 * NT_NS_PER_MS) /* between looks at a pod's counters */
#define DEFAULT_TIMEOUT_NS (6 * NT_NS_PER_S) /* of lib/dns/pair.h */

void nt_ends_done(struct nt_ends *e)
{
	free(e->asked);
	free(e->own);
	*e = (struct nt_ends){ 0 };
}

/* Without memory nothing is known, as on a node without a server. */
static bool is_open(struct nt_ends *e)
{
	if (e->own)
		return true;
	if (getrandom(&e->key, sizeof(e->key), 0) != sizeof(e->key))
		return false;
	e->asked = calloc(NT_ENDS_SETS, sizeof(*e->asked));
	e->own = e->asked ? calloc(NT_ENDS_SETS, sizeof(*e->own)) : NULL;
	return e->own;
}

static uint64_t hash_name(const struct nt_ends *e, uint64_t before, const struct nt_name *qname)
{
	uint64_t hash = nt_hash(&e->key, before, nt_slice_mem(qname->wire, qname->len));

	return hash ? hash : 1;
}

/* The lookup as both veths have it: behind a Service the server's address is another one. */
static uint64_t hash_lookup(const struct nt_ends *e, const struct nt_flow *flow, uint16_t id,
			    uint16_t qtype, uint16_t qclass, const struct nt_name *qname)
{
	uint64_t hash = id | (uint64_t)qtype << 16 | (uint64_t)qclass << 32 |
			(uint64_t)flow->client_port << 48;

	hash = nt_hash(&e->key, hash ^ flow->transport,
		       nt_slice_mem(&flow->client, sizeof(flow->client)));
	return hash_name(e, hash, qname);
}

static uint64_t hash_question(const struct nt_ends *e, uint64_t server, uint16_t qtype,
			      uint16_t qclass, const struct nt_name *qname)
{
	uint64_t hash = nt_hash(&e->key, qtype | (uint64_t)qclass << 16,
				nt_slice_mem(&server, sizeof(server)));

	return hash_name(e, hash, qname);
}

static struct nt_ends_seen *find(struct nt_ends_seen (*table)[NT_ENDS_WAYS], uint64_t hash)
{
	struct nt_ends_seen *set = table[hash % NT_ENDS_SETS];

	for (size_t i = 0; i < NT_ENDS_WAYS; i++)
		if (set[i].hash == hash)
			return &set[i];
	return NULL;
}

/* The one that is there, else a fresh one in the place of the set's oldest. */
static struct nt_ends_seen *put(struct nt_ends_seen (*table)[NT_ENDS_WAYS], uint64_t hash)
{
	struct nt_ends_seen *set = table[hash % NT_ENDS_SETS], *s = find(table, hash);

	if (s)
		return s;
	s = &set[0];
	for (size_t i = 1; i < NT_ENDS_WAYS; i++)
		if (set[i].query_ns < s->query_ns)
			s = &set[i];
	*s = (struct nt_ends_seen){ .hash = hash };
	return s;
}

/* The pod is asked. The same lookup again after its reply is another one. */
static void at_server(struct nt_ends *e, const struct nt_flow *flow, const struct nt_dns_msg *msg,
		      int64_t time_ns)
{
	uint64_t hash = hash_lookup(e, flow, msg->id, msg->qtype, msg->qclass, &msg->qname);
	struct nt_ends_seen *s;

	if (msg->flags & NT_DNS_QR) {
		s = find(e->asked, hash);
		if (s)
			s->reply_ns = time_ns;
		return;
	}
	s = put(e->asked, hash);
	if (!s->query_ns || s->reply_ns || e->now_ns - s->query_ns > DEFAULT_TIMEOUT_NS)
		s->query_ns = time_ns;
	s->reply_ns = 0;
	s->server = flow->owner;
}

/* A server asks. */
static void by_server(struct nt_ends *e, struct nt_agent_pod *pod, const struct nt_flow *flow,
		      const struct nt_dns_msg *msg, int64_t time_ns)
{
	uint64_t hash = hash_question(e, flow->owner, msg->qtype, msg->qclass, &msg->qname);
	struct nt_ends_seen *s;

	if (msg->flags & NT_DNS_QR) {
		s = find(e->own, hash);
		pod->told_ns = time_ns;
		if (s)
			s->reply_ns = time_ns;
		return;
	}
	pod->lookup_ns = time_ns;
	s = put(e->own, hash);
	/* Else it is another try. */
	if (s->reply_ns >= s->query_ns || time_ns - s->query_ns > DEFAULT_TIMEOUT_NS) {
		s->before_ns = s->query_ns;
		s->query_ns = time_ns;
	}
}

void nt_ends_message(struct nt_agent *a, struct nt_agent_pod *pod, const struct nt_flow *flow,
		     const struct nt_dns_msg *msg, int64_t time_ns)
{
	if (!pod || !msg->has_question || (flow->side == NT_SIDE_CLIENT && !pod->asked) ||
	    !is_open(&a->ends))
		return;
	if (flow->side == NT_SIDE_CLIENT) {
		by_server(&a->ends, pod, flow, msg, time_ns);
		return;
	}
	pod->asked = true;
	at_server(&a->ends, flow, msg, time_ns);
}

static const struct nt_ends_seen *own_lookup(const struct nt_ends *e,
					     const struct nt_agent_pod *server,
					     const struct nt_pair_query *q)
{
	uint64_t hash = hash_question(e, server->pod.ep_id, q->qtype, q->qclass, &q->qname);

	return find(e->own, hash);
}

/* The server saw it then and has not answered: was it waiting itself? */
static struct nt_verdict_of_death inside(const struct nt_ends *e, const struct nt_agent_pod *server,
					 const struct nt_pair_query *q, int64_t asked_ns)
{
	const struct nt_ends_seen *own = own_lookup(e, server, q);

	/* Its latest one may be from before, for another client that asks the same. */
	if (own && own->reply_ns < own->query_ns && own->query_ns >= asked_ns - DEFAULT_TIMEOUT_NS)
		return (struct nt_verdict_of_death){ NT_DIED_UPSTREAM, "" };
	if ((own && own->query_ns >= asked_ns) || server->lookup_ns < asked_ns)
		return (struct nt_verdict_of_death){ NT_DIED_SERVER, "" };
	return (struct nt_verdict_of_death){ NT_DIED_UNKNOWN, "server_asked_others" };
}

/* The kernel's counters of now; many that died at once need one look. Losses are stated only at a
 * flush or two later, which is too late here. */
static bool look_for_loss(struct nt_agent *a, struct nt_agent_pod *pod)
{
	uint64_t sum = 0;

	if (pod->loss_looked_ns && a->ends.now_ns - pod->loss_looked_ns < LOOK_NS)
		return true;
	if (a->source.counters(a->source.ctx, pod->pod.ep_id, a->counters) < 0)
		return false;
	for (uint32_t cpu = 0; cpu < a->source.cpus; cpu++)
		for (unsigned i = 0; i < NT_LOSS_MAX; i++)
			sum += a->counters[cpu].lost[NT_DIR_FROM_POD][i] +
			       a->counters[cpu].lost[NT_DIR_TO_POD][i];
	if (sum != pod->loss_sum)
		pod->loss_ns = a->ends.now_ns;
	pod->loss_sum = sum;
	pod->loss_looked_ns = a->ends.now_ns;
	return true;
}

static bool lost_packets(struct nt_agent *a, struct nt_agent_pod *pod, int64_t since_ns)
{
	if (!look_for_loss(a, pod) || (pod->loss_ns && pod->loss_ns >= since_ns))
		return true;
	return pod->owed_us && pod->owed_us >= nt_timebase_us(&a->timebase, since_ns);
}

struct nt_verdict_of_death nt_ends_died(struct nt_agent *a, struct nt_agent_pod *pod,
					const struct nt_txn *txn)
{
	const struct nt_pair_query *q = txn->query;
	int64_t timeout_ns = a->config.timeout_ns ? a->config.timeout_ns : DEFAULT_TIMEOUT_NS;
	struct nt_agent_pod *server;
	const struct nt_ends_seen *s;

	if (!a->ends.own || txn->kind != NT_TXN_UNANSWERED || q->mark.verdict == NT_VERDICT_DENY ||
	    q->mark.verdict == NT_VERDICT_UNJUDGEABLE)
		return (struct nt_verdict_of_death){ NT_DIED_NONE, "" };
	if (a->ends.now_ns - q->last_ns < timeout_ns)
		return (struct nt_verdict_of_death){ NT_DIED_UNKNOWN, "given_up_early" };
	if (q->flow.side == NT_SIDE_SERVER)
		return lost_packets(a, pod, q->first_ns)
			       ? (struct nt_verdict_of_death){ NT_DIED_UNKNOWN, "packets_lost" }
			       : inside(&a->ends, pod, q, q->first_ns);
	s = find(a->ends.asked,
		 hash_lookup(&a->ends, &q->flow, q->id, q->qtype, q->qclass, &q->qname));
	server = s ? nt_podtable_find(&a->pods, s->server) : NULL;
	if (!server || s->query_ns < q->first_ns)
		return (struct nt_verdict_of_death){ NT_DIED_UNKNOWN, "not_seen_here" };
	if (lost_packets(a, pod, q->first_ns) || lost_packets(a, server, q->first_ns))
		return (struct nt_verdict_of_death){ NT_DIED_UNKNOWN, "packets_lost" };
	if (s->reply_ns)
		return (struct nt_verdict_of_death){ NT_DIED_RETURN, "" };
	return inside(&a->ends, server, q, s->query_ns);
}

int64_t nt_ends_upstream(struct nt_agent *a, const struct nt_agent_pod *pod,
			 const struct nt_txn *txn)
{
	const struct nt_pair_query *q = txn->query;
	int64_t from_ns = q->first_ns, to_ns = txn->reply_ns;
	const struct nt_ends_seen *own;

	if (txn->kind != NT_TXN_ANSWERED || q->flow.side != NT_SIDE_SERVER || !a->ends.own)
		return -1;
	if (pod->lookup_ns < from_ns && pod->told_ns < from_ns)
		return 0;
	own = own_lookup(&a->ends, pod, q);
	if (own && own->before_ns >= from_ns)
		return -1;
	if (own && own->query_ns > from_ns)
		from_ns = own->query_ns;
	if (own && own->reply_ns >= own->query_ns && own->reply_ns < to_ns)
		to_ns = own->reply_ns;
	if (own && own->query_ns < txn->reply_ns && to_ns > from_ns &&
	    txn->reply_ns - own->query_ns < DEFAULT_TIMEOUT_NS)
		return to_ns - from_ns;
	return pod->lookup_ns < q->first_ns ? 0 : -1;
}
