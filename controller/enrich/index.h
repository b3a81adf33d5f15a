/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside controller/enrich only: pods, Services and addresses of one generation of objects, sorted
 * for finding. What belongs to a pod (workload, Services) is worked out when it is first asked for.
 */
#pragma once

#include "lib/objects/objects.h"

struct nt_enrich_service {
	const struct nt_object *object;
	struct nt_slice full_name; /* "namespace/name" */
};

struct nt_enrich_pod {
	const struct nt_object *object;
	struct nt_workload workload;
	struct nt_slice *services; /* full names of those that select it */
	size_t services_len;
	bool derived; /* the three above are set */
	/* The last answer of nt_enrich_index_service_of: a server's rows have one port. */
	const struct nt_enrich_service *port_service;
	uint16_t port;
	bool port_known;
};

/* Whose address it is: one of the two. */
struct nt_enrich_address {
	struct nt_addr ip;
	struct nt_enrich_pod *pod;
	const struct nt_enrich_service *service;
};

struct nt_enrich_index {
	const struct nt_objects *objects;
	struct nt_enrich_pod *pods; /* by namespace, name */
	size_t pods_len;
	struct nt_enrich_service *services; /* by namespace, name */
	size_t services_len;
	struct nt_enrich_address *addresses; /* by address; those with one owner */
	size_t addresses_len, addresses_cap;
	struct nt_arena arena; /* names and lists */
};

/* Of what objects hold now. -ENOMEM; nt_enrich_index_done then, too. */
int nt_enrich_index_init(struct nt_enrich_index *x, const struct nt_objects *objects) NT_MUSTCHECK;
void nt_enrich_index_done(struct nt_enrich_index *x);

/* NULL when there is none. */
struct nt_enrich_pod *nt_enrich_index_pod(const struct nt_enrich_index *x,
					  struct nt_slice namespace_, struct nt_slice name);
const struct nt_enrich_address *nt_enrich_index_address(const struct nt_enrich_index *x,
							const struct nt_addr *ip);
/* Sets workload and services of the pod; -ENOMEM. */
int nt_enrich_index_derive(struct nt_enrich_index *x, struct nt_enrich_pod *pod) NT_MUSTCHECK;
/* The one Service that selects the pod and has this port; NULL when there is none or several. */
const struct nt_enrich_service *nt_enrich_index_service_of(const struct nt_enrich_index *x,
							   struct nt_enrich_pod *pod,
							   uint16_t port);
