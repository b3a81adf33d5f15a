/* SPDX-License-Identifier: Apache-2.0 */
/* The outbox in the SQLite store: notices of events, per receiver. */
#include "controller/store/sqlite.h"

#include <stdio.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"

int nt_sqlite_outbox_add(struct nt_store *s, int64_t event, enum nt_store_change change,
			 struct nt_err *err)
{
	struct nt_clock clock = nt_clock_system();
	int64_t now_us = nt_clock_real(&clock) / NT_NS_PER_US;
	int r = 0;

	for (size_t i = 0; i < s->receivers_len && r == 0; i++) {
		sqlite3_stmt *stmt;

		r = nt_sqlite_write(s, NT_WRITE_OUTBOX_ADD, &stmt, err);
		if (r < 0)
			return r;
		nt_sqlite_bind_text(stmt, 1, nt_slice_str(s->receivers[i]));
		(void)sqlite3_bind_int64(stmt, 2, event);
		(void)sqlite3_bind_int64(stmt, 3, change);
		(void)sqlite3_bind_int64(stmt, 4, now_us);
		r = nt_sqlite_run(s, stmt, "queue a notice", err);
	}
	return r;
}

int nt_sqlite_outbox_cap(struct nt_store *s, uint64_t *ret_dropped, struct nt_err *err)
{
	uint64_t dropped = 0;

	for (size_t i = 0; i < s->receivers_len; i++) {
		sqlite3_stmt *stmt;
		int r = nt_sqlite_write(s, NT_WRITE_OUTBOX_CAP, &stmt, err);

		if (r < 0)
			return r;
		nt_sqlite_bind_text(stmt, 1, nt_slice_str(s->receivers[i]));
		(void)sqlite3_bind_int64(stmt, 2, NT_STORE_OUTBOX_MAX);
		r = nt_sqlite_run(s, stmt, "drop old notices", err);
		if (r < 0)
			return r;
		dropped += (uint64_t)sqlite3_changes(s->db);
	}
	*ret_dropped = dropped;
	return 0;
}

/* A name of no receiver stands where there are fewer: NULL in a list is equal to nothing, nor
 * unequal. */
static int forget_others(struct nt_store *s, uint64_t *ret_forgotten, struct nt_err *err)
{
	sqlite3_stmt *stmt;
	int r = nt_sqlite_write(s, NT_WRITE_OUTBOX_FORGET, &stmt, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < NT_STORE_RECEIVERS_MAX; i++)
		nt_sqlite_bind_text(stmt, (int)i + 1,
				    nt_slice_str(i < s->receivers_len ? s->receivers[i] : ""));
	r = nt_sqlite_run(s, stmt, "forget notices", err);
	if (r == 0)
		*ret_forgotten = (uint64_t)sqlite3_changes(s->db);
	return r;
}

int nt_store_outbox_use(struct nt_store *s, const struct nt_slice *receivers, size_t len,
			uint64_t *ret_forgotten, struct nt_err *err)
{
	int r;

	if (len > NT_STORE_RECEIVERS_MAX)
		return nt_err_set(err, EINVAL, "more than %d receivers", NT_STORE_RECEIVERS_MAX);
	for (size_t i = 0; i < len; i++)
		if (!receivers[i].len || receivers[i].len >= NT_STORE_RECEIVER_SIZE)
			return nt_err_set(err, EINVAL, "a receiver's name has 1 to %d octets",
					  NT_STORE_RECEIVER_SIZE - 1);
	pthread_mutex_lock(&s->write_lock);
	for (size_t i = 0; i < len; i++)
		snprintf(s->receivers[i], sizeof(s->receivers[i]), "%.*s",
			 NT_SLICE_ARG(receivers[i]));
	s->receivers_len = len;
	r = forget_others(s, ret_forgotten, err);
	pthread_mutex_unlock(&s->write_lock);
	return r;
}

