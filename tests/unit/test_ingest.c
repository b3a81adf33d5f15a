/* SPDX-License-Identifier: Apache-2.0 */
/* Batches as octets into a real store: what is taken, what is refused and why; the token's file. */
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "controller/ingest/nodes.h"
#include "controller/ingest/token.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/record/codec.h"
#include "lib/record/expand.h"
#include "tests/unit/ingest_fixture.h"

static struct nt_ingest *new_ingest(void)
{
	struct nt_ingest *i = NULL;

	ck_assert_int_eq(nt_ingest_new(store, NULL, NULL, &i, &err), 0);
	return i;
}

static int send_batch(struct nt_ingest *i, const struct nt_batch *batch,
		      enum nt_store_outcome *ret_outcome)
{
	_cleanup_buf_ struct nt_buf wire = { 0 };

	ck_assert_int_eq(nt_batch_encode(batch, &wire, &err), 0);
	return nt_ingest_batch(i, nt_slice_mem(wire.p, wire.len), ret_outcome, &err);
}

START_TEST(batch_is_taken_once)
{
	struct nt_record r[2] = { store_record(1, T0_US, "a.test"),
				  store_unlogged(2, T0_US, 7, "ring_full") };
	struct nt_batch batch = store_batch("s", 1, r, 2);
	struct nt_store_range range = everything();
	struct nt_ingest *i = new_ingest();
	enum nt_store_outcome outcome;
	struct nt_ingest_stats stats;

	ck_assert_msg(send_batch(i, &batch, &outcome) == 0, "%s", err.msg);
	ck_assert_int_eq(outcome, NT_STORE_APPENDED);
	ck_assert_int_eq(send_batch(i, &batch, &outcome), 0);
	ck_assert_int_eq(outcome, NT_STORE_DUPLICATE);
	ck_assert_uint_eq(total(&range).count, 1);
	stats = nt_ingest_stats(i);
	ck_assert_uint_eq(stats.appended, 1);
	ck_assert_uint_eq(stats.duplicates, 1);
	ck_assert_uint_eq(stats.records, 2);
	ck_assert_uint_eq(stats.unlogged_packets, 7);
	ck_assert_uint_eq(stats.refused + stats.failed, 0);
	nt_ingest_free(i);
}
END_TEST

/* --- waiting for pods ------------------------------------------------------------------------- */

static void *send_in_thread(void *ctx)
{
	struct nt_record r = store_record(1, T0_US, "a.test");
	struct nt_batch batch = store_batch("s", 1, &r, 1);
	enum nt_store_outcome outcome;

	r.client_uid = NT_SLICE_LIT("late");
	ck_assert_int_eq(send_batch(ctx, &batch, &outcome), 0);
	return NULL;
}

/* The batch is first, its pod's object comes while it waits. */
START_TEST(batch_waits_for_its_pod)
{
	struct nt_ingest *i = new_enriching();
	struct nt_ingest_enriched s;
	pthread_t thread;

	ck_assert_int_eq(nt_ingest_await(i, &objects_clock, 60 * NT_NS_PER_S, NT_NS_PER_S, &err),
			 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, send_in_thread, i), 0);
	while (nt_ingest_enriched(i).waits == 0)
		usleep(1000);
	put_objects(i, "apiVersion: v1\nkind: Pod\nmetadata: {name: web-1, namespace: shop, "
		       "uid: late}\n");
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	s = nt_ingest_enriched(i);
	ck_assert_uint_eq(s.waits, 1);
	ck_assert_uint_eq(s.waits_in_vain, 0);
	ck_assert_uint_eq(s.enrich.rows_there, 1);
	ck_assert_uint_eq(nt_ingest_stats(i).records, 1);
	free_enriching(i);
}
END_TEST

