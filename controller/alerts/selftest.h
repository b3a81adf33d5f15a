/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does a rule do what it says? Rows on which it must fire and rows on which it must not (sample.h)
 * go through the live evaluation, under a clock of their own, and through a preview over the store
 * that they are in, which is one in memory. Nobody is told of the events. Takes no lock: any
 * thread. Bounded: NT_SELFTEST_SECONDS and, of memory, some NT_SELFTEST_BYTES_MAX.
 */
#pragma once

#include <stdatomic.h>

#include "controller/alerts/alerts.h"

#define NT_SELFTEST_SECONDS 10
/* Of the store; as much again for what reads it. */
#define NT_SELFTEST_BYTES_MAX (64u << 20)

struct nt_selftest_config {
	int64_t budget_ns; /* of time; 0: NT_SELFTEST_SECONDS */
	const atomic_bool *stop; /* it ends soon when this is set; NULL: never */
};

/* object: a GlobalAlert, whether it is disabled does not matter; borrowed. One with a mistake is
 * NT_SELFTEST_NONE. */
void nt_selftest_run(const struct nt_object *object, const struct nt_selftest_config *config,
		     struct nt_selftest *ret_result);
