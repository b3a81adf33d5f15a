/* SPDX-License-Identifier: Apache-2.0 */
/* Policies, pods and endpoints are brought together. */
#include "dataplane/agent/rules.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/policy/suffix.h"

/* Of struct nt_policy_scope: what a resolver walks. */
#define SEARCHES_MAX 6

struct nt_rules {
	struct nt_rules_config config;
	struct nt_policies policies;
	struct nt_slottable slots;
	struct nt_name cluster; /* len 0: none */
	struct nt_searches trusted;
	bool resolv_conf_failing, failing;
	struct nt_rules_stats stats;
};

/* Whom it is decided about. */
struct subject {
	const struct nt_pod *pod;
	const struct nt_object *object; /* NULL: not known, or no longer */
	const struct nt_endpoint *in_force;
};

/* What one endpoint should have. */
struct wanted {
	uint32_t slots[NT_POLICY_SLOTS];
	size_t len;
	size_t selected; /* policies, also those beyond the slots */
	bool unknown; /* a policy may select the pod, but its labels are not known */
	struct nt_scope_set scope;
};

/* --- scope ------------------------------------------------------------------------------------ */

static uint32_t labels_of(const struct nt_name *n)
{
	uint32_t labels = 0;

	for (size_t at = 0; at < n->len && n->wire[at]; at += n->wire[at] + 1u)
		labels++;
	return labels;
}

static bool is_root(const struct nt_name *n)
{
	return n->len <= 1;
}

/* True for the suffix itself, too. */
static bool is_below(const struct nt_name *n, const struct nt_name *suffix)
{
	size_t at = 0;

	if (!suffix->len || n->len < suffix->len)
		return false;
	while ((size_t)n->len - at > suffix->len)
		at += n->wire[at] + 1u;
	return (size_t)n->len - at == suffix->len &&
	       memcmp(n->wire + at, suffix->wire, suffix->len) == 0;
}

static void add_suffix(struct nt_rules *r, const struct nt_name *name, uint32_t kind,
		       struct nt_scope_set *scope)
{
	scope->suffixes[scope->len].hash = nt_suffix_hash(r->policies.key.key, name);
	scope->suffixes[scope->len].kind = kind;
	scope->suffixes[scope->len++].labels = labels_of(name);
}

/* A search domain counts only when the node has it, too: what a pod writes into its own dnsConfig
 * must not open a hole. */
static void set_scope(struct nt_rules *r, const struct nt_pod *pod, struct nt_scope_set *scope)
{
	struct nt_searches searches;

	if (r->cluster.len)
		add_suffix(r, &r->cluster, NT_SCOPE_KIND_CLUSTER, scope);
	nt_searches_parse(nt_slice_str(pod->searches), &searches);
	for (size_t i = 0, taken = 0; i < searches.len && taken < SEARCHES_MAX; i++) {
		const struct nt_name *name = &searches.names[i];

		if (is_root(name) || is_below(name, &r->cluster) ||
		    !nt_searches_has(&r->trusted, name))
			continue;
		add_suffix(r, name, NT_SCOPE_KIND_SEARCH, scope);
		taken++;
	}
}

static void read_resolv_conf(struct nt_rules *r)
{
	struct nt_err err;
	bool failed = nt_resolvconf_read(r->config.resolv_conf, &r->trusted, &err) < 0;

	if (failed && !r->resolv_conf_failing)
		nt_log_warn("no search domain is trusted: %s", err.msg);
	r->resolv_conf_failing = failed;
}

/* --- what a pod should have ------------------------------------------------------------------- */

static const struct nt_object *object_of(const struct nt_rules *r, const struct nt_pod *pod)
{
	const struct nt_object *o =
		nt_objects_find(r->config.objects, NT_SLICE_LIT("Pod"),
				nt_slice_str(pod->namespace_), nt_slice_str(pod->name));

	/* The name may belong to a successor by now. */
	return o && nt_object_has_uid(o, nt_slice_str(pod->uid)) ? o : NULL;
}

