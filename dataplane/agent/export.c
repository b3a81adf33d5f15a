/* SPDX-License-Identifier: Apache-2.0 */
/* Batches to the controller, by curl in our event loop. */
#include "dataplane/agent/export.h"

#include <stdlib.h>
#include <sys/random.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/http/bearer.h"
#include "lib/http/multi.h"
#include "lib/http/problem.h"

#define PATH "/ingest/v1/batches"
#define PAUSE_MIN_NS (200 * NT_NS_PER_MS)
#define PAUSE_MAX_NS (5 * NT_NS_PER_S)
/* kube-proxy may have sent us to a pod that is gone, and does so for as long as this connection is
 * tried. */
#define CONNECT_MS 5000L
/* Answers are one small JSON object. */
#define ANSWER_BYTES_MAX 4096
/* What one batch may be decoded to. */
#define DECODE_BYTES_MAX ((size_t)512 << 20)

struct nt_export {
	struct nt_export_config config;
	struct nt_loop *loop;
	struct nt_agent *agent;
	char *url;
	struct nt_multi *multi;
	struct nt_multi_transfer transfer;
	CURL *easy;
	struct curl_slist *headers;
	struct nt_timer *pause_timer; /* when the next attempt is due */
	struct nt_slice body; /* the spool's */
	struct nt_buf answer;
	struct nt_buf held_node; /* former name of the node whose batches are passed over */
	char error[CURL_ERROR_SIZE];
	uint64_t seq; /* in flight; 0 none */
	int64_t pause_ns; /* before the next attempt; 0: the last one went well */
	bool pausing;
	long last_status; /* so that a lasting fault is logged once */
	struct nt_buf ca; /* PEM, of nt_export_trust */
	nt_loop_fn *distrust_fn;
	void *distrust_ctx;
	nt_loop_fn *idle_fn;
	void *idle_ctx;
	struct nt_export_stats stats;
};

bool nt_export_check_url(const char *url, struct nt_err *err)
{
	bool known = strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;

	if (!known || !strchr(url, ':')[3]) {
		nt_err_set(err, EINVAL, "\"%s\" is no http:// or https:// URL", url);
		return false;
	}
	return true;
}

static size_t on_answer(char *data, size_t size, size_t n, void *ctx)
{
	struct nt_export *e = ctx;

	if (e->answer.len + size * n <= ANSWER_BYTES_MAX)
		nt_buf_add(&e->answer, data, size * n);
	return size * n;
}

/* --- an attempt ------------------------------------------------------------------------------- */

static int set_headers(struct nt_export *e, struct nt_err *err)
{
	char clock[64];
	int r;

	curl_slist_free_all(e->headers);
	e->headers = NULL;
	snprintf(clock, sizeof(clock), NT_CLOCK_HEADER ": %lld",
		 (long long)(nt_clock_real(e->agent->clock) / NT_NS_PER_US));
	r = nt_header_add(&e->headers, "Content-Type: application/x-nametap-batch", err);
	if (r == 0)
		r = nt_header_add(&e->headers, "Expect:", err);
	if (r == 0)
		r = nt_header_add(&e->headers, clock, err);
	if (r == 0 && e->config.token_file)
		r = nt_bearer_add_file(&e->headers, e->config.token_file, err);
	return r;
}

/* The file is read for each connection: who renews it need not tell us. */
static void set_trust(struct nt_export *e)
{
	struct curl_blob ca = { .data = e->ca.p, .len = e->ca.len, .flags = CURL_BLOB_NOCOPY };
	CURL *c = e->easy;

	curl_easy_setopt(c, CURLOPT_CA_CACHE_TIMEOUT, 0L);
	if (!ca.len && !e->config.ca_file)
		return;
	if (ca.len)
		curl_easy_setopt(c, CURLOPT_CAINFO_BLOB, &ca);
	else
		curl_easy_setopt(c, CURLOPT_CAINFO, e->config.ca_file);
	curl_easy_setopt(c, CURLOPT_CAPATH, NULL); /* that one and no other */
}

