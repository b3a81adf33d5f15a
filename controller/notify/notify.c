/* SPDX-License-Identifier: Apache-2.0 */
/* From the outbox to the receivers. */
#include "controller/notify/notify.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

#include "controller/alerts/event.h"
#include "controller/notify/kubeevents.h"
#include "controller/notify/letter.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"

/* How long a new notice may lie before somebody looks. */
#define LOOK_S 1
/* Of open events, newest first, an Alertmanager is told so many lists again, 8,192 events, and no
 * more than so many octets. */
#define RESEND_LISTS 128
#define RESEND_BYTES_MAX ((size_t)16 << 20)
/* Of Kubernetes Events as many at once, then so far apart: what the agent does, too. */
#define BURST 25
#define APART_NS NT_NS_PER_S
#define STACK_BYTES (512u << 10)

/* One receiver and its thread. */
struct worker {
	struct nt_notify *notify;
	const struct nt_receiver *receiver;
	struct nt_store_reader *reader;
	pthread_t thread;
	bool running;
	bool cut; /* it is not told again of all open events */
	bool one_by_one; /* a list was refused: its alerts alone, to find which one */
	int64_t wait_until_ns, resend_ns; /* CLOCK_BOOTTIME */
	int64_t paced_ns; /* when Events that were told would be all told at their pace */
	char url[300]; /* for people */
	pthread_mutex_t lock; /* covers state and why */
	struct nt_notify_state state;
	char why[256];
};

struct nt_notify {
	struct nt_store *store;
	struct nt_receivers receivers;
	struct nt_notify_config config;
	atomic_bool stopping;
	atomic_bool halted; /* that, or another controller tells */
	pthread_mutex_t sleep_lock;
	pthread_cond_t wake; /* at the end only */
	pthread_mutex_t test_lock;
	struct worker workers[NT_STORE_RECEIVERS_MAX];
};

static int64_t real_us(void)
{
	struct nt_clock clock = nt_clock_system();

	return nt_clock_real(&clock) / NT_NS_PER_US;
}

/* --- a request -------------------------------------------------------------------------------- */

static struct nt_letter letter_for(const struct worker *w, bool alone)
{
	struct nt_letter l =
		nt_letter_for(w->receiver, w->notify->receivers.external_url, real_us(), alone);

	l.shape.uid_fn = w->notify->config.uid_fn;
	l.shape.uid_ctx = w->notify->config.uid_ctx;
	return l;
}

static bool is_kube(const struct worker *w)
{
	return w->receiver->type == NT_RECEIVER_KUBERNETES_EVENTS;
}

static bool add_notice(void *ctx, const struct nt_store_notice *notice)
{
	return nt_letter_add(ctx, notice);
}

static void post(const struct worker *w, const struct nt_letter *l, const atomic_bool *stop,
		 struct nt_send_result *result)
{
	*result = (struct nt_send_result){ .outcome = NT_OUTCOME_FAILED,
					   .why = "no memory for a message" };
	if (!nt_buf_ok(&l->body) || !nt_buf_ok(&l->key))
		return;
	if (is_kube(w))
		nt_kubeevents_send(w->notify->config.kubeconfig,
				   nt_slice_mem(l->body.p, l->body.len), stop, result);
	else
		nt_send(w->receiver, nt_slice_mem(l->key.p, l->key.len),
			nt_slice_mem(l->body.p, l->body.len), stop, result);
}

/* --- what came of it -------------------------------------------------------------------------- */

/* Says the first of failures in a row, and that they are over. */
static void note(struct worker *w, const struct nt_send_result *result, uint64_t *count,
		 uint64_t len)
{
	bool failed = result->outcome == NT_OUTCOME_FAILED;
	unsigned before;

	pthread_mutex_lock(&w->lock);
	before = w->state.failures;
	w->state.failures = failed ? before + 1 : 0;
	w->state.attempts_failed += failed;
	snprintf(w->why, sizeof(w->why), "%s", result->why);
	if (result->outcome == NT_OUTCOME_DELIVERED)
		w->state.delivered_us = real_us();
	if (count)
		*count += len;
	pthread_mutex_unlock(&w->lock);
	if (failed && !before)
		nt_log_warn("receiver %s is not reached, its notices wait: %s", w->receiver->name,
			    result->why);
	else if (!failed && before)
		nt_log_info("receiver %s is reached again", w->receiver->name);
}

