/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an agent's octets to rows: decode, check, enrich with what the Kubernetes objects say,
 * append to the store exactly once. Any thread may call; one batch is decoded while another one is
 * stored, which bounds the memory. What needs the objects or sees the batches in order (enriching,
 * alerts) is reached through here, under the one lock. Store, objects and alerts outlive it.
 */
#pragma once

#include "controller/alerts/alerts.h"
#include "controller/enrich/enrich.h"
#include "controller/store/store.h"

struct nt_ingest;
struct nt_objects;
struct nt_clock;

struct nt_ingest_stats {
	uint64_t appended, duplicates; /* batches */
	uint64_t refused; /* no valid batch: it would never be taken */
	uint64_t foreign; /* of another node than its sender's */
	/* Left out of batches: of pods that run on another node, and addresses of such pods. */
	uint64_t foreign_records, foreign_endpoints, foreign_addresses;
	uint64_t failed; /* the store could not take it now */
	uint64_t deferred; /* the node has had its share of rows for now */
	uint64_t records, unlogged_packets; /* of appended batches */
	uint64_t folded; /* of records: no rows when they came, their clients are tapped */
	uint64_t bytes; /* of appended batches, as they came */
};

/* objects and enrich may both be NULL: records stay as the agent made them. Borrowed. */
int nt_ingest_new(struct nt_store *store, struct nt_objects *objects, struct nt_enrich *enrich,
		  struct nt_ingest **ret_ingest, struct nt_err *err) NT_MUSTCHECK;
void nt_ingest_free(struct nt_ingest *i);

/* Durable when it returns 0. -EBADMSG: no valid batch, err says why. -EAGAIN: the node has sent
 * more rows than its share, later it will be taken. Everything else is the store's: -ENOSPC,
 * -EBUSY, -ENOMEM, -EIO; the same batch may come again. Blocks on disk. */
int nt_ingest_batch(struct nt_ingest *i, struct nt_slice wire, enum nt_store_outcome *ret_outcome,
		    struct nt_err *err) NT_MUSTCHECK;
/* What is known of who sends a batch. */
struct nt_ingest_sender {
	struct nt_slice node; /* it is on, the batch has to be of this one; empty: any */
	bool has_clock;
	int64_t clock_offset_us; /* its clock less ours, when the request came */
};
/* The same for a sender; his clock is noted for the batch's node when the batch is a valid one.
 * -EPERM: it is of another node than his. */
int nt_ingest_batch_from(struct nt_ingest *i, struct nt_slice wire,
			 const struct nt_ingest_sender *sender, enum nt_store_outcome *ret_outcome,
			 struct nt_err *err) NT_MUSTCHECK;
/* From now on a node's rows are held to so many a second (nodes.h), 0: they are not. clock:
 * borrowed. Its agent keeps what is not taken, and folds more names the fuller its spool is. */
void nt_ingest_limit(struct nt_ingest *i, uint32_t rows_per_second, struct nt_clock *clock);
/* False: the node's agent has not sent anything since the start. */
bool nt_ingest_clock(struct nt_ingest *i, struct nt_slice node, int64_t *ret_offset_us);
/* Whether connection tracking of that node tells backends (lib/record/batch.h); "": not known. */
void nt_ingest_conntrack(struct nt_ingest *i, struct nt_slice node, char ret_text[160]);
/* The cluster domain that the agents which sent rows since the start go by; "": none has, or they
 * do not agree. */
void nt_ingest_cluster_domain(struct nt_ingest *i, char ret_text[256]);
struct nt_ingest_stats nt_ingest_stats(struct nt_ingest *i);

/* Takes in what changed in the objects; for the loop that watches their descriptor. */
int nt_ingest_poll_objects(struct nt_ingest *i, struct nt_err *err) NT_MUSTCHECK;
/* From now on a batch waits for objects that it is ahead of (await.h): up to pod_ns for its pods;
 * with -EAGAIN until all were read once, sync_ns from now at the most. For objects that come from
 * an API. clock: borrowed. */
int nt_ingest_await(struct nt_ingest *i, struct nt_clock *clock, int64_t pod_ns, int64_t sync_ns,
		    struct nt_err *err) NT_MUSTCHECK;
struct nt_ingest_enriched {
	struct nt_enrich_stats enrich;
	uint64_t waits, waits_in_vain; /* batches that waited for pods; without all in the end */
};
/* Zero without objects. */
struct nt_ingest_enriched nt_ingest_enriched(struct nt_ingest *i);
/* The objects as they are now, NULL when there are none; the lock is held. */
typedef void nt_ingest_objects_fn(void *ctx, const struct nt_objects *objects);
void nt_ingest_objects(struct nt_ingest *i, nt_ingest_objects_fn *fn, void *ctx);
struct nt_servers_found;
/* nt_servers_list under the lock; *ret_over: rows whose server found no room. */
int nt_ingest_servers(struct nt_ingest *i, int64_t now_us, struct nt_servers_found **ret_found,
		      size_t *ret_len, uint64_t *ret_over) NT_MUSTCHECK;
/* Objects that could not be taken, each borrowed for the call; the objects' lock is held. */
struct nt_objects_problem;
typedef void nt_ingest_problem_fn(void *ctx, const struct nt_objects_problem *problem);
void nt_ingest_problems(struct nt_ingest *i, nt_ingest_problem_fn *fn, void *ctx);

/* From now on alerts (borrowed) get the objects and each batch that was appended. Once, before the
 * first batch. */
int nt_ingest_use_alerts(struct nt_ingest *i, struct nt_alerts *alerts,
			 struct nt_err *err) NT_MUSTCHECK;
/* Once a second, in the objects' thread: nt_enrich_tick and nt_alerts_tick under the lock, or
 * nt_alerts_rest where another controller evaluates. */
int nt_ingest_tick(struct nt_ingest *i, int64_t now_us, bool evaluates,
		   struct nt_err *err) NT_MUSTCHECK;
/* nt_alerts_rules and nt_alerts_stats under the lock; nothing without alerts. */
void nt_ingest_alert_rules(struct nt_ingest *i, nt_alert_rule_fn *fn, void *ctx);
/* nt_alerts_standing, nt_alerts_selftest_next and nt_alerts_selftest_done under the lock. */
uint64_t nt_ingest_alerts_standing(struct nt_ingest *i);
bool nt_ingest_selftest_next(struct nt_ingest *i, struct nt_buf *out, uint64_t *ret_ticket);
void nt_ingest_selftest_done(struct nt_ingest *i, uint64_t ticket,
			     const struct nt_selftest *result);
/* nt_alerts_delay_us, 0 without alerts; without the lock. */
int64_t nt_ingest_alert_delay_us(const struct nt_ingest *i);
struct nt_alerts_stats nt_ingest_alerts_stats(struct nt_ingest *i);
