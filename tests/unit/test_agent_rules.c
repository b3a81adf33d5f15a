/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which policies come into force for which pod: a real folder of manifests, a fake kernel under
 * virtual time. The kernel refuses what would be wrong: a slot that an endpoint still refers to, or
 * that was left less than 2 s ago, must not be removed.
 */
#include "dataplane/agent/rules.h"

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/policy/suffix.h"
#include "tests/unit/kube_server.h"
#include "tests/unit/suite.h"

#define PODS 4
#define SLOTS 32

static struct {
	struct nt_pod pods[PODS];
	struct nt_endpoint endpoints[PODS];
	struct nt_scope_set scopes[PODS];
	struct nt_slot slots[SLOTS]; /* index: id */
	size_t rules[SLOTS];
	bool there[SLOTS];
	int64_t left_ns[SLOTS];
	uint32_t next;
	unsigned writes, publishes, removes, sweeps;
	int publish_error;
} kernel;

static char base[] = "/tmp/nt-rules-XXXXXX"; /* made and removed by main */
static char dir[64], resolv_conf[96];
static struct nt_clock now;
static struct nt_objects *objects;
static struct nt_tapsource source;
static struct nt_rulesink sink;
static struct nt_rules *rules;
static struct nt_err err;

/* --- the fake kernel -------------------------------------------------------------------------- */

static int index_of(uint64_t ep_id)
{
	for (int i = 0; i < PODS; i++)
		if (kernel.pods[i].ep_id == ep_id && ep_id)
			return i;
	return -1;
}

static int pod_get(void *ctx, uint64_t ep_id, struct nt_pod *ret_pod)
{
	int i = index_of(ep_id);

	(void)ctx;
	if (i < 0)
		return -ENOENT;
	*ret_pod = kernel.pods[i];
	return 0;
}

static int pods(void *ctx, bool (*fn)(void *, const struct nt_pod *), void *fn_ctx,
		struct nt_err *e)
{
	(void)ctx, (void)e;
	for (int i = 0; i < PODS; i++)
		if (kernel.pods[i].ep_id && !fn(fn_ctx, &kernel.pods[i]))
			break;
	return 0;
}

static int publish(void *ctx, const struct nt_slot *slot, const struct nt_taps_rule *r,
		   size_t rules_len, uint32_t *ret_slot, struct nt_err *e)
{
	(void)ctx, (void)r;
	if (kernel.publish_error)
		return nt_err_set(e, kernel.publish_error, "no room for rules");
	ck_assert_uint_lt(kernel.next, SLOTS);
	*ret_slot = kernel.next++;
	kernel.slots[*ret_slot] = *slot;
	kernel.rules[*ret_slot] = rules_len;
	kernel.there[*ret_slot] = true;
	kernel.publishes++;
	return 0;
}

static bool refers(const struct nt_endpoint *e, uint32_t slot)
{
	for (size_t i = 0; i < e->slots_len; i++)
		if ((e->slots[i] & ~NT_SLOT_AUDIT) == slot)
			return true;
	return false;
}

static int remove_slot(void *ctx, uint32_t slot, struct nt_err *e)
{
	(void)ctx, (void)e;
	ck_assert(kernel.there[slot]);
	for (int i = 0; i < PODS; i++)
		ck_assert_msg(!refers(&kernel.endpoints[i], slot), "slot %u is in use", slot);
	ck_assert_int_ge(now.virtual_boot_ns - kernel.left_ns[slot], 2 * NT_NS_PER_S);
	kernel.there[slot] = false;
	kernel.removes++;
	return 0;
}

static int slots(void *ctx, nt_taps_slot_fn *fn, void *fn_ctx, struct nt_err *e)
{
	(void)ctx, (void)e;
	for (uint32_t i = 0; i < SLOTS; i++)
		if (kernel.there[i] && !fn(fn_ctx, i, &kernel.slots[i]))
			break;
	return 0;
}

static int sweep(void *ctx, struct nt_err *e)
{
	(void)ctx, (void)e;
	kernel.sweeps++;
	return 0;
}

