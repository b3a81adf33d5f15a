/* SPDX-License-Identifier: Apache-2.0 */
/* What rules remember of groups, in the SQLite store. */
#include "controller/store/sqlite.h"

#include "lib/base/cleanup.h"

/* before_us: of the statement that has a second value. */
static int run_for_rule(struct nt_store *s, enum nt_sqlite_write which, struct nt_slice rule,
			int64_t before_us, const char *what, struct nt_err *err)
{
	sqlite3_stmt *stmt;
	int r = nt_sqlite_write(s, which, &stmt, err);

	if (r < 0)
		return r;
	nt_sqlite_bind_text(stmt, 1, rule);
	(void)sqlite3_bind_int64(stmt, 2, before_us);
	r = nt_sqlite_run(s, stmt, what, err);
	(void)sqlite3_clear_bindings(stmt);
	return r;
}

static int remove_all(struct nt_store *s, struct nt_slice rule, struct nt_err *err)
{
	int r = run_for_rule(s, NT_WRITE_SIGHTINGS_BEFORE, rule, INT64_MAX, "forget groups", err);

	return r == 0 ? run_for_rule(s, NT_WRITE_MEMORY_GONE, rule, 0, "forget a rule", err) : r;
}

static int begin(struct nt_store *s, const struct nt_store_memory *head, struct nt_err *err)
{
	sqlite3_stmt *stmt;
	int r = nt_sqlite_write(s, NT_WRITE_MEMORY_NEW, &stmt, err);

	if (r < 0)
		return r;
	nt_sqlite_bind_text(stmt, 1, head->rule);
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)head->what);
	(void)sqlite3_bind_blob(stmt, 3, head->key, sizeof(head->key), SQLITE_STATIC);
	(void)sqlite3_bind_int64(stmt, 4, head->since_us);
	r = nt_sqlite_run(s, stmt, "remember a rule", err);
	(void)sqlite3_clear_bindings(stmt);
	return r;
}

static int put_sightings(struct nt_store *s, const struct nt_store_memory_change *change,
			 struct nt_err *err)
{
	sqlite3_stmt *stmt;
	int r = nt_sqlite_write(s, NT_WRITE_SIGHTING, &stmt, err);

	if (r < 0)
		return r;
	nt_sqlite_bind_text(stmt, 1, change->head.rule);
	for (size_t i = 0; i < change->sightings_len && r == 0; i++) {
		const struct nt_store_sighting *seen = &change->sightings[i];

		(void)sqlite3_bind_int64(stmt, 2, (int64_t)seen->group);
		(void)sqlite3_bind_int64(stmt, 3, seen->first_us);
		(void)sqlite3_bind_int64(stmt, 4, seen->last_us);
		r = nt_sqlite_run(s, stmt, "remember groups", err);
	}
	(void)sqlite3_clear_bindings(stmt);
	return r;
}

int nt_sqlite_memory_change(struct nt_store *s, const struct nt_store_memory_change *change,
			    struct nt_err *err)
{
	const struct nt_store_memory *head = &change->head;
	int r = 0;

	if (change->gone || change->begins)
		r = remove_all(s, head->rule, err);
	if (r == 0 && change->begins)
		r = begin(s, head, err);
	if (r == 0 && change->forget_us)
		r = run_for_rule(s, NT_WRITE_SIGHTINGS_BEFORE, head->rule, change->forget_us,
				 "forget groups", err);
	return r == 0 && change->sightings_len ? put_sightings(s, change, err) : r;
}

static bool read_memory(sqlite3_stmt *stmt, struct nt_store_memory *ret_memory)
{
	struct nt_store_memory memory = { .rule = nt_sqlite_column_text(stmt, 0),
					  .what = (uint64_t)sqlite3_column_int64(stmt, 1),
					  .since_us = sqlite3_column_int64(stmt, 3) };
	const void *key = sqlite3_column_blob(stmt, 2);

	if (!key || sqlite3_column_bytes(stmt, 2) != sizeof(memory.key))
		return false;
	memcpy(memory.key, key, sizeof(memory.key));
	*ret_memory = memory;
	return true;
}

int nt_store_memories(struct nt_store_reader *r, nt_store_memory_fn *fn, void *ctx,
		      struct nt_err *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	_cleanup_buf_ struct nt_buf sql = { 0 };
	int result;

	nt_buf_puts(&sql, "SELECT rule, what, key, since_us FROM memories ORDER BY rule");
	result = nt_sqlite_prepare(r, &sql, NULL, &stmt, err);
	if (result < 0)
		return result;
	while ((result = nt_sqlite_step(r, stmt, err)) > 0) {
		struct nt_store_memory memory;

		if (!read_memory(stmt, &memory))
			return nt_err_set(err, EUCLEAN, "%s: the memory of a rule is damaged",
					  r->path);
		if (!fn(ctx, &memory))
			return 0;
	}
	return result;
}

int nt_store_sightings(struct nt_store_reader *r, struct nt_slice rule, nt_store_sighting_fn *fn,
		       void *ctx, struct nt_err *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	_cleanup_buf_ struct nt_buf sql = { 0 };
	int result;

	nt_buf_puts(&sql, "SELECT grp, first_us, last_us FROM sightings"
			  " WHERE memory = (SELECT id FROM memories WHERE rule = ?1)");
	result = nt_sqlite_prepare(r, &sql, NULL, &stmt, err);
	if (result < 0)
		return result;
	nt_sqlite_bind_text(stmt, 1, rule);
	while ((result = nt_sqlite_step(r, stmt, err)) > 0) {
		const struct nt_store_sighting sighting = {
			.group = (uint64_t)sqlite3_column_int64(stmt, 0),
			.first_us = sqlite3_column_int64(stmt, 1),
			.last_us = sqlite3_column_int64(stmt, 2),
		};

		if (!fn(ctx, &sighting))
			return 0;
	}
	return result;
}
