/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside lib/objects only: the store that a source (dir.c) fills and objects.c reads. A source owns
 * its files; the index borrows from them and is rebuilt after each change.
 */
#pragma once

#include <limits.h>
#include <sys/stat.h>

#include "lib/objects/manifest.h"

/* Kinds that nametap reads (changes.c has their names). */
#define NT_OBJECTS_KINDS 12

struct nt_object_file {
	char *name; /* within the directory; owned, also path */
	char *path;
	struct nt_manifest manifest; /* the objects in force, and what is wrong with the text */
	bool whole; /* the objects in force are those of a text without a mistake */
	bool dirty; /* to be read again */
	bool seen; /* by the scan that runs */
	struct stat identity; /* of what was read last */
	struct nt_manifest before; /* what it held, until the change is told */
	struct nt_object_file *next_gone; /* in nt_objects.gone */
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
	int64_t since_us; /* of dir_problem, or of there being none */
	struct nt_object_file *gone; /* their objects, until that is told */

	/* The index. */
	struct nt_object_entry *entries; /* by kind, namespace, name */
	size_t entries_len;
	struct nt_objects_problem *problems; /* path points into files or is o->path */
	size_t problems_len, problems_cap;
	uint64_t generation;

	/* The listener, and when a kind changed last (changes.c). */
	nt_objects_change_fn *change_fn;
	void *change_ctx;
	uint64_t kind_generations[NT_OBJECTS_KINDS];
};

/* After files changed: entries and problems anew, and the listener is told of the difference, for
 * which the objects of before are still there. Without memory the store is empty and says so. */
void nt_objects_reindex(struct nt_objects *o);
/* The entries of before against those of now: generations of kinds, the listener. */
void nt_objects_tell(struct nt_objects *o, const struct nt_object_entry *before, size_t before_len);
/* By kind, namespace, name. */
int nt_objects_compare(const struct nt_object *a, const struct nt_object *b);
