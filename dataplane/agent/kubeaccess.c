/* SPDX-License-Identifier: Apache-2.0 */
/* The agent at the Kubernetes API. */
#include "dataplane/agent/kubeaccess.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/log.h"

struct nt_kubeaccess {
	struct nt_kube *kube;
	struct nt_podevents *events;
	struct nt_leave *leave; /* NULL: no --daemonset */
	struct nt_trust *trust; /* NULL: no --ca-configmap */
	char namespace_[64];
};

static int open_all(struct nt_kubeaccess *a, const struct nt_options *o, struct nt_loop *loop,
		    struct nt_clock *clock, struct nt_err *err)
{
	struct nt_kube_config config;
	const char *slash;
	int r = nt_kube_config_find(o->kubeconfig, &config, err);

	if (r == 0 && err->msg[0])
		nt_log_info("no Kubernetes API: %s; no Events are posted, no objects are read "
			    "from it, and the end of this agent takes nothing off",
			    err->msg);
	if (r <= 0)
		return r;
	nt_log_info("Kubernetes API at %s, by %s", config.server, config.origin);
	r = nt_kube_open(&config, loop, "nametap-agent", &a->kube, err);
	if (r == 0)
		r = nt_podevents_new(a->kube, loop, clock, o->node, &a->events, err);
	if (r < 0 || !o->daemonset)
		return r;
	slash = strchr(o->daemonset, '/');
	snprintf(a->namespace_, sizeof(a->namespace_), "%.*s", (int)(slash - o->daemonset),
		 o->daemonset);
	return nt_leave_new(a->kube, loop, clock, a->namespace_, slash + 1, o->spool, &a->leave,
			    err);
}

int nt_kubeaccess_open(const struct nt_options *options, struct nt_loop *loop,
		       struct nt_clock *clock, struct nt_kubeaccess **ret_access,
		       struct nt_err *err)
{
	struct nt_kubeaccess *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return nt_err_set(err, ENOMEM, "no memory for the Kubernetes API");
	r = open_all(a, options, loop, clock, err);
	if (r < 0) {
		nt_kubeaccess_close(a);
		return r;
	}
	*ret_access = a;
	return 0;
}

void nt_kubeaccess_close(struct nt_kubeaccess *a)
{
	if (!a)
		return;
	nt_leave_free(a->leave);
	nt_kube_close(a->kube); /* its calls refer to the two below */
	nt_trust_free(a->trust);
	nt_podevents_free(a->events);
	free(a);
}

int nt_kubeaccess_trust(struct nt_kubeaccess *a, const struct nt_options *options,
			struct nt_loop *loop, nt_trust_fn *fn, void *ctx, struct nt_err *err)
{
	struct nt_kube_name name;

	if (!options->ca_configmap)
		return 0;
	if (!a->kube || nt_kube_name_parse(options->ca_configmap, &name) < 0)
		return nt_err_set(err, EINVAL, "--ca-configmap: there is no Kubernetes API to ask");
	return nt_trust_new(a->kube, loop, &name, fn, ctx, &a->trust, err);
}

void nt_kubeaccess_distrust(struct nt_kubeaccess *a)
{
	if (a->trust)
		nt_trust_renew(a->trust);
}

void nt_kubeaccess_look(struct nt_kubeaccess *a, const struct nt_failed *failed)
{
	if (a->events)
		nt_podevents_look(a->events, failed);
}

void nt_kubeaccess_ask(struct nt_kubeaccess *a, nt_leave_fn *fn, void *ctx)
{
	if (a->leave)
		nt_leave_ask(a->leave, fn, ctx);
	else
		fn(ctx, false);
}

struct nt_kube *nt_kubeaccess_client(const struct nt_kubeaccess *a)
{
	return a->kube;
}

const struct nt_podevents *nt_kubeaccess_events(const struct nt_kubeaccess *a)
{
	return a->events;
}
