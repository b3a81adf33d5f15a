/* SPDX-License-Identifier: Apache-2.0 */
/* Columns for people. */
#include "api/cli/table.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/cli/text.h"

struct cell {
	size_t at, len; /* in text */
	enum nt_paint paint;
};

void nt_table_init(struct nt_table *t, const struct nt_column *columns, size_t len, bool colour)
{
	*t = (struct nt_table){ .columns = columns, .columns_len = len, .colour = colour };
	for (size_t i = 0; i < len; i++)
		t->width[i] = strlen(columns[i].title);
}

void nt_table_done(struct nt_table *t)
{
	nt_buf_done(&t->text);
	nt_buf_done(&t->cells);
}

void nt_table_painted(struct nt_table *t, enum nt_paint paint, struct nt_slice text)
{
	size_t column = t->cells.len / sizeof(struct cell) % t->columns_len;
	struct cell cell = { .at = t->text.len, .paint = paint };

	nt_text_put(&t->text, text.len ? text : NT_SLICE_LIT("-"));
	cell.len = t->text.len - cell.at;
	if (cell.len > t->width[column])
		t->width[column] = cell.len < NT_TABLE_WIDTH_MAX ? cell.len : NT_TABLE_WIDTH_MAX;
	nt_buf_add(&t->cells, &cell, sizeof(cell));
}

void nt_table_cell(struct nt_table *t, struct nt_slice text)
{
	nt_table_painted(t, NT_PAINT_NONE, text);
}

void nt_table_number(struct nt_table *t, int64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, number);
	nt_table_cell(t, nt_slice_str(text));
}

void nt_paint_begin(struct nt_buf *out, bool colour, enum nt_paint paint)
{
	static const char *const codes[] = { [NT_PAINT_NONE] = "",
					     [NT_PAINT_GOOD] = "\x1b[32m",
					     [NT_PAINT_WARN] = "\x1b[33m",
					     [NT_PAINT_BAD] = "\x1b[31m",
					     [NT_PAINT_DIM] = "\x1b[2m" };

	if (colour)
		nt_buf_puts(out, codes[paint]);
}

void nt_paint_end(struct nt_buf *out, bool colour, enum nt_paint paint)
{
	if (colour && paint != NT_PAINT_NONE)
		nt_buf_puts(out, "\x1b[0m");
}

static void put_cell(const struct nt_table *t, size_t column, struct nt_slice text,
		     enum nt_paint paint, struct nt_buf *out)
{
	bool last = column + 1 == t->columns_len, right = t->columns[column].right;
	size_t pad = text.len < t->width[column] ? t->width[column] - text.len : 0;

	for (size_t i = 0; right && i < pad; i++)
		nt_buf_putc(out, ' ');
	nt_paint_begin(out, t->colour, paint);
	nt_buf_slice(out, text);
	nt_paint_end(out, t->colour, paint);
	for (size_t i = 0; !right && !last && i < pad; i++)
		nt_buf_putc(out, ' ');
	nt_buf_puts(out, last ? "\n" : "  ");
}

void nt_table_flush(struct nt_table *t, struct nt_buf *out)
{
	size_t cells = t->cells.len / sizeof(struct cell);

	for (size_t i = 0; !t->begun && !t->headless && i < t->columns_len; i++)
		put_cell(t, i, nt_slice_str(t->columns[i].title), NT_PAINT_DIM, out);
	t->begun = true;
	for (size_t i = 0; i < cells - cells % t->columns_len; i++) {
		struct cell cell;

		memcpy(&cell, t->cells.p + i * sizeof(cell), sizeof(cell));
		put_cell(t, i % t->columns_len, nt_slice_mem(t->text.p + cell.at, cell.len),
			 cell.paint, out);
	}
	if (!nt_buf_ok(&t->text) || !nt_buf_ok(&t->cells))
		out->failed = true;
	nt_buf_reset(&t->text);
	nt_buf_reset(&t->cells);
}
