/* SPDX-License-Identifier: Apache-2.0 */
/* The pods' records in the maps: written before a tap, kept after it, evicted when there is no
 * room. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>

#include "dataplane/taps/internal.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"

/* Looking for the oldest costs a pass over all records, so that more than one goes at a time. */
#define EVICT_AT_ONCE 32
/* Above the longest chain of a hash bucket, which one batch must be able to hold. */
#define BATCH 256
/* Of a millisecond each: a map that is filled as fast as possible needs some five. */
#define NOMEM_TRIES 50
/* What the rest of a chain may take between our DEL and the link's end, where nobody saw that. */
#define CHAIN_NS 1000000000ULL

static struct nt_live_key live_key(const char *container_id, const char *ifname)
{
	struct nt_live_key key = {};

	/* A truncated key could be somebody else's; callers refuse longer names. */
	memcpy(key.container_id, container_id, strnlen(container_id, sizeof(key.container_id) - 1));
	memcpy(key.ifname, ifname, strnlen(ifname, sizeof(key.ifname) - 1));
	return key;
}

int nt_taps_pod_get(struct nt_taps *t, __u64 ep_id, struct nt_pod *ret_pod)
{
	struct nt_pod pod;

	if (bpf_map_lookup_elem(t->pods_fd, &ep_id, &pod) < 0)
		return -errno;
	*ret_pod = pod;
	return 0;
}

int nt_pods_find_live(const struct nt_taps *t, const char *container_id, const char *ifname,
		      struct nt_pod *ret_pod)
{
	struct nt_live_key key = live_key(container_id, ifname);
	struct nt_pod pod;
	__u64 ep_id;

	if (bpf_map_lookup_elem(t->live_fd, &key, &ep_id) < 0 ||
	    bpf_map_lookup_elem(t->pods_fd, &ep_id, &pod) < 0)
		return -errno;
	if (pod.state != NT_POD_ATTACHED || strcmp(pod.container_id, key.container_id) != 0 ||
	    strcmp(pod.ifname, key.ifname) != 0)
		return -ENOENT;
	*ret_pod = pod;
	return 0;
}

__u64 nt_pods_at(const struct nt_taps *t, __u32 ifindex)
{
	struct nt_endpoint ep;

	return bpf_map_lookup_elem(t->endpoints_fd, &ifindex, &ep) < 0 ? 0 : ep.ep_id;
}

int nt_taps_counters(struct nt_taps *t, __u64 ep_id, struct nt_counters *ret_values)
{
	return bpf_map_lookup_elem(t->counters_fd, &ep_id, ret_values) < 0 ? -errno : 0;
}

/* --- all of them --- */

struct batch {
	__u64 keys[BATCH];
	struct nt_pod values[BATCH];
};

int nt_taps_pods(struct nt_taps *t, nt_taps_pod_fn *fn, void *ctx, struct nt_err *err)
{
	_cleanup_free_ struct batch *b = malloc(sizeof(*b));
	__u32 position = 0;
	bool first = true;
	int r = 0;

	if (!b)
		return nt_err_set(err, ENOMEM, "no memory to list pods");
	while (r == 0) {
		__u32 n = BATCH;

		r = bpf_map_lookup_batch(t->pods_fd, first ? NULL : &position, &position, b->keys,
					 b->values, &n, NULL);
		if (r < 0 && r != -ENOENT)
			return nt_err_sys(err, -r, "list pods");
		for (__u32 i = 0; i < n; i++) {
			if (!fn(ctx, &b->values[i]))
				return 0;
		}
		first = false;
	}
	return 0;
}

/* --- eviction --- */

struct oldest {
	struct {
		__u64 detach_ns;
		__u64 ep_id;
	} pods[EVICT_AT_ONCE]; /* by detach_ns, oldest first */
	unsigned len;
};

/* Without an agent nobody closes the record of a pod whose link went after its DEL. */
static bool is_over(const struct nt_pod *pod)
{
	return pod->state == NT_POD_DETACHED ||
	       (pod->state == NT_POD_ENDING && !nt_link_exists(pod->ifindex));
}

