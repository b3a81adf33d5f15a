/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows about pods of other nodes: whoever has one agent's token may write the DNS history of that
 * node's pods and of no others (T30). What objects prove to be of another node is taken out of a
 * batch; the rest of it stays, whose loss nobody would count. Plain; the objects are held still by
 * the caller.
 */
#pragma once

#include "controller/enrich/enrich.h"

struct nt_foreign {
	uint64_t records, endpoints; /* that were taken out */
	/* The first one, for the log; borrowed from the batch and the objects. */
	struct nt_slice namespace_, name, uid, node;
};

/* Of records and endpoints only those stay that may be of the batch's node. */
struct nt_foreign nt_foreign_drop(const struct nt_enrich *e, struct nt_batch *b);
