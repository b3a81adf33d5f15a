/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Search domains, as rows of the log show them: what stands behind the logical name of a step of
 * the search list that was not found. Which of them an agent trusts (those of its node's own
 * resolv.conf) is in no row. Pure.
 */
#pragma once

#include "lib/base/arena.h"
#include "lib/record/record.h"

/* Six are what a resolver walks; a cluster has those of its few sorts of nodes. */
#define NT_SEARCHES_SEEN_MAX 32

struct nt_searches_seen {
	struct nt_slice domains[NT_SEARCHES_SEEN_MAX]; /* in the arena */
	size_t len;
	uint64_t over; /* rows with yet another one */
};

/* The one behind the row's name, "" when the row is of another scope. Points into the record. */
struct nt_slice nt_searches_of(const struct nt_record *r);
/* Adds it, unless it is there or below the cluster domain, which needs no search domain. -ENOMEM */
int nt_searches_add(struct nt_searches_seen *s, struct nt_slice domain,
		    struct nt_slice cluster_domain, struct nt_arena *arena) NT_MUSTCHECK;
/* Is name below domain? Both in presentation form and lower case. */
bool nt_searches_ends(struct nt_slice name, struct nt_slice domain);
