/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer means for a notice, and how long to wait after a failure. Pure. */
#pragma once

#include <stdint.h>

enum nt_outcome {
	NT_OUTCOME_DELIVERED = 0, /* 2xx */
	NT_OUTCOME_REFUSED = 1, /* this message will never be taken: 400, 413, 415, 422 */
	NT_OUTCOME_FAILED = 2, /* anything else, no answer, too: somebody may mend it, so again */
};

/* status: of HTTP; 0: there was no answer. */
enum nt_outcome nt_retry_outcome(int status);
/* failures: in a row, from 1. 1 s, doubled with each, 5 min at most; between half of that and all,
 * by random. At least what the receiver asked for (0: nothing), of which an hour is the most. */
int64_t nt_retry_wait_ns(unsigned failures, uint32_t random, int64_t asked_ns);
