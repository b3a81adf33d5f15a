/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of lookups: what is read back is the record that the transaction itself makes. */
#include "lib/record/lookup.h"

#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "dataplane/abi.h"
#include "lib/base/cleanup.h"
#include "lib/names/names.h"
#include "lib/record/batch.h"
#include "lib/record/codec.h"
#include "lib/record/expand.h"
#include "lib/record/wire.h"
#include "tests/unit/dns_build.h"
#include "tests/unit/suite.h"

#define MS 1000000LL

static struct nt_arena arena = { .max_bytes = 32 << 20 };
static struct nt_names *names;
static struct nt_aggregate *agg;
static const struct nt_time_base base = { .real_minus_boot_ns = 1000000000000LL };
static struct nt_identity pod;
static struct nt_pair_query query;
static struct dns_build message;
static struct nt_dns_msg reply;

static void setup(void)
{
	ck_assert_int_eq(nt_names_new("cluster.local", &names, NULL), 0);
	agg = nt_aggregate_new(1000, true, 1, NULL);
	pod = (struct nt_identity){ .node = NT_SLICE_LIT("n4"),
				    .namespace_ = NT_SLICE_LIT("shop"),
				    .name = NT_SLICE_LIT("web-6659c9d65f-x2x4p"),
				    .uid = NT_SLICE_LIT("uid"),
				    .container_id = NT_SLICE_LIT("sandbox"),
				    .ifname = NT_SLICE_LIT("eth0"),
				    .ip = { 4, { 10, 1, 0, 9 } },
				    .searches = "shop.svc.cluster.local svc.cluster.local",
				    .role = NT_ROLE_WORKLOAD };
	query = (struct nt_pair_query){
		.flow = { .owner = 3,
			  .transport = IPPROTO_UDP,
			  .client_port = 40000,
			  .server_port = 53,
			  .client = { 4, { 10, 1, 0, 9 } },
			  .server = { 4, { 10, 96, 0, 10 } } },
		.qtype = NT_TYPE_A,
		.qclass = 1,
		.edns = { .present = true, .udp_size = 1232, .ede = -1 },
		.first_ns = 5000 * MS,
		.last_ns = 5000 * MS,
		.queries = 1,
		.bytes = 40,
		.mark = { .verdict = NT_VERDICT_AUDIT, .policy_slot = 1 },
	};
	ck_assert_int_eq(nt_name_parse(NT_SLICE_LIT("example.com"), &query.qname), 0);
}

static void teardown(void)
{
	nt_aggregate_free(agg);
	nt_names_free(names);
	nt_arena_done(&arena);
}

static struct nt_txn answered(void)
{
	int r = nt_dns_parse(nt_slice_mem(message.wire, message.len), &reply);

	ck_assert_msg(r == 0, "%s", nt_dns_strerror(-r));
	query.qname = reply.qname;
	query.qtype = reply.qtype;
	return (struct nt_txn){ .kind = NT_TXN_ANSWERED,
				.query = &query,
				.reply = &reply,
				.reply_flow = &query.flow,
				.reply_ns = 5003 * MS,
				.reply_bytes = (uint32_t)message.len };
}

static bool take(const struct nt_txn *txn)
{
	return nt_aggregate_take(agg, txn, &pod, &base, NT_SLICE_LIT("shop/egress"), true);
}

/* Row i as its JSON, read by whoever gets the batch. */
static struct nt_slice row_json(size_t i)
{
	_cleanup_buf_ struct nt_buf wire = { 0 }, json = { 0 };
	const struct nt_slice *octets;
	struct nt_base bases[16];
	struct nt_row_reader reader = { .bases = bases, .names = names };
	struct nt_err err = { 0 };
	struct nt_record r;
	struct nt_row *rows;

