/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of rules with unseenFor: only groups that are new, under virtual time, over restarts. */
#include "controller/alerts/budget.h"
#include "controller/alerts/pending.h"
#include "controller/alerts/preview.h"
#include "lib/objects/store.h"
#include "tests/unit/alerts_stage.h"

/* New is what was not asked for in an hour; it learns until 100. */
#define LOOK "severity: 60, period: 10s, lookback: 30s, query: rcode = NXDOMAIN, "
#define OF "aggregateBy: [client_namespace, domain], "
#define NEW "unseenFor: 1h, learnFor: 100s"
#define RULE_NEW LOOK OF NEW

#define SHOP_A "{\"client_namespace\":\"shop\",\"domain\":\"a.example\"} "
#define SHOP_B "{\"client_namespace\":\"shop\",\"domain\":\"b.example\"} "
#define DEV_A "{\"client_namespace\":\"dev\",\"domain\":\"a.example\"} "

static struct nt_record row_of(const char *ns, const char *domain, int64_t at_s)
{
	struct nt_record r = row("web-1", at_s, 1);

	r.client_namespace = nt_slice_str(ns);
	r.domain = nt_slice_str(domain);
	return r;
}

static void sees(const char *ns, const char *domain, int64_t at_s)
{
	struct nt_record r = row_of(ns, domain, at_s);

	give(&r, 1);
}

/* In steps that no window is shorter than. */
static void go(int64_t to_s)
{
	while (now_s < to_s)
		tick(now_s + 5 < to_s ? now_s + 5 : to_s);
}

static struct nt_alert_rule listed(void)
{
	struct nt_alert_rule rule = { 0 };

	nt_alerts_rules(alerts, copy_rule, &rule);
	return rule;
}

static bool note_text(void *ctx, const struct nt_alert_rule *rule)
{
	nt_buf_slice(ctx, rule->note);
	return true;
}

static void expect_note(const char *wanted)
{
	_cleanup_buf_ struct nt_buf note = { 0 };

	nt_alerts_rules(alerts, note_text, &note);
	ck_assert_str_eq(nt_buf_str(&note), wanted);
}

/* --- what is new ------------------------------------------------------------------------------ */

START_TEST(first_sight_opens_once_and_ends_when_it_is_none_any_more)
{
	begin(RULE_NEW);
	go(120);
	sees("shop", "a.example", 131);
	go(144);
	expect("");
	go(145);
	expect(SHOP_A "1/1 140-140 open\n");
	sees("shop", "a.example", 155);
	for (int64_t s = 175; s < 500; s += 20) { /* it goes on */
		go(s);
		sees("shop", "a.example", s);
	}
	expect(SHOP_A "2/2 140-160 170\n");
}
END_TEST

START_TEST(each_group_is_new_by_itself)
{
	begin(RULE_NEW);
	go(120);
	sees("shop", "a.example", 131);
	go(200);
	sees("dev", "a.example", 201);
	sees("shop", "b.example", 201);
	sees("shop", "a.example", 201);
	go(250);
	ck_assert_uint_eq(nt_alerts_stats(alerts).events_opened, 3);
	ck_assert_uint_eq(listed().remembered, 3);
	ck_assert_uint_eq(nt_alerts_stats(alerts).remembered, 3);
}
END_TEST

START_TEST(seen_within_the_time_is_not_new_and_seen_long_ago_is)
{
	begin(RULE_NEW);
	go(120);
	sees("shop", "a.example", 131);
	go(3720);
	sees("shop", "a.example", 131 + 3599);
	go(7300);
	expect(SHOP_A "1/1 140-160 170\n");
	sees("shop", "a.example", 131 + 3599 + 3600);
	go(7400);
	expect(SHOP_A "1/1 140-160 170\n" SHOP_A "1/1 7340-7360 7370\n");
}
END_TEST

START_TEST(figure_has_to_be_met_while_it_is_new)
{
	begin(LOOK OF NEW ", metric: count, condition: gte, threshold: 3");
	go(120);
	sees("shop", "a.example", 131);
	sees("shop", "b.example", 131);
	go(150);
	sees("shop", "a.example", 151);
	sees("shop", "a.example", 152);
	sees("shop", "b.example", 151);
	go(170);
	for (int i = 0; i < 3; i++) /* enough, but 131 is past */
		sees("shop", "b.example", 171);
	go(300);
	expect(SHOP_A "3/3 160-160 170\n");
}
END_TEST

