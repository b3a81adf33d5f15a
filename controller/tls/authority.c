/* SPDX-License-Identifier: Apache-2.0 */
/* The authority in the cluster: read or make, sign, publish, and so again. */
#include "controller/tls/authority.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "controller/tls/cert.h"
#include "lib/base/base64.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"

#define LOOK_NS (300 * NT_NS_PER_S)
#define PAUSE_MIN_NS NT_NS_PER_S
#define PAUSE_MAX_NS (60 * NT_NS_PER_S)
/* Its end is said in the log for the year before. */
#define WARN_S (365LL * 86400)
#define OBJECT_BYTES_MAX ((size_t)2 << 20)

struct nt_authority {
	struct nt_authority_config config;
	struct nt_timer *timer;
	struct nt_cert ca; /* cert.len 0: not read yet */
	struct nt_cert offered; /* what we ask the API to keep, until it has answered */
	int64_t pause_ns; /* of the next attempt; 0: the last one went well */
	bool must_sign; /* the certificate in use is not of this authority */
	bool warned; /* of its end */
};

static int64_t now_s(const struct nt_authority *a)
{
	return nt_clock_real(a->config.clock) / NT_NS_PER_S;
}

static struct nt_slice slice_of(const struct nt_buf *b)
{
	return nt_slice_mem(b->p, b->len);
}

/* --- the course of one look ------------------------------------------------------------------- */

static void failed(struct nt_authority *a, const char *what, const char *why)
{
	if (!a->pause_ns)
		nt_log_warn("certificates: %s: %s; trying again%s", what, why,
			    nt_tls_ends_s(a->config.tls) ? "" : ", agents cannot upload meanwhile");
	a->pause_ns = a->pause_ns ? a->pause_ns * 2 : PAUSE_MIN_NS;
	if (a->pause_ns > PAUSE_MAX_NS)
		a->pause_ns = PAUSE_MAX_NS;
	nt_loop_timer_set(a->timer, a->pause_ns);
}

static void finished(struct nt_authority *a)
{
	if (a->pause_ns)
		nt_log_info("certificates: all is well again");
	a->pause_ns = 0;
	nt_loop_timer_set(a->timer, LOOK_NS);
}

static void ask(struct nt_authority *a, const char *method, const char *path, const json_t *body,
		nt_kube_fn *fn)
{
	struct nt_kube_request request = { .method = method,
					   .path = path,
					   .max_bytes = OBJECT_BYTES_MAX };
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	struct nt_err err = { 0 };
	int r = body && !text ? nt_err_set(&err, ENOMEM, "no memory") : 0;

	if (text)
		request.body = nt_slice_str(text);
	if (r == 0)
		r = nt_kube_send(a->config.kube, &request, fn, a, NULL, &err);
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
	if (r < 0)
		failed(a, "the API", err.msg);
}

/* namespaces/NS/KIND, and /NAME for an object that is there. */
static void ask_for(struct nt_authority *a, const char *method, const char *kind,
		    const struct nt_kube_name *name, bool itself, const json_t *body,
		    nt_kube_fn *fn)
{
	char path[512];

	snprintf(path, sizeof(path), "/api/v1/namespaces/%s/%s%s%s", name->namespace_, kind,
		 itself ? "/" : "", itself ? name->name : "");
	ask(a, method, path, body, fn);
}

/* --- the ConfigMap ---------------------------------------------------------------------------- */

static void on_published(void *ctx, const struct nt_kube_answer *answer)
{
	struct nt_authority *a = ctx;

	/* 409: another replica, which publishes the same; the next look sees. */
	if (answer->status != 200 && answer->status != 201 && answer->status != 409)
		failed(a, "the ConfigMap", answer->error.msg);
	else
		finished(a);
}

static void create_configmap(struct nt_authority *a)
{
	const struct nt_kube_name *n = &a->config.configmap;
	json_auto_t *body = json_pack("{s:s, s:s, s:{s:s, s:s}, s:{s:s}}", "apiVersion", "v1",
				      "kind", "ConfigMap", "metadata", "name", n->name, "namespace",
				      n->namespace_, "data", "ca.crt", nt_buf_str(&a->ca.cert));

	ask_for(a, "POST", "configmaps", n, false, body, on_published);
}

