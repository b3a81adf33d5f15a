/* SPDX-License-Identifier: Apache-2.0 */
/* The Kubernetes API as a source of objects: answers that a real server gave, and a server that
 * does to a client what real ones do. */
#include "lib/objects/objects.h"

#include <jansson.h>

#include "tests/unit/kube_steps.h"

static const struct step a_list_and_a_watch[] = {
	{ "/api/v1/pods?limit=250", "02-list-pods.txt", 0, NULL },
	{ "/api/v1/pods?watch=1&allowWatchBookmarks=true&timeoutSeconds=240&resourceVersion=451",
	  "40-watch-pods-bookmarks-75s.txt", 0, NULL },
	{ "/api/v1/pods?watch=1", NULL, 0, "" },
};

START_TEST(recorded_list_and_watch)
{
	struct nt_objects_kube_config config = fast(pods_only);
	const struct nt_object *pod;
	struct nt_objects_state state;

	config.retry_min_ns = 1; /* a recorded watch is over at once */
	open_kube(a_list_and_a_watch, NT_ARRAY_LEN(a_list_and_a_watch), config);
	ck_assert(!nt_objects_have_synced(objects));
	ck_assert_str_eq(nt_objects_problem_at(objects, 0)->msg, "it is not read yet");
	run_until(all_done);
	ck_assert(nt_objects_have_synced(objects));
	state = state_of();
	ck_assert_str_eq(state.kind, "Pod");
	ck_assert(state.synced && !state.absent);
	ck_assert_uint_eq(state.lists, 1);
	ck_assert_uint_eq(state.bookmarks, 2);
	ck_assert_uint_gt(state.events, 3);
	pod = nt_objects_find(objects, NT_SLICE_LIT("Pod"), NT_SLICE_LIT("demo"),
			      NT_SLICE_LIT("web-cff6d99c6-cgbmg"));
	ck_assert_ptr_nonnull(pod);
	ck_assert(nt_object_pod(pod)->phase == NT_POD_RUNNING);
	ck_assert_ptr_null(pod->json);
	ck_assert_str_eq(pod->owner->kind.p, "ReplicaSet");
	ck_assert_ptr_eq(nt_objects_find_pod_uid(objects, pod->uid), pod);
	ck_assert_ptr_null(nt_objects_problem_at(objects, 0));
	close_kube();
}
END_TEST

/* --- what servers do -------------------------------------------------------------------------- */

