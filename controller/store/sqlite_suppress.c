/* SPDX-License-Identifier: Apache-2.0 */
/* Acknowledgements and suppressions of events in the SQLite store. */
#include "controller/store/sqlite.h"

#include "lib/base/cleanup.h"

/* --- acknowledgement -------------------------------------------------------------------------- */

static int acknowledge_locked(struct nt_store *s, int64_t id, const struct nt_store_ack *ack,
			      struct nt_err *err)
{
	sqlite3_stmt *stmt;
	int r = nt_sqlite_write(s, NT_WRITE_ACKNOWLEDGE, &stmt, err);

	if (r < 0)
		return r;
	(void)sqlite3_bind_int64(stmt, 1, id);
	(void)sqlite3_bind_int64(stmt, 2, ack->at_us);
	nt_sqlite_bind_text(stmt, 3, ack->by);
	nt_sqlite_bind_text(stmt, 4, ack->comment);
	r = nt_sqlite_run(s, stmt, "acknowledge an event", err);
	(void)sqlite3_clear_bindings(stmt);
	if (r == 0 && !sqlite3_changes(s->db))
		return nt_err_set(err, ENOENT, "there is no event %lld", (long long)id);
	return r;
}

int nt_store_event_acknowledge(struct nt_store *s, int64_t id, const struct nt_store_ack *ack,
			       struct nt_err *err)
{
	static const struct nt_store_ack none = { 0 };
	int r;

	pthread_mutex_lock(&s->write_lock);
	r = acknowledge_locked(s, id, ack ? ack : &none, err);
	pthread_mutex_unlock(&s->write_lock);
	pthread_mutex_lock(&s->stats_lock);
	s->stats.acknowledged += r == 0 && ack;
	pthread_mutex_unlock(&s->stats_lock);
	return r;
}

/* --- what a change of suppressions does to events --------------------------------------------- */

/* A transaction that changes suppressions, and what it came to. */
struct change {
	int64_t now_us;
	uint64_t released, dropped; /* events that are told now; notices that found no room */
};

static int run_for_rule(struct nt_store *s, enum nt_sqlite_write which, struct nt_slice rule,
			int64_t now_us, const char *what, struct nt_err *err)
{
	sqlite3_stmt *stmt;
	int r = nt_sqlite_write(s, which, &stmt, err);

	if (r < 0)
		return r;
	nt_sqlite_bind_text(stmt, 1, rule);
	(void)sqlite3_bind_int64(stmt, 2, now_us);
	r = nt_sqlite_run(s, stmt, what, err);
	(void)sqlite3_clear_bindings(stmt);
	return r;
}

/* Events that opened under a suppression and are under none any more: now they are told. */
static int release(struct nt_store *s, struct nt_slice rule, struct change *c, struct nt_err *err)
{
	sqlite3_stmt *stmt;
	uint64_t dropped = 0;
	int step = SQLITE_DONE;
	int r = nt_sqlite_write(s, NT_WRITE_RELEASE, &stmt, err);

	if (r < 0)
		return r;
	nt_sqlite_bind_text(stmt, 1, rule);
	while (r == 0 && (step = sqlite3_step(stmt)) == SQLITE_ROW) {
		r = nt_sqlite_outbox_add(s, sqlite3_column_int64(stmt, 0), NT_STORE_OPENED, err);
		c->released++;
	}
	if (r == 0 && step != SQLITE_DONE)
		r = nt_sqlite_err(s->db, s->path, "release events", err);
	(void)sqlite3_reset(stmt);
	(void)sqlite3_clear_bindings(stmt);
	if (r == 0)
		r = nt_sqlite_outbox_cap(s, &dropped, err);
	c->dropped += dropped;
	return r;
}

/* The open events of a rule whose suppressions have changed. */
static int mark_rule(struct nt_store *s, struct nt_slice rule, struct change *c, struct nt_err *err)
{
	int r = run_for_rule(s, NT_WRITE_MARK_RULE, rule, 0, "mark events", err);

	if (r == 0)
		r = run_for_rule(s, NT_WRITE_OUTBOX_DUE, rule, c->now_us, "hold notices", err);
	return r == 0 ? release(s, rule, c, err) : r;
}

int nt_sqlite_suppress_event(struct nt_store *s, int64_t event, bool *ret_suppressed,
			     struct nt_err *err)
{
	static const enum nt_sqlite_write steps[] = { NT_WRITE_MARK_EVENT, NT_WRITE_MARK_UNTOLD };
	int r = 0;

