/* SPDX-License-Identifier: Apache-2.0 */
/* What a batch says of the pods. */
#include "dataplane/agent/coverage.h"

#include <stdio.h>

#include "lib/base/cleanup.h"

static bool has_news(const struct nt_agent *a, const struct nt_agent_pod *pod)
{
	/* With rows too: should the batch be written off, it must say whose they are. */
	return a->first_batch || !pod->shipped || pod->rows_logged || pod->rows_unlogged ||
	       pod->rows_written_off || pod->rows_stream || pod->shipped_stream != pod->stream ||
	       pod->shipped_seen != pod->seen || pod->shipped_logged != pod->logged ||
	       pod->shipped_unlogged != pod->unlogged ||
	       pod->shipped_before_tap != pod->link.before_tap || pod->shipped_gone != pod->gone ||
	       pod->shipped_resolver != pod->answered || pod->shipped_hook != pod->hook;
}

static const char *end_reason(const struct nt_pod *p)
{
	static const char *const reasons[] = {
		[NT_END_DEL] = "",
		[NT_END_LINK_GONE] = "its host link went without a DEL",
		[NT_END_LINK_REUSED] = "its host link belongs to another pod by now",
		[NT_END_LINK_STAYED] = ("its host link is there a minute after DEL, and its "
					"network namespace is not: no longer tapped"),
	};

	if (p->state == NT_POD_ATTACHED && p->cgroup_v1)
		return "cgroup-v1: pods in the host's network cannot be told from the node";
	return p->state == NT_POD_DETACHED && p->end < NT_ARRAY_LEN(reasons) ? reasons[p->end] : "";
}

static struct nt_batch_endpoint endpoint_of(const struct nt_agent *a,
					    const struct nt_agent_pod *pod)
{
	const struct nt_pod *p = &pod->pod;
	struct nt_batch_endpoint e = {
		.ep_id = p->ep_id,
		.state = pod->gone ? NT_ENDPOINT_GONE : NT_ENDPOINT_TAPPED,
		.namespace_ = nt_slice_str(p->namespace_),
		.name = nt_slice_str(p->name),
		.uid = nt_slice_str(p->uid),
		.container_id = nt_slice_str(p->container_id),
		.ifname = nt_slice_str(p->ifname),
		.host_ifname = nt_slice_str(p->host_ifname),
		.network = nt_slice_str(p->network),
		.role = pod->answered ? NT_ROLE_RESOLVER : NT_ROLE_WORKLOAD,
		.origin = (enum nt_endpoint_origin)p->origin,
		.dns = (enum nt_endpoint_dns)p->dns,
		.reason = nt_slice_str(pod->known ? end_reason(p) : ""),
		.hook = pod->hook,
		.since_us = (int64_t)(p->attach_real_ns / NT_NS_PER_US),
		.seen = pod->seen,
		.logged = pod->logged,
		.unlogged = pod->unlogged,
		.stream = pod->stream,
		.before_tap = pod->link.before_tap,
		.link_rx = pod->link.rx_packets,
		.link_tx = pod->link.tx_packets,
	};

	if (pod->until_us)
		e.until_us = pod->until_us;
	else if (p->state == NT_POD_DETACHED && p->detach_boot_ns)
		e.until_us = nt_timebase_us(&a->timebase, (int64_t)p->detach_boot_ns);
	else if (pod->gone)
		e.until_us = nt_clock_real(a->clock) / NT_NS_PER_US;
	for (size_t i = 0; i < NT_POD_IPS; i++) {
		e.ips[e.ips_len] = nt_agent_pod_ip(pod, i);
		e.ips_len += e.ips[e.ips_len].family != 0;
	}
	return e;
}

