/* SPDX-License-Identifier: Apache-2.0 */
/* What handlers have in common. */
#include "api/http/frame.h"

bool nt_frame_plain(const struct nt_params *p, struct nt_reply *reply)
{
	struct nt_err err = { 0 };

	if (nt_params_check(p, "", &err) < 0) {
		nt_reply_problem(reply, 400, "%s", err.msg);
		return false;
	}
	nt_reply_json(reply);
	return true;
}

struct nt_json nt_frame_list_open(struct nt_reply *reply, const char *name)
{
	struct nt_json j = NT_JSON(&reply->body);

	nt_json_open(&j, '{');
	nt_json_key(&j, name);
	nt_json_open(&j, '[');
	return j;
}

void nt_frame_list_close(struct nt_json *j)
{
	nt_json_close(j, ']');
	nt_json_close(j, '}');
}

static void answer_by(struct nt_readers *readers, struct nt_api *api, nt_frame_fn *fn, void *ctx,
		      struct nt_reply *reply)
{
	struct nt_store_reader *reader = NULL;
	struct nt_err err = { 0 };
	int r = nt_readers_take(readers, &reader, &err);

	if (r == 0)
		r = fn(api, reader, ctx, reply, &err);
	nt_readers_give(readers, reader);
	if (r < 0)
		nt_reply_store_problem(reply, &err);
}

void nt_frame_from_store(struct nt_api *api, nt_frame_fn *fn, void *ctx, struct nt_reply *reply)
{
	answer_by(&api->readers, api, fn, ctx, reply);
}

void nt_frame_from_store_at_leisure(struct nt_api *api, nt_frame_fn *fn, void *ctx,
				    struct nt_reply *reply)
{
	answer_by(&api->slow_reader, api, fn, ctx, reply);
}

void nt_frame_key_accepted(struct nt_json *j, bool accepted)
{
	nt_json_key(j, "accepted");
	nt_json_bool(j, accepted);
}

void nt_frame_key_problem(struct nt_json *j, bool accepted, struct nt_slice field,
			  struct nt_slice msg)
{
	nt_json_key(j, "problem");
	if (accepted) {
		nt_json_null(j);
		return;
	}
	nt_json_open(j, '{');
	nt_json_key_str(j, "field", field);
	nt_json_key_str(j, "message", msg);
	nt_json_close(j, '}');
}
