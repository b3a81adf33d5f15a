/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One sample of the ring buffer to its datagrams: checks the event header before anything of it is
 * used and takes a GSO packet apart (T1). No state, no heap.
 */
#pragma once

#include "dataplane/abi.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

struct nt_split {
	struct nt_event event; /* copied: the sample lies in memory that the kernel writes */
	struct nt_slice captured; /* borrowed */
	bool consistent; /* gso_size, gso_segs and payload_len fit together */
	uint32_t index;
};

struct nt_datagram {
	uint64_t seq;
	uint32_t index; /* within the packet */
	bool whole; /* false: not all of it was captured, payload is empty */
	struct nt_slice payload; /* borrowed */
};

/* -EBADMSG when it is no event of this version; *ret_split is of no use then. */
int nt_split_open(struct nt_slice sample, struct nt_split *ret_split,
		  struct nt_err *err) NT_MUSTCHECK;
/* False at the end. Always as many datagrams as took a sequence number. */
bool nt_split_next(struct nt_split *s, struct nt_datagram *ret_datagram);
