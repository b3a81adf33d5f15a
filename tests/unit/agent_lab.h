/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent without BPF and network, under virtual time: events in, batches out of the spool. The
 * fake kernel numbers and loses packets as the programs do; the fake controller takes batches and
 * adds up. What must hold in every story: packets in rows + UNLOGGED = packets numbered.
 */
#pragma once

#include "dataplane/agent/agent.h"

#include <check.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/parse.h"
#include "lib/record/batch.h"
#include "tests/unit/dns_build.h"
#include "tests/unit/suite.h"

#define PODS 16
#define CPUS 2

static struct {
	struct nt_pod pods[PODS];
	struct nt_counters counters[PODS][CPUS];
	bool there[PODS];
	struct nt_linkstats links[PODS];
	bool links_gone;
	bool uncounted[PODS]; /* the plugin has written its record, and not yet its counters */
	unsigned forgotten;
	bool forget_fails;
} kernel;

/* What the controller has. */
static struct {
	uint64_t logged, unlogged, count, unanswered, late, batches, endpoints;
	uint64_t by_reason[NT_REASON_MAX];
	uint64_t resolver_rows, stepped_rows;
	int64_t starts[8]; /* of the first LOG rows */
	size_t starts_len;
	uint64_t named_rows[PODS], folded_rows, folded, distinct;
	char verdicts[256]; /* "verdict policy rcode count," of each row */
	uint64_t seen, endpoint_logged, endpoint_unlogged; /* of the latest entry of pod 0 */
	uint64_t stream[PODS]; /* of the latest entry of each */
	uint64_t tcp_queries, tcp_replies, tcp_count; /* messages and transactions in rows of TCP */
	uint64_t before_tap;
	enum nt_endpoint_state state; /* of pod 0 */
	char error[128], name[64];
	uint64_t ranges;
} store;

static struct nt_clock clock_now;
static struct nt_agent *agent;
static struct nt_agent_config config;
static struct nt_tapsource source;
static char base[] = "/tmp/nt-agent-XXXXXX"; /* made and removed by main, whatever fails */
static char folder[64], spool_path[96];
static struct nt_err err;

/* --- the fake kernel -------------------------------------------------------------------------- */

static int index_of(uint64_t ep_id)
{
	for (int i = 0; i < PODS; i++)
		if (kernel.there[i] && kernel.pods[i].ep_id == ep_id)
			return i;
	return -1;
}

static int fake_get(void *ctx, uint64_t ep_id, struct nt_pod *ret_pod)
{
	int i = index_of(ep_id);

	(void)ctx;
	if (i < 0)
		return -ENOENT;
	*ret_pod = kernel.pods[i];
	return 0;
}

static int fake_pods(void *ctx, bool (*fn)(void *, const struct nt_pod *), void *fn_ctx,
		     struct nt_err *e)
{
	(void)ctx, (void)e;
	for (int i = 0; i < PODS; i++)
		if (kernel.there[i] && !fn(fn_ctx, &kernel.pods[i]))
			break;
	return 0;
}

static int fake_counters(void *ctx, uint64_t ep_id, struct nt_counters *ret_values)
{
	int i = index_of(ep_id);

	(void)ctx;
	if (i < 0 || kernel.uncounted[i])
		return -ENOENT;
	memcpy(ret_values, kernel.counters[i], sizeof(kernel.counters[i]));
	return 0;
}

/* The fake links have the numbers of their pods, from 1. */
static int fake_link_stats(void *ctx, uint32_t ifindex, struct nt_linkstats *ret_stats)
{
	(void)ctx;
	if (kernel.links_gone || ifindex == 0 || ifindex > PODS)
		return -ENODEV;
	*ret_stats = kernel.links[ifindex - 1];
	return 0;
}

static int fake_forget(void *ctx, uint64_t ep_id, struct nt_err *e)
{
	int i = index_of(ep_id);

	(void)ctx;
	if (kernel.forget_fails)
		return nt_err_set(e, EIO, "not now");
	if (i >= 0)
		kernel.there[i] = false;
	kernel.forgotten += i >= 0;
	return 0;
}

