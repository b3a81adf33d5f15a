/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host side of a pod's interface, found through the pod's network namespace and proven from
 * both ends; names prove nothing. May block on netlink. Not thread-safe: it enters the other
 * namespace for a moment.
 */
#pragma once

#include "lib/base/err.h"

#include <linux/types.h>

struct nt_hostlink {
	__u32 ifindex; /* on the host */
	char ifname[16];
	__u64 netns_ino; /* of the pod */
	__u64 netns_dev;
};

/* Inode and device of the namespace at `path`. -ENOENT: nothing there; -EINVAL: something else. */
int nt_hostlink_netns(const char *path, __u64 *ret_ino, __u64 *ret_dev,
		      struct nt_err *err) NT_MUSTCHECK;

/* The veth on our side whose peer is `ifname` in the namespace at `netns`. -ENOENT: no such
 * namespace or interface; -EINVAL: not a veth; -EXDEV: the peer is not in our namespace. */
int nt_hostlink_find(const char *netns, const char *ifname, struct nt_hostlink *ret_link,
		     struct nt_err *err) NT_MUSTCHECK;
