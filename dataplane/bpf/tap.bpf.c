/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Both directions of a pod's host link: each DNS packet over UDP becomes an event or a loss. */
#include "dataplane/bpf/emit.bpf.h"
#include "dataplane/bpf/judge.bpf.h"

/* TC_ACT_UNSPEC and TCX_NEXT: the next program sees the packet too. 0 would cut it off. */
#define NT_NEXT (-1)

/* Entries are made by userspace only, so memory follows the number of pods, not the capacity. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NT_PODS_MAX);
	__type(key, __u32);
	__type(value, struct nt_endpoint);
} endpoints SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NT_PODS_MAX);
	__type(key, __u64);
	__type(value, struct nt_counters);
} counters SEC(".maps");

/* The next five are for userspace alone; they are here so that one load makes all maps. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NT_PODS_MAX);
	__type(key, __u64);
	__type(value, struct nt_pod);
} pods SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NT_PODS_MAX);
	__type(key, struct nt_live_key);
	__type(value, __u64);
} live SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct nt_rules_key);
} rules_key SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NT_SLOTS_MAX);
	__type(key, __u32);
	__type(value, struct nt_slot);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct nt_meta);
} meta SEC(".maps");

/* Host byte order, 0 is unused; set before loading. */
const volatile __u16 nt_ports[NT_PORTS_MAX] = { 53 };

static __always_inline int is_dns_port(__u16 port)
{
	if (port == 0)
		return 0;
	for (int i = 0; i < NT_PORTS_MAX; i++) {
		if (port == nt_ports[i])
			return 1;
	}
	return 0;
}

static __always_inline void lose(struct nt_counters *c, __u32 dir, enum nt_loss reason)
{
	c->seq[dir]++;
	c->lost[dir][reason]++;
}

static __always_inline int tap(struct __sk_buff *skb, __u32 dir)
{
	struct nt_packet p = {};
	struct nt_endpoint *ep;
	struct nt_counters *c;
	__u32 ifindex;
	__u64 ep_id;
	int kind;

	if (nt_surely_not_udp(skb))
		return NT_NEXT;
	kind = nt_packet_parse(skb, &p);
	if (kind == NT_KIND_OTHER)
		return NT_NEXT;
	/* These two have no ports to look at. Fragments are counted apart; a chain of headers that
	 * nobody sends by chance is taken for DNS rather than overlooked. */
	if (kind != NT_KIND_LATER_FRAGMENT && kind != NT_KIND_ENDLESS && !is_dns_port(p.dport) &&
	    !is_dns_port(p.sport))
		return NT_NEXT;
	ifindex = skb->ifindex;
	ep = bpf_map_lookup_elem(&endpoints, &ifindex);
	if (!ep)
		return NT_NEXT;
	ep_id = ep->ep_id;
	c = bpf_map_lookup_elem(&counters, &ep_id);
	if (!c)
		return NT_NEXT;
	switch (kind) {
	case NT_KIND_WHOLE:
		nt_emit(skb, &p, ep_id, c, dir);
		break;
	case NT_KIND_FIRST_FRAGMENT:
		lose(c, dir, NT_LOSS_FRAGMENT);
		break;
	case NT_KIND_LATER_FRAGMENT:
		c->fragments[dir]++;
		break;
	default:
		lose(c, dir, NT_LOSS_UNPARSABLE);
	}
	return NT_NEXT;
}

SEC("tc")
int from_pod(struct __sk_buff *skb)
{
	return tap(skb, NT_DIR_FROM_POD);
}

SEC("tc")
int to_pod(struct __sk_buff *skb)
{
	return tap(skb, NT_DIR_TO_POD);
}

char nt_license[] SEC("license") = "Dual BSD/GPL";
