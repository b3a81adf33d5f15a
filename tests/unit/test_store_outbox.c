/* SPDX-License-Identifier: Apache-2.0 */
/* The outbox of a store, against store.h only: another backend runs the same cases. */
#include "tests/unit/store_fixture.h"

static struct nt_store_event event(const char *rule, const char *group)
{
	return (struct nt_store_event){ .rule = nt_slice_str(rule),
					.group = nt_slice_str(group),
					.summary = NT_SLICE_LIT("s"),
					.metric = NT_SLICE_LIT("count"),
					.condition = NT_SLICE_LIT("gt"),
					.severity = 70,
					.value = 5,
					.peak = 5,
					.first_seen_us = T0_US,
					.last_seen_us = T0_US,
					.from_us = T0_US - 10 };
}

static int64_t put(struct nt_store_event e)
{
	int64_t id = 0;

	ck_assert_msg(nt_store_events_put(store, &e, 1, &id, &err) == 0, "%s", err.msg);
	return id;
}

static uint64_t use(const char *a, const char *b)
{
	struct nt_slice names[] = { nt_slice_str(a), nt_slice_str(b) };
	uint64_t forgotten = 77;

	ck_assert_msg(nt_store_outbox_use(store, names, (a != NULL) + (b != NULL), &forgotten,
					  &err) == 0,
		      "%s", err.msg);
	return forgotten;
}

struct list {
	struct nt_store_notice at[8];
	size_t len;
};

static bool keep(void *ctx, const struct nt_store_notice *n)
{
	struct list *l = ctx;

	ck_assert_uint_lt(l->len, 8);
	l->at[l->len++] = *n;
	return true;
}

static struct list list(const char *receiver, uint32_t limit)
{
	struct list l = { 0 };

	ck_assert_msg(nt_store_outbox(reader, nt_slice_str(receiver), limit, keep, &l, &err) == 0,
		      "%s", err.msg);
	return l;
}

static uint64_t pending(const char *receiver)
{
	struct nt_store_outbox_state state;

	ck_assert_int_eq(nt_store_outbox_state(reader, nt_slice_str(receiver), &state, &err), 0);
	ck_assert_int_eq(state.pending == 0, state.oldest_us == 0);
	return state.pending;
}

static bool see_labels(void *ctx, const struct nt_store_event *e)
{
	*(size_t *)ctx = e->labels.len;
	return true;
}

/* Octets of the labels of the one event. */
static size_t labels_seen(void)
{
	size_t len = 0;

	ck_assert_int_eq(
		nt_store_events(reader, -1, (struct nt_slice){ 0 }, 10, see_labels, &len, &err), 0);
	return len;
}

START_TEST(openings_and_endings_are_queued_for_each_receiver)
{
	struct nt_store_event e = event("a", "{}");
	struct list l;

	(void)use("one", "two");
	e.id = put(e);
	e.peak = 9;
	(void)put(e); /* neither opens nor ends */
	l = list("one", 10);
	ck_assert_uint_eq(l.len, 1);
	ck_assert_int_eq(l.at[0].change, NT_STORE_OPENED);
	ck_assert_int_eq(l.at[0].event.id, e.id);
	ck_assert(l.at[0].event.peak == 9); /* as it is now */
	e.resolved_us = T0_US + 1;
	(void)put(e);
	l = list("two", 10);
	ck_assert_uint_eq(l.len, 2);
	ck_assert_int_eq(l.at[1].change, NT_STORE_RESOLVED);
	ck_assert_int_gt(l.at[1].id, l.at[0].id);
	ck_assert_int_ge(l.at[1].queued_us, l.at[0].queued_us);
	ck_assert_uint_eq(list("two", 1).len, 1);
	ck_assert_uint_eq(list("three", 10).len, 0);
	ck_assert_uint_eq(pending("one"), 2);
}
END_TEST

START_TEST(event_of_one_tick_is_told_as_both)
{
	struct nt_store_event e = event("a", "{}");

	(void)use("one", NULL);
	e.resolved_us = T0_US + 1;
	(void)put(e);
	ck_assert_uint_eq(list("one", 10).len, 2);
	ck_assert_int_eq(list("one", 10).at[0].change, NT_STORE_OPENED);
}
END_TEST

/* By what the event said when it opened. */
START_TEST(event_names_its_receivers)
{
	struct nt_store_event e = event("a", "{}");

	(void)use("one", "two");
	e.notify = NT_SLICE_LIT(",three,two,");
	e.labels = NT_SLICE_LIT("{\"team\":\"dns\"}");
	e.id = put(e);
	e.notify = NT_SLICE_LIT(",one,");
	e.labels = (struct nt_slice){ 0 };
	e.resolved_us = T0_US + 1;
	(void)put(e);
	ck_assert_uint_eq(pending("one"), 0);
	ck_assert_uint_eq(pending("two"), 2);
	ck_assert_uint_eq(labels_seen(), strlen("{\"team\":\"dns\"}"));
	e = event("b", "{}");
	e.notify = NT_SLICE_LIT(",one-and-more,");
	(void)put(e);
	ck_assert_uint_eq(pending("one"), 0);
}
END_TEST

START_TEST(nothing_is_queued_without_receivers)
{
	(void)put(event("a", "{}"));
	(void)use("one", NULL);
	ck_assert_uint_eq(pending("one"), 0);
}
END_TEST

