/* SPDX-License-Identifier: Apache-2.0 */
/* Answers and problem documents. */
#include "api/http/reply.h"

#include <stdio.h>

#include "api/http/frame.h"
#include "lib/base/cleanup.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/objects/fields.h"
#include "lib/objects/objects.h"

void nt_reply_done(struct nt_reply *r)
{
	nt_buf_done(&r->body);
}

static void begin(struct nt_reply *r, unsigned status, const char *type)
{
	r->status = status;
	r->type = type;
	r->asset = NULL;
	r->body.max_len = NT_REPLY_BYTES_MAX;
	nt_buf_reset(&r->body);
}

void nt_reply_json(struct nt_reply *r)
{
	begin(r, 200, "application/json");
}

void nt_reply_text(struct nt_reply *r, const char *type)
{
	begin(r, 200, type);
}

static const char *title_of(unsigned status)
{
	static const struct {
		unsigned status;
		const char *title;
	} titles[] = {
		{ 400, "Bad Request" },		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },	{ 409, "Conflict" },
		{ 413, "Content Too Large" },	{ 415, "Unsupported Media Type" },
		{ 429, "Too Many Requests" },	{ 500, "Internal Server Error" },
		{ 503, "Service Unavailable" },
	};

	for (size_t i = 0; i < NT_ARRAY_LEN(titles); i++)
		if (titles[i].status == status)
			return titles[i].title;
	return "Error";
}

/* A problem up to where `query` or `problem` may follow; the caller closes it. */
static struct nt_json begin_problem(struct nt_reply *r, unsigned status, const char *detail)
{
	struct nt_json j = NT_JSON(&r->body);

	begin(r, status, "application/problem+json");
	nt_json_open(&j, '{');
	nt_json_key_str(&j, "type", NT_SLICE_LIT("about:blank"));
	nt_json_key_str(&j, "title", nt_slice_str(title_of(status)));
	nt_json_key_u64(&j, "status", status);
	nt_json_key_str(&j, "detail", nt_slice_str(detail));
	return j;
}

void nt_reply_problem(struct nt_reply *r, unsigned status, const char *fmt, ...)
{
	char detail[1024];
	struct nt_json j;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	j = begin_problem(r, status, detail);
	nt_json_close(&j, '}');
	snprintf(r->detail, sizeof(r->detail), "%.*s", (int)sizeof(r->detail) - 1, detail);
}

void nt_reply_query_problem(struct nt_reply *r, const struct nt_query_error *mistake)
{
	struct nt_json j = begin_problem(r, 400, "the filter has a mistake");

	nt_json_key(&j, "query");
	nt_json_open(&j, '{');
	nt_json_key_u64(&j, "at", mistake->at);
	nt_json_key_u64(&j, "length", mistake->len);
	nt_json_key_str(&j, "message", nt_slice_str(mistake->msg));
	if (mistake->suggestion[0])
		nt_json_key_str(&j, "suggestion", nt_slice_str(mistake->suggestion));
	nt_json_close(&j, '}');
	nt_json_close(&j, '}');
}

void nt_reply_object_problem(struct nt_reply *r, const struct nt_object *object,
			     const struct nt_object_problem *problem)
{
	char detail[1024];
	struct nt_json j;

	snprintf(detail, sizeof(detail), "%.*s %.*s is refused: %s: %s", NT_SLICE_ARG(object->kind),
		 NT_SLICE_ARG(object->name), problem->field, problem->msg);
	j = begin_problem(r, 400, detail);
	nt_frame_key_problem(&j, false, nt_slice_str(problem->field), nt_slice_str(problem->msg));
	nt_json_close(&j, '}');
}

void nt_reply_store_problem(struct nt_reply *r, const struct nt_err *err)
{
	switch (err->code) {
	case EINVAL:
	case ENOENT:
		nt_reply_problem(r, 400, "%s", err->msg);
		break;
	case ETIMEDOUT:
		nt_reply_problem(r, 503, "%s: a shorter range or a narrower filter helps",
				 err->msg);
		break;
	case EBUSY:
	case ENOSPC:
	case ENOMEM:
		nt_reply_problem(r, 503, "%s", err->msg);
		break;
	default:
		nt_log_error("%s", err->msg);
		nt_reply_problem(r, 500, "the store fails; the log has the reason");
	}
}