static const struct story {
	const char *name;
	struct step steps[9];
	const char *pods; /* names, at the end */
	const char *problem; /* a part of it; "" for none */
	unsigned lists, failures;
} stories[] = {
	{ "a watch from a version that is too old",
	  { { LIST, NULL, 200, TWO_PODS },
	    { WATCH, TOO_OLD, 0, NULL },
	    { LIST, NULL, 200, PODS("9", "", POD("b", "6")) },
	    STAYS },
	  "b",
	  "",
	  2,
	  1 },
	{ "403 just after a restart",
	  { { LIST, FORBIDDEN, 0, NULL }, { LIST, NULL, 200, TWO_PODS }, STAYS },
	  "a b",
	  "",
	  2,
	  1 },
	{ "403 where there was a watch",
	  { { LIST, NULL, 200, TWO_PODS },
	    { WATCH, FORBIDDEN, 0, NULL },
	    { ASK, FORBIDDEN, 0, NULL },
	    { ASK, FORBIDDEN, 0, NULL } },
	  "a b",
	  "cannot list resource \"pods\"",
	  1,
	  3 },
	{ "pages, and a token that is too old",
	  { { LIST, NULL, 200, PODS("3", "t/1", POD("a", "1")) },
	    { "&continue=t%2F1", "30-list-continue-expired-410.txt", 0, NULL },
	    { "/pods?limit=500", NULL, 200, PODS("4", "t2", POD("b", "4")) },
	    { "/pods?limit=500&continue=t2", NULL, 200, PODS("4", "", POD("c", "2")) },
	    { WATCH, NULL, 0, "" } },
	  "b c",
	  "",
	  2,
	  1 },
	{ "a watch that is cut in the middle of a line",
	  { { LIST, NULL, 200, TWO_PODS },
	    { WATCH, NULL, -1, EVENT("ADDED", POD("c", "8")) "{\"type\":\"DELETED\",\"obj" },
	    { ASK, NULL, 200, PODS("9", "x", POD("a", "5")) },
	    { WATCH "&allowWatchBookmarks=true&timeoutSeconds=240&resourceVersion=8", NULL, 0,
	      EVENT("DELETED", POD("a", "9")) } },
	  "b c",
	  "",
	  1,
	  1 },
	{ "a server that ends the stream of a watch too early",
	  { { LIST, NULL, 200, TWO_PODS },
	    { WATCH, NULL, -1, "" },
	    { ASK, NULL, 200, TWO_PODS },
	    STAYS },
	  "a b",
	  "",
	  1,
	  1 },
	{ "a server that was put back to an earlier state",
	  { { LIST, NULL, 200, TWO_PODS },
	    { WATCH, NULL, 200, "" },
	    { ASK, NULL, 200, PODS("6", "", POD("a", "5")) },
	    { LIST, NULL, 200, PODS("6", "", POD("a", "5")) },
	    STAYS },
	  "a",
	  "",
	  2,
	  0 },
	{ "a line that is no event",
	  { { LIST, NULL, 200, TWO_PODS },
	    { WATCH, NULL, 0, "hello\n" },
	    { LIST, NULL, 200, PODS("9", "", POD("c", "9")) },
	    STAYS },
	  "c",
	  "",
	  2,
	  1 },
	{ "an ERROR that is another one",
	  { { LIST, NULL, 200, TWO_PODS },
	    { WATCH, NULL, 0,
	      EVENT("ERROR", "{\"kind\":\"Status\",\"code\":500,\"message\":\"etcd\"}") },
	    { LIST, NULL, 500, "{}" },
	    { LIST, NULL, 503, "no" } },
	  "a b",
	  "GET /api/v1/pods?limit=250: 503",
	  3,
	  3 },
	{ "lists that are none",
	  { { LIST, NULL, 200, "{" },
	    { LIST, NULL, 200, "[]" },
	    { LIST, NULL, 200, "{\"items\":{},\"metadata\":{\"resourceVersion\":\"1\"}}" },
	    { LIST, NULL, 200, "{\"items\":[],\"metadata\":{\"resourceVersion\":\"1 2\"}}" } },
	  "",
	  "the answer is no list of Pods",
	  4,
	  4 },
	{ "items that are no objects, and a list without any",
	  { { LIST, NULL, 200,
	      PODS("7", "", "5,{},{\"metadata\":{\"name\":\"x\"}}," POD("a", "5")) },
	    { WATCH, NULL, 0,
	      EVENT("ADDED", "{\"metadata\":{\"resourceVersion\":\"9\"}}")
		      EVENT("NEW", POD("n", "10")) EVENT("MODIFIED", POD("b", "11")) } },
	  "a b",
	  "",
	  1,
	  0 },
	{ "null in place of items",
	  { { LIST, NULL, 200, "{\"metadata\":{\"resourceVersion\":\"3\"},\"items\":null}" },
	    STAYS },
	  "",
	  "",
	  1,
	  0 },
};

static size_t count_steps(const struct story *s)
{
	size_t n = 0;

	while (n < NT_ARRAY_LEN(s->steps) && s->steps[n].expect)
		n++;
	return n;
}

static const struct story *story;

static void write_pods(struct nt_buf *out)
{
	const struct nt_object *pod;

	for (size_t i = 0; (pod = nt_objects_at(objects, NT_SLICE_LIT("Pod"), i)); i++)
		nt_buf_printf(out, "%s%.*s", i ? " " : "", NT_SLICE_ARG(pod->name));
}

static bool told(void)
{
	_cleanup_buf_ struct nt_buf pods = { 0 };
	const struct nt_objects_problem *problem = nt_objects_problem_at(objects, 0);

	write_pods(&pods);
	return all_done() && strcmp(nt_buf_str(&pods), story->pods) == 0 &&
	       (story->problem[0] ? problem && strstr(problem->msg, story->problem) : !problem) &&
	       state_of().failures >= story->failures;
}

START_TEST(servers)
{
	struct nt_objects_state state;

	story = &stories[_i];
	open_kube(story->steps, count_steps(story), fast(pods_only));
	run_until(told);
	state = state_of();
	ck_assert_msg(state.lists == story->lists, "%s: %llu lists", story->name,
		      (unsigned long long)state.lists);
	ck_assert_int_eq(state.synced, !story->problem[0]);
	close_kube();
}
END_TEST

static const struct step a_watch_that_hangs[] = {
	{ LIST, NULL, 200, TWO_PODS },
	{ WATCH, FORBIDDEN, 0, NULL },
	{ ASK, FORBIDDEN, 0, NULL },
	{ ASK, NULL, 200, TWO_PODS },
};

static bool is_hanging(void)
{
	return unanswered;
}

