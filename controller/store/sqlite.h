/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the SQLite store share: the structs behind store.h and small helpers around
 * statements. Nobody outside this folder includes it.
 */
#pragma once

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "controller/store/store.h"

#define NT_SQLITE_FILE "records.db"
/* In the file's header, so that somebody else's database is not taken for ours: "ntap". */
#define NT_SQLITE_APPLICATION_ID 0x6e746170
/* PRAGMA user_version; raised with each entry in the list of migrations. */
#define NT_SQLITE_LAYOUT 13
/* A query that runs longer is given up: a person waits at the other end, and an open snapshot keeps
 * the write-ahead log from being taken back. */
#define NT_SQLITE_DEADLINE_S 20
/* How long a connection waits for another's lock. Readers never wait for the writer in WAL mode;
 * this is for the moments of recovery and of the log's restart. */
#define NT_SQLITE_BUSY_MS 5000

/* The writer's statements, prepared once. */
enum nt_sqlite_write {
	NT_WRITE_LEDGER = 0,
	NT_WRITE_ROW = 1,
	NT_WRITE_LATE_APPLY = 2, /* a late reply, to the unanswered row that is there */
	NT_WRITE_LATE_FIND = 3, /* late replies that came before their unanswered row */
	NT_WRITE_ENDPOINT = 4,
	NT_WRITE_SPOOL = 5,
	NT_WRITE_EXPIRE = 6,
	NT_WRITE_EXPIRE_ENDPOINTS = 7,
	NT_WRITE_EVENT_NEW = 8,
	NT_WRITE_EVENT = 9,
	NT_WRITE_EVENTS_CAP = 10,
	NT_WRITE_EXPIRE_EVENTS = 11,
	NT_WRITE_GAP = 12,
	NT_WRITE_EXPIRE_GAPS = 13,
	NT_WRITE_ADDRESS = 14,
	NT_WRITE_ADDRESSES_OF = 15,
	NT_WRITE_ADDRESSES_CLOSE = 16,
	NT_WRITE_IS_TAPPED = 17,
	NT_WRITE_REDECIDE = 18,
	NT_WRITE_EXPIRE_FOLDED = 19,
	NT_WRITE_EXPIRE_ADDRESSES = 20,
	NT_WRITE_ADDRESS_END = 21,
	NT_WRITE_ADDRESSES_OPEN = 22, /* of a node */
	NT_WRITE_SILENT = 23, /* more nodes of which nothing came for long */
	NT_WRITE_HEARD = 24,
	NT_WRITE_ENDPOINT_NAME = 25,
	NT_WRITE_JOINED = 26,
	NT_WRITE_OUTBOX_ADD = 27,
	NT_WRITE_OUTBOX_CAP = 28, /* of a receiver */
	NT_WRITE_OUTBOX_REMOVE = 29,
	NT_WRITE_OUTBOX_FORGET = 30, /* all receivers but these */
	NT_WRITE_SPOOL_NEW = 31,
	NT_WRITE_EXPIRE_SPOOLS = 32,
	NT_WRITE_EXPIRE_SILENT = 33,
	NT_WRITE_ACKNOWLEDGE = 34,
	NT_WRITE_SUPPRESSION = 35,
	NT_WRITE_SUPPRESSION_DELETE = 36, /* one, by id */
	NT_WRITE_SUPPRESSION_OVER = 37, /* of one rule, those whose time has come */
	NT_WRITE_MARK_EVENT = 38, /* with the suppression it is under */
	NT_WRITE_MARK_UNTOLD = 39,
	NT_WRITE_MARK_RULE = 40, /* the open events of a rule */
	NT_WRITE_OUTBOX_DUE = 41, /* notices of a rule's open events */
	NT_WRITE_RELEASE = 42, /* events of a rule that are untold and under none */
	NT_WRITE_OUTBOX_HUSH = 43,
	NT_WRITE_SUPPRESSION_EVENTS = 44, /* open ones under it */
	NT_WRITE_MEMORY_NEW = 45,
	NT_WRITE_MEMORY_GONE = 46,
	NT_WRITE_SIGHTING = 47,
	NT_WRITE_SIGHTINGS_BEFORE = 48, /* those of a rule that are older */
	NT_WRITE_MAX = 49,
};

