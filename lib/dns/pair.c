/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pairing of queries with replies. Each entry is in one hash chain (of which there are more as
 * entries get more), in its owner's list, and in one of two lists of the table: waiting (not
 * reported) or late (reported as unanswered). All lists go from old to new by the latest query, so
 * expiry and eviction only ever look at the head.
 */
#include "lib/dns/pair.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/random.h>

#include "lib/base/clock.h"
#include "lib/base/hash.h"
#include "lib/dns/owners.h"

enum {
	DEFAULT_ENTRIES = 65536,
	DEFAULT_PER_OWNER = 4096,
	DEFAULT_TIMEOUT_S = 6,
	DEFAULT_LATE_S = 30,
	CHAINS_FIRST = 1024, /* a cache holds them; most nodes never have more that waits */
};

/* It is hashed and compared as octets. */
_Static_assert(sizeof(struct nt_flow) == 22 + 2 * sizeof(struct nt_addr), "nt_flow has padding");

struct entry { /* what is compared comes first */
	LIST_ENTRY(entry) chain;
	uint64_t hash;
	TAILQ_ENTRY(entry) age;
	struct nt_owned own;
	bool reported;
	struct nt_pair_query q;
};

TAILQ_HEAD(entry_list, entry);
LIST_HEAD(entry_chain, entry);

struct nt_pair {
	struct nt_pair_config config;
	nt_txn_fn *fn;
	void *ctx;
	struct nt_hash_key key;
	struct nt_pair_stats stats;
	size_t mask; /* number of chains, a power of two, less one */
	struct entry_chain *chains;
	struct nt_owners owners;
	struct entry_list waiting, late;
	struct entry_chain spare; /* entries that were used before */
};

struct nt_pair *nt_pair_new(const struct nt_pair_config *config, nt_txn_fn *fn, void *ctx,
			    struct nt_err *err)
{
	struct nt_pair *p = calloc(1, sizeof(*p));

	if (!p) {
		nt_err_set(err, ENOMEM, "no memory for the pairing table");
		return NULL;
	}
	p->config = *config;
	p->fn = fn;
	p->ctx = ctx;
	p->owners.max = config->max_entries ? config->max_entries : DEFAULT_ENTRIES;
	p->owners.owner_max = config->max_per_owner ? config->max_per_owner : DEFAULT_PER_OWNER;
	if (p->config.timeout_ns <= 0)
		p->config.timeout_ns = DEFAULT_TIMEOUT_S * NT_NS_PER_S;
	if (p->config.late_ns <= 0)
		p->config.late_ns = DEFAULT_LATE_S * NT_NS_PER_S;
	TAILQ_INIT(&p->waiting);
	TAILQ_INIT(&p->late);
	p->mask = CHAINS_FIRST - 1;
	p->chains = calloc(CHAINS_FIRST, sizeof(*p->chains));
	if (!p->chains || getrandom(&p->key, sizeof(p->key), 0) != sizeof(p->key)) {
		nt_err_set(err, p->chains ? EIO : ENOMEM, "the pairing table: %s",
			   p->chains ? "no random key" : "no memory");
		nt_pair_free(p);
		return NULL;
	}
	return p;
}

static void free_list(struct nt_pair *p, struct entry_list *list)
{
	struct entry *e;

	while ((e = TAILQ_FIRST(list))) {
		TAILQ_REMOVE(list, e, age);
		nt_owners_give(&p->owners, &e->own, 1);
		free(e);
	}
}

void nt_pair_free(struct nt_pair *p)
{
	struct entry *e;

	if (!p)
		return;
	free_list(p, &p->waiting);
	free_list(p, &p->late);
	while ((e = LIST_FIRST(&p->spare))) {
		LIST_REMOVE(e, chain);
		free(e);
	}
	nt_owners_done(&p->owners);
	free(p->chains);
	free(p);
}

/* --- entries -------------------------------------------------------------------------------- */

/* At the client's own socket. */
static bool is_client_socket(const struct nt_flow *flow)
{
	return flow->cookie && !flow->side;
}

/* What a query and its reply have in common. */
static struct nt_flow key_of(const struct nt_flow *flow)
{
	struct nt_flow key = *flow;

	if (!key.cookie)
		return key;
	key.server = (struct nt_addr){ 0 };
	key.server_port = 0;
	if (is_client_socket(flow)) {
		key.client = (struct nt_addr){ 0 };
		key.client_port = 0;
	}
	return key;
}