/* A pod that nobody has an object of holds its rows up once. */
START_TEST(batch_waits_in_vain_once)
{
	struct nt_record r = store_record(1, T0_US, "a.test");
	struct nt_batch batch = store_batch("s", 1, &r, 1);
	struct nt_ingest *i = new_enriching();
	enum nt_store_outcome outcome;
	struct nt_ingest_enriched s;

	r.client_uid = NT_SLICE_LIT("never");
	ck_assert_int_eq(nt_ingest_await(i, &objects_clock, NT_NS_PER_MS, NT_NS_PER_S, &err), 0);
	for (batch.seq = 1; batch.seq <= 3; batch.seq++)
		ck_assert_int_eq(send_batch(i, &batch, &outcome), 0);
	s = nt_ingest_enriched(i);
	ck_assert_uint_eq(s.waits, 1);
	ck_assert_uint_eq(s.waits_in_vain, 1);
	ck_assert_uint_eq(s.enrich.rows_unknown, 3);
	/* Nor do rows that are no news. */
	r.client_uid = NT_SLICE_LIT("long ago");
	objects_clock.virtual_real_ns += 60 * NT_NS_PER_S;
	ck_assert_int_eq(send_batch(i, &batch, &outcome), 0);
	ck_assert_uint_eq(nt_ingest_enriched(i).waits, 1);
	objects_clock.virtual_real_ns -= 60 * NT_NS_PER_S;
	batch.seq++;
	/* A client that no runtime named is no pod to wait for. */
	r.client_uid = NT_SLICE_LIT("");
	ck_assert_int_eq(send_batch(i, &batch, &outcome), 0);
	ck_assert_uint_eq(nt_ingest_enriched(i).waits, 1);
	free_enriching(i);
}
END_TEST

/* Nothing of it is stored or noted, and the same batch by the right one is new. */
START_TEST(batch_of_another_node_is_refused)
{
	_cleanup_buf_ struct nt_buf wire = { 0 };
	struct nt_record r = store_record(1, T0_US, "a.test");
	struct nt_batch batch = store_batch("s", 1, &r, 1);
	struct nt_ingest_sender sender = { .node = NT_SLICE_LIT("other"), .has_clock = true };
	struct nt_ingest *i = new_ingest();
	enum nt_store_outcome outcome = NT_STORE_DUPLICATE;
	int64_t offset;

	ck_assert_int_eq(nt_batch_encode(&batch, &wire, &err), 0);
	ck_assert_int_eq(nt_ingest_batch_from(i, nt_slice_mem(wire.p, wire.len), &sender, &outcome,
					      &err),
			 -EPERM);
	ck_assert_msg(strstr(err.msg, "by an agent on node other"), "%s", err.msg);
	ck_assert_uint_eq(nt_ingest_stats(i).foreign, 1);
	ck_assert_uint_eq(nt_ingest_stats(i).failed, 0);
	ck_assert(!nt_ingest_clock(i, batch.node, &offset));
	sender.node = batch.node;
	ck_assert_int_eq(nt_ingest_batch_from(i, nt_slice_mem(wire.p, wire.len), &sender, &outcome,
					      &err),
			 0);
	ck_assert_int_eq(outcome, NT_STORE_APPENDED);
	nt_ingest_free(i);
}
END_TEST

/* As nametap-agent doctor sends it. */
START_TEST(whose_it_is_comes_before_what_it_is)
{
	_cleanup_buf_ struct nt_buf wire = { 0 };
	struct nt_batch batch = store_batch("doctor", UINT64_MAX, NULL, 0);
	struct nt_ingest_sender sender = { .node = NT_SLICE_LIT("other") };
	struct nt_ingest *i = new_ingest();
	enum nt_store_outcome outcome;

	ck_assert_int_eq(nt_batch_encode(&batch, &wire, &err), 0);
	ck_assert_int_eq(nt_ingest_batch_from(i, nt_slice_mem(wire.p, wire.len), &sender, &outcome,
					      &err),
			 -EPERM);
	sender.node = batch.node;
	ck_assert_int_eq(nt_ingest_batch_from(i, nt_slice_mem(wire.p, wire.len), &sender, &outcome,
					      &err),
			 -EBADMSG);
	ck_assert_uint_eq(nt_ingest_stats(i).appended, 0);
	nt_ingest_free(i);
}
END_TEST

/* Of the latest batch; whatever it says is cut to what there is room for. */
START_TEST(conntrack_is_noted_by_node)
{
	char longer[400], text[160];
	const char *const said[] = { "no permission", longer, NT_CONNTRACK_ON, "" };
	struct nt_record r = store_record(1, T0_US, "a.test");
	struct nt_batch batch = store_batch("s", 1, &r, 1);
	struct nt_ingest *i = new_ingest();
	enum nt_store_outcome outcome;

	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	nt_ingest_conntrack(i, batch.node, text);
	ck_assert_str_eq(text, "");
	for (size_t k = 0; k < NT_ARRAY_LEN(said); k++) {
		_cleanup_buf_ struct nt_buf wire = { 0 };

		batch.conntrack = nt_slice_str(said[k]);
		batch.seq = k + 1;
		ck_assert_int_eq(nt_batch_encode(&batch, &wire, &err), 0);
		ck_assert_int_eq(nt_ingest_batch(i, nt_slice_mem(wire.p, wire.len), &outcome, &err),
				 0);
		nt_ingest_conntrack(i, batch.node, text);
		ck_assert_uint_eq(strlen(text), strlen(said[k]) < 159 ? strlen(said[k]) : 159);
		ck_assert(strncmp(text, said[k], strlen(text)) == 0);
	}
	nt_ingest_free(i);
}
END_TEST

