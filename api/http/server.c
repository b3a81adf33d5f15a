/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server: what a request must pass before its handler, and the bounds. */
#include "api/http/server.h"

#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "api/http/conns.h"
#include "api/http/guard.h"
#include "api/http/handlers.h"
#include "api/http/listen.h"
#include "api/http/refusals.h"
#include "api/http/respond.h"
#include "api/http/route.h"
#include "controller/agents/who.h"
#include "controller/ingest/ingest.h"
#include "controller/tls/tls.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/parse.h"

/* A thread each: 128 stacks of 256 KiB, and more people than that do not look at one page. */
#define CONNECTIONS_MAX 128
/* On loopback all clients have one address; this leaves room for the other family. */
#define CONNECTIONS_PER_IP 96
/* An agent keeps one open; beyond so many nodes they take turns. */
#define TLS_CONNECTIONS_MAX 1024
#define TLS_CONNECTIONS_PER_IP 32
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"
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

struct listener {
	struct nt_http *http;
	bool tls;
	struct nt_guard guard;
	struct nt_conns conns;
	struct MHD_Daemon *daemon;
	char url[96];
};

struct nt_http {
	struct nt_api api;
	struct nt_slice token;
	struct nt_refusals refusals;
	atomic_size_t bodies_bytes;
	struct listener plain, secure;
};

/* A request between its header and its end. libmicrohttpd closes a connection whose request is
 * answered before that, so even a GET waits for it. */
struct call {
	struct nt_http *http;
	struct listener *listener;
	struct nt_route route;
	struct nt_buf body;
	size_t held; /* of http->bodies_bytes */
	struct nt_ingest_sender sender;
	char node[254]; /* of sender */
	struct nt_reply refusal; /* status 0: none */
};

static struct nt_conn *conn_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

static enum MHD_Result send_reply(struct listener *l, struct MHD_Connection *connection,
				  struct nt_reply *reply)
{
	enum MHD_Result queued;
	unsigned class;

	nt_conns_stage(&l->conns, conn_of(connection), NT_CONN_REPLY);
	queued = nt_respond(connection, reply);
	class = reply->status / 100;
	atomic_fetch_add(&l->http->api.counters.by_class[class < 6 ? class : 0], 1);
	return queued;
}

/* --- refusals --------------------------------------------------------------------------------- */

/* An IPv4 client of a socket for both families is that client. */
static struct nt_addr source_of(struct MHD_Connection *connection)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *sa = info ? info->client_addr : NULL;
	const uint8_t *six;

	if (!sa || (sa->sa_family != AF_INET && sa->sa_family != AF_INET6))
		return (struct nt_addr){ 0 };
	if (sa->sa_family == AF_INET)
		return nt_addr_from(4, (const void *)&((const struct sockaddr_in *)sa)->sin_addr);
	six = ((const struct sockaddr_in6 *)sa)->sin6_addr.s6_addr;
	return memcmp(six, mapped, sizeof(mapped)) == 0 ? nt_addr_from(4, six + 12)
							: nt_addr_from(6, six);
}

static void note(struct nt_http *h, struct MHD_Connection *connection, enum nt_refusal cause,
		 const char *why)
{
	struct nt_addr source = source_of(connection);

	nt_refusals_note(&h->refusals, cause, &source, why, nt_clock_monotonic_now());
}

/* What an upload was refused for, in the log; what passes (429, 503) is the agent's to say. */
static void note_upload(struct nt_http *h, struct MHD_Connection *connection,
			const struct nt_reply *reply)
{
	enum nt_refusal cause = NT_REFUSAL_NONE;

	if (reply->status == 401)
		cause = NT_REFUSAL_TOKEN;
	else if (reply->status == 403)
		cause = NT_REFUSAL_NODE;
	else if (reply->status == 413)
		cause = NT_REFUSAL_BODY;
	else if (reply->status == 400)
		cause = NT_REFUSAL_BATCH;
	if (cause)
		note(h, connection, cause, reply->detail);
}

/* --- what a request has to pass --------------------------------------------------------------- */

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

/* Host and Origin before anything else: a foreign page learns nothing, not even which paths are.
 * Under TLS the certificate says who we are, and probes come by address. */
static bool passes_guard(struct listener *l, const struct headers *headers, struct nt_reply *reply)
{
	struct nt_http_counters *counters = &l->http->api.counters;

	if (headers->hosts != 1 || (!l->tls && !nt_guard_host(&l->guard, headers->host))) {
		atomic_fetch_add(&counters->refused_host, 1);
		nt_reply_problem(reply, 403,
				 "the Host header is not this server's loopback address: use %s",
				 l->url);
		return false;
	}
	if (headers->has_origin && (l->tls || !nt_guard_origin(&l->guard, headers->origin))) {
		atomic_fetch_add(&counters->refused_origin, 1);
		nt_reply_problem(reply, 403, "requests from other pages are not answered");
		return false;
	}
	return true;
}

