/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where an unanswered lookup died, as far as one node's agent can prove it: what its DNS servers'
 * veths saw of the same lookup (client's address and port, id, question, transport) and of the
 * server's own lookups for the same question. Two tables of fixed size, made when the first server
 * is asked; who comes too late to be remembered is "not seen here", never another verdict. One
 * thread.
 */
#pragma once

#include "lib/base/hash.h"
#include "lib/dns/pair.h"
#include "lib/record/record.h"

struct nt_agent;
struct nt_agent_pod;

/* Lookups at servers, and questions of servers, that are remembered: 1 MiB each. In sets of four,
 * of which the oldest one goes. A server's 4,096 waiting ones (lib/dns/pair.h) fit several times.
 */
#define NT_ENDS_SETS 8192
#define NT_ENDS_WAYS 4

struct nt_ends_seen {
	uint64_t hash; /* 0: free */
	union {
		uint64_t server; /* of `asked`: ep_id */
		int64_t before_ns; /* of `own`: the lookup before the latest, as query_ns */
	};
	/* CLOCK_BOOTTIME; 0: none. Of a server's own lookups the latest: its first try, and the
	 * latest reply. */
	int64_t query_ns, reply_ns;
};

struct nt_ends {
	struct nt_hash_key key;
	struct nt_ends_seen (*asked)[NT_ENDS_WAYS],
		(*own)[NT_ENDS_WAYS]; /* NULL: nobody was asked */
	int64_t now_ns; /* CLOCK_BOOTTIME of the latest event, or of an empty ring */
};

struct nt_verdict_of_death {
	enum nt_died died; /* NT_DIED_NONE: nothing is to be said */
	const char *reason; /* of NT_DIED_UNKNOWN: one of the words in README.md; else "" */
};

void nt_ends_done(struct nt_ends *e);
/* A message that was parsed, of that pod's veth. */
void nt_ends_message(struct nt_agent *a, struct nt_agent_pod *pod, const struct nt_flow *flow,
		     const struct nt_dns_msg *msg, int64_t time_ns);
/* Of a transaction of the pod, a client or the server itself; NT_DIED_NONE unless it is unanswered,
 * not stopped by a policy, and this node has a server that was asked. */
struct nt_verdict_of_death nt_ends_died(struct nt_agent *a, struct nt_agent_pod *pod,
					const struct nt_txn *txn);
/* Of a lookup that the pod as a server answered: how long it waited for its own lookup of the same
 * question meanwhile, 0 when it asked nobody. Negative: not known, since it asked others, or more
 * than once. */
int64_t nt_ends_upstream(struct nt_agent *a, const struct nt_agent_pod *pod,
			 const struct nt_txn *txn);
