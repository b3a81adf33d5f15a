/* SPDX-License-Identifier: Apache-2.0 */
/* Notes of batches, and what becomes of a lost one. */
#include "dataplane/agent/lost.h"

#include "dataplane/agent/coverage.h"
#include "dataplane/agent/writeoff.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"

/* Read at a time, of a former agent's files: some milliseconds. */
#define READ_BYTES ((size_t)1 << 20)
/* What is told of one batch, decoded. */
#define DECODE_BYTES_MAX ((size_t)16 << 20)

/* A note: this, so many struct tally, and what only the batch told (nt_state_holds.told). */
struct head {
	int64_t first_us, last_us;
	uint64_t tallies_len;
};
/* As struct nt_state_tally, of which a spool has many: no batch has 2^32 packets of one pod. */
struct tally {
	uint64_t ep_id;
	uint32_t logged, stream, unlogged, written_off;
};

/* --- notes ------------------------------------------------------------------------------------ */

static void note(struct nt_agent *a, uint64_t seq, const struct nt_state_holds *holds)
{
	_cleanup_buf_ struct nt_buf out = { 0 };
	const struct nt_state_tally *tallies = (const struct nt_state_tally *)holds->tallies.p;
	struct head h = { .first_us = holds->first_us,
			  .last_us = holds->last_us,
			  .tallies_len = holds->tallies.len / sizeof(*tallies) };

	nt_buf_add(&out, &h, sizeof(h));
	for (size_t i = 0; i < h.tallies_len; i++) {
		const struct tally t = { .ep_id = tallies[i].ep_id,
					 .logged = (uint32_t)tallies[i].logged,
					 .stream = (uint32_t)tallies[i].stream,
					 .unlogged = (uint32_t)tallies[i].unlogged,
					 .written_off = (uint32_t)tallies[i].written_off };

		nt_buf_add(&out, &t, sizeof(t));
	}
	nt_buf_add(&out, holds->told.p, holds->told.len);
	if (nt_buf_ok(&out) && nt_spool_note(a->spool, seq, nt_slice_mem(out.p, out.len)))
		return;
	if (!a->unnoted_said)
		nt_log_warn(
			"no room to note what batch %llu and others hold: should somebody remove "
			"them, it cannot be stated",
			(unsigned long long)seq);
	a->unnoted_said = true;
}

void nt_lost_note(struct nt_agent *a, const struct nt_state_holds *holds)
{
	note(a, nt_spool_next(a->spool) - 1, holds);
}

static int decode_told(struct nt_slice told, struct nt_arena *arena, struct nt_batch *ret)
{
	struct nt_err err;
	int r;

	*ret = (struct nt_batch){ 0 };
	if (!told.len)
		return 0;
	r = nt_batch_decode(told, arena, ret, &err);
	if (r < 0)
		nt_log_warn("spool: what a batch told cannot be read: %s", err.msg);
	return r;
}

/* Pods that nobody else knows any more. */
static void restore_gone(struct nt_agent *a, uint64_t seq, struct nt_slice told)
{
	_cleanup_arena_ struct nt_arena arena = NT_ARENA(DECODE_BYTES_MAX);
	struct nt_batch b;

	if (decode_told(told, &arena, &b) < 0)
		return;
	for (size_t i = 0; i < b.endpoints_len; i++)
		if (!nt_coverage_restore_gone(a, &b.endpoints[i], seq))
			nt_log_warn("no memory for a pod of the former agent");
}

/* Before version 3 of the state only a batch itself said when its packets were: here it is when we
 * came. Returns what the read took, in octets. */
static size_t read_former(struct nt_agent *a, uint64_t seq)
{
	_cleanup_(nt_state_holds_done) struct nt_state_holds holds = { 0 };
	_cleanup_buf_ struct nt_buf state = { 0 };
	struct nt_err err;
	int r = nt_spool_read_state(a->spool, seq, &state, &err);
	size_t bytes = state.cap;

	if (r == 0)
		r = nt_state_holds(nt_slice_mem(state.p, state.len), &holds, &err);
	if (r < 0) {
		nt_log_warn("spool: %s", err.msg);
		return bytes;
	}
	if (!holds.last_us)
		holds.first_us = holds.last_us = a->start_us;
	restore_gone(a, seq, nt_slice_mem(holds.told.p, holds.told.len));
	note(a, seq, &holds);
	return bytes;
}

