/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One batch into the SQLite store: ledger, rows, endpoints and the spool's counters in one
 * transaction, or nothing.
 */
#include "controller/store/sqlite.h"

#include "controller/store/join.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/record/codec.h"
#include "lib/record/columns.h"

static int add_to_ledger(struct nt_store *s, const struct nt_batch *b, int64_t now_us,
			 bool *ret_new, struct nt_err *err)
{
	sqlite3_stmt *stmt;
	int r = nt_sqlite_write(s, NT_WRITE_LEDGER, &stmt, err);

	if (r < 0)
		return r;
	nt_sqlite_bind_text(stmt, 1, b->node);
	nt_sqlite_bind_text(stmt, 2, b->spool);
	(void)sqlite3_bind_int64(stmt, 3, (int64_t)b->seq);
	(void)sqlite3_bind_int64(stmt, 4, now_us);
	r = nt_sqlite_run(s, stmt, "write the ledger", err);
	if (r == 0)
		*ret_new = sqlite3_changes(s->db) == 1;
	return r;
}

static int apply_late(struct nt_store *s, const struct nt_record *rec, struct nt_err *err)
{
	sqlite3_stmt *stmt;
	int r = nt_sqlite_write(s, NT_WRITE_LATE_APPLY, &stmt, err);

	if (r < 0)
		return r;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)rec->replies);
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)rec->late_of);
	nt_sqlite_bind_text(stmt, 3, rec->node);
	return nt_sqlite_run(s, stmt, "note a late reply", err);
}

static int find_late(struct nt_store *s, const struct nt_record *rec, uint64_t *ret_replies,
		     struct nt_err *err)
{
	sqlite3_stmt *stmt;
	double replies;
	int r = nt_sqlite_write(s, NT_WRITE_LATE_FIND, &stmt, err);

	if (r < 0)
		return r;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)rec->id);
	nt_sqlite_bind_text(stmt, 2, rec->node);
	if (sqlite3_step(stmt) != SQLITE_ROW)
		r = nt_sqlite_err(s->db, s->path, "find late replies", err);
	replies = r == 0 ? sqlite3_column_double(stmt, 0) : 0;
	(void)sqlite3_reset(stmt);
	*ret_replies = replies < (double)rec->unanswered ? (uint64_t)replies : rec->unanswered;
	return r;
}

/* The columns that lib/record gives, at 1 and up. */
static int bind_columns(struct nt_store *s, sqlite3_stmt *stmt, const struct nt_record *rec,
			struct nt_err *err)
{
	for (size_t i = 0; i < nt_columns_len(); i++) {
		struct nt_column_value v;
		int at = (int)i + 1;

		if (nt_column_value(rec, i, &s->scratch, &v) < 0)
			return nt_err_set(err, ENOMEM, "no memory for a row");
		switch (v.kind) {
		case NT_COLUMN_NULL:
			(void)sqlite3_bind_null(stmt, at);
			break;
		case NT_COLUMN_INT:
			(void)sqlite3_bind_int64(stmt, at, v.i);
			break;
		case NT_COLUMN_DOUBLE:
			(void)sqlite3_bind_double(stmt, at, v.d);
			break;
		case NT_COLUMN_TEXT:
			(void)sqlite3_bind_text64(stmt, at, v.text.len ? v.text.p : "", v.text.len,
						  SQLITE_TRANSIENT, SQLITE_UTF8);
			break;
		}
	}
	return 0;
}

