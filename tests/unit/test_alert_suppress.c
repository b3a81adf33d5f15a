/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of acknowledged and suppressed events under virtual time, with a real store: what is told
 * of them, and when. */
#include "tests/unit/alerts_stage.h"

static void use(void)
{
	const struct nt_slice one = NT_SLICE_LIT("one");
	uint64_t forgotten;

	ck_assert_int_eq(nt_store_outbox_use(store, &one, 1, &forgotten, &err), 0);
}

static void begin_told(const char *spec)
{
	begin(spec);
	use();
}

/* The whole process. */
static void kill_and_start_at(int64_t at_s)
{
	stop();
	close_store();
	open_store();
	use();
	start(0);
	tick(at_s);
}

static int64_t suppress(const char *rule, const char *group, int64_t until_s)
{
	struct nt_store_suppression s = { .rule = nt_slice_str(rule),
					  .group = nt_slice_str(group),
					  .created_us = T0_US + now_s * S,
					  .until_us = T0_US + until_s * S };

	ck_assert_msg(nt_store_suppress(store, &s, &err) == 0, "%s", err.msg);
	return s.id;
}

static bool describe_notice(void *ctx, const struct nt_store_notice *n)
{
	nt_buf_printf(ctx, "%.*s %s\n", NT_SLICE_ARG(n->event.group),
		      n->change == NT_STORE_OPENED ? "opened" : "resolved");
	return true;
}

static void told_at(int line, const char *wanted)
{
	_cleanup_buf_ struct nt_buf got = { 0 };

	ck_assert_int_eq(
		nt_store_outbox(reader, NT_SLICE_LIT("one"), 100, describe_notice, &got, &err), 0);
	ck_assert_msg(strcmp(nt_buf_str(&got), wanted) == 0, "line %d at %lld:\n%swanted:\n%s",
		      line, (long long)now_s, nt_buf_str(&got), wanted);
}
#define told(wanted) told_at(__LINE__, wanted)

struct newest {
	int64_t id, suppression, acked_us;
};

static bool keep_newest(void *ctx, const struct nt_store_event *e)
{
	*(struct newest *)ctx = (struct newest){ e->id, e->suppression, e->acked_us };
	return false;
}

static struct newest newest(int is_open)
{
	struct newest n = { 0 };

	ck_assert_int_eq(nt_store_events(reader, is_open, (struct nt_slice){ 0 }, 1, keep_newest,
					 &n, &err),
			 0);
	ck_assert_int_gt(n.id, 0);
	return n;
}

/* One client is under a suppression, the other is not. */
START_TEST(lasting_event_is_told_at_the_end_of_the_suppression)
{
	begin_told(RULE);
	(void)suppress("r", "{\"client_name\":\"a\"}", 100);
	(void)suppress("another", "{}", 1000);
	for (int64_t s = 41; s < 140; s += 10) {
		asks("a", s, 5);
		asks("b", s + 10, 5);
	}
	tick_to(65);
	expect("{\"client_name\":\"a\"} 10/10 50-60 open\n{\"client_name\":\"b\"} 5/5 60-60 "
	       "open\n");
	told("{\"client_name\":\"b\"} opened\n");
	kill_and_start_at(80);
	tick_to(99);
	told("{\"client_name\":\"b\"} opened\n");
	tick(100);
	told("{\"client_name\":\"b\"} opened\n{\"client_name\":\"a\"} opened\n");
	tick_to(125);
	told("{\"client_name\":\"b\"} opened\n{\"client_name\":\"a\"} opened\n");
	ck_assert_uint_eq(nt_store_stats(store).suppressions, 1);
}
END_TEST

START_TEST(what_ended_meanwhile_is_not_told)
{
	begin_told(RULE);
	(void)suppress("r", "{}", 100);
	asks("a", 41, 5);
	tick_to(60);
	kill_and_start_at(70);
	tick_to(110);
	expect("{\"client_name\":\"a\"} 5/5 50-70 80\n");
	told("");
	ck_assert_int_ne(newest(0).suppression, 0);
	asks("a", 121, 5);
	tick_to(135);
	ck_assert_int_eq(newest(1).suppression, 0);
	told("{\"client_name\":\"a\"} opened\n");
}
END_TEST

/* The process was away at the end of the suppression, and the event opened before the next one. */
START_TEST(suppression_that_ended_meanwhile_holds_nothing)
{
	begin_told(RULE);
	(void)suppress("r", "{}", 45);
	stop();
	asks("a", 41, 5);
	start(0);
	tick(50);
	tick_to(60);
	told("{\"client_name\":\"a\"} opened\n");
}
END_TEST

