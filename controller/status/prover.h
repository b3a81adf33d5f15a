/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Has each alert rule tested that came or changed (controller/alerts/selftest.h), one at a time, in
 * a thread of low priority that rests as long as it worked. Takes the ingestion's lock to fetch a
 * rule and to give its result, never meanwhile.
 */
#pragma once

#include "lib/base/err.h"

struct nt_ingest;
struct nt_prover;

/* ingest: borrowed. Block signals before: its thread inherits the mask. */
int nt_prover_start(struct nt_ingest *ingest, struct nt_prover **ret_prover,
		    struct nt_err *err) NT_MUSTCHECK;
/* Waits for the thread, which ends soon. NULL is fine. */
void nt_prover_stop(struct nt_prover *p);