/* Our own columns. wire holds the record's wire form and, behind it, the compact histogram. */
static void bind_own(sqlite3_stmt *stmt, const struct nt_batch *b, const struct nt_record *rec,
		     bool folded, uint64_t late_replies, const struct nt_buf *wire,
		     size_t record_len)
{
	int at = (int)nt_columns_len() + 1;

	(void)sqlite3_bind_int64(stmt, at + NT_OWN_TYPE,
				 folded ? NT_SQLITE_FOLDED : (int)rec->type);
	(void)sqlite3_bind_int64(stmt, at + NT_OWN_SIDE, rec->side);
	(void)sqlite3_bind_int64(stmt, at + NT_OWN_ROLE, rec->role);
	(void)sqlite3_bind_int64(stmt, at + NT_OWN_START, rec->start_us);
	nt_sqlite_bind_text(stmt, at + NT_OWN_NODE, rec->node);
	(void)sqlite3_bind_int64(stmt, at + NT_OWN_ID, (int64_t)rec->id);
	(void)sqlite3_bind_int64(stmt, at + NT_OWN_LATE_OF, (int64_t)rec->late_of);
	if (!rec->late || !rec->late_of)
		(void)sqlite3_bind_null(stmt, at + NT_OWN_LATE_OF);
	(void)sqlite3_bind_int64(stmt, at + NT_OWN_LATE_REPLIES, (int64_t)late_replies);
	(void)sqlite3_bind_blob64(stmt, at + NT_OWN_HISTOGRAM, wire->p + record_len,
				  wire->len - record_len, SQLITE_STATIC);
	nt_sqlite_bind_text(stmt, at + NT_OWN_SPOOL, b->spool);
	(void)sqlite3_bind_int64(stmt, at + NT_OWN_SEQ, (int64_t)b->seq);
	(void)sqlite3_bind_blob64(stmt, at + NT_OWN_RECORD, wire->p, record_len, SQLITE_STATIC);
}

static int insert_row(struct nt_store *s, const struct nt_batch *b, size_t i, struct nt_buf *wire,
		      struct nt_err *err)
{
	const struct nt_record *rec = &b->records[i];
	struct nt_record joined;
	bool folded = false;
	uint64_t late_replies = 0;
	sqlite3_stmt *stmt;
	size_t record_len;
	int r = nt_sqlite_write(s, NT_WRITE_ROW, &stmt, err);

	if (r == 0 && rec->unanswered && rec->id)
		r = find_late(s, rec, &late_replies, err);
	if (r == 0 && rec->late && rec->late_of)
		r = apply_late(s, rec, err);
	if (r == 0)
		r = nt_sqlite_ends_is_folded(s, rec, &folded, err);
	if (r == 0)
		r = bind_columns(s, stmt, nt_sqlite_join_apply(s, i, rec, &joined), err);
	if (r < 0)
		return r;
	nt_buf_reset(wire);
	nt_record_wire(rec, wire);
	record_len = wire->len;
	nt_sqlite_histogram(rec->latency_histogram, wire);
	if (!nt_buf_ok(wire))
		return nt_err_set(err, ENOMEM, "no memory for a row");
	if (b->ret_folded)
		b->ret_folded[i] = folded;
	bind_own(stmt, b, rec, folded, late_replies, wire, record_len);
	r = nt_sqlite_run(s, stmt, "write a row", err);
	(void)sqlite3_clear_bindings(stmt);
	if (r == 0)
		nt_sqlite_join_stored(s, i);
	return r;
}

/* The octets of the addresses, family first, one behind the other. */
static void pack_ips(const struct nt_batch_endpoint *e, unsigned char out[4 * 17], int *ret_len)
{
	int len = 0;

	for (size_t i = 0; i < e->ips_len && i < NT_ARRAY_LEN(e->ips); i++) {
		out[len] = e->ips[i].family;
		memcpy(out + len + 1, e->ips[i].octets, 16);
		len += 17;
	}
	*ret_len = len;
}

