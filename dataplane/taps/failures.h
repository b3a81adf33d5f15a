/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notes of pods that are not tapped: one JSON file each in the state folder, which the agent reads
 * into coverage (dataplane/agent/failed.h). Written by whoever tried: plugin at ADD, agent at
 * adoption.
 */
#pragma once

#include "dataplane/abi.h"
#include "lib/base/err.h"

/* state_dir: NULL for the default. netns: as the runtime named it, or NULL. why: one sentence. The
 * file is named by container id (by UID where that is empty) and interface; one that says the same
 * already is left alone, so that its time stays that of the first failure. */
int nt_failure_put(const char *state_dir, const struct nt_pod *pod, const char *netns,
		   const char *why, struct nt_err *err) NT_MUSTCHECK;
/* Nothing happens when there is none. */
void nt_failure_drop(const char *state_dir, const struct nt_pod *pod);
