/* SPDX-License-Identifier: Apache-2.0 */
/* The server in this process: deadlines of connections, uploads in pieces, refusals that arrive. */
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include "api/http/route.h"
#include "api/http/server.h"
#include "controller/ingest/ingest.h"
#include "lib/base/parse.h"
#include "tests/unit/store_fixture.h"

#define TOKEN "0123456789abcdef0123456789abcdef"

static struct nt_ingest *ingest;
static struct nt_http *http;
static uint16_t port;

/* header_s: how long a client may take for its header; where it is not the point, longer than any
 * machine is busy. */
static void start_with(unsigned header_s)
{
	struct nt_http_config config = { .listen = "127.0.0.1:0",
					 .token = NT_SLICE_LIT(TOKEN),
					 .store = store,
					 .header_seconds = header_s };
	const char *colon;
	uint64_t number;

	ck_assert_int_eq(nt_ingest_new(store, NULL, NULL, &ingest, &err), 0);
	config.ingest = ingest;
	ck_assert_msg(nt_http_start(&config, &http, &err) == 0, "%s", err.msg);
	colon = strrchr(nt_http_url(http), ':') + 1;
	ck_assert_int_eq(nt_parse_u64(nt_slice_mem(colon, strlen(colon) - 1), 65535, &number), 0);
	port = (uint16_t)number;
}

static void start(void)
{
	start_with(60);
}

static void stop(void)
{
	nt_http_stop(http);
	nt_ingest_free(ingest);
}

static int dial(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

static void say(int fd, struct nt_slice text)
{
	ck_assert_int_eq(send(fd, text.p, text.len, MSG_NOSIGNAL), (ssize_t)text.len);
}

static void say_head(int fd, const char *line, const char *more)
{
	_cleanup_buf_ struct nt_buf head = { 0 };

	nt_buf_printf(&head, "%s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n%s", line, port, more);
	say(fd, nt_slice_mem(head.p, head.len));
}

/* What comes until the other side closes, or `seconds` are over (then *ret_closed is false). */
static void hear(int fd, int seconds, struct nt_buf *out, bool *ret_closed)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	time_t end = time(NULL) + seconds;

	*ret_closed = false;
	while (time(NULL) <= end) {
		char piece[4096];
		ssize_t n;

		nt_http_tick(http);
		if (poll(&p, 1, 100) == 0)
			continue;
		n = recv(fd, piece, sizeof(piece), 0);
		if (n <= 0) {
			*ret_closed = true;
			return;
		}
		nt_buf_add(out, piece, (size_t)n);
	}
}

static void expect(int fd, const char *begins, const char *holds)
{
	_cleanup_buf_ struct nt_buf out = { 0 };
	bool closed;

	hear(fd, 60, &out, &closed);
	ck_assert_msg(strncmp(nt_buf_str(&out), begins, strlen(begins)) == 0, "%s",
		      nt_buf_str(&out));
	ck_assert_msg(strstr(nt_buf_str(&out), holds), "%s", nt_buf_str(&out));
	close(fd);
}

/* An idle timeout would never end this one: an octet comes every tenth of a second. */
START_TEST(header_that_trickles_is_cut_off)
{
	int fd;
	bool closed = false;

	start_with(2);
	fd = dial();
	say_head(fd, "GET /healthz", "X: ");
	for (int i = 0; i < 600 && !closed; i++) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		(void)!send(fd, "x", 1, MSG_NOSIGNAL);
		nt_http_tick(http);
		closed = poll(&p, 1, 100) == 1;
	}
	ck_assert(closed);
	close(fd);
	/* The others go on. */
	fd = dial();
	say_head(fd, "GET /metrics", "Connection: close\r\n\r\n");
	expect(fd, "HTTP/1.1 200", "http_refused_total{reason=\"slow\"} 1");
	stop();
}
END_TEST

START_TEST(silent_connection_is_cut_off)
{
	_cleanup_buf_ struct nt_buf out = { 0 };
	bool closed;
	int fd;

	start_with(2);
	fd = dial();
	hear(fd, 60, &out, &closed);
	ck_assert(closed);
	ck_assert_uint_eq(out.len, 0);
	close(fd);
	stop();
}
END_TEST

START_TEST(upload_in_pieces_is_one_batch)
{
	struct nt_record r = store_record(1, T0_US, "a.test");
	struct nt_batch batch = store_batch("s", 1, &r, 1);
	_cleanup_buf_ struct nt_buf wire = { 0 }, size = { 0 };
	struct nt_store_range range = everything();
	int fd;

	ck_assert_int_eq(nt_batch_encode(&batch, &wire, &err), 0);
	start();
	fd = dial();
	say_head(fd, "POST /ingest/v1/batches",
		 "Authorization: Bearer " TOKEN "\r\nTransfer-Encoding: chunked\r\n"
		 "Connection: close\r\n\r\n");
	for (size_t at = 0; at < wire.len; at += 50) {
		size_t len = wire.len - at < 50 ? wire.len - at : 50;

		nt_buf_reset(&size);
		nt_buf_printf(&size, "%zx\r\n", len);
		say(fd, nt_slice_mem(size.p, size.len));
		say(fd, nt_slice_mem(wire.p + at, len));
		say(fd, NT_SLICE_LIT("\r\n"));
	}
	say(fd, NT_SLICE_LIT("0\r\n\r\n"));
	expect(fd, "HTTP/1.1 200", "{\"outcome\":\"appended\"}");
	ck_assert_uint_eq(total(&range).count, 1);
	stop();
}
END_TEST

