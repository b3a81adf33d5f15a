/* SPDX-License-Identifier: Apache-2.0 */
/* One interval to a numbered batch on disk. */
#include <netinet/in.h>

#include "dataplane/agent/coverage.h"
#include "dataplane/agent/lost.h"
#include "dataplane/agent/pipeline.h"
#include "dataplane/agent/writeoff.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/record/codec.h"
#include "lib/record/expand.h"
#include "lib/record/wire.h"

/* A pod whose DEL came less than this ago may have packets between the tap and the ring. */
#define GONE_AFTER_NS NT_NS_PER_S
/* Gone pods whose last batch waits for the controller; beyond it they are forgotten at once. */
#define GONE_MAX 20000
/* Between looks at the host network's addresses: a dump of all links. */
#define ADDRESSES_US 10000000

/* --- what the kernel counted ------------------------------------------------------------------ */

struct loss {
	struct nt_agent *a;
	struct nt_agent_pod *pod;
	int64_t now_us;
};

static void note_loss(void *ctx, enum nt_reason reason, uint64_t count)
{
	struct loss *l = ctx;

	nt_agent_pod_owe(l->pod, reason, 0, count, l->a->interval_from_us, l->now_us);
	l->a->stats.lost[reason] += count;
	if (reason == NT_REASON_UNACCOUNTED)
		nt_log_error("%llu packets of %s/%s are unaccounted for: this is a bug",
			     (unsigned long long)count, l->pod->pod.namespace_, l->pod->pod.name);
}

static uint64_t sum_seen(const struct nt_agent *a)
{
	uint64_t sum = 0;

	for (uint32_t cpu = 0; cpu < a->source.cpus; cpu++)
		sum += a->counters[cpu].seq[NT_DIR_FROM_POD] + a->counters[cpu].seq[NT_DIR_TO_POD];
	return sum;
}

static void count_fragments(struct nt_agent *a, struct nt_agent_pod *pod)
{
	uint64_t sum = 0;

	for (uint32_t cpu = 0; cpu < a->source.cpus; cpu++)
		sum += a->counters[cpu].fragments[NT_DIR_FROM_POD] +
		       a->counters[cpu].fragments[NT_DIR_TO_POD];
	a->stats.fragments_unknown += sum > pod->fragments ? sum - pod->fragments : 0;
	pod->fragments = sum;
}

static bool is_over(const struct nt_agent *a, const struct nt_agent_pod *pod)
{
	int64_t now = nt_clock_boot(a->clock);

	return !pod->known || (pod->pod.state == NT_POD_DETACHED &&
			       now - (int64_t)pod->pod.detach_boot_ns >= GONE_AFTER_NS);
}

/* The plugin writes a pod's record before its counters: one without counters is over only if it is
 * not attached, or was evicted. */
static bool is_being_attached(const struct nt_agent *a, uint64_t ep_id)
{
	struct nt_pod pod;

	return a->source.pod_get(a->source.ctx, ep_id, &pod) == 0 && pod.state == NT_POD_ATTACHED;
}

/* What was dropped before the tap since the last time (T26). An agent that finds the pod does not
 * know when that was, so it counts from then on. */
static void read_link(struct nt_agent *a, struct nt_agent_pod *pod)
{
	struct nt_linkstats now;

	if (!a->source.link_stats || !pod->known || !nt_pod_is_tapped(&pod->pod) ||
	    a->source.link_stats(a->source.ctx, pod->pod.ifindex, &now) < 0)
		return;
	if (pod->link_read || (int64_t)(pod->pod.attach_real_ns / NT_NS_PER_US) >= a->start_us)
		a->stats.before_tap += now.before_tap - pod->link.before_tap;
	pod->link = now;
	pod->link_read = true;
}

