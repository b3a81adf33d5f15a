/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The maps that policies are judged by. BPF only. */
#pragma once

#include "dataplane/bpf/packet.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NT_RULES_MAX);
	__type(key, struct nt_rule_key);
	__type(value, __u32);
} rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NT_PODS_MAX);
	__type(key, __u64);
	__type(value, struct nt_scope_set);
} scopes SEC(".maps");

/* Secret of the suffix hash; set before loading. */
const volatile struct nt_rules_key nt_key = {};
