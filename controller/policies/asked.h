/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which names a workload asked for and what came of each, by registrable domain, within bounds.
 * Inside controller/policies only. Not thread-safe.
 */
#pragma once

#include "lib/base/arena.h"
#include "lib/base/hash.h"
#include "lib/base/hashtable.h"
#include "lib/names/names.h"

enum nt_asked_outcome {
	NT_ASKED_ANSWERED = 0, /* NOERROR */
	NT_ASKED_NXDOMAIN = 1,
	NT_ASKED_BLOCKED = 2, /* a policy's answer, or none because of it */
	NT_ASKED_UNANSWERED = 3, /* no reply, or another code */
	NT_ASKED_OUTCOMES = 4,
};

struct nt_asked_count {
	uint64_t lookups;
	int64_t last_us;
};

struct nt_asked_name {
	struct nt_hashtable_link link;
	struct nt_asked_name *next; /* of its domain */
	struct nt_slice name;
	uint64_t outcomes[NT_ASKED_OUTCOMES];
	struct nt_asked_count count; /* of all of them */
};

struct nt_asked_domain {
	struct nt_hashtable_link link;
	struct nt_asked_domain *next;
	struct nt_slice domain;
	struct nt_asked_name *names;
	size_t answered_len, failed_len; /* of names: the latter were never answered */
	/* Without their names: beyond the bounds of a domain, or folded in the log. */
	struct nt_asked_count answered_more, failed_more;
	bool folded; /* answered_more has some that are folded in the log */
};

struct nt_asked {
	struct nt_arena arena;
	struct nt_names *classes;
	struct nt_hash_key key;
	struct nt_hashtable names, domains;
	struct nt_asked_domain *first_domain;
	size_t answered_max, failed_max; /* names of one domain */
	uint64_t lookups, nameless, lost; /* the latter two as in struct nt_suggest */
};

/* cluster_domain: names below it are nobody's concern; empty: cluster.local. */
int nt_asked_init(struct nt_asked *a, struct nt_slice cluster_domain, size_t bytes_max,
		  struct nt_err *err) NT_MUSTCHECK;
void nt_asked_done(struct nt_asked *a);
/* r: a row of lookups. */
void nt_asked_add(struct nt_asked *a, const struct nt_record *r);
/* What came of it, the best of all times. */
enum nt_asked_outcome nt_asked_outcome(const struct nt_asked_name *n);
