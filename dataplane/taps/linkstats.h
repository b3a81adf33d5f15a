/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two ends of a pod's link counted, packets of any protocol. Above all what the kernel
 * dropped between the pod and the tap (T26): a veth hands over through a per-CPU backlog of
 * net.core.netdev_max_backlog packets, and what that refuses is tx_dropped of the pod's end, while
 * the sender was told that all is well. The pod's end is read from outside, by the identifier that
 * the kernel gives to its network namespace (IFLA_LINK_NETNSID, IFLA_TARGET_NETNSID). One netlink
 * socket, blocking, microseconds per link. Not thread-safe.
 */
#pragma once

#include <linux/types.h>

#include "lib/base/err.h"

struct nt_linkstats {
	__u64 before_tap; /* sent by the pod, dropped before the tap */
	__u64 rx_packets; /* of the host end: from the pod */
	__u64 tx_packets; /* to the pod */
};

struct nt_linkstats_reader;

int nt_linkstats_open(struct nt_linkstats_reader **ret_reader, struct nt_err *err) NT_MUSTCHECK;
void nt_linkstats_close(struct nt_linkstats_reader *r);

/* ifindex: of the host's end. Counts since the link was made. -ENODEV: no such link; -ENOENT: its
 * other end is nowhere that can be seen (not a veth, or in no namespace with an identifier). */
int nt_linkstats_read(struct nt_linkstats_reader *r, __u32 ifindex,
		      struct nt_linkstats *ret_stats) NT_MUSTCHECK;
