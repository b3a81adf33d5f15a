/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The batches on disk that the controller has not acknowledged, and the agent's state. A folder
 * with `uuid` (made with the folder; a fresh one when it is missing or damaged, T11) and one file
 * per batch, named by its number in 20 digits:
 *
 *   N.batch     waits for the controller
 *   N.done      acknowledged; only the newest file stays so, for its state
 *   N.rejected  refused for ever, kept for a look at it (the newest 16)
 *   N.torn      its checksum did not fit, set aside
 *
 * A file is written whole, synced and renamed, so that batch and state change together: after a
 * crash the newest file says exactly which packets are covered. Bounded by max_bytes: the caller
 * asks which batch to drop, states its packets in the next batch and names it there as written off;
 * the file goes when that one is on disk. The batch at the head may have reached the controller
 * without our hearing of it, so it is never the one to be dropped; neither is the newest. One that
 * the controller does not take from this agent, but may from another, is held: passed over until
 * the spool is opened again, and dropped like the others, unless the other one may have sent it.
 * Files that somebody else removes are lost, and so is what only they had: of each batch the caller
 * leaves a note here, in memory, and gets the notes of lost ones back. Notes are bounded by 8 MiB;
 * what has none is counted. The batch that is being sent is not lost: it goes into the folder that
 * is made instead.
 * One process at a time (the folder is locked). Blocks on disk. Not thread-safe.
 */
#pragma once

#include "lib/base/buf.h"

struct nt_spool;

struct nt_spool_config {
	const char *path;
	uint64_t max_bytes;
};

struct nt_spool_stats {
	uint64_t files; /* batches that wait, held ones too */
	uint64_t held;
	uint64_t bytes; /* of all files */
	uint64_t held_bytes; /* of these, of held ones */
	uint64_t written, acknowledged, dropped, rejected, torn;
	uint64_t note_bytes;
	uint64_t unnoted; /* batches that wait or are to be stated, and have no note */
	uint64_t lost, lost_unnoted; /* with their files; of these, without a note */
};

int nt_spool_open(const struct nt_spool_config *config, struct nt_spool **ret_spool,
		  struct nt_err *err) NT_MUSTCHECK;
void nt_spool_close(struct nt_spool *s);

/* Text form, for ever valid. */
const char *nt_spool_uuid(const struct nt_spool *s);
/* True when the UUID was made by this nt_spool_open: nothing before it is known. */
bool nt_spool_is_fresh(const struct nt_spool *s);
/* The state section of the newest file into out; -ENOENT when there is none. */
int nt_spool_state(struct nt_spool *s, struct nt_buf *out, struct nt_err *err) NT_MUSTCHECK;
/* The number of the next batch. */
uint64_t nt_spool_next(const struct nt_spool *s);

/* The folder was removed under us, or all that was in it. */
bool nt_spool_is_gone(const struct nt_spool *s);
/* Stores batch number nt_spool_next(s). On failure (-ENOSPC ...) nothing has changed. When it
 * is gone the folder is made again with a fresh UUID, numbers go on, and -ESTALE is returned: the
 * caller encodes again. */
int nt_spool_write(struct nt_spool *s, struct nt_slice batch, struct nt_slice state,
		   struct nt_err *err) NT_MUSTCHECK;

/* The oldest batch that waits and is not held; 0 when there is none. */
uint64_t nt_spool_head(const struct nt_spool *s);
/* Reads one batch (or the state beside it) into out; -EBADMSG: torn (set aside), -ENOENT: its file
 * was removed; in both cases it is lost, and gone from the queue. */
int nt_spool_read(struct nt_spool *s, uint64_t seq, struct nt_buf *out,
		  struct nt_err *err) NT_MUSTCHECK;
int nt_spool_read_state(struct nt_spool *s, uint64_t seq, struct nt_buf *out,
			struct nt_err *err) NT_MUSTCHECK;
void nt_spool_acknowledge(struct nt_spool *s, uint64_t seq);
void nt_spool_reject(struct nt_spool *s, uint64_t seq);
/* doubtful: another agent may have sent it, and not have heard that it was stored. It is never
 * dropped then, since its packets can be stated neither as lost nor as stored. */
void nt_spool_hold(struct nt_spool *s, uint64_t seq, bool doubtful);
/* As nt_spool_read; the batch is being sent from now on, until another one is. Borrowed as long. */
int nt_spool_send(struct nt_spool *s, uint64_t seq, struct nt_slice *ret_batch,
		  struct nt_err *err) NT_MUSTCHECK;

/* What the caller wants back when that batch is lost; copied. False: no room, or no memory. */
bool nt_spool_note(struct nt_spool *s, uint64_t seq, struct nt_slice octets) NT_MUSTCHECK;
/* The oldest batch behind that one which should have a note and has none; 0 when all do. */
uint64_t nt_spool_unnoted(const struct nt_spool *s, uint64_t seq);
/* The note of a batch that was lost, borrowed until nt_spool_lost_done, which takes it off the
 * list. False: there is none. */
bool nt_spool_lost(const struct nt_spool *s, struct nt_slice *ret_note) NT_MUSTCHECK;
void nt_spool_lost_done(struct nt_spool *s);

/* A batch whose packets must be stated as UNLOGGED: first the refused ones, then, while the spool
 * with `more_bytes` would be above its bound, the oldest that may be dropped. 0 when there is none.
 * *ret_rejected says which kind. Not returned again once it was marked. */
uint64_t nt_spool_victim(const struct nt_spool *s, uint64_t more_bytes, bool *ret_rejected);
void nt_spool_mark(struct nt_spool *s, uint64_t seq);
/* Marked files: appends their numbers (uint64_t). */
void nt_spool_marked(const struct nt_spool *s, struct nt_buf *out);
/* The batch that states them is on disk: marked ones go (refused ones stay for a look). */
void nt_spool_sweep(struct nt_spool *s);

/* Octets that one batch may have at most, now or when all others are gone: the smaller of the bound
 * and of the file system. */
uint64_t nt_spool_capacity(const struct nt_spool *s);
struct nt_spool_stats nt_spool_stats(const struct nt_spool *s);