START_TEST(late_reply_is_no_sighting)
{
	struct nt_record r;

	begin(RULE_NEW);
	go(120);
	r = row_of("shop", "a.example", 121);
	r.late = true;
	r.count = r.queries = 0;
	give(&r, 1);
	go(200);
	expect("");
	sees("shop", "a.example", 201);
	go(220);
	expect(SHOP_A "1/1 210-210 open\n");
}
END_TEST

/* --- learning --------------------------------------------------------------------------------- */

START_TEST(learns_before_it_tells)
{
	begin(RULE_NEW);
	expect_note("learning until 2026-11-23T06:01:40Z what there is: no event opens before");
	ck_assert_int_eq(listed().known_since_us, T0_US);
	ck_assert_int_eq(listed().learning_until_us, T0_US + 100 * S);
	go(90);
	sees("shop", "a.example", 99);
	sees("shop", "b.example", 100);
	go(130);
	expect(SHOP_B "1/1 110-120 open\n");
	sees("shop", "a.example", 131);
	go(200);
	expect(SHOP_B "1/1 110-130 140\n");
	expect_note("");
	ck_assert_int_eq(listed().known_since_us, T0_US);
	ck_assert_int_eq(listed().learning_until_us, 0);
}
END_TEST

START_TEST(a_restart_does_not_make_it_learn_anew)
{
	begin(RULE_NEW);
	go(50);
	restart_at(60);
	ck_assert_int_eq(listed().known_since_us, T0_US);
	ck_assert_int_eq(listed().learning_until_us, T0_US + 100 * S);
	go(120);
	sees("shop", "a.example", 121);
	go(140);
	expect(SHOP_A "1/1 130-130 open\n");
}
END_TEST

/* A rule comes within a second; what was seen in the one in which it had learned went untold. */
START_TEST(learns_for_whole_seconds)
{
	struct nt_record r;

	store_mkdir(objects_folder);
	write_rule(RULE_NEW);
	start(0);
	ck_assert_int_eq(nt_alerts_tick(alerts, T0_US + 700000, &err), 0);
	ck_assert_int_eq(listed().known_since_us, T0_US + 700000);
	ck_assert_int_eq(listed().learning_until_us, T0_US + 100 * S);
	go(100);
	ck_assert_int_eq(listed().learning_until_us, 0);
	r = row_of("shop", "a.example", 100);
	r.start_us += 100000;
	give(&r, 1);
	go(120);
	expect(SHOP_A "1/1 110-110 open\n");
}
END_TEST

/* --- restarts --------------------------------------------------------------------------------- */

/* A kill -9 each few seconds, at other ones in each round. */
START_TEST(restart_at_any_second_changes_nothing)
{
	begin(RULE_NEW);
	sees("shop", "b.example", 5);
	go(110);
	sees("shop", "a.example", 131);
	sees("dev", "a.example", 162);
	sees("shop", "a.example", 163);
	sees("shop", "b.example", 163);
	for (int64_t s = 111; s <= 260; s++) {
		if (s % 13 == _i)
			restart_at(s);
		else
			tick(s);
	}
	expect(SHOP_A "1/1 140-160 170\n" DEV_A "1/1 170-190 200\n");
}
END_TEST

START_TEST(what_was_told_and_what_was_learned_outlasts_a_kill)
{
	begin(RULE_NEW);
	sees("shop", "b.example", 50);
	go(120);
	sees("shop", "a.example", 131);
	go(146); /* its event has just opened */
	restart_at(2500);
	ck_assert_uint_eq(listed().remembered, 2);
	go(2520);
	sees("shop", "a.example", 2521);
	sees("shop", "b.example", 2521);
	sees("dev", "a.example", 2521);
	go(2600);
	expect(SHOP_A "1/1 140-140 1910\n" DEV_A "1/1 2530-2550 2560\n");
}
END_TEST

