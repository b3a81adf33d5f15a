/* SPDX-License-Identifier: Apache-2.0 */
/* Pauses between two looks at a list. */
#include "controller/feeds/pace.h"

/* After the first failure, doubled by each further one, up to the interval. */
#define FAILED_US (30 * 1000000LL)

int64_t nt_feed_pause_us(int64_t interval_us, unsigned failures, uint32_t random)
{
	int64_t pause_us = interval_us;

	if (failures) {
		pause_us = FAILED_US << (failures < 20 ? failures - 1 : 19);
		pause_us = pause_us < interval_us ? pause_us : interval_us;
	}
	/* A tenth less to a tenth more. */
	return pause_us - pause_us / 10 + pause_us / 5 * (random % 1024) / 1024;
}
