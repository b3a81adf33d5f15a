/* SPDX-License-Identifier: Apache-2.0 */
/* The packets of batches that will not be stored become UNLOGGED rows; what only they tell of taps
 * and addresses is told again. */
#include "dataplane/agent/writeoff.h"

#include "dataplane/agent/lost.h"
#include "dataplane/agent/pipeline.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"

#define DECODE_BYTES_MAX ((size_t)512 << 20)
#define SAY_EACH_NS (60 * NT_NS_PER_S)

/* Packets of one endpoint in the rows of the batch. */
struct loss {
	const struct nt_batch_endpoint *endpoint;
	struct nt_state_tally tally;
	enum nt_reason reason;
	int64_t first_us, last_us; /* of the batch */
};

static int64_t first_us_of(const struct nt_batch *b)
{
	int64_t first_us = b->created_us;

	for (size_t i = 0; i < b->records_len; i++)
		if (b->records[i].start_us < first_us)
			first_us = b->records[i].start_us;
	return first_us;
}

bool nt_writeoff_is(const struct nt_record *r)
{
	return r->type == NT_RECORD_UNLOGGED &&
	       (nt_slice_eq(r->reason, nt_slice_str(nt_reason_name(NT_REASON_SPOOL_FULL))) ||
		nt_slice_eq(r->reason, nt_slice_str(nt_reason_name(NT_REASON_REJECTED))));
}

static void take_from(uint64_t *total, uint64_t count)
{
	*total -= count < *total ? count : *total;
}

void nt_writeoff_untell(struct nt_agent_pod *pod, const struct nt_state_tally *t)
{
	take_from(&pod->logged, t->logged);
	take_from(&pod->stream, t->stream);
	take_from(&pod->stored_stream, t->stream);
	take_from(&pod->unlogged, t->unlogged);
	pod->shipped = false;
	pod->gone_seq = 0;
}

/* Its packets are in an UNLOGGED row by now. */
static void correct_totals(struct nt_agent *a, const struct nt_state_tally *t)
{
	struct nt_agent_pod *pod = nt_podtable_find(&a->pods, t->ep_id);

	if (!pod)
		return;
	nt_writeoff_untell(pod, t);
	pod->unlogged += t->logged + t->stream + t->unlogged;
}

static void add_row(struct nt_agent *a, const struct loss *l)
{
	const struct nt_batch_endpoint *e = l->endpoint;
	struct nt_record r = {
		.type = NT_RECORD_UNLOGGED,
		.start_us = l->first_us,
		.end_us = l->last_us,
		.count = l->tally.logged + l->tally.stream + l->tally.unlogged,
		.node = a->node,
		.role = e->role,
		.client_namespace = e->namespace_,
		.client_name = e->name,
		.client_uid = e->uid,
		.client_container_id = e->container_id,
		.client_ifname = e->ifname,
		.reason = nt_slice_str(nt_reason_name(l->reason)),
	};

	if (!r.count) /* its rows state earlier batches only */
		return;
	if (e->ips_len)
		r.client_ip = e->ips[0];
	if (!nt_agent_add_unlogged(a, &r, l->tally.ep_id))
		nt_log_error("%llu packets of a batch cannot be stated, no memory",
			     (unsigned long long)r.count);
	a->stats.lost[l->reason] += r.count;
}

static int index_endpoints(const struct nt_batch *b, struct nt_idmap *by_id, struct nt_err *err)
{
	for (size_t i = 0; i < b->endpoints_len; i++)
		if (b->endpoints[i].ep_id &&
		    !nt_idmap_set(by_id, b->endpoints[i].ep_id, (void *)&b->endpoints[i]))
			return nt_err_set(err, ENOMEM, "no memory");
	return 0;
}

void nt_writeoff_tell_again(struct nt_agent *a, const struct nt_batch *b)
{
	for (size_t i = 0; i < b->gaps_len; i++)
		nt_agent_gap_again(a, &b->gaps[i]);
	nt_hostaddrs_again(&a->hostaddrs, b->addresses, b->addresses_len, b->created_us);
}

