/* SPDX-License-Identifier: Apache-2.0 */
/* Notices as Kubernetes Events. What an API with faults makes of them is
 * tests/netns/test_alert_events. */
#include "controller/notify/kubeevents.h"

#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "tests/unit/suite.h"

#define T0_US 1795413600000000LL /* 2026-11-23T06:00:00Z */

static struct nt_store_notice notice(enum nt_store_change change)
{
	return (struct nt_store_notice){
		.queued_us = T0_US + 5,
		.change = change,
		.event = { .id = 17,
			   .rule = NT_SLICE_LIT("burst"),
			   .group = NT_SLICE_LIT(
				   "{\"client_namespace\":\"shop\",\"client_name\":\"web-1\"}"),
			   .summary = NT_SLICE_LIT("<!channel> web-1 *got* 7\n{code}"),
			   .query = NT_SLICE_LIT("rcode = NXDOMAIN AND qname = \"a&b\""),
			   .metric = NT_SLICE_LIT("count"),
			   .threshold = 2.5,
			   .value = 7,
			   .first_seen_us = T0_US,
			   .last_seen_us = T0_US + 60000000,
			   .resolved_us = change == NT_STORE_RESOLVED ? T0_US + 120000000 : 0 },
	};
}

static const char *text_at(const json_t *root, const char *a, const char *b)
{
	const json_t *value = json_object_get(root, a);
	const char *text = json_string_value(b ? json_object_get(value, b) : value);

	return text ? text : "(none)";
}

static bool uid_of(void *ctx, struct nt_slice kind, struct nt_slice namespace_,
		   struct nt_slice name, char ret_uid[NT_SHAPE_UID_SIZE])
{
	(void)name;
	snprintf(ret_uid, NT_SHAPE_UID_SIZE, "uid-of-%.*s", NT_SLICE_ARG(kind));
	return !namespace_.len || ctx;
}

/* The Events of a notice; pod: its pod's object is there. */
static json_t *kube_events(const struct nt_store_notice *n, bool pod)
{
	struct nt_receiver r = { .name = "r", .type = NT_RECEIVER_KUBERNETES_EVENTS };
	struct nt_shape shape = { .receiver = &r, .uid_fn = uid_of, .uid_ctx = pod ? &r : NULL };
	_cleanup_buf_ struct nt_buf out = { 0 };
	json_t *root;

	nt_shape_write(&shape, n, &out);
	root = json_loadb(out.p, out.len, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_ptr_nonnull(root);
	return root;
}

static const char *name_of_first(const json_t *events)
{
	return text_at(json_array_get(events, 0), "metadata", "name");
}

START_TEST(kubernetes_events_shape)
{
	struct nt_store_notice n = notice(NT_STORE_OPENED);
	json_auto_t *events = NULL;
	const json_t *alert, *pod;

	events = kube_events(&n, true);
	ck_assert_uint_eq(json_array_size(events), 2);
	alert = json_array_get(events, 0);
	pod = json_array_get(events, 1);
	ck_assert_str_eq(text_at(alert, "metadata", "namespace"), "default");
	ck_assert_str_eq(text_at(alert, "regarding", "uid"), "uid-of-GlobalAlert");
	ck_assert_str_eq(text_at(alert, "related", "name"), "web-1");
	ck_assert_str_eq(text_at(alert, "type", NULL), "Warning");
	ck_assert_str_eq(text_at(alert, "reason", NULL), "AlertOpened");
	ck_assert_str_eq(text_at(alert, "eventTime", NULL), "2026-11-23T06:00:00.000000Z");
	ck_assert_str_eq(text_at(alert, "note", NULL),
			 "burst: <!channel> web-1 *got* 7\\n{code}; count 7, threshold 2.5; rows: "
			 "rcode = NXDOMAIN AND qname = \"a&b\"");
	ck_assert_str_eq(text_at(pod, "metadata", "namespace"), "shop");
	ck_assert_str_eq(text_at(pod, "regarding", "kind"), "Pod");
	ck_assert_str_eq(text_at(pod, "regarding", "uid"), "uid-of-Pod");
	ck_assert_str_eq(text_at(pod, "related", "kind"), "GlobalAlert");
	ck_assert_str_eq(text_at(pod, "note", NULL), text_at(alert, "note", NULL));
}
END_TEST

START_TEST(kubernetes_events_name_no_pod_that_is_not_there)
{
	struct nt_store_notice n = notice(NT_STORE_RESOLVED);
	json_auto_t *events = NULL, *test = NULL;

	events = kube_events(&n, false);
	ck_assert_uint_eq(json_array_size(events), 1);
	ck_assert_str_eq(text_at(json_array_get(events, 0), "type", NULL), "Normal");
	ck_assert_str_eq(text_at(json_array_get(events, 0), "reason", NULL), "AlertResolved");
	ck_assert_str_eq(text_at(json_array_get(events, 0), "eventTime", NULL),
			 "2026-11-23T06:02:00.000000Z");
	ck_assert_ptr_null(json_object_get(json_array_get(events, 0), "related"));
	n = nt_shape_test(T0_US);
	test = kube_events(&n, true);
	ck_assert_uint_eq(json_array_size(test), 1);
	ck_assert_str_eq(text_at(json_array_get(test, 0), "reason", NULL), "ReceiverTest");
}
END_TEST

/* The name is what a second POST of the same is known by: of the event and its change, however
 * often it is sent, whatever its figures have become, and in whatever store it has which number. */
START_TEST(kubernetes_events_have_a_name_of_their_own)
{
	struct nt_store_notice n = notice(NT_STORE_OPENED), same = n, others[4] = { n, n, n, n };
	json_auto_t *first = kube_events(&n, true), *again = NULL;

	same.queued_us++;
	same.event.id++;
	same.event.value++;
	same.event.last_seen_us++;
	again = kube_events(&same, true);
	ck_assert_str_eq(name_of_first(again), name_of_first(first));
	others[0].change = NT_STORE_RESOLVED;
	others[1].event.first_seen_us++;
	others[2].event.group =
		NT_SLICE_LIT("{\"client_namespace\":\"shop\",\"client_name\":\"web-2\"}");
	others[3].event.rule = NT_SLICE_LIT("burst2");
	for (size_t i = 0; i < NT_ARRAY_LEN(others); i++) {
		json_auto_t *other = kube_events(&others[i], true);

		ck_assert_str_ne(name_of_first(other), name_of_first(first));
	}
}
END_TEST

/* A socket that takes connections and says nothing. */
static int silent_peer(unsigned *ret_port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(to);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&to, len), 0);
	ck_assert_int_eq(listen(fd, 5), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&to, &len), 0);
	*ret_port = ntohs(to.sin_port);
	return fd;
}

