/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict, on names and without hashes: what the kernel's answer is compared with. */
#include "dataplane/abi.h"
#include "lib/policy/inside.h"
#include "lib/policy/pattern.h"

static bool has_entry(const struct nt_policy *p, const uint8_t *reversed, size_t len, bool wildcard)
{
	struct nt_policy_entry key = { reversed, (uint8_t)len, wildcard, 0, { 0 } };
	size_t low = 0, high = p->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int r = nt_policy_entry_compare(&p->entries[middle], &key);

		if (r == 0)
			return true;
		if (r < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

bool nt_policy_allows(const struct nt_policy *p, const struct nt_name *name)
{
	uint8_t reversed[NT_NAME_WIRE_MAX];
	size_t len = nt_pattern_reverse(name, reversed);

	if (has_entry(p, reversed, len, false))
		return true;
	for (size_t at = 0; at < len; at += reversed[at] + 1u)
		if (at && has_entry(p, reversed, at, true))
			return true;
	return false;
}

/* Is name the suffix or below it? *ret_front: octets of the labels before it. */
static bool ends_in(const struct nt_name *name, const struct nt_name *suffix, size_t *ret_front)
{
	if (suffix->len <= 1 || name->len < suffix->len)
		return false; /* no name, or the root, which everything is below */
	for (size_t at = 0; at < name->len && name->wire[at]; at += name->wire[at] + 1u) {
		if ((size_t)name->len - at != suffix->len)
			continue;
		*ret_front = at;
		return memcmp(name->wire + at, suffix->wire, suffix->len) == 0;
	}
	return false;
}

/* X of X.S, where S is the longest of the trusted search domains that the name is below. */
static bool logical_name(const struct nt_policy_scope *scope, const struct nt_name *name,
			 struct nt_name *ret_logical)
{
	size_t front = 0, shortest = 0;

	for (size_t i = 0; i < scope->searches_len; i++)
		if (ends_in(name, &scope->searches[i], &front) && front &&
		    (!shortest || front < shortest))
			shortest = front;
	if (!shortest)
		return false;
	*ret_logical = (struct nt_name){ .len = (uint8_t)(shortest + 1) };
	memcpy(ret_logical->wire, name->wire, shortest); /* the root label is there already */
	return true;
}

struct candidates {
	const struct nt_name *names[2];
	size_t len;
};

/* Holds when no policy has this mode, or one of them allows one of the names. *ret_index: else the
 * first of this mode. */
static bool mode_allows(const struct nt_policy *const *policies, size_t policies_len,
			enum nt_policy_mode mode, const struct candidates *c, size_t *ret_index)
{
	size_t first = policies_len;

	for (size_t i = 0; i < policies_len; i++) {
		if (policies[i]->mode != mode)
			continue;
		if (first == policies_len)
			first = i;
		for (size_t k = 0; k < c->len; k++)
			if (nt_policy_allows(policies[i], c->names[k]))
				return true;
	}
	if (first == policies_len)
		return true;
	*ret_index = first;
	return false;
}

uint8_t nt_policy_judge(const struct nt_policy *const *policies, size_t policies_len,
			const struct nt_policy_scope *scope, const struct nt_name *name,
			size_t *ret_index)
{
	struct candidates c = { { name }, 1 };
	struct nt_name logical;
	size_t front;

	*ret_index = 0;
	if (!policies_len)
		return NT_VERDICT_NONE;
	if (ends_in(name, &scope->cluster_domain, &front))
		return NT_VERDICT_ALLOW;
	if (logical_name(scope, name, &logical))
		c.names[c.len++] = &logical;
	if (!mode_allows(policies, policies_len, NT_POLICY_ENFORCE, &c, ret_index))
		return NT_VERDICT_DENY;
	if (!mode_allows(policies, policies_len, NT_POLICY_AUDIT, &c, ret_index))
		return NT_VERDICT_AUDIT;
	return NT_VERDICT_ALLOW;
}
