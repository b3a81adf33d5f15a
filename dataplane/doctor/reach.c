/* SPDX-License-Identifier: Apache-2.0 */
/* Kubernetes API, controller, token; and what their clocks say of ours. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "dataplane/doctor/doctor.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/http/problem.h"
#include "lib/kube/client.h"
#include "lib/kube/name.h"
#include "lib/record/batch.h"

/* A ConfigMap has 1 MiB at most. */
#define AUTHORITY_BYTES ((size_t)2 << 20)
/* Beyond this, rows of two nodes do not stand in the order in which things happened. */
#define CLOCK_OFF_NS (500 * NT_NS_PER_MS)

/* One call, and our clock around it. */
struct call {
	struct nt_kube_answer answer;
	struct nt_buf body;
	int64_t before_ns, after_ns; /* CLOCK_REALTIME */
};

static void call_done(struct call *c)
{
	nt_buf_done(&c->body);
}

/* config: taken over. */
static int call(struct nt_doctor *d, struct nt_kube_config *config,
		const struct nt_kube_request *request, struct call *ret_call, struct nt_err *err)
{
	struct nt_clock clock = nt_clock_system();
	struct nt_kube *kube;
	int r = nt_kube_open(config, d->loop, "nametap-agent doctor", &kube, err);

	if (r < 0)
		return r;
	ret_call->before_ns = nt_clock_real(&clock);
	r = nt_kube_call(kube, d->loop, request, &ret_call->answer, &ret_call->body, err);
	ret_call->after_ns = nt_clock_real(&clock);
	nt_kube_close(kube);
	return r;
}

/* The header says a second; it was right at some moment between our two looks. How far off is
 * our clock at least? */
static void look_at_clock(struct nt_doctor *d, const char *whose, const struct call *c)
{
	int64_t from_ns = c->answer.date_s * NT_NS_PER_S, to_ns = from_ns + NT_NS_PER_S;
	int64_t off_ns = 0;

	if (!c->answer.date_s)
		return;
	if (c->after_ns < from_ns)
		off_ns = c->after_ns - from_ns;
	else if (c->before_ns > to_ns)
		off_ns = c->before_ns - to_ns;
	if (off_ns > CLOCK_OFF_NS || off_ns < -CLOCK_OFF_NS)
		nt_findings_add(
			&d->findings, NT_LEVEL_FAIL, "clock",
			"synchronise the node's clock (chrony, systemd-timesyncd): its rows stand "
			"at wrong times",
			"at least %.1f s %s that of the %s",
			(double)(off_ns < 0 ? -off_ns : off_ns) / 1e9,
			off_ns < 0 ? "behind" : "ahead of", whose);
	else
		nt_findings_add(&d->findings, NT_LEVEL_OK, "clock", "",
				"agrees with that of the %s, as far as its seconds tell", whose);
}

/* --- the Kubernetes API ----------------------------------------------------------------------- */

static void tell_api(struct nt_doctor *d, const char *server, const struct call *c)
{
	if (c->answer.status == 200)
		nt_findings_add(&d->findings, NT_LEVEL_OK, "api", "", "%s answers", server);
	else if (c->answer.status == 0)
		nt_findings_add(&d->findings, NT_LEVEL_FAIL, "api",
				"without it pods have no labels, and policies do not change", "%s",
				c->answer.error.msg);
	else
		nt_findings_add(&d->findings, NT_LEVEL_FAIL, "api",
				c->answer.status == 401
					? "the service account's token is not accepted: "
					  "is the account there?"
					: "see manifests/base",
				"%s", c->answer.error.msg);
}

static void look_at_api(struct nt_doctor *d)
{
	const struct nt_kube_request request = { .method = "GET", .path = "/version" };
	_cleanup_(call_done) struct call c = { 0 };
	_cleanup_kube_config_ struct nt_kube_config config = { 0 };
	struct nt_err err = { 0 };
	char server[256];
	int r = nt_kube_config_find(d->options->kubeconfig, &config, &err);

	if (r < 0)
		nt_findings_add(&d->findings, NT_LEVEL_FAIL, "api", "put the file right", "%s",
				err.msg);
	else if (r == 0)
		nt_findings_add(&d->findings, NT_LEVEL_OK, "api", "", "not used%s%s",
				err.msg[0] ? ": " : " (--kubeconfig none)", err.msg);
	if (r <= 0)
		return;
	snprintf(server, sizeof(server), "%s", config.server);
	if (call(d, &config, &request, &c, &err) < 0) {
		nt_findings_add(&d->findings, NT_LEVEL_FAIL, "api", "", "%s", err.msg);
		return;
	}
	tell_api(d, server, &c);
	look_at_clock(d, "API server", &c);
}

/* --- the controller's authority --------------------------------------------------------------- */

