/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of an aggregate as records again, for tests: what was encoded, read back. */
#pragma once

#include <check.h>

#include "lib/record/aggregate.h"
#include "lib/record/codec.h"

/* All of it in arena, which must be there as long as the records. */
static inline size_t rows_read(struct nt_aggregate *agg, struct nt_arena *arena,
			       struct nt_record **ret_records)
{
	struct nt_row *rows;
	size_t len = nt_aggregate_rows(agg, &rows);
	struct nt_record *records = nt_arena_alloc(arena, (len + 1) * sizeof(*records));

	ck_assert_ptr_nonnull(records);
	for (size_t i = 0; i < len; i++) {
		_cleanup_buf_ struct nt_buf wire = { 0 };
		struct nt_err err = { 0 };
		struct nt_slice kept;

		nt_row_wire(&rows[i], &wire);
		kept = nt_arena_copy(arena, nt_slice_mem(wire.p, wire.len));
		ck_assert_msg(nt_record_from_wire(kept, arena, &records[i], &err) == 0, "%s",
			      err.msg);
	}
	*ret_records = records;
	return len;
}