/* Its windows closed unseen, and are too old after the start: it is new when it comes again. */
START_TEST(what_no_window_told_of_is_not_known)
{
	begin(RULE_NEW);
	go(120);
	sees("shop", "a.example", 131);
	go(132);
	restart_at(2500);
	sees("shop", "a.example", 2521);
	go(2600);
	expect(SHOP_A "1/1 2530-2550 2560\n");
}
END_TEST

START_TEST(long_use_is_remembered_over_a_kill)
{
	begin(RULE_NEW);
	for (int64_t s = 120; s < 9000; s += 300) {
		go(s);
		sees("shop", "a.example", s);
	}
	restart_at(12000); /* 49 minutes later */
	go(12020);
	sees("shop", "a.example", 12021);
	go(12100);
	ck_assert_uint_eq(nt_alerts_stats(alerts).events_opened, 0);
	expect(SHOP_A "1/1 130-150 160\n");
}
END_TEST

/* Another controller evaluates meanwhile, and writes what it sees. */
START_TEST(who_rests_holds_no_memory_and_reads_it_again)
{
	begin(RULE_NEW);
	sees("shop", "a.example", 50);
	go(200);
	nt_alerts_rest(alerts);
	ck_assert_uint_eq(nt_alerts_stats(alerts).remembered, 0);
	sees("shop", "b.example", 201);
	go(230);
	ck_assert_uint_eq(listed().remembered, 2);
	ck_assert_int_eq(listed().known_since_us, T0_US);
	sees("shop", "a.example", 231);
	go(300);
	expect(SHOP_B "1/1 210-230 240\n");
}
END_TEST

/* The store refuses the tick's transaction once: events and memory alike are made anew. */
START_TEST(what_the_store_did_not_take_is_told_later)
{
	struct nt_store_event there = { .rule = NT_SLICE_LIT("r"),
					.group = NT_SLICE_LIT(SHOP_A),
					.first_seen_us = T0_US + 120 * S,
					.last_seen_us = T0_US + 130 * S };
	int64_t id;

	begin(RULE_NEW);
	go(120);
	sees("shop", "a.example", 131);
	go(144);
	there.group.len--; /* the space behind it */
	ck_assert_int_eq(nt_store_events_put(store, &there, 1, &id, &err), 0);
	now_s = 145;
	ck_assert_int_eq(nt_alerts_tick(alerts, T0_US + now_s * S, &err), -EEXIST);
	there.id = id;
	there.resolved_us = T0_US + 131 * S;
	ck_assert_int_eq(nt_store_events_put(store, &there, 1, &id, &err), 0);
	go(200);
	sees("shop", "a.example", 201);
	go(300);
	expect(SHOP_A "0/0 120-130 131\n" SHOP_A "1/1 140-160 170\n");
}
END_TEST

/* --- late rows -------------------------------------------------------------------------------- */

START_TEST(late_row_is_the_first_sight)
{
	begin(RULE_NEW);
	go(300);
	sees("shop", "a.example", 131);
	go(310);
	expect(SHOP_A "1/1 140-160 170\n");
	sees("shop", "a.example", 311);
	go(400);
	expect(SHOP_A "1/1 140-160 170\n");
}
END_TEST

START_TEST(late_row_before_the_first_sight_opens_no_second_event)
{
	begin(RULE_NEW);
	go(200);
	sees("shop", "a.example", 251);
	go(265);
	expect(SHOP_A "1/1 260-260 open\n");
	sees("shop", "a.example", 235);
	go(266);
	expect(SHOP_A "2/2 240-260 open\n");
	go(300);
	expect(SHOP_A "2/2 240-260 270\n");
	sees("shop", "a.example", 131);
	go(400);
	expect(SHOP_A "2/2 240-260 270\n");
}
END_TEST

/* No window can tell of it any more: it makes nothing known, or its group would never be told. */
START_TEST(what_is_too_late_is_not_known)
{
	begin(RULE_NEW);
	go(1500);
	sees("shop", "a.example", 131);
	go(1520);
	ck_assert_uint_eq(listed().remembered, 0);
	sees("shop", "a.example", 1521);
	go(1540);
	expect(SHOP_A "1/1 1530-1530 open\n");
}
END_TEST

