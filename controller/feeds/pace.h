/* SPDX-License-Identifier: Apache-2.0 */
/* When a list is looked at again. Pure. For controller/feeds only. */
#pragma once

#include <stdint.h>

/* How long to wait, in us. failures: in a row, 0: it went well. random: any number; feeds that were
 * made together do not ask together. */
int64_t nt_feed_pause_us(int64_t interval_us, unsigned failures, uint32_t random);
