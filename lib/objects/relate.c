/* SPDX-License-Identifier: Apache-2.0 */
/* What objects say about each other: owners, selectors, addresses. */
#include "lib/objects/objects.h"

#include "lib/base/parse.h"

/* Pod, ReplicaSet, Deployment, an operator's object, its own owner: longer chains are loops. */
enum { OWNERS_MAX = 8 };

/* The owner's own object, when it is here and not another one of the same name. */
static const struct nt_object *find_owner(const struct nt_objects *o, struct nt_slice namespace_,
					  const struct nt_object_owner *owner)
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

/* One of Kubernetes' own, as far as it is said. */
static bool is_a(const struct nt_object_owner *owner, struct nt_slice group, struct nt_slice kind)
{
	struct nt_slice version = owner->api_version;

	if (!nt_slice_eq(owner->kind, kind))
		return false;
	return !version.len || (version.len > group.len && version.p[group.len] == '/' &&
				memcmp(version.p, group.p, group.len) == 0);
}

/* Without the owner's object its name may still tell who stands above it. of: whose owner it is. */
static struct nt_workload guess_above(const struct nt_object *pod, const struct nt_object *of)
{
	const struct nt_object_owner *owner = of->owner;
	struct nt_workload w = { owner->kind, owner->name, of, false };

	if (is_a(owner, NT_SLICE_LIT("apps"), NT_SLICE_LIT("ReplicaSet"))) {
		w.guessed = true;
		if (deployment_of(pod, owner->name, &w.name))
			w.kind = NT_SLICE_LIT("Deployment");
	} else if (is_a(owner, NT_SLICE_LIT("batch"), NT_SLICE_LIT("Job"))) {
		w.guessed = true;
		if (cron_job_of(owner->name, &w.name))
			w.kind = NT_SLICE_LIT("CronJob");
	}
	return w;
}

/* A mirror pod is owned by its node, which ends its name: etcd-node1. */
static struct nt_workload static_pod(const struct nt_object *pod)
{
	struct nt_workload w = { NT_SLICE_LIT("StaticPod"), pod->name, pod, false };
	struct nt_slice node = pod->owner->name;
	size_t tail = node.len + 1;

	if (pod->name.len > tail && nt_slice_ends(pod->name, node) &&
	    pod->name.p[pod->name.len - tail] == '-')
		w.name.len -= tail;
	return w;
}

struct nt_workload nt_object_workload(const struct nt_objects *o, const struct nt_object *pod)
{
	struct nt_workload w = { pod->kind, pod->name, pod, false };
	const struct nt_object *object = pod;

	for (int i = 0; i < OWNERS_MAX && object->owner; i++) {
		const struct nt_object *below = object;

		if (nt_slice_eq(object->owner->kind, NT_SLICE_LIT("Node")))
			return object == pod ? static_pod(pod) : w;
		object = find_owner(o, pod->namespace_, below->owner);
		if (!object)
			return guess_above(pod, below);
		w = (struct nt_workload){ object->kind, object->name, object, false };
	}
	return w;
}

bool nt_object_has_uid(const struct nt_object *object, struct nt_slice uid)
{
	const struct nt_object_pod *pod = nt_object_pod(object);

	if (!uid.len || !object->uid.len)
		return true;
	return nt_slice_eq(uid, object->uid) ||
	       (pod && pod->static_hash.len && nt_slice_eq(uid, pod->static_hash));
}

bool nt_object_service_selects(const struct nt_object *object, const struct nt_object *pod)
{
	const struct nt_object_service *service = nt_object_service(object);

	if (!service || !service->selector_len || service->is_external ||
	    !nt_slice_eq(object->namespace_, pod->namespace_))
		return false;
	for (size_t i = 0; i < service->selector_len; i++) {
		struct nt_slice have = pod_label(pod, service->selector[i].key);

		/* A label with an empty value is not the same as none. */
		if (!have.p || !nt_slice_eq(service->selector[i].value, have))
			return false;
	}
	return true;
}

bool nt_object_ip_at(const struct nt_object *object, size_t index, struct nt_addr *ret_addr)
{
	const struct nt_object_service *service = nt_object_service(object);
	const struct nt_object_pod *pod = nt_object_pod(object);
	const struct nt_object_node *node = nt_object_node(object);
	const struct nt_addr *ips = pod	      ? pod->ips
				    : service ? service->ips
				    : node    ? node->ips
					      : NULL;
	size_t len = pod ? pod->ips_len : service ? service->ips_len : node ? node->ips_len : 0;

	if (index >= len)
		return false;
	*ret_addr = ips[index];
	return true;
}

bool nt_object_has_ip(const struct nt_object *object, const struct nt_addr *ip)
{
	struct nt_addr own;

	for (size_t i = 0; nt_object_ip_at(object, i, &own); i++)
		if (nt_addr_eq(&own, ip))
			return true;
	return false;
}
