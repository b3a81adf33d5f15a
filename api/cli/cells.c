/* SPDX-License-Identifier: Apache-2.0 */
/* Cells of the tables of alerts. */
#include "api/cli/cells.h"

#include <stdio.h>

#include "api/cli/text.h"
#include "lib/base/cleanup.h"

void nt_cell_second(struct nt_table *t, const json_t *object, const char *key)
{
	struct nt_slice time = nt_text_at(object, key);
	char text[24] = "";

	if (time.len >= 19)
		snprintf(text, sizeof(text), "%.19sZ", time.p);
	nt_table_cell(t, nt_slice_str(text));
}

void nt_cell_figure(struct nt_table *t, struct nt_slice before, const json_t *figure)
{
	_cleanup_buf_ struct nt_buf text = { 0 };

	nt_buf_slice(&text, before);
	nt_buf_puts(&text, before.len ? " " : "");
	nt_buf_double(&text, json_number_value(figure));
	nt_table_cell(t, nt_slice_mem(text.p, text.len));
}

void nt_cell_threshold(struct nt_table *t, const json_t *event)
{
	struct nt_slice condition = nt_text_at(event, "condition");

	if (condition.len)
		nt_cell_figure(t, condition, json_object_get(event, "threshold"));
	else
		nt_table_cell(t, condition);
}

void nt_cell_group(struct nt_table *t, const json_t *group)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	json_t *members = (json_t *)group; /* jansson's iterators have no const */
	const char *name;
	json_t *value;

	json_object_foreach(members, name, value)
	{
		nt_buf_printf(&text, "%s%s=", text.len ? "," : "", name);
		nt_buf_add(&text, json_string_value(value), json_string_length(value));
	}
	nt_table_cell(t, nt_slice_mem(text.p, text.len));
}
