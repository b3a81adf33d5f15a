/* SPDX-License-Identifier: Apache-2.0 */
/* Pod objects as adoption needs them. */
#include "dataplane/agent/podlist.h"

#include <stdio.h>

#include "dataplane/taps/podinfo.h"
#include "lib/base/cleanup.h"

bool nt_podlist_is_ours(const struct nt_object *object, const char *node)
{
	const struct nt_object_pod *pod = nt_object_pod(object);

	/* Of one that is being deleted the network may be gone already. */
	return pod && !object->deleting && nt_slice_eq(pod->node_name, nt_slice_str(node)) &&
	       pod->phase == NT_POD_RUNNING && !pod->host_network && pod->ips_len;
}

static bool copy(struct nt_slice text, char *to, size_t size)
{
	if (text.len >= size)
		return false;
	if (text.len)
		memcpy(to, text.p, text.len);
	return true;
}

bool nt_podlist_describe(const struct nt_object *pod, struct nt_pod *ret_pod)
{
	struct nt_pod p = { 0 };
	struct nt_addr ip;

	if (!copy(pod->namespace_, p.namespace_, sizeof(p.namespace_)) ||
	    !copy(pod->name, p.name, sizeof(p.name)) || !copy(pod->uid, p.uid, sizeof(p.uid)))
		return false;
	if (nt_podinfo_stand_in(&p, p.container_id) < 0)
		return false;
	for (size_t i = 0; i < NT_POD_IPS && nt_object_ip_at(pod, i, &ip); i++) {
		p.ips[i].family = ip.family;
		memcpy(p.ips[i].octets, ip.octets, sizeof(p.ips[i].octets));
	}
	*ret_pod = p;
	return true;
}

/* As the kubelet writes them for dnsPolicy ClusterFirst, the node's own ones excepted. */
static void add_cluster_searches(const char *cluster_domain, struct nt_pod *record)
{
	const char *const heads[] = { record->namespace_, "svc", "" };
	char name[512];

	for (size_t i = 0; i < NT_ARRAY_LEN(heads); i++) {
		int len = snprintf(name, sizeof(name), "%s%s%s", heads[i],
				   i == 0 ? ".svc." : (i == 1 ? "." : ""), cluster_domain);

		if (len > 0 && (size_t)len < sizeof(name))
			(void)nt_podinfo_add_search(nt_slice_mem(name, (size_t)len), record);
	}
}

void nt_podlist_derive_dns(const struct nt_object *object, const char *cluster_domain,
			   struct nt_pod *record)
{
	const struct nt_object_pod *pod = nt_object_pod(object);
	const struct nt_object_dns *dns = pod ? pod->dns : NULL;
	unsigned n = 0;

	if (!pod || pod->dns_policy == NT_POD_DNS_DEFAULT)
		return;
	if (pod->dns_policy != NT_POD_DNS_NONE)
		add_cluster_searches(cluster_domain, record);
	for (size_t i = 0; dns && i < dns->servers_len && n < NT_POD_SERVERS; i++)
		n += nt_podinfo_address(dns->servers[i], &record->servers[n]);
	for (size_t i = 0; dns && i < dns->searches_len; i++)
		(void)nt_podinfo_add_search(dns->searches[i], record);
	if (n || record->searches[0])
		record->dns = NT_DNS_DERIVED;
}
