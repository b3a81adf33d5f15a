/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fields of the query language, made from lib/record/fields.def, and what to offer to someone
 * who wrote something else. For lib/query only.
 */
#pragma once

#include "lib/query/ast.h"

enum nt_query_type nt_query_type_of(const struct nt_field *f);
/* "integer", as in struct nt_query_field. */
const char *nt_query_type_name(enum nt_query_type type);

/* The field that a key names; label keys point into name. False when there is none. */
bool nt_query_path_find(struct nt_slice name, struct nt_query_path *ret_path);

/* The value nearest to `wrong`, NULL when none is near. */
const char *nt_query_suggest_enum(const struct nt_enum_value *values, struct nt_slice wrong);
/* Of a type or code by its mnemonic; out is scratch. */
const char *nt_query_suggest_mnemonic(enum nt_query_type type, struct nt_slice wrong, char out[16]);
