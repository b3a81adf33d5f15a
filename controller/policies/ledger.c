/* SPDX-License-Identifier: Apache-2.0 */
/* Names under workloads, and their counts. */
#include "controller/policies/ledger.h"

#include <netinet/in.h>
#include <sys/random.h>

int nt_ledger_init(struct nt_ledger *l, size_t bytes_max, size_t names_max, struct nt_err *err)
{
	*l = (struct nt_ledger){ .arena = NT_ARENA(bytes_max), .names_max = names_max };
	if (getrandom(&l->key, sizeof(l->key), 0) != sizeof(l->key))
		return nt_err_set(err, EIO, "no random octets");
	if (nt_hashtable_init(&l->workloads) < 0 || nt_hashtable_init(&l->names) < 0)
		return nt_err_set(err, ENOMEM, "no memory for a preview");
	return 0;
}

void nt_ledger_done(struct nt_ledger *l)
{
	nt_hashtable_done(&l->workloads);
	nt_hashtable_done(&l->names);
	nt_arena_done(&l->arena);
}

static void add(struct nt_ledger_count *c, const struct nt_record *r)
{
	if (!c->lookups || r->start_us < c->first_us)
		c->first_us = r->start_us;
	if (!c->lookups || r->end_us > c->last_us)
		c->last_us = r->end_us;
	c->lookups += r->count;
}

/* --- workloads -------------------------------------------------------------------------------- */

static bool same_picks(const struct nt_plan_picks *a, const struct nt_plan_picks *b)
{
	for (size_t i = 0; i < NT_PLAN_LEN; i++)
		if (a->by[i].selected != b->by[i].selected ||
		    memcmp(a->by[i].at, b->by[i].at, a->by[i].len * sizeof(a->by[i].at[0])) != 0)
			return false;
	return true;
}

/* Of a pod that the controller did not know the name tells, without its random end. */
static struct nt_slice workload_name(const struct nt_record *r)
{
	return r->client_workload_kind.len ? r->client_workload_name : r->client_name_aggr;
}

static struct nt_ledger_workload *new_workload(struct nt_ledger *l, const struct nt_record *r,
					       const struct nt_plan_picks *picks, uint64_t hash)
{
	struct nt_ledger_workload *w = nt_arena_zalloc(&l->arena, sizeof(*w));

	if (!w)
		return NULL;
	w->namespace_ = nt_arena_copy(&l->arena, r->client_namespace);
	w->kind = nt_arena_copy(&l->arena, r->client_workload_kind);
	w->name = nt_arena_copy(&l->arena, workload_name(r));
	w->picks = *picks;
	if (!w->namespace_.p || !w->kind.p || !w->name.p)
		return NULL;
	nt_hashtable_put(&l->workloads, &w->link, hash);
	w->next = l->first_workload;
	l->first_workload = w;
	return w;
}

struct nt_ledger_workload *nt_ledger_workload(struct nt_ledger *l, const struct nt_record *r,
					      const struct nt_plan_picks *picks)
{
	uint64_t hash = nt_hash(&l->key, 0, r->client_namespace);

	hash = nt_hash(&l->key, hash, r->client_workload_kind);
	hash = nt_hash(&l->key, hash, workload_name(r));
	for (struct nt_hashtable_link *at = nt_hashtable_first(&l->workloads, hash); at;
	     at = nt_hashtable_next(at)) {
		struct nt_ledger_workload *w =
			NT_HASHTABLE_ITEM(at, struct nt_ledger_workload, link);

		if (nt_slice_eq(w->namespace_, r->client_namespace) &&
		    nt_slice_eq(w->kind, r->client_workload_kind) &&
		    nt_slice_eq(w->name, workload_name(r)) && same_picks(&w->picks, picks))
			return w;
	}
	return new_workload(l, r, picks, hash);
}

/* --- names ------------------------------------------------------------------------------------ */

static bool is_tcp(const struct nt_record *r)
{
	return r->transport == IPPROTO_TCP;
}

static bool is_of(const struct nt_ledger_name *n, const struct nt_ledger_workload *w,
		  const struct nt_record *r, struct nt_slice search)
{
	return n->workload == w && nt_slice_eq(n->qname, r->qname) && n->search.len == search.len &&
	       n->tcp == is_tcp(r) && n->folded == (r->folded != 0);
}

static struct nt_ledger_name *new_name(struct nt_ledger *l, struct nt_ledger_workload *w,
				       const struct nt_record *r, struct nt_slice search,
				       uint64_t hash)
{
	struct nt_ledger_name *n =
		w->names_len < l->names_max ? nt_arena_zalloc(&l->arena, sizeof(*n)) : NULL;

	if (n)
		n->qname = nt_arena_copy(&l->arena, r->qname);
	if (!n || !n->qname.p)
		return NULL;
	n->search = nt_slice_mem(n->qname.p + n->qname.len - search.len, search.len);
	n->workload = w;
	n->tcp = is_tcp(r);
	n->folded = r->folded != 0;
	nt_hashtable_put(&l->names, &n->link, hash);
	n->next = l->first_name;
	l->first_name = n;
	w->names_len++;
	return n;
}

bool nt_ledger_count(struct nt_ledger *l, struct nt_ledger_workload *w, const struct nt_record *r,
		     struct nt_slice search)
{
	uint64_t hash = nt_hash(&l->key, (uint64_t)(uintptr_t)w, r->qname);
	struct nt_ledger_name *n = NULL;

	for (struct nt_hashtable_link *at = nt_hashtable_first(&l->names, hash); at;
	     at = nt_hashtable_next(at)) {
		n = NT_HASHTABLE_ITEM(at, struct nt_ledger_name, link);
		if (is_of(n, w, r, search))
			break;
		n = NULL;
	}
	if (!n)
		n = new_name(l, w, r, search, hash);
	if (n)
		add(&n->count, r);
	return n != NULL;
}

void nt_ledger_count_other(struct nt_ledger_workload *w, const struct nt_record *r)
{
	add(&w->other, r);
}
