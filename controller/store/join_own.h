/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the join share (join.h): a row as it waits for its other side, and what is
 * known of nodes and servers. Nobody outside this folder includes it.
 */
#pragma once

#include "controller/store/join.h"
#include "lib/dns/siphash.h"

/* --- nodes, servers, losses (join_peers.c) --- */

#define NT_JOIN_NODES 4096
/* Addresses that clients ask at, and pods that answer behind each. */
#define NT_JOIN_SERVERS 256
#define NT_JOIN_PODS 64
/* Losses and gaps of pods that are remembered. */
#define NT_JOIN_LOSSES 4096
/* Batches that a node must have sent since: losses are stated at a flush or two after. */
#define NT_JOIN_TOLD 3
/* For so long a pod counts as one behind the address, and an answer that no server's side has
 * counts against it. */
#define NT_JOIN_MEMORY_US (600LL * 1000000)

struct nt_join_node {
	uint64_t name; /* hashed */
	uint64_t spool, seq; /* of the latest batch */
	int64_t told_us[NT_JOIN_TOLD]; /* created, the latest first */
	int64_t hole_us; /* a batch was missing then */
	int64_t offset_us; /* of its clock */
};

struct nt_join_pod {
	uint64_t pod; /* hashed */
	uint32_t node;
	int64_t met_us;
};

struct nt_join_server {
	struct nt_addr ip;
	size_t pods_len;
	bool crowded; /* there are more */
	int64_t unmet_us; /* start of the latest row that was answered and met nobody */
	struct nt_join_pod pods[NT_JOIN_PODS];
};

struct nt_join_loss {
	uint64_t pod;
	int64_t from_us, to_us;
	bool gap;
};

struct nt_join_peers {
	struct nt_join_node *nodes; /* NT_JOIN_NODES */
	size_t nodes_len;
	struct nt_join_server *servers; /* NT_JOIN_SERVERS */
	size_t servers_len;
	struct nt_join_loss *losses; /* NT_JOIN_LOSSES, a ring */
	uint64_t losses_len; /* ever */
	int64_t lost_us; /* end of the latest one that was forgotten */
};

/* --- rows (join.c) --- */

#define NT_JOIN_NO_NODE UINT32_MAX

enum nt_end_kind {
	NT_END_CLIENT = 0,
	NT_END_SERVER = 1,
	NT_END_LATE = 2, /* of a client: a reply after the timeout */
};

struct nt_end {
	uint64_t key; /* client's address and question, hashed; 0: free */
	uint64_t serial; /* from 1; the slot is its low bits */
	uint32_t next, prev; /* of the bucket, slot + 1: newer rows first */
	uint32_t node;
	uint8_t kind; /* enum nt_end_kind */
	uint8_t died; /* what the agent says */
	bool open; /* of a client: the agent does not know where it died */
	bool touched, waiting, met, stored, dirty;
	const char *reason; /* the agent's */
	uint64_t pod; /* hashed: the client, or the server */
	int64_t row;
	int64_t start_us, end_us, told_us, arrived_us;
	uint64_t answered, unanswered;
	uint64_t latency_ns; /* sum */
	int64_t upstream_ns; /* sum, -1: not known of all */
	struct nt_addr server; /* that a client asked */
	struct nt_join_result result;
};

struct nt_join {
	struct nt_siphash_key secret;
	uint32_t max; /* a power of two */
	struct nt_end *ends; /* a ring: the slot of serial is serial & (max - 1) */
	uint32_t *buckets; /* slot + 1 */
	uint64_t serial; /* of the latest */
	uint64_t aged; /* up to which it was seen whether they met */
	int64_t forgotten_us; /* end of the latest that went */
	int64_t now_us, told_us; /* of the batch at hand */
	uint32_t node;
	uint64_t *touched, *waiting, *dirty; /* serials */
	size_t touched_len, waiting_len, dirty_len;
	bool restoring;
	struct nt_join_peers peers;
	struct nt_join_stats stats;
};

/* The row of that serial, NULL when it is gone. */
static inline struct nt_end *nt_join_end(const struct nt_join *j, uint64_t serial)
{
	struct nt_end *e = serial ? &j->ends[serial & (j->max - 1)] : NULL;

	return e && e->serial == serial ? e : NULL;
}

/* Says it of the row; what was known stays known. */
void nt_join_say(struct nt_join *j, struct nt_end *e, const struct nt_join_result *result);
/* It is looked at again when its server's nodes have told more. */
void nt_join_wait(struct nt_join *j, struct nt_end *e);
/* Looks at the sets that touched rows of that key are in (join_set.c). */
void nt_join_look(struct nt_join *j, uint64_t key, uint32_t newest);

int nt_peers_init(struct nt_join_peers *p);
void nt_peers_done(struct nt_join_peers *p);
void nt_peers_clear(struct nt_join_peers *p);
/* The batch's node, NT_JOIN_NO_NODE beyond NT_JOIN_NODES. */
uint32_t nt_peers_node(struct nt_join_peers *p, uint64_t name);
void nt_peers_batch(struct nt_join_peers *p, uint32_t node, uint64_t spool,
		    const struct nt_batch *b);
void nt_peers_lost(struct nt_join_peers *p, const struct nt_join_loss *loss);
void nt_peers_met(struct nt_join_peers *p, const struct nt_end *client,
		  const struct nt_end *server);
void nt_peers_unmet(struct nt_join_peers *p, const struct nt_end *client);
/* NULL: nothing that the pod sent or got then is missing. */
const char *nt_peers_missing(const struct nt_join_peers *p, uint64_t pod, int64_t from_us,
			     int64_t to_us);
/* Why it is not sure that no server saw a client's row; NULL: it is. */
const char *nt_peers_unsure(const struct nt_join_peers *p, const struct nt_end *client);
