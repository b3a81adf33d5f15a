/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys in blocks of sixteen, each block with one key written out at its start, found by binary
 * search; before them a Bloom filter, whose bits for one name lie in one line of the cache.
 */
#include "lib/feed/set.h"

#include <stdlib.h>
#include <sys/random.h>

#include "lib/base/cleanup.h"
#include "lib/base/hash.h"
#include "lib/feed/run.h"

enum {
	BLOCK = 16, /* keys: half of them are read per search, and a block costs four octets */
	LINE_BITS = 512,
	LINE_WORDS = LINE_BITS / 64,
	/* Ten bits a name, six of them set: one or two names in a hundred are searched in vain. */
	FILTER_BITS = 10,
	FILTER_SET = 6,
};

struct nt_feed_set {
	struct nt_feed_area octets; /* the blocks */
	struct nt_feed_area starts; /* uint32_t each: where the block begins */
	struct nt_feed_area filter; /* uint64_t each */
	size_t len; /* entries */
	size_t octets_len, blocks_len, lines_len;
	size_t wildcards_len;
	struct nt_hash_key hash_key;
};

/* --- the filter ---------------------------------------------------------------------------- */

/* The line of a hash, and as many bits of nine as are set there. */
static uint64_t *line_of(const struct nt_feed_set *s, uint64_t hash, uint64_t *ret_bits)
{
	size_t line = (size_t)((hash >> 32) * s->lines_len >> 32);

	*ret_bits = nt_hash_fold(hash, 0x9e3779b97f4a7c15);
	return (uint64_t *)s->filter.p + line * LINE_WORDS;
}

static void filter_add(struct nt_feed_set *s, uint64_t hash)
{
	uint64_t bits, *line = line_of(s, hash, &bits);

	for (int i = 0; i < FILTER_SET; i++, bits >>= 9)
		line[bits >> 6 & 7] |= 1ULL << (bits & 63);
}

static bool filter_has(const struct nt_feed_set *s, uint64_t hash)
{
	uint64_t bits, *line = line_of(s, hash, &bits);

	for (int i = 0; i < FILTER_SET; i++, bits >>= 9)
		if (!(line[bits >> 6 & 7] & 1ULL << (bits & 63)))
			return false;
	return true;
}

/* Label by label, so that the hashes of all that stands above a name come with its own. */
static uint64_t hash_label(const struct nt_feed_set *s, uint64_t before, const uint8_t *label)
{
	return nt_hash(&s->hash_key, before, nt_slice_mem(label, label[0] + 1u));
}

/* --- lookup -------------------------------------------------------------------------------- */

static const uint8_t *block_at(const struct nt_feed_set *s, size_t block)
{
	return s->octets.p + ((const uint32_t *)s->starts.p)[block];
}

