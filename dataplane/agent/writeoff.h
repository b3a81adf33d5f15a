/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches that the controller will never store: dropped because the spool is full, or refused. Each
 * packet in a row of such a batch is stated as UNLOGGED in the next batch, under its pod, exactly:
 * the state beside the batch says how many packets of which endpoint its rows hold. What it states
 * itself of earlier batches is stated again.
 */
#pragma once

#include "dataplane/agent/agent.h"

/* Adds rows for every batch that has to go (nt_spool_victim) and marks it; more_bytes: what the
 * next batch will need at most. */
void nt_writeoff_run(struct nt_agent *a, uint64_t more_bytes);
/* True for a row that was made here. */
bool nt_writeoff_is(const struct nt_record *r);