	ck_assert_uint_gt(nt_aggregate_rows(agg, &rows), i);
	reader.bases_len = nt_aggregate_bases(agg, &octets);
	ck_assert_uint_le(reader.bases_len, NT_ARRAY_LEN(bases));
	for (size_t n = 0; n < reader.bases_len; n++)
		ck_assert_msg(nt_base_from_wire(octets[n], &arena, &bases[n], &err) == 0, "%s",
			      err.msg);
	nt_row_wire(&rows[i], &wire);
	ck_assert_msg(nt_row_from_wire(&reader,
				       nt_arena_copy(&arena, nt_slice_mem(wire.p, wire.len)),
				       &arena, &r, &err) == 0,
		      "%s", err.msg);
	nt_record_json(&r, &json);
	return nt_arena_copy(&arena, nt_slice_mem(json.p, json.len));
}

static struct nt_slice record_json(const struct nt_txn *txn, uint64_t id)
{
	_cleanup_buf_ struct nt_buf json = { 0 };
	struct nt_record r;

	ck_assert_int_eq(nt_record_from_txn(txn, &pod, &base, names, &arena, &r), 0);
	r.policy = NT_SLICE_LIT("shop/egress");
	r.id = id;
	nt_record_json(&r, &json);
	return nt_arena_copy(&arena, nt_slice_mem(json.p, json.len));
}

static void check_same(const struct nt_txn *txn)
{
	struct nt_slice got, want;
	uint64_t id;

	nt_aggregate_reset(agg);
	ck_assert(take(txn));
	id = nt_aggregate_commit_taken(agg, true);
	ck_assert_uint_ne(id, 0);
	got = row_json(0);
	want = record_json(txn, id);
	ck_assert_msg(nt_slice_eq(got, want), "\ngot  %.*s\nwant %.*s", NT_SLICE_ARG(got),
		      NT_SLICE_ARG(want));
}

static void put_usual_answers(uint16_t count)
{
	put_header(&message, 1, NT_DNS_QR | NT_DNS_RD | NT_DNS_RA, 1, count, 0, 0);
	put_question(&message, NT_TYPE_A);
}

START_TEST(test_addresses_sorted)
{
	struct nt_txn txn;

	put_usual_answers(3);
	put_record(&message, NT_SLICE_LIT("\xc0\x0c"), NT_TYPE_A, 1, 30,
		   NT_SLICE_LIT("\x0a\0\0\x09"));
	put_record(&message, NT_SLICE_LIT("\xc0\x0c"), NT_TYPE_A, 1, 20,
		   NT_SLICE_LIT("\x0a\0\0\x0a"));
	put_record(&message, NT_SLICE_LIT("\7EXAMPLE\3com\0"), NT_TYPE_A, 1, 40,
		   NT_SLICE_LIT("\x02\0\0\1"));
	txn = answered();
	check_same(&txn);
}
END_TEST

START_TEST(test_alias_and_rare_types)
{
	struct nt_txn txn;

	put_usual_answers(7);
	put_record(&message, NT_SLICE_LIT("\xc0\x0c"), NT_TYPE_CNAME, 1, 300,
		   NT_SLICE_LIT("\3WWW\xc0\x0c"));
	put_record(&message, NT_SLICE_LIT("\3www\7example\3com\0"), NT_TYPE_AAAA, 1, 60,
		   NT_SLICE_LIT("\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"));
	put_record(&message, NT_SLICE_LIT("\xc0\x0c"), NT_TYPE_SRV, 1, 5,
		   NT_SLICE_LIT("\0\1\0\2\0\x35\2A\"\xc0\x0c"));
	put_record(&message, NT_SLICE_LIT("\xc0\x0c"), NT_TYPE_TXT, 1, 5,
		   NT_SLICE_LIT("\3a\"b\2\\c"));
	put_record(&message, NT_SLICE_LIT("\xc0\x0c"), NT_TYPE_SOA, 1, 5,
		   NT_SLICE_LIT("\xc0\x0c\1h\xc0\x0c\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5"));
	put_record(&message, NT_SLICE_LIT("\xc0\x0c"), NT_TYPE_HTTPS, 1, 5,
		   NT_SLICE_LIT("\0\1\0\0\1\0\3\2h2"));
	put_record(&message, NT_SLICE_LIT("\xc0\x0c"), NT_TYPE_MX, 1, 5,
		   NT_SLICE_LIT("\0\x0a\2mx\xc0\x0c"));
	txn = answered();
	check_same(&txn);
}
END_TEST

