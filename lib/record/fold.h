/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a record becomes when its pod has used up its rows of the interval (T10): the same packets
 * and figures under fewer keys, so that records merge. Three depths, each with fewer rows than the
 * one before; at the last one the number of rows is bounded whatever the pod varies. Counts stay
 * exact at each of them. `folded` is the number of lookups in the row whose name is not shown;
 * `distinct` is set by the aggregate (lib/record/aggregate.h). Pure; strings go into the arena.
 *
 * key                               DOMAIN                 ALL                   REST
 * node, client, side, role          stay                   stay                  stay
 * qname                             *.registrable domain   *                     *
 * qtype, qclass                     stay                   0                     0
 * rcode                             stays                  stays up to 23        gone (4095)
 * transport, answered, late         stay                   stay                  stay
 * verdict, policy                   stay                   stay                  stay
 * client_ip, servers                stay                   the pod's own, none   the pod's own,
 * none answers (rrsets)                  gone                   gone                  gone late_of
 * stays                  gone                  gone
 */
#pragma once

#include "lib/base/arena.h"
#include "lib/record/record.h"

enum nt_fold {
	NT_FOLD_NONE = 0,
	NT_FOLD_DOMAIN = 1,
	NT_FOLD_ALL = 2,
	NT_FOLD_REST = 3,
	NT_FOLD_MAX = 4,
};

/* RFC 6895 section 2.3 assigns codes up to 23; what is above is one value in a row of all. */
#define NT_FOLD_RCODE_MAX 23
#define NT_FOLD_RCODE_OTHER 4095

/* r: of type LOG. under: what the name lies below (nt_names_under), may be empty; ip: the address
 * of the client's own interface, family 0 when it is not the pod's row. -ENOMEM: r is as it was. */
int nt_record_fold(struct nt_record *r, enum nt_fold depth, struct nt_slice under,
		   const struct nt_addr *ip, struct nt_arena *arena) NT_MUSTCHECK;

/* A whole row without its names and answers, figures as they were: all its lookups are folded ones
 * then. Nothing happens to rows of other types. */
void nt_record_lighten(struct nt_record *r);