/* What a message asks, or answers; borrowed. */
struct question {
	const struct nt_flow *flow;
	uint16_t id, qtype, qclass;
	const struct nt_name *qname;
};

/* As nt_hash, but of a length that is known. */
static uint64_t hash_flow(const struct nt_hash_key *key, const struct nt_flow *flow, uint64_t more)
{
	uint64_t w[sizeof(*flow) / sizeof(uint64_t)], k = key->k[1], hash = key->k[0];

	_Static_assert(sizeof(w) == sizeof(*flow) && sizeof(w) == 56, "seven words");
	memcpy(w, flow, sizeof(*flow));
	hash = nt_hash_fold(w[0] ^ k, w[1] ^ hash);
	hash = nt_hash_fold(w[2] ^ k, w[3] ^ hash);
	hash = nt_hash_fold(w[4] ^ k, w[5] ^ hash);
	return nt_hash_fold(w[6] ^ k, more ^ hash);
}

static uint64_t hash_of(const struct nt_pair *p, const struct question *q)
{
	uint64_t more = q->id | (uint64_t)q->qtype << 16 | (uint64_t)q->qclass << 32, hash;
	struct nt_flow common;

	if (q->flow->cookie) {
		common = key_of(q->flow);
		hash = hash_flow(&p->key, &common, more);
	} else {
		hash = hash_flow(&p->key, q->flow, more);
	}
	return nt_hash(&p->key, hash, nt_slice_mem(q->qname->wire, q->qname->len));
}

static bool is_same_flow(const struct nt_flow *a, const struct nt_flow *b)
{
	struct nt_flow x, y;

	if (!a->cookie && !b->cookie)
		return memcmp(a, b, sizeof(*a)) == 0;
	x = key_of(a);
	y = key_of(b);
	return memcmp(&x, &y, sizeof(x)) == 0;
}

static struct entry *find(struct nt_pair *p, uint64_t hash, const struct question *q)
{
	struct entry *e;

	LIST_FOREACH(e, &p->chains[hash & p->mask], chain)
	{
		if (e->hash == hash && e->q.id == q->id && e->q.qtype == q->qtype &&
		    e->q.qclass == q->qclass && is_same_flow(&e->q.flow, q->flow) &&
		    nt_name_eq(&e->q.qname, q->qname))
			return e;
	}
	return NULL;
}

static void chain_all(struct nt_pair *p, struct entry_list *list)
{
	struct entry *e;

	TAILQ_FOREACH(e, list, age)
	{
		LIST_INSERT_HEAD(&p->chains[e->hash & p->mask], e, chain);
	}
}

/* Twice as many; without memory for them the chains get longer. */
static void grow_chains(struct nt_pair *p)
{
	size_t len = (p->mask + 1) * 2;
	struct entry_chain *chains = calloc(len, sizeof(*chains));

	if (!chains)
		return;
	free(p->chains);
	p->chains = chains;
	p->mask = len - 1;
	chain_all(p, &p->waiting);
	chain_all(p, &p->late);
}

static struct entry_list *list_of(struct nt_pair *p, const struct entry *e)
{
	return e->reported ? &p->late : &p->waiting;
}

/* Out of all lists; it may be used again. */
static void forget(struct nt_pair *p, struct entry *e)
{
	TAILQ_REMOVE(list_of(p, e), e, age);
	LIST_REMOVE(e, chain);
	nt_owners_give(&p->owners, &e->own, 1);
	p->stats.waiting -= !e->reported;
	LIST_INSERT_HEAD(&p->spare, e, chain);
}

static struct entry *oldest_of(const struct nt_owner *o)
{
	return NT_OWNED(TAILQ_FIRST(&o->list), struct entry, own);
}

static uint64_t report(struct nt_pair *p, enum nt_txn_kind kind, const struct nt_pair_query *q,
		       const struct nt_flow *reply_flow, const struct nt_dns_msg *reply,
		       int64_t reply_ns)
{
	struct nt_txn txn = {
		.kind = kind,
		.query = q,
		.reply = reply,
		.reply_flow = reply_flow,
		.reply_ns = reply ? reply_ns : 0,
		.reply_bytes = reply ? (uint32_t)reply->wire.len : 0,
	};

	return p->fn(p->ctx, &txn);
}

