/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "Did you mean": which of some known words is nearest to one that is not known, by the edits that
 * typing errors are (insert, delete, replace, swap two neighbours), ASCII case ignored. Pure.
 */
#pragma once

#include "lib/base/slice.h"

/* Longer words than any field or keyword has are near to nothing. */
#define NT_NEAREST_WORD_MAX 40

struct nt_nearest {
	struct nt_slice wrong;
	const char *best; /* NULL: nothing near yet */
	size_t edits; /* of best */
};

static inline struct nt_nearest nt_nearest_of(struct nt_slice wrong)
{
	return (struct nt_nearest){ .wrong = wrong, .edits = NT_NEAREST_WORD_MAX };
}

/* Takes the candidate when it is nearer than best, and near at all: one edit, and one more for
 * every four letters. The first of equals stays. */
void nt_nearest_consider(struct nt_nearest *n, const char *candidate);
/* The nearest of a list that ends in NULL, or NULL. */
const char *nt_nearest_in(struct nt_slice wrong, const char *const *candidates);
