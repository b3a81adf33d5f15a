/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store of log records: one interface, SQLite behind it now, ClickHouse later. A batch goes in
 * exactly once: its key (node, spool UUID, sequence) is written in the same transaction as its rows
 * (T11). Queries take a checked filter (lib/query) and a time range. Calls block on disk.
 * Appends, expiry and statistics may come from any thread and take their turns; a nt_store_reader
 * belongs to one thread at a time, there may be any number, and they go before the store.
 */
#pragma once

#include "lib/base/buf.h"
#include "lib/record/batch.h"
#include "lib/record/record.h"

struct nt_store;
struct nt_store_reader;
struct nt_query;

/* Rows of a server's side whose client is tapped are no rows of the log (README.md, "Both ends");
 * they are kept so long after their start, for the decision to be made again, and no query sees
 * them. */
#define NT_STORE_FOLDED_US (3600LL * 1000000)

enum nt_store_outcome {
	NT_STORE_APPENDED = 0,
	NT_STORE_DUPLICATE = 1, /* that key is in the ledger: nothing was written, all is well */
};

struct nt_store_stats {
	uint64_t batches, duplicates, records;
	uint64_t rows; /* in the store now */
	uint64_t bytes; /* on disk */
	int64_t oldest_us, newest_us; /* start_time of rows; 0 when empty */
	/* The join of both ends (README.md, "Hops"): lookups whose hops were found, rows that are
	 * held for it, rows that went before they met their other side. */
	uint64_t joined_lookups, join_rows, join_forgotten;
	/* Nodes, servers and pods' losses that it pushed out at its bounds; times that it was made
	 * again from the store's rows, after a batch that was not stored. */
	uint64_t join_peers_forgotten, join_rereads;
	uint64_t outbox_dropped; /* notices that found no room since the opening */
	uint64_t suppressions; /* now */
	/* Since the opening: acknowledgements, events that opened suppressed, and of these the ones
	 * that were told when the suppression was over. */
	uint64_t acknowledged, events_suppressed, events_released;
};

/* Opens or creates the store in folder `path`. Checks integrity; a damaged file is an error that
 * names it. */
int nt_store_open(const char *path, struct nt_store **ret_store, struct nt_err *err) NT_MUSTCHECK;
/* A store of its own in memory, for trying something on a few rows: all as with the other one, but
 * it ends with nt_store_close. -ENOSPC from bytes_max on. */
int nt_store_open_memory(uint64_t bytes_max, struct nt_store **ret_store,
			 struct nt_err *err) NT_MUSTCHECK;
void nt_store_close(struct nt_store *s);

/* Durable when it returns 0 (synchronous=FULL). -ENOSPC when the disk is full: nothing was written,
 * the same batch may come again. */
int nt_store_append(struct nt_store *s, const struct nt_batch *batch,
		    enum nt_store_outcome *ret_outcome, struct nt_err *err) NT_MUSTCHECK;
struct nt_store_stats nt_store_stats(struct nt_store *s);
/* Nodes whose last batch came before before_us (CLOCK_REALTIME) count as untapped from that moment
 * on, until a new batch of theirs comes. How many more there are. For who has been there to take
 * batches since before_us. */
int nt_store_note_silent(struct nt_store *s, int64_t before_us, uint64_t *ret_nodes,
			 struct nt_err *err) NT_MUSTCHECK;
/* Removes rows older than before_us and their batches' ledger entries are kept. */
int nt_store_expire(struct nt_store *s, int64_t before_us, uint64_t *ret_rows,
		    struct nt_err *err) NT_MUSTCHECK;

int nt_store_reader_open(struct nt_store *s, struct nt_store_reader **ret_reader,
			 struct nt_err *err) NT_MUSTCHECK;
void nt_store_reader_close(struct nt_store_reader *r);

/* What every query takes. side and role: -1 is any. UNLOGGED rows are never part of sums; they are
 * asked for with unlogged. */
