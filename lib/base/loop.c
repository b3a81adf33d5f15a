/* SPDX-License-Identifier: Apache-2.0 */
/* Event loop over epoll, timerfd and signalfd. */
#include "lib/base/loop.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <stdbool.h>
#include <sys/timerfd.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"

/* A watched descriptor. Removed ones stay in the list, dead, until no event may name them. */
struct watch {
	struct watch *next;
	int fd;
	bool dead;
	nt_loop_fd_fn *fn;
	void *ctx;
};

struct nt_timer {
	struct nt_timer *next;
	struct nt_loop *loop;
	int fd;
	nt_loop_fn *fn;
	void *ctx;
};

struct nt_loop {
	int epoll_fd;
	int signal_fd;
	bool stopped;
	struct watch *watches;
	struct nt_timer *timers;
	nt_loop_signal_fn *signal_fn;
	void *signal_ctx;
};

int nt_loop_new(struct nt_loop **ret_loop, struct nt_err *err)
{
	struct nt_loop *l = calloc(1, sizeof(*l));

	if (!l)
		return nt_err_set(err, ENOMEM, "no memory for the event loop");
	l->signal_fd = -1;
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd == -1) {
		int code = errno;

		free(l);
		return nt_err_sys(err, code, "epoll_create1");
	}
	*ret_loop = l;
	return 0;
}

static void sweep(struct nt_loop *l)
{
	struct watch **at = &l->watches;

	while (*at) {
		struct watch *w = *at;

		if (w->dead) {
			*at = w->next;
			free(w);
		} else {
			at = &w->next;
		}
	}
}

void nt_loop_free(struct nt_loop *l)
{
	if (!l)
		return;
	while (l->timers)
		nt_loop_timer_free(l->timers);
	for (struct watch *w = l->watches; w; w = w->next)
		w->dead = true;
	sweep(l);
	nt_closep(&l->signal_fd);
	nt_closep(&l->epoll_fd);
	free(l);
}

static struct watch *find_watch(struct nt_loop *l, int fd)
{
	for (struct watch *w = l->watches; w; w = w->next)
		if (w->fd == fd && !w->dead)
			return w;
	return NULL;
}

int nt_loop_watch(struct nt_loop *l, int fd, uint32_t events, nt_loop_fd_fn *fn, void *ctx,
		  struct nt_err *err)
{
	struct watch *w = find_watch(l, fd);
	int op = w ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
	struct epoll_event ev = { .events = events };

	if (!w) {
		w = calloc(1, sizeof(*w));
		if (!w)
			return nt_err_set(err, ENOMEM, "no memory to watch a descriptor");
	}
	ev.data.ptr = w;
	if (epoll_ctl(l->epoll_fd, op, fd, &ev) == -1) {
		int code = errno;

		if (op == EPOLL_CTL_ADD)
			free(w);
		return nt_err_sys(err, code, "epoll_ctl");
	}
	if (op == EPOLL_CTL_ADD) {
		w->next = l->watches;
		l->watches = w;
	}
	w->fd = fd;
	w->fn = fn;
	w->ctx = ctx;
	return 0;
}

void nt_loop_unwatch(struct nt_loop *l, int fd)
{
	struct watch *w = find_watch(l, fd);

	if (!w)
		return;
	(void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	w->dead = true;
}

static void on_timer(void *ctx, int fd, uint32_t events)
{
	struct nt_timer *t = ctx;
	uint64_t expirations;

	(void)events;
	if (read(fd, &expirations, sizeof(expirations)) == sizeof(expirations))
		t->fn(t->ctx);
}

struct nt_timer *nt_loop_timer_new(struct nt_loop *l, int64_t period_ns, nt_loop_fn *fn, void *ctx,
				   struct nt_err *err)
{
	struct nt_timer *t = calloc(1, sizeof(*t));

	if (!t) {
		nt_err_set(err, ENOMEM, "no memory for a timer");
		return NULL;
	}
	*t = (struct nt_timer){ .loop = l, .fn = fn, .ctx = ctx, .next = l->timers };
	t->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (t->fd == -1) {
		nt_err_sys(err, errno, "timerfd_create");
		free(t);
		return NULL;
	}
	l->timers = t;
	if (nt_loop_watch(l, t->fd, EPOLLIN, on_timer, t, err) < 0) {
		nt_loop_timer_free(t);
		return NULL;
	}
	nt_loop_timer_set(t, period_ns);
	return t;
}

void nt_loop_timer_set(struct nt_timer *t, int64_t period_ns)
{
	struct timespec ts = { .tv_sec = period_ns / NT_NS_PER_S,
			       .tv_nsec = period_ns % NT_NS_PER_S };
	struct itimerspec spec = { .it_interval = ts, .it_value = ts };

	(void)timerfd_settime(t->fd, 0, &spec, NULL);
}

void nt_loop_timer_free(struct nt_timer *t)
{
	if (!t)
		return;
	for (struct nt_timer **at = &t->loop->timers; *at; at = &(*at)->next) {
		if (*at == t) {
			*at = t->next;
			break;
		}
	}
	nt_loop_unwatch(t->loop, t->fd);
	close(t->fd);
	free(t);
}

static void on_signal(void *ctx, int fd, uint32_t events)
{
	struct nt_loop *l = ctx;
	struct signalfd_siginfo info;

	(void)events;
	while (read(fd, &info, sizeof(info)) == sizeof(info))
		l->signal_fn(l->signal_ctx, (int)info.ssi_signo);
}

int nt_loop_signals(struct nt_loop *l, const int *signals, nt_loop_signal_fn *fn, void *ctx,
		    struct nt_err *err)
{
	sigset_t set;

	sigemptyset(&set);
	for (; *signals; signals++)
		sigaddset(&set, *signals);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1)
		return nt_err_sys(err, errno, "sigprocmask");
	l->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (l->signal_fd == -1)
		return nt_err_sys(err, errno, "signalfd");
	l->signal_fn = fn;
	l->signal_ctx = ctx;
	return nt_loop_watch(l, l->signal_fd, EPOLLIN, on_signal, l, err);
}

int nt_loop_run(struct nt_loop *l, struct nt_err *err)
{
	struct epoll_event events[64];

	l->stopped = false;
	while (!l->stopped) {
		int n = (int)NT_RETRY(epoll_wait(l->epoll_fd, events, NT_ARRAY_LEN(events), -1));

		if (n == -1)
			return nt_err_sys(err, errno, "epoll_wait");
		for (int i = 0; i < n && !l->stopped; i++) {
			struct watch *w = events[i].data.ptr;

			if (!w->dead)
				w->fn(w->ctx, w->fd, events[i].events);
		}
		sweep(l);
	}
	return 0;
}

void nt_loop_stop(struct nt_loop *l)
{
	l->stopped = true;
}
