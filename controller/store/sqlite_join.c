/* SPDX-License-Identifier: Apache-2.0 */
/* The join of both ends (join.h) over SQLite: what it is told, and where its word goes. */
#include "controller/store/sqlite.h"

#include "controller/store/join.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/record/codec.h"
#include "lib/record/fields.h"

#define ROW_ARENA_MAX (256u << 20)
/* At a start the rows of so long before the newest one are read again. */
#define REACH_US (120LL * 1000000)
/* When reading them fails again and again, or batches are not stored, they are read again so much
 * later at most: within REACH_US, so that what came meanwhile is among them. */
#define AGAIN_MAX_NS (60 * NT_NS_PER_S)
/* From its first query to its last packet a row lasts for a flush of its agent and a timeout. */
#define LASTS_US (30LL * 1000000)

static const struct nt_enum_value *died_names(void)
{
	return nt_field_find(&nt_record_fields, NT_SLICE_LIT("died"))->values;
}

static enum nt_died died_of(struct nt_slice name)
{
	for (const struct nt_enum_value *v = died_names(); v->name; v++)
		if (nt_slice_eq(name, nt_slice_str(v->name)))
			return (enum nt_died)v->value;
	return NT_DIED_NONE;
}

/* Sums of what the columns have as means. */
static int64_t sum_at(sqlite3_stmt *stmt, int at, uint64_t count)
{
	if (sqlite3_column_type(stmt, at) == SQLITE_NULL)
		return -1;
	return sqlite3_column_int64(stmt, at) * (int64_t)count;
}

void nt_sqlite_join_read(sqlite3_stmt *stmt, int at, struct nt_record *rec)
{
	enum nt_died died = died_of(nt_sqlite_column_text(stmt, at + 4));
	int64_t count = sqlite3_column_int64(stmt, at);

	if (rec->type != NT_RECORD_LOG || rec->side != NT_SIDE_CLIENT)
		return;
	if (count > 0) {
		rec->hop_count = (uint64_t)count;
		rec->hop_network_ns = sum_at(stmt, at + 1, rec->hop_count);
		rec->hop_server_ns = sum_at(stmt, at + 2, rec->hop_count);
		rec->hop_upstream_ns = sum_at(stmt, at + 3, rec->hop_count);
	}
	/* Also when it died nowhere, after all. */
	rec->died = died;
	rec->died_reason = nt_sqlite_column_text(stmt, at + 5);
}

/* --- from the store --------------------------------------------------------------------------- */

/* Of the record with its columns: what the join said, not the agent. */
static struct nt_join_result known_of(const struct nt_record *rec)
{
	return (struct nt_join_result){ .hop_count = rec->hop_count,
					.network_ns = rec->hop_network_ns,
					.server_ns = rec->hop_server_ns,
					.upstream_ns = rec->hop_upstream_ns,
					.died = rec->died,
					.reason = nt_join_word(rec->died_reason) };
}

/* A row that cannot be read is one that is not joined. */
static int restore_row(struct nt_store *s, sqlite3_stmt *stmt, struct nt_arena *arena,
		       int64_t now_us, struct nt_err *err)
{
	struct nt_slice wire =
		nt_slice_mem(sqlite3_column_blob(stmt, 1), (size_t)sqlite3_column_bytes(stmt, 1));
	struct nt_join_result known;
	struct nt_record rec, whole;
	int r = nt_record_from_wire(wire, arena, &rec, err);

	if (r < 0)
		return r == -EBADMSG ? 0 : nt_err_wrap(err, "%s", s->path);
	whole = rec;
	nt_sqlite_join_read(stmt, 2, &whole);
	known = known_of(&whole);
	nt_join_restore(s->join, &rec, sqlite3_column_int64(stmt, 0), &known, now_us);
	return 0;
}

static int restore_rows(struct nt_store *s, int64_t from_us, int64_t now_us, struct nt_err *err)
{
	_cleanup_arena_ struct nt_arena arena = NT_ARENA(ROW_ARENA_MAX);
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int r = 0, step = SQLITE_DONE;

	if (sqlite3_prepare_v2(s->db,
			       "SELECT nt_row, nt_record, " NT_SQLITE_JOIN_COLUMNS " FROM rows"
			       " WHERE nt_row > (SELECT max(nt_row) FROM rows) - ?1"
			       " AND nt_start >= ?2 ORDER BY nt_row",
			       -1, &stmt, NULL) != SQLITE_OK)
		return nt_sqlite_err(s->db, s->path, "read rows to be joined", err);
	(void)sqlite3_bind_int64(stmt, 1, NT_JOIN_ROWS);
	(void)sqlite3_bind_int64(stmt, 2, from_us);
	while (r == 0 && (step = sqlite3_step(stmt)) == SQLITE_ROW) {
		nt_arena_reset(&arena);
		r = restore_row(s, stmt, &arena, now_us, err);
	}
	if (r == 0 && step != SQLITE_DONE) {
		r = nt_sqlite_err(s->db, s->path, "read rows to be joined", err);
		/* What stands behind a damaged page is not read: nothing is said of it. */
		if (r == -EUCLEAN || r == -EIO) {
			nt_join_forgot(s->join, now_us);
			r = 0;
		}
	}
	return r;
}