static bool passes_route(const struct listener *l, const char *method, const char *path,
			 struct nt_route *ret_route, struct nt_reply *reply)
{
	unsigned status = nt_route_find(method, path, ret_route, &reply->allow);

	if (status == 404)
		nt_reply_problem(reply, 404, "there is nothing at this path");
	else if (status == 405)
		nt_reply_problem(reply, 405, "this path takes %s", reply->allow);
	if (status == 0 && l->tls && !ret_route->operation) {
		nt_reply_problem(reply, 403,
				 "API and page are on the loopback address %s only: kubectl "
				 "port-forward reaches it",
				 l->http->plain.url);
		return false;
	}
	return status == 0;
}

/* By the Kubernetes API, where there is one: the sender is on his pod's node then. */
static bool passes_review(struct call *c, struct nt_slice authorization)
{
	struct nt_http_counters *counters = &c->http->api.counters;
	struct nt_token_verdict v = nt_who_ask(c->http->api.who, nt_guard_bearer(authorization));

	if (v.status == 0) {
		memcpy(c->node, v.node, sizeof(c->node));
		c->sender.node = nt_slice_str(c->node);
		return true;
	}
	atomic_fetch_add(v.status == 503   ? &counters->unchecked_token
			 : v.status == 403 ? &counters->refused_node
					   : &counters->refused_token,
			 1);
	nt_reply_problem(&c->refusal, v.status, "%s", v.why);
	return false;
}

static bool passes_token(struct call *c, struct nt_slice authorization)
{
	struct nt_http *h = c->http;

	if (h->api.who && nt_guard_bearer(authorization).len)
		return passes_review(c, authorization);
	if (!h->api.who && nt_guard_token(authorization, h->token))
		return true;
	atomic_fetch_add(&h->api.counters.refused_token, 1);
	nt_reply_problem(&c->refusal, 401, "the agents' token is wanted: Authorization: Bearer");
	return false;
}

static void refuse_length(struct call *c)
{
	struct nt_http_counters *counters = &c->http->api.counters;

	atomic_fetch_add(c->route.ingest ? &counters->refused_body : &counters->refused_object, 1);
	nt_reply_problem(&c->refusal, 413, "%s has at most %zu octets",
			 c->route.ingest ? "a batch" : "an object", c->route.body_max);
}

/* Whoever makes us do something shows the token of --token-file: no page of a browser has it. */
static bool passes_operator(struct call *c, struct nt_slice authorization)
{
	struct nt_http *h = c->http;

	if (!c->route.token || nt_guard_token(authorization, h->token))
		return true;
	atomic_fetch_add(&h->api.counters.refused_operator, 1);
	nt_reply_problem(&c->refusal, 401,
			 "the token of the controller's --token-file (DIR/token) is wanted: "
			 "Authorization: Bearer");
	return false;
}

