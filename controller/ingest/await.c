/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for pods. */
#include "controller/ingest/await.h"

#include <sys/random.h>
#include <time.h>

#include "controller/enrich/enrich.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/objects/objects.h"

void nt_await_init(struct nt_await *a)
{
	pthread_condattr_t attributes;

	*a = (struct nt_await){ .on = false };
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&a->changed, &attributes);
	pthread_condattr_destroy(&attributes);
}

void nt_await_done(struct nt_await *a)
{
	pthread_cond_destroy(&a->changed);
}

int nt_await_start(struct nt_await *a, struct nt_clock *clock, int64_t pod_ns, int64_t sync_ns)
{
	if (getrandom(&a->key, sizeof(a->key), 0) != sizeof(a->key))
		return -EIO;
	a->on = true;
	a->clock = clock;
	a->pod_ns = pod_ns;
	a->sync_until_ns = nt_clock_monotonic_now() + sync_ns;
	return 0;
}

void nt_await_changed(struct nt_await *a)
{
	pthread_cond_broadcast(&a->changed);
}

bool nt_await_synced(const struct nt_await *a, const struct nt_objects *objects)
{
	return !a->on || nt_objects_have_synced(objects) ||
	       nt_clock_monotonic_now() >= a->sync_until_ns;
}

/* Its place among those that were given up. */
static uint64_t *place_of(struct nt_await *a, struct nt_slice uid, uint64_t *ret_hash)
{
	*ret_hash = nt_hash(&a->key, 0, uid);
	return &a->given_up[*ret_hash % NT_ARRAY_LEN(a->given_up)];
}

static bool misses(struct nt_await *a, const struct nt_enrich *enrich, const struct nt_record *r)
{
	int64_t now_us = nt_clock_real(a->clock) / NT_NS_PER_US;
	uint64_t hash;

	return r->end_us >= now_us - NT_AWAIT_FRESH_US && nt_enrich_awaits(enrich, r) &&
	       *place_of(a, r->client_uid, &hash) != hash;
}

/* The first record from i on whose pod is to be waited for. */
static size_t next_missing(struct nt_await *a, const struct nt_enrich *enrich,
			   const struct nt_batch *b, size_t i)
{
	while (i < b->records_len && !misses(a, enrich, &b->records[i]))
		i++;
	return i;
}

static void give_up(struct nt_await *a, const struct nt_enrich *enrich, const struct nt_batch *b,
		    size_t i)
{
	uint64_t hash;

	for (; i < b->records_len; i = next_missing(a, enrich, b, i + 1)) {
		uint64_t *place = place_of(a, b->records[i].client_uid, &hash);

		*place = hash;
	}
}

void nt_await_pods(struct nt_await *a, pthread_mutex_t *lock, const struct nt_enrich *enrich,
		   const struct nt_batch *b)
{
	size_t i = a->on ? next_missing(a, enrich, b, 0) : b->records_len;
	int64_t until_ns = nt_clock_monotonic_now() + a->pod_ns;
	struct timespec until = { until_ns / NT_NS_PER_S, until_ns % NT_NS_PER_S };
	int r = 0;

	if (i == b->records_len || a->waiting == NT_AWAIT_BATCHES)
		return;
	a->waits++;
	a->waiting++;
	while (i < b->records_len && r == 0) {
		r = pthread_cond_timedwait(&a->changed, lock, &until);
		/* What was there is not lost again: pods that went are known for minutes. */
		i = next_missing(a, enrich, b, i);
	}
	a->waiting--;
	a->in_vain += i < b->records_len;
	give_up(a, enrich, b, i);
}
