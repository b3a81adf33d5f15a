/* SPDX-License-Identifier: Apache-2.0 */
/* DNS servers that rows name: which ends are seen, and why not both. */
#include "controller/servers/servers.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "controller/store/store.h"
#include "lib/base/cleanup.h"
#include "tests/unit/suite.h"

#define MINUTE 60000000LL
#define NOW (1700000000LL * 1000000)

/* --- the decision ----------------------------------------------------------------------------- */

static const struct {
	struct nt_ends_facts facts;
	const char *ends, *reason;
} cases[] = {
	{ { .asked = 1, .seen = 1, .whose = NT_WHOSE_POD }, "both", "" },
	{ { .asked = 1, .seen = 1, .whose = NT_WHOSE_HOST_POD }, "both", "" },
	{ { .asked = 1, .seen = 1, .whose = NT_WHOSE_EACH_NODE }, "both", "" },
	{ { .seen = 1, .whose = NT_WHOSE_POD, .tapped = 1 }, "server", "clients_not_tapped" },
	{ { .asked = 1, .whose = NT_WHOSE_POD }, "client", "not_tapped" },
	{ { .asked = 1, .whose = NT_WHOSE_POD, .tapped = 1 }, "client", "not_seen" },
	{ { .asked = 1, .whose = NT_WHOSE_HOST_POD }, "client", "host_network" },
	{ { .asked = 1, .whose = NT_WHOSE_HOST_POD, .on_host = 1 }, "client", "host_network" },
	{ { .asked = 1, .whose = NT_WHOSE_NODE }, "client", "host_network" },
	{ { .asked = 1, .whose = NT_WHOSE_EACH_NODE }, "client", "node_local" },
	{ { .asked = 1, .whose = NT_WHOSE_SERVICE }, "client", "backend_unknown" },
	{ { .asked = 1, .whose = NT_WHOSE_SERVICE, .on_host = 1 }, "client", "node_local" },
	{ { .asked = 1, .whose = NT_WHOSE_NOBODY }, "client", "external" },
	{ { .asked = 1, .whose = NT_WHOSE_NOBODY, .on_host = 1 }, "client", "host_network" },
	{ { .asked = 1, .whose = NT_WHOSE_NOT_KNOWN }, "client", "no_objects" },
	{ { .asked = 1, .whose = NT_WHOSE_NOT_KNOWN, .on_host = 1 }, "client", "host_network" },
};

START_TEST(decides)
{
	struct nt_ends_verdict v = nt_ends_decide(&cases[_i].facts);

	ck_assert_str_eq(nt_ends_name(v.ends), cases[_i].ends);
	ck_assert_str_eq(nt_ends_reason_name(v.reason), cases[_i].reason);
}
END_TEST

/* --- rows ------------------------------------------------------------------------------------- */

static char folder[] = "/tmp/nt-servers-XXXXXX"; /* made and removed by the parent */
static char path[64];
static struct nt_objects *objects;
static struct nt_servers servers;
static struct nt_servers_found *found;
static size_t found_len;
static struct nt_err err;

static const char manifests[] =
	"apiVersion: v1\nkind: Pod\n"
	"metadata: {name: coredns-0, namespace: kube-system}\nspec: {nodeName: n1}\n"
	"status: {podIP: 10.244.0.2}\n"
	"---\napiVersion: v1\nkind: Pod\n"
	"metadata: {name: dns-host, namespace: kube-system}\n"
	"spec: {hostNetwork: true, nodeName: n2}\nstatus: {podIP: 192.168.1.2}\n"
	"---\napiVersion: v1\nkind: Node\nmetadata: {name: n3}\n"
	"status: {addresses: [{type: InternalIP, address: 192.168.1.3}]}\n"
	"---\napiVersion: v1\nkind: Service\n"
	"metadata: {name: kube-dns, namespace: kube-system}\n"
	"spec: {clusterIP: 10.96.0.10, ports: [{port: 53, protocol: UDP}]}\n";

