/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's source of pods and counters, and its sink of rules: the pinned maps. */
#pragma once

#include "dataplane/agent/podtable.h"
#include "dataplane/agent/slots.h"

/* Borrows taps. */
struct nt_tapsource nt_source_of_taps(struct nt_taps *taps);
/* Borrows taps. */
int nt_sink_of_taps(struct nt_taps *taps, struct nt_rulesink *ret_sink,
		    struct nt_err *err) NT_MUSTCHECK;
