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

/* Runs a statement that gives a node and since when it was silent, or nothing; decides about its
 * addresses, then. */
static int change_silence(struct nt_store *s, sqlite3_stmt *stmt, bool *ret_changed,
			  struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf node = { 0 };
	int64_t since_us = 0;
	int r = sqlite3_step(stmt);

	*ret_changed = r == SQLITE_ROW;
	if (r == SQLITE_ROW) {
		nt_buf_slice(&node, nt_sqlite_column_text(stmt, 0));
		since_us = sqlite3_column_int64(stmt, 1);
		r = sqlite3_step(stmt);
	}
	r = r == SQLITE_DONE ? 0 : nt_sqlite_err(s->db, s->path, "note a silent node", err);
	(void)sqlite3_reset(stmt);
	(void)sqlite3_clear_bindings(stmt);
	if (r == 0 && !nt_buf_ok(&node))
		r = nt_err_set(err, ENOMEM, "no memory for a node's name");
	if (r < 0 || !*ret_changed)
		return r;
	return decide_open(s, nt_slice_mem(node.p, node.len), since_us, err);
}

int nt_sqlite_ends_heard(struct nt_store *s, struct nt_slice node, struct nt_err *err)
{
	bool changed;
	sqlite3_stmt *stmt;
	int r = nt_sqlite_write(s, NT_WRITE_HEARD, &stmt, err);

	if (r < 0)
		return r;
	nt_sqlite_bind_text(stmt, 1, node);
	return change_silence(s, stmt, &changed, err);
}

/* The next one, in a transaction of its own: batches get in between. */
static int silence_one(struct nt_store *s, int64_t before_us, bool *ret_changed, struct nt_err *err)
{
	sqlite3_stmt *stmt;
	int r = nt_sqlite_write(s, NT_WRITE_SILENT, &stmt, err);

	if (r == 0)
		r = nt_sqlite_exec(s->db, s->path, "BEGIN IMMEDIATE", err);
	if (r < 0)
		return r;
	(void)sqlite3_bind_int64(stmt, 1, before_us);
	r = change_silence(s, stmt, ret_changed, err);
	return nt_sqlite_end(s->db, s->path, r, "COMMIT", err);
}

int nt_store_note_silent(struct nt_store *s, int64_t before_us, uint64_t *ret_nodes,
			 struct nt_err *err)
{
	uint64_t nodes = 0;
	bool changed = true;
	int r = 0;

	while (r == 0 && changed) {
		pthread_mutex_lock(&s->write_lock);
		changed = false;
		r = silence_one(s, before_us, &changed, err);
		pthread_mutex_unlock(&s->write_lock);
		nodes += changed;
	}
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
