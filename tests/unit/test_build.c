/* SPDX-License-Identifier: Apache-2.0 */
/* From a transaction to a record: counts, times, latency, both ends, the answer section, names. */
#include "lib/record/aggregate.h"

#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/names/names.h"
#include "lib/record/rrsets.h"
#include "tests/unit/dns_build.h"
#include "tests/unit/record_rows.h"
#include "tests/unit/suite.h"

#define MS 1000000LL

static struct nt_arena arena = { .max_bytes = 32 << 20 };
static struct nt_names *names;
static const struct nt_time_base base = { .real_minus_boot_ns = 1000000000000LL };
static struct nt_identity pod;
static struct dns_build reply;

static void setup(void)
{
	ck_assert_int_eq(nt_names_new("cluster.local", &names, NULL), 0);
	pod = (struct nt_identity){ .node = NT_SLICE_LIT("n4"),
				    .namespace_ = NT_SLICE_LIT("shop"),
				    .name = NT_SLICE_LIT("web-6659c9d65f-x2x4p"),
				    .uid = NT_SLICE_LIT("uid"),
				    .container_id = NT_SLICE_LIT("sandbox"),
				    .ifname = NT_SLICE_LIT("eth0"),
				    .ip = { 4, { 10, 1, 0, 9 } },
				    .searches = "shop.svc.cluster.local svc.cluster.local",
				    .role = NT_ROLE_WORKLOAD };
}

static void teardown(void)
{
	nt_names_free(names);
	nt_arena_done(&arena);
}

static struct nt_pair_query a_query(const char *name)
{
	struct nt_pair_query q = {
		.flow = { .transport = IPPROTO_UDP,
			  .client_port = 40000,
			  .server_port = 53,
			  .client = { 4, { 10, 1, 0, 9 } },
			  .server = { 4, { 10, 96, 0, 10 } } },
		.qtype = NT_TYPE_A,
		.qclass = 1,
		.edns = { .present = true,
			  .udp_size = 1232,
			  .options = { 10, 8 },
			  .options_len = 2 },
		.first_ns = 5000 * MS,
		.last_ns = 5000 * MS,
		.queries = 1,
		.bytes = 40,
	};

	ck_assert_int_eq(nt_name_parse(nt_slice_str(name), &q.qname), 0);
	return q;
}

static struct nt_record build(const struct nt_txn *txn)
{
	struct nt_record r;

	ck_assert_int_eq(nt_record_from_txn(txn, &pod, &base, names, &arena, &r), 0);
	return r;
}

#define ASSERT_TEXT(got, want) \
	ck_assert_msg(nt_slice_eq(got, NT_SLICE_LIT(want)), "\"%.*s\"", NT_SLICE_ARG(got))

static struct nt_dns_msg parsed(void)
{
	struct nt_dns_msg msg;

	ck_assert_int_eq(nt_dns_parse(nt_slice_mem(reply.wire, reply.len), &msg), 0);
	return msg;
}

START_TEST(test_answered)
{
	struct nt_pair_query q = a_query("example.com");
	struct nt_dns_msg msg;
	struct nt_record r;

	put_header(&reply, 1, NT_DNS_QR | NT_DNS_RD | NT_DNS_RA | NT_DNS_TC, 1, 0, 0, 1);
	put_question(&reply, NT_TYPE_A);
	/* OPT: 4096 octets, DO, option 3 (NSID) */
	put_record(&reply, NT_SLICE_LIT("\0"), NT_TYPE_OPT, 4096, 0x8000, NT_SLICE_LIT("\0\3\0\0"));
	msg = parsed();
	q.queries = 2;
	q.bytes = 80;
	q.last_ns = 5001 * MS;
	r = build(&(struct nt_txn){ .kind = NT_TXN_ANSWERED,
				    .query = &q,
				    .reply = &msg,
				    .reply_ns = 5003 * MS,
				    .reply_bytes = 55 });
	ck_assert(r.count == 1 && r.queries == 2 && r.replies == 1 && r.retries == 1);
	ck_assert(r.unanswered == 0 && r.truncated == 1 && !r.late);
	ck_assert(r.bytes_out == 80 && r.bytes_in == 55);
	ck_assert_int_eq(r.start_us, 1005000000);
	ck_assert_int_eq(r.end_us, 1005003000);
	ck_assert(r.latency_count == 1 && r.latency_min_ns == 3 * MS &&
		  r.latency_max_ns == 3 * MS && r.latency_sum_ns == 3 * MS);
	ck_assert_uint_eq(r.latency_histogram[8], 1); /* 2.1 to 4.2 ms */
	ck_assert(r.answered && r.rcode == 0);
	ck_assert_uint_eq(r.flags, NT_DNS_RD | NT_DNS_RA | NT_DNS_TC);
	ck_assert(r.edns && r.edns_do && r.edns_udp_size_max == 4096 && r.edns_options_len == 3);
	ck_assert(r.edns_options[0] == 3 && r.edns_options[1] == 8 && r.edns_options[2] == 10);
	ASSERT_TEXT(r.qname, "example.com");
	ASSERT_TEXT(r.logical_qname, "example.com");
	ASSERT_TEXT(r.domain, "example.com");
	ck_assert(r.scope == NT_SCOPE_EXTERNAL && r.hop_server_ns == -1);
	ck_assert(r.rrsets_len == 0);
}
END_TEST

