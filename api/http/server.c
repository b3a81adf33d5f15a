/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server: what a request must pass before its handler, and the bounds. */
#include "api/http/server.h"

#include <microhttpd.h>
#include <stdio.h>
#include <sys/socket.h>

#include "api/http/conns.h"
#include "api/http/guard.h"
#include "api/http/handlers.h"
#include "api/http/listen.h"
#include "api/http/respond.h"
#include "api/http/route.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/parse.h"

/* A thread each: 128 stacks of 256 KiB, and more people than that do not look at one page. */
#define CONNECTIONS_MAX 128
/* On loopback all clients have one address; this leaves room for the other family. */
#define CONNECTIONS_PER_IP 96
#define STACK_BYTES (256u << 10)
/* Headers and path of a request: a filter of 8 KiB, percent-encoded, and room. */
#define HEADER_BYTES (64u << 10)
/* Octets of bodies held at once, over all connections; beyond it agents are told to come again. */
#define BODIES_BYTES_MAX (2 * (size_t)NT_BATCH_BYTES_MAX)
/* The body of a refused request is read up to this, so that the client sees the answer and not a
 * reset connection. */
#define DRAIN_BYTES_MAX (1u << 20)
#define HEADER_SECONDS 30
#define BODY_SECONDS 60
/* Waiting for a reader, the query's own deadline, and sending. */
#define REPLY_SECONDS 120

struct nt_http {
	struct nt_api api;
	struct nt_guard guard;
	struct nt_slice token;
	struct nt_conns conns;
	atomic_size_t bodies_bytes;
	struct MHD_Daemon *daemon;
	char url[96];
};

/* A request between its header and its end. libmicrohttpd closes a connection whose request is
 * answered before that, so even a GET waits for it. */
struct call {
	struct nt_http *http;
	struct nt_route route;
	struct nt_buf body;
	size_t held; /* of http->bodies_bytes */
	bool has_clock;
	int64_t clock_offset_us; /* the agent's less ours, when the header came */
	struct nt_reply refusal; /* status 0: none */
};

static struct nt_conn *conn_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

static enum MHD_Result send_reply(struct nt_http *h, struct MHD_Connection *connection,
				  struct nt_reply *reply)
{
	enum MHD_Result queued;
	unsigned class;

	nt_conns_stage(&h->conns, conn_of(connection), NT_CONN_REPLY);
	queued = nt_respond(connection, reply);
	class = reply->status / 100;
	atomic_fetch_add(&h->api.counters.by_class[class < 6 ? class : 0], 1);
	return queued;
}

struct headers {
	struct nt_slice host, origin, authorization, content_length, clock;
	unsigned hosts;
	bool has_origin, has_transfer_encoding, has_expect;
};

static enum MHD_Result take_header(void *ctx, enum MHD_ValueKind kind, const char *key,
				   size_t key_len, const char *value, size_t value_len)
{
	struct nt_slice name = nt_slice_mem(key, key_len);
	struct nt_slice text = nt_slice_mem(value, value ? value_len : 0);
	struct headers *h = ctx;

	(void)kind;
	if (nt_slice_caseeq(name, NT_SLICE_LIT("Host"))) {
		h->host = text;
		h->hosts++;
	} else if (nt_slice_caseeq(name, NT_SLICE_LIT("Origin"))) {
		h->origin = text;
		h->has_origin = true;
	} else if (nt_slice_caseeq(name, NT_SLICE_LIT("Authorization"))) {
		h->authorization = text;
	} else if (nt_slice_caseeq(name, NT_SLICE_LIT("Content-Length"))) {
		h->content_length = text;
	} else if (nt_slice_caseeq(name, NT_SLICE_LIT(NT_CLOCK_HEADER))) {
		h->clock = text;
	} else if (nt_slice_caseeq(name, NT_SLICE_LIT("Transfer-Encoding"))) {
		h->has_transfer_encoding = true;
	} else if (nt_slice_caseeq(name, NT_SLICE_LIT("Expect"))) {
		h->has_expect = true;
	}
	return MHD_YES;
}

static uint64_t announced_bytes(const struct headers *headers)
{
	uint64_t n = 0;

	if (headers->has_transfer_encoding)
		return UINT64_MAX; /* known at its end only */
	if (headers->content_length.len &&
	    nt_parse_u64(headers->content_length, UINT64_MAX, &n) < 0)
		return UINT64_MAX;
	return n;
}

/* Host and Origin before anything else: a foreign page learns nothing, not even which paths are. */
static bool passes_guard(struct nt_http *h, const struct headers *headers, struct nt_reply *reply)
{
	if (headers->hosts != 1 || !nt_guard_host(&h->guard, headers->host)) {
		atomic_fetch_add(&h->api.counters.refused_host, 1);
		nt_reply_problem(reply, 403,
				 "the Host header is not this server's loopback address: use %s",
				 h->url);
		return false;
	}
	if (headers->has_origin && !nt_guard_origin(&h->guard, headers->origin)) {
		atomic_fetch_add(&h->api.counters.refused_origin, 1);
		nt_reply_problem(reply, 403, "requests from other pages are not answered");
		return false;
	}
	return true;
}

