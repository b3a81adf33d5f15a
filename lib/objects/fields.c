/* SPDX-License-Identifier: Apache-2.0 */
/* Fields that nobody reads. */
#include "lib/objects/fields.h"

#include <jansson.h>
#include <string.h>

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