START_TEST(what_is_too_late_keeps_a_group_known)
{
	begin(RULE_NEW);
	go(120);
	sees("shop", "a.example", 131);
	go(3400);
	sees("shop", "a.example", 2500);
	go(3760);
	sees("shop", "a.example", 3761);
	go(3900);
	expect(SHOP_A "1/1 140-160 170\n");
}
END_TEST

/* --- rules that change ------------------------------------------------------------------------ */

static bool count_memory(void *ctx, const struct nt_store_memory *memory)
{
	ck_assert(nt_slice_eq(memory->rule, NT_SLICE_LIT("r")));
	(*(int *)ctx)++;
	return true;
}

static bool count_sighting(void *ctx, const struct nt_store_sighting *sighting)
{
	ck_assert_int_le(sighting->first_us, sighting->last_us);
	(*(int *)ctx)++;
	return true;
}

static void expect_stored(int memories, int sightings)
{
	int m = 0, s = 0;

	ck_assert_int_eq(nt_store_memories(reader, count_memory, &m, &err), 0);
	ck_assert_int_eq(nt_store_sightings(reader, NT_SLICE_LIT("r"), count_sighting, &s, &err),
			 0);
	ck_assert_int_eq(m, memories);
	ck_assert_int_eq(s, sightings);
}

static void know_two(void)
{
	begin(RULE_NEW);
	sees("shop", "a.example", 50);
	sees("shop", "b.example", 50);
	go(200);
	expect_stored(1, 2);
}

static void change_to(const char *spec)
{
	write_rule(spec);
	poll_rules();
}

/* What it knows is of the rows and groups that it looks for. */
START_TEST(other_thresholds_keep_the_memory)
{
	know_two();
	change_to("severity: 9, period: 5s, lookback: 20s, query: rcode = NXDOMAIN, " OF
		  "unseenFor: 2h, metric: count, condition: gte, threshold: 1, learnFor: 60s");
	tick(201);
	ck_assert_uint_eq(listed().remembered, 2);
	ck_assert_int_eq(listed().learning_until_us, 0);
	sees("shop", "a.example", 202);
	sees("dev", "a.example", 202);
	go(220);
	expect(DEV_A "1/1 205-215 open\n");
	restart_at(400);
	ck_assert_uint_eq(listed().remembered, 3);
}
END_TEST

static const char *const other_memories[] = {
	"severity: 60, period: 10s, lookback: 30s, query: rcode = NOERROR, " OF NEW,
	LOOK "aggregateBy: [domain], " NEW,
	LOOK "aggregateBy: [domain, client_namespace], " NEW,
	LOOK OF NEW ", substitutions: [{name: a, values: [b]}]",
};

START_TEST(other_rows_or_groups_are_learned_anew)
{
	know_two();
	change_to(other_memories[_i]);
	tick(201);
	ck_assert_int_eq(listed().known_since_us, T0_US + 201 * S);
	ck_assert_int_eq(listed().learning_until_us, T0_US + 301 * S);
	/* From what its windows reach back to. */
	expect_stored(1, _i == 0 ? 0 : 2);
	go(210);
	sees("dev", "c.example", 211);
	go(290);
	expect("");
}
END_TEST

START_TEST(memory_goes_with_its_rule)
{
	know_two();
	write_rules("");
	poll_rules();
	tick(201);
	expect_stored(0, 0);
	ck_assert_uint_eq(nt_alerts_stats(alerts).remembered, 0);
	change_to(RULE_NEW);
	tick(202);
	ck_assert_int_eq(listed().known_since_us, T0_US + 202 * S);
}
END_TEST

static bool not_synced(void *ctx)
{
	(void)ctx;
	return false;
}

/* After a start, before the API server has answered, no rule is there: once that ended all events
 * in the first second, and would have made each rule learn anew. */
START_TEST(rules_that_are_not_read_yet_are_not_gone)
{
	struct nt_objects_source source;

	know_two();
	sees("dev", "a.example", 201);
	go(216);
	expect(DEV_A "1/1 210-210 open\n");
	stop();
	write_rules("");
	start(0);
	source = *objects->source;
	source.have_synced = not_synced;
	objects->source = &source;
	ck_assert_int_eq(nt_alerts_objects(alerts, objects, &err), 0);
	go(225);
	expect_stored(1, 3);
	expect(DEV_A "1/1 210-210 open\n");
	change_to(RULE_NEW);
	go(270);
	ck_assert_int_eq(listed().known_since_us, T0_US);
	expect(DEV_A "1/1 210-230 240\n");
	write_rules("");
	poll_rules();
	tick(271);
	expect_stored(1, 3);
	stop();
	start(0); /* it has read all, and there is none */
	tick(272);
	expect_stored(0, 0);
}
END_TEST