static unsigned looks;

static bool looked_for_long(void)
{
	return ++looks > 300; /* each a millisecond; a watch settles after 20 */
}

static bool is_synced(void)
{
	return state_of().synced;
}

/* The objects were told to be all, as of a moment ago, because the watch had stood for a while. */
START_TEST(a_watch_without_an_answer)
{
	open_kube(a_watch_that_hangs, NT_ARRAY_LEN(a_watch_that_hangs), fast(pods_only));
	run_until(is_hanging);
	looks = 0;
	run_until(looked_for_long);
	ck_assert(!is_synced());
	ck_assert_ptr_nonnull(nt_objects_problem_at(objects, 0));
	server_stream(unanswered);
	run_until(is_synced);
	close_kube();
}
END_TEST

/* --- kinds that are not there ----------------------------------------------------------------- */

static const char *const alerts_only[] = { "GlobalAlert", NULL };
static const char *const slices_only[] = { "EndpointSlice", NULL };

#define ALERTS "/apis/nametap.io/v1alpha1/globalalerts?limit=250"
#define NO_CRD "60-list-cr-crd-deleted-404.txt"

/* Installed later, taken away again: recorded of a real custom resource. */
static const struct step a_crd_comes_and_goes[] = {
	{ ALERTS, NO_CRD, REPEAT, NULL },
	{ ALERTS, "12-cr-list.txt", 0, NULL },
	{ "/globalalerts?watch=1", "60-watch-cr-crd-deleted.txt", 0, NULL },
};

static bool alert_is_there(void)
{
	return nt_objects_count(objects, NT_SLICE_LIT("GlobalAlert")) == 1;
}

static bool alert_came;

static void note_alert(void *ctx, const struct nt_object *before, const struct nt_object *after)
{
	const json_t *metadata = json_object_get(after ? after->json : NULL, "metadata");

	(void)ctx, (void)before;
	if (!after)
		return;
	alert_came = true;
	ck_assert_ptr_nonnull(json_object_get(after->json, "spec"));
	ck_assert_ptr_nonnull(json_object_get(metadata, "generation"));
	ck_assert_ptr_null(json_object_get(metadata, "managedFields"));
	ck_assert_ptr_null(json_object_get(metadata, "resourceVersion"));
	ck_assert_ptr_null(json_object_get(after->json, "status"));
}

static bool alert_is_gone(void)
{
	return all_done() && alert_came && !alert_is_there();
}

static bool is_absent(void)
{
	return state_of().absent;
}

START_TEST(custom_resources)
{
	open_kube(a_crd_comes_and_goes, NT_ARRAY_LEN(a_crd_comes_and_goes), fast(alerts_only));
	ck_assert(!nt_objects_have_synced(objects));
	run_until(is_absent);
	ck_assert(nt_objects_have_synced(objects));
	ck_assert(state_of().synced);
	ck_assert_ptr_null(nt_objects_problem_at(objects, 0));
	ck_assert_uint_ge(repeated, 2); /* the first 404 is not believed */
	goes_on = true;
	nt_objects_listen(objects, note_alert, NULL);
	run_until(alert_is_gone);
	ck_assert(!state_of().absent);
	close_kube();
}
END_TEST

/* A server that starts does not know its custom resources for a moment: they stay. */
static const struct step a_moment_of_404[] = {
	{ ALERTS, "12-cr-list.txt", 0, NULL },	      { "/globalalerts?watch=1", NULL, -1, "" },
	{ "/globalalerts?limit=1", NO_CRD, 0, NULL }, { ALERTS, NO_CRD, 0, NULL },
	{ ALERTS, "12-cr-list.txt", 0, NULL },	      { "/globalalerts?watch=1", NULL, 0, "" },
};

static bool alert_was_there(void)
{
	ck_assert(!steps_done || steps_done == 1 || alert_is_there());
	return all_done();
}

START_TEST(custom_resources_of_a_server_that_starts)
{
	struct nt_objects_kube_config config = fast(alerts_only);

	config.absent_ns = 10 * NT_NS_PER_S / 100;
	open_kube(a_moment_of_404, NT_ARRAY_LEN(a_moment_of_404), config);
	run_until(alert_was_there);
	ck_assert_uint_eq(state_of().lists, 3);
	close_kube();
}
END_TEST

