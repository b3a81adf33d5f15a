/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent without its outside: events go in (nt_agent_event), numbered batches come to lie in the
 * spool (nt_agent_flush). Clock, pods and counters come through function pointers, so that the
 * whole of it runs under virtual time and without BPF in tests. One thread.
 *
 * The pieces: pipeline.c (event to row), flush.c (interval to batch), state.c (what a restart must
 * find again), agent.c (made, restored, freed).
 */
#pragma once

#include "dataplane/agent/account.h"
#include "dataplane/agent/backends.h"
#include "dataplane/agent/clocklog.h"
#include "dataplane/agent/ends.h"
#include "dataplane/agent/failed.h"
#include "dataplane/agent/hostaddrs.h"
#include "dataplane/agent/keep.h"
#include "dataplane/agent/podtable.h"
#include "dataplane/agent/spool.h"
#include "dataplane/agent/split.h"
#include "dataplane/agent/timebase.h"
#include "lib/dns/pair.h"
#include "lib/dns/siphash.h"
#include "lib/dns/stream.h"
#include "lib/names/names.h"

/* Rows, or octets of them, that make a flush before its time. */
#define NT_AGENT_FLUSH_ROWS 6000
#define NT_AGENT_FLUSH_BYTES ((size_t)6 << 20)
/* While the spool cannot be written, rows up to this stay in memory, later packets are counted.
 * What is held must fit into one batch (NT_BATCH_BYTES_MAX). */
#define NT_AGENT_HOLD_ROWS 40000
#define NT_AGENT_HOLD_BYTES ((size_t)32 << 20)

/* Rows of a pod and interval, each with its name; RECORD: `folded`. */
#define NT_AGENT_POD_ROWS 2000

/* Gaps in coverage that wait for the next batch; more are counted and logged only. */
#define NT_AGENT_GAPS_MAX 10000
/* A node that has nothing to tell says so, so that one that is dead can be told from it. */
#define NT_AGENT_SILENCE_NS (30 * NT_NS_PER_S)

struct nt_agent_config {
	const char *node;
	const char *spool_path;
	const char *failed_path; /* folder of failed attachments; NULL: none */
	const char *cluster_domain;
	uint64_t spool_max_bytes;
	int64_t timeout_ns; /* an unanswered query is given up */
	bool merge; /* false: each transaction its own row */
	int64_t interval_ns; /* how often the caller flushes; 0: not known */
	/* The policy of a slot as "namespace/name", empty when it is not known; NULL: no names. */
	struct nt_slice (*policy_name)(void *ctx, uint32_t slot);
	void *policy_ctx;
	/* nt_conntrack_find and nt_conntrack_why_not; NULL: nobody knows. */
	bool (*backend)(void *ctx, const struct nt_flow *flow, int64_t at_ns,
			struct nt_backend *ret_backend);
	const char *(*why_no_backend)(void *ctx);
	void *backend_ctx;
	/* Bounds; 0: the defaults above. */
	uint32_t flush_rows, hold_rows;
	uint32_t pod_rows; /* rows of a pod and interval before names are folded (rowshare.h) */
	struct nt_stream_config streams;
};

struct nt_agent_stats {
	uint64_t events, datagrams, bad_events, repeated;
	uint64_t logged, queries, replies;
	uint64_t tcp_segments, tcp_messages;
	uint64_t fragments_unknown; /* later ones of UDP; in no sum */
	uint64_t lost[NT_REASON_MAX];
	uint64_t parse_errors;
	uint64_t before_tap; /* packets of any protocol, dropped before the taps */
	uint64_t folded; /* lookups whose name is not in their row */
	uint64_t rows, batches, early_flushes, write_failures;
	uint64_t gaps, gaps_dropped; /* in coverage: that began; that were not told */
};

