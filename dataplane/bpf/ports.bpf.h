/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Which ports are DNS, and the fast way out for packets that surely have nothing to do with it. */
#pragma once

#include "dataplane/bpf/packet.bpf.h"

/* Host byte order, 0 is unused; set before loading. */
const volatile __u16 nt_ports[NT_PORTS_MAX] = { 53 };

static __always_inline int nt_is_dns_port(__u16 port)
{
	if (port == 0)
		return 0;
	for (int i = 0; i < NT_PORTS_MAX; i++) {
		if (port == nt_ports[i])
			return 1;
	}
	return 0;
}

/* TCP at d[at]; 0 also when its ports cannot be seen from here. */
static __always_inline int nt_surely_other_tcp(const __u8 *d, const __u8 *end, __u32 at)
{
	if (d + at + 4 > end)
		return 0;
	return !nt_is_dns_port(bpf_ntohs(*(const __be16 *)(d + at + 2)));
}

/* Most packets are TCP: they leave after a few loads and without a helper call. */
static __always_inline int nt_surely_not_dns(struct __sk_buff *skb, __u32 dir)
{
	const __u8 *end = (const __u8 *)(long)skb->data_end;
	const __u8 *d = (const __u8 *)(long)skb->data;

	if (d + sizeof(struct ethhdr) + sizeof(struct iphdr) > end)
		return 0;
	switch (*(const __be16 *)(d + 12)) {
	case bpf_htons(ETH_P_IP):
		if (dir == NT_DIR_FROM_POD && d[14 + 9] == IPPROTO_TCP)
			return d[14] == 0x45 && nt_surely_other_tcp(d, end, 14 + 20);
		return d[14 + 9] != IPPROTO_UDP;
	case bpf_htons(ETH_P_IPV6):
		if (dir == NT_DIR_FROM_POD && d[14 + 6] == IPPROTO_TCP)
			return nt_surely_other_tcp(d, end, 14 + 40);
		return d[14 + 6] == IPPROTO_TCP || d[14 + 6] == IPPROTO_ICMPV6;
	case bpf_htons(ETH_P_8021Q):
	case bpf_htons(ETH_P_8021AD):
		return 0;
	}
	return 1;
}
