/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The programs as another build has them: one more instruction for each event, everything else the
 * same, its constants included. For tests/bpf/test_upgrade.c. */
static inline __attribute__((always_inline)) void other_build(void)
{
	asm volatile("r0 = 7" ::: "r0");
}

#define bpf_get_smp_processor_id() (other_build(), bpf_get_smp_processor_id())
#include "dataplane/bpf/tap.bpf.c"
