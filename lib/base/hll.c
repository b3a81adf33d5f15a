/* SPDX-License-Identifier: Apache-2.0 */
/* HyperLogLog; the estimator is Ertl's, without tables (arXiv 1702.01284, algorithm 6). */
#include "lib/base/hll.h"

#include <math.h>
#include <stddef.h>

enum {
	REGISTERS = 1 << NT_HLL_BITS,
	RANK_MAX = 64 - NT_HLL_BITS + 1, /* all bits behind the register's number are zero */
};

/* Whole numbers up to here are exact in JSON. */
#define MOST 9007199254740992

void nt_hll_add(struct nt_hll *h, uint64_t hash)
{
	uint64_t rest = hash << NT_HLL_BITS;
	uint8_t rank = rest ? (uint8_t)(__builtin_clzll(rest) + 1) : RANK_MAX;
	uint8_t *slot = &h->registers[hash >> (64 - NT_HLL_BITS)];

	if (rank > *slot)
		*slot = rank;
}

void nt_hll_unite(struct nt_hll *into, const struct nt_hll *from)
{
	for (size_t i = 0; i < REGISTERS; i++)
		if (from->registers[i] > into->registers[i])
			into->registers[i] = from->registers[i];
}

/* Of the share of registers that nothing reached. */
static double sigma(double x)
{
	double y = 1, z = x, before;

	if (x == 1)
		return INFINITY;
	do {
		x *= x;
		before = z;
		z += x * y;
		y += y;
	} while (z != before);
	return z;
}

/* Of the share of registers that are not full. */
static double tau(double x)
{
	double y = 1, z = 1 - x, before;

	if (x == 0 || x == 1)
		return 0;
	do {
		x = sqrt(x);
		before = z;
		y *= 0.5;
		z -= (1 - x) * (1 - x) * y;
	} while (z != before);
	return z / 3;
}

uint64_t nt_hll_estimate(const struct nt_hll *h)
{
	const double m = REGISTERS, alpha = 0.72134752044448170368; /* 1 / (2 ln 2) */
	unsigned count[RANK_MAX + 1] = { 0 };
	double z;

	for (size_t i = 0; i < REGISTERS; i++)
		count[h->registers[i]]++;
	if (count[0] == REGISTERS)
		return 0;
	z = m * tau(1 - count[RANK_MAX] / m);
	for (int k = RANK_MAX - 1; k > 0; k--)
		z = 0.5 * (z + count[k]);
	z += m * sigma(count[0] / m);
	/* All registers full: more than there can be, and no division by zero. */
	if (z < alpha * m * m / MOST)
		return MOST;
	return (uint64_t)(alpha * m * m / z + 0.5);
}
