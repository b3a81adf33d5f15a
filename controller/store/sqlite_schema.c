/* SPDX-License-Identifier: Apache-2.0 */
/* The SQLite store's tables: made, migrated by PRAGMA user_version, extended to new columns. */
#include "controller/store/sqlite.h"

#include "lib/base/cleanup.h"
#include "lib/record/columns.h"

/* Our own columns stand beside the record's and begin with nt_, which no field does. The record
 * comes last: a scan that sums does not touch the pages behind. */
static const struct {
	const char *name, *type;
} own_columns[NT_OWN_MAX] = {
	[NT_OWN_TYPE] = { "nt_type", "INTEGER NOT NULL" },
	[NT_OWN_SIDE] = { "nt_side", "INTEGER NOT NULL" },
	[NT_OWN_ROLE] = { "nt_role", "INTEGER NOT NULL" },
	[NT_OWN_START] = { "nt_start", "INTEGER NOT NULL" },
	[NT_OWN_NODE] = { "nt_node", "TEXT NOT NULL" },
	[NT_OWN_ID] = { "nt_id", "INTEGER NOT NULL" },
	[NT_OWN_LATE_OF] = { "nt_late_of", "INTEGER" },
	[NT_OWN_LATE_REPLIES] = { "nt_late_replies", "INTEGER NOT NULL DEFAULT 0" },
	[NT_OWN_HISTOGRAM] = { "nt_histogram", "BLOB" },
	[NT_OWN_SPOOL] = { "nt_spool", "TEXT NOT NULL" },
	[NT_OWN_SEQ] = { "nt_seq", "INTEGER NOT NULL" },
	[NT_OWN_RECORD] = { "nt_record", "BLOB NOT NULL" },
};

static void rows_table_sql(struct nt_buf *out)
{
	nt_buf_puts(out, "CREATE TABLE rows (nt_row INTEGER PRIMARY KEY AUTOINCREMENT");
	for (size_t i = 0; i < nt_columns_len(); i++)
		nt_buf_printf(out, ", \"%s\" %s", nt_column_name(i), nt_column_sql_type(i));
	for (size_t i = 0; i < NT_OWN_MAX; i++)
		nt_buf_printf(out, ", %s %s", own_columns[i].name, own_columns[i].type);
	nt_buf_puts(out, ");");
}

void nt_sqlite_insert_sql(struct nt_buf *out)
{
	nt_buf_puts(out, "INSERT INTO rows (");
	for (size_t i = 0; i < nt_columns_len(); i++)
		nt_buf_printf(out, "\"%s\", ", nt_column_name(i));
	for (size_t i = 0; i < NT_OWN_MAX; i++)
		nt_buf_printf(out, "%s%s", own_columns[i].name, i + 1 < NT_OWN_MAX ? ", " : "");
	nt_buf_puts(out, ") VALUES (?");
	for (size_t i = 1; i < nt_columns_len() + NT_OWN_MAX; i++)
		nt_buf_puts(out, ", ?");
	nt_buf_puts(out, ")");
}

/* rows_default serves the default figures, rows_start everything else, the partial ones what is
 * rare. ledger is never emptied: a batch may come again after its rows have expired. */
static const char layout_1[] =
	"CREATE INDEX rows_default ON rows (nt_side, nt_role, nt_start);"
	"CREATE INDEX rows_start ON rows (nt_start);"
	"CREATE INDEX rows_unlogged ON rows (nt_start) WHERE nt_type = 1;"
	"CREATE INDEX rows_unanswered ON rows (nt_id) WHERE unanswered > 0;"
	"CREATE INDEX rows_late ON rows (nt_late_of) WHERE nt_late_of IS NOT NULL;"
	"CREATE TABLE ledger (node TEXT NOT NULL, spool TEXT NOT NULL, seq INTEGER NOT NULL,"
	" received_us INTEGER NOT NULL, PRIMARY KEY (node, spool, seq)) WITHOUT ROWID;"
	"CREATE TABLE spools (node TEXT NOT NULL, spool TEXT NOT NULL, last_seq INTEGER NOT NULL,"
	" batches INTEGER NOT NULL, first_seen_us INTEGER NOT NULL, last_seen_us INTEGER NOT NULL,"
	" PRIMARY KEY (node, spool)) WITHOUT ROWID;"
	"CREATE TABLE endpoints (node TEXT NOT NULL, ep_id INTEGER NOT NULL,"
	" spool TEXT NOT NULL, seq INTEGER NOT NULL, created_us INTEGER NOT NULL,"
	" state INTEGER NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, uid TEXT NOT NULL,"
	" container_id TEXT NOT NULL, ifname TEXT NOT NULL, host_ifname TEXT NOT NULL,"
	" network TEXT NOT NULL, ips BLOB NOT NULL, role INTEGER NOT NULL,"
	" since_us INTEGER NOT NULL, until_us INTEGER NOT NULL, seen INTEGER NOT NULL,"
	" logged INTEGER NOT NULL, unlogged INTEGER NOT NULL, reason TEXT NOT NULL,"
	" PRIMARY KEY (node, ep_id)) WITHOUT ROWID;"
	"CREATE INDEX endpoints_since ON endpoints (since_us);";