void nt_coverage_collect(const struct nt_agent *a, struct nt_buf *out)
{
	const struct nt_agent_pod *pod;
	size_t at = 0;

	while ((pod = nt_podtable_next(&a->pods, &at))) {
		struct nt_batch_endpoint e = endpoint_of(a, pod);

		if (has_news(a, pod))
			nt_buf_add(out, &e, sizeof(e));
	}
	if (a->failed.len && (a->failed.changed || a->first_batch))
		nt_buf_add(out, a->failed.endpoints, a->failed.len * sizeof(*a->failed.endpoints));
}

void nt_coverage_told(struct nt_agent_pod *pod)
{
	pod->resolver = pod->shipped_resolver = pod->answered;
	pod->shipped = true;
	pod->shipped_gone = pod->gone;
	pod->shipped_hook = pod->hook;
	pod->shipped_seen = pod->seen;
	pod->shipped_logged = pod->logged;
	pod->shipped_unlogged = pod->unlogged;
	pod->shipped_stream = pod->stored_stream = pod->stream;
	pod->shipped_before_tap = pod->link.before_tap;
}

/* --- and back --------------------------------------------------------------------------------- */

static void copy_text(char *to, size_t size, struct nt_slice from)
{
	snprintf(to, size, "%.*s", NT_SLICE_ARG(from));
}

static enum nt_pod_end end_of(struct nt_pod p, struct nt_slice reason)
{
	static const enum nt_pod_end ends[] = { NT_END_LINK_GONE, NT_END_LINK_REUSED,
						NT_END_LINK_STAYED };

	for (size_t i = 0; i < NT_ARRAY_LEN(ends); i++) {
		p.end = (__u8)ends[i];
		if (nt_slice_eq(reason, nt_slice_str(end_reason(&p))))
			return ends[i];
	}
	return NT_END_DEL;
}

static struct nt_pod pod_of(const struct nt_batch_endpoint *e)
{
	struct nt_pod p = { .version = NT_ABI_VERSION,
			    .state = NT_POD_DETACHED,
			    .ep_id = e->ep_id,
			    .attach_real_ns = (uint64_t)e->since_us * NT_NS_PER_US,
			    .origin = (__u8)e->origin,
			    .dns = (__u8)e->dns };

	copy_text(p.namespace_, sizeof(p.namespace_), e->namespace_);
	copy_text(p.name, sizeof(p.name), e->name);
	copy_text(p.uid, sizeof(p.uid), e->uid);
	copy_text(p.container_id, sizeof(p.container_id), e->container_id);
	copy_text(p.ifname, sizeof(p.ifname), e->ifname);
	copy_text(p.host_ifname, sizeof(p.host_ifname), e->host_ifname);
	copy_text(p.network, sizeof(p.network), e->network);
	for (size_t i = 0; i < e->ips_len && i < NT_POD_IPS; i++) {
		p.ips[i].family = e->ips[i].family;
		memcpy(p.ips[i].octets, e->ips[i].octets, sizeof(p.ips[i].octets));
	}
	p.end = (__u8)end_of(p, e->reason);
	return p;
}

bool nt_coverage_restore_gone(struct nt_agent *a, const struct nt_batch_endpoint *e, uint64_t seq)
{
	struct nt_agent_pod *pod = nt_podtable_find(&a->pods, e->ep_id);
	struct nt_pod identity = pod_of(e);

	if (pod && !pod->until_us) /* nobody has forgotten it */
		return true;
	pod = nt_podtable_put(&a->pods, &identity);
	if (!pod)
		return false;
	pod->until_us = e->until_us;
	pod->gone = pod->forgotten = true;
	pod->gone_seq = seq;
	pod->answered = e->role == NT_ROLE_RESOLVER;
	pod->hook = e->hook;
	pod->seen = e->seen;
	pod->logged = e->logged;
	pod->unlogged = e->unlogged;
	pod->stream = e->stream;
	pod->link = (struct nt_linkstats){ .before_tap = e->before_tap,
					   .rx_packets = e->link_rx,
					   .tx_packets = e->link_tx };
	nt_coverage_told(pod);
	return true;
}
