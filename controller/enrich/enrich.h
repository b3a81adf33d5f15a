/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Kubernetes objects add to a record before it is stored: workload, labels and Services of the
 * client, and who the servers are. An object contributes only when it is certainly the record's:
 * its UID must not differ, an address must have one owner and have had it then. Listens to the
 * objects and keeps an index of them, with those pods that are gone for some minutes. Belongs to
 * the thread of its struct nt_objects; no I/O.
 */
#pragma once

#include "lib/base/clock.h"
#include "lib/objects/objects.h"
#include "lib/record/batch.h"
#include "lib/record/record.h"

struct nt_enrich;

struct nt_enrich_stats {
	/* Rows of side=client with a client's name, by what is known of the pod: its object, the
	 * object of one that is gone, another pod of that name only, such a one on another node
	 * only, nothing. */
	uint64_t rows_there, rows_gone, rows_other, rows_elsewhere, rows_unknown;
	uint64_t pods, gone; /* now */
	uint64_t gone_early; /* pods that went and were forgotten for want of room */
	uint64_t lost; /* objects without a place in the index for want of memory */
};

/* objects: borrowed, must outlive it; its listener is this from now on. clock: borrowed. */
int nt_enrich_new(struct nt_objects *objects, struct nt_clock *clock, struct nt_enrich **ret_enrich,
		  struct nt_err *err) NT_MUSTCHECK;
void nt_enrich_free(struct nt_enrich *e);

/*
 * Sets, where it is known:
 *   client_workload_kind, client_workload_name, client_services, client_labels of rows with a
 *   client's name (side=client, UNLOGGED too); client_uid of a static pod, to which the runtime
 *   gives the hash of its configuration, becomes that of its Pod object;
 *   name, name_aggr, namespace_, service, labels of each server: by its address, on rows of
 *   side=server by the name that the agent gave. What is no pod has name "-" and name_aggr "pvt" or
 *   "pub"; a Service's address has its service and namespace.
 * All of it is copied into arena. 0, or -ENOMEM with a record that is whole but not fully enriched.
 */
int nt_enrich_record(struct nt_enrich *e, struct nt_arena *arena, struct nt_record *r) NT_MUSTCHECK;
/* uid of a static pod, as of a record. node: of the batch. */
int nt_enrich_endpoint(struct nt_enrich *e, struct nt_arena *arena, struct nt_slice node,
		       struct nt_batch_endpoint *endpoint) NT_MUSTCHECK;
/*
 * The node that runs the row's client, or the endpoint's pod, when objects prove that it is another
 * one than the row's; else empty. Proof is the pod's own metadata.uid, which no other pod ever has,
 * and spec.nodeName, which never changes. None is a name, which the next pod may have elsewhere
 * before the last rows come; nor the hash of a static pod, which two nodes may have in common.
 * Borrowed from the objects.
 */
struct nt_slice nt_enrich_record_elsewhere(const struct nt_enrich *e, const struct nt_record *r);
struct nt_slice nt_enrich_endpoint_elsewhere(const struct nt_enrich *e, struct nt_slice node,
					     const struct nt_batch_endpoint *endpoint);
/* Who has an address that a node says is its own or its pods'. */
struct nt_enrich_holder {
	const struct nt_object *pod; /* NULL: nobody that is certain */
	struct nt_slice node; /* the pod's */
	int64_t from_us; /* CLOCK_REALTIME of ours; INT64_MAX: never */
};
/* What the API says comes later than what it is about, and so do nodes' clocks. */
#define NT_ENRICH_SETTLED_US (60 * 1000000LL)
/*
 * The pod on another node that has the address by all objects, from from_us on: from
 * NT_ENRICH_SETTLED_US after we learned that it has it. Before that, the address may have been
 * anybody's. Nobody has it for certain when two pods or a Service do, when its pod has ended or is
 * being deleted, when the pod's node is no more, or when the address is one of the given node's
 * own. Borrowed from the objects.
 */
struct nt_enrich_holder nt_enrich_holder(const struct nt_enrich *e, const struct nt_addr *ip,
					 struct nt_slice node);
/* The same of the server of a row of its side, at the row's time by our clock. Not when objects
 * have a pod of the server's name on the row's node: it may have addresses that objects do not
 * tell. */
bool nt_enrich_server_elsewhere(const struct nt_enrich *e, const struct nt_record *r, int64_t at_us,
				struct nt_enrich_holder *ret_holder);
/* Is the row's client a pod with a UID of which there has been no object? It may come yet. */
bool nt_enrich_awaits(const struct nt_enrich *e, const struct nt_record *r);
struct nt_enrich_stats nt_enrich_stats(const struct nt_enrich *e);
/* Once a second, in the objects' thread: forgets pods that went minutes ago. */
void nt_enrich_tick(struct nt_enrich *e);
