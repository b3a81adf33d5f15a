/* SPDX-License-Identifier: Apache-2.0 */
/* Latency histograms in the buckets of lib/record/record.h. Pure. */
#pragma once

#include "lib/record/record.h"

static inline void nt_histogram_add(uint64_t into[NT_HISTOGRAM_BUCKETS],
				    const uint64_t histogram[NT_HISTOGRAM_BUCKETS])
{
	for (size_t i = 0; i < NT_HISTOGRAM_BUCKETS; i++)
		into[i] += histogram[i];
}

/* The upper bound, in ns, of the bucket in which so many percent of the latencies are reached, and
 * never more than max_ns, the longest of them: at most twice the true percentile. 0 when there is
 * none. percent: 1 to 100. */
uint64_t nt_histogram_percentile(const uint64_t histogram[NT_HISTOGRAM_BUCKETS], uint64_t max_ns,
				 unsigned percent);
