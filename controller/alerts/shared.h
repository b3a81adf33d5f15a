/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What hundreds of rules share when a record comes, so that it costs little more than the rules
 * that it is for: those whose query wants the same value of a field lie together and are not looked
 * at when the record has another one; the same query, terms of queries and keys are looked at once.
 * Points into the rules of entries: made anew when one comes, changes or goes. For
 * controller/alerts only.
 */
#pragma once

#include "controller/alerts/key.h"

struct nt_alerts_entry;

/* Rules with the same query. It holds only where the field has that value, or may hold anywhere
 * (NULL). */
struct nt_shared_list {
	const struct nt_field *field;
	struct nt_slice value;
	const struct nt_rule *rule; /* one of them */
	struct nt_alerts_entry **entries;
	size_t len;
	size_t alike; /* lists from here on that want the same value */
};

/* The lists that want a value of the same field. */
struct nt_shared_field {
	size_t from, to;
	const struct nt_shared_list *last; /* that was found; NULL: none yet */
};

struct nt_shared { /* zeroed: empty */
	struct nt_shared_list *lists; /* by field, value, query */
	size_t lists_len;
	struct nt_shared_field *fields;
	size_t fields_len;
	struct nt_alerts_entry **entries; /* of all lists */
	struct nt_keys *keys; /* each combination once; windows point here */
	size_t keys_len;
	struct nt_query_terms *terms;
	uint64_t rows;
};

/* Of the entries that have a rule. -ENOMEM: it is empty. */
int nt_shared_make(struct nt_shared *s, struct nt_alerts_entry *const *entries,
		   size_t len) NT_MUSTCHECK;
void nt_shared_done(struct nt_shared *s);

/* The next row, for a rule that the record is known to be for. */
struct nt_row nt_shared_row(struct nt_shared *s, const struct nt_record *r,
			    const struct nt_siphash_key *hash_key);
/* Calls fn with each entry whose query holds for the record. */
typedef void nt_shared_fn(void *ctx, struct nt_alerts_entry *e, const struct nt_row *row);
void nt_shared_each(struct nt_shared *s, const struct nt_record *r,
		    const struct nt_siphash_key *hash_key, nt_shared_fn *fn, void *ctx);
