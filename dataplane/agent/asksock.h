/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's end of <state dir>/agent.sock (dataplane/taps/ask.h). Only root may ask. A question
 * that cannot be answered yet (NT_ANSWER_UNKNOWN) stays open and is tried again when the caller
 * says so and on a timer, until its deadline: the pod's manifest may be on its way. Everything is
 * bounded and nothing blocks the loop. Not thread-safe.
 */
#pragma once

#include "dataplane/taps/ask.h"
#include "lib/base/clock.h"
#include "lib/base/loop.h"

struct nt_asksock;

/* Puts the pod's policies in force and answers. */
typedef void nt_asksock_fn(void *ctx, uint64_t ep_id, struct nt_answer *ret_answer);

/* At a time; as many wait in the backlog, and the plugin's own patience holds for the rest. */
#define NT_ASKSOCK_CONNECTIONS 128

struct nt_asksock_config {
	const char *state_dir; /* made when it is not there, mode 0700 */
	struct nt_loop *loop; /* borrowed, as clock */
	struct nt_clock *clock;
	nt_asksock_fn *fn;
	void *ctx;
	int64_t read_ns; /* until the question has come; 0: 1 s */
	int64_t unknown_ns; /* an unknown pod is waited for; 0: 1 s */
};

struct nt_asksock_stats {
	uint64_t connections; /* now */
	uint64_t answered, unknown, refused; /* refused: not root, no question, no sense */
};

/* A socket file that nobody listens on is replaced in one rename; -EADDRINUSE when somebody does,
 * -EEXIST when the file is no socket. */
int nt_asksock_open(const struct nt_asksock_config *config, struct nt_asksock **ret_asksock,
		    struct nt_err *err) NT_MUSTCHECK;
/* Removes the file when it is still ours. */
void nt_asksock_close(struct nt_asksock *s);
/* What answers depend on has changed. */
void nt_asksock_retry(struct nt_asksock *s);
struct nt_asksock_stats nt_asksock_stats(const struct nt_asksock *s);
