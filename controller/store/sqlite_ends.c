/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which rows of a server's side are rows of the log (README.md, "Both ends"): the ledger of
 * addresses, and the decision, made again whenever the ledger changes.
 */
#include "controller/store/sqlite.h"

#include "lib/base/cleanup.h"

/* Decides again about the rows of one client's address that began after from_us. */
static int decide(struct nt_store *s, struct nt_slice ip, int64_t from_us, struct nt_err *err)
{
	sqlite3_stmt *stmt;
	int r = nt_sqlite_write(s, NT_WRITE_REDECIDE, &stmt, err);

	if (r < 0)
		return r;
	nt_sqlite_bind_text(stmt, 1, ip);
	(void)sqlite3_bind_int64(stmt, 2, from_us - NT_SQLITE_SLACK_US);
	r = nt_sqlite_run(s, stmt, "decide about a server's rows", err);
	(void)sqlite3_clear_bindings(stmt);
	return r;
}

/* --- lists of addresses ----------------------------------------------------------------------- */

/* What the statement gives, as text, NUL behind each. */
static int list(struct nt_store *s, sqlite3_stmt *stmt, struct nt_buf *out, struct nt_err *err)
{
	int r;

	while ((r = sqlite3_step(stmt)) == SQLITE_ROW) {
		nt_buf_puts(out, (const char *)sqlite3_column_text(stmt, 0));
		nt_buf_putc(out, '\0');
	}
	r = r == SQLITE_DONE ? 0 : nt_sqlite_err(s->db, s->path, "read the addresses", err);
	(void)sqlite3_reset(stmt);
	(void)sqlite3_clear_bindings(stmt);
	if (r == 0 && !nt_buf_ok(out))
		r = nt_err_set(err, ENOMEM, "no memory for addresses");
	return r;
}

static int decide_each(struct nt_store *s, sqlite3_stmt *addresses, int64_t from_us,
		       struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf ips = { 0 };
	int r = list(s, addresses, &ips, err);

	for (size_t at = 0; at < ips.len && r == 0; at += strlen(ips.p + at) + 1)
		r = decide(s, nt_slice_str(ips.p + at), from_us, err);
	return r;
}

int nt_sqlite_ends_decide(struct nt_store *s, struct nt_slice node, uint64_t ep_id, int64_t from_us,
			  struct nt_err *err)
{
	sqlite3_stmt *stmt;
	int r = nt_sqlite_write(s, NT_WRITE_ADDRESSES_OF, &stmt, err);

	if (r < 0)
		return r;
	nt_sqlite_bind_text(stmt, 1, node);
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)ep_id);
	return decide_each(s, stmt, from_us, err);
}

static int decide_open(struct nt_store *s, struct nt_slice node, int64_t from_us,
		       struct nt_err *err)
{
	sqlite3_stmt *stmt;
	int r = nt_sqlite_write(s, NT_WRITE_ADDRESSES_OPEN, &stmt, err);

	if (r < 0)
		return r;
	nt_sqlite_bind_text(stmt, 1, node);
	return decide_each(s, stmt, from_us, err);
}

/* --- endpoints and their addresses ------------------------------------------------------------ */

/* Unless it is in the ledger, ended or not: what ended stays ended, whichever batch comes last. */
static int put(struct nt_store *s, struct nt_slice node, uint64_t ep_id, const struct nt_addr *ip,
	       int64_t since_us, int64_t until_us, struct nt_err *err)
{
	char text[NT_ADDR_TEXT_MAX];
	sqlite3_stmt *stmt;
	int r = nt_sqlite_write(s, NT_WRITE_ADDRESS, &stmt, err);

	if (r < 0)
		return r;
	nt_sqlite_bind_text(stmt, 1, nt_slice_str(nt_addr_format(ip, text)));
	nt_sqlite_bind_text(stmt, 2, node);
	(void)sqlite3_bind_int64(stmt, 3, (int64_t)ep_id);
	(void)sqlite3_bind_int64(stmt, 4, since_us);
	(void)sqlite3_bind_int64(stmt, 5, until_us ?: NT_SQLITE_FOREVER);
	r = nt_sqlite_run(s, stmt, "write an address", err);
	(void)sqlite3_clear_bindings(stmt);
	if (r == 0 && sqlite3_changes(s->db) == 1)
		r = decide(s, nt_slice_str(text), since_us, err);
	return r;
}

