/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record as the columns of one SQL row, made from lib/record/fields.def: what a store inserts is
 * exactly what the SQL of lib/query/query.h reads. A dot in a field's name is an underscore in the
 * column's (`service.name` is service_name). A missing value is NULL; a list is JSON text, NULL
 * when it is empty. Pure functions, any thread.
 *
 * Text is compared by the queries with COLLATE NOCASE and LIKE, so an index that shall serve them
 * is made with COLLATE NOCASE; the columns themselves are not, so that GROUP BY keeps names apart
 * that differ in case. The whole record does not come back from the columns: a store that gives
 * records out keeps nt_record_wire() in a BLOB of its own. The batch is the store's own, too.
 */
#pragma once

#include "lib/base/buf.h"

struct nt_record;

enum nt_column_kind {
	NT_COLUMN_NULL = 0,
	NT_COLUMN_INT = 1,
	NT_COLUMN_DOUBLE = 2,
	NT_COLUMN_TEXT = 3, /* UTF-8 without NUL */
};

struct nt_column_value {
	enum nt_column_kind kind;
	int64_t i;
	double d;
	struct nt_slice text; /* points into the record or into scratch */
};

size_t nt_columns_len(void);
/* Fixed order for one build; never NULL for i < nt_columns_len(). */
const char *nt_column_name(size_t i);
/* "INTEGER" or "TEXT", for CREATE TABLE. */
const char *nt_column_sql_type(size_t i);
/* Column i of r. scratch is emptied first and holds the text where the record has none: the value
 * is valid until the next call with the same scratch. -ENOMEM, else 0. */
int nt_column_value(const struct nt_record *r, size_t i, struct nt_buf *scratch,
		    struct nt_column_value *ret_value) NT_MUSTCHECK;
