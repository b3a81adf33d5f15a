/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions to rows: builds a record from a paired transaction (the same for agent and decode)
 * and merges the records of one flush interval that agree in every key of lib/record/fields.def.
 * Bounded by rows; beyond max_rows a row is refused with -ENOSPC and the caller flushes early. One
 * thread.
 */
#pragma once

#include "lib/base/arena.h"
#include "lib/dns/pair.h"
#include "lib/record/record.h"

/* Who the client's veth belongs to; borrowed. */
struct nt_identity {
	struct nt_slice node, namespace_, name, uid, container_id, ifname;
	struct nt_slice name_aggr; /* of nt_record_name_aggr; empty: made for each record */
	struct nt_addr ip; /* of the pod */
	const char *searches; /* space separated */
	enum nt_role role;
};

/* CLOCK_BOOTTIME to CLOCK_REALTIME: real = boot + offset. */
struct nt_time_base {
	int64_t real_minus_boot_ns;
	bool clock_step;
};

struct nt_names;

/* Fills *ret_record from a transaction; strings and lists go into arena, those of the identity are
 * borrowed. On the client side the identity is the client's; on the server side client_ip is the
 * flow's client and the client's names stay empty, the pod is the server. -ENOMEM when the arena is
 * full. */
int nt_record_from_txn(const struct nt_txn *txn, const struct nt_identity *identity,
		       const struct nt_time_base *time, struct nt_names *names,
		       struct nt_arena *arena, struct nt_record *ret_record) NT_MUSTCHECK;

/* The pod's name with a generated end as a star, as Calico writes it: web-6659c9d65f-x2x4p is
 * web-6659c9d65f-*, agent-7xk2p is agent-*, db-0 is db-*, others stay. In arena, or name itself. */
int nt_record_name_aggr(struct nt_slice name, struct nt_arena *arena,
			struct nt_slice *ret_aggr) NT_MUSTCHECK;

struct nt_aggregate;

/* merge false: each record its own row (flush interval 0). first_id: ids go up from there. */
struct nt_aggregate *nt_aggregate_new(uint32_t max_rows, bool merge, uint64_t first_id,
				      struct nt_err *err);
void nt_aggregate_free(struct nt_aggregate *a);

/*
 * A row is made where it will stay. begin: room for the record, NULL without memory; the caller
 * fills all of it (nt_record_from_txn), with what it points to in nt_aggregate_arena() or valid
 * until the next reset. commit: merges it into the row that agrees with it in every key, else keeps
 * it if may_add; returns the row's id. 0: it did neither (no such row, or no room: the caller
 * counts); the record is still there, to be changed and committed again, or cancelled, which gives
 * back what it took of the arena.
 */
struct nt_record *nt_aggregate_begin(struct nt_aggregate *a);
struct nt_arena *nt_aggregate_arena(struct nt_aggregate *a);
uint64_t nt_aggregate_commit(struct nt_aggregate *a, bool may_add);
/* A folded record (lib/record/fold.h), whose name was `qname`: merges also where merge is false,
 * and estimates the distinct names of the row. */
uint64_t nt_aggregate_commit_folded(struct nt_aggregate *a, struct nt_slice qname, bool may_add);
void nt_aggregate_cancel(struct nt_aggregate *a);
/* All of it for a record that is elsewhere: copied with all that it points to. */
uint64_t nt_aggregate_add(struct nt_aggregate *a, const struct nt_record *r);
/* Sets `distinct` of folded rows. Before the rows are written. */
void nt_aggregate_estimate(struct nt_aggregate *a);
/* Goes up with each reset, from 1: what was put into the arena is valid as long as it stays. */
uint64_t nt_aggregate_interval(const struct nt_aggregate *a);
/* The rows, one array, valid until the next nt_aggregate_begin, _add or _reset. The caller may
 * set what is only known when the interval ends, the same for all rows of a pod (role, clock_step).
 */
size_t nt_aggregate_rows(struct nt_aggregate *a, struct nt_record **ret_rows);
void nt_aggregate_reset(struct nt_aggregate *a);
/* What the rows take, as if each had all of its text to itself: from one reset to the next some
 * twice as much as they are on the wire. */
size_t nt_aggregate_bytes(const struct nt_aggregate *a);