START_TEST(test_backend_is_a_server_too)
{
	struct nt_pair_query q = a_query("example.com");
	struct nt_flow from = q.flow;
	struct nt_dns_msg msg;
	struct nt_record r;

	put_header(&reply, 1, NT_DNS_QR, 1, 0, 0, 0);
	put_question(&reply, NT_TYPE_A);
	msg = parsed();
	from.server = (struct nt_addr){ 4, { 10, 96, 0, 99 } };
	r = build(&(struct nt_txn){ .kind = NT_TXN_ANSWERED,
				    .query = &q,
				    .reply = &msg,
				    .reply_flow = &from,
				    .reply_ns = 5003 * MS });
	ck_assert_uint_eq(r.servers_len, 2);
	ck_assert(nt_addr_eq(&r.servers[0].ip, &from.server));
	ck_assert(nt_addr_eq(&r.servers[1].ip, &q.flow.server));
}
END_TEST

START_TEST(test_unanswered)
{
	struct nt_pair_query q = a_query("db.shop.svc.cluster.local");
	struct nt_record r;

	q.queries = 3;
	q.last_ns = 9000 * MS;
	r = build(&(struct nt_txn){ .kind = NT_TXN_UNANSWERED, .query = &q });
	ck_assert(r.count == 1 && r.queries == 3 && r.retries == 2 && r.unanswered == 1);
	ck_assert(r.replies == 0 && !r.answered && r.latency_count == 0 && r.bytes_in == 0);
	ck_assert_int_eq(r.end_us - r.start_us, 4000000);
	ck_assert_int_eq(r.scope, NT_SCOPE_CLUSTER);
	ASSERT_TEXT(r.service_name, "db");
	ASSERT_TEXT(r.service_namespace, "shop");
}
END_TEST

START_TEST(test_late_and_unpaired)
{
	struct nt_pair_query q = a_query("example.com");
	struct nt_dns_msg msg;
	struct nt_record r;

	put_header(&reply, 1, NT_DNS_QR | 2, 1, 0, 0, 0);
	put_question(&reply, NT_TYPE_A);
	msg = parsed();
	q.tag = 77;
	r = build(&(struct nt_txn){ .kind = NT_TXN_LATE,
				    .query = &q,
				    .reply = &msg,
				    .reply_ns = 12000 * MS,
				    .reply_bytes = 55 });
	ck_assert(r.late && r.late_of == 77 && r.count == 0 && r.queries == 0 && r.replies == 1);
	ck_assert(r.unanswered == 0 && r.bytes_out == 0 && r.bytes_in == 55 && r.rcode == 2);
	ck_assert(r.start_us == 1012000000 && r.end_us == r.start_us);
	ck_assert_uint_eq(r.latency_max_ns, 7000 * MS);
	q.queries = q.bytes = 0;
	q.first_ns = q.last_ns = 0;
	r = build(&(struct nt_txn){ .kind = NT_TXN_UNPAIRED,
				    .query = &q,
				    .reply = &msg,
				    .reply_ns = 12000 * MS,
				    .reply_bytes = 55 });
	ck_assert(!r.late && r.count == 1 && r.queries == 0 && r.replies == 1 && r.retries == 0);
	ck_assert(r.latency_count == 0 && r.start_us == 1012000000 && r.end_us == r.start_us);
}
END_TEST

