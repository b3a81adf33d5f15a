/* SPDX-License-Identifier: Apache-2.0 */
/* Events of alerts in a store, against store.h only: another backend runs the same cases. */
#include "tests/unit/store_fixture.h"

static struct nt_store_event event(const char *rule, const char *group, int64_t last_us)
{
	return (struct nt_store_event){ .rule = nt_slice_str(rule),
					.group = nt_slice_str(group),
					.summary = NT_SLICE_LIT("what \"happened\"\n"),
					.query = NT_SLICE_LIT("qname = \"a\""),
					.metric = NT_SLICE_LIT("count"),
					.condition = NT_SLICE_LIT("gt"),
					.severity = 70,
					.threshold = 2.5,
					.value = 1e15 + 0.25,
					.peak = -7,
					.first_seen_us = last_us - 5,
					.last_seen_us = last_us,
					.from_us = last_us - 10 };
}

static int64_t put(struct nt_store_event e)
{
	int64_t id = 0;

	ck_assert_msg(nt_store_events_put(store, &e, 1, &id, &err) == 0, "%s", err.msg);
	ck_assert_int_gt(id, 0);
	return id;
}

struct list {
	struct nt_store_event at[8];
	char rules[8][32], groups[8][32];
	size_t len, stop_at;
};

static bool keep_event(void *ctx, const struct nt_store_event *e)
{
	struct list *l = ctx;

	ck_assert_uint_lt(l->len, 8);
	l->at[l->len] = *e;
	snprintf(l->rules[l->len], 32, "%.*s", NT_SLICE_ARG(e->rule));
	snprintf(l->groups[l->len++], 32, "%.*s", NT_SLICE_ARG(e->group));
	return l->len != l->stop_at;
}

static struct list list(int open, const char *rule, uint32_t limit)
{
	struct list l = { 0 };

	ck_assert_msg(nt_store_events(reader, open, nt_slice_str(rule), limit, keep_event, &l,
				      &err) == 0,
		      "%s", err.msg);
	return l;
}

static bool same_event(void *ctx, const struct nt_store_event *e)
{
	const struct nt_store_event *wanted = ctx;

	ck_assert(nt_slice_eq(e->rule, wanted->rule) && nt_slice_eq(e->group, wanted->group));
	ck_assert(nt_slice_eq(e->summary, wanted->summary) && nt_slice_eq(e->query, wanted->query));
	ck_assert(nt_slice_eq(e->metric, wanted->metric) &&
		  nt_slice_eq(e->condition, wanted->condition));
	ck_assert_uint_eq(e->severity, wanted->severity);
	ck_assert(e->threshold == wanted->threshold && e->value == wanted->value &&
		  e->peak == wanted->peak);
	ck_assert_int_eq(e->first_seen_us, wanted->first_seen_us);
	ck_assert_int_eq(e->last_seen_us, wanted->last_seen_us);
	ck_assert_int_eq(e->from_us, wanted->from_us);
	ck_assert_int_eq(e->resolved_us, wanted->resolved_us);
	return true;
}

START_TEST(event_comes_back_as_it_was_put)
{
	struct nt_store_event e = event("r", "{\"client_name\":\"web-1\"}", T0_US);

	(void)put(e);
	close_store();
	open_store();
	ck_assert_int_eq(
		nt_store_events(reader, -1, (struct nt_slice){ 0 }, 10, same_event, &e, &err), 0);
}
END_TEST

START_TEST(newest_first_by_state_and_rule)
{
	struct nt_store_event done = event("a", "{}", T0_US + 30);
	struct list l;

	done.resolved_us = T0_US + 40;
	(void)put(event("a", "{}", T0_US + 20));
	(void)put(event("b", "{}", T0_US + 10));
	(void)put(done);
	l = list(-1, "", 10);
	ck_assert_uint_eq(l.len, 3);
	ck_assert_int_eq(l.at[0].last_seen_us, T0_US + 30);
	ck_assert_int_eq(l.at[2].last_seen_us, T0_US + 10);
	l = list(1, "", 10);
	ck_assert(l.len == 2 && strcmp(l.rules[0], "a") == 0 && strcmp(l.rules[1], "b") == 0);
	l = list(0, "", 10);
	ck_assert(l.len == 1 && l.at[0].resolved_us == T0_US + 40);
	ck_assert_uint_eq(list(-1, "a", 10).len, 2);
	ck_assert_uint_eq(list(1, "a", 10).len, 1);
	ck_assert_uint_eq(list(-1, "A", 10).len, 0);
	ck_assert_uint_eq(list(-1, "", 2).len, 2);
	ck_assert_uint_eq(list(0, "b", 10).len, 0);
}
END_TEST

START_TEST(replacing_keeps_the_id)
{
	struct nt_store_event e = event("a", "{}", T0_US);
	struct list l;

	e.id = put(e);
	e.peak = 99;
	e.resolved_us = T0_US + 1;
	ck_assert_int_eq(put(e), e.id);
	l = list(-1, "", 10);
	ck_assert(l.len == 1 && l.at[0].peak == 99 && l.at[0].id == e.id);
}
END_TEST