static int restore_gaps(struct nt_store *s, int64_t from_us, struct nt_err *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int r;

	if (sqlite3_prepare_v2(s->db,
			       "SELECT g.node, e.namespace, e.name, g.from_us, g.to_us FROM gaps g"
			       " JOIN endpoints e ON e.node = g.node AND e.ep_id = g.ep_id"
			       " WHERE g.to_us = 0 OR g.to_us >= ?1",
			       -1, &stmt, NULL) != SQLITE_OK)
		return nt_sqlite_err(s->db, s->path, "read the gaps", err);
	(void)sqlite3_bind_int64(stmt, 1, from_us);
	while ((r = sqlite3_step(stmt)) == SQLITE_ROW)
		nt_join_gap(s->join, nt_sqlite_column_text(stmt, 0), nt_sqlite_column_text(stmt, 1),
			    nt_sqlite_column_text(stmt, 2), sqlite3_column_int64(stmt, 3),
			    sqlite3_column_int64(stmt, 4));
	return r == SQLITE_DONE ? 0 : nt_sqlite_err(s->db, s->path, "read the gaps", err);
}

/* Rows of that time that are too many. */
static int forget_more(struct nt_store *s, int64_t from_us, struct nt_err *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int r;

	if (sqlite3_prepare_v2(s->db,
			       "SELECT nt_start FROM rows INDEXED BY rows_start"
			       " WHERE nt_start >= ?1"
			       " AND nt_row <= (SELECT max(nt_row) FROM rows) - ?2"
			       " ORDER BY nt_start DESC LIMIT 1",
			       -1, &stmt, NULL) != SQLITE_OK)
		return nt_sqlite_err(s->db, s->path, "read rows to be joined", err);
	(void)sqlite3_bind_int64(stmt, 1, from_us);
	(void)sqlite3_bind_int64(stmt, 2, NT_JOIN_ROWS);
	r = sqlite3_step(stmt);
	if (r == SQLITE_ROW)
		nt_join_forgot(s->join, sqlite3_column_int64(stmt, 0) + LASTS_US);
	return r == SQLITE_ROW || r == SQLITE_DONE
		       ? 0
		       : nt_sqlite_err(s->db, s->path, "read rows to be joined", err);
}

int nt_sqlite_join_restore(struct nt_store *s, struct nt_err *err)
{
	struct nt_clock clock = nt_clock_system();
	int64_t now_us = nt_clock_real(&clock) / NT_NS_PER_US, from_us = 0;
	int r = nt_sqlite_int(s->db, s->path, "SELECT max(nt_start) FROM rows", &from_us, err);

	/* A node's clock may be far ahead. */
	from_us = (from_us < now_us ? from_us : now_us) - REACH_US;
	nt_join_clear(s->join);
	nt_join_forgot(s->join, from_us + LASTS_US);
	if (r == 0)
		r = forget_more(s, from_us, err);
	if (r == 0)
		r = restore_rows(s, from_us, now_us, err);
	if (r == 0)
		r = restore_gaps(s, from_us, err);
	nt_join_settle(s->join);
	return r;
}

/* The first time at once: a batch was not stored, and the next one is. */
static void make_stale(struct nt_store *s, int64_t now_ns)
{
	unsigned failures = s->join_failures++;

	s->join_stale = true;
	s->join_again_ns = now_ns;
	if (failures)
		s->join_again_ns += failures > 6 ? AGAIN_MAX_NS : NT_NS_PER_S << (failures - 1);
}

void nt_sqlite_join_begin(struct nt_store *s)
{
	struct nt_clock clock = nt_clock_system();
	struct nt_err ignored;

	if (!s->join_stale || nt_clock_boot(&clock) < s->join_again_ns)
		return;
	pthread_mutex_lock(&s->stats_lock);
	s->stats.join_rereads++;
	pthread_mutex_unlock(&s->stats_lock);
	s->join_stale = false;
	if (nt_sqlite_join_restore(s, &ignored) < 0)
		make_stale(s, nt_clock_boot(&clock));
}

void nt_sqlite_join_end(struct nt_store *s, int result)
{
	struct nt_clock clock = nt_clock_system();

	if (s->join_stale)
		return;
	if (result < 0)
		make_stale(s, nt_clock_boot(&clock));
	else
		s->join_failures = 0;
}

