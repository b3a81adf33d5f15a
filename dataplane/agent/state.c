/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's state in the spool: encoded, and restored. */
#include "dataplane/agent/state.h"

#include <netinet/in.h>

#include "dataplane/agent/tcp.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"

/* Octets of half-read messages in a spool file; of what is above, the segments are counted. */
#define STREAM_BYTES_MAX ((size_t)1 << 20)

/* Its last octet is the version: 2 has the host's addresses, 3 what the batch holds beside its
 * rows. Older ones are read as well. */
static const char magic[8] = { 'N', 'T', 'S', 'T', 'A', 'T', 'E', '3' };
#define VERSION_AT (sizeof(magic) - 1)

/* Sizes of the parts tell whether the binary that reads has the layout of the one that wrote. */
struct state_head {
	char magic[8];
	uint32_t pod_size, key_size, query_size, identity_size, tally_size;
	uint32_t short_query_size; /* of which queries are without what lies behind their names */
	uint8_t boot_id[16];
	uint64_t created_boot_ns; /* of the pins */
	int64_t sample_boot_ns, sample_offset_ns; /* of the wall clock */
	uint64_t tallies_len, pods_len, keys_len, marked_len, queries_len, identities_len;
	uint64_t streams_len; /* octets */
	/* From version 2 on. */
	uint64_t host_ep_id, addresses_len;
	int64_t addresses_looked_us;
	uint64_t address_size;
	/* From version 3 on. */
	int64_t first_us, last_us; /* of the interval */
	uint64_t told_len; /* octets */
};
#define HEAD_1_LEN offsetof(struct state_head, host_ep_id)
#define HEAD_2_LEN offsetof(struct state_head, first_us)
/* Before version 3. */
#define OLD_TALLY_SIZE offsetof(struct nt_state_tally, written_off)

/* Queries are written without the octets behind their names, which are most of them: query_size is
 * that of an octet then. Before and behind these: */
enum {
	QUERY_HEAD = offsetof(struct nt_pair_query, qname.wire),
	QUERY_TAIL = offsetof(struct nt_pair_query, edns),
};

struct saved_pod {
	uint64_t ep_id;
	uint64_t logged, unlogged, stream;
	uint64_t waiting; /* packets of queries that wait, counted in logged */
	uint64_t waiting_tcp; /* messages that wait, whose segments are counted in stream */
	uint64_t resolver;
};

struct parts {
	struct nt_buf pods, keys, marked, queries, identities, streams;
};

static void parts_done(struct parts *p)
{
	nt_buf_done(&p->pods);
	nt_buf_done(&p->keys);
	nt_buf_done(&p->marked);
	nt_buf_done(&p->queries);
	nt_buf_done(&p->identities);
	nt_buf_done(&p->streams);
}

/* --- out -------------------------------------------------------------------------------------- */

struct saving {
	struct nt_agent *a;
	struct parts parts;
	struct nt_idmap waiting, waiting_tcp; /* ep_id -> packets, as a pointer-sized number */
};

static void save_query(void *ctx, const struct nt_pair_query *q)
{
	struct saving *s = ctx;
	struct nt_idmap *sums = q->flow.transport == IPPROTO_TCP ? &s->waiting_tcp : &s->waiting;
	uintptr_t packets = (uintptr_t)nt_idmap_find(sums, q->flow.owner);

	nt_buf_add(&s->parts.queries, q, QUERY_HEAD + q->qname.len);
	nt_buf_add(&s->parts.queries, (const char *)q + QUERY_TAIL, sizeof(*q) - QUERY_TAIL);
	(void)nt_idmap_set(sums, q->flow.owner, (void *)(packets + q->queries));
}

struct nt_state_tally nt_state_tally_of(const struct nt_agent_pod *pod)
{
	return (struct nt_state_tally){ .ep_id = pod->pod.ep_id,
					.logged = pod->rows_logged,
					.unlogged = pod->rows_unlogged,
					.stream = pod->rows_stream,
					.written_off = pod->rows_written_off };
}

