/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to this namespace's links, qdiscs and filters, as rtnetlink tells it: RTM_NEWLINK,
 * RTM_DELLINK, RTM_NEWQDISC, RTM_DELQDISC, RTM_NEWTFILTER, RTM_DELTFILTER. One watcher per agent,
 * with several listeners. A message says where to look, never what is true now: listeners look
 * themselves. What the kernel could not queue shows as one event of type 0: anything may have
 * changed. Belongs to the event loop's thread.
 */
#pragma once

#include "lib/base/loop.h"

struct nt_linkwatch;

struct nt_linkwatch_event {
	uint16_t type; /* RTM_*; 0: messages were lost */
	int ifindex; /* 0 for type 0 */
};

typedef void nt_linkwatch_fn(void *ctx, const struct nt_linkwatch_event *event);

int nt_linkwatch_open(struct nt_loop *loop, struct nt_linkwatch **ret_watch,
		      struct nt_err *err) NT_MUSTCHECK;
void nt_linkwatch_close(struct nt_linkwatch *w);
/* At most NT_LINKWATCH_LISTENERS; -ENOSPC beyond. */
#define NT_LINKWATCH_LISTENERS 4
int nt_linkwatch_listen(struct nt_linkwatch *w, nt_linkwatch_fn *fn, void *ctx,
			struct nt_err *err) NT_MUSTCHECK;