static void wait_after(struct worker *w, const struct nt_send_result *result)
{
	uint32_t random = 0;

	(void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
	w->wait_until_ns = nt_clock_boot_now() +
			   nt_retry_wait_ns(w->state.failures, random, result->retry_after_ns);
}

static void pace(struct worker *w)
{
	int64_t now_ns = nt_clock_boot_now();

	w->paced_ns = (w->paced_ns > now_ns ? w->paced_ns : now_ns) + APART_NS;
	if (w->paced_ns > now_ns + BURST * APART_NS)
		w->wait_until_ns = w->paced_ns - BURST * APART_NS;
}

/* After the store failed. */
static void wait_for_store(struct worker *w)
{
	w->wait_until_ns = nt_clock_boot_now() + 10 * NT_NS_PER_S;
}

/* The notices are told, or never will be. */
static void forget(struct worker *w, const struct nt_letter *l)
{
	struct nt_err err = { 0 };

	if (nt_store_outbox_remove(w->notify->store, l->ids, l->ids_len, &err) == 0)
		return;
	nt_log_error("receiver %s is told again what it was told: %s", w->receiver->name, err.msg);
	wait_for_store(w);
}

/* Of events that were suppressed before it knew, and are over. */
static void hush(struct worker *w)
{
	struct nt_err err = { 0 };

	if (nt_store_outbox_hush(w->notify->store, nt_slice_str(w->receiver->name), &err) == 0)
		return;
	nt_log_error("receiver %s waits: %s", w->receiver->name, err.msg);
	wait_for_store(w);
}

static void give_up(struct worker *w, const struct nt_letter *l,
		    const struct nt_send_result *result)
{
	nt_log_error("receiver %s is not told of %zu changes: tried for longer than its "
		     "giveUpAfter, last %s",
		     w->receiver->name, l->ids_len, result->why);
	pthread_mutex_lock(&w->lock);
	w->state.given_up += l->ids_len;
	pthread_mutex_unlock(&w->lock);
	forget(w, l);
}

static void refused(struct worker *w, const struct nt_letter *l,
		    const struct nt_send_result *result)
{
	if (l->ids_len > 1) {
		w->one_by_one = true;
		return;
	}
	nt_log_error("receiver %s refuses a notice, which it will not get: %s", w->receiver->name,
		     result->why);
	note(w, result, &w->state.refused, 1);
	forget(w, l);
}

/* Of a list not all are as old as the first; the others are tried again. */
static bool is_too_old(const struct worker *w, const struct nt_letter *l)
{
	return l->oldest_us < real_us() - w->receiver->give_up_ns / NT_NS_PER_US;
}

static void settle(struct worker *w, struct nt_letter *l, const struct nt_send_result *result)
{
	switch (result->outcome) {
	case NT_OUTCOME_DELIVERED:
		note(w, result, &w->state.delivered, l->ids_len);
		forget(w, l);
		if (is_kube(w))
			pace(w);
		break;
	case NT_OUTCOME_REFUSED:
		refused(w, l, result);
		break;
	case NT_OUTCOME_FAILED:
		if (atomic_load(&w->notify->halted))
			break;
		note(w, result, NULL, 0);
		wait_after(w, result);
		if (is_too_old(w, l)) {
			l->ids_len = 1;
			give_up(w, l, result);
		}
		break;
	}
}

/* --- a receiver's thread ---------------------------------------------------------------------- */

/* The next notices; false: there are none. */
static bool send_notices(struct worker *w)
{
	_cleanup_(nt_letter_done) struct nt_letter l = letter_for(w, w->one_by_one);
	struct nt_send_result result;
	struct nt_err err = { 0 };

	if (nt_store_outbox(w->reader, nt_slice_str(w->receiver->name), (uint32_t)l.max, add_notice,
			    &l, &err) < 0) {
		nt_log_error("receiver %s waits: %s", w->receiver->name, err.msg);
		return false;
	}
	if (l.hushed) {
		hush(w);
		return true;
	}
	if (!l.ids_len) {
		w->one_by_one = false;
		return false;
	}
	if (l.unwanted) {
		forget(w, &l);
		return true;
	}
	post(w, &l, &w->notify->halted, &result);
	settle(w, &l, &result);
	return true;
}

/* Lists are made first: no snapshot of the store is held while a receiver takes its time. */
struct resending {
	struct worker *worker;
	struct nt_letter lists[RESEND_LISTS];
	size_t len, bytes; /* bytes: of those that are full */
	bool cut; /* there were more */
};

static bool resend_event(void *ctx, const struct nt_store_event *e)
{
	struct nt_store_notice n = { .change = NT_STORE_OPENED, .event = *e };
	struct resending *r = ctx;

	if (!nt_event_is_for(e, nt_slice_str(r->worker->receiver->name)))
		return true;
	if (!r->len || r->lists[r->len - 1].ids_len == r->lists[r->len - 1].max) {
		r->bytes += r->len ? r->lists[r->len - 1].body.len : 0;
		r->cut = r->len == (is_kube(r->worker) ? BURST : RESEND_LISTS) ||
			 r->bytes > RESEND_BYTES_MAX;
		if (r->cut)
			return false;
		r->lists[r->len++] = letter_for(r->worker, false);
	}
	(void)nt_letter_add(&r->lists[r->len - 1], &n);
	return true;
}

/* Once, until it is so no more. */
static void note_cut(struct worker *w, const struct resending *r)
{
	if (r->cut && !w->cut && !is_kube(w))
		nt_log_warn(
			"receiver %s is told of the newest %zu open events only: the others end "
			"there; some rule fires for too many groups",
			w->receiver->name, r->len * NT_LETTER_NOTICES_MAX);
	w->cut = r->cut;
}

static void resend_lists(struct worker *w, const struct resending *r)
{
	struct nt_send_result result = { .outcome = NT_OUTCOME_DELIVERED };

	for (size_t i = 0; i < r->len && result.outcome != NT_OUTCOME_FAILED; i++)
		post(w, &r->lists[i], &w->notify->halted, &result);
	if (!r->len || atomic_load(&w->notify->halted))
		return;
	note(w, &result, NULL, 0);
	if (result.outcome != NT_OUTCOME_FAILED)
		return;
	wait_after(w, &result);
	w->resend_ns = w->wait_until_ns;
}

/* An Alertmanager ends what it is not told again; the Kubernetes API forgets it, of which the
 * newest are enough for people. */
static void resend(struct worker *w)
{
	struct resending *r = calloc(1, sizeof(*r));
	struct nt_err err = { 0 };

	w->resend_ns = nt_clock_boot_now() + w->receiver->resend_ns;
	if (!r)
		return;
	r->worker = w;
	if (nt_store_outbox_again(w->reader, nt_slice_str(w->receiver->name), resend_event, r,
				  &err) < 0)
		nt_log_error("receiver %s waits: %s", w->receiver->name, err.msg);
	else
		resend_lists(w, r);
	note_cut(w, r);
	for (size_t i = 0; i < r->len; i++)
		nt_letter_done(&r->lists[i]);
	free(r);
}

static void pause_briefly(struct nt_notify *n)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += LOOK_S;
	pthread_mutex_lock(&n->sleep_lock);
	if (!atomic_load(&n->stopping))
		(void)pthread_cond_clockwait(&n->wake, &n->sleep_lock, CLOCK_MONOTONIC, &ts);
	pthread_mutex_unlock(&n->sleep_lock);
}

