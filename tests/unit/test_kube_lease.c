/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Lease's rules under virtual time: candidates with clocks of their own and an API that keeps
 * one object with versions. Two real controllers are tests/netns/test_leader, a real API server
 * tests/e2e/test_objects.
 */
#include "lib/kube/lease.h"

#include <check.h>
#include <jansson.h>
#include <stdio.h>

#include "lib/base/cleanup.h"
#include "tests/unit/suite.h"

#define S NT_NS_PER_S
#define STEP (200 * NT_NS_PER_MS)
#define PATH "/apis/coordination.k8s.io/v1/namespaces/nametap/leases"

enum mode {
	FINE = 0,
	AWAY = 1, /* no answer */
	LOST = 2, /* what is written is written, the answer does not come */
	REFUSES = 3, /* 403 */
	BUSY = 4, /* 429 with Retry-After */
};

static struct {
	json_t *object; /* NULL: there is none */
	int version;
	enum mode mode;
	unsigned requests, writes;
} api;

struct candidate {
	struct nt_clock clock;
	struct nt_lease *lease;
	bool dead; /* asks no more: kill -9 */
	double rate; /* of its clock */
};

static struct candidate one, two;

static int64_t until_of(const struct candidate *c)
{
	return nt_lease_until_ns(c->lease);
}

static bool leads(const struct candidate *c)
{
	return !c->dead && c->clock.virtual_boot_ns < until_of(c);
}

static void begin(struct candidate *c, const char *identity, int64_t boot_ns, int64_t real_ns)
{
	const struct nt_kube_name name = { "nametap", "nametap-controller" };
	struct nt_err err;

	*c = (struct candidate){ .clock = nt_clock_virtual(boot_ns, real_ns), .rate = 1 };
	ck_assert_int_eq(nt_lease_new(&name, identity, &c->clock, &c->lease, &err), 0);
}

static void set_up(void)
{
	memset(&api, 0, sizeof(api));
	begin(&one, "one", 1000 * S, 1795413600 * S);
	begin(&two, "two", 77 * S, 1795413600 * S);
}

static void tear_down(void)
{
	nt_lease_free(one.lease);
	nt_lease_free(two.lease);
	json_decref(api.object);
}

/* --- the API ---------------------------------------------------------------------------------- */

static const json_t *spec(void)
{
	return json_object_get(api.object, "spec");
}

static const char *spec_text(const char *key)
{
	const char *text = json_string_value(json_object_get(spec(), key));

	return text ? text : "(none)";
}

static json_int_t spec_number(const char *key)
{
	return json_integer_value(json_object_get(spec(), key));
}

static const char *version_of(const json_t *object)
{
	const char *text = json_string_value(
		json_object_get(json_object_get(object, "metadata"), "resourceVersion"));

	return text ? text : "";
}

static void keep(json_t *object)
{
	char version[16];

	snprintf(version, sizeof(version), "%d", ++api.version);
	json_object_set_new(json_object_get(object, "metadata"), "resourceVersion",
			    json_string(version));
	if (object != api.object) {
		json_decref(api.object);
		api.object = json_incref(object);
	}
	api.writes++;
}

static int serve(const char *method, const char *path, const char *body)
{
	json_auto_t *object = json_loads(body, 0, NULL);

	ck_assert_str_eq(path, strcmp(method, "POST") == 0 ? PATH : PATH "/nametap-controller");
	if (strcmp(method, "GET") == 0)
		return api.object ? 200 : 404;
	ck_assert_ptr_nonnull(object);
	ck_assert(!json_is_null(json_object_get(object, "spec")));
	if (strcmp(method, "POST") == 0) {
		if (api.object)
			return 409;
		keep(object);
		return 201;
	}
	if (!api.object)
		return 404;
	if (strcmp(version_of(object), version_of(api.object)) != 0)
		return 409;
	keep(object);
	return 200;
}

static void answer(struct candidate *c, int status)
{
	struct nt_kube_answer a = { .status = status };
	char *text = status == 200 || status == 201
			     ? json_dumps(api.object, 0)
			     : strdup("{\"kind\":\"Status\",\"reason\":\"x\",\"message\":\"no\"}");

	a.body = nt_slice_str(status ? text : "");
	a.retry_after_ns = status == 429 ? 7 * S : 0;
	if (status == 0 || status >= 300)
		nt_err_set(&a.error, EIO, "the API says %d", status);
	nt_lease_answer(c->lease, &a);
	free(text);
}

static bool ask_once(struct candidate *c)
{
	_cleanup_buf_ struct nt_buf path = { 0 }, body = { 0 };
	const char *method = NULL;
	int status;

	if (!nt_lease_due(c->lease, &method, &path, &body))
		return false;
	api.requests++;
	status = api.mode == AWAY      ? 0
		 : api.mode == REFUSES ? 403
		 : api.mode == BUSY    ? 429
				       : serve(method, nt_buf_str(&path), nt_buf_str(&body));
	answer(c, api.mode == LOST && strcmp(method, "GET") != 0 ? 0 : status);
	return true;
}