/* The pod of a row that states earlier batches, or 0: its endpoint is in the same batch. */
static uint64_t owner_of(const struct nt_batch *b, const struct nt_record *r)
{
	for (size_t i = 0; i < b->endpoints_len; i++) {
		const struct nt_batch_endpoint *e = &b->endpoints[i];

		if (nt_slice_eq(e->container_id, r->client_container_id) &&
		    nt_slice_eq(e->ifname, r->client_ifname) &&
		    nt_slice_eq(e->name, r->client_name))
			return e->ep_id;
	}
	return 0;
}

static int write_off(struct nt_agent *a, const struct nt_batch *b, const struct nt_buf *tallies,
		     enum nt_reason reason, struct nt_err *err)
{
	static const struct nt_batch_endpoint unknown;
	_cleanup_(nt_idmap_done) struct nt_idmap by_id = { 0 };
	struct loss l = { .reason = reason, .first_us = first_us_of(b), .last_us = b->created_us };
	int r = index_endpoints(b, &by_id, err);

	if (r < 0)
		return r;
	for (size_t at = 0; at + sizeof(l.tally) <= tallies->len; at += sizeof(l.tally)) {
		memcpy(&l.tally, tallies->p + at, sizeof(l.tally));
		l.endpoint = nt_idmap_find(&by_id, l.tally.ep_id);
		if (!l.endpoint)
			l.endpoint = &unknown;
		add_row(a, &l);
		correct_totals(a, &l.tally);
	}
	for (size_t i = 0; i < b->records_len; i++) {
		struct nt_record again = b->records[i];

		again.node = a->node; /* which may have had another name */
		if (nt_writeoff_is(&again) &&
		    !nt_agent_add_unlogged(a, &again, owner_of(b, &again)))
			nt_log_error("%llu packets of a batch cannot be stated, no memory",
				     (unsigned long long)again.count);
	}
	nt_writeoff_tell_again(a, b);
	return 0;
}

/* A controller that is away for hours costs a batch in each interval: a line a minute will do. */
static void say_written_off(struct nt_agent *a, uint64_t seq, enum nt_reason reason)
{
	int64_t now = nt_clock_boot(a->clock);

	a->written_off++;
	if (a->written_off_said_ns && now - a->written_off_said_ns < SAY_EACH_NS)
		return;
	nt_log_error("batch %llu is %s: its packets are stated as UNLOGGED (%llu batches so far)",
		     (unsigned long long)seq,
		     reason == NT_REASON_REJECTED ? "refused" : "dropped, the spool is full",
		     (unsigned long long)a->written_off);
	a->written_off_said_ns = now;
}

static int write_off_batch(struct nt_agent *a, uint64_t seq, enum nt_reason reason,
			   struct nt_err *err)
{
	_cleanup_arena_ struct nt_arena arena = NT_ARENA(DECODE_BYTES_MAX);
	_cleanup_(nt_state_holds_done) struct nt_state_holds holds = { 0 };
	_cleanup_buf_ struct nt_buf wire = { 0 }, state = { 0 };
	struct nt_batch b;
	int r = nt_spool_read(a->spool, seq, &wire, err);

	if (r == 0)
		r = nt_spool_read_state(a->spool, seq, &state, err);
	if (r == 0)
		r = nt_batch_decode(nt_slice_mem(wire.p, wire.len), &arena, &b, err);
	if (r == 0)
		r = nt_state_holds(nt_slice_mem(state.p, state.len), &holds, err);
	if (r == 0)
		r = write_off(a, &b, &holds.tallies, reason, err);
	if (r < 0)
		return r;
	say_written_off(a, seq, reason);
	return 0;
}

void nt_writeoff_run(struct nt_agent *a, uint64_t more_bytes)
{
	bool rejected;
	uint64_t seq;

	if (nt_lost_read_some(a)) /* whose packets they are is not known yet */
		return;
	while ((seq = nt_spool_victim(a->spool, more_bytes, &rejected))) {
		struct nt_err err;
		int r = write_off_batch(a, seq,
					rejected ? NT_REASON_REJECTED : NT_REASON_SPOOL_FULL, &err);

		if (r == -ENOMEM)
			return; /* the next flush tries again */
		if (r < 0)
			nt_log_error("batch %llu goes unread: %s", (unsigned long long)seq,
				     err.msg);
		nt_spool_mark(a->spool, seq);
	}
}
