/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which node has an address, by the Node objects: a sorted list, made again when these have changed
 * and not when it is asked. Plain data; the objects are held still by the caller.
 */
#pragma once

#include "lib/base/buf.h"
#include "lib/objects/objects.h"

struct nt_hosts {
	struct nt_buf addresses; /* struct host_address, sorted */
	struct nt_buf names; /* of nodes, NUL behind each */
	uint64_t generation; /* of the Node objects that it is made of, plus one; 0: of none */
};

/* Makes it anew when it has to be. -ENOMEM: it is empty. */
int nt_hosts_look(struct nt_hosts *h, const struct nt_objects *objects) NT_MUSTCHECK;
/* The node's name, borrowed until the next look; NULL: none has it. */
const char *nt_hosts_find(const struct nt_hosts *h, const struct nt_addr *ip);
void nt_hosts_done(struct nt_hosts *h);
