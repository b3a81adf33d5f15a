/* SPDX-License-Identifier: Apache-2.0 */
/* The latest first fragments, in a ring. */
#include "lib/pcap/fragments.h"

void nt_fragments_first(struct nt_fragments *f, const struct nt_packet *p,
			enum nt_fragment_flow flow)
{
	f->firsts[f->next] = (struct nt_fragment_first){ .source = p->source,
							 .destination = p->destination,
							 .id = p->fragment_id,
							 .flow = flow };
	f->next = (f->next + 1) % NT_FRAGMENTS_KEPT;
}

static bool is_of(const struct nt_fragment_first *first, const struct nt_packet *p)
{
	return first->id == p->fragment_id && nt_addr_eq(&first->source, &p->source) &&
	       nt_addr_eq(&first->destination, &p->destination);
}

/* From the latest one back: identifications come again. */
enum nt_fragment_flow nt_fragments_later(const struct nt_fragments *f, const struct nt_packet *p)
{
	for (size_t i = 1; i <= NT_FRAGMENTS_KEPT; i++) {
		const struct nt_fragment_first *first =
			&f->firsts[(f->next + NT_FRAGMENTS_KEPT - i) % NT_FRAGMENTS_KEPT];

		if (first->flow && is_of(first, p))
			return first->flow;
	}
	return NT_FRAGMENT_UNKNOWN;
}
