/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of the SQLite store alone: former layouts, what is damaged or refused, and what an answer costs,
 * in steps of SQLite's virtual machine: these do not depend on the machine, and rise with what is
 * looked at.
 */
#include "controller/store/sqlite.h"

#include <fcntl.h>

#include "lib/base/cleanup.h"
#include "tests/unit/store_fixture.h"

#define S 1000000LL
#define LATER_OWNERS 2400

static int steps_of(enum nt_sqlite_write which)
{
	sqlite3_stmt *stmt;

	ck_assert_int_eq(nt_sqlite_write(store, which, &stmt, &err), 0);
	return sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_VM_STEP, 1);
}

/* An address that so many pods had, one after the other, ten seconds each. */
static void have_owners(size_t len)
{
	static struct nt_batch_endpoint owners[LATER_OWNERS];
	struct nt_batch batch = store_batch("client", 1, NULL, 0);
	struct nt_record r = store_record(1, T0_US, "a.test");

	for (size_t i = 0; i < len; i++)
		owners[i] = (struct nt_batch_endpoint){
			.ep_id = i + 1,
			.state = i + 1 < len ? NT_ENDPOINT_GONE : NT_ENDPOINT_TAPPED,
			.ips = { r.client_ip },
			.ips_len = 1,
			.since_us = T0_US + (int64_t)i * 10 * S,
			.until_us = i + 1 < len ? T0_US + (int64_t)i * 10 * S + 9 * S : 0,
		};
	batch.endpoints = owners;
	batch.endpoints_len = len;
	append(&batch, NT_STORE_APPENDED);
}

/* The row of a server's side, of its client there. */
static bool serve(uint64_t seq, int64_t at_us)
{
	struct nt_record r = store_record(seq, at_us, "a.test");
	struct nt_batch batch = store_batch("server", seq, &r, 1);
	bool folded = false;

	r.side = NT_SIDE_SERVER;
	batch.ret_folded = &folded;
	append(&batch, NT_STORE_APPENDED);
	return folded;
}

START_TEST(former_owners_of_an_address_cost_nothing)
{
	const int64_t last_us = T0_US + (LATER_OWNERS - 1) * 10 * S;
	int alone, at_end, at_begin, of_nobody;

	have_owners(1);
	ck_assert(serve(1, T0_US + S));
	alone = steps_of(NT_WRITE_IS_TAPPED);
	close_store();
	store_mkdir(folder);
	open_store();
	have_owners(LATER_OWNERS);
	ck_assert(serve(1, last_us + S));
	at_end = steps_of(NT_WRITE_IS_TAPPED);
	ck_assert(serve(2, T0_US + S));
	at_begin = steps_of(NT_WRITE_IS_TAPPED);
	ck_assert(!serve(3, last_us - S / 2 - 1));
	of_nobody = steps_of(NT_WRITE_IS_TAPPED);
	ck_assert_int_le(at_end, alone + 5);
	ck_assert_int_le(at_begin, alone + 5);
	ck_assert_int_le(of_nobody, 2 * alone);
}
END_TEST

/* Who lived for long, and served for long, is not looked at from the beginning when he ends. */
START_TEST(an_end_looks_at_what_comes_after_it)
{
	struct nt_batch_endpoint e = { .ep_id = 1, .state = NT_ENDPOINT_TAPPED, .ips_len = 1 };
	struct nt_record rows[500];
	struct nt_batch batch = store_batch("server", 1, rows, 500);
	int few;

	for (size_t i = 0; i < 500; i++) {
		rows[i] = store_record(i + 1, T0_US + (int64_t)i * S, "a.test");
		rows[i].side = NT_SIDE_SERVER;
	}
	append(&batch, NT_STORE_APPENDED);
	e.ips[0] = rows[0].client_ip;
	e.since_us = T0_US;
	batch = store_batch("client", 1, NULL, 0);
	batch.endpoints = &e;
	batch.endpoints_len = 1;
	append(&batch, NT_STORE_APPENDED);
	few = steps_of(NT_WRITE_REDECIDE) / 10;
	e.state = NT_ENDPOINT_GONE;
	e.until_us = T0_US + 499 * S;
	batch.seq++;
	append(&batch, NT_STORE_APPENDED);
	ck_assert_int_lt(steps_of(NT_WRITE_REDECIDE), few);
}
END_TEST

