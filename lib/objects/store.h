/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside lib/objects only: the store that a source (dir.c) fills and objects.c reads. A source owns
 * its files; the index borrows from them and is rebuilt after each change.
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

struct nt_object_entry {
	const struct nt_manifest_object *item;
	const struct nt_object_file *file;
	size_t order; /* of the text: the first of two wins */
};

struct nt_objects {
	/* The source. */
	char *path;
	int inotify_fd, dir_wd, parent_wd;
	struct nt_object_file **files; /* by name */
	size_t files_len, files_cap;
	char dir_problem[256]; /* "" when all is well */

	/* The index. */
	struct nt_object_entry *entries; /* by kind, namespace, name */
	size_t entries_len;
	struct nt_objects_problem *problems; /* path points into files or is o->path */
	size_t problems_len, problems_cap;
	uint64_t generation;
};

/* After files changed: entries and problems anew. Without memory the store is empty and says so. */
void nt_objects_reindex(struct nt_objects *o);
