/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CLOCK_BOOTTIME to CLOCK_REALTIME (T39): events carry boot time, records real time, and the
 * offset between them steps when somebody sets the clock. There is a sample a second, so that an
 * event drained late gets the offset of its own second; samples that agree are kept as one run, so
 * that the table reaches back an hour at the worst and for days with a clock that is in order. The
 * samples are on disk, too (nt_clocklog), for an agent that starts anew. Not thread-safe.
 */
#pragma once

#include <stdbool.h>

#include "lib/base/clock.h"
#include "lib/record/aggregate.h"

/* An hour of a clock that never agrees with itself: what a ring may hold of a quiet node while the
 * agent is away. */
#define NT_TIMEBASE_SAMPLES 3600
/* Offsets that differ less are the same: a tenth of what a record's microseconds are good for over
 * two clocks read one after the other. */
#define NT_TIMEBASE_SAME_NS (100 * NT_NS_PER_US)
/* A jump above this within one interval marks its rows. Slewing is 0.5 ms a second at most. */
#define NT_TIMEBASE_STEP_NS (100 * NT_NS_PER_MS)

struct nt_timebase_sample {
	int64_t boot_ns; /* the first one of the run */
	int64_t until_boot_ns; /* the last one */
	int64_t real_minus_boot_ns; /* of the first one */
};

struct nt_timebase {
	struct nt_timebase_sample samples[NT_TIMEBASE_SAMPLES]; /* a ring, oldest at head - len */
	size_t head, len;
	bool stepped; /* since nt_timebase_interval */
};

/* Adds a sample of now; false when it only made the newest run longer. */
bool nt_timebase_sample(struct nt_timebase *t, struct nt_clock *clock);
/* Adds a known run (from the spool, or from the clock log). One that is not newer than what is
 * there is left out. False as above. */
bool nt_timebase_add(struct nt_timebase *t, struct nt_timebase_sample sample);
/* The newest sample; zero when there is none. */
struct nt_timebase_sample nt_timebase_last(const struct nt_timebase *t);
/* The offset that was valid at boot_ns: of the newest sample not after it, else of the oldest.
 * clock_step: the clock stepped at that time (between two samples, so it may have been before or
 * after boot_ns), or within the open interval. */
struct nt_time_base nt_timebase_at(const struct nt_timebase *t, int64_t boot_ns);
/* Real time in us of a boot time. */
int64_t nt_timebase_us(const struct nt_timebase *t, int64_t boot_ns);
/* True when the clock stepped since the last call; a new interval begins. */
bool nt_timebase_interval(struct nt_timebase *t);
