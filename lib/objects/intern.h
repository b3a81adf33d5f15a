/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside lib/objects only: strings and sets of labels that many objects share, each kept once and
 * counted. Equal ones of one pool are the same pointer. Not thread-safe.
 */
#pragma once

#include "lib/base/err.h"
#include "lib/record/record.h"

struct nt_intern;

int nt_intern_new(struct nt_intern **ret_intern) NT_MUSTCHECK;
/* Everything that was taken has been given back by then. */
void nt_intern_free(struct nt_intern *x);

/* With a NUL behind it; p NULL without memory. Of the empty string p is not NULL. */
struct nt_slice nt_intern_take(struct nt_intern *x, struct nt_slice s);
/* The one that is there; p NULL: none is. */
struct nt_slice nt_intern_find(const struct nt_intern *x, struct nt_slice s);
/* One that was taken; p NULL is nothing. */
void nt_intern_drop(struct nt_intern *x, struct nt_slice s);

/* labels: keys and values taken from this pool, sorted by key; they belong to the set from now on,
 * also when this fails. NULL without memory or when there are none. */
const struct nt_label *nt_intern_take_labels(struct nt_intern *x, const struct nt_label *labels,
					     size_t len);
void nt_intern_drop_labels(struct nt_intern *x, const struct nt_label *labels);

/* Of all that is in it. */
size_t nt_intern_bytes(const struct nt_intern *x);
