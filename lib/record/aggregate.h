/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions to rows: builds a record from a paired transaction (the same for agent and decode)
 * and merges the records of one flush interval that agree in every key of lib/record/fields.def.
 * Bounded by rows; beyond max_rows there is no new one and the caller flushes early. One thread.
 */
#pragma once

#include "lib/base/arena.h"
#include "lib/dns/pair.h"
#include "lib/record/fields.h"

/* Who the client's veth belongs to; borrowed. */
struct nt_identity {
	struct nt_slice node, namespace_, name, uid, container_id, ifname;
	struct nt_slice name_aggr; /* of nt_record_name_aggr; empty: made for each record */
	struct nt_slice client_wire; /* of nt_identity_wire; the same */
	struct nt_addr ip; /* of the pod */
	const char *searches; /* space separated */
	enum nt_role role;
	uint32_t version; /* another one when something of it has changed, the role apart */
};

/* CLOCK_BOOTTIME to CLOCK_REALTIME: real = boot + offset. */
struct nt_time_base {
	int64_t real_minus_boot_ns;
	bool clock_step;
};

struct nt_names;

/* Appends what is in each row of the identity as a client, for client_wire. */
void nt_identity_wire(const struct nt_identity *identity, struct nt_buf *out);

/* Fills *ret_record from a transaction; strings and lists go into arena, those of the identity are
 * borrowed. On the client side the identity is the client's; on the server side client_ip is the
 * flow's client and the client's names stay empty, the pod is the server. -ENOMEM when the arena is
 * full; *ret_record is of no use then. */
int nt_record_from_txn(const struct nt_txn *txn, const struct nt_identity *identity,
		       const struct nt_time_base *time, struct nt_names *names,
		       struct nt_arena *arena, struct nt_record *ret_record) NT_MUSTCHECK;

/* The pod's name with a generated end as a star, as Calico writes it: web-6659c9d65f-x2x4p is
 * web-6659c9d65f-*, agent-7xk2p is agent-*, db-0 is db-*, others stay. In arena, or name itself. */
int nt_record_name_aggr(struct nt_slice name, struct nt_arena *arena,
			struct nt_slice *ret_aggr) NT_MUSTCHECK;
/* How much of it stays before the star; all of name.len: there is none. */
size_t nt_record_aggr_len(struct nt_slice name);

struct nt_aggregate;

/* The figures of one transaction. */
struct nt_one {
	uint64_t id; /* of the row */
	int64_t start_us; /* CLOCK_REALTIME */
	uint64_t span_us; /* to its end */
	int64_t latency_ns; /* negative: none */
	int64_t upstream_ns; /* of it; negative: not known */
	uint32_t queries; /* packets */
	uint32_t bytes_out, bytes_in;
	uint16_t flags, edns_udp_size;
	uint8_t kind; /* enum nt_txn_kind */
	uint8_t edns_version;
	bool edns, edns_do, clock_step;
};

/*
 * A row: what does not change is kept as it will be written, and beside it the figures that do.
 * The caller may set what is known only when the interval ends.
 */
struct nt_row {
	uint64_t id;
	struct nt_tally *tally; /* NULL: the row is one transaction, and that is `one` */
	struct nt_one one;
	enum nt_record_type type; /* as in its octets */
	uint8_t transport;
	bool resolver; /* its pod turned out to be one: written with that role */
	bool written_off; /* the caller's */
	uint64_t owner; /* the caller's: whose row it is, 0 at first */
	/* The aggregate's own. */
	bool alone; /* it is merged with nothing */
	bool is_lookup; /* its octets are those of lookup.h, not of a record */
	uint32_t octets_len, key_len; /* the key is the octets' first part */
	const char *octets; /* all fields but the figures */
	uint64_t hash; /* of the key */
	struct nt_ttls *ttls; /* of each set of answers */
	uint32_t ttls_len;
	struct nt_hll *names; /* of a folded row */
};

/* Query and reply packets in it. */
static inline uint64_t nt_row_packets(const struct nt_row *row)
{
	return row->tally ? row->tally->queries + row->tally->replies
			  : row->one.queries + (row->one.kind != NT_TXN_UNANSWERED);
}

static inline void nt_row_set_clock_step(struct nt_row *row)
{
	*(row->tally ? &row->tally->clock_step : &row->one.clock_step) = true;
}

/* merge false: each record its own row (flush interval 0). first_id: ids go up from there. */
struct nt_aggregate *nt_aggregate_new(uint32_t max_rows, bool merge, uint64_t first_id,
				      struct nt_err *err);
void nt_aggregate_free(struct nt_aggregate *a);

/*
 * begin: the record that the caller fills, all of it (nt_record_from_txn); what it points to is in
 * nt_aggregate_arena(), which begin empties, or valid until the commit. NULL without memory.
 * commit: merges the record into the row that agrees with it in every key, else makes a row of it
 * if may_add; returns the row's id. 0: it did neither (no such row, or no room: the caller counts);
 * the record may be changed then and committed again.
 */
struct nt_record *nt_aggregate_begin(struct nt_aggregate *a);
struct nt_arena *nt_aggregate_arena(struct nt_aggregate *a);
uint64_t nt_aggregate_commit(struct nt_aggregate *a, bool may_add);
/*
 * The same for a transaction that stays in the octets of DNS (lib/record/lookup.h). take: false
 * when it takes a record. Who asked whom goes into a table of its own, of which rows have numbers;
 * what is there for the same identity, version and flow is used again, and there is a new one only
 * with a new row. may_add: that of the commit; false, or with max_rows: false also when there is no
 * row of these ends. After a commit that returned 0 the caller may make a record of the transaction
 * instead.
 */
bool nt_aggregate_take(struct nt_aggregate *a, const struct nt_txn *txn,
		       const struct nt_identity *identity, const struct nt_time_base *time,
		       struct nt_slice policy, bool may_add);
/* Of what was taken: how long the server waited for its own lookup. */
void nt_aggregate_take_upstream(struct nt_aggregate *a, int64_t upstream_ns);
uint64_t nt_aggregate_commit_taken(struct nt_aggregate *a, bool may_add);
/* The table: each is the octets of a base (lib/record/README.md). Valid as the rows are. */
size_t nt_aggregate_bases(const struct nt_aggregate *a, const struct nt_slice **ret_bases);
/* A folded record (lib/record/fold.h), whose name was `qname`: merges also where merge is false,
 * and estimates the distinct names of the row. */
uint64_t nt_aggregate_commit_folded(struct nt_aggregate *a, struct nt_slice qname, bool may_add);
/* The same as commit for a record that is elsewhere. */
uint64_t nt_aggregate_add(struct nt_aggregate *a, const struct nt_record *r);
/* Sets `distinct` of folded rows. Before the rows are written. */
void nt_aggregate_estimate(struct nt_aggregate *a);
/* The rows, one array, ids ascending, valid until the next nt_aggregate_begin, _add or _reset. */
size_t nt_aggregate_rows(struct nt_aggregate *a, struct nt_row **ret_rows);
/* Appends the wire form of the row, a record or a lookup, without its length; or as that field of a
 * batch. */
void nt_row_wire(const struct nt_row *row, struct nt_buf *out);
void nt_row_put(const struct nt_row *row, struct nt_buf *out);
void nt_aggregate_reset(struct nt_aggregate *a);
/* What the rows take: from one reset to the next more than they are on the wire. */
size_t nt_aggregate_bytes(const struct nt_aggregate *a);
