/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Into the ring, within the pod's share of it, and with a wake-up once per drain at most. BPF only.
 *
 * The share is a dynamic threshold (T12): a pod may have in flight what is free, no more. Nobody
 * can be above that while the ring is less than half full, so below a quarter nothing is looked at.
 */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "dataplane/abi.h"

#ifndef NULL
#define NULL ((void *)0)
#endif

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

/* Set before loading; see load.c. */
const volatile __u32 nt_ring_bytes = NT_RING_BYTES_DEFAULT;

/* What fits into the ring but not into the share. A share may seem to be below zero for a moment:
 * the reader may be faster than our addition. */
static __always_inline int nt_ring_exceeds(const struct nt_share *share, __u64 takes, __u64 used)
{
	__s64 in_flight = (__s64)(*(volatile const __u64 *)&share->produced -
				  *(volatile const __u64 *)&share->consumed);
	__s64 available = (__s64)nt_ring_bytes - (__s64)used;

	return available >= (__s64)takes && in_flight + (__s64)takes > available;
}

/* Wake-ups cost more than events: none, but one per drain when the ring is more than a quarter
 * full. Not half (T12): there a pod that is alone has its share already. The flag falls only with
 * an event that got in, else nobody would be woken. */
static __always_inline long nt_ring_wake(void *record, __u64 len)
{
	__u32 zero = 0;
	struct nt_drain *d = bpf_map_lookup_elem(&drain, &zero);
	long r;

	if (!d || !d->armed)
		return bpf_ringbuf_output(&events, record, len, BPF_RB_NO_WAKEUP);
	r = bpf_ringbuf_output(&events, record, len, BPF_RB_FORCE_WAKEUP);
	if (r == 0) {
		d->armed = 0;
		d->wakeups++;
	}
	return r;
}

/* The record goes in, or the reason why not (enum nt_loss) comes back; NT_LOSS_MAX: it is in. */
static __always_inline __u32 nt_ring_output(void *record, __u64 len, __u32 ifindex)
{
	__u64 used = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA), takes = NT_RING_TAKES(len);
	__u32 at = ifindex & (NT_SHARES - 1);
	struct nt_share *share = bpf_map_lookup_elem(&shares, &at);
	long r;

	if (!share)
		return NT_LOSS_RING_FULL;
	if (used + takes <= nt_ring_bytes / 4) {
		r = bpf_ringbuf_output(&events, record, len, BPF_RB_NO_WAKEUP);
	} else {
		if (nt_ring_exceeds(share, takes, used))
			return NT_LOSS_SHARE_EXCEEDED;
		r = nt_ring_wake(record, len);
	}
	if (r < 0)
		return NT_LOSS_RING_FULL;
	/* Atomic, because a link's packets come on several CPUs; without a result (T8). */
	__sync_fetch_and_add(&share->produced, takes);
	return NT_LOSS_MAX;
}

/*
 * The same for whoever may be interrupted on his CPU and so can have no scratch of his own: room
 * for a record of the ring's, NULL with the reason in *ret_loss. `bytes` must be a constant.
 */
static __always_inline void *nt_ring_reserve(__u64 bytes, __u32 *ret_loss)
{
	__u64 used = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA), takes = NT_RING_TAKES(bytes);
	__u32 at = NT_SHARE_HOST;
	struct nt_share *share = bpf_map_lookup_elem(&shares, &at);
	void *record;

	*ret_loss = NT_LOSS_RING_FULL;
	if (!share)
		return NULL;
	if (used + takes > nt_ring_bytes / 4 && nt_ring_exceeds(share, takes, used)) {
		*ret_loss = NT_LOSS_SHARE_EXCEEDED;
		return NULL;
	}
	record = bpf_ringbuf_reserve(&events, bytes, 0);
	if (record)
		__sync_fetch_and_add(&share->produced, takes);
	return record;
}

static __always_inline void nt_ring_submit(void *record)
{
	__u64 used = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA), how = BPF_RB_NO_WAKEUP;
	__u32 zero = 0;
	struct nt_drain *d = bpf_map_lookup_elem(&drain, &zero);

	if (d && d->armed && used > nt_ring_bytes / 4) {
		d->armed = 0;
		d->wakeups++;
		how = BPF_RB_FORCE_WAKEUP;
	}
	bpf_ringbuf_submit(record, how);
}
