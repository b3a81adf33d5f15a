/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON object of a request's body. */
#include "api/http/body.h"

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/escape.h"
#include "lib/objects/fields.h"
#include "lib/objects/yaml.h"

/* There is one document at most in a JSON text. */
static void keep_document(void *ctx, json_t *document, size_t line)
{
	(void)line;
	*(json_t **)ctx = document;
}

static int refuse_member(const char *member, const char *const *known, struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf all = { 0 };
	char shown[64];

	snprintf(shown, sizeof(shown), "%s", member);
	nt_escape_ascii(shown);
	for (size_t i = 0; known[i]; i++)
		nt_buf_printf(&all, "%s%s", i ? ", " : "", known[i]);
	return nt_err_set(err, EINVAL, "body: no such member: %s (there are: %s)", shown,
			  nt_buf_str(&all));
}

int nt_body_parse(struct nt_slice body, const char *const *known, json_t **ret_object,
		  struct nt_err *err)
{
	struct nt_yaml_problem problem;
	json_auto_t *object = NULL;
	const char *unknown;
	int r = nt_yaml_parse_json(body, keep_document, &object, &problem);

	if (r == -ENOMEM)
		return nt_err_set(err, ENOMEM, "no memory for the body");
	if (r < 0) {
		nt_escape_ascii(problem.msg);
		return nt_err_set(err, EINVAL, "body, line %zu: %s", problem.line, problem.msg);
	}
	if (!json_is_object(object))
		return nt_err_set(err, EINVAL, "body: a JSON object is wanted");
	unknown = nt_fields_unknown(object, known);
	if (unknown)
		return refuse_member(unknown, known, err);
	*ret_object = json_incref(object);
	return 0;
}

/* They would be a line of their own in a log, or an order to a terminal. */
static bool has_control(struct nt_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return true;
	return false;
}

int nt_body_text(const json_t *object, const char *name, size_t max, bool required,
		 struct nt_slice *ret_text, struct nt_err *err)
{
	const json_t *v = json_object_get(object, name);
	struct nt_slice text = nt_slice_mem(json_string_value(v), json_string_length(v));

	if (!v && required)
		return nt_err_set(err, EINVAL, "%s: is missing, a text is wanted", name);
	if (v && !json_is_string(v))
		return nt_err_set(err, EINVAL, "%s: a text is wanted", name);
	if (text.len > max || (required && !text.len))
		return nt_err_set(err, EINVAL, "%s: a text of %s%zu octets is wanted", name,
				  required ? "1 to " : "at most ", max);
	if (has_control(text))
		return nt_err_set(err, EINVAL,
				  "%s: no line breaks and no other control characters are taken",
				  name);
	*ret_text = text;
	return 0;
}
