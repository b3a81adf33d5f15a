/* SPDX-License-Identifier: Apache-2.0 */
/* One column of CSV (RFC 4180), octet by octet. */
#include "lib/base/parse.h"
#include "lib/feed/inside.h"

enum place {
	FIELD = 0, /* nothing of a field yet, but blanks */
	PLAIN = 1,
	QUOTED = 2,
	QUOTE = 3, /* behind a quote within quotes: the last one, or the first of two */
	BEHIND = 4, /* behind the last quote */
	COMMENT = 5,
};

int nt_feed_csv_init(struct nt_feed_list *l, struct nt_err *err)
{
	struct nt_slice field = l->form.field;
	uint64_t number = 1;

	l->csv.name.max_len = NT_FEED_NAME_TEXT_MAX;
	if (!l->form.separator)
		l->form.separator = ',';
	if (strchr("\"#\r\n ", l->form.separator))
		return nt_err_set(err, EINVAL,
				  "CSV separated by 0x%02x: write a comma, a "
				  "semicolon, a bar or a tab",
				  (unsigned char)l->form.separator);
	l->csv.header = field.len && nt_parse_u64(field, SIZE_MAX, &number) < 0;
	if (!number)
		return nt_err_set(err, EINVAL, "CSV column 0: they are counted from 1");
	l->csv.wanted = l->csv.header ? 0 : (size_t)number;
	if (!nt_buf_reserve(&l->csv.name, NT_FEED_NAME_TEXT_MAX))
		return nt_err_set(err, ENOMEM, "no memory for a domain list");
	return 0;
}

static void begin_row(struct nt_feed_csv *c)
{
	c->column = c->field_len = 0;
	c->any = c->have = c->behind_quote = c->too_long = false;
	c->place = FIELD;
	nt_buf_reset(&c->name);
}

static void keep(struct nt_feed_list *l, char octet)
{
	struct nt_feed_csv *c = &l->csv;

	c->any = true;
	if (++c->field_len > NT_FEED_TEXT_MAX)
		c->too_long = true;
	else if (c->header || c->column + 1 == c->wanted)
		nt_buf_putc(&l->text, octet);
}

static void end_field(struct nt_feed_list *l)
{
	struct nt_feed_csv *c = &l->csv;
	struct nt_slice text = nt_slice_trim(nt_slice_mem(nt_buf_str(&l->text), l->text.len));

	c->column++;
	c->field_len = 0;
	c->place = FIELD;
	if (c->header && !c->wanted && nt_slice_eq(text, l->form.field))
		c->wanted = c->column;
	if (!c->header && c->column == c->wanted) {
		c->have = true;
		nt_buf_slice(&c->name, text);
		c->too_long = c->too_long || !nt_buf_ok(&c->name);
	}
	nt_buf_reset(&l->text);
}

static int end_header(struct nt_feed_list *l, struct nt_err *err)
{
	struct nt_feed_csv *c = &l->csv;

	if (!c->wanted)
		return nt_err_set(err, EINVAL,
				  "line %zu: the first row has no column \"%.*s\": name the column "
				  "as it is there, or give its number",
				  c->row_line, NT_SLICE_ARG(l->form.field));
	c->header = false;
	return 0;
}

static int take_row(struct nt_feed_list *l, struct nt_err *err)
{
	const struct nt_feed_csv *c = &l->csv;

	if (c->behind_quote)
		nt_feed_refuse(l, c->row_line, NT_FEED_FAULT_SYNTAX, "text behind a closing quote");
	else if (c->too_long)
		nt_feed_refuse(l, c->row_line, NT_FEED_FAULT_LENGTH,
			       "a field of more than %d octets, or a name of more than %d",
			       NT_FEED_TEXT_MAX, NT_FEED_NAME_TEXT_MAX);
	else if (!c->have)
		nt_feed_refuse(l, c->row_line, NT_FEED_FAULT_FIELD, "%zu columns, and none is %zu",
			       c->column, c->wanted);
	else
		return nt_feed_take(l, c->row_line, nt_slice_mem(nt_buf_str(&c->name), c->name.len),
				    err);
	return 0;
}

static int end_row(struct nt_feed_list *l, struct nt_err *err)
{
	struct nt_feed_csv *c = &l->csv;
	int r = 0;

	end_field(l);
	if (c->any || c->column > 1)
		r = c->header ? end_header(l, err) : take_row(l, err);
	begin_row(c);
	return r;
}

static bool is_blank(char octet)
{
	return octet == ' ' || octet == '\t' || octet == '\r';
}

/* An octet that ends no field. */
static void take_octet(struct nt_feed_list *l, char octet)
{
	struct nt_feed_csv *c = &l->csv;

	switch (c->place) {
	case FIELD:
		if (is_blank(octet))
			return;
		if (octet == '#' && !c->any && !c->column) {
			c->place = COMMENT;
			return;
		}
		c->place = octet == '"' ? QUOTED : PLAIN;
		if (c->place == QUOTED)
			c->any = true;
		else
			keep(l, octet);
		return;
	case QUOTED:
		if (octet == '"')
			c->place = QUOTE;
		else
			keep(l, octet);
		return;
	case QUOTE:
		c->place = octet == '"' ? QUOTED : BEHIND;
		if (c->place == QUOTED) {
			keep(l, octet);
			return;
		}
		/* fall through */
	case BEHIND:
		c->behind_quote = c->behind_quote || !is_blank(octet);
		return;
	default: /* PLAIN; comments do not come here */
		keep(l, octet);
	}
}

int nt_feed_csv_push(struct nt_feed_list *l, struct nt_slice s, struct nt_err *err)
{
	struct nt_feed_csv *c = &l->csv;

	for (size_t i = 0; i < s.len; i++) {
		char octet = s.p[i];

		if (!c->any && !c->column)
			c->row_line = l->line;
		if (octet == '\n')
			l->line++;
		if (c->place == QUOTED)
			take_octet(l, octet);
		else if (octet == '\n' && c->place == COMMENT)
			begin_row(c);
		else if (octet == '\n' && end_row(l, err) < 0)
			return -err->code;
		else if (octet == l->form.separator && c->place != COMMENT)
			end_field(l);
		else if (octet != '\n' && c->place != COMMENT)
			take_octet(l, octet);
	}
	return 0;
}

int nt_feed_csv_end(struct nt_feed_list *l, struct nt_err *err)
{
	const struct nt_feed_csv *c = &l->csv;

	if (c->place == QUOTED)
		return nt_err_set(err, EINVAL,
				  "line %zu: a quote that opens here is never closed: the list is "
				  "cut off, or a quote is not doubled",
				  c->row_line);
	if (c->place != COMMENT && end_row(l, err) < 0)
		return -err->code;
	return c->header ? end_header(l, err) : 0;
}
