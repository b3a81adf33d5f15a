/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pods of this node as the agent knows them: ep_id to the identity that the plugin wrote at CNI
 * ADD, with what was counted for it. An entry outlives the pod: it stays until everything of it is
 * in a batch on disk. Identity is never guessed: an ep_id that the pinned map does not know any
 * more keeps an empty one. Bounded by the pinned map (NT_PODS_MAX). Not thread-safe.
 */
#pragma once

#include "dataplane/agent/account.h"
#include "dataplane/agent/idmap.h"
#include "dataplane/agent/rowshare.h"
#include "dataplane/taps/linkstats.h"
#include "lib/record/aggregate.h"

/* Where pods and counters come from: the pinned maps (dataplane/taps), or a test. */
struct nt_tapsource {
	void *ctx;
	struct nt_meta meta;
	uint32_t cpus; /* possible ones: so many counters each time */
	int (*pod_get)(void *ctx, uint64_t ep_id, struct nt_pod *ret_pod);
	int (*pods)(void *ctx, bool (*fn)(void *fn_ctx, const struct nt_pod *pod), void *fn_ctx,
		    struct nt_err *err);
	int (*counters)(void *ctx, uint64_t ep_id, struct nt_counters *ret_values);
	/* Of a host link; NULL: nobody knows. */
	int (*link_stats)(void *ctx, uint32_t ifindex, struct nt_linkstats *ret_stats);
	/* The host network's addresses (hostaddrs.h); NULL: nobody knows. */
	size_t (*addresses)(void *ctx, struct nt_addr *ret_ips, size_t cap);
	int (*forget)(void *ctx, uint64_t ep_id, struct nt_err *err);
};

/* Packets of a pod that are to be stated as UNLOGGED in the next batch. */
struct nt_owed {
	enum nt_reason reason;
	int error; /* of nt_dns_parse, or NT_OWED_*; 0 none */
	uint64_t count;
	int64_t first_us, last_us;
};
/* Reasons of our own why a packet does not parse, beside enum nt_dns_error and errno. */
enum nt_owed_error {
	NT_OWED_TRUNCATED = 2000, /* not all of it was captured */
	NT_OWED_DIRECTION = 2001, /* a query from a DNS port only, or a reply to one */
};
const char *nt_owed_strerror(int error);

struct nt_agent_pod {
	struct nt_pod pod; /* ep_id is set in any case */
	struct nt_account_endpoint *numbers; /* of nt_account_open; NULL: not looked for */
	uint32_t version; /* of it: counts changes */
	bool known; /* false: the pinned map had no such pod */
	bool resolver; /* role of this interval's rows */
	bool answered; /* it answered a query: a resolver when the interval ends */
	bool asked; /* as a DNS server: its own lookups are remembered (ends.h) */
	int64_t lookup_ns, told_ns; /* CLOCK_BOOTTIME of the latest of these, and of a reply */
	int64_t owed_us; /* the latest packet that was stated as lost; 0: none */
	/* What the kernel lost of it, as ends.c saw it last, and when it was more than before. */
	uint64_t loss_sum;
	int64_t loss_looked_ns, loss_ns; /* CLOCK_BOOTTIME; 0: never */
	bool gone; /* detached, and every packet of it is covered */
	int64_t until_us; /* of one that a former agent forgot (coverage.h), else 0 */
	uint64_t gone_seq; /* the batch that says so; the entry stays until it is acknowledged */
	bool forgotten; /* the pinned maps do not have it any more */
	enum nt_endpoint_hook hook; /* where its programs run */
	uint64_t seen; /* kernel's count at the last flush */
	uint64_t fragments; /* the same of fragments that nobody knows */
	uint64_t logged, unlogged;
	uint64_t stream; /* TCP segments that were read, or wait for the rest of a message */
	struct nt_linkstats link; /* at the last flush; stays when the link is gone */
	bool link_read;
	/* Packets in the rows of the batch that is being written: LOG, UNLOGGED ones of the pod's
	 * own, and those of batches that were written off. */
	uint64_t rows_logged, rows_unlogged, rows_written_off;
	struct nt_rowshare rowshare; /* of the open interval */
	uint64_t rows_stream; /* of TCP: by how much `stream` grew; its rows hold messages */
	uint64_t stored_stream; /* `stream` of the last batch on disk */
	struct nt_owed *owed;
	size_t owed_len;
	struct nt_identity who; /* of nt_agent_pod_who; node.p NULL: not made */
	char name_aggr[sizeof(((struct nt_pod *)NULL)->name) + 1];
	struct nt_buf client_wire;
	bool shipped; /* an endpoint entry was stored, with the values below */
	bool shipped_gone, shipped_resolver;
	enum nt_endpoint_hook shipped_hook;
	uint64_t shipped_seen, shipped_logged, shipped_unlogged, shipped_stream;
	uint64_t shipped_before_tap;
};

struct nt_podtable {
	struct nt_idmap map;
	const struct nt_tapsource *source; /* borrowed */
};

/* A NUL at the end of each string, whoever wrote the map. */
void nt_pod_terminate(struct nt_pod *pod);

void nt_podtable_done(struct nt_podtable *p);
/* Finds, else asks the source, else makes an entry without identity; NULL: no memory. */
struct nt_agent_pod *nt_podtable_get(struct nt_podtable *p, uint64_t ep_id);
/* What is in the table; NULL when it is not. */
struct nt_agent_pod *nt_podtable_find(const struct nt_podtable *p, uint64_t ep_id);
/* Adds or refreshes an entry. NULL: no memory. */
struct nt_agent_pod *nt_podtable_put(struct nt_podtable *p, const struct nt_pod *pod);
/* Reads all pods of the source: new ones, and who was detached. */
int nt_podtable_scan(struct nt_podtable *p, struct nt_err *err) NT_MUSTCHECK;
struct nt_agent_pod *nt_podtable_next(const struct nt_podtable *p, size_t *at);
void nt_podtable_remove(struct nt_podtable *p, uint64_t ep_id);

/* Notes packets as not logged; merged by reason and error. They count as unlogged at once. */
void nt_agent_pod_owe(struct nt_agent_pod *pod, enum nt_reason reason, int error, uint64_t count,
		      int64_t first_us, int64_t last_us);
/* The pod's address of that family, or its first; family 0 when there is none. */
struct nt_addr nt_agent_pod_ip_of(const struct nt_agent_pod *pod, uint8_t family);
/* Identity for a record, with the address of that family. Borrows from pod. */
struct nt_identity nt_agent_pod_identity(const struct nt_agent_pod *pod, struct nt_slice node,
					 uint8_t family);
/* The same, remembered from call to call until nt_podtable_put. */
const struct nt_identity *nt_agent_pod_who(struct nt_agent_pod *pod, struct nt_slice node,
					   uint8_t family);
/* The address at index i; family 0 when there is none. */
struct nt_addr nt_agent_pod_ip(const struct nt_agent_pod *pod, size_t i);
