/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * From the Ethernet header to the UDP header: what the packet is and where its payload lies. A
 * helper reads at an offset and says where the next header begins; no pointer into the packet is
 * kept, so paged and truncated skbs are the same case. BPF only.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "dataplane/abi.h"

/* Real packets carry one or two extension headers; what has more is counted, not followed. */
#define NT_EXT_HEADERS_MAX 8
/* linux/in.h and linux/ipv6.h of userspace do not name all of these (RFC 8200 section 4). */
#define NT_NEXT_FRAGMENT 44
#define NT_NEXT_MOBILITY 135
#define NT_NEXT_HIP 139
#define NT_NEXT_SHIM6 140
#define NT_IP_MORE_FRAGMENTS 0x2000
#define NT_IP_OFFSET 0x1fff

enum nt_kind {
	NT_KIND_OTHER = 0, /* not UDP, or nothing a host would accept */
	NT_KIND_WHOLE = 1,
	NT_KIND_FIRST_FRAGMENT = 2,
	NT_KIND_LATER_FRAGMENT = 3, /* of UDP; the ports are elsewhere */
	NT_KIND_UNPARSABLE = 4, /* ports known, but the lengths lie */
	NT_KIND_ENDLESS = 5, /* more extension headers than are followed */
	NT_KIND_TCP = 6, /* ports known; `off` at its header, `end` 0 for a fragment */
};

struct nt_packet {
	__u32 off; /* next octet to read, counted from the Ethernet header */
	__u32 end; /* where the IP packet says that it ends */
	__u32 addrs_off; /* source address; the destination follows it in both families */
	__u32 payload_len;
	__u16 sport; /* host byte order */
	__u16 dport;
	__u16 vlan;
	__u16 flags; /* enum nt_event_flag */
	__u8 ip_version;
};

static __always_inline int nt_read(struct __sk_buff *skb, __u32 off, void *to, __u32 len)
{
	return bpf_skb_load_bytes(skb, off, to, len);
}

/* Ethernet and at most one tag; the EtherType behind it, 0 when there is none. */
static __always_inline __be16 nt_packet_ethernet(struct __sk_buff *skb, struct nt_packet *p)
{
	__be16 word[2] = {}; /* tag control, then the type behind it */

	/* The kernel takes the tag of a received frame out into the skb. */
	if (skb->vlan_present) {
		p->vlan = skb->vlan_tci & 0xfff;
		p->flags |= NT_EV_VLAN;
	}
	if (nt_read(skb, 12, &word[1], 2) < 0)
		return 0;
	p->off = sizeof(struct ethhdr);
	if (word[1] != bpf_htons(ETH_P_8021Q) && word[1] != bpf_htons(ETH_P_8021AD))
		return word[1];
	if (skb->vlan_present || nt_read(skb, p->off, word, sizeof(word)) < 0)
		return 0;
	p->off += sizeof(word);
	p->vlan = bpf_ntohs(word[0]) & 0xfff;
	p->flags |= NT_EV_VLAN;
	return word[1];
}

static __always_inline int nt_packet_ipv4(struct __sk_buff *skb, struct nt_packet *p)
{
	struct iphdr ip;
	__u32 header_len;
	__u16 frag;

	if (nt_read(skb, p->off, &ip, sizeof(ip)) < 0 || ip.version != 4 || ip.ihl < 5 ||
	    (ip.protocol != IPPROTO_UDP && ip.protocol != IPPROTO_TCP))
		return NT_KIND_OTHER;
	header_len = ip.ihl * 4;
	p->ip_version = 4;
	p->addrs_off = p->off + 12;
	p->end = p->off + bpf_ntohs(ip.tot_len);
	p->off += header_len;
	frag = bpf_ntohs(ip.frag_off);
	if (ip.protocol == IPPROTO_TCP) {
		if (frag & NT_IP_MORE_FRAGMENTS)
			p->end = 0;
		return frag & NT_IP_OFFSET ? NT_KIND_OTHER : NT_KIND_TCP;
	}
	if (frag & NT_IP_OFFSET)
		return NT_KIND_LATER_FRAGMENT;
	return frag & NT_IP_MORE_FRAGMENTS ? NT_KIND_FIRST_FRAGMENT : NT_KIND_WHOLE;
}

/* One extension header: its length in octets; 0 when `next` is no such header or cannot be read.
 * `*next` becomes the protocol behind it. */
