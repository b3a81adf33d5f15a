/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* From the end of the IP header to ports and payload, of UDP and of TCP. BPF only. */
#pragma once

#include "dataplane/bpf/packet.bpf.h"

#define NT_TCP_FIN 0x01
#define NT_TCP_SYN 0x02
#define NT_TCP_RST 0x04
#define NT_TCP_ACK 0x10

/* 512 KiB: the most that the kernel puts into one skb (GSO_MAX_SIZE, commit 7c4e983c4f3c). */
#define NT_TCP_PARTS_MAX 32

static __always_inline __u32 nt_get32(const __u8 *at)
{
	return (__u32)at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3];
}

/* A first fragment too short for the ports tells no more than a later one. */
static __always_inline int nt_without_ports(int kind)
{
	return kind == NT_KIND_FIRST_FRAGMENT ? NT_KIND_LATER_FRAGMENT : NT_KIND_OTHER;
}

/* Leaves `off` at the payload. Ports that cannot be read stay 0. */
static __always_inline int nt_packet_udp(struct __sk_buff *skb, struct nt_packet *p, int kind)
{
	struct udphdr udp = {};
	__u32 len;

	if (nt_read(skb, p->off, &udp, sizeof(udp)) < 0 &&
	    nt_read(skb, p->off, &udp, 2 * sizeof(udp.source)) < 0)
		return nt_without_ports(kind);
	p->sport = bpf_ntohs(udp.source);
	p->dport = bpf_ntohs(udp.dest);
	/* The sum of all segments where the skb holds several datagrams. */
	len = bpf_ntohs(udp.len);
	p->off += sizeof(udp);
	if (len < sizeof(udp) || p->off > p->end || p->end > skb->len)
		return NT_KIND_UNPARSABLE;
	if (kind == NT_KIND_FIRST_FRAGMENT)
		p->flags |= NT_EV_FRAGMENT;
	p->here = p->payload_len = len - sizeof(udp);
	if (p->here <= p->end - p->off)
		return kind;
	if (kind == NT_KIND_WHOLE)
		return NT_KIND_UNPARSABLE;
	p->here = p->end - p->off;
	return kind;
}

/* Leaves `off` at the header, for a reset. What a first fragment has of the segment is its payload:
 * how long the whole is only the last one says. */
static __always_inline int nt_packet_tcp(struct __sk_buff *skb, struct nt_packet *p, int kind)
{
	__u8 h[14] = {}; /* up to the flags */
	__u32 header;

	if (nt_read(skb, p->off, h, sizeof(h)) < 0 && nt_read(skb, p->off, h, 4) < 0)
		return nt_without_ports(kind);
	p->sport = h[0] << 8 | h[1];
	p->dport = h[2] << 8 | h[3];
	if (kind == NT_KIND_FIRST_FRAGMENT)
		p->flags |= NT_EV_FRAGMENT;
	else
		kind = NT_KIND_TCP;
	header = (h[12] >> 4) * 4;
	if (header < 20 || p->off + header > p->end || p->end > skb->len)
		return kind;
	p->tcp_header = header;
	p->tcp_flags = h[13];
	p->tcp_seq = nt_get32(h + 4) + !!(h[13] & NT_TCP_SYN);
	p->payload_len = p->end - p->off - header;
	return kind;
}

/* What only acknowledges is no event. */
static __always_inline int nt_tcp_is_event(const struct nt_packet *p, int kind)
{
	if (kind == NT_KIND_FIRST_FRAGMENT)
		return p->tcp_header != 0;
	return kind == NT_KIND_TCP && (!p->tcp_header || p->payload_len ||
				       p->tcp_flags & (NT_TCP_SYN | NT_TCP_FIN | NT_TCP_RST));
}

/* Of a part of a segment: the first one begins the stream, the last one ends it. */
static __always_inline __u8 nt_tcp_flags_of(__u8 flags, int is_first, int is_last)
{
	if (!is_first)
		flags &= ~NT_TCP_SYN;
	if (!is_last)
		flags &= ~(NT_TCP_FIN | NT_TCP_RST);
	return flags;
}

/* `off` is at the IP header, whose family the EtherType says. */
static __always_inline int nt_packet_parse_ip(struct __sk_buff *skb, struct nt_packet *p,
					      __be16 type)
{
	int kind;

	switch (type) {
	case bpf_htons(ETH_P_IP):
		kind = nt_packet_ipv4(skb, p);
		break;
	case bpf_htons(ETH_P_IPV6):
		kind = nt_packet_ipv6(skb, p);
		break;
	default:
		return NT_KIND_OTHER;
	}
	if (kind != NT_KIND_WHOLE && kind != NT_KIND_FIRST_FRAGMENT)
		return kind;
	return p->proto == IPPROTO_TCP ? nt_packet_tcp(skb, p, kind) : nt_packet_udp(skb, p, kind);
}

static __always_inline int nt_packet_parse(struct __sk_buff *skb, struct nt_packet *p)
{
	return nt_packet_parse_ip(skb, p, nt_packet_ethernet(skb, p));
}