/* The case's time-out would end it, were it not for that. */
START_TEST(kubernetes_events_end_when_they_are_asked_to)
{
	char path[] = "/tmp/nt-test-kubeconfig-XXXXXX";
	struct nt_send_result result;
	atomic_bool stop = true;
	unsigned port;
	int peer = silent_peer(&port), fd = mkstemp(path);

	dprintf(fd,
		"{current-context: a, contexts: [{name: a, context: {cluster: c, user: u}}],"
		" clusters: [{name: c, cluster: {server: 'http://127.0.0.1:%u'}}],"
		" users: [{name: u, user: {token: t}}]}",
		port);
	close(fd);
	nt_kubeevents_send(path, NT_SLICE_LIT("[{\"metadata\":{\"namespace\":\"default\"}}]"),
			   &stop, &result);
	ck_assert_int_eq(result.outcome, NT_OUTCOME_FAILED);
	ck_assert_str_eq(result.why, "the controller ends");
	nt_kubeevents_send(path, NT_SLICE_LIT("[]"), &stop, &result);
	ck_assert_int_eq(result.outcome, NT_OUTCOME_REFUSED);
	unlink(path);
	nt_kubeevents_send(path, NT_SLICE_LIT("[]"), &stop, &result);
	ck_assert_int_eq(result.outcome, NT_OUTCOME_FAILED);
	ck_assert_ptr_nonnull(strstr(result.why, path));
	close(peer);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("kubeevents");
	TCase *tc = tcase_create("all");

	tcase_add_test(tc, kubernetes_events_shape);
	tcase_add_test(tc, kubernetes_events_name_no_pod_that_is_not_there);
	tcase_add_test(tc, kubernetes_events_have_a_name_of_their_own);
	tcase_add_test(tc, kubernetes_events_end_when_they_are_asked_to);
	suite_add_tcase(suite, tc);
	return nt_suite_run(suite);
}