void nt_state_holds_done(struct nt_state_holds *h)
{
	nt_buf_done(&h->tallies);
	nt_buf_done(&h->told);
}

static void save_pods(struct saving *s)
{
	struct nt_agent_pod *pod;
	size_t at = 0;

	while ((pod = nt_podtable_next(&s->a->pods, &at))) {
		struct saved_pod saved = {
			.ep_id = pod->pod.ep_id,
			.logged = pod->logged,
			.unlogged = pod->unlogged,
			.stream = pod->stream,
			.waiting = (uintptr_t)nt_idmap_find(&s->waiting, pod->pod.ep_id),
			.waiting_tcp = (uintptr_t)nt_idmap_find(&s->waiting_tcp, pod->pod.ep_id),
			.resolver = pod->resolver || pod->answered,
		};

		if (!pod->forgotten)
			nt_buf_add(&s->parts.pods, &saved, sizeof(saved));
		if (saved.waiting ||
		    saved.waiting_tcp) /* after a reboot the pinned maps do not have it */
			nt_buf_add(&s->parts.identities, &pod->pod, sizeof(pod->pod));
	}
}

static uint64_t count_of(const struct nt_buf *part, size_t size)
{
	return part->len / size;
}

void nt_state_save(struct nt_agent *a, const struct nt_state_holds *holds, struct nt_buf *out)
{
	struct saving s = { .a = a };
	struct state_head h = {
		.pod_size = sizeof(struct saved_pod),
		.key_size = sizeof(struct nt_account_saved),
		.query_size = 1,
		.short_query_size = sizeof(struct nt_pair_query),
		.identity_size = sizeof(struct nt_pod),
		.tally_size = sizeof(struct nt_state_tally),
		.host_ep_id = a->hostaddrs.ep_id,
		.addresses_len = count_of(&a->hostaddrs.known, sizeof(struct nt_batch_address)),
		.addresses_looked_us = a->hostaddrs.looked_us,
		.address_size = sizeof(struct nt_batch_address),
		.first_us = holds->first_us,
		.last_us = holds->last_us,
		.told_len = holds->told.len,
		.created_boot_ns = a->source.meta.created_boot_ns,
		.sample_boot_ns = nt_timebase_last(&a->timebase).until_boot_ns,
		.sample_offset_ns = nt_timebase_last(&a->timebase).real_minus_boot_ns,
	};

	nt_pair_each(a->pair, save_query, &s);
	save_pods(&s);
	nt_account_save(a->account, &s.parts.keys);
	nt_spool_marked(a->spool, &s.parts.marked);
	nt_streams_save(a->streams, STREAM_BYTES_MAX, &s.parts.streams);
	memcpy(h.magic, magic, sizeof(magic));
	memcpy(h.boot_id, a->source.meta.boot_id, sizeof(h.boot_id));
	h.tallies_len = count_of(&holds->tallies, sizeof(struct nt_state_tally));
	h.pods_len = count_of(&s.parts.pods, sizeof(struct saved_pod));
	h.keys_len = count_of(&s.parts.keys, sizeof(struct nt_account_saved));
	h.marked_len = count_of(&s.parts.marked, sizeof(uint64_t));
	h.queries_len = s.parts.queries.len;
	h.identities_len = count_of(&s.parts.identities, sizeof(struct nt_pod));
	h.streams_len = s.parts.streams.len;
	nt_buf_add(out, &h, sizeof(h));
	nt_buf_add(out, holds->tallies.p, holds->tallies.len);
	nt_buf_add(out, holds->told.p, holds->told.len);
	nt_buf_add(out, s.parts.pods.p, s.parts.pods.len);
	nt_buf_add(out, s.parts.keys.p, s.parts.keys.len);
	nt_buf_add(out, s.parts.marked.p, s.parts.marked.len);
	nt_buf_add(out, s.parts.queries.p, s.parts.queries.len);
	nt_buf_add(out, s.parts.identities.p, s.parts.identities.len);
	nt_buf_add(out, a->hostaddrs.known.p, a->hostaddrs.known.len);
	nt_buf_add(out, s.parts.streams.p, s.parts.streams.len);
	if (!nt_buf_ok(&holds->tallies) || !nt_buf_ok(&holds->told) || !nt_buf_ok(&s.parts.pods) ||
	    !nt_buf_ok(&s.parts.keys) || !nt_buf_ok(&s.parts.marked) ||
	    !nt_buf_ok(&s.parts.queries) || !nt_buf_ok(&s.parts.identities) ||
	    !nt_buf_ok(&s.parts.streams))
		out->failed = true;
	parts_done(&s.parts);
	nt_idmap_done(&s.waiting);
	nt_idmap_done(&s.waiting_tcp);
}

