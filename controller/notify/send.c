/* SPDX-License-Identifier: Apache-2.0 */
/* A request to a receiver. */
#include "controller/notify/send.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <stdio.h>
#include <time.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/escape.h"
#include "lib/base/file.h"
#include "lib/http/bearer.h"
#include "lib/http/fence.h"

/* Of an answer; the rest is not read. What was wrong stands at its beginning. */
#define ANSWER_BYTES_MAX ((size_t)64 << 10)
#define SECRET_BYTES_MAX ((size_t)64 << 10)
/* A key that is shorter is guessed. */
#define SECRET_BYTES_MIN 16

struct request {
	const struct nt_receiver *receiver;
	CURL *easy;
	struct curl_slist *headers;
	struct nt_buf url, basic, answer;
	struct nt_fence fence;
};

/* --- what is in files ------------------------------------------------------------------------- */

/* One line; white space at its end is no part of it. */
static int read_line(const char *file, struct nt_buf *out, struct nt_err *err)
{
	int r = nt_file_read_at(AT_FDCWD, file, SECRET_BYTES_MAX, out, err);

	return r < 0 ? r : nt_secret_line(out, file, err);
}

static int find_url(struct request *q, struct nt_err *err)
{
	static const char *const paths[NT_RECEIVER_TYPES] = {
		[NT_RECEIVER_ALERTMANAGER] = "/api/v2/alerts",
		[NT_RECEIVER_WEBHOOK] = "",
		[NT_RECEIVER_SLACK] = "",
		[NT_RECEIVER_JIRA] = "/rest/api/2/issue",
		[NT_RECEIVER_KUBERNETES_EVENTS] = "", /* not by us: kubeevents.c */
	};
	const struct nt_receiver *r = q->receiver;
	const char *path = paths[r->type], *mistake;

	if (r->url)
		nt_buf_puts(&q->url, r->url);
	else if (read_line(r->url_file, &q->url, err) < 0)
		return -err->code;
	mistake = nt_fence_url_mistake(nt_buf_str(&q->url));
	if (mistake)
		return nt_err_set(err, EINVAL, "%s: %s", r->url_file ? r->url_file : "url",
				  mistake);
	while (path[0] && q->url.len && q->url.p[q->url.len - 1] == '/')
		q->url.p[--q->url.len] = '\0';
	nt_buf_puts(&q->url, path);
	return nt_buf_ok(&q->url) ? 0 : nt_err_set(err, ENOMEM, "no memory for a request");
}

bool nt_send_sign(struct nt_slice secret, struct nt_slice timestamp, struct nt_slice body,
		  struct nt_buf *out)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	uint8_t digest[32];

	nt_buf_slice(&text, timestamp);
	nt_buf_putc(&text, '.');
	nt_buf_slice(&text, body);
	if (!nt_buf_ok(&text) ||
	    gnutls_hmac_fast(GNUTLS_MAC_SHA256, secret.p, secret.len, text.p, text.len, digest) < 0)
		return false;
	nt_buf_puts(out, "sha256=");
	for (size_t i = 0; i < sizeof(digest); i++)
		nt_buf_hex(out, digest[i], 2);
	return nt_buf_ok(out);
}

/* --- headers ---------------------------------------------------------------------------------- */

static int add_header(struct request *q, const char *name, struct nt_slice value,
		      struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf line = { 0 };

	nt_buf_printf(&line, "%s: %.*s", name, NT_SLICE_ARG(value));
	if (!nt_buf_ok(&line))
		return nt_err_set(err, ENOMEM, "no memory for a request");
	return nt_header_add(&q->headers, line.p, err);
}

static int add_signature(struct request *q, struct nt_slice body, struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf secret = { 0 }, stamp = { 0 }, signature = { 0 };
	int r = read_line(q->receiver->secret_file, &secret, err);

	if (r < 0)
		return r;
	if (secret.len < SECRET_BYTES_MIN)
		return nt_err_set(err, EINVAL, "%s: a key of at least %d octets is wanted",
				  q->receiver->secret_file, SECRET_BYTES_MIN);
	nt_buf_i64(&stamp, time(NULL));
	if (!nt_send_sign(nt_slice_mem(secret.p, secret.len), nt_slice_mem(stamp.p, stamp.len),
			  body, &signature))
		return nt_err_set(err, ENOMEM, "no memory for a signature");
	r = add_header(q, "X-Nametap-Timestamp", nt_slice_mem(stamp.p, stamp.len), err);
	if (r == 0)
		r = add_header(q, "X-Nametap-Signature", nt_slice_mem(signature.p, signature.len),
			       err);
	return r;
}

static int add_headers(struct request *q, struct nt_slice key, struct nt_slice body,
		       struct nt_err *err)
{
	const struct nt_receiver *receiver = q->receiver;
	int r = nt_header_add(&q->headers, "Content-Type: application/json", err);

