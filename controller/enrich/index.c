/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of objects into tables; questions to the tables. */
#include "controller/enrich/index.h"

#include <stdlib.h>

int nt_enrich_index_init(struct nt_enrich_index *x, struct nt_objects *objects)
{
	int r;

	*x = (struct nt_enrich_index){ .objects = objects };
	r = nt_enrich_addresses_init(&x->addresses);
	if (r == 0)
		r = nt_enrich_pods_init(&x->pods);
	return r == 0 ? nt_enrich_services_init(&x->services) : r;
}

void nt_enrich_index_done(struct nt_enrich_index *x)
{
	nt_enrich_pods_done(&x->pods, &x->addresses);
	nt_enrich_services_done(&x->services, &x->addresses);
	nt_enrich_addresses_done(&x->addresses);
}

/* --- what belongs to a pod -------------------------------------------------------------------- */

static uint64_t owners_generation(const struct nt_enrich_index *x)
{
	return nt_objects_kind_generation(x->objects, NT_SLICE_LIT("ReplicaSet")) +
	       nt_objects_kind_generation(x->objects, NT_SLICE_LIT("Job"));
}

/* The owners are often gone before the pod is: what was seen once is better than a guess. A guess
 * by another object than the pod stays: to give that back is for the objects' thread only. */
static void derive_workload(struct nt_enrich_index *x, struct nt_enrich_pod *pod)
{
	uint64_t generation = owners_generation(x);
	struct nt_workload w;

	if (pod->workload.object &&
	    (!pod->workload.guessed || pod->owners_generation == generation ||
	     pod->workload.object != pod->object))
		return;
	w = nt_object_workload(x->objects, pod->object);
	pod->owners_generation = generation;
	nt_enrich_pod_set_workload(pod, &w);
}

/* The next Service from s on that selects the pod; NULL: none. */
static const struct nt_enrich_service *next_service(const struct nt_enrich_service *s,
						    const struct nt_enrich_pod *pod)
{
	while (s && !nt_object_service_selects(s->object, pod->object))
		s = s->next;
	return s;
}

static const struct nt_enrich_service *first_service(const struct nt_enrich_index *x,
						     const struct nt_enrich_pod *pod)
{
	return next_service(nt_enrich_services_in(&x->services, pod->object->namespace_), pod);
}

static int derive_services(struct nt_enrich_index *x, struct nt_enrich_pod *pod)
{
	const struct nt_enrich_service *first = first_service(x, pod), **out;
	size_t n = 0;

	/* One more than it is: 0 is of a pod that was never asked for. */
	if (nt_enrich_pod_is_gone(pod) || pod->services_generation == x->services.generation + 1)
		return 0;
	for (const struct nt_enrich_service *s = first; s; s = next_service(s->next, pod))
		n++;
	out = n ? reallocarray(pod->services, n, sizeof(*out)) : pod->services;
	if (n && !out)
		return -ENOMEM;
	pod->services = out;
	pod->services_len = 0;
	for (const struct nt_enrich_service *s = first; s; s = next_service(s->next, pod))
		pod->services[pod->services_len++] = s;
	pod->services_generation = x->services.generation + 1;
	return 0;
}

int nt_enrich_index_derive(struct nt_enrich_index *x, struct nt_enrich_pod *pod)
{
	derive_workload(x, pod);
	return derive_services(x, pod);
}

static const struct nt_enrich_service *find_by_port(const struct nt_enrich_index *x,
						    const struct nt_enrich_pod *pod, uint16_t port)
{
	const struct nt_enrich_service *found = NULL;

	for (const struct nt_enrich_service *s = first_service(x, pod); s;
	     s = next_service(s->next, pod)) {
		if (!nt_enrich_service_has_port(s, port))
			continue;
		if (found)
			return NULL;
		found = s;
	}
	return found;
}

const struct nt_enrich_service *nt_enrich_index_service_of(struct nt_enrich_index *x,
							   struct nt_enrich_pod *pod, uint16_t port)
{
	uint64_t generation = x->services.generation + 1;

	if (pod->port != port || pod->port_generation != generation) {
		pod->port_service = find_by_port(x, pod, port);
		pod->port = port;
		pod->port_generation = generation;
	}
	return pod->port_service;
}