START_TEST(memory_goes_with_unseen_for)
{
	know_two();
	change_to(LOOK OF "labels: {a: b}");
	tick(201);
	expect_stored(0, 0);
	sees("shop", "a.example", 202);
	go(220);
	expect(SHOP_A "1/1 210-210 open\n");
}
END_TEST

START_TEST(memory_of_a_disabled_rule_waits)
{
	know_two();
	change_to(RULE_NEW ", disabled: true");
	tick(201);
	expect_stored(1, 2);
	ck_assert_uint_eq(listed().remembered, 0);
	restart_at(300);
	expect_stored(1, 2);
	change_to(RULE_NEW);
	go(310);
	ck_assert_uint_eq(listed().remembered, 2);
	ck_assert_int_eq(listed().known_since_us, T0_US);
	sees("shop", "a.example", 311);
	go(350);
	expect("");
}
END_TEST

START_TEST(what_was_seen_too_long_ago_goes)
{
	know_two();
	go(50 + 3600 + 3600 - 10);
	expect_stored(1, 2);
	go(50 + 3600 + 3600 + 3610);
	expect_stored(1, 0);
	ck_assert_uint_eq(listed().remembered, 0);
	ck_assert_uint_eq(listed().over, 0);
}
END_TEST

/* --- bounds ----------------------------------------------------------------------------------- */

static const struct nt_rule plain = { .unseen_us = 7 * 86400 * S,
				      .learn_us = S,
				      .lookback_us = 600 * S };

static bool see(struct nt_memory *m, uint64_t group, int64_t at_s, bool *ret_new)
{
	int64_t new_us;
	bool whole = nt_memory_see(m, nt_slice_mem((const char *)&group, sizeof(group)),
				   T0_US + at_s * S, true, &new_us);

	*ret_new = new_us != 0;
	return whole;
}

static void begin_memory(struct nt_memory *m, uint64_t *bytes, uint64_t *groups)
{
	nt_memory_init(m, &plain, bytes, groups);
	ck_assert_int_eq(nt_memory_begin(m, T0_US - 2 * S, &err), 0);
}

/* Those that were not seen for longest go, and the store forgets them, too. */
START_TEST(memory_of_a_rule_is_bounded)
{
	uint64_t bytes = 0, groups = 0, n = 0, told = 0;
	struct nt_store_sighting stored;
	struct nt_memory m;
	size_t at = 0;
	bool is_new;

	begin_memory(&m, &bytes, &groups);
	for (; n < NT_MEMORY_GROUPS_MAX; n++)
		ck_assert(see(&m, n, (int64_t)n, &is_new) && is_new);
	while (nt_memory_take(&m, INT64_MAX, false, &at, &stored))
		told++;
	ck_assert_uint_eq(told, n);
	ck_assert(see(&m, 0, (int64_t)n, &is_new)); /* the oldest, but used */
	ck_assert_uint_eq(m.forgotten, 0);
	ck_assert(see(&m, n, (int64_t)n, &is_new) && is_new);
	ck_assert_uint_eq(m.forgotten, NT_MEMORY_GROUPS_MAX / 16 + 1);
	ck_assert_uint_eq(m.len, NT_MEMORY_GROUPS_MAX - m.forgotten + 1);
	ck_assert_uint_eq(groups, m.len);
	ck_assert_int_eq(m.forget_us, T0_US + (NT_MEMORY_GROUPS_MAX / 16 + 2) * S);
	ck_assert_uint_le(bytes, 3 << 20);
	at = told = 0; /* what the store forgets of those that stay, and the new one */
	while (nt_memory_take(&m, INT64_MAX, false, &at, &stored))
		told++;
	ck_assert_uint_eq(told, 2);
	for (n = 0; n < NT_MEMORY_GROUPS_MAX; n += 1000) {
		ck_assert(see(&m, n, NT_MEMORY_GROUPS_MAX, &is_new));
		ck_assert((int64_t)n > 0 || is_new);
	}
	nt_memory_done(&m);
	ck_assert_uint_eq(bytes + groups, 0);
}
END_TEST

