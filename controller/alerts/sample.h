/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows that a rule must fire on, and rows that it must not: made from the rule itself, by its
 * query, metric and threshold, or those that its spec.test gives. They are the rows of one
 * lookback; who tries the rule repeats them in each. Pure, any thread. For controller/alerts only.
 */
#pragma once

#include "controller/alerts/rule.h"
#include "lib/base/arena.h"

/* Of one set; what needs more is not tried. */
#define NT_SAMPLE_ROWS_MAX 4096

struct nt_sample_row {
	struct nt_record record; /* without id and times, which who tries the rule gives */
	int64_t offset_us; /* in the lookback, below it */
};

struct nt_sample {
	struct nt_arena arena; /* what the rule has not */
	struct nt_sample_row *rows; /* by offset */
	size_t len;
	bool given; /* by spec.test */
	/* Beside them, in no figure of the rule: the query does not take it. It says that there is
	 * a log, since when. */
	struct nt_record bystander;
};

enum nt_sample_outcome {
	NT_SAMPLE_MADE = 0,
	NT_SAMPLE_IMPOSSIBLE = 1, /* there are no such rows: why says which part of the rule rules
				   * them out */
	NT_SAMPLE_UNKNOWN = 2, /* none were found, or they would be too many: why */
};

/* fires: what is wanted. The sample is the caller's, also after a failure. */
enum nt_sample_outcome nt_sample_make(const struct nt_rule *r, bool fires,
				      struct nt_sample *ret_sample, char why[256]);
void nt_sample_done(struct nt_sample *s);
