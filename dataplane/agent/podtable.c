/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's table of pods: identity, counts, and what is owed to the log. */
#include "dataplane/agent/podtable.h"

#include <stdlib.h>

#include "lib/dns/message.h"
#include "lib/record/expand.h"

_Static_assert(sizeof(((struct nt_pod *)0)->searches) <= NT_BASE_SEARCHES_MAX,
	       "whoever reads our batches refuses a longer list");

/* Errors are few (enum nt_dns_error and ours), reasons too: a pod never owes more kinds. */
#define OWED_MAX 64

const char *nt_owed_strerror(int error)
{
	switch (error) {
	case 0:
		return "";
	case NT_OWED_TRUNCATED:
		return "not all of the datagram was captured";
	case NT_OWED_DIRECTION:
		return "QR bit and ports contradict each other";
	default:
		return nt_dns_strerror(error);
	}
}

static void free_pod(struct nt_agent_pod *pod)
{
	if (pod) {
		free(pod->owed);
		nt_rowshare_done(&pod->rowshare);
		nt_buf_done(&pod->client_wire);
	}
	free(pod);
}

void nt_podtable_done(struct nt_podtable *p)
{
	struct nt_agent_pod *pod;
	size_t at = 0;

	while ((pod = nt_idmap_next(&p->map, &at)))
		free_pod(pod);
	nt_idmap_done(&p->map);
}

struct nt_agent_pod *nt_podtable_find(const struct nt_podtable *p, uint64_t ep_id)
{
	return nt_idmap_find(&p->map, ep_id);
}

static struct nt_agent_pod *add(struct nt_podtable *p, uint64_t ep_id)
{
	struct nt_agent_pod *pod = calloc(1, sizeof(*pod));

	if (pod && !nt_idmap_set(&p->map, ep_id, pod)) {
		free(pod);
		return NULL;
	}
	if (pod)
		pod->pod.ep_id = ep_id;
	return pod;
}

void nt_pod_terminate(struct nt_pod *pod)
{
	pod->namespace_[sizeof(pod->namespace_) - 1] = '\0';
	pod->name[sizeof(pod->name) - 1] = '\0';
	pod->uid[sizeof(pod->uid) - 1] = '\0';
	pod->container_id[sizeof(pod->container_id) - 1] = '\0';
	pod->ifname[sizeof(pod->ifname) - 1] = '\0';
	pod->host_ifname[sizeof(pod->host_ifname) - 1] = '\0';
	pod->network[sizeof(pod->network) - 1] = '\0';
	pod->searches[sizeof(pod->searches) - 1] = '\0';
}

struct nt_agent_pod *nt_podtable_put(struct nt_podtable *p, const struct nt_pod *pod)
{
	struct nt_agent_pod *entry = nt_podtable_find(p, pod->ep_id);

	if (!entry)
		entry = add(p, pod->ep_id);
	if (!entry || pod->version != NT_ABI_VERSION)
		return entry;
	if (memcmp(&entry->pod, pod, sizeof(*pod)) != 0)
		entry->version++;
	entry->pod = *pod;
	nt_pod_terminate(&entry->pod);
	entry->known = true;
	entry->who.node.p = NULL;
	return entry;
}

struct nt_agent_pod *nt_podtable_get(struct nt_podtable *p, uint64_t ep_id)
{
	struct nt_agent_pod *entry = nt_podtable_find(p, ep_id);
	struct nt_pod pod;

	if (entry)
		return entry;
	if (p->source->pod_get(p->source->ctx, ep_id, &pod) == 0 && pod.ep_id == ep_id)
		return nt_podtable_put(p, &pod);
	return add(p, ep_id);
}

static bool scanned(void *ctx, const struct nt_pod *pod)
{
	return nt_podtable_put(ctx, pod) != NULL;
}

int nt_podtable_scan(struct nt_podtable *p, struct nt_err *err)
{
	return p->source->pods(p->source->ctx, scanned, p, err);
}

struct nt_agent_pod *nt_podtable_next(const struct nt_podtable *p, size_t *at)
{
	return nt_idmap_next(&p->map, at);
}

void nt_podtable_remove(struct nt_podtable *p, uint64_t ep_id)
{
	free_pod(nt_idmap_remove(&p->map, ep_id));
}