/* --- in --------------------------------------------------------------------------------------- */

struct reader {
	struct nt_slice left;
	bool bad;
};

/* Copies the next len octets, which need not be aligned. */
static bool take(struct reader *r, void *ret, size_t len)
{
	if (r->bad || r->left.len < len) {
		r->bad = true;
		return false;
	}
	memcpy(ret, r->left.p, len);
	r->left = nt_slice_mem(r->left.p + len, r->left.len - len);
	return true;
}

static void skip(struct reader *r, uint64_t len)
{
	r->bad = r->bad || r->left.len < len;
	if (!r->bad)
		r->left = nt_slice_mem(r->left.p + len, r->left.len - len);
}

/* A query whose packets were counted as logged and that cannot wait any more. */
static void lost_waiting(struct nt_agent *a, uint64_t ep_id, uint64_t packets, bool tcp)
{
	struct nt_agent_pod *pod = packets ? nt_podtable_get(&a->pods, ep_id) : NULL;

	if (!pod)
		return;
	if (tcp) {
		nt_tcp_write_off(a, pod, NT_REASON_AGENT_RESTART, packets, a->interval_from_us,
				 a->start_us);
		return;
	}
	pod->logged -= pod->logged < packets ? pod->logged : packets;
	nt_agent_pod_owe(pod, NT_REASON_AGENT_RESTART, 0, packets, a->interval_from_us,
			 a->start_us);
	a->stats.lost[NT_REASON_AGENT_RESTART] += packets;
}

/* The pinned maps know a pod, or its identity was saved because a query of it waits. Another one
 * was forgotten when all of it had been stored. */
static struct nt_agent_pod *find_pod(struct nt_agent *a, uint64_t ep_id)
{
	struct nt_agent_pod *pod = nt_podtable_find(&a->pods, ep_id);
	struct nt_pod identity;

	if (pod || a->source.pod_get(a->source.ctx, ep_id, &identity) < 0)
		return pod;
	return nt_podtable_put(&a->pods, &identity);
}

static void restore_identities(struct nt_agent *a, struct reader r, const struct state_head *h)
{
	struct nt_pod pod;

	for (uint64_t i = 0; i < h->identities_len && take(&r, &pod, sizeof(pod)); i++)
		if (!find_pod(a, pod.ep_id))
			(void)nt_podtable_put(&a->pods, &pod);
}

/* They have the layout of this binary, short or whole. */
static bool has_queries(const struct state_head *h)
{
	return h->query_size == sizeof(struct nt_pair_query) ||
	       (h->query_size == 1 && h->short_query_size == sizeof(struct nt_pair_query));
}

static void restore_pods(struct nt_agent *a, struct reader *r, const struct state_head *h)
{
	struct saved_pod saved;

	for (uint64_t i = 0; i < h->pods_len && take(r, &saved, sizeof(saved)); i++) {
		struct nt_agent_pod *pod = find_pod(a, saved.ep_id);

		if (!pod)
			continue;
		pod->logged = saved.logged;
		pod->unlogged = saved.unlogged;
		pod->stream = pod->stored_stream = saved.stream;
		pod->resolver = pod->answered = saved.resolver;
		if (has_queries(h))
			continue;
		lost_waiting(a, saved.ep_id, saved.waiting, false);
		lost_waiting(a, saved.ep_id, saved.waiting_tcp, true);
	}
}

