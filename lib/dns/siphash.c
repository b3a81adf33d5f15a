/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash-1-3. */
#include "lib/dns/siphash.h"

#include <endian.h>

static inline uint64_t rotl(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

static uint64_t load(const char *p, size_t len)
{
	uint64_t word = 0;

	memcpy(&word, p, len);
	return le64toh(word);
}

static void start(const struct nt_siphash_key *key, uint64_t v[4])
{
	v[0] = key->k0 ^ 0x736f6d6570736575;
	v[1] = key->k1 ^ 0x646f72616e646f6d;
	v[2] = key->k0 ^ 0x6c7967656e657261;
	v[3] = key->k1 ^ 0x7465646279746573;
}

static void compress(uint64_t v[4], struct nt_slice data)
{
	size_t whole = data.len & ~(size_t)7;
	uint64_t last = (uint64_t)data.len << 56;

	for (size_t i = 0; i < whole; i += 8) {
		uint64_t word = load(data.p + i, 8);

		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	if (data.len > whole)
		last |= load(data.p + whole, data.len - whole);
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
}

static uint64_t finish(uint64_t v[4])
{
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t nt_siphash(const struct nt_siphash_key *key, struct nt_slice data)
{
	uint64_t v[4];

	start(key, v);
	compress(v, data);
	v[2] ^= 0xff;
	return finish(v);
}

struct nt_siphash128 nt_siphash128(const struct nt_siphash_key *key, struct nt_slice data)
{
	struct nt_siphash128 digest;
	uint64_t v[4];

	start(key, v);
	v[1] ^= 0xee;
	compress(v, data);
	v[2] ^= 0xee;
	digest.low = finish(v);
	v[1] ^= 0xdd;
	digest.high = finish(v);
	return digest;
}
