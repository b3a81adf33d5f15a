/* SPDX-License-Identifier: Apache-2.0 */
/* Batches: decoded, checked, enriched, appended once. */
#include "controller/ingest/ingest.h"

#include <pthread.h>
#include <stdio.h>

#include "controller/enrich/enrich.h"
#include "controller/ingest/await.h"
#include "controller/ingest/foreign.h"
#include "controller/ingest/nodes.h"
#include "controller/servers/servers.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/objects/objects.h"

/* Decoded records take several times their octets; a batch that does not fit here has more records
 * than any agent puts into one, and is refused for good. */
#define ARENA_MAX (512u << 20)
/* Whole numbers up to here survive JSON, and sums over many rows stay in 64 bits. */
#define FIGURE_MAX (1ULL << 53)
/* Years 1970 to 9999: what RFC 3339 can say. */
#define TIME_MAX_US (253402300800LL * 1000000)

struct nt_ingest {
	struct nt_store *store;
	struct nt_enrich *enrich;
	/* One batch is decoded while another one is stored; held until it has `lock`, so that no
	 * more than these two are in memory, and those that wait for pods. Taken first. */
	pthread_mutex_t decode_lock;
	/* One batch at a time. Covers objects and enrich, too: an enriched record points into the
	 * index until it is stored. And alerts: what a tick reads from the store it must not get
	 * once more as a batch. */
	pthread_mutex_t lock;
	struct nt_alerts *alerts;
	bool rules_whole; /* it was told of all rules that there were at one time */
	struct nt_objects *objects;
	struct nt_await await;
	struct nt_servers servers;
	pthread_mutex_t stats_lock; /* covers all below; taken last */
	struct nt_ingest_stats stats;
	struct nt_nodes nodes;
	uint32_t rows_per_second; /* of a node; 0: without limit */
	struct nt_clock *clock, system;
};

int nt_ingest_new(struct nt_store *store, struct nt_objects *objects, struct nt_enrich *enrich,
		  struct nt_ingest **ret_ingest, struct nt_err *err)
{
	struct nt_ingest *i = calloc(1, sizeof(*i));

	if (!i)
		return nt_err_set(err, ENOMEM, "no memory for the ingest");
	i->system = nt_clock_system();
	i->clock = &i->system;
	i->store = store;
	i->objects = objects;
	i->enrich = enrich;
	pthread_mutex_init(&i->decode_lock, NULL);
	pthread_mutex_init(&i->lock, NULL);
	pthread_mutex_init(&i->stats_lock, NULL);
	nt_await_init(&i->await);
	if (nt_servers_init(&i->servers) < 0) {
		nt_ingest_free(i);
		return nt_err_set(err, ENOMEM, "no memory for DNS servers");
	}
	*ret_ingest = i;
	return 0;
}

void nt_ingest_free(struct nt_ingest *i)
{
	if (!i)
		return;
	pthread_mutex_destroy(&i->decode_lock);
	pthread_mutex_destroy(&i->lock);
	pthread_mutex_destroy(&i->stats_lock);
	nt_await_done(&i->await);
	nt_servers_done(&i->servers);
	nt_nodes_done(&i->nodes);
	free(i);
}

/* A name that is a key, a label and a path's part elsewhere: printable ASCII, not empty. */
static bool is_plain_name(struct nt_slice s, size_t max_len)
{
	if (!s.len || s.len > max_len)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	return true;
}

static bool is_time(int64_t us)
{
	return us >= 0 && us < TIME_MAX_US;
}

static int check_record(const struct nt_record *rec, struct nt_slice node, size_t number,
			struct nt_err *err)
{
	const uint64_t figures[] = {
		rec->count,	    rec->queries,	 rec->replies,	      rec->unanswered,
		rec->retries,	    rec->truncated,	 rec->bytes_out,      rec->bytes_in,
		rec->latency_count, rec->latency_min_ns, rec->latency_max_ns, rec->latency_sum_ns,
		rec->hop_count,
	};
	const int64_t hops[] = { rec->hop_network_ns, rec->hop_server_ns, rec->hop_upstream_ns };

	if (!nt_slice_eq(rec->node, node))
		return nt_err_set(err, EBADMSG, "record %zu is of node %.*s, the batch of %.*s",
				  number, NT_SLICE_ARG(rec->node), NT_SLICE_ARG(node));
	if (!is_time(rec->start_us) || !is_time(rec->end_us))
		return nt_err_set(err, EBADMSG, "record %zu: its time is no date", number);
	for (size_t i = 0; i < NT_ARRAY_LEN(figures); i++)
		if (figures[i] > FIGURE_MAX)
			return nt_err_set(err, EBADMSG, "record %zu: a figure above 2^53", number);
	for (size_t i = 0; i < NT_ARRAY_LEN(hops); i++)
		if (hops[i] > (int64_t)FIGURE_MAX)
			return nt_err_set(err, EBADMSG, "record %zu: a hop above 2^53", number);
	return 0;
}