START_TEST(test_kinds)
{
	struct nt_txn txn;

	put_usual_answers(0);
	txn = answered();
	query.queries = 3;
	query.last_ns = 5009 * MS;
	check_same(&txn);
	txn.kind = NT_TXN_LATE;
	query.tag = 77;
	check_same(&txn);
	txn.kind = NT_TXN_UNPAIRED;
	query.queries = query.bytes = 0;
	check_same(&txn);
	query.queries = 2;
	query.flow.side = NT_SIDE_SERVER;
	check_same(&(struct nt_txn){ .kind = NT_TXN_UNANSWERED, .query = &query });
	query.mark.verdict = 0;
	query.edns.options[0] = 10; /* takes the long form of the figures */
	query.edns.options_len = 1;
	check_same(&(struct nt_txn){ .kind = NT_TXN_UNANSWERED, .query = &query });
	ck_assert_int_eq(nt_name_parse(NT_SLICE_LIT("api.shop.svc.cluster.local"), &query.qname),
			 0);
	check_same(&(struct nt_txn){ .kind = NT_TXN_UNANSWERED, .query = &query });
	query.qname = (struct nt_name){ .len = 1 };
	check_same(&(struct nt_txn){ .kind = NT_TXN_UNANSWERED, .query = &query });
}
END_TEST

/* Merged figures are those of records that are merged, whatever form each has. */
START_TEST(test_merging)
{
	struct nt_aggregate *records = nt_aggregate_new(10, true, 1, NULL);
	_cleanup_buf_ struct nt_buf wire = { 0 }, json = { 0 };
	struct nt_err err = { 0 };
	struct nt_record r;
	struct nt_txn txn;
	struct nt_row *rows;
	struct nt_slice got;

	put_usual_answers(1);
	put_record(&message, NT_SLICE_LIT("\xc0\x0c"), NT_TYPE_A, 1, 30,
		   NT_SLICE_LIT("\x0a\0\0\1"));
	txn = answered();
	for (int i = 0; i < 5; i++) {
		query.edns.options_len = i % 2;
		query.edns.options[0] = 10;
		txn.reply_ns += i * 7 * MS;
		query.first_ns += MS;
		query.queries = 1 + (uint32_t)i;
		message.wire[message.len - 7] = (uint8_t)(10 * i + 1); /* TTL */
		ck_assert_int_eq(nt_dns_parse(txn.reply->wire, &reply), 0);
		ck_assert(take(&txn));
		ck_assert_uint_eq(nt_aggregate_commit_taken(agg, true), 1);
		ck_assert_int_eq(nt_record_from_txn(&txn, &pod, &base, names, &arena, &r), 0);
		r.policy = NT_SLICE_LIT("shop/egress");
		ck_assert_uint_eq(nt_aggregate_add(records, &r), 1);
	}
	ck_assert_uint_eq(nt_aggregate_rows(records, &rows), 1);
	nt_row_wire(&rows[0], &wire);
	ck_assert_int_eq(nt_record_from_wire(nt_slice_mem(wire.p, wire.len), &arena, &r, &err), 0);
	nt_record_json(&r, &json);
	got = row_json(0);
	ck_assert_msg(nt_slice_eq(got, nt_slice_mem(json.p, json.len)), "\ngot  %.*s\nwant %.*s",
		      NT_SLICE_ARG(got), (int)json.len, json.p);
	nt_aggregate_free(records);
}
END_TEST

