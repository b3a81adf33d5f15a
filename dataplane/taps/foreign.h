/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What another NT_ABI_VERSION has pinned, for load.c to take over. Programs of both versions run
 * beside each other while links change hands, so what programs write is one map for both: numbers,
 * ring, shares, the rules and their key. What only userspace writes is copied into maps of ours,
 * under the root's lock. Nothing of theirs is changed. For this folder only.
 */
#pragma once

#include "dataplane/taps/internal.h"

struct bpf_object;

struct nt_foreign {
	struct nt_taps *t; /* borrowed: the root's path */
	const struct btf *ours; /* borrowed */
	struct btf *btf; /* theirs */
	int meta_fd;
	struct nt_meta meta; /* theirs, read as ours; with their version */
};

/* Reads whose root it is and whether all of it can be taken over. -EPROTO: it cannot, with the
 * reason; -EEXIST: somebody else's. nt_foreign_done in any case. */
int nt_foreign_open(struct nt_foreign *f, struct nt_taps *t, const struct btf *ours,
		    struct nt_err *err) NT_MUSTCHECK;
void nt_foreign_done(struct nt_foreign *f);

/* Before obj is loaded: the maps that both versions use. */
int nt_foreign_share(const struct nt_foreign *f, struct bpf_object *obj,
		     struct nt_err *err) NT_MUSTCHECK;
/* After: the entries of all others, but for meta. */
int nt_foreign_copy(const struct nt_foreign *f, struct bpf_object *obj,
		    struct nt_err *err) NT_MUSTCHECK;
/* Pins into folder what goes on as it is: the links, and what their events look like. */
int nt_foreign_keep(const struct nt_foreign *f, const char *folder,
		    struct nt_err *err) NT_MUSTCHECK;

/* Element 0 of an array of another version as ours. */
int nt_foreign_read(int map_fd, const struct btf *ours, const char *name, const char *needs,
		    void *ret_value, struct nt_err *err) NT_MUSTCHECK;
/* What is pinned of versions whose events may be in the ring still. */
void nt_foreign_layouts(const struct nt_taps *t, const struct btf *ours,
			struct nt_layouts *ret_layouts);
