/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's network: its taps (dataplane/taps/hostnet.h), and which pod a socket belongs to. Pods:
 * their cgroups below the cgroup2 root are found by the kubelet's names, and those with a process
 * in our network namespace get an endpoint of their own. What no pod's cgroup made is the node's.
 * Names come from the objects, by UID (a static pod's by its hash); without an object only the UID
 * is known. Blocks on the cgroup file system; one thread.
 */
#pragma once

#include "dataplane/taps/hostnet.h"
#include "lib/objects/objects.h"

struct nt_hostpods_config {
	struct nt_taps *taps;
	const char *state_dir; /* a note says why the host's network is not tapped */
	const char *cgroup_root; /* NULL: that of this machine */
	enum nt_host_mode mode; /* 0: the best that the kernel has */
	const struct nt_objects *objects; /* NULL: no names */
	const char *proc; /* NULL: /proc */
};

struct nt_hostpods;

/* Taps, too; when that cannot be, a note says why, and looks try again, later each time. */
int nt_hostpods_new(const struct nt_hostpods_config *config, struct nt_hostpods **ret_hostpods,
		    struct nt_err *err) NT_MUSTCHECK;
void nt_hostpods_free(struct nt_hostpods *h);
/* The taps, for who keeps them in place; as long as h lives. NULL: there are none yet. */
struct nt_hostnet *nt_hostpods_taps(struct nt_hostpods *h);
/* One look at all cgroups. */
void nt_hostpods_look(struct nt_hostpods *h);
/* Pods in the host's network, at the last look. */
size_t nt_hostpods_len(const struct nt_hostpods *h);
