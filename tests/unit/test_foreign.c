/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent of one node says of pods and addresses of another one is not believed. */
#include <fcntl.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "tests/unit/ingest_fixture.h"

#define S 1000000LL

static const char two_nodes[] =
	"apiVersion: v1\nkind: Pod\nmetadata: {name: web-1, namespace: shop, uid: near}\n"
	"spec: {nodeName: n1}\n"
	"---\napiVersion: v1\nkind: Pod\nmetadata: {name: web-2, namespace: shop, uid: far}\n"
	"spec: {nodeName: n2}\n";

static int send_as(struct nt_ingest *i, const struct nt_batch *batch, const char *node)
{
	const struct nt_ingest_sender sender = { .node = nt_slice_str(node) };
	_cleanup_buf_ struct nt_buf wire = { 0 };
	enum nt_store_outcome outcome;

	ck_assert_int_eq(nt_batch_encode(batch, &wire, &err), 0);
	return nt_ingest_batch_from(i, nt_slice_mem(wire.p, wire.len), &sender, &outcome, &err);
}

/* Standard error of this process, which is the test's own, into a file. */
static void keep_log(char path[160])
{
	int fd;

	snprintf(path, 160, "%s/log", folder);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	ck_assert_int_ne(fd, -1);
	ck_assert_int_ne(dup2(fd, STDERR_FILENO), -1);
	close(fd);
}

static size_t lines_of(const char *path)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	size_t n = 0;

	ck_assert_int_eq(nt_file_read_at(AT_FDCWD, path, 65536, &text, &err), 0);
	for (size_t i = 0; i < text.len; i++)
		n += text.p[i] == '\n';
	return n;
}

/* Who has the token of n1's agent writes no history of a pod on n2; what may be n1's own is kept,
 * in the same batch. */
START_TEST(rows_of_another_nodes_pod_are_left_out)
{
	struct nt_record r[] = {
		store_record(1, T0_US, "near.test"),	  store_record(2, T0_US, "far.test"),
		store_record(3, T0_US, "by-name.test"),	  store_record(4, T0_US, "unknown.test"),
		store_unlogged(5, T0_US, 7, "ring_full"),
	};
	struct nt_batch_endpoint e[] = {
		{ .ep_id = 1, .state = NT_ENDPOINT_TAPPED, .uid = NT_SLICE_LIT("near") },
		{ .ep_id = 2, .state = NT_ENDPOINT_TAPPED, .uid = NT_SLICE_LIT("far") },
	};
	struct nt_batch batch = store_batch("s", 1, r, 5);
	struct nt_store_range range = everything();
	struct nt_ingest *i = new_enriching();
	struct nt_ingest_stats stats;
	char log[160];

	nt_log_init("test_foreign", NT_LOG_WARN);
	keep_log(log);
	put_objects(i, two_nodes);
	r[0].client_uid = NT_SLICE_LIT("near");
	r[1].client_uid = r[4].client_uid = NT_SLICE_LIT("far");
	r[1].client_name = r[2].client_name = r[4].client_name = NT_SLICE_LIT("web-2");
	r[3].client_name = NT_SLICE_LIT("web-3");
	for (size_t k = 0; k < 2; k++) {
		e[k].namespace_ = r[k].client_namespace;
		e[k].name = r[k].client_name;
	}
	batch.endpoints = e;
	batch.endpoints_len = 2;
	ck_assert_msg(send_as(i, &batch, "n1") == 0, "%s", err.msg);
	ck_assert_uint_eq(total(&range).count, 3);
	range.unlogged = true;
	ck_assert_uint_eq(total(&range).packets, 0);
	stats = nt_ingest_stats(i);
	ck_assert_uint_eq(stats.foreign_records, 2);
	ck_assert_uint_eq(stats.foreign_endpoints, 1);
	ck_assert_uint_eq(stats.records, 3);
	ck_assert_uint_eq(nt_ingest_enriched(i).enrich.rows_elsewhere, 1);
	batch.seq++;
	ck_assert_int_eq(send_as(i, &batch, "n1"), 0);
	ck_assert_uint_eq(nt_ingest_stats(i).foreign_records, 4);
	ck_assert_uint_eq(lines_of(log), 1);
	free_enriching(i);
}
END_TEST

/* The token of a file is bound to no node, nor are names of nodes known to be right there. */
START_TEST(a_sender_without_a_node_may_say_anything)
{
	struct nt_record r = store_record(1, T0_US, "far.test");
	struct nt_batch batch = store_batch("s", 1, &r, 1);
	struct nt_ingest *i = new_enriching();

	put_objects(i, two_nodes);
	r.client_name = NT_SLICE_LIT("web-2");
	r.client_uid = NT_SLICE_LIT("far");
	ck_assert_int_eq(send_as(i, &batch, ""), 0);
	ck_assert_uint_eq(nt_ingest_stats(i).records, 1);
	free_enriching(i);
}
END_TEST

/* --- addresses -------------------------------------------------------------------------------- */

/* Nobody taps 10.1.0.7, the client of store_record(); n2's DNS server sees it. n3's address is told
 * by its Node object. */
