/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Kubernetes objects add to a record before it is stored: workload, labels and Services of the
 * client, and who the servers are. An object contributes only when it is certainly the record's:
 * its UID must not differ, an address must have one owner and have had it then. Keeps an index of
 * the objects, made anew when they change. Belongs to the thread of its struct nt_objects; no I/O.
 */
#pragma once

#include "lib/objects/objects.h"
#include "lib/record/record.h"

struct nt_enrich;

/* objects: borrowed, must outlive it. */
int nt_enrich_new(const struct nt_objects *objects, struct nt_enrich **ret_enrich,
		  struct nt_err *err) NT_MUSTCHECK;
void nt_enrich_free(struct nt_enrich *e);

/*
 * Sets, where it is known:
 *   client_workload_kind, client_workload_name, client_services, client_labels of rows with a
 *   client's name (side=client, UNLOGGED too);
 *   name, name_aggr, namespace_, service, labels of each server: by its address, on rows of
 *   side=server by the name that the agent gave. What is no pod has name "-" and name_aggr "pvt" or
 *   "pub"; a Service's address has its service and namespace.
 * All of it is copied into arena. 0, or -ENOMEM with a record that is whole but not fully enriched.
 */
int nt_enrich_record(struct nt_enrich *e, struct nt_arena *arena, struct nt_record *r) NT_MUSTCHECK;
