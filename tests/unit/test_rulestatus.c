/* SPDX-License-Identifier: Apache-2.0 */
/* The status of GlobalAlerts in an API that has them, and in one that says no. */
#include "controller/status/rulestatus.c" /* what is under way is seen from within */

#include "tests/unit/alerts_stage.h"
#include "tests/unit/kube_server.h"

#define ACCEPTED "True Accepted it is evaluated"
#define PASSED "True Passed it fires on rows on which it must fire, and on no others"
#define NOW_S 1790000000LL /* 2026-09-21T14:13:20Z */

static struct nt_loop *loop;
static struct server server;
static struct nt_kube *kube;
static struct nt_ingest *ingest;
static struct nt_rulestatus *status_;
static struct nt_clock clock_;

/* --- the API ---------------------------------------------------------------------------------- */

static json_t *there; /* name: object */
static unsigned gets, patches;
static int say; /* a status in place of an answer; 0: none */
static int say_to_patch;
static const char *more = "";

static void reply(struct server_conn *c, int code, const json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT);

	server_reply(c, code, code == 200 ? "" : more, nt_slice_str(text));
	free(text);
}

static void refuse(struct server_conn *c, int code)
{
	json_t *o = json_pack("{s:s, s:s, s:s}", "kind", "Status", "reason", "x", "message",
			      "the test says so");

	reply(c, code, o);
	json_decref(o);
}

static void bump(json_t *object)
{
	static int version = 100;

	json_object_set_new(json_object_get(object, "metadata"), "resourceVersion",
			    json_sprintf("%d", ++version));
}

static void patch(struct server_conn *c, json_t *object)
{
	json_t *body = json_loadb(c->body.p, c->body.len, 0, NULL);
	json_t *meta = json_object_get(body, "metadata");
	json_t *had = json_object_get(object, "status");
	const char *key;
	json_t *value;

	ck_assert_ptr_nonnull(strstr(c->request.p, "Content-Type: application/merge-patch+json"));
	ck_assert_uint_eq(json_object_size(body), 2);
	ck_assert_uint_eq(json_object_size(meta), 1);
	if (!json_equal(json_object_get(meta, "resourceVersion"),
			json_object_get(json_object_get(object, "metadata"), "resourceVersion"))) {
		refuse(c, 409);
		json_decref(body);
		return;
	}
	if (!had) {
		had = json_object();
		json_object_set_new(object, "status", had);
	}
	json_object_foreach(json_object_get(body, "status"), key, value)
	{
		if (json_is_null(value))
			json_object_del(had, key);
		else
			json_object_set(had, key, value);
	}
	bump(object);
	reply(c, 200, object);
	json_decref(body);
}

static void answer(void *ctx, struct server_conn *c, const char *path)
{
	bool writes = strcmp(c->method, "PATCH") == 0;
	const char *base = "/apis/nametap.io/v1alpha1/globalalerts/";
	char name[64] = "";
	json_t *object;

	(void)ctx;
	ck_assert_ptr_nonnull(strstr(path, base));
	ck_assert_int_eq(sscanf(path + strlen(base), "%63[^/]", name), 1);
	ck_assert(writes == (strstr(path, "/status") != NULL));
	gets += !writes;
	patches += writes;
	object = json_object_get(there, name);
	if (say || (writes && say_to_patch))
		refuse(c, say ?: say_to_patch);
	else if (!object)
		refuse(c, 404);
	else if (writes)
		patch(c, object);
	else
		reply(c, 200, object);
}

static json_t *make(const char *name, const char *uid)
{
	json_t *o = json_pack("{s:{s:s, s:s, s:i}}", "metadata", "name", name, "uid", uid,
			      "generation", 1);

	bump(o);
	json_object_set_new(there, name, o);
	return o;
}

/* PASSED of a condition, with its message. */
static const char *said(const char *name, const char *type)
{
	json_t *status = json_object_get(json_object_get(there, name), "status"), *c;
	static char text[4][700];
	static int at;
	size_t i;

	at = (at + 1) % 4;
	snprintf(text[at], sizeof(text[at]), "nothing");
	json_array_foreach(json_object_get(status, "conditions"), i,
			   c) if (strcmp(json_string_value(json_object_get(c, "type")), type) == 0)
		snprintf(text[at], sizeof(text[at]), "%s %s %s",
			 json_string_value(json_object_get(c, "status")),
			 json_string_value(json_object_get(c, "reason")),
			 json_string_value(json_object_get(c, "message")));
	return text[at];
}

