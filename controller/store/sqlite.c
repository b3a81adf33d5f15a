/* SPDX-License-Identifier: Apache-2.0 */
/* The SQLite store: opening, closing, readers, and the helpers around statements. */
#include "controller/store/sqlite.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "controller/store/join.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"

static int errno_of(sqlite3 *db)
{
	int code = sqlite3_extended_errcode(db);

	switch (code & 0xff) {
	case SQLITE_FULL:
		return ENOSPC;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return EUCLEAN;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return EBUSY;
	case SQLITE_INTERRUPT:
		return ETIMEDOUT;
	case SQLITE_NOMEM:
		return ENOMEM;
	case SQLITE_CONSTRAINT:
		return EEXIST;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		/* A quota, or the shared memory of the log, fails this way on a full disk. */
		if (sqlite3_system_errno(db) == ENOSPC || sqlite3_system_errno(db) == EDQUOT ||
		    code == SQLITE_IOERR_SHMSIZE)
			return ENOSPC;
		return EIO;
	default:
		return EIO;
	}
}

int nt_sqlite_err(sqlite3 *db, const char *path, const char *what, struct nt_err *err)
{
	int code = errno_of(db);

	if (code == EUCLEAN)
		return nt_err_set(err, code, "%s: the file is damaged (%s: %s)", path, what,
				  sqlite3_errmsg(db));
	if (code == ENOSPC)
		return nt_err_set(err, code, "%s: %s: the disk is full", path, what);
	if (code == ETIMEDOUT)
		return nt_err_set(err, code, "the query took longer than %d s",
				  NT_SQLITE_DEADLINE_S);
	return nt_err_set(err, code, "%s: %s: %s", path, what, sqlite3_errmsg(db));
}

int nt_sqlite_exec(sqlite3 *db, const char *path, const char *sql, struct nt_err *err)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return nt_sqlite_err(db, path, sql, err);
	return 0;
}

int nt_sqlite_end(sqlite3 *db, const char *path, int result, const char *how, struct nt_err *err)
{
	if (result == 0)
		result = nt_sqlite_exec(db, path, how, err);
	if (result < 0 && !sqlite3_get_autocommit(db))
		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return result;
}

int nt_sqlite_int(sqlite3 *db, const char *path, const char *sql, int64_t *ret_value,
		  struct nt_err *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int r;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		return nt_sqlite_err(db, path, sql, err);
	r = sqlite3_step(stmt);
	if (r != SQLITE_ROW && r != SQLITE_DONE)
		return nt_sqlite_err(db, path, sql, err);
	*ret_value = r == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
	return 0;
}

void nt_sqlite_bind_text(sqlite3_stmt *stmt, int at, struct nt_slice text)
{
	/* NULL would bind SQL's NULL, not the empty text. */
	(void)sqlite3_bind_text64(stmt, at, text.len ? text.p : "", text.len, SQLITE_STATIC,
				  SQLITE_UTF8);
}

struct nt_slice nt_sqlite_column_text(sqlite3_stmt *stmt, int at)
{
	const void *p = sqlite3_column_text(stmt, at);

	return nt_slice_mem(p, p ? (size_t)sqlite3_column_bytes(stmt, at) : 0);
}

/* One process per store: two would each believe to be the one writer. */
static int lock_folder(const char *folder, int *ret_fd, struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf path = { 0 };
	_cleanup_close_ int fd = -1;

	nt_buf_printf(&path, "%s/lock", folder);
	if (!nt_buf_ok(&path))
		return nt_err_set(err, ENOMEM, "no memory to open the store");
	fd = open(path.p, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd == -1)
		return nt_err_sys(err, errno, "open %s", path.p);
	if (NT_RETRY(flock(fd, LOCK_EX | LOCK_NB)) == -1) {
		if (errno == EWOULDBLOCK)
			return nt_err_set(err, EBUSY, "%s: another process has this store open",
					  folder);
		return nt_err_sys(err, errno, "lock %s", path.p);
	}
	*ret_fd = NT_TAKE_FD(fd);
	return 0;
}

/* SQLite gives its log and shared memory the mode of the main file, so that is made first: what
 * pods ask for is nobody else's business. */
static int make_private(const char *path, struct nt_err *err)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	return fd == -1 ? nt_err_sys(err, errno, "open %s", path) : 0;
}

static int check_result(sqlite3 *db, const char *path, struct nt_err *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;

	if (sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &stmt, NULL) != SQLITE_OK ||
	    sqlite3_step(stmt) != SQLITE_ROW)
		return nt_sqlite_err(db, path, "integrity check", err);
	if (!nt_slice_eq(nt_sqlite_column_text(stmt, 0), NT_SLICE_LIT("ok")))
		return nt_err_set(err, EUCLEAN, "%s: the file is damaged (%s)", path,
				  (const char *)sqlite3_column_text(stmt, 0));
	return 0;
}