START_TEST(test_histogram_bounds)
{
	struct nt_pair_query q = a_query("example.com");
	struct nt_dns_msg msg;

	put_header(&reply, 1, NT_DNS_QR, 1, 0, 0, 0);
	put_question(&reply, NT_TYPE_A);
	msg = parsed();
	for (int i = 0; i < NT_HISTOGRAM_BUCKETS + 3; i++)
		for (int over = 0; over < 2; over++) {
			struct nt_txn txn = { .kind = NT_TXN_ANSWERED, .query = &q, .reply = &msg };
			int bucket = i + over < NT_HISTOGRAM_BUCKETS ? i + over
								     : NT_HISTOGRAM_BUCKETS - 1;

			txn.reply_ns = q.first_ns + (1LL << (i + 14)) - !over;
			ck_assert_msg(build(&txn).latency_histogram[bucket] == 1, "%d, %d", i,
				      over);
		}
}
END_TEST

START_TEST(test_client_side)
{
	struct nt_pair_query q = a_query("example.com");
	struct nt_record r = build(&(struct nt_txn){ .kind = NT_TXN_UNANSWERED, .query = &q });

	ck_assert(r.side == NT_SIDE_CLIENT && r.transport == IPPROTO_UDP);
	ASSERT_TEXT(r.node, "n4");
	ASSERT_TEXT(r.client_namespace, "shop");
	ASSERT_TEXT(r.client_name, "web-6659c9d65f-x2x4p");
	ASSERT_TEXT(r.client_name_aggr, "web-6659c9d65f-*");
	ASSERT_TEXT(r.client_uid, "uid");
	ASSERT_TEXT(r.client_container_id, "sandbox");
	ASSERT_TEXT(r.client_ifname, "eth0");
	ck_assert(r.client_ip.octets[3] == 9 && r.servers_len == 1);
	ck_assert(r.servers[0].port == 53 && r.servers[0].ip.octets[1] == 96);
	ASSERT_TEXT(r.servers[0].name, "-");
	ASSERT_TEXT(r.servers[0].name_aggr, "pvt");
	q.flow.server = (struct nt_addr){ 4, { 8, 8, 8, 8 } };
	r = build(&(struct nt_txn){ .kind = NT_TXN_UNANSWERED, .query = &q });
	ASSERT_TEXT(r.servers[0].name_aggr, "pub");
}
END_TEST

START_TEST(test_server_side)
{
	struct nt_pair_query q = a_query("example.com");
	struct nt_record r;

	q.flow.side = NT_SIDE_SERVER;
	q.flow.client = (struct nt_addr){ 4, { 10, 1, 0, 77 } };
	pod.name = NT_SLICE_LIT("coredns-0");
	pod.role = NT_ROLE_RESOLVER;
	r = build(&(struct nt_txn){ .kind = NT_TXN_UNANSWERED, .query = &q });
	ck_assert(r.side == NT_SIDE_SERVER && r.role == NT_ROLE_RESOLVER);
	ck_assert(r.client_ip.octets[3] == 77 && !r.client_name.len && !r.client_namespace.len);
	ck_assert(!r.client_uid.len && !r.client_ifname.len && !r.client_container_id.len &&
		  !r.client_name_aggr.len);
	ASSERT_TEXT(r.servers[0].name, "coredns-0");
	ASSERT_TEXT(r.servers[0].name_aggr, "coredns-*");
	ASSERT_TEXT(r.servers[0].namespace_, "shop");
}
END_TEST

START_TEST(test_search_list)
{
	struct nt_pair_query q = a_query("example.com.shop.svc.cluster.local");
	struct nt_dns_msg msg;
	struct nt_record r;

	put_header(&reply, 1, NT_DNS_QR | 3, 1, 0, 0, 0);
	put_question(&reply, NT_TYPE_A);
	msg = parsed();
	r = build(&(struct nt_txn){
		.kind = NT_TXN_ANSWERED, .query = &q, .reply = &msg, .reply_ns = q.first_ns });
	ck_assert_int_eq(r.scope, NT_SCOPE_SEARCH);
	ASSERT_TEXT(r.logical_qname, "example.com");
	ASSERT_TEXT(r.qname, "example.com.shop.svc.cluster.local");
}
END_TEST

