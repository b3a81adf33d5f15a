/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled policies in the maps: rules of a slot, the slot's entry, what is in force for a pod. */
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "dataplane/taps/internal.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"

/* Above the longest chain of a hash bucket, which one batch must be able to hold. */
#define BATCH 4096

int nt_taps_rules_key(struct nt_taps *t, struct nt_rules_key *ret_key)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(t->rules_key_fd, &zero, ret_key) < 0 ? -errno : 0;
}

/* --- slots --- */

struct batch {
	struct nt_rule_key keys[BATCH];
	__u32 values[BATCH];
};

/* Slots whose rules stay; `only` not 0: all rules stay but those of this slot. */
static bool is_stale(struct nt_taps *t, __u32 slot, __u32 only, struct nt_slot *scratch)
{
	if (only)
		return slot == only;
	return bpf_map_lookup_elem(t->slots_fd, &slot, scratch) < 0 && errno == ENOENT;
}

static int delete_stale(struct nt_taps *t, struct batch *b, __u32 n, __u32 only, struct nt_err *err)
{
	__u32 known = 0;
	bool stale = false;
	struct nt_slot slot;

	for (__u32 i = 0; i < n; i++) {
		if (b->keys[i].slot != known || i == 0) {
			known = b->keys[i].slot;
			stale = is_stale(t, known, only, &slot);
		}
		if (stale && bpf_map_delete_elem(t->rules_fd, &b->keys[i]) < 0 && errno != ENOENT)
			return nt_err_sys(err, errno, "delete from map %s", NT_PIN_RULES);
	}
	return 0;
}

static int drop_rules(struct nt_taps *t, __u32 only, struct nt_err *err)
{
	_cleanup_free_ struct batch *b = malloc(sizeof(*b));
	__u32 position = 0;
	bool first = true;
	int r = 0;

	if (!b)
		return nt_err_set(err, ENOMEM, "no memory to list rules");
	while (r == 0) {
		__u32 n = BATCH;
		int deleted;

		r = bpf_map_lookup_batch(t->rules_fd, first ? NULL : &position, &position, b->keys,
					 b->values, &n, NULL);
		if (r < 0 && r != -ENOENT)
			return nt_err_sys(err, -r, "list rules");
		deleted = delete_stale(t, b, n, only, err);
		if (deleted < 0)
			return deleted;
		first = false;
	}
	return 0;
}

/* Numbers go up, over restarts of the agent too: a packet in flight may still read a slot that was
 * removed a moment ago. */
static int next_slot(struct nt_taps *t, __u32 *ret_slot, struct nt_err *err)
{
	struct nt_meta meta = nt_taps_meta(t);
	struct nt_slot taken;
	__u32 zero = 0;

	do {
		meta.last_slot = (meta.last_slot + 1) & ~NT_SLOT_AUDIT;
	} while (meta.last_slot == 0 ||
		 bpf_map_lookup_elem(t->slots_fd, &meta.last_slot, &taken) == 0);
	if (bpf_map_update_elem(t->meta_fd, &zero, &meta, BPF_EXIST) < 0)
		return nt_err_sys(err, errno, "write map %s", NT_PIN_META);
	*ret_slot = meta.last_slot;
	return 0;
}

static int put_rules(struct nt_taps *t, __u32 slot, const struct nt_taps_rule *rules, size_t len,
		     struct nt_err *err)
{
	for (size_t i = 0; i < len; i++) {
		const struct nt_rule_key key = { .slot = slot, .hash = rules[i].hash };

		if (bpf_map_update_elem(t->rules_fd, &key, &rules[i].flags, BPF_ANY) == 0)
			continue;
		if (errno == E2BIG)
			return nt_err_set(err, ENOSPC, "the node has room for %d rules in all",
					  NT_RULES_MAX);
		return nt_err_sys(err, errno, "write map %s", NT_PIN_RULES);
	}
	return 0;
}

static int put_slot(struct nt_taps *t, __u32 number, const struct nt_slot *slot, size_t rules_len,
		    struct nt_err *err)
{
	struct nt_clock clock = nt_clock_system();
	struct nt_slot value = *slot;

	value.rules = (__u32)rules_len;
	value.published_boot_ns = (__u64)nt_clock_boot(&clock);
	if (bpf_map_update_elem(t->slots_fd, &number, &value, BPF_NOEXIST) == 0)
		return 0;
	if (errno == E2BIG)
		return nt_err_set(err, ENOSPC, "the node has room for %d policies", NT_SLOTS_MAX);
	return nt_err_sys(err, errno, "write map %s", NT_PIN_SLOTS);
}

int nt_taps_slot_publish(struct nt_taps *t, const struct nt_slot *slot,
			 const struct nt_taps_rule *rules, size_t rules_len, __u32 *ret_slot,
			 struct nt_err *err)
{
	_cleanup_close_ int lock = -1;
	struct nt_err ignored;
	__u32 number = 0;
	int r = nt_taps_lock(t->state_dir, &lock, err);