static const char untapped[] =
	"apiVersion: v1\nkind: Pod\nmetadata: {name: free, namespace: shop, uid: free}\n"
	"spec: {nodeName: n3}\nstatus: {phase: Running, podIP: 10.1.0.7}\n"
	"---\napiVersion: v1\nkind: Pod\nmetadata: {name: dns, namespace: sys, uid: dns}\n"
	"spec: {nodeName: n2}\nstatus: {phase: Running, podIP: 10.1.0.53}\n";

/* That many seconds after the objects came. */
static int64_t at(int64_t second)
{
	return T0_US + (5 + second) * S;
}

static struct nt_ingest *with_untapped(void)
{
	struct nt_ingest *i = new_enriching();

	put_objects(i, untapped);
	return i;
}

/* The server's side of one lookup, told by that node. */
static struct nt_record served(int64_t second)
{
	static struct nt_server server = { .ip = { 4, { 10, 1, 0, 53 } }, .port = 53 };
	struct nt_record r = store_record((uint64_t)second, at(second), "a.test");

	server.name = NT_SLICE_LIT("dns");
	server.namespace_ = NT_SLICE_LIT("sys");
	r.servers = &server;
	r.servers_len = 1;
	r.side = NT_SIDE_SERVER;
	r.role = NT_ROLE_RESOLVER;
	r.client_name = r.client_namespace = (struct nt_slice){ 0 };
	return r;
}

static void send_row(struct nt_ingest *i, const char *node, int64_t second)
{
	struct nt_record r = served(second);
	struct nt_batch b = store_batch(node, (uint64_t)second, &r, 1);

	b.node = r.node = nt_slice_str(node);
	ck_assert_msg(send_as(i, &b, node) == 0, "%s", err.msg);
}

static uint64_t server_rows(void)
{
	struct nt_store_range range = everything();

	range.side = NT_SIDE_SERVER;
	return total(&range).count;
}

/* n1 says so as an address of its host network, or as that of a pod. */
static void claim(struct nt_ingest *i, bool by_endpoint, int64_t since_us, int64_t until_us)
{
	static uint64_t seq;
	struct nt_batch_address a = {
		.ep_id = 7, .ip = { 4, { 10, 1, 0, 7 } }, .since_us = since_us, .until_us = until_us
	};
	struct nt_batch_endpoint e = { .ep_id = 8,
				       .state = until_us ? NT_ENDPOINT_GONE : NT_ENDPOINT_TAPPED,
				       .hook = NT_ENDPOINT_HOOK_TCX,
				       .ips = { a.ip },
				       .ips_len = 1,
				       .since_us = since_us,
				       .until_us = until_us };
	struct nt_batch b = store_batch("claims", ++seq, NULL, 0);

	b.endpoints = &e;
	b.endpoints_len = by_endpoint;
	b.addresses = &a;
	b.addresses_len = !by_endpoint;
	ck_assert_msg(send_as(i, &b, "n1") == 0, "%s", err.msg);
}

/* Whoever says that another node's pod is tapped here would hide what its DNS server saw. */
START_TEST(an_address_of_another_nodes_pod_hides_nothing)
{
	struct nt_ingest *i = with_untapped();
	char log[160];

	nt_log_init("test_foreign", NT_LOG_WARN);
	keep_log(log);
	send_row(i, "n2", 100);
	ck_assert_uint_eq(server_rows(), 1);
	claim(i, _i, 0, 0);
	claim(i, _i, T0_US, at(1000));
	claim(i, _i, at(70), 0);
	claim(i, _i, at(70), at(1000));
	ck_assert_uint_eq(server_rows(), 1);
	send_row(i, "n2", 101);
	ck_assert_uint_eq(server_rows(), 2);
	ck_assert_uint_eq(nt_ingest_stats(i).foreign_addresses, 4);
	ck_assert_uint_eq(nt_ingest_stats(i).foreign_endpoints, 0);
	ck_assert_uint_eq(lines_of(log), 1);
	free_enriching(i);
}
END_TEST

/* The pod on n3 has it now; n1 may have had it before, and up to when that came to our ears. */
START_TEST(an_address_counts_until_another_had_it)
{
	struct nt_ingest *i = with_untapped();

	claim(i, _i, T0_US - 100 * S, 0);
	for (int64_t second = 10; second <= 200; second += 40)
		send_row(i, "n2", second);
	/* Of 10, 50, 90, 130 and 170 the first two. */
	ck_assert_uint_eq(server_rows(), 3);
	ck_assert_uint_eq(nt_ingest_stats(i).foreign_addresses, 1);
	/* What ended before is nobody's business. */
	claim(i, _i, T0_US - 300 * S, T0_US - 200 * S);
	ck_assert_uint_eq(nt_ingest_stats(i).foreign_addresses, 1);
	free_enriching(i);
}
END_TEST