static const struct {
	const char *name, *want;
} aggregates[] = {
	{ "web-6659c9d65f-x2x4p", "web-6659c9d65f-*" },
	{ "agent-7xk2p", "agent-*" },
	{ "db-0", "db-*" },
	{ "db-main-12", "db-main-*" },
	{ "report-27912345-abcde", "report-27912345-abcde" }, /* a and e are never generated */
	{ "report-27912345-bcdfg", "report-27912345-*" },
	{ "plain", "plain" },
	{ "my-nginx", "my-nginx" },
	{ "kube-proxy", "kube-proxy" },
	{ "web-x2x4", "web-x2x4" },
	{ "web-", "web-" },
	{ "-0", "-0" },
	{ "0", "0" },
	{ "", "" },
};

START_TEST(test_name_aggr)
{
	struct nt_slice got;

	ck_assert_int_eq(nt_record_name_aggr(nt_slice_str(aggregates[_i].name), &arena, &got), 0);
	ck_assert_msg(nt_slice_eq(got, nt_slice_str(aggregates[_i].want)), "%s: %.*s",
		      aggregates[_i].name, NT_SLICE_ARG(got));
}
END_TEST

START_TEST(test_answer_section)
{
	struct nt_pair_query q = a_query("example.com");
	struct nt_dns_msg msg;
	struct nt_record r;

	put_header(&reply, 1, NT_DNS_QR, 1, 5, 1, 1);
	put_question(&reply, NT_TYPE_A);
	put_record(&reply, NT_SLICE_LIT("\4edge\xc0\x0c"), NT_TYPE_A, 1, 60,
		   NT_SLICE_LIT("\x0a\x02\x00\x09"));
	put_record(&reply, NT_SLICE_LIT("\xc0\x0c"), NT_TYPE_CNAME, 1, 300,
		   NT_SLICE_LIT("\4EDGE\xc0\x0c"));
	put_record(&reply, NT_SLICE_LIT("\4Edge\xc0\x0c"), NT_TYPE_A, 1, 30,
		   NT_SLICE_LIT("\x0a\x02\x00\x07"));
	put_record(&reply, NT_SLICE_LIT("\4edge\xc0\x0c"), NT_TYPE_TXT, 1, 5, NT_SLICE_LIT("\2hi"));
	put_record(&reply, NT_SLICE_LIT("\4edge\xc0\x0c"), NT_TYPE_A, 3, 5,
		   NT_SLICE_LIT("\x0a\x02\x00\x08"));
	put_record(&reply, NT_SLICE_LIT("\xc0\x0c"), NT_TYPE_NS, 1, 9, NT_SLICE_LIT("\xc0\x0c"));
	put_record(&reply, NT_SLICE_LIT("\0"), NT_TYPE_OPT, 1232, 0, NT_SLICE_LIT(""));
	msg = parsed();
	r = build(&(struct nt_txn){
		.kind = NT_TXN_ANSWERED, .query = &q, .reply = &msg, .reply_ns = q.first_ns });
	ck_assert_uint_eq(r.rrsets_len, 4);
	ASSERT_TEXT(r.rrsets[0].name, "edge.example.com");
	ck_assert(r.rrsets[0].type == NT_TYPE_A && r.rrsets[0].class_ == 1);
	ck_assert(r.rrsets[0].rdata_len == 2 && r.rrsets[0].ttl_min == 30 &&
		  r.rrsets[0].ttl_max == 60);
	ASSERT_TEXT(r.rrsets[0].rdata[0], "10.2.0.7");
	ASSERT_TEXT(r.rrsets[0].rdata[1], "10.2.0.9");
	ck_assert_uint_eq(r.rrsets[1].class_, 3);
	ck_assert_uint_eq(r.rrsets[2].type, NT_TYPE_TXT);
	ASSERT_TEXT(r.rrsets[2].rdata[0], "\"hi\"");
	ASSERT_TEXT(r.rrsets[3].name, "example.com");
	ASSERT_TEXT(r.rrsets[3].rdata[0], "edge.example.com");
}
END_TEST

