/* SPDX-License-Identifier: Apache-2.0 */
/* Sets that a query names instead of writing them: ${name}. For lib/query only. */
#pragma once

#include "lib/query/query.h"

/* NULL when there is none of that name. */
const struct nt_query_substitution *
nt_query_substitution_find(const struct nt_query_substitution *substitutions, size_t len,
			   struct nt_slice name);
