/* SPDX-License-Identifier: Apache-2.0 */
/* Events of pods that are not tapped: the request as the API takes it; what is no name. */
#include "dataplane/agent/podeventtext.h"

#include <check.h>
#include <jansson.h>
#include <stdio.h>

#include "lib/base/cleanup.h"
#include "tests/unit/suite.h"

static const struct nt_batch_endpoint web = {
	.namespace_ = { "shop", 4 },
	.name = { "web-0", 5 },
	.uid = { "11aee3aa-771b-4195-ac71-1c28c0f8549e", 36 },
	.ifname = { "eth0", 4 },
	.reason = { "eth0 is no veth but 'macvlan'", 29 },
};

static int format(const struct nt_batch_endpoint *pod, struct nt_buf *path, struct nt_buf *body)
{
	nt_buf_reset(path);
	nt_buf_reset(body);
	return nt_podeventtext_format(pod, "node1", 1795727887000042, path, body);
}

static const char *text(const json_t *root, const char *key)
{
	const char *s = json_string_value(json_object_get(root, key));

	return s ? s : "";
}

START_TEST(request)
{
	_cleanup_buf_ struct nt_buf path = { 0 }, body = { 0 };
	json_auto_t *root = NULL;
	const json_t *meta, *regarding;
	char name[64];

	ck_assert_int_eq(format(&web, &path, &body), 0);
	ck_assert_str_eq(path.p, "/apis/events.k8s.io/v1/namespaces/shop/events");
	root = json_loadb(body.p, body.len, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_msg(root != NULL, "%s", body.p);
	ck_assert_str_eq(text(root, "apiVersion"), "events.k8s.io/v1");
	ck_assert_str_eq(text(root, "kind"), "Event");
	ck_assert_str_eq(text(root, "type"), "Warning");
	ck_assert_str_eq(text(root, "reason"), "NotTapped");
	ck_assert_str_ne(text(root, "action"), "");
	ck_assert_str_eq(text(root, "reportingController"), "nametap.io/agent");
	ck_assert_str_eq(text(root, "reportingInstance"), "node1");
	ck_assert_str_eq(text(root, "eventTime"), "2026-11-26T21:18:07.000042Z");
	ck_assert_str_eq(text(root, "note"),
			 "DNS of eth0 is not in the log: eth0 is no veth but 'macvlan'");
	meta = json_object_get(root, "metadata");
	snprintf(name, sizeof(name), "web-0.%016llx",
		 (unsigned long long)nt_podeventtext_key(&web));
	ck_assert_str_eq(text(meta, "name"), name);
	ck_assert_str_eq(text(meta, "namespace"), "shop");
	regarding = json_object_get(root, "regarding");
	ck_assert_str_eq(text(regarding, "apiVersion"), "v1");
	ck_assert_str_eq(text(regarding, "kind"), "Pod");
	ck_assert_str_eq(text(regarding, "name"), "web-0");
	ck_assert_str_eq(text(regarding, "uid"), "11aee3aa-771b-4195-ac71-1c28c0f8549e");
}
END_TEST

/* One name for pod and reason, another as soon as one of them is another. */
START_TEST(one_per_pod_and_reason)
{
	struct nt_batch_endpoint other = web;

	other.container_id = NT_SLICE_LIT("another sandbox of the same pod");
	ck_assert_uint_eq(nt_podeventtext_key(&web), nt_podeventtext_key(&other));
	other.reason.len--;
	ck_assert_uint_ne(nt_podeventtext_key(&web), nt_podeventtext_key(&other));
	other = web;
	other.uid = (struct nt_slice){ 0 };
	ck_assert_uint_ne(nt_podeventtext_key(&web), nt_podeventtext_key(&other));
	other = web;
	other.namespace_ = NT_SLICE_LIT("shopw");
	other.name = NT_SLICE_LIT("eb-0");
	ck_assert_uint_ne(nt_podeventtext_key(&web), nt_podeventtext_key(&other));
}
END_TEST

static const char *const bad_names[] = { "",	"A",   "a_b",	"-a", "a-", ".a",
					 "a/b", "a?b", "a%2fb", "..", "a b" };

START_TEST(no_names)
{
	_cleanup_buf_ struct nt_buf path = { 0 }, body = { 0 };
	struct nt_batch_endpoint pod = web;

	pod.name = nt_slice_str(bad_names[_i]);
	ck_assert_int_eq(format(&pod, &path, &body), -EINVAL);
	pod = web;
	pod.namespace_ = nt_slice_str(bad_names[_i]);
	ck_assert_int_eq(format(&pod, &path, &body), -EINVAL);
	pod.namespace_ = NT_SLICE_LIT("a.b"); /* a pod's may have dots */
	ck_assert_int_eq(format(&pod, &path, &body), -EINVAL);
}
END_TEST

/* Within the API's limits whatever the runtime and the plugin said. */
START_TEST(long_and_odd)
{
	_cleanup_buf_ struct nt_buf path = { 0 }, body = { 0 };
	struct nt_batch_endpoint pod = web;
	json_auto_t *root = NULL;
	char name[254], reason[2000];

	memset(name, 'a', sizeof(name));
	name[198] = name[199] = '-'; /* where it is cut */
	memset(reason, '\xff', sizeof(reason));
	pod.name = nt_slice_mem(name, 253);
	pod.reason = nt_slice_mem(reason, sizeof(reason));
	pod.uid = (struct nt_slice){ 0 };
	ck_assert_int_eq(format(&pod, &path, &body), 0);
	root = json_loadb(body.p, body.len, 0, NULL);
	ck_assert_ptr_nonnull(root);
	ck_assert_uint_eq(strlen(text(root, "note")), 1024);
	ck_assert_uint_eq(strlen(text(json_object_get(root, "metadata"), "name")), 198 + 17);
	ck_assert_ptr_null(json_object_get(json_object_get(root, "regarding"), "uid"));
	pod.name = nt_slice_mem(name, 254);
	ck_assert_int_eq(format(&pod, &path, &body), -EINVAL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("agent_podevents");
	TCase *tc = tcase_create("all");

	tcase_add_test(tc, request);
	tcase_add_test(tc, one_per_pod_and_reason);
	tcase_add_loop_test(tc, no_names, 0, (int)NT_ARRAY_LEN(bad_names));
	tcase_add_test(tc, long_and_odd);
	suite_add_tcase(suite, tc);
	return nt_suite_run(suite);
}
