/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of names in queries: the SQL function that asks one of them (lib/query/query.h). */
#include "controller/store/sqlite.h"

#include "lib/base/cleanup.h"
#include "lib/query/query.h"

void nt_sqlite_bind_names(sqlite3_stmt *stmt, int at, const struct nt_query_names *names)
{
	(void)sqlite3_bind_pointer(stmt, at, (void *)(uintptr_t)names, NT_QUERY_NAMES_TYPE, NULL);
}

static void is_listed(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	const struct nt_query_names *names = sqlite3_value_pointer(argv[0], NT_QUERY_NAMES_TYPE);
	const char *text = (const char *)sqlite3_value_text(argv[1]);

	(void)argc;
	sqlite3_result_int(
		ctx, names && text &&
			     names->has(names->ctx,
					nt_slice_mem(text, (size_t)sqlite3_value_bytes(argv[1]))));
}

int nt_sqlite_names_register(sqlite3 *db)
{
	return sqlite3_create_function_v2(db, NT_QUERY_LISTED, 2, SQLITE_UTF8 | SQLITE_DIRECTONLY,
					  NULL, is_listed, NULL, NULL, NULL);
}
