/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks keys, operators and values against the schema and brings values into the form that both
 * back ends compare. For lib/query only.
 */
#pragma once

#include "lib/query/lex.h"
#include "lib/query/schema.h"

/* Fills *e; returns -EINVAL. suggestion may be NULL. */
int nt_query_fail(struct nt_query_error *e, const struct nt_token *at, const char *suggestion,
		  const char *fmt, ...) NT_PRINTF(4, 5);

/* The field that a key names, or what is wrong with it. */
int nt_query_check_key(const struct nt_token *key, struct nt_query_path *ret_path,
		       struct nt_query_error *e) NT_MUSTCHECK;
/* May `path` be used with op? sign: as it was written, at its place. */
int nt_query_check_op(const struct nt_query_path *path, enum nt_query_op op,
		      const struct nt_token *sign, struct nt_query_error *e) NT_MUSTCHECK;
/* A value beside op; patterns only in sets. Text goes into arena. */
int nt_query_check_value(const struct nt_query_path *path, enum nt_query_op op,
			 const struct nt_token *t, struct nt_arena *arena,
			 struct nt_query_value *ret_value, struct nt_query_error *e) NT_MUSTCHECK;
/* May a set of domain names stand for the values? sign: where it is written. */
int nt_query_check_names(const struct nt_query_path *path, const struct nt_token *sign,
			 struct nt_query_error *e) NT_MUSTCHECK;
