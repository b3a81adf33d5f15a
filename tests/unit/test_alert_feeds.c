/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules that name feeds: when they wait, what they count, and what stays when a list changes. And
 * the feeds themselves: bounds, and lists that are exchanged while others ask.
 */
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/alerts/preview.h"
#include "controller/feeds/feeds.h"
#include "tests/unit/alerts_stage.h"
#include "tests/unit/suite.h"

enum { PATIENCE_MS = 20000 };

static struct nt_feeds *feeds;
static char files_folder[96];

#define LISTED                                                                                  \
	"severity: 60, period: 10s, lookback: 30s, query: 'qname IN ${set}', metric: count, "   \
	"condition: gt, threshold: 0, aggregateBy: [client_name], substitutions: [{name: set, " \
	"feed: bad}]"
#define UNLISTED                                                                                 \
	"severity: 60, period: 10s, lookback: 30s, query: 'qname NOTIN ${set}', metric: count, " \
	"condition: gt, threshold: 0, aggregateBy: [client_name], substitutions: [{name: set, "  \
	"feed: bad}]"
#define BAD                                                                                \
	"apiVersion: nametap.io/v1alpha1\nkind: DomainFeed\nmetadata: {name: bad}\nspec: " \
	"{source: {file: bad}, interval: 10s}\n"

/* --- the stage -------------------------------------------------------------------------------- */

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[160], new[160];
	FILE *f;

	snprintf(new, sizeof(new), "%s/new", dir);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(new, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	ck_assert_int_eq(rename(new, path), 0);
}

static void open_feeds(size_t bytes_max)
{
	const struct nt_feeds_config config = { .data = folder,
						.files = files_folder,
						.bytes_max = bytes_max };

	ck_assert_msg(nt_feeds_new(&config, &feeds, &err) == 0, "%s", err.msg);
	ck_assert_int_eq(nt_feeds_start(feeds, &err), 0);
}

static void close_feeds(void)
{
	nt_feeds_free(feeds);
	feeds = NULL;
}

/* A start of the process, with that rule and no feed yet. */
static void begin_with(const char *rule_spec)
{
	store_mkdir(objects_folder);
	store_mkdir(files_folder);
	write_rule(rule_spec);
	open_feeds(1 << 20);
	start(0);
	nt_alerts_use_feeds(alerts, feeds);
	tick(0);
}

static void end(void)
{
	stop();
	close_feeds();
}

static void put_feed(const char *list)
{
	write_file(files_folder, "bad", list);
	write_file(objects_folder, "feed.yaml", BAD);
}

struct wanted {
	const char *name;
	struct nt_feed_state state;
	char error[256];
	bool there;
};

static void keep_state(void *ctx, const struct nt_feed_state *s)
{
	struct wanted *w = ctx;

	if (strcmp(s->name, w->name) != 0)
		return;
	w->there = true;
	w->state = *s;
	snprintf(w->error, sizeof(w->error), "%s", s->error);
}

static struct wanted state_of(const char *name)
{
	struct wanted w = { .name = name };

	nt_feeds_states(feeds, keep_state, &w);
	return w;
}

/* Until the worker has read the list; real time, of which nothing else depends. */
static void await_feed(const char *name, const char *state, size_t entries)
{
	for (int ms = 0; ms < PATIENCE_MS; ms++) {
		struct wanted w = state_of(name);

		(void)nt_objects_poll(objects);
		nt_feeds_objects(feeds, objects);
		nt_feeds_tick(feeds);
		if (w.there && strcmp(w.state.state, state) == 0 && w.state.entries == entries)
			return;
		usleep(1000);
	}
	ck_abort_msg("%s: %s, %zu entries, %s", name, state_of(name).state.state,
		     state_of(name).state.entries, state_of(name).error);
}

static void looks_up(const char *client, int64_t at_s, const char *name, const char *target)
{
	struct nt_record r = row(client, at_s, 1);
	struct nt_slice rdata = nt_slice_str(target);
	struct nt_rrset rrset = {
		.name = nt_slice_str(name), .type = 5, .class_ = 1, .rdata = &rdata, .rdata_len = 1
	};

	r.qname = nt_slice_str(name);
	r.rrsets = &rrset;
	r.rrsets_len = 1;
	give(&r, 1);
}

