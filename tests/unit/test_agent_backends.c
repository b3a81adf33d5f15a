/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of ctnetlink to backends of flows, and the rows of lookups behind a Service. The
 * messages are built as the kernel builds them; tests/netns/test_ends has the kernel's own. */
#include "dataplane/agent/backends.h"

#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include "dataplane/agent/pipeline.h"
#include "tests/unit/agent_lab.h"

static struct nt_backends table;
static char message[1024] __attribute__((aligned(8)));

struct end {
	const char *ip;
	uint16_t port;
};

static struct nt_addr addr(const char *text)
{
	struct nt_addr a = { 0 };

	ck_assert_int_eq(nt_addr_parse(nt_slice_str(text), &a), 0);
	return a;
}

static void put_end(struct nlmsghdr *h, const char *ip, uint16_t v4, uint16_t v6)
{
	struct nt_addr a = addr(ip);

	mnl_attr_put(h, a.family == 4 ? v4 : v6, a.family == 4 ? 4 : 16, a.octets);
}

static void put_tuple(struct nlmsghdr *h, uint16_t type, struct end from, struct end to,
		      uint8_t proto)
{
	struct nlattr *tuple = mnl_attr_nest_start(h, type);
	struct nlattr *part = mnl_attr_nest_start(h, CTA_TUPLE_IP);

	put_end(h, from.ip, CTA_IP_V4_SRC, CTA_IP_V6_SRC);
	put_end(h, to.ip, CTA_IP_V4_DST, CTA_IP_V6_DST);
	mnl_attr_nest_end(h, part);
	part = mnl_attr_nest_start(h, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(h, CTA_PROTO_NUM, proto);
	mnl_attr_put_u16(h, CTA_PROTO_SRC_PORT, htons(from.port));
	mnl_attr_put_u16(h, CTA_PROTO_DST_PORT, htons(to.port));
	mnl_attr_nest_end(h, part);
	mnl_attr_nest_end(h, tuple);
}

static struct nlmsghdr *begin(void)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(message);
	struct nfgenmsg *m = mnl_nlmsg_put_extra_header(h, sizeof(*m));

	h->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW;
	m->nfgen_family = AF_INET;
	return h;
}

/* The flow from client to front goes to the backend. */
static void tell(struct end client, struct end front, struct end backend, int64_t after_ns)
{
	struct nlmsghdr *h = begin();

	put_tuple(h, CTA_TUPLE_ORIG, client, front, IPPROTO_UDP);
	put_tuple(h, CTA_TUPLE_REPLY, backend, client, IPPROTO_UDP);
	mnl_attr_put_u32(h, CTA_STATUS, htonl(0x28));
	nt_backends_take(&table, h, after_ns);
}

static const char *ask_for(struct end client, struct end front, uint8_t transport, int64_t at_ns)
{
	static char text[NT_ADDR_TEXT_MAX + 8];
	const struct nt_flow flow = { .owner = 7,
				      .transport = transport,
				      .client = addr(client.ip),
				      .client_port = client.port,
				      .server = addr(front.ip),
				      .server_port = front.port };
	struct nt_backend b;
	char ip[NT_ADDR_TEXT_MAX];

	if (!nt_backends_find(&table, &flow, at_ns, &b))
		return "";
	snprintf(text, sizeof(text), "%s %u", nt_addr_format(&b.ip, ip), b.port);
	return text;
}

static const struct end client = { "10.0.0.0", 40000 }, front = { "10.96.0.10", 53 },
			pod = { "10.244.1.7", 5353 }, other = { "10.244.2.9", 53 };

static void setup_table(void)
{
	table = (struct nt_backends){ 0 };
}

static void done_table(void)
{
	nt_backends_done(&table);
}

START_TEST(the_flow_and_no_other)
{
	ck_assert_str_eq(ask_for(client, front, IPPROTO_UDP, 10), "");
	tell(client, front, pod, 5);
	ck_assert_str_eq(ask_for(client, front, IPPROTO_UDP, 10), "10.244.1.7 5353");
	ck_assert_str_eq(ask_for(client, front, IPPROTO_TCP, 10), "");
	ck_assert_str_eq(ask_for((struct end){ client.ip, 40001 }, front, IPPROTO_UDP, 10), "");
	ck_assert_str_eq(ask_for(client, (struct end){ front.ip, 54 }, IPPROTO_UDP, 10), "");
	ck_assert_str_eq(ask_for(client, pod, IPPROTO_UDP, 10), "");
	ck_assert(nt_backends_is_front(&table, &(struct nt_addr){ 4, { 10, 96, 0, 10 } }));
	ck_assert(!nt_backends_is_front(&table, &(struct nt_addr){ 4, { 10, 96, 0, 11 } }));
}
END_TEST