static void settle_pod(struct nt_agent *a, struct nt_agent_pod *pod, int64_t now_us)
{
	struct loss loss = { .a = a, .pod = pod, .now_us = now_us };
	uint64_t ep_id = pod->pod.ep_id;
	uint32_t epoch = a->source.meta.epoch;
	bool complete;
	int r;

	if (pod->gone)
		return;
	read_link(a, pod);
	r = a->source.counters(a->source.ctx, ep_id, a->counters);
	if (r == -ENOENT && is_being_attached(a, ep_id))
		return;
	complete = r == -ENOENT;
	if (r == 0) {
		pod->seen = sum_seen(a);
		count_fragments(a, pod);
		nt_account_counters(a->account, ep_id, epoch, a->counters, note_loss, &loss);
		complete = nt_account_complete(a->account, ep_id, a->counters);
	}
	if (complete && (is_over(a, pod) || r == -ENOENT)) {
		nt_streams_flush(a->streams, ep_id);
		nt_pair_flush(a->pair, ep_id);
		pod->gone = true;
	}
}

static bool is_host(const struct nt_agent_pod *pod)
{
	return pod->known && pod->pod.origin == NT_ORIGIN_NODE &&
	       pod->pod.state == NT_POD_ATTACHED && strcmp(pod->pod.container_id, "node") == 0;
}

static void look_at_addresses(struct nt_agent *a, int64_t now_us)
{
	struct nt_addr ips[NT_HOSTADDRS_MAX];
	const struct nt_agent_pod *pod;
	size_t at = 0, len, left_out = a->hostaddrs.left_out;

	if (!a->source.addresses ||
	    (a->hostaddrs.ep_id && now_us - a->hostaddrs.looked_us < ADDRESSES_US &&
	     now_us >= a->hostaddrs.looked_us))
		return;
	while ((pod = nt_podtable_next(&a->pods, &at)))
		if (is_host(pod))
			break;
	if (!pod) { /* a former agent told some, and this one does not tap the host's network */
		nt_hostaddrs_look(&a->hostaddrs, a->hostaddrs.ep_id, 0, ips, 0, now_us);
		return;
	}
	len = a->source.addresses(a->source.ctx, ips, NT_ARRAY_LEN(ips));
	nt_hostaddrs_look(&a->hostaddrs, pod->pod.ep_id,
			  (int64_t)(pod->pod.attach_real_ns / NT_NS_PER_US), ips, len, now_us);
	if (a->hostaddrs.left_out && !left_out)
		nt_log_warn("the host's network has %zu addresses, of which %d are told: what a "
			    "DNS server's pod hears from another one of them is a row, too",
			    len, NT_HOSTADDRS_MAX);
}

static int settle(struct nt_agent *a, int64_t now_us, struct nt_err *err)
{
	struct nt_agent_pod *pod;
	size_t at = 0;
	int r = nt_podtable_scan(&a->pods, err);

	if (r < 0)
		return r;
	while ((pod = nt_podtable_next(&a->pods, &at)))
		settle_pod(a, pod, now_us);
	look_at_addresses(a, now_us);
	return 0;
}

/* --- rows ------------------------------------------------------------------------------------- */

static bool add_owed(struct nt_agent *a, const struct nt_agent_pod *pod, const struct nt_owed *owed)
{
	struct nt_identity who = nt_agent_pod_identity(pod, a->node, 0);
	struct nt_record r = {
		.type = NT_RECORD_UNLOGGED,
		.start_us = owed->first_us,
		.end_us = owed->last_us,
		.count = owed->count,
		.node = a->node,
		.role = who.role,
		.client_namespace = who.namespace_,
		.client_name = who.name,
		.client_uid = who.uid,
		.client_ip = who.ip,
		.client_ifname = who.ifname,
		.client_container_id = who.container_id,
		.reason = nt_slice_str(nt_reason_name(owed->reason)),
		.error = nt_slice_str(nt_owed_strerror(owed->error)),
	};

	return nt_agent_add_unlogged(a, &r, pod->pod.ep_id);
}

static void state_owed(struct nt_agent *a)
{
	struct nt_agent_pod *pod;
	size_t at = 0;

	while ((pod = nt_podtable_next(&a->pods, &at))) {
		size_t kept = 0;

		for (size_t i = 0; i < pod->owed_len; i++)
			if (!add_owed(a, pod, &pod->owed[i]))
				pod->owed[kept++] = pod->owed[i];
		pod->owed_len = kept;
	}
}