static void make_folder(void)
{
	FILE *f;

	memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/a.yaml", folder);
	f = fopen(path, "we");
	ck_assert(f && fputs(manifests, f) >= 0 && fclose(f) == 0);
}

static void remove_folder(void)
{
	(void)unlink(path);
	(void)rmdir(folder);
}

static void setup(void)
{
	ck_assert_int_eq(nt_servers_init(&servers), 0);
	ck_assert_int_eq(nt_objects_open_dir(folder, &objects, &err), 0);
	found = NULL;
}

static void teardown(void)
{
	free(found);
	nt_objects_free(objects);
	nt_servers_done(&servers);
}

/* "kube-system/coredns-0", "-" for none. */
static struct nt_server server_of(const char *ip, const char *pod, const char *service)
{
	struct nt_server s = { .port = 53, .service = nt_slice_str(service) };
	const char *slash = strchr(pod, '/');

	ck_assert_int_eq(nt_addr_parse(nt_slice_str(ip), &s.ip), 0);
	s.name = nt_slice_str(slash ? slash + 1 : "-");
	s.namespace_ = nt_slice_mem(pod, slash ? (size_t)(slash - pod) : 0);
	return s;
}

static void row(enum nt_side side, enum nt_role role, int64_t at_us, struct nt_server *list,
		size_t len)
{
	const struct nt_record r = { .type = NT_RECORD_LOG,
				     .side = side,
				     .role = role,
				     .end_us = at_us,
				     .servers = list,
				     .servers_len = len };

	nt_servers_take(&servers, &r, at_us);
}

static void asked(const char *ip, const char *pod, const char *service, int64_t at_us)
{
	struct nt_server s = server_of(ip, pod, service);

	row(NT_SIDE_CLIENT, NT_ROLE_WORKLOAD, at_us, &s, 1);
}

static void saw(const char *ip, const char *pod, int64_t at_us)
{
	struct nt_server s = server_of(ip, pod, "");

	row(NT_SIDE_SERVER, NT_ROLE_RESOLVER, at_us, &s, 1);
}

static void asked_through(const char *front, const char *ip, const char *pod, int64_t at_us)
{
	struct nt_server list[] = { server_of(front, "-", "kube-system/kube-dns"),
				    server_of(ip, pod, "kube-system/kube-dns") };

	row(NT_SIDE_CLIENT, NT_ROLE_WORKLOAD, at_us, list, 2);
}

/* "ip pod ends reason;" of each, as the list has them. */
static void check_list(const struct nt_objects *o, int64_t now_us, const char *expected)
{
	char text[1024] = "", ip[NT_ADDR_TEXT_MAX];

	free(found);
	ck_assert_int_eq(nt_servers_list(&servers, o, now_us, &found, &found_len), 0);
	for (size_t i = 0; i < found_len; i++) {
		struct nt_servers_found *f = &found[i];
		struct nt_ends_verdict v = nt_ends_decide(&f->facts);

		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s %s%s%s %s;",
			 nt_addr_format(&f->ip, ip), f->name, f->name[0] ? " " : "",
			 nt_ends_name(v.ends), nt_ends_reason_name(v.reason));
	}
	ck_assert_str_eq(text, expected);
}

START_TEST(whose_the_address_is)
{
	asked("10.244.0.2", "kube-system/coredns-0", "kube-system/kube-dns", NOW);
	asked("192.168.1.2", "kube-system/dns-host", "kube-system/kube-dns", NOW);
	asked("192.168.1.3", "-", "", NOW);
	asked("169.254.20.10", "-", "", NOW);
	asked("fe80::10", "-", "", NOW);
	asked("10.96.0.10", "-", "kube-system/kube-dns", NOW);
	asked("9.9.9.9", "-", "", NOW);
	/* A Service lists it, but it is not the Service's own: behind it is somebody outside. */
	asked("10.9.9.9", "-", "kube-system/kube-dns", NOW);
	check_list(
		objects, NOW,
		"10.244.0.2 coredns-0 client not_tapped;192.168.1.2 dns-host client host_network;"
		"192.168.1.3 client host_network;169.254.20.10 client node_local;"
		"fe80::10 client node_local;10.96.0.10 client backend_unknown;"
		"9.9.9.9 client external;10.9.9.9 client external;");
	ck_assert_str_eq(found[0].node, "n1");
	ck_assert_str_eq(found[1].node, "n2");
	ck_assert_str_eq(found[2].node, "n3");
}
END_TEST

