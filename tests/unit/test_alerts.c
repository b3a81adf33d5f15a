/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of alert rules under virtual time, with a real store and a real folder of objects. */
#include "tests/unit/alerts_stage.h"

/* --- stories ---------------------------------------------------------------------------------- */

START_TEST(opens_within_one_period_and_resolves_by_absence)
{
	begin(RULE);
	asks("a", 41, 5);
	tick_to(54);
	expect("");
	tick_to(55); /* the window that ends at 50 is closed */
	expect("{\"client_name\":\"a\"} 5/5 50-50 open\n");
	tick_to(70);
	expect("{\"client_name\":\"a\"} 5/5 50-60 open\n");
	tick_to(84);
	expect("{\"client_name\":\"a\"} 5/5 50-70 open\n");
	tick_to(85);
	expect("{\"client_name\":\"a\"} 5/5 50-70 80\n");
	tick_to(200);
	expect("{\"client_name\":\"a\"} 5/5 50-70 80\n");
}
END_TEST

START_TEST(threshold_is_met_over_the_whole_lookback)
{
	begin(RULE);
	asks("a", 31, 2);
	asks("a", 41, 2);
	tick_to(58);
	asks("a", 51, 1);
	tick_to(64);
	expect("");
	tick_to(65);
	expect("{\"client_name\":\"a\"} 5/5 60-60 open\n");
	tick_to(75); /* what was at 31 is past */
	expect("{\"client_name\":\"a\"} 5/5 60-60 70\n");
}
END_TEST

START_TEST(one_open_event_per_group_with_value_and_peak)
{
	begin(RULE);
	asks("a", 41, 5);
	asks("b", 42, 4);
	asks("a", 43, 1);
	tick_to(55);
	expect("{\"client_name\":\"a\"} 6/6 50-50 open\n");
	asks("a", 55, 10);
	asks("b", 55, 7);
	tick_to(66);
	expect("{\"client_name\":\"a\"} 16/16 50-60 open\n{\"client_name\":\"b\"} 11/11 60-60 "
	       "open\n");
	tick_to(96);
	expect("{\"client_name\":\"a\"} 10/16 50-80 90\n{\"client_name\":\"b\"} 7/11 60-80 90\n");
	asks("a", 95, 9);
	tick_to(106);
	expect("{\"client_name\":\"a\"} 10/16 50-80 90\n{\"client_name\":\"b\"} 7/11 60-80 90\n"
	       "{\"client_name\":\"a\"} 9/9 100-100 open\n");
}
END_TEST

static bool check_words(void *ctx, const struct nt_store_event *e)
{
	(void)ctx;
	ck_assert(nt_slice_eq(e->rule, NT_SLICE_LIT("r")));
	ck_assert_msg(nt_slice_eq(e->summary, NT_SLICE_LIT("it's \"a\": 5")), "%.*s",
		      NT_SLICE_ARG(e->summary));
	ck_assert(nt_slice_eq(
		e->query, NT_SLICE_LIT("(rcode = NXDOMAIN) AND client_name = \"it's \"\"a\"\"\"")));
	ck_assert(nt_slice_eq(e->metric, NT_SLICE_LIT("count")));
	ck_assert(nt_slice_eq(e->condition, NT_SLICE_LIT("gt")));
	ck_assert_uint_eq(e->severity, 60);
	ck_assert(e->threshold == 4);
	return true;
}

START_TEST(event_leads_to_its_rows)
{
	struct rows_behind b = { 0 };
	struct nt_store_range range = everything();

	begin(RULE);
	asks("it's \"a\"", 41, 5);
	asks("b", 41, 4);
	tick_to(85);
	ck_assert_int_eq(nt_store_events(reader, 0, NT_SLICE_LIT("r"), 1, check_words, NULL, &err),
			 0);
	asks("it's \"a\"", 95, 5);
	ck_assert_int_eq(nt_store_events(reader, 0, NT_SLICE_LIT("r"), 1, keep_query, &b, &err), 0);
	range.from_us = b.from_us;
	range.to_us = b.to_us;
	range.filter = query(b.query);
	ck_assert_uint_eq(total(&range).count, 5);
	nt_query_free((struct nt_query *)(uintptr_t)range.filter);
}
END_TEST