static int set(void *ctx, uint64_t ep_id, const uint32_t *ids, size_t len,
	       const struct nt_scope_set *scope, struct nt_err *e)
{
	int i = index_of(ep_id);
	struct nt_endpoint *endpoint = &kernel.endpoints[i];

	(void)ctx, (void)e;
	ck_assert_uint_le(len, NT_POLICY_SLOTS);
	for (size_t k = 0; k < len; k++)
		ck_assert_msg(kernel.there[ids[k] & ~NT_SLOT_AUDIT], "slot %u is not there",
			      ids[k]);
	for (size_t k = 0; k < endpoint->slots_len; k++)
		kernel.left_ns[endpoint->slots[k] & ~NT_SLOT_AUDIT] = now.virtual_boot_ns;
	*endpoint = (struct nt_endpoint){ .ep_id = ep_id, .slots_len = (uint32_t)len };
	memcpy(endpoint->slots, ids, len * sizeof(ids[0]));
	kernel.scopes[i] = *scope;
	kernel.writes++;
	return 0;
}

static int get(void *ctx, uint64_t ep_id, struct nt_endpoint *ret_endpoint,
	       struct nt_scope_set *ret_scope)
{
	int i = index_of(ep_id);

	(void)ctx;
	if (i < 0)
		return -ENOENT;
	*ret_endpoint = kernel.endpoints[i];
	*ret_scope = kernel.scopes[i];
	return 0;
}

/* --- the story -------------------------------------------------------------------------------- */

static void attach(int i, const char *namespace_, const char *name, const char *uid)
{
	struct nt_pod *p = &kernel.pods[i];

	*p = (struct nt_pod){ .version = NT_ABI_VERSION,
			      .state = NT_POD_ATTACHED,
			      .ep_id = (uint64_t)i + 100 };
	snprintf(p->namespace_, sizeof(p->namespace_), "%s", namespace_);
	snprintf(p->name, sizeof(p->name), "%s", name);
	snprintf(p->uid, sizeof(p->uid), "%s", uid);
	snprintf(p->searches, sizeof(p->searches),
		 "%s.svc.cluster.local svc.cluster.local cluster.local corp.example evil.example .",
		 namespace_);
	kernel.endpoints[i] = (struct nt_endpoint){ .ep_id = p->ep_id };
}

static void put(const char *file, const char *text)
{
	char temporary[128], path[128];
	FILE *f;

	snprintf(temporary, sizeof(temporary), "%s/../new", dir);
	snprintf(path, sizeof(path), "%s/%s", dir, file);
	f = fopen(temporary, "we");
	ck_assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
	ck_assert_int_eq(rename(temporary, path), 0);
}

static void drop(const char *file)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	ck_assert_int_eq(unlink(path), 0);
}

static void policy(const char *name, const char *selector, const char *mode, const char *allow)
{
	char file[64], text[512];

	snprintf(file, sizeof(file), "%s.yaml", name);
	snprintf(text, sizeof(text),
		 "apiVersion: nametap.io/v1alpha1\nkind: DNSPolicy\n"
		 "metadata: {namespace: shop, name: %s}\n"
		 "spec: {podSelector: %s, mode: %s, allow: [%s]}\n",
		 name, selector, mode, allow);
	put(file, text);
}

static void pod_object(const char *name, const char *uid, const char *labels)
{
	char file[64], text[512];

	snprintf(file, sizeof(file), "pod-%s.yaml", name);
	snprintf(text, sizeof(text),
		 "apiVersion: v1\nkind: Pod\n"
		 "metadata: {namespace: shop, name: %s, uid: \"%s\", labels: %s}\n",
		 name, uid, labels);
	put(file, text);
}

static void start(void)
{
	struct nt_rules_config config = { .objects = objects,
					  .source = &source,
					  .sink = &sink,
					  .clock = &now,
					  .cluster_domain = "cluster.local",
					  .resolv_conf = resolv_conf };

	ck_assert_msg(nt_rules_new(&config, &rules, &err) == 0, "%s", err.msg);
	nt_rules_reconcile(rules);
}