/* --- a batch ---------------------------------------------------------------------------------- */

/* The gap's endpoint may be one of an earlier batch. */
static int add_gap(struct nt_store *s, const struct nt_batch *b, const struct nt_batch_gap *gap,
		   struct nt_err *err)
{
	sqlite3_stmt *stmt;
	int r = nt_sqlite_write(s, NT_WRITE_ENDPOINT_NAME, &stmt, err);

	if (r < 0)
		return r;
	nt_sqlite_bind_text(stmt, 1, b->node);
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)gap->ep_id);
	r = sqlite3_step(stmt);
	if (r == SQLITE_ROW)
		nt_join_gap(s->join, b->node, nt_sqlite_column_text(stmt, 0),
			    nt_sqlite_column_text(stmt, 1), gap->from_us, gap->to_us);
	r = r == SQLITE_ROW || r == SQLITE_DONE
		    ? 0
		    : nt_sqlite_err(s->db, s->path, "find a gap's endpoint", err);
	(void)sqlite3_reset(stmt);
	(void)sqlite3_clear_bindings(stmt);
	return r;
}

int nt_sqlite_join_batch(struct nt_store *s, const struct nt_batch *b, int64_t now_us,
			 struct nt_err *err)
{
	uint64_t ticket;
	int r = 0;

	nt_buf_reset(&s->tickets);
	if (s->join_stale)
		return 0;
	nt_join_batch(s->join, b, now_us);
	for (size_t i = 0; i < b->gaps_len && r == 0; i++)
		r = add_gap(s, b, &b->gaps[i], err);
	for (size_t i = 0; i < b->records_len && r == 0; i++) {
		ticket = nt_join_add(s->join, &b->records[i]);
		nt_buf_add(&s->tickets, (const char *)&ticket, sizeof(ticket));
	}
	if (r == 0 && !nt_buf_ok(&s->tickets))
		r = nt_err_set(err, ENOMEM, "no memory for a batch");
	nt_join_settle(s->join);
	return r;
}

static uint64_t ticket_of(const struct nt_store *s, size_t i)
{
	uint64_t ticket = 0;

	if (s->join_stale)
		return 0;
	memcpy(&ticket, s->tickets.p + i * sizeof(ticket), sizeof(ticket));
	return ticket;
}

const struct nt_record *nt_sqlite_join_apply(const struct nt_store *s, size_t i,
					     const struct nt_record *rec, struct nt_record *room)
{
	const struct nt_join_result r = nt_join_result(s->join, ticket_of(s, i));

	if (rec->side != NT_SIDE_CLIENT || (!r.hop_count && !r.judged))
		return rec;
	*room = *rec;
	if (r.hop_count) {
		room->hop_count = r.hop_count;
		room->hop_network_ns = r.network_ns;
		room->hop_server_ns = r.server_ns;
		room->hop_upstream_ns = r.upstream_ns;
	}
	if (r.judged) {
		room->died = r.died;
		room->died_reason = nt_slice_str(r.reason);
	}
	return room;
}

void nt_sqlite_join_stored(struct nt_store *s, size_t i)
{
	nt_join_stored(s->join, ticket_of(s, i), sqlite3_last_insert_rowid(s->db));
}

static void bind_mean(sqlite3_stmt *stmt, int at, int64_t sum, uint64_t count)
{
	if (sum >= 0 && count)
		(void)sqlite3_bind_int64(stmt, at, sum / (int64_t)count);
}

int nt_sqlite_join_update(struct nt_store *s, struct nt_err *err)
{
	struct nt_join_result result;
	sqlite3_stmt *stmt;
	int64_t row;
	int r = nt_sqlite_write(s, NT_WRITE_JOINED, &stmt, err);

	while (r == 0 && !s->join_stale && nt_join_next(s->join, &row, &result)) {
		(void)sqlite3_clear_bindings(stmt);
		(void)sqlite3_bind_int64(stmt, 1, row);
		if (result.hop_count)
			(void)sqlite3_bind_int64(stmt, 2, (int64_t)result.hop_count);
		bind_mean(stmt, 3, result.network_ns, result.hop_count);
		bind_mean(stmt, 4, result.server_ns, result.hop_count);
		bind_mean(stmt, 5, result.upstream_ns, result.hop_count);
		if (result.died)
			nt_sqlite_bind_text(stmt, 6,
					    nt_slice_str(nt_enum_name(died_names(), result.died)));
		if (result.reason[0])
			nt_sqlite_bind_text(stmt, 7, nt_slice_str(result.reason));
		(void)sqlite3_bind_int(stmt, 8, result.judged);
		r = nt_sqlite_run(s, stmt, "write what both ends say", err);
	}
	return r;
}