/* --- changes ---------------------------------------------------------------------------------- */

/* Its containers have ended: its address is somebody else's soon. */
static bool has_ended(const struct nt_object *o)
{
	const struct nt_object_pod *pod = nt_object_pod(o);

	return pod && (pod->phase == NT_POD_SUCCEEDED || pod->phase == NT_POD_FAILED);
}

/* The names of its Services in one block; NULL: it has none, or no memory. */
static struct nt_slice *copy_services(const struct nt_enrich_pod *pod, size_t *ret_len)
{
	size_t bytes = pod->services_len * sizeof(struct nt_slice);
	struct nt_slice *names;
	char *at;

	*ret_len = 0;
	for (size_t i = 0; i < pod->services_len; i++)
		bytes += pod->services[i]->full_name.len;
	names = pod->services_len ? malloc(bytes) : NULL;
	if (!names)
		return NULL;
	at = (char *)(names + pod->services_len);
	for (size_t i = 0; i < pod->services_len; i++) {
		struct nt_slice name = pod->services[i]->full_name;

		names[i] = nt_slice_mem(memcpy(at, name.p, name.len), name.len);
		at += name.len;
	}
	*ret_len = pod->services_len;
	return names;
}

static void pod_went(struct nt_enrich_index *x, struct nt_enrich_pod *pod, int64_t now_us)
{
	struct nt_slice *names = NULL;
	size_t len = 0;

	if (nt_enrich_index_derive(x, pod) == 0)
		names = copy_services(pod, &len);
	nt_enrich_pods_went(&x->pods, &x->addresses, pod, names, len, now_us);
}

/* Until when the addresses of its new object are its own. */
static int64_t addresses_until(const struct nt_object *o, const struct nt_enrich_pod *before,
			       int64_t now_us)
{
	if (!has_ended(o))
		return INT64_MAX;
	if (!before)
		return 0; /* it had ended before we saw it */
	return before->address_until_us < now_us ? before->address_until_us : now_us;
}

/* The workload stays when it was certain and is not now. */
static void inherit_workload(struct nt_enrich_index *x, struct nt_enrich_pod *pod,
			     const struct nt_enrich_pod *before)
{
	derive_workload(x, pod);
	if (before && before->workload.object && !before->workload.guessed && pod->workload.guessed)
		nt_enrich_pod_set_workload(pod, &before->workload);
}

static bool has_same_addresses(const struct nt_enrich_pod *a, const struct nt_enrich_pod *b)
{
	if (a->addresses_len != b->addresses_len)
		return false;
	for (size_t i = 0; i < a->addresses_len; i++)
		if (!nt_addr_eq(&a->addresses[i].ip, &b->addresses[i].ip))
			return false;
	return true;
}

/* What stays of the former object of the same pod; NULL: there was none. */
static void inherit(struct nt_enrich_index *x, struct nt_enrich_pod *pod,
		    const struct nt_enrich_pod *before, int64_t now_us)
{
	bool same = before && has_same_addresses(before, pod);

	pod->address_told_us = same ? before->address_told_us : now_us;
	inherit_workload(x, pod, before);
}

static void change_pod(struct nt_enrich_index *x, const struct nt_object *before,
		       const struct nt_object *after, int64_t now_us)
{
	const struct nt_object *any = after ?: before;
	struct nt_enrich_pod *old = nt_enrich_pods_live(&x->pods, any->namespace_, any->name);
	struct nt_enrich_pod *new;

	if (old && (!after || !nt_slice_eq(old->object->uid, after->uid))) {
		pod_went(x, old, now_us);
		old = NULL;
	}
	if (!after)
		return;
	new = nt_enrich_pods_add(&x->pods, &x->addresses, after,
				 addresses_until(after, old, now_us));
	if (!new)
		x->lost++;
	else
		inherit(x, new, old, now_us);
	if (old)
		nt_enrich_pods_drop(&x->pods, &x->addresses, old);
}

