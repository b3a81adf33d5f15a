/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proof of completeness. The kernel numbers DNS datagrams per (endpoint, cpu, direction) before
 * it reserves room in the ring (T8); order inside such a key is exact. A newer generation of the
 * programs (epoch) goes on with the numbers of the older one, since both write the same map. This
 * keeps the next expected number of each key, counts what never came, and says why:
 *
 *  - what the kernel's loss counters explain, with the kernel's reason;
 *  - else, what lies between the numbers that the spool covered and the first one seen after the
 *    start, is `agent_restart` (or `spool_lost` where there was no spool to restore);
 *  - else it is `unaccounted`: a bug.
 *
 * In the host's network a task can be interrupted between taking its number and the ring, so that
 * another one overtakes it: of the last 64 numbers a missing one may still come, and a gap that
 * nothing explains is stated one flush later.
 *
 * Numbers at the tail that never come show no gap. A number that the kernel had given at one flush
 * and that is not there at the next, after the ring was drained, does not come any more: the
 * snapshot of one flush settles at the next. So for every key, always:
 * next = logged + unlogged + gaps not yet stated, and these are 0 after a flush.
 *
 * Bounded by the endpoints that the caller keeps. Not thread-safe.
 */
#pragma once

#include "dataplane/abi.h"
#include "lib/base/buf.h"
#include "lib/record/batch.h"

/* Why a packet that the tap saw is not in a LOG row. The first ones are enum nt_loss. */
enum nt_reason {
	NT_REASON_AGENT_RESTART = NT_LOSS_MAX,
	NT_REASON_SPOOL_LOST = 9, /* no spool to restore: what the last one covered is not known */
	NT_REASON_UNACCOUNTED = 10, /* a bug */
	NT_REASON_DISK_FULL = 11, /* the spool could not be written and memory was full too */
	NT_REASON_NO_MEMORY = 12,
	NT_REASON_SPOOL_FULL = 13, /* a batch dropped to keep the spool within its bound */
	NT_REASON_REJECTED = 14, /* a batch that the controller refused for ever */
	NT_REASON_TCP_GAP = 15, /* octets before or around it never came */
	NT_REASON_TCP_LIMIT = 16, /* no room for the stream, or the pod has its share */
	NT_REASON_TCP_MIDDLE = 17, /* a stream's begin was not seen, no message begins here */
	NT_REASON_TCP_CUT = 18, /* the stream ended inside of a message */
	NT_REASON_MAX = 19,
};

/* The word in a record's `reason`; "unaccounted" for what is none. */
const char *nt_reason_name(unsigned int reason);

struct nt_account;

struct nt_account *nt_account_new(uint32_t cpus, struct nt_err *err);
void nt_account_free(struct nt_account *a);

/* Makes the keys of an endpoint that was there before the agent: a gap before the first number seen
 * is then `reason`. Does nothing to keys that are there. False: no memory. */
bool nt_account_adopt(struct nt_account *a, uint64_t ep_id, uint32_t epoch, enum nt_reason reason);

/* One datagram came out of the ring. False when its number was covered before (an event that a
 * killed agent had read and spooled): the caller drops it. */
bool nt_account_seen(struct nt_account *a, const struct nt_event *e, uint64_t seq);

/* The same with what is known of the endpoint, so that it is not looked for: nt_account_open, valid
 * until nt_account_remove; NULL: nothing is known. */
struct nt_account_endpoint;
struct nt_account_endpoint *nt_account_open(struct nt_account *a, uint64_t ep_id, uint32_t epoch);
bool nt_account_seen_by(struct nt_account *a, struct nt_account_endpoint *ep,
			const struct nt_event *e, uint64_t seq);

/* `count` packets of the endpoint were seen and not logged. */
typedef void nt_account_loss_fn(void *ctx, enum nt_reason reason, uint64_t count);
/*
 * States the losses of an endpoint. values: the kernel's counters, one per CPU, read after the ring
 * was drained. settle: numbers below these counters that have not come at the next call are lost.
 */
void nt_account_counters(struct nt_account *a, uint64_t ep_id, uint32_t epoch,
			 const struct nt_counters *values, nt_account_loss_fn *fn, void *ctx);
/* True when every number of the counters is covered. */
bool nt_account_complete(const struct nt_account *a, uint64_t ep_id,
			 const struct nt_counters *values);
/* Numbers covered so far, all keys of the endpoint. */
uint64_t nt_account_covered(const struct nt_account *a, uint64_t ep_id);

/* Appends what was covered since the last commit as struct nt_batch_range. */
void nt_account_ranges(const struct nt_account *a, struct nt_buf *out);
/* The batch with these ranges is on disk. */
void nt_account_commit(struct nt_account *a);
void nt_account_remove(struct nt_account *a, uint64_t ep_id);

/* The state for the spool, and back (struct nt_account_saved, one per key). */
struct nt_account_saved {
	uint64_t ep_id;
	uint32_t epoch;
	uint32_t cpu;
	uint32_t dir;
	uint32_t reserved;
	uint64_t next;
	uint64_t gaps;
	uint64_t explained[NT_LOSS_MAX];
	uint64_t other; /* gaps stated as something else */
	uint64_t before_start; /* gaps from before a start that are not stated yet */
};
void nt_account_save(const struct nt_account *a, struct nt_buf *out);
/* False: no memory, or a CPU that this machine has not. */
bool nt_account_restore(struct nt_account *a, const struct nt_account_saved *saved);
