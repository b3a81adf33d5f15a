/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods as endpoints of a batch, and back: which have news, what is said of each, and what a former
 * agent's last word on a pod that is gone makes known again.
 */
#pragma once

#include "dataplane/agent/agent.h"

/* Appends those of the batch that is being written (struct nt_batch_endpoint), which borrow. */
void nt_coverage_collect(const struct nt_agent *a, struct nt_buf *out);
/* The batch that says so was written: nothing of the pod is news. */
void nt_coverage_told(struct nt_agent_pod *pod);
/* A pod that a former agent said to be gone in batch seq, and forgot: until that is acknowledged
 * its totals may have to be told anew. One that is known is left alone. False: no memory. */
bool nt_coverage_restore_gone(struct nt_agent *a, const struct nt_batch_endpoint *e, uint64_t seq);
