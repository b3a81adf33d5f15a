/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory straight from the kernel: room that is reserved costs nothing until it is written, and
 * what is given back is gone from the process at once. malloc promises neither, and the memory of a
 * feed is counted in pages. Zero-initialise. For lib/feed only. Not thread-safe.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

struct nt_feed_area {
	uint8_t *p; /* owned; zeroes where nothing was written */
	size_t len; /* octets reserved */
	size_t released; /* octets from the front that were given back */
};

/* len: octets, 0 is taken for 1. -ENOMEM. */
int nt_feed_area_map(struct nt_feed_area *a, size_t len, struct nt_err *err) NT_MUSTCHECK;
/* Gives back what lies behind the first `used` octets, in whole pages. */
void nt_feed_area_trim(struct nt_feed_area *a, size_t used);
/* Gives back what lies before `read`, in large steps: it is never read again. */
void nt_feed_area_release(struct nt_feed_area *a, size_t read);
void nt_feed_area_unmap(struct nt_feed_area *a);
