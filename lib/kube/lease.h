/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who of several is the one: a Lease (coordination.k8s.io/v1) by the rules of client-go's
 * leaderelection, so that its tools read it. Requests and answers are texts, and time is the
 * caller's: who drives it sends what nt_lease_due gives and hands back what came (one request at a
 * time). No I/O, no threads.
 *
 * The times in the object are for people. A Lease of another is taken once it has not changed for
 * its duration by our own clock, so that clocks may differ; ours we believe in for
 * NT_LEASE_DEADLINE_NS from when the request was sent that renewed it, which is shorter: we have
 * stopped before another may begin. Two at once would need a clock that runs by a third slower than
 * the other.
 */
#pragma once

#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/kube/client.h"
#include "lib/kube/name.h"

/* What client-go has (LeaseDuration, RenewDeadline, RetryPeriod). */
#define NT_LEASE_DURATION_S 15
#define NT_LEASE_DEADLINE_NS (10 * NT_NS_PER_S)
#define NT_LEASE_RETRY_NS (2 * NT_NS_PER_S)
/* Of a request: when one hangs, there is time for another before ours is over. */
#define NT_LEASE_TIMEOUT_NS (4 * NT_NS_PER_S)
#define NT_LEASE_IDENTITY_SIZE 288

struct nt_lease;

/* clock: borrowed. identity: another one for each process there ever is. */
int nt_lease_new(const struct nt_kube_name *name, const char *identity, struct nt_clock *clock,
		 struct nt_lease **ret_lease, struct nt_err *err) NT_MUSTCHECK;
void nt_lease_free(struct nt_lease *l);

/* Is there something to ask now? Then its method ("GET", "POST", "PUT"), and path and body
 * appended; nt_lease_answer follows, whatever came. */
bool nt_lease_due(struct nt_lease *l, const char **ret_method, struct nt_buf *path,
		  struct nt_buf *body) NT_MUSTCHECK;
void nt_lease_answer(struct nt_lease *l, const struct nt_kube_answer *answer);
/* From now on it only gives back what is ours: nt_lease_due is false when there is nothing more to
 * do. Once: that it failed is no matter, the duration ends it. */
void nt_lease_release(struct nt_lease *l);

/* We are the one before this moment (nt_clock_boot), and not from it on; 0: we are not. */
int64_t nt_lease_until_ns(const struct nt_lease *l);
/* Who is, as far as is known; "": nobody. */
const char *nt_lease_holder(const struct nt_lease *l);
/* What is wrong with the last answer; "": nothing. */
const char *nt_lease_why(const struct nt_lease *l);