struct nt_store_range {
	int64_t from_us, to_us; /* start_time in [from, to) */
	const struct nt_query *filter; /* NULL: all */
	int side, role;
	bool unlogged; /* only UNLOGGED rows instead of only LOG rows */
};

/* A part of the latencies of so many lookups: of those of which it is known (lib/record). */
struct nt_store_hop {
	uint64_t count, sum_ns;
};

/* Sums over LOG rows (over UNLOGGED rows only `packets` is set). */
struct nt_store_sums {
	uint64_t rows, count, queries, replies, unanswered, retries, truncated;
	/* Of count and unanswered: what a policy stopped (verdict deny or unjudgeable). It is no
	 * outcome of DNS: the reply, if any, is the policy's. */
	uint64_t blocked, blocked_unanswered;
	uint64_t nxdomain, servfail; /* of count: with that code, and not stopped by a policy */
	uint64_t bytes_out, bytes_in;
	uint64_t latency_count, latency_min_ns, latency_max_ns, latency_sum_ns;
	uint64_t latency_histogram[NT_HISTOGRAM_BUCKETS];
	struct nt_store_hop hop_network, hop_server, hop_upstream;
	uint64_t packets; /* UNLOGGED: sum of count */
};

#define NT_STORE_GROUP_KEYS 4

struct nt_store_group {
	int64_t bucket_us; /* start of the time bucket, 0 without buckets */
	struct nt_slice keys[NT_STORE_GROUP_KEYS]; /* text, as the JSON form has it; "" for none */
	struct nt_store_sums sums;
};
/* Called per group; borrowed for the call. Return false to stop. */
typedef bool nt_store_group_fn(void *ctx, const struct nt_store_group *group);

struct nt_store_grouping {
	const char *keys[NT_STORE_GROUP_KEYS]; /* field names of lib/query that are groupable */
	size_t keys_len;
	int64_t bucket_us; /* 0: no time buckets; else groups come in order of time */
	const char *order; /* without buckets: "count", "queries", "unanswered", "nxdomain",
			      "servfail", "bytes", "latency_max"; descending; NULL: "count" */
	uint32_t limit; /* 0: all (time buckets) */
};

/* One group per combination of keys and bucket that has rows; without keys and buckets exactly one.
 * A field of a list's members ("servers.ip") counts a row once per element, "" for none. A late
 * reply lowers `unanswered` where the query was, not where the reply came (T9). -EINVAL: a key or
 * order is none; -ETIMEDOUT: given up. */
int nt_store_group(struct nt_store_reader *r, const struct nt_store_range *range,
		   const struct nt_store_grouping *grouping, nt_store_group_fn *fn, void *ctx,
		   struct nt_err *err) NT_MUSTCHECK;

/* Row numbers rise in the order in which rows were stored and are never given twice, so "all rows
 * above N" is what came after N, whatever their start_time is. */
enum nt_store_order {
	NT_STORE_NEWEST = 0, /* by (start_time, row number), descending */
	NT_STORE_OLDEST = 1, /* the same, ascending */
	NT_STORE_ARRIVAL = 2, /* by row number, ascending; the cursor's row need not be there */
};

/* Rows, page by page. cursor: 0 for the first page, else what the last call returned; *ret_cursor
 * is 0 at the end. The record is borrowed for the call; NULL: the row is there and its record
 * cannot be read, why is the reason then (a damaged file, a newer build's record). row_id: the row
 * number, above 0. -ENOENT: the cursor's row is gone; -ETIMEDOUT: given up. */
typedef bool nt_store_row_fn(void *ctx, int64_t row_id, const struct nt_record *record,
			     const char *why);
int nt_store_rows(struct nt_store_reader *r, const struct nt_store_range *range,
		  enum nt_store_order order, uint32_t limit, int64_t cursor, nt_store_row_fn *fn,
		  void *ctx, int64_t *ret_cursor, struct nt_err *err) NT_MUSTCHECK;
/* The highest row number that was ever given, 0 before the first: each row up to it is there, or
 * expired. */
int nt_store_position(struct nt_store_reader *r, int64_t *ret_position,
		      struct nt_err *err) NT_MUSTCHECK;

