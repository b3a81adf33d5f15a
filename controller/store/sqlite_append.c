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

#define TEXT(x) #x
#define TEXT_OF(x) TEXT(x)
#define SLACK TEXT_OF(NT_SQLITE_SLACK_US)
#define FOREVER TEXT_OF(NT_SQLITE_FOREVER)

/* Was somebody of that address tapped when a lookup began? Attached by then and not ended; of a
 * node that has not fallen silent before; and not in a gap that is sure. The index gives those that
 * ended later, the soonest first: few of the thousands that may have had the address one after the
 * other.
 */
#define IS_TAPPED(ip, start)                                                                   \
	"EXISTS (SELECT 1 FROM addresses a INDEXED BY addresses_until WHERE a.ip = " ip        \
	" AND a.until_us >= " start " AND a.since_us <= " start " + " SLACK                    \
	" AND NOT (a.until_us = " FOREVER " AND EXISTS (SELECT 1 FROM silent n"                \
	" WHERE n.node = a.node AND n.since_us < " start "))"                                  \
	" AND (SELECT g.sure_us <= " start " AND (g.to_us = 0 OR g.to_us > " start " + " SLACK \
	") FROM gaps g WHERE g.node = a.node AND g.ep_id = a.ep_id AND g.from_us <= " start    \
	" ORDER BY g.from_us DESC LIMIT 1) IS NOT TRUE)"

