/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Whose a later fragment is: the first one bears the ports, so what it was is kept for a while
 * under the identification that all of them share. BPF only.
 *
 * Each pod has a table of its own per direction, of the latest first fragments; one that sends
 * them without end overwrites its own. What a pod may take from others it would have to send to
 * them, in between the fragments of one datagram, which come together.
 */
#pragma once

#include "dataplane/bpf/packet.bpf.h"

/* Datagrams of a pod and direction that are under way at once: fragments of one follow each other
 * on their CPU. A power of two for the verifier's masks. */
#define NT_FRAGMENTS_KEPT 32
/* Tables: of 1,024 pods. A pod takes one when it first needs it and then none, so that LRU hits
 * pods that are gone. The kernel hands out 128 to a CPU in advance; with more than 16 CPUs a pod's
 * first fragment ever may cost others what is under way then. */
#define NT_FRAGMENTS_MAX 2048

enum nt_fragment_flow {
	NT_FRAGMENT_UNKNOWN = 0, /* before its first one */
	NT_FRAGMENT_DNS = 1,
	NT_FRAGMENT_OTHER = 2,
};
#define NT_FRAGMENT_FLOW_MASK 3ULL

struct nt_fragments_key {
	__u64 ep_id;
	__u32 dir;
	__u32 reserved;
};

struct nt_fragments {
	__u64 next;
	__u64 firsts[NT_FRAGMENTS_KEPT]; /* a tag, and in its low bits the flow; 0: none */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, NT_FRAGMENTS_MAX);
	__type(key, struct nt_fragments_key);
	__type(value, struct nt_fragments);
} fragments SEC(".maps");

static const struct nt_fragments nt_fragments_none = {}; /* too large for the stack */

static __always_inline void nt_fragment_mix(__u64 *tag, __u64 word)
{
	*tag = (*tag ^ word) * 0x9e3779b97f4a7c15ULL;
	*tag ^= *tag >> 32;
}

/* Of what all fragments of a datagram have in common; its low bits are 0. No secret: who makes two
 * alike confuses his own. 0: cannot be read. */
static __always_inline __u64 nt_fragment_tag(struct __sk_buff *skb, const struct nt_packet *p)
{
	__u64 addrs[4] = {}, tag = 0;

	if (p->ip_version == 6 && nt_read(skb, p->addrs_off, addrs, sizeof(addrs)) < 0)
		return 0;
	if (p->ip_version == 4)
		addrs[0] = (__u64)p->saddr4 << 32 | p->daddr4;
	nt_fragment_mix(&tag, (__u64)p->proto << 32 | p->frag_id);
	for (int i = 0; i < 4; i++)
		nt_fragment_mix(&tag, addrs[i]);
	return tag & ~NT_FRAGMENT_FLOW_MASK;
}

/* Where that tag is; NT_FRAGMENTS_KEPT: nowhere. */
static __always_inline __u32 nt_fragment_at(const struct nt_fragments *t, __u64 tag)
{
	__u32 at = 0;

	while (at < NT_FRAGMENTS_KEPT && (t->firsts[at] & ~NT_FRAGMENT_FLOW_MASK) != tag)
		at++;
	return at;
}

/* A first fragment says what the others will be. Two CPUs that bring one each at the same moment
 * may cost one of them its entry. */
static __noinline int nt_fragment_first(struct __sk_buff *skb, const struct nt_packet *p,
					__u64 ep_id, __u32 dir, __u32 flow)
{
	struct nt_fragments_key key = { .ep_id = ep_id, .dir = dir };
	__u64 tag = nt_fragment_tag(skb, p);
	struct nt_fragments *t;
	__u64 at;

	if (!tag)
		return -1;
	t = bpf_map_lookup_elem(&fragments, &key);
	if (!t) {
		bpf_map_update_elem(&fragments, &key, &nt_fragments_none, BPF_NOEXIST);
		t = bpf_map_lookup_elem(&fragments, &key);
	}
	if (!t)
		return -1;
	at = nt_fragment_at(t, tag); /* the number is used again */
	if (at >= NT_FRAGMENTS_KEPT)
		at = t->next++;
	t->firsts[at & (NT_FRAGMENTS_KEPT - 1)] = tag | flow;
	return 0;
}

static __noinline int nt_fragment_later(struct __sk_buff *skb, const struct nt_packet *p,
					__u64 ep_id, __u32 dir)
{
	struct nt_fragments_key key = { .ep_id = ep_id, .dir = dir };
	struct nt_fragments *t = bpf_map_lookup_elem(&fragments, &key);
	__u64 tag = nt_fragment_tag(skb, p);
	__u32 at;

	if (!t || !tag)
		return NT_FRAGMENT_UNKNOWN;
	at = nt_fragment_at(t, tag);
	if (at >= NT_FRAGMENTS_KEPT)
		return NT_FRAGMENT_UNKNOWN;
	return t->firsts[at & (NT_FRAGMENTS_KEPT - 1)] & NT_FRAGMENT_FLOW_MASK;
}