static void add_pod(int i)
{
	struct nt_pod *p = &kernel.pods[i];

	*p = (struct nt_pod){ .version = NT_ABI_VERSION,
			      .state = NT_POD_ATTACHED,
			      .ep_id = (uint64_t)clock_now.virtual_boot_ns + (uint64_t)i + 1,
			      .attach_real_ns = (uint64_t)clock_now.virtual_real_ns };
	p->ifindex = (__u32)i + 1;
	snprintf(p->namespace_, sizeof(p->namespace_), "shop");
	snprintf(p->name, sizeof(p->name), "web-%d", i);
	snprintf(p->container_id, sizeof(p->container_id), "c%d", i);
	snprintf(p->ifname, sizeof(p->ifname), "eth0");
	p->ips[0] = (struct nt_abi_addr){ .family = 4, .octets = { 10, 0, 0, (uint8_t)i } };
	memset(kernel.counters[i], 0, sizeof(kernel.counters[i]));
	kernel.there[i] = true;
}

struct packet {
	int pod;
	unsigned cpu, id;
	bool reply, server; /* server: the pod is the one that is asked */
	bool lost; /* the ring is full */
	const char *name; /* one label; NULL: octets that are no message */
	unsigned copies; /* datagrams in one GSO packet, 0: 1 */
	uint16_t sport, dport; /* 0: as it must be */
	uint8_t verdict;
	uint32_t slot;
};

static size_t build(const struct packet *p, struct dns_build *b)
{
	put_header(b, p->id, p->reply ? 0x8180 : 0x0100, 1, 0, 0, 0);
	if (p->reply && p->verdict) /* what the kernel makes of a denied query */
		b->wire[3] |= 3;
	if (!p->name) /* and no question */
		return b->len;
	b->wire[b->len++] = (uint8_t)strlen(p->name);
	put_slice(b, nt_slice_str(p->name));
	put_slice(b, NT_SLICE_LIT("\4test\0"));
	put_u16(b, NT_TYPE_A);
	put_u16(b, 1);
	return b->len;
}

static void put_event(const struct packet *p, struct nt_event *e, size_t one, unsigned copies)
{
	unsigned dir = p->reply == p->server ? NT_DIR_FROM_POD : NT_DIR_TO_POD;
	struct nt_counters *c = &kernel.counters[p->pod][p->cpu];
	static const __u8 other[4] = { 10, 9, 9, 9 };
	const __u8 *self = kernel.pods[p->pod].ips[0].octets;

	*e = (struct nt_event){
		.version = NT_ABI_VERSION,
		.dir = (__u8)dir,
		.ip_version = 4,
		.l4proto = IPPROTO_UDP,
		.hdr_len = sizeof(*e),
		.ep_id = kernel.pods[p->pod].ep_id,
		.time_ns = (__u64)clock_now.virtual_boot_ns,
		.seq = c->seq[dir],
		.epoch = 1,
		.cpu = p->cpu,
		.verdict = p->reply ? NT_VERDICT_NONE : p->verdict,
		.policy_slot = p->reply ? 0 : p->slot,
		.payload_len = (__u32)(one * copies),
		.cap_len = (__u32)(one * copies),
		.gso_size = copies > 1 ? (__u16)one : 0,
		.gso_segs = (__u16)copies,
		.sport = p->sport   ? p->sport
			 : p->reply ? 53
				    : 40000,
		.dport = p->dport   ? p->dport
			 : p->reply ? 40000
				    : 53,
	};
	memcpy(e->saddr, dir == NT_DIR_FROM_POD ? self : other, 4);
	memcpy(e->daddr, dir == NT_DIR_FROM_POD ? other : self, 4);
	c->seq[dir] += copies;
	c->lost[dir][NT_LOSS_RING_FULL] += p->lost ? copies : 0;
}

static void packet(struct packet p)
{
	static struct dns_build b;
	unsigned copies = p.copies ? p.copies : 1;
	size_t one = build(&p, &b);
	struct nt_event e;
	uint8_t *sample = malloc(sizeof(e) + one * copies);

	put_event(&p, &e, one, copies);
	memcpy(sample, &e, sizeof(e));
	for (unsigned i = 0; i < copies; i++)
		memcpy(sample + sizeof(e) + i * one, b.wire, one);
	if (!p.lost && agent)
		nt_agent_event(agent, nt_slice_mem(sample, sizeof(e) + one * copies));
	free(sample);
}

