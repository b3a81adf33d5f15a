/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds and their paths in the API. */
#include "lib/objects/resources.h"

#include <stddef.h>
#include <string.h>

#define NAMETAP "nametap.io/v1alpha1"
#define NAMETAP_PATH "/apis/" NAMETAP

/* Kubernetes 1.20 to today. Batch/v1 has Jobs since 1.2, CronJobs since 1.21. */
static const struct nt_resource resources[] = {
	{ "Pod", "v1", "/api/v1/pods", "Pod", true },
	{ "Service", "v1", "/api/v1/services", "Service", true },
	{ "EndpointSlice", "discovery.k8s.io/v1", "/apis/discovery.k8s.io/v1/endpointslices",
	  "EndpointSlice", true },
	{ "EndpointSlice", "discovery.k8s.io/v1beta1",
	  "/apis/discovery.k8s.io/v1beta1/endpointslices", "EndpointSlice", true },
	{ "EndpointSlice", "v1", "/api/v1/endpoints", "Endpoints", true },
	{ "Namespace", "v1", "/api/v1/namespaces", "Namespace", false },
	{ "Node", "v1", "/api/v1/nodes", "Node", false },
	{ "ReplicaSet", "apps/v1", "/apis/apps/v1/replicasets", "ReplicaSet", true },
	{ "Job", "batch/v1", "/apis/batch/v1/jobs", "Job", true },
	{ "CronJob", "batch/v1", "/apis/batch/v1/cronjobs", "CronJob", true },
	{ "CronJob", "batch/v1beta1", "/apis/batch/v1beta1/cronjobs", "CronJob", true },
	{ "DNSPolicy", NAMETAP, NAMETAP_PATH "/dnspolicies", "DNSPolicy", true },
	{ "ClusterDNSPolicy", NAMETAP, NAMETAP_PATH "/clusterdnspolicies", "ClusterDNSPolicy",
	  false },
	{ "GlobalAlert", NAMETAP, NAMETAP_PATH "/globalalerts", "GlobalAlert", false },
	{ "DomainFeed", NAMETAP, NAMETAP_PATH "/domainfeeds", "DomainFeed", false },
};

#define END (resources + sizeof(resources) / sizeof(*resources))

const struct nt_resource *nt_resource_find(const char *kind)
{
	const struct nt_resource *r = resources;

	while (r < END && strcmp(r->kind, kind) != 0)
		r++;
	return r < END ? r : NULL;
}

const struct nt_resource *nt_resource_next(const struct nt_resource *r)
{
	return r + 1 < END && strcmp(r[1].kind, r->kind) == 0 ? r + 1 : NULL;
}
