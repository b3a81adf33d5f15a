/* SPDX-License-Identifier: Apache-2.0 */
/* Records under fewer keys. */
#include "lib/record/fold.h"

/* "*.under"; "*" when nothing is known that it is below. */
static struct nt_slice star(struct nt_slice under, struct nt_arena *arena)
{
	char *p;

	if (!under.len)
		return NT_SLICE_LIT("*");
	p = nt_arena_alloc(arena, under.len + 2);
	if (!p)
		return (struct nt_slice){ 0 };
	memcpy(p, "*.", 2);
	memcpy(p + 2, under.p, under.len);
	return nt_slice_mem(p, under.len + 2);
}

/* The keys that are gone at every depth. */
static void drop_details(struct nt_record *r)
{
	r->rrsets = NULL;
	r->rrsets_len = 0;
	r->service_namespace = r->service_name = (struct nt_slice){ 0 };
	r->error = (struct nt_slice){ 0 };
	r->folded = 1;
}

static void drop_ends(struct nt_record *r, enum nt_fold depth, const struct nt_addr *ip)
{
	r->scope = NT_SCOPE_NONE;
	r->domain = (struct nt_slice){ 0 };
	r->qtype = r->qclass = 0;
	r->client_ip = *ip;
	r->servers = NULL;
	r->servers_len = 0;
	r->late_of = 0;
	if (r->answered && (depth == NT_FOLD_REST || r->rcode > NT_FOLD_RCODE_MAX))
		r->rcode = NT_FOLD_RCODE_OTHER;
}

void nt_record_lighten(struct nt_record *r)
{
	uint64_t folded = r->folded, lookups = r->count ? r->count : 1;

	if (r->type != NT_RECORD_LOG)
		return;
	drop_details(r);
	r->qname = r->logical_qname = NT_SLICE_LIT("*");
	r->domain = (struct nt_slice){ 0 };
	r->folded = folded ? folded : lookups;
	r->distinct = r->distinct ? r->distinct : 1;
}

int nt_record_fold(struct nt_record *r, enum nt_fold depth, struct nt_slice under,
		   const struct nt_addr *ip, struct nt_arena *arena)
{
	bool has_name = r->qname.len != 0;
	struct nt_slice name =
		star(depth == NT_FOLD_DOMAIN ? under : (struct nt_slice){ 0 }, arena);

	if (!name.len)
		return -ENOMEM;
	drop_details(r);
	if (has_name || depth != NT_FOLD_DOMAIN) {
		r->qname = name;
		/* What the application asked for is not known below the search list's domain. */
		r->logical_qname = r->scope == NT_SCOPE_SEARCH ? NT_SLICE_LIT("*") : name;
	}
	if (depth != NT_FOLD_DOMAIN)
		drop_ends(r, depth, ip);
	return 0;
}