/* Coverage: the newest state of each endpoint as agents reported it (lib/record/batch.h), and of
 * each node. */
typedef bool nt_store_endpoint_fn(void *ctx, struct nt_slice node,
				  const struct nt_batch_endpoint *endpoint);
int nt_store_endpoints(struct nt_store_reader *r, nt_store_endpoint_fn *fn, void *ctx,
		       struct nt_err *err) NT_MUSTCHECK;
/* The same of one pod's endpoints, on whatever node; does not look at others. */
int nt_store_endpoints_of(struct nt_store_reader *r, struct nt_slice namespace_,
			  struct nt_slice name, nt_store_endpoint_fn *fn, void *ctx,
			  struct nt_err *err) NT_MUSTCHECK;
/* When an endpoint was not tapped, newest first; those of endpoints that are gone expire with them.
 */
struct nt_store_gap {
	struct nt_slice node, namespace_, name, uid, host_ifname, reason;
	int64_t from_us, to_us; /* to_us 0: it lasts */
};
typedef bool nt_store_gap_fn(void *ctx, const struct nt_store_gap *gap);
int nt_store_gaps(struct nt_store_reader *r, uint32_t limit, nt_store_gap_fn *fn, void *ctx,
		  struct nt_err *err) NT_MUSTCHECK;

struct nt_store_node {
	struct nt_slice node, spool;
	uint64_t last_seq, missing_batches; /* sequence numbers below last_seq never received */
	int64_t last_seen_us;
};
typedef bool nt_store_node_fn(void *ctx, const struct nt_store_node *node);
int nt_store_nodes(struct nt_store_reader *r, nt_store_node_fn *fn, void *ctx,
		   struct nt_err *err) NT_MUSTCHECK;

/* Has a batch of the node come within the retention? */
int nt_store_knows_node(struct nt_store_reader *r, struct nt_slice node, bool *ret_knows,
			struct nt_err *err) NT_MUSTCHECK;
/* Is it an address of a node's network now, as its agent told? */
int nt_store_on_host(struct nt_store_reader *r, const struct nt_addr *ip, bool *ret_on_host,
		     struct nt_err *err) NT_MUSTCHECK;

/* --- alert events (controller/alerts) --- */

/* One firing of a rule for a group: open until its condition ends. Borrowed strings. */
struct nt_store_event {
	int64_t id; /* given by the store; 0: new */
	struct nt_slice rule;
	struct nt_slice group; /* JSON object, keys in the rule's order: {"client_name":"web-1"} */
	struct nt_slice summary; /* the rule's summary with its ${fields} filled in */
	struct nt_slice query; /* filter that gives the rows behind it: rule's query and group */
	struct nt_slice metric, condition;
	uint32_t severity;
	double threshold, value, peak; /* value: at last_seen */
	int64_t first_seen_us, last_seen_us; /* ends of windows, event time */
	int64_t from_us; /* start of the first window that fired: where its rows begin */
	int64_t resolved_us; /* 0 while open */
	/* Of its opening, and not changed afterwards: who was told of it is told of its end. */
	struct nt_slice labels; /* JSON object of texts; empty: none */
	struct nt_slice notify; /* ",on-call,chat,": only these receivers; empty: all */
	/* Not by nt_store_events_put, which leaves them as they are. acked_us 0: nobody has. */
	int64_t acked_us; /* CLOCK_REALTIME */
	struct nt_slice acked_by, ack_comment;
	/* The suppression it is under, of several the one that ends last; 0: none. Of an event that
	 * ended the one that it was under then. */
	int64_t suppression, suppressed_until_us;
};

/* Resolved events beyond so many newer ones are dropped: a rule that groups by what the network
 * chooses must not fill the disk. Open ones stay. */
#define NT_STORE_EVENTS_MAX 100000

/* Inserts (id 0) or replaces all of them in one transaction; ids[i] is set to the i-th event's.
 * Durable as a batch is. -EEXIST: an event of that rule and group is open already; nothing was
 * written then, nor after any other error. Events that ended expire with rows (nt_store_expire). */
