/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The verdict on a query, as lib/policy/judge.c would give it: the name is walked from its
 * rightmost label, one lookup per label and policy, until no set has a longer suffix. BPF only.
 */
#pragma once

#include "dataplane/bpf/suffix.bpf.h"

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

#define NT_OPTIONS_MAX 16
#define NT_TYPE_OPT 41
#define NT_OPTION_COOKIE 10

static __always_inline __u32 nt_octet(const struct nt_judging *j, __u64 at)
{
	NT_MASK(at, NT_QUERY_MAX - 1);
	return j->query[at];
}

static __always_inline __u32 nt_word(const struct nt_judging *j, __u64 at)
{
	return nt_octet(j, at) << 8 | nt_octet(j, at + 1);
}

/* Where the labels are. Each of the scanners is a function of its own, so that what comes behind a
 * loop is not verified once per way out of it. */
__noinline int nt_scan_name(__u32 len)
{
	struct nt_judging *j = nt_judging();
	__u32 at = 12, n = 0;

	if (!j)
		return -1;
	for (int i = 0; i <= NT_LABELS_MAX; i++) {
		__u32 label = nt_octet(j, at);
		__u64 index = n;

		if (at >= len || at >= 12 + 255 || label > 63)
			return -1;
		if (label == 0) {
			j->labels = n;
			j->question_end = at + 1 + 4;
			return 0;
		}
		NT_MASK(index, NT_LABELS_MAX);
		j->label_at[index] = at;
		n++;
		at += label + 1;
	}
	return -1;
}

/* The options of an OPT record fill it exactly; the cookie is remembered. */
__noinline int nt_scan_options(__u32 at, __u32 end)
{
	struct nt_judging *j = nt_judging();

	if (!j)
		return -1;
	for (int i = 0; i < NT_OPTIONS_MAX && at != end; i++) {
		__u32 len;

		if (at + 4 > end)
			return -1;
		len = nt_word(j, at + 2);
		if (nt_word(j, at) == NT_OPTION_COOKIE && len >= 16 && len <= 40) {
			j->cookie_at = at;
			j->cookie_len = len;
		}
		at += 4 + len;
	}
	return at == end ? 0 : -1;
}

/* 0: one question in a plain query, and behind it at most one OPT record. */
__noinline int nt_scan(__u32 len)
{
	struct nt_judging *j = nt_judging();
	__u32 end, rdata;

	if (!j)
		return -1;
	j->has_opt = j->wants_dnssec = j->cookie_len = 0;
	if (len < 12 + 5 || len > NT_QUERY_MAX || nt_octet(j, 2) & 0xf8)
		return -1;
	if (nt_word(j, 4) != 1 || nt_word(j, 6) || nt_word(j, 8) || nt_word(j, 10) > 1)
		return -1;
	if (nt_scan_name(len) < 0)
		return -1;
	end = j->question_end;
	if (nt_word(j, 10) == 0)
		return end == len ? 0 : -1;
	if (end + 11 > len || nt_octet(j, end) || nt_word(j, end + 1) != NT_TYPE_OPT)
		return -1;
	rdata = nt_word(j, end + 9);
	if (nt_octet(j, end + 6) || end + 11 + rdata != len) /* EDNS versions above 0 (T28) */
		return -1;
	j->has_opt = 1;
	j->wants_dnssec = nt_octet(j, end + 7) & 0x80;
	return nt_scan_options(end + 11, len);
}

/* One suffix against all sets that are still in the walk. last: it is the whole name. */
__noinline int nt_match(__u32 last)
{
	struct nt_judging *j = nt_judging();

	if (!j)
		return -1;
	for (__u32 i = 0; i < NT_POLICY_SLOTS; i++) {
		struct nt_rule_key key = { .slot = j->slots[i] & ~NT_SLOT_AUDIT, .hash = j->hash };
		__u32 *flags;

		if (!(j->live & 1u << i))
			continue;
		flags = bpf_map_lookup_elem(&rules, &key);
		if (flags && *flags & (last ? NT_RULE_EXACT : NT_RULE_WILDCARD))
			j->allowed |= 1u << i;
		if (!flags || !(*flags & NT_RULE_HAS_CHILD) || j->allowed & 1u << i)
			j->live &= ~(1u << i);
	}
	return 0;
}