/* Events of alerts. At most one of a rule and group is open. */
static const char layout_2[] =
	"CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, rule TEXT NOT NULL,"
	" grp TEXT NOT NULL, summary TEXT NOT NULL, query TEXT NOT NULL, metric TEXT NOT NULL,"
	" condition TEXT NOT NULL, severity INTEGER NOT NULL, threshold REAL NOT NULL,"
	" value REAL NOT NULL, peak REAL NOT NULL, first_seen_us INTEGER NOT NULL,"
	" last_seen_us INTEGER NOT NULL, from_us INTEGER NOT NULL, resolved_us INTEGER NOT NULL);"
	"CREATE UNIQUE INDEX events_open ON events (rule, grp) WHERE resolved_us = 0;"
	"CREATE INDEX events_last ON events (last_seen_us);"
	"CREATE INDEX events_rule ON events (rule, last_seen_us);"
	"CREATE INDEX events_resolved ON events (resolved_us);";

/* How an endpoint came to be known, and its resolvers. */
static const char layout_3[] = "ALTER TABLE endpoints ADD COLUMN origin INTEGER NOT NULL DEFAULT 0;"
			       "ALTER TABLE endpoints ADD COLUMN dns INTEGER NOT NULL DEFAULT 0;";

/* From when to when an endpoint was not tapped; to_us 0 while it lasts. */
static const char layout_4[] =
	"ALTER TABLE endpoints ADD COLUMN hook INTEGER NOT NULL DEFAULT 0;"
	"CREATE TABLE gaps (node TEXT NOT NULL, ep_id INTEGER NOT NULL, from_us INTEGER NOT NULL,"
	" to_us INTEGER NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (node, ep_id, from_us))"
	" WITHOUT ROWID;"
	"CREATE INDEX gaps_from ON gaps (from_us);";

/* TCP segments that were read; their rows have messages. */
static const char layout_5[] =
	"ALTER TABLE endpoints ADD COLUMN stream INTEGER NOT NULL DEFAULT 0;";

/* What was dropped before the tap, and what the link carried. */
static const char layout_6[] =
	"ALTER TABLE endpoints ADD COLUMN before_tap INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE endpoints ADD COLUMN link_rx INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE endpoints ADD COLUMN link_tx INTEGER NOT NULL DEFAULT 0;";

/* Which addresses are tapped, since when and until when (0: still); and the rows of servers' sides
 * by client, those that are no rows of the log (nt_type 2) by time. */
static const char layout_7[] =
	"CREATE TABLE addresses (ip TEXT NOT NULL, node TEXT NOT NULL, ep_id INTEGER NOT NULL,"
	" since_us INTEGER NOT NULL, until_us INTEGER NOT NULL,"
	" PRIMARY KEY (ip, node, ep_id, since_us)) WITHOUT ROWID;"
	"CREATE INDEX addresses_endpoint ON addresses (node, ep_id);"
	"CREATE INDEX rows_server ON rows (client_ip, nt_start) WHERE nt_side = 1;"
	"CREATE INDEX rows_folded ON rows (nt_start) WHERE nt_type = 2;";

/* An address that is there has an end that never comes, so that one search finds it; nodes of which
 * nothing comes any more, since when; and from when on it is sure that a tap is missing. */
static const char layout_8[] =
	"UPDATE addresses SET until_us = 9223372036854775807 WHERE until_us = 0;"
	"CREATE INDEX addresses_until ON addresses (ip, until_us, since_us);"
	"CREATE TABLE silent (node TEXT NOT NULL PRIMARY KEY, since_us INTEGER NOT NULL)"
	" WITHOUT ROWID;"
	"ALTER TABLE gaps ADD COLUMN sure_us INTEGER;";

/* What receivers are to be told of events; of one event and change each once. */
static const char layout_9[] =
	"CREATE TABLE outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, receiver TEXT NOT NULL,"
	" event INTEGER NOT NULL, change INTEGER NOT NULL, queued_us INTEGER NOT NULL);"
	"CREATE UNIQUE INDEX outbox_event ON outbox (event, change, receiver);"
	"CREATE INDEX outbox_order ON outbox (receiver, id);";

/* The endpoints of one pod. */
static const char layout_10[] = "CREATE INDEX endpoints_name ON endpoints (name, namespace);";

/* What a rule says to who is told of its events, as it was when the event opened. */
static const char layout_11[] = "ALTER TABLE events ADD COLUMN labels TEXT NOT NULL DEFAULT '';"
				"ALTER TABLE events ADD COLUMN notify TEXT NOT NULL DEFAULT '';";

/* Acknowledgements; suppressions, and the one that an event is under. untold: it opened under one,
 * and nobody was told since. */
