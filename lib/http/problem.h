/* SPDX-License-Identifier: Apache-2.0 */
/* Problem documents (RFC 9457), the controller's answers: what an operator may read of one. */
#pragma once

#include <stddef.h>

#include "lib/base/slice.h"

/* The detail, else the title, in printable ASCII, cut to size; "" when the body is no problem
 * document. Bounded; does no I/O. */
void nt_problem_detail(struct nt_slice body, char *ret_detail, size_t size);
