/* SPDX-License-Identifier: Apache-2.0 */
/* Real lookups of a pod and of a process in the host's network, through the programs of this kernel
 * and the agent's own code from the ring to the batch on disk: the records in it are compared. One
 * load for all tests, so that it is quick in an emulated machine (tests/kernels). */
#include "dataplane/agent/agent.h"

#include "dataplane/agent/ring.h"
#include "dataplane/agent/source.h"
#include "lib/base/cleanup.h"
#include "lib/record/batch.h"
#include "lib/record/fields.h"
#include "tests/bpf/resolver.h"
#include "tests/unit/suite.h"

#define SPOOL LAB "/spool"
/* Longer than any lookup takes in a slow machine; tests do not wait for it. */
#define TIMEOUT_NS (600 * NT_NS_PER_S)

enum place { POD = 0, HOST = 1 };

/* A loop test's number: where the client is, and its family. */
#define PLACE(i) ((enum place)((i) / 2))
#define FAMILY(i) ((i) % 2)

static char cgroup[128];
static struct nt_taps *taps;
static struct nt_hostnet *hostnet;
static struct nt_pod pod;
static pid_t resolver;

static struct nt_clock system_clock;
static struct nt_agent *agent;
static struct nt_ring *ring;
static __u64 ep_ids[2]; /* of each place */
static __u64 gso_before; /* skbs to the pod */

/* --- the node --------------------------------------------------------------------------------- */

static void tap_the_pod(void)
{
	struct nt_hook_state state;
	struct nt_err err = {};

	pod = traffic_pod();
	snprintf(pod.namespace_, sizeof(pod.namespace_), "shop");
	snprintf(pod.name, sizeof(pod.name), "web-0");
	for (int i = 0; i < 2; i++) {
		struct nt_abi_addr *ip = &pod.ips[i];

		ip->family = (__u8)families[i].version;
		ck_assert_int_eq(inet_pton(i ? AF_INET6 : AF_INET, families[i].pod, ip->octets), 1);
	}
	ck_assert_msg(nt_taps_attach(taps, &pod, &err) == 0, "%s", err.msg);
	ep_ids[POD] = pod.ep_id;
	lab_settle(taps, &pod);
	ck_assert_int_eq(nt_hooks_look(taps, &pod, true, &state), 0);
	ck_assert_int_eq(state.hook, is_older_than(6, 6) ? NT_HOOK_CLSACT : NT_HOOK_TCX);
	ck_assert_int_eq(state.fault, NT_FAULT_NONE);
	ck_assert(state.is_settled);
	printf("# tapped: the pod by %s\n", state.hook == NT_HOOK_TCX ? "tcx" : "clsact");
}

static bool note_node(void *ctx, const struct nt_pod *p)
{
	(void)ctx;
	if (p->origin == NT_ORIGIN_NODE)
		ep_ids[HOST] = p->ep_id;
	return true;
}

static void tap_the_host(void)
{
	const struct nt_hostnet_config config = { .cgroup_root = cgroup };
	struct nt_hook_state state;
	struct nt_err err = {};

	ck_assert_msg(nt_hostnet_open(taps, &config, &hostnet, &err) == 0, "%s", err.msg);
	ck_assert_int_eq(nt_hostnet_mode(hostnet),
			 is_older_than(6, 15) ? NT_HOST_BEACON : NT_HOST_COOKIE);
	ck_assert_int_eq(nt_taps_pods(taps, note_node, NULL, &err), 0);
	nt_hostnet_look(hostnet, &state);
	ck_assert_int_eq(state.fault, NT_FAULT_NONE);
	ck_assert(state.is_settled);
	printf("# tapped: the host by cgroup_skb and %s\n",
	       nt_hostnet_mode(hostnet) == NT_HOST_COOKIE ? "netns cookie" : "beacon");
	fflush(stdout);
}

static void set_up(void)
{
	taps = lab_open(NULL);
	tap_the_pod();
	tap_the_host();
	resolver = resolver_start();
}

static void tear_down(void)
{
	resolver_end(resolver);
	nt_hostnet_close(hostnet);
	lab_pod_end("pod", "h0");
	lab_remove(taps);
}

