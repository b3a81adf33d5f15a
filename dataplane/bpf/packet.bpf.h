/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * From the Ethernet header through the IP header: what the packet is and where the next header
 * lies. A helper reads at an offset and says where the next header begins; no pointer into the
 * packet is kept, so paged and truncated skbs are the same case. BPF only.
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
	NT_KIND_OTHER = 0, /* neither UDP nor TCP, or nothing a host would accept */
	NT_KIND_WHOLE = 1, /* of UDP */
	NT_KIND_FIRST_FRAGMENT =
		2, /* ports known; of TCP with `tcp_header` 0: no more than these */
	NT_KIND_LATER_FRAGMENT = 3, /* the ports are elsewhere; `proto` 0: it may be any */
	NT_KIND_UNPARSABLE = 4, /* ports known, but the lengths lie */
	NT_KIND_ENDLESS = 5, /* more extension headers than are followed */
	NT_KIND_TCP = 6, /* ports known; `tcp_header` 0: but the lengths lie */
};

struct nt_packet {
	__u32 off; /* UDP: of the payload, TCP: of its header; counted from the Ethernet header */
	__u32 end; /* where the IP packet says that it ends */
	__u32 addrs_off; /* source address; the destination follows it in both families */
	__be32 saddr4; /* IPv4 only */
	__be32 daddr4;
	__u32 payload_len;
	__u32 here; /* of these in this skb: fewer in a first fragment */
	__u32 frag_id; /* as in the packet, of a fragment */
	__u32 tcp_seq; /* host byte order, of the first octet of payload */
	__u16 sport; /* host byte order */
	__u16 dport;
	__u16 vlan;
	__u16 flags; /* enum nt_event_flag */
	__u8 ip_version;
	__u8 proto; /* IPPROTO_UDP or IPPROTO_TCP; 0 when it was not reached */
	__u8 tcp_flags;
	__u8 tcp_header; /* octets */
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

/* Above 64 KiB the length does not fit its field and is 0 (BIG TCP, kernel commit b1a78b9b9886). */
static __always_inline __u32 nt_packet_end(struct __sk_buff *skb, __u32 off, __u16 len)
{
	return len == 0 && skb->gso_size ? skb->len : off + len;
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
	p->saddr4 = ip.saddr;
	p->daddr4 = ip.daddr;
	p->end = nt_packet_end(skb, p->off, bpf_ntohs(ip.tot_len));
	p->off += header_len;
	p->proto = ip.protocol;
	p->frag_id = ip.id;
	frag = bpf_ntohs(ip.frag_off);
	if (frag & NT_IP_OFFSET)
		return NT_KIND_LATER_FRAGMENT;
	return frag & NT_IP_MORE_FRAGMENTS ? NT_KIND_FIRST_FRAGMENT : NT_KIND_WHOLE;
}

/* RFC 8200 section 4: what may stand in front of another header. */
static __always_inline int nt_packet_is_extension(__u8 type)
{
	switch (type) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
	case IPPROTO_AH:
	case NT_NEXT_MOBILITY:
	case NT_NEXT_HIP:
	case NT_NEXT_SHIM6:
		return 1;
	}
	return 0;
}

/* One extension header: its length in octets; 0 when `next` is no such header or cannot be read.
 * `*next` becomes the protocol behind it. */
static __always_inline __u32 nt_packet_extension(struct __sk_buff *skb, __u32 off, __u8 *next)
{
	__u8 ext[2];
	__u8 type = *next;

	if (!nt_packet_is_extension(type) || nt_read(skb, off, ext, sizeof(ext)) < 0)
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
	p->end = nt_packet_end(skb, p->off, bpf_ntohs(ip.payload_len));
	next = ip.nexthdr;
	for (int i = 0; i <= NT_EXT_HEADERS_MAX; i++) {
		__u32 len;

		if (next == IPPROTO_UDP || next == IPPROTO_TCP) {
			p->proto = next;
			return kind;
		}
		if (next == NT_NEXT_FRAGMENT) {
			if (nt_read(skb, p->off, &frag, sizeof(frag)) < 0)
				return NT_KIND_OTHER;
			next = frag.next;
			p->frag_id = frag.id;
			if (frag.offset_flags & bpf_htons(0xfff8)) {
				if (nt_packet_is_extension(next))
					return NT_KIND_LATER_FRAGMENT;
				p->proto = next;
				return next == IPPROTO_UDP || next == IPPROTO_TCP
					       ? NT_KIND_LATER_FRAGMENT
					       : NT_KIND_OTHER;
			}
			/* Neither offset nor more to come: whole all the same (RFC 6946). */
			if (frag.offset_flags & bpf_htons(1))
				kind = NT_KIND_FIRST_FRAGMENT;
			p->off += sizeof(frag);
			continue;
		}
		len = nt_packet_extension(skb, p->off, &next);
		/* Headers that go on in another fragment (RFC 7112): no ports here. */
		if (!len && kind == NT_KIND_FIRST_FRAGMENT && nt_packet_is_extension(next))
			return NT_KIND_LATER_FRAGMENT;
		if (!len)
			return NT_KIND_OTHER;
		p->off += len;
	}
	return NT_KIND_ENDLESS;
}
