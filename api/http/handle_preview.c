/* SPDX-License-Identifier: Apache-2.0 */
/* POST alerts/preview: when a rule would have fired over stored rows. */
#include "api/http/frame.h"

#include <inttypes.h>

#include "api/http/about.h"
#include "api/http/figures.h"
#include "controller/alerts/event.h"
#include "controller/alerts/preview.h"
#include "controller/ingest/ingest.h"
#include "lib/base/cleanup.h"

struct asked {
	const struct nt_object *object;
	struct nt_store_range range; /* its times, as they were asked for */
};

static bool add_event(void *ctx, const struct nt_store_event *e)
{
	nt_event_json(ctx, e);
	return true;
}

/* --- what is not whole ------------------------------------------------------------------------ */

static void add_learning(struct nt_json *j, const struct nt_preview *p)
{
	_cleanup_buf_ struct nt_buf since = { 0 }, until = { 0 };

	nt_json_time(&NT_JSON(&since), p->known_since_us);
	nt_json_time(&NT_JSON(&until), p->learning_until_us);
	nt_about_limit(
		j, "learning",
		"what was seen before is known from %s on, where the rows begin, or time to read "
		"them ended: until %s the rule learns and opens nothing",
		nt_buf_str(&since), nt_buf_str(&until));
}

static void write_limits(struct nt_json *j, const struct nt_preview *p)
{
	nt_json_key(j, "limits");
	nt_json_open(j, '[');
	if (p->end == NT_PREVIEW_TIME)
		nt_about_limit(j, "time",
			       "ended after %d s: nothing is told of the time behind covered_to; a "
			       "shorter range or a narrower query helps",
			       NT_PREVIEW_SECONDS);
	if (p->end == NT_PREVIEW_EVENTS)
		nt_about_limit(
			j, "events",
			"ended at %d events: the window that ends at covered_to has more, and "
			"nothing is told of the time behind it; a rule that fires less often, or "
			"a shorter range, helps",
			NT_PREVIEW_EVENTS_MAX);
	if (p->learning_until_us)
		add_learning(j, p);
	if (p->over)
		nt_about_limit(j, "room",
			       "%" PRIu64
			       " times a row or an event found no room (10,000 groups, %u "
			       "MiB, 1,000 open events): groups are missing, or told too low",
			       p->over, NT_PREVIEW_BYTES_MAX >> 20);
	if (p->rows_unreadable)
		nt_about_limit(j, "unreadable",
			       "%" PRIu64 " rows of the store cannot be read and are in no figure",
			       p->rows_unreadable);
	nt_json_close(j, ']');
}

/* --- the answer ------------------------------------------------------------------------------- */

static int write_preview(struct nt_api *api, struct nt_store_reader *reader, void *ctx,
			 struct nt_reply *reply, struct nt_err *err)
{
	const struct asked *asked = ctx;
	int64_t closed_us = nt_now_us() - nt_ingest_alert_delay_us(api->ingest);
	struct nt_preview_config config = {
		.from_us = asked->range.from_us,
		.to_us = asked->range.to_us < closed_us ? asked->range.to_us : closed_us,
		.feeds = api->feeds,
	};
	struct nt_object_problem problem = { 0 };
	struct nt_json answer = NT_JSON(&reply->body);
	struct nt_preview preview;
	int r;

	nt_reply_json(reply);
	nt_json_open(&answer, '{');
	nt_json_key_str(&answer, "rule", asked->object->name);
	nt_json_range(&answer, &asked->range);
	nt_json_key(&answer, "events");
	nt_json_open(&answer, '[');
	r = nt_preview_run(api->store, reader, asked->object, &config, add_event, &answer, &preview,
			   &problem, err);
	if (r < 0 && problem.msg[0]) {
		nt_reply_object_problem(reply, asked->object, &problem);
		return 0;
	}
	if (r < 0)
		return r;
	nt_json_close(&answer, ']');
	nt_json_key_time(&answer, "covered_to", preview.covered_us);
	nt_json_key_u64(&answer, "windows", preview.windows);
	nt_json_key_u64(&answer, "rows", preview.rows);
	nt_json_key_str(&answer, "note", preview.note);
	write_limits(&answer, &preview);
	nt_json_close(&answer, '}');
	return 0;
}

/* --- the question ----------------------------------------------------------------------------- */

void nt_handle_alert_preview(struct nt_api *api, const struct nt_params *p, struct nt_reply *reply)
{
	_cleanup_(nt_manifest_done) struct nt_manifest manifest = { 0 };
	struct asked asked = { 0 };
	struct nt_err err = { 0 };
	int r = nt_about_range(p, "", &asked.range, &err);

	if (r == 0)
		r = nt_about_objects(p->body, "GlobalAlert", 1, &manifest, &err);
	if (r < 0) {
		nt_reply_problem(reply, r == -ENOMEM ? 503 : 400, "%s", err.msg);
		return;
	}
	asked.object = &manifest.objects[0].compact->object;
	nt_frame_from_store_at_leisure(api, write_preview, &asked, reply);
}