static bool resends(const struct worker *w)
{
	return w->receiver->type == NT_RECEIVER_ALERTMANAGER || is_kube(w);
}

static void *run(void *ctx)
{
	struct worker *w = ctx;

	while (!atomic_load(&w->notify->stopping)) {
		if (atomic_load(&w->notify->halted)) {
			pause_briefly(w->notify);
			continue;
		}
		if (nt_clock_boot_now() >= w->wait_until_ns && send_notices(w))
			continue;
		if (resends(w) && nt_clock_boot_now() >= w->resend_ns &&
		    nt_clock_boot_now() >= w->wait_until_ns)
			resend(w);
		pause_briefly(w->notify);
	}
	return NULL;
}

/* --- life ------------------------------------------------------------------------------------- */

/* A path may be a secret: of Slack's it is. */
static void shorten_url(const char *url, char *out, size_t size)
{
	const char *host = url ? strstr(url, "://") : NULL;
	size_t len = host ? (size_t)(host - url) + 3 + strcspn(host + 3, "/?#") : 0;

	snprintf(out, size, "%.*s", (int)len, url ? url : "");
}

static int use_outbox(struct nt_store *store, const struct nt_slice *names, size_t len,
		      struct nt_err *err)
{
	uint64_t forgotten = 0;
	int r = nt_store_outbox_use(store, names, len, &forgotten, err);