static int upsert_endpoint(struct nt_store *s, const struct nt_batch *b,
			   const struct nt_batch_endpoint *e, struct nt_err *err)
{
	const struct nt_slice texts[] = { e->namespace_, e->name,	 e->uid,    e->container_id,
					  e->ifname,	 e->host_ifname, e->network };
	unsigned char ips[4 * 17];
	sqlite3_stmt *stmt;
	int ips_len;
	int r = nt_sqlite_write(s, NT_WRITE_ENDPOINT, &stmt, err);

	if (r < 0)
		return r;
	nt_sqlite_bind_text(stmt, 1, b->node);
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)e->ep_id);
	nt_sqlite_bind_text(stmt, 3, b->spool);
	(void)sqlite3_bind_int64(stmt, 4, (int64_t)b->seq);
	(void)sqlite3_bind_int64(stmt, 5, b->created_us);
	(void)sqlite3_bind_int64(stmt, 6, e->state);
	for (size_t i = 0; i < NT_ARRAY_LEN(texts); i++)
		nt_sqlite_bind_text(stmt, 7 + (int)i, texts[i]);
	pack_ips(e, ips, &ips_len);
	(void)sqlite3_bind_blob(stmt, 14, ips, ips_len, SQLITE_STATIC);
	(void)sqlite3_bind_int64(stmt, 15, e->role);
	(void)sqlite3_bind_int64(stmt, 16, e->since_us);
	(void)sqlite3_bind_int64(stmt, 17, e->until_us);
	(void)sqlite3_bind_int64(stmt, 18, (int64_t)e->seen);
	(void)sqlite3_bind_int64(stmt, 19, (int64_t)e->logged);
	(void)sqlite3_bind_int64(stmt, 20, (int64_t)e->unlogged);
	nt_sqlite_bind_text(stmt, 21, e->reason);
	(void)sqlite3_bind_int64(stmt, 22, e->origin);
	(void)sqlite3_bind_int64(stmt, 23, e->dns);
	(void)sqlite3_bind_int64(stmt, 24, e->hook);
	(void)sqlite3_bind_int64(stmt, 25, (int64_t)e->stream);
	(void)sqlite3_bind_int64(stmt, 26, (int64_t)e->before_tap);
	(void)sqlite3_bind_int64(stmt, 27, (int64_t)e->link_rx);
	(void)sqlite3_bind_int64(stmt, 28, (int64_t)e->link_tx);
	r = nt_sqlite_run(s, stmt, "write an endpoint", err);
	(void)sqlite3_clear_bindings(stmt);
	/* Not so when a newer batch has said more. */
	if (r == 0 && sqlite3_changes(s->db) == 1)
		r = nt_sqlite_ends_endpoint(s, b->node, e, err);
	return r;
}

static int upsert_gap(struct nt_store *s, const struct nt_batch *b, const struct nt_batch_gap *gap,
		      struct nt_err *err)
{
	sqlite3_stmt *stmt;
	int r = nt_sqlite_write(s, NT_WRITE_GAP, &stmt, err);

	if (r < 0)
		return r;
	nt_sqlite_bind_text(stmt, 1, b->node);
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)gap->ep_id);
	(void)sqlite3_bind_int64(stmt, 3, gap->from_us);
	(void)sqlite3_bind_int64(stmt, 4, gap->to_us);
	nt_sqlite_bind_text(stmt, 5, gap->reason);
	(void)sqlite3_bind_int64(stmt, 6, b->created_us);
	(void)sqlite3_bind_int64(stmt, 7, NT_ENDPOINT_TAPPED);
	(void)sqlite3_bind_int64(stmt, 8, NT_ENDPOINT_HOOK_NONE);
	r = nt_sqlite_run(s, stmt, "write a gap", err);
	(void)sqlite3_clear_bindings(stmt);
	if (r == 0)
		r = nt_sqlite_ends_decide(s, b->node, gap->ep_id, gap->to_us ?: b->created_us, err);
	return r;
}

static int update_spool(struct nt_store *s, const struct nt_batch *b, int64_t now_us,
			struct nt_err *err)
{
	sqlite3_stmt *stmt;
	int r = nt_sqlite_write(s, NT_WRITE_SPOOL, &stmt, err);

