/* SPDX-License-Identifier: Apache-2.0 */
/* Where an unanswered lookup died, told by the veths of client and server on one node. */
#include "dataplane/agent/pipeline.h"
#include "tests/unit/agent_lab.h"

#define CLIENT_PORT 40000

static const __u8 client[4] = { 10, 0, 0, 0 }, server[4] = { 10, 0, 0, 1 },
		  service[4] = { 10, 96, 0, 10 }, world[4] = { 9, 9, 9, 9 };

/* One datagram at the veth of pod i, from the pod or to it. */
static void at_veth(int pod, bool from_pod, const __u8 *from, const __u8 *to, bool reply,
		    unsigned id, const char *name, bool lost)
{
	const struct packet p = { .pod = pod, .id = id, .reply = reply, .name = name };
	unsigned dir = from_pod ? NT_DIR_FROM_POD : NT_DIR_TO_POD;
	struct nt_counters *c = &kernel.counters[pod][0];
	static struct dns_build b;
	size_t len = build(&p, &b);
	char sample[sizeof(struct nt_event) + 512];
	struct nt_event e = { .version = NT_ABI_VERSION,
			      .dir = (__u8)dir,
			      .ip_version = 4,
			      .l4proto = IPPROTO_UDP,
			      .hdr_len = sizeof(e),
			      .ep_id = kernel.pods[pod].ep_id,
			      .time_ns = (__u64)clock_now.virtual_boot_ns,
			      .seq = c->seq[dir],
			      .epoch = 1,
			      .payload_len = (__u32)len,
			      .cap_len = (__u32)len,
			      .gso_segs = 1,
			      .sport = reply ? 53 : CLIENT_PORT,
			      .dport = reply ? CLIENT_PORT : 53 };

	memcpy(e.saddr, from, 4);
	memcpy(e.daddr, to, 4);
	c->seq[dir]++;
	c->lost[dir][NT_LOSS_RING_FULL] += lost;
	if (lost)
		return;
	memcpy(sample, &e, sizeof(e));
	memcpy(sample + sizeof(e), b.wire, len);
	nt_agent_event(agent, nt_slice_mem(sample, sizeof(e) + len));
	pass(1);
}

/* What a lookup consists of; the client asks the Service, the server's veth has the pod's. */
static void asks(void)
{
	at_veth(0, true, client, service, false, 7, "a", false);
}

static void is_asked(void)
{
	at_veth(1, false, client, server, false, 7, "a", false);
}

static void answers(bool lost)
{
	at_veth(1, true, server, client, true, 7, "a", lost);
}

static void forwards(const char *name)
{
	at_veth(1, true, server, world, false, 99, name, false);
}

static void is_told(const char *name)
{
	at_veth(1, false, world, server, true, 99, name, false);
}

static char found[256], served[256]; /* what the rows of the client and of the server say */

static void note_row(const struct nt_record *r)
{
	if (r->side == NT_SIDE_CLIENT && nt_slice_eq(r->client_name, NT_SLICE_LIT("web-0")))
		snprintf(found + strlen(found), sizeof(found) - strlen(found), "%d %.*s;", r->died,
			 NT_SLICE_ARG(r->died_reason));
	if (r->side == NT_SIDE_SERVER && nt_slice_eq(r->qname, NT_SLICE_LIT("a.test")))
		snprintf(served + strlen(served), sizeof(served) - strlen(served),
			 "%d %.*s %llu:%lld,%lld,%lld;", r->died, NT_SLICE_ARG(r->died_reason),
			 (unsigned long long)r->hop_count, (long long)r->hop_network_ns,
			 (long long)r->hop_server_ns, (long long)r->hop_upstream_ns);
}

static void note(const struct nt_batch *b)
{
	for (size_t i = 0; i < b->records_len; i++)
		if (b->records[i].type == NT_RECORD_LOG)
			note_row(&b->records[i]);
}

/* The time-out passes and all is shipped. */
static void ship_all(void)
{

	pass(3000);
	flush(); /* losses are known */
	pass(3000);
	flush();
	found[0] = served[0] = '\0';
	ship_to(note);
}

/* What the client's rows say. */
static void check_died(enum nt_died died, const char *reason)
{
	char expected[64];

	ship_all();
	snprintf(expected, sizeof(expected), "%d %s;", died, reason);
	ck_assert_str_eq(found, expected);
}

static void setup_ends(void)
{
	setup();
	add_pod(1);
	/* The server was asked before, by somebody else. */
	at_veth(1, false, world, server, false, 1, "before", false);
	at_veth(1, true, server, world, true, 1, "before", false);
	pass(2000);
}

