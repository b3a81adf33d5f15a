/* SPDX-License-Identifier: Apache-2.0 */
/* Lists and watch events of the Kubernetes API. */
#include "lib/objects/page.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/base/escape.h"
#include "lib/objects/forms.h"
#include "lib/objects/prune.h"

/* Tokens are some 100 octets, with the name of an object in them. */
enum { TOKEN_MAX = 4096 };

/* It goes into a URL: what is not as plain as etcd's is not taken. */
static bool take_version(const json_t *metadata, char out[NT_RESOURCE_VERSION_MAX])
{
	struct nt_slice s = nt_json_slice(json_object_get(metadata, "resourceVersion"));

	out[0] = '\0';
	if (!s.len || s.len >= NT_RESOURCE_VERSION_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'z') ||
		      (s.p[i] >= 'A' && s.p[i] <= 'Z') || s.p[i] == '-' || s.p[i] == '_'))
			return false;
	memcpy(out, s.p, s.len);
	out[s.len] = '\0';
	return true;
}

/* Items of a list need not say what they are; objects that are kept whole have to. */
static int say_kind(json_t *item, const struct nt_resource *r)
{
	if (!json_object_get(item, "kind") &&
	    json_object_set_new(item, "kind", json_string(r->object_kind)) < 0)
		return -ENOMEM;
	if (!json_object_get(item, "apiVersion") &&
	    json_object_set_new(item, "apiVersion", json_string(r->api_version)) < 0)
		return -ENOMEM;
	return 0;
}

/* *ret_compact NULL: it is none that can be taken. -ENOMEM. */
static int take_object(json_t *item, const struct nt_resource *r, struct nt_intern *intern,
		       struct nt_compact **ret_compact)
{
	json_t *metadata = json_object_get(item, "metadata");
	struct nt_compact_head head = {
		.kind = nt_slice_str(r->object_kind),
		.name = nt_json_slice(json_object_get(metadata, "name")),
		.uid = nt_json_slice(json_object_get(metadata, "uid")),
	};

	*ret_compact = NULL;
	if (r->in_namespace)
		head.namespace_ = nt_json_slice(json_object_get(metadata, "namespace"));
	if (!head.name.len || (r->in_namespace && !head.namespace_.len))
		return 0;
	if (say_kind(item, r) < 0)
		return -ENOMEM;
	return nt_compact_new(intern, &head, item, ret_compact);
}

static json_t *load(struct nt_slice text, const struct nt_resource *r, struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf pruned = { 0 };
	json_error_t error;
	json_t *root;

	if (nt_form_find(nt_slice_str(r->object_kind))) {
		if (nt_prune(text, &pruned) < 0) {
			nt_err_set(err, EBADMSG, "no JSON: it ends too early");
			return NULL;
		}
		text = nt_slice_mem(nt_buf_str(&pruned), pruned.len);
	}
	root = json_loadb(text.p ? text.p : "", text.len, 0, &error);
	if (!root)
		nt_err_set(err, EBADMSG, "no JSON: %.100s", error.text);
	return root;
}

/* --- pages ------------------------------------------------------------------------------------ */

static int take_items(const json_t *items, const struct nt_resource *r, struct nt_intern *intern,
		      struct nt_page *p)
{
	p->items = calloc(json_array_size(items) + 1, sizeof(*p->items));
	if (!p->items)
		return -ENOMEM;
	for (size_t i = 0; i < json_array_size(items); i++) {
		if (take_object(json_array_get(items, i), r, intern, &p->items[p->len]) < 0)
			return -ENOMEM;
		if (p->items[p->len])
			p->len++;
		else
			p->refused++;
	}
	return 0;
}

int nt_page_parse(struct nt_slice text, const struct nt_resource *resource,
		  struct nt_intern *intern, struct nt_page *ret_page, struct nt_err *err)
{
	json_auto_t *root = load(text, resource, err);
	const json_t *metadata = json_object_get(root, "metadata");
	const json_t *items = json_object_get(root, "items");
	struct nt_slice next = nt_json_slice(json_object_get(metadata, "continue"));
	struct nt_page p = { 0 };

	if (!root)
		return -EBADMSG;
	if (!take_version(metadata, p.resource_version) || next.len > TOKEN_MAX ||
	    (items && !json_is_array(items) && !json_is_null(items)))
		return nt_err_set(err, EBADMSG, "the answer is no list of %ss",
				  resource->object_kind);
	if (next.len)
		p.next = strndup(next.p, next.len);
	if ((next.len && !p.next) || take_items(items, resource, intern, &p) < 0) {
		nt_page_done(&p);
		return nt_err_set(err, ENOMEM, "no memory for a page of %ss",
				  resource->object_kind);
	}
	*ret_page = p;
	return 0;
}

void nt_page_done(struct nt_page *p)
{
	for (size_t i = 0; i < p->len; i++)
		nt_compact_unref(p->items[i]);
	free(p->items);
	free(p->next);
	*p = (struct nt_page){ 0 };
}

/* --- events ----------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	enum nt_event_type type;
} types[] = {
	{ "ADDED", NT_EVENT_PUT },	 { "MODIFIED", NT_EVENT_PUT },
	{ "DELETED", NT_EVENT_DELETED }, { "BOOKMARK", NT_EVENT_BOOKMARK },
	{ "ERROR", NT_EVENT_ERROR },
};

static enum nt_event_type type_of(const json_t *string)
{
	for (size_t i = 0; i < NT_ARRAY_LEN(types); i++)
		if (nt_slice_eq(nt_json_slice(string), nt_slice_str(types[i].name)))
			return types[i].type;
	return NT_EVENT_UNKNOWN;
}

static void take_status(const json_t *status, struct nt_event *e)
{
	const char *message = json_string_value(json_object_get(status, "message"));
	json_int_t code = json_integer_value(json_object_get(status, "code"));

	e->code = code >= 100 && code < 600 ? (int)code : 0;
	snprintf(e->message, sizeof(e->message), "%s", message ? message : "");
	nt_escape_ascii(e->message);
}

int nt_event_parse(struct nt_slice line, const struct nt_resource *resource,
		   struct nt_intern *intern, struct nt_event *ret_event, struct nt_err *err)
{
	json_auto_t *root = load(line, resource, err);
	json_t *object = json_object_get(root, "object");
	struct nt_event e = { .type = type_of(json_object_get(root, "type")) };

	if (!root)
		return -EBADMSG;
	if (!json_is_object(object) || !json_is_string(json_object_get(root, "type")))
		return nt_err_set(err, EBADMSG, "a line of the watch is no event");
	(void)take_version(json_object_get(object, "metadata"), e.resource_version);
	if (e.type == NT_EVENT_ERROR)
		take_status(object, &e);
	if (e.type <= NT_EVENT_DELETED && take_object(object, resource, intern, &e.object) < 0)
		return nt_err_set(err, ENOMEM, "no memory for an event");
	*ret_event = e;
	return 0;
}

void nt_event_done(struct nt_event *e)
{
	nt_compact_unref(e->object);
	e->object = NULL;
}
