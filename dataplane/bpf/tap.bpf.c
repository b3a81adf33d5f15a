/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Both directions of a pod's host link: each DNS packet becomes an event or a loss. */
#include "dataplane/bpf/counters.bpf.h"
#include "dataplane/bpf/emit.bpf.h"
#include "dataplane/bpf/fragments.bpf.h"
#include "dataplane/bpf/quick.bpf.h"
#include "dataplane/bpf/reset.bpf.h"
#include "dataplane/bpf/segments.bpf.h"
#include "dataplane/bpf/tcp.bpf.h"
#include "dataplane/bpf/yield.bpf.h"

/* TC_ACT_UNSPEC and TCX_NEXT: the next program sees the packet too. 0 would cut it off. */
#define NT_NEXT (-1)
/* Not of the kernel: nothing was decided. */
#define NT_ONLY_LOGGED (-2)

/* Entries are made by userspace only, so memory follows the number of pods, not the capacity. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NT_PODS_MAX);
	__type(key, __u32);
	__type(value, struct nt_endpoint);
} endpoints SEC(".maps");

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

static __always_inline void lose(struct nt_counters *c, __u32 dir, enum nt_loss reason)
{
	c->seq[dir]++;
	c->lost[dir][reason]++;
}

/* Later fragments of a DNS datagram are packets of its pod that no event can say. Of UDP that
 * nobody knows yet they may be, and are counted apart. */
static __always_inline void tap_later(struct __sk_buff *skb, const struct nt_packet *p, __u64 ep_id,
				      struct nt_counters *c, __u32 dir)
{
	int flow = nt_fragment_later(skb, p, ep_id, dir);

	if (flow == NT_FRAGMENT_DNS)
		lose(c, dir, NT_LOSS_FRAGMENT);
	else if (flow == NT_FRAGMENT_UNKNOWN && p->proto == IPPROTO_UDP)
		c->fragments[dir]++;
}

/* What nobody judges. A chain of headers that nobody sends by chance is taken for DNS rather than
 * overlooked. */
static __always_inline void tap_log(struct __sk_buff *skb, const struct nt_packet *p, int kind,
				    __u64 ep_id, struct nt_counters *c, __u32 dir)
{
	if (nt_tcp_is_event(p, kind))
		nt_emit_tcp(skb, p, ep_id, c, dir);
	else if (kind == NT_KIND_WHOLE ||
		 (kind == NT_KIND_FIRST_FRAGMENT && p->proto == IPPROTO_UDP))
		nt_emit(skb, p, ep_id, c, dir, NT_VERDICT_NONE, 0);
	else if (kind == NT_KIND_FIRST_FRAGMENT)
		lose(c, dir, NT_LOSS_FRAGMENT);
	else if (kind != NT_KIND_TCP)
		lose(c, dir, NT_LOSS_UNPARSABLE);
}

/* What goes to a DNS port, or may. A later fragment of TCP is nothing without its first one, which
 * an enforced pod does not get through. */
static __always_inline int may_be_judged(const struct nt_packet *p, int kind)
{
	if (kind == NT_KIND_LATER_FRAGMENT)
		return p->proto != IPPROTO_TCP;
	return !nt_has_ports(kind) || nt_is_dns_port(p->dport);
}

/* The endpoint's policies are read once, so that all of a packet is judged by the same (T14). */
static __always_inline void load_policies(const struct nt_endpoint *ep, struct nt_judging *j,
					  __u32 *first_enforce)
{
	struct nt_endpoint copy = *ep;
	struct nt_scope_set *scope = bpf_map_lookup_elem(&scopes, &copy.ep_id);

	*first_enforce = 0;
	j->slots_len = copy.slots_len < NT_POLICY_SLOTS ? copy.slots_len : NT_POLICY_SLOTS;
	for (__u32 i = 0; i < NT_POLICY_SLOTS; i++) {
		j->slots[i] = copy.slots[i];
		if (i < j->slots_len && !(copy.slots[i] & NT_SLOT_AUDIT) && !*first_enforce)
			*first_enforce = copy.slots[i];
	}
	j->scope.len = 0;
	if (scope)
		j->scope = *scope;
}

