/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Fills a ring: what is given as a packet goes in as an event. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "dataplane/abi.h"

#define SAMPLE_MAX 2048

struct sample {
	__u8 octets[SAMPLE_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sample);
} scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, NT_RING_BYTES_DEFAULT);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct nt_drain);
} drain SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, NT_SHARES);
	__type(key, __u32);
	__type(value, struct nt_share);
} shares SEC(".maps");

SEC("tc")
int fill(struct __sk_buff *skb)
{
	__u32 zero = 0;
	__u64 len = skb->len;
	struct sample *s = bpf_map_lookup_elem(&scratch, &zero);

	if (!s || len == 0 || len > SAMPLE_MAX)
		return 1;
	len -= 1;
	asm volatile("%0 &= %1" : "+r"(len) : "i"(SAMPLE_MAX - 1));
	len += 1;
	if (bpf_skb_load_bytes(skb, 0, s->octets, len) < 0)
		return 1;
	return bpf_ringbuf_output(&events, s, len, BPF_RB_NO_WAKEUP) < 0;
}

char bench_license[] SEC("license") = "Dual BSD/GPL";
