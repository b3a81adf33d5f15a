/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints and nodes as agents reported them, from the SQLite store. */
#include "controller/store/sqlite.h"

#include "lib/base/cleanup.h"

static int begin(struct nt_store_reader *r, const char *text, sqlite3_stmt **ret_stmt,
		 struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf sql = { 0 };

	nt_buf_puts(&sql, text);
	return nt_sqlite_prepare(r, &sql, NULL, ret_stmt, err);
}

static size_t unpack_ips(const unsigned char *p, size_t len, struct nt_addr ips[4])
{
	size_t n = 0;

	for (; n < 4 && (n + 1) * 17 <= len; n++)
		ips[n] = nt_addr_from(p[n * 17], p + n * 17 + 1);
	return n;
}

static struct nt_batch_endpoint endpoint_of(sqlite3_stmt *stmt)
{
	struct nt_batch_endpoint e = {
		.ep_id = (uint64_t)sqlite3_column_int64(stmt, 1),
		.state = (enum nt_endpoint_state)sqlite3_column_int(stmt, 2),
		.namespace_ = nt_sqlite_column_text(stmt, 3),
		.name = nt_sqlite_column_text(stmt, 4),
		.uid = nt_sqlite_column_text(stmt, 5),
		.container_id = nt_sqlite_column_text(stmt, 6),
		.ifname = nt_sqlite_column_text(stmt, 7),
		.host_ifname = nt_sqlite_column_text(stmt, 8),
		.network = nt_sqlite_column_text(stmt, 9),
		.role = (enum nt_role)sqlite3_column_int(stmt, 11),
		.since_us = sqlite3_column_int64(stmt, 12),
		.until_us = sqlite3_column_int64(stmt, 13),
		.seen = (uint64_t)sqlite3_column_int64(stmt, 14),
		.logged = (uint64_t)sqlite3_column_int64(stmt, 15),
		.unlogged = (uint64_t)sqlite3_column_int64(stmt, 16),
		.reason = nt_sqlite_column_text(stmt, 17),
		.origin = (enum nt_endpoint_origin)sqlite3_column_int(stmt, 18),
		.dns = (enum nt_endpoint_dns)sqlite3_column_int(stmt, 19),
		.hook = (enum nt_endpoint_hook)sqlite3_column_int(stmt, 20),
		.stream = (uint64_t)sqlite3_column_int64(stmt, 21),
		.before_tap = (uint64_t)sqlite3_column_int64(stmt, 22),
		.link_rx = (uint64_t)sqlite3_column_int64(stmt, 23),
		.link_tx = (uint64_t)sqlite3_column_int64(stmt, 24),
	};

	e.ips_len = unpack_ips(sqlite3_column_blob(stmt, 10),
			       (size_t)sqlite3_column_bytes(stmt, 10), e.ips);
	return e;
}

#define SELECT_ENDPOINTS                                                                      \
	"SELECT node, ep_id, state, namespace, name, uid, container_id, ifname, host_ifname," \
	" network, ips, role, since_us, until_us, seen, logged, unlogged, reason, origin,"    \
	" dns, hook, stream, before_tap, link_rx, link_tx FROM endpoints"

static int give_endpoints(struct nt_store_reader *r, sqlite3_stmt *stmt, nt_store_endpoint_fn *fn,
			  void *ctx, struct nt_err *err)
{
	int result;

	while ((result = nt_sqlite_step(r, stmt, err)) > 0) {
		struct nt_batch_endpoint e = endpoint_of(stmt);

		if (!fn(ctx, nt_sqlite_column_text(stmt, 0), &e))
			return 0;
	}
	return result;
}

int nt_store_endpoints(struct nt_store_reader *r, nt_store_endpoint_fn *fn, void *ctx,
		       struct nt_err *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int result = begin(r, SELECT_ENDPOINTS " ORDER BY since_us DESC, node, ep_id", &stmt, err);

	return result < 0 ? result : give_endpoints(r, stmt, fn, ctx, err);
}

int nt_store_endpoints_of(struct nt_store_reader *r, struct nt_slice namespace_,
			  struct nt_slice name, nt_store_endpoint_fn *fn, void *ctx,
			  struct nt_err *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int result =
		begin(r,
		      SELECT_ENDPOINTS " INDEXED BY endpoints_name WHERE name = ?"
				       " AND namespace = ? ORDER BY since_us DESC, node, ep_id",
		      &stmt, err);

	if (result < 0)
		return result;
	nt_sqlite_bind_text(stmt, 1, name);
	nt_sqlite_bind_text(stmt, 2, namespace_);
	return give_endpoints(r, stmt, fn, ctx, err);
}