/* A file of the layout before: what was there is there still, and ends as the others do. */
START_TEST(a_ledger_of_layout_7_goes_on)
{
	have_owners(1);
	ck_assert_int_eq(
		nt_sqlite_exec(store->db, store->path,
			       "UPDATE addresses SET until_us = 0; DROP TABLE outbox;"
			       "ALTER TABLE events DROP COLUMN labels;"
			       "ALTER TABLE events DROP COLUMN notify;" STORE_UNDO_SUPPRESSIONS
			       "DROP INDEX addresses_until; DROP TABLE silent;"
			       "ALTER TABLE gaps DROP COLUMN sure_us;"
			       "DROP INDEX endpoints_name;"
			       "PRAGMA user_version = 7",
			       &err),
		0);
	close_store();
	open_store();
	ck_assert(serve(1, T0_US + 60 * S));
	ck_assert(!serve(2, T0_US - S));
}
END_TEST

static bool keep_steps(void *ctx, struct nt_slice node, const struct nt_batch_endpoint *e)
{
	(void)node;
	ck_assert_uint_eq(e->ep_id, 1);
	*(int *)ctx += sqlite3_stmt_status(sqlite3_next_stmt(reader->db, NULL),
					   SQLITE_STMTSTATUS_VM_STEP, 0);
	return true;
}

/* Of one pod's endpoints; what the metrics of DNS servers need. */
START_TEST(other_pods_endpoints_cost_nothing)
{
	static struct nt_batch_endpoint others[LATER_OWNERS];
	struct nt_batch_endpoint e = { .ep_id = 1,
				       .state = NT_ENDPOINT_TAPPED,
				       .namespace_ = NT_SLICE_LIT("kube-system"),
				       .name = NT_SLICE_LIT("coredns-0") };
	struct nt_batch batch = store_batch("s", 1, NULL, 0);
	int alone = 0, among_many = 0;

	batch.endpoints = &e;
	batch.endpoints_len = 1;
	append(&batch, NT_STORE_APPENDED);
	ck_assert_int_eq(
		nt_store_endpoints_of(reader, e.namespace_, e.name, keep_steps, &alone, &err), 0);
	for (size_t i = 0; i < LATER_OWNERS; i++)
		others[i] = (struct nt_batch_endpoint){ .ep_id = i + 2,
							.state = NT_ENDPOINT_TAPPED,
							.namespace_ = NT_SLICE_LIT("shop"),
							.name = NT_SLICE_LIT("coredns-0") };
	batch.endpoints = others;
	batch.endpoints_len = LATER_OWNERS;
	batch.seq++;
	append(&batch, NT_STORE_APPENDED);
	ck_assert_int_eq(nt_store_endpoints_of(reader, e.namespace_, e.name, keep_steps,
					       &among_many, &err),
			 0);
	ck_assert_int_gt(alone, 0);
	ck_assert_int_le(among_many, alone + 5);
}
END_TEST

static int64_t rows_of(const char *table)
{
	char sql[64];
	int64_t n = -1;

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", table);
	ck_assert_int_eq(nt_sqlite_int(store->db, store->path, sql, &n, &err), 0);
	return n;
}

static int on_commit(void *ctx)
{
	++*(int *)ctx;
	return 0;
}

static void batch_of(const char *node, const char *spool, uint64_t seq)
{
	struct nt_batch batch = store_batch(spool, seq, NULL, 0);

	batch.node = nt_slice_str(node);
	append(&batch, NT_STORE_APPENDED);
}

/* Nodes that come and go: they fall silent together, in one transaction, and nothing is left of
 * them after the retention. */