static int give_domain(struct nt_ingest *i, const char *node, uint64_t seq, const char *domain)
{
	_cleanup_buf_ struct nt_buf wire = { 0 }, record = { 0 }, base = { 0 };
	struct nt_batch batch = store_batch(node, seq, NULL, 0);
	struct nt_record r = store_record(1, T0_US, "a.test");
	enum nt_store_outcome outcome;
	struct nt_slice bases;

	nt_record_wire(&r, &record);
	nt_base_wire(nt_slice_mem(record.p, record.len), (struct nt_slice){ 0 }, &base);
	bases = nt_slice_mem(base.p, base.len);
	batch.node = nt_slice_str(node);
	batch.bases = &bases;
	batch.bases_len = domain[0] != '\0';
	batch.cluster_domain = nt_slice_str(domain);
	ck_assert_int_eq(nt_batch_encode(&batch, &wire, &err), 0);
	return nt_ingest_batch(i, nt_slice_mem(wire.p, wire.len), &outcome, &err);
}

/* What the agents that have told one agree on. */
START_TEST(cluster_domain_is_the_agents)
{
	static const struct {
		const char *node, *domain, *wanted;
	} said[] = {
		{ "n1", "", "" },
		{ "n1", "cluster.local", "cluster.local" },
		{ "n2", "cluster.local", "cluster.local" },
		{ "n1", "", "cluster.local" }, /* a batch without rows */
		{ "n3", "other.local", "" },
		{ "n3", "cluster.local", "cluster.local" },
	};
	struct nt_ingest *i = new_ingest();
	char text[256];

	for (size_t k = 0; k < NT_ARRAY_LEN(said); k++) {
		ck_assert_msg(give_domain(i, said[k].node, k + 1, said[k].domain) == 0, "%s",
			      err.msg);
		nt_ingest_cluster_domain(i, text);
		ck_assert_str_eq(text, said[k].wanted);
	}
	nt_ingest_free(i);
}
END_TEST

/* The clock is of the batch's node; of a batch that is refused nothing is noted. */
START_TEST(clocks_are_noted_by_node)
{
	_cleanup_buf_ struct nt_buf wire = { 0 };
	struct nt_record r = store_record(1, T0_US, "a.test");
	struct nt_batch batch = store_batch("s", 1, &r, 1);
	struct nt_ingest *i = new_ingest();
	enum nt_store_outcome outcome;
	struct nt_ingest_sender sender = { .has_clock = true, .clock_offset_us = 7 };
	int64_t offset = 1;

	ck_assert(!nt_ingest_clock(i, batch.node, &offset));
	ck_assert_int_eq(nt_batch_encode(&batch, &wire, &err), 0);
	ck_assert_int_eq(nt_ingest_batch_from(i, nt_slice_mem(wire.p, wire.len - 1), &sender,
					      &outcome, &err),
			 -EBADMSG);
	ck_assert(!nt_ingest_clock(i, batch.node, &offset));
	for (int64_t told = -700000; told <= 700000; told += 700000) {
		sender.clock_offset_us = told;
		ck_assert_int_eq(nt_ingest_batch_from(i, nt_slice_mem(wire.p, wire.len), &sender,
						      &outcome, &err),
				 0);
		ck_assert(nt_ingest_clock(i, batch.node, &offset));
		ck_assert_int_eq(offset, told);
	}
	ck_assert(!nt_ingest_clock(i, NT_SLICE_LIT("other"), &offset));
	nt_ingest_free(i);
}
END_TEST

