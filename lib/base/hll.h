/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many distinct things were there, in a kibibyte: HyperLogLog with 1,024 registers. Standard
 * error is 1.04 / sqrt(1024) = 3.25 %, whatever the number; small numbers are nearly exact. Plain
 * data: zeroed it is the empty set, two sets are united by nt_hll_unite. Not thread-safe.
 */
#pragma once

#include <stdint.h>

#define NT_HLL_BITS 10

struct nt_hll {
	uint8_t registers[1 << NT_HLL_BITS];
};

/* hash: 64 good bits of the thing; who chooses the things must not know the hash's key. */
void nt_hll_add(struct nt_hll *h, uint64_t hash);
void nt_hll_unite(struct nt_hll *into, const struct nt_hll *from);
/* 0 for the empty set, else at least 1. */
uint64_t nt_hll_estimate(const struct nt_hll *h);
