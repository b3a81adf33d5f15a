/* SPDX-License-Identifier: Apache-2.0 */
/* What comes from files and servers on the way to the Kubernetes API: kubeconfigs, Status objects,
 * base64, answers about our DaemonSet, tokens, pages of lists, events of watches. */
#include <jansson.h>
#include <stdlib.h>

#include "dataplane/agent/leave.h"
#include "lib/base/base64.h"
#include "lib/base/cleanup.h"
#include "lib/objects/page.h"
#include "lib/objects/prune.h"
#include "lib/kube/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* No uninstall by an answer that does not name the object. */
static void check_leave(struct nt_slice text)
{
	static const int statuses[] = { 200, 404, 403, 500 };

	for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
		const struct nt_kube_answer answer = { .status = statuses[i], .body = text };
		enum nt_leave_word word = nt_leave_read(&answer, "nametap-agent", false);

		if (word != NT_LEAVE_NOTHING && i > 1)
			abort();
		if (word != NT_LEAVE_NOTHING && !memmem(text.p, text.len, "nametap", 7) &&
		    !memchr(text.p, '\\', text.len))
			abort();
	}
	(void)nt_leave_token_expired(text, 1);
}

static const char *const kinds[] = { "Pod", "Service", "EndpointSlice", "Node", "DNSPolicy" };

/* An object that is taken has a name, and is equal to what the same text gives again. */
static void check_object(const struct nt_compact *a, const struct nt_compact *b)
{
	if (!a->object.name.len || !nt_compact_equal(a, b))
		abort();
}

static void check_page(struct nt_slice text, const struct nt_resource *r, struct nt_intern *intern)
{
	struct nt_page a = { 0 }, b = { 0 };
	struct nt_err err;

	if (nt_page_parse(text, r, intern, &a, &err) == 0) {
		if (!a.resource_version[0] || nt_page_parse(text, r, intern, &b, &err) != 0 ||
		    a.len != b.len)
			abort();
		for (size_t i = 0; i < a.len; i++)
			check_object(a.items[i], b.items[i]);
	}
	nt_page_done(&a);
	nt_page_done(&b);
}

static void check_event(struct nt_slice text, const struct nt_resource *r, struct nt_intern *intern)
{
	struct nt_event a = { 0 }, b = { 0 };
	struct nt_err err;

	if (nt_event_parse(text, r, intern, &a, &err) == 0) {
		if (nt_event_parse(text, r, intern, &b, &err) != 0 || !a.object != !b.object)
			abort();
		if (a.object)
			check_object(a.object, b.object);
	}
	nt_event_done(&a);
	nt_event_done(&b);
}

/* What was JSON is JSON without what nobody reads. */
static void check_prune(struct nt_slice text)
{
	json_auto_t *whole = json_loadb(text.p, text.len, 0, NULL), *left = NULL;
	_cleanup_buf_ struct nt_buf out = { 0 };
	int r = nt_prune(text, &out);

	if (r == 0 && out.len > text.len)
		abort();
	if (r == 0)
		left = json_loadb(nt_buf_str(&out), out.len, 0, NULL);
	if (whole && r == 0 && !left)
		abort();
}

static void check_objects(struct nt_slice text)
{
	struct nt_intern *intern;

	if (nt_intern_new(&intern) < 0)
		return;
	for (size_t i = 0; i < NT_ARRAY_LEN(kinds); i++)
		for (const struct nt_resource *r = nt_resource_find(kinds[i]); r;
		     r = nt_resource_next(r)) {
			check_page(text, r, intern);
			check_event(text, r, intern);
		}
	if (nt_intern_bytes(intern))
		abort(); /* all was given back */
	nt_intern_free(intern);
	check_prune(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	_cleanup_buf_ struct nt_buf octets = { .max_len = 1 << 20 };
	struct nt_slice text = nt_slice_mem(data, len);
	struct nt_kube_status status;
	struct nt_kube_config config;
	struct nt_err err = { 0 };

	if (nt_kube_config_parse(text, "/etc", &config, &err) == 0) {
		if (!config.server || (config.key.p && !config.cert.p && !config.cert_file))
			abort();
		nt_kube_config_done(&config);
	} else if (!err.msg[0]) {
		abort();
	}
	if (nt_kube_status_parse(text, &status) && strlen(status.message) >= sizeof(status.message))
		abort();
	check_leave(text);
	check_objects(text);
	if (nt_base64_decode(text, &octets) == 0 && octets.len > len)
		abort();
	return 0;
}