/* All addresses that the endpoint has still. */
static int close_all(struct nt_store *s, struct nt_slice node, uint64_t ep_id, int64_t until_us,
		     struct nt_err *err)
{
	sqlite3_stmt *stmt;
	int r = nt_sqlite_write(s, NT_WRITE_ADDRESSES_CLOSE, &stmt, err);

	if (r < 0)
		return r;
	nt_sqlite_bind_text(stmt, 1, node);
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)ep_id);
	(void)sqlite3_bind_int64(stmt, 3, until_us);
	r = nt_sqlite_run(s, stmt, "close an endpoint's addresses", err);
	(void)sqlite3_clear_bindings(stmt);
	if (r == 0 && sqlite3_changes(s->db))
		r = nt_sqlite_ends_decide(s, node, ep_id, until_us, err);
	return r;
}

int nt_sqlite_ends_endpoint(struct nt_store *s, struct nt_slice node,
			    const struct nt_batch_endpoint *e, struct nt_err *err)
{
	int r = 0;

	if (e->state != NT_ENDPOINT_TAPPED && e->state != NT_ENDPOINT_GONE)
		return 0;
	if (e->until_us)
		r = close_all(s, node, e->ep_id, e->until_us, err);
	for (size_t i = 0; i < e->ips_len && r == 0; i++)
		r = put(s, node, e->ep_id, &e->ips[i], e->since_us, e->until_us, err);
	return r;
}

static int close_one(struct nt_store *s, struct nt_slice node, const struct nt_batch_address *a,
		     struct nt_err *err)
{
	char text[NT_ADDR_TEXT_MAX];
	sqlite3_stmt *stmt;
	int r = nt_sqlite_write(s, NT_WRITE_ADDRESS_END, &stmt, err);

	if (r < 0)
		return r;
	nt_sqlite_bind_text(stmt, 1, nt_slice_str(nt_addr_format(&a->ip, text)));
	nt_sqlite_bind_text(stmt, 2, node);
	(void)sqlite3_bind_int64(stmt, 3, (int64_t)a->ep_id);
	(void)sqlite3_bind_int64(stmt, 4, a->until_us);
	r = nt_sqlite_run(s, stmt, "close an address", err);
	(void)sqlite3_clear_bindings(stmt);
	if (r == 0 && sqlite3_changes(s->db))
		r = decide(s, nt_slice_str(text), a->until_us, err);
	return r;
}

int nt_sqlite_ends_address(struct nt_store *s, struct nt_slice node,
			   const struct nt_batch_address *a, struct nt_err *err)
{
	int r = a->until_us ? close_one(s, node, a, err) : 0;

	if (r < 0 || (a->until_us && a->since_us >= a->until_us))
		return r;
	return put(s, node, a->ep_id, &a->ip, a->since_us, a->until_us, err);
}

/* --- silent nodes ----------------------------------------------------------------------------- */