START_TEST(only_rows_that_figures_count)
{
	struct nt_record r[5];

	begin(RULE);
	for (int i = 0; i < 5; i++)
		r[i] = row("a", 41, 9);
	r[0].side = NT_SIDE_SERVER;
	r[1].role = NT_ROLE_RESOLVER;
	r[2].rcode = 0;
	r[3].type = NT_RECORD_UNLOGGED;
	r[4].start_us = T0_US + 400000 * S; /* a clock that is days ahead */
	give(r, 5);
	tick_to(100);
	expect("");
	ck_assert_uint_eq(nt_alerts_stats(alerts).late_rows, 1);
}
END_TEST

/* Packets, of their own rules alone: live, when they come late, and after a restart. */
START_TEST(packets_that_were_not_logged)
{
	struct nt_record r[3] = { store_unlogged(901, T0_US + 41 * S, 5, "ring_full"),
				  store_unlogged(902, T0_US + 42 * S, 70, "before_tap"),
				  store_unlogged(903, T0_US + 43 * S, 2, "ring_full") };

	begin("severity: 60, period: 10s, lookback: 30s, query: 'type = UNLOGGED AND reason NOTIN "
	      "{before_tap}', metric: count, condition: gt, threshold: 4, aggregateBy: [reason]");
	asks("a", 40, 100);
	give(r, 2);
	tick_to(55);
	expect("{\"reason\":\"ring_full\"} 5/5 50-50 open\n");
	give(&r[2], 1);
	tick(56);
	expect("{\"reason\":\"ring_full\"} 7/7 50-50 open\n");
	restart_at(60);
	tick_to(60 + DELAY_S);
	expect("{\"reason\":\"ring_full\"} 7/7 50-60 open\n");
	tick_to(110);
	expect("{\"reason\":\"ring_full\"} 7/7 50-70 80\n");
}
END_TEST

/* --- what is late ----------------------------------------------------------------------------- */

START_TEST(late_rows_open_what_was_missed)
{
	begin(RULE);
	tick_to(100);
	asks("a", 41, 5);
	tick(101);
	expect("{\"client_name\":\"a\"} 5/5 50-70 80\n");
	tick_to(200);
	expect("{\"client_name\":\"a\"} 5/5 50-70 80\n");
	ck_assert_uint_eq(nt_alerts_stats(alerts).late_rows, 1);
}
END_TEST

START_TEST(late_rows_raise_but_never_resolve_or_repeat)
{
	begin(RULE);
	asks("a", 41, 5);
	tick_to(56);
	asks("a", 42, 3);
	tick(57);
	expect("{\"client_name\":\"a\"} 8/8 50-50 open\n");
	asks("a", 33, 9); /* belongs to windows from 40 on */
	tick(58);
	expect("{\"client_name\":\"a\"} 17/17 40-50 open\n");
	tick_to(90);
	expect("{\"client_name\":\"a\"} 8/17 40-70 80\n");
	asks("a", 45, 50);
	tick_to(100);
	expect("{\"client_name\":\"a\"} 8/17 40-70 80\n");
}
END_TEST

START_TEST(what_is_too_late_is_counted)
{
	begin(RULE);
	tick_to(1000);
	asks("a", 41, 5);
	tick_to(1020);
	expect("");
	ck_assert_uint_eq(nt_alerts_stats(alerts).late_rows, 1);
}
END_TEST

/* --- restarts --------------------------------------------------------------------------------- */

START_TEST(restart_goes_on_with_the_open_event)
{
	begin(RULE);
	asks("a", 41, 5);
	tick_to(56);
	restart_at(57);
	tick_to(70);
	expect("{\"client_name\":\"a\"} 5/5 50-60 open\n");
	tick_to(86);
	expect("{\"client_name\":\"a\"} 5/5 50-70 80\n");
	restart_at(87);
	tick_to(200);
	expect("{\"client_name\":\"a\"} 5/5 50-70 80\n");
}
END_TEST

START_TEST(restart_loses_no_window)
{
	begin(RULE);
	asks("a", 41, 5);
	tick_to(44);
	restart_at(150); /* all of its windows have closed meanwhile */
	tick_to(154);
	expect("");
	tick_to(155);
	expect("{\"client_name\":\"a\"} 5/5 50-70 80\n");
}
END_TEST