START_TEST(without_objects)
{
	asked("9.9.9.9", "-", "", NOW);
	asked("169.254.20.10", "-", "", NOW);
	check_list(NULL, NOW, "9.9.9.9 client no_objects;169.254.20.10 client node_local;");
}
END_TEST

/* They may not be read, or it is a folder with something else: then nobody is outside. */
START_TEST(objects_that_do_not_tell)
{
	static const char pod[] = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: b}\n";
	struct nt_objects *some;
	char empty[] = "/tmp/nt-servers-XXXXXX", file[64];
	FILE *f;

	ck_assert_ptr_nonnull(mkdtemp(empty));
	snprintf(file, sizeof(file), "%s/a.yaml", empty);
	f = fopen(file, "we");
	ck_assert(f && fputs(pod, f) >= 0 && fclose(f) == 0);
	ck_assert_int_eq(nt_objects_open_dir(empty, &some, &err), 0);
	(void)unlink(file);
	(void)rmdir(empty);
	asked("10.96.0.10", "-", "", NOW);
	check_list(some, NOW, "10.96.0.10 client no_objects;");
	nt_objects_free(some);
}
END_TEST

START_TEST(both_ends)
{
	asked_through("10.96.0.10", "10.244.0.2", "kube-system/coredns-0", NOW);
	check_list(objects, NOW, "10.244.0.2 coredns-0 client not_tapped;");
	saw("10.244.0.2", "kube-system/coredns-0", NOW + 1);
	check_list(objects, NOW, "10.244.0.2 coredns-0 both ;");
	ck_assert_str_eq(found[0].service, "kube-system/kube-dns");
	/* Another pod has the address: what was of the former one goes, also what comes late. */
	saw("10.244.0.2", "shop/web", NOW + 2);
	check_list(objects, NOW, "10.244.0.2 web server clients_not_tapped;");
	asked_through("10.96.0.10", "10.244.0.2", "kube-system/coredns-0", NOW + 1);
	check_list(objects, NOW, "10.244.0.2 web server clients_not_tapped;");
	ck_assert_str_eq(found[0].service, "");
	ck_assert_str_eq(found[0].namespace_, "shop");
}
END_TEST

/* Where objects do not say it, the Service before the pod does. */
START_TEST(the_service_in_front)
{
	struct nt_server list[] = { server_of("10.96.0.10", "-", "kube-system/kube-dns"),
				    server_of("10.244.0.2", "kube-system/coredns-0", "") };

	row(NT_SIDE_CLIENT, NT_ROLE_WORKLOAD, NOW, list, 2);
	check_list(objects, NOW, "10.244.0.2 coredns-0 client not_tapped;");
	ck_assert_str_eq(found[0].service, "kube-system/kube-dns");
}
END_TEST

/* What one end saw long ago is not what it sees. */
START_TEST(an_end_that_fell_silent)
{
	asked("10.244.0.2", "kube-system/coredns-0", "", NOW);
	saw("10.244.0.2", "kube-system/coredns-0", NOW);
	asked("10.244.0.2", "kube-system/coredns-0", "", NOW + 9 * MINUTE);
	check_list(objects, NOW + 9 * MINUTE, "10.244.0.2 coredns-0 both ;");
	asked("10.244.0.2", "kube-system/coredns-0", "", NOW + 11 * MINUTE);
	check_list(objects, NOW + 11 * MINUTE, "10.244.0.2 coredns-0 client not_tapped;");
	saw("10.244.0.2", "kube-system/coredns-0", NOW + 30 * MINUTE);
	check_list(objects, NOW + 30 * MINUTE, "10.244.0.2 coredns-0 server clients_not_tapped;");
	/* Both are silent now: as it was. */
	check_list(objects, NOW + 89 * MINUTE, "10.244.0.2 coredns-0 server clients_not_tapped;");
	check_list(objects, NOW + 91 * MINUTE, "");
}
END_TEST

