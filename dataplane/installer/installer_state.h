/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside dataplane/installer only: what the files of the installer share. installer.c has its life,
 * the folders, the program and the round; installer_note.c what an uninstall must find and how
 * often a file may be repaired; installer_conf.c the configuration that the runtime takes;
 * installer_dropin.c libcni's drop-in folder.
 */
#pragma once

#include <limits.h>

#include "dataplane/installer/binary.h"
#include "dataplane/installer/chain.h"
#include "dataplane/installer/installer.h"
#include "dataplane/installer/layout.h"
#include "dataplane/installer/pace.h"
#include "dataplane/installer/record.h"

struct nt_installer {
	struct nt_installer_config config;
	int root_fd;
	struct nt_layout layout;
	struct nt_layout next; /* another one, as the last look found it */
	/* The same folders, links followed: what the record names, for an uninstall that joins
	 * --host-root and a path. */
	char conf_path[512], bin_path[512];
	char plugin[PATH_MAX];
	char *entry, *dropin_text; /* owned */
	struct nt_install_record record;
	bool knows_record; /* it was read, or there is none */
	bool no_program; /* not in its folder, and not to be put there: no entry either */
	struct nt_binary binary;
	struct nt_pace pace, binary_pace; /* of the folder of configurations; of the program */
	struct nt_dropin dropin;
	char network[128]; /* the drop-in's */
	char bad[1024]; /* the first bad file and why, since bad_since_ns */
	int64_t bad_since_ns;
	bool swept;
	struct nt_installer_stats stats;
};

/* Opens one of the folders of the layout; ret_path, 512 octets: where it really is. Descriptor, or
 * -errno: -ESTALE, the host has another one by now. */
int nt_installer_open_dir(const struct nt_installer *i, const char *dir, char *ret_path,
			  struct nt_err *err) NT_MUSTCHECK;

/* --- installer_note.c --- */

/* A dry run's before and after of a file; NULL or empty: it does not exist. */
void nt_installer_show(const struct nt_installer *i, const char *path, const struct nt_buf *before,
		       const struct nt_buf *after);
int nt_installer_load_record(struct nt_installer *i, struct nt_err *err) NT_MUSTCHECK;
/* Before the thing itself: an uninstall must find it whatever happens in between. */
int nt_installer_remember(struct nt_installer *i, enum nt_installed_kind kind, const char *path,
			  bool was_there, struct nt_err *err) NT_MUSTCHECK;
/* Before it is written: after a kill in between it is still known as ours. */
int nt_installer_remember_entry(struct nt_installer *i, struct nt_err *err) NT_MUSTCHECK;
int nt_installer_forget(struct nt_installer *i, const char *path, struct nt_err *err) NT_MUSTCHECK;
/* Our entry is in place: the record says all of it, also what was not changed. */
int nt_installer_settle(struct nt_installer *i, const struct nt_chain *chain,
			struct nt_err *err) NT_MUSTCHECK;
/* May it be repaired now? If not, *wait_ns says when, and *err why. */
bool nt_installer_may_repair(struct nt_installer *i, struct nt_pace *pace, const char *path,
			     int64_t now_ns, int64_t *wait_ns, struct nt_err *err);

/* --- installer_conf.c --- */

/* Is our entry to be in the list? */
bool nt_installer_wants_entry(const struct nt_installer *i);
/* 0; *wait_ns is set when a repair was due and must wait. */
int nt_installer_fit_conf(struct nt_installer *i, int64_t now_ns, int64_t *wait_ns,
			  struct nt_err *err) NT_MUSTCHECK;

/* --- installer_dropin.c --- */

bool nt_installer_wants_dropin(const struct nt_installer *i);
void nt_installer_dropin_path(const struct nt_installer *i, const char *network, char *out,
			      size_t size);
/* True when the list must be looked at once more. */
bool nt_installer_decide_dropin(struct nt_installer *i, int conf_fd, const struct nt_chain *chain);
int nt_installer_put_dropin(struct nt_installer *i, int conf_fd, struct nt_err *err) NT_MUSTCHECK;
/* Drop-ins that are remembered and not wanted: of this network or of a former one. */
int nt_installer_drop_dropins(struct nt_installer *i, int conf_fd, bool keep_ours,
			      struct nt_err *err) NT_MUSTCHECK;
