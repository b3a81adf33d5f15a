/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent has the Kubernetes API for: Events of pods that are not tapped (podevents.h),
 * whom it takes for the controller (trust.h), whether its end is nametap's (leave.h), and the
 * objects (enforcer.h). Without an API none of it is done, which is said once in the log; nothing
 * else depends on it. Belongs to the loop's thread.
 */
#pragma once

#include "dataplane/agent/leave.h"
#include "dataplane/agent/options.h"
#include "dataplane/agent/podevents.h"
#include "dataplane/agent/trust.h"

struct nt_kubeaccess;

/* All borrowed. Not being in a cluster is no error; an unreadable kubeconfig is one. */
int nt_kubeaccess_open(const struct nt_options *options, struct nt_loop *loop,
		       struct nt_clock *clock, struct nt_kubeaccess **ret_access,
		       struct nt_err *err) NT_MUSTCHECK;
void nt_kubeaccess_close(struct nt_kubeaccess *a);
/* The controller's authority from options->ca_configmap to fn (trust.h), from now on; nothing where
 * the options name none. -EINVAL: there is no API to ask. */
int nt_kubeaccess_trust(struct nt_kubeaccess *a, const struct nt_options *options,
			struct nt_loop *loop, nt_trust_fn *fn, void *ctx,
			struct nt_err *err) NT_MUSTCHECK;
/* It does not fit: ask for it again. */
void nt_kubeaccess_distrust(struct nt_kubeaccess *a);
/* Once a second. */
void nt_kubeaccess_look(struct nt_kubeaccess *a, const struct nt_failed *failed);
/* SIGTERM has come; fn is called with false, perhaps from within, where nobody can say. */
void nt_kubeaccess_ask(struct nt_kubeaccess *a, nt_leave_fn *fn, void *ctx);
/* Borrowed; NULL: no API. */
struct nt_kube *nt_kubeaccess_client(const struct nt_kubeaccess *a);
/* NULL: no API. */
const struct nt_podevents *nt_kubeaccess_events(const struct nt_kubeaccess *a);
