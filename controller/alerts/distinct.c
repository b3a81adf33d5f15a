/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of hashes that become estimates when they grow. */
#include "controller/alerts/distinct.h"

#include <stdlib.h>
#include <string.h>

/* Where the hash is, or would be. */
static uint32_t place_of(const uint64_t *hashes, uint32_t len, uint64_t hash)
{
	uint32_t low = 0, high = len;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (hashes[middle] < hash)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool has(const uint64_t *hashes, uint32_t len, uint32_t at, uint64_t hash)
{
	return at < len && hashes[at] == hash;
}

/* There is room for one more. */
static void insert(uint64_t *hashes, uint32_t *len, uint32_t at, uint64_t hash)
{
	memmove(&hashes[at + 1], &hashes[at], (*len - at) * sizeof(*hashes));
	hashes[at] = hash;
	(*len)++;
}

static void put_all(struct nt_hll *hll, const uint64_t *hashes, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		nt_hll_add(hll, hashes[i]);
}

static bool grow(struct nt_distinct *d, uint64_t *bytes)
{
	uint32_t cap = d->cap ? d->cap * 2 : 4;
	size_t more = (cap - d->cap) * sizeof(*d->hashes);
	uint64_t *hashes;

	if (!nt_budget_take(bytes, more))
		return false;
	hashes = reallocarray(d->hashes, cap, sizeof(*hashes));
	if (!hashes) {
		*bytes -= more;
		return false;
	}
	d->hashes = hashes;
	d->cap = cap;
	return true;
}

static void drop_hashes(struct nt_distinct *d, uint64_t *bytes)
{
	*bytes -= d->cap * sizeof(*d->hashes);
	free(d->hashes);
	d->hashes = NULL;
	d->len = d->cap = 0;
}

static bool become_many(struct nt_distinct *d, uint64_t *bytes)
{
	if (!nt_budget_take(bytes, sizeof(*d->hll)))
		return false;
	d->hll = calloc(1, sizeof(*d->hll));
	if (!d->hll) {
		*bytes -= sizeof(*d->hll);
		return false;
	}
	put_all(d->hll, d->hashes, d->len);
	drop_hashes(d, bytes);
	return true;
}

bool nt_distinct_add(struct nt_distinct *d, uint64_t hash, uint64_t *bytes)
{
	uint32_t at = place_of(d->hashes, d->len, hash);

	if (!d->hll && has(d->hashes, d->len, at, hash))
		return true;
	if (!d->hll && d->len == NT_DISTINCT_EXACT && !become_many(d, bytes))
		return false;
	if (d->hll) {
		nt_hll_add(d->hll, hash);
		return true;
	}
	if (d->len == d->cap && !grow(d, bytes))
		return false;
	insert(d->hashes, &d->len, at, hash);
	return true;
}

void nt_distinct_done(struct nt_distinct *d, uint64_t *bytes)
{
	drop_hashes(d, bytes);
	*bytes -= d->hll ? sizeof(*d->hll) : 0;
	free(d->hll);
	*d = (struct nt_distinct){ 0 };
}

static void sum_becomes_many(struct nt_distinct_sum *sum)
{
	if (!sum->many)
		put_all(&sum->hll, sum->hashes, sum->len);
	sum->many = true;
}

static void unite_one(struct nt_distinct_sum *into, uint64_t hash)
{
	uint32_t at;

	if (!into->many) {
		at = place_of(into->hashes, into->len, hash);
		if (has(into->hashes, into->len, at, hash))
			return;
		if (into->len < NT_DISTINCT_EXACT) {
			insert(into->hashes, &into->len, at, hash);
			return;
		}
		sum_becomes_many(into);
	}
	nt_hll_add(&into->hll, hash);
}

void nt_distinct_unite(struct nt_distinct_sum *into, const struct nt_distinct *d)
{
	if (d->hll) {
		sum_becomes_many(into);
		nt_hll_unite(&into->hll, d->hll);
	}
	for (uint32_t i = 0; i < d->len; i++)
		unite_one(into, d->hashes[i]);
}

uint64_t nt_distinct_estimate(const struct nt_distinct_sum *sum)
{
	return sum->many ? nt_hll_estimate(&sum->hll) : sum->len;
}
