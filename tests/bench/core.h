/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the core is this thread's alone. Two hardware threads share a core's units; while the
 * other one works, a CPU-second is worth some 60 % of one without, here as in a guest whose
 * neighbours nobody can see (it is not counted as stolen). A figure per CPU-second has to know.
 *
 * A chain of multiplications waits for its own results and takes as long in company; independent
 * additions want all units at once and do not. So their ratio tells, on any clock rate.
 */
#pragma once

#include "tests/bench/bench.h"

enum { BENCH_CORE_LOOPS = 400000, BENCH_CORE_PROBES = 500 };

struct bench_core {
	double alone; /* the ratio of a core that is not shared */
	bool was_shared; /* at the last probe */
};

/* Keeps the compiler from computing it beforehand. */
#define BENCH_STEP(variable) __asm__ volatile("" : "+r"(variable))

static inline double bench_core_ratio(void)
{
	uint64_t a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, start = bench_cpu_ns(), chain_ns;

	for (unsigned i = 0; i < BENCH_CORE_LOOPS; i++) {
		a *= 3;
		BENCH_STEP(a);
	}
	chain_ns = bench_cpu_ns() - start;
	start = bench_cpu_ns();
	for (unsigned i = 0; i < BENCH_CORE_LOOPS; i++) {
		a++, b++, c++, d++, e++, f++;
		BENCH_STEP(a);
		BENCH_STEP(b);
		BENCH_STEP(c);
		BENCH_STEP(d);
		BENCH_STEP(e);
		BENCH_STEP(f);
	}
	return (double)(bench_cpu_ns() - start) / (double)chain_ns;
}

static inline int bench_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The lowest twentieth: in company all the time there still are such moments, and below it are
 * probes whose chain was interrupted. */
static inline void bench_core_open(struct bench_core *core)
{
	double ratios[BENCH_CORE_PROBES];

	for (unsigned i = 0; i < BENCH_CORE_PROBES; i++)
		ratios[i] = bench_core_ratio();
	qsort(ratios, BENCH_CORE_PROBES, sizeof(*ratios), bench_compare);
	*core = (struct bench_core){ .alone = ratios[BENCH_CORE_PROBES / 20] };
}

/* Whether the core was shared at the last probe or is now: what was between is worth nothing. */
static inline bool bench_core_probe(struct bench_core *core)
{
	bool before = core->was_shared;

	core->was_shared = bench_core_ratio() > core->alone * 1.2;
	return before || core->was_shared;
}
