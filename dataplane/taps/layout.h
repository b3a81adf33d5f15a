/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structures of abi.h as another NT_ABI_VERSION has them, read as ours: field by field, by name.
 * How the others lie is not known here; the kernel has it, since each pinned map bears the BTF of
 * the object that made it. So an older agent reads what a newer one left just as well. A field that
 * only we have becomes 0, one that only they have is left out. Plain data; not for the data path.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "dataplane/abi.h"
#include "lib/base/err.h"

struct btf;

/* Fields and members of arrays; struct nt_pod has 62. */
#define NT_LAYOUT_STEPS 160

struct nt_layout {
	__u32 from_size, to_size;
	__u32 len;
	struct nt_layout_step {
		__u16 from, to; /* offsets */
		__u16 from_len, to_len;
		bool is_number; /* else octets, of which as many are copied as both have */
	} steps[NT_LAYOUT_STEPS];
};

/* BTF of the object that made a map. Free with btf__free. NULL: the kernel does not say. */
struct btf *nt_layout_btf(int map_fd, struct nt_err *err);

/*
 * How structure `name` of `theirs` becomes that of `ours`. needs: its fields without which it means
 * nothing, with spaces between. A field whose meaning changes gets another name, so that is what
 * tells. -EPROTO: there is no such structure, one of these fields is missing, or another kind of
 * thing.
 */
int nt_layout_plan(const struct btf *theirs, const struct btf *ours, const char *name,
		   const char *needs, struct nt_layout *ret_layout,
		   struct nt_err *err) NT_MUSTCHECK;
/* to: l->to_size octets, all of which are written. A number that is too large for us is cut. */
void nt_layout_read(const struct nt_layout *l, const void *from, void *to);

/* --- events ---------------------------------------------------------------------------------- */

/* Versions that can have events in one ring: an upgrade, the way back, and so on before an agent
 * has read what is there. */
#define NT_LAYOUTS_MAX 8

struct nt_layouts {
	__u32 len;
	struct {
		__u32 version;
		struct nt_layout event;
	} of[NT_LAYOUTS_MAX];
};

/*
 * A sample that programs of another version wrote, as one of ours: header and payload in room,
 * which has NT_LAYOUT_SAMPLE octets. Returns its length; 0: that version is not in l, or the sample
 * is not whole.
 */
#define NT_LAYOUT_SAMPLE (sizeof(struct nt_event) + NT_CAP_MAX)
size_t nt_layouts_event(const struct nt_layouts *l, const void *sample, size_t len, void *room);
