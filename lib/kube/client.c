/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to the Kubernetes API. */
#include "lib/kube/client.h"

#include <stdlib.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/http/bearer.h"
#include "lib/http/multi.h"

#define CONNECT_MS 5000L
/* A connection that a firewall forgot is noticed by these, not by the next request's time-out. */
#define KEEPALIVE_S 30L

struct nt_kube {
	struct nt_kube_config config;
	struct nt_multi *multi;
	const char *user_agent;
	struct nt_kube_call *calls;
};

struct nt_kube_call {
	struct nt_kube *kube;
	struct nt_kube_call *next;
	struct nt_multi_transfer transfer;
	CURL *easy;
	struct curl_slist *headers, *connect_to;
	char *method, *path, *url;
	struct nt_buf body; /* of the request */
	struct nt_buf answer;
	char error[CURL_ERROR_SIZE];
	bool stopped; /* by data_fn */
	nt_kube_data_fn *data_fn;
	nt_kube_fn *fn;
	void *ctx;
};

/* --- the answer ------------------------------------------------------------------------------- */

static int errno_of(const struct nt_kube_call *c, CURLcode code)
{
	long os = 0;

	if (c->stopped)
		return ECANCELED;
	if (c->answer.failed)
		return EFBIG;
	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
		return ETIMEDOUT;
	case CURLE_COULDNT_RESOLVE_HOST:
		return EHOSTUNREACH;
	case CURLE_COULDNT_CONNECT:
		curl_easy_getinfo(c->easy, CURLINFO_OS_ERRNO, &os);
		return os == EHOSTUNREACH || os == ENETUNREACH ? EHOSTUNREACH : ECONNREFUSED;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CACERT_BADFILE:
		return EPROTO;
	default:
		return EIO;
	}
}

static const char *advice(int code)
{
	switch (code) {
	case ECONNREFUSED:
		return "; is the API server up, and is that its address?";
	case EHOSTUNREACH:
		return "; look at the node's routes and resolver";
	case EPROTO:
		return "; the certificate authority or the client's certificate does not fit";
	case ETIMEDOUT:
		return "; a network policy or an overloaded API server may be why";
	default:
		return "";
	}
}

static void explain_fault(const struct nt_kube_call *c, CURLcode code, struct nt_err *err)
{
	int number = errno_of(c, code);
	const char *what = c->error[0] ? c->error : curl_easy_strerror(code);

	if (number == ECANCELED)
		what = "ended by us";
	else if (number == EFBIG)
		what = "the answer is larger than we asked for";
	nt_err_set(err, number, "%s %.300s: %.100s%s", c->method, c->url, what, advice(number));
}

/* With the words of the API, which name user, verb and resource. */
static void explain_status(const struct nt_kube_call *c, int status, struct nt_err *err)
{
	struct nt_kube_status said;
	const char *todo = "";

	(void)nt_kube_status_parse(nt_slice_mem(c->answer.p, c->answer.len), &said);
	if (status == 401)
		todo = "; the token is not, or no longer, accepted";
	else if (status == 403)
		todo = "; give that user the rule (manifests/base)";
	nt_err_set(err, EREMOTEIO, "%s %.200s: %d %.200s%s", c->method, c->path, status,
		   said.message, todo);
}

static void free_call(struct nt_kube_call *c)
{
	struct nt_kube_call **at = &c->kube->calls;

	while (*at && *at != c)
		at = &(*at)->next;
	if (*at)
		*at = c->next;
	curl_easy_cleanup(c->easy);
	curl_slist_free_all(c->headers);
	curl_slist_free_all(c->connect_to);
	nt_buf_done(&c->body);
	nt_buf_done(&c->answer);
	free(c->method);
	free(c->path);
	free(c->url);
	free(c);
}

static int64_t date_of(CURL *easy)
{
	struct curl_header *date;
	time_t second;

	if (curl_easy_header(easy, "Date", 0, CURLH_HEADER, -1, &date) != CURLHE_OK)
		return 0;
	second = curl_getdate(date->value, NULL);
	return second > 0 ? second : 0;
}