static const char *since(const char *name, const char *type)
{
	json_t *status = json_object_get(json_object_get(there, name), "status"), *c;
	size_t i;

	json_array_foreach(
		json_object_get(status, "conditions"), i,
		c) if (strcmp(json_string_value(json_object_get(c, "type")), type) ==
		       0) return json_string_value(json_object_get(c, "lastTransitionTime"));
	return "";
}

/* --- the stage -------------------------------------------------------------------------------- */

static void put_rule(struct nt_buf *out, const char *name, const char *uid, int generation,
		     const char *spec)
{
	nt_buf_printf(out,
		      "---\napiVersion: nametap.io/v1alpha1\nkind: GlobalAlert\n"
		      "metadata: {name: %s, uid: %s, generation: %d}\nspec: {severity: 1, %s}\n",
		      name, uid, generation, spec);
}

static void begin_status(struct nt_buf *rules)
{
	const struct nt_rulestatus_config config = { .clock = &clock_ };

	clock_ = nt_clock_virtual(0, NOW_S * NT_NS_PER_S);
	store_mkdir(objects_folder);
	write_rules(nt_buf_str(rules));
	start(0);
	ck_assert_int_eq(nt_ingest_new(store, objects, NULL, &ingest, &err), 0);
	ck_assert_int_eq(nt_ingest_use_alerts(ingest, alerts, &err), 0);
	ck_assert_int_eq(nt_loop_new(&loop, &err), 0);
	server_start(&server, loop, answer, NULL);
	kube = server_client(&server);
	ck_assert_int_eq(nt_rulestatus_new(&config, &status_, &err), 0);
	status_->config.kube = kube;
	status_->config.ingest = ingest;
	there = json_object();
	gets = patches = 0;
	say = say_to_patch = 0;
}

static void end_status(void)
{
	nt_kube_close(kube);
	nt_rulestatus_free(status_);
	server_stop(&server);
	nt_loop_free(loop);
	nt_ingest_free(ingest);
	json_decref(there);
	stop();
}

static void new_rules(struct nt_buf *rules)
{
	write_rules(nt_buf_str(rules));
	ck_assert_int_eq(nt_ingest_poll_objects(ingest, &err), 0);
}

/* Every rule that waits passes, or fails with these words. */
static void test_all(const char *fails)
{
	struct nt_selftest result = {
		.state = fails ? NT_SELFTEST_FAILED : NT_SELFTEST_PASSED,
		.fires = { .rows = 2, .events = 1 },
		.silent = { .given = true, .rows = 1 },
	};
	_cleanup_buf_ struct nt_buf text = { 0 };
	uint64_t ticket;

	snprintf(result.msg, sizeof(result.msg), "%s", fails ?: "");
	while (nt_ingest_selftest_next(ingest, &text, &ticket))
		nt_ingest_selftest_done(ingest, ticket, &result);
}

static void stop_when_idle(void *ctx)
{
	if (!status_->current)
		nt_loop_stop(ctx);
}

/* A second passes, and all requests that come of it. */
static void second(void)
{
	struct nt_timer *often;

	clock_.virtual_boot_ns += NT_NS_PER_S;
	clock_.virtual_real_ns += NT_NS_PER_S;
	nt_rulestatus_tick(status_);
	often = nt_loop_timer_new(loop, NT_NS_PER_MS, stop_when_idle, loop, NULL);
	ck_assert_int_eq(nt_loop_run(loop, NULL), 0);
	nt_loop_timer_free(often);
}

/* --- cases ------------------------------------------------------------------------------------ */

#define GOOD "query: rcode = NXDOMAIN"