/* Answers come at once; a candidate does not spin. */
static void ask(struct candidate *c)
{
	unsigned n = 0;

	while (!c->dead && ask_once(c))
		ck_assert_uint_lt(n++, 5);
}

static void pass(struct candidate *c)
{
	c->clock.virtual_boot_ns += (int64_t)(STEP * c->rate);
	c->clock.virtual_real_ns += (int64_t)(STEP * c->rate);
	ask(c);
	ck_assert_msg(!leads(&one) || !leads(&two), "both are the one");
}

static void run(int64_t ns)
{
	for (int64_t t = 0; t < ns; t += STEP) {
		pass(&one);
		pass(&two);
	}
}

/* --- cases ------------------------------------------------------------------------------------ */

START_TEST(first_makes_it_and_keeps_it)
{
	run(60 * S);
	ck_assert(leads(&one) && !leads(&two));
	ck_assert_str_eq(spec_text("holderIdentity"), "one");
	ck_assert_int_eq(spec_number("leaseDurationSeconds"), 15);
	ck_assert_int_eq(spec_number("leaseTransitions"), 0);
	ck_assert_str_eq(spec_text("acquireTime"), "2026-11-23T06:00:00.200000Z");
	ck_assert_str_ge(spec_text("renewTime"), "2026-11-23T06:00:57");
	ck_assert_str_eq(nt_lease_holder(two.lease), "one");
	ck_assert_str_eq(nt_lease_why(two.lease), "");
	/* A request to renew it each two seconds, and one to look. */
	ck_assert_uint_le(api.requests, 65);
}
END_TEST

START_TEST(dead_holder_is_followed)
{
	int64_t left = 0;

	run(10 * S);
	one.dead = true;
	while (!leads(&two)) {
		run(STEP);
		left += STEP;
		ck_assert_int_le(left, 18 * S);
	}
	ck_assert_int_ge(left, 13 * S); /* it had been renewed two seconds before at the most */
	ck_assert_str_eq(spec_text("holderIdentity"), "two");
	ck_assert_int_eq(spec_number("leaseTransitions"), 1);
	run(60 * S);
	ck_assert(leads(&two));
	ck_assert_int_eq(spec_number("leaseTransitions"), 1);
}
END_TEST

START_TEST(released_is_taken_at_once)
{
	run(10 * S);
	nt_lease_release(one.lease);
	ck_assert_int_eq(until_of(&one), 0);
	ask(&one);
	ck_assert_str_eq(spec_text("holderIdentity"), "");
	ck_assert_int_eq(spec_number("leaseDurationSeconds"), 1);
	ck_assert_int_eq(spec_number("leaseTransitions"), 0);
	run(3 * S);
	ck_assert(leads(&two) && !leads(&one));
	ck_assert_str_eq(spec_text("holderIdentity"), "two");
	ck_assert_int_eq(spec_number("leaseTransitions"), 1);
	run(30 * S);
	ck_assert(leads(&two));
}
END_TEST

START_TEST(who_has_it_not_gives_nothing_back)
{
	unsigned writes;

	run(10 * S);
	writes = api.writes;
	nt_lease_release(two.lease);
	ck_assert(!ask_once(&two));
	ck_assert_uint_eq(api.writes, writes);
	ck_assert(leads(&one));
}
END_TEST

/* The answer to a renewal is under way when it is to be given back: its version is the one to
 * write on. */
START_TEST(release_waits_for_the_answer)
{
	_cleanup_buf_ struct nt_buf path = { 0 }, body = { 0 };
	const char *method;

	run(10 * S);
	one.clock.virtual_boot_ns += 3 * S;
	ck_assert(nt_lease_due(one.lease, &method, &path, &body));
	ck_assert_str_eq(method, "PUT");
	nt_lease_release(one.lease);
	ck_assert(!ask_once(&one));
	answer(&one, serve(method, path.p, body.p));
	ck_assert_int_eq(until_of(&one), 0);
	ask(&one);
	ck_assert_str_eq(spec_text("holderIdentity"), "");
}
END_TEST

/* Wall clocks say nothing: years apart, and one that steps. */
START_TEST(wall_clocks_may_differ)
{
	two.clock.virtual_real_ns += 10LL * 365 * 86400 * S;
	run(30 * S);
	ck_assert(leads(&one));
	one.clock.virtual_real_ns -= 5LL * 365 * 86400 * S;
	run(30 * S);
	ck_assert(leads(&one));
	one.dead = true;
	run(20 * S);
	ck_assert(leads(&two));
}
END_TEST

