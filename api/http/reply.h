/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a handler answers: status, type, body, before it becomes an HTTP response. Problems are
 * documents of RFC 9457. Owned by the caller, one thread.
 */
#pragma once

#include "lib/base/buf.h"
#include "lib/query/query.h"

struct nt_asset;
struct nt_object;
struct nt_object_problem;

struct nt_reply {
	unsigned status;
	const char *type; /* Content-Type */
	struct nt_buf body;
	const char *allow; /* with 405 */
	const struct nt_asset *asset; /* the body instead of `body` */
	char detail[256]; /* of a problem, for the log; cut */
};

/* Largest answer that is built: a page of 1,000 rows with lists stays far below. */
#define NT_REPLY_BYTES_MAX (256u << 20)

void nt_reply_done(struct nt_reply *r);
#define _cleanup_reply_ __attribute__((cleanup(nt_reply_done)))

/* 200 application/json; the caller fills body. */
void nt_reply_json(struct nt_reply *r);
/* 200 text/plain in that type's full form, e.g. with a version. */
void nt_reply_text(struct nt_reply *r, const char *type);
/* Replaces whatever was there. */
void nt_reply_problem(struct nt_reply *r, unsigned status, const char *fmt, ...) NT_PRINTF(3, 4);
/* 400 with `query`: where the filter is wrong. */
void nt_reply_query_problem(struct nt_reply *r, const struct nt_query_error *mistake);
/* 400 with `problem`: why the object is refused, in the words of its listing. */
void nt_reply_object_problem(struct nt_reply *r, const struct nt_object *object,
			     const struct nt_object_problem *problem);
/* err of the store as a problem: what the caller can change is 400, what passes is 503, the rest is
 * 500 and logged here. */
void nt_reply_store_problem(struct nt_reply *r, const struct nt_err *err);
