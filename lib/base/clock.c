/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's clocks and a virtual one. */
#include "lib/base/clock.h"

#include <time.h>

static int64_t read_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * NT_NS_PER_S + ts.tv_nsec;
}

int64_t nt_clock_boot_now(void)
{
	return read_clock(CLOCK_BOOTTIME);
}

int64_t nt_clock_monotonic_now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

static int64_t system_boot(struct nt_clock *c)
{
	(void)c;
	return nt_clock_boot_now();
}

static int64_t system_real(struct nt_clock *c)
{
	(void)c;
	return read_clock(CLOCK_REALTIME);
}

static int64_t virtual_boot(struct nt_clock *c)
{
	return c->virtual_boot_ns;
}

static int64_t virtual_real(struct nt_clock *c)
{
	return c->virtual_real_ns;
}

struct nt_clock nt_clock_system(void)
{
	return (struct nt_clock){ .boot_ns = system_boot, .real_ns = system_real };
}

struct nt_clock nt_clock_virtual(int64_t boot_ns, int64_t real_ns)
{
	return (struct nt_clock){ .boot_ns = virtual_boot,
				  .real_ns = virtual_real,
				  .virtual_boot_ns = boot_ns,
				  .virtual_real_ns = real_ns };
}
