/* SPDX-License-Identifier: Apache-2.0 */
/* A pod that is not tapped as an Event. */
#include "dataplane/agent/podeventtext.h"

#include "lib/base/cleanup.h"
#include "lib/kube/event.h"
#include "lib/kube/name.h"

uint64_t nt_podeventtext_key(const struct nt_batch_endpoint *pod)
{
	uint64_t key = NT_KUBE_EVENT_KEY;

	key = nt_kube_event_mix(key, pod->namespace_);
	key = nt_kube_event_mix(key, pod->name);
	key = nt_kube_event_mix(key, pod->uid);
	key = nt_kube_event_mix(key, pod->reason);
	return key ? key : 1;
}

int nt_podeventtext_format(const struct nt_batch_endpoint *pod, const char *node, int64_t now_us,
			   struct nt_buf *ret_path, struct nt_buf *ret_body)
{
	_cleanup_buf_ struct nt_buf note = { 0 };
	struct nt_kube_event e = {
		.namespace_ = pod->namespace_,
		.stem = pod->name,
		.key = nt_podeventtext_key(pod),
		.time_us = now_us,
		.type = NT_SLICE_LIT("Warning"),
		.reason = NT_SLICE_LIT("NotTapped"),
		.action = NT_SLICE_LIT("Attach"),
		.controller = NT_SLICE_LIT("nametap.io/agent"),
		.instance = nt_slice_str(node),
		.regarding = { .api_version = NT_SLICE_LIT("v1"),
			       .kind = NT_SLICE_LIT("Pod"),
			       .namespace_ = pod->namespace_,
			       .name = pod->name,
			       .uid = pod->uid },
	};

	nt_buf_printf(&note, "DNS of %.*s is not in the log: %.*s", NT_SLICE_ARG(pod->ifname),
		      NT_SLICE_ARG(pod->reason));
	e.note = nt_slice_mem(note.p, note.len);
	nt_kube_event_path(pod->namespace_, false, ret_path);
	return nt_buf_ok(ret_path) ? nt_kube_event_format(&e, ret_body) : -ENOMEM;
}