/* The process was away from 60 on; its events were under a suppression until 100. */
static void away_until(int64_t at_s)
{
	kill_and_start_at(at_s);
	told("");
	tick_to(at_s + DELAY_S - 1); /* nothing is evaluated yet */
	told("");
	ck_assert_uint_eq(nt_store_stats(store).suppressions, 1);
	tick_to(at_s + 20);
	ck_assert_uint_eq(nt_store_stats(store).suppressions, 0);
}

START_TEST(what_ended_while_nobody_looked_is_not_told)
{
	begin_told(RULE);
	(void)suppress("r", "{}", 100);
	asks("a", 41, 5);
	tick_to(60);
	expect("{\"client_name\":\"a\"} 5/5 50-50 open\n");
	away_until(130);
	expect("{\"client_name\":\"a\"} 5/5 50-70 80\n");
	ck_assert_int_ne(newest(0).suppression, 0);
	told("");
}
END_TEST

START_TEST(nor_what_began_and_ended_under_it)
{
	begin_told(RULE);
	(void)suppress("r", "{}", 100);
	tick_to(60);
	asks("a", 61, 5);
	away_until(130);
	expect("{\"client_name\":\"a\"} 5/5 70-90 100\n");
	told("");
}
END_TEST

START_TEST(what_lasts_until_the_start_is_told_once)
{
	begin_told(RULE);
	(void)suppress("r", "{}", 100);
	asks("a", 41, 5);
	tick_to(60);
	for (int64_t s = 61; s < 150; s += 10)
		asks("a", s, 5);
	away_until(130);
	told("{\"client_name\":\"a\"} opened\n");
}
END_TEST

START_TEST(what_began_after_it_is_told_as_any)
{
	begin_told(RULE);
	(void)suppress("r", "{}", 100);
	tick_to(60);
	asks("a", 111, 5);
	away_until(170);
	expect("{\"client_name\":\"a\"} 5/5 120-140 150\n");
	ck_assert_int_eq(newest(0).suppression, 0);
	told("{\"client_name\":\"a\"} opened\n{\"client_name\":\"a\"} resolved\n");
}
END_TEST

/* An event that flaps is another one each time. */
START_TEST(acknowledgement_is_of_one_event)
{
	struct nt_store_ack ack = { T0_US, NT_SLICE_LIT("ann"), NT_SLICE_LIT("seen") };
	int64_t id;

	begin(RULE);
	asks("a", 41, 5);
	tick_to(55);
	id = newest(1).id;
	ck_assert_int_eq(nt_store_event_acknowledge(store, id, &ack, &err), 0);
	asks("a", 55, 9);
	tick_to(66);
	expect("{\"client_name\":\"a\"} 14/14 50-60 open\n");
	ck_assert_int_eq(newest(1).acked_us, T0_US);
	restart_at(70);
	tick_to(100);
	ck_assert_int_eq(newest(0).id, id);
	ck_assert_int_eq(newest(0).acked_us, T0_US);
	asks("a", 101, 5);
	tick_to(115);
	ck_assert_int_ne(newest(1).id, id);
	ck_assert_int_eq(newest(1).acked_us, 0);
}
END_TEST

/* A rule that goes ends its events; nobody is told of the end who was not told of the beginning. */
START_TEST(rule_that_goes_while_it_is_suppressed)
{
	begin_told(RULE);
	(void)suppress("r", "{}", 1000);
	asks("a", 41, 5);
	tick_to(60);
	write_rules("# none\n");
	poll_rules();
	tick_to(62);
	expect("{\"client_name\":\"a\"} 5/5 50-50 61\n");
	told("");
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("alert_suppress");

	tcase_add_test(tc, lasting_event_is_told_at_the_end_of_the_suppression);
	tcase_add_test(tc, what_ended_meanwhile_is_not_told);
	tcase_add_test(tc, suppression_that_ended_meanwhile_holds_nothing);
	tcase_add_test(tc, what_ended_while_nobody_looked_is_not_told);
	tcase_add_test(tc, nor_what_began_and_ended_under_it);
	tcase_add_test(tc, what_lasts_until_the_start_is_told_once);
	tcase_add_test(tc, what_began_after_it_is_told_as_any);
	tcase_add_test(tc, acknowledgement_is_of_one_event);
	tcase_add_test(tc, rule_that_goes_while_it_is_suppressed);
	return store_run("alert_suppress", tc);
}