	if (r == 0)
		r = nt_header_add(&q->headers, "Expect:", err);
	if (r == 0 && key.len)
		r = add_header(q, "Idempotency-Key", key, err);
	if (r == 0 && receiver->secret_file)
		r = add_signature(q, body, err);
	if (r == 0 && receiver->token_file)
		r = nt_bearer_add_file(&q->headers, receiver->token_file, err);
	if (r == 0 && receiver->basic_auth_file)
		r = read_line(receiver->basic_auth_file, &q->basic, err);
	return r;
}

/* --- the transfer ----------------------------------------------------------------------------- */

static size_t take_answer(char *data, size_t size, size_t n, void *ctx)
{
	struct request *q = ctx;
	size_t room = ANSWER_BYTES_MAX - q->answer.len;

	nt_buf_add(&q->answer, data, size * n < room ? size * n : room);
	return size * n <= room ? size * n : CURL_WRITEFUNC_ERROR;
}

static void set_options(struct request *q, struct nt_slice body)
{
	const struct nt_receiver *r = q->receiver;
	CURL *easy = q->easy;

	curl_easy_setopt(easy, CURLOPT_URL, nt_buf_str(&q->url));
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.p);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, q->headers);
	if (q->basic.len) {
		curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
		curl_easy_setopt(easy, CURLOPT_USERPWD, q->basic.p);
	}
	if (r->ca_file) {
		curl_easy_setopt(easy, CURLOPT_CAINFO, r->ca_file);
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	}
	nt_fence_put_up(easy, &q->fence);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, q);
}

/* --- what came of it -------------------------------------------------------------------------- */

static const char *advice(int status)
{
	if (status >= 300 && status < 400)
		return "; redirects are not followed: give the address that it leads to";
	if (status == 401 || status == 403)
		return "; look at tokenFile or basicAuthFile";
	if (status == 404 || status == 405)
		return "; look at the URL's path";
	return "";
}

/* What the receiver says of a message that it does not like; a server that repeats our
 * credentials is not repeated, and those of webhook and slack may be in the path. */
static void quote_answer(const struct request *q, const struct nt_send_result *result, char *out,
			 size_t size)
{
	bool quoted = result->outcome == NT_OUTCOME_REFUSED && q->answer.len &&
		      !q->receiver->token_file && !q->receiver->basic_auth_file &&
		      q->receiver->type != NT_RECEIVER_WEBHOOK &&
		      q->receiver->type != NT_RECEIVER_SLACK;

	snprintf(out, size, "%s%.*s", quoted ? ": " : "",
		 quoted ? (int)(q->answer.len < 120 ? q->answer.len : 120) : 0,
		 quoted ? q->answer.p : "");
}

static void explain(const struct request *q, CURLcode code, struct nt_send_result *result)
{
	char said[128];

	quote_answer(q, result, said, sizeof(said));
	if (result->status)
		snprintf(result->why, sizeof(result->why), "status %d%s%s", result->status, said,
			 advice(result->status));
	else if (q->fence.why)
		snprintf(result->why, sizeof(result->why),
			 "its address is %s, which a request may not go to unless the receiver "
			 "says allowLocal: true",
			 q->fence.why);
	else
		snprintf(result->why, sizeof(result->why), "%.200s",
			 q->fence.error[0] ? q->fence.error : curl_easy_strerror(code));
	nt_escape_ascii(result->why);
}

/* An answer that is too long to be read, or that does not end, is one: its status is known. */
static void judge(struct request *q, CURLcode code, struct nt_send_result *result)
{
	curl_off_t wait_s = 0;
	long status = 0;

	curl_easy_getinfo(q->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(q->easy, CURLINFO_RETRY_AFTER, &wait_s);
	result->status = (int)status;
	result->outcome = nt_retry_outcome(result->status);
	result->retry_after_ns = (wait_s > 3600 ? 3600 : wait_s) * NT_NS_PER_S;
	if (result->outcome != NT_OUTCOME_DELIVERED)
		explain(q, code, result);
}

static void done(struct request *q)
{
	if (q->basic.p)
		explicit_bzero(q->basic.p, q->basic.cap);
	curl_easy_cleanup(q->easy);
	curl_slist_free_all(q->headers);
	nt_buf_done(&q->url);
	nt_buf_done(&q->basic);
	nt_buf_done(&q->answer);
}

void nt_send(const struct nt_receiver *r, struct nt_slice key, struct nt_slice body,
	     const atomic_bool *stop, struct nt_send_result *ret_result)
{
	_cleanup_(done) struct request q = { .receiver = r,
					     .fence = { .open = r->allow_local, .stop = stop } };
	struct nt_err err = { 0 };

	*ret_result = (struct nt_send_result){ .outcome = NT_OUTCOME_FAILED };
	q.easy = curl_easy_init();
	if (!q.easy)
		nt_err_set(&err, ENOMEM, "no memory for a request");
	else if (find_url(&q, &err) == 0 && add_headers(&q, key, body, &err) == 0) {
		set_options(&q, body);
		judge(&q, curl_easy_perform(q.easy), ret_result);
		return;
	}
	snprintf(ret_result->why, sizeof(ret_result->why), "%.255s", err.msg);
	nt_escape_ascii(ret_result->why);
}
