/* SPDX-License-Identifier: Apache-2.0 */
/* An open store in a folder of its own for each case, and short ways to fill it and to ask it. */
#pragma once

#include <check.h>
#include <sqlite3.h>

#include "lib/query/query.h"
#include "tests/unit/store_build.h"

/* For stories of older layouts: what suppressions added to events, and beside them; and what is
 * newer. */
#define STORE_UNDO_MEMORIES "DROP TABLE sightings; DROP TABLE memories;"
#define STORE_UNDO_SUPPRESSIONS                                  \
	STORE_UNDO_MEMORIES                                      \
	"DROP INDEX events_suppressed; DROP TABLE suppressions;" \
	"ALTER TABLE events DROP COLUMN acked_us;"               \
	"ALTER TABLE events DROP COLUMN acked_by;"               \
	"ALTER TABLE events DROP COLUMN ack_comment;"            \
	"ALTER TABLE events DROP COLUMN suppression;"            \
	"ALTER TABLE events DROP COLUMN suppressed_until_us;"    \
	"ALTER TABLE events DROP COLUMN untold;"

static char folder[96];
static struct nt_store *store;
static struct nt_store_reader *reader;
static struct nt_err err;

static inline void open_store_at(int line)
{
	ck_assert_msg(nt_store_open(folder, &store, &err) == 0, "from line %d: %s", line, err.msg);
	ck_assert_msg(nt_store_reader_open(store, &reader, &err) == 0, "%s", err.msg);
}

#define open_store() open_store_at(__LINE__)

static inline void close_store(void)
{
	nt_store_reader_close(reader);
	nt_store_close(store);
	reader = NULL;
	store = NULL;
}

static inline void setup(void)
{
	store_mkdir(folder);
	open_store();
}

static inline void teardown(void)
{
	close_store();
}

static inline void append(const struct nt_batch *batch, enum nt_store_outcome expected)
{
	enum nt_store_outcome outcome;

	ck_assert_msg(nt_store_append(store, batch, &outcome, &err) == 0, "%s", err.msg);
	ck_assert_int_eq(outcome, expected);
}

static inline void append_records(uint64_t seq, const struct nt_record *records, size_t len)
{
	struct nt_batch batch = store_batch("s", seq, records, len);

	append(&batch, NT_STORE_APPENDED);
}

/* The file itself, beside the store or while none has it open. */
static inline sqlite3 *open_file(void)
{
	_cleanup_buf_ struct nt_buf path = { 0 };
	sqlite3 *db;

	nt_buf_printf(&path, "%s/records.db", folder);
	ck_assert_int_eq(sqlite3_open(nt_buf_str(&path), &db), SQLITE_OK);
	return db;
}

static inline void run_sql(const char *sql)
{
	sqlite3 *db = open_file();

	ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s",
		      sqlite3_errmsg(db));
	sqlite3_close(db);
}

static inline struct nt_store_range everything(void)
{
	return (struct nt_store_range){ .from_us = 0, .to_us = INT64_MAX, .side = -1, .role = -1 };
}

#define GROUPS_MAX 64

struct groups {
	struct nt_store_group at[GROUPS_MAX];
	char keys[GROUPS_MAX][NT_STORE_GROUP_KEYS][300];
	size_t len, stop_at;
};

static inline bool keep_group(void *ctx, const struct nt_store_group *group)
{
	struct groups *g = ctx;

	ck_assert_uint_lt(g->len, GROUPS_MAX);
	g->at[g->len] = *group;
	for (size_t i = 0; i < NT_STORE_GROUP_KEYS; i++)
		snprintf(g->keys[g->len][i], 300, "%.*s", NT_SLICE_ARG(group->keys[i]));
	g->len++;
	return g->len != g->stop_at;
}

static inline struct groups *group(const struct nt_store_range *range,
				   const struct nt_store_grouping *g)
{
	static struct groups groups;

	groups.len = groups.stop_at = 0;
	ck_assert_msg(nt_store_group(reader, range, g, keep_group, &groups, &err) == 0, "%s",
		      err.msg);
	return &groups;
}

static inline struct nt_store_sums total(const struct nt_store_range *range)
{
	const struct nt_store_grouping all = { 0 };
	struct groups *g = group(range, &all);

	ck_assert_uint_eq(g->len, 1);
	return g->at[0].sums;
}

static inline struct nt_query *query(const char *text)
{
	struct nt_query_error mistake;
	struct nt_query *q = NULL;

	ck_assert_msg(nt_query_parse(nt_slice_str(text), &q, &mistake) == 0, "%s", mistake.msg);
	return q;
}

/* Runs the case's tests, each in a process of its own. */
static inline int store_run(const char *name, TCase *tc)
{
	Suite *suite = suite_create(name);
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	store_base_make();
	srunner_run_all(runner, CK_NORMAL);
	store_base_remove();
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