static __always_inline __u32 nt_packet_extension(struct __sk_buff *skb, __u32 off, __u8 *next)
{
	__u8 ext[2];
	__u8 type = *next;

	switch (type) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
	case IPPROTO_AH:
	case NT_NEXT_MOBILITY:
	case NT_NEXT_HIP:
	case NT_NEXT_SHIM6:
		break;
	default:
		return 0;
	}
	if (nt_read(skb, off, ext, sizeof(ext)) < 0)
		return 0;
	*next = ext[0];
	/* RFC 4302 section 2.2: this one counts in words of 4 octets, minus 2. */
	return type == IPPROTO_AH ? (ext[1] + 2) * 4 : (ext[1] + 1) * 8;
}

static __always_inline int nt_packet_ipv6(struct __sk_buff *skb, struct nt_packet *p)
{
	struct {
		__u8 next;
		__u8 reserved;
		__be16 offset_flags;
		__be32 id;
	} frag;
	int kind = NT_KIND_WHOLE;
	struct ipv6hdr ip;
	__u8 next;

	if (nt_read(skb, p->off, &ip, sizeof(ip)) < 0 || ip.version != 6)
		return NT_KIND_OTHER;
	p->ip_version = 6;
	p->addrs_off = p->off + 8;
	p->off += sizeof(ip);
	p->end = p->off + bpf_ntohs(ip.payload_len);
	next = ip.nexthdr;
	for (int i = 0; i <= NT_EXT_HEADERS_MAX; i++) {
		__u32 len;

		if (next == IPPROTO_UDP)
			return kind;
		if (next == IPPROTO_TCP) {
			if (kind == NT_KIND_FIRST_FRAGMENT)
				p->end = 0;
			return NT_KIND_TCP;
		}
		if (next == NT_NEXT_FRAGMENT) {
			if (nt_read(skb, p->off, &frag, sizeof(frag)) < 0)
				return NT_KIND_OTHER;
			next = frag.next;
			if (frag.offset_flags & bpf_htons(0xfff8))
				return next == IPPROTO_UDP ? NT_KIND_LATER_FRAGMENT : NT_KIND_OTHER;
			/* Neither offset nor more to come: whole all the same (RFC 6946). */
			if (frag.offset_flags & bpf_htons(1))
				kind = NT_KIND_FIRST_FRAGMENT;
			p->off += sizeof(frag);
			continue;
		}
		len = nt_packet_extension(skb, p->off, &next);
		if (!len)
			return NT_KIND_OTHER;
		p->off += len;
	}
	return NT_KIND_ENDLESS;
}

/* Leaves `off` at the payload. Ports that cannot be read stay 0. */
static __always_inline int nt_packet_udp(struct __sk_buff *skb, struct nt_packet *p, int kind)
{
	struct udphdr udp = {};
	__u32 len;

	if (nt_read(skb, p->off, &udp, sizeof(udp)) < 0 &&
	    nt_read(skb, p->off, &udp, 2 * sizeof(udp.source)) < 0)
		return kind == NT_KIND_FIRST_FRAGMENT ? NT_KIND_LATER_FRAGMENT : NT_KIND_OTHER;
	p->sport = bpf_ntohs(udp.source);
	p->dport = bpf_ntohs(udp.dest);
	if (kind != NT_KIND_WHOLE)
		return kind;
	/* The sum of all segments where the skb holds several datagrams. */
	len = bpf_ntohs(udp.len);
	if (len < sizeof(udp) || p->off + len > p->end || p->end > skb->len)
		return NT_KIND_UNPARSABLE;
	p->off += sizeof(udp);
	p->payload_len = len - sizeof(udp);
	return NT_KIND_WHOLE;
}

static __always_inline int nt_packet_parse(struct __sk_buff *skb, struct nt_packet *p)
{
	int kind;

	switch (nt_packet_ethernet(skb, p)) {
	case bpf_htons(ETH_P_IP):
		kind = nt_packet_ipv4(skb, p);
		break;
	case bpf_htons(ETH_P_IPV6):
		kind = nt_packet_ipv6(skb, p);
		break;
	default:
		return NT_KIND_OTHER;
	}
	if (kind == NT_KIND_WHOLE || kind == NT_KIND_FIRST_FRAGMENT || kind == NT_KIND_TCP)
		return nt_packet_udp(skb, p, kind);
	return kind;
}
