/* SPDX-License-Identifier: Apache-2.0 */
/* clsact to tcx and back, with each packet seen once; what others did to our programs. */
#include "dataplane/taps/hooks.h"

#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include <bpf/bpf.h>
#include <linux/membarrier.h>

#include "dataplane/taps/internal.h"
#include "lib/base/cleanup.h"

/* Where membarrier cannot say: longer than any packet is between two hooks. */
#define GRACE_NS (100 * 1000000L)

/* One direction of a link. */
struct side {
	__u32 filter; /* program of our clsact filter, 0: none */
	bool is_filter_shadowed;
	__u32 link; /* program of our tcx link, 0: none */
	unsigned place; /* of the link in its chain */
	bool has_others; /* tcx programs that are not ours */
};

const char *nt_hook_fault_name(enum nt_hook_fault fault)
{
	static const char *const names[] = {
		[NT_FAULT_NONE] = "",
		[NT_FAULT_REMOVED] = "our program was removed by another program",
		[NT_FAULT_SHADOWED] = "another program runs before ours and may hide packets",
		[NT_FAULT_LINK_GONE] = "the host link is gone",
		[NT_FAULT_UNMARKED] = ("new sockets were not known while no agent was there "
				       "(kernel before 5.14)"),
	};

	/* One of a newer agent, in what it left on disk. */
	return fault < NT_FAULT_MAX ? names[fault] : "the tap was missing";
}

/* --- listing ---------------------------------------------------------------------------------- */

/* Above the longest chain of a hash bucket, which one batch must be able to hold. */
#define BATCH 256

int nt_hooks_list(struct nt_taps *t, nt_hooks_list_fn *fn, void *ctx, struct nt_err *err)
{
	struct nt_endpoint values[BATCH];
	__u32 keys[BATCH], position = 0;
	bool first = true;
	int r = 0;

	while (r == 0) {
		__u32 n = BATCH;

		r = bpf_map_lookup_batch(t->endpoints_fd, first ? NULL : &position, &position, keys,
					 values, &n, NULL);
		if (r < 0 && r != -ENOENT)
			return nt_err_sys(err, -r, "list endpoints");
		for (__u32 i = 0; i < n; i++) {
			if (!fn(ctx, keys[i], values[i].ep_id))
				return 0;
		}
		first = false;
	}
	return 0;
}

/* --- looking ---------------------------------------------------------------------------------- */

static bool wants_tcx(const struct nt_taps *t)
{
	return t->has_tcx;
}

/* The id of the link that is pinned for the pod; 0: none. */
static __u32 pinned_link(const struct nt_taps *t, __u64 ep_id, enum nt_dir dir)
{
	_cleanup_close_ int fd = nt_tcx_open(t, ep_id, dir);
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);

	return fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &len) == 0 ? info.id : 0;
}

/* Mostly the pinned program is found in its place; only else the pin is asked. */
static int look_at_links(const struct nt_taps *t, const struct nt_pod *pod, enum nt_dir dir,
			 struct side *side)
{
	struct nt_tcx_chain chain;
	__u32 link_id = 0;
	int r;

	if (!t->kernel_has_tcx)
		return 0;
	r = nt_tcx_chain(pod->ifindex, dir, &chain);
	if (r < 0)
		return r;
	if (chain.len && chain.prog_ids[0] != t->prog_id[dir])
		link_id = pinned_link(t, pod->ep_id, dir);
	for (unsigned i = 0; i < chain.len; i++) {
		bool ours = chain.prog_ids[i] == t->prog_id[dir] ||
			    (link_id && chain.link_ids[i] == link_id);

		if (ours && !side->link) {
			side->link = chain.prog_ids[i];
			side->place = i;
		}
		side->has_others |= !ours;
	}
	return 0;
}

static int look_at_filter(struct nt_taps *t, __u32 ifindex, enum nt_dir dir, struct side *side)
{
	struct nt_tc_view view;
	int r = nt_tc_look(ifindex, dir, &view);

	if (r < 0)
		return r;
	if (view.prog_id && nt_taps_is_ours(t, dir, view.prog_id)) {
		side->filter = view.prog_id;
		side->is_filter_shadowed = view.is_shadowed;
	}
	return 0;
}

static bool is_first(const struct side *side)
{
	return side->link && side->place == 0;
}

static int look_at_sides(struct nt_taps *t, const struct nt_pod *pod, bool filters,
			 struct side sides[NT_DIR_MAX])
{
	int r = 0;

	memset(sides, 0, NT_DIR_MAX * sizeof(sides[0]));
	for (int dir = 0; dir < NT_DIR_MAX && r == 0; dir++) {
		r = look_at_links(t, pod, dir, &sides[dir]);
		if (r == 0 && (filters || !is_first(&sides[dir])))
			r = look_at_filter(t, pod->ifindex, dir, &sides[dir]);
	}
	return r;
}

