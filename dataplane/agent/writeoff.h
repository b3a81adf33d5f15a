/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches that the controller will never store: dropped because the spool is full, or refused
 * (lost.h has those that are gone). Each packet in a row of such a batch is stated as UNLOGGED in
 * the next batch, under its pod, exactly: the state beside the batch says how many packets of which
 * endpoint its rows hold. What it states itself of earlier batches is stated again.
 */
#pragma once

#include "dataplane/agent/state.h"

/* Adds rows for every batch that has to go (nt_spool_victim) and marks it; more_bytes: what the
 * next batch will need at most. */
void nt_writeoff_run(struct nt_agent *a, uint64_t more_bytes);
/* The controller was never told of these packets: they are out of the pod's totals, which are told
 * again. */
void nt_writeoff_untell(struct nt_agent_pod *pod, const struct nt_state_tally *t);
/* Gaps and addresses are told once, by one batch; the controller takes them later, too. */
void nt_writeoff_tell_again(struct nt_agent *a, const struct nt_batch *b);
/* True for a row that was made here. */
bool nt_writeoff_is(const struct nt_record *r);