int nt_store_events_put(struct nt_store *s, const struct nt_store_event *events, size_t len,
			int64_t *ids, struct nt_err *err) NT_MUSTCHECK;
/* Events newest first by last_seen; open: 1 only open, 0 only resolved, -1 all; rule empty: all. */
typedef bool nt_store_event_fn(void *ctx, const struct nt_store_event *event);
int nt_store_events(struct nt_store_reader *r, int open, struct nt_slice rule, uint32_t limit,
		    nt_store_event_fn *fn, void *ctx, struct nt_err *err) NT_MUSTCHECK;
/* The one with that id, by one call of fn; -ENOENT. */
int nt_store_event(struct nt_store_reader *r, int64_t id, nt_store_event_fn *fn, void *ctx,
		   struct nt_err *err) NT_MUSTCHECK;

/* --- what rules remember of groups (controller/alerts) --- */

/* A group of a rule: when it was new, and when it was seen last. */
struct nt_store_sighting {
	uint64_t group; /* a hash of its values by the memory's key */
	int64_t first_us, last_us; /* event time */
};

/* Of one rule. What it looked for (`what`), under which key groups are hashed, since when. */
struct nt_store_memory {
	struct nt_slice rule;
	uint64_t what, key[2];
	int64_t since_us;
};
/* What becomes of one. In this order: all of it goes; `head` begins; what was seen last before
 * forget_us goes; the sightings are there, or in the place of those that were. */
struct nt_store_memory_change {
	struct nt_store_memory head;
	bool gone, begins; /* a memory that begins is gone before */
	int64_t forget_us; /* 0: nothing */
	const struct nt_store_sighting *sightings;
	size_t sightings_len;
};
/* As nt_store_events_put, and the memories' changes in the same transaction. */
int nt_store_alerts_put(struct nt_store *s, const struct nt_store_event *events, size_t len,
			int64_t *ids, const struct nt_store_memory_change *changes,
			size_t changes_len, struct nt_err *err) NT_MUSTCHECK;
typedef bool nt_store_memory_fn(void *ctx, const struct nt_store_memory *memory);
int nt_store_memories(struct nt_store_reader *r, nt_store_memory_fn *fn, void *ctx,
		      struct nt_err *err) NT_MUSTCHECK;
typedef bool nt_store_sighting_fn(void *ctx, const struct nt_store_sighting *sighting);
int nt_store_sightings(struct nt_store_reader *r, struct nt_slice rule, nt_store_sighting_fn *fn,
		       void *ctx, struct nt_err *err) NT_MUSTCHECK;

/* --- acknowledgement and suppression of events (controller/alerts) --- */

struct nt_store_ack {
	int64_t at_us; /* CLOCK_REALTIME */
	struct nt_slice by, comment;
};
/* Somebody has seen the event, open or not; one from before is replaced. NULL: takes it back, also
 * where there is none. -ENOENT: there is no such event. */
int nt_store_event_acknowledge(struct nt_store *s, int64_t id, const struct nt_store_ack *ack,
			       struct nt_err *err) NT_MUSTCHECK;

/* More than these are a rule that is to be changed; and an event is compared with all of its rule.
 */
#define NT_STORE_SUPPRESSIONS_MAX 256

/* Nobody is told that events of a rule open, until it ends. Borrowed strings. */
struct nt_store_suppression {
	int64_t id; /* given by the store */
	struct nt_slice rule;
	struct nt_slice group; /* JSON object of texts: of groups that have these; "{}": all */
	struct nt_slice by, reason;
	int64_t created_us, until_us; /* CLOCK_REALTIME */
	uint64_t events; /* open ones that are under it: given by the store */
};
/* From now on, for open events, too: notices of their opening that are in the outbox are held. An
 * event that opens under it queues none; when it is under none any more and still open it does,
 * once. What was told is told of its end. Gives the suppression its id and events, as a listing has
 * them. -EDQUOT: there are NT_STORE_SUPPRESSIONS_MAX. */
