/* SPDX-License-Identifier: Apache-2.0 */
/* The plain row that samples are made from. Pure. For sample.c. */
#pragma once

#include "controller/alerts/rule.h"

/* So many lookups of a pod, answered, or packets where the rule is about those that were not
 * logged; on the side and in the role that the rule looks at. Its lists are constant. */
struct nt_record nt_sample_base(const struct nt_rule *r, uint64_t count);
/* One of the type that the rule does not look at. */
struct nt_record nt_sample_other(const struct nt_rule *r);
/* All lookups took so long. */
void nt_sample_set_latency(struct nt_record *record, uint64_t ns);
/* The buckets, from the longest latency. */
void nt_sample_set_histogram(struct nt_record *record);
/* Gives the key its number-th value; as many as its kind has. */
void nt_sample_vary(struct nt_record *record, const struct nt_rule_key *key, size_t number,
		    struct nt_arena *arena);
/* Puts the number in place of each ${n} in the record's texts; false: no memory. */
bool nt_sample_number(struct nt_record *record, uint32_t number, struct nt_arena *arena);
