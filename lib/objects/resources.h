/* SPDX-License-Identifier: Apache-2.0 */
/* Inside lib/objects only: where the Kubernetes API has each kind. */
#pragma once

#include <stdbool.h>

/* One version of a resource. Those of a kind follow each other, the best first: what the server has
 * not is asked for in the next. */
struct nt_resource {
	const char *kind; /* as it is asked for */
	const char *api_version, *path;
	const char *object_kind; /* of its objects */
	bool in_namespace;
};

/* The first of that kind; NULL: there is none. */
const struct nt_resource *nt_resource_find(const char *kind);
/* The next version of the same kind; NULL: that was the last. */
const struct nt_resource *nt_resource_next(const struct nt_resource *r);
