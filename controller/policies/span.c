/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of a range within a time. */
#include "controller/policies/span.h"

#include "controller/store/pages.h"
#include "lib/base/clock.h"

struct reading {
	nt_span_fn *fn;
	void *ctx;
	int64_t deadline_ns; /* CLOCK_MONOTONIC */
	int64_t oldest_us; /* of the rows that were read */
	struct nt_span *span;
};

static bool take_row(void *ctx, int64_t row_id, const struct nt_record *record, const char *why)
{
	struct reading *r = ctx;

	(void)row_id;
	(void)why;
	r->span->late = nt_clock_monotonic_now() > r->deadline_ns;
	if (r->span->late)
		return false;
	r->span->rows++;
	r->span->rows_unreadable += !record;
	if (!record)
		return true;
	r->oldest_us = record->start_us;
	return r->fn(r->ctx, record);
}

int nt_span_read(struct nt_store *store, struct nt_store_reader *reader,
		 const struct nt_store_range *range, int64_t budget_ns, nt_span_fn *fn, void *ctx,
		 struct nt_span *ret_span, struct nt_err *err)
{
	int64_t log_from_us = nt_store_stats(store).oldest_us; /* 0: it is empty */
	struct nt_span span = { .from_us = range->from_us, .to_us = range->to_us };
	struct reading reading = {
		.fn = fn,
		.ctx = ctx,
		.deadline_ns =
			nt_clock_monotonic_now() + (budget_ns ?: NT_SPAN_SECONDS * NT_NS_PER_S),
		.oldest_us = range->to_us,
		.span = &span,
	};
	bool late;
	int r = nt_store_pages(reader, range, NT_STORE_NEWEST, take_row, &reading, &late, err);

	if (r < 0)
		return r;
	span.late |= late;
	if (!log_from_us || log_from_us > span.to_us)
		span.from_us = span.to_us;
	else if (log_from_us > span.from_us)
		span.from_us = log_from_us;
	if (span.late)
		span.from_us = reading.oldest_us;
	*ret_span = span;
	return 0;
}