/* And clocks that run at another rate, by a quarter; with the API away for whoever has it. pass()
 * checks at each step that there are never two. */
START_TEST(clocks_may_run_at_other_rates)
{
	two.rate = 1.25;
	run(20 * S);
	ck_assert(leads(&one));
	for (int64_t t = 0; t < 60 * S; t += STEP) {
		api.mode = AWAY;
		pass(&one);
		api.mode = FINE;
		pass(&two);
	}
	ck_assert(!leads(&one) && leads(&two));
}
END_TEST

START_TEST(api_away_ends_it_in_time)
{
	run(10 * S);
	api.mode = AWAY;
	run(NT_LEASE_DEADLINE_NS - 3 * S);
	ck_assert(leads(&one));
	run(4 * S);
	ck_assert(!leads(&one) && !leads(&two));
	ck_assert_str_eq(nt_lease_why(one.lease), "the API says 0");
	run(120 * S);
	api.mode = FINE;
	run(5 * S);
	/* It is the holder's still, or the other's, whose time of waiting is over. */
	ck_assert(leads(&one) || leads(&two));
	ck_assert_str_eq(nt_lease_why(one.lease), "");
}
END_TEST

/* A short outage, and one that loses answers only, change nothing. */
START_TEST(short_outage_changes_nothing)
{
	static const enum mode modes[] = { AWAY, LOST, REFUSES };

	run(10 * S);
	for (size_t i = 0; i < NT_ARRAY_LEN(modes); i++) {
		api.mode = modes[i];
		run(5 * S);
		ck_assert(leads(&one));
		api.mode = FINE;
		run(10 * S);
		ck_assert(leads(&one));
	}
	ck_assert_int_eq(spec_number("leaseTransitions"), 0);
}
END_TEST

/* That it was taken, and nobody heard. */
START_TEST(lost_answer_of_taking_it)
{
	two.dead = true;
	api.mode = LOST;
	ask(&one);
	ck_assert(!leads(&one));
	run(3 * S);
	ck_assert_ptr_nonnull(api.object);
	ck_assert(!leads(&one));
	api.mode = FINE;
	run(3 * S);
	ck_assert(leads(&one));
	ck_assert_int_eq(spec_number("leaseTransitions"), 0);
}
END_TEST

START_TEST(busy_api_is_given_its_time)
{
	unsigned requests;

	two.dead = true;
	api.mode = BUSY;
	run(STEP);
	requests = api.requests;
	run(6 * S);
	ck_assert_uint_eq(api.requests, requests);
	run(2 * S);
	ck_assert_uint_eq(api.requests, requests + 1);
}
END_TEST

/* It counts from when it was asked for: others may have seen the renewal since then. */
START_TEST(late_answer_counts_from_the_question)
{
	_cleanup_buf_ struct nt_buf path = { 0 }, body = { 0 };
	int64_t sent_ns;
	const char *method;

	run(10 * S);
	one.clock.virtual_boot_ns += 3 * S;
	sent_ns = one.clock.virtual_boot_ns;
	ck_assert(nt_lease_due(one.lease, &method, &path, &body));
	one.clock.virtual_boot_ns += 8 * S;
	answer(&one, serve(method, path.p, body.p));
	ck_assert_int_eq(until_of(&one), sent_ns + NT_LEASE_DEADLINE_NS);
}
END_TEST

/* Both see that it is nobody's; the second one's write finds another version. */
START_TEST(race_has_one_winner)
{
	_cleanup_buf_ struct nt_buf path = { 0 }, body = { 0 };
	const char *method;

	run(10 * S);
	nt_lease_release(one.lease);
	ask(&one);
	nt_lease_free(one.lease);
	begin(&one, "three", 5 * S, 1795413700 * S);
	ck_assert(nt_lease_due(one.lease, &method, &path, &body));
	answer(&one, 200);
	nt_buf_reset(&path);
	ck_assert(nt_lease_due(one.lease, &method, &path, &body));
	ck_assert_str_eq(method, "PUT");
	two.clock.virtual_boot_ns += 3 * S;
	ask(&two);
	ck_assert(leads(&two));
	answer(&one, serve(method, path.p, body.p));
	ck_assert(!leads(&one));
	run(30 * S);
	ck_assert(leads(&two) && !leads(&one));
	ck_assert_str_eq(nt_lease_holder(one.lease), "two");
}
END_TEST

/* Somebody's write in between is looked at, and written upon; what he wrote stays. */
START_TEST(others_may_write_into_it)
{
	json_auto_t *copy = NULL;

	run(10 * S);
	copy = json_deep_copy(api.object);
	json_object_set_new(json_object_get(copy, "metadata"), "labels",
			    json_pack("{s:s}", "a", "b"));
	json_object_set_new(json_object_get(copy, "spec"), "strategy", json_string("later"));
	keep(copy);
	run(30 * S);
	ck_assert(leads(&one));
	ck_assert_str_eq(
		json_string_value(json_object_get(
			json_object_get(json_object_get(api.object, "metadata"), "labels"), "a")),
		"b");
	ck_assert_str_eq(spec_text("strategy"), "later");
	ck_assert_int_eq(spec_number("leaseTransitions"), 0);
}
END_TEST

