/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notes of pods that are not tapped: one JSON file each in the state folder, which the agent reads
 * into coverage (dataplane/agent/failed.h). Written by whoever tried: plugin at ADD, agent at
 * adoption. A pod that is left alone on purpose has one, too.
 */
#pragma once

#include <stdbool.h>

#include "dataplane/abi.h"
#include "lib/base/err.h"

/* state_dir: NULL for the default. netns: as the runtime named it, or NULL. why: one sentence. The
 * file is named by container id (by UID where that is empty) and interface; one that says the same
 * already is left alone, so that its time stays that of the first failure. */
int nt_failure_put(const char *state_dir, const struct nt_pod *pod, const char *netns,
		   const char *why, struct nt_err *err) NT_MUSTCHECK;
/* The same for a pod whose namespace is excluded; `"excluded":true` is in the file. */
int nt_failure_put_excluded(const char *state_dir, const struct nt_pod *pod, const char *netns,
			    const char *why, struct nt_err *err) NT_MUSTCHECK;
/* Nothing happens when there is none. */
void nt_failure_drop(const char *state_dir, const struct nt_pod *pod);
/* DEL: drops the note unless it is that of another netns, where the same container was added anew
 * meanwhile (T18). netns: NULL or "" when not known; then the note stays while its netns is there.
 */
void nt_failure_end(const char *state_dir, const struct nt_pod *pod, const char *netns);

enum nt_failure {
	NT_FAILURE_NONE = 0,
	NT_FAILURE_FAILED = 1,
	NT_FAILURE_EXCLUDED = 2,
};
/* What the pod's note says. */
enum nt_failure nt_failure_find(const char *state_dir, const struct nt_pod *pod);

/* Calls fn with each pod that is left alone on purpose: container id, interface, namespace, name
 * and UID, as they were given. For who knows a pod by other names than its container's. */
typedef void nt_failure_excluded_fn(void *ctx, const struct nt_pod *pod);
void nt_failure_each_excluded(const char *state_dir, nt_failure_excluded_fn *fn, void *ctx);

/* Drops the notes of a network's attachments that is_valid does not know. */
typedef bool nt_failure_valid_fn(void *ctx, const char *container_id, const char *ifname);
void nt_failure_sweep(const char *state_dir, const char *network, nt_failure_valid_fn *is_valid,
		      void *ctx);
