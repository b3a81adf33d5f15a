/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Marks of the plugin's calls: by which way it was called last, for an ADD and for a DEL. Files
 * `seen/WAY-VERB` in the state folder, whose time of change is all that they say. The installer
 * tells from them whether the runtime honours libcni's drop-in folder
 * (dataplane/installer/dropin.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Key of the entry in a drop-in folder: {"io.nametap.via": "drop-in"}. */
#define NT_SEEN_KEY "io.nametap.via"
#define NT_SEEN_DROPIN "drop-in"

enum nt_seen_verb {
	NT_SEEN_ADD = 0,
	NT_SEEN_DEL = 1,
};

/* state_dir: NULL for the default. A mark that cannot be made is not worth failing a call for. */
void nt_seen_put(const char *state_dir, bool via_dropin, enum nt_seen_verb verb);
/* CLOCK_REALTIME, ns since 1970; 0: never. */
int64_t nt_seen_get(const char *state_dir, bool via_dropin, enum nt_seen_verb verb);
