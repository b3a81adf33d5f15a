/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A packet at a socket becomes events: one, or as many as it takes when it is longer than one may
 * be. BPF only. */
#pragma once

#include "dataplane/bpf/counters.bpf.h"
#include "dataplane/bpf/event.bpf.h"
#include "dataplane/bpf/ring.bpf.h"

/* The length field of UDP has 16 bits. */
#define NT_UDP_MAX 65535
/* Most messages; what is longer takes NT_CAP_MAX. */
#define NT_HOST_SMALL 512

struct nt_record {
	struct nt_event event;
	__u8 payload[NT_CAP_MAX];
};

struct nt_small_record {
	struct nt_event event;
	__u8 payload[NT_HOST_SMALL];
};

/* A packet, or a part of one, as four words: a global function is verified once, and not once per
 * way that leads to it, and 5.10 gives it numbers only. */
union nt_piece {
	struct {
		__u64 ep_id;
		__u64 seq;
		__u16 sport, dport;
		__u32 tcp_seq;
		__u64 len : 24, off : 24; /* of the payload */
		__u64 tcp_flags : 8;
		__u64 dir : 1, is_tcp : 1;
		__u64 loss : 4; /* NT_LOSS_MAX: none so far */
	};
	__u64 words[4];
};
_Static_assert(sizeof(union nt_piece) == 32, "four words");
#define NT_WORDS(piece) (piece).words[0], (piece).words[1], (piece).words[2], (piece).words[3]

static __always_inline int nt_piece_fill(struct __sk_buff *skb, const union nt_piece *piece,
					 struct nt_event *e)
{
	struct nt_packet p = { .proto = piece->is_tcp ? IPPROTO_TCP : IPPROTO_UDP,
			       .ip_version = skb->protocol == bpf_htons(ETH_P_IP) ? 4 : 6,
			       .payload_len = piece->len,
			       .sport = piece->sport,
			       .dport = piece->dport };

	p.addrs_off = p.ip_version == 4 ? 12 : 8;
	if (p.ip_version == 4 &&
	    nt_read(skb, p.addrs_off, &p.saddr4, sizeof(p.saddr4) + sizeof(p.daddr4)) < 0)
		return -1;
	nt_emit_header(skb, &p, e, piece->is_tcp ? 1 : nt_emit_segments(skb, piece->len));
	e->dir = piece->dir;
	e->verdict = NT_VERDICT_NONE;
	e->policy_slot = 0;
	e->ep_id = piece->ep_id;
	e->seq = piece->seq;
	e->ifindex = 0;
	e->cap_len = 0;
	e->tcp_seq = piece->tcp_seq;
	e->tcp_flags = piece->tcp_flags;
	e->cookie = bpf_get_socket_cookie(skb);
	return nt_emit_addresses(skb, &p, e);
}

/* The payload into a record of a constant size; what does not fit is said by the flag. */
#define NT_PIECE_INTO(type, most)                                                      \
	({                                                                             \
		__u32 loss_ = NT_LOSS_RING_FULL;                                       \
		type *r_ = nt_ring_reserve(sizeof(type), &loss_);                      \
		__u64 cap_ = piece.len;                                                \
		if (r_) {                                                              \
			loss_ = NT_LOSS_MAX;                                           \
			if (cap_ > (most))                                             \
				cap_ = (most);                                         \
			if (nt_piece_fill(skb, &piece, &r_->event) < 0)                \
				loss_ = NT_LOSS_UNPARSABLE;                            \
			if (cap_ < piece.len)                                          \
				r_->event.flags |= NT_EV_TRUNCATED;                    \
			r_->event.cap_len = cap_;                                      \
			if (cap_) {                                                    \
				cap_ -= 1;                                             \
				asm volatile("%0 &= %1" : "+r"(cap_) : "i"((most)-1)); \
				cap_ += 1;                                             \
				if (nt_read(skb, piece.off, r_->payload, cap_) < 0)    \
					r_->event.cap_len = 0;                         \
			}                                                              \
			nt_ring_submit(r_);                                            \
		}                                                                      \
		loss_;                                                                 \
	})

/* One event: its loss, or NT_LOSS_MAX. */
__noinline int nt_piece_event(struct __sk_buff *skb, __u64 w0, __u64 w1, __u64 w2, __u64 w3)
{
	const union nt_piece piece = { .words = { w0, w1, w2, w3 } };

	if (piece.len <= NT_HOST_SMALL)
		return NT_PIECE_INTO(struct nt_small_record, NT_HOST_SMALL);
	return NT_PIECE_INTO(struct nt_record, NT_CAP_MAX);
}

static __always_inline __u32 nt_piece_numbers(__u32 len, __u32 unit)
{
	return len ? (len + unit - 1) / unit : 1;
}

/* Octets of payload per number: a datagram of a train, an event of TCP. */
static __always_inline __u32 nt_piece_unit(struct __sk_buff *skb, const union nt_piece *whole)
{
	if (whole->is_tcp)
		return NT_CAP_MAX;
	return nt_emit_segments(skb, whole->len) > 1 ? skb->gso_size : NT_UDP_MAX;
}

/* A packet with its numbers, of `unit` octets each, becomes one event, or as many as it takes. What
 * all parts but the last have in common is worked out before: the verifier walks each of them. */
__noinline int nt_piece_emit(struct __sk_buff *skb, __u64 w0, __u64 w1, __u64 w2, __u64 w3)
{
	union nt_piece part = { .words = { w0, w1, w2, w3 } };
	__u64 ep_id = part.ep_id;
	struct nt_counters *c = bpf_map_lookup_elem(&counters, &ep_id);
	__u32 unit = nt_piece_unit(skb, &part), step = nt_emit_step(unit);
	__u32 left = part.len, dir = part.dir, n = step / unit, tcp_step = part.is_tcp ? step : 0;
	__u8 last_flags = part.tcp_flags;

	if (!c)
		return -1;
	for (__u32 i = 0; i < NT_TCP_PARTS_MAX && left > step; i++) {
		part.len = step;
		part.tcp_flags = nt_tcp_flags_of(part.tcp_flags, i == 0, 0);
		last_flags = nt_tcp_flags_of(last_flags, 0, 1);
		nt_lose(c, dir, nt_piece_event(skb, NT_WORDS(part)), n);
		part.seq += n;
		part.tcp_seq += tcp_step;
		part.off += step;
		left -= step;
	}
	part.len = left;
	part.tcp_flags = last_flags;
	n = nt_piece_numbers(left, unit);
	nt_lose(c, dir, nt_piece_event(skb, NT_WORDS(part)), n);
	return 0;
}