/* Unanswered by timeout: stays for a late reply. */
static void give_up(struct nt_pair *p, struct entry *e)
{
	e->q.tag = report(p, NT_TXN_UNANSWERED, &e->q, NULL, NULL, 0);
	TAILQ_REMOVE(&p->waiting, e, age);
	TAILQ_INSERT_TAIL(&p->late, e, age);
	e->reported = true;
	p->stats.waiting--;
}

static bool evict(void *ctx, struct nt_owned *m)
{
	struct entry *e = NT_OWNED(m, struct entry, own);
	struct nt_pair *p = ctx;

	if (!e->reported) {
		report(p, NT_TXN_UNANSWERED, &e->q, NULL, NULL, 0);
		p->stats.evicted++;
	}
	forget(p, e);
	return true;
}

/* A new entry that waits, as the youngest; the caller fills its q. NULL without memory; nothing has
 * changed then but that there is room. */
static struct entry *open_entry(struct nt_pair *p, uint64_t owner_id, uint64_t hash)
{
	struct entry *e;

	(void)nt_owners_make_room(&p->owners, owner_id, 1, evict, p); /* one that exists goes */
	e = LIST_FIRST(&p->spare);
	if (e)
		LIST_REMOVE(e, chain);
	else
		e = calloc(1, sizeof(*e)); /* all of q is written to the spool */
	if (!e || !nt_owners_take(&p->owners, owner_id, &e->own, 1)) {
		free(e);
		return NULL;
	}
	e->hash = hash;
	e->reported = false;
	if (p->owners.held > p->mask)
		grow_chains(p);
	p->stats.waiting++;
	LIST_INSERT_HEAD(&p->chains[hash & p->mask], e, chain);
	TAILQ_INSERT_TAIL(&p->waiting, e, age);
	return e;
}

/* --- messages ------------------------------------------------------------------------------- */

/* One message and what is known of it. */
struct arrival {
	const struct nt_flow *flow;
	const struct nt_dns_msg *msg;
	const struct nt_pair_mark *mark;
	int64_t now_ns;
};

static struct question question_of(const struct arrival *m)
{
	return (struct question){ m->flow, m->msg->id, m->msg->qtype, m->msg->qclass,
				  &m->msg->qname };
}

/* Of a reply only what it has in common with its query. Octets behind the name stay as they are. */
static void fill_query(struct nt_pair_query *q, const struct arrival *m)
{
	bool is_query = !(m->msg->flags & NT_DNS_QR);

	q->flow = *m->flow;
	q->id = m->msg->id;
	q->qtype = m->msg->qtype;
	q->qclass = m->msg->qclass;
	q->query_flags = is_query ? m->msg->flags : 0;
	nt_name_copy(&q->qname, &m->msg->qname);
	q->edns = is_query ? m->msg->edns : (struct nt_dns_edns){ .ede = -1 };
	q->first_ns = q->last_ns = m->now_ns;
	q->tag = 0;
	q->queries = is_query;
	q->bytes = is_query ? (uint32_t)m->msg->wire.len : 0;
	q->mark = is_query ? *m->mark : (struct nt_pair_mark){ 0 };
}

/* A message by itself. */
static void report_alone(struct nt_pair *p, const struct arrival *m)
{
	bool is_reply = m->msg->flags & NT_DNS_QR;
	struct nt_pair_query q;

	fill_query(&q, m);
	report(p, is_reply ? NT_TXN_UNPAIRED : NT_TXN_UNANSWERED, &q, is_reply ? m->flow : NULL,
	       is_reply ? m->msg : NULL, m->now_ns);
}

/* The same question again on the same socket. It waits from now on, but not for ever: a client that
 * repeats itself without end must show up in the log. */
static void retry(struct nt_pair *p, struct entry *e, const struct arrival *m)
{
	e->q.queries++;
	e->q.bytes += (uint32_t)m->msg->wire.len;
	if (m->mark->verdict > e->q.mark.verdict)
		e->q.mark = *m->mark;
	if (m->now_ns < e->q.first_ns) /* CPUs deliver out of order */
		e->q.first_ns = m->now_ns;
	if (m->now_ns <= e->q.last_ns || m->now_ns - e->q.first_ns > p->config.late_ns)
		return;
	e->q.last_ns = m->now_ns;
	TAILQ_REMOVE(&p->waiting, e, age);
	TAILQ_INSERT_TAIL(&p->waiting, e, age);
	nt_owned_touch(&e->own);
}