/* How many packets of the pod the row holds; whether it is a resolver's is known only now. */
static void finish_row(struct nt_agent_pod *pod, struct nt_row *row)
{
	row->resolver = pod->answered;
	if (row->type == NT_RECORD_LOG)
		pod->rows_logged += row->transport == IPPROTO_TCP ? 0 : nt_row_packets(row);
	else if (row->written_off)
		pod->rows_written_off += row->tally->count;
	else
		pod->rows_unlogged += row->tally->count;
}

/* What is known only now: who turned out to be a resolver, whether the clock stepped, and how many
 * packets of each pod there are. */
static void finish_rows(struct nt_agent *a, struct nt_row *rows, size_t len, bool clock_step)
{
	struct nt_agent_pod *pod;
	size_t pod_at = 0;

	while ((pod = nt_podtable_next(&a->pods, &pod_at))) {
		pod->rows_logged = pod->rows_unlogged = pod->rows_written_off = 0;
		pod->rows_stream =
			pod->stream > pod->stored_stream ? pod->stream - pod->stored_stream : 0;
	}
	for (size_t i = 0; i < len; i++) {
		if (clock_step)
			nt_row_set_clock_step(&rows[i]);
		pod = rows[i].owner ? nt_podtable_find(&a->pods, rows[i].owner) : NULL;
		if (pod)
			finish_row(pod, &rows[i]);
	}
}

/* --- the batch -------------------------------------------------------------------------------- */

/* Until it is forgotten, the spool's state has its numbers: else a successor would take the pod for
 * one whose packets nobody wrote. */
static void forget_gone(struct nt_agent *a, struct nt_agent_pod *pod, size_t *gone)
{
	struct nt_err err;
	int r;

	if (!pod->gone_seq)
		pod->gone_seq = nt_spool_next(a->spool) - 1;
	if (!pod->forgotten) {
		r = a->source.forget(a->source.ctx, pod->pod.ep_id, &err);
		if (r < 0 && r != -ENOENT) {
			nt_log_warn("forget a pod: %s", err.msg);
			return;
		}
		pod->forgotten = true;
		nt_account_remove(a->account, pod->pod.ep_id);
		pod->numbers = NULL;
	}
	if (++*gone > GONE_MAX)
		pod->gone_seq = 1; /* goes with the next acknowledgement */
}

/* The batch is on disk. */
static void commit(struct nt_agent *a, const struct nt_state_holds *holds, size_t rows)
{
	struct nt_agent_pod *pod;
	size_t at = 0, gone = 0;

	nt_account_commit(a->account);
	nt_lost_note(a, holds);
	while ((pod = nt_podtable_next(&a->pods, &at))) {
		nt_coverage_told(pod);
		if (pod->gone)
			forget_gone(a, pod, &gone);
	}
	a->failed.changed = false;
	nt_buf_reset(&a->gaps);
	nt_buf_reset(&a->hostaddrs.news);
	a->first_batch = false;
	a->batch_ns = nt_clock_boot(a->clock);
	nt_spool_sweep(a->spool);
	nt_aggregate_reset(a->rows);
	a->full = false;
	a->empty_bytes = nt_aggregate_bytes(a->rows);
	a->stats.rows += rows;
	a->stats.batches++;
}

struct parts {
	struct nt_buf ranges, endpoints, wire, state;
	struct nt_state_holds holds;
};

static void parts_done(struct parts *p)
{
	nt_buf_done(&p->ranges);
	nt_buf_done(&p->endpoints);
	nt_buf_done(&p->wire);
	nt_buf_done(&p->state);
	nt_state_holds_done(&p->holds);
}

