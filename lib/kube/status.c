/* SPDX-License-Identifier: Apache-2.0 */
/* Status objects: what the API says in place of an object. */
#include <jansson.h>
#include <stdio.h>

#include "lib/base/escape.h"
#include "lib/kube/client.h"

/* The longest names all causes of a 422; ours are a sentence. */
#define STATUS_BYTES_MAX 65536

static void copy(const json_t *object, const char *key, char *to, size_t size)
{
	const char *text = json_string_value(json_object_get(object, key));

	snprintf(to, size, "%s", text ? text : "");
	nt_escape_ascii(to);
}

bool nt_kube_status_parse(struct nt_slice body, struct nt_kube_status *ret_status)
{
	json_auto_t *root = body.len > STATUS_BYTES_MAX
				    ? NULL
				    : json_loadb(body.p ? body.p : "", body.len, 0, NULL);
	const char *kind = json_string_value(json_object_get(root, "kind"));
	const json_t *details = json_object_get(root, "details");

	*ret_status = (struct nt_kube_status){ 0 };
	if (!kind || strcmp(kind, "Status") != 0)
		return false;
	copy(root, "reason", ret_status->reason, sizeof(ret_status->reason));
	copy(root, "message", ret_status->message, sizeof(ret_status->message));
	copy(details, "kind", ret_status->kind, sizeof(ret_status->kind));
	copy(details, "name", ret_status->name, sizeof(ret_status->name));
	return true;
}
