/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which backend a DNS flow to a Service goes to, from the kernel's connection tracking: messages of
 * ctnetlink about new flows (a socket filter leaves those to DNS ports), read before and, when a
 * flow is not there yet, once more while the ring is drained; nobody waits for one. A flow from
 * before, to an address that is translated, is asked for at a bounded rate and known from its next
 * lookup on. Where the kernel does not tell, it is tried again at intervals. Of the caller's
 * network namespace, which has to be the host's. Needs CAP_NET_ADMIN. One thread.
 */
#pragma once

#include "dataplane/agent/backends.h"
#include "lib/base/clock.h"

struct nt_conntrack;

struct nt_conntrack_stats {
	struct nt_backends_stats backends;
	uint64_t overruns; /* times that the kernel had no room for messages; all was forgotten */
	uint64_t found, missed; /* lookups of translated addresses: with their backend, without */
	uint64_t asked; /* flows from before */
};

/* ports: of DNS, host byte order, 0 is none; at most 16 count. Without one: 53. clock: borrowed. */
int nt_conntrack_new(const uint16_t *ports, size_t ports_len, struct nt_clock *clock,
		     struct nt_conntrack **ret_conntrack, struct nt_err *err) NT_MUSTCHECK;
void nt_conntrack_free(struct nt_conntrack *c);

/* Would it open here, now? -errno with the reason. */
int nt_conntrack_check(struct nt_err *err) NT_MUSTCHECK;

/* At intervals of seconds: opens it where that has not succeeded, and looks whether the kernel
 * still tells. A change is logged, once. */
void nt_conntrack_look(struct nt_conntrack *c);
/* Why backends are not known here, for people; "" when they are. Until the next look. */
const char *nt_conntrack_why_not(const struct nt_conntrack *c);

/* Takes what has come. Does not block. */
void nt_conntrack_read(struct nt_conntrack *c);
/* As nt_backends_find. */
bool nt_conntrack_find(struct nt_conntrack *c, const struct nt_flow *flow, int64_t at_ns,
		       struct nt_backend *ret_backend);
struct nt_conntrack_stats nt_conntrack_stats(const struct nt_conntrack *c);
