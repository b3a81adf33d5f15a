/* SPDX-License-Identifier: Apache-2.0 */
/* The octets that the accumulators of all rules may take together. For controller/alerts only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* T31: open buckets 96 MiB. */
#define NT_ALERT_BYTES_MAX (96u << 20)

/* False, and nothing is taken, when they are not there. */
static inline bool nt_budget_take(uint64_t *bytes, size_t n)
{
	if (*bytes + n > NT_ALERT_BYTES_MAX)
		return false;
	*bytes += n;
	return true;
}