static enum nt_hook_fault fault_of(const struct side *side)
{
	if (!side->link && !side->filter)
		return NT_FAULT_REMOVED;
	if (side->link)
		return side->place ? NT_FAULT_SHADOWED : NT_FAULT_NONE;
	return side->is_filter_shadowed || side->has_others ? NT_FAULT_SHADOWED : NT_FAULT_NONE;
}

static bool is_settled(const struct nt_taps *t, enum nt_dir dir, const struct side *side)
{
	if (wants_tcx(t))
		return is_first(side) && side->link == t->prog_id[dir] && !side->filter;
	return !side->link && side->filter == t->prog_id[dir];
}

/* The endpoint when the pod is attached and has the link; -ENOENT. */
static int endpoint_of(const struct nt_taps *t, const struct nt_pod *pod, struct nt_endpoint *ret)
{
	if (bpf_map_lookup_elem(t->endpoints_fd, &pod->ifindex, ret) < 0)
		return -errno;
	return ret->ep_id == pod->ep_id ? 0 : -ENOENT;
}

static bool is_removed(const struct side sides[NT_DIR_MAX])
{
	return fault_of(&sides[NT_DIR_FROM_POD]) == NT_FAULT_REMOVED ||
	       fault_of(&sides[NT_DIR_TO_POD]) == NT_FAULT_REMOVED;
}

/* A DEL takes the programs off before it says that the pod is detached; with the lock it has said
 * so. */
static int look_again(struct nt_taps *t, const struct nt_pod *pod, bool filters,
		      struct side sides[NT_DIR_MAX], struct nt_endpoint *ret_ep)
{
	_cleanup_close_ int lock = -1;
	struct nt_err err;
	int r;

	if (nt_taps_lock(t->state_dir, &lock, &err) < 0)
		return 0; /* what was seen stands */
	r = endpoint_of(t, pod, ret_ep);
	return r < 0 ? r : look_at_sides(t, pod, filters, sides);
}

/* Then the link's end is no surprise. */
static bool has_del(struct nt_taps *t, const struct nt_pod *pod)
{
	struct nt_pod now;

	return nt_taps_pod_get(t, pod->ep_id, &now) < 0 || now.state != NT_POD_ATTACHED;
}

int nt_hooks_look(struct nt_taps *t, const struct nt_pod *pod, bool filters,
		  struct nt_hook_state *ret_state)
{
	struct nt_hook_state state = { .hook = NT_HOOK_TCX, .is_settled = true };
	struct side sides[NT_DIR_MAX];
	struct nt_endpoint ep;
	int r = endpoint_of(t, pod, &ep);

	if (r < 0)
		return r;
	r = look_at_sides(t, pod, filters, sides);
	if (r == 0 && is_removed(sides))
		r = look_again(t, pod, filters, sides, &ep);
	if (r < 0 && nt_link_exists(pod->ifindex))
		return r;
	if (r < 0 || (!sides[0].link && !sides[0].filter && !nt_link_exists(pod->ifindex))) {
		if (has_del(t, pod))
			return -ENOENT;
		*ret_state = (struct nt_hook_state){ .fault = NT_FAULT_LINK_GONE };
		return 0;
	}
	for (int dir = 0; dir < NT_DIR_MAX; dir++) {
		enum nt_hook_fault fault = fault_of(&sides[dir]);

		if (fault != NT_FAULT_NONE && state.fault != NT_FAULT_REMOVED)
			state.fault = fault;
		if (!sides[dir].link && state.hook == NT_HOOK_TCX)
			state.hook = NT_HOOK_CLSACT;
		state.is_settled &= is_settled(t, dir, &sides[dir]);
	}
	if (state.fault == NT_FAULT_REMOVED)
		state.hook = NT_HOOK_NONE;
	state.yields = ep.flags & NT_EP_YIELD;
	*ret_state = state;
	return 0;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Takes the lock and makes sure that the pod is still attached. */
static int lock_pod(struct nt_taps *t, const struct nt_pod *pod, int *ret_lock,
		    struct nt_endpoint *ret_ep, struct nt_err *err)
{
	_cleanup_close_ int lock = -1;
	struct nt_pod now;
	int r = nt_taps_lock(t->state_dir, &lock, err);

	if (r < 0)
		return r;
	if (nt_taps_pod_get(t, pod->ep_id, &now) < 0 || !nt_pod_is_tapped(&now) ||
	    endpoint_of(t, pod, ret_ep) < 0)
		return nt_err_set(err, ENOENT, "endpoint %llu is not attached any more",
				  (unsigned long long)pod->ep_id);
	*ret_lock = NT_TAKE_FD(lock);
	return 0;
}

static int put_flags(struct nt_taps *t, const struct nt_pod *pod, __u32 set, __u32 clear,
		     struct nt_err *err)
{
	_cleanup_close_ int lock = -1;
	struct nt_endpoint ep;
	__u32 flags;
	int r = lock_pod(t, pod, &lock, &ep, err);