static const char layout_12[] =
	"ALTER TABLE events ADD COLUMN acked_us INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE events ADD COLUMN acked_by TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE events ADD COLUMN ack_comment TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE events ADD COLUMN suppression INTEGER;"
	"ALTER TABLE events ADD COLUMN suppressed_until_us INTEGER;"
	"ALTER TABLE events ADD COLUMN untold INTEGER NOT NULL DEFAULT 0;"
	"CREATE INDEX events_suppressed ON events (suppression)"
	" WHERE suppression IS NOT NULL AND resolved_us = 0;"
	"ALTER TABLE outbox ADD COLUMN due_us INTEGER NOT NULL DEFAULT 0;"
	"CREATE TABLE suppressions (id INTEGER PRIMARY KEY AUTOINCREMENT, rule TEXT NOT NULL,"
	" grp TEXT NOT NULL, created_by TEXT NOT NULL, reason TEXT NOT NULL,"
	" created_us INTEGER NOT NULL, until_us INTEGER NOT NULL);"
	"CREATE INDEX suppressions_rule ON suppressions (rule);"
	"CREATE INDEX suppressions_until ON suppressions (until_us);";

/* What rules with a memory look for, and which groups of it they saw. */
static const char layout_13[] =
	"CREATE TABLE memories (id INTEGER PRIMARY KEY, rule TEXT NOT NULL UNIQUE,"
	" what INTEGER NOT NULL, key BLOB NOT NULL, since_us INTEGER NOT NULL);"
	"CREATE TABLE sightings (memory INTEGER NOT NULL, grp INTEGER NOT NULL,"
	" first_us INTEGER NOT NULL, last_us INTEGER NOT NULL, PRIMARY KEY (memory, grp))"
	" WITHOUT ROWID;";

/* What each layout adds to the one before; [0] is made by create(). */
static const char *const migrations[NT_SQLITE_LAYOUT] = { "",	    layout_2,  layout_3,  layout_4,
							  layout_5, layout_6,  layout_7,  layout_8,
							  layout_9, layout_10, layout_11, layout_12,
							  layout_13 };

static int migrate(sqlite3 *db, const char *path, int64_t layout, struct nt_err *err)
{
	char pragma[64];
	int r = 0;

	for (; layout < NT_SQLITE_LAYOUT && r == 0; layout++)
		r = nt_sqlite_exec(db, path, migrations[layout], err);
	snprintf(pragma, sizeof(pragma), "PRAGMA user_version = %d", NT_SQLITE_LAYOUT);
	return r == 0 ? nt_sqlite_exec(db, path, pragma, err) : r;
}

static int create(sqlite3 *db, const char *path, struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf sql = { 0 };

	rows_table_sql(&sql);
	nt_buf_puts(&sql, layout_1);
	nt_buf_printf(&sql, "PRAGMA application_id = %d;", NT_SQLITE_APPLICATION_ID);
	if (!nt_buf_ok(&sql))
		return nt_err_set(err, ENOMEM, "no memory to make the tables");
	return nt_sqlite_exec(db, path, sql.p, err);
}

static int has_column(sqlite3 *db, const char *path, const char *name, int64_t *ret_has,
		      struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf sql = { 0 };

	nt_buf_printf(&sql, "SELECT count(*) FROM pragma_table_info('rows') WHERE name = '%s'",
		      name);
	if (!nt_buf_ok(&sql))
		return nt_err_set(err, ENOMEM, "no memory to read the tables");
	return nt_sqlite_int(db, path, sql.p, ret_has, err);
}

/* A build that knows more fields than the one that made the file: rows from before have NULL
 * there, as a record without the value has. */
static int add_columns(sqlite3 *db, const char *path, struct nt_err *err)
{
	for (size_t i = 0; i < nt_columns_len(); i++) {
		_cleanup_buf_ struct nt_buf sql = { 0 };
		int64_t has;
		int r = has_column(db, path, nt_column_name(i), &has, err);

		if (r < 0)
			return r;
		if (has)
			continue;
		nt_buf_printf(&sql, "ALTER TABLE rows ADD COLUMN \"%s\" %s", nt_column_name(i),
			      nt_column_sql_type(i));
		if (!nt_buf_ok(&sql))
			return nt_err_set(err, ENOMEM, "no memory to extend the tables");
		r = nt_sqlite_exec(db, path, sql.p, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int nt_sqlite_schema_open(sqlite3 *db, const char *path, struct nt_err *err)
{
	int64_t layout;
	int r;

	r = nt_sqlite_int(db, path, "PRAGMA user_version", &layout, err);
	if (r < 0)
		return r;
	if (layout > NT_SQLITE_LAYOUT)
		return nt_err_set(err, EUCLEAN,
				  "%s: made by a newer nametap (layout %d, this one knows %d)",
				  path, (int)layout, NT_SQLITE_LAYOUT);
	r = nt_sqlite_exec(db, path, "BEGIN IMMEDIATE", err);
	if (r < 0)
		return r;
	r = layout == 0 ? create(db, path, err) : add_columns(db, path, err);
	if (r == 0 && layout < NT_SQLITE_LAYOUT)
		r = migrate(db, path, layout, err);
	return nt_sqlite_end(db, path, r, "COMMIT", err);
}