/* The PEM text of the ConfigMap into config. */
static int read_authority(struct nt_doctor *d, struct nt_kube_config *config, struct nt_err *err)
{
	_cleanup_kube_config_ struct nt_kube_config api = { 0 };
	struct nt_kube_request request = { .method = "GET" };
	_cleanup_(call_done) struct call c = { 0 };
	json_auto_t *root = NULL;
	struct nt_kube_name name;
	struct nt_slice pem;
	char path[512];
	int r = nt_kube_name_parse(d->options->ca_configmap, &name);

	if (r == 0)
		r = nt_kube_config_find(d->options->kubeconfig, &api, err);
	if (r <= 0)
		return nt_err_set(err, ENOENT, "there is no Kubernetes API to ask");
	snprintf(path, sizeof(path), "/api/v1/namespaces/%s/configmaps/%s", name.namespace_,
		 name.name);
	request.path = path;
	r = call(d, &api, &request, &c, err);
	if (r == 0 && c.answer.status != 200)
		r = nt_err_set(err, EREMOTEIO, "%s", c.answer.error.msg);
	if (r < 0)
		return r;
	root = json_loadb(c.body.len ? c.body.p : "", c.body.len, 0, NULL);
	pem = nt_slice_str(
		json_string_value(json_object_get(json_object_get(root, "data"), "ca.crt")));
	config->ca = pem.len ? nt_arena_copy(&config->arena, pem) : pem;
	return config->ca.len ? 0 : nt_err_set(err, ENOENT, "it has no ca.crt yet");
}

static bool take_authority(struct nt_doctor *d, struct nt_kube_config *config)
{
	struct nt_err err = { 0 };

	if (!d->options->ca_configmap || read_authority(d, config, &err) == 0)
		return true;
	nt_findings_add(
		&d->findings, NT_LEVEL_FAIL, "controller",
		"the controller writes it when it starts: see its log, and manifests for who may "
		"read it",
		"its certificate authority, ConfigMap %s: %s", d->options->ca_configmap, err.msg);
	return false;
}

/* --- the controller --------------------------------------------------------------------------- */

/* A batch of this node's with a number that none has: it is stored nowhere. */
static int put_probe(const struct nt_doctor *d, struct nt_buf *out, struct nt_err *err)
{
	const struct nt_batch probe = { .node = nt_slice_str(d->options->node),
					.spool = NT_SLICE_LIT("doctor"),
					.seq = UINT64_MAX };

	return nt_batch_encode(&probe, out, err);
}

/* 400 says that token and node were looked at, and that it is the number that is not taken. */
static void tell_controller(struct nt_doctor *d, const struct call *c)
{
	const char *controller = d->options->controller;
	int status = c->answer.status;
	char said[256];

	nt_problem_detail(c->answer.body, said, sizeof(said));
	if (status == 400 || status == 200 || status == 204)
		nt_findings_add(&d->findings, NT_LEVEL_OK, "controller", "",
				"%s answers and takes the token", controller);
	else if (status == 401)
		nt_findings_add(
			&d->findings, NT_LEVEL_FAIL, "controller",
			"the token is not accepted: compare --token-file with the controller's, "
			"and its audience",
			"%s answers 401%s%s%s", controller, said[0] ? ": " : "", said,
			d->options->token_file ? "" : " (no --token-file)");
	else if (status == 403)
		nt_findings_add(
			&d->findings, NT_LEVEL_FAIL, "controller",
			"the token has to be of this agent's own pod, and --node that pod's node: "
			"in the manifest from the field spec.nodeName",
			"%s answers 403%s%s (--node %s)", controller, said[0] ? ": " : "", said,
			d->options->node);
	else if (status == 0)
		nt_findings_add(
			&d->findings, NT_LEVEL_FAIL, "controller",
			"is it up (kubectl -n nametap get pods), is that its address, does a "
			"NetworkPolicy let this node through? Rows wait in the spool",
			"%.*s", (int)strcspn(c->answer.error.msg, ";"), c->answer.error.msg);
	else
		nt_findings_add(&d->findings,
				status >= 500 || status == 429 ? NT_LEVEL_WARN : NT_LEVEL_FAIL,
				"controller",
				status >= 500 || status == 429
					? "see its log; batches wait and are sent again"
					: "is that the controller's address?",
				"%s answers %d", controller, status);
}

static void look_at_controller(struct nt_doctor *d)
{
	const struct nt_options *o = d->options;
	struct nt_kube_request request = { .method = "POST",
					   .path = "/ingest/v1/batches",
					   .content_type = "application/x-nametap-batch" };
	_cleanup_kube_config_ struct nt_kube_config config = { .arena = NT_ARENA(AUTHORITY_BYTES),
							       .origin = "--controller" };
	_cleanup_(call_done) struct call c = { 0 };
	_cleanup_buf_ struct nt_buf probe = { 0 };
	struct nt_err err = { 0 };

	if (!o->controller) {
		nt_findings_add(&d->findings, NT_LEVEL_WARN, "controller",
				"give --controller, as the agent has it", "not looked at");
		return;
	}
	config.server = o->controller;
	config.token_file = o->token_file;
	config.ca_file = o->ca_file;
	if (!take_authority(d, &config))
		return;
	if (put_probe(d, &probe, &err) < 0) {
		nt_findings_add(&d->findings, NT_LEVEL_FAIL, "controller", "", "%s", err.msg);
		return;
	}
	request.body = nt_slice_mem(probe.p, probe.len);
	if (call(d, &config, &request, &c, &err) < 0) {
		nt_findings_add(&d->findings, NT_LEVEL_FAIL, "controller",
				"the token's file has to be there, with one line", "%s", err.msg);
		return;
	}
	tell_controller(d, &c);
	look_at_clock(d, "controller", &c);
}

void nt_doctor_reach(struct nt_doctor *d)
{
	look_at_api(d);
	look_at_controller(d);
}