static void setup(void)
{
	FILE *f;

	nt_log_init("test", NT_LOG_ERROR);
	snprintf(dir, sizeof(dir), "%s/%d", base, (int)getpid());
	ck_assert_int_eq(mkdir(dir, 0700), 0);
	snprintf(resolv_conf, sizeof(resolv_conf), "%s/resolv-%d", base, (int)getpid());
	f = fopen(resolv_conf, "we");
	ck_assert(f &&
		  fputs("nameserver 10.0.0.1\nsearch old.example\n"
			"search\tCORP.example  cluster.local .\noptions ndots:1\n",
			f) >= 0 &&
		  fclose(f) == 0);
	now = nt_clock_virtual(NT_NS_PER_S, NT_NS_PER_S);
	kernel.next = 1;
	source = (struct nt_tapsource){ .pod_get = pod_get, .pods = pods };
	sink = (struct nt_rulesink){ .key = { { 1, 2, 3 } },
				     .publish = publish,
				     .remove = remove_slot,
				     .slots = slots,
				     .sweep = sweep,
				     .set = set,
				     .get = get };
	attach(0, "shop", "web", "u-web");
	attach(1, "shop", "api", "");
	attach(2, "other", "web", "");
	ck_assert_int_eq(nt_objects_open_dir(dir, &objects, &err), 0);
	start();
}

static void teardown(void)
{
	nt_rules_free(rules);
	nt_objects_free(objects);
}

static void pass(int64_t ms)
{
	now.virtual_boot_ns += ms * NT_NS_PER_MS;
	nt_rules_reconcile(rules);
}

/* A pod's policies in order, "name" or "name?" for Audit, separated by blanks. */
static const char *in_force(int i)
{
	static char text[1024];

	text[0] = '\0';
	for (size_t k = 0; k < kernel.endpoints[i].slots_len; k++) {
		uint32_t id = kernel.endpoints[i].slots[k];
		size_t n = strlen(text);

		snprintf(text + n, sizeof(text) - n, "%s%s%s", n ? " " : "",
			 kernel.slots[id & ~NT_SLOT_AUDIT].name, id & NT_SLOT_AUDIT ? "?" : "");
	}
	return text;
}

static uint64_t hash(const char *text)
{
	struct nt_name name;

	ck_assert_int_eq(nt_name_parse(nt_slice_str(text), &name), 0);
	return nt_suffix_hash(sink.key.key, &name);
}

/* --- stories ---------------------------------------------------------------------------------- */

START_TEST(by_labels)
{
	pod_object("web", "u-web", "{app: web}");
	pod_object("api", "u-api", "{app: api}");
	policy("p", "{matchLabels: {app: web}}", "Enforce", "'example.com', '*.example.org'");
	policy("q", "{}", "Audit", "'example.com'");
	ck_assert(nt_rules_poll(rules));
	ck_assert_str_eq(in_force(0), "p q?");
	ck_assert_str_eq(in_force(1), "q?");
	ck_assert_str_eq(in_force(2), "");
	ck_assert_uint_eq(kernel.writes, 2);
	ck_assert_uint_gt(kernel.rules[kernel.endpoints[0].slots[0]], 0);
	ck_assert(!nt_rules_poll(rules));
	pass(1000);
	ck_assert_uint_eq(kernel.writes, 2); /* nothing differs, nothing is written */
	ck_assert_uint_eq(kernel.publishes, 2);
}
END_TEST

START_TEST(scope_is_what_the_node_has_too)
{
	const struct nt_scope_set *s = &kernel.scopes[0];

	policy("p", "{}", "Enforce", "'example.com'");
	ck_assert(nt_rules_poll(rules));
	ck_assert_uint_eq(s->len, 2);
	ck_assert_uint_eq(s->suffixes[0].kind, NT_SCOPE_KIND_CLUSTER);
	ck_assert_uint_eq(s->suffixes[0].hash, hash("cluster.local"));
	ck_assert_uint_eq(s->suffixes[0].labels, 2);
	ck_assert_uint_eq(s->suffixes[1].kind, NT_SCOPE_KIND_SEARCH);
	ck_assert_uint_eq(s->suffixes[1].hash, hash("corp.example"));
	ck_assert_int_eq(unlink(resolv_conf), 0);
	pass(1000);
	ck_assert_uint_eq(s->len, 1);
}
END_TEST