static struct nt_alert_rule rule_listed(void)
{
	struct nt_alert_rule rule = { 0 };

	nt_alerts_rules(alerts, copy_rule, &rule);
	return rule;
}

static bool add_client(void *ctx, const struct nt_store_event *e)
{
	static const char before[] = "{\"client_name\":\"";
	struct nt_buf *out = ctx;

	nt_buf_add(out, e->group.p + sizeof(before) - 1, 1);
	return true;
}

static int by_letter(const void *a, const void *b)
{
	return *(const char *)a - *(const char *)b;
}

/* Clients with an event, whose names are single letters: groups of one window come in any order. */
static void expect_clients(int line, const char *wanted)
{
	_cleanup_buf_ struct nt_buf got = { 0 };

	ck_assert_int_eq(nt_store_events(reader, -1, (struct nt_slice){ 0 }, 1000, add_client, &got,
					 &err),
			 0);
	qsort(got.p, got.len, 1, by_letter);
	ck_assert_msg(strcmp(nt_buf_str(&got), wanted) == 0, "line %d: %s, wanted %s", line,
		      nt_buf_str(&got), wanted);
}

/* --- waiting ---------------------------------------------------------------------------------- */

START_TEST(rule_waits_for_its_feed_and_begins_with_stored_rows)
{
	struct nt_alert_rule rule;

	begin_with(_i ? UNLISTED : LISTED);
	rule = rule_listed();
	ck_assert(rule.accepted && rule.waits);
	ck_assert_str_eq(rule.note.p, "there is no DomainFeed bad");
	looks_up("a", 1, "listed.test", "192.0.2.1");
	looks_up("b", 1, "other.test", "192.0.2.1");
	tick_to(25);
	expect("");
	put_feed("listed.test\n");
	await_feed("bad", "ready", 1);
	tick_to(26);
	ck_assert(!rule_listed().waits);
	ck_assert_uint_eq(rule_listed().note.len, 0);
	expect(_i ? "{\"client_name\":\"b\"} 1/1 10-20 open\n"
		  : "{\"client_name\":\"a\"} 1/1 10-20 open\n");
	tick_to(60);
	end();
}
END_TEST

START_TEST(list_that_cannot_be_read_is_no_list)
{
	begin_with(UNLISTED);
	put_feed("no name\n");
	await_feed("bad", "failed", 0);
	tick(1);
	ck_assert(rule_listed().waits);
	ck_assert_msg(strncmp(rule_listed().note.p, "DomainFeed bad has no list yet: nothing but",
			      40) == 0,
		      "%s", rule_listed().note.p);
	end();
}
END_TEST

START_TEST(open_event_stays_while_the_feed_is_away)
{
	begin_with(LISTED);
	put_feed("listed.test\n");
	await_feed("bad", "ready", 1);
	tick_to(5);
	looks_up("a", 6, "below.listed.test", "192.0.2.1");
	tick_to(20);
	expect("{\"client_name\":\"a\"} 1/1 10-10 open\n");
	write_file(objects_folder, "feed.yaml", "");
	(void)nt_objects_poll(objects);
	nt_feeds_objects(feeds, objects);
	tick_to(90);
	ck_assert(rule_listed().waits);
	expect("{\"client_name\":\"a\"} 1/1 10-10 open\n");
	put_feed("listed.test\n");
	await_feed("bad", "ready", 1);
	tick_to(120);
	expect("{\"client_name\":\"a\"} 1/1 10-30 40\n");
	end();
}
END_TEST

/* --- lists that change ------------------------------------------------------------------------ */

START_TEST(what_was_counted_stays_when_the_list_changes)
{
	begin_with(LISTED);
	put_feed("listed.test\n");
	await_feed("bad", "ready", 1);
	tick_to(5);
	looks_up("a", 6, "listed.test", "192.0.2.1");
	looks_up("b", 6, "new.test", "192.0.2.1");
	put_feed("new.test\nand.test\n");
	/* Another interval is another form: the list is read at once. */
	write_file(objects_folder, "feed.yaml",
		   "apiVersion: nametap.io/v1alpha1\nkind: DomainFeed\nmetadata: {name: bad}\n"
		   "spec: {source: {file: bad}, interval: 11s}\n");
	await_feed("bad", "ready", 2);
	looks_up("c", 7, "new.test", "192.0.2.1");
	looks_up("d", 7, "listed.test", "192.0.2.1");
	tick_to(16);
	expect_clients(__LINE__, "ac");
	end();
}
END_TEST

