/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a GlobalAlert's spec that rule.c puts together, each in a file of its own: which
 * rows (rule_query.c), in which groups and by which figure (rule_metric.c), by which rows it is
 * proved (rule_test.c). Each fills its members of the rule. For controller/alerts only.
 */
#pragma once

#include "controller/alerts/rule.h"
#include "controller/alerts/spec.h"

/* aggregateBy, metric, field, condition, threshold, minCount. */
int nt_rule_take_figure(const struct nt_spec *s, struct nt_rule *r) NT_MUSTCHECK;
/* query, numerator, substitutions. Behind the above, whose groups are part of an event's filter. */
int nt_rule_take_queries(const struct nt_spec *s, struct nt_rule *r) NT_MUSTCHECK;
/* test. Behind lookback, in which its rows are. */
int nt_rule_take_test(const struct nt_spec *s, struct nt_rule *r) NT_MUSTCHECK;
