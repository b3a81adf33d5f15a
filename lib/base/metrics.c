/* SPDX-License-Identifier: Apache-2.0 */
/* Prometheus text format. */
#include "lib/base/metrics.h"

#include "lib/base/escape.h"

void nt_metrics_head(struct nt_buf *out, const char *name, const char *help,
		     enum nt_metric_kind kind)
{
	nt_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
		      kind == NT_METRIC_COUNTER ? "counter" : "gauge");
}

void nt_metrics_sample(struct nt_buf *out, const char *name, const char *labels, uint64_t value)
{
	nt_buf_puts(out, name);
	if (labels && labels[0])
		nt_buf_printf(out, "{%s}", labels);
	nt_buf_putc(out, ' ');
	nt_buf_u64(out, value);
	nt_buf_putc(out, '\n');
}

void nt_metrics_label(struct nt_buf *out, const char *key, struct nt_slice value)
{
	if (out->len)
		nt_buf_putc(out, ',');
	nt_buf_printf(out, "%s=\"", key);
	nt_escape_prometheus(out, value);
	nt_buf_putc(out, '"');
}
