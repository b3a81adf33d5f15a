/* SPDX-License-Identifier: Apache-2.0 */
/* Pods that no ADD told of, and records that no DEL ended. */
#include <string.h>

#include "dataplane/taps/hostlink.h"
#include "dataplane/taps/internal.h"
#include "dataplane/taps/podinfo.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"

/* How long a pod whose DEL has come stays tapped by a link that outlives its netns: somebody has
 * moved the other end. Chains take seconds; what a runtime tries again keeps the netns. */
#define LINK_STAYS_NS ((__u64)(60 * NT_NS_PER_S))

static bool is_same_netns(const struct nt_pod *a, const struct nt_pod *b)
{
	return a->netns_ino == b->netns_ino && a->netns_dev == b->netns_dev;
}

struct ended {
	const struct nt_pod *pod;
	bool found;
};

static bool note_if_ended(void *ctx, const struct nt_pod *old)
{
	struct ended *e = ctx;

	e->found = nt_pod_had_del(old) && is_same_netns(old, e->pod) &&
		   strcmp(old->container_id, e->pod->container_id) == 0 &&
		   strcmp(old->ifname, e->pod->ifname) == 0;
	return !e->found;
}

/* DEL runs through the chain from its end: for a moment after ours the interface is still there,
 * and so are, for a moment longer, its namespace and the runtime's cache. */
static int was_ended(struct nt_taps *t, const struct nt_pod *pod, struct nt_err *err)
{
	struct ended e = { .pod = pod };
	int r = nt_taps_pods(t, note_if_ended, &e, err);

	return r < 0 ? r : e.found;
}

/* Recorded under what stands for a container id. */
static bool has_stand_in(const struct nt_pod *pod)
{
	char id[NT_STAND_IN_LEN];

	return pod->origin == NT_ORIGIN_ADOPTED && nt_podinfo_stand_in(pod, id) == 0 &&
	       strcmp(pod->container_id, id) == 0;
}

/* What is attached was told by a runtime at ADD, or proven before. But one stand-in is that of all
 * sandboxes of a pod, and who asks knows of a later one. */
static bool is_tapped(struct nt_taps *t, const struct nt_pod *pod)
{
	__u64 ep_id = nt_pods_at(t, pod->ifindex);
	struct nt_pod old;

	if (nt_pods_find_live(t, pod->container_id, pod->ifname, &old) == 0 &&
	    (is_same_netns(&old, pod) || !has_stand_in(&old)))
		return true;
	return ep_id && nt_taps_pod_get(t, ep_id, &old) == 0 && nt_pod_is_tapped(&old) &&
	       is_same_netns(&old, pod);
}

int nt_taps_adopt(struct nt_taps *t, const char *netns, struct nt_pod *pod, struct nt_err *err)
{
	_cleanup_close_ int lock = -1;
	struct nt_hostlink link;
	int r = nt_taps_lock(t->state_dir, &lock, err);

	if (r < 0)
		return r;
	r = nt_hostlink_find(netns, pod->ifname, &link, err);
	if (r < 0) {
		struct nt_err other;

		return pod->netns_ino && was_ended(t, pod, &other) > 0 ? 0 : r;
	}
	if (pod->netns_ino &&
	    (pod->netns_ino != link.netns_ino || pod->netns_dev != link.netns_dev))
		return nt_err_set(err, EAGAIN, "%s is another namespace by now", netns);
	pod->ifindex = link.ifindex;
	pod->netns_ino = link.netns_ino;
	pod->netns_dev = link.netns_dev;
	memcpy(pod->host_ifname, link.ifname, sizeof(pod->host_ifname));
	if (is_tapped(t, pod))
		return 0;
	r = was_ended(t, pod, err);
	if (r)
		return r < 0 ? r : 0;
	pod->origin = NT_ORIGIN_ADOPTED;
	r = nt_attach_locked(t, pod, err);
	return r < 0 ? r : 1;
}

/* --- those without a container id --- */

