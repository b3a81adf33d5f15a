/* SPDX-License-Identifier: Apache-2.0 */
/* Events of alerts in the SQLite store. */
#include "controller/store/sqlite.h"

#include "lib/base/cleanup.h"

static int put_event(struct nt_store *s, const struct nt_store_event *e, int64_t *ret_id,
		     struct nt_err *err)
{
	const struct nt_slice texts[] = { e->rule,  e->group,  e->summary,
					  e->query, e->metric, e->condition };
	const double figures[] = { e->threshold, e->value, e->peak };
	const int64_t times[] = { e->first_seen_us, e->last_seen_us, e->from_us, e->resolved_us };
	sqlite3_stmt *stmt;
	int at = 1;
	int r = nt_sqlite_write(s, e->id ? NT_WRITE_EVENT : NT_WRITE_EVENT_NEW, &stmt, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < NT_ARRAY_LEN(texts); i++)
		nt_sqlite_bind_text(stmt, at++, texts[i]);
	(void)sqlite3_bind_int64(stmt, at++, e->severity);
	for (size_t i = 0; i < NT_ARRAY_LEN(figures); i++)
		(void)sqlite3_bind_double(stmt, at++, figures[i]);
	for (size_t i = 0; i < NT_ARRAY_LEN(times); i++)
		(void)sqlite3_bind_int64(stmt, at++, times[i]);
	if (e->id) {
		(void)sqlite3_bind_int64(stmt, at, e->id);
	} else {
		nt_sqlite_bind_text(stmt, at++, e->labels);
		nt_sqlite_bind_text(stmt, at, e->notify);
	}
	r = nt_sqlite_run(s, stmt, "write an event", err);
	(void)sqlite3_clear_bindings(stmt);
	if (r == 0)
		*ret_id = e->id ?: sqlite3_last_insert_rowid(s->db);
	return r;
}

static int cap(struct nt_store *s, struct nt_err *err)
{
	sqlite3_stmt *stmt;
	int64_t newest = 0;
	int r = nt_sqlite_int(s->db, s->path, "SELECT max(id) FROM events", &newest, err);

	if (r == 0)
		r = nt_sqlite_write(s, NT_WRITE_EVENTS_CAP, &stmt, err);
	if (r < 0)
		return r;
	(void)sqlite3_bind_int64(stmt, 1, newest - NT_STORE_EVENTS_MAX);
	return nt_sqlite_run(s, stmt, "drop old events", err);
}

/* An event that opened and ended since the last time is told of as both. */
static int queue(struct nt_store *s, const struct nt_store_event *e, int64_t id, struct nt_err *err)
{
	int r = 0;

	if (!e->id)
		r = nt_sqlite_outbox_add(s, id, NT_STORE_OPENED, err);
	if (r == 0 && e->resolved_us)
		r = nt_sqlite_outbox_add(s, id, NT_STORE_RESOLVED, err);
	return r;
}

/* Of the events of one transaction. */
struct counts {
	uint64_t dropped, suppressed;
};

static int put_events(struct nt_store *s, const struct nt_store_event *events, size_t len,
		      int64_t *ids, struct counts *c, struct nt_err *err)
{
	int r = 0;

	for (size_t i = 0; i < len && r == 0; i++) {
		bool is_suppressed = false;

		r = put_event(s, &events[i], &ids[i], err);
		if (r == 0 && !events[i].id)
			r = nt_sqlite_suppress_event(s, ids[i], &is_suppressed, err);
		if (r == 0)
			r = queue(s, &events[i], ids[i], err);
		c->suppressed += is_suppressed;
	}
	if (r == 0)
		r = nt_sqlite_outbox_cap(s, &c->dropped, err);
	return r == 0 ? cap(s, err) : r;
}

static int put_locked(struct nt_store *s, const struct nt_store_event *events, size_t len,
		      int64_t *ids, const struct nt_store_memory_change *changes,
		      size_t changes_len, struct nt_err *err)
{
	struct counts c = { 0 };
	int r = nt_sqlite_exec(s->db, s->path, "BEGIN IMMEDIATE", err);

	if (r < 0)
		return r;
	if (len)
		r = put_events(s, events, len, ids, &c, err);
	for (size_t i = 0; i < changes_len && r == 0; i++)
		r = nt_sqlite_memory_change(s, &changes[i], err);
	r = nt_sqlite_end(s->db, s->path, r, "COMMIT", err);
	pthread_mutex_lock(&s->stats_lock);
	s->stats.outbox_dropped += r == 0 ? c.dropped : 0;
	s->stats.events_suppressed += r == 0 ? c.suppressed : 0;
	pthread_mutex_unlock(&s->stats_lock);
	return r;
}

