/* SPDX-License-Identifier: Apache-2.0 */
/* Calls to the Kubernetes API over real sockets: recorded answers, faults, streams. */
#include "lib/kube/client.h"

#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "tests/unit/suite.h"

#define RECORDED "tests/unit/data/kube/"

/* A server that answers each connection with the next text and keeps what it was asked; a NULL text
 * is never answered. */
struct server {
	int fd;
	unsigned port;
	const char *texts[8];
	size_t texts_len;
	struct nt_buf asked;
	pthread_t thread;
};

static void *serve(void *ctx)
{
	struct server *s = ctx;

	for (size_t i = 0; i < s->texts_len; i++) {
		char octets[8192];
		int fd = accept(s->fd, NULL, NULL);
		ssize_t n = fd == -1 ? -1 : read(fd, octets, sizeof(octets));

		if (n > 0)
			nt_buf_add(&s->asked, octets, (size_t)n);
		if (s->texts[i])
			(void)!write(fd, s->texts[i], strlen(s->texts[i]));
		else
			(void)!read(fd, octets, sizeof(octets)); /* until the client gives up */
		close(fd);
	}
	return NULL;
}

static void server_start(struct server *s)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(s->fd, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(s->fd, 8), 0);
	ck_assert_int_eq(getsockname(s->fd, (struct sockaddr *)&a, &len), 0);
	s->port = ntohs(a.sin_port);
	ck_assert_int_eq(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_end(struct server *s)
{
	pthread_join(s->thread, NULL);
	close(s->fd);
	nt_buf_done(&s->asked);
}

struct client {
	struct nt_loop *loop;
	struct nt_kube *kube;
};

static struct client client_open(unsigned port, const char *token_file)
{
	struct nt_kube_config config = { .arena = NT_ARENA(4096), .origin = "test" };
	struct client c = { 0 };
	struct nt_err err;
	char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%u", port);
	config.server = nt_arena_copy(&config.arena, nt_slice_str(url)).p;
	config.token_file = token_file;
	ck_assert_int_eq(nt_loop_new(&c.loop, &err), 0);
	ck_assert_int_eq(nt_kube_open(&config, c.loop, "nametap-test", &c.kube, &err), 0);
	return c;
}

static void client_close(struct client *c)
{
	nt_kube_close(c->kube);
	nt_loop_free(c->loop);
}

static struct nt_kube_answer call(struct client *c, const struct nt_kube_request *request,
				  struct nt_buf *body)
{
	struct nt_kube_answer answer = { 0 };
	struct nt_err err = { 0 };

	ck_assert_msg(nt_kube_call(c->kube, c->loop, request, &answer, body, &err) == 0, "%s",
		      err.msg);
	return answer;
}

/* The answer's octets out of a recording. */
static char *recorded(const char *file)
{
	struct nt_buf text = { 0 }, out = { 0 };
	char path[256], *line, *next;
	bool in_body = false;

	snprintf(path, sizeof(path), RECORDED "%s", file);
	ck_assert_int_eq(nt_file_read_at(AT_FDCWD, path, 1 << 20, &text, NULL), 0);
	for (line = text.p; line && *line; line = next) {
		next = strchr(line, '\n');
		next = next ? next + 1 : line + strlen(line);
		if (in_body)
			nt_buf_add(&out, line, (size_t)(next - line));
		else if (strncmp(line, "< ", 2) == 0)
			nt_buf_printf(&out, "%.*s\r\n", (int)(next - line - 3), line + 2);
		else if (strncmp(line, "-- response body", 16) == 0)
			in_body = true;
	}
	nt_buf_done(&text);
	return out.p;
}

static const struct {
	const char *file;
	int status;
	const char *words; /* of the error */
} answers[] = {
	{ "05-version.txt", 200, "" },
	{ "24-event-create.txt", 201, "" },
	{ "20-401-bad-token.txt", 401,
	  "401 Unauthorized; the token is not, or no longer, accepted" },
	{ "54-just-started-403.txt", 403,
	  "User \"system:serviceaccount:kube-system:agent\" cannot list resource \"pods\"" },
	{ "13-cr-patch-status-404.txt", 404, "\"none\" not found" },
	{ "60-list-cr-crd-deleted-404.txt", 404, "GET /x: 404" },
};

START_TEST(recorded_answers)
{
	char *text = recorded(answers[_i].file);
	struct server s = { .texts = { text }, .texts_len = 1 };
	_cleanup_buf_ struct nt_buf body = { 0 };
	struct nt_kube_answer a;
	struct client c;

	server_start(&s);
	c = client_open(s.port, NULL);
	a = call(&c, &(struct nt_kube_request){ .method = "GET", .path = "/x" }, &body);
	ck_assert_int_eq(a.status, answers[_i].status);
	ck_assert_msg(strstr(a.error.msg, answers[_i].words) != NULL, "%s", a.error.msg);
	ck_assert_uint_gt(a.body.len, 10);
	client_close(&c);
	server_end(&s);
	free(text);
}
END_TEST

START_TEST(what_is_sent)
{
	static const char ok[] = "HTTP/1.1 201 Created\r\nContent-Length: 2\r\nRetry-After: "
				 "7\r\n\r\n{}";
	struct server s = { .texts = { ok, ok, ok }, .texts_len = 3 };
	char file[] = "/tmp/nt-token-XXXXXX";
	_cleanup_close_ int fd = mkstemp(file);
	_cleanup_buf_ struct nt_buf body = { 0 };
	struct nt_kube_request post = { .method = "POST",
					.path = "/api/v1/x?y=1",
					.body = NT_SLICE_LIT("{\"a\":1}") };
	struct nt_kube_answer a;
	struct client c;

	ck_assert_int_eq(write(fd, "first\n", 6), 6);
	server_start(&s);
	c = client_open(s.port, file);
	a = call(&c, &post, &body);
	ck_assert_int_eq(a.status, 201);
	ck_assert_int_eq(a.retry_after_ns, 7 * NT_NS_PER_S);
	/* The kubelet renews the token: the next request has the new one. */
	ck_assert_int_eq(pwrite(fd, "other\n", 6, 0), 6);
	post.content_type = "application/merge-patch+json";
	post.method = "PATCH";
	a = call(&c, &post, &body);
	ck_assert_int_eq(a.status, 201);
	a = call(&c, &(struct nt_kube_request){ .method = "DELETE", .path = "/z" }, &body);
	ck_assert_int_eq(a.status, 201);
	client_close(&c);
	pthread_join(s.thread, NULL);
	ck_assert_ptr_nonnull(strstr(s.asked.p, "POST /api/v1/x?y=1 HTTP/1.1\r\n"));
	ck_assert_ptr_nonnull(strstr(s.asked.p, "Authorization: Bearer first\r\n"));
	ck_assert_ptr_nonnull(strstr(s.asked.p, "Content-Type: application/json\r\n"));
	ck_assert_ptr_nonnull(strstr(s.asked.p, "\r\n\r\n{\"a\":1}"));
	ck_assert_ptr_nonnull(strstr(s.asked.p, "PATCH /api/v1/x"));
	ck_assert_ptr_nonnull(strstr(s.asked.p, "Authorization: Bearer other\r\n"));
	ck_assert_ptr_nonnull(strstr(s.asked.p, "application/merge-patch+json"));
	ck_assert_ptr_nonnull(strstr(s.asked.p, "DELETE /z"));
	ck_assert_ptr_nonnull(strstr(s.asked.p, "User-Agent: nametap-test\r\n"));
	ck_assert_ptr_null(strstr(s.asked.p, "Expect"));
	close(s.fd);
	nt_buf_done(&s.asked);
	unlink(file);
}
END_TEST

/* A token file that is no token goes to nobody. */
START_TEST(bad_tokens)
{
	struct client c = client_open(1, "/dev/null");
	struct nt_kube_answer a;
	_cleanup_buf_ struct nt_buf body = { 0 };
	struct nt_err err;

	ck_assert_int_eq(nt_kube_call(c.kube, c.loop,
				      &(struct nt_kube_request){ .method = "GET", .path = "/" }, &a,
				      &body, &err),
			 -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.msg, "/dev/null: not one line"));
	client_close(&c);
}
END_TEST

