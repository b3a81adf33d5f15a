/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What policies would stop or mark that nobody stops or marks now: each lookup of the log is judged
 * by those that are there and by those that would be (plans.h), for the pod as it was when it
 * asked, and what differs is told by workload and name. What cannot be known from the log is told
 * as such. Changes nothing; any thread, as long as the reader is its own. Reads page by page,
 * newest rows first: what a bound cuts off is the oldest.
 */
#pragma once

#include "controller/policies/plans.h"
#include "controller/policies/searches.h"
#include "controller/policies/span.h"

#define NT_REPLAY_ENTRIES_MAX 1000
#define NT_REPLAY_BYTES_MAX (16u << 20) /* of names and workloads */
/* Names of one workload. Beyond it they are one entry: a workload that makes up names must not
 * cost the others their room. */
#define NT_REPLAY_NAMES_MAX 1000
#define NT_REPLAY_OTHER "~other"

struct nt_replay_config {
	int64_t from_us, to_us;
	const struct nt_query *filter; /* nt_plans_query */
	struct nt_slice cluster_domain; /* as agents have it; empty: not known */
	int64_t budget_ns; /* of time; 0: NT_SPAN_SECONDS */
};

/* Why it is not certain that the lookup would be judged so. */
enum nt_replay_doubt {
	NT_REPLAY_CERTAIN = 0,
	NT_REPLAY_SEARCH_DOMAIN = 1, /* whether the pod's node trusts it decides */
	NT_REPLAY_CLUSTER_DOMAIN = 2, /* it is not known, and decides */
	NT_REPLAY_FOLDED = 3, /* the log has no names of these lookups, only what they are below */
	NT_REPLAY_MANY = 4, /* beyond NT_REPLAY_NAMES_MAX: NT_REPLAY_OTHER */
};

struct nt_replay_entry {
	struct nt_slice namespace_, workload_kind, workload;
	struct nt_slice name; /* as it was asked */
	struct nt_slice policy; /* that would decide */
	size_t place; /* among those of its workload, from 0 */
	uint8_t verdict; /* enum nt_verdict: AUDIT, DENY, UNJUDGEABLE (TCP below Enforce) */
	enum nt_replay_doubt doubt;
	uint64_t lookups;
	int64_t first_us, last_us;
};

struct nt_replay { /* the plans outlive it */
	struct nt_arena arena, entry_texts;
	struct nt_replay_entry *entries; /* what is denied first, certain first, by lookups */
	size_t entries_len, entries_more; /* the latter are not told */
	struct nt_searches_seen searches;
	struct nt_span span;
	uint64_t lookups; /* of pods that the policies would select */
	/* Of these, over all entries: that are stopped, are marked, may be one or the other. */
	uint64_t deny, audit, unsure;
	uint64_t unlabelled; /* whose pods' labels the log does not have: not judged */
	uint64_t nameless; /* malformed ones: not judged */
	uint64_t other; /* that are in entries NT_REPLAY_OTHER */
	uint64_t lost; /* that found no room at all, and are in nothing else */
	bool crowded; /* a pod is selected by more policies than it may have */
};

/* 0; -EBUSY: retention took rows away, the same may be asked again; -ENOMEM, or what the store
 * says, with err. */
int nt_replay_run(struct nt_store *store, struct nt_store_reader *reader,
		  const struct nt_plans *plans, const struct nt_replay_config *config,
		  struct nt_replay **ret_replay, struct nt_err *err) NT_MUSTCHECK;
void nt_replay_free(struct nt_replay *r);
static inline void nt_replay_freep(struct nt_replay **r)
{
	nt_replay_free(*r);
}
/* "deny" */
const char *nt_replay_verdict_word(uint8_t verdict);
/* "search_domain"; "" for what is certain. */
const char *nt_replay_doubt_word(enum nt_replay_doubt doubt);