START_TEST(nodes_that_are_no_more_leave_nothing)
{
	uint64_t nodes = 0, rows;
	int commits = 0;
	char name[16];

	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		batch_of(name, "s", 1);
	}
	(void)sqlite3_commit_hook(store->db, on_commit, &commits);
	ck_assert_int_eq(nt_store_note_silent(store, INT64_MAX, &nodes, &err), 0);
	(void)sqlite3_commit_hook(store->db, NULL, NULL);
	ck_assert_uint_eq(nodes, 100);
	ck_assert_int_eq(commits, 1);
	ck_assert_int_eq(nt_store_expire(store, T0_US, &rows, &err), 0);
	ck_assert_int_eq(rows_of("spools"), 100);
	ck_assert_int_eq(rows_of("silent"), 100);
	ck_assert_int_eq(nt_store_expire(store, INT64_MAX, &rows, &err), 0);
	ck_assert_int_eq(rows_of("spools"), 0);
	ck_assert_int_eq(rows_of("silent"), 0);
	ck_assert_int_eq(rows_of("ledger"), 100);
}
END_TEST

static bool keep_missing(void *ctx, const struct nt_store_node *node)
{
	*(uint64_t *)ctx = node->missing_batches;
	return true;
}

/* A node that comes back after longer than the retention goes on where it was. */
START_TEST(a_spool_that_was_forgotten_goes_on)
{
	uint64_t missing = 9, rows, nodes;

	batch_of("n1", "s", 1);
	batch_of("n1", "s", 2);
	batch_of("n1", "s", 4);
	/* A controller that was away for as long has not noted yet who is silent. */
	ck_assert_int_eq(nt_store_expire(store, INT64_MAX, &rows, &err), 0);
	ck_assert_int_eq(rows_of("spools"), 1);
	ck_assert_int_eq(nt_store_note_silent(store, INT64_MAX, &nodes, &err), 0);
	ck_assert_int_eq(nt_store_expire(store, INT64_MAX, &rows, &err), 0);
	ck_assert_int_eq(rows_of("spools"), 0);
	batch_of("n1", "s", 5);
	ck_assert_int_eq(nt_store_nodes(reader, keep_missing, &missing, &err), 0);
	ck_assert_uint_eq(missing, 1);
	batch_of("n1", "s", 3);
	ck_assert_int_eq(nt_store_nodes(reader, keep_missing, &missing, &err), 0);
	ck_assert_uint_eq(missing, 0);
}
END_TEST

struct found {
	int64_t rows[8], unreadable;
	size_t len;
};

static bool find_row(void *ctx, int64_t row_id, const struct nt_record *record, const char *why)
{
	struct found *f = ctx;

	ck_assert_uint_lt(f->len, NT_ARRAY_LEN(f->rows));
	f->rows[f->len++] = row_id;
	ck_assert_int_eq(record == NULL, why != NULL);
	if (!record)
		f->unreadable = row_id;
	return true;
}

/* It is named, and the page goes on; the next one begins where it should. */
START_TEST(a_row_that_cannot_be_read_is_one_row)
{
	struct nt_store_range range = everything();
	struct nt_record r[5];
	struct found f = { 0 };
	int64_t cursor = 0;

	for (size_t i = 0; i < 5; i++)
		r[i] = store_record(i + 1, T0_US + (int64_t)i, "a.test");
	append_records(1, r, 5);
	ck_assert_int_eq(nt_sqlite_exec(store->db, store->path,
					"UPDATE rows SET nt_record = x'ffff' WHERE nt_row = 3",
					&err),
			 0);
	do {
		ck_assert_msg(nt_store_rows(reader, &range, NT_STORE_OLDEST, _i, cursor, find_row,
					    &f, &cursor, &err) == 0,
			      "%s", err.msg);
	} while (cursor);
	ck_assert_uint_eq(f.len, 5);
	for (size_t i = 0; i < 5; i++)
		ck_assert_int_eq(f.rows[i], i + 1);
	ck_assert_int_eq(f.unreadable, 3);
	ck_assert_uint_eq(total(&range).count, 5);
}
END_TEST

/* --- the join, when a batch is not stored ----------------------------------------------------- */

/* Another connection: what it writes makes the writer read its pages anew. */
static void with_file(const char *sql)
{
	_cleanup_buf_ struct nt_buf path = { 0 };
	sqlite3 *db;

	nt_buf_printf(&path, "%s/" NT_SQLITE_FILE, folder);
	ck_assert_int_eq(sqlite3_open(path.p, &db), SQLITE_OK);
	ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s",
		      sqlite3_errmsg(db));
	ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
}

