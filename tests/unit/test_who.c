/* SPDX-License-Identifier: Apache-2.0 */
/* Whose token it is, asked by many threads at once of an API server that answers, or hangs. */
#include "controller/agents/who.c" /* what waits in its queue */

#include "tests/unit/kube_server.h"
#include "tests/unit/suite.h"

/* In flight, then waiting. */
#define ALL (CALLS_MAX + NT_WHO_QUEUE_MAX)

static struct nt_loop *loop;
static struct server server;
static struct nt_kube *kube;
static struct nt_who *who;
static struct nt_clock clock_;
static pthread_t loop_thread;
static int end_fd;
static _Atomic bool hangs;

static const char good[] =
	"{\"kind\":\"TokenReview\",\"status\":{\"authenticated\":true,\"audiences\":[\"us\"],"
	"\"user\":{\"username\":\"system:serviceaccount:nametap:agent\",\"extra\":{"
	"\"authentication.kubernetes.io/pod-name\":[\"a\"],"
	"\"authentication.kubernetes.io/pod-uid\":[\"u\"],"
	"\"authentication.kubernetes.io/node-name\":[\"n1\"]}}}}";

static void answer(void *ctx, struct server_conn *c, const char *path)
{
	(void)ctx;
	ck_assert_str_eq(path, NT_REVIEW_PATH);
	if (!hangs)
		server_reply(c, 201, "", nt_slice_str(good));
}

static void on_end(void *ctx, int fd, uint32_t events)
{
	(void)fd;
	(void)events;
	nt_loop_stop(ctx);
}

static void *run(void *ctx)
{
	ck_assert_int_eq(nt_loop_run(ctx, NULL), 0);
	return NULL;
}

static void setup(void)
{
	static const struct nt_review_policy policy = { .account = { "nametap", "agent" },
							.audience = "us" };
	struct nt_err err;

	hangs = false;
	clock_ = nt_clock_virtual(1000 * NT_NS_PER_S, 1000 * NT_NS_PER_S);
	ck_assert_int_eq(nt_loop_new(&loop, &err), 0);
	server_start(&server, loop, answer, NULL);
	kube = server_client(&server);
	ck_assert_int_eq(nt_who_new(kube, loop, &clock_, &policy, &who, &err), 0);
	end_fd = eventfd(0, EFD_CLOEXEC);
	ck_assert_int_eq(nt_loop_watch(loop, end_fd, EPOLLIN, on_end, loop, &err), 0);
	ck_assert_int_eq(pthread_create(&loop_thread, NULL, run, loop), 0);
}

static void teardown(void)
{
	const uint64_t one = 1;

	nt_who_stop(who);
	ck_assert_int_eq(write(end_fd, &one, sizeof(one)), sizeof(one));
	ck_assert_int_eq(pthread_join(loop_thread, NULL), 0);
	nt_loop_unwatch(loop, end_fd);
	close(end_fd);
	nt_kube_close(kube);
	nt_who_free(who);
	server_stop(&server);
	nt_loop_free(loop);
}

static struct nt_token_verdict ask(const char *token)
{
	return nt_who_ask(who, nt_slice_str(token));
}

static void advance(int64_t s)
{
	pthread_mutex_lock(&who->lock);
	clock_.virtual_boot_ns += s * NT_NS_PER_S;
	pthread_mutex_unlock(&who->lock);
}

/* --- threads that ask ------------------------------------------------------------------------- */

static struct asker {
	pthread_t thread;
	char token[16];
	struct nt_token_verdict v;
} askers[ALL];

static void *ask_in_thread(void *ctx)
{
	struct asker *a = ctx;

	a->v = ask(a->token);
	return NULL;
}

static void start_askers(size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		snprintf(askers[i].token, sizeof(askers[i].token), "stranger-%zu", i);
		ck_assert_int_eq(pthread_create(&askers[i].thread, NULL, ask_in_thread, &askers[i]),
				 0);
	}
}

