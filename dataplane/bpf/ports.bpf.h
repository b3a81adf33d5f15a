/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Which ports are DNS, and the fast way out for packets that surely have nothing to do with it. */
#pragma once

#include "dataplane/bpf/transport.bpf.h"

/* Host byte order, used ones first, then 0; set before loading. The verifier knows their values, so
 * that unused ones cost nothing. */
const volatile __u16 nt_ports[NT_PORTS_MAX] = { 53 };
/* DNS only where the pod is the one that is asked. */
const volatile __u16 nt_server_ports[NT_PORTS_MAX] = {};

static __always_inline int nt_is_in(const volatile __u16 *ports, __u16 port)
{
	for (int i = 0; i < NT_PORTS_MAX; i++) {
		__u16 dns = ports[i];

		if (dns == 0)
			return 0;
		if (port == dns)
			return 1;
	}
	return 0;
}

static __always_inline int nt_is_dns_port(__u16 port)
{
	return nt_is_in(nt_ports, port);
}

/* Between two of the server's ports there is something else: multicast DNS has 5353 on both. */
static __always_inline int nt_is_dns(__u16 sport, __u16 dport, __u32 dir)
{
	__u16 pod = dir == NT_DIR_FROM_POD ? sport : dport;
	__u16 peer = dir == NT_DIR_FROM_POD ? dport : sport;

	if (nt_is_dns_port(sport) || nt_is_dns_port(dport))
		return 1;
	return nt_is_in(nt_server_ports, pod) && !nt_is_in(nt_server_ports, peer);
}

/* TCP at d[at]; 0 also when its ports cannot be seen from here. */
static __always_inline int nt_surely_other_tcp(const __u8 *d, const __u8 *end, __u32 at, __u32 dir)
{
	if (d + at + 4 > end)
		return 0;
	return !nt_is_dns(bpf_ntohs(*(const __be16 *)(d + at)),
			  bpf_ntohs(*(const __be16 *)(d + at + 2)), dir);
}

/* Most packets are TCP: they leave after a few loads and without a helper call. What is a fragment
 * has its ports elsewhere. */
static __always_inline int nt_surely_not_dns(struct __sk_buff *skb, __u32 dir)
{
	const __u8 *end = (const __u8 *)(long)skb->data_end;
	const __u8 *d = (const __u8 *)(long)skb->data;

	if (d + sizeof(struct ethhdr) + sizeof(struct iphdr) > end)
		return 0;
	switch (*(const __be16 *)(d + 12)) {
	case bpf_htons(ETH_P_IP):
		if (d[14 + 9] != IPPROTO_TCP)
			return d[14 + 9] != IPPROTO_UDP;
		return d[14] == 0x45 &&
		       !(*(const __be16 *)(d + 14 + 6) &
			 bpf_htons(NT_IP_MORE_FRAGMENTS | NT_IP_OFFSET)) &&
		       nt_surely_other_tcp(d, end, 14 + 20, dir);
	case bpf_htons(ETH_P_IPV6):
		if (d[14 + 6] == IPPROTO_TCP)
			return nt_surely_other_tcp(d, end, 14 + 40, dir);
		return d[14 + 6] == IPPROTO_ICMPV6;
	case bpf_htons(ETH_P_8021Q):
	case bpf_htons(ETH_P_8021AD):
		return 0;
	}
	return 1;
}
