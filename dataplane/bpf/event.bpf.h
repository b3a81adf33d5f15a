/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The header of an event from a parsed packet, the same on a veth and at a socket. BPF only. */
#pragma once

#include "dataplane/bpf/ports.bpf.h"

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
static __always_inline __u32 nt_emit_segments(struct __sk_buff *skb, __u32 payload_len)
{
	__u32 size = skb->gso_size;

	if (size == 0 || size >= payload_len)
		return 1;
	return (payload_len + size - 1) / size;
}

/* How far the events of an skb that is longer than one may be are apart: whole datagrams. */
static __always_inline __u32 nt_emit_step(__u32 gso_size)
{
	return gso_size < NT_CAP_MAX ? NT_CAP_MAX / gso_size * gso_size : gso_size;
}

/* One datagram, or a train of them. */
static __always_inline void nt_emit_gso(struct nt_event *e, __u32 gso_size, __u32 segs)
{
	e->flags &= ~NT_EV_GSO;
	if (segs > 1)
		e->flags |= NT_EV_GSO;
	e->gso_size = segs > 1 ? gso_size : 0;
	e->gso_segs = segs;
}

static __always_inline void nt_emit_header(struct __sk_buff *skb, const struct nt_packet *p,
					   struct nt_event *e, __u32 segs)
{
	e->version = NT_ABI_VERSION;
	e->ip_version = p->ip_version;
	e->l4proto = p->proto;
	e->hdr_len = sizeof(*e);
	e->flags = p->flags;
	nt_emit_gso(e, skb->gso_size, segs);
	e->time_ns = bpf_ktime_get_boot_ns();
	e->epoch = nt_epoch;
	e->cpu = bpf_get_smp_processor_id();
	e->ifindex = skb->ifindex;
	e->payload_len = p->payload_len;
	e->sport = p->sport;
	e->dport = p->dport;
	e->vlan = p->vlan;
	e->tcp_flags = 0;
	e->tcp_seq = 0;
	e->cookie = 0;
}
