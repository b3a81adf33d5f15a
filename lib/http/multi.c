/* SPDX-License-Identifier: Apache-2.0 */
/* Between curl and the loop. */
#include "lib/http/multi.h"

#include <stdlib.h>

#include "lib/base/clock.h"

struct nt_multi {
	struct nt_loop *loop;
	CURLM *multi;
	struct nt_timer *timer; /* when curl wants to be called */
};

static void take_results(struct nt_multi *m)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(m->multi, &left))) {
		struct nt_multi_transfer *t = NULL;
		CURLcode code = msg->data.result;
		CURL *easy = msg->easy_handle;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t);
		curl_multi_remove_handle(m->multi, easy);
		t->fn(t->ctx, code);
	}
}

static void on_socket(void *ctx, int fd, uint32_t events)
{
	struct nt_multi *m = ctx;
	int running, what = 0;

	if (events & EPOLLIN)
		what |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		what |= CURL_CSELECT_OUT;
	if (events & (EPOLLERR | EPOLLHUP))
		what |= CURL_CSELECT_ERR;
	curl_multi_socket_action(m->multi, fd, what, &running);
	take_results(m);
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
	struct nt_multi *m = ctx;
	uint32_t events = 0;

	(void)easy, (void)socket_ctx;
	if (what == CURL_POLL_REMOVE) {
		nt_loop_unwatch(m->loop, fd);
		return 0;
	}
	if (what & CURL_POLL_IN)
		events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		events |= EPOLLOUT;
	return nt_loop_watch(m->loop, fd, events, on_socket, m, NULL) < 0 ? -1 : 0;
}

static void on_timer(void *ctx)
{
	struct nt_multi *m = ctx;
	int running;

	nt_loop_timer_set(m->timer, 0);
	curl_multi_socket_action(m->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	take_results(m);
}

static int want_timer(CURLM *multi, long timeout_ms, void *ctx)
{
	struct nt_multi *m = ctx;

	(void)multi;
	/* 0 means at once, but not from within curl's own call. */
	if (timeout_ms == 0)
		nt_loop_timer_set(m->timer, 1);
	else
		nt_loop_timer_set(m->timer, timeout_ms < 0 ? 0 : timeout_ms * NT_NS_PER_MS);
	return 0;
}

int nt_multi_new(struct nt_loop *loop, struct nt_multi **ret_multi, struct nt_err *err)
{
	struct nt_multi *m = calloc(1, sizeof(*m));

	if (!m)
		return nt_err_set(err, ENOMEM, "no memory for curl");
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(m);
		return nt_err_set(err, EIO, "curl does not start");
	}
	m->loop = loop;
	m->multi = curl_multi_init();
	m->timer = nt_loop_timer_new(loop, 0, on_timer, m, err);
	if (!m->multi || !m->timer) {
		nt_multi_free(m);
		return nt_err_set(err, ENOMEM, "no memory for curl");
	}
	curl_multi_setopt(m->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
	curl_multi_setopt(m->multi, CURLMOPT_SOCKETDATA, m);
	curl_multi_setopt(m->multi, CURLMOPT_TIMERFUNCTION, want_timer);
	curl_multi_setopt(m->multi, CURLMOPT_TIMERDATA, m);
	*ret_multi = m;
	return 0;
}

void nt_multi_free(struct nt_multi *m)
{
	if (!m)
		return;
	curl_multi_cleanup(m->multi);
	nt_loop_timer_free(m->timer);
	free(m);
	curl_global_cleanup();
}

int nt_multi_add(struct nt_multi *m, CURL *easy, struct nt_multi_transfer *transfer,
		 struct nt_err *err)
{
	curl_easy_setopt(easy, CURLOPT_PRIVATE, (char *)transfer);
	if (curl_multi_add_handle(m->multi, easy) != CURLM_OK)
		return nt_err_set(err, EIO, "curl takes no request");
	return 0;
}

void nt_multi_remove(struct nt_multi *m, CURL *easy)
{
	curl_multi_remove_handle(m->multi, easy);
}