static bool passes_route(const char *method, const char *path, struct nt_route *ret_route,
			 struct nt_reply *reply)
{
	unsigned status = nt_route_find(method, path, ret_route, &reply->allow);

	if (status == 404)
		nt_reply_problem(reply, 404, "there is nothing at this path");
	else if (status == 405)
		nt_reply_problem(reply, 405, "this path takes %s", reply->allow);
	return status == 0;
}

static bool passes_body(struct nt_http *h, const struct nt_route *route,
			const struct headers *headers, struct nt_reply *reply)
{
	if (!route->ingest) {
		if (announced_bytes(headers) == 0)
			return true;
		nt_reply_problem(reply, 400, "no body is taken here");
		return false;
	}
	if (!nt_guard_token(headers->authorization, h->token)) {
		atomic_fetch_add(&h->api.counters.refused_token, 1);
		nt_reply_problem(reply, 401, "the agents' token is wanted: Authorization: Bearer");
		return false;
	}
	if (!headers->has_transfer_encoding && announced_bytes(headers) > NT_BATCH_BYTES_MAX) {
		atomic_fetch_add(&h->api.counters.refused_body, 1);
		nt_reply_problem(reply, 413, "a batch has at most %u octets", NT_BATCH_BYTES_MAX);
		return false;
	}
	return true;
}

static enum MHD_Result take_param(void *ctx, enum MHD_ValueKind kind, const char *key,
				  size_t key_len, const char *value, size_t value_len)
{
	struct nt_params *p = ctx;

	(void)kind;
	/* One too many is enough to be refused: they cannot all be known and different. */
	if (p->len == NT_PARAMS_MAX)
		return MHD_NO;
	p->items[p->len++] =
		(struct nt_param){ .name = nt_slice_mem(key, key_len),
				   .value = nt_slice_mem(value, value ? value_len : 0) };
	return MHD_YES;
}

static void answer_get(struct nt_http *h, struct MHD_Connection *connection,
		       const struct nt_route *route, struct nt_reply *reply)
{
	struct nt_params params = { 0 };

	if (route->asset) {
		reply->status = MHD_HTTP_OK;
		reply->asset = route->asset;
		return;
	}
	(void)MHD_get_connection_values_n(connection, MHD_GET_ARGUMENT_KIND, take_param, &params);
	route->handler(&h->api, &params, reply);
}

/* Before the body, which may take its time. Nonsense is as good as nothing: coverage says "not
 * known".
 */
static void take_clock(struct call *c, const struct headers *headers)
{
	uint64_t sent_us;

	if (nt_parse_u64(headers->clock, INT64_MAX, &sent_us) < 0)
		return;
	c->has_clock = true;
	c->clock_offset_us = (int64_t)sent_us - nt_now_us();
}

/* The header is there: what is wrong is said behind a body that is short enough to be read first,
 * else at once. */
static enum MHD_Result begin_request(struct nt_http *h, struct MHD_Connection *connection,
				     const char *url, const char *method, void **con_cls)
{
	struct headers headers = { 0 };
	struct call *c = calloc(1, sizeof(*c));

	if (!c)
		return MHD_NO;
	*con_cls = c; /* freed in on_completed */
	c->http = h;
	c->body.max_len = NT_BATCH_BYTES_MAX;
	nt_conns_stage(&h->conns, conn_of(connection), NT_CONN_BODY);
	(void)MHD_get_connection_values_n(connection, MHD_HEADER_KIND, take_header, &headers);
	take_clock(c, &headers);
	if (passes_guard(h, &headers, &c->refusal) &&
	    passes_route(method, url, &c->route, &c->refusal) &&
	    passes_body(h, &c->route, &headers, &c->refusal))
		return MHD_YES;
	if (headers.has_expect || announced_bytes(&headers) > DRAIN_BYTES_MAX)
		return send_reply(h, connection, &c->refusal);
	return MHD_YES;
}

static void take_piece(struct call *c, const char *piece, size_t len)
{
	struct nt_http *h = c->http;

	if (c->refusal.status)
		return; /* read and dropped */
	if (c->body.len + len > NT_BATCH_BYTES_MAX) {
		atomic_fetch_add(&h->api.counters.refused_body, 1);
		nt_reply_problem(&c->refusal, 413, "a batch has at most %u octets",
				 NT_BATCH_BYTES_MAX);
	} else if (atomic_fetch_add(&h->bodies_bytes, len) + len > BODIES_BYTES_MAX) {
		atomic_fetch_sub(&h->bodies_bytes, len);
		nt_reply_problem(&c->refusal, 503, "too many uploads at once");
	} else {
		c->held += len;
		nt_buf_add(&c->body, piece, len);
		if (!nt_buf_ok(&c->body))
			nt_reply_problem(&c->refusal, 503, "no memory for the batch");
	}
	if (c->refusal.status)
		nt_buf_done(&c->body);
}

static enum MHD_Result end_request(struct call *c, struct MHD_Connection *connection)
{
	_cleanup_reply_ struct nt_reply reply = { 0 };
	struct nt_http *h = c->http;

