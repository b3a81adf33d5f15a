/* SPDX-License-Identifier: Apache-2.0 */
/* Events as the API takes them, and what its answers mean. The pod's Event of an agent is
 * test_agent_podevents, an alert's is test_notify. */
#include "lib/kube/event.h"

#include <check.h>

#include "lib/base/cleanup.h"
#include "tests/unit/suite.h"

static const struct nt_kube_event burst = {
	.namespace_ = { "default", 7 },
	.stem = { "burst", 5 },
	.key = 0x1234,
	.time_us = 1795727887000042,
	.type = { "Warning", 7 },
	.reason = { "AlertOpened", 11 },
	.action = { "Evaluate", 8 },
	.controller = { "nametap.io/controller", 21 },
	.instance = { "c-0", 3 },
	.note = { "a\nb", 3 },
	.regarding = { { "nametap.io/v1alpha1", 19 },
		       { "GlobalAlert", 11 },
		       { 0 },
		       { "burst", 5 },
		       { "u-1", 3 } },
};

static json_t *written(const struct nt_kube_event *e)
{
	_cleanup_buf_ struct nt_buf out = { 0 };
	json_t *root;

	ck_assert_int_eq(nt_kube_event_format(e, &out), 0);
	root = json_loadb(out.p, out.len, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_ptr_nonnull(root);
	return root;
}

static const char *text(const json_t *root, const char *key)
{
	const char *s = json_string_value(json_object_get(root, key));

	return s ? s : "(none)";
}

START_TEST(object_without_a_namespace)
{
	json_auto_t *root = written(&burst);
	const json_t *regarding = json_object_get(root, "regarding");

	ck_assert_str_eq(text(json_object_get(root, "metadata"), "name"), "burst.0000000000001234");
	ck_assert_str_eq(text(json_object_get(root, "metadata"), "namespace"), "default");
	ck_assert_str_eq(text(regarding, "kind"), "GlobalAlert");
	ck_assert_str_eq(text(regarding, "uid"), "u-1");
	ck_assert_ptr_null(json_object_get(regarding, "namespace"));
	ck_assert_ptr_null(json_object_get(root, "related"));
	ck_assert_str_eq(text(root, "note"), "a\\nb");
}
END_TEST

START_TEST(related_is_another_object)
{
	struct nt_kube_event e = burst;
	json_auto_t *root = NULL;

	e.related = (struct nt_kube_ref){ .api_version = NT_SLICE_LIT("v1"),
					  .kind = NT_SLICE_LIT("Pod"),
					  .namespace_ = NT_SLICE_LIT("shop"),
					  .name = NT_SLICE_LIT("web-0") };
	root = written(&e);
	ck_assert_str_eq(text(json_object_get(root, "related"), "namespace"), "shop");
	ck_assert_str_eq(text(json_object_get(root, "related"), "name"), "web-0");
	ck_assert_ptr_null(json_object_get(json_object_get(root, "related"), "uid"));
}
END_TEST

/* The core API has other names for some fields (core/v1, Event), and the same for the rest. */
START_TEST(core_api)
{
	json_auto_t *root = written(&burst);
	_cleanup_buf_ struct nt_buf path = { 0 };

	ck_assert(nt_kube_event_to_core(root));
	nt_kube_event_path(burst.namespace_, true, &path);
	ck_assert_str_eq(path.p, "/api/v1/namespaces/default/events");
	ck_assert_str_eq(text(root, "apiVersion"), "v1");
	ck_assert_str_eq(text(root, "message"), "a\\nb");
	ck_assert_str_eq(text(root, "reportingComponent"), "nametap.io/controller");
	ck_assert_str_eq(text(root, "reportingInstance"), "c-0");
	ck_assert_str_eq(text(json_object_get(root, "involvedObject"), "name"), "burst");
	ck_assert_ptr_null(json_object_get(root, "note"));
	ck_assert_ptr_null(json_object_get(root, "regarding"));
	ck_assert_ptr_null(json_object_get(root, "reportingController"));
}
END_TEST

#define STATUS(message) "{\"kind\":\"Status\",\"message\":\"" message "\"}"

static const struct {
	int status;
	const char *body;
	enum nt_kube_event_fate fate;
} answers[] = {
	{ 201, "{}", NT_KUBE_EVENT_TAKEN },
	{ 409, STATUS("events \\\"a\\\" already exists"), NT_KUBE_EVENT_KNOWN },
	{ 0, "", NT_KUBE_EVENT_LATER },
	{ 401, STATUS("Unauthorized"), NT_KUBE_EVENT_LATER },
	{ 403, STATUS("events is forbidden: User \\\"x\\\" cannot"), NT_KUBE_EVENT_LATER },
	{ 403, STATUS("unable to create new content in namespace a because it is being terminated"),
	  NT_KUBE_EVENT_GONE },
	{ 404, STATUS("namespaces \\\"a\\\" not found"), NT_KUBE_EVENT_GONE },
	{ 404, "404 page not found\n", NT_KUBE_EVENT_ABSENT },
	{ 400, STATUS("bad"), NT_KUBE_EVENT_NEVER },
	{ 422, STATUS("note: too long"), NT_KUBE_EVENT_NEVER },
	{ 429, STATUS("slow down"), NT_KUBE_EVENT_LATER },
	{ 500, "", NT_KUBE_EVENT_LATER },
	{ 503, "apiserver is shutting down\n", NT_KUBE_EVENT_LATER },
};

START_TEST(what_an_answer_means)
{
	struct nt_kube_answer a = { .status = answers[_i].status,
				    .body = nt_slice_str(answers[_i].body) };

	ck_assert_int_eq(nt_kube_event_fate(&a), answers[_i].fate);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("kube_event");
	TCase *tc = tcase_create("all");

	tcase_add_test(tc, object_without_a_namespace);
	tcase_add_test(tc, related_is_another_object);
	tcase_add_test(tc, core_api);
	tcase_add_loop_test(tc, what_an_answer_means, 0, (int)NT_ARRAY_LEN(answers));
	suite_add_tcase(suite, tc);
	return nt_suite_run(suite);
}
