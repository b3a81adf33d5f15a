/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests: any text, as YAML and as JSON, ends in objects or problems. */
#include "lib/objects/manifest.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(const struct nt_manifest *m)
{
	for (size_t i = 0; i < m->objects_len; i++) {
		const struct nt_object *o = &m->objects[i].compact->object;

		if (!o->kind.len || !o->name.len || !m->objects[i].line)
			abort();
	}
	for (size_t i = 0; i < m->problems_len; i++)
		if (!m->problems[i].line || !m->problems[i].msg[0])
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	for (int syntax = NT_MANIFEST_YAML; syntax <= NT_MANIFEST_JSON; syntax++) {
		struct nt_manifest m = { 0 };

		if (nt_manifest_parse(nt_slice_mem(data, len), syntax, &m) == 0)
			check(&m);
		nt_manifest_done(&m);
	}
	return 0;
}