static uint64_t numbered(void)
{
	uint64_t sum = 0;

	for (int i = 0; i < PODS; i++)
		for (int cpu = 0; cpu < CPUS; cpu++)
			sum += kernel.counters[i][cpu].seq[0] + kernel.counters[i][cpu].seq[1];
	return sum;
}

/* --- the fake controller ---------------------------------------------------------------------- */

static void take_record(const struct nt_record *r)
{
	if (r->type == NT_RECORD_LOG && r->transport == IPPROTO_TCP) {
		store.tcp_queries += r->queries;
		store.tcp_replies += r->replies;
		store.tcp_count += r->count;
		store.resolver_rows += r->role == NT_ROLE_RESOLVER;
	} else if (r->type == NT_RECORD_LOG) {
		store.logged += r->queries + r->replies;
		store.count += r->count;
		store.unanswered += r->unanswered;
		store.late += r->late;
		store.resolver_rows += r->role == NT_ROLE_RESOLVER;
		store.stepped_rows += r->clock_step;
		if (store.starts_len < 8)
			store.starts[store.starts_len++] = r->start_us;
		store.folded += r->folded;
		store.folded_rows += r->folded != 0;
		if (r->distinct > store.distinct)
			store.distinct = r->distinct;
		for (int i = 0; i < PODS && !r->folded; i++)
			store.named_rows[i] +=
				nt_slice_eq(r->client_name, nt_slice_str(kernel.pods[i].name));
		if (r->verdict)
			snprintf(store.verdicts + strlen(store.verdicts),
				 sizeof(store.verdicts) - strlen(store.verdicts), "%d %.*s %d %d,",
				 r->verdict, NT_SLICE_ARG(r->policy), r->answered ? r->rcode : -1,
				 (int)r->count);
	} else {
		store.unlogged += r->count;
		ck_assert_int_le(r->start_us, r->end_us);
		for (unsigned i = 0; i < NT_REASON_MAX; i++)
			if (nt_slice_eq(r->reason, nt_slice_str(nt_reason_name(i))) &&
			    (i == NT_REASON_UNACCOUNTED ||
			     strcmp(nt_reason_name(i), "unaccounted") != 0))
				store.by_reason[i] += r->count;
		snprintf(store.error, sizeof(store.error), "%.*s", NT_SLICE_ARG(r->error));
	}
	snprintf(store.name, sizeof(store.name), "%.*s/%.*s", NT_SLICE_ARG(r->client_namespace),
		 NT_SLICE_ARG(r->client_name));
}

static void take_batch(const struct nt_batch *b)
{
	ck_assert(nt_slice_eq(b->node, nt_slice_str(config.node)));
	store.batches++;
	store.endpoints += b->endpoints_len;
	for (size_t i = 0; i < b->records_len; i++) {
		ck_assert(nt_slice_eq(b->records[i].node, b->node));
		take_record(&b->records[i]);
	}
	for (size_t i = 0; i < b->ranges_len; i++)
		store.ranges += b->ranges[i].to - b->ranges[i].from;
	for (size_t i = 0; i < b->endpoints_len; i++) {
		struct nt_slice id = b->endpoints[i].container_id;
		uint64_t pod;

		if (id.len > 1 && id.p[0] == 'c' &&
		    nt_parse_u64(nt_slice_mem(id.p + 1, id.len - 1), PODS - 1, &pod) == 0)
			store.stream[pod] = b->endpoints[i].stream;
		if (!nt_slice_eq(b->endpoints[i].container_id, NT_SLICE_LIT("c0")))
			continue;
		store.seen = b->endpoints[i].seen;
		store.endpoint_logged = b->endpoints[i].logged;
		store.endpoint_unlogged = b->endpoints[i].unlogged;
		store.before_tap = b->endpoints[i].before_tap;
		store.state = b->endpoints[i].state;
	}
}

static uint64_t streamed(void)
{
	uint64_t sum = 0;

	for (int i = 0; i < PODS; i++)
		sum += store.stream[i];
	return sum;
}

