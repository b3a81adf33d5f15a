/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Two hooks run the same program while a link is taken over from one to the other, and a packet
 * that meets both must be seen once (T13). The first one leaves a stamp in skb->cb, which lives as
 * long as the packet is between the two; the second one finds it and lets the packet pass.
 *
 * A secret per direction and the link's index: a stamp that is left over from another link or the
 * other direction is none. Only while the endpoint says so: at other times nothing that anybody
 * wrote into cb can make us look away, and cb is not touched. BPF only.
 */
#pragma once

#include "dataplane/bpf/ports.bpf.h"

/* Set before loading, to nt_meta.stamp. */
const volatile __u64 nt_stamp[NT_DIR_MAX] = {};

/* The last two of the five words: other programs that use cb begin with the first. */
#define NT_CB_LOW 3
#define NT_CB_HIGH 4

/* True when the other hook has had this packet; else it bears our stamp from now on. */
static __always_inline int nt_yield(struct __sk_buff *skb, __u32 dir)
{
	__u64 stamp = nt_stamp[dir];
	__u32 low = stamp, high = (stamp >> 32) ^ skb->ifindex;

	if (skb->cb[NT_CB_LOW] == low && skb->cb[NT_CB_HIGH] == high)
		return 1;
	skb->cb[NT_CB_LOW] = low;
	skb->cb[NT_CB_HIGH] = high;
	return 0;
}