START_TEST(of_version_6)
{
	const struct end from = { "fd00::1", 40000 }, to = { "fd00:96::a", 53 },
			 behind = { "fd00:1::7", 53 };

	tell(from, to, behind, 5);
	ck_assert_str_eq(ask_for(from, to, IPPROTO_UDP, 10), "fd00:1::7 53");
}
END_TEST

/* A port that comes again: what was before the kernel's entry is not of it. */
START_TEST(a_later_flow_says_nothing_of_earlier_packets)
{
	const int64_t made = NT_NS_PER_S;

	tell(client, front, pod, 5);
	tell(client, front, other, made);
	ck_assert_str_eq(ask_for(client, front, IPPROTO_UDP, made - 100 * NT_NS_PER_MS), "");
	ck_assert_str_eq(ask_for(client, front, IPPROTO_UDP, made), "10.244.2.9 53");
}
END_TEST

/* The tap saw it, and the table was read, before the kernel had come to the flow's entry. */
START_TEST(the_packet_that_makes_the_entry)
{
	const int64_t read = NT_NS_PER_S;

	tell(client, front, pod, read);
	ck_assert_str_eq(ask_for(client, front, IPPROTO_UDP, read - NT_NS_PER_MS),
			 "10.244.1.7 5353");
}
END_TEST

START_TEST(the_same_flow_translated_no_more)
{
	tell(client, front, pod, 5);
	tell(client, front, front, 1000);
	ck_assert_str_eq(ask_for(client, front, IPPROTO_UDP, 2000), "");
	ck_assert_uint_eq(table.stats.flows, 2);
	ck_assert_uint_eq(table.stats.translated, 1);
}
END_TEST

START_TEST(a_port_alone_is_a_translation)
{
	tell(client, front, (struct end){ front.ip, 5300 }, 5);
	ck_assert_str_eq(ask_for(client, front, IPPROTO_UDP, 10), "10.96.0.10 5300");
}
END_TEST

/* Without translation nothing is kept. */
START_TEST(flows_that_go_where_they_say)
{
	tell(client, pod, pod, 5);
	ck_assert_str_eq(ask_for(client, pod, IPPROTO_UDP, 10), "");
	ck_assert_ptr_null(table.sets);
}
END_TEST

/* In both directions, or in that of one tuple (--zone-orig, as Open vSwitch may have it). */
START_TEST(another_zone)
{
	struct nlmsghdr *h = begin();
	struct nlattr *tuple;

	put_tuple(h, CTA_TUPLE_ORIG, client, front, IPPROTO_UDP);
	tuple = mnl_nlmsg_get_payload_tail(h);
	put_tuple(h, CTA_TUPLE_REPLY, pod, client, IPPROTO_UDP);
	if (_i) {
		mnl_attr_put_u16(h, CTA_TUPLE_ZONE, htons(3));
		tuple->nla_len += MNL_ATTR_HDRLEN + 4; /* it is within the last tuple */
	} else {
		mnl_attr_put_u16(h, CTA_ZONE, htons(3));
	}
	nt_backends_take(&table, h, 5);
	ck_assert_str_eq(ask_for(client, front, IPPROTO_UDP, 10), "");
	ck_assert_uint_eq(table.stats.bad, 0);
}
END_TEST

START_TEST(after_lost_messages_nothing_is_known)
{
	tell(client, front, pod, 5);
	nt_backends_forget(&table);
	ck_assert_str_eq(ask_for(client, front, IPPROTO_UDP, 10), "");
}
END_TEST

/* What is pushed out is not known; the latest ones are. */
START_TEST(more_than_there_is_room_for)
{
	const unsigned all = 4 * NT_BACKENDS_SETS * NT_BACKENDS_WAYS;
	unsigned known = 0;

	for (unsigned i = 0; i < all; i++) {
		char ip[32], backend[32];

		snprintf(ip, sizeof(ip), "10.1.%u.%u", i >> 8 & 255, i & 255);
		snprintf(backend, sizeof(backend), "10.2.%u.%u", i >> 8 & 255, i & 255);
		tell((struct end){ ip, (uint16_t)(1024 + (i >> 16)) }, front,
		     (struct end){ backend, 53 }, i + 1);
	}
	for (unsigned i = 0; i < all; i++) {
		char ip[32], backend[40];
		const char *got;

		snprintf(ip, sizeof(ip), "10.1.%u.%u", i >> 8 & 255, i & 255);
		snprintf(backend, sizeof(backend), "10.2.%u.%u 53", i >> 8 & 255, i & 255);
		got = ask_for((struct end){ ip, (uint16_t)(1024 + (i >> 16)) }, front, IPPROTO_UDP,
			      all + 1);
		if (!got[0])
			continue;
		known++;
		ck_assert_str_eq(got, backend);
	}
	/* Sixteen flows a set: hardly one has less than four. */
	ck_assert_uint_le(known, NT_BACKENDS_SETS * NT_BACKENDS_WAYS);
	ck_assert_uint_gt(known, NT_BACKENDS_SETS * NT_BACKENDS_WAYS * 99 / 100);
	ck_assert_str_ne(ask_for((struct end){ "10.1.255.255", 1025 }, front, IPPROTO_UDP, all + 1),
			 "");
}
END_TEST