static const struct step older_slices[] = {
	{ "/apis/discovery.k8s.io/v1/endpointslices?limit=250", "04-list-endpointslices-v1-404.txt",
	  0, NULL },
	{ "/apis/discovery.k8s.io/v1beta1/endpointslices?limit=250",
	  "04-list-endpointslices-v1beta1.txt", 0, NULL },
	{ "/apis/discovery.k8s.io/v1beta1/endpointslices?watch=1", "44-watch-endpointslices.txt", 0,
	  NULL },
	{ "/apis/discovery.k8s.io/v1beta1/endpointslices?watch=1", NULL, 0, "" },
};

START_TEST(endpoint_slices_of_an_older_server)
{
	struct nt_objects_kube_config config = fast(slices_only);
	const struct nt_object_endpoints *e;
	const struct nt_object *object;
	char ip[NT_ADDR_TEXT_MAX];

	config.retry_min_ns = 1;
	open_kube(older_slices, NT_ARRAY_LEN(older_slices), config);
	run_until(all_done);
	object = nt_objects_find(objects, NT_SLICE_LIT("EndpointSlice"), NT_SLICE_LIT("demo"),
				 NT_SLICE_LIT("web-2h5gx"));
	e = nt_object_endpoints(object);
	ck_assert_ptr_nonnull(e);
	ck_assert_str_eq(e->service.p, "web");
	ck_assert_uint_eq(e->ports_len, 1);
	ck_assert_uint_eq(e->ports[0].port, 8080);
	ck_assert_uint_ge(e->endpoints_len, 2);
	ck_assert_str_eq(nt_addr_format(&e->endpoints[0].ip, ip), "10.244.0.3");
	ck_assert_str_eq(e->endpoints[0].pod_name.p, "web-cff6d99c6-fpqlc");
	ck_assert_str_eq(e->endpoints[0].node_name.p, "node1");
	ck_assert(e->endpoints[0].ready);
	close_kube();
}
END_TEST

static const struct step ports_of_slices[] = {
	{ "/discovery.k8s.io/v1/endpointslices?limit=250", NULL, 200,
	  "{\"metadata\":{\"resourceVersion\":\"3\"},\"items\":[{\"metadata\":{\"name\":\"dns-1\","
	  "\"namespace\":\"kube-system\"},\"endpoints\":[{\"addresses\":[\"10.1.0.2\"]}],"
	  "\"ports\":[{\"port\":53,\"protocol\":\"UDP\"},{\"name\":\"all\"},{\"port\":null},"
	  "{\"port\":70000},{\"port\":0}]}]}" },
	{ "/endpointslices?watch=1", NULL, 0, "" },
};

/* "If this is not specified, ports are not restricted and must be interpreted in the context of the
 * specific consumer": discovery.k8s.io/v1, EndpointPort. */
START_TEST(ports_without_a_number_are_all)
{
	const struct nt_object_endpoints *e;

	open_kube(ports_of_slices, NT_ARRAY_LEN(ports_of_slices), fast(slices_only));
	run_until(all_done);
	e = nt_object_endpoints(nt_objects_at(objects, NT_SLICE_LIT("EndpointSlice"), 0));
	ck_assert_ptr_nonnull(e);
	ck_assert_uint_eq(e->ports_len, 3);
	ck_assert_uint_eq(e->ports[0].port, 53);
	ck_assert_uint_eq(e->ports[1].port, 0);
	ck_assert_str_eq(e->ports[1].name.p, "all");
	ck_assert_uint_eq(e->ports[2].port, 0);
	close_kube();
}
END_TEST

#define NOT_HERE "04-list-endpointslices-v1-404.txt"

static const struct step only_endpoints[] = {
	{ "/discovery.k8s.io/v1/endpointslices?", NOT_HERE, 0, NULL },
	{ "/discovery.k8s.io/v1beta1/endpointslices?", NOT_HERE, 0, NULL },
	{ "/api/v1/endpoints?limit=250", NULL, 200,
	  "{\"metadata\":{\"resourceVersion\":\"3\"},\"items\":[{\"metadata\":{\"name\":\"dns\","
	  "\"namespace\":\"kube-system\"},\"subsets\":[{\"addresses\":[{\"ip\":\"10.1.0.2\","
	  "\"targetRef\":{\"kind\":\"Pod\",\"name\":\"dns-1\"},\"nodeName\":\"n1\"}],"
	  "\"notReadyAddresses\":[{\"ip\":\"10.1.0.3\"}],\"ports\":[{\"port\":53,\"protocol\":"
	  "\"UDP\",\"name\":\"dns\"}]}]}]}" },
	{ "/api/v1/endpoints?watch=1", NULL, 0, "" },
};

