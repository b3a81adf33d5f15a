/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Numbers and losses per endpoint: one pinned map for the programs of pods and of the host. BPF
 * only. Entries are made by userspace, so memory follows the number of pods, not the capacity. */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "dataplane/abi.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NT_PODS_MAX);
	__type(key, __u64);
	__type(value, struct nt_counters);
} counters SEC(".maps");

/* reason: enum nt_loss; NT_LOSS_MAX: nothing is lost. */
static __always_inline void nt_lose(struct nt_counters *c, __u32 dir, __u32 reason, __u32 n)
{
	if (reason < NT_LOSS_MAX)
		__sync_fetch_and_add(&c->lost[dir & 1][reason], n);
}