	if (c->refusal.status)
		return send_reply(h, connection, &c->refusal);
	nt_conns_stage(&h->conns, conn_of(connection), NT_CONN_REPLY);
	if (c->route.ingest)
		nt_handle_ingest(&h->api, nt_slice_mem(c->body.p, c->body.len),
				 c->has_clock ? &c->clock_offset_us : NULL, &reply);
	else
		answer_get(h, connection, &c->route, &reply);
	return send_reply(h, connection, &reply);
}

/* libmicrohttpd calls with the header, with each piece of the body, and at the end. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *upload_data,
				  size_t *upload_data_size, void **con_cls)
{
	struct call *c = *con_cls;

	(void)version;
	if (!c)
		return begin_request(cls, connection, url, method, con_cls);
	if (*upload_data_size) {
		take_piece(c, upload_data, *upload_data_size);
		*upload_data_size = 0;
		return MHD_YES;
	}
	return end_request(c, connection);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
			 enum MHD_RequestTerminationCode code)
{
	struct call *c = *con_cls;
	struct nt_http *h = cls;

	(void)code;
	nt_conns_stage(&h->conns, conn_of(connection), NT_CONN_HEADERS);
	if (!c)
		return;
	atomic_fetch_sub(&h->bodies_bytes, c->held);
	nt_buf_done(&c->body);
	nt_reply_done(&c->refusal);
	free(c);
	*con_cls = NULL;
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
			  enum MHD_ConnectionNotificationCode code)
{
	const union MHD_ConnectionInfo *info;
	struct nt_http *h = cls;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		nt_conns_remove(&h->conns, *socket_context);
		*socket_context = NULL;
		return;
	}
	atomic_fetch_add(&h->api.counters.connections, 1);
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	*socket_context = info ? nt_conns_add(&h->conns, info->connect_fd) : NULL;
}

static void NT_PRINTF(2, 0) on_log(void *cls, const char *fmt, va_list ap)
{
	char line[512];

	(void)cls;
	vsnprintf(line, sizeof(line), fmt, ap);
	nt_log_debug("libmicrohttpd: %s", line);
}

/* "%00" would end a path early, and another path would be served: it is decoded as another octet
 * that no path and no parameter of ours has. */
static size_t on_unescape(void *cls, struct MHD_Connection *connection, char *text)
{
	(void)cls;
	(void)connection;
	for (char *at = text; (at = strstr(at, "%00")); at += 3)
		at[2] = '1';
	return MHD_http_unescape(text);
}

static int start_daemon(struct nt_http *h, int fd, struct nt_err *err)
{
	h->daemon = MHD_start_daemon(
		MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL |
			MHD_USE_ITC | MHD_USE_ERROR_LOG,
		0, NULL, NULL, on_request, h, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, on_completed, h,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, h, MHD_OPTION_CONNECTION_LIMIT,
		CONNECTIONS_MAX, MHD_OPTION_PER_IP_CONNECTION_LIMIT, CONNECTIONS_PER_IP,
		MHD_OPTION_CONNECTION_TIMEOUT, HEADER_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)HEADER_BYTES, MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK_BYTES,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, NULL,
		MHD_OPTION_END);
	if (!h->daemon)
		return nt_err_set(err, EIO, "the HTTP server does not start");
	return 0;
}

int nt_http_start(const struct nt_http_config *config, struct nt_http **ret_http,
		  struct nt_err *err)
{
	unsigned header_s = config->header_seconds ? config->header_seconds : HEADER_SECONDS;
	const unsigned seconds[NT_CONN_STAGES] = { header_s, BODY_SECONDS, REPLY_SECONDS };
	struct nt_http *h = calloc(1, sizeof(*h));
	_cleanup_close_ int fd = -1;
	int r;

	if (!h)
		return nt_err_set(err, ENOMEM, "no memory for the HTTP server");
	nt_conns_init(&h->conns, seconds);
	nt_readers_init(&h->api.readers, config->store);
	h->api.store = config->store;
	h->api.ingest = config->ingest;
	h->api.started_us = nt_now_us();
	h->token = config->token;
	r = nt_listen_open(config->listen, &fd, &h->guard, err);
	if (r == 0) {
		snprintf(h->url, sizeof(h->url), "http://%s:%u/", h->guard.listen, h->guard.port);
		r = start_daemon(h, fd, err);
	}
	if (r < 0) {
		nt_http_stop(h);
		return r;
	}
	(void)NT_TAKE_FD(fd); /* the daemon's now */
	*ret_http = h;
	return 0;
}

void nt_http_stop(struct nt_http *h)
{
	if (!h)
		return;
	if (h->daemon)
		MHD_stop_daemon(h->daemon);
	nt_readers_done(&h->api.readers);
	nt_conns_done(&h->conns);
	free(h);
}

const char *nt_http_url(const struct nt_http *h)
{
	return h->url;
}

void nt_http_tick(struct nt_http *h)
{
	atomic_fetch_add(&h->api.counters.slow_closed, nt_conns_sweep(&h->conns));
}