START_TEST(restart_has_the_last_good_list)
{
	begin_with(LISTED);
	put_feed("listed.test\n");
	await_feed("bad", "ready", 1);
	looks_up("a", 6, "listed.test", "192.0.2.1");
	tick_to(16);
	expect("{\"client_name\":\"a\"} 1/1 10-10 open\n");
	end();
	write_file(files_folder, "bad", "");
	open_feeds(1 << 20);
	start(0);
	nt_alerts_use_feeds(alerts, feeds);
	await_feed("bad", "stale", 1);
	ck_assert_str_eq(state_of("bad").error, "the list is empty");
	looks_up("b", 17, "listed.test", "192.0.2.1");
	for (now_s = 17; now_s < 36;)
		tick(now_s + 1);
	expect_clients(__LINE__, "ab");
	end();
}
END_TEST

/* --- what an answer has ----------------------------------------------------------------------- */

START_TEST(names_that_answers_lead_to_are_asked_for)
{
	begin_with("severity: 60, period: 10s, lookback: 30s, query: 'qname IN ${set} OR "
		   "rrsets.rdata IN ${set}', metric: count, condition: gt, threshold: 0, "
		   "aggregateBy: [client_name], substitutions: [{name: set, feed: bad}]");
	put_feed("bad.test\n");
	await_feed("bad", "ready", 1);
	tick_to(5);
	looks_up("a", 6, "good.test", "bad.test");
	looks_up("b", 6, "good.test", "192.0.2.1");
	looks_up("c", 6, "good.test", "good.test");
	looks_up("d", 6, "bad.test", "192.0.2.1");
	looks_up("e", 6, "good.test", "\"bad.test\"");
	tick_to(16);
	expect_clients(__LINE__, "ad");
	end();
}
END_TEST

/* --- previews --------------------------------------------------------------------------------- */

static bool count_event(void *ctx, const struct nt_store_event *e)
{
	(void)e;
	++*(size_t *)ctx;
	return true;
}

START_TEST(preview_asks_the_feed_too)
{
	struct nt_preview_config config = { .from_us = T0_US,
					    .to_us = T0_US + 40 * S,
					    .budget_ns = INT64_MAX / 2 };
	struct nt_object_problem problem = { 0 };
	const struct nt_object *object;
	struct nt_preview preview;
	size_t events = 0;

	begin_with(LISTED);
	looks_up("a", 6, "listed.test", "192.0.2.1");
	looks_up("b", 6, "other.test", "192.0.2.1");
	object = nt_objects_at(objects, NT_SLICE_LIT("GlobalAlert"), 0);
	config.feeds = feeds;
	ck_assert_int_eq(nt_preview_run(store, reader, object, &config, count_event, &events,
					&preview, &problem, &err),
			 -EINVAL);
	ck_assert_str_eq(problem.field, "spec.substitutions");
	ck_assert_str_eq(problem.msg, "there is no DomainFeed bad");
	put_feed("listed.test\n");
	await_feed("bad", "ready", 1);
	object = nt_objects_at(objects, NT_SLICE_LIT("GlobalAlert"), 0);
	ck_assert_int_eq(nt_preview_run(store, reader, object, &config, count_event, &events,
					&preview, &problem, &err),
			 0);
	ck_assert_uint_eq(events, 1);
	ck_assert_uint_eq(preview.rows, 1);
	end();
}
END_TEST

/* --- the feeds -------------------------------------------------------------------------------- */

/* A list of so many names, each as long as a filter of its own memory. */
static void put_many(const char *name, size_t len)
{
	_cleanup_buf_ struct nt_buf text = { 0 }, object = { 0 };
	char file[64];

	for (size_t i = 0; i < len; i++)
		nt_buf_printf(&text, "%s-%zu-%zx.test\n", name, i, i * 2654435761u);
	write_file(files_folder, name, text.p);
	nt_buf_printf(&object,
		      "apiVersion: nametap.io/v1alpha1\nkind: DomainFeed\nmetadata: {name: %s}\n"
		      "spec: {source: {file: %s}, interval: 10s}\n",
		      name, name);
	snprintf(file, sizeof(file), "%s.yaml", name);
	write_file(objects_folder, file, object.p);
}

