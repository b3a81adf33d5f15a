/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A TCP segment of a DNS connection becomes events: one, or as many as it takes when segmentation
 * offload made it longer than an event may be. Each takes a sequence number of its own, so each can
 * be lost and counted by itself. What only acknowledges is none. BPF only.
 */
#pragma once

#include "dataplane/bpf/emit.bpf.h"

/* 512 KiB: the most that the kernel puts into one skb (GSO_MAX_SIZE, commit 7c4e983c4f3c). */
#define NT_TCP_PARTS_MAX 32

/* Part of a segment behind the header that lies in the scratch; off, len: of its payload. Returns
 * what nt_ring_output does. Global, so that it is verified once. */
__noinline int nt_emit_part(struct __sk_buff *skb, __u32 off, __u32 len)
{
	__u32 zero = 0;
	struct nt_scratch *s = bpf_map_lookup_elem(&scratch, &zero);
	__u64 cap = len;

	if (!s || cap > NT_CAP_MAX)
		return NT_LOSS_UNPARSABLE;
	s->event.payload_len = s->event.cap_len = cap;
	if (cap == 0)
		return nt_ring_output(s, sizeof(s->event), skb->ifindex);
	cap -= 1;
	asm volatile("%0 &= %1" : "+r"(cap) : "i"(NT_CAP_MAX - 1));
	cap += 1;
	if (nt_read(skb, off, s->payload, cap) < 0)
		return NT_LOSS_UNPARSABLE;
	return nt_ring_output(s, sizeof(s->event) + cap, skb->ifindex);
}

/* The first part begins the stream, the last one ends it; that is not in a first fragment. */
static __always_inline __u8 nt_tcp_flags_of(const struct nt_packet *p, __u32 done, __u32 part)
{
	__u8 flags = p->tcp_flags;

	if (done)
		flags &= ~NT_TCP_SYN;
	if (done + part < p->payload_len || p->flags & NT_EV_FRAGMENT)
		flags &= ~(NT_TCP_FIN | NT_TCP_RST);
	return flags;
}

static __always_inline int nt_tcp_is_event(const struct nt_packet *p, int kind)
{
	if (kind == NT_KIND_FIRST_FRAGMENT)
		return p->tcp_header != 0;
	return kind == NT_KIND_TCP && (!p->tcp_header || p->payload_len ||
				       p->tcp_flags & (NT_TCP_SYN | NT_TCP_FIN | NT_TCP_RST));
}

static __always_inline void nt_emit_tcp(struct __sk_buff *skb, const struct nt_packet *p,
					__u64 ep_id, struct nt_counters *c, __u32 dir)
{
	__u32 zero = 0, payload = p->off + p->tcp_header;
	struct nt_scratch *s = bpf_map_lookup_elem(&scratch, &zero);

	if (!s || !p->tcp_header)
		goto unreadable;
	nt_emit_header(skb, p, &s->event, 1);
	s->event.dir = dir;
	s->event.verdict = NT_VERDICT_NONE;
	s->event.policy_slot = 0;
	s->event.ep_id = ep_id;
	if (nt_emit_addresses(skb, p, &s->event) < 0)
		goto unreadable;
	c->bytes[dir] += p->payload_len;
	c->gso[dir] += skb->gso_size && p->payload_len > skb->gso_size;
	for (__u32 i = 0; i < NT_TCP_PARTS_MAX; i++) {
		__u32 done = i * NT_CAP_MAX, part = p->payload_len - done;
		__u32 outcome;

		if (i && done >= p->payload_len)
			break;
		if (part > NT_CAP_MAX)
			part = NT_CAP_MAX;
		s->event.seq = c->seq[dir]++;
		s->event.tcp_seq = p->tcp_seq + done;
		s->event.tcp_flags = nt_tcp_flags_of(p, done, part);
		outcome = nt_emit_part(skb, payload + done, part);
		if (outcome == NT_LOSS_SHARE_EXCEEDED)
			c->lost[dir][NT_LOSS_SHARE_EXCEEDED]++;
		else if (outcome == NT_LOSS_RING_FULL)
			c->lost[dir][NT_LOSS_RING_FULL]++;
		else if (outcome == NT_LOSS_UNPARSABLE)
			c->lost[dir][NT_LOSS_UNPARSABLE]++;
	}
	return;
unreadable:
	c->seq[dir]++;
	c->lost[dir][NT_LOSS_UNPARSABLE]++;
}
