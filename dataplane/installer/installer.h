/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plugin in this node's CNI chain: one round looks at everything and puts right what is not,
 * the binary before the entry that names it. Rounds do not depend on each other: whatever another
 * program did since the last one, the next one makes it right. When to have one is the caller's:
 * watcher.h. Blocks on disk; one thread.
 *
 * It never makes a first configuration, and never touches a file that is being written.
 */
#pragma once

#include <stdio.h>

#include "dataplane/installer/dropin.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

/* All borrowed. NULL where a default is named. */
struct nt_installer_config {
	const char *host_root; /* NULL: / */
	const char *conf_dir, *bin_dir; /* on the host; NULL: found (layout.h) */
	const char *plugin; /* our own path; NULL: `nametap` beside this program */
	const char *plugin_config; /* JSON object: more keys of our entry; NULL: none */
	const char *record; /* our own path; NULL: NT_INSTALL_RECORD_DEFAULT */
	const char *state_dir, *pin_root; /* as the agent has them; in the entry if not default */
	const char *cni_cache; /* our own path; NULL: no drop-in, since nobody could watch it */
	bool drop_in; /* try libcni's drop-in folder */
	bool dry_run; /* nothing is written */
	FILE *show; /* before and after of each change; NULL: not shown */
};

enum nt_install_state {
	NT_INSTALL_WAITING = 0, /* for a folder or a first configuration */
	NT_INSTALL_HALF = 1, /* for somebody who writes the configuration */
	NT_INSTALL_INVALID = 2, /* the first configuration is none that a runtime loads */
	NT_INSTALL_UNSUPPORTED = 3, /* its CNI version is none of the plugin's */
	NT_INSTALL_READY = 4, /* as it should be */
	NT_INSTALL_FAILED = 5, /* something could not be written; the log says what */
	NT_INSTALL_HELD = 6, /* a repair is due and waits: another program undoes each (pace.h) */
	NT_INSTALL_STATES = 7,
};

extern const char *const nt_install_state_names[NT_INSTALL_STATES];

struct nt_installer_stats {
	enum nt_install_state state;
	enum nt_dropin_phase drop_in;
	uint64_t repairs; /* changes written: binary, list, drop-in */
	uint64_t failures; /* rounds that failed */
	uint64_t races; /* changes given up because somebody wrote meanwhile; tried again */
	uint64_t half; /* times that a configuration was found half-written */
	uint64_t fights; /* times that another program undid us again and again */
	uint64_t fallbacks; /* from the drop-in to the list, since a sandbox came without an ADD */
};

struct nt_installer;

int nt_installer_new(const struct nt_installer_config *config, struct nt_installer **ret_installer,
		     struct nt_err *err) NT_MUSTCHECK;
void nt_installer_free(struct nt_installer *i);

/* One round. now_ns: CLOCK_BOOTTIME. Returns after how many ns there should be another one at the
 * latest. *err: what nt_installer_stats().state means here, one sentence; empty when ready. */
int64_t nt_installer_round(struct nt_installer *i, int64_t now_ns, struct nt_err *err);
struct nt_installer_stats nt_installer_stats(const struct nt_installer *i);
/* Folders on the host, as found so far; "" before. */
const char *nt_installer_conf_dir(const struct nt_installer *i);
const char *nt_installer_bin_dir(const struct nt_installer *i);
int nt_installer_root_fd(const struct nt_installer *i);