bool nt_lost_read_some(struct nt_agent *a)
{
	size_t bytes = 0;

	while (a->former_next < a->former_end && bytes < READ_BYTES) {
		uint64_t seq = nt_spool_unnoted(a->spool, a->former_next);

		if (!seq || seq >= a->former_end) {
			a->former_next = a->former_end;
			break;
		}
		a->former_next = seq;
		bytes += read_former(a, seq);
	}
	return a->former_next < a->former_end;
}

/* --- lost ones -------------------------------------------------------------------------------- */

/* The pod owes what the batch would have told; its totals have been told nowhere. */
static void owe(struct nt_agent *a, const struct tally *t, const struct head *h)
{
	const struct nt_state_tally untold = { .ep_id = t->ep_id,
					       .logged = t->logged,
					       .stream = t->stream,
					       .unlogged = (uint64_t)t->unlogged + t->written_off };
	struct nt_agent_pod *pod = nt_podtable_get(&a->pods, t->ep_id);
	uint64_t packets = untold.logged + untold.stream + untold.unlogged;

	a->stats.lost[NT_REASON_SPOOL_LOST] += packets;
	if (!pod) {
		nt_log_error("%llu packets of a removed batch cannot be stated, no memory",
			     (unsigned long long)packets);
		return;
	}
	nt_writeoff_untell(pod, &untold);
	nt_agent_pod_owe(pod, NT_REASON_SPOOL_LOST, 0, packets, h->first_us, h->last_us);
}

static uint64_t tell_note(struct nt_agent *a, struct nt_slice octets)
{
	_cleanup_arena_ struct nt_arena arena = NT_ARENA(DECODE_BYTES_MAX);
	uint64_t packets = a->stats.lost[NT_REASON_SPOOL_LOST];
	struct nt_batch b;
	struct tally t;
	struct head h;

	memcpy(&h, octets.p, sizeof(h));
	octets = nt_slice_mem(octets.p + sizeof(h), octets.len - sizeof(h));
	for (uint64_t i = 0; i < h.tallies_len; i++) {
		memcpy(&t, octets.p + i * sizeof(t), sizeof(t));
		owe(a, &t, &h);
	}
	octets = nt_slice_mem(octets.p + h.tallies_len * sizeof(t),
			      octets.len - h.tallies_len * sizeof(t));
	if (decode_told(octets, &arena, &b) == 0)
		nt_writeoff_tell_again(a, &b);
	return a->stats.lost[NT_REASON_SPOOL_LOST] - packets;
}

/* What no note has: all pods, and the addresses of now. The last word on a pod that is gone comes
 * with another batch, so it is kept until that one is there. */
static void tell_all(struct nt_agent *a)
{
	struct nt_agent_pod *pod;
	size_t at = 0;

	a->failed.changed = true;
	while ((pod = nt_podtable_next(&a->pods, &at))) {
		pod->shipped = false;
		pod->gone_seq = 0;
	}
	nt_hostaddrs_again(&a->hostaddrs, (const struct nt_batch_address *)a->hostaddrs.known.p,
			   a->hostaddrs.known.len / sizeof(struct nt_batch_address),
			   nt_clock_real(a->clock) / NT_NS_PER_US);
}

void nt_lost_tell(struct nt_agent *a)
{
	struct nt_spool_stats now = nt_spool_stats(a->spool);
	uint64_t packets = 0;
	struct nt_slice octets;

	if (now.lost == a->lost_told)
		return;
	while (nt_spool_lost(a->spool, &octets)) {
		packets += tell_note(a, octets);
		nt_spool_lost_done(a->spool);
	}
	tell_all(a);
	if (now.lost_unnoted != a->unnoted_told)
		nt_log_error("spool: what %llu batches held that are gone or damaged is not known: "
			     "it is missing from the log and from its UNLOGGED",
			     (unsigned long long)(now.lost_unnoted - a->unnoted_told));
	nt_log_error(
		"spool: %llu batches are gone or damaged, with %llu packets, stated as UNLOGGED",
		(unsigned long long)(now.lost - a->lost_told), (unsigned long long)packets);
	a->lost_told = now.lost;
	a->unnoted_told = now.lost_unnoted;
}