/* Whatever the octets are: no crash, and no flow of it. */
START_TEST(messages_that_are_none)
{
	struct nlmsghdr *h = begin();
	size_t whole;

	nt_backends_take(&table, h, 5);
	ck_assert_uint_eq(table.stats.bad, 1);
	put_tuple(h, CTA_TUPLE_ORIG, client, front, IPPROTO_UDP);
	nt_backends_take(&table, h, 5);
	ck_assert_uint_eq(table.stats.bad, 2);
	put_tuple(h, CTA_TUPLE_REPLY, pod, client, IPPROTO_UDP);
	whole = h->nlmsg_len;
	/* Lengths are rounded up to 4, as messages are. */
	for (h->nlmsg_len = 0; h->nlmsg_len + 4 <= whole; h->nlmsg_len++) {
		nt_backends_take(&table, h, 5);
		ck_assert_str_eq(ask_for(client, front, IPPROTO_UDP, 10), "");
	}
	h->nlmsg_len = (uint32_t)whole;
	for (size_t at = MNL_NLMSG_HDRLEN + sizeof(struct nfgenmsg); at < whole; at++) {
		char was = message[at];

		message[at] = (char)0xff;
		nt_backends_take(&table, h, 5);
		message[at] = was;
	}
	nt_backends_take(&table, h, 5);
	ck_assert_str_eq(ask_for(client, front, IPPROTO_UDP, 10), "10.244.1.7 5353");
}
END_TEST

/* --- rows ------------------------------------------------------------------------------------- */

static bool backend_of(void *ctx, const struct nt_flow *flow, int64_t at_ns,
		       struct nt_backend *ret_backend)
{
	return nt_backends_find(ctx, flow, at_ns, ret_backend);
}

static void setup_rows(void)
{
	setup();
	stop();
	table = (struct nt_backends){ 0 };
	config.backend = backend_of;
	config.backend_ctx = &table;
	start();
}

static void done_rows(void)
{
	teardown();
	nt_backends_done(&table);
}

/* A transaction of pod 0 as the pairing reports it. */
static void lookup(enum nt_txn_kind kind, uint16_t port, uint8_t side, uint8_t verdict)
{
	struct nt_pair_query q = { .flow = { .owner = kernel.pods[0].ep_id,
					     .side = side,
					     .transport = IPPROTO_UDP,
					     .client = addr(client.ip),
					     .client_port = port,
					     .server = addr(front.ip),
					     .server_port = front.port },
				   .qtype = NT_TYPE_A,
				   .qclass = 1,
				   .edns = { .ede = -1 },
				   .first_ns = 10,
				   .last_ns = 10,
				   .queries = 1,
				   .mark = { .verdict = verdict } };
	static struct dns_build b;
	const struct packet p = { .pod = 0, .reply = true, .name = "a" };
	struct nt_dns_msg msg;
	struct nt_txn txn = { .kind = kind, .query = &q };

	ck_assert_int_eq(nt_dns_parse(nt_slice_mem(b.wire, build(&p, &b)), &msg), 0);
	nt_name_copy(&q.qname, &msg.qname);
	if (kind != NT_TXN_UNANSWERED) {
		txn.reply = &msg;
		txn.reply_flow = &q.flow;
		txn.reply_ns = 20;
	}
	ck_assert_uint_ne(nt_pipeline_txn(agent, &txn), 0);
}

static char found[512];

static void note_servers(const struct nt_record *r)
{
	char ip[NT_ADDR_TEXT_MAX];

	for (size_t i = 0; i < r->servers_len; i++)
		snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s %u%s",
			 nt_addr_format(&r->servers[i].ip, ip), r->servers[i].port,
			 i + 1 < r->servers_len ? ", " : "");
	snprintf(found + strlen(found), sizeof(found) - strlen(found), " x%llu;",
		 (unsigned long long)r->count);
}

