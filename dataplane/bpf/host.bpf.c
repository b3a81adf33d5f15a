/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * DNS of the sockets of the host's network namespace, at the cgroup2 root. Pods have sockets in
 * that cgroup too; they are seen on their veths, so what counts here is the socket's network
 * namespace. Unlike on a veth a task runs this and may be interrupted on its CPU, so nothing is
 * kept per CPU without a lock but sums. Only observes: always lets the packet through.
 */
#include "dataplane/bpf/counters.bpf.h"
#include "dataplane/bpf/event.bpf.h"
#include "dataplane/bpf/ring.bpf.h"
#include "dataplane/bpf/whose.bpf.h"

#define NT_PASS 1
/* Most messages; what is longer takes NT_CAP_MAX. */
#define NT_HOST_SMALL 512
#define NT_TCP_ENDS 0x07 /* FIN, SYN, RST */

struct number {
	struct bpf_spin_lock lock;
	__u32 reserved;
	__u64 next;
};

struct record {
	struct nt_event event;
	__u8 payload[NT_CAP_MAX];
};

struct small_record {
	struct nt_event event;
	__u8 payload[NT_HOST_SMALL];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NT_HOST_NUMBERS_MAX);
	__type(key, struct nt_host_key);
	__type(value, struct number);
} numbers SEC(".maps");

/* --- the event -------------------------------------------------------------------------- */

/* Takes `n` numbers; the sum in the counters follows. */
static __always_inline __u64 take_numbers(__u64 ep_id, struct nt_counters *c, __u32 dir, __u32 n)
{
	struct nt_host_key key = { .ep_id = ep_id, .dir = dir };
	struct number fresh = {};
	struct number *number;
	__u64 seq;

	key.cpu = bpf_get_smp_processor_id();
	number = bpf_map_lookup_elem(&numbers, &key);
	if (!number) {
		bpf_map_update_elem(&numbers, &key, &fresh, BPF_NOEXIST);
		number = bpf_map_lookup_elem(&numbers, &key);
		if (!number)
			return 0;
	}
	bpf_spin_lock(&number->lock);
	seq = number->next;
	number->next += n;
	bpf_spin_unlock(&number->lock);
	__sync_fetch_and_add(&c->seq[dir & 1], n);
	return seq;
}

static __always_inline void lose(struct nt_counters *c, __u32 dir, __u32 reason, __u32 n)
{
	if (reason < NT_LOSS_MAX)
		__sync_fetch_and_add(&c->lost[dir & 1][reason], n);
}

struct part {
	__u64 ep_id, seq;
	__u32 dir, segs, off, len, tcp_seq;
	__u8 tcp_flags;
};

static __always_inline int fill(struct __sk_buff *skb, const struct nt_packet *p,
				const struct part *part, struct nt_event *e)
{
	nt_emit_header(skb, p, e, part->segs);
	e->dir = part->dir;
	e->verdict = NT_VERDICT_NONE;
	e->policy_slot = 0;
	e->ep_id = part->ep_id;
	e->seq = part->seq;
	e->ifindex = 0;
	e->payload_len = part->len;
	e->cap_len = 0;
	e->tcp_seq = part->tcp_seq;
	e->tcp_flags = part->tcp_flags;
	e->cookie = bpf_get_socket_cookie(skb);
	return nt_emit_addresses(skb, p, e);
}

