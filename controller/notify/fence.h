/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a request of ours may not go unless somebody says so (T37): addresses that mean this
 * machine, its link, or a cloud's metadata. Looked at when the socket is made, after name
 * resolution, so that no name leads past it. Pure.
 */
#pragma once

#include "lib/base/addr.h"

/* NULL: it may be asked; else what it is, in words. */
const char *nt_fence_refuses(const struct nt_addr *a);