/* The last block whose first key is not greater; 0 also when there is none. */
static size_t find_block(const struct nt_feed_set *s, const struct nt_feed_key *key)
{
	size_t low = 0, high = s->blocks_len;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		const uint8_t *first = block_at(s, middle);

		if (nt_feed_key_compare(first + 2, first[1], key->octets, key->len) <= 0)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static bool has_key(const struct nt_feed_set *s, const struct nt_feed_key *key)
{
	size_t block = find_block(s, key), left = s->len - block * BLOCK;
	const uint8_t *at = block_at(s, block);
	struct nt_feed_key k;

	for (left = left < BLOCK ? left : BLOCK; left; left--) {
		int order;

		at = nt_feed_key_read(at, &k);
		order = nt_feed_key_compare(k.octets, k.len, key->octets, key->len);
		if (order >= 0)
			return order == 0;
	}
	return false;
}

/* Whether the first len octets of a name's key are an entry. */
static bool has_entry(const struct nt_feed_set *s, const uint8_t *name_key, size_t len,
		      bool wildcard, struct nt_pattern *ret_entry)
{
	struct nt_feed_key key;

	memcpy(key.octets, name_key, len);
	if (wildcard)
		key.octets[len++] = 0;
	key.len = (uint8_t)len;
	if (!has_key(s, &key))
		return false;
	if (ret_entry)
		nt_feed_key_pattern(&key, ret_entry);
	return true;
}

bool nt_feed_set_find(const struct nt_feed_set *s, const struct nt_name *name,
		      enum nt_feed_scope scope, struct nt_pattern *ret_entry)
{
	uint8_t key[NT_NAME_WIRE_MAX], ends[NT_NAME_LABELS_MAX];
	uint64_t hashes[NT_NAME_LABELS_MAX], hash = 0;
	size_t len = s->len ? nt_pattern_reverse(name, key) : 0, labels = 0;

	for (size_t at = 0; at < len; labels++) {
		hashes[labels] = hash = hash_label(s, hash, key + at);
		at += key[at] + 1u;
		ends[labels] = (uint8_t)at;
	}
	for (size_t i = labels; i--;) {
		bool whole = i + 1 == labels;

		if (!filter_has(s, hashes[i]))
			continue;
		if ((whole || scope == NT_FEED_BELOW) &&
		    has_entry(s, key, ends[i], false, ret_entry))
			return true;
		if (!whole && s->wildcards_len && has_entry(s, key, ends[i], true, ret_entry))
			return true;
	}
	return false;
}

/* --- all entries --------------------------------------------------------------------------- */

static bool next_key(struct nt_feed_walk *w)
{
	const struct nt_feed_set *s = w->set;

	if (w->seen == s->len)
		return false;
	w->at = (size_t)(nt_feed_key_read(s->octets.p + w->at, &w->key) - s->octets.p);
	w->seen++;
	return true;
}

bool nt_feed_walk_next(struct nt_feed_walk *w, struct nt_pattern *ret_entry)
{
	if (!next_key(w))
		return false;
	nt_feed_key_pattern(&w->key, ret_entry);
	return true;
}

/* --- making one ---------------------------------------------------------------------------- */

static void take_key(struct nt_feed_set *s, const struct nt_feed_key *key,
		     struct nt_feed_key *before)
{
	uint8_t *at = s->octets.p + s->octets_len;

	if (s->len % BLOCK == 0) {
		((uint32_t *)s->starts.p)[s->blocks_len++] = (uint32_t)s->octets_len;
		before->len = 0;
	}
	s->octets_len = (size_t)(nt_feed_key_write(at, before, key) - s->octets.p);
	s->wildcards_len += nt_feed_key_labels_len(key) < key->len;
	s->len++;
	*before = *key;
}

/* A key shares no less with the one before it than it did in its run, so only the first ones of
 * blocks grow. */
static int take_keys(struct nt_feed_set *s, struct nt_feed_merge *keys, size_t len,
		     size_t octets_len, struct nt_err *err)
{
	size_t blocks = len / BLOCK + 1;
	const struct nt_feed_key *key;
	struct nt_feed_key before;

	if (octets_len + blocks * NT_FEED_CODED_MAX > UINT32_MAX)
		return nt_err_set(err, E2BIG, "a domain feed of %zu names is too large", len);
	if (nt_feed_area_map(&s->octets, octets_len + blocks * NT_FEED_CODED_MAX, err) < 0 ||
	    nt_feed_area_map(&s->starts, blocks * sizeof(uint32_t), err) < 0)
		return -err->code;
	while ((key = nt_feed_merge_next(keys)))
		take_key(s, key, &before);
	nt_feed_area_trim(&s->octets, s->octets_len);
	nt_feed_area_trim(&s->starts, s->blocks_len * sizeof(uint32_t));
	return 0;
}

static int fill_filter(struct nt_feed_set *s, struct nt_err *err)
{
	struct nt_feed_walk w = { .set = s };

	s->lines_len = s->len * FILTER_BITS / LINE_BITS + 1;
	if (nt_feed_area_map(&s->filter, s->lines_len * LINE_BITS / 8, err) < 0)
		return -err->code;
	while (next_key(&w)) {
		size_t len = nt_feed_key_labels_len(&w.key);
		uint64_t hash = 0;

		for (size_t at = 0; at < len; at += w.key.octets[at] + 1u)
			hash = hash_label(s, hash, w.key.octets + at);
		filter_add(s, hash);
	}
	return 0;
}

int nt_feed_set_new(struct nt_feed_merge *keys, size_t len, size_t octets_len, size_t bytes_max,
		    struct nt_feed_set **ret_set, struct nt_err *err)
{
	_cleanup_(nt_feed_set_freep) struct nt_feed_set *s = calloc(1, sizeof(*s));

	if (!s || getrandom(&s->hash_key, sizeof(s->hash_key), 0) != sizeof(s->hash_key))
		return nt_err_set(err, ENOMEM, "no memory or no random octets for a domain feed");
	if (take_keys(s, keys, len, octets_len, err) < 0 || fill_filter(s, err) < 0)
		return -err->code;
	if (nt_feed_set_bytes(s) > bytes_max)
		return nt_err_set(err, E2BIG,
				  "%zu names take %zu octets, %zu at most: shorten the list, or "
				  "raise the limit",
				  s->len, nt_feed_set_bytes(s), bytes_max);
	*ret_set = NT_TAKE_PTR(s);
	return 0;
}

size_t nt_feed_set_len(const struct nt_feed_set *s)
{
	return s->len;
}

size_t nt_feed_set_bytes(const struct nt_feed_set *s)
{
	return sizeof(*s) + s->octets.len + s->starts.len + s->filter.len;
}

struct nt_slice nt_feed_set_octets(const struct nt_feed_set *s)
{
	return nt_slice_mem(s->octets.p, s->octets_len);
}

void nt_feed_set_free(struct nt_feed_set *s)
{
	if (!s)
		return;
	nt_feed_area_unmap(&s->octets);
	nt_feed_area_unmap(&s->starts);
	nt_feed_area_unmap(&s->filter);
	free(s);
}
