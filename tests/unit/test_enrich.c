/* SPDX-License-Identifier: Apache-2.0 */
/* Records before and after objects: who is named, and above all who is not. */
#include "controller/enrich/enrich.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "tests/unit/suite.h"

static char folder[] = "/tmp/nt-enrich-XXXXXX"; /* made and removed by the parent */
static char path[64];
static struct nt_objects *objects;
static struct nt_enrich *enrich;
static struct nt_clock clock_;
static struct nt_arena arena = NT_ARENA(1 << 20);

/* 2026-11-23T07:00:00Z, in us; it is a minute later. */
#define SEVEN 1795417200000000
#define SECOND 1000000LL

static const char base[] =
	"apiVersion: v1\nkind: Pod\n"
	"metadata:\n"
	"  name: web-6659c9d65f-x2x4p\n  namespace: shop\n  uid: uid-web\n"
	"  creationTimestamp: \"2026-11-23T06:00:00Z\"\n"
	"  labels: {app: web, pod-template-hash: 6659c9d65f}\n"
	"  ownerReferences: [{kind: ReplicaSet, name: web-6659c9d65f, controller: true}]\n"
	"status: {phase: Running, startTime: \"2026-11-23T06:00:01Z\", podIP: 10.244.0.18,\n"
	"  podIPs: [{ip: 10.244.0.18}, {ip: \"fd00::18\"}]}\n"
	"---\napiVersion: v1\nkind: Pod\n"
	"metadata: {name: coredns-5d78c9869d-xbcdz, namespace: kube-system, uid: uid-dns,\n"
	"  labels: {k8s-app: kube-dns}}\n"
	"status: {podIP: 10.244.0.2}\n"
	"---\napiVersion: v1\nkind: Pod\n"
	"metadata: {name: proxy-n1, namespace: kube-system, uid: uid-proxy}\n"
	"spec: {hostNetwork: true}\nstatus: {podIP: 192.168.1.1}\n"
	"---\napiVersion: v1\nkind: Pod\n"
	"metadata: {name: done, namespace: shop, uid: uid-done}\n"
	"status: {phase: Succeeded, podIP: 10.244.0.30}\n"
	"---\napiVersion: v1\nkind: Pod\n"
	"metadata: {name: twin-a, namespace: shop}\nstatus: {podIP: 10.244.0.40}\n"
	"---\napiVersion: v1\nkind: Pod\n"
	"metadata: {name: twin-b, namespace: shop}\nstatus: {podIP: 10.244.0.40}\n"
	"---\napiVersion: v1\nkind: Pod\n"
	"metadata: {name: etcd-n1, namespace: kube-system, uid: mirror,\n"
	"  annotations: {kubernetes.io/config.hash: hash}}\n"
	"---\napiVersion: v1\nkind: Service\n"
	"metadata: {name: kube-dns, namespace: kube-system}\n"
	"spec: {clusterIP: 10.96.0.10, clusterIPs: [10.96.0.10, \"fd00::a\"],\n"
	"  selector: {k8s-app: kube-dns}, ports: [{port: 53, protocol: UDP}]}\n"
	"---\napiVersion: v1\nkind: Service\n"
	"metadata: {name: coredns-metrics, namespace: kube-system}\n"
	"spec: {clusterIP: None, selector: {k8s-app: kube-dns}, ports: [{port: 9153}]}\n"
	"---\napiVersion: v1\nkind: Service\n"
	"metadata: {name: new, namespace: shop, creationTimestamp: \"2026-11-23T08:00:00Z\"}\n"
	"spec: {clusterIP: 10.96.0.77}\n"
	"---\napiVersion: v1\nkind: Service\n"
	"metadata: {name: web, namespace: shop}\nspec: {selector: {app: web}}\n"
	"---\napiVersion: v1\nkind: Service\n"
	"metadata: {name: all, namespace: shop}\nspec: {selector: {app: web}}\n";