static void restore_keys(struct nt_agent *a, struct reader *r, const struct state_head *h)
{
	struct nt_account_saved saved;

	for (uint64_t i = 0; i < h->keys_len && take(r, &saved, sizeof(saved)); i++)
		if (nt_podtable_find(&a->pods, saved.ep_id) &&
		    !nt_account_restore(a->account, &saved))
			nt_log_warn("spool: sequence numbers of CPU %u are not continued",
				    saved.cpu);
}

static void restore_marked(struct nt_agent *a, struct reader *r, const struct state_head *h)
{
	uint64_t seq;

	for (uint64_t i = 0; i < h->marked_len && take(r, &seq, sizeof(seq)); i++)
		nt_spool_mark(a->spool, seq);
	nt_spool_sweep(a->spool);
}

static bool take_query(struct reader *r, const struct state_head *h, struct nt_pair_query *ret)
{
	if (h->query_size == sizeof(*ret))
		return take(r, ret, sizeof(*ret));
	*ret = (struct nt_pair_query){ 0 };
	return take(r, ret, QUERY_HEAD) && take(r, ret->qname.wire, ret->qname.len) &&
	       take(r, (char *)ret + QUERY_TAIL, sizeof(*ret) - QUERY_TAIL);
}

static void restore_queries(struct nt_agent *a, const struct reader *r, const struct state_head *h)
{
	struct reader queries = { .left = r->left, .bad = r->bad };
	struct nt_pair_query q;

	queries.left.len = h->queries_len * h->query_size;
	while (!queries.bad && queries.left.len && take_query(&queries, h, &q))
		if (nt_pair_restore(a->pair, &q) < 0)
			lost_waiting(a, q.flow.owner, q.queries, q.flow.transport == IPPROTO_TCP);
}

/* As of the former agent's last batch. */
static void restore_addresses(struct nt_agent *a, struct reader r, const struct state_head *h)
{
	struct nt_batch_address known[NT_HOSTADDRS_MAX];
	size_t len = 0;

	if (!h->host_ep_id || h->address_size != sizeof(known[0]))
		return;
	while (len < h->addresses_len && len < NT_HOSTADDRS_MAX &&
	       take(&r, &known[len], sizeof(known[0])))
		len++;
	nt_hostaddrs_restore(&a->hostaddrs, h->host_ep_id, h->addresses_looked_us, known, len);
}

/* What was half read goes on; the segments of what cannot are stated as `agent_restart`. */
static void restore_streams(struct nt_agent *a, struct nt_slice state, const struct state_head *h)
{
	struct nt_slice saved =
		nt_slice_mem(state.p + (state.len - h->streams_len), h->streams_len);

	if (nt_streams_restore(a->streams, saved) < 0)
		nt_log_warn("spool: TCP streams are not continued, their layout is another one");
}

/* Other pins: the pods of then are gone, under numbers that nothing continues. */
static void close_old(struct nt_agent *a)
{
	struct nt_agent_pod *entry;
	size_t at = 0;

	nt_streams_flush(a->streams, 0);
	nt_pair_flush(a->pair, 0);
	while ((entry = nt_podtable_next(&a->pods, &at))) {
		entry->pod.state = NT_POD_DETACHED;
		entry->gone = true;
		nt_account_remove(a->account, entry->pod.ep_id);
		entry->numbers = NULL;
	}
}

static bool is_same_generation(const struct nt_agent *a, const struct state_head *h)
{
	return memcmp(h->boot_id, a->source.meta.boot_id, sizeof(h->boot_id)) == 0 &&
	       h->created_boot_ns == a->source.meta.created_boot_ns;
}

