/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside lib/objects only: the directory source. Its files hold the objects that each of them has;
 * which of them are in force is worked out anew after each change (dir_index.c).
 */
#pragma once

#include <limits.h>
#include <sys/stat.h>

#include "lib/objects/manifest.h"

struct nt_object_file {
	char *name; /* within the directory; owned, also path */
	char *path;
	struct nt_manifest manifest; /* the objects in force, and what is wrong with the text */
	bool whole; /* the objects in force are those of a text without a mistake */
	bool dirty; /* to be read again */
	bool seen; /* by the scan that runs */
	struct stat identity; /* of what was read last */
};

struct nt_objects_dir {
	char *path;
	int inotify_fd, dir_wd, parent_wd;
	struct nt_intern *intern; /* the store's */
	struct nt_object_file **files; /* by name */
	size_t files_len, files_cap;
	char dir_problem[256]; /* "" when all is well */
	int64_t since_us; /* of dir_problem, or of there being none */
};

/* Kinds that nametap reads, in the order in which they are shown; ends in NULL. */
extern const char *const nt_objects_kinds_read[];

/* What the files hold into the store, with their problems. Without memory what cannot be seen is
 * missing, and a problem says so. */
void nt_objects_dir_index(struct nt_objects_dir *d, struct nt_objects *objects);
