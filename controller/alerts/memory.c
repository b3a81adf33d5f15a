/* SPDX-License-Identifier: Apache-2.0 */
/* Which groups a rule saw: a table with open addressing, which holds no texts. */
#include "controller/alerts/memory.h"

#include <stdlib.h>
#include <sys/random.h>

#include "controller/alerts/budget.h"
#include "lib/base/cleanup.h"

enum {
	US_PER_S = 1000000,
	TABLE_MIN = 64,
	EXPIRE_S = 3600, /* how often, and how long behind their time */
	REFRESH_S =
		3600, /* what the store has may be behind by so much, or by a part of the time */
	REFRESH_PART = 16,
	STORE_US = 60 * US_PER_S, /* what does not hurry waits so long, to be written together */
};

void nt_memory_init(struct nt_memory *m, const struct nt_rule *rule, uint64_t *bytes,
		    uint64_t *groups)
{
	*m = (struct nt_memory){ .rule = rule, .bytes = bytes, .groups = groups };
}

void nt_memory_done(struct nt_memory *m)
{
	if (m->table) {
		*m->bytes -= m->table_len * sizeof(*m->table);
		*m->groups -= m->len;
	}
	free(m->table);
	*m = (struct nt_memory){ 0 };
}

int nt_memory_begin(struct nt_memory *m, int64_t since_us, struct nt_err *err)
{
	uint64_t key[2];

	if (getrandom(key, sizeof(key), 0) != sizeof(key))
		return nt_err_set(err, EIO, "no random numbers for the alerts");
	m->head = (struct nt_store_memory){ .what = m->rule->memory_of,
					    .key = { key[0], key[1] },
					    .since_us = since_us };
	m->begins = m->loaded = true;
	return 0;
}

/* A whole second, as the times of groups are: else what comes in that second, but behind it, would
 * seem to have come before. */
int64_t nt_memory_learns_until(const struct nt_memory *m)
{
	return (m->head.since_us + m->rule->learn_us) / US_PER_S * US_PER_S;
}

/* --- the table -------------------------------------------------------------------------------- */

/* Its place, or the free one where it would be. */
static struct nt_memory_group *place_of(struct nt_memory_group *table, size_t len, uint64_t hash)
{
	size_t i = hash & (len - 1);

	while (table[i].hash && table[i].hash != hash)
		i = (i + 1) & (len - 1);
	return &table[i];
}

/* Into a table of len places, without what was seen last before before_s. */
static bool rebuild(struct nt_memory *m, size_t len, uint32_t before_s)
{
	size_t kept = 0;
	struct nt_memory_group *table;

	if (!nt_budget_take(m->bytes, len * sizeof(*table)))
		return false;
	table = calloc(len, sizeof(*table));
	if (!table) {
		*m->bytes -= len * sizeof(*table);
		return false;
	}
	for (size_t i = 0; i < m->table_len; i++) {
		const struct nt_memory_group *g = &m->table[i];

		if (!g->hash || g->last_s < before_s)
			continue;
		kept++;
		*place_of(table, len, g->hash) = *g;
	}
	*m->bytes -= m->table_len * sizeof(*table);
	*m->groups -= m->len - kept;
	free(m->table);
	m->table = table;
	m->table_len = len;
	m->len = kept;
	return true;
}

/* The store forgets what it believes to be as old: what it has of the others goes in again. */
static bool forget_before(struct nt_memory *m, uint32_t before_s)
{
	if (!rebuild(m, m->table_len, before_s))
		return false;
	for (size_t i = 0; i < m->table_len; i++)
		if (m->table[i].stored_s < before_s)
			m->table[i].stored_s = 0;
	m->forget_us = (int64_t)before_s * US_PER_S;
	return true;
}

