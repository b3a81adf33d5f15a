/* SPDX-License-Identifier: Apache-2.0 */
/* The Kubernetes API as a source of objects: answers that a real server gave, and a server that
 * does to a client what real ones do. */
#include "lib/objects/objects.h"

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "tests/unit/kube_server.h"
#include "tests/unit/suite.h"

#define RECORDED "tests/unit/data/kube/"

/* What the server is to say next, in order: a recording's answer, or one of these. */
struct step {
	const char *expect; /* a part of the path */
	const char *file; /* of RECORDED; NULL: status and text */
	int status; /* 0: a watch that says text and then stays; -1: says it and is cut */
	const char *text;
};

static struct nt_loop *loop;
static struct nt_kube *kube;
static struct nt_objects *objects;
static struct server server;
static const struct step *steps;
static size_t steps_len, steps_done;
static char paths[16][512];

static struct nt_slice recorded_body(const char *file, struct nt_buf *text, int *ret_status)
{
	char path[256];
	char *body, *status;

	snprintf(path, sizeof(path), RECORDED "%s", file);
	ck_assert_int_eq(nt_file_read_at(AT_FDCWD, path, 1 << 20, text, NULL), 0);
	status = strstr(text->p, "\n< HTTP/1.1 ");
	body = strstr(text->p, "\n-- response body\n");
	ck_assert(status && body);
	ck_assert_int_eq(sscanf(status, "\n< HTTP/1.1 %d", ret_status), 1);
	body += strlen("\n-- response body\n");
	return nt_slice_mem(body, (size_t)(text->p + text->len - body));
}

static void answer_step(void *ctx, struct server_conn *c, const char *path)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	const struct step *step = &steps[steps_done];
	struct nt_slice body;
	int status;

	(void)ctx;
	if (steps_done == steps_len)
		return; /* a call that is never answered */
	snprintf(paths[steps_done++ % 16], sizeof(paths[0]), "%s", path);
	ck_assert_msg(strstr(path, step->expect) != NULL, "%zu: %s, not %s", steps_done, path,
		      step->expect);
	body = step->file ? recorded_body(step->file, &text, &status) : nt_slice_str(step->text);
	if (!step->file)
		status = step->status;
	if (strstr(path, "watch=1") && status < 300 && status != 204) {
		server_stream(c);
		if (body.len)
			server_chunk(c, body);
		if (status == -1)
			server_cut(c);
		else if (status == 200)
			server_end_stream(c);
		return;
	}
	server_reply(c, status, status == 429 ? "Retry-After: 1\r\n" : "", body);
}

static void on_objects(void *ctx, int fd, uint32_t events)
{
	(void)ctx, (void)fd, (void)events;
	(void)nt_objects_poll(objects);
}

static void give_up(void *ctx)
{
	(void)ctx;
	ck_abort_msg("nothing came of it in time");
}

static bool (*done)(void);

static void look(void *ctx)
{
	(void)ctx;
	if (done())
		nt_loop_stop(loop);
}

static void run_until(bool (*is_done)(void))
{
	struct nt_timer *limit = nt_loop_timer_new(loop, 20 * NT_NS_PER_S, give_up, NULL, NULL);
	struct nt_timer *often = nt_loop_timer_new(loop, NT_NS_PER_MS, look, NULL, NULL);

	done = is_done;
	ck_assert_int_eq(nt_loop_run(loop, NULL), 0);
	nt_loop_timer_free(limit);
	nt_loop_timer_free(often);
}

static struct nt_objects_kube_config fast(const char *const *kinds)
{
	return (struct nt_objects_kube_config){ .kinds = kinds,
						.retry_min_ns = 2 * NT_NS_PER_MS,
						.retry_max_ns = 16 * NT_NS_PER_MS,
						.absent_ns = 20 * NT_NS_PER_MS };
}

static void open_kube(const struct step *s, size_t len, struct nt_objects_kube_config config)
{
	struct nt_err err;

	steps = s;
	steps_len = len;
	steps_done = 0;
	ck_assert_int_eq(nt_loop_new(&loop, &err), 0);
	server_start(&server, loop, answer_step, NULL);
	kube = server_client(&server);
	ck_assert_msg(nt_objects_open_kube(kube, loop, &config, &objects, &err) == 0, "%s",
		      err.msg);
	ck_assert_int_eq(
		nt_loop_watch(loop, nt_objects_fd(objects), EPOLLIN, on_objects, NULL, &err), 0);
}

static void close_kube(void)
{
	nt_loop_unwatch(loop, nt_objects_fd(objects));
	nt_objects_free(objects);
	nt_kube_close(kube);
	server_stop(&server);
	nt_loop_free(loop);
	objects = NULL;
}

static bool all_done(void)
{
	return steps_done == steps_len;
}

static void copy_state(void *ctx, const struct nt_objects_state *state)
{
	*(struct nt_objects_state *)ctx = *state;
}

/* Of the one kind that is watched, or the last. */
static struct nt_objects_state state_of(void)
{
	struct nt_objects_state state = { 0 };

	nt_objects_states(objects, copy_state, &state);
	return state;
}

static const char *const pods_only[] = { "Pod", NULL };

static const struct step a_list_and_a_watch[] = {
	{ "/api/v1/pods?limit=250", "02-list-pods.txt", 0, NULL },
	{ "/api/v1/pods?watch=1&allowWatchBookmarks=true&timeoutSeconds=240&resourceVersion=451",
	  "40-watch-pods-bookmarks-75s.txt", 0, NULL },
	{ "/api/v1/pods?watch=1", NULL, 0, "" },
};

START_TEST(recorded_list_and_watch)
{
	struct nt_objects_kube_config config = fast(pods_only);
	const struct nt_object *pod;
	struct nt_objects_state state;

	config.retry_min_ns = 1; /* a recorded watch is over at once */
	open_kube(a_list_and_a_watch, NT_ARRAY_LEN(a_list_and_a_watch), config);
	ck_assert(!nt_objects_have_synced(objects));
	ck_assert_str_eq(nt_objects_problem_at(objects, 0)->msg, "it is not read yet");
	run_until(all_done);
	ck_assert(nt_objects_have_synced(objects));
	state = state_of();
	ck_assert_str_eq(state.kind, "Pod");
	ck_assert(state.synced && !state.absent);
	ck_assert_uint_eq(state.lists, 1);
	ck_assert_uint_eq(state.bookmarks, 2);
	ck_assert_uint_gt(state.events, 3);
	pod = nt_objects_find(objects, NT_SLICE_LIT("Pod"), NT_SLICE_LIT("demo"),
			      NT_SLICE_LIT("web-cff6d99c6-cgbmg"));
	ck_assert_ptr_nonnull(pod);
	ck_assert(nt_object_pod(pod)->phase == NT_POD_RUNNING);
	ck_assert_ptr_null(pod->json);
	ck_assert_str_eq(pod->owner->kind.p, "ReplicaSet");
	ck_assert_ptr_eq(nt_objects_find_pod_uid(objects, pod->uid), pod);
	ck_assert_ptr_null(nt_objects_problem_at(objects, 0));
	close_kube();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("objects_kube");
	TCase *t = tcase_create("objects_kube");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, recorded_list_and_watch);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