/* Makes the rows' records from their octets. bases: those of the rows. */
static int read_bases(const struct nt_aggregate *rows, struct nt_arena *arena,
		      struct nt_row_reader *ret_reader, struct nt_err *err)
{
	const struct nt_slice *octets;
	size_t len = nt_aggregate_bases(rows, &octets);
	struct nt_base *bases = nt_arena_alloc(arena, len * sizeof(*bases));
	int r = bases ? 0 : nt_err_set(err, ENOMEM, "no memory to write a batch");

	for (size_t i = 0; r == 0 && i < len; i++)
		r = nt_base_from_wire(octets[i], arena, &bases[i], err);
	*ret_reader = (struct nt_row_reader){ .bases = bases, .bases_len = len };
	return r;
}

/* Sixteen pods together can fill the pairing table with names that are too much for one batch. */
static int put_light(const struct nt_row *row, struct nt_row_reader *reader, struct nt_buf *out,
		     struct nt_err *err)
{
	_cleanup_arena_ struct nt_arena arena = NT_ARENA(SIZE_MAX);
	_cleanup_buf_ struct nt_buf wire = { 0 };
	struct nt_slice octets;
	struct nt_record r;
	size_t at;
	int result;

	nt_row_wire(row, &wire);
	octets = nt_slice_mem(wire.p, wire.len);
	result = row->is_lookup ? nt_row_from_wire(reader, octets, &arena, &r, err)
				: nt_record_from_wire(octets, &arena, &r, err);
	if (result < 0)
		return result;
	nt_record_lighten(&r);
	at = nt_wire_begin(out, NT_BATCH_RECORD);
	nt_record_wire(&r, out);
	nt_wire_end(out, at);
	return 0;
}

static int put_light_rows(struct nt_agent *a, struct nt_buf *out, struct nt_err *err)
{
	_cleanup_arena_ struct nt_arena arena = NT_ARENA(SIZE_MAX);
	struct nt_row_reader reader;
	struct nt_row *rows;
	size_t len = nt_aggregate_rows(a->rows, &rows);
	int r = read_bases(a->rows, &arena, &reader, err);

	reader.names = a->names;
	for (size_t i = 0; i < len && r == 0 && nt_buf_ok(out); i++)
		r = put_light(&rows[i], &reader, out, err);
	return r;
}

static int put_rows(struct nt_agent *a, bool light, struct nt_buf *out, struct nt_err *err)
{
	struct nt_row *rows;
	size_t len = nt_aggregate_rows(a->rows, &rows);

	if (light)
		return put_light_rows(a, out, err);
	for (size_t i = 0; i < len; i++)
		nt_row_put(&rows[i], out);
	return 0;
}

static struct nt_slice conntrack_of(const struct nt_agent *a)
{
	const char *why_not =
		a->config.why_no_backend ? a->config.why_no_backend(a->config.backend_ctx) : "";

	if (!a->config.why_no_backend)
		return (struct nt_slice){ 0 };
	return nt_slice_str(why_not[0] ? why_not : NT_CONNTRACK_ON);
}

/* Gone pods, which are forgotten then, gaps and addresses: nobody but this batch tells them. */
static int note_told(const struct nt_batch *batch, struct nt_buf *told, struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf gone = { 0 };
	struct nt_batch only = *batch;

	for (size_t i = 0; i < batch->endpoints_len; i++)
		if (batch->endpoints[i].state == NT_ENDPOINT_GONE)
			nt_buf_add(&gone, &batch->endpoints[i], sizeof(batch->endpoints[i]));
	if (!nt_buf_ok(&gone))
		return nt_err_set(err, ENOMEM, "no memory to write a batch");
	only.endpoints = (const struct nt_batch_endpoint *)gone.p;
	only.endpoints_len = gone.len / sizeof(*only.endpoints);
	only.ranges_len = only.bases_len = 0;
	if (!only.endpoints_len && !only.gaps_len && !only.addresses_len)
		return 0;
	return nt_batch_encode(&only, told, err);
}

/* What the batch holds, beside its rows. */
static int note_holds(const struct nt_agent *a, const struct nt_batch *batch,
		      struct nt_state_holds *holds, struct nt_err *err)
{
	const struct nt_agent_pod *pod;
	size_t at = 0;