static void on_node(const char *node, enum nt_side side)
{
	struct nt_server s = server_of("169.254.20.10", "-", "");
	const struct nt_record r = { .type = NT_RECORD_LOG,
				     .node = nt_slice_str(node),
				     .side = side,
				     .role = side == NT_SIDE_CLIENT ? NT_ROLE_WORKLOAD
								    : NT_ROLE_RESOLVER,
				     .end_us = NOW,
				     .servers = &s,
				     .servers_len = 1 };

	nt_servers_take(&servers, &r, NOW);
}

/* One address, a server on each node: what one of them saw is not what another was asked. */
START_TEST(servers_of_each_node)
{
	on_node("n1", NT_SIDE_CLIENT);
	on_node("n2", NT_SIDE_SERVER);
	check_list(objects, NOW, "169.254.20.10 client node_local;");
	on_node("n1", NT_SIDE_SERVER);
	check_list(objects, NOW, "169.254.20.10 both ;");
	on_node("n3", NT_SIDE_CLIENT);
	check_list(objects, NOW, "169.254.20.10 client node_local;");
	ck_assert_int_eq(found[0].asked_us, NOW);
}
END_TEST

/* A node's clock that is an hour ahead does not keep its server in the list for longer. */
START_TEST(a_clock_that_is_ahead)
{
	struct nt_server s = server_of("9.9.9.9", "-", "");
	const struct nt_record r = { .type = NT_RECORD_LOG,
				     .role = NT_ROLE_WORKLOAD,
				     .end_us = NOW + 60 * MINUTE,
				     .servers = &s,
				     .servers_len = 1 };

	nt_servers_take(&servers, &r, NOW);
	check_list(objects, NOW, "9.9.9.9 client external;");
	ck_assert_int_eq(found[0].asked_us, NOW);
	check_list(objects, NOW + 61 * MINUTE, "");
}
END_TEST

/* Node objects that change are looked at again. */
START_TEST(nodes_that_change)
{
	FILE *f = fopen(path, "ae");

	asked("192.168.1.4", "-", "", NOW);
	check_list(objects, NOW, "192.168.1.4 client external;");
	ck_assert(f &&
		  fputs("---\napiVersion: v1\nkind: Node\nmetadata: {name: n4}\n"
			"status: {addresses: [{type: InternalIP, address: 192.168.1.4}]}\n",
			f) >= 0 &&
		  fclose(f) == 0);
	ck_assert_int_eq(nt_objects_poll(objects), 1);
	check_list(objects, NOW, "192.168.1.4 client host_network;");
	ck_assert_str_eq(found[0].node, "n4");
}
END_TEST

/* A row now and then whose backend is not known makes no server of the Service. */
START_TEST(a_service_with_known_pods)
{
	asked("10.96.0.10", "-", "kube-system/kube-dns", NOW);
	asked_through("10.96.0.10", "10.244.0.2", "kube-system/coredns-0", NOW);
	asked("10.96.0.10", "-", "kube-system/kube-dns", NOW + MINUTE);
	check_list(objects, NOW, "10.244.0.2 coredns-0 client not_tapped;");
	asked("10.96.0.10", "-", "kube-system/kube-dns", NOW + 20 * MINUTE);
	check_list(objects, NOW + 20 * MINUTE,
		   "10.244.0.2 coredns-0 client not_tapped;10.96.0.10 client backend_unknown;");
}
END_TEST

