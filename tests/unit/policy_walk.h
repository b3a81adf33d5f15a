/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's way to a verdict in plain C: only hashes, compiled tables and the walk from the
 * rightmost label, left at the first miss. Compared with nt_policy_judge by tests and fuzzer.
 */
#pragma once

#include <assert.h>
#include <stdlib.h>

#include "dataplane/abi.h"
#include "lib/policy/policy.h"
#include "lib/policy/suffix.h"

#define WALK_POLICIES_MAX NT_POLICY_SLOTS

struct walk_table {
	struct nt_buf rules; /* struct nt_policy_rule, by hash */
	enum nt_policy_mode mode;
};

struct walk {
	uint8_t key[16];
	struct walk_table tables[WALK_POLICIES_MAX];
	size_t len;
};

/* The labels of a name, from the left. */
struct walk_labels {
	struct nt_slice at[128];
	size_t len;
};

static inline void walk_done(struct walk *w)
{
	for (size_t i = 0; i < w->len; i++)
		nt_buf_done(&w->tables[i].rules);
	w->len = 0;
}

static inline int walk_add(struct walk *w, const struct nt_policy *p)
{
	struct walk_table *t = &w->tables[w->len++];

	assert(w->len <= WALK_POLICIES_MAX);
	*t = (struct walk_table){ .mode = nt_policy_mode(p) };
	return nt_policy_compile(p, w->key, &t->rules);
}

static inline struct walk_labels walk_split(const struct nt_name *name)
{
	struct walk_labels l = { .len = 0 };

	for (size_t at = 0; at < name->len && name->wire[at]; at += name->wire[at] + 1u)
		l.at[l.len++] = nt_slice_mem(name->wire + at + 1, name->wire[at]);
	return l;
}

static inline int walk_compare(const void *pa, const void *pb)
{
	const struct nt_policy_rule *a = pa, *b = pb;

	return (a->hash > b->hash) - (a->hash < b->hash);
}

static inline uint32_t walk_flags(const struct walk_table *t, uint64_t hash)
{
	struct nt_policy_rule key = { .hash = hash };
	const struct nt_policy_rule *found =
		t->rules.len ? bsearch(&key, t->rules.p, t->rules.len / sizeof(key), sizeof(key),
				       walk_compare)
			     : NULL;

	return found ? found->flags : 0;
}

/* Of the first `len` labels. */
static inline bool walk_allows(const struct walk *w, const struct walk_table *t,
			       const struct walk_labels *l, size_t len)
{
	uint64_t hash = nt_suffix_root();

	for (size_t i = len; i--;) {
		uint32_t flags;

		hash = nt_suffix_label(w->key, hash, l->at[i]);
		flags = walk_flags(t, hash);
		if (i == 0)
			return flags & NT_RULE_EXACT;
		if (flags & NT_RULE_WILDCARD)
			return true;
		if (!(flags & NT_RULE_HAS_CHILD))
			return false;
	}
	return false;
}

/* Is the name below the cluster domain? *ret_front: labels before the longest search domain, 0
 * where there is none. */
static inline bool walk_scope(const struct walk *w, const struct nt_policy_scope *scope,
			      const struct walk_labels *l, size_t *ret_front)
{
	uint64_t hash = nt_suffix_root();

	*ret_front = 0;
	for (size_t i = l->len; i--;) {
		hash = nt_suffix_label(w->key, hash, l->at[i]);
		if (scope->cluster_domain.len > 1 &&
		    hash == nt_suffix_hash(w->key, &scope->cluster_domain))
			return true;
		for (size_t k = 0; k < scope->searches_len; k++)
			if (scope->searches[k].len > 1 &&
			    hash == nt_suffix_hash(w->key, &scope->searches[k]))
				*ret_front = i ? i : *ret_front;
	}
	return false;
}

static inline bool walk_mode_allows(const struct walk *w, enum nt_policy_mode mode,
				    const struct walk_labels *l, size_t front, size_t *ret_index)
{
	bool any = false;

	for (size_t i = 0; i < w->len; i++) {
		const struct walk_table *t = &w->tables[i];

		if (t->mode != mode)
			continue;
		if (walk_allows(w, t, l, l->len) || (front && walk_allows(w, t, l, front)))
			return true;
		if (!any)
			*ret_index = i;
		any = true;
	}
	return !any;
}

static inline uint8_t walk_judge(const struct walk *w, const struct nt_policy_scope *scope,
				 const struct nt_name *name, size_t *ret_index)
{
	struct walk_labels l = walk_split(name);
	size_t front, index = 0;

	*ret_index = 0;
	if (!w->len)
		return NT_VERDICT_NONE;
	if (walk_scope(w, scope, &l, &front))
		return NT_VERDICT_ALLOW;
	if (!walk_mode_allows(w, NT_POLICY_ENFORCE, &l, front, &index)) {
		*ret_index = index;
		return NT_VERDICT_DENY;
	}
	if (!walk_mode_allows(w, NT_POLICY_AUDIT, &l, front, &index)) {
		*ret_index = index;
		return NT_VERDICT_AUDIT;
	}
	return NT_VERDICT_ALLOW;
}
