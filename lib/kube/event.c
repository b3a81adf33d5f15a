/* SPDX-License-Identifier: Apache-2.0 */
/* Events as text. */
#include "lib/kube/event.h"

#include "lib/base/cleanup.h"
#include "lib/base/escape.h"
#include "lib/base/json.h"
#include "lib/kube/name.h"

/* Limits of events.k8s.io/v1 (pkg/apis/core/validation/events.go). */
#define INSTANCE_MAX 128
#define NOTE_MAX 1024
#define UID_MAX 128
/* Leaves room for the hash in a name of 253. */
#define STEM_MAX 200

uint64_t nt_kube_event_mix(uint64_t key, struct nt_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		key = (key ^ (unsigned char)s.p[i]) * 0x100000001b3u;
	return (key ^ 0xff) * 0x100000001b3u;
}

static struct nt_slice cut(struct nt_slice s, size_t max)
{
	return s.len > max ? nt_slice_mem(s.p, max) : s;
}

static void write_meta(struct nt_json *j, const struct nt_kube_event *e)
{
	_cleanup_buf_ struct nt_buf name = { 0 };
	struct nt_slice stem = cut(e->stem, STEM_MAX);

	while (stem.len && (stem.p[stem.len - 1] == '-' || stem.p[stem.len - 1] == '.'))
		stem.len--;
	nt_buf_slice(&name, stem);
	nt_buf_putc(&name, '.');
	nt_buf_hex(&name, e->key, 16);
	nt_json_key(j, "metadata");
	nt_json_open(j, '{');
	nt_json_key_str(j, "name", nt_slice_mem(name.p, name.len));
	nt_json_key_str(j, "namespace", e->namespace_);
	nt_json_close(j, '}');
}

static void write_ref(struct nt_json *j, const char *key, const struct nt_kube_ref *ref)
{
	if (!ref->name.len)
		return;
	nt_json_key(j, key);
	nt_json_open(j, '{');
	nt_json_key_str(j, "apiVersion", ref->api_version);
	nt_json_key_str(j, "kind", ref->kind);
	if (ref->namespace_.len)
		nt_json_key_str(j, "namespace", ref->namespace_);
	nt_json_key_str(j, "name", ref->name);
	if (ref->uid.len && ref->uid.len <= UID_MAX)
		nt_json_key_str(j, "uid", ref->uid);
	nt_json_close(j, '}');
}

/* The limit is in octets of UTF-8; escaped it is ASCII, and cut anywhere. */
static void write_note(struct nt_json *j, struct nt_slice text)
{
	_cleanup_buf_ struct nt_buf note = { 0 };

	nt_escape_terminal(&note, text);
	nt_json_key_str(j, "note", cut(nt_slice_mem(note.p, note.len), NOTE_MAX));
}

int nt_kube_event_format(const struct nt_kube_event *e, struct nt_buf *out)
{
	struct nt_json j = NT_JSON(out);

	if (!nt_kube_is_label(e->namespace_) || !nt_kube_is_subdomain(e->stem))
		return -EINVAL;
	nt_json_open(&j, '{');
	nt_json_key_str(&j, "apiVersion", NT_SLICE_LIT("events.k8s.io/v1"));
	nt_json_key_str(&j, "kind", NT_SLICE_LIT("Event"));
	write_meta(&j, e);
	nt_json_key_time(&j, "eventTime", e->time_us);
	nt_json_key_str(&j, "type", e->type);
	nt_json_key_str(&j, "reason", e->reason);
	nt_json_key_str(&j, "action", e->action);
	nt_json_key_str(&j, "reportingController", e->controller);
	nt_json_key_str(&j, "reportingInstance", cut(e->instance, INSTANCE_MAX));
	write_ref(&j, "regarding", &e->regarding);
	write_ref(&j, "related", &e->related);
	write_note(&j, e->note);
	nt_json_close(&j, '}');
	return nt_buf_ok(out) ? 0 : -ENOMEM;
}

void nt_kube_event_path(struct nt_slice namespace_, bool core, struct nt_buf *out)
{
	nt_buf_printf(out, "%s/namespaces/%.*s/events", core ? "/api/v1" : "/apis/events.k8s.io/v1",
		      NT_SLICE_ARG(namespace_));
}

bool nt_kube_event_to_core(json_t *event)
{
	static const char *const names[][2] = {
		{ "regarding", "involvedObject" },
		{ "note", "message" },
		{ "reportingController", "reportingComponent" },
	};

	for (size_t i = 0; i < NT_ARRAY_LEN(names); i++) {
		json_t *borrowed_value = json_object_get(event, names[i][0]);

		if (json_object_set(event, names[i][1], borrowed_value) < 0 ||
		    json_object_del(event, names[i][0]) < 0)
			return false;
	}
	return json_object_set_new(event, "apiVersion", json_string("v1")) == 0;
}

enum nt_kube_event_fate nt_kube_event_fate(const struct nt_kube_answer *answer)
{
	struct nt_kube_status said;
	int status = answer->status;
	bool by_api = nt_kube_status_parse(answer->body, &said);

	if (status >= 200 && status < 300)
		return NT_KUBE_EVENT_TAKEN;
	if (status == 409)
		return NT_KUBE_EVENT_KNOWN;
	if (status == 404)
		return by_api ? NT_KUBE_EVENT_GONE : NT_KUBE_EVENT_ABSENT;
	if (status == 403 && by_api && strstr(said.message, "being terminated"))
		return NT_KUBE_EVENT_GONE;
	if (status == 0 || status == 401 || status == 403 || status == 408 || status == 429 ||
	    status >= 500)
		return NT_KUBE_EVENT_LATER;
	return NT_KUBE_EVENT_NEVER;
}