/* What cannot be judged and no event can say. */
static __always_inline int enforce_other(struct __sk_buff *skb, const struct nt_packet *p, int kind,
					 struct nt_counters *c)
{
	if (p->proto == IPPROTO_TCP) {
		lose(c, NT_DIR_FROM_POD, NT_LOSS_TCP_RESET);
		return nt_reset(skb);
	}
	if (kind == NT_KIND_LATER_FRAGMENT)
		c->fragments[NT_DIR_FROM_POD]++;
	else
		lose(c, NT_DIR_FROM_POD, NT_LOSS_DROPPED);
	return NT_DROP;
}

/* Judges what a pod with policies sends to a DNS port; first logs it, then changes it.
 * NT_ONLY_LOGGED: nobody enforces, and it is none that could be judged. */
static __always_inline int enforce(struct __sk_buff *skb, const struct nt_packet *p, int kind,
				   const struct nt_endpoint *ep, struct nt_counters *c)
{
	struct nt_judging *j = nt_judging();
	__u32 first_enforce, segs, verdict, slot;
	__u64 ep_id = ep->ep_id;

	if (!j)
		return NT_DROP;
	j->packet = *p;
	load_policies(ep, j, &first_enforce);
	if (kind != NT_KIND_WHOLE)
		return first_enforce ? enforce_other(skb, &j->packet, kind, c) : NT_ONLY_LOGGED;
	segs = nt_emit_segments(skb, p->payload_len);
	j->segs = segs;
	j->segment_len = p->payload_len;
	if (segs > 1)
		j->segment_len = skb->gso_size;
	verdict = nt_judge_all(skb);
	slot = j->worst_slot;
	/* Nobody enforces, so this is what an Audit policy has to say: it would not pass. */
	if (!first_enforce && verdict == NT_VERDICT_UNJUDGEABLE) {
		verdict = NT_VERDICT_AUDIT;
		slot = j->slots[0] & ~NT_SLOT_AUDIT;
	}
	nt_emit(skb, p, ep_id, c, NT_DIR_FROM_POD, verdict, slot);
	if (verdict < NT_VERDICT_DENY)
		return NT_NEXT;
	return verdict == NT_VERDICT_DENY && segs == 1 ? nt_reply(skb) : NT_DROP;
}

static __always_inline int tap(struct __sk_buff *skb, __u32 dir)
{
	struct nt_packet p;
	struct nt_endpoint *ep;
	struct nt_counters *c;
	__u32 ifindex;
	__u64 ep_id;
	int kind, is_dns, action;

	kind = nt_find_dns(skb, &p, dir, &is_dns);
	if (kind == NT_KIND_OTHER)
		return NT_NEXT;
	ifindex = skb->ifindex;
	ep = bpf_map_lookup_elem(&endpoints, &ifindex);
	if (!ep || ((ep->flags & NT_EP_YIELD) && nt_yield(skb, dir)))
		return NT_NEXT;
	ep_id = ep->ep_id;
	c = bpf_map_lookup_elem(&counters, &ep_id);
	if (!c)
		return NT_NEXT;
	if (kind == NT_KIND_FIRST_FRAGMENT)
		nt_fragment_first(skb, &p, ep_id, dir,
				  is_dns ? NT_FRAGMENT_DNS : NT_FRAGMENT_OTHER);
	if (!is_dns)
		return NT_NEXT;
	if (dir == NT_DIR_FROM_POD && ep->slots_len && may_be_judged(&p, kind)) {
		action = enforce(skb, &p, kind, ep, c);
		if (action != NT_ONLY_LOGGED)
			return action;
	}
	if (kind == NT_KIND_LATER_FRAGMENT)
		tap_later(skb, &p, ep_id, c, dir);
	else
		tap_log(skb, &p, kind, ep_id, c, dir);
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
