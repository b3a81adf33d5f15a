/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The packets that nearly all are, without a helper call: no tag, no IPv4 options, no IPv6
 * extension header, no fragment, all headers in the skb's linear part. What is not DNS leaves after
 * a few loads; of a UDP datagram that is, everything is known that nt_packet_parse would find.
 * Whatever is unusual is left to that. BPF only.
 */
#pragma once

#include "dataplane/bpf/ports.bpf.h"

enum nt_quick {
	NT_QUICK_UNUSUAL = 0, /* ask nt_packet_parse */
	NT_QUICK_NOT_DNS = 1,
	NT_QUICK_UDP = 2, /* a whole datagram of DNS; the packet is parsed */
};

/* A datagram of DNS at `at`, a constant for the verifier; ip_end: where the packet's header says
 * that it ends. */
static __always_inline int nt_quick_udp(struct __sk_buff *skb, const __u8 *d, const __u8 *end,
					__u32 at, __u32 ip_end, struct nt_packet *p)
{
	__u32 len;

	if (d + at + sizeof(struct udphdr) > end || skb->vlan_present)
		return NT_QUICK_UNUSUAL;
	len = bpf_ntohs(*(const __be16 *)(d + at + 4));
	/* Lengths that lie, and octets between the datagram's end and the packet's, are told apart
	 * elsewhere. */
	if (len < sizeof(struct udphdr) || at + len != ip_end || ip_end > skb->len)
		return NT_QUICK_UNUSUAL;
	__builtin_memset(p, 0, sizeof(*p));
	p->off = at + sizeof(struct udphdr);
	p->end = ip_end;
	p->proto = IPPROTO_UDP;
	p->here = p->payload_len = len - sizeof(struct udphdr);
	p->sport = bpf_ntohs(*(const __be16 *)(d + at));
	p->dport = bpf_ntohs(*(const __be16 *)(d + at + 2));
	return NT_QUICK_UDP;
}

/* Ports at `at`. */
static __always_inline int nt_quick_is_dns(const __u8 *d, __u32 at, __u32 dir)
{
	return nt_is_dns(bpf_ntohs(*(const __be16 *)(d + at)),
			 bpf_ntohs(*(const __be16 *)(d + at + 2)), dir);
}

static __always_inline int nt_quick_ipv4(struct __sk_buff *skb, const __u8 *d, const __u8 *end,
					 struct nt_packet *p, __u32 dir)
{
	const __u32 at = sizeof(struct ethhdr) + sizeof(struct iphdr);
	__u8 proto;
	int r;

	if (d + at + 4 > end)
		return NT_QUICK_UNUSUAL;
	proto = d[14 + 9];
	if (proto != IPPROTO_UDP && proto != IPPROTO_TCP)
		return NT_QUICK_NOT_DNS;
	if (d[14] != 0x45 ||
	    *(const __be16 *)(d + 14 + 6) & bpf_htons(NT_IP_MORE_FRAGMENTS | NT_IP_OFFSET))
		return NT_QUICK_UNUSUAL;
	if (!nt_quick_is_dns(d, at, dir))
		return NT_QUICK_NOT_DNS;
	if (proto == IPPROTO_TCP)
		return NT_QUICK_UNUSUAL;
	r = nt_quick_udp(skb, d, end, at, 14 + bpf_ntohs(*(const __be16 *)(d + 14 + 2)), p);
	p->ip_version = 4;
	p->addrs_off = 14 + 12;
	p->saddr4 = *(const __be32 *)(d + 14 + 12);
	p->daddr4 = *(const __be32 *)(d + 14 + 16);
	return r;
}

static __always_inline int nt_quick_ipv6(struct __sk_buff *skb, const __u8 *d, const __u8 *end,
					 struct nt_packet *p, __u32 dir)
{
	const __u32 at = sizeof(struct ethhdr) + sizeof(struct ipv6hdr);
	__u8 next;
	int r;

	if (d + at + 4 > end)
		return NT_QUICK_UNUSUAL;
	next = d[14 + 6];
	if (next == IPPROTO_ICMPV6)
		return NT_QUICK_NOT_DNS;
	if ((next != IPPROTO_UDP && next != IPPROTO_TCP) || d[14] >> 4 != 6)
		return NT_QUICK_UNUSUAL;
	if (!nt_quick_is_dns(d, at, dir))
		return NT_QUICK_NOT_DNS;
	if (next == IPPROTO_TCP)
		return NT_QUICK_UNUSUAL;
	r = nt_quick_udp(skb, d, end, at, at + bpf_ntohs(*(const __be16 *)(d + 14 + 4)), p);
	p->ip_version = 6;
	p->addrs_off = 14 + 8;
	return r;
}

/* *p is filled when it returns NT_QUICK_UDP, else unspecified. */
static __always_inline int nt_quick(struct __sk_buff *skb, struct nt_packet *p, __u32 dir)
{
	const __u8 *end = (const __u8 *)(long)skb->data_end;
	const __u8 *d = (const __u8 *)(long)skb->data;

	if (d + sizeof(struct ethhdr) > end)
		return NT_QUICK_UNUSUAL;
	switch (*(const __be16 *)(d + 12)) {
	case bpf_htons(ETH_P_IP):
		return nt_quick_ipv4(skb, d, end, p, dir);
	case bpf_htons(ETH_P_IPV6):
		return nt_quick_ipv6(skb, d, end, p, dir);
	case bpf_htons(ETH_P_8021Q):
	case bpf_htons(ETH_P_8021AD):
		return NT_QUICK_UNUSUAL;
	}
	return NT_QUICK_NOT_DNS;
}

/* A fragment without ports may be of anything, and DNS is what it would hide. */
static __always_inline int nt_has_ports(int kind)
{
	return kind != NT_KIND_LATER_FRAGMENT && kind != NT_KIND_ENDLESS;
}

/* NT_KIND_OTHER: surely no DNS. A first fragment is none either when *is_dns is 0, but its later
 * ones have to be known by it. */
static __always_inline int nt_find_dns(struct __sk_buff *skb, struct nt_packet *p, __u32 dir,
				       int *is_dns)
{
	int kind;

	switch (nt_quick(skb, p, dir)) {
	case NT_QUICK_NOT_DNS:
		return NT_KIND_OTHER;
	case NT_QUICK_UDP:
		*is_dns = 1;
		return NT_KIND_WHOLE;
	}
	__builtin_memset(p, 0, sizeof(*p));
	kind = nt_packet_parse(skb, p);
	*is_dns = kind != NT_KIND_OTHER &&
		  (!nt_has_ports(kind) || nt_is_dns(p->sport, p->dport, dir));
	return *is_dns || kind == NT_KIND_FIRST_FRAGMENT ? kind : NT_KIND_OTHER;
}
