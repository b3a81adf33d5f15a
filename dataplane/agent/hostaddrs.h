/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The addresses of the host's network namespace, for the coverage ledger: a DNS server's veth sees
 * a process of the host, or a pod in its network, by one of them, and the controller has to know
 * that such a client is tapped. What a look finds new or gone waits in `news` for the next batch.
 * Bounded by NT_HOSTADDRS_MAX. Plain data, one thread.
 */
#pragma once

#include "lib/record/batch.h"

/* A node has a handful, with a ptp CNI one for all its pods; more are counted and not told. */
#define NT_HOSTADDRS_MAX 256
/* News that are told again wait up to this many. */
#define NT_HOSTADDRS_NEWS_MAX 4096

struct nt_hostaddrs {
	uint64_t ep_id; /* of the node's endpoint; 0: no look yet */
	int64_t looked_us; /* CLOCK_REALTIME of the last look */
	struct nt_buf known; /* struct nt_batch_address */
	struct nt_buf news; /* the same; the owner empties it when it is on disk */
	uint64_t dropped; /* not told again: too many, or no memory */
	size_t left_out; /* at the last look, beyond NT_HOSTADDRS_MAX */
};

/*
 * The addresses of this process's network namespace but loopback's, link-local ones and those of
 * Services, which a proxy by IPVS gives to a link of its own: nobody asks from them, since the
 * proxy masquerades what would, and there are as many as the cluster has Services. At most cap are
 * written, each once. Returns how many there are, beyond cap perhaps with some of them twice.
 */
size_t nt_hostaddrs_read(struct nt_addr *ret_ips, size_t cap);

/*
 * A look at now_us found these; len: of all, the first NT_HOSTADDRS_MAX are there. At the first one
 * of an endpoint they count from since_us on (when its taps were attached), later from the last
 * look on: an address is told rather too early than too late, because before it was there nobody
 * could ask from it. Without memory the next look tries again.
 */
void nt_hostaddrs_look(struct nt_hostaddrs *h, uint64_t ep_id, int64_t since_us,
		       const struct nt_addr *ips, size_t len, int64_t now_us);
/* What a former agent had told of this endpoint by its last look, at looked_us: it goes on with
 * that instead of a first look. It is told once more, with the same times, for a controller that
 * has lost them. */
void nt_hostaddrs_restore(struct nt_hostaddrs *h, uint64_t ep_id, int64_t looked_us,
			  const struct nt_batch_address *known, size_t len);
/* What a batch told that will not be stored becomes news again, at now_us. What is there by a
 * former endpoint of the host, whose end may be told already, ends with now_us. */
void nt_hostaddrs_again(struct nt_hostaddrs *h, const struct nt_batch_address *told, size_t len,
			int64_t now_us);
void nt_hostaddrs_done(struct nt_hostaddrs *h);
