/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CLOCK_BOOTTIME to CLOCK_REALTIME (T39): events carry boot time, records real time, and the
 * offset between them steps when somebody sets the clock. Samples of the last hour are kept, so
 * that an event drained late gets the offset of its own second. Not thread-safe.
 */
#pragma once

#include <stdbool.h>

#include "lib/base/clock.h"
#include "lib/record/aggregate.h"

/* One sample a second for an hour: what a ring may hold of a quiet node while the agent is away. */
#define NT_TIMEBASE_SAMPLES 3600
/* A jump above this within one interval marks its rows. Slewing is 0.5 ms a second at most. */
#define NT_TIMEBASE_STEP_NS (100 * NT_NS_PER_MS)

struct nt_timebase_sample {
	int64_t boot_ns;
	int64_t real_minus_boot_ns;
};

struct nt_timebase {
	struct nt_timebase_sample samples[NT_TIMEBASE_SAMPLES]; /* a ring, oldest at head - len */
	size_t head, len;
	bool stepped; /* since nt_timebase_interval */
};

/* Adds a sample of now. */
void nt_timebase_sample(struct nt_timebase *t, struct nt_clock *clock);
/* Adds a known sample (from the spool); must not be newer than those to come. */
void nt_timebase_add(struct nt_timebase *t, struct nt_timebase_sample sample);
/* The newest sample; zero when there is none. */
struct nt_timebase_sample nt_timebase_last(const struct nt_timebase *t);
/* The offset that was valid at boot_ns: of the newest sample not after it, else of the oldest. */
struct nt_time_base nt_timebase_at(const struct nt_timebase *t, int64_t boot_ns);
/* Real time in us of a boot time. */
int64_t nt_timebase_us(const struct nt_timebase *t, int64_t boot_ns);
/* True when the clock stepped since the last call; a new interval begins. */
bool nt_timebase_interval(struct nt_timebase *t);
