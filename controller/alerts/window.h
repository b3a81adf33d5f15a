/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The accumulators of one rule: per group, per bucket of event time, what the metric needs. Sparse:
 * only buckets with rows exist. Bounded in groups and in the octets that all rules share. The table
 * is fed by the network: its hash is keyed. One thread. For controller/alerts only.
 */
#pragma once

#include "controller/alerts/figure.h"

struct nt_window_bucket {
	int64_t index; /* start_time / width */
	struct nt_figure figure;
};

/* The newest event of a group, as the store has it or will have it at the end of this tick. */
struct nt_window_event {
	int64_t id; /* 0: none, or not stored yet */
	bool open;
	int64_t first_us, last_us, from_us;
	double value, peak;
};

struct nt_window_group {
	struct nt_window_group *next; /* same hash chain */
	uint64_t hash;
	struct nt_window_bucket *buckets; /* in order of index */
	size_t buckets_len, buckets_cap;
	int64_t newest_us; /* where the last of them begins */
	struct nt_window_event event;
	int64_t settled_us; /* ends up to here are decided, or in the cooldown: nothing opens */
	int64_t since_us; /* first end from which on the condition held, without an event; 0: not */
	int64_t redo_us; /* first end that a late row changed; 0: none */
	int64_t new_us; /* of a rule with unseenFor: when it was new (memory.h); 0: not */
	size_t pending; /* index + 1 in the list of events to be stored; 0: none */
	size_t key_len;
	char key[]; /* values, each with a NUL behind it */
};

struct nt_window {
	const struct nt_rule *rule; /* borrowed */
	const struct nt_siphash_key *hash_key;
	struct nt_keys *keys, *field; /* the rule's, shared with others (shared.h) */
	uint64_t *bytes; /* shared by all windows: NT_ALERT_BYTES_MAX */
	uint32_t groups_max;
	struct nt_window_group **table;
	size_t table_len; /* a power of two, or 0 */
	size_t groups_len;
	struct nt_window_group *last; /* that a row was added to; NULL: look */
	uint64_t last_keys; /* its `changes` then */
};

/* rule, hash_key and bytes are borrowed. */
void nt_window_init(struct nt_window *w, const struct nt_rule *rule,
		    const struct nt_siphash_key *hash_key, uint32_t groups_max, uint64_t *bytes);
void nt_window_done(struct nt_window *w);

/* NULL when there is none and create is false, or when a bound or memory says no. */
struct nt_window_group *nt_window_group(struct nt_window *w, const struct nt_slice *values,
					bool create);
void nt_window_values(const struct nt_window *w, const struct nt_window_group *g,
		      struct nt_slice *ret_values);
static inline struct nt_slice nt_window_key(const struct nt_window_group *g)
{
	return nt_slice_mem(g->key, g->key_len);
}
/* The keys of the groups that a record belongs to (several where they are of servers); server: of
 * whose members they are, NULL when of none. False: there is no memory for one of them. */
typedef bool nt_window_key_fn(void *ctx, struct nt_slice key, const struct nt_server *server);
bool nt_window_keys(const struct nt_window *w, const struct nt_row *row, nt_window_key_fn *fn,
		    void *ctx);
/* All groups in no order: NULL first, then what came last; NULL at the end. */
struct nt_window_group *nt_window_next(const struct nt_window *w, const struct nt_window_group *g);

/* Called per group that a record belongs to. */
typedef void nt_window_group_fn(void *ctx, struct nt_window_group *g);
/* Adds the record, which matches the rule. Returns false when a bound kept it out somewhere. */
bool nt_window_add(struct nt_window *w, const struct nt_row *row, nt_window_group_fn *fn,
		   void *ctx);
/* The metric over [end - lookback, end); false when the condition does not hold, there is nothing
 * to tell the value from, or the rule is of groups that are new and this one was not so then. */
bool nt_window_fires(const struct nt_window *w, const struct nt_window_group *g, int64_t end_us,
		     double *ret_value);
/* Drops buckets that end before before_us, and groups without buckets whose event is none, or ended
 * before. */
void nt_window_expire(struct nt_window *w, int64_t before_us);