static const struct {
	const char *text; /* NULL: silence */
	int code;
	const char *words;
} faults[] = {
	{ NULL, ETIMEDOUT, "GET http://127.0.0.1:" },
	{ "", EIO, "GET http://127.0.0.1:" },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", EIO, "" },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789", EFBIG, "larger than" },
};

START_TEST(no_answer)
{
	struct server s = { .texts = { faults[_i].text }, .texts_len = 1 };
	_cleanup_buf_ struct nt_buf body = { 0 };
	struct nt_kube_answer a;
	struct client c;

	server_start(&s);
	c = client_open(s.port, NULL);
	a = call(&c,
		 &(struct nt_kube_request){ .method = "GET",
					    .path = "/x",
					    .timeout_ns = 300 * NT_NS_PER_MS,
					    .max_bytes = 8 },
		 &body);
	ck_assert_int_eq(a.status, 0);
	ck_assert_msg(a.error.code == faults[_i].code, "%d %s", a.error.code, a.error.msg);
	ck_assert_msg(strstr(a.error.msg, faults[_i].words) != NULL, "%s", a.error.msg);
	client_close(&c);
	server_end(&s);
}
END_TEST

START_TEST(nobody_there)
{
	struct server s = { .texts_len = 0 };
	_cleanup_buf_ struct nt_buf body = { 0 };
	struct nt_kube_answer a;
	struct client c;

	server_start(&s);
	server_end(&s);
	c = client_open(s.port, NULL);
	a = call(&c, &(struct nt_kube_request){ .method = "GET", .path = "/x" }, &body);
	ck_assert_int_eq(a.status, 0);
	ck_assert_int_eq(a.error.code, ECONNREFUSED);
	ck_assert_ptr_nonnull(strstr(a.error.msg, "is the API server up"));
	client_close(&c);
}
END_TEST

