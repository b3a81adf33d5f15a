/* SPDX-License-Identifier: Apache-2.0 */
/* What the keeper says about taps becomes part of the coverage in the next batch. */
#include "dataplane/agent/agent.h"
#include "lib/base/log.h"

_Static_assert((int)NT_ENDPOINT_HOOK_NONE == NT_HOOK_NONE, "one numbering");
_Static_assert((int)NT_ENDPOINT_HOOK_CLSACT == NT_HOOK_CLSACT, "one numbering");
_Static_assert((int)NT_ENDPOINT_HOOK_TCX == NT_HOOK_TCX, "one numbering");

/* The gap of this interval that began then; NULL. */
static struct nt_batch_gap *find_gap(struct nt_agent *a, uint64_t ep_id, int64_t from_us)
{
	struct nt_batch_gap *gaps = (struct nt_batch_gap *)a->gaps.p;

	for (size_t i = a->gaps.len / sizeof(*gaps); i-- > 0;)
		if (gaps[i].ep_id == ep_id && gaps[i].from_us == from_us)
			return &gaps[i];
	return NULL;
}

static void add_gap(struct nt_agent *a, const struct nt_batch_gap *gap)
{
	if (a->gaps.len / sizeof(*gap) < NT_AGENT_GAPS_MAX) {
		nt_buf_add(&a->gaps, gap, sizeof(*gap));
		if (nt_buf_ok(&a->gaps))
			return;
	}
	if (a->stats.gaps_dropped++ == 0)
		nt_log_error("coverage: too many gaps at once, some are not reported");
}

static void put_gap(struct nt_agent *a, const struct nt_keep_news *news)
{
	struct nt_batch_gap *known = find_gap(a, news->ep_id, news->from_us);
	const struct nt_batch_gap gap = { .ep_id = news->ep_id,
					  .from_us = news->from_us,
					  .to_us = news->to_us,
					  .reason = nt_slice_str(nt_hook_fault_name(news->fault)) };

	a->stats.gaps += news->to_us == 0;
	if (known)
		*known = gap;
	else
		add_gap(a, &gap);
}

/* The batch's memory goes; a fault's name stays. */
static struct nt_slice lasting_reason(struct nt_slice reason)
{
	for (int fault = NT_FAULT_REMOVED; fault < NT_FAULT_MAX; fault++) {
		const char *name = nt_hook_fault_name((enum nt_hook_fault)fault);

		if (nt_slice_eq(reason, nt_slice_str(name)))
			return nt_slice_str(name);
	}
	return nt_slice_str(nt_hook_fault_name(NT_FAULT_MAX));
}

void nt_agent_gap_again(struct nt_agent *a, const struct nt_batch_gap *told)
{
	struct nt_batch_gap *known = find_gap(a, told->ep_id, told->from_us), gap = *told;

	gap.reason = lasting_reason(told->reason);
	if (!known)
		add_gap(a, &gap);
	else if (told->to_us > known->to_us)
		known->to_us = told->to_us;
}

void nt_agent_tapped(struct nt_agent *a, const struct nt_keep_news *news)
{
	struct nt_agent_pod *pod = nt_podtable_find(&a->pods, news->ep_id);
	struct nt_pod identity;

	if (!pod && a->source.pod_get(a->source.ctx, news->ep_id, &identity) == 0)
		pod = nt_podtable_put(&a->pods, &identity);
	if (pod)
		pod->hook = (enum nt_endpoint_hook)news->hook;
	if (news->fault)
		put_gap(a, news);
}