static void join_askers(size_t len)
{
	for (size_t i = 0; i < len; i++)
		ck_assert_int_eq(pthread_join(askers[i].thread, NULL), 0);
}

static size_t queued(void)
{
	size_t n;

	pthread_mutex_lock(&who->lock);
	n = who->queued;
	pthread_mutex_unlock(&who->lock);
	return n;
}

/* As many as may be in flight are, and the queue is full. */
static void fill(void)
{
	uint64_t before = nt_who_stats(who).reviews;

	hangs = true;
	start_askers(0, CALLS_MAX);
	while (nt_who_stats(who).reviews < before + CALLS_MAX)
		usleep(1000);
	start_askers(CALLS_MAX, ALL);
	while (queued() < NT_WHO_QUEUE_MAX)
		usleep(1000);
}

/* --- cases ------------------------------------------------------------------------------------ */

START_TEST(answers_are_given_and_remembered)
{
	struct nt_token_verdict v = ask("known");

	ck_assert_uint_eq(v.status, 0);
	ck_assert_str_eq(v.node, "n1");
	ck_assert_uint_eq(ask("known").status, 0);
	ck_assert_uint_eq(nt_who_stats(who).reviews, 1);
}
END_TEST

/* However many strangers show tokens at once: one more is told so at once, a known one holds on. */
START_TEST(queue_is_bounded)
{
	struct nt_token_verdict v;

	ck_assert_uint_eq(ask("known").status, 0);
	advance(61);
	fill();
	v = ask("one too many"); /* no token has a space */
	ck_assert_uint_eq(v.status, 401);
	v = ask("one-too-many");
	ck_assert_uint_eq(v.status, 503);
	ck_assert_msg(strstr(v.why, "too many tokens wait"), "%s", v.why);
	ck_assert_uint_eq(nt_who_stats(who).full, 1);
	ck_assert_uint_eq(ask("known").status, 0);
	ck_assert_uint_eq(nt_who_stats(who).full, 2);
	ck_assert_uint_eq(nt_who_stats(who).grace, 1);
	advance(600);
	ck_assert_uint_eq(ask("known").status, 503);
	ck_assert_uint_eq(queued(), NT_WHO_QUEUE_MAX);
	nt_who_stop(who);
	join_askers(ALL);
	for (size_t i = 0; i < ALL; i++) {
		ck_assert_uint_eq(askers[i].v.status, 503);
		ck_assert_msg(strstr(askers[i].v.why, "the controller ends"), "%s",
			      askers[i].v.why);
	}
}
END_TEST

/* Its upload does not wait for the API server's time-out, and one question is enough. */
START_TEST(known_token_holds_while_the_api_hangs)
{
	ck_assert_uint_eq(ask("known").status, 0);
	advance(61);
	hangs = true;
	ck_assert_uint_eq(ask("known").status, 0);
	ck_assert_uint_eq(ask("known").status, 0);
	ck_assert_uint_eq(nt_who_stats(who).grace, 2);
	ck_assert_uint_eq(nt_who_stats(who).reviews, 2);
}
END_TEST

/* Each is answered in the end, and what nobody waits for is not asked about any more. */
START_TEST(strangers_are_given_up_while_the_api_hangs)
{
	const size_t some = 3 * CALLS_MAX;

	hangs = true;
	start_askers(0, some);
	join_askers(some);
	for (size_t i = 0; i < some; i++)
		ck_assert_uint_eq(askers[i].v.status, 503);
	ck_assert_uint_eq(queued(), 0);
	ck_assert_uint_lt(nt_who_stats(who).reviews, some);
	ck_assert_uint_eq(nt_who_stats(who).good, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("who");
	TCase *tc = tcase_create("who");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, answers_are_given_and_remembered);
	tcase_add_test(tc, queue_is_bounded);
	tcase_add_test(tc, known_token_holds_while_the_api_hangs);
	tcase_add_test(tc, strangers_are_given_up_while_the_api_hangs);
	suite_add_tcase(suite, tc);
	return nt_suite_run(suite);
}
