/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which rows of a server's side are rows of the log (README.md, "Both ends"): the ledger of
 * addresses, and the decision, made again whenever the ledger changes.
 */
#include "controller/store/sqlite.h"

#include "lib/base/cleanup.h"

/* A row that began so long before a change of the ledger may still reach into it: longer than any
 * interval, time-out or clock's offset that is not shown as one. */
#define REACH_US (600LL * 1000000)

static int put(struct nt_store *s, struct nt_slice node, uint64_t ep_id, const struct nt_addr *ip,
	       int64_t since_us, int64_t until_us, bool *ret_changed, struct nt_err *err)
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
	(void)sqlite3_bind_int64(stmt, 5, until_us);
	r = nt_sqlite_run(s, stmt, "write an address", err);
	(void)sqlite3_clear_bindings(stmt);
	if (r == 0)
		*ret_changed = sqlite3_changes(s->db) == 1;
	return r;
}

/* Decides again about the rows of one client's address that end after from_us. */
static int decide(struct nt_store *s, struct nt_slice ip, int64_t from_us, struct nt_err *err)
{
	sqlite3_stmt *stmt;
	int r = nt_sqlite_write(s, NT_WRITE_REDECIDE, &stmt, err);

	if (r < 0)
		return r;
	nt_sqlite_bind_text(stmt, 1, ip);
	(void)sqlite3_bind_int64(stmt, 2, from_us - REACH_US);
	r = nt_sqlite_run(s, stmt, "decide about a server's rows", err);
	(void)sqlite3_clear_bindings(stmt);
	return r;
}

static int put_and_decide(struct nt_store *s, struct nt_slice node, uint64_t ep_id,
			  const struct nt_addr *ip, int64_t since_us, int64_t until_us,
			  struct nt_err *err)
{
	char text[NT_ADDR_TEXT_MAX];
	bool changed = false;
	int r = put(s, node, ep_id, ip, since_us, until_us, &changed, err);

	if (r < 0 || !changed)
		return r;
	return decide(s, nt_slice_str(nt_addr_format(ip, text)), since_us, err);
}

int nt_sqlite_ends_endpoint(struct nt_store *s, struct nt_slice node,
			    const struct nt_batch_endpoint *e, struct nt_err *err)
{
	int r = 0;

	if (e->state != NT_ENDPOINT_TAPPED && e->state != NT_ENDPOINT_GONE)
		return 0;
	for (size_t i = 0; i < e->ips_len && r == 0; i++)
		r = put_and_decide(s, node, e->ep_id, &e->ips[i], e->since_us, e->until_us, err);
	if (r == 0 && e->origin == NT_ENDPOINT_NODE && e->until_us)
		r = nt_sqlite_ends_closed(s, node, e->ep_id, e->until_us, err);
	return r;
}

int nt_sqlite_ends_address(struct nt_store *s, struct nt_slice node,
			   const struct nt_batch_address *a, struct nt_err *err)
{
	return put_and_decide(s, node, a->ep_id, &a->ip, a->since_us, a->until_us, err);
}

/* Addresses of an endpoint as text, NUL behind each. */
static int list(struct nt_store *s, struct nt_slice node, uint64_t ep_id, struct nt_buf *out,
		struct nt_err *err)
{
	sqlite3_stmt *stmt;
	int r = nt_sqlite_write(s, NT_WRITE_ADDRESSES_OF, &stmt, err);

	if (r < 0)
		return r;
	nt_sqlite_bind_text(stmt, 1, node);
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)ep_id);
	while ((r = sqlite3_step(stmt)) == SQLITE_ROW) {
		nt_buf_puts(out, (const char *)sqlite3_column_text(stmt, 0));
		nt_buf_putc(out, '\0');
	}
	r = r == SQLITE_DONE ? 0 : nt_sqlite_err(s->db, s->path, "read the addresses", err);
	(void)sqlite3_reset(stmt);
	(void)sqlite3_clear_bindings(stmt);
	if (r == 0 && !nt_buf_ok(out))
		r = nt_err_set(err, ENOMEM, "no memory for an endpoint's addresses");
	return r;
}

static int decide_all(struct nt_store *s, struct nt_slice node, uint64_t ep_id, int64_t from_us,
		      struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf ips = { 0 };
	int r = list(s, node, ep_id, &ips, err);

	for (size_t at = 0; at < ips.len && r == 0; at += strlen(ips.p + at) + 1)
		r = decide(s, nt_slice_str(ips.p + at), from_us, err);
	return r;
}

int nt_sqlite_ends_closed(struct nt_store *s, struct nt_slice node, uint64_t ep_id,
			  int64_t until_us, struct nt_err *err)
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
	return r == 0 && sqlite3_changes(s->db) ? decide_all(s, node, ep_id, until_us, err) : r;
}

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
	(void)sqlite3_bind_int64(stmt, 3, rec->end_us);
	r = sqlite3_step(stmt);
	*ret_folded = r == SQLITE_ROW;
	r = r == SQLITE_ROW || r == SQLITE_DONE
		    ? 0
		    : nt_sqlite_err(s->db, s->path, "look for a tapped client", err);
	(void)sqlite3_reset(stmt);
	(void)sqlite3_clear_bindings(stmt);
	return r;
}
