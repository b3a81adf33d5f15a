/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside controller/enrich only: the pods, by namespace and name, and those that are gone for a
 * while after, since their last batches come late. Objects are kept as they are (nt_object_ref), a
 * pod that is gone with its labels and Services. Bounded by number and by time, the oldest go
 * first. Owned by the index.
 */
#pragma once

#include "controller/enrich/addresses.h"
#include "lib/objects/objects.h"

/* Agents send each few seconds; a controller that was away is sent minutes at once. */
#define NT_ENRICH_GONE_US (15 * 60 * 1000000LL)
/* Five minutes of 100 pods a second; 1 KiB each, with their labels. */
#define NT_ENRICH_GONE_MAX 30000

struct nt_enrich_service;

struct nt_enrich_pod {
	struct nt_hashtable_link link;
	const struct nt_object *object; /* kept; the latest that there was */
	int64_t until_us; /* it went; INT64_MAX: it is there */
	int64_t address_until_us; /* its addresses were its own so long; INT64_MAX: they are */
	int64_t address_told_us; /* when we learned of these addresses, while it had no others */
	struct nt_workload workload; /* object: kept; NULL: not worked out */
	uint64_t owners_generation; /* of the owners when it was */
	struct nt_enrich_pod *older, *newer; /* among those that went */
	/* Those that select it: while it is there as of the Services' generation; once it went
	 * their names, in the same block. */
	const struct nt_enrich_service **services;
	struct nt_slice *service_names;
	size_t services_len;
	uint64_t services_generation;
	/* The last answer of nt_enrich_index_service_of: a server's rows have one port. */
	const struct nt_enrich_service *port_service;
	uint64_t port_generation;
	uint16_t port;
	uint8_t addresses_len;
	struct nt_enrich_address addresses[];
};

struct nt_enrich_pods {
	struct nt_hashtable table;
	struct nt_hash_key key;
	struct nt_enrich_pod *newest, *oldest; /* that are gone */
	size_t gone_len;
	uint64_t gone_early; /* forgotten before their time, for want of room */
};

int nt_enrich_pods_init(struct nt_enrich_pods *p) NT_MUSTCHECK;
void nt_enrich_pods_done(struct nt_enrich_pods *p, struct nt_enrich_addresses *a);

/* A new pod of the object with its addresses, in the table. NULL: no memory. address_until_us: see
 * struct nt_enrich_pod. */
struct nt_enrich_pod *nt_enrich_pods_add(struct nt_enrich_pods *p, struct nt_enrich_addresses *a,
					 const struct nt_object *object, int64_t address_until_us);
/* Frees it. */
void nt_enrich_pods_drop(struct nt_enrich_pods *p, struct nt_enrich_addresses *a,
			 struct nt_enrich_pod *pod);
/* It went at now_us; service_names: its Services then, taken over (free), one block. */
void nt_enrich_pods_went(struct nt_enrich_pods *p, struct nt_enrich_addresses *a,
			 struct nt_enrich_pod *pod, struct nt_slice *service_names,
			 size_t service_names_len, int64_t now_us);
/* Drops what went too long ago. */
void nt_enrich_pods_forget(struct nt_enrich_pods *p, struct nt_enrich_addresses *a, int64_t now_us);

/* The one that is there; NULL: none. */
struct nt_enrich_pod *nt_enrich_pods_live(const struct nt_enrich_pods *p,
					  struct nt_slice namespace_, struct nt_slice name);
/* The next of that name, there or gone, after pod (NULL: the first); NULL at the end. */
struct nt_enrich_pod *nt_enrich_pods_next(const struct nt_enrich_pods *p,
					  const struct nt_enrich_pod *pod,
					  struct nt_slice namespace_, struct nt_slice name);

static inline bool nt_enrich_pod_is_gone(const struct nt_enrich_pod *pod)
{
	return pod->until_us != INT64_MAX;
}
/* Since when there is the object, as far as it says; whole seconds, rounded down. 0: not known. */
int64_t nt_enrich_since_us(const struct nt_object *o);
/* Takes the workload, keeping its object. */
void nt_enrich_pod_set_workload(struct nt_enrich_pod *pod, const struct nt_workload *w);
