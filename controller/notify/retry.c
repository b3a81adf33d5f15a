/* SPDX-License-Identifier: Apache-2.0 */
/* Pauses between attempts. */
#include "controller/notify/retry.h"

#include "lib/base/clock.h"

#define MIN_NS NT_NS_PER_S
#define MAX_NS (300 * NT_NS_PER_S)
/* Nobody should have to ask for more. */
#define ASKED_MAX_NS (3600 * NT_NS_PER_S)

enum nt_outcome nt_retry_outcome(int status)
{
	if (status >= 200 && status < 300)
		return NT_OUTCOME_DELIVERED;
	if (status == 400 || status == 413 || status == 415 || status == 422)
		return NT_OUTCOME_REFUSED;
	return NT_OUTCOME_FAILED;
}

int64_t nt_retry_wait_ns(unsigned failures, uint32_t random, int64_t asked_ns)
{
	int64_t ns = MIN_NS;

	for (unsigned i = 1; i < failures && ns < MAX_NS; i++)
		ns *= 2;
	if (ns > MAX_NS)
		ns = MAX_NS;
	/* Receivers that failed together are not asked again together. */
	ns = ns / 2 + (int64_t)((uint64_t)(ns / 2) * (random >> 16) >> 16);
	if (asked_ns > ASKED_MAX_NS)
		asked_ns = ASKED_MAX_NS;
	return ns > asked_ns ? ns : asked_ns;
}