static int try_append(uint64_t seq, const char *qname)
{
	struct nt_record r = store_record(seq, T0_US + (int64_t)seq, qname);
	struct nt_batch batch = store_batch("s", seq, &r, 1);
	enum nt_store_outcome outcome;

	return nt_store_append(store, &batch, &outcome, &err);
}

static uint64_t rereads(uint64_t seq)
{
	ck_assert_int_eq(try_append(seq, "a.test"), 0);
	return nt_store_stats(store).join_rereads;
}

static const char refuse[] = "CREATE TRIGGER refuse BEFORE INSERT ON rows"
			     " WHEN new.qname = 'refused.test'"
			     " BEGIN SELECT RAISE(ABORT, 'refused'); END";

/* The join then has what the store has not. It is made again at once, and when that helps nothing
 * after a while: not for each of many batches that come again and again. */
START_TEST(batches_that_are_refused)
{
	with_file(refuse);
	ck_assert_uint_eq(rereads(1), 0);
	ck_assert_int_lt(try_append(2, "refused.test"), 0);
	ck_assert_uint_eq(rereads(3), 1);
	ck_assert_uint_eq(nt_store_stats(store).join_rows, 2); /* not the one that was refused */
	for (int i = 0; i < 200; i++)
		ck_assert_int_lt(try_append(4, "refused.test"), 0);
	ck_assert_uint_lt(rereads(5), 12);
	/* When the time has come. */
	store->join_again_ns = 0;
	(void)rereads(6);
	ck_assert_uint_eq(nt_store_stats(store).join_rows, 4);
	ck_assert(!store->join_stale);
}
END_TEST

/* Writes over each page of the file that has the text. */
static void damage_pages(const char *text)
{
	_cleanup_buf_ struct nt_buf path = { 0 };
	_cleanup_close_ int fd = -1;
	char page[4096], garbage[4096];
	int damaged = 0;

	memset(garbage, 0xa5, sizeof(garbage));
	nt_buf_printf(&path, "%s/" NT_SQLITE_FILE, folder);
	fd = open(path.p, O_RDWR | O_CLOEXEC);
	ck_assert_int_ne(fd, -1);
	for (off_t at = 4096; pread(fd, page, sizeof(page), at) == sizeof(page); at += 4096)
		if (memmem(page, sizeof(page), text, strlen(text))) {
			ck_assert_int_eq(pwrite(fd, garbage, sizeof(garbage), at), sizeof(garbage));
			damaged++;
		}
	ck_assert_int_gt(damaged, 0);
}

/* What cannot be read any more is not joined; batches go in. */
START_TEST(pages_that_cannot_be_read)
{
	for (uint64_t seq = 1; seq < 200; seq++)
		ck_assert_int_eq(try_append(seq, seq == 100 ? "damage.test" : "a.test"), 0);
	with_file(refuse);
	with_file("PRAGMA wal_checkpoint(TRUNCATE)");
	damage_pages("damage.test");
	ck_assert_int_lt(try_append(200, "refused.test"), 0);
	ck_assert_uint_eq(rereads(201), 1);
	ck_assert_uint_eq(rereads(202), 1);
	ck_assert(!store->join_stale);
	ck_assert_uint_lt(nt_store_stats(store).join_rows, 150);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("sqlite");

	tcase_add_test(tc, former_owners_of_an_address_cost_nothing);
	tcase_add_test(tc, an_end_looks_at_what_comes_after_it);
	tcase_add_test(tc, a_ledger_of_layout_7_goes_on);
	tcase_add_test(tc, other_pods_endpoints_cost_nothing);
	tcase_add_test(tc, nodes_that_are_no_more_leave_nothing);
	tcase_add_test(tc, a_spool_that_was_forgotten_goes_on);
	tcase_add_test(tc, batches_that_are_refused);
	tcase_add_test(tc, pages_that_cannot_be_read);
	tcase_add_loop_test(tc, a_row_that_cannot_be_read_is_one_row, 1, 7);
	return store_run("store_sqlite", tc);
}
