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

/* Fills *ret_record from a transaction; strings and lists go into arena. On the client side the
 * identity is the client's; on the server side client_ip is the flow's client and the client's
 * names stay empty, the pod is the server. -ENOMEM when the arena is full. */
int nt_record_from_txn(const struct nt_txn *txn, const struct nt_identity *identity,
		       const struct nt_time_base *time, const struct nt_names *names,
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
/* Copies the record in, or merges it; returns the row's id, 0 on failure (the caller counts). */
uint64_t nt_aggregate_add(struct nt_aggregate *a, const struct nt_record *r);
/* Merges it into the row that has its keys; 0 when there is none. */
uint64_t nt_aggregate_merge(struct nt_aggregate *a, const struct nt_record *r);
/* A folded record (lib/record/fold.h), whose name was `qname`: merges also where merge is false,
 * and estimates the distinct names of the row. may_add false: 0 when no row has its keys. */
uint64_t nt_aggregate_fold(struct nt_aggregate *a, const struct nt_record *r, struct nt_slice qname,
			   bool may_add);
/* Sets `distinct` of folded rows. Before the rows are written. */
void nt_aggregate_estimate(struct nt_aggregate *a);
/* The rows, one array, valid until the next nt_aggregate_add or nt_aggregate_reset. The caller may
 * set what is only known when the interval ends, the same for all rows of a pod (role, clock_step).
 */
size_t nt_aggregate_rows(struct nt_aggregate *a, struct nt_record **ret_rows);
void nt_aggregate_reset(struct nt_aggregate *a);
size_t nt_aggregate_bytes(const struct nt_aggregate *a);