START_TEST(memories_are_bounded_together)
{
	uint64_t bytes = 0, groups = NT_MEMORY_ALL_MAX - 100;
	struct nt_memory m, other;
	bool is_new;

	begin_memory(&m, &bytes, &groups);
	begin_memory(&other, &bytes, &groups);
	for (uint64_t i = 0; i < 300; i++)
		ck_assert(see(&m, i, (int64_t)i, &is_new));
	ck_assert_uint_le(groups, NT_MEMORY_ALL_MAX);
	ck_assert_uint_ge(m.forgotten, 200);
	groups = NT_MEMORY_ALL_MAX;
	ck_assert(!see(&other, 1, 1, &is_new) && !is_new); /* it has none to forget */
	bytes = NT_ALERT_BYTES_MAX;
	groups = 0;
	ck_assert(!see(&other, 1, 1, &is_new) && !is_new);
	bytes = m.table_len * sizeof(*m.table);
	groups = m.len;
	nt_memory_done(&m);
	nt_memory_done(&other);
}
END_TEST

/* More groups than the rule's windows may have: they are counted, and not known. */
START_TEST(groups_that_find_no_room_are_counted)
{
	static char names[30][16];

	store_mkdir(objects_folder);
	write_rule(RULE_NEW);
	start(20);
	tick(0);
	go(120);
	for (size_t i = 0; i < NT_ARRAY_LEN(names); i++) {
		snprintf(names[i], sizeof(names[i]), "n%zu.example", i);
		sees("shop", names[i], 131);
	}
	go(146);
	ck_assert_uint_eq(nt_alerts_stats(alerts).events_opened, 20);
	ck_assert_uint_eq(listed().over, 10);
	ck_assert_uint_eq(listed().remembered, 20);
}
END_TEST

/* More than one tick writes: the rest waits, but not what an event tells of. */
START_TEST(writes_of_a_tick_are_bounded)
{
	uint64_t bytes = 0, groups = 0, told = 3 * NT_MEMORY_WRITES_MAX;
	struct nt_pending pending = { .arena = NT_ARENA(1 << 20) };
	struct nt_memory m;
	bool is_new;

	begin_memory(&m, &bytes, &groups);
	for (uint64_t i = 0; i <= told; i++)
		ck_assert(see(&m, i, 1, &is_new));
	nt_memory_tell(&m, nt_slice_mem((const char *)&told, sizeof(told)));
	ck_assert(nt_memory_is_due(&m, T0_US));
	nt_pending_remember(&pending, NT_SLICE_LIT("r"), &m, T0_US + 700 * S);
	ck_assert_uint_ge(pending.changes[0].sightings_len, NT_MEMORY_WRITES_MAX);
	ck_assert_uint_le(pending.changes[0].sightings_len, NT_MEMORY_WRITES_MAX + 1);
	ck_assert(pending.changes[0].begins);
	ck_assert(!nt_memory_is_due(&m, T0_US + 59 * S));
	ck_assert(nt_memory_is_due(&m, T0_US + 60 * S));
	nt_pending_remember(&pending, NT_SLICE_LIT("r"), &m, T0_US + 700 * S);
	ck_assert_uint_eq(pending.changes[1].sightings_len, NT_MEMORY_WRITES_MAX);
	ck_assert(!pending.changes[1].begins);
	nt_pending_done(&pending);
	nt_memory_done(&m);
}
END_TEST

/* --- previews --------------------------------------------------------------------------------- */

static struct nt_preview preview(int64_t from_s, int64_t to_s, int64_t budget_ns,
				 struct nt_buf *out)
{
	const struct nt_preview_config config = { .from_us = T0_US + from_s * S,
						  .to_us = T0_US + to_s * S,
						  .budget_ns = budget_ns };
	struct nt_object_problem problem = { 0 };
	struct nt_preview p;