/* The policy, in whatever form, is in force for the pod. */
static bool has_policy(const struct nt_rules *r, const struct nt_endpoint *in_force,
		       const struct nt_agent_policy *p)
{
	for (size_t i = 0; i < in_force->slots_len && i < NT_POLICY_SLOTS; i++) {
		const struct nt_slotentry *e =
			nt_slottable_find(&r->slots, in_force->slots[i] & ~(uint32_t)NT_SLOT_AUDIT);

		if (e && strcmp(e->value.namespace_, p->namespace_) == 0 &&
		    strcmp(e->value.name, p->name) == 0)
			return true;
	}
	return false;
}

/* Pods that are deleted by force run on for a while without their object. Whoever may delete pods
 * must not free them of their policies thereby. */
static bool selects(const struct nt_rules *r, const struct nt_agent_policy *p,
		    const struct subject *s, struct wanted *w)
{
	if (s->object)
		return nt_policy_selects(p->good, nt_slice_str(s->pod->namespace_),
					 s->object->labels, s->object->labels_len);
	if (nt_policy_selects_all(p->good) || has_policy(r, s->in_force, p))
		return true;
	w->unknown = true;
	return false;
}

static void want(struct wanted *w, uint32_t slot)
{
	if (w->selected++ < NT_POLICY_SLOTS)
		w->slots[w->len++] = slot;
}

/*
 * Slots of an earlier agent whose policy cannot be read by this one: it is refused, or its file may
 * be among those with a mistake. Where they are in force they stay; a mistake must not free a pod.
 */
static void mark_kept(struct nt_rules *r)
{
	bool problems = nt_objects_problem_at(r->config.objects, 0) != NULL;

	for (size_t i = 0; i < r->slots.len; i++) {
		struct nt_slotentry *e = &r->slots.entries[i];
		const struct nt_agent_policy *p =
			nt_policies_find(&r->policies, e->value.namespace_, e->value.name);

		if (p)
			e->inherited = false;
		e->kept = p ? !p->good : e->inherited && problems;
	}
}

static void want_kept(const struct nt_rules *r, const struct subject *s, enum nt_policy_mode mode,
		      struct wanted *w)
{
	const struct nt_endpoint *in_force = s->in_force;

	for (size_t i = 0; i < in_force->slots_len && i < NT_POLICY_SLOTS; i++) {
		const struct nt_slotentry *e =
			nt_slottable_find(&r->slots, in_force->slots[i] & ~(uint32_t)NT_SLOT_AUDIT);

		if (e && !e->removed && e->kept && e->value.mode == (uint32_t)mode)
			want(w, in_force->slots[i]);
	}
	/* Whether it selects a pod that does not have it, nobody can tell. */
	for (size_t i = 0; i < r->slots.len; i++) {
		const struct nt_slotentry *e = &r->slots.entries[i];

		if (e->kept && !e->removed && strcmp(e->value.namespace_, s->pod->namespace_) == 0)
			w->unknown = true;
	}
}

static void load_policies(struct nt_rules *r)
{
	(void)nt_policies_load(&r->policies, r->config.objects);
	mark_kept(r); /* problems come and go without a change of the objects */
}

static int want_mode(struct nt_rules *r, const struct subject *s, enum nt_policy_mode mode,
		     struct wanted *w, struct nt_err *err)
{
	for (size_t i = 0; i < r->policies.len; i++) {
		struct nt_agent_policy *p = r->policies.items[i];
		uint32_t slot;
		int e;

		if (strcmp(p->namespace_, s->pod->namespace_) != 0)
			continue;
		if (!p->good || nt_policy_mode(p->good) != mode || !selects(r, p, s, w))
			continue;
		if (w->selected >= NT_POLICY_SLOTS) {
			w->selected++;
			continue;
		}
		e = nt_slottable_get(&r->slots, p, &slot, err);
		if (e < 0)
			return e;
		want(w, mode == NT_POLICY_AUDIT ? slot | NT_SLOT_AUDIT : slot);
	}
	want_kept(r, s, mode, w);
	return 0;
}

static int decide(struct nt_rules *r, const struct nt_pod *pod, const struct nt_endpoint *in_force,
		  struct wanted *w, struct nt_err *err)
{
	const struct subject s = { pod, object_of(r, pod), in_force };
	int e = want_mode(r, &s, NT_POLICY_ENFORCE, w, err);