START_TEST(without_a_pod_object)
{
	struct nt_answer a;

	policy("p", "{matchLabels: {app: web}}", "Enforce", "'example.com'");
	policy("q", "{}", "Enforce", "'example.com'");
	nt_rules_enforce(rules, 100, &a);
	ck_assert_uint_eq(a.status, NT_ANSWER_UNKNOWN);
	ck_assert_str_eq(in_force(0), "q");
	nt_rules_enforce(rules, 102, &a); /* no policy in its namespace */
	ck_assert_uint_eq(a.status, NT_ANSWER_IN_FORCE);
	ck_assert_uint_eq(a.slots, 0);
	pod_object("web", "u-old", "{app: web}"); /* of a predecessor of the same name */
	nt_rules_enforce(rules, 100, &a);
	ck_assert_uint_eq(a.status, NT_ANSWER_UNKNOWN);
	pod_object("web", "u-web", "{app: web}");
	nt_rules_enforce(rules, 100, &a);
	ck_assert_uint_eq(a.status, NT_ANSWER_IN_FORCE);
	ck_assert_uint_eq(a.slots, 2);
	ck_assert_str_eq(in_force(0), "p q");
	pod_object("api", "u-api", "{app: web}"); /* the record has no UID: the name is enough */
	nt_rules_enforce(rules, 101, &a);
	ck_assert_str_eq(in_force(1), "p q");
	nt_rules_enforce(rules, 999, &a);
	ck_assert_uint_eq(a.status, NT_ANSWER_FAILED);
	ck_assert_str_ne(a.msg, "");
}
END_TEST

/* Deleted by force, or replaced by a successor of its name, while its containers run: policies that
 * selected it by labels left it at the next look. What is said of the policy still counts. */
START_TEST(object_gone_while_it_runs)
{
	pod_object("web", "u-web", "{app: web}");
	policy("p", "{matchLabels: {app: web}}", "Enforce", "'example.com'");
	policy("q", "{matchLabels: {app: web}}", "Audit", "'example.com'");
	policy("r", "{matchLabels: {app: api}}", "Enforce", "'example.com'");
	ck_assert(nt_rules_poll(rules));
	ck_assert_str_eq(in_force(0), "p q?");
	kernel.writes = 0;
	drop("pod-web.yaml");
	ck_assert(nt_rules_poll(rules));
	pass(5000);
	nt_rules_free(rules); /* also for an agent that never saw the object */
	start();
	pass(5000);
	ck_assert_str_eq(in_force(0), "p q?");
	ck_assert_uint_eq(kernel.writes + kernel.removes, 0);
	policy("p", "{matchLabels: {app: web}}", "Enforce", "'example.org'");
	policy("q", "{matchLabels: {app: web}}", "Enforce", "'example.com'");
	ck_assert(nt_rules_poll(rules)); /* in their newest form */
	ck_assert_str_eq(in_force(0), "p q");
	ck_assert_uint_eq(kernel.publishes, 4);
	pod_object("web", "u-successor", "{app: other}");
	ck_assert(nt_rules_poll(rules));
	ck_assert_str_eq(in_force(0), "p q");
	drop("p.yaml");
	ck_assert(nt_rules_poll(rules));
	ck_assert_str_eq(in_force(0), "q");
	pod_object("web", "u-web", "{app: other}"); /* it is the API's word again */
	ck_assert(nt_rules_poll(rules));
	ck_assert_str_eq(in_force(0), "");
}
END_TEST

/* CNI has the hash of its configuration for a UID, its mirror pod another one and the hash in an
 * annotation (T18): policies with selectors did not reach it. */