	nt_buf_reset(&holds->tallies);
	nt_buf_reset(&holds->told);
	holds->first_us = a->interval_from_us;
	holds->last_us = batch->created_us;
	while ((pod = nt_podtable_next(&a->pods, &at))) {
		const struct nt_state_tally t = nt_state_tally_of(pod);

		if (t.logged || t.unlogged || t.stream || t.written_off)
			nt_buf_add(&holds->tallies, &t, sizeof(t));
	}
	return note_told(batch, &holds->told, err);
}

static int encode_once(struct nt_agent *a, struct parts *p, bool light, struct nt_err *err)
{
	struct nt_batch batch = {
		.node = a->node,
		.spool = nt_slice_str(nt_spool_uuid(a->spool)),
		.seq = nt_spool_next(a->spool),
		.created_us = nt_clock_real(a->clock) / NT_NS_PER_US,
		.cluster_domain = nt_slice_str(a->config.cluster_domain),
		.conntrack = conntrack_of(a),
		.ranges = (const struct nt_batch_range *)p->ranges.p,
		.ranges_len = p->ranges.len / sizeof(struct nt_batch_range),
		.endpoints = (const struct nt_batch_endpoint *)p->endpoints.p,
		.endpoints_len = p->endpoints.len / sizeof(struct nt_batch_endpoint),
		.gaps = (const struct nt_batch_gap *)a->gaps.p,
		.gaps_len = a->gaps.len / sizeof(struct nt_batch_gap),
		.addresses = (const struct nt_batch_address *)a->hostaddrs.news.p,
		.addresses_len = a->hostaddrs.news.len / sizeof(struct nt_batch_address),
	};
	int r;

	if (!light)
		batch.bases_len = nt_aggregate_bases(a->rows, &batch.bases);
	nt_buf_reset(&p->wire);
	nt_buf_reset(&p->state);
	(void)nt_buf_reserve(&p->wire, nt_aggregate_bytes(a->rows)); /* more than they need */
	nt_batch_begin(&batch, &p->wire);
	r = put_rows(a, light, &p->wire, err);
	if (r == 0)
		r = nt_batch_end(&batch, 0, &p->wire, err);
	if (r == 0)
		r = note_holds(a, &batch, &p->holds, err);
	if (r < 0)
		return r;
	nt_state_save(a, &p->holds, &p->state);
	if (!nt_buf_ok(&p->state) || !nt_buf_ok(&p->ranges) || !nt_buf_ok(&p->endpoints))
		return nt_err_set(err, ENOMEM, "no memory to write a batch");
	return 0;
}

static int encode(struct nt_agent *a, struct parts *p, struct nt_err *err)
{
	int r = encode_once(a, p, false, err);

	if (r != -EMSGSIZE)
		return r;
	nt_log_error("flush: %s; names and answers of this interval are left out", err->msg);
	return encode_once(a, p, true, err);
}

static int write_batch(struct nt_agent *a, struct parts *p, struct nt_err *err)
{
	int r = encode(a, p, err);

	if (r < 0)
		return r;
	return nt_spool_write(a->spool, nt_slice_mem(p->wire.p, p->wire.len),
			      nt_slice_mem(p->state.p, p->state.len), err);
}

static int flush_once(struct nt_agent *a, bool clock_step, struct nt_err *err)
{
	_cleanup_(parts_done) struct parts p = { 0 };
	struct nt_row *rows;
	size_t len;
	int r;

	nt_lost_tell(a);
	state_owed(a);
	nt_writeoff_run(a, nt_agent_row_bytes(a)); /* on the wire it is less */
	nt_aggregate_estimate(a->rows);
	len = nt_aggregate_rows(a->rows, &rows);
	finish_rows(a, rows, len, clock_step);
	nt_account_ranges(a->account, &p.ranges);
	nt_coverage_collect(a, &p.endpoints);
	if (!len && !p.ranges.len && !p.endpoints.len && !a->gaps.len && !a->hostaddrs.news.len &&
	    nt_clock_boot(a->clock) - a->batch_ns < NT_AGENT_SILENCE_NS &&
	    !nt_spool_is_gone(a->spool))
		return 0;
	r = write_batch(a, &p, err);
	if (r < 0)
		return r;
	commit(a, &p.holds, len);
	return 1;
}

