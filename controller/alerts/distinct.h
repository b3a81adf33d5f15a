/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many different values there were: the hashes themselves up to NT_DISTINCT_EXACT, then a
 * HyperLogLog in the same kibibyte (lib/base/hll.h: standard error 3.25 %). Hashes are keyed, since
 * pods choose the values; the key is another one after a restart, and so is the error. Zeroed it is
 * empty. One thread. For controller/alerts only.
 */
#pragma once

#include "controller/alerts/budget.h"
#include "lib/base/hll.h"

#define NT_DISTINCT_EXACT 128

struct nt_distinct {
	uint64_t *hashes; /* ascending; NULL when there is hll */
	struct nt_hll *hll;
	uint32_t len, cap;
};

/* False when memory or the budget says no: the value may not be counted then. */
bool nt_distinct_add(struct nt_distinct *d, uint64_t hash, uint64_t *bytes);
void nt_distinct_done(struct nt_distinct *d, uint64_t *bytes);

/* Several of them together, for the caller's stack; zeroed it is empty. */
struct nt_distinct_sum {
	uint64_t hashes[NT_DISTINCT_EXACT];
	uint32_t len;
	bool many; /* hll holds them all */
	struct nt_hll hll;
};

void nt_distinct_unite(struct nt_distinct_sum *into, const struct nt_distinct *d);
uint64_t nt_distinct_estimate(const struct nt_distinct_sum *sum);
