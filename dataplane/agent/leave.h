/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does the agent end because nametap is taken off this cluster, or for any of the many other
 * reasons? Asked at SIGTERM, answered by the API server about our own DaemonSet (T24):
 *
 *   404 of that very object, or a deletionTimestamp in it     taken off
 *   401 for 10 s on end, though the token has not expired      taken off: the account is gone
 *   401, and another agent waits for this node                 not
 *   the object is there, still after 5 s                       not
 *   403, 5xx, time-outs, refused connections,
 *   anything else                                              asked again for 30 s, then: not
 *
 * A token that is bound to a pod is refused, too, once that pod's object is gone, as after
 * `kubectl delete --force`. The DaemonSet then makes another pod here within seconds, whose agent
 * wants the node's lock (nodelock.h): that is the difference. 403 proves nothing: an API server
 * says it for a moment after its start.
 *
 * And only when this agent has seen the object with its own eyes before: a wrong name in the
 * configuration, or a token that never worked, takes nothing off. Belongs to the loop's thread.
 */
#pragma once

#include "lib/base/clock.h"
#include "lib/base/loop.h"
#include "lib/kube/client.h"

/* When a namespace is deleted its pods may go first, and the DaemonSet a moment after them. */
#define NT_LEAVE_THERE_NS (5 * NT_NS_PER_S)
#define NT_LEAVE_UNAUTHORIZED_NS (10 * NT_NS_PER_S)
/* When everything is deleted at once, rules, DaemonSet, account and pods go in any order, within
 * seconds, and the API server takes the account's token for 10 s longer: 403 for a while, then 401.
 * Measured: 401 began 12 s after SIGTERM. */
#define NT_LEAVE_PATIENCE_NS (30 * NT_NS_PER_S)

/* One answer of the API. */
enum nt_leave_word {
	NT_LEAVE_NOTHING = 0, /* says nothing about the DaemonSet */
	NT_LEAVE_THERE = 1,
	NT_LEAVE_DELETED = 2, /* 404, or being deleted */
	NT_LEAVE_UNAUTHORIZED = 3,
};

enum nt_leave_verdict {
	NT_LEAVE_WAIT = 0, /* ask again */
	NT_LEAVE_STAY = 1, /* leave everything as it is */
	NT_LEAVE_UNINSTALL = 2,
};

/* What is known between two answers; all zero at first. Times are CLOCK_BOOTTIME. */
struct nt_leave_state {
	bool seen; /* the DaemonSet, at some time */
	int64_t asked_ns; /* since when the question is open */
	bool is_wanted; /* another agent wants this node */
	int64_t unauthorized_ns; /* since when nothing but 401 comes; 0: not so */
};

/* What an answer says. name: the DaemonSet's; token_expired: a 401 is no wonder. */
enum nt_leave_word nt_leave_read(const struct nt_kube_answer *answer, const char *name,
				 bool token_expired);
enum nt_leave_verdict nt_leave_judge(struct nt_leave_state *s, enum nt_leave_word word,
				     int64_t now_ns);
/* Has the JWT (RFC 7519) expired at now_s, seconds since 1970? False where it does not say. */
bool nt_leave_token_expired(struct nt_slice token, int64_t now_s);

struct nt_leave;
/* uninstall: the verdict. */
typedef void nt_leave_fn(void *ctx, bool uninstall);

/* All borrowed; spool: where the node's lock is. Looks for the DaemonSet at once, and every 30 s
 * until it has been seen. */
int nt_leave_new(struct nt_kube *kube, struct nt_loop *loop, struct nt_clock *clock,
		 const char *namespace_, const char *name, const char *spool,
		 struct nt_leave **ret_leave, struct nt_err *err) NT_MUSTCHECK;
void nt_leave_free(struct nt_leave *l);
/* SIGTERM has come: calls fn once, after 40 s at the latest, and some for the last answer. */
void nt_leave_ask(struct nt_leave *l, nt_leave_fn *fn, void *ctx);