START_TEST(endpoints_in_place_of_slices)
{
	const struct nt_object_endpoints *e;

	open_kube(only_endpoints, NT_ARRAY_LEN(only_endpoints), fast(slices_only));
	run_until(all_done);
	ck_assert_str_eq(state_of().kind, "Endpoints");
	e = nt_object_endpoints(nt_objects_at(objects, NT_SLICE_LIT("Endpoints"), 0));
	ck_assert_ptr_nonnull(e);
	ck_assert_str_eq(e->service.p, "dns");
	ck_assert_uint_eq(e->endpoints_len, 2);
	ck_assert(e->endpoints[0].ready && !e->endpoints[1].ready);
	ck_assert_str_eq(e->endpoints[0].pod_name.p, "dns-1");
	ck_assert_uint_eq(e->ports[0].protocol, IPPROTO_UDP);
	close_kube();
}
END_TEST

/* --- bounds ----------------------------------------------------------------------------------- */

static bool is_full(void)
{
	return all_done() && state_of().left_out;
}

static const struct step three_pods[] = {
	{ LIST, NULL, 200, PODS("7", "", POD("a", "1") "," POD("b", "2") "," POD("c", "3")) },
	{ WATCH, NULL, 0, EVENT("ADDED", POD("d", "8")) },
};

START_TEST(more_objects_than_we_take)
{
	struct nt_objects_kube_config config = fast(pods_only);

	config.objects_max = 2;
	open_kube(three_pods, NT_ARRAY_LEN(three_pods), config);
	run_until(is_full);
	ck_assert_uint_eq(nt_objects_count(objects, NT_SLICE_LIT("Pod")), 2);
	ck_assert_ptr_nonnull(strstr(nt_objects_problem_at(objects, 0)->msg, "Pods are left out"));
	close_kube();
}
END_TEST

/* Retry-After is a whole second, and what the pause would be is 2 ms. */
static const struct step busy[] = {
	{ LIST, NULL, 429, "{\"kind\":\"Status\",\"message\":\"too many\"}" },
	{ LIST, NULL, 200, TWO_PODS },
	STAYS,
};

START_TEST(retry_after)
{
	struct nt_clock clock = nt_clock_system();
	int64_t before = nt_clock_boot(&clock);

	open_kube(busy, NT_ARRAY_LEN(busy), fast(pods_only));
	run_until(all_done);
	ck_assert_int_ge(nt_clock_boot(&clock) - before, NT_NS_PER_S);
	close_kube();
}
END_TEST

static const struct step of_a_node[] = {
	{ LIST "&fieldSelector=spec.nodeName%3Dnode1", "02-list-pods-node-fieldselector.txt", 0,
	  NULL },
	{ WATCH "&allowWatchBookmarks=true&timeoutSeconds=240&resourceVersion=451"
		"&fieldSelector=spec.nodeName%3Dnode1",
	  NULL, 0, "" },
};

START_TEST(pods_of_a_node)
{
	struct nt_objects_kube_config config = fast(pods_only);

	config.node = "node1";
	open_kube(of_a_node, NT_ARRAY_LEN(of_a_node), config);
	run_until(all_done);
	ck_assert_uint_gt(nt_objects_count(objects, NT_SLICE_LIT("Pod")), 0);
	close_kube();
}
END_TEST

START_TEST(unknown_kinds)
{
	static const char *const kinds[] = { "Secret", NULL };
	struct nt_objects_kube_config config = fast(kinds);
	struct nt_err err;

	ck_assert_int_eq(nt_loop_new(&loop, &err), 0);
	server_start(&server, loop, answer_step, NULL);
	kube = server_client(&server);
	ck_assert_int_eq(nt_objects_open_kube(kube, loop, &config, &objects, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.msg, "Secret"));
	nt_kube_close(kube);
	server_stop(&server);
	nt_loop_free(loop);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("objects_kube");
	TCase *t = tcase_create("objects_kube");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, recorded_list_and_watch);
	tcase_add_loop_test(t, servers, 0, (int)NT_ARRAY_LEN(stories));
	tcase_add_test(t, a_watch_without_an_answer);
	tcase_add_test(t, custom_resources);
	tcase_add_test(t, custom_resources_of_a_server_that_starts);
	tcase_add_test(t, endpoint_slices_of_an_older_server);
	tcase_add_test(t, ports_without_a_number_are_all);
	tcase_add_test(t, endpoints_in_place_of_slices);
	tcase_add_test(t, more_objects_than_we_take);
	tcase_add_test(t, retry_after);
	tcase_add_test(t, pods_of_a_node);
	tcase_add_test(t, unknown_kinds);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
