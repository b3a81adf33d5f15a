/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A TCP segment of an enforced pod to a DNS port becomes a reset back to the pod. BPF only. */
#pragma once

#include "dataplane/bpf/reply.bpf.h"
#include "dataplane/bpf/transport.bpf.h"

static __always_inline void nt_put32(__u8 *at, __u32 value)
{
	nt_put16(at, value >> 16);
	nt_put16(at + 2, value);
}

/* Minus the sum of the old segment without its checksum, part by part through j->query. */
static __always_inline int nt_reset_sum(struct __sk_buff *skb, const struct nt_packet *p,
					struct nt_judging *j, __u32 len, __s64 *sum)
{
	for (__u32 i = 0; i < NT_RESET_MAX / NT_QUERY_MAX; i++) {
		__u32 done = i * NT_QUERY_MAX;
		__u64 part;

		if (done >= len)
			break;
		part = len - done;
		if (part > NT_QUERY_MAX)
			part = NT_QUERY_MAX;
		part -= 1;
		NT_MASK(part, NT_QUERY_MAX - 1);
		part += 1;
		__builtin_memset(j->query, 0, NT_QUERY_MAX);
		if (nt_read(skb, p->off + done, j->query, part) < 0)
			return -1;
		if (i == 0)
			j->query[16] = j->query[17] = 0;
		*sum = bpf_csum_diff((__be32 *)j->query, NT_QUERY_MAX, NULL, 0, *sum);
	}
	return 0;
}

/* RFC 9293 section 3.10.7.1: what a host without that connection answers. */
static __always_inline void nt_reset_header(const __u8 *old, __u8 *tcp, __u32 data)
{
	__builtin_memcpy(tcp, old + 2, 2);
	__builtin_memcpy(tcp + 2, old, 2);
	tcp[12] = 5 << 4;
	if (old[13] & NT_TCP_ACK) {
		__builtin_memcpy(tcp + 4, old + 8, 4);
		tcp[13] = NT_TCP_RST;
		return;
	}
	data += !!(old[13] & NT_TCP_SYN) + !!(old[13] & NT_TCP_FIN);
	nt_put32(tcp + 8, nt_get32(old + 4) + data);
	tcp[13] = NT_TCP_RST | NT_TCP_ACK;
}

/* Long segments are dropped: the retransmitted ones are shorter, and the first of all is. So are
 * first fragments, which have no sum of their own. */
__noinline int nt_reset(struct __sk_buff *skb)
{
	struct nt_judging *j = nt_judging();
	const struct nt_packet *p;
	__u32 ip_len, len, header;
	__u8 old[20], tcp[20] = {};
	__be16 was, is;
	__s64 sum = 0;

	if (!j)
		return NT_DROP;
	p = &j->packet;
	ip_len = p->ip_version == 4 ? 8 : 32;
	len = p->end - p->off;
	if (p->flags & NT_EV_FRAGMENT || p->off != p->addrs_off + ip_len || p->end < p->off + 20 ||
	    p->end > skb->len || len > NT_RESET_MAX || nt_read(skb, p->off, old, sizeof(old)) < 0)
		return NT_DROP;
	header = (old[12] >> 4) * 4;
	if (header < 20 || header > len || old[13] & NT_TCP_RST ||
	    nt_reset_sum(skb, p, j, len, &sum) < 0)
		return NT_DROP;
	nt_reset_header(old, tcp, len - header);
	sum = bpf_csum_diff(NULL, 0, (__be32 *)tcp, sizeof(tcp), sum);
	__builtin_memcpy(tcp + 16, old + 16, 2);
	was = bpf_htons(len);
	is = bpf_htons(sizeof(tcp));
	if (bpf_skb_change_tail(skb, p->off + sizeof(tcp), 0) < 0 ||
	    bpf_skb_store_bytes(skb, p->off, tcp, sizeof(tcp), 0) < 0 ||
	    nt_turn(skb, p, p->off, len, sizeof(tcp)) < 0 ||
	    bpf_l4_csum_replace(skb, p->off + 16, 0, sum, 0) < 0 ||
	    bpf_l4_csum_replace(skb, p->off + 16, was, is, BPF_F_PSEUDO_HDR | 2) < 0)
		return NT_DROP;
	return bpf_redirect(skb->ifindex, 0);
}
