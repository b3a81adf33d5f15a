/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who asked for what, how often and when: names under workloads, each once, within bounds. Inside
 * controller/policies only. Not thread-safe.
 */
#pragma once

#include "controller/policies/plans.h"
#include "lib/base/hash.h"
#include "lib/base/hashtable.h"

struct nt_ledger_count {
	uint64_t lookups;
	int64_t first_us, last_us;
};

/* Pods of one workload for which the same policies are in force. */
struct nt_ledger_workload {
	struct nt_hashtable_link link;
	struct nt_ledger_workload *next; /* in the order in which they came */
	struct nt_slice namespace_, kind, name;
	struct nt_plan_picks picks;
	size_t names_len;
	struct nt_ledger_count other; /* of names that found no room */
};

struct nt_ledger_name {
	struct nt_hashtable_link link;
	struct nt_ledger_name *next;
	struct nt_ledger_workload *workload;
	struct nt_slice qname;
	struct nt_slice search; /* the domain that the search list put behind it; its end, or "" */
	bool tcp, folded;
	struct nt_ledger_count count;
};

struct nt_ledger {
	struct nt_arena arena;
	struct nt_hash_key key;
	struct nt_hashtable workloads, names;
	struct nt_ledger_workload *first_workload;
	struct nt_ledger_name *first_name;
	size_t names_max; /* of one workload */
};

/* bytes_max: of all that is in it, but for the tables' buckets. */
int nt_ledger_init(struct nt_ledger *l, size_t bytes_max, size_t names_max,
		   struct nt_err *err) NT_MUSTCHECK;
void nt_ledger_done(struct nt_ledger *l);

/* That of the row's client; NULL: it found no room. */
struct nt_ledger_workload *nt_ledger_workload(struct nt_ledger *l, const struct nt_record *r,
					      const struct nt_plan_picks *picks);
/* Counts the row's lookups under its name; false: it found no room. search: of r's texts. */
bool nt_ledger_count(struct nt_ledger *l, struct nt_ledger_workload *w, const struct nt_record *r,
		     struct nt_slice search) NT_MUSTCHECK;
/* Counts them without their name. */
void nt_ledger_count_other(struct nt_ledger_workload *w, const struct nt_record *r);
