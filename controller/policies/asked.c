/* SPDX-License-Identifier: Apache-2.0 */
/* Names by registrable domain, and what came of them. */
#include "controller/policies/asked.h"

#include <stdio.h>
#include <sys/random.h>

#include "dataplane/abi.h"

enum { RCODE_NOERROR = 0, RCODE_NXDOMAIN = 3 };

int nt_asked_init(struct nt_asked *a, struct nt_slice cluster_domain, size_t bytes_max,
		  struct nt_err *err)
{
	char domain[256];

	*a = (struct nt_asked){ .arena = NT_ARENA(bytes_max) };
	if (getrandom(&a->key, sizeof(a->key), 0) != sizeof(a->key))
		return nt_err_set(err, EIO, "no random octets");
	if (nt_hashtable_init(&a->names) < 0 || nt_hashtable_init(&a->domains) < 0)
		return nt_err_set(err, ENOMEM, "no memory for a suggestion");
	if (!cluster_domain.len)
		cluster_domain = NT_SLICE_LIT("cluster.local");
	snprintf(domain, sizeof(domain), "%.*s", NT_SLICE_ARG(cluster_domain));
	return nt_names_new(domain, &a->classes, err);
}

void nt_asked_done(struct nt_asked *a)
{
	nt_hashtable_done(&a->names);
	nt_hashtable_done(&a->domains);
	nt_names_free(a->classes);
	nt_arena_done(&a->arena);
}

static void count(struct nt_asked_count *c, const struct nt_record *r)
{
	c->lookups += r->count;
	if (r->end_us > c->last_us)
		c->last_us = r->end_us;
}

static enum nt_asked_outcome outcome_of(const struct nt_record *r)
{
	if (r->verdict == NT_VERDICT_DENY || r->verdict == NT_VERDICT_UNJUDGEABLE)
		return NT_ASKED_BLOCKED;
	if (!r->answered)
		return NT_ASKED_UNANSWERED;
	return r->rcode == RCODE_NOERROR    ? NT_ASKED_ANSWERED
	       : r->rcode == RCODE_NXDOMAIN ? NT_ASKED_NXDOMAIN
					    : NT_ASKED_UNANSWERED;
}

enum nt_asked_outcome nt_asked_outcome(const struct nt_asked_name *n)
{
	for (size_t i = 0; i < NT_ASKED_OUTCOMES; i++)
		if (n->outcomes[i])
			return (enum nt_asked_outcome)i;
	return NT_ASKED_UNANSWERED;
}

/* --- the domain of a name --------------------------------------------------------------------- */

static struct nt_slice domain_of(struct nt_asked *a, struct nt_slice name)
{
	struct nt_name_class c = nt_names_classify(a->classes, name, "", true, false);

	switch (c.scope) {
	case NT_SCOPE_EXTERNAL:
		return c.domain;
	case NT_SCOPE_REVERSE:
		return nt_slice_ends(name, NT_SLICE_LIT("ip6.arpa")) ? NT_SLICE_LIT("ip6.arpa")
								     : NT_SLICE_LIT("in-addr.arpa");
	case NT_SCOPE_NONE:
	case NT_SCOPE_CLUSTER:
	case NT_SCOPE_SEARCH:
		break;
	}
	return (struct nt_slice){ 0 };
}

static struct nt_asked_domain *get_domain(struct nt_asked *a, struct nt_slice domain)
{
	uint64_t hash = nt_hash(&a->key, 0, domain);
	struct nt_asked_domain *d;

	for (struct nt_hashtable_link *at = nt_hashtable_first(&a->domains, hash); at;
	     at = nt_hashtable_next(at)) {
		d = NT_HASHTABLE_ITEM(at, struct nt_asked_domain, link);
		if (nt_slice_eq(d->domain, domain))
			return d;
	}
	d = nt_arena_zalloc(&a->arena, sizeof(*d));
	domain = d ? nt_arena_copy(&a->arena, domain) : (struct nt_slice){ 0 };
	if (!domain.p)
		return NULL;
	d->domain = domain;
	d->next = a->first_domain;
	a->first_domain = d;
	nt_hashtable_put(&a->domains, &d->link, hash);
	return d;
}