START_TEST(nodes_are_bounded)
{
	struct nt_nodes nodes = { 0 };
	struct nt_node *node;
	char name[32];

	for (int n = NT_NODES_MAX + 100; n > 0; n--) {
		snprintf(name, sizeof(name), "node-%d", n * 7919 % 100003);
		node = nt_nodes_get(&nodes, nt_slice_str(name));
		ck_assert_int_eq(node != NULL, n > 100);
		if (node)
			node->clock_offset_us = n;
	}
	ck_assert_uint_eq(nodes.len, NT_NODES_MAX);
	for (int n = NT_NODES_MAX + 100; n > 0; n--) {
		snprintf(name, sizeof(name), "node-%d", n * 7919 % 100003);
		node = nt_nodes_find(&nodes, nt_slice_str(name));
		ck_assert_int_eq(node != NULL, n > 100);
		ck_assert(!node || node->clock_offset_us == n);
	}
	ck_assert_ptr_null(nt_nodes_get(&nodes, NT_SLICE_LIT("")));
	nt_nodes_done(&nodes);
}
END_TEST

/* One node that sends without end is held to its rows a second; another one does not notice. */
START_TEST(a_node_has_its_share)
{
	struct nt_clock clock = nt_clock_virtual(NT_NS_PER_S, 0);
	struct nt_record rows[50];
	struct nt_ingest *i = new_ingest();
	enum nt_store_outcome outcome;
	uint64_t taken = 0, seq = 1;

	nt_ingest_limit(i, 10, &clock);
	for (int second = 0; second < 600; second++) {
		struct nt_batch batch = store_batch("s", seq, rows, 50);
		int r;

		for (size_t k = 0; k < 50; k++)
			rows[k] = store_record(seq * 100 + k, T0_US, "a.test");
		r = send_batch(i, &batch, &outcome);
		ck_assert(r == 0 || r == -EAGAIN);
		taken += r == 0 ? 50 : 0;
		seq += r == 0;
		clock.virtual_boot_ns += NT_NS_PER_S;
	}
	/* 300 seconds' worth at once, then 10 a second; the last batch may go over. */
	ck_assert_uint_ge(taken, 3000 + 5990);
	ck_assert_uint_le(taken, 3000 + 6000 + 50);
	ck_assert_uint_eq(nt_ingest_stats(i).deferred, 600 - taken / 50);
	ck_assert_uint_eq(nt_ingest_stats(i).failed, 0);
	rows[0].node = NT_SLICE_LIT("quiet");
	ck_assert_int_eq(send_batch(i,
				    &(struct nt_batch){ .node = NT_SLICE_LIT("quiet"),
							.spool = NT_SLICE_LIT("q"),
							.seq = 1,
							.records = rows,
							.records_len = 1 },
				    &outcome),
			 0);
	nt_ingest_free(i);
}
END_TEST

/* However long it was away, and however large its batch was. */
START_TEST(shares_do_not_overflow)
{
	struct nt_node node = { 0 };

	ck_assert(nt_node_take_rows(&node, 1, 100000000, 0));
	ck_assert(nt_node_take_rows(&node, 1, 100000000, INT64_MAX));
	ck_assert_int_eq(node.rows, 100000000LL * NT_NODES_BURST_SECONDS - 1);
	ck_assert(!nt_node_take_rows(&(struct nt_node){ .has_rows = true }, 1, 5, 0));
}
END_TEST

static void change(struct nt_batch *b, struct nt_record *r, int which)
{
	switch (which) {
	case 0:
		r->node = NT_SLICE_LIT("other");
		break;
	case 1:
		b->node = r->node = NT_SLICE_LIT("new\nline");
		break;
	case 2:
		b->spool = NT_SLICE_LIT("a b");
		break;
	case 3:
		r->start_us = -5;
		break;
	case 4:
		r->end_us = INT64_MAX;
		break;
	case 5:
		r->count = 1ULL << 60;
		break;
	case 6:
		r->latency_sum_ns = UINT64_MAX;
		break;
	case 7:
		b->seq = UINT64_MAX;
		break;
	case 8:
		r->node = (struct nt_slice){ 0 };
		break;
	}
}

START_TEST(bad_content_is_refused)
{
	struct nt_record r = store_record(1, T0_US, "a.test");
	struct nt_batch batch = store_batch("s", 1, &r, 1);
	struct nt_ingest *i = new_ingest();
	enum nt_store_outcome outcome;

	change(&batch, &r, _i);
	ck_assert_int_eq(send_batch(i, &batch, &outcome), -EBADMSG);
	ck_assert_uint_gt(strlen(err.msg), 0);
	ck_assert_uint_eq(nt_ingest_stats(i).refused, 1);
	ck_assert_uint_eq(nt_store_stats(store).batches, 0);
	nt_ingest_free(i);
}
END_TEST

