/* SPDX-License-Identifier: Apache-2.0 */
/* Documents to objects: what each Kubernetes object must have, and what is said when it has not. */
#include "lib/objects/manifest.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/objects/forms.h"

/* Kinds whose scope or group has to be known. A kind that is not here lives in a namespace. */
static const struct kind {
	const char *name, *group; /* group NULL: any */
	bool in_namespace;
} kinds[] = {
	{ "Pod", "", true },
	{ "Service", "", true },
	{ "Endpoints", "", true },
	{ "ConfigMap", "", true },
	{ "Namespace", "", false },
	{ "Node", "", false },
	{ "PersistentVolume", "", false },
	{ "ReplicaSet", "apps", true },
	{ "Deployment", "apps", true },
	{ "StatefulSet", "apps", true },
	{ "DaemonSet", "apps", true },
	{ "Job", "batch", true },
	{ "CronJob", "batch", true },
	{ "EndpointSlice", "discovery.k8s.io", true },
	{ "DNSPolicy", "nametap.io", true },
	{ "ClusterDNSPolicy", "nametap.io", false },
	{ "GlobalAlert", "nametap.io", false },
	{ "GlobalAlert", "projectcalico.org", false }, /* the same spec: rules port as they are */
	{ "DomainFeed", "nametap.io", false },
	{ "ClusterRole", NULL, false },
	{ "ClusterRoleBinding", NULL, false },
	{ "CustomResourceDefinition", NULL, false },
	{ "StorageClass", NULL, false },
	{ "PriorityClass", NULL, false },
	{ "RuntimeClass", NULL, false },
	{ "IngressClass", NULL, false },
	{ "APIService", NULL, false },
	{ "ServiceCIDR", NULL, false },
	{ "MutatingWebhookConfiguration", NULL, false },
	{ "ValidatingWebhookConfiguration", NULL, false },
};

/* Room for one more item, or NULL. */
static void *grow(void *items, size_t len, size_t *cap, size_t size)
{
	size_t want = *cap ? *cap * 2 : 16;
	void *p;

	if (len < *cap)
		return items;
	p = reallocarray(items, want, size);
	if (p)
		*cap = want;
	return p;
}

void nt_manifest_problem(struct nt_manifest *m, size_t line, const char *fmt, ...)
{
	struct nt_yaml_problem *p;
	va_list ap;

	if (m->problems_len > NT_MANIFEST_PROBLEMS_MAX)
		return;
	p = grow(m->problems, m->problems_len, &m->problems_cap, sizeof(*p));
	if (!p)
		return;
	m->problems = p;
	p += m->problems_len++;
	p->line = line;
	if (m->problems_len > NT_MANIFEST_PROBLEMS_MAX)
		fmt = "and more from here on";
	va_start(ap, fmt);
	vsnprintf(p->msg, sizeof(p->msg), fmt, ap);
	va_end(ap);
}

struct parse {
	struct nt_manifest *manifest;
	size_t line;
	bool no_memory;
};

/* A member that has to be a string: empty and a problem when it is not. `what`: its full path. */
static struct nt_slice string_member(struct parse *p, const json_t *object, const char *key,
				     const char *what, bool required)
{
	const json_t *v = json_object_get(object, key);

	if (!v && !required)
		return (struct nt_slice){ 0 };
	if (json_is_string(v) && json_string_length(v))
		return nt_json_slice(v);
	if (required || (!json_is_null(v) && !json_is_string(v)))
		nt_manifest_problem(p->manifest, p->line,
				    v && !json_is_string(v) ? "%s is no string: put it in quotes"
							    : "%s is missing",
				    what);
	return (struct nt_slice){ 0 };
}

/* False when there is a mistake in metadata.labels. */
static bool check_labels(struct parse *p, json_t *metadata)
{
	json_t *labels = json_object_get(metadata, "labels");

	if (!labels || json_is_null(labels))
		return true;
	if (!json_is_object(labels)) {
		nt_manifest_problem(p->manifest, p->line, "metadata.labels is no mapping");
		return false;
	}
	for (void *i = json_object_iter(labels); i; i = json_object_iter_next(labels, i)) {
		if (json_is_string(json_object_iter_value(i)))
			continue;
		nt_manifest_problem(p->manifest, p->line,
				    "metadata.labels.%.100s is no string: put it in quotes",
				    json_object_iter_key(i));
		return false;
	}
	return true;
}

/* "apps/v1" is of group "apps", "v1" of "". */
static struct nt_slice group_of(struct nt_slice api_version)
{
	const char *slash = memchr(api_version.p, '/', api_version.len);

	return nt_slice_mem(api_version.p, slash ? (size_t)(slash - api_version.p) : 0);
}

/* The one of that group, else any of that name. */
static const struct kind *find_kind(struct nt_slice name, struct nt_slice group)
{
	const struct kind *other = NULL;

	for (size_t i = 0; i < NT_ARRAY_LEN(kinds); i++) {
		if (!nt_slice_eq(name, nt_slice_str(kinds[i].name)))
			continue;
		if (!kinds[i].group || nt_slice_eq(group, nt_slice_str(kinds[i].group)))
			return &kinds[i];
		other = &kinds[i];
	}
	return other;
}