/* What the server's row says: of the lookup that died, or in ms how long it took. */
static void check_served(enum nt_died died, const char *reason, int server_ms, int upstream_ms)
{
	char expected[128];

	ship_all();
	if (server_ms < 0)
		snprintf(expected, sizeof(expected), "%d %s 0:-1,-1,-1;", died, reason);
	else
		snprintf(expected, sizeof(expected), "0  1:-1,%lld,%lld;", server_ms * NT_NS_PER_MS,
			 upstream_ms * NT_NS_PER_MS);
	ck_assert_str_eq(served, expected);
}

START_TEST(the_servers_own_row)
{
	is_asked();
	check_served(NT_DIED_SERVER, "", -1, -1);
	is_asked();
	forwards("a");
	check_served(NT_DIED_UPSTREAM, "", -1, -1);
	is_asked();
	forwards("b");
	check_served(NT_DIED_UNKNOWN, "server_asked_others", -1, -1);
	is_asked();
	answers(true);
	check_served(NT_DIED_UNKNOWN, "packets_lost", -1, -1);
}
END_TEST

/* Each packet is a millisecond after the one before. */
START_TEST(how_long_upstream_took)
{
	is_asked();
	answers(false);
	check_served(NT_DIED_NONE, "", 1, 0);
	is_asked();
	forwards("a");
	is_told("a");
	answers(false);
	check_served(NT_DIED_NONE, "", 2, 1);
	is_asked(); /* it tries again, and is told once */
	forwards("a");
	forwards("a");
	is_told("a");
	answers(false);
	check_served(NT_DIED_NONE, "", 2, 2);
	is_asked(); /* and gives up: it waited to the end */
	forwards("a");
	answers(false);
	check_served(NT_DIED_NONE, "", 1, 1);
}
END_TEST

/* It waits already, for another client. */
START_TEST(upstream_was_asked_before)
{
	forwards("a");
	is_asked();
	is_told("a");
	answers(false);
	check_served(NT_DIED_NONE, "", 1, 1);
}
END_TEST

/* Others ask the server, too. */
START_TEST(how_long_is_not_known)
{
	is_asked();
	forwards("b");
	is_told("b");
	answers(false);
	check_served(NT_DIED_NONE, "", -1, -1);
	is_asked(); /* one after the other, as a resolver that begins at the root */
	forwards("a");
	is_told("a");
	forwards("a");
	is_told("a");
	answers(false);
	check_served(NT_DIED_NONE, "", -1, -1);
}
END_TEST

START_TEST(in_the_server)
{
	asks();
	is_asked();
	check_died(NT_DIED_SERVER, "");
}
END_TEST

START_TEST(upstream)
{
	asks();
	is_asked();
	forwards("a");
	check_died(NT_DIED_UPSTREAM, "");
}
END_TEST

/* Its own lookup was answered, and yet it says nothing. */
START_TEST(in_the_server_after_upstream_answered)
{
	asks();
	is_asked();
	forwards("a");
	is_told("a");
	check_died(NT_DIED_SERVER, "");
}
END_TEST

/* Whether that was for this lookup nobody can tell. */
START_TEST(the_server_asked_others)
{
	asks();
	is_asked();
	forwards("b");
	check_died(NT_DIED_UNKNOWN, "server_asked_others");
}
END_TEST

START_TEST(on_the_way_back)
{
	asks();
	is_asked();
	answers(false);
	check_died(NT_DIED_RETURN, "");
}
END_TEST

/* It may be on another node. */
START_TEST(never_at_a_server_of_this_node)
{
	asks();
	check_died(NT_DIED_UNKNOWN, "not_seen_here");
}
END_TEST

/* The reply's event is lost, so its silence proves nothing. */
START_TEST(packets_of_the_server_are_lost)
{
	asks();
	is_asked();
	answers(true);
	check_died(NT_DIED_UNKNOWN, "packets_lost");
}
END_TEST

/* Losses from before say nothing of this one, once they are known. */
START_TEST(losses_from_before)
{
	at_veth(1, true, server, world, true, 1, "old", true);
	asks();
	is_asked();
	check_died(NT_DIED_UNKNOWN, "packets_lost");
	pass(1000); /* it is stated by now */
	asks();
	is_asked();
	check_died(NT_DIED_SERVER, "");
}
END_TEST

/* The same question by another client, with another port: another lookup. */
START_TEST(another_clients_lookup_is_another)
{
	asks();
	at_veth(1, false, world, server, false, 7, "a", false);
	check_died(NT_DIED_UNKNOWN, "not_seen_here");
}
END_TEST

