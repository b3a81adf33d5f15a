/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records that a query takes, or does not: for proving a rule without waiting for its case. It
 * looks for values that the query's own conditions name or lie beside, one condition after the
 * other, and goes back where they exclude each other. What it gives was held against nt_query_eval;
 * that it finds nothing is a proof where it says so. Pure, any thread; bounded steps.
 */
#pragma once

#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/query/query.h"
#include "lib/record/record.h"

struct nt_query_wish {
	const struct nt_query *query;
	bool holds; /* shall it? */
};

struct nt_query_invention {
	const struct nt_query_wish *wishes; /* all of them are to be met */
	size_t len;
	const struct nt_record *base; /* what the record is where no condition says otherwise */
	size_t number; /* others give other texts where a pattern or a set leaves a choice */
	struct nt_arena *arena; /* of what is new in the record */
};

/* Lists and texts of *ret_record are those of the base, of the queries and of the arena. -ENOENT:
 * no record of the base's type meets the wishes; -EOPNOTSUPP: none was found; -ENOMEM. With the
 * field that is in the way in err. */
int nt_query_invent(const struct nt_query_invention *wanted, struct nt_record *ret_record,
		    struct nt_err *err) NT_MUSTCHECK;