static bool note_if_old(void *ctx, const struct nt_pod *pod)
{
	struct oldest *o = ctx;
	unsigned i = o->len;

	if (!is_over(pod))
		return true;
	if (o->len < EVICT_AT_ONCE)
		o->len++;
	else if (o->pods[--i].detach_ns <= pod->detach_boot_ns)
		return true;
	for (; i > 0 && o->pods[i - 1].detach_ns > pod->detach_boot_ns; i--)
		o->pods[i] = o->pods[i - 1];
	o->pods[i].detach_ns = pod->detach_boot_ns;
	o->pods[i].ep_id = pod->ep_id;
	return true;
}

static __u64 packets_of(struct nt_taps *t, __u64 ep_id)
{
	_cleanup_free_ struct nt_counters *values = calloc((size_t)t->cpus, sizeof(*values));
	__u64 sum = 0;

	if (!values || nt_taps_counters(t, ep_id, values) < 0)
		return 0;
	for (int i = 0; i < t->cpus; i++)
		sum += values[i].seq[NT_DIR_FROM_POD] + values[i].seq[NT_DIR_TO_POD];
	return sum;
}

/* Makes room; what the agent had not read goes into the node's counters, not into silence. */
static int evict(struct nt_taps *t, struct nt_err *err)
{
	struct nt_meta meta = nt_taps_meta(t);
	struct oldest o = { .len = 0 };
	__u32 zero = 0;
	int r = nt_taps_pods(t, note_if_old, &o, err);

	if (r < 0)
		return r;
	if (o.len == 0)
		return nt_err_set(err, ENOSPC, "%d pods are attached, there is no room for more",
				  NT_PODS_MAX);
	for (unsigned i = 0; i < o.len; i++) {
		meta.tombstones_evicted++;
		meta.tombstones_evicted_packets += packets_of(t, o.pods[i].ep_id);
	}
	/* First the count: killed in between, a tombstone may count twice, but never not at all. */
	if (bpf_map_update_elem(t->meta_fd, &zero, &meta, BPF_EXIST) < 0)
		return nt_err_sys(err, errno, "count evicted pods");
	for (unsigned i = 0; i < o.len; i++) {
		struct nt_pod pod;

		if (nt_taps_pod_get(t, o.pods[i].ep_id, &pod) == 0)
			nt_pods_unwrite(t, &pod);
	}
	return 0;
}

/* --- writing --- */

void nt_pods_sweep_live(struct nt_taps *t)
{
	struct nt_live_key key, next;
	struct nt_pod pod;
	bool more = bpf_map_get_next_key(t->live_fd, NULL, &key) == 0;

	/* Who comes next is asked before this one goes. */
	for (; more; key = next) {
		more = bpf_map_get_next_key(t->live_fd, &key, &next) == 0;
		if (nt_pods_find_live(t, key.container_id, key.ifname, &pod) == -ENOENT)
			(void)bpf_map_delete_elem(t->live_fd, &key);
	}
}

/* The kernel's word for a full map is "argument list too long". */
static int refused(const char *map, int code, struct nt_err *err)
{
	if (code == E2BIG)
		return nt_err_set(err, ENOSPC,
				  "map %s is full with its %d entries: does nametap-agent run, "
				  "which removes what has ended?",
				  map, NT_PODS_MAX);
	return nt_err_sys(err, code, "write map %s", map);
}

/* Entries come out of a small reserve, that of values per CPU out of one for the whole machine; the
 * kernel fills it again in a moment. Returns 0 or -errno. */
static int put(int map_fd, const void *key, const void *value, __u64 flags)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	int r = bpf_map_update_elem(map_fd, key, value, flags);

	for (int i = 0; r == -ENOMEM && i < NOMEM_TRIES; i++) {
		(void)nanosleep(&pause, NULL);
		r = bpf_map_update_elem(map_fd, key, value, flags);
	}
	return r;
}

