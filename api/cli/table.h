/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Columns for people: each cell is escaped as it comes in, so a column's width is what the terminal
 * shows. Widths only grow, so that a log that is printed page by page stays in its columns. Two
 * spaces between columns, nothing behind the last. One thread.
 */
#pragma once

#include "lib/base/buf.h"

#define NT_TABLE_COLUMNS 20
/* A cell that is longer does not push the others out of the screen: it sticks out of its column. */
#define NT_TABLE_WIDTH_MAX 60

/* Said by colour, beside words that say the same. */
enum nt_paint {
	NT_PAINT_NONE = 0,
	NT_PAINT_GOOD = 1,
	NT_PAINT_WARN = 2,
	NT_PAINT_BAD = 3,
	NT_PAINT_DIM = 4,
};

struct nt_column {
	const char *title;
	bool right; /* figures */
};

struct nt_table {
	const struct nt_column *columns; /* borrowed */
	size_t columns_len;
	bool colour, headless, begun;
	size_t width[NT_TABLE_COLUMNS];
	struct nt_buf text; /* of all cells */
	struct nt_buf cells; /* of struct cell, row by row */
};

void nt_table_init(struct nt_table *t, const struct nt_column *columns, size_t len, bool colour);
void nt_table_done(struct nt_table *t);
#define _cleanup_table_ __attribute__((cleanup(nt_table_done)))

/* The next cell, from left to right; "-" in place of nothing. */
void nt_table_cell(struct nt_table *t, struct nt_slice text);
void nt_table_painted(struct nt_table *t, enum nt_paint paint, struct nt_slice text);
/* A figure, with its digits as they are. */
void nt_table_number(struct nt_table *t, int64_t number);
/* Appends the rows that are whole, the first time below the titles, and forgets them. */
void nt_table_flush(struct nt_table *t, struct nt_buf *out);

/* Text between the escapes of a colour; without `colour` the text alone. */
void nt_paint_begin(struct nt_buf *out, bool colour, enum nt_paint paint);
void nt_paint_end(struct nt_buf *out, bool colour, enum nt_paint paint);
