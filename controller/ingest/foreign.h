/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a node says of pods and addresses of other nodes: whoever has one agent's token may write
 * the DNS history of that node's pods and of no others (T30), and hide no other's by saying that it
 * is tapped here. What objects prove to be of another node is taken out of a batch; the rest of it
 * stays, whose loss nobody would count. Plain; the objects are held still by the caller.
 */
#pragma once

#include "controller/enrich/enrich.h"

struct nt_foreign {
	uint64_t records, endpoints; /* that were taken out */
	uint64_t addresses; /* of the node or of endpoints: left out, or cut when another had it */
	char what[512]; /* the first one, for the log: "rows of pod ..." */
};

/* Of records, endpoints and addresses only that stays which may be of the batch's node. -ENOMEM:
 * the batch is not to be stored. */
int nt_foreign_drop(const struct nt_enrich *e, struct nt_arena *arena, struct nt_batch *b,
		    struct nt_foreign *ret_foreign) NT_MUSTCHECK;
