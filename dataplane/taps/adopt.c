/* SPDX-License-Identifier: Apache-2.0 */
/* Pods that no ADD told of, and records that no DEL ended. */
#include <string.h>

#include "dataplane/taps/hostlink.h"
#include "dataplane/taps/internal.h"
#include "lib/base/cleanup.h"

struct ended {
	const struct nt_pod *pod;
	bool found;
};

static bool note_if_ended(void *ctx, const struct nt_pod *old)
{
	struct ended *e = ctx;

	e->found = old->state != NT_POD_ATTACHED && old->end == NT_END_DEL &&
		   old->netns_ino == e->pod->netns_ino && old->netns_dev == e->pod->netns_dev &&
		   strcmp(old->container_id, e->pod->container_id) == 0 &&
		   strcmp(old->ifname, e->pod->ifname) == 0;
	return !e->found;
}

/* DEL runs through the chain from its end: for a moment after ours the interface is still there,
 * and so is the runtime's cache. */
static int was_ended(struct nt_taps *t, const struct nt_pod *pod, struct nt_err *err)
{
	struct ended e = { .pod = pod };
	int r = nt_taps_pods(t, note_if_ended, &e, err);

	return r < 0 ? r : e.found;
}

/* What is attached was told by a runtime at ADD, or proven before. */
static bool is_tapped(struct nt_taps *t, const struct nt_pod *pod)
{
	__u64 ep_id = nt_pods_at(t, pod->ifindex);
	struct nt_pod old;

	if (nt_pods_find_live(t, pod->container_id, pod->ifname, &old) == 0)
		return true;
	return ep_id && nt_taps_pod_get(t, ep_id, &old) == 0 && nt_pod_is_tapped(&old) &&
	       old.netns_ino == pod->netns_ino && old.netns_dev == pod->netns_dev;
}

int nt_taps_adopt(struct nt_taps *t, const char *netns, struct nt_pod *pod, struct nt_err *err)
{
	_cleanup_close_ int lock = -1;
	struct nt_hostlink link;
	int r = nt_taps_lock(t->state_dir, &lock, err);

	if (r == 0)
		r = nt_hostlink_find(netns, pod->ifname, &link, err);
	if (r < 0)
		return r;
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

/* A name inside the pod proves nothing and can be changed there: what counts is that the other end
 * of the host's link is in the pod's namespace. */
static int look(const struct nt_pod *pod, const char *netns, __u8 *ret_end, struct nt_err *err)
{
	int r;

	*ret_end = NT_END_LINK_GONE;
	if (!nt_link_exists(pod->ifindex))
		return 1;
	r = netns ? nt_hostlink_belongs(netns, pod->ifindex, err) : 1;
	if (r < 0) /* it went just now; whoever asks next finds it gone */
		return r == -ENOENT || r == -EINVAL ? 0 : r;
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
	if (r == 0 && has_del)
		r = nt_pods_still_there(t, &pod, err);
	if (r <= 0)
		return r;
	if (!has_del)
		pod.end = end;
	r = nt_pods_close(t, &pod, err);
	if (r < 0)
		return r;
	return has_del ? NT_VERIFY_ENDED : NT_VERIFY_LOST;
}