START_TEST(a_static_pod)
{
	struct nt_answer a;

	attach(3, "shop", "proxy-n1", "0f3c5e2d9a8b7c6d5e4f3a2b1c0d9e8f");
	policy("p", "{matchLabels: {app: web}}", "Enforce", "'example.com'");
	nt_rules_enforce(rules, 103, &a);
	ck_assert_uint_eq(a.status, NT_ANSWER_UNKNOWN); /* no mirror pod yet */
	put("mirror.yaml",
	    "apiVersion: v1\nkind: Pod\nmetadata:\n  {namespace: shop, name: proxy-n1, uid: "
	    "u-proxy,\n"
	    "  labels: {app: web}, annotations: {kubernetes.io/config.hash: other}}\n");
	nt_rules_enforce(rules, 103, &a);
	ck_assert_uint_eq(a.status, NT_ANSWER_UNKNOWN);
	put("mirror.yaml",
	    "apiVersion: v1\nkind: Pod\nmetadata:\n  {namespace: shop, name: proxy-n1, uid: "
	    "u-proxy,\n"
	    "  labels: {app: web},\n"
	    "  annotations: {kubernetes.io/config.hash: 0f3c5e2d9a8b7c6d5e4f3a2b1c0d9e8f}}\n");
	nt_rules_enforce(rules, 103, &a);
	ck_assert_uint_eq(a.status, NT_ANSWER_IN_FORCE);
	ck_assert_str_eq(in_force(3), "p");
}
END_TEST

START_TEST(change_and_removal)
{
	uint32_t first;

	policy("p", "{}", "Enforce", "'example.com'");
	ck_assert(nt_rules_poll(rules));
	first = kernel.endpoints[0].slots[0];
	policy("p", "{}", "Enforce", "'example.com', 'example.org'");
	ck_assert(nt_rules_poll(rules));
	ck_assert_uint_ne(kernel.endpoints[0].slots[0], first);
	ck_assert(kernel.there[first]);
	pass(1000);
	ck_assert(kernel.there[first]);
	pass(1500);
	pass(1000);
	ck_assert(!kernel.there[first]);
	ck_assert(nt_slice_eq(nt_rules_policy_name(rules, first), NT_SLICE_LIT("shop/p")));
	policy("p", "{}", "Audit", "'example.com', 'example.org'");
	ck_assert(nt_rules_poll(rules));
	ck_assert_str_eq(in_force(0), "p?");
	drop("p.yaml");
	ck_assert(nt_rules_poll(rules));
	ck_assert_str_eq(in_force(0), "");
	pass(100);
	pass(2500);
	ck_assert_uint_eq(kernel.removes, 3);
	ck_assert_uint_eq(nt_rules_stats(rules).slots, 0);
	pass(16 * 60 * 1000);
	ck_assert_uint_eq(nt_rules_policy_name(rules, first).len, 0);
}
END_TEST

/* A form that comes back in time finds its slot again. */
START_TEST(back_again)
{
	policy("p", "{}", "Enforce", "'example.com'");
	ck_assert(nt_rules_poll(rules));
	policy("p", "{}", "Enforce", "'example.org'");
	ck_assert(nt_rules_poll(rules));
	pass(1900);
	policy("p", "{}", "Enforce", "'example.com'");
	ck_assert(nt_rules_poll(rules));
	ck_assert_uint_eq(kernel.publishes, 2);
	pass(1900);
	pass(1900);
	ck_assert_uint_eq(kernel.removes, 0);
	pass(1900);
	ck_assert_uint_eq(kernel.removes, 1);
	ck_assert_str_eq(in_force(0), "p");
}
END_TEST

START_TEST(refused_keeps_the_last_good_form)
{
	struct nt_endpoint before;

	policy("p", "{}", "Enforce", "'example.com'");
	ck_assert(nt_rules_poll(rules));
	before = kernel.endpoints[0];
	policy("p", "{}", "Enforce", "'not a name'");
	ck_assert(nt_rules_poll(rules));
	ck_assert_uint_eq(nt_rules_stats(rules).refused, 1);
	pass(5000);
	ck_assert_mem_eq(&kernel.endpoints[0], &before, sizeof(before));
	/* Also for an agent that never saw the good form. */
	nt_rules_free(rules);
	start();
	pass(5000);
	ck_assert_mem_eq(&kernel.endpoints[0], &before, sizeof(before));
	ck_assert_uint_eq(kernel.removes, 0);
	policy("p", "{}", "Enforce", "'example.com'");
	ck_assert(nt_rules_poll(rules));
	ck_assert_uint_eq(nt_rules_stats(rules).refused, 0);
	ck_assert_uint_eq(kernel.publishes, 1);
}
END_TEST