static void change_service(struct nt_enrich_index *x, const struct nt_object *before,
			   const struct nt_object *after)
{
	if (before)
		nt_enrich_services_drop(&x->services, &x->addresses, before);
	if (after && nt_enrich_services_put(&x->services, &x->addresses, after) < 0)
		x->lost++;
}

void nt_enrich_index_change(struct nt_enrich_index *x, const struct nt_object *before,
			    const struct nt_object *after, int64_t now_us)
{
	struct nt_slice kind = (after ?: before)->kind;

	if (nt_slice_eq(kind, NT_SLICE_LIT("Pod")))
		change_pod(x, before, after, now_us);
	else if (nt_slice_eq(kind, NT_SLICE_LIT("Service")) ||
		 nt_slice_eq(kind, NT_SLICE_LIT("EndpointSlice")) ||
		 nt_slice_eq(kind, NT_SLICE_LIT("Endpoints")))
		change_service(x, before, after);
}

/* --- questions -------------------------------------------------------------------------------- */

static bool was_there(const struct nt_enrich_pod *pod, int64_t at_us)
{
	return nt_enrich_since_us(pod->object) <= at_us && at_us < pod->until_us;
}

static struct nt_slice node_of(const struct nt_enrich_pod *pod)
{
	const struct nt_object_pod *detail = nt_object_pod(pod->object);

	return detail ? detail->node_name : (struct nt_slice){ 0 };
}

/* A pod runs where its object says for as long as there is the pod; one that waits for a node is
 * nowhere. */
static bool is_on_other_node(const struct nt_enrich_pod *pod, struct nt_slice node)
{
	struct nt_slice its = node_of(pod);

	return node.len && its.len && !nt_slice_eq(its, node);
}

struct nt_enrich_pod *nt_enrich_index_pod(const struct nt_enrich_index *x,
					  const struct nt_enrich_identity *who, int64_t at_us)
{
	struct nt_enrich_pod *pod = NULL, *found = NULL;
	size_t there = 0;

	while ((pod = nt_enrich_pods_next(&x->pods, pod, who->namespace_, who->name))) {
		bool both = who->uid.len && pod->object->uid.len;

		if (both && nt_object_has_uid(pod->object, who->uid))
			return pod;
		if (both || !was_there(pod, at_us) || is_on_other_node(pod, who->node))
			continue;
		found = pod;
		there++;
	}
	return there == 1 ? found : NULL;
}

bool nt_enrich_index_any_pod(const struct nt_enrich_index *x, const struct nt_enrich_identity *who)
{
	struct nt_enrich_pod *pod = NULL;

	while ((pod = nt_enrich_pods_next(&x->pods, pod, who->namespace_, who->name)))
		if (!is_on_other_node(pod, who->node))
			return true;
	return false;
}

struct nt_slice nt_enrich_index_other_node(const struct nt_enrich_index *x,
					   const struct nt_enrich_identity *who)
{
	struct nt_enrich_pod *pod = NULL;

	while (who->uid.len &&
	       (pod = nt_enrich_pods_next(&x->pods, pod, who->namespace_, who->name)))
		if (nt_slice_eq(pod->object->uid, who->uid) && is_on_other_node(pod, who->node))
			return node_of(pod);
	return (struct nt_slice){ 0 };
}

static bool had_address(const struct nt_enrich_address *a, int64_t at_us)
{
	const struct nt_enrich_service *service = a->owner;
	const struct nt_enrich_pod *pod = a->owner;

	if (a->type == NT_ENRICH_SERVICE)
		return nt_enrich_since_us(service->object) <= at_us;
	return a->type == NT_ENRICH_POD && nt_enrich_since_us(pod->object) <= at_us &&
	       at_us < pod->address_until_us;
}

struct nt_enrich_at nt_enrich_index_address(const struct nt_enrich_index *x,
					    const struct nt_addr *ip, int64_t at_us)
{
	const struct nt_enrich_address *a = NULL, *found = NULL;
	struct nt_enrich_at at = { 0 };

	while ((a = nt_enrich_addresses_next(&x->addresses, a, ip))) {
		if (!had_address(a, at_us) || (found && found->owner == a->owner))
			continue;
		if (found)
			return at;
		found = a;
	}
	if (found && found->type == NT_ENRICH_POD)
		at.pod = found->owner;
	else if (found)
		at.service = found->owner;
	return at;
}