START_TEST(test_rows_differ_by_their_ends)
{
	struct nt_flow backend;
	struct nt_txn txn;

	put_usual_answers(0);
	txn = answered();
	ck_assert(take(&txn) && nt_aggregate_commit_taken(agg, true) == 1);
	query.flow.client_port++;
	ck_assert(take(&txn) && nt_aggregate_commit_taken(agg, true) == 1);
	query.flow.server.octets[3]++;
	ck_assert(take(&txn) && nt_aggregate_commit_taken(agg, true) == 2);
	query.flow.server_port++;
	ck_assert(take(&txn) && nt_aggregate_commit_taken(agg, true) == 3);
	query.flow.owner++;
	ck_assert(take(&txn) && nt_aggregate_commit_taken(agg, true) == 4);
	pod.version++;
	ck_assert(take(&txn) && nt_aggregate_commit_taken(agg, true) == 5);
	backend = query.flow;
	backend.server.octets[0] = 9;
	txn.reply_flow = &backend;
	ck_assert(take(&txn) && nt_aggregate_commit_taken(agg, true) == 6);
	query.flow.transport = IPPROTO_TCP;
	ck_assert(take(&txn) && nt_aggregate_commit_taken(agg, true) == 7);
	ck_assert(take(&txn) && nt_aggregate_commit_taken(agg, false) == 7);
	query.id++;
	ck_assert(take(&txn) && nt_aggregate_commit_taken(agg, false) == 7);
	query.qtype++;
	ck_assert(take(&txn) && nt_aggregate_commit_taken(agg, false) == 0);
}
END_TEST

/* As many bases as rows at most, whoever is asked. */
START_TEST(test_no_base_without_a_row)
{
	struct nt_txn txn = { .kind = NT_TXN_UNANSWERED, .query = &query };
	const struct nt_slice policy = NT_SLICE_LIT("shop/egress"), *bases;
	size_t bytes;

	ck_assert(!nt_aggregate_take(agg, &txn, &pod, &base, policy, false));
	ck_assert_uint_eq(nt_aggregate_bases(agg, &bases), 0);
	query.qname.len = 0; /* it takes a record */
	ck_assert(!take(&txn));
	ck_assert_uint_eq(nt_aggregate_bases(agg, &bases), 0);
	query.qname.len = 13;
	for (uint32_t i = 0; i < 1000; i++) {
		memcpy(query.flow.server.octets, &i, sizeof(i));
		ck_assert(take(&txn));
		ck_assert_uint_eq(nt_aggregate_commit_taken(agg, true), i + 1);
	}
	bytes = nt_aggregate_bytes(agg);
	for (uint32_t i = 1000; i < 2000; i++) { /* beyond max_rows */
		memcpy(query.flow.server.octets, &i, sizeof(i));
		ck_assert(!nt_aggregate_take(agg, &txn, &pod, &base, policy, i % 2));
	}
	ck_assert_uint_eq(nt_aggregate_bases(agg, &bases), 1000);
	ck_assert_uint_eq(nt_aggregate_bytes(agg), bytes);
	memset(query.flow.server.octets, 0, 4);
	ck_assert(nt_aggregate_take(agg, &txn, &pod, &base, policy, false));
	ck_assert_uint_eq(nt_aggregate_commit_taken(agg, false), 1);
}
END_TEST

START_TEST(test_what_takes_a_record)
{
	struct nt_txn txn;

	put_usual_answers(NT_LOOKUP_ANSWERS + 1);
	for (int i = 0; i <= NT_LOOKUP_ANSWERS; i++)
		put_record(&message, NT_SLICE_LIT("\xc0\x0c"), NT_TYPE_A, 1, 30,
			   NT_SLICE_LIT("\x0a\0\0\1"));
	txn = answered();
	ck_assert(!take(&txn));
	put_usual_answers(1);
	put_record(&message, NT_SLICE_LIT("\xc0\x0c"), NT_TYPE_DS, 1, 30,
		   NT_SLICE_LIT("\x0a\0\0\1\1"));
	txn = answered();
	ck_assert(!take(&txn));
	query.qname.len = 0;
	ck_assert(!take(&(struct nt_txn){ .kind = NT_TXN_UNANSWERED, .query = &query }));
}
END_TEST

/* The row as the only one of a batch. */
static int decode_batch(struct nt_slice domain, size_t bases, struct nt_batch *ret_batch,
			struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf wire = { 0 };
	struct nt_batch b = { .node = NT_SLICE_LIT("n4"),
			      .spool = NT_SLICE_LIT("uuid"),
			      .seq = 1,
			      .bases_len = bases,
			      .cluster_domain = domain };
	struct nt_row *rows;

	(void)nt_aggregate_bases(agg, &b.bases);
	ck_assert_uint_eq(nt_aggregate_rows(agg, &rows), 1);
	nt_batch_begin(&b, &wire);
	nt_row_put(&rows[0], &wire);
	ck_assert_int_eq(nt_batch_end(&b, 0, &wire, err), 0);
	ck_assert_int_eq(wire.p[4], bases ? 2 : 1);
	return nt_batch_decode(nt_arena_copy(&arena, nt_slice_mem(wire.p, wire.len)), &arena,
			       ret_batch, err);
}