static int put_live(struct nt_taps *t, const struct nt_pod *pod, struct nt_err *err)
{
	struct nt_live_key key = live_key(pod->container_id, pod->ifname);
	int r = put(t->live_fd, &key, &pod->ep_id, BPF_ANY);

	if (r == -E2BIG) {
		nt_pods_sweep_live(t);
		r = put(t->live_fd, &key, &pod->ep_id, BPF_ANY);
	}
	return r < 0 ? refused(NT_PIN_LIVE, -r, err) : 0;
}

static int put_new_record(struct nt_taps *t, struct nt_pod *pod, struct nt_err *err)
{
	bool evicted = false;
	int r;

	for (;;) {
		/* The live entry goes first: a process killed before the record leaves an entry
		 * that points nowhere and is overwritten, not a record that nobody would close. */
		r = put_live(t, pod, err);
		if (r < 0)
			return r;
		r = put(t->pods_fd, &pod->ep_id, pod, BPF_NOEXIST);
		if (r == 0)
			return 0;
		if (r == -EEXIST) {
			pod->ep_id++;
		} else if (r == -E2BIG && !evicted) {
			r = evict(t, err);
			if (r < 0)
				return r;
			evicted = true;
		} else {
			return refused(NT_PIN_PODS, -r, err);
		}
	}
}

static int put_zero_counters(struct nt_taps *t, __u64 ep_id, struct nt_err *err)
{
	_cleanup_free_ struct nt_counters *zero = calloc((size_t)t->cpus, sizeof(*zero));
	int r;

	if (!zero)
		return nt_err_set(err, ENOMEM, "no memory for counters");
	r = put(t->counters_fd, &ep_id, zero, BPF_NOEXIST);
	return r < 0 && r != -EEXIST ? refused(NT_PIN_COUNTERS, -r, err) : 0;
}

static int put_endpoint(struct nt_taps *t, const struct nt_pod *pod, struct nt_err *err)
{
	/* A tcx program of the link's last owner may end a moment later than it was told to. */
	struct nt_endpoint ep = { .ep_id = pod->ep_id,
				  .flags = t->kernel_has_tcx ? NT_EP_YIELD : 0 };
	int r = put(t->endpoints_fd, &pod->ifindex, &ep, BPF_ANY);

	return r < 0 ? refused(NT_PIN_ENDPOINTS, -r, err) : 0;
}

int nt_pods_ensure(struct nt_taps *t, const struct nt_pod *pod, struct nt_err *err)
{
	int r = put_zero_counters(t, pod->ep_id, err);

	if (r < 0 || nt_pods_at(t, pod->ifindex) == pod->ep_id)
		return r;
	return put_endpoint(t, pod, err);
}

static void drop_live(struct nt_taps *t, const struct nt_pod *pod)
{
	struct nt_live_key key = live_key(pod->container_id, pod->ifname);
	__u64 ep_id;

	if (bpf_map_lookup_elem(t->live_fd, &key, &ep_id) == 0 && ep_id == pod->ep_id)
		(void)bpf_map_delete_elem(t->live_fd, &key);
}

void nt_pods_drop_stale(struct nt_taps *t, const char *container_id, const char *ifname)
{
	struct nt_live_key key = live_key(container_id, ifname);

	(void)bpf_map_delete_elem(t->live_fd, &key);
}

int nt_pods_write(struct nt_taps *t, struct nt_pod *pod, struct nt_err *err)
{
	int r = put_new_record(t, pod, err);

	if (r < 0) {
		drop_live(t, pod);
		return r;
	}
	r = put_zero_counters(t, pod->ep_id, err);
	if (r == 0 && pod->ifindex) /* the host network has no link */
		r = put_endpoint(t, pod, err);
	if (r < 0)
		nt_pods_unwrite(t, pod);
	return r;
}

void nt_pods_unwrite(struct nt_taps *t, const struct nt_pod *pod)
{
	if (nt_pods_at(t, pod->ifindex) == pod->ep_id)
		(void)bpf_map_delete_elem(t->endpoints_fd, &pod->ifindex);
	(void)bpf_map_delete_elem(t->scopes_fd, &pod->ep_id);
	(void)bpf_map_delete_elem(t->counters_fd, &pod->ep_id);
	(void)bpf_map_delete_elem(t->pods_fd, &pod->ep_id);
	drop_live(t, pod);
}

