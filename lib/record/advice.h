/* SPDX-License-Identifier: Apache-2.0 */
/* What to do about what the log could not hold, by the reason of UNLOGGED rows. */
#pragma once

#include <stdbool.h>

struct nt_advice {
	const char *reason;
	const char *what; /* the packets, in words */
	const char *todo;
	bool is_usual; /* nothing is broken where there are some */
};

/* The one of that reason; of an unknown one a general one, never NULL. */
const struct nt_advice *nt_advice_find(const char *reason);
/* NULL at the end. For tests. */
const struct nt_advice *nt_advice_at(unsigned index);