static int flush(struct nt_agent *a, bool clock_step, struct nt_err *err)
{
	int r = flush_once(a, clock_step, err);

	if (r != -ESTALE)
		return r;
	/* A new folder: another UUID; and what waited in the old one is owed. */
	nt_log_error("spool: %s", err->msg);
	return flush_once(a, clock_step, err);
}

/*
 * A new interval, and every pod its share of rows again. While the spool is more than half full the
 * shares shrink with what is free, to a sixteenth: what a long outage leaves room for is not taken
 * by the pods that ask most. Held batches are older than all others, so they make room first.
 */
static void renew_shares(struct nt_agent *a)
{
	struct nt_spool_stats spool = nt_spool_stats(a->spool);
	uint64_t most = a->config.spool_max_bytes, used = spool.bytes - spool.held_bytes;
	uint64_t left = used < most ? most - used : 0, rows = a->config.pod_rows;
	struct nt_agent_pod *pod;
	size_t at = 0;

	if (left < most / 2)
		rows = rows * (left / 1024) / (most / 2048);
	a->rows_now = (uint32_t)(rows > a->config.pod_rows / 16 ? rows : a->config.pod_rows / 16);
	while ((pod = nt_podtable_next(&a->pods, &at)))
		nt_rowshare_reset(&pod->rowshare);
}

static int close_interval(struct nt_agent *a, bool drained, struct nt_err *err)
{
	int64_t now_us = nt_clock_real(a->clock) / NT_NS_PER_US;
	int r = 0;

	if (drained) {
		r = settle(a, now_us, err);
		if (a->config.failed_path)
			nt_failed_scan(&a->failed, a->config.failed_path);
	}
	if (r == 0)
		r = flush(a, nt_timebase_interval(&a->timebase), err);
	a->stats.write_failures += r < 0;
	if (r < 0 && !a->write_failed) {
		/* What is on the disk already, and the state, need room, too. */
		uint64_t fits = nt_spool_capacity(a->spool) / 2;

		a->hold_bytes = fits < NT_AGENT_HOLD_BYTES ? fits : NT_AGENT_HOLD_BYTES;
	}
	a->write_failed = r < 0;
	if (r >= 0)
		a->interval_from_us = now_us;
	return r;
}

int nt_agent_flush(struct nt_agent *a, bool drained, struct nt_err *err)
{
	int r = close_interval(a, drained, err);

	/* Rows that could not be written are still there, and count. */
	if (r >= 0) {
		a->first_event_ns = 0;
		renew_shares(a);
	}
	return r;
}

int nt_agent_flush_early(struct nt_agent *a, struct nt_err *err)
{
	return close_interval(a, false, err);
}

size_t nt_agent_row_bytes(const struct nt_agent *a)
{
	return nt_aggregate_bytes(a->rows) - a->empty_bytes;
}

void nt_agent_acknowledged(struct nt_agent *a, uint64_t seq)
{
	_cleanup_buf_ struct nt_buf gone = { 0 };
	struct nt_agent_pod *pod;
	size_t at = 0;

	nt_spool_acknowledge(a->spool, seq);
	while ((pod = nt_podtable_next(&a->pods, &at)))
		if (pod->forgotten && pod->gone_seq <= seq && pod->shipped)
			nt_buf_add(&gone, &pod->pod.ep_id, sizeof(pod->pod.ep_id));
	for (at = 0; at + sizeof(uint64_t) <= gone.len; at += sizeof(uint64_t)) {
		uint64_t ep_id;

		memcpy(&ep_id, gone.p + at, sizeof(ep_id));
		nt_podtable_remove(&a->pods, ep_id);
	}
}