/* The order that a server gives its answers in (round robin) and TTLs make no new row. */
START_TEST(test_order_of_answers_does_not_matter)
{
	struct nt_aggregate *agg = nt_aggregate_new(10, true, 1, NULL);
	struct nt_pair_query q = a_query("example.com");
	struct nt_record *rows;

	for (int round = 0; round < 2; round++) {
		struct nt_dns_msg msg;
		struct nt_record r;

		put_header(&reply, 1, NT_DNS_QR, 1, 2, 0, 0);
		put_question(&reply, NT_TYPE_A);
		for (int i = 0; i < 2; i++)
			put_record(&reply, NT_SLICE_LIT("\xc0\x0c"), NT_TYPE_A, 1,
				   (uint32_t)(30 - round),
				   i == round ? NT_SLICE_LIT("\x0a\x02\x00\x07")
					      : NT_SLICE_LIT("\x0a\x02\x00\x08"));
		msg = parsed();
		r = build(&(struct nt_txn){ .kind = NT_TXN_ANSWERED,
					    .query = &q,
					    .reply = &msg,
					    .reply_ns = q.first_ns + round });
		ck_assert_uint_eq(nt_aggregate_add(agg, &r), 1);
	}
	ck_assert_uint_eq(rows_read(agg, &arena, &rows), 1);
	ck_assert_uint_eq(rows[0].rrsets[0].ttl_min, 29);
	nt_aggregate_free(agg);
}
END_TEST

/* An owner that only looks like a pointer to the alias, whose place no pointer reaches. */
START_TEST(test_alias_beyond_pointers)
{
	static char filler[0x4010 - 12 - 17 - 12 - 12];
	struct nt_pair_query q = a_query("example.com");
	struct nt_dns_msg msg;
	struct nt_record r;

	put_header(&reply, 1, NT_DNS_QR, 1, 3, 0, 0);
	put_question(&reply, NT_TYPE_A);
	put_record(&reply, NT_SLICE_LIT("\xc0\x0c"), 65280, 1, 1,
		   nt_slice_mem(filler, sizeof(filler)));
	put_record(&reply, NT_SLICE_LIT("\xc0\x0c"), NT_TYPE_CNAME, 1, 1,
		   NT_SLICE_LIT("\4edge\xc0\x0c"));
	ck_assert_uint_eq(reply.len, 0x4010 + 7);
	/* What is at offset 16, where the owner points. */
	memcpy(reply.wire + 12, "\3exa\3ple\3com\0", 13);
	put_record(&reply, NT_SLICE_LIT("\xc0\x10"), NT_TYPE_A, 1, 1,
		   NT_SLICE_LIT("\x0a\x02\x00\x07"));
	msg = parsed();
	r = build(&(struct nt_txn){
		.kind = NT_TXN_ANSWERED, .query = &q, .reply = &msg, .reply_ns = q.first_ns });
	ck_assert_uint_eq(r.rrsets_len, 3);
	ASSERT_TEXT(r.rrsets[2].name, "ple.com");
	ck_assert_uint_eq(r.rrsets[2].type, NT_TYPE_A);
}
END_TEST

static uint32_t row_octets(const struct nt_record *r)
{
	struct nt_aggregate *agg = nt_aggregate_new(1, true, 1, NULL);
	struct nt_row *rows;
	uint32_t octets;

	ck_assert_uint_eq(nt_aggregate_add(agg, r), 1);
	ck_assert_uint_eq(nt_aggregate_rows(agg, &rows), 1);
	octets = rows[0].octets_len;
	nt_aggregate_free(agg);
	return octets;
}

/* Sixteen octets of wire, three thousand of text: a name of octets that are written \DDD, three
 * times, in a set of its own (MINFO). */
