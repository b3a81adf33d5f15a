/* SPDX-License-Identifier: Apache-2.0 */
/* A record as SQL columns, made from lib/record/fields.def. */
#include "lib/record/columns.h"

#include "lib/base/cleanup.h"
#include "lib/record/fields.h"

/* Filled once, before main: the table is constant, and so is this. */
static struct {
	const struct nt_field *field;
	char name[32];
} columns[80];
static size_t columns_len;

__attribute__((constructor)) static void fill_columns(void)
{
	for (size_t i = 0; i < nt_record_fields.len; i++) {
		const struct nt_field *f = &nt_record_fields.fields[i];

		if (!(f->flags & NT_FF_COL) || columns_len == NT_ARRAY_LEN(columns))
			continue;
		snprintf(columns[columns_len].name, sizeof(columns[0].name), "%s", f->name);
		for (char *p = columns[columns_len].name; *p; p++)
			if (*p == '.')
				*p = '_';
		columns[columns_len++].field = f;
	}
}

size_t nt_columns_len(void)
{
	return columns_len;
}

const char *nt_column_name(size_t i)
{
	return columns[i].name;
}

const char *nt_column_sql_type(size_t i)
{
	switch (columns[i].field->kind) {
	case NT_FIELD_TIME:
	case NT_FIELD_UINT:
	case NT_FIELD_NS:
	case NT_FIELD_MEAN:
	case NT_FIELD_HOP:
	case NT_FIELD_BOOL:
		return "INTEGER";
	default:
		return "TEXT";
	}
}

int nt_column_value(const struct nt_record *r, size_t i, struct nt_buf *scratch,
		    struct nt_column_value *ret_value)
{
	const struct nt_field *f = columns[i].field;
	struct nt_column_value v = { .kind = NT_COLUMN_NULL };
	char small[NT_FIELD_SMALL];

	nt_buf_reset(scratch);
	if (nt_field_missing(f, r, r)) {
		*ret_value = v;
		return 0;
	}
	if (f->kind >= NT_FIELD_FLAGS) {
		nt_field_json(f, r, r, scratch);
		v.kind = NT_COLUMN_TEXT;
		v.text = nt_slice_mem(scratch->p, scratch->len);
	} else {
		v = nt_field_scalar(f, r, r, small);
		if (v.text.p == small) {
			nt_buf_puts(scratch, small);
			v.text = nt_slice_mem(scratch->p, scratch->len);
		} else if (v.kind == NT_COLUMN_TEXT) {
			v.text = nt_text_clean(v.text, scratch);
		}
	}
	if (!nt_buf_ok(scratch))
		return -ENOMEM;
	*ret_value = v;
	return 0;
}
