/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What handlers have in common: no parameters, an answer that is one list, an answer from the
 * store, a refused object. Each call is one request's, on its thread.
 */
#pragma once

#include "api/http/handlers.h"
#include "lib/base/json.h"

/* For a call without parameters: begins the JSON answer; false: there are some, and the reply is a
 * problem that names the first. */
bool nt_frame_plain(const struct nt_params *p, struct nt_reply *reply);

/* {"<name>": [...]}: open, the caller's values, close. */
struct nt_json nt_frame_list_open(struct nt_reply *reply, const char *name);
void nt_frame_list_close(struct nt_json *j);

/* The answer from a reader of the store; on failure the reply becomes the problem. */
typedef int nt_frame_fn(struct nt_api *api, struct nt_store_reader *reader, void *ctx,
			struct nt_reply *reply, struct nt_err *err);
void nt_frame_from_store(struct nt_api *api, nt_frame_fn *fn, void *ctx, struct nt_reply *reply);
/* The same from the one reader for what takes its time, so that the page never waits for it. */
void nt_frame_from_store_at_leisure(struct nt_api *api, nt_frame_fn *fn, void *ctx,
				    struct nt_reply *reply);

/* "accepted", and "problem" with the field and the message of what is not. */
void nt_frame_key_accepted(struct nt_json *j, bool accepted);
void nt_frame_key_problem(struct nt_json *j, bool accepted, struct nt_slice field,
			  struct nt_slice msg);