	if (e == 0)
		e = want_mode(r, &s, NT_POLICY_AUDIT, w, err);
	if (e == 0 && w->len)
		set_scope(r, pod, &w->scope);
	return e;
}

/* --- one endpoint ----------------------------------------------------------------------------- */

static bool is_in_force(const struct wanted *w, const struct nt_endpoint *e,
			const struct nt_scope_set *scope)
{
	return e->slots_len == w->len &&
	       memcmp(e->slots, w->slots, w->len * sizeof(w->slots[0])) == 0 &&
	       (!w->len || memcmp(scope, &w->scope, sizeof(*scope)) == 0);
}

static void log_written(const struct nt_pod *pod, const struct wanted *w)
{
	if (w->selected > w->len)
		nt_log_error("pod %s/%s: %zu policies select it, only %zu are in force",
			     pod->namespace_, pod->name, w->selected, w->len);
	else
		nt_log_info("pod %s/%s: %zu policies in force", pod->namespace_, pod->name, w->len);
}

/* 0 also when the pod is not attached any more; *ret_wanted says what is in force then. */
static int put_right(struct nt_rules *r, const struct nt_pod *pod, struct wanted *ret_wanted,
		     struct nt_err *err)
{
	const struct nt_rulesink *sink = r->config.sink;
	struct nt_scope_set scope = { 0 };
	struct nt_endpoint in_force = { 0 };
	struct wanted w = { 0 };
	int e = sink->get(sink->ctx, pod->ep_id, &in_force, &scope);

	*ret_wanted = w;
	if (e < 0)
		return e == -ENOENT ? e : nt_err_sys(err, -e, "reading the endpoint");
	/* Until something else was written these are the ones that may not go. */
	for (size_t i = 0; i < in_force.slots_len && i < NT_POLICY_SLOTS; i++)
		nt_slottable_refer(&r->slots, in_force.slots[i]);
	e = decide(r, pod, &in_force, &w, err);
	if (e < 0)
		return e;
	*ret_wanted = w;
	if (is_in_force(&w, &in_force, &scope))
		return 0;
	e = sink->set(sink->ctx, pod->ep_id, w.slots, w.len, &w.scope, err);
	if (e < 0)
		return e;
	r->stats.written++;
	for (size_t i = 0; i < w.len; i++)
		nt_slottable_refer(&r->slots, w.slots[i]);
	log_written(pod, &w);
	return 0;
}

/* --- all of them ------------------------------------------------------------------------------ */

struct reconciling {
	struct nt_rules *r;
	uint64_t failures;
};

static bool reconcile_pod(void *ctx, const struct nt_pod *record)
{
	struct nt_pod pod = *record;
	struct reconciling *c = ctx;
	struct nt_err err = { 0 };
	struct wanted w;
	int e;

	/* The host network is observed only. */
	if (pod.version != NT_ABI_VERSION || !nt_pod_is_tapped(&pod) ||
	    pod.origin == NT_ORIGIN_NODE)
		return true;
	nt_pod_terminate(&pod);
	e = put_right(c->r, &pod, &w, &err);
	if (e == 0 || e == -ENOENT)
		return true;
	if (!c->r->failing && c->failures == 0)
		nt_log_error("pod %s/%s: %s; what is in force stays so", pod.namespace_, pod.name,
			     err.msg);
	c->failures++;
	return true;
}

void nt_rules_reconcile(struct nt_rules *r)
{
	struct reconciling c = { .r = r };
	struct nt_err err;
	int e;

	if (!nt_objects_have_synced(r->config.objects))
		return;
	load_policies(r);
	read_resolv_conf(r);
	nt_slottable_begin(&r->slots);
	e = r->config.source->pods(r->config.source->ctx, reconcile_pod, &c, &err);
	/* With an endpoint that could not be read nobody knows which slots are free. */
	if (e == 0 && !c.failures)
		e = nt_slottable_end(&r->slots, nt_clock_boot(r->config.clock), &err);
	if (e < 0 && !r->failing)
		nt_log_error("policies: %s", err.msg);
	if (e == 0 && !c.failures && r->failing)
		nt_log_info("policies: all endpoints are right again");
	r->failing = e < 0 || c.failures;
	r->stats.failures += c.failures + (e < 0);
}

