/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens and who shows them. */
#include "controller/agents/who.h"

#include <gnutls/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/kube/client.h"

/* Calls at once; more would only queue at the API server. */
#define CALLS_MAX 8
/* A token with groups of a large organisation; ours are 1 to 2 KiB. */
#define TOKEN_BYTES_MAX 16384
#define POD_BYTES_MAX ((size_t)4 << 20)

/* One token on its way through the API. */
struct ask {
	struct nt_who *who;
	struct ask *next; /* of the queue, or of the open ones */
	struct nt_token_digest digest;
	char *token; /* owned; NULL once it is sent */
	size_t token_len;
	int64_t expires_ns; /* boot time; 0: none */
	struct nt_review review;
};

struct nt_who {
	struct nt_kube *kube;
	struct nt_loop *loop;
	struct nt_clock *clock;
	struct nt_review_policy policy;
	int event_fd;
	struct ask *open; /* the loop's thread alone */
	unsigned calls; /* the same */
	bool failing; /* said in the log; the same */
	pthread_mutex_t lock; /* covers all below */
	pthread_cond_t settled;
	struct nt_tokens *tokens;
	struct ask *first, **last; /* the queue */
	size_t queued; /* NT_WHO_QUEUE_MAX at most */
	bool stopping;
	struct nt_who_stats stats;
};

static void free_ask(struct ask *a)
{
	if (a->token)
		explicit_bzero(a->token, a->token_len);
	free(a->token);
	free(a);
}

static void free_asks(struct ask *a)
{
	while (a) {
		struct ask *next = a->next;

		free_ask(a);
		a = next;
	}
}

/* --- the loop's side -------------------------------------------------------------------------- */

static void start_calls(struct nt_who *w);

static void close_ask(struct ask *a)
{
	struct ask **at = &a->who->open;

	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
	a->who->calls--;
	free_ask(a);
}

static void say_state(struct nt_who *w, const struct nt_token_verdict *v)
{
	bool failing = v->status == 503;

	if (failing && !w->failing)
		nt_log_warn(
			"agents' tokens cannot be checked: %s; known ones hold for %lld minutes",
			v->why, (long long)(NT_TOKENS_GRACE_NS / NT_NS_PER_S / 60));
	else if (!failing && w->failing)
		nt_log_info("agents' tokens are checked again");
	w->failing = failing;
}

static void settle(struct ask *a, struct nt_token_verdict *v)
{
	struct nt_who *w = a->who;
	bool held;

	say_state(w, v);
	pthread_mutex_lock(&w->lock);
	w->stats.good += v->status == 0;
	w->stats.away += v->status == 503;
	w->stats.refused += v->status && v->status != 503;
	held = nt_tokens_settle(w->tokens, &a->digest, nt_clock_boot(w->clock), a->expires_ns, v);
	w->stats.grace += held;
	pthread_cond_broadcast(&w->settled);
	pthread_mutex_unlock(&w->lock);
	close_ask(a);
	start_calls(w);
}

static void settle_as(struct ask *a, unsigned status, const char *why)
{
	struct nt_token_verdict v = { .status = status };

	snprintf(v.why, sizeof(v.why), "%.*s", (int)sizeof(v.why) - 1, why);
	settle(a, &v);
}

static void on_pod(void *ctx, const struct nt_kube_answer *answer)
{
	struct nt_token_verdict v = { 0 };
	struct nt_err err = answer->error;
	struct ask *a = ctx;

	if (answer->status == 404) {
		settle_as(a, 403, "the token's pod is gone");
		return;
	}
	if (answer->status != 200)
		v.status = 503;
	else
		v.status = nt_review_read_pod(answer->body, &a->review, v.node, &err);
	if (v.status)
		snprintf(v.why, sizeof(v.why), "%.*s", (int)sizeof(v.why) - 1, err.msg);
	settle(a, &v);
}

static void ask_for_pod(struct ask *a)
{
	struct nt_kube_request request = { .method = "GET", .max_bytes = POD_BYTES_MAX };
	struct nt_err err = { 0 };
	char path[512];

	snprintf(path, sizeof(path), "/api/v1/namespaces/%s/pods/%s", a->review.pod.namespace_,
		 a->review.pod.name);
	request.path = path;
	if (nt_kube_send(a->who->kube, &request, on_pod, a, NULL, &err) < 0)
		settle_as(a, 503, err.msg);
}