	if (r < 0)
		return r;
	nt_sqlite_bind_text(stmt, 1, b->node);
	nt_sqlite_bind_text(stmt, 2, b->spool);
	(void)sqlite3_bind_int64(stmt, 3, (int64_t)b->seq);
	(void)sqlite3_bind_int64(stmt, 4, now_us);
	r = nt_sqlite_run(s, stmt, "write the spool's counters", err);
	if (r < 0 || sqlite3_changes(s->db))
		return r;
	r = nt_sqlite_write(s, NT_WRITE_SPOOL_NEW, &stmt, err);
	if (r < 0)
		return r;
	nt_sqlite_bind_text(stmt, 1, b->node);
	nt_sqlite_bind_text(stmt, 2, b->spool);
	return nt_sqlite_run(s, stmt, "write a spool", err);
}

static int write_batch(struct nt_store *s, const struct nt_batch *b, int64_t now_us, bool *ret_new,
		       struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf wire = { 0 };
	int r = add_to_ledger(s, b, now_us, ret_new, err);

	if (r < 0 || !*ret_new)
		return r;
	/* Who is tapped goes before the rows, which are decided by it. */
	r = nt_sqlite_ends_heard(s, b->node, err);
	for (size_t i = 0; i < b->endpoints_len && r == 0; i++)
		r = upsert_endpoint(s, b, &b->endpoints[i], err);
	for (size_t i = 0; i < b->addresses_len && r == 0; i++)
		r = nt_sqlite_ends_address(s, b->node, &b->addresses[i], err);
	for (size_t i = 0; i < b->gaps_len && r == 0; i++)
		r = upsert_gap(s, b, &b->gaps[i], err);
	if (r == 0)
		r = nt_sqlite_join_batch(s, b, now_us, err);
	for (size_t i = 0; i < b->records_len && r == 0; i++)
		r = insert_row(s, b, i, &wire, err);
	if (r == 0)
		r = nt_sqlite_join_update(s, err);
	if (r == 0)
		r = update_spool(s, b, now_us, err);
	return r;
}

static void count_append(struct nt_store *s, const struct nt_batch *b, bool is_new,
			 struct nt_join_stats joined)
{
	pthread_mutex_lock(&s->stats_lock);
	s->stats.join_peers_forgotten = joined.peers_forgotten;
	s->stats.joined_lookups = joined.lookups;
	s->stats.join_rows = joined.rows;
	s->stats.join_forgotten = joined.forgotten;
	if (!is_new) {
		s->stats.duplicates++;
	} else {
		s->stats.batches++;
		s->stats.records += b->records_len;
		s->stats.rows += b->records_len;
	}
	for (size_t i = 0; is_new && i < b->records_len; i++) {
		int64_t start_us = b->records[i].start_us;

		if (!s->stats.oldest_us || start_us < s->stats.oldest_us)
			s->stats.oldest_us = start_us;
		if (start_us > s->stats.newest_us)
			s->stats.newest_us = start_us;
	}
	pthread_mutex_unlock(&s->stats_lock);
}

static int append_locked(struct nt_store *s, const struct nt_batch *batch, bool *ret_new,
			 struct nt_err *err)
{
	struct nt_clock clock = nt_clock_system();
	int r;

	nt_sqlite_join_begin(s);
	r = nt_sqlite_exec(s->db, s->path, "BEGIN IMMEDIATE", err);
	if (r < 0)
		return r;
	r = write_batch(s, batch, nt_clock_real(&clock) / NT_NS_PER_US, ret_new, err);
	r = nt_sqlite_end(s->db, s->path, r, *ret_new ? "COMMIT" : "ROLLBACK", err);
	nt_sqlite_join_end(s, r);
	return r;
}

int nt_store_append(struct nt_store *s, const struct nt_batch *batch,
		    enum nt_store_outcome *ret_outcome, struct nt_err *err)
{
	struct nt_join_stats joined;
	bool is_new = false;
	int r;

	pthread_mutex_lock(&s->write_lock);
	r = append_locked(s, batch, &is_new, err);
	joined = nt_join_stats(s->join);
	pthread_mutex_unlock(&s->write_lock);
	if (r < 0)
		return r;
	count_append(s, batch, is_new, joined);
	*ret_outcome = is_new ? NT_STORE_APPENDED : NT_STORE_DUPLICATE;
	return 0;
}
