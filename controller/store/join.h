/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The join of both ends of a lookup: rows of a client's side with the rows that a DNS server's node
 * wrote of the same lookups. It fills a client's hop times and says where its unanswered lookups
 * died. README.md, "Hops", says by which rules.
 *
 * Rows are merged, so what is joined are sets of lookups: the rows of one client's address and
 * question that meet in time, on both sides. A set counts when both sides have the same number of
 * lookups; each difference is taken on one node's clock. In memory only, bounded, made again from
 * the store's rows; what it says of a row is set, never added. One thread.
 */
#pragma once

#include "lib/record/batch.h"

/* Rows that wait for their other side; beyond it the oldest go. 33 MiB with their tables. */
#define NT_JOIN_ROWS 131072
/* Clocks that differ more are of no use to find one end by the other's time (T39). */
#define NT_JOIN_CLOCK_US 500000
/* Why it is not known where a lookup died, beside the agent's reasons (dataplane/agent/README.md).
 */
#define NT_JOIN_NOT_TAPPED "server_not_tapped"
#define NT_JOIN_NOT_TOLD "not_told_yet"
#define NT_JOIN_LOST "packets_lost"
#define NT_JOIN_GAP "coverage_gap"
#define NT_JOIN_CLOCK "clock"
#define NT_JOIN_SEVERAL "several_ends"
#define NT_JOIN_SILENT "node_silent"
#define NT_JOIN_UNSAID "server_unsaid"
#define NT_JOIN_FORGOTTEN "forgotten"

struct nt_join;

/* What is known of a client's row. Sums over hop_count lookups, -1: not known. */
struct nt_join_result {
	uint64_t hop_count; /* 0: no hops */
	int64_t network_ns, server_ns, upstream_ns;
	bool judged; /* where it died is the join's to say; else what the agent said stays */
	enum nt_died died; /* NT_DIED_NONE: nowhere */
	const char *reason; /* one of the words above or an agent's; never NULL */
};

struct nt_join_stats {
	uint64_t rows; /* held now */
	uint64_t lookups; /* whose hops were found */
	uint64_t forgotten; /* rows that went before they met their other side */
	uint64_t peers_forgotten; /* nodes, servers and pods' losses that went for others */
};

/* max: rows that are held, a power of two. NULL without memory or random numbers. */
struct nt_join *nt_join_new(uint32_t max, struct nt_err *err);
void nt_join_free(struct nt_join *j);
/* Of nothing: the caller adds the store's rows again. */
void nt_join_clear(struct nt_join *j);
/* Rows that ended until then, by their nodes' clocks, are not among those. */
void nt_join_forgot(struct nt_join *j, int64_t until_us);
/* The word as one of the join's, that lives as long as the program; "" when it is none. */
const char *nt_join_word(struct nt_slice text);
struct nt_join_stats nt_join_stats(const struct nt_join *j);

/* A batch begins; now_us: the caller's clock. */
void nt_join_batch(struct nt_join *j, const struct nt_batch *b, int64_t now_us);
/* The pod was not tapped from .. to (0: it lasts) for sure. */
void nt_join_gap(struct nt_join *j, struct nt_slice node, struct nt_slice namespace_,
		 struct nt_slice name, int64_t from_us, int64_t to_us);
/* A row of that batch. Returns a ticket, 0: nothing will be said of it. */
uint64_t nt_join_add(struct nt_join *j, const struct nt_record *rec);
/* A row that is in the store, with what its columns say of it; known NULL: nothing. */
void nt_join_restore(struct nt_join *j, const struct nt_record *rec, int64_t row,
		     const struct nt_join_result *known, int64_t now_us);
/* All rows of the batch are in, or all of the store: the sets that they are of are looked at. */
void nt_join_settle(struct nt_join *j);
/* What is said of a row now, and that it is stored so under that number. */
struct nt_join_result nt_join_result(const struct nt_join *j, uint64_t ticket);
void nt_join_stored(struct nt_join *j, uint64_t ticket, int64_t row);
/* A stored row of which something else is said now; then it counts as stored. False: none. */
bool nt_join_next(struct nt_join *j, int64_t *ret_row, struct nt_join_result *ret_result);
