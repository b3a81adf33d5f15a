/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict reading of an object: why it is refused, and a field that nobody reads, which is a mistake
 * to tell, because its author believes in it. Pure.
 */
#pragma once

#include "lib/base/err.h"

struct json_t;

/* Where ("spec.allow[2]", "" for the whole object) and a sentence with what to do. ASCII: octets of
 * the object that are not are escaped. */
struct nt_object_problem {
	char field[128];
	char msg[256];
};

/* Writes it; what is too long is cut. -EINVAL. */
int nt_object_refuse(struct nt_object_problem *p, const char *field, const char *fmt, ...)
	NT_PRINTF(3, 4);
/* -ENOMEM. */
int nt_object_no_memory(struct nt_object_problem *p);

/* The first key of the mapping that is not in the list, which ends in NULL; NULL when all are, or
 * when it is no mapping. Lives as long as the mapping. */
const char *nt_fields_unknown(const struct json_t *mapping, const char *const *known);
