/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Kubernetes API as a source of objects, from a server that says one thing after the other: of
 * each call what is expected, and what is answered.
 */
#pragma once

#include <netinet/in.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/objects/objects.h"
#include "tests/unit/kube_server.h"
#include "tests/unit/suite.h"

#define RECORDED "tests/unit/data/kube/"

/* What the server is to say next, in order: a recording's answer, or one of these. */
struct step {
	const char *expect; /* a part of the path */
	const char *file; /* of RECORDED; NULL: status and text */
	int status; /* 0: a watch that says text and then stays; -1: says it and is cut; REPEAT,
		       ALONE */
	const char *text;
};

static struct nt_loop *loop;
static struct nt_kube *kube;
static struct nt_objects *objects;
static struct server server;
static const struct step *steps;
static size_t steps_len, steps_done;
static unsigned repeated;
static bool goes_on; /* from a step that repeats */
static struct server_conn *unanswered; /* the latest call that is not answered */

/* With a recording: until goes_on. */
enum { REPEAT = 1 };
/* Of the metadata alone; 200. */
enum { ALONE = 2 };

static inline struct nt_slice recorded_body(const char *file, struct nt_buf *text, int *ret_status)
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

static inline void answer_step(void *ctx, struct server_conn *c, const char *path)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	const struct step *step = &steps[steps_done];
	struct nt_slice body;
	bool alone;
	int status;

	(void)ctx;
	if (steps_done == steps_len) { /* a call that is never answered */
		unanswered = c;
		return;
	}
	repeated += step->status == REPEAT;
	if (step->status != REPEAT || goes_on)
		steps_done++;
	if (step->status == REPEAT && goes_on)
		step++, steps_done++;
	ck_assert_msg(strstr(path, step->expect) != NULL, "%zu: %s, not %s", steps_done, path,
		      step->expect);
	alone = strstr(c->request.p, "Accept: application/json;as=PartialObjectMetadataList;") !=
		NULL;
	ck_assert_msg(alone == (step->status == ALONE), "%s", c->request.p);
	body = step->file ? recorded_body(step->file, &text, &status) : nt_slice_str(step->text);
	if (!step->file)
		status = alone ? 200 : step->status;
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

static inline void on_objects(void *ctx, int fd, uint32_t events)
{
	(void)ctx, (void)fd, (void)events;
	(void)nt_objects_poll(objects);
}

static inline void give_up(void *ctx)
{
	(void)ctx;
	ck_abort_msg("nothing came of it in time");
}

static bool (*done)(void);

static inline void look(void *ctx)
{
	(void)ctx;
	if (done())
		nt_loop_stop(loop);
}

static inline void run_until(bool (*is_done)(void))
{
	struct nt_timer *limit = nt_loop_timer_new(loop, 20 * NT_NS_PER_S, give_up, NULL, NULL);
	struct nt_timer *often = nt_loop_timer_new(loop, NT_NS_PER_MS, look, NULL, NULL);

	done = is_done;
	ck_assert_int_eq(nt_loop_run(loop, NULL), 0);
	nt_loop_timer_free(limit);
	nt_loop_timer_free(often);
}

static inline struct nt_objects_kube_config fast(const char *const *kinds)
{
	return (struct nt_objects_kube_config){ .kinds = kinds,
						.retry_min_ns = 2 * NT_NS_PER_MS,
						.retry_max_ns = 16 * NT_NS_PER_MS,
						.absent_ns = 20 * NT_NS_PER_MS };
}

static inline void open_kube(const struct step *s, size_t len, struct nt_objects_kube_config config)
{
	struct nt_err err;

	steps = s;
	steps_len = len;
	steps_done = repeated = 0;
	goes_on = false;
	unanswered = NULL;
	ck_assert_int_eq(nt_loop_new(&loop, &err), 0);
	server_start(&server, loop, answer_step, NULL);
	kube = server_client(&server);
	ck_assert_msg(nt_objects_open_kube(kube, loop, &config, &objects, &err) == 0, "%s",
		      err.msg);
	ck_assert_int_eq(
		nt_loop_watch(loop, nt_objects_fd(objects), EPOLLIN, on_objects, NULL, &err), 0);
}

static inline void close_kube(void)
{
	nt_loop_unwatch(loop, nt_objects_fd(objects));
	nt_objects_free(objects);
	nt_kube_close(kube);
	server_stop(&server);
	nt_loop_free(loop);
	objects = NULL;
}

static inline bool all_done(void)
{
	return steps_done == steps_len;
}

static inline void copy_state(void *ctx, const struct nt_objects_state *state)
{
	*(struct nt_objects_state *)ctx = *state;
}

/* Of the one kind that is watched, or the last. */
static inline struct nt_objects_state state_of(void)
{
	struct nt_objects_state state = { 0 };

	nt_objects_states(objects, copy_state, &state);
	return state;
}

__attribute__((unused)) static const char *const pods_only[] = { "Pod", NULL };

#define POD(name, version)                                                              \
	"{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"demo\",\"uid\":\"u-" name \
	"\",\"resourceVersion\":\"" version "\"},\"status\":{\"phase\":\"Running\"}}"
#define PODS(version, next, items)                                           \
	"{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"" version \
	"\",\"continue\":\"" next "\"},\"items\":[" items "]}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"
#define FORBIDDEN "54-just-started-403.txt"
#define TOO_OLD "52-watch-after-restart-rv1.txt"
#define TWO_PODS PODS("7", "", POD("a", "5") "," POD("b", "6"))
#define LIST "/pods?limit=250"
#define ASK "/pods?limit=1"
#define WATCH "/pods?watch=1"
#define STAYS                      \
	{                          \
		WATCH, NULL, 0, "" \
	}