START_TEST(status_is_written_once)
{
	_cleanup_buf_ struct nt_buf rules = { 0 };
	json_t *status;

	put_rule(&rules, "a", "u1", 1, GOOD);
	put_rule(&rules, "b", "u2", 3, "query: rtype = A");
	put_rule(&rules, "c", "u3", 1, "dataSet: flows");
	put_rule(&rules, "d", "u4", 1, "type: AnomalyDetection");
	begin_status(&rules);
	make("a", "u1");
	make("b", "u2");
	make("c", "u3");
	make("d", "u4");
	second(); /* a waits for its test */
	ck_assert_str_eq(said("a", "Accepted"), "nothing");
	ck_assert_str_eq(said("b", "Accepted"),
			 "False InvalidSpec spec.query: at octet 0: rtype is not a field; did you "
			 "mean qtype?");
	ck_assert_str_eq(said("b", "SelfTested"),
			 "Unknown NotAccepted no form of the rule was right yet");
	ck_assert_msg(strstr(said("c", "Accepted"), "False UnsupportedDataSet spec.dataSet: one of "
						    "dns: flows are not recorded") != NULL,
		      "%s", said("c", "Accepted"));
	ck_assert_msg(strstr(said("d", "Accepted"), "False UnsupportedType spec.type: there is no "
						    "AnomalyDetection") != NULL,
		      "%s", said("d", "Accepted"));
	test_all(NULL);
	second();
	ck_assert_str_eq(said("a", "Accepted"), ACCEPTED);
	ck_assert_str_eq(said("a", "SelfTested"), PASSED);
	status = json_object_get(json_object_get(there, "a"), "status");
	ck_assert_int_eq(json_integer_value(json_object_get(status, "observedGeneration")), 1);
	status = json_object_get(status, "selfTest");
	ck_assert_str_eq(json_string_value(json_object_get(status, "result")), "passed");
	ck_assert_str_eq(
		json_string_value(json_object_get(json_object_get(status, "silent"), "source")),
		"given");
	ck_assert_uint_eq(gets, 4);
	ck_assert_uint_eq(patches, 4);
	for (int i = 0; i < 5; i++)
		second();
	ck_assert_uint_eq(gets + patches, 8);
	ck_assert_uint_eq(nt_rulestatus_figures(status_).written, 4);
	ck_assert_uint_eq(nt_rulestatus_figures(status_).waiting, 0);
	end_status();
}
END_TEST

/* After a restart nothing is to be written; what others wrote stays; times are those of changes. */
START_TEST(what_is_there_stays)
{
	_cleanup_buf_ struct nt_buf rules = { 0 };
	json_t *o;

	put_rule(&rules, "a", "u1", 1, GOOD);
	begin_status(&rules);
	o = make("a", "u1");
	json_object_set_new(o, "status",
			    json_pack("{s:s, s:[{s:s, s:s, s:s}]}", "foreign", "kept", "conditions",
				      "type", "Reviewed", "status", "True", "lastTransitionTime",
				      "2020-01-01T00:00:00Z"));
	test_all("it differs");
	second();
	ck_assert_str_eq(said("a", "SelfTested"), "False Failed it differs");
	ck_assert_str_eq(since("a", "SelfTested"), "2026-09-21T14:13:21Z");
	ck_assert_str_eq(since("a", "Reviewed"), "2020-01-01T00:00:00Z");
	ck_assert_str_eq(
		json_string_value(json_object_get(json_object_get(o, "status"), "foreign")),
		"kept");
	/* Another form: one condition changes, the other keeps its time. */
	nt_buf_reset(&rules);
	put_rule(&rules, "a", "u1", 2, GOOD ", cooldown: 60s");
	new_rules(&rules);
	test_all(NULL);
	second();
	ck_assert_str_eq(said("a", "SelfTested"), PASSED);
	ck_assert_str_eq(since("a", "SelfTested"), "2026-09-21T14:13:22Z");
	ck_assert_str_eq(since("a", "Accepted"), "2026-09-21T14:13:21Z");
	ck_assert_uint_eq(patches, 2);
	/* The process begins anew. */
	nt_rulestatus_free(status_);
	ck_assert_int_eq(nt_rulestatus_new(&(struct nt_rulestatus_config){ .kube = kube,
									   .clock = &clock_,
									   .ingest = ingest },
					   &status_, &err),
			 0);
	second();
	ck_assert_uint_eq(patches, 2);
	ck_assert_uint_eq(nt_rulestatus_figures(status_).waiting, 0);
	end_status();
}
END_TEST

START_TEST(last_good_form_is_told)
{
	_cleanup_buf_ struct nt_buf rules = { 0 };

	put_rule(&rules, "a", "u1", 1, GOOD);
	begin_status(&rules);
	make("a", "u1");
	test_all(NULL);
	second();
	nt_buf_reset(&rules);
	put_rule(&rules, "a", "u1", 2, "query: rcode = NXDOMAI");
	new_rules(&rules);
	second();
	ck_assert_msg(strstr(said("a", "Accepted"),
			     "did you mean NXDOMAIN? (the last form that was right is evaluated)"),
		      "%s", said("a", "Accepted"));
	ck_assert_str_eq(said("a", "SelfTested"), PASSED);
	ck_assert_str_eq(since("a", "SelfTested"), "2026-09-21T14:13:21Z");
	end_status();
}
END_TEST