/* Fills *head; false when the document is no object that can be taken. */
static bool check_object(struct parse *p, json_t *json, struct nt_compact_head *head)
{
	json_t *metadata = json_object_get(json, "metadata");
	struct nt_slice version = string_member(p, json, "apiVersion", "apiVersion", true);
	const struct kind *kind;

	/* It stands beside the objects, for kubectl -k, and has no name. */
	if (version.len && nt_slice_eq(group_of(version), NT_SLICE_LIT("kustomize.config.k8s.io")))
		return false;
	head->kind = string_member(p, json, "kind", "kind", true);
	head->name = string_member(p, metadata, "name", "metadata.name", true);
	head->namespace_ = string_member(p, metadata, "namespace", "metadata.namespace", false);
	head->uid = string_member(p, metadata, "uid", "metadata.uid", false);
	if (!version.len || !head->kind.len || !head->name.len)
		return false;
	kind = find_kind(head->kind, group_of(version));
	/* A Service of Knative is no Service. */
	if (kind && kind->group && !nt_slice_eq(group_of(version), nt_slice_str(kind->group)))
		return false;
	if (kind && !kind->in_namespace)
		head->namespace_ = (struct nt_slice){ 0 };
	else if (!head->namespace_.len)
		head->namespace_ = NT_SLICE_LIT("default");
	return check_labels(p, metadata);
}

static void add_object(struct parse *p, json_t *json)
{
	struct nt_manifest *m = p->manifest;
	struct nt_manifest_object new = { .line = p->line }, *items;
	struct nt_compact_head head = { 0 };
	size_t problems = m->problems_len;

	if (!check_object(p, json, &head) || m->problems_len > problems)
		return;
	items = grow(m->objects, m->objects_len, &m->objects_cap, sizeof(*items));
	if (items)
		m->objects = items;
	if (!items || nt_compact_new(m->intern, &head, json, &new.compact) < 0) {
		p->no_memory = true;
		return;
	}
	items[m->objects_len++] = new;
}

/* `kind: List` or `kind: PodList` with items. */
static json_t *list_items(json_t *json)
{
	const json_t *kind = json_object_get(json, "kind");
	json_t *items = json_object_get(json, "items");

	return json_is_string(kind) && nt_slice_ends(nt_json_slice(kind), NT_SLICE_LIT("List")) &&
			       json_is_array(items)
		       ? items
		       : NULL;
}

/* A list's items have the list's line; the number helps to find the one that is meant. */
static void name_item(struct nt_manifest *m, size_t index)
{
	struct nt_yaml_problem *last = &m->problems[m->problems_len - 1];
	size_t len = strlen(last->msg);

	snprintf(last->msg + len, sizeof(last->msg) - len, " (item %zu of the list)", index + 1);
}

/* Lists within lists end at NT_YAML_DEPTH_MAX. */
static void take_json(struct parse *p, json_t *json)
{
	json_t *items = list_items(json);

	if (!json_is_object(json)) {
		nt_manifest_problem(p->manifest, p->line,
				    "no object: apiVersion, kind and metadata are expected here");
		return;
	}
	if (!items) {
		add_object(p, json);
		return;
	}
	for (size_t i = 0; i < json_array_size(items); i++) {
		size_t problems = p->manifest->problems_len;

		take_json(p, json_array_get(items, i));
		if (p->manifest->problems_len > problems)
			name_item(p->manifest, i);
	}
}

static void take_document(void *ctx, json_t *document, size_t line)
{
	struct parse *p = ctx;

	p->line = line;
	take_json(p, document);
	json_decref(document);
}

int nt_manifest_parse(struct nt_slice text, enum nt_manifest_syntax syntax,
		      struct nt_manifest *ret_manifest)
{
	struct parse p = { .manifest = ret_manifest };
	struct nt_yaml_problem problem;
	int r;

	if (!ret_manifest->intern) {
		if (nt_intern_new(&ret_manifest->intern) < 0)
			return -ENOMEM;
		ret_manifest->owns_intern = true;
	}
	r = (syntax == NT_MANIFEST_JSON ? nt_yaml_parse_json : nt_yaml_parse)(text, take_document,
									      &p, &problem);
	if (r == -EBADMSG)
		nt_manifest_problem(ret_manifest, problem.line, "%s", problem.msg);
	if (r != -ENOMEM && !p.no_memory)
		return 0;
	nt_manifest_done(ret_manifest);
	return -ENOMEM;
}

void nt_manifest_done(struct nt_manifest *m)
{
	for (size_t i = 0; i < m->objects_len; i++)
		nt_compact_unref(m->objects[i].compact);
	free(m->objects);
	free(m->problems);
	if (m->owns_intern)
		nt_intern_free(m->intern);
	*m = (struct nt_manifest){ 0 };
}