int nt_adopted_at(struct nt_taps *t, __u32 ifindex, struct nt_pod *ret_pod)
{
	__u64 ep_id = nt_pods_at(t, ifindex);
	struct nt_pod pod;

	if (!ep_id || nt_taps_pod_get(t, ep_id, &pod) < 0 || pod.state != NT_POD_ATTACHED ||
	    !has_stand_in(&pod))
		return -ENOENT;
	*ret_pod = pod;
	return 0;
}

static int find_at(struct nt_taps *t, const char *netns, const char *ifname, struct nt_pod *ret_pod)
{
	struct nt_hostlink link;
	struct nt_err err;
	struct nt_pod pod;
	int r = nt_hostlink_find(netns, ifname, &link, &err);

	if (r == 0)
		r = nt_adopted_at(t, link.ifindex, &pod);
	if (r < 0 || pod.netns_ino != link.netns_ino || pod.netns_dev != link.netns_dev)
		return -ENOENT;
	*ret_pod = pod;
	return 0;
}

static int find_by_uid(struct nt_taps *t, const struct nt_pod *told, struct nt_pod *ret_pod)
{
	char id[NT_STAND_IN_LEN];

	if (!told->uid[0] || nt_podinfo_stand_in(told, id) < 0)
		return -ENOENT;
	return nt_pods_find_live(t, id, told->ifname, ret_pod);
}

int nt_taps_find_told(struct nt_taps *t, const char *netns, const struct nt_pod *told,
		      struct nt_pod *ret_pod)
{
	if (nt_pods_find_live(t, told->container_id, told->ifname, ret_pod) == 0 ||
	    (netns && netns[0] && find_at(t, netns, told->ifname, ret_pod) == 0))
		return 0;
	return find_by_uid(t, told, ret_pod);
}

/* --- is it true still? --- */

/* Nobody can say whose the link's other end is: of a pod that runs it stays so, of one that had its
 * DEL not for ever. */
static bool stays_too_long(const struct nt_pod *pod)
{
	struct nt_clock clock = nt_clock_system();

	return pod->state == NT_POD_ENDING &&
	       (__u64)nt_clock_boot(&clock) > pod->detach_boot_ns + LINK_STAYS_NS;
}

/* A name inside the pod proves nothing and can be changed there: what counts is that the other end
 * of the host's link is in the pod's namespace. */
static int look(const struct nt_pod *pod, const char *netns, __u8 *ret_end, struct nt_err *err)
{
	int r;

	*ret_end = NT_END_LINK_GONE;
	if (!nt_link_exists(pod->ifindex))
		return 1;
	*ret_end = NT_END_LINK_STAYED;
	if (!netns)
		return stays_too_long(pod);
	r = nt_hostlink_belongs(netns, pod->netns_ino, pod->netns_dev, pod->ifindex, err);
	if (r < 0) /* it went just now; whoever asks next finds it gone */
		return r == -ENOENT || r == -EINVAL || r == -EAGAIN ? 0 : r;
	*ret_end = NT_END_LINK_REUSED;
	return r == 0;
}

int nt_taps_verify(struct nt_taps *t, __u64 ep_id, const char *netns, struct nt_err *err)
{
	_cleanup_close_ int lock = -1;
	struct nt_pod pod;
	bool has_del;
	__u8 end;
	int r = nt_taps_lock(t->state_dir, &lock, err);

	if (r < 0)
		return r;
	if (nt_taps_pod_get(t, ep_id, &pod) < 0 || !nt_pod_is_tapped(&pod))
		return 0;
	has_del = pod.state == NT_POD_ENDING;
	r = look(&pod, netns, &end, err);
	if (r == 0 && has_del && netns)
		r = nt_pods_still_there(t, &pod, err);
	if (r <= 0)
		return r;
	if (!has_del || end == NT_END_LINK_STAYED)
		pod.end = end;
	r = nt_pods_close(t, &pod, err);
	if (r < 0)
		return r;
	return has_del ? NT_VERIFY_ENDED : NT_VERIFY_LOST;
}
