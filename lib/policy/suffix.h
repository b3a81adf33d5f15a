/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keyed hash of a name's suffixes, the same in C and in BPF (dataplane/bpf/suffix.bpf.h):
 * root = 0; hash(label.parent) = SipHash-1-3(key, LE64(hash(parent)) || label in ASCII lower case,
 * without its length octet). Chained from the right, so that a walk over a name costs one hash per
 * label. The key is secret per node: a pod must not be able to make a name that collides (T14).
 */
#pragma once

#include "lib/base/slice.h"
#include "lib/dns/name.h"

uint64_t nt_suffix_root(void);
uint64_t nt_suffix_label(const uint8_t key[16], uint64_t parent, struct nt_slice label);
/* Of a whole name. */
uint64_t nt_suffix_hash(const uint8_t key[16], const struct nt_name *name);
