/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plugin's binary in the runtime's folder: written beside it, synced, mode 0755, renamed, so
 * that a runtime that starts it meanwhile runs the old one or the new one, whole. Only when the
 * content differs. May block on disk.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "lib/base/err.h"

#define NT_BINARY_NAME "nametap"

/* What was compared last, so that an unchanged file is not read again. Zero-initialise. */
struct nt_binary {
	struct stat source, placed;
	bool same;
};

enum nt_binary_state {
	NT_BINARY_SAME = 0,
	NT_BINARY_DIFFERS = 1,
	NT_BINARY_MISSING = 2,
};

/* Compares the file `source` (a path of ours) with the one in the folder; an enum nt_binary_state,
 * or -errno when the source cannot be read or is no program. */
int nt_binary_check(struct nt_binary *b, int bin_dir_fd, const char *source,
		    struct nt_err *err) NT_MUSTCHECK;
int nt_binary_place(struct nt_binary *b, int bin_dir_fd, const char *source,
		    struct nt_err *err) NT_MUSTCHECK;
