/* SPDX-License-Identifier: Apache-2.0 */
/* What objects say about each other: owners, selectors, addresses. */
#include "lib/objects/objects.h"

#include <jansson.h>

#include "lib/base/parse.h"

/* Pod, ReplicaSet, Deployment, an operator's object, its own owner: longer chains are loops. */
enum { OWNERS_MAX = 8 };

static struct nt_slice slice_of(const json_t *string)
{
	return nt_slice_mem(json_string_value(string), json_string_length(string));
}

static struct nt_slice member(const json_t *object, const char *key)
{
	return slice_of(json_object_get(object, key));
}

struct owner {
	struct nt_slice kind, name, uid;
};

/* The one owner with controller: true. */
static bool find_controller(const struct nt_object *object, struct owner *ret_owner)
{
	json_t *metadata = json_object_get(object->json, "metadata");
	json_t *owners = json_object_get(metadata, "ownerReferences");

	for (size_t i = 0; i < json_array_size(owners); i++) {
		json_t *owner = json_array_get(owners, i);
		struct owner found = { member(owner, "kind"), member(owner, "name"),
				       member(owner, "uid") };

		if (!json_is_true(json_object_get(owner, "controller")) || !found.kind.len ||
		    !found.name.len)
			continue;
		*ret_owner = found;
		return true;
	}
	return false;
}

/* The owner's own object, when it is here and not another one of the same name. */
static const struct nt_object *find_owner(const struct nt_objects *o, struct nt_slice namespace_,
					  const struct owner *owner)
{
	const struct nt_object *object = nt_objects_find(o, owner->kind, namespace_, owner->name);

	if (object && owner->uid.len && object->uid.len && !nt_slice_eq(owner->uid, object->uid))
		return NULL;
	return object;
}

static struct nt_slice pod_label(const struct nt_object *pod, struct nt_slice key)
{
	for (size_t i = 0; i < pod->labels_len; i++)
		if (nt_slice_eq(pod->labels[i].key, key))
			return pod->labels[i].value;
	return (struct nt_slice){ 0 };
}

/* `web` of `web-6659c9d65f`, when the pod carries that hash. */
static bool deployment_of(const struct nt_object *pod, struct nt_slice replica_set,
			  struct nt_slice *ret_name)
{
	struct nt_slice hash = pod_label(pod, NT_SLICE_LIT("pod-template-hash"));

	if (!hash.len || !nt_slice_ends(replica_set, hash) || replica_set.len < hash.len + 2 ||
	    replica_set.p[replica_set.len - hash.len - 1] != '-')
		return false;
	*ret_name = nt_slice_mem(replica_set.p, replica_set.len - hash.len - 1);
	return true;
}

/* `backup` of `backup-29012340`: the scheduled minute since 1970 (until Kubernetes 1.20 the
 * second), in this century's range, so that `migrate-2` and `report-20261123` stay Jobs. */
static bool cron_job_of(struct nt_slice job, struct nt_slice *ret_name)
{
	const char *dash = memrchr(job.p, '-', job.len);
	uint64_t t;

	if (!dash || dash == job.p)
		return false;
	if (nt_parse_u64(nt_slice_mem(dash + 1, (size_t)(job.p + job.len - dash - 1)), 4102444800,
			 &t) < 0)
		return false;
	if (!(t >= 26800000 && t <= 68374080) && t < 1400000000)
		return false;
	*ret_name = nt_slice_mem(job.p, (size_t)(dash - job.p));
	return true;
}

/* Without the owner's object its name may still tell who stands above it. */
static struct nt_workload guess_above(const struct nt_object *pod, const struct owner *owner)
{
	struct nt_workload w = { owner->kind, owner->name };

	if (nt_slice_eq(owner->kind, NT_SLICE_LIT("ReplicaSet")) &&
	    deployment_of(pod, owner->name, &w.name))
		w.kind = NT_SLICE_LIT("Deployment");
	else if (nt_slice_eq(owner->kind, NT_SLICE_LIT("Job")) && cron_job_of(owner->name, &w.name))
		w.kind = NT_SLICE_LIT("CronJob");
	return w;
}

struct nt_workload nt_object_workload(const struct nt_objects *o, const struct nt_object *pod)
{
	struct nt_workload w = { pod->kind, pod->name };
	const struct nt_object *object = pod;
	struct owner owner;

	for (int i = 0; i < OWNERS_MAX && find_controller(object, &owner); i++) {
		/* The mirror pod of a static pod: its node made it, and is no workload. */
		if (nt_slice_eq(owner.kind, NT_SLICE_LIT("Node")))
			break;
		object = find_owner(o, pod->namespace_, &owner);
		if (!object)
			return guess_above(pod, &owner);
		w = (struct nt_workload){ object->kind, object->name };
	}
	return w;
}

bool nt_object_has_uid(const struct nt_object *pod, struct nt_slice uid)
{
	json_t *metadata = json_object_get(pod->json, "metadata");
	json_t *annotations = json_object_get(metadata, "annotations");
	struct nt_slice hash = member(annotations, "kubernetes.io/config.hash");

	if (!uid.len || !pod->uid.len)
		return true;
	return nt_slice_eq(uid, pod->uid) || (hash.len && nt_slice_eq(uid, hash));
}

bool nt_object_service_selects(const struct nt_object *service, const struct nt_object *pod)
{
	json_t *spec = json_object_get(service->json, "spec");
	json_t *selector = json_object_get(spec, "selector");

	if (!json_object_size(selector) || !nt_slice_eq(service->namespace_, pod->namespace_) ||
	    nt_slice_eq(member(spec, "type"), NT_SLICE_LIT("ExternalName")))
		return false;
	for (void *i = json_object_iter(selector); i; i = json_object_iter_next(selector, i)) {
		struct nt_slice want = slice_of(json_object_iter_value(i));
		struct nt_slice have = pod_label(pod, nt_slice_str(json_object_iter_key(i)));

		/* A label with an empty value is not the same as none. */
		if (!have.p || !want.p || !nt_slice_eq(want, have))
			return false;
	}
	return true;
}

/* The single address, which the list repeats as its first. */
static bool address_at(const json_t *list, const json_t *single, const char *member_name,
		       size_t index, struct nt_addr *ret_addr)
{
	size_t seen = 0;

	if (!json_array_size(list))
		return index == 0 && nt_addr_parse(slice_of(single), ret_addr) == 0;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);
		struct nt_slice text = member_name ? member(item, member_name) : slice_of(item);
		struct nt_addr addr;

		if (nt_addr_parse(text, &addr) == 0 && seen++ == index) {
			*ret_addr = addr;
			return true;
		}
	}
	return false;
}

bool nt_object_ip_at(const struct nt_object *object, size_t index, struct nt_addr *ret_addr)
{
	json_t *status = json_object_get(object->json, "status");
	json_t *spec = json_object_get(object->json, "spec");

	if (nt_slice_eq(object->kind, NT_SLICE_LIT("Pod")))
		return address_at(json_object_get(status, "podIPs"),
				  json_object_get(status, "podIP"), "ip", index, ret_addr);
	if (nt_slice_eq(object->kind, NT_SLICE_LIT("Service")))
		return address_at(json_object_get(spec, "clusterIPs"),
				  json_object_get(spec, "clusterIP"), NULL, index, ret_addr);
	return false;
}