int nt_store_suppress(struct nt_store *s, struct nt_store_suppression *suppression,
		      struct nt_err *err) NT_MUSTCHECK;
/* Ends one now; -ENOENT. */
int nt_store_unsuppress(struct nt_store *s, int64_t id, int64_t now_us,
			struct nt_err *err) NT_MUSTCHECK;
/* Ends those whose time has come; the others hold, whatever the time is, but not for events that
 * began after their end. Cheap when there are none. */
int nt_store_suppressions_end(struct nt_store *s, int64_t now_us, struct nt_err *err) NT_MUSTCHECK;
/* By their end, the soonest first. */
typedef bool nt_store_suppression_fn(void *ctx, const struct nt_store_suppression *suppression);
int nt_store_suppressions(struct nt_store_reader *r, nt_store_suppression_fn *fn, void *ctx,
			  struct nt_err *err) NT_MUSTCHECK;

/* --- the outbox: who is still to be told what became of events (controller/notify) --- */

#define NT_STORE_RECEIVERS_MAX 16
#define NT_STORE_RECEIVER_SIZE 64 /* of a name, with its NUL */
/* Of one receiver: a day of a change every ten seconds. Beyond it the oldest go, counted in
 * nt_store_stats. */
#define NT_STORE_OUTBOX_MAX 10000

enum nt_store_change {
	NT_STORE_OPENED = 1,
	NT_STORE_RESOLVED = 2,
};

/* That an event opened, or ended, is to be told to one receiver. Borrowed strings. */
struct nt_store_notice {
	int64_t id; /* of the notice; they rise in the order in which they came to be */
	int64_t queued_us; /* CLOCK_REALTIME */
	int64_t due_us; /* since when it may be told: later than queued_us where it was held */
	enum nt_store_change change;
	/* The event opened, was suppressed before the receiver knew, and ended so: it is not to be
	 * told at all (nt_store_outbox_hush). */
	bool hushed;
	struct nt_store_event event; /* as it is now */
};

/* From now on nt_store_events_put queues, in its transaction, a notice per receiver (of those in
 * the event's `notify`) for each event that opens and for each that ends. Notices for receivers
 * that are not among these go: *ret_forgotten. -EINVAL: more than NT_STORE_RECEIVERS_MAX, or a name
 * that is empty or too long.
 */
int nt_store_outbox_use(struct nt_store *s, const struct nt_slice *receivers, size_t len,
			uint64_t *ret_forgotten, struct nt_err *err) NT_MUSTCHECK;
/* Those of a receiver, oldest first, without those that a suppression holds. An event of which
 * there is a notice does not expire. */
typedef bool nt_store_notice_fn(void *ctx, const struct nt_store_notice *notice);
int nt_store_outbox(struct nt_store_reader *r, struct nt_slice receiver, uint32_t limit,
		    nt_store_notice_fn *fn, void *ctx, struct nt_err *err) NT_MUSTCHECK;
/* Takes notices out, all or none; those that are gone are no error. Durable when it returns 0. */
int nt_store_outbox_remove(struct nt_store *s, const int64_t *ids, size_t len,
			   struct nt_err *err) NT_MUSTCHECK;
/* Takes the hushed ones of a receiver out, and with each that of the event's end. Not while one of
 * them is being told. */
int nt_store_outbox_hush(struct nt_store *s, struct nt_slice receiver,
			 struct nt_err *err) NT_MUSTCHECK;
/* Open events of which that receiver may be told again, newest first: not those that opened under a
 * suppression, or whose notice is held. */
int nt_store_outbox_again(struct nt_store_reader *r, struct nt_slice receiver,
			  nt_store_event_fn *fn, void *ctx, struct nt_err *err) NT_MUSTCHECK;
struct nt_store_outbox_state {
	uint64_t pending;
	int64_t oldest_us; /* since when it may be told; 0: none may */
};
int nt_store_outbox_state(struct nt_store_reader *r, struct nt_slice receiver,
			  struct nt_store_outbox_state *ret_state, struct nt_err *err) NT_MUSTCHECK;
