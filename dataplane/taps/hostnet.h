/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The taps of the host's network namespace: cgroup_skb programs on the cgroup2 root, owned by their
 * pins in `<pin root>_host`, with counters and ring of the pin root. They stay when the agent ends.
 * What they count belongs to an endpoint without a link: the node, or a pod in the host's network.
 * Not thread-safe; one user, the agent.
 *
 * Sockets of pods pass the same hook and are seen on their veths. So only sockets of the host's
 * network namespace count: by the kernel's word where cgroup_skb may ask for the namespace (6.15),
 * else by a beacon, a socket that the agent holds: it is found in the host's namespace only. With a
 * beacon a socket is remembered once it was known, and one that is made while the agent is away is
 * known from its making where the kernel can remember it (5.14); before, it is not counted until
 * the agent is back.
 */
#pragma once

#include "dataplane/taps/hooks.h"

struct nt_hostnet;

struct nt_hostnet_config {
	const char *cgroup_root; /* a cgroup2 folder */
	enum nt_host_mode mode; /* 0: the best that the kernel has */
	bool hybrid; /* pods are not below cgroup_root: the node's record says so */
};

/* The cgroup2 root of this machine: /sys/fs/cgroup, or on a hybrid one /sys/fs/cgroup/unified.
 * NULL: there is none. ret_hybrid: pods are not in it (T15). */
const char *nt_hostnet_find_root(bool *ret_hybrid);

/*
 * Attaches the programs, or takes over those that are pinned; makes the node's record. Where those
 * are of another generation or mode they are replaced in place, with each packet seen once and
 * numbers going on; where the maps are of another pin root, cgroup or layout, all is made anew and
 * the records of before are closed. What fails leaves what was there. Links that somebody detached
 * are left to look and repair, so that since when can be said.
 * taps: borrowed until nt_hostnet_close. -EOPNOTSUPP: the mode is not in this kernel; -EINVAL:
 * cgroup_root is no cgroup2 folder; -EPERM: somebody's program there forbids others.
 */
int nt_hostnet_open(struct nt_taps *taps, const struct nt_hostnet_config *config,
		    struct nt_hostnet **ret_hostnet, struct nt_err *err) NT_MUSTCHECK;
/* Programs and records stay. */
void nt_hostnet_close(struct nt_hostnet *h);
enum nt_host_mode nt_hostnet_mode(const struct nt_hostnet *h);
/* Why programs of before are attached still, which the kernel let no others replace; NULL: ours. */
const char *nt_hostnet_old(const struct nt_hostnet *h);

/* Are the programs attached (else NT_FAULT_REMOVED)? is_settled: their pins are there, too.
 * NT_FAULT_UNMARKED: they are, but before they were taken over nobody marked new sockets (before
 * 5.14); until repair, so that since when can be said. These two may be called by one other thread
 * than the rest. */
void nt_hostnet_look(const struct nt_hostnet *h, struct nt_hook_state *ret_state);
/* Puts back links, programs and pins that are missing. */
int nt_hostnet_repair(struct nt_hostnet *h, struct nt_err *err) NT_MUSTCHECK;

/* The attached record of (container id, interface "host"), made when there is none. pod: identity
 * set by the caller; written back. */
int nt_hostnet_endpoint(struct nt_hostnet *h, struct nt_pod *pod, struct nt_err *err) NT_MUSTCHECK;
/* Its sockets are nobody's any more; the record stays until nt_taps_forget. */
int nt_hostnet_end(struct nt_hostnet *h, __u64 ep_id, struct nt_err *err) NT_MUSTCHECK;
/* Sockets made in that cgroup belong to ep_id from now on; or to the node again. */
int nt_hostnet_group_set(struct nt_hostnet *h, __u64 cgroup, __u64 ep_id,
			 struct nt_err *err) NT_MUSTCHECK;
void nt_hostnet_group_drop(struct nt_hostnet *h, __u64 cgroup);
/* Calls fn for each cgroup that belongs to somebody; 0 is every other one, the node's. That other
 * thread may call it, too. */
typedef void nt_hostnet_group_fn(void *ctx, __u64 cgroup, __u64 ep_id);
void nt_hostnet_groups(struct nt_hostnet *h, nt_hostnet_group_fn *fn, void *ctx);

/* Switched off: detaches, unpins, and ends the records. Nothing happens when there is nothing. */
int nt_hostnet_off(struct nt_taps *taps, struct nt_err *err) NT_MUSTCHECK;
/* Uninstall: detaches and unpins. */
void nt_hostnet_remove(const char *pin_root);
/* Are there pins, whoever made them? */
bool nt_hostnet_is_pinned(const struct nt_taps *taps);
