/* SPDX-License-Identifier: Apache-2.0 */
/* The writer's statements: their SQL, each prepared at its first use. */
#include "controller/store/sqlite.h"

#include "lib/base/cleanup.h"

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

/* Nobody is still to be told of this event. */
#define IS_TOLD " NOT EXISTS (SELECT 1 FROM outbox o WHERE o.event = events.id)"

/* Of the suppressions of the rule of `events` that have nothing in their group that the event has
 * not, the one that ends last. One that was over when the event began is none of it, also where it
 * is still here since the controller was away. */
#define SUPPRESSION                                                                    \
	"(SELECT s.id, s.until_us FROM suppressions s WHERE s.rule = events.rule"      \
	" AND s.until_us > events.first_seen_us"                                       \
	" AND NOT EXISTS (SELECT 1 FROM json_each(s.grp) w WHERE NOT EXISTS (SELECT 1" \
	" FROM json_each(events.grp) g WHERE g.key = w.key AND g.value = w.value))"    \
	" ORDER BY s.until_us DESC, s.id LIMIT 1)"

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
			    " GROUP BY node HAVING last < ?1 LIMIT ?2 RETURNING node, since_us",
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
		" hop_upstream_ns = ?5, died = CASE WHEN ?8 THEN ?6 ELSE died END,"
		" died_reason = CASE WHEN ?8 THEN ?7 ELSE died_reason END"
		" WHERE nt_row = ?1",
	[NT_WRITE_EXPIRE_FOLDED] =
		"DELETE FROM rows WHERE nt_row IN (SELECT nt_row FROM rows"
		" INDEXED BY rows_folded WHERE nt_type = 2 AND nt_start < ?1 LIMIT ?2)",
	[NT_WRITE_EXPIRE_ADDRESSES] = "DELETE FROM addresses WHERE NOT EXISTS (SELECT 1"
				      " FROM endpoints e WHERE e.node = addresses.node AND"
				      " e.ep_id = addresses.ep_id)",
	[NT_WRITE_SPOOL] = "UPDATE spools SET batches = batches + 1, last_seq = max(last_seq, ?3),"
			   " last_seen_us = max(last_seen_us, ?4) WHERE node = ?1 AND spool = ?2",
	/* New, or forgotten: the ledger, which has this batch already, knows what came of it. */
	[NT_WRITE_SPOOL_NEW] =
		"INSERT INTO spools (node, spool, last_seq, batches, first_seen_us, last_seen_us)"
		" SELECT ?1, ?2, max(seq), count(*), min(received_us), max(received_us)"
		" FROM ledger WHERE node = ?1 AND spool = ?2",
	/* By its spools a node is known to be silent: the last one waits for that. */
	[NT_WRITE_EXPIRE_SPOOLS] =
		"DELETE FROM spools WHERE last_seen_us < ?1 AND node IN (SELECT node FROM silent"
		" WHERE since_us < ?1 UNION SELECT node FROM spools WHERE last_seen_us >= ?1)",
	/* It would come back for as long as there is a spool of the node. */
	[NT_WRITE_EXPIRE_SILENT] = "DELETE FROM silent WHERE since_us < ?1 AND node NOT IN"
				   " (SELECT node FROM spools)",
	[NT_WRITE_EXPIRE] = "DELETE FROM rows WHERE nt_row IN (SELECT nt_row FROM rows"
			    " INDEXED BY rows_start WHERE nt_start < ?1 ORDER BY nt_start"
			    " LIMIT ?2)",
	[NT_WRITE_EXPIRE_ENDPOINTS] = "DELETE FROM endpoints WHERE (state <> ?2 AND"
				      " max(since_us, until_us, created_us) < ?1)"
				      " OR node IN (SELECT node FROM silent WHERE since_us < ?1)",
	[NT_WRITE_EVENT_NEW] =
		"INSERT INTO events (rule, grp, summary, query, metric, condition, severity,"
		" threshold, value, peak, first_seen_us, last_seen_us, from_us, resolved_us,"
		" labels, notify)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
	[NT_WRITE_EVENT] =
		"UPDATE events SET rule = ?1, grp = ?2, summary = ?3, query = ?4, metric = ?5,"
		" condition = ?6, severity = ?7, threshold = ?8, value = ?9, peak = ?10,"
		" first_seen_us = ?11, last_seen_us = ?12, from_us = ?13, resolved_us = ?14"
		" WHERE id = ?15",
	/* Of what is so old only open ones are left, and some to be told of: this looks at few. */
	[NT_WRITE_EVENTS_CAP] = "DELETE FROM events WHERE id <= ?1 AND resolved_us > 0 AND" IS_TOLD,
	[NT_WRITE_EXPIRE_EVENTS] = "DELETE FROM events WHERE resolved_us > 0 AND"
				   " resolved_us < ?1 AND" IS_TOLD,
	[NT_WRITE_OUTBOX_ADD] = "INSERT OR IGNORE INTO outbox (receiver, event, change, queued_us)"
				" SELECT ?1, id, ?3, ?4 FROM events WHERE id = ?2 AND untold = 0"
				" AND (notify = '' OR instr(notify, ',' || ?1 || ','))",
	[NT_WRITE_OUTBOX_CAP] = "DELETE FROM outbox WHERE receiver = ?1 AND id <= (SELECT id"
				" FROM outbox WHERE receiver = ?1 ORDER BY id DESC"
				" LIMIT 1 OFFSET ?2)",
	[NT_WRITE_OUTBOX_REMOVE] = "DELETE FROM outbox WHERE id = ?1",
	[NT_WRITE_OUTBOX_FORGET] =
		"DELETE FROM outbox WHERE receiver NOT IN (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,"
		" ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
	/* Where the receiver was told that it opened, its end is told as any other. */
	[NT_WRITE_OUTBOX_HUSH] =
		"DELETE FROM outbox WHERE receiver = ?1 AND event IN (SELECT o.event"
		" FROM outbox o JOIN events e ON e.id = o.event WHERE o.receiver = ?1"
		" AND o.change = 1 AND e.suppression IS NOT NULL AND e.resolved_us > 0)",
	/* Not before the end of the suppression; where there is none any more, from now on. */
	[NT_WRITE_OUTBOX_DUE] =
		"UPDATE outbox SET due_us = ifnull((SELECT e.suppressed_until_us FROM events e"
		" WHERE e.id = outbox.event), min(due_us, ?2)) WHERE change = 1 AND event IN"
		" (SELECT id FROM events WHERE resolved_us = 0 AND rule = ?1)",
	[NT_WRITE_ACKNOWLEDGE] = "UPDATE events SET acked_us = ?2, acked_by = ?3, ack_comment = ?4"
				 " WHERE id = ?1",
	[NT_WRITE_SUPPRESSION] =
		"INSERT INTO suppressions (rule, grp, created_by, reason, created_us, until_us)"
		" SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE (SELECT count(*) FROM suppressions) < ?7",
	[NT_WRITE_SUPPRESSION_DELETE] = "DELETE FROM suppressions WHERE id = ?1 RETURNING rule",
	[NT_WRITE_SUPPRESSION_OVER] =
		"DELETE FROM suppressions WHERE until_us <= ?1 AND rule = (SELECT rule"
		" FROM suppressions WHERE until_us <= ?1 ORDER BY until_us LIMIT 1)"
		" RETURNING rule",
	[NT_WRITE_SUPPRESSION_EVENTS] = "SELECT " NT_SQLITE_EVENTS_UNDER("?1"),
	[NT_WRITE_MARK_EVENT] =
		"UPDATE events SET (suppression, suppressed_until_us) = " SUPPRESSION
		" WHERE id = ?1",
	[NT_WRITE_MARK_UNTOLD] = "UPDATE events SET untold = 1 WHERE id = ?1"
				 " AND suppression IS NOT NULL",
	[NT_WRITE_MARK_RULE] = "UPDATE events SET (suppression, suppressed_until_us) = " SUPPRESSION
			       " WHERE resolved_us = 0 AND rule = ?1",
	[NT_WRITE_MEMORY_NEW] =
		"INSERT INTO memories (rule, what, key, since_us) VALUES (?1, ?2, ?3, ?4)",
	[NT_WRITE_MEMORY_GONE] = "DELETE FROM memories WHERE rule = ?1",
	[NT_WRITE_SIGHTING] = "INSERT OR REPLACE INTO sightings (memory, grp, first_us, last_us)"
			      " SELECT id, ?2, ?3, ?4 FROM memories WHERE rule = ?1",
	[NT_WRITE_SIGHTINGS_BEFORE] = "DELETE FROM sightings WHERE last_us < ?2 AND memory ="
				      " (SELECT id FROM memories WHERE rule = ?1)",
	[NT_WRITE_RELEASE] = "UPDATE events SET untold = 0 WHERE resolved_us = 0 AND rule = ?1"
			     " AND untold = 1 AND suppression IS NULL RETURNING id",
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
