/* SPDX-License-Identifier: Apache-2.0 */
/* A policy to the kernel's table: each suffix of each name once, found by its keyed hash. */
#include <stdlib.h>

#include "dataplane/abi.h"
#include "lib/policy/inside.h"
#include "lib/policy/suffix.h"

/* The suffixes of the entry that was added last, from its top-level label on. */
struct path {
	struct nt_slice reversed;
	size_t len;
	size_t ends[NT_NAME_LABELS_MAX]; /* octets of reversed up to the end of that label */
	size_t rules[NT_NAME_LABELS_MAX]; /* index of the rule in out */
	uint64_t hashes[NT_NAME_LABELS_MAX];
};

static struct nt_policy_rule *rule_at(struct nt_buf *rules, size_t index)
{
	return (struct nt_policy_rule *)rules->p + index;
}

/* Drops from the path what the next name does not share. Names with a common suffix stand
 * together, so what is dropped never comes back. */
static void keep_common(struct path *path, struct nt_slice reversed)
{
	size_t common = 0;

	while (common < path->len && path->ends[common] <= reversed.len &&
	       memcmp(path->reversed.p, reversed.p, path->ends[common]) == 0)
		common++;
	path->len = common;
	path->reversed = reversed;
}

static void add_entry(const struct nt_policy_entry *e, const uint8_t key[16], struct path *path,
		      struct nt_buf *rules)
{
	size_t at;

	keep_common(path, nt_slice_mem(e->reversed, e->reversed_len));
	at = path->len ? path->ends[path->len - 1] : 0;
	while (at < e->reversed_len) {
		struct nt_slice label = nt_slice_mem(e->reversed + at + 1, e->reversed[at]);
		uint64_t parent = path->len ? path->hashes[path->len - 1] : nt_suffix_root();
		struct nt_policy_rule rule = { .hash = nt_suffix_label(key, parent, label) };

		at += label.len + 1;
		path->ends[path->len] = at;
		path->hashes[path->len] = rule.hash;
		path->rules[path->len++] = rules->len / sizeof(rule);
		nt_buf_add(rules, &rule, sizeof(rule));
	}
	if (!nt_buf_ok(rules))
		return;
	for (size_t i = 0; i + 1 < path->len; i++)
		rule_at(rules, path->rules[i])->flags |= NT_RULE_HAS_CHILD;
	rule_at(rules, path->rules[path->len - 1])->flags |=
		e->wildcard ? NT_RULE_WILDCARD : NT_RULE_EXACT;
}

static int compare_hashes(const void *pa, const void *pb)
{
	const struct nt_policy_rule *a = pa, *b = pb;

	return (a->hash > b->hash) - (a->hash < b->hash);
}

/* Each rule is another suffix, so two of one hash are a collision; the root is a suffix, too. */
static bool collides(const struct nt_policy_rule *rules, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (rules[i].hash == (i ? rules[i - 1].hash : nt_suffix_root()))
			return true;
	return false;
}

int nt_policy_compile(const struct nt_policy *p, const uint8_t key[16], struct nt_buf *out)
{
	_cleanup_buf_ struct nt_buf rules = { 0 };
	struct path path = { 0 };
	size_t len;

	for (size_t i = 0; i < p->len; i++)
		add_entry(&p->entries[i], key, &path, &rules);
	if (!nt_buf_ok(&rules))
		return -ENOMEM;
	if (!rules.len)
		return 0;
	len = rules.len / sizeof(struct nt_policy_rule);
	qsort(rules.p, len, sizeof(struct nt_policy_rule), compare_hashes);
	if (collides(rule_at(&rules, 0), len))
		return -EEXIST;
	nt_buf_add(out, rules.p, rules.len);
	return nt_buf_ok(out) ? 0 : -ENOMEM;
}