	if (r == 0)
		r = next_slot(t, &number, err);
	if (r < 0)
		return r;
	r = put_rules(t, number, rules, rules_len, err);
	if (r == 0)
		r = put_slot(t, number, slot, rules_len, err);
	if (r < 0) {
		(void)drop_rules(t, number, &ignored);
		return r;
	}
	*ret_slot = number;
	return 0;
}

int nt_taps_slot_remove(struct nt_taps *t, __u32 slot, struct nt_err *err)
{
	_cleanup_close_ int lock = -1;
	int r = nt_taps_lock(t->state_dir, &lock, err);

	if (r < 0)
		return r;
	if (bpf_map_delete_elem(t->slots_fd, &slot) < 0 && errno != ENOENT)
		return nt_err_sys(err, errno, "delete from map %s", NT_PIN_SLOTS);
	return slot ? drop_rules(t, slot, err) : 0;
}

int nt_taps_slots_sweep(struct nt_taps *t, struct nt_err *err)
{
	_cleanup_close_ int lock = -1;
	int r = nt_taps_lock(t->state_dir, &lock, err);

	return r < 0 ? r : drop_rules(t, 0, err);
}

/* Keys first, because fn may remove slots. */
int nt_taps_slots(struct nt_taps *t, nt_taps_slot_fn *fn, void *ctx, struct nt_err *err)
{
	_cleanup_free_ __u32 *keys = calloc(NT_SLOTS_MAX, sizeof(*keys));
	struct nt_slot value;
	__u32 len = 0;

	if (!keys)
		return nt_err_set(err, ENOMEM, "no memory to list policies");
	while (len < NT_SLOTS_MAX &&
	       bpf_map_get_next_key(t->slots_fd, len ? &keys[len - 1] : NULL, &keys[len]) == 0)
		len++;
	for (__u32 i = 0; i < len; i++) {
		if (bpf_map_lookup_elem(t->slots_fd, &keys[i], &value) == 0 &&
		    !fn(ctx, keys[i], &value))
			break;
	}
	return 0;
}

/* --- endpoints --- */

int nt_endpoint_put(struct nt_taps *t, const struct nt_pod *pod, const struct nt_endpoint *ep,
		    const struct nt_scope_set *scope, struct nt_err *err)
{
	if (scope && bpf_map_update_elem(t->scopes_fd, &pod->ep_id, scope, BPF_ANY) < 0)
		return nt_err_sys(err, errno, "write map %s", NT_PIN_SCOPES);
	if (bpf_map_update_elem(t->endpoints_fd, &pod->ifindex, ep, BPF_EXIST) < 0)
		return nt_err_sys(err, errno, "write map %s", NT_PIN_ENDPOINTS);
	if (!scope)
		(void)bpf_map_delete_elem(t->scopes_fd, &pod->ep_id);
	return 0;
}

int nt_endpoint_find(struct nt_taps *t, __u64 ep_id, struct nt_pod *ret_pod,
		     struct nt_endpoint *ret_ep, struct nt_err *err)
{
	if (nt_taps_pod_get(t, ep_id, ret_pod) < 0 || !nt_pod_is_tapped(ret_pod) ||
	    bpf_map_lookup_elem(t->endpoints_fd, &ret_pod->ifindex, ret_ep) < 0 ||
	    ret_ep->ep_id != ep_id)
		return nt_err_set(err, ENOENT, "endpoint %llu is not attached",
				  (unsigned long long)ep_id);
	return 0;
}

int nt_taps_endpoint_set(struct nt_taps *t, __u64 ep_id, const __u32 *slots, size_t slots_len,
			 const struct nt_scope_set *scope, struct nt_err *err)
{
	struct nt_endpoint ep;
	_cleanup_close_ int lock = -1;
	struct nt_pod pod;
	int r;

	if (slots_len > NT_POLICY_SLOTS || (scope && scope->len > NT_SCOPE_SUFFIXES))
		return nt_err_set(err, EINVAL, "%zu policies for one pod, at most %d are possible",
				  slots_len, NT_POLICY_SLOTS);
	r = nt_taps_lock(t->state_dir, &lock, err);
	if (r == 0)
		r = nt_endpoint_find(t, ep_id, &pod, &ep, err);
	if (r < 0)
		return r;
	memset(ep.slots, 0, sizeof(ep.slots));
	if (slots_len)
		memcpy(ep.slots, slots, slots_len * sizeof(*slots));
	ep.slots_len = (__u32)slots_len;
	return nt_endpoint_put(t, &pod, &ep, scope, err);
}

int nt_taps_endpoint_get(struct nt_taps *t, __u64 ep_id, struct nt_endpoint *ret_endpoint,
			 struct nt_scope_set *ret_scope)
{
	struct nt_endpoint ep;
	struct nt_pod pod;
	int r = nt_taps_pod_get(t, ep_id, &pod);

	if (r < 0)
		return r;
	if (bpf_map_lookup_elem(t->endpoints_fd, &pod.ifindex, &ep) < 0)
		return -errno;
	if (ep.ep_id != ep_id)
		return -ENOENT;
	*ret_endpoint = ep;
	if (bpf_map_lookup_elem(t->scopes_fd, &ep_id, ret_scope) < 0)
		memset(ret_scope, 0, sizeof(*ret_scope));
	return 0;
}