	ck_assert_msg(nt_preview_run(store, reader,
				     nt_objects_at(objects, NT_SLICE_LIT("GlobalAlert"), 0),
				     &config, describe, out, &p, &problem, &err) == 0,
		      "%s %s", err.msg, problem.msg);
	return p;
}

START_TEST(preview_learns_from_the_rows_of_before)
{
	_cleanup_buf_ struct nt_buf out = { 0 };
	struct nt_preview p;

	begin(RULE_NEW ", disabled: true");
	sees("shop", "z.example", 0);
	sees("shop", "a.example", 3000);
	sees("shop", "a.example", 6001);
	sees("shop", "b.example", 6001);
	p = preview(6000, 6100, INT64_MAX / 2, &out);
	ck_assert_str_eq(nt_buf_str(&out), SHOP_B "1/1 6010-6030 6040\n");
	ck_assert_int_eq(p.known_since_us, T0_US + (6010 - 30 - 3600) * S);
	ck_assert_int_eq(p.learning_until_us, 0);
	ck_assert_uint_eq(p.rows, 2);
	nt_buf_reset(&out); /* its time is over before the past is read */
	p = preview(6000, 6100, 2, &out);
	ck_assert_int_eq(p.known_since_us, T0_US + (6010 - 30) * S);
	ck_assert_int_eq(p.learning_until_us, T0_US + (6010 - 30 + 100) * S);
	nt_buf_reset(&out); /* from the first row on */
	p = preview(-100, 6100, INT64_MAX / 2, &out);
	ck_assert_int_eq(p.known_since_us, T0_US);
	ck_assert_int_eq(p.learning_until_us, T0_US + 100 * S);
	ck_assert_str_eq(nt_buf_str(&out),
			 SHOP_B "1/1 6010-6030 6040\n" SHOP_A "1/1 3010-3030 3040\n");
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("unseen");

	tcase_add_checked_fixture(tc, NULL, stop);
	tcase_add_test(tc, first_sight_opens_once_and_ends_when_it_is_none_any_more);
	tcase_add_test(tc, each_group_is_new_by_itself);
	tcase_add_test(tc, seen_within_the_time_is_not_new_and_seen_long_ago_is);
	tcase_add_test(tc, figure_has_to_be_met_while_it_is_new);
	tcase_add_test(tc, late_reply_is_no_sighting);
	tcase_add_test(tc, learns_before_it_tells);
	tcase_add_test(tc, learns_for_whole_seconds);
	tcase_add_test(tc, a_restart_does_not_make_it_learn_anew);
	tcase_add_loop_test(tc, restart_at_any_second_changes_nothing, 0, 13);
	tcase_add_test(tc, what_was_told_and_what_was_learned_outlasts_a_kill);
	tcase_add_test(tc, what_no_window_told_of_is_not_known);
	tcase_add_test(tc, long_use_is_remembered_over_a_kill);
	tcase_add_test(tc, who_rests_holds_no_memory_and_reads_it_again);
	tcase_add_test(tc, what_the_store_did_not_take_is_told_later);
	tcase_add_test(tc, late_row_is_the_first_sight);
	tcase_add_test(tc, late_row_before_the_first_sight_opens_no_second_event);
	tcase_add_test(tc, what_is_too_late_is_not_known);
	tcase_add_test(tc, what_is_too_late_keeps_a_group_known);
	tcase_add_test(tc, other_thresholds_keep_the_memory);
	tcase_add_loop_test(tc, other_rows_or_groups_are_learned_anew, 0,
			    NT_ARRAY_LEN(other_memories));
	tcase_add_test(tc, memory_goes_with_its_rule);
	tcase_add_test(tc, rules_that_are_not_read_yet_are_not_gone);
	tcase_add_test(tc, memory_goes_with_unseen_for);
	tcase_add_test(tc, memory_of_a_disabled_rule_waits);
	tcase_add_test(tc, what_was_seen_too_long_ago_goes);
	tcase_add_test(tc, memory_of_a_rule_is_bounded);
	tcase_add_test(tc, memories_are_bounded_together);
	tcase_add_test(tc, groups_that_find_no_room_are_counted);
	tcase_add_test(tc, writes_of_a_tick_are_bounded);
	tcase_add_test(tc, preview_learns_from_the_rows_of_before);
	return store_run("alert_unseen", tc);
}