static bool passes_body(struct call *c, const struct headers *headers)
{
	if (c->route.ingest ? !passes_token(c, headers->authorization)
			    : !passes_operator(c, headers->authorization))
		return false;
	if (!c->route.body_max && announced_bytes(headers) > 0) {
		nt_reply_problem(&c->refusal, 400, "no body is taken here");
		return false;
	}
	if (!headers->has_transfer_encoding && announced_bytes(headers) > c->route.body_max) {
		refuse_length(c);
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

static void answer(struct call *c, struct MHD_Connection *connection, struct nt_reply *reply)
{
	struct nt_params params = { .body = nt_slice_mem(c->body.p, c->body.len),
				    .feeds = c->http->api.feeds };
	const struct nt_route *route = &c->route;

	if (route->asset) {
		reply->status = MHD_HTTP_OK;
		reply->asset = route->asset;
		return;
	}
	if (route->segment_name.len)
		params.items[params.len++] =
			(struct nt_param){ .name = route->segment_name,
					   .value = nt_slice_str(route->segment) };
	(void)MHD_get_connection_values_n(connection, MHD_GET_ARGUMENT_KIND, take_param, &params);
	route->handler(&c->http->api, &params, reply);
}

/* Before the body, which may take its time. Nonsense is as good as nothing: coverage says "not
 * known".
 */
static void take_clock(struct call *c, const struct headers *headers)
{
	uint64_t sent_us;

	if (nt_parse_u64(headers->clock, INT64_MAX, &sent_us) < 0)
		return;
	c->sender.has_clock = true;
	c->sender.clock_offset_us = (int64_t)sent_us - nt_now_us();
}

/* The header is there: what is wrong is said behind a body that is short enough to be read first,
 * else at once. */
static enum MHD_Result begin_request(struct listener *l, struct MHD_Connection *connection,
				     const char *url, const char *method, void **con_cls)
{
	struct headers headers = { 0 };
	struct call *c = calloc(1, sizeof(*c));

	if (!c)
		return MHD_NO;
	*con_cls = c; /* freed in on_completed */
	c->http = l->http;
	c->listener = l;
	c->body.max_len = NT_BATCH_BYTES_MAX;
	nt_conns_stage(&l->conns, conn_of(connection), NT_CONN_BODY);
	(void)MHD_get_connection_values_n(connection, MHD_HEADER_KIND, take_header, &headers);
	take_clock(c, &headers);
	if (passes_guard(l, &headers, &c->refusal) &&
	    passes_route(l, method, url, &c->route, &c->refusal) && passes_body(c, &headers))
		return MHD_YES;
	if (c->route.ingest)
		note_upload(c->http, connection, &c->refusal);
	if (headers.has_expect || announced_bytes(&headers) > DRAIN_BYTES_MAX)
		return send_reply(l, connection, &c->refusal);
	return MHD_YES;
}

static void take_piece(struct call *c, struct MHD_Connection *connection, const char *piece,
		       size_t len)
{
	struct nt_http *h = c->http;

	if (c->refusal.status)
		return; /* read and dropped */
	if (c->body.len + len > c->route.body_max) {
		refuse_length(c);
		if (c->route.ingest)
			note_upload(h, connection, &c->refusal);
	} else if (atomic_fetch_add(&h->bodies_bytes, len) + len > BODIES_BYTES_MAX) {
		atomic_fetch_sub(&h->bodies_bytes, len);
		nt_reply_problem(&c->refusal, 503, "too many uploads at once");
	} else {
		c->held += len;
		nt_buf_add(&c->body, piece, len);
		if (!nt_buf_ok(&c->body))
			nt_reply_problem(&c->refusal, 503, "no memory for the body");
	}
	if (c->refusal.status)
		nt_buf_done(&c->body);
}

static void answer_upload(struct call *c, struct MHD_Connection *connection, struct nt_reply *reply)
{
	struct nt_http_counters *counters = &c->http->api.counters;

	nt_handle_ingest(&c->http->api, nt_slice_mem(c->body.p, c->body.len), &c->sender, reply);
	if (reply->status == 403)
		atomic_fetch_add(&counters->refused_node, 1);
	else if (reply->status == 400)
		atomic_fetch_add(&counters->refused_batch, 1);
	note_upload(c->http, connection, reply);
}

static enum MHD_Result end_request(struct call *c, struct MHD_Connection *connection)
{
	_cleanup_reply_ struct nt_reply reply = { 0 };
	struct listener *l = c->listener;

	if (c->refusal.status)
		return send_reply(l, connection, &c->refusal);
	nt_conns_stage(&l->conns, conn_of(connection), NT_CONN_REPLY);
	if (c->route.ingest)
		answer_upload(c, connection, &reply);
	else
		answer(c, connection, &reply);
	return send_reply(l, connection, &reply);
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
		take_piece(c, connection, upload_data, *upload_data_size);
		*upload_data_size = 0;
		return MHD_YES;
	}
	return end_request(c, connection);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
			 enum MHD_RequestTerminationCode code)
{
	struct call *c = *con_cls;
	struct listener *l = cls;

	(void)code;
	nt_conns_stage(&l->conns, conn_of(connection), NT_CONN_HEADERS);
	if (!c)
		return;
	atomic_fetch_sub(&l->http->bodies_bytes, c->held);
	nt_buf_done(&c->body);
	nt_reply_done(&c->refusal);
	free(c);
	*con_cls = NULL;
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
			  enum MHD_ConnectionNotificationCode code)
{
	const union MHD_ConnectionInfo *info;
	struct listener *l = cls;
	struct nt_http *h = l->http;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (l->tls && !nt_conns_asked(&l->conns, *socket_context)) {
			atomic_fetch_add(&h->api.counters.refused_tls, 1);
			note(h, connection, NT_REFUSAL_TLS,
			     "the connection ended before a request (plain HTTP is not answered)");
		}
		nt_conns_remove(&l->conns, *socket_context);
		*socket_context = NULL;
		return;
	}
	atomic_fetch_add(&h->api.counters.connections, 1);
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	*socket_context = info ? nt_conns_add(&l->conns, info->connect_fd) : NULL;
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

/* libmicrohttpd gives the daemon's context to none of GnuTLS's callbacks; a process has one. */
static struct nt_tls *shown_tls;

static int on_certificate(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
			  gnutls_pcert_st **certs, unsigned *certs_len, gnutls_ocsp_data_st **ocsp,
			  unsigned *ocsp_len, gnutls_privkey_t *key, unsigned *flags)
{
	(void)session, (void)info;
	*ocsp = NULL;
	*ocsp_len = 0;
	return nt_tls_retrieve(shown_tls, certs, certs_len, key, flags);
}

static int start_daemon(struct listener *l, int fd, struct nt_err *err)
{
	const struct MHD_OptionItem secure[] = {
		{ MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, (void *)(uintptr_t)on_certificate },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES },
		{ MHD_OPTION_END, 0, NULL },
	};
	const struct MHD_OptionItem plain[] = { { MHD_OPTION_END, 0, NULL } };

	l->daemon = MHD_start_daemon(
		MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL |
			MHD_USE_ITC | MHD_USE_ERROR_LOG | (l->tls ? MHD_USE_TLS : 0),
		0, NULL, NULL, on_request, l, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, on_completed, l,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, l, MHD_OPTION_CONNECTION_LIMIT,
		l->tls ? TLS_CONNECTIONS_MAX : CONNECTIONS_MAX, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
		l->tls ? TLS_CONNECTIONS_PER_IP : CONNECTIONS_PER_IP, MHD_OPTION_CONNECTION_TIMEOUT,
		HEADER_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADER_BYTES,
		MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, NULL, MHD_OPTION_ARRAY,
		l->tls ? secure : plain, MHD_OPTION_END);
	if (!l->daemon)
		return nt_err_set(err, EIO, "the HTTP%s server does not start", l->tls ? "S" : "");
	return 0;
}

