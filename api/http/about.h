/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A question about stored rows that has Kubernetes objects as its body, and an answer that says
 * which bounds it met. Pure functions.
 */
#pragma once

#include "api/http/params.h"
#include "controller/policies/span.h"
#include "lib/base/json.h"
#include "lib/objects/manifest.h"

/* from and to, and nothing else but `more` (space separated). -EINVAL. */
int nt_about_range(const struct nt_params *p, const char *more, struct nt_store_range *ret_range,
		   struct nt_err *err) NT_MUSTCHECK;
/* The body, as the sources of objects would read it: one object of that kind, or up to max of them
 * in a List. ret_manifest: zero; the caller's to end in any case. -EINVAL, -ENOMEM. */
int nt_about_objects(struct nt_slice body, const char *kind, size_t max,
		     struct nt_manifest *ret_manifest, struct nt_err *err) NT_MUSTCHECK;
/* {"reason": ..., "message": ...}: why the answer is not the whole. */
void nt_about_limit(struct nt_json *j, const char *reason, const char *fmt, ...) NT_PRINTF(3, 4);
/* Keys and values: the range that was asked for, and what of it the log has (covered_from,
 * covered_to, days, rows). */
void nt_about_span(struct nt_json *j, const struct nt_store_range *asked,
		   const struct nt_span *span);
/* Limits: the time was used up, the log is shorter, rows that cannot be read. */
void nt_about_span_limits(struct nt_json *j, const struct nt_store_range *asked,
			  const struct nt_span *span);
