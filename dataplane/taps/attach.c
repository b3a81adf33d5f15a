/* SPDX-License-Identifier: Apache-2.0 */
/* The three verbs on one pod's link: attach, detach, check. */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <net/if.h>

#include <bpf/bpf.h>

#include "dataplane/taps/hostlink.h"
#include "dataplane/taps/internal.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"

/* By either hook, with the programs of this generation or another. */
static bool is_programmed_at(const struct nt_taps *t, const struct nt_pod *pod, enum nt_dir dir)
{
	struct nt_tcx_chain chain;

	if (nt_taps_is_ours(t, dir, nt_tc_program(pod->ifindex, dir)))
		return true;
	if (!t->kernel_has_tcx || nt_tcx_chain(pod->ifindex, dir, &chain) < 0)
		return false;
	for (unsigned i = 0; i < chain.len; i++) {
		if (nt_taps_is_ours(t, dir, chain.prog_ids[i]))
			return true;
	}
	return false;
}

static bool is_programmed(const struct nt_taps *t, const struct nt_pod *pod)
{
	for (int dir = 0; dir < NT_DIR_MAX; dir++) {
		if (!is_programmed_at(t, pod, dir))
			return false;
	}
	return true;
}

static int program_clsact(struct nt_taps *t, const struct nt_pod *pod, struct nt_err *err)
{
	int r = nt_tc_prepare(pod->ifindex, err);

	for (int dir = 0; dir < NT_DIR_MAX && r == 0; dir++)
		r = nt_tc_attach(pod->ifindex, dir, t->prog_fd[dir], err);
	for (int dir = 0; dir < NT_DIR_MAX && r < 0; dir++)
		nt_tc_detach(t, pod->ifindex, dir);
	return r;
}

static int program_tcx(struct nt_taps *t, const struct nt_pod *pod, struct nt_err *err)
{
	int r = 0;

	for (int dir = 0; dir < NT_DIR_MAX && r == 0; dir++) {
		_cleanup_close_ int link = nt_tcx_open(t, pod->ep_id, dir);

		/* By one that was killed before it came to the other direction; the kernel takes no
		 * program twice. */
		if (link >= 0)
			continue;
		r = nt_tcx_attach(pod->ifindex, dir, t->prog_fd[dir], &link, err);
		if (r == 0)
			r = nt_tcx_pin(t, pod->ep_id, dir, link, err);
	}
	for (int dir = 0; dir < NT_DIR_MAX && r < 0; dir++)
		nt_tcx_drop(t, pod->ep_id, dir);
	return r;
}

/* clsact first, because it takes a third of a millisecond and tcx some 30. */
static int program(struct nt_taps *t, const struct nt_pod *pod, struct nt_err *err)
{
	struct nt_err why;
	int r = program_clsact(t, pod, err);

	/* When both refuse, the first reason is the one to read. */
	return r < 0 && t->has_tcx && program_tcx(t, pod, &why) == 0 ? 0 : r;
}

static bool is_same_place(const struct nt_pod *a, const struct nt_pod *b)
{
	return a->netns_ino == b->netns_ino && a->netns_dev == b->netns_dev &&
	       a->ifindex == b->ifindex;
}

/* A second ADD for what is attached already: repairs what somebody took away, else does nothing. */
static int attach_again(struct nt_taps *t, const struct nt_pod *old, struct nt_err *err)
{
	int r = nt_pods_ensure(t, old, err);

	if (r < 0 || is_programmed(t, old))
		return r;
	return program(t, old, err);
}

/* Interface indexes are used again after a wrap: whoever had this link before has none now. So has,
 * at once, one whose DEL came and whose link is there still, when that is added again: a link has
 * one endpoint, and what it carries from now on is the new attachment's. */
static int close_former_tenant(struct nt_taps *t, __u32 ifindex, struct nt_err *err)
{
	__u64 ep_id = nt_pods_at(t, ifindex);
	struct nt_pod former;

	if (ep_id == 0 || nt_taps_pod_get(t, ep_id, &former) < 0)
		return 0;
	if (former.state == NT_POD_ATTACHED)
		former.end = NT_END_LINK_REUSED;
	return nt_pods_close(t, &former, err);
}

int nt_attach_record(struct nt_taps *t, struct nt_pod *pod, struct nt_err *err)
{
	struct nt_clock clock = nt_clock_system();

	pod->version = NT_ABI_VERSION;
	pod->state = NT_POD_ATTACHED;
	pod->attach_boot_ns = (__u64)nt_clock_boot(&clock);
	pod->attach_real_ns = (__u64)nt_clock_real(&clock);
	pod->detach_boot_ns = 0;
	pod->epoch = nt_taps_meta(t).epoch;
	pod->ep_id = pod->attach_boot_ns;
	return nt_pods_write(t, pod, err);
}

static int attach_anew(struct nt_taps *t, struct nt_pod *pod, struct nt_err *err)
{
	int r = nt_attach_record(t, pod, err);

	if (r < 0)
		return r;
	r = program(t, pod, err);
	if (r < 0)
		nt_pods_unwrite(t, pod);
	return r;
}