START_TEST(test_long_answers_are_cut)
{
	enum { ANSWERS = (65535 - 12 - 259) / 16 };
	struct nt_pair_query q = a_query("example.com");
	struct nt_dns_msg msg;
	struct nt_record r;

	put_header(&reply, 1, NT_DNS_QR, 1, ANSWERS, 0, 0);
	for (unsigned label = 0; label < 4; label++) {
		unsigned len = label < 3 ? 63 : 61;

		reply.wire[reply.len++] = (uint8_t)len;
		memset(reply.wire + reply.len, 1, len);
		reply.len += len;
	}
	put_slice(&reply, NT_SLICE_LIT("\0\0\1\0\1"));
	for (unsigned i = 0; i < ANSWERS; i++)
		put_record(&reply, NT_SLICE_LIT("\xc0\x0c"), 14, 2 + i, 1,
			   NT_SLICE_LIT("\xc0\x0c\xc0\x0c"));
	msg = parsed();
	q.qname = msg.qname;
	r = build(&(struct nt_txn){
		.kind = NT_TXN_ANSWERED, .query = &q, .reply = &msg, .reply_ns = q.first_ns });
	ck_assert_uint_gt(reply.len, 65000);
	ck_assert_uint_eq(r.rrsets_len, NT_RRSETS_TEXT_MAX / r.rrsets[0].name.len / 3);
	ck_assert_uint_eq(r.rrsets[0].class_, 2); /* the first ones */
	ASSERT_TEXT(r.error, NT_RRSETS_CUT);
	ck_assert_uint_lt(row_octets(&r), NT_RRSETS_TEXT_MAX + 8192);
}
END_TEST

/* As many addresses as a message has room for. */
START_TEST(test_many_answers_stay_whole)
{
	enum { ANSWERS = (65535 - 12 - 17) / 16 };
	struct nt_pair_query q = a_query("example.com");
	struct nt_dns_msg msg;
	struct nt_record r;

	put_header(&reply, 1, NT_DNS_QR, 1, ANSWERS, 0, 0);
	put_question(&reply, NT_TYPE_A);
	for (unsigned i = 0; i < ANSWERS; i++) {
		const char ip[] = { (char)200, (char)200, (char)(100 + i / 150),
				    (char)(100 + i % 150) };

		put_record(&reply, NT_SLICE_LIT("\xc0\x0c"), NT_TYPE_A, 1, 1,
			   nt_slice_mem(ip, sizeof(ip)));
	}
	msg = parsed();
	r = build(&(struct nt_txn){
		.kind = NT_TXN_ANSWERED, .query = &q, .reply = &msg, .reply_ns = q.first_ns });
	ck_assert_uint_eq(r.rrsets_len, 1);
	ck_assert_uint_eq(r.rrsets[0].rdata_len, ANSWERS);
	ck_assert_uint_eq(r.error.len, 0);
}
END_TEST

START_TEST(test_without_a_question)
{
	struct nt_pair_query q = { .queries = 1, .bytes = 12, .first_ns = 1, .last_ns = 1 };
	struct nt_record r = build(&(struct nt_txn){ .kind = NT_TXN_UNANSWERED, .query = &q });

	ck_assert(r.count == 1 && !r.qname.len && !r.logical_qname.len && r.scope == NT_SCOPE_NONE);
	/* And the root has a name. */
	q = a_query(".");
	r = build(&(struct nt_txn){ .kind = NT_TXN_UNANSWERED, .query = &q });
	ASSERT_TEXT(r.qname, ".");
}
END_TEST

START_TEST(test_full_arena)
{
	struct nt_pair_query q = a_query("example.com");
	struct nt_txn txn = { .kind = NT_TXN_UNANSWERED, .query = &q };
	struct nt_record r;

	for (size_t max = 0; max < 4000; max += 16) {
		struct nt_arena small = NT_ARENA(max);
		int result = nt_record_from_txn(&txn, &pod, &base, names, &small, &r);

		ck_assert(result == 0 || result == -ENOMEM);
		nt_arena_done(&small);
		if (result == 0)
			return;
	}
	ck_abort_msg("a plain record does not fit in 4,000 octets");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("build");
	TCase *t = tcase_create("build");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_answered);
	tcase_add_test(t, test_backend_is_a_server_too);
	tcase_add_test(t, test_unanswered);
	tcase_add_test(t, test_late_and_unpaired);
	tcase_add_test(t, test_histogram_bounds);
	tcase_add_test(t, test_client_side);
	tcase_add_test(t, test_server_side);
	tcase_add_test(t, test_search_list);
	tcase_add_loop_test(t, test_name_aggr, 0, (int)NT_ARRAY_LEN(aggregates));
	tcase_add_test(t, test_answer_section);
	tcase_add_test(t, test_order_of_answers_does_not_matter);
	tcase_add_test(t, test_alias_beyond_pointers);
	tcase_add_test(t, test_long_answers_are_cut);
	tcase_add_test(t, test_many_answers_stay_whole);
	tcase_add_test(t, test_without_a_question);
	tcase_add_test(t, test_full_arena);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
