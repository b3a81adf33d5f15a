/* SPDX-License-Identifier: Apache-2.0 */
/* Pods and counters from the pinned maps. */
#include "dataplane/agent/source.h"

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
		.forget = forget,
	};
}