	if (r < 0)
		return r;
	flags = (ep.flags | set) & ~clear;
	if (flags == ep.flags)
		return 0;
	ep.flags = flags;
	if (bpf_map_update_elem(t->endpoints_fd, &pod->ifindex, &ep, BPF_EXIST) < 0)
		return nt_err_sys(err, errno, "write map %s", NT_PIN_ENDPOINTS);
	return 0;
}

void nt_hooks_grace(void)
{
	const struct timespec pause = { .tv_nsec = GRACE_NS };

	/* A grace period of RCU: packets are inside of one (kernel/sched/membarrier.c). */
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == -1)
		(void)nanosleep(&pause, NULL);
}

static int put_filter(struct nt_taps *t, const struct nt_pod *pod, enum nt_dir dir,
		      struct nt_err *err)
{
	_cleanup_close_ int lock = -1;
	struct nt_endpoint ep;
	int r = lock_pod(t, pod, &lock, &ep, err);

	if (r == 0)
		r = nt_tc_prepare(pod->ifindex, err);
	return r < 0 ? r : nt_tc_attach(pod->ifindex, dir, t->prog_fd[dir], err);
}

static int drop_filter(struct nt_taps *t, const struct nt_pod *pod, enum nt_dir dir,
		       struct nt_err *err)
{
	_cleanup_close_ int lock = -1;
	struct nt_endpoint ep;
	int r = lock_pod(t, pod, &lock, &ep, err);

	if (r == 0)
		nt_tc_detach(t, pod->ifindex, dir);
	return r;
}

/* Waits in the kernel until nobody runs the chain of before; without the lock. */
static int put_link(struct nt_taps *t, const struct nt_pod *pod, enum nt_dir dir, int prog_fd,
		    struct nt_err *err)
{
	_cleanup_close_ int lock = -1, link = -1;
	struct nt_endpoint ep;
	int r = nt_tcx_attach(pod->ifindex, dir, prog_fd, &link, err);

	if (r == 0)
		r = lock_pod(t, pod, &lock, &ep, err);
	return r < 0 ? r : nt_tcx_pin(t, pod->ep_id, dir, link, err);
}

/* --- repair ----------------------------------------------------------------------------------- */

int nt_hooks_cover(struct nt_taps *t, const struct nt_pod *pod, struct nt_err *err)
{
	struct side sides[NT_DIR_MAX];
	int r = look_at_sides(t, pod, true, sides);

	if (r < 0)
		return nt_err_sys(err, -r, "look at link %u", pod->ifindex);
	r = put_flags(t, pod, t->kernel_has_tcx ? NT_EP_YIELD : 0, 0, err);
	for (int dir = 0; dir < NT_DIR_MAX && r == 0; dir++) {
		if (fault_of(&sides[dir]) != NT_FAULT_REMOVED)
			continue;
		r = put_filter(t, pod, dir, err);
		if (r < 0 && r != -ENOENT && wants_tcx(t))
			r = put_link(t, pod, dir, t->prog_fd[dir], err);
	}
	return r;
}

/* --- settling --------------------------------------------------------------------------------- */

/* In place, so that each packet meets the old one or the new one. */
static int renew_link(struct nt_taps *t, const struct nt_pod *pod, enum nt_dir dir,
		      struct nt_err *err)
{
	_cleanup_close_ int fd = nt_tcx_open(t, pod->ep_id, dir);

	if (fd < 0 || bpf_link_update(fd, t->prog_fd[dir], NULL) < 0)
		return nt_err_sys(err, fd < 0 ? -fd : errno, "replace the program of link %u",
				  pod->ifindex);
	return 0;
}

/* Our link stands behind another's. A copy of the program goes before it, the first of the two
 * stamps and the second yields; then the old link goes, and the new one gets the program itself,
 * which the kernel does not take twice. */
static int move_link(struct nt_taps *t, const struct nt_pod *pod, enum nt_dir dir,
		     struct nt_err *err)
{
	_cleanup_close_ int old = nt_tcx_open(t, pod->ep_id, dir);
	int r = nt_taps_copy(t, err);

	if (r == 0)
		r = put_link(t, pod, dir, t->copy_fd[dir], err);
	if (r < 0)
		return r;
	if (old >= 0 && bpf_link_detach(old) < 0)
		return nt_err_sys(err, errno, "detach from link %u", pod->ifindex);
	return renew_link(t, pod, dir, err);
}