START_TEST(rows_that_agents_kept_meanwhile_count)
{
	begin(RULE);
	asks("a", 41, 3);
	tick_to(44);
	restart_at(60);
	asks("a", 43, 3);
	tick_to(66);
	expect("{\"client_name\":\"a\"} 6/6 50-60 open\n");
}
END_TEST

START_TEST(restart_at_any_second_changes_nothing)
{
	begin(RULE);
	tick_to(30);
	asks("a", 31, 5);
	asks("a", 62, 9);
	asks("b", 62, 5);
	for (int64_t s = 31; s <= 130; s++) {
		if (s % 9 == _i)
			restart_at(s);
		else
			tick(s);
	}
	expect("{\"client_name\":\"a\"} 9/9 40-90 100\n{\"client_name\":\"b\"} 5/5 70-90 100\n");
}
END_TEST

/* What is evaluated again are windows of a former event, too: they are not this one's. */
START_TEST(restart_keeps_two_events_apart)
{
	begin(RULE);
	asks("a", 41, 9);
	tick_to(100);
	asks("a", 121, 5);
	tick_to(136);
	expect("{\"client_name\":\"a\"} 9/9 50-70 80\n{\"client_name\":\"a\"} 5/5 130-130 open\n");
	restart_at(137);
	tick_to(200);
	expect("{\"client_name\":\"a\"} 9/9 50-70 80\n{\"client_name\":\"a\"} 5/5 130-150 160\n");
}
END_TEST

/* Another controller evaluated meanwhile, or nobody did. */
START_TEST(rest_ends_as_a_restart_does)
{
	begin(RULE);
	asks("a", 41, 5);
	tick_to(56);
	nt_alerts_rest(alerts);
	asks("b", 62, 9);
	nt_alerts_rest(alerts);
	expect("{\"client_name\":\"a\"} 5/5 50-50 open\n");
	ck_assert_uint_eq(nt_alerts_stats(alerts).groups, 0);
	tick(150);
	expect("{\"client_name\":\"a\"} 5/5 50-70 80\n{\"client_name\":\"b\"} 9/9 70-90 100\n");
	asks("a", 151, 5);
	tick_to(166);
	expect("{\"client_name\":\"a\"} 5/5 50-70 80\n{\"client_name\":\"b\"} 9/9 70-90 100\n"
	       "{\"client_name\":\"a\"} 5/5 160-160 open\n");
}
END_TEST

START_TEST(rule_that_changes_while_it_rests_misses_nothing)
{
	begin(RULE ", disabled: true");
	tick_to(30);
	nt_alerts_rest(alerts);
	asks("a", 41, 5);
	write_rule(RULE);
	poll_rules();
	tick(150);
	expect("{\"client_name\":\"a\"} 5/5 50-70 80\n");
}
END_TEST

START_TEST(event_of_a_rule_that_is_gone_is_resolved)
{
	begin(RULE);
	asks("a", 41, 5);
	tick_to(56);
	write_rules("# none\n");
	poll_rules();
	tick(57);
	expect("{\"client_name\":\"a\"} 5/5 50-50 57\n");
	write_rule(RULE);
	poll_rules();
	tick(58);
	expect("{\"client_name\":\"a\"} 5/5 50-50 57\n");
	asks("a", 56, 5);
	tick_to(66); /* it fires still, so that is another event */
	expect("{\"client_name\":\"a\"} 5/5 50-50 57\n{\"client_name\":\"a\"} 10/10 60-60 open\n");
	stop();
	write_rules("# none\n");
	start(0);
	tick(67);
	expect("{\"client_name\":\"a\"} 5/5 50-50 57\n{\"client_name\":\"a\"} 10/10 60-60 67\n");
}
END_TEST

/* --- rules that change ------------------------------------------------------------------------ */

