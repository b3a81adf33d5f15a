/* SPDX-License-Identifier: Apache-2.0 */
/* Lists in ConfigMaps of our namespace, from the Kubernetes API. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>

#include "controller/feeds/inside.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/escape.h"
#include "lib/kube/name.h"

/* An object of a MiB, each octet of which JSON may write as two. */
#define OBJECT_BYTES_MAX ((size_t)4 << 20)

/* The worker has it, or will: what was asked is of no use. The lock is held. */
static bool is_taken(const struct nt_feeds_entry *e)
{
	return e->gone || e->busy || e->next_spec || !e->spec;
}

static void fail(struct nt_feeds_entry *e, const char *fmt, ...) NT_PRINTF(2, 3);
static void fail(struct nt_feeds_entry *e, const char *fmt, ...)
{
	char why[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	nt_escape_ascii(why);
	nt_feeds_looked(e, why);
}

/* --- the answer ------------------------------------------------------------------------------- */

static void give(struct nt_feeds_entry *e, const json_t *text, const char *version)
{
	if (e->names && !e->other_origin && version[0] && strcmp(e->memo.etag, version) == 0) {
		e->unchanged++;
		nt_feeds_looked(e, NULL);
		return;
	}
	nt_buf_reset(&e->configmap);
	nt_buf_add(&e->configmap, json_string_value(text), json_string_length(text));
	snprintf(e->version, sizeof(e->version), "%s", version);
	e->given = nt_buf_ok(&e->configmap);
	if (e->given) {
		pthread_cond_signal(&e->feeds->wake);
	} else {
		nt_buf_done(&e->configmap);
		fail(e, "no memory for its list");
	}
}

static void take(struct nt_feeds_entry *e, const struct nt_kube_answer *answer,
		 const json_t *object)
{
	const struct nt_feed_spec *s = e->spec;
	const json_t *text =
		json_object_getn(json_object_get(object, "data"), s->key.p, s->key.len);
	const char *version = json_string_value(
		json_object_get(json_object_get(object, "metadata"), "resourceVersion"));

	if (answer->status != 200)
		fail(e, "its ConfigMap: %.200s", answer->error.msg);
	else if (json_is_string(text))
		give(e, text, version ?: "");
	else
		fail(e, "the ConfigMap %.*s has no text under the key %.*s in its data",
		     NT_SLICE_ARG(s->where), NT_SLICE_ARG(s->key));
}

static void on_answer(void *ctx, const struct nt_kube_answer *answer)
{
	json_auto_t *object =
		json_loadb(answer->body.len ? answer->body.p : "", answer->body.len, 0, NULL);
	struct nt_feeds_entry *e = ctx;

	e->call = NULL;
	pthread_mutex_lock(&e->feeds->lock);
	if (!is_taken(e))
		take(e, answer, object);
	pthread_mutex_unlock(&e->feeds->lock);
}

/* --- the question ----------------------------------------------------------------------------- */

static void ask(struct nt_feeds_entry *e)
{
	struct nt_kube *kube = e->feeds->config.kube;
	struct nt_kube_request request = { .method = "GET", .max_bytes = OBJECT_BYTES_MAX };
	struct nt_err err = { 0 };
	struct nt_kube_name name;
	char path[640];

	if (!kube) {
		fail(e, "a ConfigMap needs the Kubernetes API; without it there are file and url");
		return;
	}
	if (nt_kube_name_or(NULL, nt_kube_config(kube)->namespace_, e->spec->where.p, &name) < 0) {
		fail(e, "its ConfigMap: no name of one in our namespace");
		return;
	}
	snprintf(path, sizeof(path), "/api/v1/namespaces/%s/configmaps/%s", name.namespace_,
		 name.name);
	request.path = path;
	if (nt_kube_send(kube, &request, on_answer, e, &e->call, &err) < 0)
		fail(e, "its ConfigMap: %.200s", err.msg);
}

static bool is_due(const struct nt_feeds_entry *e)
{
	return !is_taken(e) && !e->call && e->kept_tried && !e->given &&
	       e->spec->source == NT_FEED_CONFIGMAP &&
	       e->due_us <= nt_clock_boot_now() / NT_NS_PER_US;
}

void nt_feeds_ask(struct nt_feeds *f)
{
	pthread_mutex_lock(&f->lock);
	for (size_t i = 0; i < f->entries_len; i++)
		if (is_due(f->entries[i]))
			ask(f->entries[i]);
	pthread_mutex_unlock(&f->lock);
}
