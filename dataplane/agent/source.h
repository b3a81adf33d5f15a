/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's source of pods and counters: the pinned maps (dataplane/taps). */
#pragma once

#include "dataplane/agent/podtable.h"
#include "dataplane/taps/taps.h"

/* Borrows taps. */
struct nt_tapsource nt_source_of_taps(struct nt_taps *taps);
