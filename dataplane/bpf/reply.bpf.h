/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A denied packet becomes the answer to itself and leaves through the link that it came by: a query
 * the NXDOMAIN reply with the reason (RFC 8914), a TCP segment a reset. Checksums are corrected by
 * differences, which is right with and without checksum offload. BPF only.
 */
#pragma once

#include "dataplane/bpf/judge.bpf.h"

/* TC_ACT_SHOT; linux/pkt_cls.h has it, and much else. */
#define NT_DROP 2
#define NT_EDE_TEXT "denied by DNSPolicy"
#define NT_EDE_LEN (4 + 2 + sizeof(NT_EDE_TEXT) - 1)
/* Header, longest question, OPT, cookie, reason: rounded up to what bpf_csum_diff takes. */
#define NT_REPLY_MAX 384
#define NT_RESET_MAX 2048

static __always_inline void nt_put16(__u8 *at, __u32 value)
{
	at[0] = value >> 8;
	at[1] = value;
}

/* Addresses and ports change places, which no checksum notices; new lengths. l4: offset of the UDP
 * or TCP header, len: with it. */
static __always_inline int nt_turn(struct __sk_buff *skb, const struct nt_packet *p, __u32 l4,
				   __u32 old_len, __u32 len)
{
	__u8 a[32], b[32];
	__be16 was, is;
	__u32 size = p->ip_version == 4 ? 4 : 16;

	if (nt_read(skb, 0, a, 12) < 0 || bpf_skb_store_bytes(skb, 0, a + 6, 6, 0) < 0 ||
	    bpf_skb_store_bytes(skb, 6, a, 6, 0) < 0)
		return -1;
	if (size == 4) {
		if (nt_read(skb, p->addrs_off, a, 8) < 0)
			return -1;
		__builtin_memcpy(b, a + 4, 4);
		__builtin_memcpy(b + 4, a, 4);
		if (bpf_skb_store_bytes(skb, p->addrs_off, b, 8, 0) < 0)
			return -1;
		was = bpf_htons(old_len + 20);
		is = bpf_htons(len + 20);
		if (bpf_l3_csum_replace(skb, p->addrs_off - 2, was, is, 2) < 0 ||
		    bpf_skb_store_bytes(skb, p->addrs_off - 10, &is, 2, 0) < 0)
			return -1;
	} else {
		if (nt_read(skb, p->addrs_off, a, 32) < 0)
			return -1;
		__builtin_memcpy(b, a + 16, 16);
		__builtin_memcpy(b + 16, a, 16);
		is = bpf_htons(len);
		if (bpf_skb_store_bytes(skb, p->addrs_off, b, 32, 0) < 0 ||
		    bpf_skb_store_bytes(skb, p->addrs_off - 4, &is, 2, 0) < 0)
			return -1;
	}
	was = bpf_htons(p->dport);
	is = bpf_htons(p->sport);
	if (bpf_skb_store_bytes(skb, l4, &was, 2, 0) < 0)
		return -1;
	return bpf_skb_store_bytes(skb, l4 + 2, &is, 2, 0) < 0 ? -1 : 0;
}

/* OPT anew at reply[at]: version 0, DO as asked, the cookie when a server could have made it, the
 * reason. Returns the length of the whole reply. */
static __always_inline __u32 nt_reply_opt(struct __sk_buff *skb, const struct nt_packet *p,
					  struct nt_judging *j, __u64 at)
{
	__u64 len = j->cookie_len, end = at + 11;
	__u32 cookie = 0;
	__u8 *o;

	NT_MASK(at, NT_QUERY_MAX - 1);
	o = j->reply + at;
	o[2] = NT_TYPE_OPT;
	nt_put16(o + 3, 1232);
	o[7] = j->wants_dnssec ? 0x80 : 0;
	if (len) {
		len += 3;
		NT_MASK(len, 63);
		len += 1;
		if (nt_read(skb, p->off + j->cookie_at, o + 11, len) < 0)
			return 0;
		cookie = len;
	}
	nt_put16(o + 9, cookie + NT_EDE_LEN);
	end += cookie;
	NT_MASK(end, NT_QUERY_MAX - 1);
	o = j->reply + end;
	o[1] = 15;
	o[3] = NT_EDE_LEN - 4;
	o[5] = 15;
	__builtin_memcpy(o + 6, NT_EDE_TEXT, NT_EDE_LEN - 6);
	return end + NT_EDE_LEN;
}

/* The reply's message in j->reply, zeroes behind it; its length, or 0. */
static __always_inline __u32 nt_reply_message(struct __sk_buff *skb, const struct nt_packet *p,
					      struct nt_judging *j)
{
	__u64 len = j->question_end;

	__builtin_memset(j->reply, 0, NT_REPLY_MAX);
	len -= 1;
	NT_MASK(len, NT_QUERY_MAX - 1);
	len += 1;
	if (nt_read(skb, p->off, j->reply, len) < 0)
		return 0;
	j->reply[2] = 0x80 | (j->reply[2] & 0x01); /* QR; RD as it came */
	j->reply[3] = 0x80 | (j->reply[3] & 0x10) | 3; /* RA; CD as it came; NXDOMAIN */
	j->reply[11] = j->has_opt;
	return j->has_opt ? nt_reply_opt(skb, p, j, len) : len;
}

__noinline int nt_reply(struct __sk_buff *skb)
{
	struct nt_judging *j = nt_judging();
	const struct nt_packet *p;
	__u32 udp, old_len, len;
	__u64 size;
	__be16 was, is;
	__s64 sum;

	if (!j)
		return NT_DROP;
	p = &j->packet;
	udp = p->off - 8;
	old_len = p->payload_len + 8;
	size = nt_reply_message(skb, p, j);
	if (size == 0)
		return NT_DROP;
	len = size + 8;
	sum = bpf_csum_diff((__be32 *)j->query, NT_QUERY_MAX, NULL, 0, 0);
	sum = bpf_csum_diff(NULL, 0, (__be32 *)j->reply, NT_REPLY_MAX, sum);
	if (bpf_skb_change_tail(skb, p->off + size, 0) < 0)
		return NT_DROP;
	size -= 1;
	NT_MASK(size, NT_QUERY_MAX - 1);
	size += 1;
	was = bpf_htons(old_len);
	is = bpf_htons(len);
	if (bpf_skb_store_bytes(skb, p->off, j->reply, size, 0) < 0 ||
	    nt_turn(skb, p, udp, old_len, len) < 0 ||
	    bpf_skb_store_bytes(skb, udp + 4, &is, 2, 0) < 0 ||
	    bpf_l4_csum_replace(skb, udp + 6, 0, sum, BPF_F_MARK_MANGLED_0) < 0 ||
	    bpf_l4_csum_replace(skb, udp + 6, was, is, BPF_F_MARK_MANGLED_0 | 2) < 0 ||
	    bpf_l4_csum_replace(skb, udp + 6, was, is,
				BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0 | 2) < 0)
		return NT_DROP;
	return bpf_redirect(skb->ifindex, 0);
}
