/* SPDX-License-Identifier: Apache-2.0 */
/* Pod objects as adoption needs them. */
#include "dataplane/agent/podlist.h"

#include <jansson.h>
#include <stdio.h>

#include "dataplane/taps/podinfo.h"
#include "lib/base/cleanup.h"

static const char *text_at(const json_t *object, const char *a, const char *b)
{
	const char *text = json_string_value(json_object_get(json_object_get(object, a), b));

	return text ? text : "";
}

bool nt_podlist_is_ours(const struct nt_object *pod, const char *node)
{
	const json_t *borrowed_root = pod->json;
	const json_t *spec = json_object_get(borrowed_root, "spec");
	struct nt_addr ip;

	/* Of one that is being deleted the network may be gone already. */
	return !text_at(borrowed_root, "metadata", "deletionTimestamp")[0] &&
	       strcmp(text_at(borrowed_root, "spec", "nodeName"), node) == 0 &&
	       strcmp(text_at(borrowed_root, "status", "phase"), "Running") == 0 &&
	       !json_is_true(json_object_get(spec, "hostNetwork")) && nt_object_ip_at(pod, 0, &ip);
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
	int len;

	if (!copy(pod->namespace_, p.namespace_, sizeof(p.namespace_)) ||
	    !copy(pod->name, p.name, sizeof(p.name)) || !copy(pod->uid, p.uid, sizeof(p.uid)))
		return false;
	if (p.uid[0])
		len = snprintf(p.container_id, sizeof(p.container_id), "pod-%s", p.uid);
	else
		len = snprintf(p.container_id, sizeof(p.container_id), "pod-%s.%s", p.namespace_,
			       p.name);
	if (len >= (int)sizeof(p.container_id) || nt_podinfo_bad_container_id(p.container_id))
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

void nt_podlist_derive_dns(const struct nt_object *pod, const char *cluster_domain,
			   struct nt_pod *record)
{
	const json_t *borrowed_root = pod->json;
	const json_t *spec = json_object_get(borrowed_root, "spec");
	const json_t *config = json_object_get(spec, "dnsConfig");
	const json_t *servers = json_object_get(config, "nameservers");
	const json_t *searches = json_object_get(config, "searches");
	const char *policy = text_at(borrowed_root, "spec", "dnsPolicy");
	unsigned n = 0;

	if (strcmp(policy, "Default") == 0)
		return;
	if (strcmp(policy, "None") != 0)
		add_cluster_searches(cluster_domain, record);
	for (size_t i = 0; i < json_array_size(servers) && n < NT_POD_SERVERS; i++)
		n += nt_podinfo_address(nt_slice_str(json_string_value(json_array_get(servers, i))),
					&record->servers[n]);
	for (size_t i = 0; i < json_array_size(searches); i++)
		(void)nt_podinfo_add_search(
			nt_slice_str(json_string_value(json_array_get(searches, i))), record);
	if (n || record->searches[0])
		record->dns = NT_DNS_DERIVED;
}