static void on_done(void *ctx, CURLcode code)
{
	struct nt_kube_call *c = ctx;
	struct nt_kube_answer answer = { 0 };
	curl_off_t wait_s = 0;
	long status = 0;

	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(c->easy, CURLINFO_RETRY_AFTER, &wait_s);
	if (code != CURLE_OK) {
		explain_fault(c, code, &answer.error);
	} else {
		answer.status = (int)status;
		answer.body = nt_slice_mem(c->answer.p, c->answer.len);
		answer.date_s = date_of(c->easy);
		/* An hour is what nobody should have to wait for longer. */
		answer.retry_after_ns = (wait_s > 3600 ? 3600 : wait_s) * NT_NS_PER_S;
		if (status >= 300)
			explain_status(c, answer.status, &answer.error);
	}
	c->fn(c->ctx, &answer);
	free_call(c);
}

static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
	struct nt_kube_call *c = ctx;
	long status = 0;

	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	if (c->data_fn && status < 300) {
		c->stopped = !c->data_fn(c->ctx, (int)status, nt_slice_mem(data, size * n));
		return c->stopped ? CURL_WRITEFUNC_ERROR : size * n;
	}
	nt_buf_add(&c->answer, data, size * n);
	return nt_buf_ok(&c->answer) ? size * n : CURL_WRITEFUNC_ERROR;
}

/* --- the request ------------------------------------------------------------------------------ */

static struct curl_blob blob_of(struct nt_slice s)
{
	return (struct curl_blob){ .data = (void *)(uintptr_t)s.p,
				   .len = s.len,
				   .flags = CURL_BLOB_NOCOPY };
}

static void set_trust(CURL *easy, const struct nt_kube_config *config)
{
	struct curl_blob ca = blob_of(config->ca);

	if (ca.data)
		curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &ca);
	if (config->ca_file)
		curl_easy_setopt(easy, CURLOPT_CAINFO, config->ca_file);
	if (ca.data || config->ca_file) /* that one and no other */
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, config->insecure ? 0L : 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, config->insecure ? 0L : 2L);
}

static void set_certificate(CURL *easy, const struct nt_kube_config *config)
{
	struct curl_blob cert = blob_of(config->cert), key = blob_of(config->key);

	if (cert.data)
		curl_easy_setopt(easy, CURLOPT_SSLCERT_BLOB, &cert);
	if (config->cert_file)
		curl_easy_setopt(easy, CURLOPT_SSLCERT, config->cert_file);
	if (key.data)
		curl_easy_setopt(easy, CURLOPT_SSLKEY_BLOB, &key);
	if (config->key_file)
		curl_easy_setopt(easy, CURLOPT_SSLKEY, config->key_file);
}

static void set_times(CURL *easy, const struct nt_kube_request *request)
{
	int64_t ns = request->timeout_ns ? request->timeout_ns : NT_KUBE_TIMEOUT_NS;

	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, ns > 0 ? (long)(ns / NT_NS_PER_MS) : 0L);
	if (request->silence_ns) {
		curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
		curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME,
				 (long)(request->silence_ns / NT_NS_PER_S));
	}
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_S);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_S);
}

static void set_options(struct nt_kube_call *c, const struct nt_kube_request *request)
{
	CURL *easy = c->easy;

	curl_easy_setopt(easy, CURLOPT_URL, c->url);
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, c->method);
	if (request->body.p) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, nt_buf_str(&c->body));
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)c->body.len);
	}
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, c->headers);
	if (c->connect_to)
		curl_easy_setopt(easy, CURLOPT_CONNECT_TO, c->connect_to);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, c);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, c->error);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_USERAGENT, c->kube->user_agent);
	/* One connection per call that is open: with HTTP/2 a single dead one holds up all of them,
	 * watches included. */
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	set_trust(easy, &c->kube->config);
	set_certificate(easy, &c->kube->config);
	set_times(easy, request);
}

static int set_headers(struct nt_kube_call *c, const struct nt_kube_request *request,
		       struct nt_err *err)
{
	const struct nt_kube_config *config = &c->kube->config;
	char type[128], accept[128];
	int r;

	snprintf(accept, sizeof(accept), "Accept: %.100s",
		 request->accept ? request->accept : "application/json");
	r = nt_header_add(&c->headers, accept, err);
	snprintf(type, sizeof(type), "Content-Type: %.100s",
		 request->content_type ? request->content_type : "application/json");
	if (r == 0 && request->body.p)
		r = nt_header_add(&c->headers, type, err);
	if (r == 0)
		r = nt_header_add(&c->headers, "Expect:", err);
	if (r == 0 && config->token_file)
		r = nt_bearer_add_file(&c->headers, config->token_file, err);
	else if (r == 0 && config->token)
		r = nt_bearer_add(&c->headers, config->token, config->origin, err);
	return r;
}

