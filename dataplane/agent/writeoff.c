/* SPDX-License-Identifier: Apache-2.0 */
/* The packets of batches that will not be stored become UNLOGGED rows. */
#include "dataplane/agent/writeoff.h"

#include "dataplane/agent/pipeline.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"

#define DECODE_BYTES_MAX ((size_t)512 << 20)

/* What the batch says of one endpoint. */
struct tally {
	const struct nt_batch_endpoint *endpoint;
	uint64_t covered; /* packets in its sequence ranges */
	uint64_t unlogged; /* of these, in its own UNLOGGED rows */
};

struct span {
	int64_t first_us, last_us;
};

static struct span span_of(const struct nt_batch *b)
{
	struct span s = { .first_us = b->created_us, .last_us = b->created_us };

	for (size_t i = 0; i < b->records_len; i++)
		if (b->records[i].start_us < s.first_us)
			s.first_us = b->records[i].start_us;
	return s;
}

static bool is_written_off(const struct nt_record *r)
{
	return r->type == NT_RECORD_UNLOGGED &&
	       (nt_slice_eq(r->reason, nt_slice_str(nt_reason_name(NT_REASON_SPOOL_FULL))) ||
		nt_slice_eq(r->reason, nt_slice_str(nt_reason_name(NT_REASON_REJECTED))));
}

static void count_unlogged(struct tally *tallies, size_t len, const struct nt_record *r)
{
	if (r->type != NT_RECORD_UNLOGGED || is_written_off(r))
		return;
	for (size_t i = 0; i < len; i++) {
		const struct nt_batch_endpoint *e = tallies[i].endpoint;

		if (nt_slice_eq(e->container_id, r->client_container_id) &&
		    nt_slice_eq(e->ifname, r->client_ifname) && e->state != NT_ENDPOINT_FAILED) {
			tallies[i].unlogged += r->count;
			return;
		}
	}
}

static bool tally(const struct nt_batch *b, struct tally *tallies)
{
	static const struct nt_batch_endpoint unknown;
	_cleanup_(nt_idmap_done) struct nt_idmap by_id = { 0 };
	size_t len = b->endpoints_len;

	tallies[len].endpoint = &unknown; /* ranges of no endpoint that the batch describes */
	for (size_t i = 0; i < len; i++) {
		tallies[i].endpoint = &b->endpoints[i];
		if (b->endpoints[i].ep_id &&
		    !nt_idmap_set(&by_id, b->endpoints[i].ep_id, &tallies[i]))
			return false;
	}
	for (size_t i = 0; i < b->ranges_len; i++) {
		struct tally *t = nt_idmap_find(&by_id, b->ranges[i].ep_id);

		if (!t)
			t = &tallies[len];
		t->covered += b->ranges[i].to - b->ranges[i].from;
	}
	for (size_t i = 0; i < b->records_len; i++)
		count_unlogged(tallies, len, &b->records[i]);
	return true;
}

/* The controller was never told these totals. */
static void correct_totals(struct nt_agent *a, const struct tally *t)
{
	struct nt_agent_pod *pod = nt_podtable_find(&a->pods, t->endpoint->ep_id);
	uint64_t moved = t->covered > t->unlogged ? t->covered - t->unlogged : 0;

	if (!pod)
		return;
	if (moved > pod->logged)
		moved = pod->logged;
	pod->logged -= moved;
	pod->unlogged += moved;
	pod->shipped = false;
}

static bool add_row(struct nt_agent *a, const struct tally *t, enum nt_reason reason,
		    struct span span)
{
	const struct nt_batch_endpoint *e = t->endpoint;
	struct nt_record r = {
		.type = NT_RECORD_UNLOGGED,
		.start_us = span.first_us,
		.end_us = span.last_us,
		.count = t->covered,
		.node = a->node,
		.role = e->role,
		.client_namespace = e->namespace_,
		.client_name = e->name,
		.client_uid = e->uid,
		.client_container_id = e->container_id,
		.client_ifname = e->ifname,
		.reason = nt_slice_str(nt_reason_name(reason)),
	};

	if (e->ips_len)
		r.client_ip = e->ips[0];
	return nt_agent_add_unlogged(a, &r, e->ep_id);
}

static void write_off(struct nt_agent *a, const struct nt_batch *b, struct tally *tallies,
		      enum nt_reason reason)
{
	struct span span = span_of(b);

	for (size_t i = 0; i <= b->endpoints_len; i++) {
		if (!tallies[i].covered)
			continue;
		if (!add_row(a, &tallies[i], reason, span))
			nt_log_error("batch %llu: %llu packets cannot be stated, no memory",
				     (unsigned long long)b->seq,
				     (unsigned long long)tallies[i].covered);
		correct_totals(a, &tallies[i]);
		a->stats.lost[reason] += tallies[i].covered;
	}
	for (size_t i = 0; i < b->records_len; i++) {
		struct nt_record r = b->records[i];

		if (is_written_off(&r) && !nt_agent_add_unlogged(a, &r, 0))
			nt_log_error("batch %llu: %llu packets cannot be stated, no memory",
				     (unsigned long long)b->seq, (unsigned long long)r.count);
	}
}

static int write_off_batch(struct nt_agent *a, uint64_t seq, enum nt_reason reason,
			   struct nt_err *err)
{
	_cleanup_arena_ struct nt_arena arena = NT_ARENA(DECODE_BYTES_MAX);
	_cleanup_buf_ struct nt_buf wire = { 0 };
	_cleanup_free_ struct tally *tallies = NULL;
	struct nt_batch b;
	int r = nt_spool_read(a->spool, seq, &wire, err);

	if (r == 0)
		r = nt_batch_decode(nt_slice_mem(wire.p, wire.len), &arena, &b, err);
	if (r < 0)
		return r;
	tallies = calloc(b.endpoints_len + 1, sizeof(*tallies));
	if (!tallies || !tally(&b, tallies))
		return nt_err_set(err, ENOMEM, "no memory");
	write_off(a, &b, tallies, reason);
	nt_log_error("batch %llu is %s: its packets are stated as UNLOGGED",
		     (unsigned long long)seq,
		     reason == NT_REASON_REJECTED ? "refused" : "dropped, the spool is full");
	return 0;
}

void nt_writeoff_run(struct nt_agent *a, uint64_t more_bytes)
{
	bool rejected;
	uint64_t seq;

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