static void keep_slots(struct nt_pod *pod, const struct nt_endpoint *ep)
{
	pod->slots_len = (__u8)(ep->slots_len < NT_POLICY_SLOTS ? ep->slots_len : NT_POLICY_SLOTS);
	memcpy(pod->slots, ep->slots, sizeof(pod->slots));
}

static int put_state(struct nt_taps *t, const struct nt_pod *pod, struct nt_err *err)
{
	if (bpf_map_update_elem(t->pods_fd, &pod->ep_id, pod, BPF_EXIST) < 0 && errno != ENOENT)
		return nt_err_sys(err, errno, "write map %s", NT_PIN_PODS);
	return 0;
}

int nt_pods_still_there(struct nt_taps *t, struct nt_pod *pod, struct nt_err *err)
{
	pod->detach_boot_ns = (__u64)nt_clock_boot_now();
	return put_state(t, pod, err);
}

int nt_pods_end(struct nt_taps *t, struct nt_pod *pod, struct nt_err *err)
{
	int r;

	pod->state = NT_POD_ENDING;
	r = nt_pods_still_there(t, pod, err);
	if (r == 0)
		drop_live(t, pod);
	return r;
}

/* Now, unless the link has gone, and may have long before anybody of us looked. */
static __u64 ended_ns(const struct nt_taps *t, const struct nt_pod *pod)
{
	__u64 now = (__u64)nt_clock_boot_now(), latest = pod->detach_boot_ns + CHAIN_NS;

	return pod->state == NT_POD_ENDING && pod->end == NT_END_DEL &&
			       pod->detach_boot_ns < t->opened_boot_ns && latest < now
		       ? latest
		       : now;
}

/* In the order in which a killed process leaves what the next DEL or ADD can finish. */
int nt_pods_close(struct nt_taps *t, struct nt_pod *pod, struct nt_err *err)
{
	struct nt_endpoint ep;
	int r;

	for (int dir = 0; dir < NT_DIR_MAX; dir++)
		nt_tcx_unpin(t, pod->ep_id, dir);
	if (bpf_map_lookup_elem(t->endpoints_fd, &pod->ifindex, &ep) == 0 &&
	    ep.ep_id == pod->ep_id) {
		keep_slots(pod, &ep);
		for (int dir = 0; dir < NT_DIR_MAX; dir++)
			nt_tc_detach(t, pod->ifindex, dir);
		(void)bpf_map_delete_elem(t->endpoints_fd, &pod->ifindex);
	}
	pod->detach_boot_ns = ended_ns(t, pod);
	pod->state = NT_POD_DETACHED;
	r = put_state(t, pod, err);
	if (r == 0)
		drop_live(t, pod);
	return r;
}

int nt_taps_forget(struct nt_taps *t, __u64 ep_id, struct nt_err *err)
{
	_cleanup_close_ int lock = -1;
	struct nt_pod pod;
	int r = nt_taps_lock(t->state_dir, &lock, err);

	if (r < 0)
		return r;
	if (nt_taps_pod_get(t, ep_id, &pod) == 0 && nt_pod_is_tapped(&pod))
		return nt_err_set(err, EBUSY, "endpoint %llu is attached",
				  (unsigned long long)ep_id);
	if (bpf_map_delete_elem(t->scopes_fd, &ep_id) < 0 && errno != ENOENT)
		return nt_err_sys(err, errno, "delete from map %s", NT_PIN_SCOPES);
	if (bpf_map_delete_elem(t->counters_fd, &ep_id) < 0 && errno != ENOENT)
		return nt_err_sys(err, errno, "delete from map %s", NT_PIN_COUNTERS);
	if (bpf_map_delete_elem(t->pods_fd, &ep_id) < 0 && errno != ENOENT)
		return nt_err_sys(err, errno, "delete from map %s", NT_PIN_PODS);
	return 0;
}
