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
static struct nt_arena arena = NT_ARENA(1 << 20);

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
	ck_assert_int_eq(nt_enrich_new(objects, &enrich, &err), 0);
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

/* 2026-11-23T07:00:00Z */
#define SEVEN 1795417200000000

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

START_TEST(test_follows_the_objects)
{
	struct nt_record r = client_row("shop", "web-6659c9d65f-x2x4p", "uid-2");

	ck_assert_int_eq(nt_enrich_record(enrich, &arena, &r), 0);
	ck_assert_uint_eq(r.client_workload_name.len, 0);
	put("apiVersion: v1\nkind: Pod\n"
	    "metadata: {name: web-6659c9d65f-x2x4p, namespace: shop, uid: uid-2}\n");
	ck_assert_int_eq(nt_objects_poll(objects), 1);
	ck_assert_int_eq(nt_enrich_record(enrich, &arena, &r), 0);
	expect(r.client_workload_kind, "Pod");
	expect(r.client_workload_name, "web-6659c9d65f-x2x4p");
	put("");
	ck_assert_int_eq(nt_objects_poll(objects), 1);
	expect(r.client_workload_name, "web-6659c9d65f-x2x4p"); /* a record keeps what it got */
	r = client_row("shop", "web-6659c9d65f-x2x4p", "uid-2");
	ck_assert_int_eq(nt_enrich_record(enrich, &arena, &r), 0);
	ck_assert_uint_eq(r.client_workload_name.len, 0);
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
	tcase_add_test(t, test_full_arena_is_told);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