START_TEST(test_in_a_batch)
{
	_cleanup_buf_ struct nt_buf json = { 0 };
	struct nt_err err = { 0 };
	struct nt_batch b;
	struct nt_slice want;
	struct nt_txn txn;

	put_usual_answers(1);
	put_record(&message, NT_SLICE_LIT("\xc0\x0c"), NT_TYPE_A, 1, 30,
		   NT_SLICE_LIT("\x0a\0\0\1"));
	txn = answered();
	ck_assert(take(&txn) && nt_aggregate_commit_taken(agg, true) == 1);
	ck_assert_msg(decode_batch(NT_SLICE_LIT("cluster.local"), 1, &b, &err) == 0, "%s", err.msg);
	ck_assert_uint_eq(b.records_len, 1);
	nt_record_json(&b.records[0], &json);
	want = record_json(&txn, 1);
	ck_assert_msg(nt_slice_eq(nt_slice_mem(json.p, json.len), want), "%.*s",
		      NT_SLICE_ARG(want));
	ck_assert_int_eq(decode_batch(NT_SLICE_LIT("a..b"), 1, &b, &err), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(err.msg, "cluster domain"));
	ck_assert_int_eq(decode_batch((struct nt_slice){ 0 }, 0, &b, &err), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(err.msg, "row 1"));
}
END_TEST

/* Rows of outside origin. */
START_TEST(test_bad_rows)
{
	static const struct {
		const char *octets;
		size_t len;
	} bad[] = {
#define BAD(s) { s, sizeof(s) - 1 }
		BAD(""), /* no base */
		BAD("\x08\x02\x12\x01\0"), /* a base that is not there */
		BAD("\x08\x01\x12\x02\xc0\x0c"), /* a name with a pointer */
		BAD("\x08\x01\x12\x02\0\0"), /* octets behind the name */
		BAD("\x08\x01\x12\x01\0"), /* no figures */
		BAD("\x08\x01\x38\x77\x12\x01\0"), /* verdict 119 */
		BAD("\x08\x01\x12\x01\0\x32\x05\0\1\1\2\4"), /* two data, one there */
		BAD("\x08\x01\x12\x01\0\x32\x04\0\1\1\0"), /* a set without data */
	};
	const struct nt_base ends = { .searches = "" };
	const struct nt_row_reader reader = { .bases = &ends, .bases_len = 1 };
	struct nt_err err = { 0 };
	struct nt_record r;

	ck_assert_int_eq(nt_row_from_wire(&reader, nt_slice_mem(bad[_i].octets, bad[_i].len),
					  &arena, &r, &err),
			 -EBADMSG);
	ck_assert_int_ne(err.msg[0], 0);
}
END_TEST

/* Of a server's row: as one transaction, as two of them, with and without what only the long form
 * has. */
START_TEST(how_long_upstream_took)
{
	struct nt_slice json;
	struct nt_txn txn;

	put_usual_answers(0);
	txn = answered();
	query.edns.options_len = (size_t)(_i >> 1);
	for (int i = 0; i <= (_i & 1); i++) {
		ck_assert(take(&txn));
		nt_aggregate_take_upstream(agg, i ? 3 * MS : 1 * MS);
		ck_assert_uint_ne(nt_aggregate_commit_taken(agg, true), 0);
	}
	query.edns.options_len = 0;
	json = row_json(0);
	ck_assert_msg(strstr(json.p, _i & 1 ? "\"hop_upstream_ns\":2000000,\"hop_count\":2"
					    : "\"hop_upstream_ns\":1000000,\"hop_count\":1"),
		      "%.*s", NT_SLICE_ARG(json));
	ck_assert_ptr_null(strstr(json.p, "hop_network_ns"));
}
END_TEST