/* The file with the policy has a mistake, and the agent that knew better is gone. */
START_TEST(unreadable_over_a_restart)
{
	struct nt_endpoint before;
	struct nt_answer a;

	policy("p", "{}", "Enforce", "'example.com'");
	ck_assert(nt_rules_poll(rules));
	before = kernel.endpoints[0];
	put("p.yaml", "kind: [");
	nt_rules_free(rules);
	nt_objects_free(objects);
	ck_assert_int_eq(nt_objects_open_dir(dir, &objects, &err), 0);
	start();
	pass(5000);
	pass(5000);
	ck_assert_mem_eq(&kernel.endpoints[0], &before, sizeof(before));
	attach(3, "shop", "late", "");
	nt_rules_enforce(rules, 103, &a);
	ck_assert_uint_eq(a.status, NT_ANSWER_UNKNOWN);
	drop("p.yaml");
	(void)nt_rules_poll(rules);
	pass(500);
	ck_assert_str_eq(in_force(0), "");
	nt_rules_enforce(rules, 103, &a);
	ck_assert_uint_eq(a.status, NT_ANSWER_IN_FORCE);
}
END_TEST

static void answer_pods_only(void *ctx, struct server_conn *c, const char *path)
{
	(void)ctx;
	if (strncmp(path, "/api/v1/pods?limit", 18) == 0)
		server_reply(c, 200, "",
			     NT_SLICE_LIT("{\"kind\":\"PodList\",\"apiVersion\":\"v1\","
					  "\"metadata\":{\"resourceVersion\":\"7\"},"
					  "\"items\":[]}"));
}

static void stop_when_pods_are_read(void *ctx, const struct nt_objects_state *state)
{
	if (strcmp(state->kind, "Pod") == 0 && state->synced)
		nt_loop_stop(ctx);
}

static void on_kube_objects(void *ctx, int fd, uint32_t events)
{
	(void)fd, (void)events;
	(void)nt_rules_poll(rules);
	nt_objects_states(objects, stop_when_pods_are_read, ctx);
}

/* The API has said which pods there are, but not which policies. */
START_TEST(half_read_over_a_restart)
{
	static const char *const kinds[] = { "Pod", "DNSPolicy", NULL };
	const struct nt_objects_kube_config config = { .kinds = kinds, .node = "n1" };
	struct nt_endpoint before;
	struct server server;
	struct nt_loop *loop;
	struct nt_kube *kube;
	struct nt_answer a;

	policy("p", "{}", "Enforce", "'example.com'");
	ck_assert(nt_rules_poll(rules));
	before = kernel.endpoints[0];
	nt_rules_free(rules);
	nt_objects_free(objects);
	ck_assert_int_eq(nt_loop_new(&loop, &err), 0);
	server_start(&server, loop, answer_pods_only, NULL);
	kube = server_client(&server);
	ck_assert_int_eq(nt_objects_open_kube(kube, loop, &config, &objects, &err), 0);
	kernel.writes = kernel.removes = 0;
	start();
	ck_assert_int_eq(nt_loop_watch(loop, nt_objects_fd(objects), EPOLLIN, on_kube_objects, loop,
				       &err),
			 0);
	ck_assert_int_eq(nt_loop_run(loop, &err), 0);
	ck_assert(!nt_objects_have_synced(objects));
	pass(5000);
	nt_rules_enforce(rules, 100, &a);
	ck_assert_uint_eq(a.status, NT_ANSWER_UNKNOWN);
	ck_assert_mem_eq(&kernel.endpoints[0], &before, sizeof(before));
	ck_assert_uint_eq(kernel.writes + kernel.removes, 0);
	nt_loop_unwatch(loop, nt_objects_fd(objects));
	nt_rules_free(rules);
	nt_objects_free(objects);
	nt_kube_close(kube);
	server_stop(&server);
	nt_loop_free(loop);
	ck_assert_int_eq(nt_objects_open_dir(dir, &objects, &err), 0);
	start();
	ck_assert_mem_eq(&kernel.endpoints[0], &before, sizeof(before));
}
END_TEST