/* The object as it came with our value in it, so that its version is held and the rest stays. */
static void update_configmap(struct nt_authority *a, json_t *object)
{
	json_t *borrowed_data = json_object_get(object, "data");

	if (!json_is_object(borrowed_data)) {
		borrowed_data = json_object();
		if (json_object_set_new(object, "data", borrowed_data) < 0) {
			failed(a, "the ConfigMap", "no memory");
			return;
		}
	}
	if (json_object_set_new(borrowed_data, "ca.crt", json_string(nt_buf_str(&a->ca.cert))) < 0)
		failed(a, "the ConfigMap", "no memory");
	else
		ask_for(a, "PUT", "configmaps", &a->config.configmap, true, object, on_published);
}

static void on_configmap(void *ctx, const struct nt_kube_answer *answer)
{
	struct nt_authority *a = ctx;
	json_auto_t *object = NULL;
	const char *there;

	if (answer->status == 404) {
		create_configmap(a);
		return;
	}
	if (answer->status != 200) {
		failed(a, "the ConfigMap", answer->error.msg);
		return;
	}
	object = json_loadb(answer->body.p, answer->body.len, 0, NULL);
	if (!json_is_object(object)) {
		failed(a, "the ConfigMap", "the API's answer is no object");
		return;
	}
	there = json_string_value(json_object_get(json_object_get(object, "data"), "ca.crt"));
	if (there && strcmp(there, nt_buf_str(&a->ca.cert)) == 0)
		finished(a);
	else
		update_configmap(a, object);
}

/* --- the server's certificate ----------------------------------------------------------------- */

static void say_end(struct nt_authority *a)
{
	if (a->warned || a->ca.ends_s - now_s(a) > WARN_S)
		return;
	a->warned = true;
	nt_log_warn("the certificate authority in the Secret %s/%s ends in %lld days: delete the "
		    "Secret and restart the controller, it makes another one",
		    a->config.secret.namespace_, a->config.secret.name,
		    (long long)((a->ca.ends_s - now_s(a)) / 86400));
}

static int sign(struct nt_authority *a, struct nt_err *err)
{
	const char *ns = a->config.secret.namespace_;
	_cleanup_cert_ struct nt_cert server = { 0 };
	char ours[512];
	int r;

	snprintf(ours, sizeof(ours),
		 "nametap-controller.%s.svc,nametap-controller.%s,nametap-controller,"
		 "nametap-controller.%s.svc.cluster.local,localhost,127.0.0.1,::1",
		 ns, ns, ns);
	r = nt_cert_make_server(&a->ca, a->config.names ? a->config.names : ours, now_s(a), &server,
				err);
	if (r == 0)
		r = nt_tls_set(a->config.tls, slice_of(&server.cert), slice_of(&server.key), err);
	if (r == 0)
		nt_log_info("certificates: one of our own for %lld days",
			    (long long)((server.ends_s - now_s(a)) / 86400));
	return r;
}

/* One that ends with its authority is the longest that there can be. */
static bool wants_certificate(const struct nt_authority *a)
{
	int64_t ends_s = nt_tls_ends_s(a->config.tls);

	return a->must_sign || (ends_s - now_s(a) < NT_CERT_RENEW_S && ends_s < a->ca.ends_s);
}

/* Published is only an authority whose certificate is in use. */
static void have_authority(struct nt_authority *a)
{
	struct nt_err err = { 0 };

	say_end(a);
	if (wants_certificate(a) && sign(a, &err) < 0) {
		failed(a, "signing", err.msg);
		return;
	}
	a->must_sign = false;
	ask_for(a, "GET", "configmaps", &a->config.configmap, true, NULL, on_configmap);
}

/* --- the Secret ------------------------------------------------------------------------------- */

static void look(void *ctx);

static void take_authority(struct nt_authority *a, struct nt_cert *ca)
{
	bool fresh = !nt_slice_eq(slice_of(&a->ca.cert), slice_of(&ca->cert));

	nt_cert_done(&a->ca);
	a->ca = *ca;
	*ca = (struct nt_cert){ 0 };
	a->warned &= !fresh;
	a->must_sign |= fresh;
	have_authority(a);
}

