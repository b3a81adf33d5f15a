/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a rule's metric needs to know of the rows of one bucket, and what several buckets together
 * come to. Bounded: octets are taken from the budget of all rules. For controller/alerts only.
 */
#pragma once

#include "controller/alerts/distinct.h"
#include "controller/alerts/key.h"

struct nt_latencies {
	uint64_t max_ns;
	uint64_t histogram[NT_HISTOGRAM_BUCKETS];
};

/* Of one bucket; zeroed it is empty. */
struct nt_figure {
	uint64_t rows; /* that count as seen */
	double count; /* transactions */
	union { /* by the rule's metric */
		struct {
			double sum, min, max;
			double weight; /* of avg: rows, or measured lookups for latency_mean */
		};
		double numerator; /* transactions */
		struct {
			struct nt_distinct distinct;
			uint64_t folded; /* most names that one folded row stands for */
		};
		struct nt_latencies *latencies; /* NULL: none measured */
	};
};

struct nt_figure_row {
	const struct nt_row *row;
	const struct nt_server *server; /* of whose members the keys are, NULL when of none */
	struct nt_keys *field; /* the rule's */
};

/* False when a bound or memory kept something out. */
bool nt_figure_add(struct nt_figure *f, const struct nt_rule *rule, const struct nt_figure_row *row,
		   uint64_t *bytes);
void nt_figure_done(struct nt_figure *f, const struct nt_rule *rule, uint64_t *bytes);

/* Of a window; zeroed it is empty. */
struct nt_figure_sum {
	uint64_t rows, folded;
	double count, sum, min, max, weight, numerator;
	struct nt_latencies latencies;
	struct nt_distinct_sum distinct;
};

void nt_figure_unite(struct nt_figure_sum *into, const struct nt_rule *rule,
		     const struct nt_figure *f);
/* False when there is nothing to tell the metric from. A group is there while it has rows; the one
 * of a rule without aggregateBy always is, so that "count lt 1" can say that nothing came. */
bool nt_figure_value(const struct nt_figure_sum *sum, const struct nt_rule *rule,
		     double *ret_value);
