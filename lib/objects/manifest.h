/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One manifest file: its text to Kubernetes objects and to the problems that a person has to see.
 * Lists (`kind: List`, `PodList`) are unfolded. Bounded by lib/objects/yaml.h and by
 * NT_MANIFEST_PROBLEMS_MAX. Pure, no I/O.
 */
#pragma once

#include "lib/objects/compact.h"
#include "lib/objects/yaml.h"

/* Enough to mend a file by; after that the rest is one sentence. */
#define NT_MANIFEST_PROBLEMS_MAX 100

struct nt_manifest_object {
	struct nt_compact *compact; /* owned */
	size_t line;
};

struct nt_manifest {
	struct nt_intern *intern; /* borrowed; NULL: it makes one of its own */
	bool owns_intern;
	struct nt_manifest_object *objects; /* in order of the text */
	size_t objects_len, objects_cap;
	struct nt_yaml_problem *problems;
	size_t problems_len, problems_cap;
};

enum nt_manifest_syntax {
	NT_MANIFEST_YAML = 0,
	NT_MANIFEST_JSON = 1,
};

/* Zero-initialise ret_manifest.  What is wrong with the text is in its
 * problems; -ENOMEM is the only failure, the manifest is empty then. */
int nt_manifest_parse(struct nt_slice text, enum nt_manifest_syntax syntax,
		      struct nt_manifest *ret_manifest) NT_MUSTCHECK;
/* Adds a problem; nothing happens without memory or beyond NT_MANIFEST_PROBLEMS_MAX. */
void nt_manifest_problem(struct nt_manifest *m, size_t line, const char *fmt, ...) NT_PRINTF(3, 4);
void nt_manifest_done(struct nt_manifest *m);