/* --- streams, and several calls --- */

struct stream {
	struct nt_buf text;
	size_t stop_at;
	int statuses;
	struct client *client;
	unsigned open;
};

static struct stream stream;

static bool on_octets(void *ctx, int status, struct nt_slice octets)
{
	(void)ctx;
	stream.statuses = status;
	nt_buf_slice(&stream.text, octets);
	return !stream.stop_at || stream.text.len < stream.stop_at;
}

START_TEST(a_watch)
{
	char *text = recorded("41-watch-pods-raw-chunks.txt");
	struct server s = { .texts = { text }, .texts_len = 1 };
	struct nt_kube_request watch = { .method = "GET",
					 .path = "/api/v1/pods?watch=1",
					 .timeout_ns = -1,
					 .silence_ns = 20 * NT_NS_PER_S,
					 .data_fn = on_octets };
	_cleanup_buf_ struct nt_buf body = { 0 };
	struct nt_kube_answer a;
	struct client c;

	stream.stop_at = _i ? 100 : 0;
	server_start(&s);
	c = client_open(s.port, NULL);
	a = call(&c, &watch, &body);
	ck_assert_int_eq(stream.statuses, 200);
	ck_assert_ptr_nonnull(strstr(stream.text.p, "{\"type\":\"ADDED\",\"object\":{"));
	ck_assert_uint_eq(a.body.len, 0);
	if (_i)
		ck_assert_int_eq(a.error.code, ECANCELED);
	else
		ck_assert_uint_gt(stream.text.len, 20000);
	nt_buf_done(&stream.text);
	client_close(&c);
	server_end(&s);
	free(text);
}
END_TEST

static void on_one(void *ctx, const struct nt_kube_answer *answer)
{
	unsigned *bits = ctx;

	if (answer->status == 200)
		*bits |= 1u << (answer->body.p[0] - '0');
	if (--stream.open == 0)
		nt_loop_stop(stream.client->loop);
}

START_TEST(side_by_side)
{
	struct server s = { .texts = { NULL, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1",
				       "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2" },
			    .texts_len = 3 };
	struct nt_kube_request get = { .method = "GET", .path = "/x", .timeout_ns = NT_NS_PER_S };
	struct nt_kube_call *cancelled;
	struct nt_err err;
	unsigned bits = 0;
	struct client c;

	server_start(&s);
	c = client_open(s.port, NULL);
	stream.client = &c;
	/* The first one waits in vain; the server takes one connection after the other. */
	stream.open = 3;
	for (int i = 0; i < 3; i++) {
		get.timeout_ns = i ? 20 * NT_NS_PER_S : 300 * NT_NS_PER_MS;
		ck_assert_int_eq(nt_kube_send(c.kube, &get, on_one, &bits, NULL, &err), 0);
	}
	ck_assert_int_eq(nt_kube_send(c.kube, &get, on_one, &bits, &cancelled, &err), 0);
	nt_kube_cancel(cancelled);
	ck_assert_int_eq(nt_loop_run(c.loop, &err), 0);
	ck_assert_uint_eq(bits, 1u << 1 | 1u << 2);
	/* Nobody answers this one: closing ends it. */
	ck_assert_int_eq(nt_kube_send(c.kube, &get, on_one, &bits, NULL, &err), 0);
	client_close(&c);
	shutdown(s.fd, SHUT_RDWR);
	server_end(&s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("kube_client");
	TCase *tc = tcase_create("all");

	signal(SIGPIPE, SIG_IGN);
	tcase_add_loop_test(tc, recorded_answers, 0, (int)NT_ARRAY_LEN(answers));
	tcase_add_test(tc, what_is_sent);
	tcase_add_test(tc, bad_tokens);
	tcase_add_loop_test(tc, no_answer, 0, (int)NT_ARRAY_LEN(faults));
	tcase_add_test(tc, nobody_there);
	tcase_add_loop_test(tc, a_watch, 0, 2);
	tcase_add_test(tc, side_by_side);
	suite_add_tcase(suite, tc);
	return nt_suite_run(suite);
}
