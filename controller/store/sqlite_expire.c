/* SPDX-License-Identifier: Apache-2.0 */
/* What is too old goes out of the SQLite store. */
#include "controller/store/sqlite.h"

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

/* Endpoints that are no more, events that ended, and the pages that have become free. */
static int expire_rest(struct nt_store *s, int64_t before_us, struct nt_err *err)
{
	sqlite3_stmt *stmt;
	int64_t oldest = 0, newest = 0;
	int r = nt_sqlite_write(s, NT_WRITE_EXPIRE_ENDPOINTS, &stmt, err);

	if (r < 0)
		return r;
	(void)sqlite3_bind_int64(stmt, 1, NT_ENDPOINT_TAPPED);
	(void)sqlite3_bind_int64(stmt, 2, before_us);
	r = nt_sqlite_run(s, stmt, "remove old endpoints", err);
	if (r == 0)
		r = nt_sqlite_write(s, NT_WRITE_EXPIRE_GAPS, &stmt, err);
	if (r < 0)
		return r;
	(void)sqlite3_bind_int64(stmt, 1, before_us);
	r = nt_sqlite_run(s, stmt, "remove old gaps", err);
	if (r == 0)
		r = nt_sqlite_write(s, NT_WRITE_EXPIRE_ADDRESSES, &stmt, err);
	if (r == 0)
		r = nt_sqlite_run(s, stmt, "remove old addresses", err);
	if (r == 0)
		r = nt_sqlite_write(s, NT_WRITE_EXPIRE_EVENTS, &stmt, err);
	if (r < 0)
		return r;
	(void)sqlite3_bind_int64(stmt, 1, before_us);
	r = nt_sqlite_run(s, stmt, "remove old events", err);
	if (r == 0)
		r = nt_sqlite_exec(s->db, s->path, "PRAGMA incremental_vacuum", err);
	if (r == 0)
		r = nt_sqlite_int(s->db, s->path, "SELECT min(nt_start) FROM rows", &oldest, err);
	if (r == 0)
		r = nt_sqlite_int(s->db, s->path, "SELECT max(nt_start) FROM rows", &newest, err);
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