static void on_review(void *ctx, const struct nt_kube_answer *answer)
{
	struct nt_token_verdict v = { 0 };
	struct nt_err err = answer->error;
	struct ask *a = ctx;

	if (answer->status != 200 && answer->status != 201) {
		settle_as(a, 503, err.msg);
		return;
	}
	v.status = nt_review_read(answer->body, &a->who->policy, &a->review, &err);
	if (v.status) {
		settle_as(a, v.status, err.msg);
	} else if (a->review.node[0]) {
		memcpy(v.node, a->review.node, sizeof(v.node));
		settle(a, &v);
	} else {
		ask_for_pod(a);
	}
}

static void send_review(struct ask *a)
{
	struct nt_kube_request request = { .method = "POST", .path = NT_REVIEW_PATH };
	_cleanup_buf_ struct nt_buf body = { 0 };
	struct nt_err err = { 0 };
	int r = -ENOMEM;

	nt_review_write(nt_slice_mem(a->token, a->token_len), &a->who->policy, &body);
	explicit_bzero(a->token, a->token_len);
	free(NT_TAKE_PTR(a->token));
	if (nt_buf_ok(&body)) {
		request.body = nt_slice_mem(body.p, body.len);
		r = nt_kube_send(a->who->kube, &request, on_review, a, NULL, &err);
		explicit_bzero(body.p, body.len);
	}
	if (r < 0)
		settle_as(a, 503, err.msg[0] ? err.msg : "no memory to ask the API server");
}

static struct ask *take_first(struct nt_who *w)
{
	struct ask *a;

	pthread_mutex_lock(&w->lock);
	a = w->first;
	if (a) {
		w->first = a->next;
		if (!w->first)
			w->last = &w->first;
		w->queued--;
		w->stats.reviews++;
	}
	pthread_mutex_unlock(&w->lock);
	return a;
}

static void start_calls(struct nt_who *w)
{
	struct ask *a;

	while (w->calls < CALLS_MAX && (a = take_first(w))) {
		a->next = w->open;
		w->open = a;
		w->calls++;
		send_review(a);
	}
}

static void on_asked(void *ctx, int fd, uint32_t events)
{
	uint64_t n;

	(void)events;
	(void)!read(fd, &n, sizeof(n));
	start_calls(ctx);
}

/* --- the threads' side ------------------------------------------------------------------------ */

/* In boot time by way of the wall clock; a step of it makes the token known for longer or shorter,
 * by NT_TOKENS_TTL_NS at most. */
static int64_t expires_ns(struct nt_who *w, struct nt_slice token)
{
	int64_t exp_s = nt_review_expires_s(token);
	int64_t left_s = exp_s - nt_clock_real(w->clock) / NT_NS_PER_S;

	if (!exp_s || left_s > 365 * 86400)
		return 0;
	return nt_clock_boot(w->clock) + (left_s > 0 ? left_s : 0) * NT_NS_PER_S;
}

/* The lock is held. */
static bool enqueue(struct nt_who *w, const struct nt_token_digest *digest, struct nt_slice token)
{
	const uint64_t one = 1;
	struct ask *a = calloc(1, sizeof(*a));

	if (a)
		a->token = malloc(token.len);
	if (!a || !a->token || !nt_tokens_pend(w->tokens, digest)) {
		if (a)
			free_ask(a);
		return false;
	}
	memcpy(a->token, token.p, token.len);
	a->token_len = token.len;
	a->who = w;
	a->digest = *digest;
	a->expires_ns = expires_ns(w, token);
	*w->last = a;
	w->last = &a->next;
	w->queued++;
	(void)!write(w->event_fd, &one, sizeof(one));
	return true;
}

static struct nt_token_verdict nobody(unsigned status, const char *why)
{
	struct nt_token_verdict v = { .status = status };

	snprintf(v.why, sizeof(v.why), "%.*s", (int)sizeof(v.why) - 1, why);
	return v;
}

/* What the loop has not begun; who else waits for the token asks for himself. The lock is held. */
static void take_out(struct nt_who *w, const struct nt_token_digest *digest)
{
	struct ask **at = &w->first, *a;

	while (*at && memcmp(&(*at)->digest, digest, sizeof(*digest)) != 0)
		at = &(*at)->next;
	a = *at;
	if (!a)
		return;
	*at = a->next;
	if (!*at)
		w->last = at;
	w->queued--;
	free_ask(a);
	nt_tokens_unpend(w->tokens, digest);
	pthread_cond_broadcast(&w->settled);
}

/* The former verdict within its grace, else 503. The lock is held. */
static struct nt_token_verdict without_answer(struct nt_who *w,
					      const struct nt_token_digest *digest, const char *why)
{
	struct nt_token_verdict v;

	if (!nt_tokens_former(w->tokens, digest, nt_clock_boot(w->clock), &v))
		return nobody(503, why);
	w->stats.grace++;
	return v;
}