START_TEST(restart_writes_nothing)
{
	policy("p", "{}", "Enforce", "'example.com'");
	policy("q", "{}", "Audit", "'example.com'");
	ck_assert(nt_rules_poll(rules));
	kernel.writes = 0;
	nt_rules_free(rules);
	start();
	pass(5000);
	ck_assert_uint_eq(kernel.writes, 0);
	ck_assert_uint_eq(kernel.publishes, 2);
	ck_assert_uint_eq(kernel.removes, 0);
	ck_assert_uint_eq(kernel.sweeps, 2);
	ck_assert(nt_slice_eq(nt_rules_policy_name(rules, 1), NT_SLICE_LIT("shop/p")));
}
END_TEST

START_TEST(repaired)
{
	struct nt_endpoint before;

	policy("p", "{}", "Enforce", "'example.com'");
	ck_assert(nt_rules_poll(rules));
	before = kernel.endpoints[0];
	kernel.endpoints[0].slots_len = 0;
	pass(500);
	ck_assert_mem_eq(&kernel.endpoints[0], &before, sizeof(before));
	attach(3, "shop", "late", "");
	pass(500);
	ck_assert_str_eq(in_force(3), "p");
}
END_TEST

START_TEST(more_than_there_is_room_for)
{
	struct nt_answer a;
	char name[16];

	for (int i = 0; i < NT_POLICY_SLOTS; i++) {
		snprintf(name, sizeof(name), "a%d", i);
		policy(name, "{}", "Audit", "'example.com'");
	}
	policy("z", "{}", "Enforce", "'example.com'");
	nt_rules_enforce(rules, 100, &a);
	ck_assert_uint_eq(a.status, NT_ANSWER_FAILED);
	ck_assert_uint_eq(a.slots, NT_POLICY_SLOTS);
	ck_assert_str_eq(in_force(0), "z a0? a1? a2? a3? a4? a5? a6?");
}
END_TEST

START_TEST(no_room_for_rules)
{
	struct nt_answer a;

	policy("p", "{}", "Enforce", "'example.com'");
	ck_assert(nt_rules_poll(rules));
	policy("p", "{}", "Enforce", "'example.org'");
	kernel.publish_error = ENOSPC;
	nt_rules_enforce(rules, 100, &a);
	ck_assert_uint_eq(a.status, NT_ANSWER_FAILED);
	pass(5000);
	ck_assert_str_eq(in_force(0), "p"); /* the old form */
	ck_assert_uint_eq(kernel.removes, 0);
	kernel.publish_error = 0;
	pass(100);
	ck_assert_uint_eq(kernel.publishes, 2);
	ck_assert_uint_eq(kernel.endpoints[0].slots[0], 2);
}
END_TEST

static int remove_path(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

int main(void)
{
	Suite *suite = suite_create("agent_rules");
	TCase *tc = tcase_create("rules");
	int r;

	if (!mkdtemp(base))
		return 1;
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, by_labels);
	tcase_add_test(tc, scope_is_what_the_node_has_too);
	tcase_add_test(tc, without_a_pod_object);
	tcase_add_test(tc, object_gone_while_it_runs);
	tcase_add_test(tc, a_static_pod);
	tcase_add_test(tc, change_and_removal);
	tcase_add_test(tc, back_again);
	tcase_add_test(tc, refused_keeps_the_last_good_form);
	tcase_add_test(tc, unreadable_over_a_restart);
	tcase_add_test(tc, half_read_over_a_restart);
	tcase_add_test(tc, restart_writes_nothing);
	tcase_add_test(tc, repaired);
	tcase_add_test(tc, more_than_there_is_room_for);
	tcase_add_test(tc, no_room_for_rules);
	suite_add_tcase(suite, tc);
	r = nt_suite_run(suite);
	(void)nftw(base, remove_path, 16, FTW_DEPTH | FTW_PHYS);
	return r;
}
