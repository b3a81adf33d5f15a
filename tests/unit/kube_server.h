/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server of HTTP/1.1 in the loop of the test that asks it: what it answers to each request is a
 * function's. Plain text on loopback; nothing of it blocks, and nothing runs beside the test.
 */
#pragma once

#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/loop.h"
#include "lib/kube/client.h"

struct server_conn {
	struct server *server;
	struct server_conn *next;
	int fd;
	struct nt_buf in, out;
	char method[8]; /* of the request that is being answered */
	struct nt_buf request; /* all of it */
	struct nt_slice body; /* of it */
	bool streams; /* chunks follow */
	bool closes; /* once out is written */
	void *tag; /* of the handler; malloc, freed with the connection */
};

/* Answers with server_reply or server_stream, or not at all. */
typedef void server_fn(void *ctx, struct server_conn *c, const char *path);

struct server {
	struct nt_loop *loop;
	int fd;
	unsigned port;
	server_fn *fn;
	void *ctx;
	struct server_conn *conns;
	unsigned requests;
};

static inline void server_drop(struct server_conn *c)
{
	struct server_conn **at = &c->server->conns;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	nt_loop_unwatch(c->server->loop, c->fd);
	close(c->fd);
	free(c->tag);
	nt_buf_done(&c->in);
	nt_buf_done(&c->request);
	nt_buf_done(&c->out);
	free(c);
}

static void server_on_conn(void *ctx, int fd, uint32_t events);

/* What is in out goes as the client takes it. */
static inline void server_flush(struct server_conn *c)
{
	uint32_t events = EPOLLIN | (c->out.len || c->closes ? EPOLLOUT : 0);

	ck_assert_int_eq(nt_loop_watch(c->server->loop, c->fd, events, server_on_conn, c, NULL), 0);
}

static inline void server_reply(struct server_conn *c, int status, const char *headers,
				struct nt_slice body)
{
	nt_buf_printf(&c->out,
		      "HTTP/1.1 %d Said\r\nContent-Type: application/json\r\n%s"
		      "Content-Length: %zu\r\n\r\n",
		      status, headers, body.len);
	nt_buf_slice(&c->out, body);
	server_flush(c);
}

static inline void server_stream(struct server_conn *c)
{
	nt_buf_puts(&c->out, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
			     "Transfer-Encoding: chunked\r\n\r\n");
	c->streams = true;
	server_flush(c);
}

static inline void server_chunk(struct server_conn *c, struct nt_slice text)
{
	nt_buf_printf(&c->out, "%zx\r\n", text.len);
	nt_buf_slice(&c->out, text);
	nt_buf_puts(&c->out, "\r\n");
	server_flush(c);
}

static inline void server_end_stream(struct server_conn *c)
{
	nt_buf_puts(&c->out, "0\r\n\r\n");
	c->streams = false;
	server_flush(c);
}

/* Without the last chunk. */
static inline void server_cut(struct server_conn *c)
{
	c->closes = true;
	server_flush(c);
}

/* Octets of the request that is at the front; 0: it is not all there. */
static inline size_t server_request_len(struct server_conn *c)
{
	const char *end = c->in.len ? strstr(c->in.p, "\r\n\r\n") : NULL, *length;
	size_t head, body = 0;

	if (!end)
		return 0;
	head = (size_t)(end + 4 - c->in.p);
	length = strstr(c->in.p, "Content-Length: ");
	if (length && length < end)
		ck_assert_int_eq(sscanf(length, "Content-Length: %zu", &body), 1);
	return c->in.len >= head + body ? head + body : 0;
}

static inline void server_take_requests(struct server_conn *c)
{
	char path[8192];
	size_t used;

	while ((used = server_request_len(c))) {
		nt_buf_reset(&c->request);
		nt_buf_add(&c->request, c->in.p, used);
		memmove(c->in.p, c->in.p + used, c->in.len - used + 1);
		c->in.len -= used;
		ck_assert_int_eq(sscanf(c->request.p, "%7s %8191s HTTP/1.1", c->method, path), 2);
		c->body = nt_slice_str(strstr(c->request.p, "\r\n\r\n") + 4);
		c->server->requests++;
		c->server->fn(c->server->ctx, c, path);
	}
}

static void server_on_conn(void *ctx, int fd, uint32_t events)
{
	struct server_conn *c = ctx;
	char octets[4096];
	ssize_t n;

	if (events & EPOLLOUT && c->out.len) {
		n = send(fd, c->out.p, c->out.len, MSG_NOSIGNAL);
		if (n > 0) {
			memmove(c->out.p, c->out.p + n, c->out.len - (size_t)n + 1);
			c->out.len -= (size_t)n;
			server_flush(c);
		}
	}
	if (c->closes && !c->out.len) {
		server_drop(c);
		return;
	}
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	n = read(fd, octets, sizeof(octets));
	if (n > 0) {
		nt_buf_add(&c->in, octets, (size_t)n);
		server_take_requests(c);
	} else if (n == 0 || errno != EAGAIN) {
		server_drop(c);
	}
}

static void server_on_accept(void *ctx, int fd, uint32_t events)
{
	struct server_conn *c = calloc(1, sizeof(*c));
	struct server *s = ctx;

	(void)events;
	ck_assert_ptr_nonnull(c);
	c->server = s;
	c->fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	ck_assert_int_ne(c->fd, -1);
	c->next = s->conns;
	s->conns = c;
	server_flush(c);
}

static inline void server_start(struct server *s, struct nt_loop *loop, server_fn *fn, void *ctx)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);

	*s = (struct server){ .loop = loop, .fn = fn, .ctx = ctx };
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(s->fd, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(s->fd, 64), 0);
	ck_assert_int_eq(getsockname(s->fd, (struct sockaddr *)&a, &len), 0);
	s->port = ntohs(a.sin_port);
	ck_assert_int_eq(nt_loop_watch(loop, s->fd, EPOLLIN, server_on_accept, s, NULL), 0);
}

static inline void server_stop(struct server *s)
{
	while (s->conns)
		server_drop(s->conns);
	nt_loop_unwatch(s->loop, s->fd);
	close(s->fd);
}

static inline struct nt_kube *server_client(const struct server *s)
{
	struct nt_kube_config config = { .arena = NT_ARENA(4096), .origin = "test" };
	struct nt_kube *kube;
	struct nt_err err;
	char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%u", s->port);
	config.server = nt_arena_copy(&config.arena, nt_slice_str(url)).p;
	ck_assert_msg(nt_kube_open(&config, s->loop, "nametap-test", &kube, &err) == 0, "%s",
		      err.msg);
	return kube;
}