/* What the time's end finds. A token that held on stays in the queue: its next upload needs the
 * answer. The lock is held. */
static struct nt_token_verdict give_up(struct nt_who *w, const struct nt_token_digest *digest,
				       bool asked)
{
	struct nt_token_verdict v =
		without_answer(w, digest, "the API server does not say in time whose token it is");

	if (v.status && asked)
		take_out(w, digest);
	return v;
}

/* A token that was good waits for less. The lock is held, but while it waits. */
static bool wait_until(struct nt_who *w, const struct nt_token_digest *digest,
		       const struct timespec *start)
{
	struct timespec deadline = *start;
	struct nt_token_verdict v;
	bool known = nt_tokens_former(w->tokens, digest, nt_clock_boot(w->clock), &v);

	deadline.tv_sec += known ? NT_WHO_PATIENCE_S : NT_WHO_WAIT_S;
	return pthread_cond_timedwait(&w->settled, &w->lock, &deadline) != ETIMEDOUT;
}

/* The lock is held, but while it waits. */
static struct nt_token_verdict wait_for(struct nt_who *w, const struct nt_token_digest *digest,
					struct nt_slice token)
{
	struct nt_token_verdict v;
	struct timespec start;
	bool asked = false;

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (!w->stopping) {
		enum nt_token_state state =
			nt_tokens_find(w->tokens, digest, nt_clock_boot(w->clock), &v);

		if (state == NT_TOKEN_GOOD || state == NT_TOKEN_REFUSED)
			return v;
		if (state == NT_TOKEN_UNKNOWN && w->queued >= NT_WHO_QUEUE_MAX) {
			w->stats.full++;
			return without_answer(w, digest, "too many tokens wait to be checked");
		}
		if (state == NT_TOKEN_UNKNOWN) {
			if (asked || !enqueue(w, digest, token))
				return nobody(503, "no memory to check the token");
			asked = true;
		}
		if (!wait_until(w, digest, &start))
			return give_up(w, digest, asked);
	}
	return nobody(503, "the controller ends");
}

static bool is_token(struct nt_slice token)
{
	if (!token.len || token.len > TOKEN_BYTES_MAX)
		return false;
	for (size_t i = 0; i < token.len; i++)
		if (token.p[i] <= ' ' || token.p[i] > '~')
			return false;
	return true;
}

struct nt_token_verdict nt_who_ask(struct nt_who *w, struct nt_slice token)
{
	struct nt_token_digest digest;
	struct nt_token_verdict v;

	if (!is_token(token))
		return nobody(401, "that is no token");
	if (gnutls_hash_fast(GNUTLS_DIG_SHA256, token.p, token.len, digest.octets) < 0)
		return nobody(503, "no digest of the token");
	pthread_mutex_lock(&w->lock);
	v = wait_for(w, &digest, token);
	pthread_mutex_unlock(&w->lock);
	return v;
}

struct nt_who_stats nt_who_stats(struct nt_who *w)
{
	struct nt_who_stats stats;

	pthread_mutex_lock(&w->lock);
	stats = w->stats;
	stats.known = nt_tokens_len(w->tokens);
	pthread_mutex_unlock(&w->lock);
	return stats;
}

/* --- life ------------------------------------------------------------------------------------- */

static void init_locks(struct nt_who *w)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->settled, &attr);
	pthread_condattr_destroy(&attr);
}

int nt_who_new(struct nt_kube *kube, struct nt_loop *loop, struct nt_clock *clock,
	       const struct nt_review_policy *policy, struct nt_who **ret_who, struct nt_err *err)
{
	struct nt_who *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return nt_err_set(err, ENOMEM, "no memory for tokens");
	init_locks(w);
	w->kube = kube;
	w->loop = loop;
	w->clock = clock;
	w->policy = *policy;
	w->last = &w->first;
	w->tokens = nt_tokens_new();
	w->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!w->tokens || w->event_fd == -1)
		r = nt_err_set(err, ENOMEM, "no memory for tokens");
	else
		r = nt_loop_watch(loop, w->event_fd, EPOLLIN, on_asked, w, err);
	if (r < 0) {
		nt_who_free(w);
		return r;
	}
	*ret_who = w;
	return 0;
}

void nt_who_stop(struct nt_who *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_cond_broadcast(&w->settled);
	pthread_mutex_unlock(&w->lock);
}

void nt_who_free(struct nt_who *w)
{
	if (!w)
		return;
	if (w->event_fd != -1) {
		nt_loop_unwatch(w->loop, w->event_fd);
		close(w->event_fd);
	}
	free_asks(w->first);
	free_asks(w->open);
	nt_tokens_free(w->tokens);
	pthread_cond_destroy(&w->settled);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