static int check(const struct nt_batch *b, struct nt_err *err)
{
	int r = 0;

	if (!is_plain_name(b->node, 253))
		return nt_err_set(err, EBADMSG, "the batch's node is no node's name");
	if (!is_plain_name(b->spool, 64))
		return nt_err_set(err, EBADMSG, "the batch's spool is no UUID");
	if (b->seq == 0 || b->seq > INT64_MAX)
		return nt_err_set(err, EBADMSG, "the batch's number is out of range");
	for (size_t i = 0; i < b->records_len && r == 0; i++)
		r = check_record(&b->records[i], b->node, i + 1, err);
	for (size_t i = 0; i < b->endpoints_len && r == 0; i++)
		if (!is_time(b->endpoints[i].since_us) || !is_time(b->endpoints[i].until_us))
			r = nt_err_set(err, EBADMSG, "endpoint %zu: its time is no date", i + 1);
	for (size_t i = 0; i < b->gaps_len && r == 0; i++)
		if (!is_time(b->gaps[i].from_us) || !is_time(b->gaps[i].to_us))
			r = nt_err_set(err, EBADMSG, "gap %zu: its time is no date", i + 1);
	for (size_t i = 0; i < b->addresses_len && r == 0; i++)
		if (!is_time(b->addresses[i].since_us) || !is_time(b->addresses[i].until_us))
			r = nt_err_set(err, EBADMSG, "address %zu: its time is no date", i + 1);
	return r;
}

static void enrich(struct nt_ingest *i, const struct nt_batch *b, struct nt_arena *arena)
{
	/* The decoder made them, in our arena. */
	struct nt_record *records = (struct nt_record *)(uintptr_t)b->records;
	struct nt_batch_endpoint *endpoints = (struct nt_batch_endpoint *)(uintptr_t)b->endpoints;

	/* A record for which there was no memory is whole, only with less beside it. */
	for (size_t k = 0; k < b->records_len; k++)
		(void)!nt_enrich_record(i->enrich, arena, &records[k]);
	for (size_t k = 0; k < b->endpoints_len; k++)
		(void)!nt_enrich_endpoint(i->enrich, arena, b->node, &endpoints[k]);
}

/* The log has it once for each node; the counters always. */
static void note_foreign(struct nt_ingest *i, struct nt_slice name, const struct nt_foreign *f)
{
	struct nt_node *node;
	bool say;

	pthread_mutex_lock(&i->stats_lock);
	i->stats.foreign_records += f->records;
	i->stats.foreign_endpoints += f->endpoints;
	i->stats.foreign_addresses += f->addresses;
	node = nt_nodes_get(&i->nodes, name);
	say = node && !node->said_foreign;
	if (node)
		node->said_foreign = true;
	pthread_mutex_unlock(&i->stats_lock);
	if (say)
		nt_log_warn("node %.*s sends %s: that is refused; find out who has the token of "
			    "its agent",
			    NT_SLICE_ARG(name), f->what);
}

/* A sender that is bound to no node (the shared token) may say anything. */
static int drop_foreign(struct nt_ingest *i, struct nt_batch *b,
			const struct nt_ingest_sender *sender, struct nt_arena *arena,
			struct nt_err *err)
{
	struct nt_foreign f;

	if (!sender->node.len)
		return 0;
	if (nt_foreign_drop(i->enrich, arena, b, &f) < 0)
		return nt_err_set(err, ENOMEM, "no memory for a batch");
	if (f.records + f.endpoints + f.addresses)
		note_foreign(i, b->node, &f);
	return 0;
}

/* The rows of the log, in front; the store has said which records are none. */
static size_t rows_first(const struct nt_batch *b)
{
	struct nt_record *records = (struct nt_record *)(uintptr_t)b->records;
	size_t n = 0;

	for (size_t k = 0; k < b->records_len; k++)
		if (!b->ret_folded[k])
			records[n++] = records[k];
	return n;
}

static void count(struct nt_ingest *i, const struct nt_batch *b, size_t bytes, int result,
		  enum nt_store_outcome outcome)
{
	struct nt_ingest_stats *s = &i->stats;

