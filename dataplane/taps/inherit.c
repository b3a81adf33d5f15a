/* SPDX-License-Identifier: Apache-2.0 */
/* Policies for a pod that comes while no agent answers: those of the last pod of its kind. */
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

#include "dataplane/taps/internal.h"
#include "lib/base/cleanup.h"

/* What Kubernetes appends to generateName: 5 of these (apimachinery, util/rand). */
#define RANDOM_LETTERS "bcdfghjklmnpqrstvwxz2456789"
#define RANDOM_LEN 5

enum kind {
	KIND_NONE = 0, /* a name that a person gave */
	KIND_RANDOM = 1, /* of a ReplicaSet, DaemonSet or Job */
	KIND_NUMBER = 2, /* of a StatefulSet */
};

/* Length of the owner's part of a name, the last dash included. */
static size_t owner_len(const char *name, enum kind *ret_kind)
{
	const char *dash = strrchr(name, '-');
	size_t len = dash ? strlen(dash + 1) : 0;

	*ret_kind = KIND_NONE;
	if (!dash || dash == name || !len)
		return 0;
	if (strspn(dash + 1, "0123456789") == len)
		*ret_kind = KIND_NUMBER;
	if (len == RANDOM_LEN && strspn(dash + 1, RANDOM_LETTERS) == len)
		*ret_kind = KIND_RANDOM;
	return (size_t)(dash + 1 - name);
}

static bool is_of_kind(const struct nt_pod *a, const struct nt_pod *b)
{
	enum kind kind_a, kind_b;
	size_t len = owner_len(a->name, &kind_a);

	return owner_len(b->name, &kind_b) == len && kind_a != KIND_NONE && kind_a == kind_b &&
	       memcmp(a->name, b->name, len) == 0 && a->namespace_[0] &&
	       strcmp(a->namespace_, b->namespace_) == 0;
}

struct look {
	struct nt_taps *t;
	int slots_fd; /* the plugin has not opened this map: it is rarely asked */
	struct nt_pod pod; /* who inherits */
	struct nt_pod from; /* with its slots; ep_id 0: nobody yet */
};

/* What is in force for a pod, or was at its end. */
static bool read_slots(const struct nt_taps *t, struct nt_pod *pod)
{
	struct nt_endpoint ep;

	if (nt_pod_is_tapped(pod)) {
		if (bpf_map_lookup_elem(t->endpoints_fd, &pod->ifindex, &ep) < 0 ||
		    ep.ep_id != pod->ep_id || ep.slots_len > NT_POLICY_SLOTS)
			return false;
		pod->slots_len = (__u8)ep.slots_len;
		memcpy(pod->slots, ep.slots, sizeof(pod->slots));
	}
	return pod->slots_len > 0 && pod->slots_len <= NT_POLICY_SLOTS;
}

/* Numbers never come back, so one that is there is still the same policy. */
static bool are_there(int slots_fd, const struct nt_pod *pod)
{
	struct nt_slot value;

	for (__u32 i = 0; i < pod->slots_len; i++) {
		__u32 slot = pod->slots[i] & ~NT_SLOT_AUDIT;

		if (bpf_map_lookup_elem(slots_fd, &slot, &value) < 0)
			return false;
	}
	return true;
}

static bool note_relative(void *ctx, const struct nt_pod *pod)
{
	struct nt_pod candidate = *pod;
	struct look *l = ctx;

	if (pod->ep_id != l->pod.ep_id && pod->attach_boot_ns >= l->from.attach_boot_ns &&
	    is_of_kind(pod, &l->pod) && read_slots(l->t, &candidate) &&
	    are_there(l->slots_fd, &candidate))
		l->from = candidate;
	return true;
}

static int put(struct nt_taps *t, struct look *l, struct nt_endpoint *ep, struct nt_err *err)
{
	struct nt_scope_set scope = {};

	(void)bpf_map_lookup_elem(t->scopes_fd, &l->from.ep_id, &scope);
	ep->slots_len = l->from.slots_len;
	memcpy(ep->slots, l->from.slots, sizeof(ep->slots));
	return nt_endpoint_put(t, &l->pod, ep, &scope, err);
}

static int open_slots(const struct nt_taps *t, struct nt_err *err)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", t->pin_root, NT_PIN_SLOTS);
	fd = bpf_obj_get(path);
	return fd < 0 ? nt_err_sys(err, errno, "open pin %s", path) : fd;
}

/* 1: l->from is one, 0: there is none. */
static int find_relative(struct look *l, struct nt_err *err)
{
	int r = nt_taps_pods(l->t, note_relative, l, err);

	return r < 0 ? r : l->from.ep_id != 0;
}

static int inherit(struct look *l, struct nt_err *err)
{
	_cleanup_close_ int lock = -1;
	struct nt_endpoint ep;
	int r = nt_taps_lock_root(l->t, &lock, err);

	if (r == 0)
		r = nt_endpoint_find(l->t, l->pod.ep_id, &l->pod, &ep, err);
	if (r < 0)
		return r;
	if (ep.slots_len) {
		l->from = l->pod; /* an earlier call of the same ADD, or the agent, was here */
		return 1;
	}
	r = find_relative(l, err);
	if (r <= 0)
		return r;
	r = put(l->t, l, &ep, err);
	return r < 0 ? r : 1;
}

int nt_taps_inherit(struct nt_taps *t, const struct nt_pod *pod, char ret_from[256],
		    struct nt_err *err)
{
	struct look l = { .t = t, .pod = *pod };
	_cleanup_close_ int fd = -1;
	__u32 first;
	int r;

	/* Most nodes have no policies, and policies are of namespaces: that must cost an ADD
	 * nothing, or next to it. */
	if (!pod->namespace_[0])
		return 0;
	fd = open_slots(t, err);
	if (fd < 0)
		return -err->code;
	if (bpf_map_get_next_key(fd, NULL, &first) < 0)
		return 0;
	l.slots_fd = fd;
	r = inherit(&l, err);
	if (r == 1)
		memcpy(ret_from, l.from.name, sizeof(l.from.name));
	return r;
}