__noinline int nt_match_scope(__u32 depth, __u32 last)
{
	struct nt_judging *j = nt_judging();

	if (!j)
		return -1;
	for (__u32 i = 0; i < NT_SCOPE_SUFFIXES; i++) {
		if (i >= j->scope.len || j->scope.suffixes[i].labels != depth ||
		    j->scope.suffixes[i].hash != j->hash)
			continue;
		if (j->scope.suffixes[i].kind == NT_SCOPE_KIND_CLUSTER)
			j->cluster = 1;
		else if (!last)
			j->search = depth;
	}
	return 0;
}

/* Label k from the right of a name's first `count`; 1 when nothing longer matters. scoped: labels
 * up to which the pod's own suffixes matter although no set has more. */
__noinline int nt_step(__u32 k, __u32 count, __u32 scoped)
{
	struct nt_judging *j = nt_judging();
	__u64 index = count - 1 - k;
	__u32 at;

	if (!j || k >= count || (!j->live && k >= scoped))
		return 1;
	NT_MASK(index, NT_LABELS_MAX);
	at = j->label_at[index];
	nt_hash_label(at + 1, nt_octet(j, at));
	nt_match(k + 1 == count);
	if (k < scoped)
		nt_match_scope(k + 1, k + 1 == count);
	return 0;
}

__noinline int nt_walk(__u32 count, __u32 scoped)
{
	struct nt_judging *j = nt_judging();

	if (!j)
		return -1;
	j->hash = 0;
	for (__u32 k = 0; k < NT_LABELS_MAX; k++) {
		if (nt_step(k, count, scoped))
			break;
	}
	return 0;
}

/* Any policy of a mode allows, or its first one decides. */
__noinline int nt_decide(void)
{
	__u32 first[2] = {}, any[2] = {};
	struct nt_judging *j = nt_judging();

	if (!j)
		return NT_VERDICT_UNJUDGEABLE;
	for (__u32 i = 0; i < NT_POLICY_SLOTS; i++) {
		__u32 slot = j->slots[i];

		if (i >= j->slots_len)
			break;
		if (slot & NT_SLOT_AUDIT) {
			any[1] |= j->allowed & 1u << i;
			first[1] = first[1] ? first[1] : slot & ~NT_SLOT_AUDIT;
		} else {
			any[0] |= j->allowed & 1u << i;
			first[0] = first[0] ? first[0] : slot;
		}
	}
	j->slot = first[0];
	if (first[0] && !any[0])
		return NT_VERDICT_DENY;
	j->slot = first[1];
	if (first[1] && !any[1])
		return NT_VERDICT_AUDIT;
	j->slot = 0;
	return NT_VERDICT_ALLOW;
}

/* The verdict on the query of `len` octets in j->query; j->slot is the policy that decided. */
__noinline int nt_judge(__u32 len)
{
	struct nt_judging *j = nt_judging();
	__u32 all, scoped = 0;

	if (!j)
		return NT_VERDICT_UNJUDGEABLE;
	j->slot = 0;
	if (nt_scan(len) < 0)
		return NT_VERDICT_UNJUDGEABLE;
	for (__u32 i = 0; i < NT_SCOPE_SUFFIXES; i++) {
		if (i < j->scope.len && j->scope.suffixes[i].labels > scoped)
			scoped = j->scope.suffixes[i].labels;
	}
	all = (1u << (j->slots_len & 15)) - 1;
	j->live = all;
	j->allowed = j->cluster = j->search = 0;
	nt_walk(j->labels, scoped);
	if (j->cluster)
		return NT_VERDICT_ALLOW;
	if (j->search) {
		j->live = all & ~j->allowed;
		nt_walk(j->labels - j->search, 0);
	}
	return nt_decide();
}
