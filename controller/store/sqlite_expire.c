/* SPDX-License-Identifier: Apache-2.0 */
/* What is too old goes out of the SQLite store. */
#include "controller/store/sqlite.h"

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"

/* One transaction of a deletion: short, so that batches get in between and the log stays small. */
static int expire_some(struct nt_store *s, enum nt_sqlite_write which, int64_t before_us,
		       uint64_t *ret_rows, struct nt_err *err)
{
	enum { EXPIRE_ROWS = 5000 };
	sqlite3_stmt *stmt;
	int r = nt_sqlite_write(s, which, &stmt, err);

	if (r < 0)
		return r;
	(void)sqlite3_bind_int64(stmt, 1, before_us);
	(void)sqlite3_bind_int64(stmt, 2, EXPIRE_ROWS);
	r = nt_sqlite_run(s, stmt, "remove old rows", err);
	if (r == 0)
		*ret_rows = (uint64_t)sqlite3_changes(s->db);
	return r;
}

/* What is not a row: in this order, because some refer to what goes before them. */
static int expire_beside(struct nt_store *s, int64_t before_us, struct nt_err *err)
{
	static const struct {
		enum nt_sqlite_write which;
		const char *what;
	} steps[] = {
		{ NT_WRITE_EXPIRE_ENDPOINTS, "remove old endpoints" },
		{ NT_WRITE_EXPIRE_GAPS, "remove old gaps" },
		{ NT_WRITE_EXPIRE_ADDRESSES, "remove old addresses" },
		{ NT_WRITE_EXPIRE_SPOOLS, "remove old spools" },
		{ NT_WRITE_EXPIRE_SILENT, "remove nodes that are no more" },
		{ NT_WRITE_EXPIRE_EVENTS, "remove old events" },
	};
	int r = 0;

	for (size_t i = 0; i < NT_ARRAY_LEN(steps) && r == 0; i++) {
		sqlite3_stmt *stmt;

		r = nt_sqlite_write(s, steps[i].which, &stmt, err);
		if (r < 0)
			return r;
		(void)sqlite3_bind_int64(stmt, 1, before_us);
		(void)sqlite3_bind_int64(stmt, 2, NT_ENDPOINT_TAPPED);
		r = nt_sqlite_run(s, stmt, steps[i].what, err);
	}
	return r;
}

/* All that is not a row, and the pages that have become free. */
static int expire_rest(struct nt_store *s, int64_t before_us, struct nt_err *err)
{
	int64_t oldest = 0, newest = 0;
	int r = expire_beside(s, before_us, err);

	if (r == 0)
		r = nt_sqlite_exec(s->db, s->path, "PRAGMA incremental_vacuum", err);
	if (r == 0)
		r = nt_sqlite_span(s, &oldest, &newest, err);
	if (r < 0)
		return r;
	pthread_mutex_lock(&s->stats_lock);
	s->stats.oldest_us = oldest;
	s->stats.newest_us = newest;
	pthread_mutex_unlock(&s->stats_lock);
	return 0;
}

static int expire_all(struct nt_store *s, enum nt_sqlite_write which, int64_t before_us,
		      uint64_t *ret_rows, struct nt_err *err)
{
	uint64_t rows = 0, some;
	int r;

	do {
		some = 0;
		pthread_mutex_lock(&s->write_lock);
		r = expire_some(s, which, before_us, &some, err);
		pthread_mutex_unlock(&s->write_lock);
		rows += some;
		pthread_mutex_lock(&s->stats_lock);
		s->stats.rows -= some;
		pthread_mutex_unlock(&s->stats_lock);
	} while (r == 0 && some);
	*ret_rows = rows;
	return r;
}

int nt_store_expire(struct nt_store *s, int64_t before_us, uint64_t *ret_rows, struct nt_err *err)
{
	struct nt_clock clock = nt_clock_system();
	int64_t folded_us = nt_clock_real(&clock) / NT_NS_PER_US - NT_STORE_FOLDED_US;
	uint64_t rows = 0, folded = 0;
	int r = expire_all(s, NT_WRITE_EXPIRE, before_us, &rows, err);

	if (r == 0)
		r = expire_all(s, NT_WRITE_EXPIRE_FOLDED, folded_us, &folded, err);
	if (r == 0) {
		pthread_mutex_lock(&s->write_lock);
		r = expire_rest(s, before_us, err);
		pthread_mutex_unlock(&s->write_lock);
	}
	if (r == 0)
		*ret_rows = rows;
	return r;
}
