/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much of the log was gone through: rows of a range, newest first, until a time is over. What
 * is not read then is the oldest.
 */
#pragma once

#include "controller/store/store.h"

#define NT_SPAN_SECONDS 20

struct nt_span {
	bool late; /* the time was used up: of what is before from_us nothing was read */
	int64_t from_us, to_us; /* of this part of the range all that there is was read */
	uint64_t rows, rows_unreadable;
};

typedef bool nt_span_fn(void *ctx, const struct nt_record *record);
/* Calls fn for each row, until it returns false; budget_ns: of time, 0: NT_SPAN_SECONDS; a page of
 * which few rows match may take the store's 20 s more. 0; -EBUSY: retention took rows away
 * meanwhile, the same may be asked again; or what the store says. */
int nt_span_read(struct nt_store *store, struct nt_store_reader *reader,
		 const struct nt_store_range *range, int64_t budget_ns, nt_span_fn *fn, void *ctx,
		 struct nt_span *ret_span, struct nt_err *err) NT_MUSTCHECK;
