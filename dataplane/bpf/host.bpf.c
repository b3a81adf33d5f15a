/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * DNS of the sockets of the host's network namespace, at the cgroup2 root. Pods have sockets in
 * that cgroup too; they are seen on their veths, so what counts here is the socket's network
 * namespace. Unlike on a veth a task runs this and may be interrupted on its CPU, so nothing is
 * kept per CPU without a lock but sums. Only observes: always lets the packet through.
 */
#include "dataplane/bpf/counters.bpf.h"
#include "dataplane/bpf/piece.bpf.h"
#include "dataplane/bpf/whose.bpf.h"

#define NT_PASS 1

struct number {
	struct bpf_spin_lock lock;
	__u32 reserved;
	__u64 next;
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

/* What no event can say takes one number and is lost. */
__noinline int take(struct __sk_buff *skb, __u64 w0, __u64 w1, __u64 w2, __u64 w3)
{
	union nt_piece whole = { .words = { w0, w1, w2, w3 } };
	__u64 ep_id = whole.ep_id;
	struct nt_counters *c = bpf_map_lookup_elem(&counters, &ep_id);
	__u32 n = 1;

	if (!c)
		return -1;
	if (whole.loss == NT_LOSS_MAX)
		n = nt_piece_numbers(whole.len, nt_piece_unit(skb, &whole));
	whole.seq = take_numbers(ep_id, c, whole.dir, n);
	__sync_fetch_and_add(&c->bytes[whole.dir & 1], whole.len);
	__sync_fetch_and_add(&c->gso[whole.dir & 1], nt_emit_segments(skb, whole.len) > 1);
	if (whole.loss == NT_LOSS_MAX)
		return nt_piece_emit(skb, NT_WORDS(whole));
	nt_lose(c, whole.dir, whole.loss, n);
	return 0;
}

/* Sockets neither send nor get fragments here, but for raw ones: those are counted. */
static __always_inline __u32 loss_of(const struct nt_packet *p, int kind)
{
	if (kind == NT_KIND_WHOLE || (kind == NT_KIND_TCP && p->tcp_header))
		return NT_LOSS_MAX;
	return kind == NT_KIND_FIRST_FRAGMENT ? NT_LOSS_FRAGMENT : NT_LOSS_UNPARSABLE;
}

static __always_inline int watch(struct __sk_buff *skb, __u32 dir)
{
	struct nt_packet p = {};
	union nt_piece whole = {};
	struct bpf_sock *sk;
	int kind = nt_packet_parse_ip(skb, &p, skb->protocol);

	if (kind == NT_KIND_OTHER || kind == NT_KIND_LATER_FRAGMENT ||
	    (kind != NT_KIND_ENDLESS && !nt_is_dns(p.sport, p.dport, dir)) ||
	    (kind == NT_KIND_TCP && !nt_tcp_is_event(&p, kind)))
		return NT_PASS;
	sk = skb->sk;
	if (!sk)
		return NT_PASS;
	sk = bpf_sk_fullsock(sk);
	if (!sk || !nt_is_hosts(skb, sk))
		return NT_PASS;
	whole.ep_id = nt_group_of(sk);
	whole.dir = dir;
	whole.is_tcp = kind == NT_KIND_TCP;
	whole.loss = loss_of(&p, kind);
	whole.sport = p.sport;
	whole.dport = p.dport;
	whole.tcp_seq = p.tcp_seq;
	whole.tcp_flags = p.tcp_flags;
	whole.off = p.off + p.tcp_header;
	whole.len = p.payload_len;
	take(skb, NT_WORDS(whole));
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
