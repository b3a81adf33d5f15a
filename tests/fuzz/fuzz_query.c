/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a query: what is accepted must evaluate, and its SQL must run in SQLite and agree. */
#include <sqlite3.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/query/query.h"
#include "tests/unit/record_random.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct nt_arena arena = { .max_bytes = 16 << 20 };
static struct nt_record record;
static sqlite3 *db;

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void add_row(sqlite3_stmt *stmt)
{
	_cleanup_buf_ struct nt_buf scratch = { 0 };
	struct nt_column_value v;

	for (size_t i = 0; i < nt_columns_len(); i++) {
		int at = (int)i + 1;

		must(nt_column_value(&record, i, &scratch, &v) == 0);
		if (v.kind == NT_COLUMN_TEXT)
			sqlite3_bind_text(stmt, at, v.text.len ? v.text.p : "", (int)v.text.len,
					  SQLITE_TRANSIENT);
		else if (v.kind == NT_COLUMN_INT)
			sqlite3_bind_int64(stmt, at, v.i);
	}
	must(sqlite3_step(stmt) == SQLITE_DONE);
	sqlite3_finalize(stmt);
}

/* One table with one random record for the whole run. */
static void open_table(void)
{
	_cleanup_buf_ struct nt_buf create = { 0 }, insert = { 0 };
	sqlite3_stmt *stmt;

	record = random_record(5, &arena);
	must(sqlite3_open(":memory:", &db) == SQLITE_OK);
	nt_buf_puts(&create, "CREATE TABLE rows (");
	nt_buf_puts(&insert, "INSERT INTO rows VALUES (");
	for (size_t i = 0; i < nt_columns_len(); i++) {
		nt_buf_printf(&create, "%s\"%s\" %s", i ? "," : "", nt_column_name(i),
			      nt_column_sql_type(i));
		nt_buf_puts(&insert, i ? ",?" : "?");
	}
	nt_buf_puts(&create, ")");
	nt_buf_puts(&insert, ")");
	must(sqlite3_exec(db, nt_buf_str(&create), NULL, NULL, NULL) == SQLITE_OK);
	must(sqlite3_prepare_v2(db, nt_buf_str(&insert), -1, &stmt, NULL) == SQLITE_OK);
	add_row(stmt);
}

static bool in_sqlite(const struct nt_query_sql *sql)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	sqlite3_stmt *stmt;
	int result;

	nt_buf_printf(&text, "SELECT 1 FROM rows WHERE %s", nt_buf_str(&sql->text));
	must(sqlite3_prepare_v2(db, nt_buf_str(&text), -1, &stmt, NULL) == SQLITE_OK);
	for (size_t i = 0; i < sql->binds_len; i++) {
		const struct nt_bind *b = &sql->binds[i];
		int at = (int)i + 1;

		if (b->kind == NT_BIND_INT)
			sqlite3_bind_int64(stmt, at, b->i);
		else if (b->kind == NT_BIND_DOUBLE)
			sqlite3_bind_double(stmt, at, b->d);
		else
			sqlite3_bind_text(stmt, at, b->text.len ? b->text.p : "", (int)b->text.len,
					  SQLITE_STATIC);
	}
	result = sqlite3_step(stmt);
	must(result == SQLITE_ROW || result == SQLITE_DONE);
	sqlite3_finalize(stmt);
	return result == SQLITE_ROW;
}

/* With sets written out the text says the same. */
static void try_expanded(struct nt_slice text)
{
	static const struct nt_slice values[] = { { "*\"a", 3 }, { "b?", 2 }, { "1", 1 } };
	static const struct nt_query_substitution d = { .name = { "d", 1 },
							.values = values,
							.values_len = 3 };
	_cleanup_(nt_query_freep) struct nt_query *q = NULL, *alone = NULL;
	_cleanup_buf_ struct nt_buf written = { 0 };
	struct nt_query_error e;

	if (nt_query_parse_with(text, &d, 1, &q, &e) < 0) {
		must(e.msg[0] && e.at + e.len <= text.len);
		return;
	}
	nt_query_expand(text, &d, 1, &written);
	if (written.len > NT_QUERY_TEXT_MAX)
		return;
	must(nt_query_parse(nt_slice_mem(written.p, written.len), &alone, &e) == 0);
	must(nt_query_eval(q, &record) == nt_query_eval(alone, &record));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(nt_query_sql_done) struct nt_query_sql sql = { 0 };
	_cleanup_(nt_query_freep) struct nt_query *q = NULL;
	struct nt_query_error e;

	if (!db)
		open_table();
	try_expanded(nt_slice_mem(data, size));
	if (nt_query_parse(nt_slice_mem(data, size), &q, &e) < 0) {
		must(e.msg[0] && e.at + e.len <= size);
		return 0;
	}
	must(nt_query_to_sql(q, &sql) == 0);
	must(nt_query_eval(q, &record) == in_sqlite(&sql));
	return 0;
}
