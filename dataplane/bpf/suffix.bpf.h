/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The keyed hash of a name's suffixes as in lib/policy/suffix.h, one label per call. BPF only.
 *
 * A global function with scalars: it is verified once and not for each of 127 labels (5.10 takes no
 * pointers there). What it works on is in a per-CPU value.
 */
#pragma once

#include "dataplane/bpf/packet.bpf.h"

/* A query is 12 + 255 + 4 octets and an OPT record; what is longer is not judged. */
#define NT_QUERY_MAX 512
#define NT_LABELS_MAX 127

/* In asm, because clang drops a mask that it can prove and older kernels cannot. */
#define NT_MASK(x, mask) asm volatile("%0 &= %1" : "+r"(x) : "i"(mask))

struct nt_judging {
	struct nt_scope_set scope;
	struct nt_packet packet; /* what is judged */
	__u64 hash; /* of the suffix that the walk has reached */
	__u32 slots[NT_POLICY_SLOTS];
	__u32 slots_len;
	__u32 live; /* bit per slot: longer suffixes may be in its set */
	__u32 allowed;
	__u32 cluster; /* the name is below the cluster domain */
	__u32 search; /* labels of the longest trusted search domain that it is below */
	__u32 labels;
	__u32 question_end; /* octets of header and question */
	__u32 has_opt;
	__u32 wants_dnssec;
	__u32 cookie_at;
	__u32 cookie_len; /* 0: none that could be echoed */
	__u32 slot; /* that decided */
	__u32 worst_slot; /* of all datagrams */
	__u32 segs;
	__u32 segment_len; /* the last may be shorter */
	__u16 label_at[NT_LABELS_MAX + 1];
	__u8 query[NT_QUERY_MAX + 80]; /* the last label is read in words */
	__u8 reply[NT_QUERY_MAX + 128];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct nt_judging);
} judging SEC(".maps");

/* Secret; set before loading. */
const volatile struct nt_rules_key nt_key = {};

static __always_inline struct nt_judging *nt_judging(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&judging, &zero);
}

static __always_inline __u64 nt_rotl(__u64 x, int n)
{
	return x << n | x >> (64 - n);
}

static __always_inline void nt_sip_round(__u64 v[4])
{
	v[0] += v[1];
	v[1] = nt_rotl(v[1], 13) ^ v[0];
	v[0] = nt_rotl(v[0], 32);
	v[2] += v[3];
	v[3] = nt_rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = nt_rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = nt_rotl(v[1], 17) ^ v[2];
	v[2] = nt_rotl(v[2], 32);
}

static __always_inline void nt_sip_word(__u64 v[4], __u64 word)
{
	v[3] ^= word;
	nt_sip_round(v);
	v[0] ^= word;
}

/* Eight octets at once: bit 7 of each says whether it is in 'A' to 'Z'. */
static __always_inline __u64 nt_lower(__u64 w)
{
	__u64 low = w & 0x7f7f7f7f7f7f7f7full;
	__u64 from_a = low + 0x3f3f3f3f3f3f3f3full;
	__u64 above_z = low + 0x2525252525252525ull;

	return w | ((from_a & ~above_z & ~w & 0x8080808080808080ull) >> 2);
}

/* hash = SipHash-1-3(key, LE64(hash) || label in lower case); the label lies at query[at]. */
__noinline int nt_hash_label(__u32 at, __u32 len)
{
	const volatile __u64 *key = (const volatile __u64 *)nt_key.key;
	struct nt_judging *j = nt_judging();
	__u64 off = at, last, v[4];
	const __u8 *label;

	if (!j || len > 63)
		return -1;
	NT_MASK(off, NT_QUERY_MAX - 1);
	label = j->query + off;
	v[0] = key[0] ^ 0x736f6d6570736575ull;
	v[1] = key[1] ^ 0x646f72616e646f6dull;
	v[2] = key[0] ^ 0x6c7967656e657261ull;
	v[3] = key[1] ^ 0x7465646279746573ull;
	nt_sip_word(v, j->hash);
	last = (__u64)(len + 8) << 56;
	for (__u32 i = 0; i < 64; i += 8) {
		__u64 word = nt_lower(*(const __u64 *)(label + i));

		if (i + 8 <= len)
			nt_sip_word(v, word);
		else if (i < len)
			last |= word & ((1ull << ((len - i) * 8 & 63)) - 1);
	}
	nt_sip_word(v, last);
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		nt_sip_round(v);
	j->hash = v[0] ^ v[1] ^ v[2] ^ v[3];
	return 0;
}
