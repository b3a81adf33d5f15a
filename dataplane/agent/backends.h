/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the kernel's connection tracking sends flows: of each flow whose destination it translates
 * (a Service's address behind kube-proxy) the backend, as ctnetlink's messages tell it. A table of
 * fixed size, made when the first such flow comes; who is pushed out of it is not known, never
 * another one. Plain data without I/O (conntrack.h has the socket), one thread.
 */
#pragma once

#include "lib/base/clock.h"
#include "lib/base/hash.h"
#include "lib/dns/pair.h"

struct nlmsghdr;

/* 1.5 MiB. In sets of four, of which the one goes that was used least lately. A flow is used within
 * a drain of the ring after it began, so this is 50 ms of 600,000 new flows a second. */
#define NT_BACKENDS_SETS 8192
#define NT_BACKENDS_WAYS 4
/* A packet passes its tap before the kernel makes the entry of its flow: microseconds, but its CPU
 * may be taken away meanwhile. No flow goes and comes again with another backend within this. */
#define NT_BACKENDS_MADE_WITHIN_NS (50 * NT_NS_PER_MS)
/* Addresses that the kernel translates; a node's pods use a handful. */
#define NT_BACKENDS_FRONTS 16

struct nt_backend {
	struct nt_addr ip;
	uint16_t port; /* host byte order */
};

struct nt_backends_entry {
	uint64_t hash; /* of the flow; 0: free */
	int64_t after_ns; /* CLOCK_BOOTTIME; the kernel's entry was made later than this */
	int64_t used_ns;
	struct nt_backend backend;
};

struct nt_backends_stats {
	uint64_t flows; /* messages of flows, translated or not */
	uint64_t translated;
	uint64_t bad; /* messages that are none */
};

struct nt_backends {
	struct nt_hash_key key;
	struct nt_backends_entry (*sets)[NT_BACKENDS_WAYS]; /* NULL: nothing was translated yet */
	/* The latest ones that were translated from; family 0: free. */
	struct nt_addr fronts[NT_BACKENDS_FRONTS];
	size_t next_front;
	struct nt_backends_stats stats;
};

/* Zero-initialise. */
void nt_backends_done(struct nt_backends *b);
/* One message of ctnetlink (IPCTNL_MSG_CT_NEW) about a flow that the kernel began to track later
 * than after_ns, or of which it says so now. Its answers to a question are the same. */
void nt_backends_take(struct nt_backends *b, const struct nlmsghdr *message, int64_t after_ns);
/* Messages were lost: what is known may be of flows that are over. */
void nt_backends_forget(struct nt_backends *b);
/* The backend that a packet of the flow went to at at_ns, CLOCK_BOOTTIME; false: not known, or not
 * translated. Of the flow addresses, ports and transport count. */
bool nt_backends_find(struct nt_backends *b, const struct nt_flow *flow, int64_t at_ns,
		      struct nt_backend *ret_backend);
/* Has the flow's server been translated lately? */
bool nt_backends_is_front(const struct nt_backends *b, const struct nt_addr *server);
