/* SPDX-License-Identifier: Apache-2.0 */
/* GET feeds: domain lists, how old they are, and what is wrong with them; and their metrics. */
#include "api/http/frame.h"

#include <stdlib.h>

#include "controller/feeds/feeds.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/metrics.h"

static void write_refused(struct nt_json *j, const struct nt_feed_report *r)
{
	nt_json_key(j, "refused");
	nt_json_open(j, '{');
	for (int fault = 0; fault < NT_FEED_FAULTS; fault++)
		nt_json_key_u64(j, nt_feed_fault_name((enum nt_feed_fault)fault),
				r->refused[fault]);
	nt_json_close(j, '}');
	nt_json_key(j, "first_refused");
	nt_json_open(j, '[');
	for (size_t i = 0; i < r->first_len; i++) {
		nt_json_open(j, '{');
		nt_json_key_u64(j, "line", r->first[i].line);
		nt_json_key_str(j, "kind", nt_slice_str(nt_feed_fault_name(r->first[i].fault)));
		nt_json_key_str(j, "message", nt_slice_str(r->first[i].msg));
		nt_json_close(j, '}');
	}
	nt_json_close(j, ']');
}

/* What is behind the ? of a URL may be a key to the list. */
static struct nt_slice shown_place(const struct nt_feed_state *s)
{
	bool url = strcmp(s->source, "url") == 0;

	return nt_slice_mem(s->where, url ? strcspn(s->where, "?#") : strlen(s->where));
}

static void add_feed(void *ctx, const struct nt_feed_state *s)
{
	struct nt_json *j = ctx;

	nt_json_open(j, '{');
	nt_json_key_str(j, "name", nt_slice_str(s->name));
	nt_json_key_str(j, "state", nt_slice_str(s->state));
	nt_json_key_str(j, "source", nt_slice_str(s->source));
	nt_json_key_str(j, "place", shown_place(s));
	nt_json_key_str(j, "key", nt_slice_str(s->key));
	nt_json_key_str(j, "format", nt_slice_str(s->format));
	nt_json_key_str(j, "match", nt_slice_str(s->match));
	nt_json_key_u64(j, "interval", (uint64_t)(s->interval_us * NT_NS_PER_US));
	nt_json_key_u64(j, "entries", s->entries);
	nt_json_key_u64(j, "bytes", s->bytes);
	nt_json_key_time_or_null(j, "read", s->read_us);
	nt_json_key_time_or_null(j, "checked", s->checked_us);
	nt_json_key_time_or_null(j, "next", s->next_us);
	nt_json_key_str(j, "error", nt_slice_str(s->error));
	nt_json_key_u64(j, "failures", s->failures);
	write_refused(j, s->report);
	nt_frame_key_accepted(j, s->accepted);
	nt_frame_key_problem(j, s->accepted, nt_slice_str(s->problem_field),
			     nt_slice_str(s->problem_msg));
	nt_json_close(j, '}');
}

void nt_handle_feeds(struct nt_api *api, const struct nt_params *p, struct nt_reply *reply)
{
	struct nt_json j;

	if (!nt_frame_plain(p, reply))
		return;
	j = nt_frame_list_open(reply, "feeds");
	nt_feeds_states(api->feeds, add_feed, &j);
	nt_frame_list_close(&j);
}

/* --- metrics ---------------------------------------------------------------------------------- */

/* Of all feeds at once: a metric's samples stand together. */
struct figures {
	struct nt_buf entries, bytes, read, lines, looks;
};

static void sample(struct nt_buf *out, const char *metric, const struct nt_feed_state *s,
		   const char *key, const char *value, uint64_t figure)
{
	_cleanup_buf_ struct nt_buf labels = { 0 };

	nt_metrics_label(&labels, "feed", nt_slice_str(s->name));
	if (key)
		nt_metrics_label(&labels, key, nt_slice_str(value));
	nt_metrics_sample(out, metric, nt_buf_str(&labels), figure);
}

static const char entries[] = "nametap_controller_feed_entries",
		  bytes[] = "nametap_controller_feed_bytes",
		  read_s[] = "nametap_controller_feed_read_timestamp_seconds",
		  lines[] = "nametap_controller_feed_refused_lines",
		  looks[] = "nametap_controller_feed_looks_total";

static void add_figures(void *ctx, const struct nt_feed_state *s)
{
	struct figures *f = ctx;

	sample(&f->entries, entries, s, NULL, NULL, s->entries);
	sample(&f->bytes, bytes, s, NULL, NULL, s->bytes);
	sample(&f->read, read_s, s, NULL, NULL, (uint64_t)s->read_us / 1000000);
	for (int fault = 0; fault < NT_FEED_FAULTS; fault++)
		sample(&f->lines, lines, s, "kind", nt_feed_fault_name((enum nt_feed_fault)fault),
		       s->report->refused[fault]);
	sample(&f->looks, looks, s, "outcome", "updated", s->updated);
	sample(&f->looks, looks, s, "outcome", "unchanged", s->unchanged);
	sample(&f->looks, looks, s, "outcome", "failed", s->failed);
}

static void put(struct nt_buf *out, const char *name, const char *help, enum nt_metric_kind kind,
		struct nt_buf *samples)
{
	nt_metrics_head(out, name, help, kind);
	nt_buf_slice(out, nt_slice_mem(samples->p, samples->len));
	nt_buf_done(samples);
}

static void put_stats(const struct nt_feeds_stats *s, struct nt_buf *out)
{
	static const char sets[] = "nametap_controller_feeds_bytes",
			  most[] = "nametap_controller_feeds_bytes_max",
			  over[] = "nametap_controller_feeds_over_total",
			  kept[] = "nametap_controller_feeds_kept_failed_total";

	nt_metrics_head(out, sets, "Memory of all lists in use.", NT_METRIC_GAUGE);
	nt_metrics_sample(out, sets, NULL, s->bytes);
	nt_metrics_head(out, most, "How much of it there may be (--feed-memory).", NT_METRIC_GAUGE);
	nt_metrics_sample(out, most, NULL, s->bytes_max);
	nt_metrics_head(out, over, "Lists that found no room in it, or had too many entries.",
			NT_METRIC_COUNTER);
	nt_metrics_sample(out, over, NULL, s->over);
	nt_metrics_head(out, kept,
			"Lists that could not be kept for a restart, or taken from there.",
			NT_METRIC_COUNTER);
	nt_metrics_sample(out, kept, NULL, s->kept_failed);
}

void nt_feeds_metrics(struct nt_api *api, struct nt_buf *out)
{
	struct nt_feeds_stats stats = nt_feeds_stats(api->feeds);
	struct figures f = { 0 };

	if (!api->feeds)
		return;
	put_stats(&stats, out);
	nt_feeds_states(api->feeds, add_figures, &f);
	put(out, entries, "Names in the list in use.", NT_METRIC_GAUGE, &f.entries);
	put(out, bytes, "Memory of the list in use.", NT_METRIC_GAUGE, &f.bytes);
	put(out, read_s, "When the list in use was read; 0: there is none.", NT_METRIC_GAUGE,
	    &f.read);
	put(out, lines, "Lines of the last list that are no names, by what is wrong.",
	    NT_METRIC_GAUGE, &f.lines);
	put(out, looks, "Looks at lists by what came of them.", NT_METRIC_COUNTER, &f.looks);
}
