/* SPDX-License-Identifier: Apache-2.0 */
/* The sentence of a problem document. */
#include "lib/http/problem.h"

#include <jansson.h>
#include <stdio.h>

#include "lib/base/escape.h"

/* The controller's are a sentence. */
#define BYTES_MAX 65536

void nt_problem_detail(struct nt_slice body, char *ret_detail, size_t size)
{
	json_auto_t *root =
		body.len && body.len <= BYTES_MAX ? json_loadb(body.p, body.len, 0, NULL) : NULL;
	const char *text = json_string_value(json_object_get(root, "detail"));

	if (!text)
		text = json_string_value(json_object_get(root, "title"));
	snprintf(ret_detail, size, "%s", text ? text : "");
	nt_escape_ascii(ret_detail);
}