bool nt_rules_poll(struct nt_rules *r)
{
	if (!nt_objects_poll(r->config.objects))
		return false;
	nt_rules_reconcile(r);
	return true;
}

static void answer(struct nt_answer *a, enum nt_answer_status status, const char *text)
{
	a->status = (uint32_t)status;
	snprintf(a->msg, sizeof(a->msg), "%.*s", (int)sizeof(a->msg) - 1, text);
}

void nt_rules_enforce(struct nt_rules *r, uint64_t ep_id, struct nt_answer *ret_answer)
{
	struct nt_err err = { 0 };
	struct nt_pod pod;
	struct wanted w;
	int e;

	*ret_answer = (struct nt_answer){ .version = NT_ASK_VERSION };
	(void)nt_rules_poll(r);
	if (!nt_objects_have_synced(r->config.objects)) {
		answer(ret_answer, NT_ANSWER_UNKNOWN,
		       "the agent has not yet read pods and policies from the Kubernetes API");
		return;
	}
	load_policies(r);
	e = r->config.source->pod_get(r->config.source->ctx, ep_id, &pod);
	if (e < 0 || pod.version != NT_ABI_VERSION || pod.state != NT_POD_ATTACHED) {
		answer(ret_answer, NT_ANSWER_FAILED, "no pod is attached under this number");
		return;
	}
	nt_pod_terminate(&pod);
	e = put_right(r, &pod, &w, &err);
	ret_answer->slots = (uint32_t)w.len;
	if (e < 0)
		answer(ret_answer, NT_ANSWER_FAILED,
		       e == -ENOENT ? "the pod's endpoint is gone" : err.msg);
	else if (w.selected > w.len)
		answer(ret_answer, NT_ANSWER_FAILED,
		       "more policies select the pod than it may have");
	else if (w.unknown)
		answer(ret_answer, NT_ANSWER_UNKNOWN,
		       "whether a policy selects the pod is not known: no manifest of the pod, or "
		       "a policy that cannot be read");
}

struct nt_slice nt_rules_policy_name(void *ctx, uint32_t slot)
{
	const struct nt_rules *r = ctx;
	const struct nt_slotentry *e = nt_slottable_find(&r->slots, slot);

	return nt_slice_str(e ? e->label : "");
}

struct nt_rules_stats nt_rules_stats(const struct nt_rules *r)
{
	struct nt_rules_stats s = r->stats;

	s.policies = r->policies.len;
	for (size_t i = 0; i < r->policies.len; i++)
		s.refused += r->policies.items[i]->refused;
	for (size_t i = 0; i < r->slots.len; i++)
		s.slots += !r->slots.entries[i].removed;
	return s;
}

/* --- life ------------------------------------------------------------------------------------- */

int nt_rules_new(const struct nt_rules_config *config, struct nt_rules **ret_rules,
		 struct nt_err *err)
{
	struct nt_rules *r = calloc(1, sizeof(*r));
	struct nt_slice domain = nt_slice_str(config->cluster_domain);
	int e = 0;

	if (!r)
		return nt_err_set(err, ENOMEM, "no memory for the rules");
	r->config = *config;
	r->policies.key = config->sink->key;
	r->slots.sink = config->sink;
	if (domain.len && nt_name_parse(domain, &r->cluster) < 0)
		e = nt_err_set(err, EINVAL, "cluster domain \"%s\" is no name",
			       config->cluster_domain);
	if (is_root(&r->cluster)) /* would allow everything */
		r->cluster.len = 0;
	if (e == 0)
		e = nt_slottable_load(&r->slots, err);
	if (e < 0) {
		nt_rules_free(r);
		return e;
	}
	*ret_rules = r;
	return 0;
}

void nt_rules_free(struct nt_rules *r)
{
	if (!r)
		return;
	nt_policies_done(&r->policies);
	nt_slottable_done(&r->slots);
	free(r);
}