START_TEST(upload_that_breaks_off_stores_nothing)
{
	struct nt_record r = store_record(1, T0_US, "a.test");
	struct nt_batch batch = store_batch("s", 1, &r, 1);
	_cleanup_buf_ struct nt_buf wire = { 0 }, head = { 0 };
	int fd;

	ck_assert_int_eq(nt_batch_encode(&batch, &wire, &err), 0);
	start();
	fd = dial();
	nt_buf_printf(&head, "Authorization: Bearer " TOKEN "\r\nContent-Length: %zu\r\n\r\n",
		      wire.len + 10);
	say_head(fd, "POST /ingest/v1/batches", head.p);
	say(fd, nt_slice_mem(wire.p, wire.len));
	close(fd);
	stop();
	ck_assert_uint_eq(nt_store_stats(store).batches, 0);
}
END_TEST

/* The body is read first, so that the answer is not lost in a reset. */
START_TEST(refusal_arrives_behind_a_body)
{
	static char body[200000];
	int fd;

	start();
	fd = dial();
	say_head(fd, "POST /ingest/v1/batches",
		 "Content-Length: 200000\r\nConnection: close\r\n\r\n");
	say(fd, nt_slice_mem(body, sizeof(body)));
	expect(fd, "HTTP/1.1 401", "token is wanted");
	stop();
}
END_TEST

/* What the path refuses, and the sample that tells of it. */
static const struct {
	const char *line, *header, *answer, *counted;
} refusals[] = {
	{ "POST /ingest/v1/batches", "Content-Length: 2000000\r\n", "HTTP/1.1 401",
	  "batches_total{outcome=\"unauthorized\"} 1\n" },
	{ "POST /ingest/v1/batches",
	  "Authorization: Bearer " TOKEN "\r\nContent-Length: 99999999\r\n", "HTTP/1.1 413",
	  "batches_total{outcome=\"too_large\"} 1\n" },
	/* No batches: their metric once told of these as of uploads. */
	{ "POST /api/v1/alerts/preview", "Content-Length: 2000000\r\n", "HTTP/1.1 413",
	  "batches_total{outcome=\"too_large\"} 0\n" },
	{ "POST /api/v1/alerts/preview", "Content-Length: 2000000\r\n", "HTTP/1.1 413",
	  "http_refused_total{reason=\"body\"} 1\n" },
	{ "POST /api/v1/policies/preview", "Content-Length: 2000000\r\n", "HTTP/1.1 413",
	  "http_refused_total{reason=\"body\"} 1\n" },
	{ "POST /api/v1/alerts/receivers/a/test", "Content-Length: 2000000\r\n", "HTTP/1.1 401",
	  "batches_total{outcome=\"unauthorized\"} 0\n" },
	{ "POST /api/v1/alerts/receivers/a/test", "Content-Length: 2000000\r\n", "HTTP/1.1 401",
	  "http_refused_total{reason=\"token\"} 1\n" },
};

/* Each announces more than is drained, so the answer comes before a body. */
START_TEST(refusal_counts_as_what_it_was)
{
	_cleanup_buf_ struct nt_buf more = { 0 };
	int fd;

	start();
	fd = dial();
	nt_buf_printf(&more, "%sConnection: close\r\n\r\n", refusals[_i].header);
	say_head(fd, refusals[_i].line, more.p);
	expect(fd, refusals[_i].answer, "application/problem+json");
	fd = dial();
	say_head(fd, "GET /metrics", "Connection: close\r\n\r\n");
	expect(fd, "HTTP/1.1 200", refusals[_i].counted);
	stop();
}
END_TEST

/* More at once than there are readers: all are answered. */
START_TEST(many_queries_share_the_readers)
{
	enum { MANY = 40 };
	int fds[MANY];

	start();
	for (int i = 0; i < MANY; i++) {
		fds[i] = dial();
		say_head(fds[i], "GET /api/v1/summary", "Connection: close\r\n\r\n");
	}
	for (int i = 0; i < MANY; i++)
		expect(fds[i], "HTTP/1.1 200", "\"newest\":null");
	stop();
}
END_TEST

