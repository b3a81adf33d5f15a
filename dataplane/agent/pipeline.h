/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an event to rows, one packet at a time: split, number checked, DNS parsed, paired, added to
 * the interval's rows. What does not become a row is owed to the log by its pod. No I/O but an
 * early flush when the rows are many.
 */
#pragma once

#include "dataplane/agent/agent.h"

/* The pairing table's callback; ctx is the struct nt_agent. Returns the row's id. */
uint64_t nt_pipeline_txn(void *ctx, const struct nt_txn *txn);
/* A DNS port as the programs have it; of_pod: the pod is the one that is asked. */
bool nt_pipeline_is_dns(const struct nt_agent *a, uint16_t port, bool of_pod);
/* The flow as the client sees it, of a packet that went from the server or to it. */
void nt_pipeline_flow(const struct nt_event *e, bool from_server, struct nt_flow *ret_flow);
/* Adds an UNLOGGED row; ep_id 0: of no pod that is known. False: no room. */
bool nt_agent_add_unlogged(struct nt_agent *a, struct nt_record *r, uint64_t ep_id);
/* Notes whose row it is, when it is a new one; written_off: nt_writeoff_is. */
void nt_agent_row_owned(struct nt_agent *a, uint64_t row_id, uint64_t ep_id, bool written_off);
