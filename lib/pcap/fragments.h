/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose a later IP fragment is: only the first one has the ports, so what it was is kept under what
 * all of them share. Bounded: of the latest NT_FRAGMENTS_KEPT first ones. Plain data, all zero is
 * empty; not thread-safe.
 */
#pragma once

#include "lib/pcap/packet.h"

/* Datagrams under way at once: in a capture the fragments of one follow each other closely. */
enum { NT_FRAGMENTS_KEPT = 256 };

enum nt_fragment_flow {
	NT_FRAGMENT_UNKNOWN = 0, /* its first one is not in the file, came later, or has no ports */
	NT_FRAGMENT_DNS = 1,
	NT_FRAGMENT_OTHER = 2,
	NT_FRAGMENT_FLOWS = 3,
};

struct nt_fragments {
	struct nt_fragment_first {
		struct nt_addr source, destination;
		uint64_t id;
		enum nt_fragment_flow flow; /* UNKNOWN: the entry is empty */
	} firsts[NT_FRAGMENTS_KEPT];
	size_t next;
};

/* p: with is_first. */
void nt_fragments_first(struct nt_fragments *f, const struct nt_packet *p,
			enum nt_fragment_flow flow);
/* p: of kind NT_PACKET_FRAGMENT. */
enum nt_fragment_flow nt_fragments_later(const struct nt_fragments *f, const struct nt_packet *p);
