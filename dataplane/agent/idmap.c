/* SPDX-License-Identifier: Apache-2.0 */
/* Id to pointer by open addressing with linear probing. */
#include "dataplane/agent/idmap.h"

#include <stdlib.h>

static size_t home_of(const struct nt_idmap *m, uint64_t id)
{
	id ^= id >> 33;
	id *= 0xff51afd7ed558ccdULL; /* the finaliser of MurmurHash3 */
	id ^= id >> 33;
	return (size_t)id & (m->cap - 1);
}

static struct nt_idmap_slot *slot_of(const struct nt_idmap *m, uint64_t id)
{
	size_t i = home_of(m, id);

	while (m->slots[i].id && m->slots[i].id != id)
		i = (i + 1) & (m->cap - 1);
	return &m->slots[i];
}

void *nt_idmap_find(const struct nt_idmap *m, uint64_t id)
{
	return m->cap && id ? slot_of(m, id)->value : NULL;
}

static bool grow(struct nt_idmap *m)
{
	struct nt_idmap bigger = { .cap = m->cap ? m->cap * 2 : 64, .len = m->len };

	bigger.slots = calloc(bigger.cap, sizeof(*bigger.slots));
	if (!bigger.slots)
		return false;
	for (size_t i = 0; i < m->cap; i++)
		if (m->slots[i].id)
			*slot_of(&bigger, m->slots[i].id) = m->slots[i];
	free(m->slots);
	*m = bigger;
	return true;
}

bool nt_idmap_set(struct nt_idmap *m, uint64_t id, void *value)
{
	struct nt_idmap_slot *slot;

	if (!id || (m->len + 1 > m->cap / 2 && !grow(m)))
		return false;
	slot = slot_of(m, id);
	m->len += slot->id == 0;
	*slot = (struct nt_idmap_slot){ .id = id, .value = value };
	return true;
}

void *nt_idmap_remove(struct nt_idmap *m, uint64_t id)
{
	size_t mask = m->cap - 1, hole, i;
	struct nt_idmap_slot *slot;
	void *value;

	if (!m->cap || !id)
		return NULL;
	slot = slot_of(m, id);
	if (!slot->id)
		return NULL;
	value = slot->value;
	m->len--;
	/* Move back what would no longer be found across the hole. */
	hole = (size_t)(slot - m->slots);
	for (i = (hole + 1) & mask; m->slots[i].id; i = (i + 1) & mask) {
		size_t home = home_of(m, m->slots[i].id);

		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		m->slots[hole] = m->slots[i];
		hole = i;
	}
	m->slots[hole] = (struct nt_idmap_slot){ 0 };
	return value;
}

void *nt_idmap_next(const struct nt_idmap *m, size_t *at)
{
	while (*at < m->cap) {
		const struct nt_idmap_slot *slot = &m->slots[(*at)++];

		if (slot->id)
			return slot->value;
	}
	return NULL;
}

void nt_idmap_done(struct nt_idmap *m)
{
	free(m->slots);
	*m = (struct nt_idmap){ 0 };
}