START_TEST(rows_that_say_nothing)
{
	struct nt_server s = server_of("9.9.9.9", "-", "");
	struct nt_record r = { .type = NT_RECORD_UNLOGGED, .servers = &s, .servers_len = 1 };

	nt_servers_take(&servers, &r, NOW);
	r.type = NT_RECORD_LOG;
	r.servers_len = 0;
	nt_servers_take(&servers, &r, NOW);
	/* The resolver's own forwards. */
	row(NT_SIDE_CLIENT, NT_ROLE_RESOLVER, NOW, &s, 1);
	check_list(objects, NOW, "");
}
END_TEST

/* A pod that asks new servers without end displaces none of the cluster's. */
START_TEST(a_flood_of_servers)
{
	asked("10.244.0.2", "kube-system/coredns-0", "", NOW);
	for (unsigned i = 0; i < 4 * NT_SERVERS_MAX; i++) {
		char ip[32];

		snprintf(ip, sizeof(ip), "9.9.%u.%u", i >> 8, i & 255);
		asked(ip, "-", "", NOW + 2 * MINUTE);
	}
	ck_assert_uint_eq(servers.table.len, NT_SERVERS_MAX);
	ck_assert_uint_eq(servers.over, 3 * NT_SERVERS_MAX + 1);
	asked("10.244.0.3", "kube-system/coredns-1", "", NOW + 2 * MINUTE);
	ck_assert_uint_eq(servers.over, 3 * NT_SERVERS_MAX + 1);
	ck_assert_uint_eq(servers.table.len, NT_SERVERS_MAX);
	free(found);
	ck_assert_int_eq(nt_servers_list(&servers, objects, NOW, &found, &found_len), 0);
	ck_assert_str_eq(found[0].name, "coredns-0");
	ck_assert_str_eq(found[found_len - 1].name, "coredns-1");
	/* Those of a minute ago make room. */
	asked("9.8.7.6", "-", "", NOW + 4 * MINUTE);
	ck_assert_uint_eq(servers.over, 3 * NT_SERVERS_MAX + 1);
}
END_TEST

/* --- by what agents told ---------------------------------------------------------------------- */

static char data[] = "/tmp/nt-servers-XXXXXX";
static struct nt_store *store;
static struct nt_store_reader *reader;

static void open_store(void)
{
	setup();
	memcpy(data + sizeof(data) - 7, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(data));
	ck_assert_int_eq(nt_store_open(data, &store, &err), 0);
	ck_assert_int_eq(nt_store_reader_open(store, &reader, &err), 0);
}

static void close_store(void)
{
	char command[80];

	nt_store_reader_close(reader);
	nt_store_close(store);
	snprintf(command, sizeof(command), "rm -rf %s", data);
	ck_assert_int_eq(system(command), 0);
	teardown();
}

static void tell(const char *node, struct nt_batch_endpoint e, struct nt_batch_address *address)
{
	static uint64_t seq;
	enum nt_store_outcome outcome;
	struct nt_batch b = { .node = nt_slice_str(node),
			      .spool = NT_SLICE_LIT("spool"),
			      .seq = ++seq,
			      .created_us = NOW,
			      .endpoints = &e,
			      .endpoints_len = 1,
			      .addresses = address,
			      .addresses_len = address != NULL };
	bool none;

	e.ep_id = seq;
	e.since_us = NOW - MINUTE;
	if (address)
		address->ep_id = seq;
	b.ret_folded = &none;
	ck_assert_int_eq(nt_store_append(store, &b, &outcome, &err), 0);
}

static void check_judged(const char *reason, const char *detail)
{
	free(found);
	ck_assert_int_eq(nt_servers_list(&servers, objects, NOW, &found, &found_len), 0);
	ck_assert_uint_eq(found_len, 1);
	ck_assert_msg(nt_servers_judge(found, found_len, reader, &err) == 0, "%s", err.msg);
	ck_assert_str_eq(nt_ends_reason_name(found[0].verdict.reason), reason);
	ck_assert_msg(strstr(found[0].detail, detail), "\"%s\" in \"%s\"", detail, found[0].detail);
}

