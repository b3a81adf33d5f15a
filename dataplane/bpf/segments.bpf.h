/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A packet's datagrams, one after the other, for judgement. BPF only. */
#pragma once

#include "dataplane/bpf/judge.bpf.h"
#include "dataplane/bpf/ports.bpf.h"

/* What one skb may hold to be judged (T1). */
#define NT_SEGMENTS_MAX 8

/* One datagram of the payload at `at`. An answer of a server (which a resolver may get on its own
 * DNS port) asks for nothing. */
__noinline int nt_judge_one(struct __sk_buff *skb, __u32 at, __u32 len)
{
	struct nt_judging *j = nt_judging();
	const struct nt_packet *p;
	__u64 size = len;

	if (!j)
		return NT_VERDICT_UNJUDGEABLE;
	p = &j->packet;
	j->slot = 0;
	if (size < 12 || size > NT_QUERY_MAX)
		return NT_VERDICT_UNJUDGEABLE;
	size -= 1;
	NT_MASK(size, NT_QUERY_MAX - 1);
	size += 1;
	__builtin_memset(j->query, 0, NT_QUERY_MAX);
	if (nt_read(skb, p->off + at, j->query, size) < 0)
		return NT_VERDICT_UNJUDGEABLE;
	if (j->query[2] & 0x80 && nt_is_dns_port(p->sport))
		return NT_VERDICT_NONE;
	return nt_judge(size);
}

/* The worst of all datagrams; j->worst_slot: who decided that. IPv4 options and IPv6 extension
 * headers are not judged: a reply would have to carry them back. */
__noinline int nt_judge_all(struct __sk_buff *skb)
{
	struct nt_judging *j = nt_judging();
	__u32 size, segs, worst = NT_VERDICT_NONE;
	const struct nt_packet *p;

	if (!j)
		return NT_VERDICT_UNJUDGEABLE;
	p = &j->packet;
	segs = j->segs;
	size = j->segment_len;
	j->worst_slot = 0;
	if (segs > NT_SEGMENTS_MAX || p->off != p->addrs_off + (p->ip_version == 4 ? 8 : 32) + 8)
		return NT_VERDICT_UNJUDGEABLE;
	for (__u32 i = 0; i < NT_SEGMENTS_MAX; i++) {
		__u32 at = i * size, left = p->payload_len - at, verdict;

		if (i >= segs)
			break;
		verdict = nt_judge_one(skb, at, left < size ? left : size);
		if (verdict > worst) {
			worst = verdict;
			j->worst_slot = j->slot;
		}
	}
	return worst;
}
