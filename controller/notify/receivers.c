/* SPDX-License-Identifier: Apache-2.0 */
/* The file of --receivers. */
#include "controller/notify/receivers.h"

#include <fcntl.h>
#include <stdio.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/nearest.h"
#include "lib/base/parse.h"
#include "lib/http/fence.h"
#include "lib/objects/fields.h"
#include "lib/objects/yaml.h"

#define FILE_BYTES_MAX (256u << 10)
#define RESEND_NS (60 * NT_NS_PER_S)
/* The Kubernetes API keeps Events for an hour, unless it is told otherwise. */
#define REPOST_NS (1200 * NT_NS_PER_S)
#define GIVE_UP_NS (24 * 3600 * NT_NS_PER_S)
#define DURATION_MAX_NS (720 * 3600 * NT_NS_PER_S)

static const char *const types[NT_RECEIVER_TYPES + 1] = {
	"alertmanager", "webhook", "slack", "jira", "kubernetesEvents", NULL
};

const char *nt_receiver_type_name(enum nt_receiver_type type)
{
	return types[type];
}

void nt_receivers_done(struct nt_receivers *r)
{
	json_decref(r->root);
	*r = (struct nt_receivers){ 0 };
}

/* --- one document ----------------------------------------------------------------------------- */

struct document {
	json_t *root;
	size_t count;
};

static void take_document(void *ctx, json_t *document, size_t line)
{
	struct document *d = ctx;

	(void)line;
	d->count++;
	if (d->root)
		json_decref(document);
	else
		d->root = document;
}

static int read_document(const char *file, json_t **ret_root, struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_yaml_problem problem = { 0 };
	struct document d = { 0 };
	int r = nt_file_read_at(AT_FDCWD, file, FILE_BYTES_MAX, &text, err);

	if (r < 0)
		return r;
	r = nt_yaml_parse(nt_slice_mem(text.p, text.len), take_document, &d, &problem);
	if (r == 0 && d.count == 1 && json_is_object(d.root)) {
		*ret_root = d.root;
		return 0;
	}
	json_decref(d.root);
	if (r == -EBADMSG)
		return nt_err_set(err, EINVAL, "%s:%zu: %s", file, problem.line, problem.msg);
	if (r < 0)
		return nt_err_set(err, ENOMEM, "%s: no memory to read it", file);
	return nt_err_set(err, EINVAL, "%s: one document with the field receivers is wanted", file);
}

/* --- fields ----------------------------------------------------------------------------------- */

/* Where we are, for messages; the first mistake stays. */
struct reading {
	const char *file;
	size_t index; /* of the receiver, from 1; 0: at the top */
	struct nt_err *err;
	bool failed;
};

static void refuse(struct reading *at, const char *field, const char *fmt, ...) NT_PRINTF(3, 4);
static void refuse(struct reading *at, const char *field, const char *fmt, ...)
{
	char what[300], where[48] = "";
	va_list ap;

	if (at->failed)
		return;
	at->failed = true;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	if (at->index)
		snprintf(where, sizeof(where), "receivers[%zu].", at->index - 1);
	nt_err_set(at->err, EINVAL, "%.150s: %s%.60s: %s", at->file, where, field, what);
}

static void check_known(struct reading *at, const json_t *object, const char *const *known)
{
	const char *unknown = nt_fields_unknown(object, known);
	const char *near = unknown ? nt_nearest_in(nt_slice_str(unknown), known) : NULL;

	if (unknown)
		refuse(at, unknown, "no such field%s%s%s", near ? "; did you mean " : "",
		       near ? near : "", near ? "?" : "");
}

/* NULL: it is not there. */
static const char *text_of(struct reading *at, const json_t *object, const char *field)
{
	const json_t *value = json_object_get(object, field);

	if (!value)
		return NULL;
	if (json_is_string(value) && json_string_length(value) &&
	    strlen(json_string_value(value)) == json_string_length(value))
		return json_string_value(value);
	refuse(at, field, "a text is wanted");
	return NULL;
}

static int64_t duration_of(struct reading *at, const json_t *object, const char *field,
			   int64_t otherwise)
{
	const char *text = text_of(at, object, field);
	int64_t ns;

	if (!text)
		return otherwise;
	if (nt_parse_duration_ns(nt_slice_str(text), &ns) == 0 && ns >= NT_NS_PER_S &&
	    ns <= DURATION_MAX_NS)
		return ns;
	refuse(at, field, "a duration of 1s to 720h is wanted, as 30s or 24h");
	return otherwise;
}

static bool flag_of(struct reading *at, const json_t *object, const char *field)
{
	const json_t *value = json_object_get(object, field);

	if (value && !json_is_boolean(value))
		refuse(at, field, "true or false is wanted");
	return json_is_true(value);
}

static bool is_name(const char *s)
{
	size_t len = strlen(s);

	return len < NT_STORE_RECEIVER_SIZE &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == len && s[0] != '-' &&
	       s[len - 1] != '-';
}

/* --- a receiver ------------------------------------------------------------------------------- */

static void read_name(struct reading *at, const json_t *object, const struct nt_receivers *all,
		      struct nt_receiver *r)
{
	r->name = text_of(at, object, "name");
	if (!r->name || !is_name(r->name)) {
		refuse(at, "name", "lower case letters, digits and - are wanted, at most %d",
		       NT_STORE_RECEIVER_SIZE - 1);
		return;
	}
	for (size_t i = 0; i < all->len; i++)
		if (strcmp(all->at[i].name, r->name) == 0)
			refuse(at, "name", "%s is there twice", r->name);
}