/* Two processes, or a mistake of ours, must not show one thing twice. */
START_TEST(one_open_event_per_rule_and_group)
{
	struct nt_store_event two[2] = { event("b", "{}", T0_US), event("a", "{}", T0_US + 1) };
	struct nt_store_event first = event("a", "{}", T0_US);
	int64_t ids[2];

	first.id = put(first);
	ck_assert_int_eq(nt_store_events_put(store, two, 2, ids, &err), -EEXIST);
	ck_assert_uint_eq(list(-1, "", 10).len, 1); /* all or nothing */
	(void)put(event("a", "{\"x\":\"\"}", T0_US));
	/* The end of the first and the beginning of the next, in one transaction. */
	first.resolved_us = T0_US + 1;
	two[0] = first;
	ck_assert_int_eq(nt_store_events_put(store, two, 2, ids, &err), 0);
	ck_assert_int_eq(ids[0], first.id);
	ck_assert_int_gt(ids[1], first.id);
	ck_assert_uint_eq(list(1, "a", 10).len, 2);
}
END_TEST

START_TEST(events_expire_with_rows_but_open_ones_stay)
{
	struct nt_store_event old = event("a", "{}", T0_US), recent = old;
	uint64_t rows;

	old.resolved_us = T0_US + 10;
	recent.resolved_us = T0_US + 20;
	(void)put(old);
	(void)put(recent);
	(void)put(event("a", "{}", T0_US - 1000));
	ck_assert_int_eq(nt_store_expire(store, T0_US + 15, &rows, &err), 0);
	ck_assert_uint_eq(rows, 0);
	ck_assert_uint_eq(list(0, "", 10).len, 1);
	ck_assert_uint_eq(list(1, "", 10).len, 1);
}
END_TEST

static bool count_event(void *ctx, const struct nt_store_event *e)
{
	(void)e;
	++*(size_t *)ctx;
	return true;
}

START_TEST(resolved_events_are_bounded)
{
	enum { SOME = 10000 };
	static struct nt_store_event many[SOME];
	static int64_t ids[SOME];
	size_t n = 0;

	(void)put(event("open", "{}", T0_US));
	for (int i = 0; i < SOME; i++) {
		many[i] = event("a", "{}", T0_US + i);
		many[i].resolved_us = T0_US + i + 1;
	}
	for (int i = 0; i < NT_STORE_EVENTS_MAX / SOME + 2; i++)
		ck_assert_int_eq(nt_store_events_put(store, many, SOME, ids, &err), 0);
	ck_assert_int_eq(nt_store_events(reader, -1, (struct nt_slice){ 0 }, UINT32_MAX,
					 count_event, &n, &err),
			 0);
	ck_assert_uint_eq(n, NT_STORE_EVENTS_MAX + 1);
	ck_assert_uint_eq(list(1, "", 10).len, 1);
}
END_TEST

/* A file of the build before events: opening it adds them and keeps its rows. */
START_TEST(file_without_events_is_migrated)
{
	struct nt_record r = store_record(1, T0_US, "a.test");
	struct nt_store_range range = everything();

	append_records(1, &r, 1);
	close_store();
	run_sql("DROP TABLE events; DROP TABLE addresses; DROP TABLE silent;"
		"DROP TABLE outbox; DROP TABLE suppressions;" STORE_UNDO_MEMORIES
		"DROP INDEX rows_server; DROP INDEX rows_folded;"
		"DROP INDEX endpoints_name;"
		"ALTER TABLE endpoints DROP COLUMN origin;"
		"ALTER TABLE endpoints DROP COLUMN dns;"
		"ALTER TABLE endpoints DROP COLUMN stream;"
		"ALTER TABLE endpoints DROP COLUMN hook; DROP TABLE gaps;"
		"ALTER TABLE endpoints DROP COLUMN before_tap;"
		"ALTER TABLE endpoints DROP COLUMN link_rx;"
		"ALTER TABLE endpoints DROP COLUMN link_tx;"
		"PRAGMA user_version = 1");
	open_store();
	(void)put(event("a", "{}", T0_US));
	close_store();
	open_store();
	ck_assert_uint_eq(list(1, "", 10).len, 1);
	ck_assert_uint_eq(total(&range).rows, 1);
}
END_TEST

/* --- what rules remember ---------------------------------------------------------------------- */

static void change(struct nt_store_memory_change c)
{
	ck_assert_msg(nt_store_alerts_put(store, NULL, 0, NULL, &c, 1, &err) == 0, "%s", err.msg);
}

static bool put_memory(void *ctx, const struct nt_store_memory *m)
{
	nt_buf_printf(ctx, "%.*s %llx %llx-%llx since %lld:", NT_SLICE_ARG(m->rule),
		      (unsigned long long)m->what, (unsigned long long)m->key[0],
		      (unsigned long long)m->key[1], (long long)(m->since_us - T0_US));
	return true;
}

static bool put_sighting(void *ctx, const struct nt_store_sighting *s)
{
	nt_buf_printf(ctx, " %llx %lld-%lld", (unsigned long long)s->group,
		      (long long)(s->first_us - T0_US), (long long)(s->last_us - T0_US));
	return true;
}

