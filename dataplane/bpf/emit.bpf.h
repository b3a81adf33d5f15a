/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A DNS packet becomes an event in the ring, or a loss with a reason. The sequence number is taken
 * before anything can fail, so that a gap is a proof (T8). BPF only; needs the maps of tap.bpf.c.
 */
#pragma once

#include "dataplane/bpf/ports.bpf.h"
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

/* Set before loading; see load.c. */
const volatile __u32 nt_epoch = 0;

static __always_inline int nt_emit_addresses(struct __sk_buff *skb, const struct nt_packet *p,
					     struct nt_event *e)
{
	if (p->ip_version == 6)
		return nt_read(skb, p->addrs_off,
			       (void *)e + __builtin_offsetof(struct nt_event, saddr), 32);
	__builtin_memset(e->saddr, 0, sizeof(e->saddr));
	__builtin_memset(e->daddr, 0, sizeof(e->daddr));
	__builtin_memcpy(e->saddr, &p->saddr4, sizeof(p->saddr4));
	__builtin_memcpy(e->daddr, &p->daddr4, sizeof(p->daddr4));
	return 0;
}

/* Several datagrams in one skb (T1). gso_segs of the skb is 0 when a raw socket made it, so it is
 * counted here; a last segment may be shorter. */
static __always_inline __u32 nt_emit_segments(struct __sk_buff *skb, const struct nt_packet *p)
{
	__u32 size = skb->gso_size;

	if (size == 0 || size >= p->payload_len)
		return 1;
	return (p->payload_len + size - 1) / size;
}

static __always_inline void nt_emit_header(struct __sk_buff *skb, const struct nt_packet *p,
					   struct nt_event *e, __u32 segs)
{
	e->version = NT_ABI_VERSION;
	e->ip_version = p->ip_version;
	e->l4proto = p->proto;
	e->hdr_len = sizeof(*e);
	e->flags = p->flags | (segs > 1 ? NT_EV_GSO : 0);
	e->time_ns = bpf_ktime_get_boot_ns();
	e->epoch = nt_epoch;
	e->cpu = bpf_get_smp_processor_id();
	e->ifindex = skb->ifindex;
	e->payload_len = p->payload_len;
	e->gso_size = segs > 1 ? skb->gso_size : 0;
	e->gso_segs = segs;
	e->sport = p->sport;
	e->dport = p->dport;
	e->vlan = p->vlan;
	e->tcp_flags = 0;
	e->tcp_seq = 0;
	e->cookie = 0;
}

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

static __always_inline void nt_emit(struct __sk_buff *skb, const struct nt_packet *p, __u64 ep_id,
				    struct nt_counters *c, __u32 dir, __u8 verdict, __u32 slot)
{
	__u32 zero = 0, segs = nt_emit_segments(skb, p);
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
