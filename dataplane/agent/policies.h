/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The DNSPolicy objects in their last good form. A policy that is refused, or whose names collide
 * under this node's key, is logged once with field and reason and stays as it was; one that is gone
 * from the objects is gone here. Not thread-safe; holds what it needs of the objects itself.
 */
#pragma once

#include <jansson.h>

#include "dataplane/abi.h"
#include "lib/policy/policy.h"

struct nt_agent_policy {
	char namespace_[64];
	char name[256];
	struct nt_policy *good; /* NULL: it never was good since this agent started */
	json_t *json; /* the object of the last look, referenced: the same pointer is no change */
	bool refused; /* its newest form was */
	char problem[512]; /* the last one logged */
	uint32_t slot; /* of `good`, 0: not known */
};

struct nt_policies {
	struct nt_agent_policy **items; /* by namespace and name */
	size_t len;
	struct nt_rules_key key;
	bool loaded;
	uint64_t generation; /* of the objects that were read */
};

/* Reads what changed; true when something may be another than before. Without memory it stays as
 * it is and the next call tries again. */
bool nt_policies_load(struct nt_policies *p, const struct nt_objects *objects);
/* NULL when there is none. */
const struct nt_agent_policy *nt_policies_find(const struct nt_policies *p, const char *namespace_,
					       const char *name);
void nt_policies_done(struct nt_policies *p);