static int check_owner(sqlite3 *db, const char *path, struct nt_err *err)
{
	int64_t id, tables;
	int r;

	r = nt_sqlite_int(db, path, "PRAGMA application_id", &id, err);
	if (r == 0)
		r = nt_sqlite_int(db, path, "SELECT count(*) FROM sqlite_schema", &tables, err);
	if (r < 0)
		return r;
	if (id == NT_SQLITE_APPLICATION_ID || (id == 0 && tables == 0))
		return 0;
	return nt_err_set(err, EUCLEAN, "%s: a database, but not one of nametap", path);
}

/* FULL: an acknowledged batch survives power loss (T11). auto_vacuum takes effect only before the
 * first table is made. The limit on the log's size is what stays on disk after a checkpoint. */
static int set_up_writer(struct nt_store *s, struct nt_err *err)
{
	static const char *const pragmas[] = {
		"PRAGMA auto_vacuum = INCREMENTAL", "PRAGMA journal_mode = WAL",
		"PRAGMA synchronous = FULL",	    "PRAGMA journal_size_limit = 67108864",
		"PRAGMA trusted_schema = OFF",
	};
	int r;

	(void)sqlite3_busy_timeout(s->db, NT_SQLITE_BUSY_MS);
	r = check_owner(s->db, s->path, err);
	for (size_t i = 0; i < NT_ARRAY_LEN(pragmas) && r == 0; i++)
		if (sqlite3_exec(s->db, pragmas[i], NULL, NULL, NULL) != SQLITE_OK)
			r = nt_sqlite_err(s->db, s->path, "open", err);
	if (r == 0)
		r = check_result(s->db, s->path, err);
	if (r == 0)
		r = nt_sqlite_schema_open(s->db, s->path, err);
	return r;
}

int nt_sqlite_span(struct nt_store *s, int64_t *ret_oldest_us, int64_t *ret_newest_us,
		   struct nt_err *err)
{
	int r = nt_sqlite_int(s->db, s->path, "SELECT min(nt_start) FROM rows", ret_oldest_us, err);

	if (r == 0)
		r = nt_sqlite_int(s->db, s->path, "SELECT max(nt_start) FROM rows", ret_newest_us,
				  err);
	return r;
}

static int read_stats(struct nt_store *s, struct nt_err *err)
{
	int64_t rows, batches, oldest, newest;
	int r;

	r = nt_sqlite_int(s->db, s->path, "SELECT count(*) FROM rows", &rows, err);
	if (r == 0)
		r = nt_sqlite_int(s->db, s->path, "SELECT count(*) FROM ledger", &batches, err);
	if (r == 0)
		r = nt_sqlite_span(s, &oldest, &newest, err);
	if (r < 0)
		return r;
	s->stats = (struct nt_store_stats){ .batches = (uint64_t)batches,
					    .records = (uint64_t)rows,
					    .rows = (uint64_t)rows,
					    .oldest_us = oldest,
					    .newest_us = newest };
	return 0;
}

static void closep(struct nt_store **s)
{
	nt_store_close(*s);
}

static struct nt_store *new_store(struct nt_err *err)
{
	struct nt_store *s = calloc(1, sizeof(*s));

	if (!s) {
		(void)nt_err_set(err, ENOMEM, "no memory to open the store");
		return NULL;
	}
	s->lock_fd = -1;
	pthread_mutex_init(&s->write_lock, NULL);
	pthread_mutex_init(&s->stats_lock, NULL);
	return s;
}

/* The writer's connection to s->path, and what is there. */
static int begin_store(struct nt_store *s, int flags, uint32_t join_rows, struct nt_err *err)
{
	int r;

	if (sqlite3_open_v2(s->path, &s->db, flags | SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
			    s->vfs) != SQLITE_OK)
		return nt_sqlite_err(s->db, s->path, "open", err);
	r = set_up_writer(s, err);
	if (r == 0)
		r = read_stats(s, err);
	if (r == 0)
		r = nt_sqlite_suppress_restore(s, err);
	if (r < 0)
		return r;
	s->join = nt_join_new(join_rows, err);
	return s->join ? nt_sqlite_join_restore(s, err) : -ENOMEM;
}

