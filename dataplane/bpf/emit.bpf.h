/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A DNS packet becomes an event in the ring, or a loss with a reason. The sequence number is taken
 * before anything can fail, so that a gap is a proof (T8). BPF only; needs the maps of tap.bpf.c.
 */
#pragma once

#include "dataplane/bpf/counters.bpf.h"
#include "dataplane/bpf/event.bpf.h"
#include "dataplane/bpf/ring.bpf.h"

struct nt_scratch {
	struct nt_event event;
	__u8 payload[NT_CAP_MAX];
};

/* Too large for the stack. tc programs run with bottom halves off: no second one on this CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct nt_scratch);
} scratch SEC(".maps");

/* The payload behind the header; the length of both, or 0. */
static __always_inline __u64 nt_emit_payload(struct __sk_buff *skb, const struct nt_packet *p,
					     struct nt_scratch *s)
{
	__u64 cap = p->here;

	s->event.cap_len = 0;
	if (cap > NT_CAP_MAX)
		cap = NT_CAP_MAX;
	if (cap < p->payload_len)
		s->event.flags |= NT_EV_TRUNCATED;
	if (cap == 0)
		return sizeof(s->event);
	s->event.cap_len = cap;
	/* In asm, because clang drops a mask that it can prove, and 5.10 and 6.1 cannot prove it;
	 * minus one and plus one, because they do not see that it is not 0 either. */
	cap -= 1;
	asm volatile("%0 &= %1" : "+r"(cap) : "i"(NT_CAP_MAX - 1));
	cap += 1;
	if (nt_read(skb, p->off, s->payload, cap) < 0)
		return 0;
	return sizeof(s->event) + cap;
}

/* Part of a packet behind the header that lies in the scratch; off, len: of its payload. Returns
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

/* A skb of UDP holds 64 KiB, of which an event has one datagram or at least half of NT_CAP_MAX. */
#define NT_TRAIN_PARTS_MAX 8

/* The same for a train that is longer than an event may be: as many as it takes, of whole datagrams
 * with their numbers, which the header in the scratch has for all. */
__noinline int nt_emit_parts(struct __sk_buff *skb, __u32 off)
{
	__u32 zero = 0, size, left, step, dir, n;
	struct nt_scratch *s = bpf_map_lookup_elem(&scratch, &zero);
	struct nt_counters *c;
	__u64 ep_id;

	if (!s)
		return -1;
	ep_id = s->event.ep_id;
	c = bpf_map_lookup_elem(&counters, &ep_id);
	if (!c)
		return -1;
	size = s->event.gso_size;
	left = s->event.payload_len;
	dir = s->event.dir;
	step = nt_emit_step(size);
	n = step / size;
	nt_emit_gso(&s->event, size, n);
	for (__u32 i = 0; i < NT_TRAIN_PARTS_MAX && left > step; i++) {
		nt_lose(c, dir, nt_emit_part(skb, off, step), n);
		s->event.seq += n;
		off += step;
		left -= step;
	}
	n = (left + size - 1) / size;
	nt_emit_gso(&s->event, size, n);
	nt_lose(c, dir, nt_emit_part(skb, off, left), n);
	return 0;
}

static __always_inline void nt_emit(struct __sk_buff *skb, const struct nt_packet *p, __u64 ep_id,
				    struct nt_counters *c, __u32 dir, __u8 verdict, __u32 slot)
{
	__u32 zero = 0, segs = nt_emit_segments(skb, p->payload_len);
	struct nt_scratch *s = bpf_map_lookup_elem(&scratch, &zero);
	__u64 seq = c->seq[dir], len;
	__u32 outcome;

	c->seq[dir] = seq + segs;
	c->bytes[dir] += p->payload_len;
	if (segs > 1)
		c->gso[dir]++;
	if (!s)
		goto unreadable;
	nt_emit_header(skb, p, &s->event, segs);
	s->event.dir = dir;
	s->event.verdict = verdict;
	s->event.policy_slot = slot;
	s->event.ep_id = ep_id;
	s->event.seq = seq;
	if (nt_emit_addresses(skb, p, &s->event) < 0)
		goto unreadable;
	if (segs > 1 && p->here > NT_CAP_MAX) {
		if (nt_emit_parts(skb, p->off) < 0)
			goto unreadable;
		return;
	}
	len = nt_emit_payload(skb, p, s);
	if (!len)
		goto unreadable;
	outcome = nt_ring_output(s, len, skb->ifindex);
	if (outcome == NT_LOSS_SHARE_EXCEEDED)
		c->lost[dir][NT_LOSS_SHARE_EXCEEDED] += segs;
	else if (outcome == NT_LOSS_RING_FULL)
		c->lost[dir][NT_LOSS_RING_FULL] += segs;
	return;
unreadable:
	c->lost[dir][NT_LOSS_UNPARSABLE] += segs;
}