/* rest: octets behind the head. */
static bool head_is_sane(const struct state_head *h, size_t rest)
{
	const uint64_t parts[][2] = {
		{ h->tallies_len, h->tally_size },
		{ h->pods_len, h->pod_size },
		{ h->keys_len, h->key_size },
		{ h->marked_len, sizeof(uint64_t) },
		{ h->queries_len, h->query_size },
		{ h->identities_len, h->identity_size },
		{ h->addresses_len, h->address_size },
		{ h->streams_len, 1 },
		{ h->told_len, 1 },
	};
	uint64_t sum = 0;

	for (size_t i = 0; i < NT_ARRAY_LEN(parts); i++) {
		/* Neither the product nor the sum can overflow. */
		if (parts[i][0] > rest || parts[i][1] > 65536 || sum > rest)
			return false;
		sum += parts[i][0] * parts[i][1];
	}
	return sum == rest && h->pod_size == sizeof(struct saved_pod) &&
	       h->key_size == sizeof(struct nt_account_saved) &&
	       (h->tally_size == sizeof(struct nt_state_tally) || h->tally_size == OLD_TALLY_SIZE);
}

static bool open_state(struct reader *r, struct state_head *h)
{
	static const size_t lens[] = { HEAD_1_LEN, HEAD_2_LEN, sizeof(*h) };
	unsigned version;

	*h = (struct state_head){ 0 };
	if (!take(r, h, HEAD_1_LEN) || memcmp(h->magic, magic, VERSION_AT) != 0)
		return false;
	version = (unsigned)(h->magic[VERSION_AT] - '1');
	if (version >= NT_ARRAY_LEN(lens))
		return false;
	return take(r, (char *)h + HEAD_1_LEN, lens[version] - HEAD_1_LEN) &&
	       head_is_sane(h, r->left.len);
}

int nt_state_holds(struct nt_slice state, struct nt_state_holds *ret_holds, struct nt_err *err)
{
	struct nt_state_tally tally = { 0 };
	struct reader r = { .left = state };
	struct state_head h;

	if (!open_state(&r, &h))
		return nt_err_set(err, EBADMSG, "the state in the spool has another layout");
	for (uint64_t i = 0; i < h.tallies_len && take(&r, &tally, h.tally_size); i++)
		nt_buf_add(&ret_holds->tallies, &tally, sizeof(tally));
	nt_buf_add(&ret_holds->told, r.left.p, h.told_len);
	ret_holds->first_us = h.first_us;
	ret_holds->last_us = h.last_us;
	if (!nt_buf_ok(&ret_holds->tallies) || !nt_buf_ok(&ret_holds->told))
		return nt_err_set(err, ENOMEM, "no memory for what a batch holds");
	return 0;
}

int nt_state_restore(struct nt_agent *a, struct nt_slice state, struct nt_err *err)
{
	struct reader r = { .left = state }, identities, addresses;
	struct state_head h;

	if (!open_state(&r, &h))
		return nt_err_set(err, EBADMSG, "the state in the spool has another layout");
	skip(&r, h.tallies_len * h.tally_size + h.told_len);
	(void)nt_timebase_add(&a->timebase, (struct nt_timebase_sample){
						    .boot_ns = h.sample_boot_ns,
						    .real_minus_boot_ns = h.sample_offset_ns,
					    });
	a->interval_from_us = nt_timebase_us(&a->timebase, h.sample_boot_ns);
	identities = r;
	skip(&identities, h.pods_len * h.pod_size + h.keys_len * h.key_size +
				  h.marked_len * sizeof(uint64_t) + h.queries_len * h.query_size);
	addresses = identities;
	skip(&addresses, h.identities_len * h.identity_size);
	if (h.identity_size == sizeof(struct nt_pod))
		restore_identities(a, identities, &h);
	restore_pods(a, &r, &h);
	restore_keys(a, &r, &h);
	restore_marked(a, &r, &h);
	if (has_queries(&h))
		restore_queries(a, &r, &h);
	restore_streams(a, state, &h);
	if (is_same_generation(a, &h)) {
		restore_addresses(a, addresses, &h);
		return 0;
	}
	nt_log_info("the pins are not those of the last agent: a reboot or a new installation");
	close_old(a);
	a->timebase = (struct nt_timebase){ 0 }; /* another boot's clock */
	return 0;
}
