/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an agent must find again after it was killed: per key the numbers that the spool covers and
 * the losses stated, the queries that wait for a reply (their packets are covered, so they must
 * come out as rows), totals per pod, the host's addresses. Part of every spool file, local to the
 * node, written and read by the same machine.
 */
#pragma once

#include "dataplane/agent/agent.h"

/* What the rows of one batch hold of an endpoint. Not the same as its sequence ranges: a query may
 * be covered by one batch and come out as a row of a later one. */
struct nt_state_tally {
	uint64_t ep_id;
	uint64_t logged; /* packets in LOG rows */
	uint64_t unlogged; /* packets in UNLOGGED rows, without those of batches written off */
	uint64_t stream; /* TCP segments that were read, or wait, for the first time */
	uint64_t written_off; /* packets of such batches in UNLOGGED rows; version 3 */
};
/* Of one batch what is not in its rows alone, for when it is dropped, or lost with its file. */
struct nt_state_holds {
	struct nt_buf tallies; /* struct nt_state_tally */
	int64_t first_us, last_us; /* the interval; 0 before version 3 */
	/* What it is the only one to tell of endpoints, gaps and addresses, as a batch without
	 * rows, nt_batch_encode; empty: nothing, and before version 3. */
	struct nt_buf told;
};
void nt_state_holds_done(struct nt_state_holds *h);
/* Appends the state to out, beside the batch that holds these; failure shows in out. */
void nt_state_save(struct nt_agent *a, const struct nt_state_holds *holds, struct nt_buf *out);
/*
 * Restores into a new agent, before the pods are scanned. What was written under another boot or
 * other pins cannot be continued: its waiting queries become rows at once. -EBADMSG when the state
 * is not whole.
 */
int nt_state_restore(struct nt_agent *a, struct nt_slice state, struct nt_err *err) NT_MUSTCHECK;

/* Of the batch that is being written. */
struct nt_state_tally nt_state_tally_of(const struct nt_agent_pod *pod);
/* Back from a state. ret_holds: zero-initialised, the caller's in any case. */
int nt_state_holds(struct nt_slice state, struct nt_state_holds *ret_holds,
		   struct nt_err *err) NT_MUSTCHECK;
