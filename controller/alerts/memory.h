/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which groups a rule saw, for rules with unseenFor: of each when it was new and when it was seen
 * last. A group is new with a sighting that has none in unseenFor before it; what follows within
 * that time of each other is of the same *era*. All of it is in memory; changes go into the store
 * with the tick's events (pending.h), each group when its first windows are decided, then at most
 * once an hour (and a 16th of unseenFor). Bounded: where it is full, the groups that were not seen
 * for longest go. One thread. For controller/alerts only.
 */
#pragma once

#include "controller/alerts/rule.h"
#include "lib/dns/siphash.h"

/* Of one rule: a table of 3 MiB. And of all: 19 MB where each takes 55 octets. */
#define NT_MEMORY_GROUPS_MAX 100000
#define NT_MEMORY_ALL_MAX 350000
/* Sightings that one tick writes: it holds up ingestion. */
#define NT_MEMORY_WRITES_MAX 5000

/* Times are whole seconds, as the bounds of windows are. */
struct nt_memory_group {
	uint64_t hash; /* of the group's values; 0: no group is here */
	uint32_t first_s, last_s; /* of its era */
	uint32_t stored_s; /* last_s as the store has it; 0: the era is not in the store */
	bool told; /* an event of the era opened, and the era is to be stored with it */
};

struct nt_memory {
	const struct nt_rule *rule; /* borrowed */
	uint64_t *bytes; /* shared by all rules: NT_ALERT_BYTES_MAX */
	uint64_t *groups; /* of all memories */
	struct nt_store_memory head; /* without its rule */
	bool loaded; /* it has what the store has */
	bool begins; /* the store has none of it yet */
	bool urgent; /* there are groups that were told */
	struct nt_memory_group *table;
	size_t table_len; /* a power of two, or 0 */
	size_t len;
	int64_t forget_us; /* the store is to forget what was seen last before; 0: nothing */
	int64_t stored_us, expired_us; /* when that was done last; 0: never */
	uint64_t forgotten; /* groups that went for want of room */
};

/* Empty, and not loaded. All pointers are borrowed. */
void nt_memory_init(struct nt_memory *m, const struct nt_rule *rule, uint64_t *bytes,
		    uint64_t *groups);
void nt_memory_done(struct nt_memory *m);
/* Nothing is known, and the rule learns from since_us on. -EIO: there is no key. */
int nt_memory_begin(struct nt_memory *m, int64_t since_us, struct nt_err *err) NT_MUSTCHECK;
/* A group as the store has it; false: there is no room. */
bool nt_memory_load(struct nt_memory *m, const struct nt_store_sighting *stored);

/* Until then nothing opens. */
int64_t nt_memory_learns_until(const struct nt_memory *m);
/* The group with that key (window.h) was seen. Not in time for its windows: it makes nothing known,
 * for no event could tell of it, but lets an era last. *ret_new_us: when it was new, 0 while
 * learning. False: there is no room. */
bool nt_memory_see(struct nt_memory *m, struct nt_slice key, int64_t at_us, bool in_time,
		   int64_t *ret_new_us);
/* An event says that the group is new. */
void nt_memory_tell(struct nt_memory *m, struct nt_slice key);
/* Is there something for the store? Also drops what is of no use any more. */
bool nt_memory_is_due(struct nt_memory *m, int64_t now_us);
/* The next group, from place *at on, that is to be stored, and marks it so: told ones, eras all of
 * whose windows end by decided_us, sightings that are long after the stored one. False: none. */
bool nt_memory_take(struct nt_memory *m, int64_t decided_us, bool only_told, size_t *at,
		    struct nt_store_sighting *ret_sighting);
