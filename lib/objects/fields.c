/* SPDX-License-Identifier: Apache-2.0 */
/* Why an object is refused; fields that nobody reads. */
#include "lib/objects/fields.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/escape.h"

int nt_object_refuse(struct nt_object_problem *p, const char *field, const char *fmt, ...)
{
	va_list ap;

	snprintf(p->field, sizeof(p->field), "%s", field);
	va_start(ap, fmt);
	vsnprintf(p->msg, sizeof(p->msg), fmt, ap);
	va_end(ap);
	nt_escape_ascii(p->field);
	nt_escape_ascii(p->msg);
	return -EINVAL;
}

int nt_object_no_memory(struct nt_object_problem *p)
{
	(void)nt_object_refuse(p, "", "no memory to read it");
	return -ENOMEM;
}

const char *nt_fields_unknown(const struct json_t *mapping, const char *const *known)
{
	json_t *m = (json_t *)mapping;

	for (void *i = json_object_iter(m); i; i = json_object_iter_next(m, i)) {
		const char *const *k = known;

		while (*k && strcmp(*k, json_object_iter_key(i)) != 0)
			k++;
		if (!*k)
			return json_object_iter_key(i);
	}
	return NULL;
}