/* 403 and such: all wait, longer and longer, and go on. */
START_TEST(api_that_says_no_is_not_asked_often)
{
	static const int codes[] = { 403, 500, 429 };
	_cleanup_buf_ struct nt_buf rules = { 0 };

	put_rule(&rules, "a", "u1", 1, GOOD);
	put_rule(&rules, "b", "u2", 1, GOOD);
	begin_status(&rules);
	make("a", "u1");
	make("b", "u2");
	test_all(NULL);
	say = codes[_i];
	more = say == 429 ? "Retry-After: 20\r\n" : "";
	for (int i = 0; i < 120; i++)
		second();
	/* 1, 2, 4, 8, 16, 32, 60 s; or 20 at the least. */
	ck_assert_uint_ge(gets, say == 429 ? 3 : 6);
	ck_assert_uint_le(gets, say == 429 ? 6 : 8);
	ck_assert_uint_eq(nt_rulestatus_figures(status_).failed, gets);
	ck_assert_uint_eq(nt_rulestatus_figures(status_).waiting, 2);
	say = 0;
	for (int i = 0; i < 61; i++)
		second();
	ck_assert_str_eq(said("a", "Accepted"), ACCEPTED);
	ck_assert_str_eq(said("b", "Accepted"), ACCEPTED);
	ck_assert_int_eq(status_->pause_ns, 0);
	end_status();
}
END_TEST

START_TEST(conflict_is_looked_at_again)
{
	_cleanup_buf_ struct nt_buf rules = { 0 };

	put_rule(&rules, "a", "u1", 1, GOOD);
	begin_status(&rules);
	make("a", "u1");
	test_all(NULL);
	say_to_patch = 409;
	second();
	say_to_patch = 0;
	ck_assert_uint_eq(patches, 1);
	second();
	ck_assert_str_eq(said("a", "Accepted"), ACCEPTED);
	ck_assert_uint_eq(gets, 2);
	ck_assert_uint_eq(patches, 2);
	end_status();
}
END_TEST

/* One object that the API does not take holds the others up for no moment. */
START_TEST(refused_object_is_set_aside)
{
	_cleanup_buf_ struct nt_buf rules = { 0 };

	put_rule(&rules, "a", "u1", 1, GOOD);
	begin_status(&rules);
	make("a", "u1");
	test_all(NULL);
	say_to_patch = 422;
	second();
	say_to_patch = 0;
	put_rule(&rules, "b", "u2", 1, GOOD);
	make("b", "u2");
	new_rules(&rules);
	test_all(NULL);
	second();
	ck_assert_str_eq(said("a", "Accepted"), "nothing");
	ck_assert_str_eq(said("b", "Accepted"), ACCEPTED);
	for (int i = 0; i < 60; i++)
		second();
	ck_assert_str_eq(said("a", "Accepted"), ACCEPTED);
	end_status();
}
END_TEST

/* Deleted, or made anew under its name: not ours to write into. */
START_TEST(object_that_is_gone_is_left_alone)
{
	_cleanup_buf_ struct nt_buf rules = { 0 };

	put_rule(&rules, "a", "u1", 1, GOOD);
	put_rule(&rules, "b", "u2", 1, GOOD);
	begin_status(&rules);
	make("b", "another");
	test_all(NULL);
	for (int i = 0; i < 5; i++)
		second();
	ck_assert_uint_eq(gets, 2);
	ck_assert_uint_eq(patches, 0);
	ck_assert_str_eq(said("b", "Accepted"), "nothing");
	/* The watch brings it: the same words, of another object. */
	nt_buf_reset(&rules);
	put_rule(&rules, "b", "another", 1, GOOD);
	new_rules(&rules);
	test_all(NULL);
	second();
	ck_assert_str_eq(said("b", "Accepted"), ACCEPTED);
	ck_assert_uint_eq(status_->len, 1);
	end_status();
}
END_TEST

START_TEST(no_api_no_figures)
{
	ck_assert_uint_eq(nt_rulestatus_figures(NULL).written, 0);
	nt_rulestatus_tick(NULL);
	nt_rulestatus_free(NULL);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("rulestatus");

	tcase_add_test(tc, status_is_written_once);
	tcase_add_test(tc, what_is_there_stays);
	tcase_add_test(tc, last_good_form_is_told);
	tcase_add_loop_test(tc, api_that_says_no_is_not_asked_often, 0, 3);
	tcase_add_test(tc, conflict_is_looked_at_again);
	tcase_add_test(tc, refused_object_is_set_aside);
	tcase_add_test(tc, object_that_is_gone_is_left_alone);
	tcase_add_test(tc, no_api_no_figures);
	return store_run("rulestatus", tc);
}