/* --- the agent -------------------------------------------------------------------------------- */

/* Each test has its own, which goes on where the last one ended. So after a test that failed others
 * fail, too: what it left unread is a loss. */

static __u64 gso_to_pod(void)
{
	return lab_counters(taps, ep_ids[POD]).gso[NT_DIR_TO_POD];
}

static void on_sample(void *ctx, struct nt_slice sample)
{
	nt_agent_event(ctx, sample);
}

static void start_agent(void)
{
	const struct nt_agent_config config = { .node = "n1",
						.spool_path = SPOOL,
						.cluster_domain = "cluster.local",
						.spool_max_bytes = 16 << 20,
						.timeout_ns = TIMEOUT_NS,
						.merge = true };
	const struct nt_ring_maps maps = { .events_fd = nt_taps_events_fd(taps),
					   .drain_fd = nt_taps_drain_fd(taps),
					   .shares_fd = nt_taps_shares_fd(taps),
					   .layouts = nt_taps_layouts(taps) };
	struct nt_tapsource source = nt_source_of_taps(taps);
	struct nt_err err = {};

	system_clock = nt_clock_system();
	ck_assert_msg(nt_agent_new(&config, &source, &system_clock, &agent, &err) == 0, "%s",
		      err.msg);
	ck_assert_msg(nt_ring_open(&maps, on_sample, agent, &ring, &err) == 0, "%s", err.msg);
	gso_before = gso_to_pod();
}

static void end_agent(void)
{
	nt_ring_close(ring);
	nt_agent_free(agent);
}

static void drain(int64_t later_ns)
{
	int64_t now = nt_clock_boot(&system_clock);
	bool is_empty;

	do
		(void)nt_ring_drain(ring, &is_empty);
	while (!is_empty);
	nt_agent_drained(agent, now + later_ns);
}

/* Until the agent has read that many messages. */
static void wait_messages(uint64_t queries, uint64_t replies)
{
	for (int i = 0; i < PATIENCE_MS / 10; i++) {
		drain(0);
		if (agent->stats.queries >= queries && agent->stats.replies >= replies)
			break;
		poll(NULL, 0, 10);
	}
	ck_assert_uint_eq(agent->stats.queries, queries);
	ck_assert_uint_eq(agent->stats.replies, replies);
}

/* --- what it wrote ---------------------------------------------------------------------------- */

static struct {
	enum place place;
	struct nt_buf rows, expected; /* a line each */
	bool is_settled; /* by the place's latest figures all that was seen is logged */
} story;

/* By the product's own encoder, all fields that are not times, latencies and numbers of rows. */
static void put_row(struct nt_buf *out, const struct nt_record *r)
{
	static const char *const compared[] = {
		"type",	       "side",	     "client_namespace",
		"client_name", "client_ip",  "servers",
		"transport",   "qname",	     "qtype",
		"rcode",       "count",	     "queries",
		"replies",     "unanswered", "retries",
		"truncated",   "bytes_out",  "bytes_in",
		"flags",       "rrsets",     "reason",
	};

	for (size_t i = 0; i < sizeof(compared) / sizeof(compared[0]); i++) {
		const struct nt_field *f =
			nt_field_find(&nt_record_fields, nt_slice_str(compared[i]));

		ck_assert_ptr_nonnull(f);
		if (nt_field_missing(f, r, r))
			continue;
		nt_field_json(f, r, r, out);
		nt_buf_putc(out, ' ');
	}
	nt_buf_putc(out, '\n');
}

static void take_batch(uint64_t seq)
{
	_cleanup_arena_ struct nt_arena arena = NT_ARENA(16 << 20);
	_cleanup_buf_ struct nt_buf wire = {};
	struct nt_err err = {};
	struct nt_batch b;

	ck_assert_int_eq(nt_spool_read(agent->spool, seq, &wire, &err), 0);
	ck_assert_msg(nt_batch_decode(nt_slice_mem(wire.p, wire.len), &arena, &b, &err) == 0, "%s",
		      err.msg);
	for (size_t i = 0; i < b.records_len; i++)
		put_row(&story.rows, &b.records[i]);
	for (size_t i = 0; i < b.endpoints_len; i++) {
		const struct nt_batch_endpoint *e = &b.endpoints[i];

		ck_assert_uint_eq(e->unlogged, 0);
		if (e->ep_id == ep_ids[story.place])
			story.is_settled = e->seen == e->logged + e->stream;
	}
	nt_agent_acknowledged(agent, seq);
}