/* n1 had it when nobody else did; that this is over is heard also when another has it. */
START_TEST(the_end_of_an_address_is_always_heard)
{
	struct nt_ingest *i = new_enriching();

	claim(i, _i, T0_US, 0);
	objects_clock.virtual_real_ns += 200 * NT_NS_PER_S;
	put_objects(i, untapped);
	send_row(i, "n2", 150);
	ck_assert_uint_eq(server_rows(), 0);
	claim(i, _i, T0_US, at(140));
	ck_assert_uint_eq(server_rows(), 1);
	free_enriching(i);
}
END_TEST

/* Of a node's own, one that two pods and that a Service has, and of a node that is no more. */
static const char *const honest[] = {
	"apiVersion: v1\nkind: Node\nmetadata: {name: n1}\n"
	"status: {addresses: [{type: InternalIP, address: 10.1.0.7}]}\n"
	"---\napiVersion: v1\nkind: Node\nmetadata: {name: n3}\n---\n",
	"apiVersion: v1\nkind: Pod\nmetadata: {name: mine, namespace: shop, uid: mine}\n"
	"spec: {nodeName: n1}\nstatus: {phase: Running, podIP: 10.1.0.7}\n---\n",
	"apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: shop}\n"
	"spec: {clusterIP: 10.1.0.7}\n---\n",
	"apiVersion: v1\nkind: Node\nmetadata: {name: n1}\n---\n",
};

START_TEST(what_may_be_honest_is_believed)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_ingest *i = new_enriching();

	nt_buf_printf(&text, "%s%s", honest[_i], untapped);
	put_objects(i, nt_buf_str(&text));
	objects_clock.virtual_real_ns += 200 * NT_NS_PER_S;
	claim(i, false, at(90), 0);
	claim(i, true, at(90), 0);
	send_row(i, "n2", 100);
	ck_assert_uint_eq(server_rows(), 0);
	ck_assert_uint_eq(nt_ingest_stats(i).foreign_addresses, 0);
	free_enriching(i);
}
END_TEST

/* It began when two pods had it, so that nobody could say whose it was. */
START_TEST(an_end_is_heard_of_what_would_not_be_believed)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_ingest *i = new_enriching();

	nt_buf_printf(&text, "%s%s", honest[1], untapped);
	put_objects(i, nt_buf_str(&text));
	claim(i, _i, at(100), 0);
	put_objects(i, untapped);
	send_row(i, "n2", 250);
	ck_assert_uint_eq(server_rows(), 0);
	claim(i, _i, at(100), at(200));
	ck_assert_uint_eq(server_rows(), 1);
	ck_assert_uint_eq(nt_ingest_stats(i).foreign_addresses, 1);
	free_enriching(i);
}
END_TEST

/* --- rows of a server's side ------------------------------------------------------------------ */

START_TEST(a_server_of_another_node_is_left_out)
{
	struct nt_ingest *i = with_untapped();

	/* It may have been here before it was there. */
	send_row(i, "n1", 50);
	ck_assert_uint_eq(server_rows(), 1);
	send_row(i, "n1", 100);
	ck_assert_uint_eq(server_rows(), 1);
	ck_assert_uint_eq(nt_ingest_stats(i).foreign_records, 1);
	send_row(i, "n2", 101);
	ck_assert_uint_eq(server_rows(), 2);
	free_enriching(i);
}
END_TEST

/* A pod of that name is here: it may have addresses that objects do not tell. */
START_TEST(a_server_of_that_name_here_is_kept)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_ingest *i = new_enriching();

	nt_buf_printf(&text, "%s%s", untapped,
		      "---\napiVersion: v1\nkind: Pod\n"
		      "metadata: {name: other, namespace: sys, uid: other}\n"
		      "spec: {nodeName: n1}\nstatus: {phase: Running, podIP: 10.1.0.9}\n");
	put_objects(i, nt_buf_str(&text));
	{
		struct nt_record r = served(100);
		struct nt_server server = r.servers[0];
		struct nt_batch b = store_batch("n1", 1, &r, 1);

		server.name = NT_SLICE_LIT("other");
		r.servers = &server;
		ck_assert_int_eq(send_as(i, &b, "n1"), 0);
	}
	ck_assert_uint_eq(server_rows(), 1);
	ck_assert_uint_eq(nt_ingest_stats(i).foreign_records, 0);
	free_enriching(i);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("foreign");

	tcase_add_test(tc, rows_of_another_nodes_pod_are_left_out);
	tcase_add_test(tc, a_sender_without_a_node_may_say_anything);
	tcase_add_loop_test(tc, an_address_of_another_nodes_pod_hides_nothing, 0, 2);
	tcase_add_loop_test(tc, an_address_counts_until_another_had_it, 0, 2);
	tcase_add_loop_test(tc, the_end_of_an_address_is_always_heard, 0, 2);
	tcase_add_loop_test(tc, an_end_is_heard_of_what_would_not_be_believed, 0, 2);
	tcase_add_loop_test(tc, what_may_be_honest_is_believed, 0, (int)NT_ARRAY_LEN(honest));
	tcase_add_test(tc, a_server_of_another_node_is_left_out);
	tcase_add_test(tc, a_server_of_that_name_here_is_kept);
	return store_run("foreign", tc);
}