/* The payload into a record of a constant size; what does not fit is said by the flag. */
#define EMIT(type, most)                                                               \
	({                                                                             \
		__u32 loss_ = NT_LOSS_RING_FULL;                                       \
		type *r_ = nt_ring_reserve(sizeof(type), &loss_);                      \
		__u64 cap_ = part->len;                                                \
		if (r_) {                                                              \
			loss_ = NT_LOSS_MAX;                                           \
			if (cap_ > (most))                                             \
				cap_ = (most);                                         \
			if (fill(skb, p, part, &r_->event) < 0)                        \
				loss_ = NT_LOSS_UNPARSABLE;                            \
			if (cap_ < part->len)                                          \
				r_->event.flags |= NT_EV_TRUNCATED;                    \
			r_->event.cap_len = cap_;                                      \
			if (cap_) {                                                    \
				cap_ -= 1;                                             \
				asm volatile("%0 &= %1" : "+r"(cap_) : "i"((most)-1)); \
				cap_ += 1;                                             \
				if (nt_read(skb, part->off, r_->payload, cap_) < 0)    \
					r_->event.cap_len = 0;                         \
			}                                                              \
			nt_ring_submit(r_);                                            \
		}                                                                      \
		loss_;                                                                 \
	})

static __always_inline __u32 emit(struct __sk_buff *skb, const struct nt_packet *p,
				  const struct part *part)
{
	if (part->len <= NT_HOST_SMALL)
		return EMIT(struct small_record, NT_HOST_SMALL);
	return EMIT(struct record, NT_CAP_MAX);
}

/* What no event can say takes one number and is lost. */
static __always_inline __u32 loss_of(const struct nt_packet *p, int kind)
{
	if (kind == NT_KIND_WHOLE || (kind == NT_KIND_TCP && p->tcp_header))
		return NT_LOSS_MAX;
	return kind == NT_KIND_FIRST_FRAGMENT ? NT_LOSS_FRAGMENT : NT_LOSS_UNPARSABLE;
}

/* One place that emits, for all kinds: 5.10 walks every way to every such place. A segment of TCP
 * that is longer than NT_CAP_MAX, as in a zone transfer, is cut and says so. */
static __always_inline void take(struct __sk_buff *skb, const struct nt_packet *p, int kind,
				 struct nt_counters *c, struct part *part)
{
	__u32 loss = loss_of(p, kind);

	part->segs = kind == NT_KIND_WHOLE ? nt_emit_segments(skb, p) : 1;
	part->off = p->off + p->tcp_header;
	part->len = p->payload_len;
	part->tcp_seq = p->tcp_seq;
	part->tcp_flags = p->tcp_flags;
	part->seq = take_numbers(part->ep_id, c, part->dir, part->segs);
	__sync_fetch_and_add(&c->bytes[part->dir & 1], part->len);
	__sync_fetch_and_add(&c->gso[part->dir & 1], part->segs > 1);
	if (loss == NT_LOSS_MAX)
		loss = emit(skb, p, part);
	lose(c, part->dir, loss, part->segs);
}

static __always_inline int watch(struct __sk_buff *skb, __u32 dir)
{
	struct nt_packet p = {};
	struct part part = { .dir = dir };
	struct nt_counters *c;
	struct bpf_sock *sk;
	int kind = nt_packet_parse_ip(skb, &p, skb->protocol);

	if (kind == NT_KIND_OTHER || kind == NT_KIND_LATER_FRAGMENT ||
	    (kind != NT_KIND_ENDLESS && !nt_is_dns(p.sport, p.dport, dir)) ||
	    (kind == NT_KIND_TCP && p.tcp_header && !p.payload_len && !(p.tcp_flags & NT_TCP_ENDS)))
		return NT_PASS;
	sk = skb->sk;
	if (!sk)
		return NT_PASS;
	sk = bpf_sk_fullsock(sk);
	if (!sk || !nt_is_hosts(skb, sk))
		return NT_PASS;
	part.ep_id = nt_group_of(sk);
	c = bpf_map_lookup_elem(&counters, &part.ep_id);
	if (c)
		take(skb, &p, kind, c, &part);
	return NT_PASS;
}

SEC("cgroup_skb/egress")
int egress(struct __sk_buff *skb)
{
	return watch(skb, NT_DIR_FROM_POD);
}

SEC("cgroup_skb/ingress")
int ingress(struct __sk_buff *skb)
{
	return watch(skb, NT_DIR_TO_POD);
}

char nt_license[] SEC("license") = "Dual BSD/GPL";