/* --- names ------------------------------------------------------------------------------------ */

static struct nt_asked_name *find_name(const struct nt_asked *a, struct nt_slice name,
				       uint64_t hash)
{
	for (struct nt_hashtable_link *at = nt_hashtable_first(&a->names, hash); at;
	     at = nt_hashtable_next(at)) {
		struct nt_asked_name *n = NT_HASHTABLE_ITEM(at, struct nt_asked_name, link);

		if (nt_slice_eq(n->name, name))
			return n;
	}
	return NULL;
}

static struct nt_asked_name *new_name(struct nt_asked *a, struct nt_asked_domain *d,
				      struct nt_slice name, uint64_t hash)
{
	struct nt_asked_name *n = nt_arena_zalloc(&a->arena, sizeof(*n));

	if (n)
		n->name = nt_arena_copy(&a->arena, name);
	if (!n || !n->name.p)
		return NULL;
	n->next = d->names;
	d->names = n;
	nt_hashtable_put(&a->names, &n->link, hash);
	return n;
}

/* A name that was never answered until now. */
static bool has_room(const struct nt_asked *a, const struct nt_asked_domain *d, bool answered)
{
	return answered ? d->answered_len < a->answered_max : d->failed_len < a->failed_max;
}

static void add_name(struct nt_asked *a, struct nt_asked_domain *d, struct nt_slice name,
		     const struct nt_record *r)
{
	enum nt_asked_outcome outcome = outcome_of(r);
	bool answered = outcome == NT_ASKED_ANSWERED;
	uint64_t hash = nt_hash(&a->key, 1, name);
	struct nt_asked_name *n = find_name(a, name, hash);
	bool was = n && n->outcomes[NT_ASKED_ANSWERED];

	if (!n && has_room(a, d, answered)) {
		n = new_name(a, d, name, hash);
		if (!n) {
			a->lost += r->count;
			return;
		}
		d->failed_len++;
	}
	if (!n) {
		count(answered ? &d->answered_more : &d->failed_more, r);
		return;
	}
	n->outcomes[outcome] += r->count;
	count(&n->count, r);
	if (answered && !was) {
		d->failed_len--;
		d->answered_len++;
	}
}

/* "*.domain": what the log has in place of names of a pod that had too many. */
static void add_folded(struct nt_asked *a, const struct nt_record *r)
{
	bool answered = outcome_of(r) == NT_ASKED_ANSWERED;
	struct nt_asked_domain *d = NULL;
	struct nt_slice domain = { 0 };

	if (nt_slice_begins(r->qname, "*."))
		domain = domain_of(a, nt_slice_mem(r->qname.p + 2, r->qname.len - 2));
	if (domain.len)
		d = get_domain(a, domain);
	if (!d) {
		a->nameless += r->count;
		return;
	}
	d->folded |= answered;
	count(answered ? &d->answered_more : &d->failed_more, r);
}

/* Under the cluster domain a step of the search list is let through whatever the policy says, and
 * it was found there for what was meant; elsewhere it is a name like any other. */
static struct nt_slice name_of(struct nt_asked *a, const struct nt_record *r)
{
	if (r->scope != NT_SCOPE_SEARCH)
		return r->qname;
	return domain_of(a, r->qname).len ? r->qname : r->logical_qname;
}

void nt_asked_add(struct nt_asked *a, const struct nt_record *r)
{
	struct nt_asked_domain *d;
	struct nt_slice name, domain;

	a->lookups += r->count;
	/* A step that failed says nothing of the name that was meant. */
	if (r->scope == NT_SCOPE_CLUSTER ||
	    (r->scope == NT_SCOPE_SEARCH && outcome_of(r) != NT_ASKED_ANSWERED))
		return;
	if (!r->qname.len) {
		a->nameless += r->count;
		return;
	}
	if (r->folded) {
		add_folded(a, r);
		return;
	}
	name = name_of(a, r);
	domain = domain_of(a, name);
	if (!domain.len)
		return; /* of the cluster */
	d = get_domain(a, domain);
	if (d)
		add_name(a, d, name, r);
	else
		a->lost += r->count;
}