int nt_store_alerts_put(struct nt_store *s, const struct nt_store_event *events, size_t len,
			int64_t *ids, const struct nt_store_memory_change *changes,
			size_t changes_len, struct nt_err *err)
{
	int r;

	if (!len && !changes_len)
		return 0;
	pthread_mutex_lock(&s->write_lock);
	r = put_locked(s, events, len, ids, changes, changes_len, err);
	pthread_mutex_unlock(&s->write_lock);
	return r;
}

int nt_store_events_put(struct nt_store *s, const struct nt_store_event *events, size_t len,
			int64_t *ids, struct nt_err *err)
{
	return nt_store_alerts_put(s, events, len, ids, NULL, 0, err);
}

struct nt_store_event nt_sqlite_event_read(sqlite3_stmt *stmt, int at)
{
	return (struct nt_store_event){
		.id = sqlite3_column_int64(stmt, at),
		.rule = nt_sqlite_column_text(stmt, at + 1),
		.group = nt_sqlite_column_text(stmt, at + 2),
		.summary = nt_sqlite_column_text(stmt, at + 3),
		.query = nt_sqlite_column_text(stmt, at + 4),
		.metric = nt_sqlite_column_text(stmt, at + 5),
		.condition = nt_sqlite_column_text(stmt, at + 6),
		.severity = (uint32_t)sqlite3_column_int64(stmt, at + 7),
		.threshold = sqlite3_column_double(stmt, at + 8),
		.value = sqlite3_column_double(stmt, at + 9),
		.peak = sqlite3_column_double(stmt, at + 10),
		.first_seen_us = sqlite3_column_int64(stmt, at + 11),
		.last_seen_us = sqlite3_column_int64(stmt, at + 12),
		.from_us = sqlite3_column_int64(stmt, at + 13),
		.resolved_us = sqlite3_column_int64(stmt, at + 14),
		.labels = nt_sqlite_column_text(stmt, at + 15),
		.notify = nt_sqlite_column_text(stmt, at + 16),
		.acked_us = sqlite3_column_int64(stmt, at + 17),
		.acked_by = nt_sqlite_column_text(stmt, at + 18),
		.ack_comment = nt_sqlite_column_text(stmt, at + 19),
		.suppression = sqlite3_column_int64(stmt, at + 20),
		.suppressed_until_us = sqlite3_column_int64(stmt, at + 21),
	};
}

int nt_store_events(struct nt_store_reader *r, int open, struct nt_slice rule, uint32_t limit,
		    nt_store_event_fn *fn, void *ctx, struct nt_err *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	_cleanup_buf_ struct nt_buf sql = { 0 };
	int result;

	nt_buf_puts(&sql, "SELECT " NT_SQLITE_EVENT_COLUMNS " FROM events e WHERE 1");
	if (open >= 0)
		nt_buf_printf(&sql, " AND resolved_us %s 0", open ? "=" : ">");
	nt_buf_puts(&sql, rule.len ? " AND rule = ?1" : "");
	nt_buf_printf(&sql, " ORDER BY last_seen_us DESC, id DESC LIMIT %u", limit);
	result = nt_sqlite_prepare(r, &sql, NULL, &stmt, err);
	if (result < 0)
		return result;
	if (rule.len)
		nt_sqlite_bind_text(stmt, 1, rule);
	while ((result = nt_sqlite_step(r, stmt, err)) > 0) {
		struct nt_store_event e = nt_sqlite_event_read(stmt, 0);

		if (!fn(ctx, &e))
			return 0;
	}
	return result;
}

int nt_store_event(struct nt_store_reader *r, int64_t id, nt_store_event_fn *fn, void *ctx,
		   struct nt_err *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	_cleanup_buf_ struct nt_buf sql = { 0 };
	struct nt_store_event e;
	int result;

	nt_buf_puts(&sql, "SELECT " NT_SQLITE_EVENT_COLUMNS " FROM events e WHERE e.id = ?1");
	result = nt_sqlite_prepare(r, &sql, NULL, &stmt, err);
	if (result < 0)
		return result;
	(void)sqlite3_bind_int64(stmt, 1, id);
	result = nt_sqlite_step(r, stmt, err);
	if (result < 0)
		return result;
	if (result == 0)
		return nt_err_set(err, ENOENT, "there is no event %lld", (long long)id);
	e = nt_sqlite_event_read(stmt, 0);
	(void)fn(ctx, &e);
	return 0;
}
