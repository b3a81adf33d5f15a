/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside controller/enrich only: Services by name and by namespace, and what lists their endpoints
 * (EndpointSlice, Endpoints). Objects are kept as they are (nt_object_ref). Owned by the index.
 */
#pragma once

#include "controller/enrich/addresses.h"
#include "lib/objects/objects.h"

struct nt_enrich_service {
	struct nt_hashtable_link link;
	struct nt_enrich_service *next; /* in its namespace, by name */
	const struct nt_object *object; /* kept */
	struct nt_slice full_name; /* "namespace/name" */
	size_t addresses_len;
	struct nt_enrich_address addresses[];
};

/* An object that lists addresses behind a Service's ports. */
struct nt_enrich_slice {
	struct nt_hashtable_link link;
	const struct nt_object *object; /* kept */
	struct nt_slice service; /* full name */
	size_t addresses_len;
	struct nt_enrich_address addresses[];
};

struct nt_enrich_services {
	struct nt_hashtable services, namespaces, slices;
	struct nt_hash_key key;
	uint64_t generation; /* raised by each change of a Service */
};

int nt_enrich_services_init(struct nt_enrich_services *s) NT_MUSTCHECK;
void nt_enrich_services_done(struct nt_enrich_services *s, struct nt_enrich_addresses *a);

/* object: a Service, an EndpointSlice or an Endpoints. -ENOMEM: it is not there. */
int nt_enrich_services_put(struct nt_enrich_services *s, struct nt_enrich_addresses *a,
			   const struct nt_object *object) NT_MUSTCHECK;
/* Nothing happens when there is none of that kind and name. */
void nt_enrich_services_drop(struct nt_enrich_services *s, struct nt_enrich_addresses *a,
			     const struct nt_object *object);

/* The first Service of a namespace, by name; NULL: none. The others by next. */
const struct nt_enrich_service *nt_enrich_services_in(const struct nt_enrich_services *s,
						      struct nt_slice namespace_);
/* By the number that clients use, or the one at the pod. */
bool nt_enrich_service_has_port(const struct nt_enrich_service *service, uint16_t port);
bool nt_enrich_slice_has_port(const struct nt_enrich_slice *slice, uint16_t port);