/* What an agent is made of; open to its own files and to tests, not to others. */
struct nt_agent {
	struct nt_agent_config config;
	struct nt_slice node;
	struct nt_clock *clock; /* borrowed */
	struct nt_tapsource source;
	struct nt_podtable pods;
	struct nt_account *account;
	struct nt_pair *pair;
	struct nt_streams *streams;
	struct nt_aggregate *rows;
	struct nt_names *names;
	struct nt_spool *spool;
	struct nt_failed failed;
	struct nt_siphash_key client_key; /* of clients' addresses, for the row shares */
	uint32_t rows_now; /* pod_rows, less when the spool is more than half full */
	struct nt_buf gaps; /* struct nt_batch_gap, of the open interval */
	struct nt_hostaddrs hostaddrs;
	struct nt_ends ends;
	struct nt_timebase timebase;
	struct nt_clocklog clocklog;
	struct nt_arena scratch; /* of one transaction */
	struct nt_buf part; /* of one first fragment */
	struct nt_counters *counters; /* one endpoint's, source.cpus of them */
	uint64_t last_row_id;
	bool full; /* the rows are many: a flush before the next event */
	size_t empty_bytes; /* of the rows' memory when there are none: it does not shrink */
	int64_t interval_from_us; /* of the interval that is open */
	int64_t first_event_ns; /* CLOCK_BOOTTIME of its first event; 0: none came */
	int64_t start_us;
	bool first_batch; /* none was written since the start */
	int64_t batch_ns; /* CLOCK_BOOTTIME of the last one, or of the start */
	bool write_failed; /* the last write did; rows are held */
	size_t hold_bytes; /* so many at most: what is held has to fit on the disk one day */
	uint64_t former_next,
		former_end; /* batches of former agents that are to be noted (lost.h) */
	uint64_t lost_told, unnoted_told; /* of the spool's lost batches */
	bool unnoted_said; /* that there was no room for a batch's note */
	uint64_t written_off; /* batches, since the start */
	int64_t written_off_said_ns; /* when the log last had that; 0: never */
	struct nt_agent_stats stats;
};

/* clock, source: borrowed until nt_agent_free. Opens the spool and restores what the last agent
 * left, adopts the pods that are there. */
int nt_agent_new(const struct nt_agent_config *config, const struct nt_tapsource *source,
		 struct nt_clock *clock, struct nt_agent **ret_agent,
		 struct nt_err *err) NT_MUSTCHECK;
void nt_agent_free(struct nt_agent *a);

/* One sample of the ring buffer. */
void nt_agent_event(struct nt_agent *a, struct nt_slice sample);
/* Once a second. */
void nt_agent_second(struct nt_agent *a);
/* The ring was empty at boot_ns: queries may time out. */
void nt_agent_drained(struct nt_agent *a, int64_t boot_ns);

/* How a pod is tapped, or was not (keep.h): goes into the next batch. */
void nt_agent_tapped(struct nt_agent *a, const struct nt_keep_news *news);
/* A gap that a batch told which will not be stored: into the next one. */
void nt_agent_gap_again(struct nt_agent *a, const struct nt_batch_gap *told);

/*
 * Closes the interval into a batch on disk; writes nothing when there is nothing new. drained: the
 * ring is empty, so that losses may be stated. Returns 1 when a batch was written, 0 when there was
 * nothing to write, or -errno: everything is kept and the next flush tries again.
 */
int nt_agent_flush(struct nt_agent *a, bool drained, struct nt_err *err) NT_MUSTCHECK;

/* The same before the interval is over, because its rows are many: what each pod has had of them
 * stays counted, so that who makes an interval's rows come early gets no more for it. */
int nt_agent_flush_early(struct nt_agent *a, struct nt_err *err) NT_MUSTCHECK;

/* Memory of the rows of the open interval. */
size_t nt_agent_row_bytes(const struct nt_agent *a);

/* The controller has stored batch seq: it goes, and with it the pods whose last batch it was. */
void nt_agent_acknowledged(struct nt_agent *a, uint64_t seq);
