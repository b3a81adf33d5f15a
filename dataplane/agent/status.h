/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /metrics (Prometheus text) and /healthz of the agent on a loopback port. Figures of the node
 * only: no label names a pod, a DNS name or an address, so that the number of series is fixed
 * (T38). libmicrohttpd without a thread, driven by the event loop.
 */
#pragma once

#include "dataplane/agent/adopt.h"
#include "dataplane/agent/agent.h"
#include "dataplane/agent/conntrack.h"
#include "dataplane/agent/export.h"
#include "dataplane/agent/keeper.h"
#include "dataplane/agent/kubeaccess.h"
#include "dataplane/agent/ring.h"
#include "dataplane/agent/rules.h"
#include "dataplane/installer/watcher.h"
#include "lib/base/loop.h"

struct nt_status;

/* Everything that the page is made of; borrowed. All but agent may be NULL. */
struct nt_status_source {
	const struct nt_agent *agent;
	const struct nt_ring *ring;
	const struct nt_export *export;
	const struct nt_rules *rules;
	const struct nt_objects *objects;
	const struct nt_adopt *adopt;
	struct nt_keeper *keeper;
	const struct nt_kubeaccess *kube;
	const struct nt_watcher *watcher;
	const struct nt_conntrack *conntrack;
	const char *cluster_domain_source; /* NULL: not shown */
};

/* 0 when nt_status_open would take it; -EINVAL. */
int nt_status_check(const char *listen, struct nt_err *err) NT_MUSTCHECK;
/* listen: "127.0.0.1:9153" or "[::1]:9153"; an address that is not loopback is refused. */
int nt_status_open(const char *listen, const struct nt_status_source *source, struct nt_loop *loop,
		   struct nt_status **ret_status, struct nt_err *err) NT_MUSTCHECK;
void nt_status_close(struct nt_status *s);
/* The page's text. */
void nt_status_metrics(const struct nt_status_source *source, struct nt_buf *out);