int nt_store_open(const char *path, struct nt_store **ret_store, struct nt_err *err)
{
	__attribute__((cleanup(closep))) struct nt_store *s = new_store(err);
	int r;

	if (!s)
		return -ENOMEM;
	if (asprintf(&s->path, "%s/%s", path, NT_SQLITE_FILE) == -1) {
		s->path = NULL;
		return nt_err_set(err, ENOMEM, "no memory to open the store");
	}
	r = nt_file_mkdirs(path, 0700, err);
	if (r == 0)
		r = lock_folder(path, &s->lock_fd, err);
	if (r == 0)
		r = make_private(s->path, err);
	if (r == 0)
		r = begin_store(s, 0, NT_JOIN_ROWS, err);
	if (r < 0)
		return r;
	*ret_store = NT_TAKE_PTR(s);
	return 0;
}

/* SQLite shares a database of that file system among the connections of a process that open the
 * same name, which begins with a slash. It ends with the last one. */
int nt_store_open_memory(uint64_t bytes_max, struct nt_store **ret_store, struct nt_err *err)
{
	enum { MEMORY_JOIN_ROWS = 256 };
	static atomic_uint_fast64_t number;
	__attribute__((cleanup(closep))) struct nt_store *s = new_store(err);
	sqlite3_int64 max = (sqlite3_int64)bytes_max;
	int r;

	if (!s)
		return -ENOMEM;
	s->vfs = "memdb";
	if (asprintf(&s->path, "/memory-%" PRIu64, atomic_fetch_add(&number, 1)) == -1) {
		s->path = NULL;
		return nt_err_set(err, ENOMEM, "no memory to open the store");
	}
	r = begin_store(s, SQLITE_OPEN_CREATE, MEMORY_JOIN_ROWS, err);
	if (r < 0)
		return r;
	(void)sqlite3_file_control(s->db, "main", SQLITE_FCNTL_SIZE_LIMIT, &max);
	*ret_store = NT_TAKE_PTR(s);
	return 0;
}

void nt_store_close(struct nt_store *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < NT_ARRAY_LEN(s->writes); i++)
		sqlite3_finalize(s->writes[i]);
	(void)sqlite3_close(s->db);
	nt_closep(&s->lock_fd);
	nt_join_free(s->join);
	nt_buf_done(&s->scratch);
	nt_buf_done(&s->tickets);
	pthread_mutex_destroy(&s->write_lock);
	pthread_mutex_destroy(&s->stats_lock);
	free(s->path);
	free(s);
}

/* Octets of the database and of its log. */
static uint64_t bytes_on_disk(const char *path)
{
	static const char *const suffixes[] = { "", "-wal" };
	uint64_t sum = 0;

	for (size_t i = 0; i < NT_ARRAY_LEN(suffixes); i++) {
		_cleanup_buf_ struct nt_buf name = { 0 };
		struct stat st;

		nt_buf_printf(&name, "%s%s", path, suffixes[i]);
		if (nt_buf_ok(&name) && stat(name.p, &st) == 0)
			sum += (uint64_t)st.st_blocks * 512;
	}
	return sum;
}

struct nt_store_stats nt_store_stats(struct nt_store *s)
{
	struct nt_store_stats stats;

	pthread_mutex_lock(&s->stats_lock);
	stats = s->stats;
	pthread_mutex_unlock(&s->stats_lock);
	stats.bytes = bytes_on_disk(s->path);
	return stats;
}

static int past_deadline(void *ctx)
{
	const struct nt_store_reader *r = ctx;

	return nt_clock_monotonic_now() > r->deadline_ns;
}

int nt_store_reader_open(struct nt_store *s, struct nt_store_reader **ret_reader,
			 struct nt_err *err)
{
	enum { PROGRESS_STEPS = 20000 }; /* virtual machine steps, well below a millisecond */
	struct nt_store_reader *r = calloc(1, sizeof(*r));
	int result;

	if (!r)
		return nt_err_set(err, ENOMEM, "no memory for a reader");
	r->path = s->path;
	if (sqlite3_open_v2(s->path, &r->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, s->vfs) !=
		    SQLITE_OK ||
	    nt_sqlite_sums_register(r->db) != SQLITE_OK ||
	    nt_sqlite_names_register(r->db) != SQLITE_OK ||
	    sqlite3_exec(r->db, "PRAGMA trusted_schema = OFF", NULL, NULL, NULL) != SQLITE_OK) {
		result = nt_sqlite_err(r->db, s->path, "open a reader", err);
		nt_store_reader_close(r);
		return result;
	}
	(void)sqlite3_busy_timeout(r->db, NT_SQLITE_BUSY_MS);
	sqlite3_progress_handler(r->db, PROGRESS_STEPS, past_deadline, r);
	*ret_reader = r;
	return 0;
}

void nt_store_reader_close(struct nt_store_reader *r)
{
	if (!r)
		return;
	(void)sqlite3_close(r->db);
	free(r);
}
