/* SPDX-License-Identifier: Apache-2.0 */
/* Search domains as rows of the log show them. */
#include "controller/policies/searches.h"

bool nt_searches_ends(struct nt_slice name, struct nt_slice domain)
{
	/* A dot within a label is \046 in the text, so each dot is a boundary. */
	return domain.len && name.len > domain.len + 1 && nt_slice_ends(name, domain) &&
	       name.p[name.len - domain.len - 1] == '.';
}

struct nt_slice nt_searches_of(const struct nt_record *r)
{
	size_t front = r->logical_qname.len + 1;

	if (r->scope != NT_SCOPE_SEARCH || front >= r->qname.len)
		return (struct nt_slice){ 0 };
	return nt_slice_mem(r->qname.p + front, r->qname.len - front);
}

int nt_searches_add(struct nt_searches_seen *s, struct nt_slice domain,
		    struct nt_slice cluster_domain, struct nt_arena *arena)
{
	if (!domain.len || nt_slice_eq(domain, cluster_domain) ||
	    nt_searches_ends(domain, cluster_domain))
		return 0;
	for (size_t i = 0; i < s->len; i++)
		if (nt_slice_eq(s->domains[i], domain))
			return 0;
	if (s->len == NT_SEARCHES_SEEN_MAX) {
		s->over++;
		return 0;
	}
	domain = nt_arena_copy(arena, domain);
	if (!domain.p)
		return -ENOMEM;
	s->domains[s->len++] = domain;
	return 0;
}
