/* SPDX-License-Identifier: Apache-2.0 */
/* A question with objects as its body. */
#include "api/http/about.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/http/figures.h"
#include "api/http/handlers.h"

#define DAY_US (86400 * 1000000.0)

int nt_about_range(const struct nt_params *p, const char *more, struct nt_store_range *ret_range,
		   struct nt_err *err)
{
	char known[128];

	_cleanup_figures_ struct nt_figures figures = { 0 };
	struct nt_query_error mistake;
	int r;

	snprintf(known, sizeof(known), "from to %s", more);
	r = nt_params_check(p, known, err);
	if (r == 0)
		r = nt_figures_parse(p, nt_now_us(), &figures, &mistake, err);
	*ret_range = figures.range;
	return r;
}

int nt_about_objects(struct nt_slice body, const char *kind, size_t max,
		     struct nt_manifest *ret_manifest, struct nt_err *err)
{
	const struct nt_manifest *m = ret_manifest;
	bool right;
	int r = nt_manifest_parse(body, NT_MANIFEST_JSON, ret_manifest);

	if (r < 0)
		return nt_err_set(err, -r, "no memory for the object");
	if (m->problems_len)
		return nt_err_set(err, EINVAL, "body, line %zu: %s", m->problems[0].line,
				  m->problems[0].msg);
	right = m->objects_len && m->objects_len <= max;
	for (size_t i = 0; right && i < m->objects_len; i++)
		right = nt_slice_eq(m->objects[i].compact->object.kind, nt_slice_str(kind));
	if (right)
		return 0;
	if (max > 1)
		return nt_err_set(err, EINVAL,
				  "body: a %s of nametap.io/v1alpha1 is wanted, or a List of up to "
				  "%zu of them, as JSON",
				  kind, max);
	return nt_err_set(err, EINVAL, "body: one %s of nametap.io/v1alpha1 is wanted, as JSON",
			  kind);
}

void nt_about_limit(struct nt_json *j, const char *reason, const char *fmt, ...)
{
	char message[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	nt_json_open(j, '{');
	nt_json_key_str(j, "reason", nt_slice_str(reason));
	nt_json_key_str(j, "message", nt_slice_str(message));
	nt_json_close(j, '}');
}

static double days_of(int64_t from_us, int64_t to_us)
{
	return (double)(to_us - from_us) / DAY_US;
}

void nt_about_span(struct nt_json *j, const struct nt_store_range *asked,
		   const struct nt_span *span)
{
	nt_json_range(j, asked);
	nt_json_key_time(j, "covered_from", span->from_us);
	nt_json_key_time(j, "covered_to", span->to_us);
	nt_json_key(j, "days");
	nt_json_double(j, days_of(span->from_us, span->to_us));
	nt_json_key_u64(j, "rows", span->rows);
}

void nt_about_span_limits(struct nt_json *j, const struct nt_store_range *asked,
			  const struct nt_span *span)
{
	if (span->late)
		nt_about_limit(j, "time",
			       "ended after %d s: nothing is told of the time before covered_from; "
			       "a shorter range, or less to ask about, helps",
			       NT_SPAN_SECONDS);
	else if (span->from_us > asked->from_us)
		nt_about_limit(j, "log", "the log has %.2f of the %.2f days that were asked for",
			       days_of(span->from_us, span->to_us),
			       days_of(asked->from_us, asked->to_us));
	if (span->rows_unreadable)
		nt_about_limit(j, "unreadable",
			       "%" PRIu64 " rows of the store cannot be read and are in no figure",
			       span->rows_unreadable);
}