/* The batches until each packet that the kernel numbered is in a record, or in a stream that was
 * read. later_ns: what waits for an answer has waited so much longer. */
static void take_log(int64_t later_ns)
{
	struct nt_err err = {};
	uint64_t seq;

	for (int i = 0; i < PATIENCE_MS / 10 && !story.is_settled; i++) {
		drain(later_ns);
		ck_assert_msg(nt_agent_flush(agent, true, &err) >= 0, "%s", err.msg);
		while ((seq = nt_spool_head(agent->spool)))
			take_batch(seq);
		poll(NULL, 0, 10);
	}
	ck_assert(story.is_settled);
}

/* From a little before where they differ: Check ends when it is told more than 8 KB. */
static void check_same(const char *got, const char *want)
{
	size_t at = 0, from;

	while (got[at] && got[at] == want[at])
		at++;
	from = at > 300 ? at - 300 : 0;
	ck_assert_msg(got[at] == want[at], "the log has\n%.600s\nand not\n%.600s", got + from,
		      want + from);
}

static void check_log(enum place place, int64_t later_ns)
{
	story.place = place;
	take_log(later_ns);
	check_same(nt_buf_str(&story.rows), nt_buf_str(&story.expected));
	nt_buf_done(&story.rows);
	nt_buf_done(&story.expected);
}

/* --- lookups and the rows that they make ------------------------------------------------------ */

struct lookup {
	const char *name;
	uint16_t type;
	unsigned count; /* so many times */
	const char *rcode; /* NULL: nobody answers */
	const char *rdata; /* of the one answer; NULL: none, or resolver.h's TXT */
};

/* len: with its length before it, as over TCP. Returns the message's own. */
static size_t put_query(struct nt_buf *out, const struct lookup *l, bool len)
{
	static struct dns_build b;
	static unsigned id;
	struct nt_name name;

	ck_assert_int_eq(nt_name_parse(nt_slice_str(l->name), &name), 0);
	put_header(&b, ++id, NT_DNS_RD, 1, 0, 0, 0);
	put_slice(&b, nt_slice_mem(name.wire, name.len));
	put_u16(&b, l->type);
	put_u16(&b, 1);
	if (len)
		nt_buf_add(out, (__u8[]){ (__u8)(b.len >> 8), (__u8)b.len }, 2);
	nt_buf_add(out, b.wire, b.len);
	return b.len;
}

static size_t reply_len(const struct lookup *l)
{
	static struct dns_build reply;
	_cleanup_buf_ struct nt_buf query = {};

	(void)put_query(&query, l, false);
	return resolver_reply(nt_slice_mem(query.p, query.len), &reply);
}

static void expect_answers(const struct lookup *l)
{
	char type[16];

	nt_buf_printf(&story.expected,
		      "[{\"name\":\"%s\",\"type\":\"%s\",\"class\":\"IN\",\"ttl_min\":%d,"
		      "\"ttl_max\":%d,\"rdata\":[",
		      l->name, nt_dns_type_name(l->type, type), RESOLVER_TTL, RESOLVER_TTL);
	if (l->rdata)
		nt_buf_printf(&story.expected, "\"%s\"", l->rdata);
	else
		for (unsigned i = 0; i < RESOLVER_TXTS; i++)
			nt_buf_printf(&story.expected, "%s\"\\\"%0*u\\\"\"", i ? "," : "",
				      RESOLVER_TXT_LEN, i);
	nt_buf_puts(&story.expected, "]}] ");
}

