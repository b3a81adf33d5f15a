/* SPDX-License-Identifier: Apache-2.0 */
/* GET logs and fields: rows as records, and the schema of the filter's language. */
#include "api/http/frame.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/http/figures.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/parse.h"
#include "lib/record/codec.h"

struct rows {
	struct nt_json *j;
	int64_t last; /* the highest row number given */
	struct nt_buf unreadable; /* elements of that list */
	uint64_t unreadable_len;
};

static void write_number(struct nt_json *j, const char *key, int64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, number);
	nt_json_key_str(j, key, nt_slice_str(text));
}

static bool add_unreadable(struct rows *rows, int64_t row_id, const char *why)
{
	struct nt_json j = NT_JSON(&rows->unreadable);

	if (rows->unreadable_len++)
		nt_buf_putc(&rows->unreadable, ',');
	nt_json_open(&j, '{');
	write_number(&j, "row", row_id);
	nt_json_key_str(&j, "reason", nt_slice_str(why));
	nt_json_close(&j, '}');
	return nt_buf_ok(&rows->unreadable);
}

static bool add_row(void *ctx, int64_t row_id, const struct nt_record *record, const char *why)
{
	struct rows *rows = ctx;
	struct nt_json *j = rows->j;

	if (row_id > rows->last)
		rows->last = row_id;
	if (!record)
		return add_unreadable(rows, row_id, why);
	nt_json_open(j, '{');
	write_number(j, "row", row_id);
	nt_json_key(j, "record");
	nt_json_value(j);
	nt_record_json(record, j->out);
	nt_json_close(j, '}');
	return nt_buf_ok(j->out);
}

struct logs_params {
	struct nt_figures figures;
	int order; /* enum nt_store_order */
	uint32_t limit;
	int64_t cursor;
};

/* The list, after that of the rows. Somebody who reads the log has the number and the reason; the
 * log of this process has the first one, the counter all times that one was met. */
static void write_unreadable(struct nt_api *api, struct rows *rows)
{
	struct nt_json *j = rows->j;

	nt_json_key(j, "unreadable");
	nt_json_open(j, '[');
	if (rows->unreadable_len) {
		nt_json_value(j);
		nt_buf_add(j->out, rows->unreadable.p, rows->unreadable.len);
	}
	nt_json_close(j, ']');
	if (rows->unreadable_len &&
	    !atomic_fetch_add(&api->counters.rows_unreadable, rows->unreadable_len))
		nt_log_warn("rows of the store cannot be read and are left out of answers: %.*s",
			    (int)rows->unreadable.len, rows->unreadable.p);
}

/* Rows are numbered in the order in which they are stored: what a page by arrival has seen all of
 * reaches up to the position that was read before it, or to its own last row. */
static int64_t arrived(const struct rows *rows, int64_t position, int64_t next)
{
	if (next)
		return next;
	return rows->last > position ? rows->last : position;
}

static int write_logs(struct nt_api *api, struct nt_store_reader *reader, void *ctx,
		      struct nt_reply *reply, struct nt_err *err)
{
	const struct logs_params *lp = ctx;
	struct nt_json j = NT_JSON(&reply->body);
	struct rows rows = { .j = &j };
	int64_t next = 0, position = 0;
	int r;

	r = nt_store_position(reader, &position, err);
	if (r < 0)
		return r;
	nt_json_open(&j, '{');
	nt_json_range(&j, &lp->figures.range);
	write_number(&j, "position", position);
	nt_json_key(&j, "rows");
	nt_json_open(&j, '[');
	r = nt_store_rows(reader, &lp->figures.range, (enum nt_store_order)lp->order, lp->limit,
			  lp->cursor, add_row, &rows, &next, err);
	nt_json_close(&j, ']');
	write_unreadable(api, &rows);
	nt_buf_done(&rows.unreadable);
	if (lp->order == NT_STORE_ARRIVAL)
		next = arrived(&rows, position, next);
	if (next || lp->order == NT_STORE_ARRIVAL) {
		write_number(&j, "next_cursor", next);
	} else {
		nt_json_key(&j, "next_cursor");
		nt_json_null(&j);
	}
	nt_json_close(&j, '}');
	return r;
}

static int parse_cursor(const struct nt_params *p, int64_t *ret_cursor, struct nt_err *err)
{
	const struct nt_slice *text = nt_params_find(p, "cursor");
	uint64_t v = 0;

	if (text && nt_parse_u64(*text, INT64_MAX, &v) < 0)
		return nt_err_set(err, EINVAL, "cursor: next_cursor of the page before is wanted");
	*ret_cursor = (int64_t)v;
	return 0;
}

static bool parse_logs(const struct nt_params *p, struct logs_params *lp, struct nt_reply *reply)
{
	static const char *const types[] = { "LOG", "UNLOGGED", NULL };
	static const char *const orders[] = { "newest", "oldest", "arrival", NULL };
	struct nt_err err = { 0 };
	int type, r;

	if (!nt_figures_begin(p, "type order limit cursor", &lp->figures, reply))
		return false;
	r = nt_params_word(p, "type", types, 0, &type, &err);
	if (r == 0)
		r = nt_params_word(p, "order", orders, NT_STORE_NEWEST, &lp->order, &err);
	if (r == 0)
		r = nt_params_u32(p, "limit", 1000, 100, &lp->limit, &err);
	if (r == 0)
		r = parse_cursor(p, &lp->cursor, &err);
	if (r < 0) {
		nt_reply_problem(reply, 400, "%s", err.msg);
		return false;
	}
	if (type == NT_RECORD_UNLOGGED) /* the rows that the figures' loss is the sum of */
		lp->figures.range = lp->figures.lost;
	return true;
}

static void logs_params_done(struct logs_params *lp)
{
	nt_figures_done(&lp->figures);
}

void nt_handle_logs(struct nt_api *api, const struct nt_params *p, struct nt_reply *reply)
{
	_cleanup_(logs_params_done) struct logs_params lp = { 0 };

	if (!parse_logs(p, &lp, reply))
		return;
	nt_reply_json(reply);
	nt_frame_from_store(api, write_logs, &lp, reply);
}

static void write_field(struct nt_json *j, const struct nt_query_field *f)
{
	nt_json_open(j, '{');
	nt_json_key_str(j, "name", nt_slice_str(f->name));
	nt_json_key_str(j, "type", nt_slice_str(f->type));
	nt_json_key_str(j, "unit", nt_slice_str(f->unit));
	nt_json_key_str(j, "description", nt_slice_str(f->description));
	nt_json_key(j, "groupable");
	nt_json_bool(j, f->groupable);
	if (f->values) {
		nt_json_key(j, "values");
		nt_json_open(j, '[');
		for (size_t i = 0; f->values[i]; i++)
			nt_json_str(j, nt_slice_str(f->values[i]));
		nt_json_close(j, ']');
	}
	nt_json_close(j, '}');
}

void nt_handle_fields(struct nt_api *api, const struct nt_params *p, struct nt_reply *reply)
{
	const struct nt_query_field *f;
	struct nt_json j;

	(void)api;
	if (!nt_frame_plain(p, reply))
		return;
	j = nt_frame_list_open(reply, "fields");
	for (size_t i = 0; (f = nt_query_field_at(i)); i++)
		write_field(&j, f);
	nt_frame_list_close(&j);
}
