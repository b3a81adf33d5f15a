/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the join share (join.h): a row as it waits for its other side, and what is
 * known of nodes and servers. Nobody outside this folder includes it.
 */
#pragma once

#include "controller/store/join.h"
#include "lib/dns/siphash.h"

/* --- losses and gaps of pods (join_losses.c) --- */

/* Pods whose losses and gaps are remembered, and how many of each: more become one longer one. */
#define NT_JOIN_LOST_PODS 8192
#define NT_JOIN_SPANS 8
/* to_us of a gap that lasts. */
#define NT_JOIN_FOREVER (INT64_MAX / 2)

struct nt_join_span {
	int64_t from_us, to_us;
	bool gap;
};

struct nt_join_lost_pod {
	uint64_t pod; /* hashed */
	uint32_t next; /* of the bucket, index + 1 */
	uint32_t spans_len;
	struct nt_join_span spans[NT_JOIN_SPANS];
};

struct nt_join_losses {
	struct nt_join_lost_pod *pods; /* NT_JOIN_LOST_PODS */
	uint32_t *buckets; /* as many */
	size_t pods_len;
	int64_t lost_us; /* end of the latest one that was forgotten */
	uint64_t forgotten; /* pods, ever */
};

int nt_losses_init(struct nt_join_losses *l);
void nt_losses_done(struct nt_join_losses *l);
void nt_losses_clear(struct nt_join_losses *l);
/* now_us: nothing that is forgotten then is said to be of later. */
void nt_losses_add(struct nt_join_losses *l, uint64_t pod, const struct nt_join_span *span,
		   int64_t now_us);
/* NULL: nothing that the pod sent or got then is missing. */
const char *nt_losses_missing(const struct nt_join_losses *l, uint64_t pod, int64_t from_us,
			      int64_t to_us);

/* --- nodes, servers (join_peers.c) --- */

/* A cluster has 5,000 nodes at most. */
#define NT_JOIN_NODES 8192
/* Addresses that clients ask at, and pods that answer behind each. */
#define NT_JOIN_SERVERS 256
#define NT_JOIN_PODS 64
/* Batches that a node must have sent since: losses are stated at a flush or two after. */
#define NT_JOIN_TOLD 3
/* For so long a pod counts as one behind the address, and an answer that no server's side has
 * counts against it. */
#define NT_JOIN_MEMORY_US (600LL * 1000000)
/* For so long after it came a row waits for what nodes have not told: until one counts as silent,
 * and for NT_JOIN_TOLD batches of one that is not. */
#define NT_JOIN_WAIT_US (2 * NT_BATCH_SILENT_US)

struct nt_join_node {
	uint64_t name; /* hashed */
	uint32_t handle; /* its place, and how often that was taken */
	bool heard; /* a batch came, so its clock is known */
	uint64_t spool, seq; /* of the latest batch */
	int64_t told_us[NT_JOIN_TOLD]; /* created, the latest first */
	int64_t hole_us; /* a batch was missing then */
	/* Of its clock, the latest that are known: an upload that takes its time looks like a clock
	 * that is behind, so the greatest is the one. */
	int64_t offsets_us[4];
	size_t offsets; /* ever */
	int64_t used_us; /* our clock */
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
	int64_t used_us; /* our clock */
	struct nt_join_pod pods[NT_JOIN_PODS];
};

struct nt_join_peers {
	struct nt_join_node *nodes; /* NT_JOIN_NODES */
	size_t nodes_len;
	struct nt_join_server *servers; /* NT_JOIN_SERVERS */
	size_t servers_len;
	struct nt_join_losses losses;
	int64_t now_us; /* of the batch at hand */
	uint64_t forgotten; /* nodes and servers, ever */
};

/* --- rows (join.c) --- */

#define NT_JOIN_NO_NODE UINT32_MAX
#define NT_JOIN_NO_OFFSET INT64_MIN