START_TEST(refused_rule_goes_on_in_its_last_good_form)
{
	struct nt_alert_rule listed = { 0 };

	begin(RULE);
	write_rule("severity: 60, metric: cuont");
	poll_rules();
	nt_alerts_rules(alerts, copy_rule, &listed);
	ck_assert(!listed.accepted &&
		  nt_slice_eq(listed.problem_field, NT_SLICE_LIT("spec.metric")));
	ck_assert(nt_slice_eq(listed.query, NT_SLICE_LIT("rcode = NXDOMAIN")));
	ck_assert_uint_eq(nt_alerts_stats(alerts).rules_refused, 1);
	asks("a", 41, 5);
	tick_to(55);
	expect("{\"client_name\":\"a\"} 5/5 50-50 open\n");
	write_rule(RULE);
	poll_rules();
	tick(56);
	nt_alerts_rules(alerts, copy_rule, &listed);
	ck_assert(listed.accepted && listed.open_events == 1);
	ck_assert_uint_eq(nt_alerts_stats(alerts).rules_refused, 0);
	tick_to(90);
	expect("{\"client_name\":\"a\"} 5/5 50-70 80\n");
}
END_TEST

static struct nt_slice text_of_next(struct nt_buf *out, uint64_t *ret_ticket)
{
	return nt_alerts_selftest_next(alerts, out, ret_ticket) ? nt_slice_mem(out->p, out->len)
								: (struct nt_slice){ 0 };
}

/* A result belongs to the form that was tested, and one that came too late to none. */
START_TEST(each_form_of_a_rule_waits_for_its_test)
{
	const struct nt_selftest passed = { .state = NT_SELFTEST_PASSED };
	const struct nt_selftest failed = { .state = NT_SELFTEST_FAILED };
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_alert_rule listed = { 0 };
	uint64_t first, second, standing;

	begin(RULE);
	nt_alerts_rules(alerts, copy_rule, &listed);
	ck_assert_int_eq(listed.selftest->state, NT_SELFTEST_PENDING);
	ck_assert_uint_eq(nt_alerts_stats(alerts).selftests_pending, 1);
	ck_assert(text_of_next(&text, &first).len > 0);
	write_rule(RULE ", cooldown: 60s");
	poll_rules();
	ck_assert(text_of_next(&text, &second).len > 0);
	ck_assert_uint_gt(second, first);
	ck_assert_ptr_nonnull(strstr(text.p, "cooldown"));
	nt_alerts_selftest_done(alerts, first, &failed);
	nt_alerts_rules(alerts, copy_rule, &listed);
	ck_assert_int_eq(listed.selftest->state, NT_SELFTEST_PENDING);
	standing = nt_alerts_standing(alerts);
	/* A mistake: the form from before goes on, and so does its test. */
	write_rule(RULE ", cooldown: soon");
	poll_rules();
	ck_assert_uint_gt(nt_alerts_standing(alerts), standing);
	standing = nt_alerts_standing(alerts);
	ck_assert(text_of_next(&text, &second).len > 0);
	ck_assert_ptr_nonnull(strstr(text.p, "60s"));
	nt_alerts_selftest_done(alerts, second, &passed);
	ck_assert_uint_gt(nt_alerts_standing(alerts), standing);
	nt_alerts_rules(alerts, copy_rule, &listed);
	ck_assert(!listed.accepted && listed.selftest->state == NT_SELFTEST_PASSED);
	ck_assert_uint_eq(text_of_next(&text, &second).len, 0);
	ck_assert_uint_eq(nt_alerts_stats(alerts).selftests, 2);
	/* What did not change is not tested again. */
	ck_assert_int_eq(nt_alerts_objects(alerts, objects, &err), 0);
	ck_assert_uint_eq(text_of_next(&text, &second).len, 0);
}
END_TEST

START_TEST(rule_that_never_was_right_is_listed)
{
	struct nt_alert_rule listed = { 0 };

	begin("severity: 0");
	nt_alerts_rules(alerts, copy_rule, &listed);
	ck_assert(nt_slice_eq(listed.name, NT_SLICE_LIT("r")) && !listed.accepted);
	asks("a", 41, 5);
	tick_to(100);
	expect("");
}
END_TEST

START_TEST(changed_rule_keeps_the_events_of_its_groups)
{
	begin(RULE);
	asks("a", 41, 5);
	tick_to(56);
	write_rule("severity: 1, period: 10s, lookback: 30s, query: rcode = NXDOMAIN, "
		   "aggregateBy: [client_name]");
	poll_rules();
	tick_to(66);
	expect("{\"client_name\":\"a\"} 5/5 50-60 open\n");
	write_rule("severity: 1, period: 10s, lookback: 30s, query: rcode = NXDOMAIN, "
		   "aggregateBy: [qname]");
	poll_rules();
	tick(67);
	expect("{\"client_name\":\"a\"} 5/5 50-60 67\n{\"qname\":\"nowhere.test\"} 5/5 60-60 "
	       "open\n");
}
END_TEST

