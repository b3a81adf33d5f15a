/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict reading of an object's mappings: a field that nobody reads is a mistake to tell, because
 * its author believes in it. Pure.
 */
#pragma once

struct json_t;

/* The first key of the mapping that is not in the list, which ends in NULL; NULL when all are, or
 * when it is no mapping. Lives as long as the mapping. */
const char *nt_fields_unknown(const struct json_t *mapping, const char *const *known);
