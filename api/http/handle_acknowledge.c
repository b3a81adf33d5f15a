/* SPDX-License-Identifier: Apache-2.0 */
/* POST and DELETE alerts/events/{id}/acknowledgement. */
#include "api/http/frame.h"

#include <inttypes.h>

#include "api/http/body.h"
#include "controller/alerts/event.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"

static bool write_event(void *ctx, const struct nt_store_event *e)
{
	struct nt_reply *reply = ctx;
	struct nt_json j = NT_JSON(&reply->body);

	nt_reply_json(reply);
	nt_event_json(&j, e);
	return true;
}

/* The event as it is now. */
static int answer_event(struct nt_api *api, struct nt_store_reader *reader, void *ctx,
			struct nt_reply *reply, struct nt_err *err)
{
	(void)api;
	return nt_store_event(reader, *(const int64_t *)ctx, write_event, reply, err);
}

static void set(struct nt_api *api, int64_t id, const struct nt_store_ack *ack,
		struct nt_reply *reply)
{
	struct nt_err err = { 0 };
	int r = nt_store_event_acknowledge(api->store, id, ack, &err);

	if (r == -ENOENT)
		nt_reply_problem(reply, 404, "%s", err.msg);
	else if (r < 0)
		nt_reply_store_problem(reply, &err);
	if (r < 0)
		return;
	if (ack)
		nt_log_info("event %" PRId64 " is acknowledged by %.*s: %.*s", id,
			    NT_SLICE_ARG(ack->by), NT_SLICE_ARG(ack->comment));
	else
		nt_log_info("event %" PRId64 " is not acknowledged any more", id);
	nt_frame_from_store(api, answer_event, &id, reply);
}

static int take_ack(const struct nt_params *p, json_t **object, int64_t *id,
		    struct nt_store_ack *ack, struct nt_err *err)
{
	static const char *const known[] = { "by", "comment", NULL };
	int r = nt_params_check(p, "id", err);

	if (r == 0)
		r = nt_params_id(p, id, err);
	if (r == 0)
		r = nt_body_parse(p->body, known, object, err);
	if (r == 0)
		r = nt_body_text(*object, "by", NT_BODY_BY_MAX, true, &ack->by, err);
	if (r == 0)
		r = nt_body_text(*object, "comment", NT_BODY_WORDS_MAX, false, &ack->comment, err);
	return r;
}

void nt_handle_acknowledge(struct nt_api *api, const struct nt_params *p, struct nt_reply *reply)
{
	struct nt_store_ack ack = { .at_us = nt_now_us() };
	json_auto_t *object = NULL;
	struct nt_err err = { 0 };
	int64_t id = 0;
	int r = take_ack(p, &object, &id, &ack, &err);

	if (r < 0)
		nt_reply_problem(reply, r == -ENOMEM ? 503 : 400, "%s", err.msg);
	else
		set(api, id, &ack, reply);
}

void nt_handle_unacknowledge(struct nt_api *api, const struct nt_params *p, struct nt_reply *reply)
{
	struct nt_err err = { 0 };
	int64_t id = 0;

	if (nt_params_check(p, "id", &err) < 0 || nt_params_id(p, &id, &err) < 0)
		nt_reply_problem(reply, 400, "%s", err.msg);
	else
		set(api, id, NULL, reply);
}
