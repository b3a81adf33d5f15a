/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters and gauges in the Prometheus text format 0.0.4. The program keeps the numbers in its own
 * structs and describes them in a table; this prints them. No registry, no locks.
 */
#pragma once

#include "lib/base/buf.h"

enum nt_metric_kind {
	NT_METRIC_COUNTER = 0,
	NT_METRIC_GAUGE = 1,
};

/* # HELP and # TYPE; once per name, before its samples. */
void nt_metrics_head(struct nt_buf *out, const char *name, const char *help,
		     enum nt_metric_kind kind);
/* One sample; labels is NULL or `key="value",...` made with nt_metrics_label. */
void nt_metrics_sample(struct nt_buf *out, const char *name, const char *labels, uint64_t value);
/* Appends `key="escaped value"`, with a comma before it when out is not empty. */
void nt_metrics_label(struct nt_buf *out, const char *key, struct nt_slice value);
