/* SPDX-License-Identifier: Apache-2.0 */
/* Acknowledgements and suppressions in a store, against store.h only: another backend runs the same
 * cases. */
#include "tests/unit/store_fixture.h"

#define S 1000000LL /* us */

static struct nt_store_event event(const char *rule, const char *group)
{
	return (struct nt_store_event){ .rule = nt_slice_str(rule),
					.group = nt_slice_str(group),
					.summary = NT_SLICE_LIT("s"),
					.metric = NT_SLICE_LIT("count"),
					.condition = NT_SLICE_LIT("gt"),
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

static int64_t open_event(const char *group)
{
	return put(event("r", group));
}

static void resolve(int64_t id, const char *group)
{
	struct nt_store_event e = event("r", group);

	e.id = id;
	e.resolved_us = T0_US + 50 * S;
	(void)put(e);
}

static void use(const char *receiver)
{
	struct nt_slice names[] = { nt_slice_str(receiver), NT_SLICE_LIT("other") };
	uint64_t forgotten;

	ck_assert_int_eq(nt_store_outbox_use(store, names, 2, &forgotten, &err), 0);
}

static int64_t suppress_rule(const char *rule, int64_t until_s, const char *group)
{
	struct nt_store_suppression s = { .rule = nt_slice_str(rule),
					  .group = nt_slice_str(group),
					  .by = NT_SLICE_LIT("ann"),
					  .reason = NT_SLICE_LIT("a \"move\""),
					  .created_us = T0_US,
					  .until_us = T0_US + until_s * S };

	ck_assert_msg(nt_store_suppress(store, &s, &err) == 0, "%s", err.msg);
	return s.id;
}

static int64_t suppress_until(int64_t until_s, const char *group)
{
	return suppress_rule("r", until_s, group);
}

static void end_at(int64_t at_s)
{
	ck_assert_msg(nt_store_suppressions_end(store, T0_US + at_s * S, &err) == 0, "%s", err.msg);
}

/* --- what is seen ----------------------------------------------------------------------------- */

struct seen {
	struct nt_store_event e;
	char by[64], comment[64];
};

static bool keep_event(void *ctx, const struct nt_store_event *e)
{
	struct seen *seen = ctx;

	seen->e = *e;
	snprintf(seen->by, sizeof(seen->by), "%.*s", NT_SLICE_ARG(e->acked_by));
	snprintf(seen->comment, sizeof(seen->comment), "%.*s", NT_SLICE_ARG(e->ack_comment));
	return true;
}

static struct seen see(int64_t id)
{
	struct seen seen = { 0 };

	ck_assert_msg(nt_store_event(reader, id, keep_event, &seen, &err) == 0, "%s", err.msg);
	ck_assert_int_eq(seen.e.id, id);
	return seen;
}

/* "0" or until when, in s since T0. */
static int64_t suppressed(int64_t id)
{
	struct nt_store_event e = see(id).e;

	ck_assert_int_eq(e.suppression == 0, e.suppressed_until_us == 0);
	return e.suppression ? (e.suppressed_until_us - T0_US) / S : 0;
}

static bool describe(void *ctx, const struct nt_store_notice *n)
{
	ck_assert_int_ge(n->due_us, n->queued_us);
	nt_buf_printf(ctx, "%lld %s%s;", (long long)n->event.id,
		      n->change == NT_STORE_OPENED ? "opened" : "resolved",
		      n->hushed ? " hushed" : "");
	return true;
}

/* Of a receiver, in the order in which it is told. */
static void told_at(int line, const char *receiver, const char *wanted)
{
	_cleanup_buf_ struct nt_buf got = { 0 };

	ck_assert_int_eq(nt_store_outbox(reader, nt_slice_str(receiver), 100, describe, &got, &err),
			 0);
	ck_assert_msg(strcmp(nt_buf_str(&got), wanted) == 0, "line %d: %s, wanted: %s", line,
		      nt_buf_str(&got), wanted);
}
#define told(receiver, wanted) told_at(__LINE__, receiver, wanted)

static bool first_id(void *ctx, const struct nt_store_notice *n)
{
	*(int64_t *)ctx = n->id;
	return false;
}

/* The first notice reaches the receiver. */
static void take_first(const char *receiver)
{
	int64_t id = 0;

	ck_assert_int_eq(nt_store_outbox(reader, nt_slice_str(receiver), 1, first_id, &id, &err),
			 0);
	ck_assert_int_eq(nt_store_outbox_remove(store, &id, 1, &err), 0);
}

static bool count_event(void *ctx, const struct nt_store_event *e)
{
	(void)e;
	++*(size_t *)ctx;
	return true;
}

/* Events of which the receiver is told again. */
static size_t again(const char *receiver)
{
	size_t n = 0;

	ck_assert_int_eq(
		nt_store_outbox_again(reader, nt_slice_str(receiver), count_event, &n, &err), 0);
	return n;
}

static uint64_t pending(const char *receiver)
{
	struct nt_store_outbox_state state;

	ck_assert_int_eq(nt_store_outbox_state(reader, nt_slice_str(receiver), &state, &err), 0);
	return state.pending;
}

/* --- acknowledgement -------------------------------------------------------------------------- */

static void acknowledge(int64_t id, const char *by, const char *comment)
{
	const struct nt_store_ack ack = { T0_US + 7 * S, nt_slice_str(by), nt_slice_str(comment) };

	ck_assert_msg(nt_store_event_acknowledge(store, id, &ack, &err) == 0, "%s", err.msg);
}

START_TEST(acknowledgement_says_who_when_and_why)
{
	int64_t id = open_event("{}");

	ck_assert_int_eq(see(id).e.acked_us, 0);
	acknowledge(id, "ann", "looks \"odd\"");
	close_store();
	open_store();
	ck_assert_int_eq(see(id).e.acked_us, T0_US + 7 * S);
	ck_assert_str_eq(see(id).by, "ann");
	ck_assert_str_eq(see(id).comment, "looks \"odd\"");
	acknowledge(id, "bob", "");
	ck_assert_str_eq(see(id).by, "bob");
	ck_assert_str_eq(see(id).comment, "");
	ck_assert_uint_eq(nt_store_stats(store).acknowledged, 1); /* since the opening */
}
END_TEST

START_TEST(it_lasts_beyond_the_end_and_is_of_one_event)
{
	int64_t id = open_event("{\"client_name\":\"a\"}"), next;
	struct nt_store_event e = event("r", "{\"client_name\":\"a\"}");

	acknowledge(id, "ann", "");
	e.id = id;
	e.peak = 9;
	(void)put(e); /* the alerts know nothing of it */
	resolve(id, "{\"client_name\":\"a\"}");
	ck_assert_str_eq(see(id).by, "ann");
	next = open_event("{\"client_name\":\"a\"}");
	ck_assert_int_eq(see(next).e.acked_us, 0);
	acknowledge(next, "bob", "");
	ck_assert_str_eq(see(id).by, "ann");
}
END_TEST

START_TEST(it_is_taken_back)
{
	int64_t id = open_event("{}");

	acknowledge(id, "ann", "x");
	ck_assert_int_eq(nt_store_event_acknowledge(store, id, NULL, &err), 0);
	ck_assert_int_eq(see(id).e.acked_us, 0);
	ck_assert_str_eq(see(id).by, "");
	ck_assert_int_eq(nt_store_event_acknowledge(store, id, NULL, &err), 0);
	ck_assert_int_eq(nt_store_event_acknowledge(store, id + 1, NULL, &err), -ENOENT);
	ck_assert_msg(strstr(err.msg, "no event"), "%s", err.msg);
	ck_assert_int_eq(nt_store_event(reader, id + 1, keep_event, NULL, &err), -ENOENT);
}
END_TEST

/* --- which events ----------------------------------------------------------------------------- */

static const struct {
	const char *group, *of_suppression;
	bool fits;
} fits[] = {
	{ "{}", "{}", true },
	{ "{\"a\":\"1\",\"b\":\"2\"}", "{}", true },
	{ "{\"a\":\"1\",\"b\":\"2\"}", "{\"b\":\"2\"}", true },
	{ "{\"a\":\"1\",\"b\":\"2\"}", "{\"b\":\"2\",\"a\":\"1\"}", true },
	{ "{\"a\":\"1\",\"b\":\"2\"}", "{\"b\":\"1\"}", false },
	{ "{\"a\":\"1\",\"b\":\"2\"}", "{\"a\":\"1\",\"b\":\"3\"}", false },
	{ "{\"a\":\"1\"}", "{\"c\":\"1\"}", false },
	{ "{\"a\":\"\"}", "{\"a\":\"\"}", true },
	{ "{\"a\":\"x\"}", "{\"a\":\"\"}", false },
	{ "{\"a\":\"1\"}", "{\"a\":\"1.0\"}", false },
	{ "{\"servers.ip\":\"10.0.0.1\"}", "{\"servers.ip\":\"10.0.0.1\"}", true },
	{ "{\"q\":\"\\u0007 \\\\\\\" \xc3\xa9 %_*\"}", "{\"q\":\"\\u0007 \\\\\\\" \xc3\xa9 %_*\"}",
	  true },
	{ "{\"q\":\"abc\"}", "{\"q\":\"ab%\"}", false },
	{ "{\"q\":\"ABC\"}", "{\"q\":\"abc\"}", false },
};

START_TEST(group_has_what_the_suppression_says)
{
	int64_t before = open_event(fits[_i].group), after;

	(void)suppress_until(100, fits[_i].of_suppression);
	ck_assert_int_eq(suppressed(before), fits[_i].fits ? 100 : 0);
	resolve(before, fits[_i].group);
	after = open_event(fits[_i].group);
	ck_assert_int_eq(suppressed(after), fits[_i].fits ? 100 : 0);
	ck_assert_int_eq(suppressed(put(event("R", fits[_i].group))), 0); /* another rule */
}
END_TEST

START_TEST(the_latest_end_counts)
{
	int64_t id = open_event("{\"a\":\"1\"}"), longest;

	(void)suppress_until(100, "{}");
	longest = suppress_until(300, "{\"a\":\"1\"}");
	(void)suppress_until(200, "{}");
	ck_assert_int_eq(suppressed(id), 300);
	ck_assert_int_eq(nt_store_unsuppress(store, longest, T0_US + S, &err), 0);
	ck_assert_int_eq(suppressed(id), 200);
	end_at(100);
	ck_assert_int_eq(suppressed(id), 200);
	end_at(200);
	ck_assert_int_eq(suppressed(id), 0);
	ck_assert_int_eq(nt_store_unsuppress(store, longest, T0_US, &err), -ENOENT);
	ck_assert_msg(strstr(err.msg, "no suppression"), "%s", err.msg);
}
END_TEST

static bool list_one(void *ctx, const struct nt_store_suppression *s)
{
	nt_buf_printf(ctx, "%.*s %.*s %.*s %.*s %lld-%lld %llu;", NT_SLICE_ARG(s->rule),
		      NT_SLICE_ARG(s->group), NT_SLICE_ARG(s->by), NT_SLICE_ARG(s->reason),
		      (long long)((s->created_us - T0_US) / S),
		      (long long)((s->until_us - T0_US) / S), (unsigned long long)s->events);
	return true;
}

static void listed_at(int line, const char *wanted)
{
	_cleanup_buf_ struct nt_buf got = { 0 };

	ck_assert_int_eq(nt_store_suppressions(reader, list_one, &got, &err), 0);
	ck_assert_msg(strcmp(nt_buf_str(&got), wanted) == 0, "line %d: %s, wanted: %s", line,
		      nt_buf_str(&got), wanted);
}
#define listed(wanted) listed_at(__LINE__, wanted)

START_TEST(they_are_listed_until_their_end)
{
	int64_t id = open_event("{\"a\":\"1\"}");

	listed("");
	(void)suppress_until(200, "{}");
	(void)suppress_until(100, "{\"a\":\"1\"}");
	(void)open_event("{\"a\":\"2\"}");
	listed("r {\"a\":\"1\"} ann a \"move\" 0-100 0;r {} ann a \"move\" 0-200 2;");
	resolve(id, "{\"a\":\"1\"}");
	close_store();
	open_store();
	ck_assert_uint_eq(nt_store_stats(store).suppressions, 2);
	end_at(99);
	ck_assert_uint_eq(nt_store_stats(store).suppressions, 2);
	end_at(100);
	listed("r {} ann a \"move\" 0-200 1;");
	end_at(5000);
	listed("");
	ck_assert_uint_eq(nt_store_stats(store).suppressions, 0);
	ck_assert_int_eq(suppressed(id), 200); /* it ended under that one */
}
END_TEST

/* Who made it is told without another look. */
START_TEST(new_one_is_as_it_is_listed)
{
	struct nt_store_suppression s = { .rule = NT_SLICE_LIT("r"),
					  .group = NT_SLICE_LIT("{\"a\":\"1\"}"),
					  .created_us = T0_US,
					  .until_us = T0_US + 100 * S,
					  .events = 99 };
	int64_t before = suppress_until(50, "{}");

	(void)open_event("{\"a\":\"1\",\"b\":\"1\"}");
	(void)open_event("{\"a\":\"1\",\"b\":\"2\"}");
	(void)open_event("{\"a\":\"2\",\"b\":\"2\"}");
	(void)put(event("R", "{\"a\":\"1\"}"));
	ck_assert_int_eq(nt_store_suppress(store, &s, &err), 0);
	ck_assert_int_gt(s.id, before);
	ck_assert_uint_eq(s.events, 2);
	listed("r {} ann a \"move\" 0-50 1;r {\"a\":\"1\"}   0-100 2;");
	ck_assert_int_eq(nt_store_unsuppress(store, s.id, T0_US, &err), 0);
}
END_TEST

START_TEST(they_are_bounded)
{
	struct nt_store_suppression more = { .rule = NT_SLICE_LIT("r"),
					     .group = NT_SLICE_LIT("{}"),
					     .until_us = T0_US + 1000 * S,
					     .id = 77 };
	int64_t first = 0;

	for (int i = 0; i < NT_STORE_SUPPRESSIONS_MAX; i++) {
		int64_t new = suppress_until(100 + i, "{}");

		first = first ?: new;
	}
	ck_assert_int_eq(nt_store_suppress(store, &more, &err), -EDQUOT);
	ck_assert_msg(strstr(err.msg, "there are 256 suppressions"), "%s", err.msg);
	ck_assert_int_eq(more.id, 77);
	ck_assert_int_eq(nt_store_unsuppress(store, first, T0_US, &err), 0);
	ck_assert_int_eq(nt_store_suppress(store, &more, &err), 0);
	ck_assert_int_eq(nt_store_suppress(store, &more, &err), -EDQUOT);
	end_at(101); /* one more has ended */
	ck_assert_int_eq(nt_store_suppress(store, &more, &err), 0);
}
END_TEST

/* How often events were marked since the table `marks` is there. */
static int count_marks(void)
{
	sqlite3 *db = open_file();
	sqlite3_stmt *stmt;
	int n;

	ck_assert_int_eq(sqlite3_prepare_v2(db, "SELECT count(*) FROM marks", -1, &stmt, NULL),
			 SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
	n = sqlite3_column_int(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return n;
}

/* All of a rule that end together are one change to its events: 256 times 1,000 events would hold
 * the writer for long. */
START_TEST(each_event_is_marked_once_for_all_that_end)
{
	int64_t one = open_event("{\"a\":\"1\"}"), other = put(event("q", "{}"));

	for (int i = 0; i < 20; i++) {
		(void)suppress_rule("r", 100 + i, "{}");
		(void)suppress_rule("q", 100 + i, "{}");
	}
	(void)suppress_rule("q", 300, "{}");
	run_sql("CREATE TABLE marks (event INTEGER); CREATE TRIGGER mark AFTER UPDATE OF"
		" suppression ON events BEGIN INSERT INTO marks VALUES (new.id); END");
	end_at(99);
	ck_assert_int_eq(count_marks(), 0);
	end_at(200);
	ck_assert_int_eq(count_marks(), 2);
	ck_assert_int_eq(suppressed(one), 0);
	ck_assert_int_eq(suppressed(other), 300);
	listed("q {} ann a \"move\" 0-300 1;");
	ck_assert_uint_eq(nt_store_stats(store).suppressions, 1);
}
END_TEST

/* --- who is told ------------------------------------------------------------------------------ */

START_TEST(nobody_is_told_of_what_opens_and_ends_under_it)
{
	int64_t id;

	use("one");
	(void)suppress_until(100, "{}");
	id = open_event("{}");
	told("one", "");
	ck_assert_uint_eq(again("one"), 0);
	ck_assert_uint_eq(pending("one"), 0);
	ck_assert_uint_eq(nt_store_stats(store).events_suppressed, 1);
	resolve(id, "{}");
	end_at(100);
	told("one", "");
	ck_assert_int_eq(suppressed(id), 100);
	ck_assert_uint_eq(nt_store_stats(store).events_released, 0);
	/* The next of the group is told as any. */
	id = open_event("{}");
	ck_assert_int_eq(suppressed(id), 0);
	ck_assert_uint_eq(pending("one"), 1);
}
END_TEST

/* Both changes in one transaction, as when rows come late. */
START_TEST(nor_of_what_opens_and_ends_at_once)
{
	struct nt_store_event e = event("r", "{}");

	use("one");
	(void)suppress_until(100, "{}");
	e.resolved_us = T0_US + S;
	ck_assert_int_eq(suppressed(put(e)), 100);
	told("one", "");
}
END_TEST

START_TEST(who_is_told_in_the_end_is_told_once)
{
	_cleanup_buf_ struct nt_buf wanted = { 0 };
	int64_t id;

	use("one");
	(void)suppress_until(100, "{}");
	id = open_event("{}");
	close_store(); /* a restart, and others are to be told */
	open_store();
	use("two");
	end_at(99);
	told("two", "");
	end_at(100);
	nt_buf_printf(&wanted, "%lld opened;", (long long)id);
	told("one", "");
	told("two", wanted.p);
	ck_assert_uint_eq(again("two"), 1);
	ck_assert_uint_eq(nt_store_stats(store).events_released, 1);
	take_first("two");
	(void)suppress_until(200, "{}");
	end_at(200);
	told("two", "");
	ck_assert_uint_eq(nt_store_stats(store).events_released, 1);
	resolve(id, "{}");
	nt_buf_reset(&wanted);
	nt_buf_printf(&wanted, "%lld resolved;", (long long)id);
	told("two", wanted.p);
}
END_TEST

START_TEST(taking_it_out_tells_now)
{
	int64_t id, suppression;

	use("one");
	suppression = suppress_until(100, "{}");
	id = open_event("{}");
	ck_assert_int_eq(nt_store_unsuppress(store, suppression, T0_US + S, &err), 0);
	ck_assert_int_eq(suppressed(id), 0);
	ck_assert_uint_eq(pending("one"), 1);
}
END_TEST

START_TEST(not_while_it_is_under_another)
{
	int64_t id, longest;

	use("one");
	(void)suppress_until(100, "{}");
	longest = suppress_until(200, "{}");
	id = open_event("{}");
	end_at(100);
	ck_assert_int_eq(suppressed(id), 200);
	ck_assert_uint_eq(nt_store_stats(store).events_released, 0);
	use("two");
	told("two", "");
	ck_assert_uint_eq(again("two"), 0);
	ck_assert_int_eq(nt_store_unsuppress(store, longest, T0_US + 150 * S, &err), 0);
	ck_assert_uint_eq(nt_store_stats(store).events_released, 1);
	ck_assert_uint_eq(pending("two"), 1);
}
END_TEST

START_TEST(only_whom_the_event_names)
{
	struct nt_store_event e = event("r", "{}");

	use("one");
	e.notify = NT_SLICE_LIT(",other,");
	(void)suppress_until(100, "{}");
	(void)put(e);
	end_at(100);
	ck_assert_uint_eq(pending("one"), 0);
	ck_assert_uint_eq(pending("other"), 1);
}
END_TEST

/* Else a pager would ring for ever. */
START_TEST(who_was_told_before_is_told_of_the_end)
{
	_cleanup_buf_ struct nt_buf wanted = { 0 };
	int64_t id;

	use("one");
	id = open_event("{}");
	take_first("one");
	(void)suppress_until(100, "{}");
	told("one", "");
	ck_assert_uint_eq(again("one"), 1); /* an Alertmanager would end it, which is not true */
	resolve(id, "{}");
	nt_buf_printf(&wanted, "%lld resolved;", (long long)id);
	told("one", wanted.p);
}
END_TEST

static bool keep_due(void *ctx, const struct nt_store_notice *n)
{
	((int64_t *)ctx)[0] = n->queued_us;
	((int64_t *)ctx)[1] = n->due_us;
	return false;
}

/* A receiver that was away when the event opened: its notice is held, and waits from the end of the
 * suppression on. */
START_TEST(notices_that_wait_are_held)
{
	int64_t id, times[2], until_s = 20LL * 365 * 86400; /* behind the clock of any machine */
	_cleanup_buf_ struct nt_buf wanted = { 0 };

	use("one");
	id = open_event("{}");
	nt_buf_printf(&wanted, "%lld opened;", (long long)id);
	told("one", wanted.p);
	(void)suppress_until(until_s, "{}");
	told("one", "");
	ck_assert_uint_eq(pending("one"), 0);
	ck_assert_uint_eq(again("one"), 0);
	end_at(until_s);
	told("one", wanted.p);
	ck_assert_int_eq(nt_store_outbox(reader, NT_SLICE_LIT("one"), 1, keep_due, times, &err), 0);
	ck_assert_int_lt(times[0], times[1]); /* the key is of the first */
	ck_assert_int_eq(times[1], T0_US + until_s * S);
}
END_TEST

/* The end of the event comes while its notice is held from one receiver; the other has it. */
START_TEST(held_notices_go_when_the_event_ends)
{
	_cleanup_buf_ struct nt_buf hushed = { 0 }, end = { 0 };
	int64_t id;

	use("one");
	id = open_event("{}");
	take_first("other");
	(void)suppress_until(100, "{}");
	resolve(id, "{}");
	nt_buf_printf(&hushed, "%lld opened hushed;%lld resolved;", (long long)id, (long long)id);
	nt_buf_printf(&end, "%lld resolved;", (long long)id);
	told("one", hushed.p);
	end_at(100); /* it ended under it all the same */
	told("one", hushed.p);
	ck_assert_int_eq(nt_store_outbox_hush(store, NT_SLICE_LIT("one"), &err), 0);
	ck_assert_int_eq(nt_store_outbox_hush(store, NT_SLICE_LIT("other"), &err), 0);
	told("one", "");
	told("other", end.p);
}
END_TEST

/* Or it was under way when the suppression came, and arrived. */
START_TEST(what_arrived_in_spite_of_it_is_told_of_the_end)
{
	_cleanup_buf_ struct nt_buf wanted = { 0 };
	int64_t id, notice = 0;

	use("one");
	id = open_event("{}");
	ck_assert_int_eq(nt_store_outbox(reader, NT_SLICE_LIT("one"), 1, first_id, &notice, &err),
			 0);
	(void)suppress_until(100, "{}");
	resolve(id, "{}");
	ck_assert_int_eq(nt_store_outbox_remove(store, &notice, 1, &err), 0);
	ck_assert_int_eq(nt_store_outbox_hush(store, NT_SLICE_LIT("one"), &err), 0);
	nt_buf_printf(&wanted, "%lld resolved;", (long long)id);
	told("one", wanted.p);
}
END_TEST

/* --- files of before -------------------------------------------------------------------------- */

START_TEST(file_of_before_is_migrated)
{
	int64_t id = open_event("{}");

	close_store();
	run_sql(STORE_UNDO_SUPPRESSIONS "ALTER TABLE outbox DROP COLUMN due_us;"
					"PRAGMA user_version = 11");
	open_store();
	use("one");
	ck_assert_int_eq(see(id).e.acked_us, 0);
	acknowledge(id, "ann", "");
	(void)suppress_until(100, "{}");
	ck_assert_int_eq(suppressed(id), 100);
	resolve(id, "{}");
	ck_assert_uint_eq(pending("one"), 1);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("store_suppress");

	tcase_add_test(tc, acknowledgement_says_who_when_and_why);
	tcase_add_test(tc, it_lasts_beyond_the_end_and_is_of_one_event);
	tcase_add_test(tc, it_is_taken_back);
	tcase_add_loop_test(tc, group_has_what_the_suppression_says, 0, NT_ARRAY_LEN(fits));
	tcase_add_test(tc, the_latest_end_counts);
	tcase_add_test(tc, they_are_listed_until_their_end);
	tcase_add_test(tc, new_one_is_as_it_is_listed);
	tcase_add_test(tc, they_are_bounded);
	tcase_add_test(tc, each_event_is_marked_once_for_all_that_end);
	tcase_add_test(tc, nobody_is_told_of_what_opens_and_ends_under_it);
	tcase_add_test(tc, nor_of_what_opens_and_ends_at_once);
	tcase_add_test(tc, who_is_told_in_the_end_is_told_once);
	tcase_add_test(tc, taking_it_out_tells_now);
	tcase_add_test(tc, not_while_it_is_under_another);
	tcase_add_test(tc, only_whom_the_event_names);
	tcase_add_test(tc, who_was_told_before_is_told_of_the_end);
	tcase_add_test(tc, notices_that_wait_are_held);
	tcase_add_test(tc, held_notices_go_when_the_event_ends);
	tcase_add_test(tc, what_arrived_in_spite_of_it_is_told_of_the_end);
	tcase_add_test(tc, file_of_before_is_migrated);
	return store_run("store_suppress", tc);
}
