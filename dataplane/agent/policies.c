/* SPDX-License-Identifier: Apache-2.0 */
/* DNSPolicy objects to policies, each in its last good form. */
#include "dataplane/agent/policies.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"

static void free_policy(struct nt_agent_policy *p)
{
	if (!p)
		return;
	nt_policy_free(p->good);
	json_decref(p->json);
	free(p);
}

void nt_policies_done(struct nt_policies *p)
{
	for (size_t i = 0; i < p->len; i++)
		free_policy(p->items[i]);
	free(p->items);
	p->items = NULL;
	p->len = 0;
}

/* --- one policy ------------------------------------------------------------------------------- */

static void refuse(struct nt_agent_policy *a, const char *field, const char *reason)
{
	char problem[sizeof(a->problem)];

	snprintf(problem, sizeof(problem), "%s%s%s", field, *field ? ": " : "", reason);
	a->refused = true;
	if (strcmp(problem, a->problem) == 0)
		return;
	memcpy(a->problem, problem, sizeof(problem));
	nt_log_error("policy %s/%s is refused: %s; %s", a->namespace_, a->name, problem,
		     a->good ? "its last good form stays in force" : "it is not in force");
}

/* The key is one per node and lives as long as the pins, so a collision cannot be got round. */
static bool compiles(struct nt_agent_policy *a, const struct nt_policy *policy,
		     const struct nt_rules_key *key)
{
	_cleanup_buf_ struct nt_buf rules = { 0 };
	int r = nt_policy_compile(policy, key->key, &rules);

	if (r == -EEXIST)
		refuse(a, "spec.allow", "two names have the same hash under this node's key");
	else if (r < 0)
		refuse(a, "", "no memory to compile it");
	return r == 0;
}

static bool same_rules(const struct nt_policy *a, const struct nt_policy *b)
{
	uint8_t x[16], y[16];

	nt_policy_digest(a, x);
	nt_policy_digest(b, y);
	return nt_policy_mode(a) == nt_policy_mode(b) && memcmp(x, y, sizeof(x)) == 0;
}

/* Takes the object's newest form when it is good. */
static void look(struct nt_agent_policy *a, const struct nt_object *object,
		 const struct nt_rules_key *key)
{
	_cleanup_(nt_policy_freep) struct nt_policy *policy = NULL;
	struct nt_object_problem problem = { 0 };
	int r = nt_policy_parse(object, &policy, &problem);

	json_decref(a->json);
	a->json = r == -ENOMEM ? NULL : json_incref((json_t *)object->json);
	if (r < 0) {
		refuse(a, problem.field, problem.msg);
		return;
	}
	if (!a->good || !same_rules(a->good, policy)) {
		if (!compiles(a, policy, key))
			return;
		a->slot = 0;
	}
	nt_policy_free(a->good);
	a->good = NT_TAKE_PTR(policy);
	if (a->refused)
		nt_log_info("policy %s/%s is good again", a->namespace_, a->name);
	a->refused = false;
	a->problem[0] = '\0';
}

/* --- all of them ------------------------------------------------------------------------------ */

static int compare(struct nt_slice namespace_, struct nt_slice name,
		   const struct nt_agent_policy *b)
{
	size_t len = strlen(b->namespace_);
	size_t least = namespace_.len < len ? namespace_.len : len;
	int r = least ? memcmp(namespace_.p, b->namespace_, least) : 0;

	if (r == 0 && namespace_.len != len)
		r = namespace_.len < len ? -1 : 1;
	if (r)
		return r;
	len = strlen(b->name);
	least = name.len < len ? name.len : len;
	r = least ? memcmp(name.p, b->name, least) : 0;
	return r || name.len == len ? r : (name.len < len ? -1 : 1);
}

const struct nt_agent_policy *nt_policies_find(const struct nt_policies *p, const char *namespace_,
					       const char *name)
{
	size_t low = 0, high = p->len;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int r = compare(nt_slice_str(namespace_), nt_slice_str(name), p->items[mid]);

		if (r == 0)
			return p->items[mid];
		if (r < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

static struct nt_agent_policy *new_policy(const struct nt_object *o)
{
	struct nt_agent_policy *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	memcpy(a->namespace_, o->namespace_.p, o->namespace_.len);
	memcpy(a->name, o->name.p, o->name.len);
	return a;
}

static bool name_fits(const struct nt_object *o)
{
	const struct nt_agent_policy *a;

	return o->namespace_.len && o->namespace_.len < sizeof(a->namespace_) && o->name.len &&
	       o->name.len < sizeof(a->name);
}

/* Both lists are in the same order: what is passed over is gone from the objects. */
static struct nt_agent_policy *take_old(struct nt_policies *p, const struct nt_object *o,
					size_t *at)
{
	while (*at < p->len) {
		int r = compare(o->namespace_, o->name, p->items[*at]);
		struct nt_agent_policy *old;

		if (r < 0)
			return NULL;
		old = NT_TAKE_PTR(p->items[*at]);
		(*at)++;
		if (r == 0)
			return old;
		free_policy(old);
	}
	return NULL;
}

bool nt_policies_load(struct nt_policies *p, const struct nt_objects *objects)
{
	static const struct nt_slice kind = { "DNSPolicy", sizeof("DNSPolicy") - 1 };
	struct nt_agent_policy **items;
	const struct nt_object *o;
	size_t most = 0, len = 0, at = 0;

	if (p->loaded && p->generation == nt_objects_generation(objects))
		return false;
	while (nt_objects_at(objects, kind, most))
		most++;
	items = calloc(most + 1, sizeof(*items));
	if (!items)
		return false;
	for (size_t i = 0; i < most && (o = nt_objects_at(objects, kind, i)); i++) {
		struct nt_agent_policy *a = name_fits(o) ? take_old(p, o, &at) : NULL;

		if (!a && name_fits(o))
			a = new_policy(o);
		if (!a) {
			nt_log_error("policy %.*s/%.*s: the name is too long, or no memory",
				     NT_SLICE_ARG(o->namespace_), NT_SLICE_ARG(o->name));
			continue;
		}
		if (!a->json || a->json != o->json)
			look(a, o, &p->key);
		items[len++] = a;
	}
	nt_policies_done(p); /* what nobody took */
	p->items = items;
	p->len = len;
	p->generation = nt_objects_generation(objects);
	p->loaded = true;
	return true;
}
