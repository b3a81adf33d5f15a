/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside lib/objects only: what is kept of each kind that is not kept whole. A form measures,
 * fills, releases and compares the struct of objects.h that stands behind an object (its `detail`).
 */
#pragma once

#include <jansson.h>

#include "lib/objects/compact.h"

/* Memory behind the object, given out from the front; nothing is given once it has failed. */
struct nt_build {
	struct nt_intern *intern;
	char *at, *end;
	bool failed;
};

/* NULL for n 0, and when it has failed. Aligned for pointers, zeroed. */
void *nt_build_alloc(struct nt_build *b, size_t size, size_t n);
/* What nt_build_alloc needs for it. */
size_t nt_build_size(size_t size, size_t n);
/* An interned string; empty when the member is none. */
struct nt_slice nt_build_text(struct nt_build *b, const json_t *string);
/* Members of a mapping that are strings, as an interned set by key. */
const struct nt_label *nt_build_labels(struct nt_build *b, const json_t *mapping, size_t *ret_len);

struct nt_form {
	const char *kind;
	/* Octets for detail and all that it points to, at most. NULL: there is no detail. */
	size_t (*size)(const json_t *root);
	void *(*fill)(struct nt_build *b, const json_t *root, const struct nt_object *object);
	/* Gives strings back; of a half filled one, too. */
	void (*release)(struct nt_intern *x, void *detail);
	bool (*equal)(const void *a, const void *b);
};

/* NULL: objects of that kind are kept whole. */
const struct nt_form *nt_form_find(struct nt_slice kind);

static inline struct nt_slice nt_json_slice(const json_t *string)
{
	return nt_slice_mem(json_string_value(string), json_string_length(string));
}