	if (r == 0 && forgotten)
		nt_log_warn("%llu notices were for receivers that are no more: nobody is told",
			    (unsigned long long)forgotten);
	return r;
}

int nt_notify_nobody(struct nt_store *store, struct nt_err *err)
{
	return use_outbox(store, NULL, 0, err);
}

static int use_receivers(struct nt_notify *n, struct nt_err *err)
{
	struct nt_slice names[NT_STORE_RECEIVERS_MAX];

	for (size_t i = 0; i < n->receivers.len; i++)
		names[i] = nt_slice_str(n->receivers.at[i].name);
	return use_outbox(n->store, names, n->receivers.len, err);
}

static int open_workers(struct nt_notify *n, struct nt_err *err)
{
	for (size_t i = 0; i < n->receivers.len; i++) {
		struct worker *w = &n->workers[i];
		int r;

		w->notify = n;
		w->receiver = &n->receivers.at[i];
		shorten_url(w->receiver->url, w->url, sizeof(w->url));
		r = nt_store_reader_open(n->store, &w->reader, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* NULL: all may be used. */
static const char *without_api(const struct nt_receivers *receivers)
{
	for (size_t i = 0; i < receivers->len; i++)
		if (receivers->at[i].type == NT_RECEIVER_KUBERNETES_EVENTS)
			return receivers->at[i].name;
	return NULL;
}

int nt_notify_new(struct nt_store *store, struct nt_receivers *receivers,
		  const struct nt_notify_config *config, struct nt_notify **ret_notify,
		  struct nt_err *err)
{
	const char *homeless = config->has_api ? NULL : without_api(receivers);
	struct nt_notify *n = homeless ? NULL : calloc(1, sizeof(*n));
	int r;

	if (!n) {
		r = homeless
			    ? nt_err_set(
				      err, EINVAL,
				      "receiver %s: kubernetesEvents needs the Kubernetes API: run "
				      "as a pod with a service account, or give --kubeconfig",
				      homeless)
			    : nt_err_set(err, ENOMEM, "no memory for the receivers");
		nt_receivers_done(receivers);
		return r;
	}
	n->config = *config;
	atomic_init(&n->halted, config->waits);
	n->store = store;
	n->receivers = *receivers;
	*receivers = (struct nt_receivers){ 0 };
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
	pthread_mutex_init(&n->sleep_lock, NULL);
	pthread_mutex_init(&n->test_lock, NULL);
	pthread_cond_init(&n->wake, NULL);
	for (size_t i = 0; i < NT_ARRAY_LEN(n->workers); i++)
		pthread_mutex_init(&n->workers[i].lock, NULL);
	r = use_receivers(n, err);
	if (r == 0)
		r = open_workers(n, err);
	if (r < 0) {
		nt_notify_free(n);
		return r;
	}
	*ret_notify = n;
	return 0;
}

int nt_notify_start(struct nt_notify *n, struct nt_err *err)
{
	pthread_attr_t attr;
	int r = 0;

	pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, STACK_BYTES);
	for (size_t i = 0; i < n->receivers.len && r == 0; i++) {
		struct worker *w = &n->workers[i];

		r = pthread_create(&w->thread, &attr, run, w);
		w->running = r == 0;
	}
	pthread_attr_destroy(&attr);
	return r == 0 ? 0 : nt_err_sys(err, r, "no thread for a receiver");
}

void nt_notify_stop(struct nt_notify *n)
{
	if (!n)
		return;
	pthread_mutex_lock(&n->sleep_lock);
	atomic_store(&n->stopping, true);
	atomic_store(&n->halted, true);
	pthread_cond_broadcast(&n->wake);
	pthread_mutex_unlock(&n->sleep_lock);
}

void nt_notify_lead(struct nt_notify *n, bool leads)
{
	if (!n)
		return;
	pthread_mutex_lock(&n->sleep_lock);
	atomic_store(&n->halted, !leads || atomic_load(&n->stopping));
	pthread_mutex_unlock(&n->sleep_lock);
}

void nt_notify_free(struct nt_notify *n)
{
	if (!n)
		return;
	nt_notify_stop(n);
	for (size_t i = 0; i < NT_ARRAY_LEN(n->workers); i++) {
		struct worker *w = &n->workers[i];

		if (w->running)
			pthread_join(w->thread, NULL);
		nt_store_reader_close(w->reader);
		pthread_mutex_destroy(&w->lock);
	}
	pthread_cond_destroy(&n->wake);
	pthread_mutex_destroy(&n->sleep_lock);
	pthread_mutex_destroy(&n->test_lock);
	nt_receivers_done(&n->receivers);
	curl_global_cleanup();
	free(n);
}

/* --- for people ------------------------------------------------------------------------------- */

int nt_notify_states(struct nt_notify *n, struct nt_store_reader *reader, nt_notify_state_fn *fn,
		     void *ctx, struct nt_err *err)
{
	for (size_t i = 0; i < n->receivers.len; i++) {
		struct worker *w = &n->workers[i];
		struct nt_store_outbox_state outbox;
		struct nt_notify_state state;
		char why[sizeof(w->why)];
		int r = nt_store_outbox_state(reader, nt_slice_str(w->receiver->name), &outbox,
					      err);

		if (r < 0)
			return r;
		pthread_mutex_lock(&w->lock);
		state = w->state;
		memcpy(why, w->why, sizeof(why));
		pthread_mutex_unlock(&w->lock);
		state.name = w->receiver->name;
		state.type = nt_receiver_type_name(w->receiver->type);
		state.url = w->url;
		state.why = why;
		state.pending = outbox.pending;
		state.oldest_us = outbox.oldest_us;
		fn(ctx, &state);
	}
	return 0;
}

static struct worker *find(struct nt_notify *n, struct nt_slice name)
{
	for (size_t i = 0; i < n->receivers.len; i++)
		if (nt_slice_eq(nt_slice_str(n->receivers.at[i].name), name))
			return &n->workers[i];
	return NULL;
}

bool nt_notify_has(struct nt_notify *n, struct nt_slice name)
{
	return n && find(n, name);
}

int nt_notify_test(struct nt_notify *n, struct nt_slice name, struct nt_send_result *ret_result,
		   struct nt_err *err)
{
	struct nt_store_notice notice = nt_shape_test(real_us());
	struct worker *w = find(n, name);

	if (!w)
		return nt_err_set(err, ENOENT, "there is no receiver %.*s", NT_SLICE_ARG(name));
	if (pthread_mutex_trylock(&n->test_lock) != 0)
		return nt_err_set(err, EBUSY, "another test is running");
	{
		_cleanup_(nt_letter_done) struct nt_letter l = letter_for(w, true);

		(void)nt_letter_add(&l, &notice);
		post(w, &l, &n->stopping, ret_result);
	}
	pthread_mutex_unlock(&n->test_lock);
	return 0;
}
