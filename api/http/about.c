/* SPDX-License-Identifier: Apache-2.0 */
/* A question with objects as its body. */
#include "api/http/about.h"

#include <stdio.h>

#include "api/http/handlers.h"

int nt_about_range(const struct nt_params *p, struct nt_store_range *ret_range, struct nt_err *err)
{
	_cleanup_figures_ struct nt_figures figures = { 0 };
	struct nt_query_error mistake;
	int r = nt_params_check(p, "from to", err);

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
