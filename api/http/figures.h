/* SPDX-License-Identifier: Apache-2.0 */
/* How sums, latencies, ranges and losses look in answers. Pure functions over the JSON writer. */
#pragma once

#include "controller/store/store.h"
#include "lib/base/json.h"

/* Upper bound in ns below which `percent` of the measured latencies lie, as far as the buckets
 * tell; never above the maximum. 0 when nothing was measured. */
uint64_t nt_sums_percentile(const struct nt_store_sums *s, unsigned percent);
/* Whole ns, 0 when nothing was measured. */
uint64_t nt_sums_latency_mean(const struct nt_store_sums *s);
/* Adds one group's sums to another's: counts add, extremes widen. */
void nt_sums_merge(struct nt_store_sums *into, const struct nt_store_sums *s);
void nt_hop_merge(struct nt_store_hop *into, const struct nt_store_hop *hop);

/* The schemas Range, Sums of api/openapi.yaml. */
void nt_json_range(struct nt_json *j, const struct nt_store_range *range);
void nt_json_sums(struct nt_json *j, const struct nt_store_sums *s);
/* Key and value; null where nothing was measured. */
void nt_json_key_latency(struct nt_json *j, const char *key, const struct nt_store_sums *s,
			 uint64_t ns);
/* Key and the mean in whole ns; null where it is of no lookup. */
void nt_json_key_hop(struct nt_json *j, const char *key, const struct nt_store_hop *hop);