static void take_query(struct nt_pair *p, const struct arrival *m)
{
	struct question q = question_of(m);
	uint64_t hash = hash_of(p, &q);
	struct entry *e = find(p, hash, &q);

	if (e && !e->reported) {
		retry(p, e, m);
		return;
	}
	if (e) /* its row is out, so this is a transaction of its own */
		forget(p, e);
	e = open_entry(p, m->flow->owner, hash);
	if (e) {
		fill_query(&e->q, m);
		return;
	}
	p->stats.failed++;
	report_alone(p, m);
}

/* The query may have gone out under another address, the reply comes to the socket's own. */
static void take_own_address(struct nt_flow *query, const struct nt_flow *reply)
{
	if (!is_client_socket(query))
		return;
	query->client = reply->client;
	query->client_port = reply->client_port;
}

static void take_reply(struct nt_pair *p, const struct arrival *m)
{
	struct question q = question_of(m);
	struct entry *e = find(p, hash_of(p, &q), &q);

	if (!e || m->now_ns < e->q.first_ns) { /* no latency is negative */
		report_alone(p, m);
		return;
	}
	if (!e->reported)
		take_own_address(&e->q.flow, m->flow);
	report(p, e->reported ? NT_TXN_LATE : NT_TXN_ANSWERED, &e->q, m->flow, m->msg, m->now_ns);
	forget(p, e);
}

void nt_pair_message(struct nt_pair *p, const struct nt_flow *flow, const struct nt_dns_msg *msg,
		     int64_t now_ns)
{
	static const struct nt_pair_mark none;

	nt_pair_marked(p, flow, msg, &none, now_ns);
}

void nt_pair_marked(struct nt_pair *p, const struct nt_flow *flow, const struct nt_dns_msg *msg,
		    const struct nt_pair_mark *mark, int64_t now_ns)
{
	const struct arrival m = { flow, msg, mark, now_ns };

	/* What happens to this message must not depend on when the caller last looked at the clock.
	 */
	nt_pair_expire(p, now_ns);
	if (!msg->has_question)
		report_alone(p, &m);
	else if (msg->flags & NT_DNS_QR)
		take_reply(p, &m);
	else
		take_query(p, &m);
}

void nt_pair_expire(struct nt_pair *p, int64_t now_ns)
{
	struct entry *e;

	while ((e = TAILQ_FIRST(&p->waiting)) && now_ns - e->q.last_ns > p->config.timeout_ns)
		give_up(p, e);
	while ((e = TAILQ_FIRST(&p->late)) &&
	       now_ns - e->q.last_ns - p->config.timeout_ns > p->config.late_ns)
		forget(p, e);
}

void nt_pair_flush(struct nt_pair *p, uint64_t owner)
{
	struct nt_owner *o = owner ? nt_owners_find(&p->owners, owner) : NULL;
	struct entry *e;

	if (!owner) {
		while ((e = TAILQ_FIRST(&p->waiting)))
			give_up(p, e);
		while ((e = TAILQ_FIRST(&p->late)))
			forget(p, e);
		return;
	}
	for (size_t left = o ? o->held : 0; left; left--) {
		e = oldest_of(o); /* the last one takes the owner with it */
		if (!e->reported)
			give_up(p, e);
		forget(p, e);
	}
}

/* --- restart -------------------------------------------------------------------------------- */

void nt_pair_each(struct nt_pair *p, nt_pair_each_fn *fn, void *ctx)
{
	struct entry *e;

	TAILQ_FOREACH(e, &p->waiting, age)
	{
		fn(ctx, &e->q);
	}
}

int nt_pair_restore(struct nt_pair *p, const struct nt_pair_query *q)
{
	const struct question question = { &q->flow, q->id, q->qtype, q->qclass, &q->qname };
	struct entry *e;
	uint64_t hash;

	if (!q->qname.len || q->last_ns < q->first_ns)
		return -EINVAL;
	hash = hash_of(p, &question);
	if (find(p, hash, &question))
		return -EEXIST;
	e = open_entry(p, q->flow.owner, hash);
	if (!e)
		return -ENOMEM;
	e->q = *q;
	return 0;
}

struct nt_pair_stats nt_pair_stats(const struct nt_pair *p)
{
	struct nt_pair_stats stats = p->stats;

	stats.entries = p->owners.held;
	return stats;
}