START_TEST(other_objects_disturb_nothing)
{
	begin(RULE);
	asks("a", 41, 5);
	tick_to(50);
	write_rules("apiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n---\n"
		    "apiVersion: nametap.io/v1alpha1\nkind: GlobalAlert\nmetadata: {name: r}\n"
		    "spec: {" RULE "}\n");
	poll_rules();
	asks("a", 42, 5);
	tick_to(55);
	expect("{\"client_name\":\"a\"} 10/10 50-50 open\n");
}
END_TEST

START_TEST(new_rule_looks_back_once)
{
	store_mkdir(objects_folder);
	start(0);
	tick(0);
	tick_to(40);
	asks("old", 11, 9);
	asks("a", 41, 5);
	tick_to(70);
	write_rule(RULE);
	poll_rules();
	tick(71); /* the window up to 60: what was at 11 is history */
	expect("{\"client_name\":\"a\"} 5/5 60-60 open\n");
}
END_TEST

/* Nothing is known of the time before the log began, nor of what agents still hold after a restart.
 */
START_TEST(silence_is_told_of_known_time_only)
{
	begin("severity: 1, period: 10s, lookback: 30s, metric: count, condition: lt, threshold: "
	      "1");
	tick_to(34);
	expect("");
	tick_to(35);
	expect("{} 0/0 30-30 open\n");
	asks("a", 35, 1);
	tick_to(45);
	expect("{} 0/0 30-30 40\n");
	tick_to(64);
	stop();
	start(0);
	tick(200);
	tick_to(204);
	asks("a", 190, 1); /* what its agent kept */
	tick_to(234);
	expect("{} 0/0 30-30 40\n");
	tick_to(235);
	expect("{} 0/0 30-30 40\n{} 0/0 230-230 open\n");
}
END_TEST

START_TEST(late_replies_are_no_lookups)
{
	struct nt_record late = store_late(900, T0_US + 41 * S, "slow.test", 899);

	begin("severity: 1, period: 10s, lookback: 10s, aggregateBy: [client_name]");
	give(&late, 1);
	tick_to(56);
	expect("");
	write_rule("severity: 1, period: 10s, lookback: 10s, query: late = true");
	poll_rules();
	tick(57);
	expect("{\"node\":\"n1\",\"id\":\"0000000000000384\"} 0/0 50-50 open\n");
}
END_TEST

/* --- bounds and faults ------------------------------------------------------------------------ */

START_TEST(groups_are_bounded_and_room_comes_back)
{
	char names[50][16];

	store_mkdir(objects_folder);
	write_rule(RULE);
	start(20);
	tick(0);
	for (int i = 0; i < 50; i++) {
		snprintf(names[i], sizeof(names[i]), "c%d", i);
		asks(names[i], 1, 1);
	}
	ck_assert_uint_eq(nt_alerts_stats(alerts).groups, 20);
	ck_assert_uint_eq(nt_alerts_stats(alerts).groups_over, 30);
	tick_to(700);
	ck_assert_uint_eq(nt_alerts_stats(alerts).groups, 0);
	asks("late-comer", 700, 5);
	tick_to(716);
	expect("{\"client_name\":\"late-comer\"} 5/5 710-710 open\n");
}
END_TEST

START_TEST(open_events_are_bounded)
{
	enum { CLIENTS = 1200 };
	static char names[CLIENTS][16];
	static struct nt_record r[CLIENTS];
	struct nt_alert_rule listed;

	begin(RULE);
	for (int i = 0; i < CLIENTS; i++) {
		snprintf(names[i], sizeof(names[i]), "c%d", i);
		r[i] = row(names[i], 41, 5);
	}
	give(r, CLIENTS);
	tick_to(55);
	nt_alerts_rules(alerts, copy_rule, &listed);
	ck_assert_uint_eq(listed.open_events, 1000);
	ck_assert_uint_eq(nt_alerts_stats(alerts).groups_over, 200);
	tick_to(85);
	nt_alerts_rules(alerts, copy_rule, &listed);
	ck_assert_uint_eq(listed.open_events, 0);
	ck_assert_uint_eq(nt_alerts_stats(alerts).events_resolved, 1000);
}
END_TEST

