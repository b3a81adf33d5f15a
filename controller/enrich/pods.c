/* SPDX-License-Identifier: Apache-2.0 */
/* Pods in a hash table; those that are gone also in a list by when they went. */
#include "controller/enrich/pods.h"

#include <stdlib.h>
#include <sys/random.h>

int nt_enrich_pods_init(struct nt_enrich_pods *p)
{
	if (getrandom(&p->key, sizeof(p->key), 0) != sizeof(p->key))
		return -EIO;
	return nt_hashtable_init(&p->table);
}

static struct nt_enrich_pod *pod_of(struct nt_hashtable_link *link)
{
	return NT_HASHTABLE_ITEM(link, struct nt_enrich_pod, link);
}

void nt_enrich_pods_done(struct nt_enrich_pods *p, struct nt_enrich_addresses *a)
{
	for (size_t i = 0; i < p->table.cap; i++)
		for (struct nt_hashtable_link *l; (l = p->table.buckets[i]);)
			nt_enrich_pods_drop(p, a, pod_of(l));
	nt_hashtable_done(&p->table);
}

static uint64_t hash_of(const struct nt_enrich_pods *p, struct nt_slice namespace_,
			struct nt_slice name)
{
	return nt_hash(&p->key, nt_hash(&p->key, 0, namespace_), name);
}

static size_t count_addresses(const struct nt_object_pod *pod)
{
	/* The node's addresses are not the pod's. */
	if (!pod || pod->host_network)
		return 0;
	return pod->ips_len < UINT8_MAX ? pod->ips_len : UINT8_MAX;
}

struct nt_enrich_pod *nt_enrich_pods_add(struct nt_enrich_pods *p, struct nt_enrich_addresses *a,
					 const struct nt_object *object, int64_t address_until_us)
{
	const struct nt_object_pod *detail = nt_object_pod(object);
	size_t n = count_addresses(detail);
	struct nt_enrich_pod *pod = calloc(1, sizeof(*pod) + n * sizeof(*pod->addresses));

	if (!pod)
		return NULL;
	pod->object = nt_object_ref(object);
	pod->until_us = INT64_MAX;
	pod->address_until_us = address_until_us;
	for (; pod->addresses_len < n; pod->addresses_len++) {
		struct nt_enrich_address *address = &pod->addresses[pod->addresses_len];

		*address = (struct nt_enrich_address){ .ip = detail->ips[pod->addresses_len],
						       .type = NT_ENRICH_POD,
						       .owner = pod };
		nt_enrich_addresses_put(a, address);
	}
	nt_hashtable_put(&p->table, &pod->link, hash_of(p, object->namespace_, object->name));
	return pod;
}

static void drop_workload(struct nt_enrich_pod *pod)
{
	if (pod->workload.object != pod->object)
		nt_object_unref(pod->workload.object);
}

void nt_enrich_pod_set_workload(struct nt_enrich_pod *pod, const struct nt_workload *w)
{
	if (w->object != pod->object)
		(void)nt_object_ref(w->object);
	drop_workload(pod);
	pod->workload = *w;
}

int64_t nt_enrich_since_us(const struct nt_object *o)
{
	const struct nt_object_pod *pod = nt_object_pod(o);

	return pod && pod->started_us ? pod->started_us : o->created_us;
}

/* --- what is gone ----------------------------------------------------------------------------- */

static void unlink_gone(struct nt_enrich_pods *p, struct nt_enrich_pod *pod)
{
	*(pod->newer ? &pod->newer->older : &p->newest) = pod->older;
	*(pod->older ? &pod->older->newer : &p->oldest) = pod->newer;
	p->gone_len--;
}

void nt_enrich_pods_drop(struct nt_enrich_pods *p, struct nt_enrich_addresses *a,
			 struct nt_enrich_pod *pod)
{
	if (nt_enrich_pod_is_gone(pod))
		unlink_gone(p, pod);
	for (size_t i = 0; i < pod->addresses_len; i++)
		nt_enrich_addresses_take(a, &pod->addresses[i]);
	nt_hashtable_take(&p->table, &pod->link);
	drop_workload(pod);
	nt_object_unref(pod->object);
	free(pod->services);
	free(pod->service_names);
	free(pod);
}

void nt_enrich_pods_went(struct nt_enrich_pods *p, struct nt_enrich_addresses *a,
			 struct nt_enrich_pod *pod, struct nt_slice *service_names,
			 size_t service_names_len, int64_t now_us)
{
	free(pod->services);
	pod->services = NULL;
	pod->port_service = NULL;
	pod->service_names = service_names;
	pod->services_len = service_names_len;
	pod->until_us = now_us;
	if (pod->address_until_us > now_us)
		pod->address_until_us = now_us;
	pod->older = p->newest;
	*(p->newest ? &p->newest->newer : &p->oldest) = pod;
	p->newest = pod;
	p->gone_len++;
	nt_enrich_pods_forget(p, a, now_us);
}

void nt_enrich_pods_forget(struct nt_enrich_pods *p, struct nt_enrich_addresses *a, int64_t now_us)
{
	while (p->oldest && p->oldest->until_us < now_us - NT_ENRICH_GONE_US)
		nt_enrich_pods_drop(p, a, p->oldest);
	for (; p->gone_len > NT_ENRICH_GONE_MAX; p->gone_early++)
		nt_enrich_pods_drop(p, a, p->oldest);
}

/* --- finding ---------------------------------------------------------------------------------- */

struct nt_enrich_pod *nt_enrich_pods_next(const struct nt_enrich_pods *p,
					  const struct nt_enrich_pod *pod,
					  struct nt_slice namespace_, struct nt_slice name)
{
	struct nt_hashtable_link *link =
		pod ? nt_hashtable_next(&pod->link)
		    : nt_hashtable_first(&p->table, hash_of(p, namespace_, name));

	for (; link; link = nt_hashtable_next(link)) {
		const struct nt_object *found = pod_of(link)->object;

		if (nt_slice_eq(found->name, name) && nt_slice_eq(found->namespace_, namespace_))
			return pod_of(link);
	}
	return NULL;
}

struct nt_enrich_pod *nt_enrich_pods_live(const struct nt_enrich_pods *p,
					  struct nt_slice namespace_, struct nt_slice name)
{
	struct nt_enrich_pod *pod = nt_enrich_pods_next(p, NULL, namespace_, name);

	while (pod && nt_enrich_pod_is_gone(pod))
		pod = nt_enrich_pods_next(p, pod, namespace_, name);
	return pod;
}