static int by_time(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* A sixteenth at once: to look for the oldest one at each new group would cost too much. */
static bool make_room(struct nt_memory *m)
{
	_cleanup_free_ uint32_t *times = calloc(m->len + 1, sizeof(*times));
	size_t n = 0, before = m->len;

	if (!times || !m->len)
		return false;
	for (size_t i = 0; i < m->table_len; i++)
		if (m->table[i].hash)
			times[n++] = m->table[i].last_s;
	qsort(times, n, sizeof(*times), by_time);
	if (!forget_before(m, times[n / 16] + 1))
		return false;
	m->forgotten += before - m->len;
	return true;
}

static struct nt_memory_group *add(struct nt_memory *m, uint64_t hash)
{
	struct nt_memory_group *g;

	if ((m->len >= NT_MEMORY_GROUPS_MAX || *m->groups >= NT_MEMORY_ALL_MAX) && !make_room(m))
		return NULL;
	if ((m->len + 1) * 8 > m->table_len * 7 &&
	    !rebuild(m, m->table_len ? m->table_len * 2 : TABLE_MIN, 0))
		return NULL;
	g = place_of(m->table, m->table_len, hash);
	g->hash = hash;
	m->len++;
	(*m->groups)++;
	return g;
}

static struct nt_memory_group *find(const struct nt_memory *m, uint64_t hash)
{
	struct nt_memory_group *g = m->len ? place_of(m->table, m->table_len, hash) : NULL;

	return g && g->hash ? g : NULL;
}

static uint64_t hash_of(const struct nt_memory *m, struct nt_slice key)
{
	const struct nt_siphash_key k = { m->head.key[0], m->head.key[1] };

	return nt_siphash(&k, key) ?: 1;
}

/* --- sightings -------------------------------------------------------------------------------- */

bool nt_memory_load(struct nt_memory *m, const struct nt_store_sighting *stored)
{
	struct nt_memory_group *g = add(m, stored->group);

	if (!g)
		return false;
	g->first_s = (uint32_t)(stored->first_us / US_PER_S);
	g->last_s = g->stored_s = (uint32_t)(stored->last_us / US_PER_S);
	return true;
}

static void begin_era(struct nt_memory_group *g, uint32_t at_s)
{
	*g = (struct nt_memory_group){ .hash = g->hash, .first_s = at_s, .last_s = at_s };
}

bool nt_memory_see(struct nt_memory *m, struct nt_slice key, int64_t at_us, bool in_time,
		   int64_t *ret_new_us)
{
	uint32_t at_s = (uint32_t)(at_us / US_PER_S);
	uint32_t unseen_s = (uint32_t)(m->rule->unseen_us / US_PER_S);
	uint64_t hash = hash_of(m, key);
	struct nt_memory_group *g = find(m, hash);
	int64_t new_us;

	*ret_new_us = 0;
	if (at_us <= 0 || (!g && !in_time))
		return true;
	if (!g) {
		g = add(m, hash);
		if (!g)
			return false;
		begin_era(g, at_s);
	} else if (at_s >= g->last_s + unseen_s) {
		if (in_time)
			begin_era(g, at_s);
	} else if (at_s > g->last_s) {
		g->last_s = at_s;
	} else if (in_time && at_s < g->first_s && g->first_s - at_s < unseen_s) {
		g->first_s = at_s;
	}
	new_us = (int64_t)g->first_s * US_PER_S;
	*ret_new_us = new_us >= nt_memory_learns_until(m) ? new_us : 0;
	return true;
}

void nt_memory_tell(struct nt_memory *m, struct nt_slice key)
{
	struct nt_memory_group *g = find(m, hash_of(m, key));

	if (!g || g->stored_s)
		return;
	g->told = m->urgent = true;
}

/* --- for the store ---------------------------------------------------------------------------- */

/* A group that was not seen for longer than the time is as good as none. */
static void expire(struct nt_memory *m, int64_t now_us)
{
	int64_t before_s = (now_us - m->rule->unseen_us) / US_PER_S - EXPIRE_S;
	size_t old = 0;

	if (now_us - m->expired_us < EXPIRE_S * (int64_t)US_PER_S)
		return;
	m->expired_us = now_us;
	for (size_t i = 0; i < m->table_len; i++)
		old += m->table[i].hash && m->table[i].last_s < before_s;
	if (old)
		(void)forget_before(m, (uint32_t)before_s);
}

bool nt_memory_is_due(struct nt_memory *m, int64_t now_us)
{
	bool due;

	expire(m, now_us);
	due = m->begins || m->urgent || m->forget_us || now_us - m->stored_us >= STORE_US ||
	      now_us < m->stored_us;
	if (due)
		m->stored_us = now_us;
	return due;
}

static bool is_wanted(const struct nt_memory *m, const struct nt_memory_group *g,
		      int64_t decided_us)
{
	int64_t refresh_s = m->rule->unseen_us / US_PER_S / REFRESH_PART;

	if (!g->hash || g->told)
		return g->hash != 0;
	if (!g->stored_s)
		return (int64_t)g->first_s * US_PER_S + m->rule->lookback_us <= decided_us;
	return g->last_s - g->stored_s >= (refresh_s < REFRESH_S ? refresh_s : REFRESH_S);
}

bool nt_memory_take(struct nt_memory *m, int64_t decided_us, bool only_told, size_t *at,
		    struct nt_store_sighting *ret_sighting)
{
	for (; *at < m->table_len; (*at)++) {
		struct nt_memory_group *g = &m->table[*at];

		if (!is_wanted(m, g, decided_us) || (only_told && !g->told))
			continue;
		*ret_sighting = (struct nt_store_sighting){
			.group = g->hash,
			.first_us = (int64_t)g->first_s * US_PER_S,
			.last_us = (int64_t)g->last_s * US_PER_S,
		};
		g->stored_s = g->last_s;
		g->told = false;
		(*at)++;
		return true;
	}
	return false;
}
