/* SPDX-License-Identifier: Apache-2.0 */
/* Pods, counters and rules in the pinned maps. */
#include "dataplane/agent/source.h"

#include "dataplane/agent/hostaddrs.h"

static int pod_get(void *ctx, uint64_t ep_id, struct nt_pod *ret_pod)
{
	return nt_taps_pod_get(ctx, ep_id, ret_pod);
}

static int pods(void *ctx, bool (*fn)(void *, const struct nt_pod *), void *fn_ctx,
		struct nt_err *err)
{
	return nt_taps_pods(ctx, fn, fn_ctx, err);
}

static int counters(void *ctx, uint64_t ep_id, struct nt_counters *ret_values)
{
	return nt_taps_counters(ctx, ep_id, ret_values);
}

static int link_stats(void *ctx, uint32_t ifindex, struct nt_linkstats *ret_stats)
{
	return nt_taps_link_stats(ctx, ifindex, ret_stats);
}

static size_t addresses(void *ctx, struct nt_addr *ret_ips, size_t cap)
{
	(void)ctx;
	return nt_hostaddrs_read(ret_ips, cap);
}

static int forget(void *ctx, uint64_t ep_id, struct nt_err *err)
{
	return nt_taps_forget(ctx, ep_id, err);
}

struct nt_tapsource nt_source_of_taps(struct nt_taps *taps)
{
	return (struct nt_tapsource){
		.ctx = taps,
		.meta = nt_taps_meta(taps),
		.cpus = (uint32_t)nt_taps_cpus(taps),
		.pod_get = pod_get,
		.pods = pods,
		.counters = counters,
		.link_stats = link_stats,
		.addresses = addresses,
		.forget = forget,
	};
}

static int publish(void *ctx, const struct nt_slot *slot, const struct nt_taps_rule *rules,
		   size_t rules_len, uint32_t *ret_slot, struct nt_err *err)
{
	return nt_taps_slot_publish(ctx, slot, rules, rules_len, ret_slot, err);
}

static int remove_slot(void *ctx, uint32_t slot, struct nt_err *err)
{
	return nt_taps_slot_remove(ctx, slot, err);
}

static int slots(void *ctx, nt_taps_slot_fn *fn, void *fn_ctx, struct nt_err *err)
{
	return nt_taps_slots(ctx, fn, fn_ctx, err);
}

static int sweep(void *ctx, struct nt_err *err)
{
	return nt_taps_slots_sweep(ctx, err);
}

static int set(void *ctx, uint64_t ep_id, const uint32_t *endpoint_slots, size_t slots_len,
	       const struct nt_scope_set *scope, struct nt_err *err)
{
	return nt_taps_endpoint_set(ctx, ep_id, endpoint_slots, slots_len, scope, err);
}

static int get(void *ctx, uint64_t ep_id, struct nt_endpoint *ret_endpoint,
	       struct nt_scope_set *ret_scope)
{
	return nt_taps_endpoint_get(ctx, ep_id, ret_endpoint, ret_scope);
}

int nt_sink_of_taps(struct nt_taps *taps, struct nt_rulesink *ret_sink, struct nt_err *err)
{
	*ret_sink = (struct nt_rulesink){
		.ctx = taps,
		.publish = publish,
		.remove = remove_slot,
		.slots = slots,
		.sweep = sweep,
		.set = set,
		.get = get,
	};
	if (nt_taps_rules_key(taps, &ret_sink->key) < 0)
		return nt_err_set(err, EIO, "the key of the rules cannot be read");
	return 0;
}
