/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the SQLite store as records, page by page. */
#include "controller/store/sqlite.h"

#include "lib/base/cleanup.h"
#include "lib/query/query.h"
#include "lib/record/codec.h"

/* A record of a batch that was taken fits the batch's bound; lists take more in memory. */
#define ROW_ARENA_MAX (256u << 20)

/* The page goes on behind the row that the last one ended with. */
static int add_cursor(struct nt_store_reader *r, enum nt_store_order order, int64_t cursor,
		      struct nt_buf *more, struct nt_err *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int result;

	if (order == NT_STORE_ARRIVAL)
		nt_buf_printf(more, " AND nt_row > %lld", (long long)cursor);
	if (order == NT_STORE_ARRIVAL || !cursor)
		return 0;
	if (sqlite3_prepare_v2(r->db, "SELECT nt_start FROM rows WHERE nt_row = ?1", -1, &stmt,
			       NULL) != SQLITE_OK)
		return nt_sqlite_err(r->db, r->path, "find the page", err);
	(void)sqlite3_bind_int64(stmt, 1, cursor);
	result = sqlite3_step(stmt);
	if (result == SQLITE_DONE)
		return nt_err_set(err, ENOENT, "the row where the page begins is gone");
	if (result != SQLITE_ROW)
		return nt_sqlite_err(r->db, r->path, "find the page", err);
	nt_buf_printf(more, " AND (nt_start, nt_row) %s (%lld, %lld)",
		      order == NT_STORE_OLDEST ? ">" : "<",
		      (long long)sqlite3_column_int64(stmt, 0), (long long)cursor);
	return 0;
}

/* One that cannot be read is given as such: the others are there. */
static int give_row(struct nt_store_reader *r, sqlite3_stmt *stmt, struct nt_arena *arena,
		    nt_store_row_fn *fn, void *ctx, bool *ret_more, struct nt_err *err)
{
	int64_t row = sqlite3_column_int64(stmt, 0);
	struct nt_slice wire =
		nt_slice_mem(sqlite3_column_blob(stmt, 1), (size_t)sqlite3_column_bytes(stmt, 1));
	struct nt_record record;
	int result;

	nt_arena_reset(arena);
	result = nt_record_from_wire(wire, arena, &record, err);
	if (result == -EBADMSG) {
		*ret_more = fn(ctx, row, NULL, err->msg);
		return 0;
	}
	if (result < 0)
		return nt_err_wrap(err, "%s: row %lld", r->path, (long long)row);
	nt_sqlite_join_read(stmt, 4, &record);
	record.batch_spool = nt_sqlite_column_text(stmt, 2);
	record.batch_seq = (uint64_t)sqlite3_column_int64(stmt, 3);
	*ret_more = fn(ctx, row, &record, NULL);
	return 0;
}

/* Steps through at most `limit` rows; *ret_cursor is the last of these when there are more. */
static int walk(struct nt_store_reader *r, sqlite3_stmt *stmt, uint32_t limit, nt_store_row_fn *fn,
		void *ctx, int64_t *ret_cursor, struct nt_err *err)
{
	_cleanup_arena_ struct nt_arena arena = NT_ARENA(ROW_ARENA_MAX);
	int64_t last = 0;
	uint32_t n = 0;
	bool more = true;
	int result;

	while ((result = nt_sqlite_step(r, stmt, err)) > 0) {
		if (n == limit || !more) {
			*ret_cursor = last;
			return 0;
		}
		last = sqlite3_column_int64(stmt, 0);
		result = give_row(r, stmt, &arena, fn, ctx, &more, err);
		if (result < 0)
			return result;
		n++;
	}
	if (result == 0)
		*ret_cursor = 0;
	return result;
}

int nt_store_position(struct nt_store_reader *r, int64_t *ret_position, struct nt_err *err)
{
	return nt_sqlite_int(r->db, r->path, "SELECT seq FROM sqlite_sequence WHERE name = 'rows'",
			     ret_position, err);
}

int nt_store_rows(struct nt_store_reader *r, const struct nt_store_range *range,
		  enum nt_store_order order, uint32_t limit, int64_t cursor, nt_store_row_fn *fn,
		  void *ctx, int64_t *ret_cursor, struct nt_err *err)
{
	static const char *const orders[] = {
		[NT_STORE_NEWEST] = "r.nt_start DESC, r.nt_row DESC",
		[NT_STORE_OLDEST] = "r.nt_start, r.nt_row",
		[NT_STORE_ARRIVAL] = "r.nt_row",
	};
	_cleanup_(nt_query_sql_done) struct nt_query_sql filter = { 0 };
	_cleanup_buf_ struct nt_buf sql = { 0 }, more = { 0 };
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int result;

	if (range->filter && nt_query_to_sql(range->filter, &filter) < 0)
		return nt_err_set(err, ENOMEM, "no memory for a query");
	result = add_cursor(r, order, cursor, &more, err);
	if (result < 0)
		return result;
	nt_buf_puts(&sql,
		    "SELECT r.nt_row, r.nt_record, r.nt_spool, r.nt_seq, " NT_SQLITE_JOIN_COLUMNS);
	nt_sqlite_from(range, &filter, order == NT_STORE_ARRIVAL, nt_buf_str(&more), &sql);
	/* One more than asked for says whether there is a next page. */
	nt_buf_printf(&sql, " ORDER BY %s LIMIT %llu", orders[order],
		      (unsigned long long)limit + 1);
	result = nt_sqlite_prepare(r, &sql, &filter, &stmt, err);
	if (result < 0)
		return result;
	return walk(r, stmt, limit, fn, ctx, ret_cursor, err);
}