/* nt_type of a row of a server's side whose client is tapped: no row of the log, so no query sees
 * it. The other values are those of enum nt_record_type. */
#define NT_SQLITE_FOLDED 2
/* addresses.until_us of an address that is there; INT64_MAX, as SQL has to have it. */
#define NT_SQLITE_FOREVER 9223372036854775807
/* Nodes' clocks that differ by less are not told as wrong (controller/ingest/nodes.h), so a server
 * may have seen a lookup so long before its client was tapped. */
#define NT_SQLITE_SLACK_US 500000

struct nt_store {
	char *path; /* of the database file */
	const char *vfs; /* SQLite's name of the file system; NULL: the machine's */
	int lock_fd; /* flock: one process per store */
	pthread_mutex_t write_lock; /* covers db, writes, scratch, tickets, join, receivers */
	sqlite3 *db;
	sqlite3_stmt *writes[NT_WRITE_MAX];
	struct nt_buf scratch;
	struct nt_join *join;
	struct nt_buf tickets; /* uint64_t of each record of the batch at hand */
	bool join_stale; /* a batch was not stored: the join has what the store has not */
	int64_t join_again_ns; /* then it is read again, CLOCK_BOOTTIME */
	unsigned join_failures; /* since a batch was stored and joined */
	char receivers[NT_STORE_RECEIVERS_MAX][NT_STORE_RECEIVER_SIZE];
	size_t receivers_len;
	atomic_int_fast64_t suppressed_until_us; /* the soonest end of a suppression; INT64_MAX */
	pthread_mutex_t stats_lock; /* covers stats; taken after write_lock or alone */
	struct nt_store_stats stats;
};

struct nt_store_reader {
	const char *path; /* the store's */
	sqlite3 *db;
	int64_t deadline_ns; /* CLOCK_MONOTONIC */
};

static inline void nt_sqlite_finalizep(sqlite3_stmt **stmt)
{
	sqlite3_finalize(*stmt);
}
#define _cleanup_stmt_ __attribute__((cleanup(nt_sqlite_finalizep)))

/* The error of db's last call as ours: ENOSPC, EUCLEAN (damaged), EBUSY, ETIMEDOUT (deadline),
 * EEXIST (a key that is there), ENOMEM, else EIO. Names the file. */
int nt_sqlite_err(sqlite3 *db, const char *path, const char *what, struct nt_err *err);
/* Runs SQL without results. */
int nt_sqlite_exec(sqlite3 *db, const char *path, const char *sql, struct nt_err *err) NT_MUSTCHECK;
/* Ends what BEGIN began: how when `result` is 0 ("COMMIT"), else nothing of it stays. A full disk
 * may have rolled back by itself. Returns result, or what that end gave. */
int nt_sqlite_end(sqlite3 *db, const char *path, int result, const char *how,
		  struct nt_err *err) NT_MUSTCHECK;
/* One integer as the result of sql; 0 where there is no row. */
int nt_sqlite_int(sqlite3 *db, const char *path, const char *sql, int64_t *ret_value,
		  struct nt_err *err) NT_MUSTCHECK;
/* The earliest and the latest beginning of a row, us; 0 where there is no row. By the writer. */
int nt_sqlite_span(struct nt_store *s, int64_t *ret_oldest_us, int64_t *ret_newest_us,
		   struct nt_err *err) NT_MUSTCHECK;
/* Text that lives until the statement is stepped or reset; an empty slice is "". */
void nt_sqlite_bind_text(sqlite3_stmt *stmt, int at, struct nt_slice text);
struct nt_slice nt_sqlite_column_text(sqlite3_stmt *stmt, int at);

