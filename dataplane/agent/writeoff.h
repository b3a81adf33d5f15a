/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches that the controller will never store: dropped because the spool is full, or refused. Each
 * packet that such a batch covers is stated as UNLOGGED in the next batch, under its pod, exactly:
 * the batch's own sequence ranges say how many there are.
 */
#pragma once

#include "dataplane/agent/agent.h"

/* Adds rows for every batch that has to go (nt_spool_victim) and marks it; more_bytes: what the
 * next batch will need at most. */
void nt_writeoff_run(struct nt_agent *a, uint64_t more_bytes);