	pthread_mutex_lock(&i->stats_lock);
	if (result < 0) {
		s->refused += result == -EBADMSG;
		s->deferred += result == -EAGAIN;
		s->foreign += result == -EPERM;
		s->failed += result != -EBADMSG && result != -EAGAIN && result != -EPERM;
	} else if (outcome == NT_STORE_DUPLICATE) {
		s->duplicates++;
	} else {
		s->appended++;
		s->records += b->records_len;
		for (size_t k = 0; k < b->records_len; k++)
			s->folded += b->ret_folded[k];
		s->bytes += bytes;
		for (size_t k = 0; k < b->records_len; k++)
			if (b->records[k].type == NT_RECORD_UNLOGGED)
				s->unlogged_packets += b->records[k].count;
	}
	pthread_mutex_unlock(&i->stats_lock);
}

void nt_ingest_limit(struct nt_ingest *i, uint32_t rows_per_second, struct nt_clock *clock)
{
	i->rows_per_second = rows_per_second;
	i->clock = clock;
}

/* -EPERM: it is of another node than his who sends it. */
static int check_sender(const struct nt_batch *b, const struct nt_ingest_sender *sender,
			struct nt_err *err)
{
	if (!sender->node.len || nt_slice_eq(sender->node, b->node))
		return 0;
	return nt_err_set(err, EPERM, "a batch of node %.*s by an agent on node %.*s",
			  NT_SLICE_ARG(b->node), NT_SLICE_ARG(sender->node));
}

/* What the upload says of its node. -EAGAIN: its rows have to wait. A node that the table has no
 * room for is as one that sends little. */
static int check_node(struct nt_ingest *i, const struct nt_batch *b,
		      const struct nt_ingest_sender *sender, struct nt_err *err)
{
	struct nt_node *node;
	bool may = true;

	pthread_mutex_lock(&i->stats_lock);
	node = nt_nodes_get(&i->nodes, b->node);
	if (node && sender->has_clock) {
		node->has_clock = true;
		node->clock_offset_us = sender->clock_offset_us;
	}
	if (node)
		snprintf(node->conntrack, sizeof(node->conntrack), "%.*s",
			 NT_SLICE_ARG(b->conntrack));
	if (node && b->cluster_domain.len)
		snprintf(node->cluster_domain, sizeof(node->cluster_domain), "%.*s",
			 NT_SLICE_ARG(b->cluster_domain));
	if (node && i->rows_per_second)
		may = nt_node_take_rows(node, b->records_len, i->rows_per_second,
					nt_clock_boot(i->clock));
	pthread_mutex_unlock(&i->stats_lock);
	return may ? 0
		   : nt_err_set(err, EAGAIN, "node %.*s has sent its share of rows for now",
				NT_SLICE_ARG(b->node));
}

bool nt_ingest_clock(struct nt_ingest *i, struct nt_slice name, int64_t *ret_offset_us)
{
	const struct nt_node *node;
	bool known;

	pthread_mutex_lock(&i->stats_lock);
	node = nt_nodes_find(&i->nodes, name);
	known = node && node->has_clock;
	if (known)
		*ret_offset_us = node->clock_offset_us;
	pthread_mutex_unlock(&i->stats_lock);
	return known;
}

void nt_ingest_conntrack(struct nt_ingest *i, struct nt_slice name, char ret_text[160])
{
	const struct nt_node *node;

	pthread_mutex_lock(&i->stats_lock);
	node = nt_nodes_find(&i->nodes, name);
	snprintf(ret_text, sizeof(node->conntrack), "%s", node ? node->conntrack : "");
	pthread_mutex_unlock(&i->stats_lock);
}

void nt_ingest_cluster_domain(struct nt_ingest *i, char ret_text[256])
{
	const char *domain = "";

	pthread_mutex_lock(&i->stats_lock);
	for (size_t at = 0; at < i->nodes.len; at++) {
		const char *other = i->nodes.nodes[at].cluster_domain;

		if (!other[0] || strcmp(other, domain) == 0)
			continue;
		if (domain[0]) {
			domain = "";
			break;
		}
		domain = other;
	}
	snprintf(ret_text, sizeof(i->nodes.nodes->cluster_domain), "%s", domain);
	pthread_mutex_unlock(&i->stats_lock);
}

static int append(struct nt_ingest *i, struct nt_batch *b, const struct nt_ingest_sender *sender,
		  struct nt_arena *arena, enum nt_store_outcome *ret_outcome, struct nt_err *err)
{
	int r;

	b->ret_folded = nt_arena_zalloc(arena, b->records_len + 1);
	if (!b->ret_folded)
		return nt_err_set(err, ENOMEM, "no memory for a batch");
	if (i->enrich) {
		nt_await_pods(&i->await, &i->lock, i->enrich, b);
		r = drop_foreign(i, b, sender, arena, err);
		if (r < 0)
			return r;
		enrich(i, b, arena);
	}
	return nt_store_append(i->store, b, ret_outcome, err);
}

