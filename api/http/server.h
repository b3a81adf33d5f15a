/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server of API and page: libmicrohttpd, one thread per connection with bounds on
 * connections, time, headers and bodies. Serves until nt_http_stop. Two sockets: one on loopback
 * without encryption and without authentication for readers, where Host and Origin are checked
 * (T37); one with TLS on any address for agents, which has uploads, healthz, readyz and metrics and
 * nothing that a pod asked. Agents need a token on both.
 */
#pragma once

#include "lib/base/buf.h"

struct nt_feeds;
struct nt_http;
struct nt_ingest;
struct nt_leader;
struct nt_notify;
struct nt_store;
struct nt_tls;
struct nt_who;
struct nt_rulestatus;

struct nt_http_config {
	const char *listen; /* "127.0.0.1:8053", see api/http/listen.h */
	const char *tls_listen; /* NULL: no HTTPS */
	struct nt_tls *tls; /* with tls_listen; outlives the server */
	struct nt_who
		*who; /* whose token it is; NULL: there is the one token; outlives the server */
	/* Of agents, without who, and of who makes the controller do something; must outlive the
	 * server. */
	struct nt_slice token;
	struct nt_store *store; /* outlives the server */
	struct nt_ingest *ingest; /* outlives the server */
	struct nt_notify *notify; /* NULL: no receivers; outlives the server */
	struct nt_leader
		*leader; /* NULL: no other controller evaluates alerts; outlives the server */
	struct nt_feeds *feeds; /* NULL: none; outlives the server */
	struct nt_rulestatus *rulestatus; /* NULL: no objects have it; outlives the server */
	unsigned header_seconds; /* a request's header must be there by then; 0: 30 */
};

/* Answers when it returns 0. Block signals before: its threads inherit the mask. */
int nt_http_start(const struct nt_http_config *config, struct nt_http **ret_http,
		  struct nt_err *err) NT_MUSTCHECK;
/* Waits for the requests that are being answered (nt_who_stop before). NULL is fine. */
void nt_http_stop(struct nt_http *h);
/* "http://127.0.0.1:8053/"; valid until nt_http_stop. */
const char *nt_http_url(const struct nt_http *h);
/* "https://0.0.0.0:8443/", NULL without. */
const char *nt_http_tls_url(const struct nt_http *h);
/* Ends connections that are past their deadline; about once a second, any thread. */
void nt_http_tick(struct nt_http *h);
