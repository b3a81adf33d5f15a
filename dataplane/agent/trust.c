/* SPDX-License-Identifier: Apache-2.0 */
/* The controller's authority, from a ConfigMap. */
#include "dataplane/agent/trust.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"

#define PAUSE_MIN_NS NT_NS_PER_S
#define PAUSE_MAX_NS (10 * NT_NS_PER_S)
#define RENEW_NS (5 * NT_NS_PER_S)
#define OBJECT_BYTES_MAX ((size_t)2 << 20)

struct nt_trust {
	struct nt_kube *kube;
	struct nt_timer *timer;
	struct nt_kube_name configmap;
	nt_trust_fn *fn;
	void *ctx;
	struct nt_buf pem; /* told last */
	int64_t pause_ns;
	bool due; /* the timer is set, or the API is being asked */
	bool failing; /* said in the log */
};

static void again(struct nt_trust *t, const char *why)
{
	if (!t->failing)
		nt_log_warn("the controller's certificate authority, ConfigMap %s/%s: %s; trying "
			    "again",
			    t->configmap.namespace_, t->configmap.name, why);
	t->failing = true;
	t->pause_ns = t->pause_ns ? t->pause_ns * 2 : PAUSE_MIN_NS;
	if (t->pause_ns > PAUSE_MAX_NS)
		t->pause_ns = PAUSE_MAX_NS;
	t->due = true;
	nt_loop_timer_set(t->timer, t->pause_ns);
}

static void take(struct nt_trust *t, struct nt_slice pem)
{
	t->pause_ns = 0;
	if (t->failing)
		nt_log_info("the controller's certificate authority is there");
	t->failing = false;
	if (nt_slice_eq(pem, nt_slice_mem(t->pem.p, t->pem.len)))
		return;
	nt_buf_reset(&t->pem);
	nt_buf_slice(&t->pem, pem);
	t->fn(t->ctx, pem);
}

static void on_configmap(void *ctx, const struct nt_kube_answer *answer)
{
	struct nt_trust *t = ctx;
	json_auto_t *root = NULL;
	const char *pem;

	t->due = false;
	if (answer->status != 200) {
		again(t, answer->status == 404 ? "not there yet, the controller makes it"
					       : answer->error.msg);
		return;
	}
	root = json_loadb(answer->body.p, answer->body.len, 0, NULL);
	pem = json_string_value(json_object_get(json_object_get(root, "data"), "ca.crt"));
	if (pem && pem[0])
		take(t, nt_slice_str(pem));
	else
		again(t, "it has no ca.crt yet, the controller writes it");
}

static void ask(void *ctx)
{
	struct nt_kube_request request = { .method = "GET", .max_bytes = OBJECT_BYTES_MAX };
	struct nt_trust *t = ctx;
	struct nt_err err = { 0 };
	char path[512];

	nt_loop_timer_set(t->timer, 0);
	snprintf(path, sizeof(path), "/api/v1/namespaces/%s/configmaps/%s", t->configmap.namespace_,
		 t->configmap.name);
	request.path = path;
	t->due = true;
	if (nt_kube_send(t->kube, &request, on_configmap, t, NULL, &err) < 0)
		again(t, err.msg);
}

int nt_trust_new(struct nt_kube *kube, struct nt_loop *loop, const struct nt_kube_name *configmap,
		 nt_trust_fn *fn, void *ctx, struct nt_trust **ret_trust, struct nt_err *err)
{
	struct nt_trust *t = calloc(1, sizeof(*t));

	if (!t)
		return nt_err_set(err, ENOMEM, "no memory for the controller's authority");
	t->kube = kube;
	t->configmap = *configmap;
	t->fn = fn;
	t->ctx = ctx;
	t->timer = nt_loop_timer_new(loop, 0, ask, t, err);
	if (!t->timer) {
		nt_trust_free(t);
		return -err->code;
	}
	ask(t);
	*ret_trust = t;
	return 0;
}

void nt_trust_renew(struct nt_trust *t)
{
	if (t->due)
		return;
	t->due = true;
	nt_loop_timer_set(t->timer, RENEW_NS);
}

void nt_trust_free(struct nt_trust *t)
{
	if (!t)
		return;
	nt_loop_timer_free(t->timer);
	nt_buf_done(&t->pem);
	free(t);
}
