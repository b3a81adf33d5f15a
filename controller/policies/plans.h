/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies as they are now, and as they would be with those of somebody's file: which of them
 * select a pod, and what they say of a lookup, as an agent does it (dataplane/agent/rules.c). What
 * is said of a name is said by lib/policy/judge.c. Not thread-safe; no I/O.
 */
#pragma once

#include "dataplane/abi.h"
#include "lib/policy/policy.h"

struct nt_plans;
struct nt_query;

enum nt_plan {
	NT_PLAN_NOW = 0,
	NT_PLAN_THEN = 1,
	NT_PLAN_LEN = 2,
};

/* Of one file: a preview says something that a person reads. */
#define NT_PLANS_FILE_MAX 256

/* One of the file. */
struct nt_plan_policy {
	const struct nt_policy *policy;
	bool replaces; /* one of that name is there now */
};

/* objects: DNSPolicies, borrowed for the call. -EINVAL: *ret_problem is of objects[*ret_index]. */
int nt_plans_new(const struct nt_object *const *objects, size_t len, struct nt_plans **ret_plans,
		 size_t *ret_index, struct nt_object_problem *ret_problem) NT_MUSTCHECK;
void nt_plans_free(struct nt_plans *p);
static inline void nt_plans_freep(struct nt_plans **p)
{
	nt_plans_free(*p);
}

/* The policies that are there now, of the namespaces of the file's; those of the file take the
 * place of the ones with their names. Once. NULL: there are no objects. -ENOMEM. */
int nt_plans_add_current(struct nt_plans *p, const struct nt_objects *objects) NT_MUSTCHECK;

/* In the order of the file; false at the end. */
bool nt_plans_at(const struct nt_plans *p, size_t index, struct nt_plan_policy *ret_policy);
/* How many that are there now are refused, and the first of them ("shop/web"): agents may have an
 * earlier form in force, which nobody here knows. */
size_t nt_plans_refused(const struct nt_plans *p, struct nt_slice *ret_first);

/* What rows of the log it is about: those of the file's namespaces. *ret_query is owned by the
 * caller, and NULL where a namespace is no name of Kubernetes: then all rows. */
int nt_plans_query(const struct nt_plans *p, struct nt_query **ret_query,
		   struct nt_err *err) NT_MUSTCHECK;

/* What of a plan is in force for a pod. */
struct nt_plan_pick {
	const struct nt_policy *at[NT_POLICY_SLOTS]; /* Enforce first, then by name */
	size_t len;
	size_t selected; /* with those that find no slot */
};
struct nt_plan_picks {
	struct nt_plan_pick by[NT_PLAN_LEN];
	bool unknown; /* a policy selects by labels, and the pod's are not known */
};
/* known: labels are those of the pod; else nothing is known of them. */
void nt_plans_pick(const struct nt_plans *p, struct nt_slice namespace_,
		   const struct nt_label *labels, size_t labels_len, bool known,
		   struct nt_plan_picks *ret_picks);

/* enum nt_verdict on a query for name: over TCP an Enforce policy resets every connection, and no
 * policy says anything else. *ret_policy: who decided; NULL: nobody stops or marks it. */
uint8_t nt_plan_judge(const struct nt_plan_pick *pick, const struct nt_policy_scope *scope,
		      const struct nt_name *name, bool tcp, const struct nt_policy **ret_policy);
