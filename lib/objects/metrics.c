/* SPDX-License-Identifier: Apache-2.0 */
/* States of kinds in the text format of Prometheus. */
#include "lib/objects/metrics.h"

#include <stdio.h>

#include "lib/base/cleanup.h"
#include "lib/base/metrics.h"

static uint64_t count_of(const struct nt_objects_state *state)
{
	return state->count;
}

static uint64_t synced_of(const struct nt_objects_state *state)
{
	return state->synced;
}

static uint64_t left_out_of(const struct nt_objects_state *state)
{
	return state->left_out + state->too_large;
}

static uint64_t lists_of(const struct nt_objects_state *state)
{
	return state->lists;
}

static uint64_t watches_of(const struct nt_objects_state *state)
{
	return state->watches;
}

static uint64_t events_of(const struct nt_objects_state *state)
{
	return state->events;
}

static uint64_t failures_of(const struct nt_objects_state *state)
{
	return state->failures;
}

static const struct figure {
	const char *name, *help;
	enum nt_metric_kind kind;
	uint64_t (*value)(const struct nt_objects_state *state);
} figures[] = {
	{ "objects", "Kubernetes objects that are known.", NT_METRIC_GAUGE, count_of },
	{ "objects_synced", "1: those are all of their kind, as of a moment ago.", NT_METRIC_GAUGE,
	  synced_of },
	{ "objects_left_out",
	  "Kubernetes objects that are too large or for which there is no room.", NT_METRIC_GAUGE,
	  left_out_of },
	{ "objects_lists_total",
	  "Lists begun, all pages of one together; but for the first: relists.", NT_METRIC_COUNTER,
	  lists_of },
	{ "objects_watches_total", "Watches begun.", NT_METRIC_COUNTER, watches_of },
	{ "objects_watch_events_total", "Changes that watches told.", NT_METRIC_COUNTER,
	  events_of },
	{ "objects_failures_total", "Lists and watches that ended otherwise than they should.",
	  NT_METRIC_COUNTER, failures_of },
};

struct writing {
	struct nt_buf *out;
	const struct figure *figure;
	char name[128];
};

static void write_state(void *ctx, const struct nt_objects_state *state)
{
	_cleanup_buf_ struct nt_buf label = { 0 };
	const struct writing *w = ctx;

	nt_metrics_label(&label, "kind", nt_slice_str(state->kind));
	nt_metrics_sample(w->out, w->name, nt_buf_str(&label), w->figure->value(state));
}

void nt_objects_metrics(const struct nt_objects *o, const char *prefix, struct nt_buf *out)
{
	for (size_t i = 0; i < NT_ARRAY_LEN(figures); i++) {
		struct writing w = { .out = out, .figure = &figures[i] };

		snprintf(w.name, sizeof(w.name), "%s_%s", prefix, figures[i].name);
		nt_metrics_head(out, w.name, figures[i].help, figures[i].kind);
		nt_objects_states(o, write_state, &w);
	}
}
