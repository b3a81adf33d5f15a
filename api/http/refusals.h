/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Refused requests in the log: once per cause and source, then at most once in ten minutes with how
 * many there were meanwhile. Bounded: the one that was quiet longest makes room. Thread-safe.
 */
#pragma once

#include <pthread.h>
#include <stdint.h>

#include "lib/base/addr.h"
#include "lib/base/clock.h"

/* Sources times causes of a day with a mistake in it; beyond it lines come more often. */
#define NT_REFUSALS_MAX 256
#define NT_REFUSALS_QUIET_NS (600 * NT_NS_PER_S)

enum nt_refusal {
	NT_REFUSAL_NONE = 0,
	NT_REFUSAL_TOKEN = 1, /* 401 */
	NT_REFUSAL_NODE = 2, /* 403 of an agent */
	NT_REFUSAL_BODY = 3, /* too large */
	NT_REFUSAL_BATCH = 4, /* malformed */
	NT_REFUSAL_TLS = 5, /* no handshake */
};

struct nt_refusals {
	pthread_mutex_t lock; /* covers all below */
	struct {
		enum nt_refusal cause;
		struct nt_addr source;
		int64_t said_ns, seen_ns;
		uint64_t since; /* not said */
	} entries[NT_REFUSALS_MAX];
	uint64_t lines; /* in the log */
};

void nt_refusals_init(struct nt_refusals *r);
void nt_refusals_done(struct nt_refusals *r);
/* why: any octets, the log escapes them. now_ns: a clock that does not step. */
void nt_refusals_note(struct nt_refusals *r, enum nt_refusal cause, const struct nt_addr *source,
		      const char *why, int64_t now_ns);