START_TEST(memory_is_of_all_feeds_together)
{
	struct nt_feeds_stats stats;

	store_mkdir(objects_folder);
	store_mkdir(files_folder);
	open_feeds(192 << 10);
	ck_assert_int_eq(nt_objects_open_dir(objects_folder, &objects, &err), 0);
	put_many("a", 7000);
	await_feed("a", "ready", 7000);
	put_many("b", 7000);
	await_feed("b", "failed", 0);
	ck_assert_msg(strstr(state_of("b").error, "limit"), "%s", state_of("b").error);
	stats = nt_feeds_stats(feeds);
	ck_assert_uint_eq(stats.over, 1);
	ck_assert_uint_gt(stats.bytes, 96 << 10);
	ck_assert_uint_le(stats.bytes, stats.bytes_max);
	/* When one goes there is room. */
	write_file(objects_folder, "a.yaml", "");
	write_file(objects_folder, "b.yaml", "");
	for (int i = 0; i < PATIENCE_MS && nt_feeds_stats(feeds).bytes; i++) {
		(void)nt_objects_poll(objects);
		nt_feeds_objects(feeds, objects);
		nt_feeds_tick(feeds);
		usleep(1000);
	}
	ck_assert_uint_eq(nt_feeds_stats(feeds).bytes, 0);
	put_many("b", 7000);
	await_feed("b", "ready", 7000);
	close_feeds();
	nt_objects_free(objects);
}
END_TEST

static struct nt_feed_set *set_of(const char *text)
{
	const struct nt_feed_form lines = { .format = NT_FEED_LINES };
	struct nt_feed_set *set = NULL;

	ck_assert_msg(nt_feed_parse(&lines, NT_FEED_LIMITS_DEFAULT, nt_slice_str(text), &set, NULL,
				    &err) == 0,
		      "%s", err.msg);
	return set;
}

static atomic_bool over;
static atomic_uint wrong, asked;

static void *ask_again_and_again(void *ctx)
{
	const struct nt_query_names *q = nt_feed_names_query(ctx);

	while (!atomic_load(&over)) {
		atomic_fetch_add(&wrong, !q->has(q->ctx, NT_SLICE_LIT("always.test")));
		atomic_fetch_add(&wrong, q->has(q->ctx, NT_SLICE_LIT("never.test")));
		(void)q->has(q->ctx, NT_SLICE_LIT("one.test"));
		atomic_fetch_add(&asked, 1);
	}
	return NULL;
}

START_TEST(lists_are_exchanged_while_others_ask)
{
	enum { THREADS = 4, TIMES = 2000 };
	atomic_size_t bytes = 0;
	struct nt_feed_names *n =
		nt_feed_names_new(set_of("always.test\none.test\n"), NT_FEED_BELOW, &bytes);
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_again_and_again, n), 0);
	for (int i = 0; i < TIMES; i++)
		nt_feed_names_exchange(n,
				       set_of(i % 2 ? "always.test\none.test\n" : "always.test\n"),
				       NT_FEED_BELOW);
	while (atomic_load(&asked) < TIMES)
		usleep(1000);
	atomic_store(&over, true);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	ck_assert_uint_eq(atomic_load(&wrong), 0);
	ck_assert_uint_eq(atomic_load(&bytes), nt_feed_set_bytes(nt_feed_names_set(n)));
	nt_feed_names_unref(n);
	ck_assert_uint_eq(atomic_load(&bytes), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("alert_feeds");
	TCase *tc = tcase_create("alert_feeds");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, rule_waits_for_its_feed_and_begins_with_stored_rows, 0, 2);
	tcase_add_test(tc, list_that_cannot_be_read_is_no_list);
	tcase_add_test(tc, open_event_stays_while_the_feed_is_away);
	tcase_add_test(tc, what_was_counted_stays_when_the_list_changes);
	tcase_add_test(tc, restart_has_the_last_good_list);
	tcase_add_test(tc, names_that_answers_lead_to_are_asked_for);
	tcase_add_test(tc, preview_asks_the_feed_too);
	tcase_add_test(tc, memory_is_of_all_feeds_together);
	tcase_add_test(tc, lists_are_exchanged_while_others_ask);
	suite_add_tcase(suite, tc);
	return nt_suite_run(suite);
}