/* Brings an open database to NT_SQLITE_LAYOUT and to this build's columns. */
int nt_sqlite_schema_open(sqlite3 *db, const char *path, struct nt_err *err) NT_MUSTCHECK;
/* INSERT of a row: the columns of lib/record/columns.h in their order, then ours in that order. */
enum nt_sqlite_own_column {
	NT_OWN_TYPE = 0,
	NT_OWN_SIDE = 1,
	NT_OWN_ROLE = 2,
	NT_OWN_START = 3, /* us */
	NT_OWN_NODE = 4,
	NT_OWN_ID = 5,
	NT_OWN_LATE_OF = 6, /* NULL unless late */
	NT_OWN_LATE_REPLIES = 7,
	NT_OWN_HISTOGRAM = 8,
	NT_OWN_SPOOL = 9,
	NT_OWN_SEQ = 10,
	NT_OWN_RECORD = 11, /* wire form */
	NT_OWN_MAX = 12,
};
void nt_sqlite_insert_sql(struct nt_buf *out);

/* Registers the aggregate nt_sums(...) on a connection: see sqlite_sums.c. */
int nt_sqlite_sums_register(sqlite3 *db);
/* The function nt_listed(names, text) on a connection, and its first argument. */
struct nt_query_names;
int nt_sqlite_names_register(sqlite3 *db);
void nt_sqlite_bind_names(sqlite3_stmt *stmt, int at, const struct nt_query_names *names);
/* The call of nt_sums over the columns of `rows`, for SELECT. */
extern const char nt_sqlite_sums_call[];
/* Compact form of a histogram: (bucket, count as LEB128) for each bucket that is not zero. */
void nt_sqlite_histogram(const uint64_t *histogram, struct nt_buf *out);

/* The writer's statement (sqlite_write.c), prepared at its first use. */
int nt_sqlite_write(struct nt_store *s, enum nt_sqlite_write which, sqlite3_stmt **ret_stmt,
		    struct nt_err *err) NT_MUSTCHECK;
/* Runs a statement that gives no row, and makes it ready for the next time. */
int nt_sqlite_run(struct nt_store *s, sqlite3_stmt *stmt, const char *what,
		  struct nt_err *err) NT_MUSTCHECK;

/* What becomes of a rule's memory (sqlite_memory.c); within a transaction. */
int nt_sqlite_memory_change(struct nt_store *s, const struct nt_store_memory_change *change,
			    struct nt_err *err) NT_MUSTCHECK;

/* The ledger of tapped addresses (sqlite_ends.c); all within the append's transaction. They decide
 * again about the rows that a change concerns: of an endpoint, a further address of one, a gap of
 * one (the rows that began after from_us), a node that had been silent. */
int nt_sqlite_ends_endpoint(struct nt_store *s, struct nt_slice node,
			    const struct nt_batch_endpoint *e, struct nt_err *err) NT_MUSTCHECK;
int nt_sqlite_ends_address(struct nt_store *s, struct nt_slice node,
			   const struct nt_batch_address *a, struct nt_err *err) NT_MUSTCHECK;
int nt_sqlite_ends_decide(struct nt_store *s, struct nt_slice node, uint64_t ep_id, int64_t from_us,
			  struct nt_err *err) NT_MUSTCHECK;
int nt_sqlite_ends_heard(struct nt_store *s, struct nt_slice node, struct nt_err *err) NT_MUSTCHECK;
/* Is it of a server's side, of a client that was tapped at that time? */
int nt_sqlite_ends_is_folded(struct nt_store *s, const struct nt_record *rec, bool *ret_folded,
			     struct nt_err *err) NT_MUSTCHECK;

/* The join of both ends (sqlite_join.c). From the store's rows; around an append's transaction,
 * when what was read is stale after a batch that was not stored: batches go in without the join
 * until it was read again. Within the transaction: of a batch, before its rows; the record
 * with what is said of it (rec itself, or room); the i-th record is the row that was just written;
 * rows from before of which something else is said now. */