static int settle_tcx(struct nt_taps *t, const struct nt_pod *pod, const struct side *sides,
		      struct nt_err *err)
{
	int r = 0;

	for (int dir = 0; dir < NT_DIR_MAX && r == 0; dir++) {
		const struct side *side = &sides[dir];

		if (is_first(side)) {
			if (side->link != t->prog_id[dir])
				r = renew_link(t, pod, dir, err);
			continue;
		}
		r = side->link ? move_link(t, pod, dir, err)
			       : put_link(t, pod, dir, t->prog_fd[dir], err);
	}
	if (r == 0)
		r = put_flags(t, pod, NT_EP_TCX, 0, err);
	for (int dir = 0; dir < NT_DIR_MAX && r == 0; dir++)
		r = drop_filter(t, pod, dir, err);
	return r;
}

static int settle_clsact(struct nt_taps *t, const struct nt_pod *pod, const struct side *sides,
			 struct nt_err *err)
{
	int r = 0;

	for (int dir = 0; dir < NT_DIR_MAX && r == 0; dir++) {
		if (sides[dir].filter != t->prog_id[dir])
			r = put_filter(t, pod, dir, err);
	}
	for (int dir = 0; dir < NT_DIR_MAX && r == 0; dir++)
		nt_tcx_drop(t, pod->ep_id, dir);
	return r < 0 ? r : put_flags(t, pod, 0, NT_EP_TCX, err);
}

/* Programs of another ABI version do not see the flags that a move sets, so they are replaced where
 * they are before anything moves. */
static int renew_foreign(struct nt_taps *t, const struct nt_pod *pod, struct side *sides,
			 bool is_locked, struct nt_err *err)
{
	int r = 0;

	for (int dir = 0; dir < NT_DIR_MAX && r == 0; dir++) {
		struct side *side = &sides[dir];

		if (side->link && nt_taps_is_foreign(t, dir, side->link)) {
			r = renew_link(t, pod, dir, err);
			side->link = t->prog_id[dir];
		}
		if (r == 0 && side->filter && nt_taps_is_foreign(t, dir, side->filter)) {
			r = is_locked ? nt_tc_attach(pod->ifindex, dir, t->prog_fd[dir], err)
				      : put_filter(t, pod, dir, err);
			side->filter = t->prog_id[dir];
		}
	}
	return r;
}

int nt_hooks_settle(struct nt_taps *t, const struct nt_pod *pod, struct nt_err *err)
{
	struct side sides[NT_DIR_MAX];
	bool has_link = false;
	int r = look_at_sides(t, pod, true, sides);

	if (r < 0)
		return nt_err_sys(err, -r, "look at link %u", pod->ifindex);
	r = renew_foreign(t, pod, sides, false, err);
	if (r < 0)
		return r;
	r = put_flags(t, pod, t->kernel_has_tcx ? NT_EP_YIELD : 0, 0, err);
	if (r < 0)
		return r;
	for (int dir = 0; dir < NT_DIR_MAX; dir++)
		has_link |= sides[dir].link != 0;
	/* Packets that have passed a link bear no stamp yet, and are to meet no filter. */
	if (has_link)
		nt_hooks_grace();
	return wants_tcx(t) ? settle_tcx(t, pod, sides, err) : settle_clsact(t, pod, sides, err);
}

int nt_hooks_prepare(struct nt_taps *t, struct nt_err *err)
{
	return wants_tcx(t) ? nt_taps_copy(t, err) : 0;
}

int nt_hooks_calm(struct nt_taps *t, const struct nt_pod *pod, struct nt_err *err)
{
	return put_flags(t, pod, 0, NT_EP_YIELD, err);
}

void nt_hooks_sweep(struct nt_taps *t)
{
	_cleanup_close_ int lock = -1;
	struct nt_err err;

	if (nt_taps_lock(t->state_dir, &lock, &err) < 0)
		return;
	nt_tcx_sweep(t);
	nt_pods_sweep_live(t);
}

/* --- another ABI version ---------------------------------------------------------------------- */

struct taking_over {
	struct nt_taps *t;
	int failures;
};

static bool take_over_one(void *ctx, const struct nt_pod *pod)
{
	struct taking_over *to = ctx;
	struct side sides[NT_DIR_MAX];
	struct nt_err err;

	if (!nt_pod_is_tapped(pod) || pod->origin == NT_ORIGIN_NODE)
		return true;
	if (look_at_sides(to->t, pod, true, sides) < 0 ||
	    renew_foreign(to->t, pod, sides, true, &err) < 0)
		to->failures += nt_link_exists(pod->ifindex);
	return true;
}

int nt_hooks_take_over(struct nt_taps *t, struct nt_err *err)
{
	struct taking_over to = { .t = t };
	int r = nt_taps_pods(t, take_over_one, &to, err);

	return r < 0 ? r : to.failures;
}
