/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A value for one field of a record with which terms about that field hold, or do not, as they are
 * wanted. Part of invent.c, for lib/query only.
 */
#pragma once

#include "lib/query/ast.h"

struct nt_fit_term {
	const struct nt_query_node *node;
	bool holds; /* shall it? */
};

struct nt_fit {
	const struct nt_fit_term *terms;
	size_t len;
	struct nt_arena *arena;
	size_t number; /* for texts that are to differ */
	/* Some search ended without a value and without a proof that there is none. */
	bool unproven;
};

/* Is a term about the field, or a member of the list that it is? */
bool nt_fit_concerns(const struct nt_fit *fit, const struct nt_field *field);
/* Changes the record's field; false: no value was found, and the record is not to be used. */
bool nt_fit_field(struct nt_fit *fit, const struct nt_field *field, struct nt_record *record);