/* Takes all that waits, and whose file somebody has left there. */
static void ship_to(void (*fn)(const struct nt_batch *batch))
{
	uint64_t seq;

	while ((seq = nt_spool_head(agent->spool))) {
		_cleanup_arena_ struct nt_arena arena = NT_ARENA(64 << 20);
		_cleanup_buf_ struct nt_buf wire = { 0 };
		struct nt_batch b;
		int r = nt_spool_read(agent->spool, seq, &wire, &err);

		if (r == -ENOENT)
			continue;
		ck_assert_int_eq(r, 0);
		ck_assert_msg(nt_batch_decode(nt_slice_mem(wire.p, wire.len), &arena, &b, &err) ==
				      0,
			      "%s", err.msg);
		ck_assert_uint_eq(b.seq, seq);
		fn(&b);
		nt_agent_acknowledged(agent, seq);
	}
}

static void ship(void)
{
	ship_to(take_batch);
}

/* --- the agent -------------------------------------------------------------------------------- */

static void pass(int64_t ms)
{
	clock_now.virtual_boot_ns += ms * NT_NS_PER_MS;
	clock_now.virtual_real_ns += ms * NT_NS_PER_MS;
	if (agent)
		nt_agent_second(agent);
}

static int flush(void)
{
	int r;

	nt_agent_drained(agent, clock_now.virtual_boot_ns);
	r = nt_agent_flush(agent, true, &err);
	ck_assert_msg(r >= 0, "%s", err.msg);
	return r;
}

static void start(void)
{
	source = (struct nt_tapsource){ .cpus = CPUS,
					.meta = source.meta,
					.pod_get = fake_get,
					.pods = fake_pods,
					.counters = fake_counters,
					.link_stats = fake_link_stats,
					.forget = fake_forget };
	source.meta.epoch = 1;
	ck_assert_msg(nt_agent_new(&config, &source, &clock_now, &agent, &err) == 0, "%s", err.msg);
	flush();
}

/* Nothing is written, as with kill -9. */
static void stop(void)
{
	nt_agent_free(agent);
	agent = NULL;
}

static struct nt_slice policy_name(void *ctx, uint32_t slot)
{
	(void)ctx;
	return slot == 7 ? NT_SLICE_LIT("shop/p") : NT_SLICE_LIT("");
}

static void setup(void)
{
	memset(&kernel, 0, sizeof(kernel));
	memset(&store, 0, sizeof(store));
	clock_now = nt_clock_virtual(1000 * NT_NS_PER_S, 1700000000 * NT_NS_PER_S);
	snprintf(folder, sizeof(folder), "%s/XXXXXX", base);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(spool_path, sizeof(spool_path), "%s/spool", folder);
	config = (struct nt_agent_config){ .node = "n1",
					   .spool_path = spool_path,
					   .cluster_domain = "cluster.local",
					   .spool_max_bytes = 64 << 20,
					   .timeout_ns = 5 * NT_NS_PER_S,
					   .policy_name = policy_name,
					   .merge = true };
	memset(&source, 0, sizeof(source));
	add_pod(0);
	start();
}

static void teardown(void)
{
	stop();
}

/* Ends the story: all queries time out, everything is shipped, and the sums agree. */
static void settle(void)
{
	pass(60000);
	flush();
	pass(5000);
	flush();
	pass(5000);
	flush();
	ship();
	ck_assert_msg(store.logged + store.unlogged + streamed() == numbered(),
		      "%llu in rows + %llu UNLOGGED + %llu of streams, %llu numbered",
		      (unsigned long long)store.logged, (unsigned long long)store.unlogged,
		      (unsigned long long)streamed(), (unsigned long long)numbered());
	ck_assert_uint_eq(store.by_reason[NT_REASON_UNACCOUNTED], 0);
}

#define Q(...) packet((struct packet){ .name = "a", __VA_ARGS__ })
#define R(...) packet((struct packet){ .name = "a", .reply = true, __VA_ARGS__ })

static inline void detach(int i)
{
	kernel.pods[i].state = NT_POD_DETACHED;
	kernel.pods[i].detach_boot_ns = (__u64)clock_now.virtual_boot_ns;
}

/* What main returns: all tests of the suite, over folders that are gone thereafter. */
static int run_stories(Suite *suite)
{
	char command[64];
	int failed;

	if (!mkdtemp(base))
		return EXIT_FAILURE;
	failed = nt_suite_run(suite);
	snprintf(command, sizeof(command), "rm -rf %s", base);
	return system(command) != 0 || failed;
}