static const char *const write_sql[NT_WRITE_MAX] = {
	[NT_WRITE_LEDGER] = "INSERT OR IGNORE INTO ledger (node, spool, seq, received_us)"
			    " VALUES (?1, ?2, ?3, ?4)",
	/* The unanswered row keeps its figures; what came late is counted beside them and sums
	 * subtract it there, in the bucket and under the keys of the query (T9). */
	[NT_WRITE_LATE_APPLY] = "UPDATE rows INDEXED BY rows_unanswered"
				" SET nt_late_replies = min(unanswered, nt_late_replies + ?1)"
				" WHERE nt_id = ?2 AND nt_node = ?3 AND unanswered > 0",
	[NT_WRITE_LATE_FIND] = "SELECT total(replies) FROM rows INDEXED BY rows_late"
			       " WHERE nt_late_of = ?1 AND nt_node = ?2",
	/* A batch that was overtaken by a newer one does not take an endpoint back in time. */
	[NT_WRITE_ENDPOINT] =
		"INSERT INTO endpoints (node, ep_id, spool, seq, created_us, state, namespace, "
		"name,"
		" uid, container_id, ifname, host_ifname, network, ips, role, since_us, until_us,"
		" seen, logged, unlogged, reason, origin, dns, hook, stream, before_tap, link_rx,"
		" link_tx)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,"
		" ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28)"
		" ON CONFLICT (node, ep_id) DO UPDATE SET spool = excluded.spool,"
		" seq = excluded.seq, created_us = excluded.created_us, state = excluded.state,"
		" namespace = excluded.namespace, name = excluded.name, uid = excluded.uid,"
		" container_id = excluded.container_id, ifname = excluded.ifname,"
		" host_ifname = excluded.host_ifname, network = excluded.network,"
		" ips = excluded.ips, role = excluded.role, since_us = excluded.since_us,"
		" until_us = excluded.until_us, seen = excluded.seen, logged = excluded.logged,"
		" unlogged = excluded.unlogged, reason = excluded.reason,"
		" origin = excluded.origin, dns = excluded.dns, hook = excluded.hook,"
		" stream = excluded.stream,"
		/* An agent that starts anew does not know the link of a pod that is gone. */
		" before_tap = max(before_tap, excluded.before_tap),"
		" link_rx = max(link_rx, excluded.link_rx),"
		" link_tx = max(link_tx, excluded.link_tx)"
		" WHERE CASE WHEN excluded.spool = endpoints.spool"
		" THEN excluded.seq > endpoints.seq"
		" ELSE excluded.created_us >= endpoints.created_us END",
	/* One that ended stays ended, also when the batch that only knew its beginning comes later.
	 * Sure from the batch on that tells of a tap that is missing still. */
	[NT_WRITE_GAP] = "INSERT INTO gaps (node, ep_id, from_us, to_us, reason, sure_us)"
			 " VALUES (?1, ?2, ?3, ?4, ?5, (SELECT ?6 FROM endpoints e"
			 " WHERE e.node = ?1 AND e.ep_id = ?2 AND e.state = ?7 AND e.hook = ?8"
			 " AND ?4 = 0))"
			 " ON CONFLICT (node, ep_id, from_us) DO UPDATE SET"
			 " to_us = max(to_us, excluded.to_us), reason = excluded.reason,"
			 " sure_us = ifnull(sure_us, excluded.sure_us)",
	[NT_WRITE_EXPIRE_GAPS] =
		"DELETE FROM gaps WHERE (to_us <> 0 AND to_us < ?1) OR NOT EXISTS (SELECT 1"
		" FROM endpoints e WHERE e.node = gaps.node AND e.ep_id = gaps.ep_id)",
	[NT_WRITE_ADDRESS] = "INSERT OR IGNORE INTO addresses (ip, node, ep_id, since_us, until_us)"
			     " VALUES (?1, ?2, ?3, ?4, ?5)",
	[NT_WRITE_ADDRESS_END] = "UPDATE addresses SET until_us = ?4 WHERE ip = ?1 AND node = ?2"
				 " AND ep_id = ?3 AND since_us <= ?4 AND until_us = " FOREVER,
	[NT_WRITE_ADDRESSES_OF] = "SELECT DISTINCT ip FROM addresses INDEXED BY addresses_endpoint"
				  " WHERE node = ?1 AND ep_id = ?2",
	[NT_WRITE_ADDRESSES_OPEN] =
		"SELECT DISTINCT ip FROM addresses INDEXED BY addresses_endpoint"
		" WHERE node = ?1 AND until_us = " FOREVER,
	[NT_WRITE_ADDRESSES_CLOSE] =
		"UPDATE addresses INDEXED BY addresses_endpoint SET until_us = ?3"
		" WHERE node = ?1 AND ep_id = ?2 AND until_us = " FOREVER,
	[NT_WRITE_SILENT] = "INSERT INTO silent (node, since_us)"
			    " SELECT node, max(last_seen_us) AS last FROM spools"
			    " WHERE node NOT IN (SELECT node FROM silent)"
			    " GROUP BY node HAVING last < ?1 LIMIT 1 RETURNING node, since_us",
	[NT_WRITE_HEARD] = "DELETE FROM silent WHERE node = ?1 RETURNING node, since_us",
	[NT_WRITE_IS_TAPPED] = "SELECT 1 WHERE " IS_TAPPED("?1", "?2"),
	[NT_WRITE_REDECIDE] =
		"UPDATE rows INDEXED BY rows_server SET nt_type = 2 - nt_type"
		" WHERE nt_side = 1 AND client_ip = ?1 AND nt_start >= ?2 AND nt_type <> 1"
		" AND (nt_type = 2) <> " IS_TAPPED("client_ip", "nt_start"),
	[NT_WRITE_ENDPOINT_NAME] =
		"SELECT namespace, name FROM endpoints WHERE node = ?1 AND ep_id = ?2",
	[NT_WRITE_JOINED] =
		"UPDATE rows SET hop_count = ?2, hop_network_ns = ?3, hop_server_ns = ?4,"
		" hop_upstream_ns = ?5, died = ifnull(?6, died),"
		" died_reason = CASE WHEN ?6 IS NULL THEN died_reason ELSE ?7 END"
		" WHERE nt_row = ?1",
	[NT_WRITE_EXPIRE_FOLDED] =
		"DELETE FROM rows WHERE nt_row IN (SELECT nt_row FROM rows"
		" INDEXED BY rows_folded WHERE nt_type = 2 AND nt_start < ?1 LIMIT ?2)",
	[NT_WRITE_EXPIRE_ADDRESSES] = "DELETE FROM addresses WHERE NOT EXISTS (SELECT 1"
				      " FROM endpoints e WHERE e.node = addresses.node AND"
				      " e.ep_id = addresses.ep_id)",
	[NT_WRITE_SPOOL] =
		"INSERT INTO spools (node, spool, last_seq, batches, first_seen_us, last_seen_us)"
		" VALUES (?1, ?2, ?3, 1, ?4, ?4)"
		" ON CONFLICT (node, spool) DO UPDATE SET batches = batches + 1,"
		" last_seq = max(last_seq, excluded.last_seq),"
		" last_seen_us = max(last_seen_us, excluded.last_seen_us)",
	[NT_WRITE_EXPIRE] = "DELETE FROM rows WHERE nt_row IN (SELECT nt_row FROM rows"
			    " INDEXED BY rows_start WHERE nt_start < ?1 ORDER BY nt_start"
			    " LIMIT ?2)",
	[NT_WRITE_EXPIRE_ENDPOINTS] = "DELETE FROM endpoints WHERE (state <> ?1 AND"
				      " max(since_us, until_us, created_us) < ?2)"
				      " OR node IN (SELECT node FROM silent WHERE since_us < ?2)",
	[NT_WRITE_EVENT_NEW] =
		"INSERT INTO events (rule, grp, summary, query, metric, condition, severity,"
		" threshold, value, peak, first_seen_us, last_seen_us, from_us, resolved_us)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
	[NT_WRITE_EVENT] =
		"UPDATE events SET rule = ?1, grp = ?2, summary = ?3, query = ?4, metric = ?5,"
		" condition = ?6, severity = ?7, threshold = ?8, value = ?9, peak = ?10,"
		" first_seen_us = ?11, last_seen_us = ?12, from_us = ?13, resolved_us = ?14"
		" WHERE id = ?15",
	/* Of what is so old only open ones are left, so this looks at few. */
	[NT_WRITE_EVENTS_CAP] = "DELETE FROM events WHERE id <= ?1 AND resolved_us > 0",
	[NT_WRITE_EXPIRE_EVENTS] = "DELETE FROM events WHERE resolved_us > 0 AND"
				   " resolved_us < ?1",
};

