/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time behind function pointers, so that transaction logic runs under virtual time in tests.
 * Nanoseconds everywhere. boot: CLOCK_BOOTTIME, never steps. real: CLOCK_REALTIME since 1970, may.
 */
#pragma once

#include <stdint.h>

struct nt_clock {
	int64_t (*boot_ns)(struct nt_clock *c);
	int64_t (*real_ns)(struct nt_clock *c);
	int64_t virtual_boot_ns; /* used by nt_clock_virtual() only */
	int64_t virtual_real_ns;
};

#define NT_NS_PER_US 1000LL
#define NT_NS_PER_MS 1000000LL
#define NT_NS_PER_S 1000000000LL

/* The machine's clocks. */
struct nt_clock nt_clock_system(void);
/* Stands still until the owner changes virtual_boot_ns and virtual_real_ns. */
struct nt_clock nt_clock_virtual(int64_t boot_ns, int64_t real_ns);

/* CLOCK_BOOTTIME, CLOCK_MONOTONIC by themselves, where no test needs another time. */
int64_t nt_clock_boot_now(void);
int64_t nt_clock_monotonic_now(void);

static inline int64_t nt_clock_boot(struct nt_clock *c)
{
	return c->boot_ns(c);
}

static inline int64_t nt_clock_real(struct nt_clock *c)
{
	return c->real_ns(c);
}
