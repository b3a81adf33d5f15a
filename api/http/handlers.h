/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations of api/openapi.yaml: checked parameters in, a reply out. They know neither sockets
 * nor libmicrohttpd. Called from many threads at once; what they share locks by itself.
 */
#pragma once

#include <stdatomic.h>

#include "api/http/params.h"
#include "api/http/readers.h"
#include "api/http/reply.h"

struct nt_ingest;
struct nt_json;
struct nt_ingest_sender;
struct nt_notify;
struct nt_who;
struct nt_rulestatus;
struct nt_tls;

/* What the server counted, for /metrics. */
struct nt_http_counters {
	atomic_uint_fast64_t by_class[6]; /* replies with status 1xx .. 5xx; [0]: others */
	atomic_uint_fast64_t refused_host, refused_origin, refused_tls;
	/* Uploads of agents: they are in batches_total, too. */
	atomic_uint_fast64_t refused_token, refused_body, refused_node, refused_batch;
	atomic_uint_fast64_t unchecked_token;
	/* Of what is no upload: without the operator's token, a body beyond its bound. */
	atomic_uint_fast64_t refused_operator, refused_object;
	atomic_uint_fast64_t connections, slow_closed, asset_requests;
	atomic_uint_fast64_t rows_unreadable; /* times that one was to be given */
};

struct nt_api {
	struct nt_store *store;
	struct nt_ingest *ingest;
	struct nt_notify *notify; /* NULL: no receivers */
	struct nt_leader *leader; /* NULL: no other controller evaluates alerts */
	struct nt_feeds *feeds; /* NULL: none */
	struct nt_who *who; /* NULL: no Kubernetes API */
	struct nt_rulestatus *rulestatus; /* NULL: no objects have it */
	struct nt_tls *tls; /* NULL: no HTTPS */
	struct nt_readers readers;
	struct nt_readers slow_reader; /* one: previews and suggestions, one at a time */
	struct nt_http_counters counters;
	int64_t started_us;
};

typedef void nt_handler_fn(struct nt_api *api, const struct nt_params *p, struct nt_reply *reply);

nt_handler_fn nt_handle_summary, nt_handle_timeseries, nt_handle_top, nt_handle_logs,
	nt_handle_fields, nt_handle_coverage, nt_handle_alerts, nt_handle_alert_events,
	nt_handle_alert_preview, nt_handle_acknowledge, nt_handle_unacknowledge,
	nt_handle_suppressions, nt_handle_suppress, nt_handle_unsuppress, nt_handle_receivers,
	nt_handle_receiver_test, nt_handle_policies, nt_handle_policy_preview,
	nt_handle_policy_suggest, nt_handle_feeds, nt_handle_healthz, nt_handle_readyz,
	nt_handle_metrics;

/* nametap_controller_feed_*. */
void nt_feeds_metrics(struct nt_api *api, struct nt_buf *out);
/* nametap_controller_notify_*. */
void nt_receivers_metrics(struct nt_api *api, struct nt_buf *out);

/* POST /ingest/v1/batches: body is one batch. */
void nt_handle_ingest(struct nt_api *api, struct nt_slice body,
		      const struct nt_ingest_sender *sender, struct nt_reply *reply);

/* What the handlers of figures begin with: parses q, from, to, side, role, and checks that there is
 * nothing but these and `more` (space separated). false: the reply is a problem. */
bool nt_figures_begin(const struct nt_params *p, const char *more, struct nt_figures *ret_figures,
		      struct nt_reply *reply);
/* Key and value: the packets that those UNLOGGED rows stand for, by reason. */
int nt_figures_loss(struct nt_store_reader *reader, const struct nt_store_range *lost,
		    struct nt_json *j, struct nt_err *err) NT_MUSTCHECK;
/* CLOCK_REALTIME. */
int64_t nt_now_us(void);