/* Each octet of a batch flipped, and each length of it: refused, and nothing breaks. */
START_TEST(torn_octets_are_refused)
{
	struct nt_record r = store_record(1, T0_US, "a.test");
	struct nt_batch batch = store_batch("s", 1, &r, 1);
	_cleanup_buf_ struct nt_buf wire = { 0 };
	struct nt_ingest *i = new_ingest();
	enum nt_store_outcome outcome;

	ck_assert_int_eq(nt_batch_encode(&batch, &wire, &err), 0);
	for (size_t at = 0; at < wire.len; at++) {
		ck_assert_int_eq(nt_ingest_batch(i, nt_slice_mem(wire.p, at), &outcome, &err),
				 -EBADMSG);
		wire.p[at] ^= 0x41;
		ck_assert_int_eq(nt_ingest_batch(i, nt_slice_mem(wire.p, wire.len), &outcome, &err),
				 -EBADMSG);
		wire.p[at] ^= 0x41;
	}
	ck_assert_int_eq(nt_ingest_batch(i, (struct nt_slice){ 0 }, &outcome, &err), -EBADMSG);
	ck_assert_uint_eq(nt_store_stats(store).batches, 0);
	ck_assert_int_eq(nt_ingest_batch(i, nt_slice_mem(wire.p, wire.len), &outcome, &err), 0);
	nt_ingest_free(i);
}
END_TEST

/* What is no batch is refused while one is being stored: nobody waits for it, and it for nobody. */
static void *send_nonsense(void *ctx)
{
	struct nt_err mine;
	enum nt_store_outcome outcome;

	ck_assert_int_eq(nt_ingest_batch(ctx, NT_SLICE_LIT("no batch"), &outcome, &mine), -EBADMSG);
	return NULL;
}

static void while_it_is_held(void *ctx, const struct nt_objects *none)
{
	pthread_t thread;

	(void)none;
	ck_assert_int_eq(pthread_create(&thread, NULL, send_nonsense, ctx), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

START_TEST(decoding_does_not_wait_for_the_store)
{
	struct nt_ingest *i = new_ingest();

	nt_ingest_objects(i, while_it_is_held, i);
	ck_assert_uint_eq(nt_ingest_stats(i).refused, 1);
	nt_ingest_free(i);
}
END_TEST

START_TEST(token_is_made_once_and_private)
{
	_cleanup_buf_ struct nt_buf first = { 0 }, second = { 0 };
	struct stat st;
	char path[128];

	snprintf(path, sizeof(path), "%s/token", folder);
	ck_assert_msg(nt_token_open(path, &first, &err) == 0, "%s", err.msg);
	ck_assert_uint_eq(first.len, 64);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(nt_token_open(path, &second, &err), 0);
	ck_assert_str_eq(first.p, second.p);
	ck_assert_int_eq(chmod(path, 0644), 0);
	ck_assert_int_eq(nt_token_open(path, &second, &err), -EPERM);
	ck_assert_ptr_nonnull(strstr(err.msg, path));
}
END_TEST

START_TEST(short_token_is_refused)
{
	_cleanup_buf_ struct nt_buf token = { 0 };
	char path[128];

	snprintf(path, sizeof(path), "%s/token", folder);
	ck_assert_int_eq(nt_file_replace_at(AT_FDCWD, path, NT_SLICE_LIT("secret\n"), 0600, &err),
			 0);
	ck_assert_int_eq(nt_token_open(path, &token, &err), -EINVAL);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("ingest");

	tcase_add_test(tc, batch_is_taken_once);
	tcase_add_test(tc, batch_waits_for_its_pod);
	tcase_add_test(tc, batch_waits_in_vain_once);
	tcase_add_loop_test(tc, bad_content_is_refused, 0, 9);
	tcase_add_test(tc, clocks_are_noted_by_node);
	tcase_add_test(tc, conntrack_is_noted_by_node);
	tcase_add_test(tc, cluster_domain_is_the_agents);
	tcase_add_test(tc, batch_of_another_node_is_refused);
	tcase_add_test(tc, whose_it_is_comes_before_what_it_is);
	tcase_add_test(tc, nodes_are_bounded);
	tcase_add_test(tc, a_node_has_its_share);
	tcase_add_test(tc, shares_do_not_overflow);
	tcase_add_test(tc, torn_octets_are_refused);
	tcase_add_test(tc, decoding_does_not_wait_for_the_store);
	tcase_add_test(tc, token_is_made_once_and_private);
	tcase_add_test(tc, short_token_is_refused);
	return store_run("ingest", tc);
}