	*ret_suppressed = false;
	if (atomic_load(&s->suppressed_until_us) == INT64_MAX)
		return 0;
	for (size_t i = 0; i < NT_ARRAY_LEN(steps) && r == 0; i++) {
		sqlite3_stmt *stmt;

		r = nt_sqlite_write(s, steps[i], &stmt, err);
		if (r < 0)
			return r;
		(void)sqlite3_bind_int64(stmt, 1, event);
		r = nt_sqlite_run(s, stmt, "mark an event", err);
	}
	*ret_suppressed = r == 0 && sqlite3_changes(s->db);
	return r;
}

/* --- suppressions ----------------------------------------------------------------------------- */

static int read_totals(struct nt_store *s, int64_t *ret_len, int64_t *ret_until_us,
		       struct nt_err *err)
{
	int r = nt_sqlite_int(s->db, s->path, "SELECT count(*) FROM suppressions", ret_len, err);

	if (r == 0)
		r = nt_sqlite_int(s->db, s->path,
				  "SELECT ifnull(min(until_us), 9223372036854775807)"
				  " FROM suppressions",
				  ret_until_us, err);
	return r;
}

/* Ends the transaction; what is known of it outside changes with it. */
static int finish(struct nt_store *s, int r, const struct change *c, struct nt_err *err)
{
	int64_t len = 0, until_us = 0;

	if (r == 0)
		r = read_totals(s, &len, &until_us, err);
	r = nt_sqlite_end(s->db, s->path, r, "COMMIT", err);
	if (r < 0)
		return r;
	atomic_store(&s->suppressed_until_us, until_us);
	pthread_mutex_lock(&s->stats_lock);
	s->stats.suppressions = (uint64_t)len;
	s->stats.events_released += c->released;
	s->stats.outbox_dropped += c->dropped;
	pthread_mutex_unlock(&s->stats_lock);
	return 0;
}

int nt_sqlite_suppress_restore(struct nt_store *s, struct nt_err *err)
{
	int64_t len, until_us;
	int r = read_totals(s, &len, &until_us, err);

	if (r < 0)
		return r;
	atomic_store(&s->suppressed_until_us, until_us);
	s->stats.suppressions = (uint64_t)len;
	return 0;
}

static int insert(struct nt_store *s, const struct nt_store_suppression *x, int64_t *ret_id,
		  struct nt_err *err)
{
	const struct nt_slice texts[] = { x->rule, x->group, x->by, x->reason };
	sqlite3_stmt *stmt;
	int at = 1;
	int r = nt_sqlite_write(s, NT_WRITE_SUPPRESSION, &stmt, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < NT_ARRAY_LEN(texts); i++)
		nt_sqlite_bind_text(stmt, at++, texts[i]);
	(void)sqlite3_bind_int64(stmt, at++, x->created_us);
	(void)sqlite3_bind_int64(stmt, at++, x->until_us);
	(void)sqlite3_bind_int64(stmt, at, NT_STORE_SUPPRESSIONS_MAX);
	r = nt_sqlite_run(s, stmt, "write a suppression", err);
	(void)sqlite3_clear_bindings(stmt);
	if (r == 0 && !sqlite3_changes(s->db))
		return nt_err_set(err, EDQUOT,
				  "there are %d suppressions, and no more can be: take one out "
				  "first",
				  NT_STORE_SUPPRESSIONS_MAX);
	*ret_id = sqlite3_last_insert_rowid(s->db);
	return r;
}

static int count_events(struct nt_store *s, int64_t id, uint64_t *ret_events, struct nt_err *err)
{
	sqlite3_stmt *stmt;
	int r = nt_sqlite_write(s, NT_WRITE_SUPPRESSION_EVENTS, &stmt, err);

	if (r < 0)
		return r;
	(void)sqlite3_bind_int64(stmt, 1, id);
	if (sqlite3_step(stmt) == SQLITE_ROW)
		*ret_events = (uint64_t)sqlite3_column_int64(stmt, 0);
	else
		r = nt_sqlite_err(s->db, s->path, "count events", err);
	(void)sqlite3_reset(stmt);
	return r;
}

static int suppress_locked(struct nt_store *s, struct nt_store_suppression *x, struct nt_err *err)
{
	struct change c = { .now_us = x->created_us };
	uint64_t events = 0;
	int64_t id = 0;
	int r = nt_sqlite_exec(s->db, s->path, "BEGIN IMMEDIATE", err);

	if (r < 0)
		return r;
	r = insert(s, x, &id, err);
	if (r == 0)
		r = mark_rule(s, x->rule, &c, err);
	if (r == 0)
		r = count_events(s, id, &events, err);
	r = finish(s, r, &c, err);
	if (r < 0)
		return r;
	x->id = id;
	x->events = events;
	return 0;
}