START_TEST(clock_that_jumps)
{
	begin(RULE);
	asks("a", 41, 5);
	tick_to(56);
	tick(1000000); /* the machine slept */
	expect("{\"client_name\":\"a\"} 5/5 50-50 999400\n");
	tick(60); /* the clock was wrong */
	asks("b", 61, 5);
	tick_to(80);
	expect("{\"client_name\":\"a\"} 5/5 50-50 999400\n{\"client_name\":\"a\"} 5/5 60-70 "
	       "open\n{\"client_name\":\"b\"} 5/5 70-70 open\n");
}
END_TEST

/* The event is in the store already, as after a mistake of ours: the tick fails, starts over from
 * the store and goes on with what is there. */
START_TEST(store_that_refuses_is_asked_again)
{
	struct nt_store_event there = { .rule = NT_SLICE_LIT("r"),
					.group = NT_SLICE_LIT("{\"client_name\":\"a\"}"),
					.first_seen_us = T0_US + 40 * S,
					.last_seen_us = T0_US + 40 * S,
					.value = 1,
					.peak = 1 };
	int64_t id;

	begin(RULE);
	asks("a", 41, 5);
	tick_to(54);
	ck_assert_int_eq(nt_store_events_put(store, &there, 1, &id, &err), 0);
	ck_assert_int_eq(nt_alerts_tick(alerts, T0_US + 55 * S, &err), -EEXIST);
	now_s = 55;
	tick_to(64);
	expect("{\"client_name\":\"a\"} 1/1 40-40 open\n");
	tick_to(65);
	expect("{\"client_name\":\"a\"} 5/5 40-60 open\n");
	tick_to(90);
	expect("{\"client_name\":\"a\"} 5/5 40-70 80\n");
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("alerts");

	tcase_add_checked_fixture(tc, NULL, stop);
	tcase_add_test(tc, opens_within_one_period_and_resolves_by_absence);
	tcase_add_test(tc, threshold_is_met_over_the_whole_lookback);
	tcase_add_test(tc, one_open_event_per_group_with_value_and_peak);
	tcase_add_test(tc, event_leads_to_its_rows);
	tcase_add_test(tc, only_rows_that_figures_count);
	tcase_add_test(tc, packets_that_were_not_logged);
	tcase_add_test(tc, late_rows_open_what_was_missed);
	tcase_add_test(tc, late_rows_raise_but_never_resolve_or_repeat);
	tcase_add_test(tc, what_is_too_late_is_counted);
	tcase_add_test(tc, restart_goes_on_with_the_open_event);
	tcase_add_test(tc, restart_loses_no_window);
	tcase_add_test(tc, rows_that_agents_kept_meanwhile_count);
	tcase_add_loop_test(tc, restart_at_any_second_changes_nothing, 0, 9);
	tcase_add_test(tc, restart_keeps_two_events_apart);
	tcase_add_test(tc, rest_ends_as_a_restart_does);
	tcase_add_test(tc, rule_that_changes_while_it_rests_misses_nothing);
	tcase_add_test(tc, event_of_a_rule_that_is_gone_is_resolved);
	tcase_add_test(tc, refused_rule_goes_on_in_its_last_good_form);
	tcase_add_test(tc, rule_that_never_was_right_is_listed);
	tcase_add_test(tc, changed_rule_keeps_the_events_of_its_groups);
	tcase_add_test(tc, other_objects_disturb_nothing);
	tcase_add_test(tc, new_rule_looks_back_once);
	tcase_add_test(tc, silence_is_told_of_known_time_only);
	tcase_add_test(tc, late_replies_are_no_lookups);
	tcase_add_test(tc, groups_are_bounded_and_room_comes_back);
	tcase_add_test(tc, each_form_of_a_rule_waits_for_its_test);
	tcase_add_test(tc, open_events_are_bounded);
	tcase_add_test(tc, clock_that_jumps);
	tcase_add_test(tc, store_that_refuses_is_asked_again);
	return store_run("alerts", tc);
}
