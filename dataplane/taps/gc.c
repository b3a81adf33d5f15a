/* SPDX-License-Identifier: Apache-2.0 */
/* CNI GC: attachments of one network that the runtime does not know any more. */
#include <string.h>

#include "dataplane/taps/internal.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"

struct look {
	const char *network;
	__u64 before_boot_ns;
	nt_taps_valid_fn *is_valid;
	void *ctx;
	struct nt_buf stale; /* __u64 ep_id */
};

static bool note_if_stale(void *ctx, const struct nt_pod *pod)
{
	struct look *l = ctx;

	/* One that the agent found by its address alone is of no known network, and the list has
	 * nothing by which it could be told: its link's end is its own. */
	if (pod->state == NT_POD_ATTACHED && pod->origin != NT_ORIGIN_NODE &&
	    strcmp(pod->network, l->network) == 0 && pod->attach_boot_ns < l->before_boot_ns &&
	    !l->is_valid(l->ctx, pod->container_id, pod->ifname))
		nt_buf_add(&l->stale, &pod->ep_id, sizeof(pod->ep_id));
	return true;
}

/* As many as can be ended are; err is that of the last one which could not. */
static int end_all(struct nt_taps *t, const struct nt_buf *stale, struct nt_err *err)
{
	int r = 0, ended = 0;

	for (size_t at = 0; at < stale->len; at += sizeof(__u64)) {
		struct nt_pod pod;
		__u64 ep_id;

		memcpy(&ep_id, stale->p + at, sizeof(ep_id));
		if (nt_taps_pod_get(t, ep_id, &pod) < 0)
			continue;
		if (nt_attach_end(t, &pod, err) < 0)
			r = nt_err_wrap(err, "end %s %s", pod.container_id, pod.ifname);
		else
			ended++;
	}
	return r < 0 ? r : ended;
}

int nt_taps_gc(struct nt_taps *t, const char *network, __u64 before_boot_ns,
	       nt_taps_valid_fn *is_valid, void *ctx, struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf stale = {};
	struct look l = { network, before_boot_ns, is_valid, ctx, {} };
	_cleanup_close_ int lock = -1;
	int r = nt_taps_lock_root(t, &lock, err);

	if (r == 0)
		r = nt_taps_pods(t, note_if_stale, &l, err);
	stale = l.stale;
	if (r < 0)
		return r;
	if (!nt_buf_ok(&stale))
		return nt_err_set(err, ENOMEM, "no memory for the list of stale attachments");
	r = end_all(t, &stale, err);
	nt_pods_sweep_live(t);
	return r;
}