int nt_store_suppress(struct nt_store *s, struct nt_store_suppression *suppression,
		      struct nt_err *err)
{
	int r;

	pthread_mutex_lock(&s->write_lock);
	r = suppress_locked(s, suppression, err);
	pthread_mutex_unlock(&s->write_lock);
	return r;
}

/* The statement's suppressions go, which are of one rule: its events are marked once, for all of
 * them. *ret_gone false: there are none. */
static int take_out(struct nt_store *s, enum nt_sqlite_write which, int64_t value, struct change *c,
		    bool *ret_gone, struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf rule = { 0 };
	sqlite3_stmt *stmt;
	int r = nt_sqlite_write(s, which, &stmt, err);

	if (r < 0)
		return r;
	(void)sqlite3_bind_int64(stmt, 1, value);
	*ret_gone = false;
	while ((r = sqlite3_step(stmt)) == SQLITE_ROW) {
		if (!*ret_gone)
			nt_buf_slice(&rule, nt_sqlite_column_text(stmt, 0));
		*ret_gone = true;
	}
	r = r == SQLITE_DONE ? 0 : nt_sqlite_err(s->db, s->path, "end suppressions", err);
	(void)sqlite3_reset(stmt);
	if (r == 0 && !nt_buf_ok(&rule))
		return nt_err_set(err, ENOMEM, "no memory to end a suppression");
	return r == 0 && *ret_gone ? mark_rule(s, nt_slice_mem(rule.p, rule.len), c, err) : r;
}

static int unsuppress_locked(struct nt_store *s, int64_t id, int64_t now_us, struct nt_err *err)
{
	struct change c = { .now_us = now_us };
	bool gone = false;
	int r = nt_sqlite_exec(s->db, s->path, "BEGIN IMMEDIATE", err);

	if (r < 0)
		return r;
	r = take_out(s, NT_WRITE_SUPPRESSION_DELETE, id, &c, &gone, err);
	if (r == 0 && !gone)
		r = nt_err_set(err, ENOENT, "there is no suppression %lld", (long long)id);
	return finish(s, r, &c, err);
}

int nt_store_unsuppress(struct nt_store *s, int64_t id, int64_t now_us, struct nt_err *err)
{
	int r;

	pthread_mutex_lock(&s->write_lock);
	r = unsuppress_locked(s, id, now_us, err);
	pthread_mutex_unlock(&s->write_lock);
	return r;
}

static int end_locked(struct nt_store *s, int64_t now_us, struct nt_err *err)
{
	struct change c = { .now_us = now_us };
	bool gone = true;
	int r = nt_sqlite_exec(s->db, s->path, "BEGIN IMMEDIATE", err);

	if (r < 0)
		return r;
	while (r == 0 && gone)
		r = take_out(s, NT_WRITE_SUPPRESSION_OVER, now_us, &c, &gone, err);
	return finish(s, r, &c, err);
}

int nt_store_suppressions_end(struct nt_store *s, int64_t now_us, struct nt_err *err)
{
	int r;

	if (now_us < atomic_load(&s->suppressed_until_us))
		return 0;
	pthread_mutex_lock(&s->write_lock);
	r = end_locked(s, now_us, err);
	pthread_mutex_unlock(&s->write_lock);
	return r;
}

int nt_store_suppressions(struct nt_store_reader *r, nt_store_suppression_fn *fn, void *ctx,
			  struct nt_err *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	_cleanup_buf_ struct nt_buf sql = { 0 };
	int result;

	nt_buf_puts(&sql, "SELECT s.id, s.rule, s.grp, s.created_by, s.reason, s.created_us,"
			  " s.until_us, " NT_SQLITE_EVENTS_UNDER("s.id"));
	nt_buf_puts(&sql, " FROM suppressions s ORDER BY s.until_us, s.id");
	result = nt_sqlite_prepare(r, &sql, NULL, &stmt, err);
	if (result < 0)
		return result;
	while ((result = nt_sqlite_step(r, stmt, err)) > 0) {
		const struct nt_store_suppression suppression = {
			.id = sqlite3_column_int64(stmt, 0),
			.rule = nt_sqlite_column_text(stmt, 1),
			.group = nt_sqlite_column_text(stmt, 2),
			.by = nt_sqlite_column_text(stmt, 3),
			.reason = nt_sqlite_column_text(stmt, 4),
			.created_us = sqlite3_column_int64(stmt, 5),
			.until_us = sqlite3_column_int64(stmt, 6),
			.events = (uint64_t)sqlite3_column_int64(stmt, 7),
		};

		if (!fn(ctx, &suppression))
			return 0;
	}
	return result;
}
