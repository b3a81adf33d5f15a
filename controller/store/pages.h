/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All rows of a range, for what goes through the log: page by page, so that no snapshot keeps the
 * store's own log from shrinking, and writers never wait.
 */
#pragma once

#include "controller/store/store.h"

#define NT_STORE_PAGE_ROWS 20000

/* Until the end, or until fn returns false. *ret_late: a page took the store's own time, and what
 * is behind it was not read. -EBUSY: retention took rows away while they were read, the same may be
 * asked again; else what nt_store_rows says. order: not NT_STORE_ARRIVAL. */
int nt_store_pages(struct nt_store_reader *r, const struct nt_store_range *range,
		   enum nt_store_order order, nt_store_row_fn *fn, void *ctx, bool *ret_late,
		   struct nt_err *err) NT_MUSTCHECK;