/* Labels that change all the time keep nobody alive. */
START_TEST(labels_are_no_sign_of_life)
{
	run(10 * S);
	one.dead = true;
	for (int i = 0; i < 10 && !leads(&two); i++) {
		json_object_set_new(json_object_get(api.object, "metadata"), "labels",
				    json_pack("{s:i}", "a", i));
		keep(api.object);
		run(2 * S);
	}
	ck_assert(leads(&two));
}
END_TEST

START_TEST(deleted_is_made_again)
{
	run(10 * S);
	json_decref(api.object);
	api.object = NULL;
	run(3 * S);
	ck_assert(leads(&one) || leads(&two));
	run(20 * S);
	ck_assert_int_eq(leads(&one) + leads(&two), 1);
	ck_assert_str_eq(spec_text("holderIdentity"), leads(&one) ? "one" : "two");
}
END_TEST

static const char *const odd_specs[] = {
	"{}",
	"null",
	"{\"holderIdentity\":null,\"leaseDurationSeconds\":null}",
	"{\"holderIdentity\":5}",
	"{\"holderIdentity\":\"x\",\"leaseDurationSeconds\":-5,\"renewTime\":\"no\"}",
	"{\"holderIdentity\":\"x\",\"leaseDurationSeconds\":15,\"leaseTransitions\":\"y\"}",
};

/* By hand, or by another program. */
START_TEST(odd_object_is_taken_in_time)
{
	json_auto_t *object = json_pack("{s:{s:s}, s:o}", "metadata", "name", "nametap-controller",
					"spec", json_loads(odd_specs[_i], JSON_DECODE_ANY, NULL));

	two.dead = true;
	keep(object);
	run(17 * S);
	ck_assert(leads(&one));
	ck_assert_str_eq(spec_text("holderIdentity"), "one");
}
END_TEST

START_TEST(long_duration_of_another_holds_us_up_so_long)
{
	json_auto_t *object =
		json_pack("{s:{s:s}, s:{s:s, s:i}}", "metadata", "name", "nametap-controller",
			  "spec", "holderIdentity", "x", "leaseDurationSeconds", 60);

	two.dead = true;
	keep(object);
	run(58 * S);
	ck_assert(!leads(&one));
	run(4 * S);
	ck_assert(leads(&one));
}
END_TEST

static const char *const no_leases[] = { "", "[]", "nonsense", "\xff" };

START_TEST(answer_that_is_no_lease)
{
	_cleanup_buf_ struct nt_buf path = { 0 }, body = { 0 };
	struct nt_kube_answer a = { .status = 200, .body = nt_slice_str(no_leases[_i]) };
	const char *method;

	ck_assert(nt_lease_due(one.lease, &method, &path, &body));
	nt_lease_answer(one.lease, &a);
	ck_assert_int_eq(until_of(&one), 0);
	ck_assert_str_eq(nt_lease_why(one.lease), "the API's answer is no Lease");
	ck_assert(!ask_once(&one));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("kube_lease");
	TCase *tc = tcase_create("all");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, first_makes_it_and_keeps_it);
	tcase_add_test(tc, dead_holder_is_followed);
	tcase_add_test(tc, released_is_taken_at_once);
	tcase_add_test(tc, who_has_it_not_gives_nothing_back);
	tcase_add_test(tc, release_waits_for_the_answer);
	tcase_add_test(tc, wall_clocks_may_differ);
	tcase_add_test(tc, clocks_may_run_at_other_rates);
	tcase_add_test(tc, api_away_ends_it_in_time);
	tcase_add_test(tc, short_outage_changes_nothing);
	tcase_add_test(tc, lost_answer_of_taking_it);
	tcase_add_test(tc, busy_api_is_given_its_time);
	tcase_add_test(tc, late_answer_counts_from_the_question);
	tcase_add_test(tc, race_has_one_winner);
	tcase_add_test(tc, others_may_write_into_it);
	tcase_add_test(tc, labels_are_no_sign_of_life);
	tcase_add_test(tc, deleted_is_made_again);
	tcase_add_loop_test(tc, odd_object_is_taken_in_time, 0, (int)NT_ARRAY_LEN(odd_specs));
	tcase_add_test(tc, long_duration_of_another_holds_us_up_so_long);
	tcase_add_loop_test(tc, answer_that_is_no_lease, 0, (int)NT_ARRAY_LEN(no_leases));
	suite_add_tcase(suite, tc);
	return nt_suite_run(suite);
}
