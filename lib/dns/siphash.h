/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SipHash-1-3 (Aumasson and Bernstein): a keyed hash for tables that are fed by the network. Who
 * does not know the key cannot make collisions. Not a message authentication code.
 */
#pragma once

#include "lib/base/slice.h"

struct nt_siphash_key {
	uint64_t k0, k1;
};

uint64_t nt_siphash(const struct nt_siphash_key *key, struct nt_slice data);

/* The variant of 128 bits: so long that equal digests are taken for equal data. */
struct nt_siphash128 {
	uint64_t low, high;
};
struct nt_siphash128 nt_siphash128(const struct nt_siphash_key *key, struct nt_slice data);