/* What the batch itself and its sender give. */
static int decode(struct nt_slice wire, const struct nt_ingest_sender *sender,
		  struct nt_arena *arena, struct nt_batch *ret_batch, struct nt_err *err)
{
	int r = nt_batch_decode(wire, arena, ret_batch, err);

	if (r == -ENOMEM)
		r = nt_err_set(err, EBADMSG, "more in one batch than fits into %u MiB",
			       ARENA_MAX >> 20);
	/* First whose it is: nametap-agent doctor asks that with a batch that is none. */
	if (r == 0)
		r = check_sender(ret_batch, sender, err);
	return r == 0 ? check(ret_batch, err) : r;
}

/* The lock is held, but while it waits for pods. */
static int take(struct nt_ingest *i, struct nt_batch *b, const struct nt_ingest_sender *sender,
		struct nt_arena *arena, enum nt_store_outcome *ret_outcome, struct nt_err *err)
{
	int64_t now_us;
	int r = 0;

	if (!nt_await_synced(&i->await, i->objects))
		r = nt_err_set(err, EAGAIN, "the Kubernetes objects are still being read");
	if (r == 0)
		r = check_node(i, b, sender, err);
	if (r == 0)
		r = append(i, b, sender, arena, ret_outcome, err);
	if (r < 0 || *ret_outcome != NT_STORE_APPENDED)
		return r;
	now_us = nt_clock_real(i->clock) / NT_NS_PER_US;
	for (size_t k = 0; k < b->records_len; k++)
		nt_servers_take(&i->servers, &b->records[k], now_us);
	return 0;
}

int nt_ingest_batch_from(struct nt_ingest *i, struct nt_slice wire,
			 const struct nt_ingest_sender *sender, enum nt_store_outcome *ret_outcome,
			 struct nt_err *err)
{
	_cleanup_arena_ struct nt_arena arena = NT_ARENA(ARENA_MAX);
	enum nt_store_outcome outcome = NT_STORE_APPENDED;
	struct nt_batch batch = { 0 };
	int r;

	pthread_mutex_lock(&i->decode_lock);
	r = decode(wire, sender, &arena, &batch, err);
	if (r == 0)
		pthread_mutex_lock(&i->lock);
	pthread_mutex_unlock(&i->decode_lock);
	if (r < 0) {
		count(i, &batch, wire.len, r, outcome);
		return r;
	}
	if (sender->has_clock)
		batch.clock_offset_us = sender->clock_offset_us;
	r = take(i, &batch, sender, &arena, &outcome, err);
	count(i, &batch, wire.len, r, outcome);
	if (r == 0 && i->alerts && outcome == NT_STORE_APPENDED)
		nt_alerts_records(i->alerts, batch.records, rows_first(&batch));
	pthread_mutex_unlock(&i->lock);
	if (r == 0)
		*ret_outcome = outcome;
	return r;
}

int nt_ingest_batch(struct nt_ingest *i, struct nt_slice wire, enum nt_store_outcome *ret_outcome,
		    struct nt_err *err)
{
	const struct nt_ingest_sender anybody = { 0 };

	return nt_ingest_batch_from(i, wire, &anybody, ret_outcome, err);
}

struct nt_ingest_stats nt_ingest_stats(struct nt_ingest *i)
{
	struct nt_ingest_stats stats;

	pthread_mutex_lock(&i->stats_lock);
	stats = i->stats;
	pthread_mutex_unlock(&i->stats_lock);
	return stats;
}

int nt_ingest_poll_objects(struct nt_ingest *i, struct nt_err *err)
{
	const struct nt_slice alert = NT_SLICE_LIT("GlobalAlert");
	uint64_t before;
	int r = 0;

	if (!i->objects)
		return 0;
	pthread_mutex_lock(&i->lock);
	before = nt_objects_kind_generation(i->objects, alert);
	if (nt_objects_poll(i->objects))
		nt_await_changed(&i->await);
	if (i->alerts && nt_objects_kind_generation(i->objects, alert) != before)
		r = nt_alerts_objects(i->alerts, i->objects, err);
	pthread_mutex_unlock(&i->lock);
	return r;
}

int nt_ingest_await(struct nt_ingest *i, struct nt_clock *clock, int64_t pod_ns, int64_t sync_ns,
		    struct nt_err *err)
{
	return nt_await_start(&i->await, clock, pod_ns, sync_ns) == 0
		       ? 0
		       : nt_err_set(err, EIO, "no random octets");
}