static int start_listener(struct listener *l, const char *listen, struct nt_err *err)
{
	_cleanup_close_ int fd = -1;
	int r = nt_listen_open(listen, !l->tls, &fd, &l->guard, err);

	if (r < 0)
		return r;
	snprintf(l->url, sizeof(l->url), "http%s://%s:%u/", l->tls ? "s" : "", l->guard.listen,
		 l->guard.port);
	r = start_daemon(l, fd, err);
	if (r == 0)
		(void)NT_TAKE_FD(fd); /* the daemon's now */
	return r;
}

static void init_listener(struct nt_http *h, struct listener *l, bool tls, unsigned header_s)
{
	const unsigned seconds[NT_CONN_STAGES] = { header_s, BODY_SECONDS, REPLY_SECONDS };

	l->http = h;
	l->tls = tls;
	nt_conns_init(&l->conns, seconds);
}

int nt_http_start(const struct nt_http_config *config, struct nt_http **ret_http,
		  struct nt_err *err)
{
	unsigned header_s = config->header_seconds ? config->header_seconds : HEADER_SECONDS;
	struct nt_http *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return nt_err_set(err, ENOMEM, "no memory for the HTTP server");
	init_listener(h, &h->plain, false, header_s);
	init_listener(h, &h->secure, true, header_s);
	nt_refusals_init(&h->refusals);
	nt_readers_init(&h->api.readers, config->store, NT_READERS);
	nt_readers_init(&h->api.slow_reader, config->store, 1);
	h->api.store = config->store;
	h->api.ingest = config->ingest;
	h->api.notify = config->notify;
	h->api.leader = config->leader;
	h->api.feeds = config->feeds;
	h->api.rulestatus = config->rulestatus;
	h->api.who = config->who;
	h->api.tls = config->tls;
	h->api.started_us = nt_now_us();
	h->token = config->token;
	r = start_listener(&h->plain, config->listen, err);
	if (r == 0 && config->tls_listen) {
		shown_tls = config->tls;
		r = start_listener(&h->secure, config->tls_listen, err);
	}
	if (r < 0) {
		nt_http_stop(h);
		return r;
	}
	*ret_http = h;
	return 0;
}

void nt_http_stop(struct nt_http *h)
{
	if (!h)
		return;
	if (h->plain.daemon)
		MHD_stop_daemon(h->plain.daemon);
	if (h->secure.daemon)
		MHD_stop_daemon(h->secure.daemon);
	nt_readers_done(&h->api.readers);
	nt_readers_done(&h->api.slow_reader);
	nt_refusals_done(&h->refusals);
	nt_conns_done(&h->plain.conns);
	nt_conns_done(&h->secure.conns);
	free(h);
}

const char *nt_http_url(const struct nt_http *h)
{
	return h->plain.url;
}

const char *nt_http_tls_url(const struct nt_http *h)
{
	return h->secure.daemon ? h->secure.url : NULL;
}

void nt_http_tick(struct nt_http *h)
{
	atomic_fetch_add(&h->api.counters.slow_closed,
			 nt_conns_sweep(&h->plain.conns) + nt_conns_sweep(&h->secure.conns));
}
