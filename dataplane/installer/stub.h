/* SPDX-License-Identifier: Apache-2.0 */
/* The stub (cni/stub) as it was built with this agent: a whole ELF file. */
#pragma once

#include "lib/base/slice.h"

extern const char nt_stub_begin[], nt_stub_end[];

static inline struct nt_slice nt_stub_image(void)
{
	return nt_slice_mem(nt_stub_begin, (size_t)(nt_stub_end - nt_stub_begin));
}
