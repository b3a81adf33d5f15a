/* SPDX-License-Identifier: Apache-2.0 */
/* Sequence numbers per (endpoint, cpu, direction): what came, what did not, and why. */
#include "dataplane/agent/account.h"

#include <stdlib.h>

#include "dataplane/agent/idmap.h"

struct key {
	uint64_t next; /* numbers below came or are gaps */
	uint64_t stored; /* `next` of the last batch on disk */
	uint64_t settle; /* the kernel's number at the last call of nt_account_counters */
	uint64_t gaps; /* numbers below next that never came */
	uint64_t explained[NT_LOSS_MAX]; /* of these, stated with the kernel's reason */
	uint64_t other; /* of these, stated with another reason */
	uint64_t before_start; /* of these, before the first number seen after the start */
	bool untouched; /* adopted and nothing seen yet */
	/* Of the 64 numbers below `next`, those that may still come: a task in the host's network
	 * can be interrupted between taking its number and the ring. Bit 0 is next - 1. */
	uint64_t awaited;
	uint64_t fresh; /* gaps since the last call of nt_account_counters */
};

struct nt_account_endpoint {
	uint64_t ep_id;
	uint32_t epoch; /* the newest that was seen */
	enum nt_reason adopted; /* reason for gaps before the first number seen */
	struct key keys[]; /* cpu * NT_DIR_MAX + dir */
};

struct nt_account {
	uint32_t cpus;
	struct nt_idmap endpoints;
};

static const char *const reason_names[NT_REASON_MAX] = {
	[NT_LOSS_RING_FULL] = "ring_full",
	[NT_LOSS_SHARE_EXCEEDED] = "share_exceeded",
	[NT_LOSS_UNPARSABLE] = "unparsable",
	[NT_LOSS_FRAGMENT] = "fragment",
	[NT_LOSS_TCP_RESET] = "tcp_reset",
	[NT_LOSS_DROPPED] = "dropped",
	[NT_REASON_AGENT_RESTART] = "agent_restart",
	[NT_REASON_SPOOL_LOST] = "spool_lost",
	[NT_REASON_UNACCOUNTED] = "unaccounted",
	[NT_REASON_DISK_FULL] = "disk_full",
	[NT_REASON_NO_MEMORY] = "no_memory",
	[NT_REASON_SPOOL_FULL] = "spool_full",
	[NT_REASON_REJECTED] = "rejected",
	[NT_REASON_TCP_GAP] = "tcp_gap",
	[NT_REASON_TCP_LIMIT] = "tcp_limit",
	[NT_REASON_TCP_MIDDLE] = "tcp_middle",
	[NT_REASON_TCP_CUT] = "tcp_cut",
};

const char *nt_reason_name(unsigned int reason)
{
	if (reason >= NT_REASON_MAX || !reason_names[reason])
		return "unaccounted";
	return reason_names[reason];
}

struct nt_account *nt_account_new(uint32_t cpus, struct nt_err *err)
{
	struct nt_account *a = calloc(1, sizeof(*a));

	if (!a)
		nt_err_set(err, ENOMEM, "no memory for the sequence numbers");
	else
		a->cpus = cpus;
	return a;
}

void nt_account_free(struct nt_account *a)
{
	struct nt_account_endpoint *ep;
	size_t at = 0;

	if (!a)
		return;
	while ((ep = nt_idmap_next(&a->endpoints, &at)))
		free(ep);
	nt_idmap_done(&a->endpoints);
	free(a);
}

static struct nt_account_endpoint *find(const struct nt_account *a, uint64_t ep_id)
{
	return nt_idmap_find(&a->endpoints, ep_id);
}

static struct nt_account_endpoint *find_or_new(struct nt_account *a, uint64_t ep_id, uint32_t epoch)
{
	struct nt_account_endpoint *ep = find(a, ep_id);

	if (ep) {
		if (epoch > ep->epoch)
			ep->epoch = epoch;
		return ep;
	}
	ep = calloc(1, sizeof(*ep) + (size_t)a->cpus * NT_DIR_MAX * sizeof(ep->keys[0]));
	if (!ep)
		return NULL;
	ep->ep_id = ep_id;
	ep->epoch = epoch;
	ep->adopted = NT_REASON_UNACCOUNTED;
	if (!nt_idmap_set(&a->endpoints, ep_id, ep)) {
		free(ep);
		return NULL;
	}
	return ep;
}

