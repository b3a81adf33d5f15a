/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was installed on this node, on disk, so that an uninstall finds it after a restart and with
 * other options: which folders, which files of net.d we have touched, where the binary is. A JSON
 * file; written (atomically) before the thing that it names is made, so it may name what is not
 * there, and never misses what is. Paths are the host's, without --host-root. Not thread-safe.
 *
 * It holds no former content: what a file was is got back from the file itself (conflist.h).
 */
#pragma once

#include <stdbool.h>

#include "lib/base/err.h"

/* On disk, not in /run: net.d outlives a restart of the machine. */
#define NT_INSTALL_RECORD_DEFAULT "/var/lib/nametap/installed.json"
/* Files that are remembered, at most; a node has one or two networks. */
#define NT_INSTALL_FILES_MAX 256
/* Forms of our entry, at most: one for each time that the options changed. */
#define NT_INSTALL_ENTRIES_MAX 8

enum nt_installed_kind {
	NT_INSTALLED_ENTRY = 0, /* our entry is in somebody's list: nt_conflist_remove() */
	NT_INSTALLED_MADE = 1, /* a list that we made beside a .conf: unlink */
	NT_INSTALLED_DROPIN = 2, /* our file in <net.d>/<network>/: unlink, then rmdir the folder */
	NT_INSTALLED_BINARY = 3, /* the plugin: unlink */
};

struct nt_installed {
	enum nt_installed_kind kind;
	char path[512]; /* absolute, links followed */
	/* Of the binary and the drop-in: was there something of this name before us? Then it was a
	 * plugin of ours that somebody copied by hand, and its folder is not ours to remove. */
	bool was_there;
};

struct nt_install_record {
	char conf_dir[512]; /* "": none yet */
	char bin_dir[512];
	/* Owned: our entry as we wrote it, JSON, the newest first; NULL: no more. A list that was
	 * not the first for long may have an old one. */
	char *entries[NT_INSTALL_ENTRIES_MAX];
	struct nt_installed *files; /* owned */
	unsigned files_len;
};

/* path: in the caller's own file system, also where the rest is below --host-root. -ENOENT: nothing
 * was installed (*ret_record is empty then); -EBADMSG: damaged. nt_install_record_done() in any
 * case.
 */
int nt_install_record_load(const char *path, struct nt_install_record *ret_record,
			   struct nt_err *err) NT_MUSTCHECK;
int nt_install_record_save(const char *path, const struct nt_install_record *record,
			   struct nt_err *err) NT_MUSTCHECK;
void nt_install_record_done(struct nt_install_record *r);
/* Adds a file, or updates the one of this path (was_there stays as it was). 1: something changed,
 * 0: it was known, -ENOSPC: NT_INSTALL_FILES_MAX, -ENOMEM, -ENAMETOOLONG. */
int nt_install_record_add(struct nt_install_record *r, enum nt_installed_kind kind,
			  const char *path, bool was_there) NT_MUSTCHECK;
/* The newest form of our entry. 1: something changed, 0: it was that already, -ENOMEM. */
int nt_install_record_entry(struct nt_install_record *r, const char *entry) NT_MUSTCHECK;
/* Forgets a file; true when it was there. */
bool nt_install_record_drop(struct nt_install_record *r, const char *path);
