/* SPDX-License-Identifier: Apache-2.0 */
/* Notices as Kubernetes Events. */
#include "controller/notify/kubeevents.h"

#include <stdio.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/escape.h"
#include "lib/kube/event.h"

/* A call to the API, of which there are up to three. */
#define TIMEOUT_NS (10 * NT_NS_PER_S)
#define ANSWER_BYTES_MAX ((size_t)64 << 10)
/* How often somebody looks whether we are to end. */
#define LOOK_NS (200 * NT_NS_PER_MS)

/* --- the text --------------------------------------------------------------------------------- */

static uint64_t key_of(const struct nt_store_notice *n)
{
	uint64_t key = NT_KUBE_EVENT_KEY;

	key = nt_kube_event_mix(key, n->event.rule);
	key = nt_kube_event_mix(key, n->event.group);
	key = nt_kube_event_mix(key, nt_slice_mem(&n->event.first_seen_us,
						  sizeof(n->event.first_seen_us)));
	return nt_kube_event_mix(key, n->change == NT_STORE_RESOLVED ? NT_SLICE_LIT("resolved")
								     : NT_SLICE_LIT("opened"));
}

static void put_note(const struct nt_store_event *e, struct nt_buf *out)
{
	nt_buf_printf(out, "%.*s: %.*s", NT_SLICE_ARG(e->rule), NT_SLICE_ARG(e->summary));
	if (e->metric.len) {
		nt_buf_printf(out, "; %.*s ", NT_SLICE_ARG(e->metric));
		nt_buf_double(out, e->value);
		nt_buf_puts(out, ", threshold ");
		nt_buf_double(out, e->threshold);
	}
	if (e->query.len)
		nt_buf_printf(out, "; rows: %.*s", NT_SLICE_ARG(e->query));
}

static struct nt_slice member(const json_t *group, const char *key)
{
	const char *text = json_string_value(json_object_get(group, key));

	return nt_slice_str(text ? text : "");
}

/* False: the object is not there. */
static bool find(const struct nt_shape *shape, struct nt_kube_ref *ref, char uid[NT_SHAPE_UID_SIZE])
{
	bool there = shape->uid_fn &&
		     shape->uid_fn(shape->uid_ctx, ref->kind, ref->namespace_, ref->name, uid);

	ref->uid = nt_slice_str(there ? uid : "");
	return there;
}

static bool write_one(const struct nt_kube_event *e, struct nt_json *j)
{
	_cleanup_buf_ struct nt_buf text = { 0 };

	if (nt_kube_event_format(e, &text) < 0)
		return false;
	nt_json_value(j);
	nt_buf_slice(j->out, nt_slice_mem(text.p, text.len));
	return true;
}

/* The alert's Event, and the same regarding the pod, which `kubectl describe pod` looks for. */
static void write_both(struct nt_kube_event *e, const struct nt_kube_ref *alert,
		       const struct nt_kube_ref *pod, struct nt_json *j)
{
	e->namespace_ = NT_SLICE_LIT("default");
	e->stem = alert->name;
	e->regarding = *alert;
	e->related = *pod;
	if (!write_one(e, j) || !pod->name.len)
		return;
	e->namespace_ = pod->namespace_;
	e->stem = pod->name;
	e->regarding = *pod;
	e->related = *alert;
	(void)write_one(e, j);
}

/* But for what it is about. note, host: for what it borrows. */
static struct nt_kube_event event_of(const struct nt_store_notice *n, struct nt_buf *note,
				     char host[256])
{
	bool ended = n->change == NT_STORE_RESOLVED, test = !n->event.id;
	struct nt_kube_event e = {
		.key = key_of(n),
		.time_us = ended ? n->event.resolved_us : n->event.first_seen_us,
		.type = ended || test ? NT_SLICE_LIT("Normal") : NT_SLICE_LIT("Warning"),
		.reason = test	  ? NT_SLICE_LIT("ReceiverTest")
			  : ended ? NT_SLICE_LIT("AlertResolved")
				  : NT_SLICE_LIT("AlertOpened"),
		.action = NT_SLICE_LIT("Evaluate"),
		.controller = NT_SLICE_LIT("nametap.io/controller"),
	};

	if (gethostname(host, 255) < 0 || !host[0])
		snprintf(host, 256, "nametap-controller");
	e.instance = nt_slice_str(host);
	put_note(&n->event, note);
	e.note = nt_slice_mem(note->p, note->len);
	return e;
}

void nt_kubeevents_write(const struct nt_shape *shape, const struct nt_store_notice *n,
			 struct nt_json *j)
{
	json_auto_t *group =
		json_loadb(n->event.group.len ? n->event.group.p : "", n->event.group.len, 0, NULL);
	char alert_uid[NT_SHAPE_UID_SIZE], pod_uid[NT_SHAPE_UID_SIZE], host[256] = "";
	_cleanup_buf_ struct nt_buf note = { 0 };
	struct nt_kube_event e = event_of(n, &note, host);
	struct nt_kube_ref alert = { .api_version = NT_SLICE_LIT("nametap.io/v1alpha1"),
				     .kind = NT_SLICE_LIT("GlobalAlert"),
				     .name = n->event.rule };
	struct nt_kube_ref pod = { .api_version = NT_SLICE_LIT("v1"),
				   .kind = NT_SLICE_LIT("Pod"),
				   .namespace_ = member(group, "client_namespace"),
				   .name = member(group, "client_name") };

	(void)find(shape, &alert, alert_uid);
	if (!pod.namespace_.len || !find(shape, &pod, pod_uid))
		pod.name = (struct nt_slice){ 0 };
	nt_json_open(j, '[');
	write_both(&e, &alert, &pod, j);
	nt_json_close(j, ']');
}

/* --- the API ---------------------------------------------------------------------------------- */