bool nt_account_adopt(struct nt_account *a, uint64_t ep_id, uint32_t epoch, enum nt_reason reason)
{
	bool known = find(a, ep_id) != NULL;
	struct nt_account_endpoint *ep = find_or_new(a, ep_id, epoch);

	if (!ep || known)
		return ep != NULL;
	ep->adopted = reason;
	for (size_t i = 0; i < (size_t)a->cpus * NT_DIR_MAX; i++)
		ep->keys[i].untouched = true;
	return true;
}

/* Gaps that nobody was told of yet. */
static uint64_t unstated(const struct key *k)
{
	uint64_t left = k->gaps - k->other;

	for (size_t r = 0; r < NT_LOSS_MAX; r++)
		left -= k->explained[r];
	return left;
}

/* Numbers up to `to` did not come. */
static void skip_to(struct key *k, uint64_t to)
{
	uint64_t missing = to - k->next;

	k->gaps += missing;
	if (k->untouched)
		k->before_start += missing;
	k->awaited = missing < 64 ? (k->awaited << missing) | (((uint64_t)1 << missing) - 1)
				  : UINT64_MAX;
	k->next = to;
}

/* A number that others have overtaken. */
static bool take_late(struct key *k, uint64_t seq)
{
	uint64_t back = k->next - 1 - seq;

	/* What was stated as lost stays lost, or it would count twice. */
	if (back >= 64 || !(k->awaited >> back & 1) || !unstated(k))
		return false;
	k->awaited &= ~((uint64_t)1 << back);
	k->gaps--;
	k->fresh -= k->fresh > 0;
	return true;
}

struct nt_account_endpoint *nt_account_open(struct nt_account *a, uint64_t ep_id, uint32_t epoch)
{
	return find_or_new(a, ep_id, epoch);
}

bool nt_account_seen(struct nt_account *a, const struct nt_event *e, uint64_t seq)
{
	return nt_account_seen_by(a, find_or_new(a, e->ep_id, e->epoch), e, seq);
}

bool nt_account_seen_by(struct nt_account *a, struct nt_account_endpoint *ep,
			const struct nt_event *e, uint64_t seq)
{
	struct key *k;

	/* Without memory for the key the packet is logged and its number is not checked. */
	if (!ep || e->cpu >= a->cpus)
		return true;
	if (e->epoch > ep->epoch)
		ep->epoch = e->epoch;
	k = &ep->keys[e->cpu * NT_DIR_MAX + e->dir];
	if (seq < k->next)
		return take_late(k, seq);
	if (seq > k->next) {
		k->fresh += k->untouched ? 0 : seq - k->next;
		skip_to(k, seq);
	}
	k->untouched = false;
	k->next++;
	k->awaited <<= 1;
	return true;
}

static uint64_t take(uint64_t wanted, uint64_t *left)
{
	uint64_t n = wanted < *left ? wanted : *left;

	*left -= n;
	return n;
}

static void state_losses(const struct nt_account_endpoint *ep, struct key *k, const __u64 *lost,
			 nt_account_loss_fn *fn, void *ctx)
{
	uint64_t left = unstated(k), n;

	for (size_t r = 0; r < NT_LOSS_MAX && left; r++) {
		n = lost[r] > k->explained[r] ? take(lost[r] - k->explained[r], &left) : 0;
		k->explained[r] += n;
		if (n)
			fn(ctx, (enum nt_reason)r, n);
	}
	n = take(k->before_start, &left);
	k->before_start -= n;
	k->other += n;
	if (n)
		fn(ctx, ep->adopted, n);
	/* One that was overtaken may be on its way; until the next call. */
	(void)take(k->fresh, &left);
	k->fresh = 0;
	k->other += left;
	if (left)
		fn(ctx, NT_REASON_UNACCOUNTED, left);
}

void nt_account_counters(struct nt_account *a, uint64_t ep_id, uint32_t epoch,
			 const struct nt_counters *values, nt_account_loss_fn *fn, void *ctx)
{
	struct nt_account_endpoint *ep = find_or_new(a, ep_id, epoch);

	if (!ep)
		return;
	for (uint32_t cpu = 0; cpu < a->cpus; cpu++) {
		for (uint32_t dir = 0; dir < NT_DIR_MAX; dir++) {
			struct key *k = &ep->keys[cpu * NT_DIR_MAX + dir];

			if (k->settle > k->next)
				skip_to(k, k->settle);
			/* What is missing from before the start shows by the second call. */
			if (k->settle || values[cpu].seq[dir] <= k->next)
				k->untouched = false;
			k->settle = values[cpu].seq[dir];
			state_losses(ep, k, values[cpu].lost[dir], fn, ctx);
		}
	}
}

