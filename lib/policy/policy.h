/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DNSPolicy (nametap.io/v1alpha1) after checking: which pods, which names, and the verdict. The
 * meaning in words is in lib/policy/README.md; this evaluator is the reference that the BPF program
 * is compared with. Names: `example.com` is that name; `*.example.com` is one or more labels below
 * it and not the apex. Immutable after parsing; no I/O, no globals.
 */
#pragma once

#include "lib/base/buf.h"
#include "lib/dns/name.h"
#include "lib/objects/fields.h"
#include "lib/objects/objects.h"

struct nt_policy;

enum nt_policy_mode {
	NT_POLICY_AUDIT = 1,
	NT_POLICY_ENFORCE = 2,
};

/* A policy is one entry of the kernel's table per name and more, and its status has to be read. */
#define NT_POLICY_ALLOW_MAX 10000
/* Suffixes of all names together: one policy must not take the whole of the node's table
 * (NT_RULES_MAX), and 10,000 names of six labels stay below it. */
#define NT_POLICY_RULES_MAX 65536

/* Checks the object. 0, or -EINVAL (-ENOMEM) with *ret_problem. Unknown fields of spec are refused:
 * a rule that is not understood must not be half in force. */
int nt_policy_parse(const struct nt_object *object, struct nt_policy **ret_policy,
		    struct nt_object_problem *ret_problem) NT_MUSTCHECK;
void nt_policy_free(struct nt_policy *p);
static inline void nt_policy_freep(struct nt_policy **p)
{
	nt_policy_free(*p);
}

/* Strings live as long as the policy. */
struct nt_slice nt_policy_namespace(const struct nt_policy *p);
struct nt_slice nt_policy_name(const struct nt_policy *p);
enum nt_policy_mode nt_policy_mode(const struct nt_policy *p);
/* Over mode and names: equal digests are the same rules. */
void nt_policy_digest(const struct nt_policy *p, uint8_t ret_digest[16]);
/* podSelector against a pod of the same namespace; a selector without terms takes every pod. */
bool nt_policy_selects(const struct nt_policy *p, struct nt_slice namespace_,
		       const struct nt_label *labels, size_t labels_len);
/* True when the selector has no terms: it takes pods whose labels are not known, too. */
bool nt_policy_selects_all(const struct nt_policy *p);
size_t nt_policy_allow_len(const struct nt_policy *p);
/* In the order of the policy, each once, lower case, A-label form, no final dot, with octets other
 * than letters, digits, '-' and '_' as \DDD. index < nt_policy_allow_len. */
struct nt_slice nt_policy_allow_at(const struct nt_policy *p, size_t index);

/* Does this policy's allow list name it? */
bool nt_policy_allows(const struct nt_policy *p, const struct nt_name *name);

/* What a pod's names are judged against, besides policies. */
struct nt_policy_scope {
	struct nt_name cluster_domain; /* it and all below it stay allowed; len 0, root: none */
	struct nt_name searches[6]; /* trusted, outside the cluster domain; the root is none */
	size_t searches_len;
};

/*
 * The verdict over all policies that select a pod (enum nt_verdict of dataplane/abi.h):
 *  - below the cluster domain: ALLOW;
 *  - a name X.S below a search domain S (the longest) is judged as X and as written: one will do;
 *  - allowed by any Enforce policy (where there are Enforce policies) or else DENY, by the first;
 *  - then allowed by any Audit policy (where there are some) or else AUDIT, by the first;
 *  - else ALLOW; NONE without policies.
 * *ret_index: the policy that decided DENY or AUDIT, else 0.
 */
uint8_t nt_policy_judge(const struct nt_policy *const *policies, size_t policies_len,
			const struct nt_policy_scope *scope, const struct nt_name *name,
			size_t *ret_index);

/* One entry of the kernel's table: the keyed hash of a suffix (lib/policy/suffix.h) and flags. */
struct nt_policy_rule {
	uint64_t hash;
	uint32_t flags; /* enum nt_rule_flag of dataplane/abi.h */
	uint32_t reserved;
};
/* How many there will be, under any key. */
size_t nt_policy_rules_len(const struct nt_policy *p);
/* The rules under `key`, one per suffix of each name: appended as struct nt_policy_rule, each hash
 * once. 0, -ENOMEM, or -EEXIST when two suffixes collide under this key (the caller takes another
 * key). */
int nt_policy_compile(const struct nt_policy *p, const uint8_t key[16],
		      struct nt_buf *out) NT_MUSTCHECK;