static void expect(enum place place, int family, const char *transport, const struct lookup *l)
{
	const unsigned replies = l->rcode ? l->count : 0;
	_cleanup_buf_ struct nt_buf query = {};
	char type[16];

	nt_buf_printf(&story.expected, "\"LOG\" \"client\" %s \"%s\" ",
		      place == POD ? "\"shop\" \"web-0\"" : "\"-\"",
		      place == POD ? families[family].pod : families[family].host);
	nt_buf_printf(&story.expected,
		      "[{\"ip\":\"%s\",\"port\":53,\"name\":\"-\",\"name_aggr\":\"pvt\"}] ",
		      families[family].host);
	nt_buf_printf(&story.expected, "\"%s\" \"%s\" \"%s\" ", transport, l->name,
		      nt_dns_type_name(l->type, type));
	if (l->rcode)
		nt_buf_printf(&story.expected, "\"%s\" ", l->rcode);
	nt_buf_printf(&story.expected, "%u %u %u %u 0 0 %zu %zu ", l->count, l->count, replies,
		      l->count - replies, l->count * put_query(&query, l, false),
		      replies * reply_len(l));
	if (replies)
		nt_buf_puts(&story.expected, "[\"RD\",\"RA\"] ");
	if (l->rdata || l->type == NT_TYPE_TXT)
		expect_answers(l);
	nt_buf_putc(&story.expected, '\n');
}

/* --- clients ---------------------------------------------------------------------------------- */

/* The caller, a child, is there now; its socket is connected to the resolver. */
static int become_client(enum place place, int family, int type)
{
	socklen_t len;
	struct sockaddr_storage to = address(families[family].host, 53, &len);
	int fd;

	if (place == POD)
		become_pod();
	else if (!lab_cgroup_join(cgroup))
		_exit(1);
	fd = bound_socket(place == POD ? families[family].pod : families[family].host, 0, type);
	if (fd == -1 || connect(fd, (void *)&to, len) == -1)
		_exit(2);
	return fd;
}

/* One send; gso_size: of each datagram in it but the last, 0: it is one. */
static void ask_udp(enum place place, int family, const struct nt_buf *octets, int gso_size,
		    unsigned replies)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		int fd = become_client(place, family, SOCK_DGRAM);
		struct pollfd p = { .fd = fd, .events = POLLIN };
		__u8 reply[4096];

		if (setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &gso_size, sizeof(gso_size)) == -1 ||
		    send(fd, octets->p, octets->len, 0) != (ssize_t)octets->len)
			_exit(3);
		for (; replies; replies--)
			if (poll(&p, 1, PATIENCE_MS) != 1 || recv(fd, reply, sizeof(reply), 0) <= 0)
				_exit(4);
		_exit(0);
	}
	reap(pid);
}

/* All queries in one send, on one connection; replies_len: octets that come back. */
static void ask_tcp(enum place place, int family, const struct nt_buf *octets, size_t replies_len)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		int fd = become_client(place, family, SOCK_STREAM);
		__u8 *replies = malloc(replies_len);

		if (send(fd, octets->p, octets->len, 0) != (ssize_t)octets->len)
			_exit(3);
		if (recv(fd, replies, replies_len, MSG_WAITALL) != (ssize_t)replies_len)
			_exit(4);
		_exit(0);
	}
	reap(pid);
}

/* --- tests ------------------------------------------------------------------------------------ */

static const struct lookup LOOKUPS[] = {
	{ "www.example.com", NT_TYPE_A, 3, "NOERROR", "192.0.2.1" },
	{ "www.example.com", NT_TYPE_AAAA, 1, "NOERROR", "2001:db8::1" },
	{ "nowhere.example.com", NT_TYPE_A, 2, "NXDOMAIN", NULL },
};
#define LOOKUPS_LEN (sizeof(LOOKUPS) / sizeof(LOOKUPS[0]))

START_TEST(over_udp)
{
	for (size_t i = 0; i < LOOKUPS_LEN; i++) {
		for (unsigned n = 0; n < LOOKUPS[i].count; n++) {
			_cleanup_buf_ struct nt_buf query = {};

			(void)put_query(&query, &LOOKUPS[i], false);
			ask_udp(PLACE(_i), FAMILY(_i), &query, 0, 1);
		}
		expect(PLACE(_i), FAMILY(_i), "udp", &LOOKUPS[i]);
	}
	wait_messages(6, 6);
	check_log(PLACE(_i), 0);
}
END_TEST