int nt_store_outbox(struct nt_store_reader *r, struct nt_slice receiver, uint32_t limit,
		    nt_store_notice_fn *fn, void *ctx, struct nt_err *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	_cleanup_buf_ struct nt_buf sql = { 0 };
	int result;

	nt_buf_printf(&sql,
		      "SELECT o.id, o.queued_us, max(o.queued_us, o.due_us), o.change,"
		      " o.change = 1 AND e.suppression IS NOT NULL, " NT_SQLITE_EVENT_COLUMNS
		      " FROM outbox o JOIN events e ON e.id = o.event WHERE o.receiver = ?1"
		      " AND NOT " NT_SQLITE_IS_HELD " ORDER BY o.id LIMIT %u",
		      limit);
	result = nt_sqlite_prepare(r, &sql, NULL, &stmt, err);
	if (result < 0)
		return result;
	nt_sqlite_bind_text(stmt, 1, receiver);
	while ((result = nt_sqlite_step(r, stmt, err)) > 0) {
		struct nt_store_notice notice = {
			.id = sqlite3_column_int64(stmt, 0),
			.queued_us = sqlite3_column_int64(stmt, 1),
			.due_us = sqlite3_column_int64(stmt, 2),
			.change = (enum nt_store_change)sqlite3_column_int(stmt, 3),
			.hushed = sqlite3_column_int(stmt, 4),
			.event = nt_sqlite_event_read(stmt, 5),
		};

		if (!fn(ctx, &notice))
			return 0;
	}
	return result;
}

static int remove_locked(struct nt_store *s, const int64_t *ids, size_t len, struct nt_err *err)
{
	int r = nt_sqlite_exec(s->db, s->path, "BEGIN IMMEDIATE", err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < len && r == 0; i++) {
		sqlite3_stmt *stmt;

		r = nt_sqlite_write(s, NT_WRITE_OUTBOX_REMOVE, &stmt, err);
		if (r < 0)
			break;
		(void)sqlite3_bind_int64(stmt, 1, ids[i]);
		r = nt_sqlite_run(s, stmt, "remove a notice", err);
	}
	return nt_sqlite_end(s->db, s->path, r, "COMMIT", err);
}

int nt_store_outbox_remove(struct nt_store *s, const int64_t *ids, size_t len, struct nt_err *err)
{
	int r;

	if (!len)
		return 0;
	pthread_mutex_lock(&s->write_lock);
	r = remove_locked(s, ids, len, err);
	pthread_mutex_unlock(&s->write_lock);
	return r;
}

int nt_store_outbox_hush(struct nt_store *s, struct nt_slice receiver, struct nt_err *err)
{
	sqlite3_stmt *stmt;
	int r;

	pthread_mutex_lock(&s->write_lock);
	r = nt_sqlite_write(s, NT_WRITE_OUTBOX_HUSH, &stmt, err);
	if (r == 0) {
		nt_sqlite_bind_text(stmt, 1, receiver);
		r = nt_sqlite_run(s, stmt, "take notices back", err);
		(void)sqlite3_clear_bindings(stmt);
	}
	pthread_mutex_unlock(&s->write_lock);
	return r;
}

int nt_store_outbox_again(struct nt_store_reader *r, struct nt_slice receiver,
			  nt_store_event_fn *fn, void *ctx, struct nt_err *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	_cleanup_buf_ struct nt_buf sql = { 0 };
	int result;

	nt_buf_puts(&sql, "SELECT " NT_SQLITE_EVENT_COLUMNS
			  " FROM events e WHERE e.resolved_us = 0 AND e.untold = 0"
			  " AND NOT (e.suppression IS NOT NULL AND EXISTS (SELECT 1 FROM outbox o"
			  " WHERE o.event = e.id AND o.change = 1 AND o.receiver = ?1))"
			  " ORDER BY e.last_seen_us DESC, e.id DESC");
	result = nt_sqlite_prepare(r, &sql, NULL, &stmt, err);
	if (result < 0)
		return result;
	nt_sqlite_bind_text(stmt, 1, receiver);
	while ((result = nt_sqlite_step(r, stmt, err)) > 0) {
		struct nt_store_event e = nt_sqlite_event_read(stmt, 0);

		if (!fn(ctx, &e))
			return 0;
	}
	return result;
}

int nt_store_outbox_state(struct nt_store_reader *r, struct nt_slice receiver,
			  struct nt_store_outbox_state *ret_state, struct nt_err *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	_cleanup_buf_ struct nt_buf sql = { 0 };
	int result;

	nt_buf_puts(&sql, "SELECT count(*), min(max(o.queued_us, o.due_us)) FROM outbox o"
			  " JOIN events e ON e.id = o.event WHERE o.receiver = ?1"
			  " AND NOT " NT_SQLITE_IS_HELD);
	result = nt_sqlite_prepare(r, &sql, NULL, &stmt, err);
	if (result < 0)
		return result;
	nt_sqlite_bind_text(stmt, 1, receiver);
	result = nt_sqlite_step(r, stmt, err);
	if (result < 0)
		return result;
	*ret_state = (struct nt_store_outbox_state){
		.pending = (uint64_t)sqlite3_column_int64(stmt, 0),
		.oldest_us = sqlite3_column_int64(stmt, 1),
	};
	return 0;
}
