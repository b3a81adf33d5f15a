/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A TCP segment of a DNS connection becomes events: one, or as many as it takes when segmentation
 * offload made it longer than an event may be. Each takes a sequence number of its own, so each can
 * be lost and counted by itself. What only acknowledges is none. BPF only.
 */
#pragma once

#include "dataplane/bpf/emit.bpf.h"

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

		if (i && done >= p->payload_len)
			break;
		if (part > NT_CAP_MAX)
			part = NT_CAP_MAX;
		s->event.seq = c->seq[dir]++;
		s->event.tcp_seq = p->tcp_seq + done;
		s->event.tcp_flags = nt_tcp_flags_of(p->tcp_flags, !done,
						     done + part >= p->payload_len &&
							     !(p->flags & NT_EV_FRAGMENT));
		nt_lose(c, dir, nt_emit_part(skb, payload + done, part), 1);
	}
	return;
unreadable:
	c->seq[dir]++;
	c->lost[dir][NT_LOSS_UNPARSABLE]++;
}
