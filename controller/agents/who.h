/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose token is it? Asked by the threads that take uploads, answered from a cache or by the
 * Kubernetes API (TokenReview, and the pod's node), which the loop's thread talks to (T30). A
 * thread waits at most NT_WHO_WAIT_S. While the API server cannot be asked, tokens that it had
 * accepted hold for a stated time (tokens.h), others get 503: agents keep their batches.
 */
#pragma once

#include "controller/agents/review.h"
#include "controller/agents/tokens.h"
#include "lib/base/loop.h"

struct nt_kube;
struct nt_who;

/* A call to the API and its retry of a connection. */
#define NT_WHO_WAIT_S 15
/* For a token that was good and whose grace lasts: its former verdict comes then. */
#define NT_WHO_PATIENCE_S 1
/* Tokens that wait to be asked about, of 16 KiB at most; more get 503 at once. */
#define NT_WHO_QUEUE_MAX 256

struct nt_who_stats {
	uint64_t reviews; /* sent */
	uint64_t good, refused, away; /* what came out of them */
	uint64_t grace; /* times that a token held on: its question failed, hung or found no room */
	uint64_t full; /* times that the queue had no room */
	uint64_t known; /* tokens in the cache */
};

/* kube, loop, clock: borrowed; policy: copied, its audience borrowed. */
int nt_who_new(struct nt_kube *kube, struct nt_loop *loop, struct nt_clock *clock,
	       const struct nt_review_policy *policy, struct nt_who **ret_who,
	       struct nt_err *err) NT_MUSTCHECK;
/* Whoever waits is answered with 503, and nobody waits any more. Any thread. */
void nt_who_stop(struct nt_who *w);
/* After nt_kube_close, whose calls refer to it. */
void nt_who_free(struct nt_who *w);

/* Any thread but the loop's; blocks. */
struct nt_token_verdict nt_who_ask(struct nt_who *w, struct nt_slice token);
struct nt_who_stats nt_who_stats(struct nt_who *w);