bool nt_account_complete(const struct nt_account *a, uint64_t ep_id,
			 const struct nt_counters *values)
{
	const struct nt_account_endpoint *ep = find(a, ep_id);

	for (uint32_t i = 0; i < a->cpus * NT_DIR_MAX; i++) {
		uint64_t seq = values[i / NT_DIR_MAX].seq[i % NT_DIR_MAX];

		if (seq && (!ep || ep->keys[i].next < seq || unstated(&ep->keys[i])))
			return false;
	}
	return true;
}

uint64_t nt_account_covered(const struct nt_account *a, uint64_t ep_id)
{
	const struct nt_account_endpoint *ep = nt_idmap_find(&a->endpoints, ep_id);
	uint64_t sum = 0;

	for (size_t i = 0; ep && i < (size_t)a->cpus * NT_DIR_MAX; i++)
		sum += ep->keys[i].next;
	return sum;
}

typedef void key_fn(void *ctx, struct nt_account_endpoint *ep, uint32_t cpu, uint32_t dir,
		    struct key *k);

static void each_key(const struct nt_account *a, key_fn *fn, void *ctx)
{
	struct nt_account_endpoint *ep;
	size_t at = 0;

	while ((ep = nt_idmap_next(&a->endpoints, &at)))
		for (uint32_t i = 0; i < a->cpus * NT_DIR_MAX; i++)
			fn(ctx, ep, i / NT_DIR_MAX, i % NT_DIR_MAX, &ep->keys[i]);
}

static void add_range(void *ctx, struct nt_account_endpoint *ep, uint32_t cpu, uint32_t dir,
		      struct key *k)
{
	struct nt_batch_range range = { .ep_id = ep->ep_id,
					.epoch = ep->epoch,
					.cpu = cpu,
					.dir = (uint8_t)dir,
					.from = k->stored,
					.to = k->next };

	if (k->next > k->stored)
		nt_buf_add(ctx, &range, sizeof(range));
}

void nt_account_ranges(const struct nt_account *a, struct nt_buf *out)
{
	each_key(a, add_range, out);
}

static void commit_key(void *ctx, struct nt_account_endpoint *ep, uint32_t cpu, uint32_t dir,
		       struct key *k)
{
	(void)ctx, (void)ep, (void)cpu, (void)dir;
	k->stored = k->next;
}

void nt_account_commit(struct nt_account *a)
{
	each_key(a, commit_key, NULL);
}

void nt_account_remove(struct nt_account *a, uint64_t ep_id)
{
	free(nt_idmap_remove(&a->endpoints, ep_id));
}

static void save_key(void *ctx, struct nt_account_endpoint *ep, uint32_t cpu, uint32_t dir,
		     struct key *k)
{
	struct nt_account_saved saved = { .ep_id = ep->ep_id,
					  .epoch = ep->epoch,
					  .cpu = cpu,
					  .dir = dir,
					  .next = k->next,
					  .gaps = k->gaps,
					  .other = k->other,
					  .before_start = k->before_start };

	memcpy(saved.explained, k->explained, sizeof(saved.explained));
	if (k->next)
		nt_buf_add(ctx, &saved, sizeof(saved));
}

void nt_account_save(const struct nt_account *a, struct nt_buf *out)
{
	each_key(a, save_key, out);
}

bool nt_account_restore(struct nt_account *a, const struct nt_account_saved *saved)
{
	struct key *k;

	if (saved->cpu >= a->cpus || saved->dir >= NT_DIR_MAX ||
	    !nt_account_adopt(a, saved->ep_id, saved->epoch, NT_REASON_AGENT_RESTART))
		return false;
	k = &find(a, saved->ep_id)->keys[saved->cpu * NT_DIR_MAX + saved->dir];
	k->next = k->stored = saved->next;
	k->gaps = saved->gaps;
	k->other = saved->other;
	k->before_start = saved->before_start;
	memcpy(k->explained, saved->explained, sizeof(k->explained));
	return true;
}