struct sending {
	struct nt_loop *loop;
	struct nt_kube *kube;
	const atomic_bool *stop;
	struct nt_send_result *result;
	bool core; /* there is no events.k8s.io */
	bool old; /* what regards no namespace is taken in kube-system only */
};

static void look(void *ctx)
{
	struct sending *s = ctx;

	if (atomic_load(s->stop))
		nt_loop_stop(s->loop);
}

static void done(struct sending *s)
{
	nt_kube_close(s->kube);
	nt_loop_free(s->loop);
}

static int open_api(struct sending *s, const char *kubeconfig, struct nt_err *err)
{
	_cleanup_kube_config_ struct nt_kube_config config = { 0 };
	int r = nt_kube_config_find(kubeconfig, &config, err);

	if (r == 0)
		r = nt_err_set(err, ENOENT, "there is no Kubernetes API");
	if (r > 0)
		r = nt_loop_new(&s->loop, err);
	if (r == 0)
		r = nt_kube_open(&config, s->loop, "nametap-controller", &s->kube, err);
	if (r == 0 && !nt_loop_timer_new(s->loop, LOOK_NS, look, s, err))
		r = -err->code;
	return r;
}

static int post(struct sending *s, const json_t *event, struct nt_kube_answer *answer,
		struct nt_buf *answer_body, struct nt_err *err)
{
	const char *ns =
		json_string_value(json_object_get(json_object_get(event, "metadata"), "namespace"));
	struct nt_kube_request request = { .method = "POST",
					   .timeout_ns = TIMEOUT_NS,
					   .max_bytes = ANSWER_BYTES_MAX };
	_cleanup_buf_ struct nt_buf path = { 0 };
	char *text = json_dumps(event, JSON_COMPACT);
	int r;

	nt_kube_event_path(nt_slice_str(ns ? ns : ""), s->core, &path);
	request.path = nt_buf_str(&path);
	request.body = nt_slice_str(text ? text : "");
	*answer = (struct nt_kube_answer){ 0 };
	if (text && nt_buf_ok(&path))
		r = nt_kube_call(s->kube, s->loop, &request, answer, answer_body, err);
	else
		r = nt_err_set(err, ENOMEM, "no memory for an Event");
	free(text);
	return r;
}

static void explain(struct nt_send_result *result, const struct nt_kube_answer *answer)
{
	result->status = answer->status;
	result->outcome = nt_retry_outcome(answer->status);
	result->retry_after_ns = answer->retry_after_ns;
	snprintf(result->why, sizeof(result->why), "%.255s",
		 answer->error.msg[0] ? answer->error.msg : "the controller ends");
	nt_escape_ascii(result->why);
}

static enum nt_kube_event_fate tell(struct sending *s, json_t *event, struct nt_kube_answer *answer)
{
	_cleanup_buf_ struct nt_buf body = { 0 };
	enum nt_kube_event_fate fate = NT_KUBE_EVENT_LATER;
	struct nt_err err = { 0 };

	if (s->core && !nt_kube_event_to_core(event))
		nt_err_set(&err, ENOMEM, "no memory for an Event");
	else if (post(s, event, answer, &body, &err) == 0)
		fate = nt_kube_event_fate(answer);
	answer->body = (struct nt_slice){ 0 };
	if (err.msg[0])
		*answer = (struct nt_kube_answer){ .error = err };
	return fate;
}

static void move(json_t *event, const char *namespace_)
{
	(void)json_object_set_new(json_object_get(event, "metadata"), "namespace",
				  json_string(namespace_));
}

/* False: the notice is to be told again. What the pod's namespace does not take is left out, with a
 * word: the alert's Event is there, and others are not to wait for that. */
static bool tell_one(struct sending *s, json_t *event, bool of_pod)
{
	struct nt_kube_answer answer = { 0 };
	enum nt_kube_event_fate fate = tell(s, event, &answer);

	if (fate == NT_KUBE_EVENT_ABSENT && !s->core) {
		s->core = true;
		fate = tell(s, event, &answer);
	}
	/* As 1.20 does, when there is an eventTime. */
	if (fate == NT_KUBE_EVENT_NEVER && answer.status == 422 && !of_pod && !s->old) {
		s->old = true;
		move(event, "kube-system");
		fate = tell(s, event, &answer);
	}
	if (fate == NT_KUBE_EVENT_TAKEN || fate == NT_KUBE_EVENT_KNOWN ||
	    (of_pod && fate == NT_KUBE_EVENT_GONE))
		return true;
	explain(s->result, &answer);
	return of_pod && (fate == NT_KUBE_EVENT_NEVER || answer.status == 403);
}

void nt_kubeevents_send(const char *kubeconfig, struct nt_slice body, const atomic_bool *stop,
			struct nt_send_result *ret_result)
{
	_cleanup_(done) struct sending s = { .stop = stop, .result = ret_result };
	json_auto_t *events = json_loadb(body.p, body.len, 0, NULL);
	struct nt_kube_answer none = { 0 };

	*ret_result = (struct nt_send_result){ .outcome = NT_OUTCOME_FAILED };
	if (open_api(&s, kubeconfig, &none.error) < 0) {
		explain(ret_result, &none);
		return;
	}
	if (!json_array_size(events)) { /* the API gives names that may be used, a folder any */
		ret_result->outcome = NT_OUTCOME_REFUSED;
		snprintf(ret_result->why, sizeof(ret_result->why),
			 "the rule's name is none that the Kubernetes API takes");
		return;
	}
	for (size_t i = 0; i < json_array_size(events); i++)
		if (!tell_one(&s, json_array_get(events, i), i > 0))
			return;
	ret_result->status = 201;
	ret_result->outcome = NT_OUTCOME_DELIVERED;
}