int nt_sqlite_write(struct nt_store *s, enum nt_sqlite_write which, sqlite3_stmt **ret_stmt,
		    struct nt_err *err)
{
	if (!s->writes[which]) {
		_cleanup_buf_ struct nt_buf insert = { 0 };
		const char *sql = write_sql[which];

		if (which == NT_WRITE_ROW) {
			nt_sqlite_insert_sql(&insert);
			if (!nt_buf_ok(&insert))
				return nt_err_set(err, ENOMEM, "no memory to prepare a statement");
			sql = insert.p;
		}
		if (sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->writes[which],
				       NULL) != SQLITE_OK)
			return nt_sqlite_err(s->db, s->path, "prepare", err);
	}
	*ret_stmt = s->writes[which];
	return 0;
}

int nt_sqlite_run(struct nt_store *s, sqlite3_stmt *stmt, const char *what, struct nt_err *err)
{
	int r = sqlite3_step(stmt) == SQLITE_DONE ? 0 : nt_sqlite_err(s->db, s->path, what, err);

	(void)sqlite3_reset(stmt);
	return r;
}

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
	return nt_sqlite_run(s, stmt, "write the spool's counters", err);
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
	int r = s->join_stale ? nt_sqlite_join_restore(s, err) : 0;

	if (r == 0)
		r = nt_sqlite_exec(s->db, s->path, "BEGIN IMMEDIATE", err);
	if (r < 0)
		return r;
	r = write_batch(s, batch, nt_clock_real(&clock) / NT_NS_PER_US, ret_new, err);
	r = nt_sqlite_end(s->db, s->path, r, *ret_new ? "COMMIT" : "ROLLBACK", err);
	s->join_stale = r < 0;
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