static void read_type(struct reading *at, const json_t *object, struct nt_receiver *r)
{
	const char *text = text_of(at, object, "type");

	for (size_t i = 0; text && i < NT_RECEIVER_TYPES; i++)
		if (strcmp(types[i], text) == 0) {
			r->type = (enum nt_receiver_type)i;
			return;
		}
	refuse(at, "type", "alertmanager, webhook, slack, jira or kubernetesEvents is wanted");
}

static void read_url(struct reading *at, const json_t *object, struct nt_receiver *r)
{
	const char *mistake;

	r->url = text_of(at, object, "url");
	r->url_file = text_of(at, object, "urlFile");
	mistake = r->url ? nt_fence_url_mistake(r->url) : NULL;
	if (mistake)
		refuse(at, "url", "%s", mistake);
	if (!r->url == !r->url_file)
		refuse(at, "url", "one of url and urlFile is wanted");
}

static void read_credentials(struct reading *at, const json_t *object, struct nt_receiver *r)
{
	r->secret_file = text_of(at, object, "secretFile");
	r->token_file = text_of(at, object, "tokenFile");
	r->basic_auth_file = text_of(at, object, "basicAuthFile");
	r->ca_file = text_of(at, object, "caFile");
	if (r->secret_file && r->type != NT_RECEIVER_WEBHOOK)
		refuse(at, "secretFile", "only a webhook is signed");
	if (r->token_file && r->basic_auth_file)
		refuse(at, "basicAuthFile", "tokenFile says already who we are");
}

static void read_jira(struct reading *at, const json_t *object, struct nt_receiver *r)
{
	r->project = text_of(at, object, "project");
	r->issue_type = text_of(at, object, "issueType");
	if (r->type == NT_RECEIVER_JIRA && !r->project)
		refuse(at, "project", "the key of a project is wanted, as OPS");
	if (r->type != NT_RECEIVER_JIRA && (r->project || r->issue_type))
		refuse(at, r->project ? "project" : "issueType", "only jira has this");
	if (!r->issue_type)
		r->issue_type = "Task";
}

/* Where the API is and who we are there is said by the command line alone. */
static void read_place(struct reading *at, const json_t *object, struct nt_receiver *r)
{
	static const char *const others[] = { "url",	"urlFile",	 "secretFile", "tokenFile",
					      "caFile", "basicAuthFile", "allowLocal", NULL };

	if (r->type != NT_RECEIVER_KUBERNETES_EVENTS) {
		read_url(at, object, r);
		read_credentials(at, object, r);
		return;
	}
	for (size_t i = 0; others[i]; i++)
		if (json_object_get(object, others[i]))
			refuse(at, others[i],
			       "kubernetesEvents go to the API of --kubeconfig, or of the pod");
}

static void read_receiver(struct reading *at, const json_t *object, struct nt_receivers *all)
{
	static const char *const known[] = {
		"name",	     "type",	       "url",		"urlFile",    "secretFile",
		"tokenFile", "caFile",	       "basicAuthFile", "allowLocal", "project",
		"issueType", "resendInterval", "giveUpAfter",	NULL
	};
	struct nt_receiver r = { 0 };

	if (!json_is_object(object)) {
		refuse(at, "", "a mapping with name, type and url is wanted");
		return;
	}
	check_known(at, object, known);
	read_name(at, object, all, &r);
	read_type(at, object, &r);
	read_place(at, object, &r);
	read_jira(at, object, &r);
	r.allow_local = flag_of(at, object, "allowLocal");
	r.resend_ns = duration_of(at, object, "resendInterval",
				  r.type == NT_RECEIVER_KUBERNETES_EVENTS ? REPOST_NS : RESEND_NS);
	r.give_up_ns = duration_of(at, object, "giveUpAfter", GIVE_UP_NS);
	if (r.type != NT_RECEIVER_ALERTMANAGER && r.type != NT_RECEIVER_KUBERNETES_EVENTS &&
	    json_object_get(object, "resendInterval"))
		refuse(at, "resendInterval",
		       "only an Alertmanager and the Kubernetes API are told again");
	all->at[all->len++] = r;
}

static void read_all(struct reading *at, struct nt_receivers *all)
{
	static const char *const known[] = { "externalURL", "receivers", NULL };
	const json_t *list = json_object_get(all->root, "receivers");
	const char *mistake;

	check_known(at, all->root, known);
	all->external_url = text_of(at, all->root, "externalURL");
	mistake = all->external_url ? nt_fence_url_mistake(all->external_url) : NULL;
	if (!mistake && all->external_url &&
	    (strpbrk(all->external_url, "?#") ||
	     all->external_url[strlen(all->external_url) - 1] != '/'))
		mistake = "it ends with a slash, as https://nametap.example.com/";
	if (mistake)
		refuse(at, "externalURL", "%s", mistake);
	if (!json_is_array(list))
		refuse(at, "receivers", "a list is wanted");
	else if (json_array_size(list) > NT_STORE_RECEIVERS_MAX)
		refuse(at, "receivers", "at most %d", NT_STORE_RECEIVERS_MAX);
	for (size_t i = 0; i < json_array_size(list) && !at->failed; i++) {
		at->index = i + 1;
		read_receiver(at, json_array_get(list, i), all);
	}
}

int nt_receivers_read(const char *file, struct nt_receivers *ret_receivers, struct nt_err *err)
{
	struct reading at = { .file = file, .err = err };
	struct nt_receivers all = { 0 };
	int r = read_document(file, &all.root, err);

	if (r < 0)
		return r;
	read_all(&at, &all);
	if (at.failed) {
		nt_receivers_done(&all);
		return -EINVAL;
	}
	*ret_receivers = all;
	return 0;
}
