/* SPDX-License-Identifier: Apache-2.0 */
/* All rows of a range, page by page. */
#include "controller/store/pages.h"

struct pages {
	nt_store_row_fn *fn;
	void *ctx;
	bool stopped;
};

static bool give_on(void *ctx, int64_t row_id, const struct nt_record *record, const char *why)
{
	struct pages *p = ctx;

	p->stopped = !p->fn(p->ctx, row_id, record, why);
	return !p->stopped;
}

int nt_store_pages(struct nt_store_reader *r, const struct nt_store_range *range,
		   enum nt_store_order order, nt_store_row_fn *fn, void *ctx, bool *ret_late,
		   struct nt_err *err)
{
	struct pages pages = { .fn = fn, .ctx = ctx };
	int64_t cursor = 0;
	int result;

	do {
		result = nt_store_rows(r, range, order, NT_STORE_PAGE_ROWS, cursor, give_on, &pages,
				       &cursor, err);
	} while (result == 0 && cursor && !pages.stopped);
	*ret_late = result == -ETIMEDOUT;
	if (result == -ENOENT)
		return nt_err_set(err, EBUSY,
				  "rows of the range expired while they were read: ask again");
	return *ret_late ? 0 : result;
}