static void note(const struct nt_batch *b)
{
	for (size_t i = 0; i < b->records_len; i++)
		if (b->records[i].type == NT_RECORD_LOG)
			note_servers(&b->records[i]);
}

static void check_servers(const char *expected)
{
	flush();
	found[0] = '\0';
	ship_to(note);
	ck_assert_str_eq(found, expected);
}

START_TEST(a_row_has_the_service_and_the_pod)
{
	tell(client, front, pod, 5);
	lookup(NT_TXN_ANSWERED, client.port, NT_SIDE_CLIENT, 0);
	check_servers("10.96.0.10 53, 10.244.1.7 5353 x1;");
}
END_TEST

START_TEST(an_unanswered_one_too)
{
	tell(client, front, pod, 5);
	lookup(NT_TXN_UNANSWERED, client.port, NT_SIDE_CLIENT, 0);
	check_servers("10.96.0.10 53, 10.244.1.7 5353 x1;");
}
END_TEST

START_TEST(unknown_is_the_service_alone)
{
	lookup(NT_TXN_ANSWERED, client.port, NT_SIDE_CLIENT, 0);
	check_servers("10.96.0.10 53 x1;");
}
END_TEST

START_TEST(rows_differ_by_the_pod_that_answered)
{
	tell(client, front, pod, 5);
	tell((struct end){ client.ip, 40001 }, front, other, 5);
	tell((struct end){ client.ip, 40002 }, front, pod, 5);
	for (uint16_t i = 0; i < 4; i++)
		lookup(NT_TXN_ANSWERED, (uint16_t)(client.port + i), NT_SIDE_CLIENT, 0);
	check_servers("10.96.0.10 53, 10.244.1.7 5353 x2;10.96.0.10 53, 10.244.2.9 53 x1;"
		      "10.96.0.10 53 x1;");
}
END_TEST

/* The server's own side, and what a policy has stopped, went nowhere else. */
START_TEST(of_others_nothing_is_said)
{
	tell(client, front, pod, 5);
	lookup(NT_TXN_ANSWERED, client.port, NT_SIDE_CLIENT, NT_VERDICT_DENY);
	check_servers("10.96.0.10 53 x1;");
	lookup(NT_TXN_UNANSWERED, client.port, NT_SIDE_CLIENT, NT_VERDICT_UNJUDGEABLE);
	check_servers("10.96.0.10 53 x1;");
	lookup(NT_TXN_ANSWERED, client.port, NT_SIDE_SERVER, 0);
	check_servers("10.96.0.10 53 x1;");
}
END_TEST

/* By way of events, to the end of the pod: each packet is accounted for once. */
START_TEST(counts_are_as_ever)
{
	tell((struct end){ client.ip, 40000 }, (struct end){ "10.9.9.9", 53 }, pod, 5);
	Q(.pod = 0, .id = 3);
	R(.pod = 0, .id = 3);
	Q(.pod = 0, .id = 4);
	detach(0);
	settle();
	ck_assert_uint_eq(store.count, 2);
	ck_assert_uint_eq(store.unanswered, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("backends");
	TCase *messages = tcase_create("messages"), *rows = tcase_create("rows");

	nt_log_init("test_agent_backends", NT_LOG_ERROR);
	tcase_add_checked_fixture(messages, setup_table, done_table);
	tcase_set_timeout(messages, 60);
	tcase_add_test(messages, the_flow_and_no_other);
	tcase_add_test(messages, of_version_6);
	tcase_add_test(messages, a_later_flow_says_nothing_of_earlier_packets);
	tcase_add_test(messages, the_packet_that_makes_the_entry);
	tcase_add_test(messages, the_same_flow_translated_no_more);
	tcase_add_test(messages, a_port_alone_is_a_translation);
	tcase_add_test(messages, flows_that_go_where_they_say);
	tcase_add_loop_test(messages, another_zone, 0, 2);
	tcase_add_test(messages, after_lost_messages_nothing_is_known);
	tcase_add_test(messages, more_than_there_is_room_for);
	tcase_add_test(messages, messages_that_are_none);
	suite_add_tcase(suite, messages);
	tcase_add_checked_fixture(rows, setup_rows, done_rows);
	tcase_set_timeout(rows, 60);
	tcase_add_test(rows, a_row_has_the_service_and_the_pod);
	tcase_add_test(rows, an_unanswered_one_too);
	tcase_add_test(rows, unknown_is_the_service_alone);
	tcase_add_test(rows, rows_differ_by_the_pod_that_answered);
	tcase_add_test(rows, of_others_nothing_is_said);
	tcase_add_test(rows, counts_are_as_ever);
	suite_add_tcase(suite, rows);
	return run_stories(suite);
}