/* Events and notices are one transaction: what was not written is not told. */
START_TEST(refused_events_queue_nothing)
{
	struct nt_store_event two[2] = { event("b", "{}"), event("a", "{}") };
	int64_t ids[2];

	(void)use("one", NULL);
	(void)put(event("a", "{}"));
	ck_assert_int_eq(nt_store_events_put(store, two, 2, ids, &err), -EEXIST);
	ck_assert_uint_eq(pending("one"), 1);
}
END_TEST

START_TEST(notices_survive_a_restart_until_removed)
{
	int64_t ids[2];

	(void)use("one", NULL);
	(void)put(event("a", "{}"));
	(void)put(event("b", "{}"));
	close_store();
	open_store();
	ck_assert_uint_eq(use("one", NULL), 0);
	ck_assert_uint_eq(pending("one"), 2);
	ids[0] = ids[1] = list("one", 1).at[0].id;
	ck_assert_int_eq(nt_store_outbox_remove(store, ids, 2, &err), 0);
	ck_assert_uint_eq(pending("one"), 1);
	ck_assert_int_eq(nt_store_outbox_remove(store, ids, 0, &err), 0);
}
END_TEST

START_TEST(receivers_that_are_gone_are_forgotten)
{
	struct nt_slice none = { 0 }, many[NT_STORE_RECEIVERS_MAX + 1];
	uint64_t forgotten;

	(void)use("one", "two");
	(void)put(event("a", "{}"));
	ck_assert_uint_eq(use("two", NULL), 1);
	ck_assert_uint_eq(pending("one"), 0);
	ck_assert_uint_eq(pending("two"), 1);
	ck_assert_uint_eq(use(NULL, NULL), 1);
	ck_assert_int_eq(nt_store_outbox_use(store, &none, 1, &forgotten, &err), -EINVAL);
	for (size_t i = 0; i <= NT_STORE_RECEIVERS_MAX; i++)
		many[i] = NT_SLICE_LIT("x");
	ck_assert_int_eq(nt_store_outbox_use(store, many, NT_STORE_RECEIVERS_MAX + 1, &forgotten,
					     &err),
			 -EINVAL);
}
END_TEST

START_TEST(event_stays_while_somebody_is_to_be_told)
{
	struct nt_store_event e = event("a", "{}");
	int64_t ids[2];
	uint64_t rows;

	(void)use("one", NULL);
	e.resolved_us = T0_US + 1;
	(void)put(e);
	ck_assert_int_eq(nt_store_expire(store, T0_US + 100, &rows, &err), 0);
	ck_assert_uint_eq(list("one", 10).len, 2);
	ids[0] = list("one", 10).at[0].id;
	ids[1] = list("one", 10).at[1].id;
	ck_assert_int_eq(nt_store_outbox_remove(store, ids, 2, &err), 0);
	ck_assert_int_eq(nt_store_expire(store, T0_US + 100, &rows, &err), 0);
	e.id = 0;
	e.resolved_us = 0;
	(void)put(e);
	ck_assert_uint_eq(list("one", 10).len, 1);
}
END_TEST

/* A receiver that is away must not fill the disk: the oldest go, and are counted. */
START_TEST(outbox_is_bounded)
{
	enum { SOME = NT_STORE_OUTBOX_MAX / 2 };
	static struct nt_store_event many[SOME];
	static int64_t ids[SOME];
	int64_t first;

	(void)use("one", NULL);
	for (int i = 0; i < SOME; i++) {
		many[i] = event("a", "{}");
		many[i].resolved_us = T0_US + 1;
	}
	ck_assert_int_eq(nt_store_events_put(store, many, SOME, ids, &err), 0);
	ck_assert_uint_eq(pending("one"), NT_STORE_OUTBOX_MAX);
	ck_assert_uint_eq(nt_store_stats(store).outbox_dropped, 0);
	first = list("one", 1).at[0].id;
	(void)put(event("b", "{}"));
	ck_assert_uint_eq(pending("one"), NT_STORE_OUTBOX_MAX);
	ck_assert_uint_eq(nt_store_stats(store).outbox_dropped, 1);
	ck_assert_int_eq(list("one", 1).at[0].id, first + 1);
}
END_TEST

/* A file of the build before the outbox: opening it adds it. */
START_TEST(file_without_outbox_is_migrated)
{
	close_store();
	run_sql("DROP TABLE outbox; DROP INDEX endpoints_name;"
		"ALTER TABLE events DROP COLUMN labels;"
		"ALTER TABLE events DROP COLUMN notify;" STORE_UNDO_SUPPRESSIONS
		"PRAGMA user_version = 8");
	open_store();
	(void)use("one", NULL);
	(void)put(event("a", "{}"));
	ck_assert_uint_eq(pending("one"), 1);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("store_outbox");

	tcase_add_test(tc, openings_and_endings_are_queued_for_each_receiver);
	tcase_add_test(tc, event_of_one_tick_is_told_as_both);
	tcase_add_test(tc, event_names_its_receivers);
	tcase_add_test(tc, nothing_is_queued_without_receivers);
	tcase_add_test(tc, refused_events_queue_nothing);
	tcase_add_test(tc, notices_survive_a_restart_until_removed);
	tcase_add_test(tc, receivers_that_are_gone_are_forgotten);
	tcase_add_test(tc, event_stays_while_somebody_is_to_be_told);
	tcase_add_test(tc, outbox_is_bounded);
	tcase_add_test(tc, file_without_outbox_is_migrated);
	return store_run("store_outbox", tc);
}
