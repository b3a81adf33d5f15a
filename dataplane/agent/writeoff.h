/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches that the controller will never store: dropped because the spool is full, refused, or lost
 * because somebody removed the spool's files. Each packet in a row of such a batch is stated as
 * UNLOGGED in the next batch, under its pod, exactly: the state beside the batch says how many
 * packets of which endpoint its rows hold; of a lost one it is what was noted here. What it states
 * itself of earlier batches is stated again.
 */
#pragma once

#include "dataplane/agent/agent.h"

/* Adds rows for every batch that has to go (nt_spool_victim) and marks it; more_bytes: what the
 * next batch will need at most. */
void nt_writeoff_run(struct nt_agent *a, uint64_t more_bytes);
/* Notes what the batch that was just written holds, whose rows' counts are in the pods. */
void nt_writeoff_note(struct nt_agent *a, int64_t first_us, int64_t last_us);
/* The same of the batches that an earlier agent left. */
void nt_writeoff_restore(struct nt_agent *a);
/* The pods owe what lost batches held. */
void nt_writeoff_lost(struct nt_agent *a);
/* True for a row that was made here. */
bool nt_writeoff_is(const struct nt_record *r);
