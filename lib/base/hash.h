/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fast keyed hash for tables in memory: sixteen octets a step are multiplied with a secret and
 * folded (the construction of wyhash). Who chooses what is hashed but neither knows the key nor
 * sees a hash cannot aim at a bucket; so hashes stay in the process, and equal hashes are no proof
 * of equality. What leaves the process or must not collide takes siphash (lib/dns). Pure, any
 * thread.
 */
#pragma once

#include "lib/base/slice.h"

/* Random octets, a set of its own for each table. */
struct nt_hash_key {
	uint64_t k[3];
};

static inline uint64_t nt_hash_fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t nt_hash_word(const char *p, size_t len)
{
	uint64_t word = 0;

	memcpy(&word, p, len);
	return word;
}

/* The last 1 to 16 octets as two words; those of 8 and more may overlap, shorter ones cannot. */
static inline void nt_hash_tail(const char *p, size_t len, uint64_t *ret_a, uint64_t *ret_b)
{
	if (len >= 8) {
		*ret_a = nt_hash_word(p, 8);
		*ret_b = nt_hash_word(p + len - 8, 8);
	} else if (len >= 4) {
		*ret_a = nt_hash_word(p, 4);
		*ret_b = nt_hash_word(p + len - 4, 4);
	} else {
		*ret_a = len ? (uint64_t)(uint8_t)p[0] << 16 | (uint64_t)(uint8_t)p[len / 2] << 8 |
					 (uint8_t)p[len - 1]
			     : 0;
		*ret_b = 0;
	}
}

/* before: 0, or the hash of what stands before `data`. */
static inline uint64_t nt_hash(const struct nt_hash_key *key, uint64_t before, struct nt_slice data)
{
	uint64_t hash = before ^ key->k[0], a, b;
	const char *p = data.p;
	size_t left = data.len;

	for (; left > 16; p += 16, left -= 16)
		hash = nt_hash_fold(nt_hash_word(p, 8) ^ key->k[1], nt_hash_word(p + 8, 8) ^ hash);
	nt_hash_tail(p, left, &a, &b);
	hash = nt_hash_fold(a ^ key->k[1], b ^ hash);
	return nt_hash_fold(hash ^ key->k[2], data.len ^ key->k[1]);
}