struct nt_ingest_enriched nt_ingest_enriched(struct nt_ingest *i)
{
	struct nt_ingest_enriched s = { 0 };

	if (!i->enrich)
		return s;
	pthread_mutex_lock(&i->lock);
	s.enrich = nt_enrich_stats(i->enrich);
	s.waits = i->await.waits;
	s.waits_in_vain = i->await.in_vain;
	pthread_mutex_unlock(&i->lock);
	return s;
}

void nt_ingest_objects(struct nt_ingest *i, nt_ingest_objects_fn *fn, void *ctx)
{
	pthread_mutex_lock(&i->lock);
	fn(ctx, i->objects);
	pthread_mutex_unlock(&i->lock);
}

int nt_ingest_servers(struct nt_ingest *i, int64_t now_us, struct nt_servers_found **ret_found,
		      size_t *ret_len, uint64_t *ret_over)
{
	int r;

	pthread_mutex_lock(&i->lock);
	r = nt_servers_list(&i->servers, i->objects, now_us, ret_found, ret_len);
	*ret_over = i->servers.over;
	pthread_mutex_unlock(&i->lock);
	return r;
}

void nt_ingest_problems(struct nt_ingest *i, nt_ingest_problem_fn *fn, void *ctx)
{
	const struct nt_objects_problem *problem;

	if (!i->objects)
		return;
	pthread_mutex_lock(&i->lock);
	for (size_t k = 0; (problem = nt_objects_problem_at(i->objects, k)); k++)
		fn(ctx, problem);
	pthread_mutex_unlock(&i->lock);
}

int nt_ingest_use_alerts(struct nt_ingest *i, struct nt_alerts *alerts, struct nt_err *err)
{
	i->alerts = alerts;
	return i->objects ? nt_alerts_objects(alerts, i->objects, err) : 0;
}

/* That a rule is gone is known when all were read, which need not change any. */
static int tell_whole(struct nt_ingest *i, struct nt_err *err)
{
	int r;

	if (i->rules_whole || !i->objects || !nt_objects_have_synced(i->objects))
		return 0;
	r = nt_alerts_objects(i->alerts, i->objects, err);
	i->rules_whole = r == 0;
	return r;
}

int nt_ingest_tick(struct nt_ingest *i, int64_t now_us, bool evaluates, struct nt_err *err)
{
	int r = 0;

	pthread_mutex_lock(&i->lock);
	if (i->enrich)
		nt_enrich_tick(i->enrich);
	if (i->alerts)
		r = tell_whole(i, err);
	if (i->alerts && !evaluates)
		nt_alerts_rest(i->alerts);
	else if (i->alerts && r == 0)
		r = nt_alerts_tick(i->alerts, now_us, err);
	pthread_mutex_unlock(&i->lock);
	return r;
}

void nt_ingest_alert_rules(struct nt_ingest *i, nt_alert_rule_fn *fn, void *ctx)
{
	pthread_mutex_lock(&i->lock);
	if (i->alerts)
		nt_alerts_rules(i->alerts, fn, ctx);
	pthread_mutex_unlock(&i->lock);
}

uint64_t nt_ingest_alerts_standing(struct nt_ingest *i)
{
	uint64_t standing = 0;

	pthread_mutex_lock(&i->lock);
	if (i->alerts)
		standing = nt_alerts_standing(i->alerts);
	pthread_mutex_unlock(&i->lock);
	return standing;
}

bool nt_ingest_selftest_next(struct nt_ingest *i, struct nt_buf *out, uint64_t *ret_ticket)
{
	bool waits;

	pthread_mutex_lock(&i->lock);
	waits = i->alerts && nt_alerts_selftest_next(i->alerts, out, ret_ticket);
	pthread_mutex_unlock(&i->lock);
	return waits;
}

void nt_ingest_selftest_done(struct nt_ingest *i, uint64_t ticket, const struct nt_selftest *result)
{
	pthread_mutex_lock(&i->lock);
	if (i->alerts)
		nt_alerts_selftest_done(i->alerts, ticket, result);
	pthread_mutex_unlock(&i->lock);
}

int64_t nt_ingest_alert_delay_us(const struct nt_ingest *i)
{
	return i->alerts ? nt_alerts_delay_us(i->alerts) : 0;
}

struct nt_alerts_stats nt_ingest_alerts_stats(struct nt_ingest *i)
{
	struct nt_alerts_stats stats = { 0 };

	pthread_mutex_lock(&i->lock);
	if (i->alerts)
		stats = nt_alerts_stats(i->alerts);
	pthread_mutex_unlock(&i->lock);
	return stats;
}