/* Two queries in one send, and two replies in another: each is a lookup of its own (T1). The pod's
 * are cut before they reach the programs where veths do not take them as one packet; what goes to
 * the pod is seen before it is cut. */
START_TEST(trains_of_datagrams)
{
	static const struct lookup cars[] = {
		{ "train.one.example.com", NT_TYPE_A, 1, "NOERROR", "192.0.2.1" },
		{ "train.two.example.com", NT_TYPE_A, 1, "NOERROR", "192.0.2.1" },
	};
	_cleanup_buf_ struct nt_buf train = {};
	size_t len = put_query(&train, &cars[0], false);

	ck_assert_uint_eq(put_query(&train, &cars[1], false), len);
	ask_udp(PLACE(_i), FAMILY(_i), &train, (int)len, 2);
	for (int i = 0; i < 2; i++)
		expect(PLACE(_i), FAMILY(_i), "udp", &cars[i]);
	wait_messages(2, 2);
	ck_assert_uint_eq(agent->stats.datagrams, 4);
	if (PLACE(_i) == POD)
		ck_assert_uint_eq(agent->stats.events, veth_takes_trains() ? 2 : 3);
	check_log(PLACE(_i), 0);
}
END_TEST

/* Queries in one segment, replies in one with half of a length before it. */
START_TEST(over_tcp)
{
	_cleanup_buf_ struct nt_buf queries = {};
	size_t replies_len = 0;

	for (size_t i = 0; i < LOOKUPS_LEN; i++) {
		for (unsigned n = 0; n < LOOKUPS[i].count; n++) {
			(void)put_query(&queries, &LOOKUPS[i], true);
			replies_len += 2 + reply_len(&LOOKUPS[i]);
		}
		expect(PLACE(_i), FAMILY(_i), "tcp", &LOOKUPS[i]);
	}
	ask_tcp(PLACE(_i), FAMILY(_i), &queries, replies_len);
	wait_messages(6, 6);
	check_log(PLACE(_i), 0);
}
END_TEST

/* 12 KB, which segmentation offload keeps in an skb that is longer than the link's packets. */
START_TEST(a_long_reply_over_tcp)
{
	static const struct lookup huge = { "huge.example.com", NT_TYPE_TXT, 1, "NOERROR", NULL };
	_cleanup_buf_ struct nt_buf query = {};

	(void)put_query(&query, &huge, true);
	ask_tcp(PLACE(_i), FAMILY(_i), &query, 2 + reply_len(&huge));
	expect(PLACE(_i), FAMILY(_i), "tcp", &huge);
	wait_messages(1, 1);
	if (PLACE(_i) == POD)
		ck_assert_uint_gt(gso_to_pod(), gso_before);
	check_log(PLACE(_i), 0);
}
END_TEST

START_TEST(nobody_answers)
{
	static const struct lookup silent = { "silent.example.com", NT_TYPE_A, 1, NULL, NULL };
	_cleanup_buf_ struct nt_buf query = {};

	(void)put_query(&query, &silent, false);
	ask_udp(PLACE(_i), FAMILY(_i), &query, 0, 0);
	expect(PLACE(_i), FAMILY(_i), "udp", &silent);
	wait_messages(1, 0);
	check_log(PLACE(_i), TIMEOUT_NS + NT_NS_PER_S);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("records");
	TCase *t = tcase_create("records");
	int failed;

	lab_enter();
	lab_cgroup_make(cgroup);
	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, set_up, tear_down);
	tcase_add_checked_fixture(t, start_agent, end_agent);
	tcase_add_loop_test(t, over_udp, 0, 4);
	tcase_add_loop_test(t, trains_of_datagrams, 0, 4);
	tcase_add_loop_test(t, over_tcp, 0, 4);
	tcase_add_loop_test(t, a_long_reply_over_tcp, 0, 4);
	tcase_add_loop_test(t, nobody_answers, 0, 4);
	suite_add_tcase(s, t);
	failed = nt_suite_run(s);
	lab_cgroup_end(cgroup);
	return failed;
}