START_TEST(an_answered_lookup_did_not_die)
{
	asks();
	is_asked();
	answers(false);
	at_veth(0, false, service, client, true, 7, "a", false);
	check_died(NT_DIED_NONE, "");
}
END_TEST

/* On a node without a server nothing is said, and nothing is kept for it. */
START_TEST(no_server_on_this_node)
{
	stop();
	setup();
	asks();
	ck_assert_ptr_null(agent->ends.own);
	check_died(NT_DIED_NONE, "");
}
END_TEST

/* The pod ends while it waits: that nobody has answered yet says nothing. */
START_TEST(a_pod_that_ends_while_it_waits)
{
	asks();
	is_asked();
	detach(0);
	pass(1500);
	flush();
	check_died(NT_DIED_UNKNOWN, "given_up_early");
}
END_TEST

/* However it ends, each packet is accounted for once. */
START_TEST(counts_are_as_ever)
{
	Q(.pod = 0, .id = 3);
	asks();
	is_asked();
	forwards("a");
	settle();
	ck_assert_uint_eq(store.unanswered, 4);
}
END_TEST

/* So many lookups at once that the oldest are forgotten: then it is not known. */
START_TEST(what_was_forgotten_is_not_known)
{
	asks();
	is_asked();
	for (unsigned i = 0; i < 20 * NT_ENDS_SETS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "n%u", i);
		at_veth(1, false, world, server, false, i & 0xffff, name, false);
		clock_now.virtual_boot_ns -= NT_NS_PER_MS;
		clock_now.virtual_real_ns -= NT_NS_PER_MS;
	}
	check_died(NT_DIED_UNKNOWN, "not_seen_here");
}
END_TEST

/* A pod that asks new servers without end (T10): what the rows have in common is bounded as they
 * are. */
START_TEST(a_flood_of_servers)
{
	struct nt_pair_query query = { .flow = { .transport = IPPROTO_UDP,
						 .client_port = 40000,
						 .server_port = 53,
						 .client = { 4, { 10, 0, 0, 0 } },
						 .server = { .family = 4 } },
				       .qtype = NT_TYPE_A,
				       .qclass = 1,
				       .edns = { .ede = -1 },
				       .queries = 1 };
	const struct nt_txn txn = { .kind = NT_TXN_UNANSWERED, .query = &query };
	const struct nt_slice *bases;
	struct nt_row *rows;

	stop();
	config.pod_rows = 2000;
	start();
	query.flow.owner = kernel.pods[0].ep_id;
	ck_assert_int_eq(nt_name_parse(NT_SLICE_LIT("a.test"), &query.qname), 0);
	for (uint32_t i = 0; i < 100000; i++) {
		memcpy(query.flow.server.octets, &i, sizeof(i));
		ck_assert_uint_ne(nt_pipeline_txn(agent, &txn), 0);
	}
	ck_assert_uint_eq(nt_aggregate_bases(agent->rows, &bases), 2000);
	ck_assert_uint_eq(agent->stats.folded, 98000);
	ck_assert_uint_le(nt_aggregate_rows(agent->rows, &rows), 2000 + 2000 / 8 + 64);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ends");
	TCase *tc = tcase_create("ends");

	nt_log_init("test_agent_ends", NT_LOG_ERROR);
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup_ends, teardown);
	tcase_add_test(tc, the_servers_own_row);
	tcase_add_test(tc, how_long_upstream_took);
	tcase_add_test(tc, upstream_was_asked_before);
	tcase_add_test(tc, how_long_is_not_known);
	tcase_add_test(tc, in_the_server);
	tcase_add_test(tc, upstream);
	tcase_add_test(tc, in_the_server_after_upstream_answered);
	tcase_add_test(tc, the_server_asked_others);
	tcase_add_test(tc, on_the_way_back);
	tcase_add_test(tc, never_at_a_server_of_this_node);
	tcase_add_test(tc, packets_of_the_server_are_lost);
	tcase_add_test(tc, losses_from_before);
	tcase_add_test(tc, another_clients_lookup_is_another);
	tcase_add_test(tc, an_answered_lookup_did_not_die);
	tcase_add_test(tc, no_server_on_this_node);
	tcase_add_test(tc, a_pod_that_ends_while_it_waits);
	tcase_add_test(tc, counts_are_as_ever);
	tcase_add_test(tc, what_was_forgotten_is_not_known);
	tcase_add_test(tc, a_flood_of_servers);
	suite_add_tcase(suite, tc);
	return run_stories(suite);
}