static void set_options(struct nt_export *e)
{
	CURL *c = e->easy;

	curl_easy_setopt(c, CURLOPT_URL, e->url);
	curl_easy_setopt(c, CURLOPT_POST, 1L);
	curl_easy_setopt(c, CURLOPT_POSTFIELDS, e->body.p);
	curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)e->body.len);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, e->headers);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_answer);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, e);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, e->error);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_USERAGENT, "nametap-agent");
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)(e->config.timeout_ns / NT_NS_PER_MS));
	set_trust(e);
}

static int attempt(struct nt_export *e, uint64_t seq, struct nt_err *err)
{
	int r = nt_spool_send(e->agent->spool, seq, &e->body, err);

	if (r < 0)
		return r;
	r = set_headers(e, err);
	if (r < 0)
		return r;
	nt_buf_reset(&e->answer);
	e->error[0] = '\0';
	set_options(e);
	r = nt_multi_add(e->multi, e->easy, &e->transfer, err);
	if (r == 0)
		e->seq = seq;
	return r;
}

static void pause_attempts(struct nt_export *e)
{
	uint32_t random = 0;
	int64_t half;

	e->stats.failures++;
	e->pause_ns = e->pause_ns ? e->pause_ns * 2 : PAUSE_MIN_NS;
	if (e->pause_ns > PAUSE_MAX_NS)
		e->pause_ns = PAUSE_MAX_NS;
	(void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
	half = e->pause_ns / 2; /* so that a thousand nodes do not come back at once */
	e->pausing = true;
	nt_loop_timer_set(e->pause_timer, half + (int64_t)(random % 1000) * half / 1000 + 1);
}

static void log_fault(struct nt_export *e, long status, const char *why)
{
	if (status == e->last_status)
		return;
	e->last_status = status;
	nt_log_warn("controller: batch %llu: %s; trying again", (unsigned long long)e->seq, why);
}

static bool is_ready(const struct nt_export *e)
{
	return !e->seq && !e->pausing && (e->ca.len || !e->config.ca_comes);
}

void nt_export_kick(struct nt_export *e)
{
	struct nt_err err;
	uint64_t seq;

	while (is_ready(e) && (seq = nt_spool_head(e->agent->spool))) {
		int r = attempt(e, seq, &err);

		if (r == -EBADMSG || r == -ENOENT) {
			if (nt_spool_head(e->agent->spool) != seq) {
				nt_log_error("spool: %s; batch %llu is lost", err.msg,
					     (unsigned long long)seq);
				continue;
			}
		}
		if (r < 0) {
			log_fault(e, -1, err.msg);
			pause_attempts(e);
			return;
		}
	}
	if (is_ready(e) && e->idle_fn) {
		nt_loop_fn *fn = e->idle_fn;

		e->idle_fn = NULL;
		fn(e->idle_ctx);
	}
}

static void on_pause_over(void *ctx)
{
	struct nt_export *e = ctx;

	nt_loop_timer_set(e->pause_timer, 0);
	e->pausing = false;
	nt_export_kick(e);
}

/* --- its outcome ------------------------------------------------------------------------------ */

static void acknowledged(struct nt_export *e)
{
	e->stats.shipped++;
	if (e->answer.len && strstr(e->answer.p, "\"duplicate\""))
		e->stats.duplicates++;
	if (e->last_status)
		nt_log_info("controller: takes batches");
	e->last_status = 0;
	e->pause_ns = 0;
	nt_agent_acknowledged(e->agent, e->seq);
}

/* "status 403: what the controller says". */
static void explain_status(const struct nt_export *e, long status, char *why, size_t size)
{
	char detail[256];

	nt_problem_detail(nt_slice_mem(e->answer.p, e->answer.len), detail, sizeof(detail));
	snprintf(why, size, "status %ld%s%s", status, detail[0] ? ": " : "", detail);
}

static void refused(struct nt_export *e, long status)
{
	char why[300];

	e->stats.refused++;
	explain_status(e, status, why, sizeof(why));
	nt_log_error("controller: batch %llu is refused, %s; it is set aside",
		     (unsigned long long)e->seq, why);
	nt_spool_reject(e->agent->spool, e->seq);
	e->pause_ns = 0;
}

/* Was it written when the node had another name? The name, in arena, else empty. */
static struct nt_slice former_node(const struct nt_export *e, struct nt_arena *arena)
{
	struct nt_batch b;
	struct nt_err err;

	if (nt_batch_decode(e->body, arena, &b, &err) < 0 || nt_slice_eq(b.node, e->agent->node))
		return (struct nt_slice){ 0 };
	return b.node;
}

/* Its agent sends one at a time, in order: of all that wait under a name, only the oldest may have
 * reached the controller without the agent's hearing of it. */
static bool is_first_of(struct nt_export *e, struct nt_slice node)
{
	bool first = !nt_slice_eq(nt_slice_mem(e->held_node.p, e->held_node.len), node);

	nt_buf_reset(&e->held_node);
	nt_buf_slice(&e->held_node, node);
	return first;
}

/* The controller takes a node's batches from that node's agent only. Those of a name that the node
 * had before would be refused for ever, and everything behind them would wait. */
static bool hold_former(struct nt_export *e, long status)
{
	_cleanup_arena_ struct nt_arena arena = NT_ARENA(DECODE_BYTES_MAX);
	struct nt_slice node = former_node(e, &arena);
	char why[300];

	if (!node.len)
		return false;
	explain_status(e, status, why, sizeof(why));
	if (!nt_spool_stats(e->agent->spool).held)
		nt_log_error("controller: batch %llu is of node %.*s and is not taken from the "
			     "agent of %.*s, %s; such batches stay in the spool for an agent with "
			     "--node %.*s, until their room is needed: then their packets are "
			     "stated as UNLOGGED",
			     (unsigned long long)e->seq, NT_SLICE_ARG(node),
			     NT_SLICE_ARG(e->agent->node), why, NT_SLICE_ARG(node));
	nt_spool_hold(e->agent->spool, e->seq, is_first_of(e, node));
	e->pause_ns = 0;
	return true;
}

static const char *advice(CURLcode code)
{
	switch (code) {
	case CURLE_PEER_FAILED_VERIFICATION:
		return ": is --ca-file (or --ca-configmap) of the controller that --controller "
		       "names, and is that name in its certificate?";
	case CURLE_SSL_CACERT_BADFILE:
		return ": --ca-file cannot be read, or holds no certificate in PEM";
	case CURLE_SSL_CONNECT_ERROR:
		return ": is that port HTTPS, and is its certificate there yet?";
	default:
		return "";
	}
}

static const char *advice_for(long status)
{
	switch (status) {
	case 400:
		return "; it is older than this agent: the controller first";
	case 401:
		return "; are --token-file and its audience what the controller asks for?";
	case 403:
		return "; is the token of this agent's own pod, and --node that pod's node?";
	default:
		return "";
	}
}

static void failed(struct nt_export *e, CURLcode code, long status)
{
	char why[CURL_ERROR_SIZE + 256], said[300];

	explain_status(e, status, said, sizeof(said));
	if (code != CURLE_OK)
		snprintf(why, sizeof(why), "%s%s",
			 e->error[0] ? e->error : curl_easy_strerror(code), advice(code));
	else
		snprintf(why, sizeof(why), "%s%s", said, advice_for(status));
	if (code == CURLE_PEER_FAILED_VERIFICATION && e->distrust_fn)
		e->distrust_fn(e->distrust_ctx);
	log_fault(e, code != CURLE_OK ? -(long)code - 1 : status, why);
	pause_attempts(e);
}

/* A controller older than this agent: it will read the batch when it is brought up to date. */
static bool is_too_new(const struct nt_export *e, long status)
{
	return status == 400 && strstr(nt_buf_str(&e->answer), "is not known here, only");
}

static void finish(void *ctx, CURLcode code)
{
	struct nt_export *e = ctx;
	long status = 0;

	curl_easy_getinfo(e->easy, CURLINFO_RESPONSE_CODE, &status);
	if (code == CURLE_OK && (status == 200 || status == 204))
		acknowledged(e);
	else if (code == CURLE_OK && is_too_new(e, status))
		failed(e, code, status);
	else if (code == CURLE_OK && status == 403 && hold_former(e, status))
		nt_log_debug("controller: batch %llu is held", (unsigned long long)e->seq);
	else if (code == CURLE_OK && (status == 400 || status == 413 || status == 422))
		refused(e, status);
	else
		failed(e, code, status);
	e->seq = 0;
	nt_export_kick(e);
}

/* --- life ------------------------------------------------------------------------------------- */

static int open_curl(struct nt_export *e, struct nt_err *err)
{
	int r = nt_multi_new(e->loop, &e->multi, err);

	if (r < 0)
		return r;
	e->transfer = (struct nt_multi_transfer){ .fn = finish, .ctx = e };
	e->easy = curl_easy_init();
	if (!e->easy || asprintf(&e->url, "%s" PATH, e->config.controller) < 0)
		return nt_err_set(err, ENOMEM, "no memory for curl");
	e->pause_timer = nt_loop_timer_new(e->loop, 0, on_pause_over, e, err);
	return e->pause_timer ? 0 : -err->code;
}

int nt_export_new(const struct nt_export_config *config, struct nt_loop *loop,
		  struct nt_agent *agent, struct nt_export **ret_export, struct nt_err *err)
{
	struct nt_export *e;
	int r;

	if (!nt_export_check_url(config->controller, err))
		return -err->code;
	e = calloc(1, sizeof(*e));
	if (!e)
		return nt_err_set(err, ENOMEM, "no memory for the export");
	e->config = *config;
	e->loop = loop;
	e->agent = agent;
	r = open_curl(e, err);
	if (r < 0) {
		nt_export_free(e);
		return r;
	}
	*ret_export = e;
	return 0;
}

void nt_export_free(struct nt_export *e)
{
	if (!e)
		return;
	if (e->seq)
		nt_multi_remove(e->multi, e->easy);
	curl_easy_cleanup(e->easy);
	nt_multi_free(e->multi);
	nt_loop_timer_free(e->pause_timer);
	curl_slist_free_all(e->headers);
	nt_buf_done(&e->held_node);
	nt_buf_done(&e->answer);
	nt_buf_done(&e->ca);
	free(e->url);
	free(e);
}

/* An upload that runs keeps its connection and its handle's options: it is begun anew. */
void nt_export_trust(struct nt_export *e, struct nt_slice pem)
{
	if (e->seq) {
		nt_multi_remove(e->multi, e->easy);
		e->seq = 0;
	}
	nt_buf_reset(&e->ca);
	nt_buf_slice(&e->ca, pem);
	e->pausing = false;
	nt_loop_timer_set(e->pause_timer, 0);
	nt_export_kick(e);
}

void nt_export_when_distrusted(struct nt_export *e, nt_loop_fn *fn, void *ctx)
{
	e->distrust_fn = fn;
	e->distrust_ctx = ctx;
}

void nt_export_when_idle(struct nt_export *e, nt_loop_fn *fn, void *ctx)
{
	e->idle_fn = fn;
	e->idle_ctx = ctx;
	nt_export_kick(e);
}

struct nt_export_stats nt_export_stats(const struct nt_export *e)
{
	struct nt_export_stats stats = e->stats;

	stats.in_flight = e->seq != 0;
	return stats;
}