#define COREDNS .namespace_ = NT_SLICE_LIT("kube-system"), .name = NT_SLICE_LIT("coredns-0")

START_TEST(a_pod_that_is_not_tapped)
{
	asked("10.244.0.2", "kube-system/coredns-0", "", NOW);
	check_judged("not_tapped", "its node has no agent that has ever reported");
	tell("n1",
	     (struct nt_batch_endpoint){ .state = NT_ENDPOINT_TAPPED,
					 .namespace_ = NT_SLICE_LIT("shop"),
					 .name = NT_SLICE_LIT("web") },
	     NULL);
	check_judged("not_tapped", "node n1's agent has not said why");
	tell("n1",
	     (struct nt_batch_endpoint){ .state = NT_ENDPOINT_EXCLUDED,
					 COREDNS,
					 .reason = NT_SLICE_LIT("namespace is excluded") },
	     NULL);
	check_judged("not_tapped", "it is not tapped: namespace is excluded");
	tell("n1", (struct nt_batch_endpoint){ .state = NT_ENDPOINT_TAPPED, COREDNS }, NULL);
	check_judged("not_seen", "no lookup was seen there");
}
END_TEST

/* NodeLocal DNSCache gives each node the address of kube-dns, too. */
START_TEST(a_service_whose_address_the_node_has)
{
	struct nt_batch_address address = { .ip = { 4, { 10, 96, 0, 10 } }, .since_us = NOW };

	asked("10.96.0.10", "-", "kube-system/kube-dns", NOW);
	check_judged("backend_unknown", "conntrack");
	tell("n1",
	     (struct nt_batch_endpoint){ .state = NT_ENDPOINT_TAPPED, .origin = NT_ENDPOINT_NODE },
	     &address);
	check_judged("node_local", "NodeLocal DNSCache");
}
END_TEST

START_TEST(an_address_of_a_pod_is_none_of_the_node)
{
	struct nt_batch_address address = { .ip = { 4, { 10, 9, 9, 9 } }, .since_us = NOW };

	asked("10.9.9.9", "-", "", NOW);
	check_judged("external", "a private address of no pod");
	tell("n1", (struct nt_batch_endpoint){ .state = NT_ENDPOINT_TAPPED, COREDNS }, &address);
	check_judged("external", "a private address of no pod");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("servers");
	TCase *decision = tcase_create("decision"), *rows = tcase_create("rows");
	TCase *judge = tcase_create("judge");

	tcase_add_loop_test(decision, decides, 0, (int)NT_ARRAY_LEN(cases));
	suite_add_tcase(suite, decision);
	tcase_add_unchecked_fixture(rows, make_folder, remove_folder);
	tcase_add_checked_fixture(rows, setup, teardown);
	tcase_set_timeout(rows, 60);
	tcase_add_test(rows, whose_the_address_is);
	tcase_add_test(rows, without_objects);
	tcase_add_test(rows, objects_that_do_not_tell);
	tcase_add_test(rows, both_ends);
	tcase_add_test(rows, the_service_in_front);
	tcase_add_test(rows, an_end_that_fell_silent);
	tcase_add_test(rows, servers_of_each_node);
	tcase_add_test(rows, a_clock_that_is_ahead);
	tcase_add_test(rows, nodes_that_change);
	tcase_add_test(rows, a_service_with_known_pods);
	tcase_add_test(rows, rows_that_say_nothing);
	tcase_add_test(rows, a_flood_of_servers);
	suite_add_tcase(suite, rows);
	tcase_add_unchecked_fixture(judge, make_folder, remove_folder);
	tcase_add_checked_fixture(judge, open_store, close_store);
	tcase_set_timeout(judge, 60);
	tcase_add_test(judge, a_pod_that_is_not_tapped);
	tcase_add_test(judge, a_service_whose_address_the_node_has);
	tcase_add_test(judge, an_address_of_a_pod_is_none_of_the_node);
	suite_add_tcase(suite, judge);
	return nt_suite_run(suite);
}