static void put(const char *text)
{
	FILE *f = fopen(path, "we");

	ck_assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void make_folder(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/a.yaml", folder);
}

static void remove_folder(void)
{
	(void)unlink(path);
	(void)rmdir(folder);
}

static void setup(void)
{
	struct nt_err err;

	put(base);
	ck_assert_int_eq(nt_objects_open_dir(folder, &objects, &err), 0);
	ck_assert_ptr_null(nt_objects_problem_at(objects, 0));
	clock_ = nt_clock_virtual(0, (SEVEN + 60 * SECOND) * NT_NS_PER_US);
	ck_assert_int_eq(nt_enrich_new(objects, &clock_, &enrich, &err), 0);
}

static void teardown(void)
{
	nt_enrich_free(enrich);
	nt_objects_free(objects);
	nt_arena_done(&arena);
}

static struct nt_addr addr(const char *text)
{
	struct nt_addr a = { 0 };

	if (text[0])
		ck_assert_int_eq(nt_addr_parse(nt_slice_str(text), &a), 0);
	return a;
}

static struct nt_record client_row(const char *ns, const char *name, const char *uid)
{
	return (struct nt_record){ .start_us = SEVEN,
				   .client_namespace = nt_slice_str(ns),
				   .client_name = nt_slice_str(name),
				   .client_uid = nt_slice_str(uid) };
}

static void expect(struct nt_slice got, const char *want)
{
	ck_assert_msg(nt_slice_eq(got, nt_slice_str(want)), "\"%.*s\", not \"%s\"",
		      NT_SLICE_ARG(got), want);
}

START_TEST(test_client)
{
	struct nt_record r = client_row("shop", "web-6659c9d65f-x2x4p", "uid-web");

	ck_assert_int_eq(nt_enrich_record(enrich, &arena, &r), 0);
	expect(r.client_workload_kind, "Deployment");
	expect(r.client_workload_name, "web");
	ck_assert_uint_eq(r.client_services_len, 2);
	expect(r.client_services[0], "shop/all");
	expect(r.client_services[1], "shop/web");
	ck_assert_uint_eq(r.client_labels_len, 2);
	expect(r.client_labels[0].key, "app");
	expect(r.client_labels[0].value, "web");
}
END_TEST

struct stranger {
	const char *ns, *name, *uid;
	int64_t start_us;
	bool known;
};

static const struct stranger strangers[] = {
	{ "shop", "web-6659c9d65f-x2x4p", "uid-web", SEVEN, true },
	/* Its UID is proof enough, whatever the clocks say. */
	{ "shop", "web-6659c9d65f-x2x4p", "uid-web", 1, true },
	{ "shop", "web-6659c9d65f-x2x4p", "uid-before", SEVEN, false },
	{ "shop", "web-6659c9d65f-x2x4p", "", SEVEN, true },
	{ "shop", "web-6659c9d65f-x2x4p", "", 1, false },
	{ "other", "web-6659c9d65f-x2x4p", "uid-web", SEVEN, false },
	{ "shop", "web-6659c9d65f-x2x4", "uid-web", SEVEN, false },
	{ "shop", "twin-a", "any", SEVEN, true },
	{ "kube-system", "etcd-n1", "hash", SEVEN, true },
	{ "kube-system", "etcd-n1", "mirror", SEVEN, true },
	{ "kube-system", "etcd-n1", "other", SEVEN, false },
	{ "", "", "", SEVEN, false },
};

START_TEST(test_client_is_never_guessed)
{
	const struct stranger *s = &strangers[_i];
	struct nt_record r = client_row(s->ns, s->name, s->uid);

	r.start_us = s->start_us;
	ck_assert_int_eq(nt_enrich_record(enrich, &arena, &r), 0);
	ck_assert_int_eq(r.client_workload_name.len != 0, s->known);
	if (!s->known) {
		ck_assert_uint_eq(r.client_labels_len, 0);
		ck_assert_uint_eq(r.client_services_len, 0);
	}
}
END_TEST

struct server {
	enum nt_side side;
	const char *ns, *name, *ip; /* as the agent sent them */
	uint16_t port;
	const char *want_name, *want_aggr, *want_ns, *want_service;
};

static const struct server servers[] = {
	{ NT_SIDE_CLIENT, "", "-", "10.96.0.10", 53, "-", "pvt", "kube-system",
	  "kube-system/kube-dns" },
	{ NT_SIDE_CLIENT, "", "-", "fd00::a", 53, "-", "pvt", "kube-system",
	  "kube-system/kube-dns" },
	{ NT_SIDE_CLIENT, "", "", "10.244.0.2", 53, "coredns-5d78c9869d-xbcdz",
	  "coredns-5d78c9869d-*", "kube-system", "kube-system/kube-dns" },
	{ NT_SIDE_CLIENT, "", "-", "10.244.0.2", 5353, "coredns-5d78c9869d-xbcdz",
	  "coredns-5d78c9869d-*", "kube-system", "" },
	{ NT_SIDE_CLIENT, "", "-", "fd00::18", 53, "web-6659c9d65f-x2x4p", "web-6659c9d65f-*",
	  "shop", "" },
	{ NT_SIDE_CLIENT, "", "-", "8.8.8.8", 53, "-", "pub", "", "" },
	{ NT_SIDE_CLIENT, "", "-", "10.0.0.1", 53, "-", "pvt", "", "" },
	{ NT_SIDE_CLIENT, "", "-", "", 0, "-", "pub", "", "" },
	/* A node, a pod that has ended, two pods, a Service that was made later. */
	{ NT_SIDE_CLIENT, "", "-", "192.168.1.1", 53, "-", "pvt", "", "" },
	{ NT_SIDE_CLIENT, "", "-", "10.244.0.30", 53, "-", "pvt", "", "" },
	{ NT_SIDE_CLIENT, "", "-", "10.244.0.40", 53, "-", "pvt", "", "" },
	{ NT_SIDE_CLIENT, "", "-", "10.96.0.77", 53, "-", "pvt", "", "" },
	/* The server's own veth: its name is known, the object adds to it. */
	{ NT_SIDE_SERVER, "kube-system", "coredns-5d78c9869d-xbcdz", "10.244.0.2", 53,
	  "coredns-5d78c9869d-xbcdz", "coredns-5d78c9869d-*", "kube-system",
	  "kube-system/kube-dns" },
	/* Another pod of that name, and one that no object knows: as the agent said. */
	{ NT_SIDE_SERVER, "kube-system", "coredns-5d78c9869d-xbcdz", "10.244.0.9", 53,
	  "coredns-5d78c9869d-xbcdz", "", "kube-system", "" },
	{ NT_SIDE_SERVER, "lab", "dns-0", "10.244.0.2", 53, "dns-0", "", "lab", "" },
};

START_TEST(test_server)
{
	const struct server *s = &servers[_i];
	struct nt_server server = { .ip = addr(s->ip),
				    .port = s->port,
				    .name = nt_slice_str(s->name),
				    .namespace_ = nt_slice_str(s->ns) };
	struct nt_record r = {
		.side = s->side, .start_us = SEVEN, .servers = &server, .servers_len = 1
	};

	ck_assert_int_eq(nt_enrich_record(enrich, &arena, &r), 0);
	expect(server.name, s->want_name);
	expect(server.name_aggr, s->want_aggr);
	expect(server.namespace_, s->want_ns);
	expect(server.service, s->want_service);
	/* Both pods with a generated name have labels. */
	ck_assert_int_eq(server.labels_len != 0,
			 nt_slice_ends(server.name_aggr, NT_SLICE_LIT("*")));
	ck_assert_uint_eq(r.client_workload_name.len, 0);
}
END_TEST

/* An address names no client: the server side stays as it came. */
START_TEST(test_server_side_leaves_the_client)
{
	struct nt_record r = { .side = NT_SIDE_SERVER,
			       .start_us = SEVEN,
			       .client_ip = addr("10.244.0.18") };

	ck_assert_int_eq(nt_enrich_record(enrich, &arena, &r), 0);
	ck_assert_uint_eq(r.client_name.len, 0);
	ck_assert_uint_eq(r.client_workload_name.len, 0);
	ck_assert_uint_eq(r.client_labels_len, 0);
}
END_TEST

/* New objects in the folder, taken in so many seconds after SEVEN. */
static void change(int64_t second, const char *text)
{
	clock_.virtual_real_ns = (SEVEN + second * SECOND) * NT_NS_PER_US;
	put(text);
	ck_assert_int_eq(nt_objects_poll(objects), 1);
	ck_assert_ptr_null(nt_objects_problem_at(objects, 0));
}

static const char *workload_of(const char *ns, const char *name, const char *uid, int64_t second)
{
	struct nt_record r = client_row(ns, name, uid);
	static char text[256];

	r.start_us = SEVEN + second * SECOND;
	ck_assert_int_eq(nt_enrich_record(enrich, &arena, &r), 0);
	snprintf(text, sizeof(text), "%.*s/%.*s", NT_SLICE_ARG(r.client_workload_kind),
		 NT_SLICE_ARG(r.client_workload_name));
	return text;
}

START_TEST(test_follows_the_objects)
{
	struct nt_record r = client_row("shop", "web-6659c9d65f-x2x4p", "uid-2");

	ck_assert_str_eq(workload_of("shop", "web-6659c9d65f-x2x4p", "uid-2", 0), "/");
	change(60, "apiVersion: v1\nkind: Pod\n"
		   "metadata: {name: web-6659c9d65f-x2x4p, namespace: shop, uid: uid-2}\n");
	ck_assert_int_eq(nt_enrich_record(enrich, &arena, &r), 0);
	expect(r.client_workload_kind, "Pod");
	expect(r.client_workload_name, "web-6659c9d65f-x2x4p");
	change(60, "");
	expect(r.client_workload_name, "web-6659c9d65f-x2x4p"); /* a record keeps what it got */
}
END_TEST

#define POD(name, uid, more)               \
	"---\napiVersion: v1\nkind: Pod\n" \
	"metadata: {name: " name ", namespace: shop, uid: " uid ", labels: {app: web}" more
#define OWNER(kind, name) \
	", ownerReferences: [{kind: " kind ", name: " name ", controller: true}]}\n"
#define WEB                                                                            \
	"---\napiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\n" \
	"spec: {selector: {app: web}}\n"

/* The last batch of a pod comes when it is gone: it has all that the pod had. */
START_TEST(test_pod_that_is_gone)
{
	struct nt_record r = client_row("shop", "once", "u1");
	struct nt_enrich_stats stats;

	change(60, POD("once", "u1", OWNER("Job", "j")) WEB
	       "---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: j, namespace: shop" OWNER(
		       "CronJob", "hourly"));
	/* Background deletion: the owner goes first. */
	change(61, POD("once", "u1", OWNER("Job", "j")) WEB);
	change(62, "");
	ck_assert_int_eq(nt_enrich_record(enrich, &arena, &r), 0);
	expect(r.client_workload_kind, "CronJob");
	expect(r.client_workload_name, "hourly");
	ck_assert_uint_eq(r.client_services_len, 1);
	expect(r.client_services[0], "shop/web");
	ck_assert_uint_eq(r.client_labels_len, 1);
	expect(r.client_labels[0].value, "web");
	stats = nt_enrich_stats(enrich);
	ck_assert_uint_eq(stats.rows_gone, 1);
	ck_assert_uint_eq(stats.pods, 0);

	clock_.virtual_real_ns += 16 * 60 * NT_NS_PER_S;
	nt_enrich_tick(enrich);
	ck_assert_uint_eq(nt_enrich_stats(enrich).gone, 0);
	ck_assert_str_eq(workload_of("shop", "once", "u1", 0), "/");
	ck_assert_uint_eq(nt_enrich_stats(enrich).rows_unknown, 1);
}
END_TEST

/* Two after each other under one name: a row is of the one whose UID it has. */
START_TEST(test_two_of_a_name)
{
	change(60, POD("db-0", "u1", OWNER("StatefulSet", "db")));
	change(70, POD("db-0", "u2", "}\n"));
	ck_assert_str_eq(workload_of("shop", "db-0", "u1", 100), "StatefulSet/db");
	ck_assert_str_eq(workload_of("shop", "db-0", "u2", 100), "Pod/db-0");
	ck_assert_str_eq(workload_of("shop", "db-0", "u3", 100), "/");
	ck_assert_uint_eq(nt_enrich_stats(enrich).rows_other, 1);
	/* Without a UID the time decides, where it can: until 70 both may have been there. */
	ck_assert_str_eq(workload_of("shop", "db-0", "", 65), "/");
	ck_assert_str_eq(workload_of("shop", "db-0", "", 75), "Pod/db-0");
}
END_TEST

#define AT(ip, since, phase)                                                       \
	", creationTimestamp: \"2026-11-23T07:0" since "Z\"}\nstatus: {podIP: " ip \
	", phase: " phase "}\n"

static struct nt_slice name_at(const char *ip, int64_t second)
{
	struct nt_server server = { .ip = addr(ip), .port = 53 };
	struct nt_record r = { .start_us = SEVEN + second * SECOND,
			       .servers = &server,
			       .servers_len = 1 };

	ck_assert_int_eq(nt_enrich_record(enrich, &arena, &r), 0);
	return server.name;
}

/* An address that goes from one pod to another is at each time that of the one who had it, and
 * nobody's where it may have been either's. */
START_TEST(test_address_over_time)
{
	change(60, POD("a", "u1", AT("10.0.0.7", "0:10", "Running")));
	change(80, POD("b", "u2", AT("10.0.0.7", "1:15", "Running")));
	expect(name_at("10.0.0.7", 5), "-");
	expect(name_at("10.0.0.7", 60), "a");
	expect(name_at("10.0.0.7", 77), "-");
	expect(name_at("10.0.0.7", 81), "b");
	/* Its containers end, the object stays. */
	change(100, POD("b", "u2", AT("10.0.0.7", "1:15", "Succeeded")));
	expect(name_at("10.0.0.7", 99), "b");
	expect(name_at("10.0.0.7", 100), "-");
	change(110, POD("b", "u2", AT("10.0.0.7", "1:15", "Failed")));
	expect(name_at("10.0.0.7", 99), "b");
	expect(name_at("10.0.0.7", 105), "-");
	change(120, "");
	expect(name_at("10.0.0.7", 99), "b");
	expect(name_at("10.0.0.7", 110), "-");
	/* It gets another address. */
	change(130, POD("c", "u3", AT("10.0.0.8", "2:00", "Running")));
	change(131, POD("c", "u3", AT("10.0.0.9", "2:00", "Running")));
	expect(name_at("10.0.0.8", 132), "-");
	expect(name_at("10.0.0.9", 132), "c");
}
END_TEST

/* The owner comes after the pod; what was certain once stays. */
START_TEST(test_owner_comes_late)
{
	change(60, POD("w-1", "u1", OWNER("Job", "w-29012340")));
	ck_assert_str_eq(workload_of("shop", "w-1", "u1", 0), "CronJob/w"); /* by the name */
	change(61,
	       POD("w-1", "u1",
		   OWNER("Job", "w-29012340")) "---\napiVersion: batch/v1\nkind: Job\nmetadata: "
					       "{name: w-29012340, namespace: shop}\n");
	ck_assert_str_eq(workload_of("shop", "w-1", "u1", 0), "Job/w-29012340");
	change(62, POD("w-1", "u1", OWNER("Job", "w-29012340")));
	ck_assert_str_eq(workload_of("shop", "w-1", "u1", 0), "Job/w-29012340");
	change(63, POD("w-1", "u1", ", annotations: {a: b}" OWNER("Job", "w-29012340")) WEB);
	ck_assert_str_eq(workload_of("shop", "w-1", "u1", 0), "Job/w-29012340");
}
END_TEST

/* The runtime's UID of a static pod is a hash; rows and coverage have that of its mirror pod. */
START_TEST(test_static_pod)
{
	struct nt_batch_endpoint endpoint = { .namespace_ = NT_SLICE_LIT("shop"),
					      .name = NT_SLICE_LIT("etcd-n1"),
					      .uid = NT_SLICE_LIT("hash") };
	struct nt_record r = client_row("shop", "etcd-n1", "hash");

	ck_assert_int_eq(nt_enrich_endpoint(enrich, &arena, NT_SLICE_LIT("n1"), &endpoint), 0);
	expect(endpoint.uid, "hash");
	change(60, POD("etcd-n1", "mirror",
		       ", annotations: {kubernetes.io/config.hash: hash}" OWNER("Node", "n1")));
	ck_assert_int_eq(nt_enrich_record(enrich, &arena, &r), 0);
	expect(r.client_workload_kind, "StaticPod");
	expect(r.client_workload_name, "etcd");
	expect(r.client_uid, "mirror");
	ck_assert_int_eq(nt_enrich_endpoint(enrich, &arena, NT_SLICE_LIT("n1"), &endpoint), 0);
	expect(endpoint.uid, "mirror");
}
END_TEST

static const char endpoints[] =
	"---\napiVersion: v1\nkind: Pod\n"
	"metadata: {name: dns-n1, namespace: kube-system, uid: h1}\n"
	"spec: {hostNetwork: true}\nstatus: {podIP: 192.168.1.1}\n"
	"---\napiVersion: v1\nkind: Pod\n"
	"metadata: {name: proxy-n1, namespace: kube-system, uid: h2}\n"
	"spec: {hostNetwork: true}\nstatus: {podIP: 192.168.1.1}\n"
	"---\napiVersion: v1\nkind: Pod\n"
	"metadata: {name: own, namespace: kube-system, uid: h3}\n"
	"status: {podIP: 10.0.0.3}\n"
	"---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
	"metadata: {name: dns-a, namespace: kube-system,\n"
	"  labels: {kubernetes.io/service-name: dns}}\n"
	"endpoints: [{addresses: [192.168.1.1], targetRef: {kind: Pod, name: dns-n1, uid: h1}}]\n"
	"ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]\n"
	"---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
	"metadata: {name: dns-b, namespace: kube-system,\n"
	"  labels: {kubernetes.io/service-name: old}}\n"
	"endpoints: [{addresses: [192.168.1.2], targetRef: {kind: Pod, name: dns-n1, uid: x}}]\n"
	"ports: [{port: 53, protocol: UDP}]\n"
	"---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
	"metadata: {name: out-1, namespace: kube-system,\n"
	"  labels: {kubernetes.io/service-name: out}}\n"
	"endpoints: [{addresses: [9.9.9.9]}]\n"
	"ports: [{port: 53, protocol: UDP}]\n"
	"---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
	"metadata: {name: by-hand, namespace: kube-system,\n"
	"  labels: {kubernetes.io/service-name: named}}\n"
	"endpoints: [{addresses: [10.0.0.3], targetRef: {kind: Pod, name: own, uid: h3}}]\n"
	"ports: [{port: 5353, protocol: UDP}]\n"
	"---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
	"metadata: {name: one, namespace: kube-system,\n"
	"  labels: {kubernetes.io/service-name: first}}\n"
	"endpoints: [{addresses: [10.9.9.9]}]\n"
	"ports: [{port: 53, protocol: UDP}]\n"
	"---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
	"metadata: {name: two, namespace: kube-system,\n"
	"  labels: {kubernetes.io/service-name: second}}\n"
	"endpoints: [{addresses: [10.9.9.9]}]\n"
	"ports: [{port: 53, protocol: UDP}]\n"
	"---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
	"metadata: {name: all-ports, namespace: kube-system,\n"
	"  labels: {kubernetes.io/service-name: wide}}\n"
	"endpoints: [{addresses: [10.8.8.8]}]\n"
	"ports: [{name: any}]\n"
	"---\napiVersion: v1\nkind: Endpoints\nmetadata: {name: plain, namespace: kube-system}\n"
	"subsets: [{addresses: [{ip: 10.7.7.7}], ports: [{port: 53, protocol: UDP}]}]\n";

static const struct {
	const char *ip;
	uint16_t port;
	const char *name, *ns, *service;
} listed[] = {
	/* On the node's address the port tells the pod. */
	{ "192.168.1.1", 53, "dns-n1", "kube-system", "kube-system/dns" },
	{ "192.168.1.1", 54, "-", "", "" },
	/* The pod that is meant is another one. */
	{ "192.168.1.2", 53, "-", "kube-system", "kube-system/old" },
	{ "9.9.9.9", 53, "-", "kube-system", "kube-system/out" },
	/* A pod in a Service without a selector, or with a named port. */
	{ "10.0.0.3", 5353, "own", "kube-system", "kube-system/named" },
	{ "10.9.9.9", 53, "-", "", "" },
	{ "10.8.8.8", 5300, "-", "kube-system", "kube-system/wide" },
	{ "10.7.7.7", 53, "-", "kube-system", "kube-system/plain" },
};

START_TEST(test_endpoints)
{
	struct nt_server server = { .ip = addr(listed[_i].ip), .port = listed[_i].port };
	struct nt_record r = { .start_us = SEVEN, .servers = &server, .servers_len = 1 };

	change(60, endpoints);
	ck_assert_int_eq(nt_enrich_record(enrich, &arena, &r), 0);
	expect(server.name, listed[_i].name);
	expect(server.namespace_, listed[_i].ns);
	expect(server.service, listed[_i].service);
	change(61, "");
	r.start_us += 62 * SECOND;
	server = (struct nt_server){ .ip = server.ip, .port = server.port };
	ck_assert_int_eq(nt_enrich_record(enrich, &arena, &r), 0);
	expect(server.service, "");
}
END_TEST

/* Many pods, each known by its own address and UID, while they come and go. */
START_TEST(test_many_change)
{
	enum { PODS = 500 };
	_cleanup_buf_ struct nt_buf text = { 0 };
	char name[16], uid[16], ip[16];

	for (int round = 0; round < 3; round++) {
		text.len = 0;
		for (int i = 0; i < PODS; i++)
			nt_buf_printf(&text,
				      "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p-%d, "
				      "namespace: shop, uid: u-%d-%d}\n"
				      "status: {podIP: 10.1.%d.%d, startTime: "
				      "\"2026-11-23T07:%02d:00Z\"}\n",
				      i, i, i % 3 ? 0 : round, i / 250, i % 250, i % 3 ? 0 : round);
		change(60 * round + 1, nt_buf_str(&text));
	}
	for (int i = 0; i < PODS; i++) {
		snprintf(name, sizeof(name), "p-%d", i);
		snprintf(ip, sizeof(ip), "10.1.%d.%d", i / 250, i % 250);
		expect(name_at(ip, 130), name);
		for (int round = 0; round < (i % 3 ? 1 : 3); round++) {
			snprintf(uid, sizeof(uid), "u-%d-%d", i, round);
			ck_assert_str_ne(workload_of("shop", name, uid, 0), "/");
		}
	}
	ck_assert_uint_eq(nt_enrich_stats(enrich).pods, PODS);
	ck_assert_uint_eq(nt_enrich_stats(enrich).lost, 0);
}
END_TEST

START_TEST(test_full_arena_is_told)
{
	struct nt_server server = { .ip = addr("10.244.0.2"), .port = 53 };
	struct nt_record r = { .start_us = SEVEN, .servers = &server, .servers_len = 1 };
	struct nt_arena small = NT_ARENA(0);

	ck_assert_int_eq(nt_enrich_record(enrich, &small, &r), -ENOMEM);
	expect(server.name, "-");
	nt_arena_done(&small);
}
END_TEST

/* --- pods of other nodes ---------------------------------------------------------------------- */

static const char on_nodes[] =
	"apiVersion: v1\nkind: Pod\n"
	"metadata: {name: db-0, namespace: shop, uid: u-far}\nspec: {nodeName: n2}\n"
	"---\napiVersion: v1\nkind: Pod\n"
	"metadata: {name: near, namespace: shop, uid: u-near}\nspec: {nodeName: n1}\n"
	"---\napiVersion: v1\nkind: Pod\n"
	"metadata: {name: waits, namespace: shop, uid: u-waits}\n"
	"---\napiVersion: v1\nkind: Pod\n"
	"metadata: {name: static, namespace: shop, uid: u-mirror,\n"
	"  annotations: {kubernetes.io/config.hash: hash}}\nspec: {nodeName: n2}\n";

/* What node n1 says, and which node objects prove to be the pod's. */
static const struct elsewhere {
	const char *name, *uid, *node;
} elsewheres[] = {
	{ "db-0", "u-far", "n2" },
	{ "near", "u-near", "" },
	{ "waits", "u-waits", "" },
	/* db-0 was here before and its rows are late; or it was adopted without a UID. */
	{ "db-0", "u-before", "" },
	{ "db-0", "", "" },
	/* The hash of a configuration that both nodes may have; and what only one has. */
	{ "static", "hash", "" },
	{ "static", "u-mirror", "n2" },
	{ "other", "u-far", "" },
	{ "", "", "" },
};

START_TEST(test_only_a_uid_proves_another_node)
{
	const struct elsewhere *c = &elsewheres[_i];
	struct nt_record r = client_row("shop", c->name, c->uid);
	struct nt_batch_endpoint endpoint = { .namespace_ = r.client_namespace,
					      .name = r.client_name,
					      .uid = r.client_uid };

	change(60, on_nodes);
	r.node = NT_SLICE_LIT("n1");
	expect(nt_enrich_record_elsewhere(enrich, &r), c->node);
	expect(nt_enrich_endpoint_elsewhere(enrich, r.node, &endpoint), c->node);
	r.node = NT_SLICE_LIT("n2");
	if (c->node[0])
		expect(nt_enrich_record_elsewhere(enrich, &r), "");
}
END_TEST

/* Rows that only have the name of a pod of another node get nothing of that pod. */
START_TEST(test_a_name_of_another_node_adds_nothing)
{
	struct nt_record r = client_row("shop", "db-0", "");

	change(60, on_nodes);
	r.start_us = SEVEN + 60 * SECOND;
	r.node = NT_SLICE_LIT("n1");
	ck_assert_int_eq(nt_enrich_record(enrich, &arena, &r), 0);
	ck_assert_uint_eq(r.client_workload_kind.len, 0);
	ck_assert_uint_eq(nt_enrich_stats(enrich).rows_elsewhere, 1);
	r.node = NT_SLICE_LIT("n2");
	ck_assert_int_eq(nt_enrich_record(enrich, &arena, &r), 0);
	expect(r.client_workload_kind, "Pod");
	ck_assert_uint_eq(nt_enrich_stats(enrich).rows_elsewhere, 1);
}
END_TEST

/* The pod went and another one of its name came here: its late rows are not this node's still. */
START_TEST(test_a_pod_that_went_was_where_it_was)
{
	struct nt_record r = client_row("shop", "db-0", "u-far");

	change(60, on_nodes);
	change(70, POD("db-0", "u-new", "}\nspec: {nodeName: n1}\n"));
	r.node = NT_SLICE_LIT("n1");
	expect(nt_enrich_record_elsewhere(enrich, &r), "n2");
	r.node = NT_SLICE_LIT("n2");
	expect(nt_enrich_record_elsewhere(enrich, &r), "");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("enrich");
	TCase *t = tcase_create("enrich");

	tcase_add_unchecked_fixture(t, make_folder, remove_folder);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_client);
	tcase_add_loop_test(t, test_client_is_never_guessed, 0, (int)NT_ARRAY_LEN(strangers));
	tcase_add_loop_test(t, test_server, 0, (int)NT_ARRAY_LEN(servers));
	tcase_add_test(t, test_server_side_leaves_the_client);
	tcase_add_test(t, test_follows_the_objects);
	tcase_add_test(t, test_pod_that_is_gone);
	tcase_add_test(t, test_two_of_a_name);
	tcase_add_test(t, test_address_over_time);
	tcase_add_test(t, test_owner_comes_late);
	tcase_add_test(t, test_static_pod);
	tcase_add_loop_test(t, test_endpoints, 0, (int)NT_ARRAY_LEN(listed));
	tcase_add_loop_test(t, test_only_a_uid_proves_another_node, 0,
			    (int)NT_ARRAY_LEN(elsewheres));
	tcase_add_test(t, test_a_name_of_another_node_adds_nothing);
	tcase_add_test(t, test_a_pod_that_went_was_where_it_was);
	tcase_add_test(t, test_many_change);
	tcase_add_test(t, test_full_arena_is_told);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