static int prepare(struct nt_kube_call *c, const struct nt_kube_request *request,
		   struct nt_err *err)
{
	c->easy = curl_easy_init();
	c->method = strdup(request->method);
	c->path = strdup(request->path);
	if (!c->easy || !c->method || !c->path ||
	    asprintf(&c->url, "%s%s", c->kube->config.server, request->path) < 0)
		return nt_err_set(err, ENOMEM, "no memory for a request");
	nt_buf_slice(&c->body, request->body);
	if (!nt_buf_ok(&c->body))
		return nt_err_set(err, ENOMEM, "no memory for a request");
	if (c->kube->config.connect_to &&
	    nt_header_add(&c->connect_to, c->kube->config.connect_to, err) < 0)
		return -err->code;
	return set_headers(c, request, err);
}

int nt_kube_send(struct nt_kube *k, const struct nt_kube_request *request, nt_kube_fn *fn,
		 void *ctx, struct nt_kube_call **ret_call, struct nt_err *err)
{
	struct nt_kube_call *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return nt_err_set(err, ENOMEM, "no memory for a request");
	c->kube = k;
	c->fn = fn;
	c->ctx = ctx;
	c->data_fn = request->data_fn;
	c->answer.max_len = request->max_bytes ? request->max_bytes : NT_KUBE_BODY_BYTES;
	c->transfer = (struct nt_multi_transfer){ .fn = on_done, .ctx = c };
	r = prepare(c, request, err);
	if (r == 0) {
		set_options(c, request);
		r = nt_multi_add(k->multi, c->easy, &c->transfer, err);
	}
	if (r < 0) {
		free_call(c);
		return nt_err_wrap(err, "%s %.200s", request->method, request->path);
	}
	c->next = k->calls;
	k->calls = c;
	if (ret_call)
		*ret_call = c;
	return 0;
}

int nt_kube_call_status(const struct nt_kube_call *call)
{
	long status = 0;

	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	return (int)status;
}

void nt_kube_cancel(struct nt_kube_call *call)
{
	nt_multi_remove(call->kube->multi, call->easy);
	free_call(call);
}

/* --- life ------------------------------------------------------------------------------------- */

int nt_kube_open(struct nt_kube_config *config, struct nt_loop *loop, const char *user_agent,
		 struct nt_kube **ret_kube, struct nt_err *err)
{
	_cleanup_kube_config_ struct nt_kube_config mine = *config;
	struct nt_kube *k = calloc(1, sizeof(*k));
	int r;

	*config = (struct nt_kube_config){ 0 };
	if (!k)
		return nt_err_set(err, ENOMEM, "no memory for the Kubernetes API");
	r = nt_multi_new(loop, &k->multi, err);
	if (r < 0) {
		free(k);
		return r;
	}
	k->config = mine;
	k->user_agent = user_agent;
	mine = (struct nt_kube_config){ 0 };
	*ret_kube = k;
	return 0;
}

void nt_kube_close(struct nt_kube *k)
{
	if (!k)
		return;
	while (k->calls)
		nt_kube_cancel(k->calls);
	nt_multi_free(k->multi);
	nt_kube_config_done(&k->config);
	free(k);
}

const struct nt_kube_config *nt_kube_config(const struct nt_kube *k)
{
	return &k->config;
}

/* --- without a loop --------------------------------------------------------------------------- */

struct waiting {
	struct nt_loop *loop;
	struct nt_kube_answer *answer;
	struct nt_buf *body;
};

static void take_answer(void *ctx, const struct nt_kube_answer *answer)
{
	struct waiting *w = ctx;

	*w->answer = *answer;
	nt_buf_slice(w->body, answer->body);
	w->answer->body = nt_slice_mem(w->body->p, w->body->len);
	nt_loop_stop(w->loop);
}

int nt_kube_call(struct nt_kube *k, struct nt_loop *loop, const struct nt_kube_request *request,
		 struct nt_kube_answer *ret_answer, struct nt_buf *ret_body, struct nt_err *err)
{
	struct waiting w = { loop, ret_answer, ret_body };
	int r = nt_kube_send(k, request, take_answer, &w, NULL, err);

	return r == 0 ? nt_loop_run(loop, err) : r;
}