static struct nt_owed *find_owed(struct nt_agent_pod *pod, enum nt_reason reason, int error)
{
	struct nt_owed *grown;

	for (size_t i = 0; i < pod->owed_len; i++)
		if (pod->owed[i].reason == reason && pod->owed[i].error == error)
			return &pod->owed[i];
	if (pod->owed_len >= OWED_MAX)
		return &pod->owed[OWED_MAX - 1];
	grown = realloc(pod->owed, (pod->owed_len + 1) * sizeof(*grown));
	if (!grown)
		return pod->owed_len ? &pod->owed[pod->owed_len - 1] : NULL;
	pod->owed = grown;
	grown[pod->owed_len] = (struct nt_owed){ .reason = reason, .error = error };
	return &grown[pod->owed_len++];
}

void nt_agent_pod_owe(struct nt_agent_pod *pod, enum nt_reason reason, int error, uint64_t count,
		      int64_t first_us, int64_t last_us)
{
	struct nt_owed *owed = find_owed(pod, reason, error);

	if (!owed) /* then the sum shows it: logged + unlogged < seen */
		return;
	if (!owed->count || first_us < owed->first_us)
		owed->first_us = first_us;
	if (last_us > owed->last_us)
		owed->last_us = last_us;
	owed->count += count;
	if (last_us > pod->owed_us)
		pod->owed_us = last_us;
	pod->unlogged += count;
}

struct nt_addr nt_agent_pod_ip(const struct nt_agent_pod *pod, size_t i)
{
	const struct nt_abi_addr *ip = &pod->pod.ips[i];

	if (i >= NT_POD_IPS || (ip->family != 4 && ip->family != 6))
		return (struct nt_addr){ 0 };
	return nt_addr_from(ip->family, ip->octets);
}

struct nt_addr nt_agent_pod_ip_of(const struct nt_agent_pod *pod, uint8_t family)
{
	for (size_t i = 0; i < NT_POD_IPS; i++)
		if (pod->pod.ips[i].family == family && family)
			return nt_agent_pod_ip(pod, i);
	return nt_agent_pod_ip(pod, 0);
}

struct nt_identity nt_agent_pod_identity(const struct nt_agent_pod *pod, struct nt_slice node,
					 uint8_t family)
{
	return (struct nt_identity){
		.node = node,
		.namespace_ = nt_slice_str(pod->pod.namespace_),
		.name = nt_slice_str(pod->pod.name),
		.uid = nt_slice_str(pod->pod.uid),
		.container_id = nt_slice_str(pod->pod.container_id),
		.ifname = nt_slice_str(pod->pod.ifname),
		.ip = nt_agent_pod_ip_of(pod, family),
		.searches = pod->pod.searches,
		.role = pod->resolver ? NT_ROLE_RESOLVER : NT_ROLE_WORKLOAD,
	};
}

static void make_who(struct nt_agent_pod *pod, struct nt_slice node)
{
	struct nt_slice name = nt_slice_str(pod->pod.name);
	size_t kept = nt_record_aggr_len(name);

	pod->who = nt_agent_pod_identity(pod, node, 0);
	pod->who.name_aggr = name;
	if (kept < name.len) {
		memcpy(pod->name_aggr, name.p, kept);
		pod->name_aggr[kept] = '*';
		pod->who.name_aggr = nt_slice_mem(pod->name_aggr, kept + 1);
	}
	nt_buf_reset(&pod->client_wire);
	nt_identity_wire(&pod->who, &pod->client_wire);
	if (nt_buf_ok(&pod->client_wire)) /* else it is made for each row */
		pod->who.client_wire = nt_slice_mem(pod->client_wire.p, pod->client_wire.len);
}

const struct nt_identity *nt_agent_pod_who(struct nt_agent_pod *pod, struct nt_slice node,
					   uint8_t family)
{
	if (!pod->who.node.p)
		make_who(pod, node);
	pod->who.version = pod->version;
	pod->who.role = pod->resolver ? NT_ROLE_RESOLVER : NT_ROLE_WORKLOAD;
	pod->who.ip = nt_agent_pod_ip_of(pod, family);
	return &pod->who;
}