static void on_kept(void *ctx, const struct nt_kube_answer *answer)
{
	struct nt_authority *a = ctx;

	if (answer->status == 201) {
		nt_log_info("certificates: a new authority is in the Secret %s/%s",
			    a->config.secret.namespace_, a->config.secret.name);
		take_authority(a, &a->offered);
	} else if (answer->status == 409) { /* another replica was first: its authority is ours */
		nt_cert_done(&a->offered);
		look(a);
	} else {
		failed(a, "the Secret", answer->error.msg);
	}
}

/* The one that we have, when somebody deleted the Secret: agents know it. Another one when its time
 * is over. */
static int offer(struct nt_authority *a, struct nt_err *err)
{
	int r = -EBADMSG;

	nt_cert_done(&a->offered);
	if (a->ca.cert.len)
		r = nt_cert_read_authority(slice_of(&a->ca.cert), slice_of(&a->ca.key), now_s(a),
					   &a->offered, err);
	return r != -EBADMSG ? r : nt_cert_make_authority(now_s(a), &a->offered, err);
}

static void create_secret(struct nt_authority *a)
{
	const struct nt_kube_name *n = &a->config.secret;
	struct nt_err err = { 0 };
	json_t *body;

	if (offer(a, &err) < 0) {
		failed(a, "making an authority", err.msg);
		return;
	}
	body = json_pack("{s:s, s:s, s:s, s:{s:s, s:s}, s:{s:s, s:s}}", "apiVersion", "v1", "kind",
			 "Secret", "type", "kubernetes.io/tls", "metadata", "name", n->name,
			 "namespace", n->namespace_, "stringData", "tls.crt",
			 nt_buf_str(&a->offered.cert), "tls.key", nt_buf_str(&a->offered.key));
	if (body)
		ask_for(a, "POST", "secrets", n, false, body, on_kept);
	else
		failed(a, "the Secret", "no memory");
	json_decref(body);
}

static int decode(const json_t *object, const char *key, struct nt_buf *out, struct nt_err *err)
{
	const char *text = json_string_value(json_object_get(json_object_get(object, "data"), key));

	if (!text || nt_base64_decode(nt_slice_str(text), out) < 0 || !out->len)
		return nt_err_set(err, EBADMSG, "it has no %s", key);
	return 0;
}

static int read_secret(struct nt_authority *a, struct nt_slice text, struct nt_cert *ret_ca,
		       struct nt_err *err)
{
	_cleanup_cert_ struct nt_cert raw = { 0 };
	json_auto_t *object = json_loadb(text.p, text.len, 0, NULL);
	int r = decode(object, "tls.crt", &raw.cert, err);

	if (r == 0)
		r = decode(object, "tls.key", &raw.key, err);
	return r < 0 ? r
		     : nt_cert_read_authority(slice_of(&raw.cert), slice_of(&raw.key), now_s(a),
					      ret_ca, err);
}

static void on_secret(void *ctx, const struct nt_kube_answer *answer)
{
	_cleanup_cert_ struct nt_cert ca = { 0 };
	struct nt_authority *a = ctx;
	struct nt_err err = { 0 };

	if (answer->status == 404)
		create_secret(a);
	else if (answer->status != 200)
		failed(a, "the Secret", answer->error.msg);
	else if (read_secret(a, answer->body, &ca, &err) < 0)
		failed(a, "the Secret cannot be used (delete it, and another authority is made)",
		       err.msg);
	else
		take_authority(a, &ca);
}

static void look(void *ctx)
{
	struct nt_authority *a = ctx;

	nt_loop_timer_set(a->timer, 0); /* set again at this look's end */
	ask_for(a, "GET", "secrets", &a->config.secret, true, NULL, on_secret);
}

/* --- life ------------------------------------------------------------------------------------- */

int nt_authority_new(const struct nt_authority_config *config, struct nt_authority **ret_authority,
		     struct nt_err *err)
{
	struct nt_authority *a = calloc(1, sizeof(*a));

	if (!a)
		return nt_err_set(err, ENOMEM, "no memory for certificates");
	a->config = *config;
	a->timer = nt_loop_timer_new(config->loop, 0, look, a, err);
	if (!a->timer) {
		nt_authority_free(a);
		return -err->code;
	}
	look(a);
	*ret_authority = a;
	return 0;
}

void nt_authority_free(struct nt_authority *a)
{
	if (!a)
		return;
	nt_loop_timer_free(a->timer);
	nt_cert_done(&a->ca);
	nt_cert_done(&a->offered);
	free(a);
}
