/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy from what a workload asked for: the labels that its pods have in common, and the names
 * outside the cluster that were answered, folded where many are below one registrable domain. What
 * is left out is told with the reason. Changes nothing; any thread, as long as the reader is its
 * own. Reads the newest rows first. The order of what comes out is that of the texts, whatever the
 * order of the rows was.
 */
#pragma once

#include "controller/policies/span.h"
#include "lib/base/arena.h"

/* Names below one registrable domain from which on it is `*.domain`. */
#define NT_SUGGEST_FOLD_MIN 5
/* Names that make a tunnel of it: hundreds, or a few that are as long as data is. */
#define NT_SUGGEST_TUNNEL_NAMES 200
#define NT_SUGGEST_TUNNEL_OCTETS 40 /* in the mean, before the domain */
/* Of one domain, of which nobody was answered: there may be any number of them. */
#define NT_SUGGEST_FAILED_MAX 50
#define NT_SUGGEST_BYTES_MAX (16u << 20)

struct nt_suggest_config {
	int64_t from_us, to_us;
	struct nt_slice namespace_, workload;
	struct nt_slice workload_kind; /* empty: any, if there is only one */
	struct nt_slice cluster_domain; /* empty: not known */
	int64_t budget_ns; /* of time; 0: NT_SPAN_SECONDS */
};

enum nt_suggest_fate {
	NT_SUGGEST_ALLOWED = 0,
	NT_SUGGEST_TUNNEL = 1, /* answered, but it looks like a tunnel */
	NT_SUGGEST_UNWRITABLE = 2, /* answered, but a policy cannot say it */
	NT_SUGGEST_NXDOMAIN = 3, /* it never was there */
	NT_SUGGEST_BLOCKED = 4, /* a policy stopped it each time */
	NT_SUGGEST_UNANSWERED = 5, /* no answer, or another code than these */
};

struct nt_suggest_name {
	struct nt_slice name; /* logical */
	uint64_t lookups;
	int64_t last_us;
};

/* One entry of the allow list, or what would be one. */
struct nt_suggest_entry {
	struct nt_slice pattern; /* as lib/policy reads it; of what is unwritable the name */
	struct nt_slice domain; /* registrable */
	enum nt_suggest_fate fate;
	const struct nt_suggest_name *names; /* that it stands for, by name */
	size_t names_len;
	/* There were more, which are not told by name. */
	bool more;
	uint64_t lookups; /* of all of them */
	int64_t last_us;
	char why[256]; /* it is a tunnel, or unwritable; else "" */
};

struct nt_suggest {
	struct nt_arena arena, name_texts;
	struct nt_slice workload_kind;
	struct nt_label *labels; /* that its pods have in common, by key */
	size_t labels_len;
	struct nt_suggest_entry *entries; /* those that are allowed first; by domain and pattern */
	size_t entries_len;
	struct nt_span span;
	uint64_t lookups;
	uint64_t nameless; /* the log has no names of them, and not what they are below */
	uint64_t lost; /* found no room */
};

/* 0; -EINVAL with what to do: nothing was asked, there are several kinds of that name, the pods
 * have no label in common; -EBUSY, -ENOMEM, or what the store says. */
int nt_suggest_run(struct nt_store *store, struct nt_store_reader *reader,
		   const struct nt_suggest_config *config, struct nt_suggest **ret_suggest,
		   struct nt_err *err) NT_MUSTCHECK;
void nt_suggest_free(struct nt_suggest *s);
static inline void nt_suggest_freep(struct nt_suggest **s)
{
	nt_suggest_free(*s);
}
/* "tunnel" */
const char *nt_suggest_fate_word(enum nt_suggest_fate fate);
