/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside lib/objects only: the objects of one kind in order of namespace and name, in blocks, so
 * that one more costs a search and a short move. Borrows them.
 */
#pragma once

#include "lib/objects/compact.h"

struct nt_order_block;

struct nt_order {
	struct nt_order_block **blocks;
	size_t blocks_len, blocks_cap;
	size_t len;
	/* Where nt_order_at was last: callers ask for one after the other. */
	size_t last_block, last_first;
};

/* By namespace, name. */
int nt_order_compare(struct nt_slice namespace_a, struct nt_slice name_a,
		     struct nt_slice namespace_b, struct nt_slice name_b);
/* NULL: it is not there. */
struct nt_compact *nt_order_find(const struct nt_order *o, struct nt_slice namespace_,
				 struct nt_slice name);
/* In place of the one of that namespace and name, which it returns; NULL: there was none, and
 * nothing was put. */
struct nt_compact *nt_order_replace(struct nt_order *o, struct nt_compact *c);
/* One that is not there. -ENOMEM. */
int nt_order_insert(struct nt_order *o, struct nt_compact *c) NT_MUSTCHECK;
/* One that is there. */
void nt_order_remove(struct nt_order *o, const struct nt_compact *c);
/* NULL at the end. */
struct nt_compact *nt_order_at(struct nt_order *o, size_t index);
void nt_order_done(struct nt_order *o);