int nt_store_gaps(struct nt_store_reader *r, uint32_t limit, nt_store_gap_fn *fn, void *ctx,
		  struct nt_err *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int result = begin(r,
			   "SELECT g.node, e.namespace, e.name, e.uid, e.host_ifname, g.from_us,"
			   " g.to_us, g.reason FROM gaps g INDEXED BY gaps_from JOIN endpoints e"
			   " ON e.node = g.node AND e.ep_id = g.ep_id ORDER BY g.from_us DESC",
			   &stmt, err);

	if (result < 0)
		return result;
	for (uint32_t i = 0; i < limit && (result = sqlite3_step(stmt)) == SQLITE_ROW; i++) {
		const struct nt_store_gap gap = {
			.node = nt_sqlite_column_text(stmt, 0),
			.namespace_ = nt_sqlite_column_text(stmt, 1),
			.name = nt_sqlite_column_text(stmt, 2),
			.uid = nt_sqlite_column_text(stmt, 3),
			.host_ifname = nt_sqlite_column_text(stmt, 4),
			.from_us = sqlite3_column_int64(stmt, 5),
			.to_us = sqlite3_column_int64(stmt, 6),
			.reason = nt_sqlite_column_text(stmt, 7),
		};

		if (!fn(ctx, &gap))
			return 0;
	}
	if (result == SQLITE_DONE || result == SQLITE_ROW || result == SQLITE_OK)
		return 0;
	return nt_sqlite_err(r->db, r->path, "query", err);
}

/* Beside max() the other columns are those of the row that has the maximum (SQLite's documentation,
 * "bare columns in an aggregate query"): the spool that was heard of last. What is missing of older
 * spools stays missing, so it is added up. */
int nt_store_nodes(struct nt_store_reader *r, nt_store_node_fn *fn, void *ctx, struct nt_err *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int result = begin(r,
			   "SELECT node, spool, last_seq, max(last_seen_us),"
			   " sum(last_seq - batches) FROM spools GROUP BY node ORDER BY node",
			   &stmt, err);

	if (result < 0)
		return result;
	while ((result = nt_sqlite_step(r, stmt, err)) > 0) {
		int64_t missing = sqlite3_column_int64(stmt, 4);
		const struct nt_store_node node = {
			.node = nt_sqlite_column_text(stmt, 0),
			.spool = nt_sqlite_column_text(stmt, 1),
			.last_seq = (uint64_t)sqlite3_column_int64(stmt, 2),
			.last_seen_us = sqlite3_column_int64(stmt, 3),
			.missing_batches = missing > 0 ? (uint64_t)missing : 0,
		};

		if (!fn(ctx, &node))
			return 0;
	}
	return result;
}

int nt_store_knows_node(struct nt_store_reader *r, struct nt_slice node, bool *ret_knows,
			struct nt_err *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int result = begin(r, "SELECT 1 FROM spools WHERE node = ? LIMIT 1", &stmt, err);

	if (result < 0)
		return result;
	nt_sqlite_bind_text(stmt, 1, node);
	result = nt_sqlite_step(r, stmt, err);
	if (result < 0)
		return result;
	*ret_knows = result > 0;
	return 0;
}

int nt_store_on_host(struct nt_store_reader *r, const struct nt_addr *ip, bool *ret_on_host,
		     struct nt_err *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	char text[NT_ADDR_TEXT_MAX];
	int result = begin(r,
			   "SELECT 1 FROM addresses a JOIN endpoints e ON e.node = a.node"
			   " AND e.ep_id = a.ep_id WHERE a.ip = ? AND a.until_us = ?"
			   " AND e.origin = ? LIMIT 1",
			   &stmt, err);

	if (result < 0)
		return result;
	nt_sqlite_bind_text(stmt, 1, nt_slice_str(nt_addr_format(ip, text)));
	(void)sqlite3_bind_int64(stmt, 2, NT_SQLITE_FOREVER);
	(void)sqlite3_bind_int(stmt, 3, NT_ENDPOINT_NODE);
	result = nt_sqlite_step(r, stmt, err);
	if (result < 0)
		return result;
	*ret_on_host = result > 0;
	return 0;
}