static const struct {
	const char *method, *path, *allow;
	unsigned status;
} routes[] = {
	{ "GET", "/api/v1/summary", NULL, 0 },
	{ "HEAD", "/metrics", NULL, 0 },
	{ "GET", "/", NULL, 0 },
	{ "GET", "/alerts", NULL, 0 },
	{ "HEAD", "/policies", NULL, 0 },
	{ "POST", "/policies", "GET, HEAD", 405 },
	{ "GET", "/alerts/", NULL, 404 },
	{ "POST", "/ingest/v1/batches", NULL, 0 },
	{ "GET", "/ingest/v1/batches", "POST", 405 },
	{ "POST", "/api/v1/summary", "GET, HEAD", 405 },
	{ "POST", "/api/v1/alerts/preview", NULL, 0 },
	{ "GET", "/api/v1/alerts/preview", "POST", 405 },
	{ "POST", "/api/v1/policies/preview", NULL, 0 },
	{ "GET", "/api/v1/policies/preview", "POST", 405 },
	{ "GET", "/api/v1/policies/suggest", NULL, 0 },
	{ "GET", "/api/v1/alerts/receivers", NULL, 0 },
	{ "POST", "/api/v1/alerts/receivers/on-call/test", NULL, 0 },
	{ "HEAD", "/api/v1/alerts/receivers/on-call/test", "POST", 405 },
	{ "POST", "/api/v1/alerts/receivers//test", NULL, 404 },
	{ "POST", "/api/v1/alerts/receivers/a/b/test", NULL, 404 },
	{ "POST", "/api/v1/alerts/receivers/a/test/", NULL, 404 },
	{ "POST", "/api/v1/alerts/receivers/a", NULL, 404 },
	{ "POST", "/api/v1/alerts/events/17/acknowledgement", NULL, 0 },
	{ "DELETE", "/api/v1/alerts/events/17/acknowledgement", NULL, 0 },
	{ "GET", "/api/v1/alerts/events/17/acknowledgement", "POST, DELETE", 405 },
	{ "DELETE", "/api/v1/alerts/events/17", NULL, 404 },
	{ "DELETE", "/api/v1/alerts/events//acknowledgement", NULL, 404 },
	{ "GET", "/api/v1/alerts/suppressions", NULL, 0 },
	{ "POST", "/api/v1/alerts/suppressions", NULL, 0 },
	{ "DELETE", "/api/v1/alerts/suppressions", "GET, HEAD, POST", 405 },
	{ "DELETE", "/api/v1/alerts/suppressions/3", NULL, 0 },
	{ "PUT", "/api/v1/alerts/suppressions/3", "DELETE", 405 },
	{ "DELETE", "/api/v1/alerts/suppressions/3/4", NULL, 404 },
	{ "DELETE", "/api/v1/alerts/events", "GET, HEAD", 405 },
	{ "DELETE", "/ingest/v1/batches", "POST", 405 },
	{ "get", "/api/v1/summary", "GET, HEAD", 405 },
	{ "TRACE", "/healthz", "GET, HEAD", 405 },
	{ "GET", "/api/v1/summary/", NULL, 404 },
	{ "GET", "/api/v1/Summary", NULL, 404 },
	{ "GET", "", NULL, 404 },
	{ "GET", "/../etc/passwd", NULL, 404 },
	{ "PUT", "/nothing", NULL, 404 },
};

START_TEST(path_and_method_are_an_operation)
{
	struct nt_route route = { 0 };
	const char *allow = NULL;

	ck_assert_uint_eq(nt_route_find(routes[_i].method, routes[_i].path, &route, &allow),
			  routes[_i].status);
	if (routes[_i].allow)
		ck_assert_str_eq(allow, routes[_i].allow);
	else
		ck_assert_ptr_null(allow);
	ck_assert_int_eq(route.handler || route.ingest || route.asset, routes[_i].status == 0);
}
END_TEST

/* Who takes two methods under one path takes the body of one of them. */
START_TEST(operation_says_what_it_wants)
{
	struct nt_route post = { 0 }, delete = { 0 }, get = { 0 };
	const char *allow = NULL;

	ck_assert_uint_eq(nt_route_find("POST", "/api/v1/alerts/events/17/acknowledgement", &post,
					&allow),
			  0);
	ck_assert_uint_eq(nt_route_find("DELETE", "/api/v1/alerts/events/17/acknowledgement",
					&delete, &allow),
			  0);
	ck_assert_uint_eq(nt_route_find("GET", "/api/v1/alerts/suppressions", &get, &allow), 0);
	ck_assert(post.handler != delete.handler && post.token && delete.token && !get.token);
	ck_assert_uint_eq(post.body_max, 16 << 10);
	ck_assert_uint_eq(delete.body_max, 0);
	ck_assert(nt_slice_eq(post.segment_name, NT_SLICE_LIT("id")));
	ck_assert_str_eq(delete.segment, "17");
	ck_assert_uint_eq(get.segment_name.len, 0);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("server");

	tcase_add_test(tc, header_that_trickles_is_cut_off);
	tcase_add_test(tc, silent_connection_is_cut_off);
	tcase_add_test(tc, upload_in_pieces_is_one_batch);
	tcase_add_test(tc, upload_that_breaks_off_stores_nothing);
	tcase_add_test(tc, refusal_arrives_behind_a_body);
	tcase_add_loop_test(tc, refusal_counts_as_what_it_was, 0, NT_ARRAY_LEN(refusals));
	tcase_add_test(tc, many_queries_share_the_readers);
	tcase_add_loop_test(tc, path_and_method_are_an_operation, 0, NT_ARRAY_LEN(routes));
	tcase_add_test(tc, operation_says_what_it_wants);
	return store_run("http_server", tc);
}
