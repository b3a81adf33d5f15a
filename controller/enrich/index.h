/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside controller/enrich only: pods, Services, endpoints and addresses, kept in the time of each
 * change of an object. What belongs to a pod (workload, Services) is worked out when it comes or is
 * first asked for.
 */
#pragma once

#include "controller/enrich/enrich.h"
#include "controller/enrich/pods.h"
#include "controller/enrich/services.h"

struct nt_enrich_index {
	struct nt_objects *objects; /* borrowed */
	struct nt_enrich_addresses addresses;
	struct nt_enrich_pods pods;
	struct nt_enrich_services services;
	uint64_t lost; /* objects for which there was no memory */
};

/* Empty. -ENOMEM, -EIO; nt_enrich_index_done then, too. */
int nt_enrich_index_init(struct nt_enrich_index *x, struct nt_objects *objects) NT_MUSTCHECK;
void nt_enrich_index_done(struct nt_enrich_index *x);
/* As nt_objects_change_fn says it, at now_us (CLOCK_REALTIME). */
void nt_enrich_index_change(struct nt_enrich_index *x, const struct nt_object *before,
			    const struct nt_object *after, int64_t now_us);

/* Whom somebody names, and on which node; empty is not known. */
struct nt_enrich_identity {
	struct nt_slice namespace_, name, uid, node;
};

/* Which pod of that name it was: by its UID, else the only one there was at that time and not on
 * another node. NULL: none, or it is not certain. */
struct nt_enrich_pod *nt_enrich_index_pod(const struct nt_enrich_index *x,
					  const struct nt_enrich_identity *who, int64_t at_us);
/* Is there, or was there, any pod of that name, on that node as far as is known? */
bool nt_enrich_index_any_pod(const struct nt_enrich_index *x, const struct nt_enrich_identity *who);
/* The node of the pod with that very metadata.uid, when it is another one; else empty. */
struct nt_slice nt_enrich_index_other_node(const struct nt_enrich_index *x,
					   const struct nt_enrich_identity *who);

/* Whose address it was at that time: one of the two, or none when several had it. */
struct nt_enrich_at {
	struct nt_enrich_pod *pod;
	const struct nt_enrich_service *service;
};
struct nt_enrich_at nt_enrich_index_address(const struct nt_enrich_index *x,
					    const struct nt_addr *ip, int64_t at_us);
/* See nt_enrich_holder. */
struct nt_enrich_holder nt_enrich_index_holder(const struct nt_enrich_index *x,
					       const struct nt_addr *ip, struct nt_slice node);
/* What lists the address and port as an endpoint: the one Service, and the one pod (its targetRef,
 * for addresses that are not its own). Either is empty when there is none or several. */
struct nt_enrich_endpoint {
	struct nt_slice service; /* full name */
	struct nt_enrich_pod *pod;
};
struct nt_enrich_endpoint nt_enrich_index_endpoint(const struct nt_enrich_index *x,
						   const struct nt_addr *ip, uint16_t port,
						   int64_t at_us);

/* Sets workload and services of the pod; -ENOMEM. */
int nt_enrich_index_derive(struct nt_enrich_index *x, struct nt_enrich_pod *pod) NT_MUSTCHECK;
/* The one Service that selects the pod and has this port; NULL when there is none or several. */
const struct nt_enrich_service *
nt_enrich_index_service_of(struct nt_enrich_index *x, struct nt_enrich_pod *pod, uint16_t port);
