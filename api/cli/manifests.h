/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of one kind in a file of manifests, which a verb asks about. */
#pragma once

#include "lib/objects/manifest.h"

/* YAML, or JSON by its name (*.json); "-" is standard input. 0 when an object of that kind is there
 * and nothing is wrong with the file; -EINVAL: else. ret_manifest: zero; the caller's to end in any
 * case. */
int nt_manifests_read(const char *path, const char *kind, struct nt_manifest *ret_manifest,
		      struct nt_err *err) NT_MUSTCHECK;
/* The next one of that kind, from *at on, which is moved behind it; NULL at the end. */
const struct nt_object *nt_manifests_next(const struct nt_manifest *m, const char *kind,
					  size_t *at);