/* At this very place: under the runtime's name, or under the one that adoption gave it. */
static bool is_attached_here(struct nt_taps *t, const struct nt_pod *pod, struct nt_pod *ret_old)
{
	if (nt_pods_find_live(t, pod->container_id, pod->ifname, ret_old) == 0 &&
	    is_same_place(ret_old, pod))
		return true;
	return nt_adopted_at(t, pod->ifindex, ret_old) == 0 && is_same_place(ret_old, pod);
}

int nt_attach_end(struct nt_taps *t, struct nt_pod *pod, struct nt_err *err)
{
	return nt_pods_at(t, pod->ifindex) == pod->ep_id && nt_link_exists(pod->ifindex)
		       ? nt_pods_end(t, pod, err)
		       : nt_pods_close(t, pod, err);
}

int nt_attach_locked(struct nt_taps *t, struct nt_pod *pod, struct nt_err *err)
{
	struct nt_pod old;
	int r = 0;

	if (is_attached_here(t, pod, &old)) {
		r = attach_again(t, &old, err);
		if (r == 0)
			*pod = old;
		return r;
	}
	if (nt_pods_find_live(t, pod->container_id, pod->ifname, &old) == 0)
		r = nt_attach_end(t, &old, err);
	if (r == 0)
		r = close_former_tenant(t, pod->ifindex, err);
	return r < 0 ? r : attach_anew(t, pod, err);
}

int nt_taps_attach(struct nt_taps *t, struct nt_pod *pod, struct nt_err *err)
{
	_cleanup_close_ int lock = -1;
	int r = nt_taps_lock_root(t, &lock, err);

	return r < 0 ? r : nt_attach_locked(t, pod, err);
}

bool nt_link_exists(__u32 ifindex)
{
	char name[IF_NAMESIZE];

	return if_indextoname(ifindex, name) || errno != ENXIO;
}

/* Runtimes send DEL several times, in parallel and late, under an id that may be in use again
 * (T18): does this one mean this attachment? */
static bool means(const struct nt_taps *t, const struct nt_pod *pod, __u64 netns_ino)
{
	/* A link without any program of ours is not the one that was attached. */
	if (netns_ino == NT_NETNS_GONE)
		return nt_pods_at(t, pod->ifindex) != pod->ep_id ||
		       nt_hostlink_is_over(pod->ifindex) ||
		       (!is_programmed_at(t, pod, NT_DIR_FROM_POD) &&
			!is_programmed_at(t, pod, NT_DIR_TO_POD));
	return netns_ino == 0 || netns_ino == pod->netns_ino;
}

/* The live attachment, when it is the one that is meant. */
static bool find_meant(struct nt_taps *t, const char *container_id, const char *ifname,
		       __u64 netns_ino, struct nt_pod *ret_pod)
{
	int r = nt_pods_find_live(t, container_id, ifname, ret_pod);

	if (r == -ENOENT)
		nt_pods_drop_stale(t, container_id, ifname);
	return r == 0 && means(t, ret_pod, netns_ino);
}

int nt_taps_detach(struct nt_taps *t, const char *container_id, const char *ifname, __u64 netns_ino,
		   struct nt_err *err)
{
	_cleanup_close_ int lock = -1;
	struct nt_pod pod;
	int r = nt_taps_lock_root(t, &lock, err);

	if (r == 0 && find_meant(t, container_id, ifname, netns_ino, &pod))
		r = nt_pods_close(t, &pod, err);
	return r;
}

int nt_taps_end(struct nt_taps *t, const char *container_id, const char *ifname, __u64 netns_ino,
		struct nt_err *err)
{
	_cleanup_close_ int lock = -1;
	struct nt_pod pod;
	int r = nt_taps_lock_root(t, &lock, err);

	if (r < 0 || !find_meant(t, container_id, ifname, netns_ino, &pod))
		return r;
	return netns_ino == NT_NETNS_GONE ? nt_pods_close(t, &pod, err)
					  : nt_attach_end(t, &pod, err);
}

int nt_taps_find(struct nt_taps *t, const char *container_id, const char *ifname,
		 struct nt_pod *ret_pod)
{
	return nt_pods_find_live(t, container_id, ifname, ret_pod);
}

int nt_taps_check(struct nt_taps *t, const char *container_id, const char *ifname,
		  struct nt_err *err)
{
	struct nt_pod pod;

	if (nt_pods_find_live(t, container_id, ifname, &pod) < 0)
		return nt_err_set(err, ENOENT, "no attachment of %s %s is recorded", container_id,
				  ifname);
	if (!nt_link_exists(pod.ifindex))
		return nt_err_set(err, ENOENT, "host link %s (%u) is gone", pod.host_ifname,
				  pod.ifindex);
	if (nt_pods_at(t, pod.ifindex) != pod.ep_id)
		return nt_err_set(err, ENOENT, "host link %s (%u) belongs to another attachment",
				  pod.host_ifname, pod.ifindex);
	for (int dir = 0; dir < NT_DIR_MAX; dir++) {
		if (!is_programmed_at(t, &pod, dir))
			return nt_err_set(err, ENOENT,
					  "host link %s (%u): program %s is not attached",
					  pod.host_ifname, pod.ifindex,
					  dir == NT_DIR_FROM_POD ? NT_PIN_FROM_POD : NT_PIN_TO_POD);
	}
	return 0;
}
