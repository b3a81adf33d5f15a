/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Whose a later fragment is: the first one bears the ports, so what it was is kept for a while
 * under the identification that all of them share. BPF only.
 */
#pragma once

#include "dataplane/bpf/packet.bpf.h"

/* Datagrams under way on a node at once. LRU: when there are more, later fragments of the oldest
 * count as unknown. Above what the kernel hands out to CPUs in advance (128 entries each). */
#define NT_FRAGMENTS_MAX 4096

struct nt_fragment_key {
	__u64 ep_id;
	__u8 saddr[16]; /* IPv4 in the first four octets, rest zero */
	__u8 daddr[16];
	__u32 id; /* as in the packet */
	__u8 proto;
	__u8 dir;
	__u16 reserved;
};

enum nt_fragment_flow {
	NT_FRAGMENT_UNKNOWN = 0, /* before its first one */
	NT_FRAGMENT_DNS = 1,
	NT_FRAGMENT_OTHER = 2,
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, NT_FRAGMENTS_MAX);
	__type(key, struct nt_fragment_key);
	__type(value, __u32);
} fragments SEC(".maps");

static __always_inline int nt_fragment_key(struct __sk_buff *skb, const struct nt_packet *p,
					   __u64 ep_id, __u32 dir, struct nt_fragment_key *k)
{
	k->ep_id = ep_id;
	k->id = p->frag_id;
	k->proto = p->proto;
	k->dir = dir;
	if (p->ip_version == 6)
		return nt_read(skb, p->addrs_off, k->saddr, 32);
	__builtin_memcpy(k->saddr, &p->saddr4, sizeof(p->saddr4));
	__builtin_memcpy(k->daddr, &p->daddr4, sizeof(p->daddr4));
	return 0;
}

/* A first fragment says what the others will be. Not inlined: the key is large for one stack. */
static __noinline int nt_fragment_first(struct __sk_buff *skb, const struct nt_packet *p,
					__u64 ep_id, __u32 dir, __u32 flow)
{
	struct nt_fragment_key key = {};

	if (nt_fragment_key(skb, p, ep_id, dir, &key) < 0)
		return -1;
	return bpf_map_update_elem(&fragments, &key, &flow, BPF_ANY);
}

static __noinline int nt_fragment_later(struct __sk_buff *skb, const struct nt_packet *p,
					__u64 ep_id, __u32 dir)
{
	struct nt_fragment_key key = {};
	__u32 *flow;

	if (nt_fragment_key(skb, p, ep_id, dir, &key) < 0)
		return NT_FRAGMENT_UNKNOWN;
	flow = bpf_map_lookup_elem(&fragments, &key);
	return flow ? *flow : NT_FRAGMENT_UNKNOWN;
}
