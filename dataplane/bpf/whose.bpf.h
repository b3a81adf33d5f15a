/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Whose socket is this: of the host's network namespace or another, of which cgroup. BPF only. */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "dataplane/abi.h"

#define NT_SOCKET_OURS 1

/* Set before loading; see dataplane/taps/hostnet.c. */
const volatile __u32 nt_host_mode = NT_HOST_BEACON;
const volatile __u64 nt_host_netns_cookie = 0;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NT_HOST_GROUPS_MAX);
	__type(key, __u64);
	__type(value, __u64);
} groups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct nt_host_conf);
} conf SEC(".maps");

/* A listener's children inherit it (kernel 5.4, commit 8f51dfc73bf1). */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, __u32);
} marked SEC(".maps");

/* The agent holds a socket on 127.0.0.1 in the host's network namespace with a mark that nobody
 * else knows. Where it is found, there we are; a lookup is done in the namespace of the device. */
static __always_inline int nt_sees_beacon(struct __sk_buff *skb)
{
	__u32 zero = 0, mark;
	const struct nt_host_conf *c = bpf_map_lookup_elem(&conf, &zero);
	struct bpf_sock_tuple t = {};
	struct bpf_sock *beacon;

	if (!c || !c->beacon_port)
		return 0;
	t.ipv4.saddr = t.ipv4.daddr = bpf_htonl(0x7f000001);
	t.ipv4.dport = bpf_htons(c->beacon_port);
	t.ipv4.sport = bpf_htons(1);
	mark = c->beacon_mark;
	beacon = bpf_sk_lookup_udp(skb, &t, sizeof(t.ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!beacon)
		return 0;
	zero = beacon->mark == mark;
	bpf_sk_release(beacon);
	return zero;
}

/* Only a yes is remembered: a no may mean that the agent is away. */
static __always_inline int nt_is_hosts(struct __sk_buff *skb, struct bpf_sock *sk)
{
	__u32 ours = NT_SOCKET_OURS;

	if (nt_host_mode == NT_HOST_COOKIE)
		return bpf_get_netns_cookie(skb) == nt_host_netns_cookie;
	if (bpf_sk_storage_get(&marked, sk, (void *)0, 0))
		return 1;
	if (!nt_sees_beacon(skb))
		return 0;
	(void)bpf_sk_storage_get(&marked, sk, &ours, BPF_SK_STORAGE_GET_F_CREATE);
	return 1;
}

static __always_inline __u64 nt_group_of(struct bpf_sock *sk)
{
	__u64 group = bpf_sk_cgroup_id(sk);
	const __u64 *ep_id = bpf_map_lookup_elem(&groups, &group);

	if (!ep_id) {
		group = 0;
		ep_id = bpf_map_lookup_elem(&groups, &group);
	}
	return ep_id ? *ep_id : 0;
}

/* Where cgroup_skb cannot tell, the making of a socket can (5.12, commit f7c6cb1d9728): these are
 * known with the agent away, too. */
SEC("cgroup/sock_create")
int socket(struct bpf_sock *sk)
{
	__u32 ours = NT_SOCKET_OURS;

	if (bpf_get_netns_cookie(sk) == nt_host_netns_cookie)
		(void)bpf_sk_storage_get(&marked, sk, &ours, BPF_SK_STORAGE_GET_F_CREATE);
	return 1;
}
