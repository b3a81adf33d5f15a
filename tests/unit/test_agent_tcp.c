/* SPDX-License-Identifier: Apache-2.0 */
/* DNS over TCP in the agent: segments in, rows out, and every segment is accounted for, whatever
 * becomes of it, over restarts and lost batches too. First fragments of UDP at the end. */
#include "tests/unit/agent_lab.h"

enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

/* A connection of pod 0 with a server, or of a client with it. */
static struct connection {
	uint16_t port;
	bool served; /* the pod is the one that is asked */
	uint32_t next[2]; /* of the client, of the server */
	int pod;
	unsigned cpu;
} conn;

static void send_event(struct nt_event *e, const void *payload, size_t len, bool lost)
{
	struct nt_counters *c = &kernel.counters[conn.pod][conn.cpu];
	uint8_t *sample = malloc(sizeof(*e) + len);

	e->version = NT_ABI_VERSION;
	e->ip_version = 4;
	e->hdr_len = sizeof(*e);
	e->ep_id = kernel.pods[conn.pod].ep_id;
	e->time_ns = (__u64)clock_now.virtual_boot_ns;
	e->seq = c->seq[e->dir]++;
	e->epoch = 1;
	e->cpu = conn.cpu;
	e->cap_len = (__u32)len;
	e->gso_segs = 1;
	e->saddr[0] = e->dir == NT_DIR_FROM_POD ? 10 : 20;
	e->daddr[0] = e->dir == NT_DIR_FROM_POD ? 20 : 10;
	c->lost[e->dir][NT_LOSS_RING_FULL] += lost;
	memcpy(sample, e, sizeof(*e));
	if (len)
		memcpy(sample + sizeof(*e), payload, len);
	if (!lost && agent)
		nt_agent_event(agent, nt_slice_mem(sample, sizeof(*e) + len));
	free(sample);
}

static void segment(bool from_server, unsigned flags, const void *payload, size_t len, bool lost)
{
	struct nt_event e = { .dir = from_server == conn.served ? NT_DIR_FROM_POD : NT_DIR_TO_POD,
			      .l4proto = IPPROTO_TCP,
			      .tcp_flags = (__u8)flags,
			      .sport = from_server ? 53 : conn.port,
			      .dport = from_server ? conn.port : 53,
			      .payload_len = (__u32)len };

	conn.next[from_server] += !!(flags & SYN);
	e.tcp_seq = conn.next[from_server];
	conn.next[from_server] += (uint32_t)len + !!(flags & FIN);
	send_event(&e, payload, len, lost);
}

static void open_conn(uint16_t port)
{
	conn = (struct connection){ .port = port, .next = { 0xfffffff0, 77 } };
	segment(false, SYN, NULL, 0, false);
	segment(true, SYN | ACK, NULL, 0, false);
}

static void close_conn(void)
{
	segment(false, FIN | ACK, NULL, 0, false);
	segment(true, FIN | ACK, NULL, 0, false);
}

/* A message behind its length. */
static size_t message(uint8_t *to, unsigned id, bool reply)
{
	struct packet p = { .name = "a", .id = id, .reply = reply };
	static struct dns_build b;
	size_t len;

	len = build(&p, &b);
	to[0] = (uint8_t)(len >> 8);
	to[1] = (uint8_t)len;
	memcpy(to + 2, b.wire, len);
	return len + 2;
}

static void ask(unsigned id)
{
	uint8_t m[256];

	segment(false, ACK, m, message(m, id, false), false);
}

static void answer(unsigned id)
{
	uint8_t m[256];

	segment(true, ACK, m, message(m, id, true), false);
}

/* The first half of a query, or the second. */
static void ask_half(unsigned id, bool second, bool lost)
{
	uint8_t m[256];
	size_t len = message(m, id, false);

	segment(false, ACK, second ? m + 10 : m, second ? len - 10 : 10, lost);
}

START_TEST(a_lookup)
{
	open_conn(4000);
	ask(1);
	answer(1);
	close_conn();
	settle();
	ck_assert_uint_eq(store.tcp_queries, 1);
	ck_assert_uint_eq(store.tcp_replies, 1);
	ck_assert_uint_eq(store.tcp_count, 1);
	ck_assert_uint_eq(store.unlogged, 0);
	ck_assert_uint_eq(store.stream[0], 6);
	ck_assert_uint_eq(store.seen, 6);
}
END_TEST

START_TEST(a_pod_that_serves)
{
	open_conn(4000);
	conn.served = true;
	ask(1);
	answer(1);
	settle();
	ck_assert_uint_eq(store.tcp_count, 1);
	ck_assert_uint_eq(store.unlogged, 0);
	ck_assert_uint_eq(store.resolver_rows, 1);
}
END_TEST

