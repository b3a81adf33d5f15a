/* SPDX-License-Identifier: Apache-2.0 */
/* What a latency histogram tells. */
#include "lib/record/histogram.h"

uint64_t nt_histogram_percentile(const uint64_t histogram[NT_HISTOGRAM_BUCKETS], uint64_t max_ns,
				 unsigned percent)
{
	uint64_t total = 0, below = 0, wanted;

	for (size_t i = 0; i < NT_HISTOGRAM_BUCKETS; i++)
		total += histogram[i];
	if (!total)
		return 0;
	/* The smallest rank that covers the percentage, rounded up. */
	wanted = total / 100 * percent + (total % 100 * percent + 99) / 100;
	for (size_t i = 0; i + 1 < NT_HISTOGRAM_BUCKETS; i++) {
		uint64_t bound_ns = 1ULL << (i + 14);

		below += histogram[i];
		if (below >= wanted)
			return bound_ns < max_ns ? bound_ns : max_ns;
	}
	return max_ns; /* the last bucket has no bound of its own */
}