/* The one pod that has the address now; NULL: none, or it is not certain. What lists endpoints
 * lists pods' addresses, too. */
static const struct nt_enrich_pod *holder_of(const struct nt_enrich_index *x,
					     const struct nt_addr *ip)
{
	const struct nt_enrich_address *a = NULL;
	const struct nt_enrich_pod *found = NULL;

	while ((a = nt_enrich_addresses_next(&x->addresses, a, ip))) {
		const struct nt_enrich_pod *pod = a->owner;

		if (a->type == NT_ENRICH_SERVICE)
			return NULL;
		if (a->type != NT_ENRICH_POD || pod == found || pod->address_until_us != INT64_MAX)
			continue;
		if (found)
			return NULL;
		found = pod;
	}
	return found;
}

static const struct nt_object *node_object(const struct nt_enrich_index *x, struct nt_slice name)
{
	return nt_objects_find(x->objects, NT_SLICE_LIT("Node"), (struct nt_slice){ 0 }, name);
}

static bool is_nodes_own(const struct nt_enrich_index *x, struct nt_slice node,
			 const struct nt_addr *ip)
{
	const struct nt_object *o = node_object(x, node);

	return o && nt_object_has_ip(o, ip);
}

/* A node that the cluster has given up may have pods for a while after. */
static bool is_there(const struct nt_enrich_index *x, struct nt_slice node)
{
	return !nt_objects_count(x->objects, NT_SLICE_LIT("Node")) || node_object(x, node);
}

struct nt_enrich_holder nt_enrich_index_holder(const struct nt_enrich_index *x,
					       const struct nt_addr *ip, struct nt_slice node)
{
	const struct nt_enrich_pod *pod = holder_of(x, ip);

	if (!pod || pod->object->deleting || !is_on_other_node(pod, node) ||
	    !is_there(x, node_of(pod)) || is_nodes_own(x, node, ip))
		return (struct nt_enrich_holder){ .from_us = INT64_MAX };
	return (struct nt_enrich_holder){ pod->object, node_of(pod),
					  pod->address_told_us + NT_ENRICH_SETTLED_US };
}

static struct nt_enrich_pod *target_of(const struct nt_enrich_index *x,
				       const struct nt_enrich_address *a, int64_t at_us)
{
	const struct nt_enrich_slice *slice = a->owner;
	const struct nt_object_endpoints *detail = nt_object_endpoints(slice->object);
	const struct nt_object_endpoint *endpoint = &detail->endpoints[a->index];
	const struct nt_enrich_identity who = { .namespace_ = slice->object->namespace_,
						.name = endpoint->pod_name,
						.uid = endpoint->pod_uid };
	struct nt_enrich_pod *pod;

	if (!who.name.len)
		return NULL;
	pod = nt_enrich_index_pod(x, &who, at_us);
	return pod && was_there(pod, at_us) ? pod : NULL;
}

struct nt_enrich_endpoint nt_enrich_index_endpoint(const struct nt_enrich_index *x,
						   const struct nt_addr *ip, uint16_t port,
						   int64_t at_us)
{
	bool services_differ = false, pods_differ = false;
	const struct nt_enrich_address *a = NULL;
	struct nt_enrich_endpoint found = { 0 };

	while ((a = nt_enrich_addresses_next(&x->addresses, a, ip))) {
		const struct nt_enrich_slice *slice = a->owner;
		struct nt_enrich_pod *pod;

		if (a->type != NT_ENRICH_ENDPOINT || !nt_enrich_slice_has_port(slice, port) ||
		    slice->object->created_us > at_us)
			continue;
		pod = target_of(x, a, at_us);
		services_differ = services_differ || (found.service.len &&
						      !nt_slice_eq(found.service, slice->service));
		pods_differ = pods_differ || (found.pod && pod && found.pod != pod);
		found.service = slice->service;
		found.pod = pod ?: found.pod;
	}
	if (services_differ)
		found.service = (struct nt_slice){ 0 };
	if (pods_differ)
		found.pod = NULL;
	return found;
}