static void remembers(const char *rule, const char *memories, const char *sightings)
{
	_cleanup_buf_ struct nt_buf heads = { 0 }, seen = { 0 };

	ck_assert_int_eq(nt_store_memories(reader, put_memory, &heads, &err), 0);
	ck_assert_int_eq(nt_store_sightings(reader, nt_slice_str(rule), put_sighting, &seen, &err),
			 0);
	ck_assert_str_eq(nt_buf_str(&heads), memories);
	ck_assert_str_eq(nt_buf_str(&seen), sightings);
}

#define HEAD(name)                                                                          \
	{                                                                                   \
		.rule = NT_SLICE_LIT(name), .what = 0xfedcba9876543210, /* signed in SQL */ \
			.key = { 0xffffffffffffffff, 1 }, .since_us = T0_US                 \
	}
static const struct nt_store_sighting some[] = { { 7, T0_US + 1, T0_US + 5 },
						 { UINT64_MAX, T0_US + 2, T0_US + 9 } };

START_TEST(memory_comes_back_as_it_was_put)
{
	static const char head[] = "r fedcba9876543210 ffffffffffffffff-1 since 0:";
	const struct nt_store_sighting later = { 7, T0_US + 1, T0_US + 20 };

	change((struct nt_store_memory_change){
		.head = HEAD("r"), .begins = true, .sightings = some, .sightings_len = 2 });
	close_store();
	open_store();
	remembers("r", head, " ffffffffffffffff 2-9 7 1-5");
	change((struct nt_store_memory_change){ .head = HEAD("r"),
						.forget_us = T0_US + 9,
						.sightings = &later,
						.sightings_len = 1 });
	remembers("r", head, " ffffffffffffffff 2-9 7 1-20");
	change((struct nt_store_memory_change){ .head = HEAD("r"), .forget_us = T0_US + 10 });
	remembers("r", head, " 7 1-20");
	change((struct nt_store_memory_change){ .head = HEAD("r"), .begins = true });
	remembers("r", head, "");
	change((struct nt_store_memory_change){ .head = HEAD("r"), .gone = true });
	remembers("r", "", "");
}
END_TEST

START_TEST(memories_are_of_rules)
{
	static const char both[] = "a fedcba9876543210 ffffffffffffffff-1 since 0:"
				   "b fedcba9876543210 ffffffffffffffff-1 since 0:";

	change((struct nt_store_memory_change){
		.head = HEAD("b"), .begins = true, .sightings = some, .sightings_len = 2 });
	change((struct nt_store_memory_change){
		.head = HEAD("a"), .begins = true, .sightings = some, .sightings_len = 1 });
	remembers("a", both, " 7 1-5");
	change((struct nt_store_memory_change){ .head = HEAD("a"), .forget_us = INT64_MAX });
	remembers("b", both, " ffffffffffffffff 2-9 7 1-5");
	change((struct nt_store_memory_change){ /* of none */
						.head = HEAD("c"),
						.sightings = some,
						.sightings_len = 2 });
	remembers("c", both, "");
}
END_TEST

START_TEST(memory_and_events_are_written_together_or_not_at_all)
{
	const struct nt_store_memory_change c = {
		.head = HEAD("r"), .begins = true, .sightings = some, .sightings_len = 2
	};
	struct nt_store_event two[2] = { event("r", "{}", T0_US), event("r", "{}", T0_US) };
	int64_t ids[2];

	ck_assert_int_eq(nt_store_alerts_put(store, two, 2, ids, &c, 1, &err), -EEXIST);
	remembers("r", "", "");
	ck_assert_int_eq(nt_store_alerts_put(store, two, 1, ids, &c, 1, &err), 0);
	remembers("r",
		  "r fedcba9876543210 ffffffffffffffff-1 since 0:", " ffffffffffffffff 2-9 7 1-5");
	ck_assert_uint_eq(list(1, "", 10).len, 1);
}
END_TEST

START_TEST(file_without_memories_is_migrated)
{
	close_store();
	run_sql(STORE_UNDO_MEMORIES "PRAGMA user_version = 12");
	open_store();
	remembers("r", "", "");
	change((struct nt_store_memory_change){ .head = HEAD("r"), .begins = true });
	remembers("r", "r fedcba9876543210 ffffffffffffffff-1 since 0:", "");
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("store_events");

	tcase_add_test(tc, event_comes_back_as_it_was_put);
	tcase_add_test(tc, newest_first_by_state_and_rule);
	tcase_add_test(tc, replacing_keeps_the_id);
	tcase_add_test(tc, one_open_event_per_rule_and_group);
	tcase_add_test(tc, events_expire_with_rows_but_open_ones_stay);
	tcase_add_test(tc, resolved_events_are_bounded);
	tcase_add_test(tc, file_without_events_is_migrated);
	tcase_add_test(tc, memory_comes_back_as_it_was_put);
	tcase_add_test(tc, memories_are_of_rules);
	tcase_add_test(tc, memory_and_events_are_written_together_or_not_at_all);
	tcase_add_test(tc, file_without_memories_is_migrated);
	return store_run("store_events", tc);
}
