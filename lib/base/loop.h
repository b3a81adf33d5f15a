/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An event loop over epoll: descriptors, timers, signals. One thread owns it; only nt_loop_stop may
 * be called from a handler. Handlers must not block.
 */
#pragma once

#include <stdint.h>
#include <sys/epoll.h>

#include "lib/base/err.h"

struct nt_loop;
struct nt_timer;

/* events: EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP as epoll gave them. */
typedef void nt_loop_fd_fn(void *ctx, int fd, uint32_t events);
typedef void nt_loop_fn(void *ctx);
typedef void nt_loop_signal_fn(void *ctx, int signal_number);

int nt_loop_new(struct nt_loop **ret_loop, struct nt_err *err) NT_MUSTCHECK;
void nt_loop_free(struct nt_loop *l);

/* Watches fd (borrowed) for `events`; a second call for the same fd changes them. */
int nt_loop_watch(struct nt_loop *l, int fd, uint32_t events, nt_loop_fd_fn *fn, void *ctx,
		  struct nt_err *err) NT_MUSTCHECK;
void nt_loop_unwatch(struct nt_loop *l, int fd);

/* A timer that calls fn every period_ns (first after one period). Freed by the loop or by
 * nt_loop_timer_free. */
struct nt_timer *nt_loop_timer_new(struct nt_loop *l, int64_t period_ns, nt_loop_fn *fn, void *ctx,
				   struct nt_err *err);
/* From now on every period_ns; 0 stops it. */
void nt_loop_timer_set(struct nt_timer *t, int64_t period_ns);
void nt_loop_timer_free(struct nt_timer *t);

/* Blocks the signals in this thread and calls fn when one arrives; one call per loop. `signals`
 * ends with 0. Call before threads are started. */
int nt_loop_signals(struct nt_loop *l, const int *signals, nt_loop_signal_fn *fn, void *ctx,
		    struct nt_err *err) NT_MUSTCHECK;

/* Runs until nt_loop_stop; 0 or -errno. */
int nt_loop_run(struct nt_loop *l, struct nt_err *err) NT_MUSTCHECK;
void nt_loop_stop(struct nt_loop *l);