/* A row with so many sets of so many data each. */
static int read_sets(size_t sets, size_t data, struct nt_record *ret_record, struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf octets = { 0 }, wire = { 0 }, one = { 0 };
	const struct nt_base ends = { .searches = "" };
	const struct nt_row_reader reader = { .bases = &ends, .bases_len = 1 };
	struct nt_one figures = { .kind = NT_TXN_ANSWERED, .queries = 1, .latency_ns = -1 };

	for (size_t i = 0; i < sets; i++) {
		nt_buf_add(&octets, "\0\x10\1", 3); /* TXT IN of the question's name */
		nt_buf_wrote(&octets,
			     nt_wire_at_varint(nt_buf_reserve(&octets, NT_WIRE_VARINT_MAX), data));
		for (size_t k = 0; k < data; k++)
			nt_buf_add(&octets, "\1\0", 2);
	}
	nt_buf_add(&wire, "\x08\x01\x12\x01\0", 5);
	nt_wire_put_str(&wire, NT_ROW_ANSWERS, nt_slice_mem(octets.p, octets.len));
	nt_buf_wrote(&one, nt_one_at(nt_buf_reserve(&one, NT_ONE_WIRE_MAX), &figures));
	nt_wire_put_str(&wire, NT_ROW_ONE, nt_slice_mem(one.p, one.len));
	return nt_row_from_wire(&reader, nt_arena_copy(&arena, nt_slice_mem(wire.p, wire.len)),
				&arena, ret_record, err);
}

/* A row that was taken can be stored, and then read for ever. */
START_TEST(test_lists_are_bounded)
{
	static const size_t most = NT_RECORD_LIST_MAX;
	const size_t shapes[][2] = { { most, 1 }, { 1, most } };
	_cleanup_buf_ struct nt_buf wire = { 0 };
	struct nt_record r, again;
	struct nt_err err = { 0 };

	ck_assert_msg(read_sets(shapes[_i][0], shapes[_i][1], &r, &err) == 0, "%s", err.msg);
	ck_assert_uint_eq(r.rrsets_len, shapes[_i][0]);
	nt_record_wire(&r, &wire);
	ck_assert_msg(nt_record_from_wire(nt_slice_mem(wire.p, wire.len), &arena, &again, &err) ==
			      0,
		      "%s", err.msg);
	ck_assert_int_eq(read_sets(shapes[_i][0] + (_i == 0), shapes[_i][1] + (_i == 1), &r, &err),
			 -EBADMSG);
	ck_assert_ptr_nonnull(strstr(err.msg, "row: field 6"));
}
END_TEST

/* Of outside origin too; it is walked for each row. */
START_TEST(test_search_list_is_bounded)
{
	char list[NT_BASE_SEARCHES_MAX + 1];
	struct nt_err err = { 0 };
	struct nt_base ends;

	memset(list, 'a', sizeof(list));
	for (size_t over = 0; over < 2; over++) {
		_cleanup_buf_ struct nt_buf wire = { 0 };
		size_t len = NT_BASE_SEARCHES_MAX + over;

		nt_base_wire((struct nt_slice){ 0 }, nt_slice_mem(list, len), &wire);
		ck_assert_int_eq(nt_base_from_wire(nt_slice_mem(wire.p, wire.len), &arena, &ends,
						   &err),
				 over ? -EBADMSG : 0);
		ck_assert(over || strlen(ends.searches) == len);
	}
	ck_assert_ptr_nonnull(strstr(err.msg, "base: field 2"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("lookup");
	TCase *t = tcase_create("lookup");

	tcase_add_loop_test(t, how_long_upstream_took, 0, 4);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_addresses_sorted);
	tcase_add_test(t, test_alias_and_rare_types);
	tcase_add_test(t, test_kinds);
	tcase_add_test(t, test_merging);
	tcase_add_test(t, test_rows_differ_by_their_ends);
	tcase_add_test(t, test_no_base_without_a_row);
	tcase_add_test(t, test_what_takes_a_record);
	tcase_add_test(t, test_in_a_batch);
	tcase_add_loop_test(t, test_bad_rows, 0, 8);
	tcase_add_loop_test(t, test_lists_are_bounded, 0, 2);
	tcase_add_test(t, test_search_list_is_bounded);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