/* Five queries in one segment, replies in another order, one of them cut in two. */
START_TEST(pipelined)
{
	uint8_t m[1024];
	size_t len = 0;

	open_conn(4000);
	for (unsigned id = 1; id <= 5; id++)
		len += message(m + len, id, false);
	segment(false, ACK, m, len, false);
	answer(5);
	answer(2);
	len = message(m, 1, true);
	segment(true, ACK, m, 1, false);
	segment(true, ACK, m + 1, len - 1, false);
	len = message(m, 4, true);
	len += message(m + len, 3, true);
	segment(true, ACK, m, len, false);
	settle();
	ck_assert_uint_eq(store.tcp_queries, 5);
	ck_assert_uint_eq(store.tcp_replies, 5);
	ck_assert_uint_eq(store.tcp_count, 5);
	ck_assert_uint_eq(store.unlogged, 0);
}
END_TEST

/* Another CPU's part of the ring comes first. */
START_TEST(over_two_cpus)
{
	open_conn(4000);
	conn.cpu = 1;
	ask(1);
	conn.cpu = 0;
	answer(1);
	settle();
	ck_assert_uint_eq(store.tcp_count, 1);
	ck_assert_uint_eq(store.unlogged, 0);
}
END_TEST

START_TEST(what_is_no_message)
{
	open_conn(4000);
	segment(false, ACK, "\0\3abc", 5, false);
	ask(1);
	answer(1);
	segment(true, ACK, "\0\14abcdefghijkl", 14, false);
	answer(1);
	settle();
	ck_assert_uint_eq(store.by_reason[NT_LOSS_UNPARSABLE], 2);
	ck_assert_uint_eq(store.unlogged, 2);
	ck_assert_uint_eq(store.tcp_replies, 2);
}
END_TEST

/* Only the lost segment and the halves of the message around it are missing. */
START_TEST(a_segment_that_the_ring_lost)
{
	open_conn(4000);
	ask(1);
	answer(1);
	ask_half(2, false, true);
	ask_half(2, true, false);
	ask(3);
	answer(3);
	settle();
	ck_assert_uint_eq(store.by_reason[NT_LOSS_RING_FULL], 1);
	ck_assert_uint_eq(store.by_reason[NT_REASON_TCP_GAP], 1);
	ck_assert_uint_eq(store.unlogged, 2);
	ck_assert_uint_eq(store.tcp_queries, 2);
	ck_assert_uint_eq(store.tcp_replies, 2);
}
END_TEST

START_TEST(a_stream_that_ends_early)
{
	open_conn(4000);
	ask_half(1, false, false);
	segment(false, RST, NULL, 0, false);
	settle();
	ck_assert_uint_eq(store.by_reason[NT_REASON_TCP_CUT], 1);
	ck_assert_uint_eq(store.unlogged, 1);
}
END_TEST

START_TEST(picked_up_in_the_middle)
{
	conn = (struct connection){ .port = 4000, .next = { 5, 6 } };
	ask_half(1, true, false);
	ask(2);
	answer(2);
	settle();
	ck_assert_uint_eq(store.by_reason[NT_REASON_TCP_MIDDLE], 1);
	ck_assert_uint_eq(store.unlogged, 1);
	ck_assert_uint_eq(store.tcp_count, 1);
}
END_TEST

/* A pod's share: as many streams as are free. */
START_TEST(too_many_at_once)
{
	stop();
	config.streams.max_streams = 8;
	start();
	for (uint16_t i = 0; i < 10; i++) {
		open_conn((uint16_t)(4000 + i));
		ask_half(1, false, false);
	}
	pass(130000);
	settle();
	ck_assert_uint_eq(store.by_reason[NT_REASON_TCP_LIMIT], 6);
	ck_assert_uint_eq(store.by_reason[NT_REASON_TCP_CUT], 4);
	ck_assert_uint_eq(store.unlogged, 10);
}
END_TEST

/* SIGTERM: the half of a query is in the spool, the other half comes to the next agent. */
START_TEST(a_half_outlives_the_agent)
{
	open_conn(4000);
	ask_half(1, false, false);
	flush();
	stop();
	start();
	ask_half(1, true, false);
	answer(1);
	settle();
	ck_assert_uint_eq(store.tcp_count, 1);
	ck_assert_uint_eq(store.unlogged, 0);
}
END_TEST

/* kill -9: what was read since the last batch is missing, and the half that was in it with it. */
START_TEST(a_kill_is_a_gap)
{
	open_conn(4000);
	ask_half(1, false, false);
	flush();
	ask_half(1, true, false);
	answer(1);
	stop();
	start();
	ask(2);
	answer(2);
	settle();
	ck_assert_uint_eq(store.by_reason[NT_REASON_AGENT_RESTART], 2);
	ck_assert_uint_eq(store.by_reason[NT_REASON_TCP_GAP], 1);
	ck_assert_uint_eq(store.unlogged, 3);
	ck_assert_uint_eq(store.tcp_queries, 1);
	ck_assert_uint_eq(store.tcp_replies, 1);
}
END_TEST

/* While no agent runs the ring keeps the segments, and the numbers go on. */
START_TEST(killed_with_a_query_that_waits)
{
	open_conn(4000);
	ask(1);
	flush();
	stop();
	start();
	answer(1);
	settle();
	ck_assert_uint_eq(store.tcp_count, 1);
	ck_assert_uint_eq(store.tcp_replies, 1);
	ck_assert_uint_eq(store.unlogged, 0);
}
END_TEST