/* Runs a statement that gives nodes and since when each was silent; decides about all of them. */
static int change_silence(struct nt_store *s, sqlite3_stmt *stmt, uint64_t *ret_nodes,
			  struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf nodes = { 0 };
	uint64_t n = 0;
	int r;

	while ((r = sqlite3_step(stmt)) == SQLITE_ROW) {
		int64_t since_us = sqlite3_column_int64(stmt, 1);

		nt_buf_add(&nodes, &since_us, sizeof(since_us));
		nt_buf_slice(&nodes, nt_sqlite_column_text(stmt, 0));
		nt_buf_putc(&nodes, '\0');
		n++;
	}
	r = r == SQLITE_DONE ? 0 : nt_sqlite_err(s->db, s->path, "note a silent node", err);
	(void)sqlite3_reset(stmt);
	(void)sqlite3_clear_bindings(stmt);
	if (r == 0 && !nt_buf_ok(&nodes))
		r = nt_err_set(err, ENOMEM, "no memory for nodes' names");
	for (size_t at = 0; at < nodes.len && r == 0;) {
		struct nt_slice node = nt_slice_str(nodes.p + at + sizeof(int64_t));
		int64_t since_us;

		memcpy(&since_us, nodes.p + at, sizeof(since_us));
		r = decide_open(s, node, since_us, err);
		at += sizeof(since_us) + node.len + 1;
	}
	if (r == 0)
		*ret_nodes = n;
	return r;
}

int nt_sqlite_ends_heard(struct nt_store *s, struct nt_slice node, struct nt_err *err)
{
	uint64_t nodes;
	sqlite3_stmt *stmt;
	int r = nt_sqlite_write(s, NT_WRITE_HEARD, &stmt, err);

	if (r < 0)
		return r;
	nt_sqlite_bind_text(stmt, 1, node);
	return change_silence(s, stmt, &nodes, err);
}

/* In one transaction; of a large cluster that is cut off in several: batches get in between. */
enum { SILENCE_NODES = 256 };

static int silence_some(struct nt_store *s, int64_t before_us, uint64_t *ret_nodes,
			struct nt_err *err)
{
	sqlite3_stmt *stmt;
	int r = nt_sqlite_write(s, NT_WRITE_SILENT, &stmt, err);

	if (r == 0)
		r = nt_sqlite_exec(s->db, s->path, "BEGIN IMMEDIATE", err);
	if (r < 0)
		return r;
	(void)sqlite3_bind_int64(stmt, 1, before_us);
	(void)sqlite3_bind_int64(stmt, 2, SILENCE_NODES);
	r = change_silence(s, stmt, ret_nodes, err);
	return nt_sqlite_end(s->db, s->path, r, "COMMIT", err);
}

int nt_store_note_silent(struct nt_store *s, int64_t before_us, uint64_t *ret_nodes,
			 struct nt_err *err)
{
	uint64_t nodes = 0, some;
	int r;

	do {
		some = 0;
		pthread_mutex_lock(&s->write_lock);
		r = silence_some(s, before_us, &some, err);
		pthread_mutex_unlock(&s->write_lock);
		nodes += some;
	} while (r == 0 && some == SILENCE_NODES);
	if (r == 0)
		*ret_nodes = nodes;
	return r;
}

/* --- rows ------------------------------------------------------------------------------------- */

int nt_sqlite_ends_is_folded(struct nt_store *s, const struct nt_record *rec, bool *ret_folded,
			     struct nt_err *err)
{
	char text[NT_ADDR_TEXT_MAX];
	sqlite3_stmt *stmt;
	int r;

	*ret_folded = false;
	if (rec->type != NT_RECORD_LOG || rec->side != NT_SIDE_SERVER || !rec->client_ip.family)
		return 0;
	r = nt_sqlite_write(s, NT_WRITE_IS_TAPPED, &stmt, err);
	if (r < 0)
		return r;
	nt_sqlite_bind_text(stmt, 1, nt_slice_str(nt_addr_format(&rec->client_ip, text)));
	(void)sqlite3_bind_int64(stmt, 2, rec->start_us);
	r = sqlite3_step(stmt);
	*ret_folded = r == SQLITE_ROW;
	r = r == SQLITE_ROW || r == SQLITE_DONE
		    ? 0
		    : nt_sqlite_err(s->db, s->path, "look for a tapped client", err);
	(void)sqlite3_reset(stmt);
	(void)sqlite3_clear_bindings(stmt);
	return r;
}