enum nt_end_kind {
	NT_END_CLIENT = 0,
	NT_END_SERVER = 1,
	NT_END_LATE = 2, /* a reply after the timeout, of either side */
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
	bool used; /* of a late reply: its row has it */
	bool stepped; /* its node's clock stepped meanwhile */
	bool translated; /* of a client: its node knows who answers behind a Service */
	const char *reason; /* the agent's */
	uint64_t pod; /* hashed: the client, or the server */
	uint64_t target; /* hashed: the server's own address, as far as this side knows it */
	uint64_t id; /* the row's; of a late reply the one of the row that it was for */
	int64_t row;
	int64_t start_us, end_us, told_us, arrived_us;
	int64_t offset_us; /* of its node's clock; NT_JOIN_NO_OFFSET: as it is now */
	uint32_t waits_for; /* to be heard; NT_JOIN_NO_NODE: for what nt_peers_unsure says */
	uint64_t answered, unanswered, late; /* late: of the unanswered */
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
	int64_t forgotten_us; /* end of the latest that went, by our clock */
	int64_t unread_us; /* end of the latest that was not read again, by its node's */
	int64_t now_us, told_us, offset_us; /* of the batch at hand */
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

/* Says it of the row. */
void nt_join_say(struct nt_join *j, struct nt_end *e, const struct nt_join_result *result);
/* It is looked at again when that node is heard, or (NT_JOIN_NO_NODE) its server's nodes have told
 * more, or when it has waited long enough. */
void nt_join_wait(struct nt_join *j, struct nt_end *e, uint32_t node);
/* Of the clock that a row's times are of. */
int64_t nt_join_offset(const struct nt_join *j, const struct nt_end *e);
/* Looks at the sets that touched rows of that key are in (join_set.c). */
void nt_join_look(struct nt_join *j, uint64_t key, uint32_t newest);

/* --- what both sides say (join_judge.c) --- */

/* Lookups of a set that went to one server. */
struct nt_join_sum {
	uint64_t asked, answered, unanswered, late; /* of the client's side */
	uint64_t latency_ns;
	uint64_t served, replied, silent, replied_late; /* of the server's */
	uint64_t server_ns;
	int64_t upstream_ns; /* -1: not known of all */
	uint64_t died[NT_DIED_UNKNOWN + 1]; /* silent, by what the server's agent says */
	const char *reason; /* of NT_DIED_UNKNOWN; initially NT_JOIN_UNSAID */
};

void nt_join_count(struct nt_join_sum *s, const struct nt_end *e);
/* Both sides have as many, and as many answers. */
bool nt_join_agrees(const struct nt_join_sum *s);
/* Of a client's row whose lookups are all in s, as the server's sides of them are. */
struct nt_join_result nt_join_judge(struct nt_join *j, const struct nt_join_sum *s,
				    struct nt_end *e);
/* Of one of which that is not sure, for that reason. */
struct nt_join_result nt_join_unsure(const struct nt_end *e, const char *reason);

int nt_peers_init(struct nt_join_peers *p);
void nt_peers_done(struct nt_join_peers *p);
void nt_peers_clear(struct nt_join_peers *p);
/* A handle of the node; the one that was used the longest ago gives way. */
uint32_t nt_peers_node(struct nt_join_peers *p, uint64_t name);
/* Has a batch of it come? Of one that gave way none will. */
bool nt_peers_is_heard(const struct nt_join_peers *p, uint32_t node);
/* Of its clock; 0: not known. */
int64_t nt_peers_offset(const struct nt_join_peers *p, uint32_t node);
/* It has waited for nodes for NT_JOIN_WAIT_US. */
bool nt_peers_is_aged(const struct nt_join_peers *p, const struct nt_end *e);
void nt_peers_batch(struct nt_join_peers *p, uint32_t node, uint64_t spool,
		    const struct nt_batch *b);
void nt_peers_met(struct nt_join_peers *p, const struct nt_end *client,
		  const struct nt_end *server);
void nt_peers_unmet(struct nt_join_peers *p, const struct nt_end *client);
/* Who answers at the address that the client asked: nobody is known, others, that server. */
enum nt_join_behind {
	NT_BEHIND_UNKNOWN = 0,
	NT_BEHIND_OTHERS = 1,
	NT_BEHIND_IT = 2,
};
enum nt_join_behind nt_peers_behind(const struct nt_join_peers *p, const struct nt_end *client,
				    const struct nt_end *server);
/* Why it is not sure that no server saw a client's row; NULL: it is. */
const char *nt_peers_unsure(const struct nt_join_peers *p, const struct nt_end *client);
