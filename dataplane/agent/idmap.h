/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A map from a non-zero 64-bit id (ep_id) to a pointer: open addressing, grows by doubling. Keys
 * come from the plugin, not from packets,. Not thread-safe; owns no
 * values.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nt_idmap {
	struct nt_idmap_slot *slots;
	size_t cap; /* a power of two, or 0 */
	size_t len;
};

struct nt_idmap_slot {
	uint64_t id; /* 0: free */
	void *value;
};

void *nt_idmap_find(const struct nt_idmap *m, uint64_t id);
/* Sets or replaces; false when there is no memory or id is 0. */
bool nt_idmap_set(struct nt_idmap *m, uint64_t id, void *value);
/* Returns the value that was there, or NULL. */
void *nt_idmap_remove(struct nt_idmap *m, uint64_t id);
/* Iteration: *at starts at 0; NULL at the end. No set or remove in between. */
void *nt_idmap_next(const struct nt_idmap *m, size_t *at);
void nt_idmap_done(struct nt_idmap *m);
