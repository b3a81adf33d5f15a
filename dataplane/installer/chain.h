/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network configuration that a runtime takes from a folder, and what has to change in the
 * folder for our entry to be last in it. As libcni, containerd and CRI-O have it: the first file by
 * name (octet by octet) whose suffix is .conf, .conflist or .json; folders are not looked at.
 *
 * A list gets our entry. A `.conf` or `.json` (one plugin, which nothing can be chained to) stays
 * as it is, and a list made from it is put beside it under a name that sorts just before:
 * `10-net.conf` and `10-net-nametap.conflist`. It is made anew when the `.conf` changes, and goes
 * when that goes.
 *
 * nt_chain_look() only reads; nt_chain_apply() writes what it found. May block on disk.
 */
#pragma once

#include <sys/stat.h>

#include "dataplane/installer/conflist.h"

/* Changes of one look: the list, and lists of ours whose .conf is gone. */
#define NT_CHAIN_CHANGES_MAX 8
#define NT_CHAIN_MADE_SUFFIX "-nametap.conflist"

enum nt_chain_state {
	NT_CHAIN_NONE = 0, /* no configuration: there is none yet, or only loopback's */
	NT_CHAIN_HALF = 1, /* the first one is no JSON: perhaps it is being written */
	NT_CHAIN_INVALID = 2, /* a runtime would not load the first one */
	NT_CHAIN_UNSUPPORTED = 3, /* of a CNI version that the plugin does not speak */
	NT_CHAIN_READY = 4, /* as it should be, or will be after the changes */
};

enum nt_change_kind {
	NT_CHANGE_REPLACE = 0, /* a file of somebody else */
	NT_CHANGE_PUT = 1, /* a file of ours, new or changed */
	NT_CHANGE_REMOVE = 2, /* a file of ours */
};

struct nt_change {
	enum nt_change_kind kind;
	char name[256]; /* in the folder */
	struct nt_buf before, after; /* before is empty for a new file */
	int fd; /* of what is replaced, or whose mode and owner a new file gets; -1: none */
	struct stat seen; /* of fd, before it was read */
};

struct nt_chain {
	enum nt_chain_state state;
	char file[256]; /* the first one; "" with NT_CHAIN_NONE */
	char network[128];
	bool is_list; /* a .conflist, so that a drop-in folder may be read */
	bool only_inlined;
	struct nt_err why; /* of states that are not NT_CHAIN_READY */
	unsigned changes_len;
	struct nt_change changes[NT_CHAIN_CHANGES_MAX];
};

struct nt_chain_want {
	int root_fd; /* the host's root */
	const char *dir; /* on the host */
	struct nt_slice entry; /* ours, JSON */
	/* The entry as former starts wrote it, JSON; one that is different from all was put there
	 * by hand and keeps its keys. The first NULL ends them. */
	char *const *former;
	unsigned former_len;
	bool in_list; /* false: the drop-in does it, no entry in the list */
	bool no_program; /* nor in a list that we make: those go */
	unsigned skip_bad; /* so many first files that no runtime loads are passed over */
};

/* Of the list beside a .conf or .json; false when that is too long. */
bool nt_chain_made_name(const char *conf, char *ret_name, size_t size) NT_MUSTCHECK;
/* dir_fd: want->dir, open. 0, or -errno when the folder cannot be read. Call nt_chain_done. */
int nt_chain_look(int dir_fd, const struct nt_chain_want *want, struct nt_chain *ret_chain,
		  struct nt_err *err) NT_MUSTCHECK;
void nt_chain_done(struct nt_chain *c);
#define _cleanup_chain_ __attribute__((cleanup(nt_chain_done)))
/* Writes one change. 0, -EAGAIN: the file changed since the look, or -errno. */
int nt_chain_apply(int dir_fd, const struct nt_change *change, struct nt_err *err) NT_MUSTCHECK;
/* Makes containerd 1.6 read the folder again: it notices what is written, renamed or removed in the
 * folder itself, not where a link of it leads to, nor below it. */
void nt_chain_kick(int dir_fd);
