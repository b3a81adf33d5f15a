/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pairing of queries with replies: 5-tuple + id + question, per owner (the pod whose veth saw
 * them). A bounded table under the caller's clock; everything that leaves it comes out as one
 * struct nt_txn through the callback. No I/O, no globals, not thread-safe.
 *
 * The life of an entry: a query opens it; the same query again counts as a retry; a reply closes it
 * (answered); the timeout reports it as unanswered and keeps it for late_ns, in which a reply comes
 * out as late, with the tag that the callback gave back; a reply without an entry is unpaired. An
 * owner has a share of the table (owners.h), and max_per_owner at most: what gives way is reported
 * as unanswered at once and counted as evicted.
 */
#pragma once

#include "lib/base/addr.h"
#include "lib/dns/message.h"

/*
 * The flow, seen from the client: the query went from client to server. With a cookie the server is
 * no part of what is paired: at a socket of the host behind kube-proxy the query goes out to the
 * backend and the reply comes in from the Service (T15). Nor is the client, where it is the
 * socket's owner: a masqueraded query leaves under another address and port, the reply comes to
 * the socket's own, which the transaction then has.
 */
struct nt_flow {
	uint64_t owner; /* ep_id; 0 in decode */
	uint64_t cookie; /* of the socket; 0: not known, the 5-tuple counts */
	uint8_t side; /* 0 client, 1 server: which end of the lookup the owner is */
	uint8_t transport; /* IPPROTO_UDP or IPPROTO_TCP */
	uint16_t client_port; /* host byte order */
	uint16_t server_port; /* host byte order */
	struct nt_addr client;
	struct nt_addr server;
};

/* What the caller knows of a query packet besides the message; kept as it is. */
struct nt_pair_mark {
	uint8_t verdict; /* 0: none; of a query's packets the greatest one stays */
	uint8_t reserved[3];
	uint32_t policy_slot;
};

/* What is kept of a query. Plain data: it is written to the spool and read back as it is. */
struct nt_pair_query {
	struct nt_flow flow;
	uint16_t id;
	uint16_t qtype;
	uint16_t qclass;
	uint16_t query_flags;
	struct nt_name qname;
	struct nt_dns_edns edns;
	int64_t first_ns; /* CLOCK_BOOTTIME of the first query packet */
	int64_t last_ns; /* of the latest one */
	uint64_t tag; /* what the callback returned when the entry was reported, 0 before */
	uint32_t queries; /* packets */
	uint32_t bytes; /* octets of DNS messages */
	struct nt_pair_mark mark; /* the greatest verdict of the query packets */
};

enum nt_txn_kind {
	NT_TXN_ANSWERED = 0,
	NT_TXN_UNANSWERED = 1,
	NT_TXN_UNPAIRED = 2, /* query is synthetic: flow and question as in the reply, queries 0 */
	NT_TXN_LATE = 3, /* the query was reported as unanswered before, under query->tag */
};

struct nt_txn {
	enum nt_txn_kind kind;
	const struct nt_pair_query *query;
	const struct nt_dns_msg *reply; /* NULL when unanswered */
	/* Its server may be another one than the query's, a Service before its backend. NULL: as in
	 * query; the table's own when unanswered. */
	const struct nt_flow *reply_flow;
	int64_t reply_ns; /* CLOCK_BOOTTIME; 0 when unanswered */
	uint32_t reply_bytes;
};

/* Returns a tag (row id) that a late reply will carry; called from within the functions below. */
typedef uint64_t nt_txn_fn(void *ctx, const struct nt_txn *txn);

struct nt_pair_config {
	uint32_t max_entries; /* default 65,536: 30 MiB; a node's pods wait for so many at most */
	uint32_t max_per_owner; /* default 4,096 */
	int64_t timeout_ns; /* since the latest query packet; default 6 s: resolvers send again
			     * after 5 s (resolv.conf(5), RES_TIMEOUT), and that is a retry */
	int64_t late_ns; /* default 30 s */
};

struct nt_pair_stats {
	uint64_t entries, waiting; /* in the table, and of these not reported yet */
	uint64_t evicted, failed; /* oldest reported early; no memory */
};

struct nt_pair;

/* A field that is 0 in config takes its default. */
struct nt_pair *nt_pair_new(const struct nt_pair_config *config, nt_txn_fn *fn, void *ctx,
			    struct nt_err *err);
void nt_pair_free(struct nt_pair *p);

/* One parsed message of `flow` at time now_ns (0 to 2^62; expires first). The QR bit says which it
 * is. Messages without a question pair with nothing: a query is reported unanswered at once, a
 * reply unpaired. The same query again after its entry was reported is a new transaction. */
void nt_pair_message(struct nt_pair *p, const struct nt_flow *flow, const struct nt_dns_msg *msg,
		     int64_t now_ns);
/* The same with a mark, which the transaction's query then bears; a reply's is not looked at. */
void nt_pair_marked(struct nt_pair *p, const struct nt_flow *flow, const struct nt_dns_msg *msg,
		    const struct nt_pair_mark *mark, int64_t now_ns);
/* Reports what waited longer than the timeout; forgets what may no longer be late. */
void nt_pair_expire(struct nt_pair *p, int64_t now_ns);
/* Reports all that waits as unanswered, of one owner (gone) or, with owner 0, of all. */
void nt_pair_flush(struct nt_pair *p, uint64_t owner);

/* The waiting entries (not yet reported), oldest first; used to carry them over a restart. */
typedef void nt_pair_each_fn(void *ctx, const struct nt_pair_query *q);
void nt_pair_each(struct nt_pair *p, nt_pair_each_fn *fn, void *ctx);
int nt_pair_restore(struct nt_pair *p, const struct nt_pair_query *q) NT_MUSTCHECK;
struct nt_pair_stats nt_pair_stats(const struct nt_pair *p);