/* A batch that will never be stored takes its segments along. */
START_TEST(a_refused_batch)
{
	ship();
	open_conn(4000);
	ask(1);
	answer(1);
	flush();
	nt_spool_reject(agent->spool, nt_spool_head(agent->spool));
	ask(2);
	answer(2);
	settle();
	ck_assert_uint_eq(store.by_reason[NT_REASON_REJECTED], 4);
	ck_assert_uint_eq(store.unlogged, 4);
	ck_assert_uint_eq(store.tcp_count, 1);
}
END_TEST

START_TEST(a_pod_that_goes)
{
	open_conn(4000);
	ask_half(1, false, false);
	detach(0);
	settle();
	ck_assert_uint_eq(store.by_reason[NT_REASON_TCP_CUT], 1);
	ck_assert_uint_eq(store.unlogged, 1);
	ck_assert_int_eq(store.state, NT_ENDPOINT_GONE);
}
END_TEST

/* DNS where the pod answers on it: what it asks of such a port is none of ours. */
START_TEST(a_port_of_servers)
{
	stop();
	source.meta.server_ports[0] = 5353;
	start();
	open_conn(4000);
	conn.served = true;
	for (int server = 0; server < 2; server++) {
		uint8_t m[256];
		size_t len = message(m, 1, server);
		struct nt_event e = { .dir = server ? NT_DIR_FROM_POD : NT_DIR_TO_POD,
				      .l4proto = IPPROTO_TCP,
				      .tcp_flags = ACK,
				      .tcp_seq = 100,
				      .sport = server ? 5353 : 4001,
				      .dport = server ? 4001 : 5353,
				      .payload_len = (__u32)len };

		send_event(&e, m, len, false);
	}
	Q(.server = true, .id = 9, .dport = 5353);
	R(.server = true, .id = 9, .sport = 5353);
	settle();
	ck_assert_uint_eq(store.tcp_count, 1);
	ck_assert_uint_eq(store.count, 1);
	ck_assert_uint_eq(store.unlogged, 0);
}
END_TEST

/* --- first fragments -------------------------------------------------------------------------- */

static void fragment(const uint8_t *octets, size_t len, size_t whole)
{
	struct nt_event e = { .dir = NT_DIR_TO_POD,
			      .l4proto = IPPROTO_UDP,
			      .flags = NT_EV_FRAGMENT | NT_EV_TRUNCATED,
			      .sport = 53,
			      .dport = 40000,
			      .payload_len = (__u32)whole };

	conn = (struct connection){ 0 };
	send_event(&e, octets, len, false);
}

/* A reply whose answer section goes on in another fragment answers its query all the same. */
START_TEST(a_reply_in_fragments)
{
	struct packet query = { .name = "a", .id = 3 };
	static struct dns_build b;
	struct nt_event e = {
		.dir = NT_DIR_FROM_POD, .l4proto = IPPROTO_UDP, .sport = 40000, .dport = 53
	};
	size_t len = build(&query, &b);

	conn = (struct connection){ 0 };
	e.payload_len = (__u32)len;
	send_event(&e, b.wire, len, false);
	b.wire[2] |= 0x80;
	b.wire[7] = 9; /* nine records */
	for (int i = 0; i < 2; i++) { /* of which one is here, and half of another */
		memcpy(b.wire + len + i * 16, "\xc0\x0c\0\1\0\1\0\0\0\5\0\4\1\2\3\4", 16);
	}
	fragment(b.wire, len + 16 + 7, len + 9 * 16);
	fragment(b.wire, 11, len); /* not even the header */
	settle();
	ck_assert_uint_eq(store.count, 1);
	ck_assert_uint_eq(store.unanswered, 0);
	ck_assert_uint_eq(store.logged, 2);
	ck_assert_uint_eq(store.by_reason[NT_LOSS_UNPARSABLE], 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("agent_tcp");
	TCase *t = tcase_create("stories");

	nt_log_init("test_agent_tcp", NT_LOG_ERROR);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_lookup);
	tcase_add_test(t, a_pod_that_serves);
	tcase_add_test(t, pipelined);
	tcase_add_test(t, over_two_cpus);
	tcase_add_test(t, what_is_no_message);
	tcase_add_test(t, a_segment_that_the_ring_lost);
	tcase_add_test(t, a_stream_that_ends_early);
	tcase_add_test(t, picked_up_in_the_middle);
	tcase_add_test(t, too_many_at_once);
	tcase_add_test(t, a_half_outlives_the_agent);
	tcase_add_test(t, a_kill_is_a_gap);
	tcase_add_test(t, killed_with_a_query_that_waits);
	tcase_add_test(t, a_refused_batch);
	tcase_add_test(t, a_pod_that_goes);
	tcase_add_test(t, a_port_of_servers);
	tcase_add_test(t, a_reply_in_fragments);
	suite_add_tcase(s, t);
	return run_stories(s);
}
