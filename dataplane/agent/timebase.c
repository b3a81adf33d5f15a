/* SPDX-License-Identifier: Apache-2.0 */
/* Samples of the offset between the boot clock and the wall clock. */
#include "dataplane/agent/timebase.h"

static const struct nt_timebase_sample *nth(const struct nt_timebase *t, size_t i)
{
	return &t->samples[(t->head + NT_TIMEBASE_SAMPLES - t->len + i) % NT_TIMEBASE_SAMPLES];
}

static bool differ(int64_t a, int64_t b, int64_t by)
{
	return a - b > by || b - a > by;
}

bool nt_timebase_add(struct nt_timebase *t, struct nt_timebase_sample sample)
{
	struct nt_timebase_sample *last;

	if (sample.until_boot_ns < sample.boot_ns)
		sample.until_boot_ns = sample.boot_ns;
	if (t->len) {
		last = &t->samples[(t->head + NT_TIMEBASE_SAMPLES - 1) % NT_TIMEBASE_SAMPLES];
		if (sample.boot_ns < last->until_boot_ns)
			return false;
		if (differ(sample.real_minus_boot_ns, last->real_minus_boot_ns,
			   NT_TIMEBASE_STEP_NS))
			t->stepped = true;
		if (!differ(sample.real_minus_boot_ns, last->real_minus_boot_ns,
			    NT_TIMEBASE_SAME_NS)) {
			last->until_boot_ns = sample.until_boot_ns;
			return false;
		}
	}
	t->samples[t->head] = sample;
	t->head = (t->head + 1) % NT_TIMEBASE_SAMPLES;
	if (t->len < NT_TIMEBASE_SAMPLES)
		t->len++;
	return true;
}

bool nt_timebase_sample(struct nt_timebase *t, struct nt_clock *clock)
{
	int64_t boot = nt_clock_boot(clock);

	return nt_timebase_add(t, (struct nt_timebase_sample){
					  .boot_ns = boot,
					  .real_minus_boot_ns = nt_clock_real(clock) - boot,
				  });
}

struct nt_timebase_sample nt_timebase_last(const struct nt_timebase *t)
{
	return t->len ? *nth(t, t->len - 1) : (struct nt_timebase_sample){ 0 };
}

/* Between the last sample of run i and the first of the next one, which is a step away. */
static bool in_step(const struct nt_timebase *t, size_t i, int64_t boot_ns)
{
	return i + 1 < t->len && boot_ns > nth(t, i)->until_boot_ns &&
	       differ(nth(t, i + 1)->real_minus_boot_ns, nth(t, i)->real_minus_boot_ns,
		      NT_TIMEBASE_STEP_NS);
}

struct nt_time_base nt_timebase_at(const struct nt_timebase *t, int64_t boot_ns)
{
	size_t low = 0, high = t->len;

	if (!t->len)
		return (struct nt_time_base){ 0 };
	/* The first run after boot_ns; packets are young, so the newest is tried first. */
	if (nth(t, t->len - 1)->boot_ns <= boot_ns)
		low = t->len;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (nth(t, middle)->boot_ns <= boot_ns)
			low = middle + 1;
		else
			high = middle;
	}
	low = low ? low - 1 : 0;
	return (struct nt_time_base){
		.real_minus_boot_ns = nth(t, low)->real_minus_boot_ns,
		.clock_step = t->stepped || in_step(t, low, boot_ns),
	};
}

int64_t nt_timebase_us(const struct nt_timebase *t, int64_t boot_ns)
{
	return (boot_ns + nt_timebase_at(t, boot_ns).real_minus_boot_ns) / NT_NS_PER_US;
}

bool nt_timebase_interval(struct nt_timebase *t)
{
	bool stepped = t->stepped;

	t->stepped = false;
	return stepped;
}
