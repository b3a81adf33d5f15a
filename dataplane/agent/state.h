/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an agent must find again after it was killed: per key the numbers that the spool covers and
 * the losses stated, the queries that wait for a reply (their packets are covered, so they must
 * come out as rows), totals per pod, the host's addresses. Part of every spool file, local to the
 * node, written and read by the same machine.
 */
#pragma once

#include "dataplane/agent/agent.h"

/* Appends the state to out; failure shows in out. */
void nt_state_save(struct nt_agent *a, struct nt_buf *out);
/*
 * Restores into a new agent, before the pods are scanned. What was written under another boot or
 * other pins cannot be continued: its waiting queries become rows at once. -EBADMSG when the state
 * is not whole.
 */
int nt_state_restore(struct nt_agent *a, struct nt_slice state, struct nt_err *err) NT_MUSTCHECK;

/* What the rows of one batch hold of an endpoint. Not the same as its sequence ranges: a query may
 * be covered by one batch and come out as a row of a later one. */
struct nt_state_tally {
	uint64_t ep_id;
	uint64_t logged; /* packets in LOG rows */
	uint64_t unlogged; /* packets in UNLOGGED rows, without those of batches written off */
	uint64_t stream; /* TCP segments that were read, or wait, for the first time */
};
/* Of the batch that is being written. */
struct nt_state_tally nt_state_tally_of(const struct nt_agent_pod *pod);
/* Appends the tallies of a state as struct nt_state_tally. */
int nt_state_tallies(struct nt_slice state, struct nt_buf *out, struct nt_err *err) NT_MUSTCHECK;