struct nt_join;
int nt_sqlite_join_restore(struct nt_store *s, struct nt_err *err) NT_MUSTCHECK;
void nt_sqlite_join_begin(struct nt_store *s);
void nt_sqlite_join_end(struct nt_store *s, int result);
int nt_sqlite_join_batch(struct nt_store *s, const struct nt_batch *b, int64_t now_us,
			 struct nt_err *err) NT_MUSTCHECK;
const struct nt_record *nt_sqlite_join_apply(const struct nt_store *s, size_t i,
					     const struct nt_record *rec, struct nt_record *room);
void nt_sqlite_join_stored(struct nt_store *s, size_t i);
int nt_sqlite_join_update(struct nt_store *s, struct nt_err *err) NT_MUSTCHECK;
/* What the join says stands in these columns, whatever the record's wire form says. */
#define NT_SQLITE_JOIN_COLUMNS \
	"hop_count, hop_network_ns, hop_server_ns, hop_upstream_ns, died, died_reason"
/* These, from column `at` on, into the record; its text is valid until the next step. */
void nt_sqlite_join_read(sqlite3_stmt *stmt, int at, struct nt_record *rec);

/* A row of `events e` with these columns, from column `at` on; strings are valid until the next
 * step. */
#define NT_SQLITE_EVENT_COLUMNS                                                       \
	"e.id, e.rule, e.grp, e.summary, e.query, e.metric, e.condition, e.severity," \
	" e.threshold, e.value, e.peak, e.first_seen_us, e.last_seen_us, e.from_us, " \
	"e.resolved_us,"                                                              \
	" e.labels, e.notify, e.acked_us, e.acked_by, e.ack_comment, e.suppression,"  \
	" e.suppressed_until_us"
struct nt_store_event nt_sqlite_event_read(sqlite3_stmt *stmt, int at);
/* Queues what became of the event for each receiver; within the transaction of the event. Then,
 * once, keeps the outbox within its bound; *ret_dropped notices went. */
int nt_sqlite_outbox_add(struct nt_store *s, int64_t event, enum nt_store_change change,
			 struct nt_err *err) NT_MUSTCHECK;
int nt_sqlite_outbox_cap(struct nt_store *s, uint64_t *ret_dropped,
			 struct nt_err *err) NT_MUSTCHECK;
/* Of `outbox o JOIN events e`: a suppression holds it. */
#define NT_SQLITE_IS_HELD "(o.change = 1 AND e.suppression IS NOT NULL AND e.resolved_us = 0)"

/* How many open events are under a suppression. */
#define NT_SQLITE_EVENTS_UNDER(id) \
	"(SELECT count(*) FROM events e WHERE e.suppression = " id " AND e.resolved_us = 0)"

/* Marks an event that is new with the suppression it is under (sqlite_suppress.c); within the
 * transaction of the event, before nt_sqlite_outbox_add. */
int nt_sqlite_suppress_event(struct nt_store *s, int64_t event, bool *ret_suppressed,
			     struct nt_err *err) NT_MUSTCHECK;
/* What the store has from before, at its opening. */
int nt_sqlite_suppress_restore(struct nt_store *s, struct nt_err *err) NT_MUSTCHECK;

/* " FROM (the rows of the range) AS r"; each bind of the filter is a ? in order. more: a further
 * condition, or "". by_row: they are wanted by row number, which `more` bounds. */
struct nt_query_sql;
void nt_sqlite_from(const struct nt_store_range *range, const struct nt_query_sql *filter,
		    bool by_row, const char *more, struct nt_buf *out);
/* Prepares sql and binds the filter's values, the first at 1; filter NULL: there are none. Sets the
 * reader's deadline. */
int nt_sqlite_prepare(struct nt_store_reader *r, const struct nt_buf *sql,
		      const struct nt_query_sql *filter, sqlite3_stmt **ret_stmt,
		      struct nt_err *err) NT_MUSTCHECK;
/* 1: a row, 0: the end. */
int nt_sqlite_step(struct nt_store_reader *r, sqlite3_stmt *stmt, struct nt_err *err) NT_MUSTCHECK;
