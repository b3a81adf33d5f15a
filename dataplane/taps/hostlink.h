/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host side of a pod's interface, found through the pod's network namespace and proven from
 * both ends; names prove nothing. May block on netlink. Not thread-safe: it enters the other
 * namespace for a moment.
 */
#pragma once

#include <stdbool.h>

#include "dataplane/abi.h"
#include "lib/base/err.h"

struct nt_hostlink {
	__u32 ifindex; /* on the host */
	__u32 master; /* ifindex of the bridge that it is a port of; 0: none */
	char ifname[16];
	__u64 netns_ino; /* of the pod */
	__u64 netns_dev;
};

/* Inode and device of the namespace at `path`. -ENOENT: nothing there; -EINVAL: something else. */
int nt_hostlink_netns(const char *path, __u64 *ret_ino, __u64 *ret_dev,
		      struct nt_err *err) NT_MUSTCHECK;
/* The same, with a descriptor for the caller to close: while it is open the inode is not given to
 * another namespace. */
int nt_hostlink_open_netns(const char *path, int *ret_fd, __u64 *ret_ino, __u64 *ret_dev,
			   struct nt_err *err) NT_MUSTCHECK;

/* The veth on our side whose peer is `ifname` in the namespace at `netns`. -ENOENT: no such
 * namespace or interface; -EINVAL: not a veth; -EXDEV: the peer is not in our namespace. */
int nt_hostlink_find(const char *netns, const char *ifname, struct nt_hostlink *ret_link,
		     struct nt_err *err) NT_MUSTCHECK;

/* Calls fn for each address of a veth in the namespace at `netns`, loopback and link-local ones
 * excepted. -ENOENT: no such namespace. */
typedef void nt_hostlink_address_fn(void *ctx, const char *ifname, const struct nt_abi_addr *ip);
int nt_hostlink_addresses(const char *netns, nt_hostlink_address_fn *fn, void *ctx,
			  struct nt_err *err) NT_MUSTCHECK;

/* ifindex of the link through which this namespace sends to `ip`; -ENOENT: no route. */
int nt_hostlink_route(const struct nt_abi_addr *ip, __u32 *ret_ifindex,
		      struct nt_err *err) NT_MUSTCHECK;

/* Is the peer of the host's link `ifindex` in the namespace `ino`, `dev` at `netns`, whatever it is
 * called there? 1: yes; 0: the link is another one's; -ENOENT: no such link or namespace; -EAGAIN:
 * another namespace is there by now. */
int nt_hostlink_belongs(const char *netns, __u64 ino, __u64 dev, __u32 ifindex,
			struct nt_err *err) NT_MUSTCHECK;

/* Is the host's link `ifindex` gone, or about to go because its peer's namespace has ended? False
 * when it cannot be told. */
bool nt_hostlink_is_over(__u32 ifindex);
