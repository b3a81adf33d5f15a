/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the ring to the batch in the spool: packets per second of the agent's CPU. The agent's own
 * code reads a real ring buffer, pairs, keeps every answer, merges into rows, encodes and writes
 * the batch of an interval of 5 s; the events are those that a capture of 200 pods would make.
 * Filling the ring is not counted, nor are drains and flushes in which the core was shared
 * (core.h).
 *
 *   bench_ring CAPTURE
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <limits.h>
#include <netinet/in.h>

#include "dataplane/agent/agent.h"
#include "dataplane/agent/idmap.h"
#include "dataplane/agent/ring.h"
#include "lib/pcap/pcap.h"
#include "tests/bench/bench.h"
#include "tests/bench/core.h"

enum {
	DNS_PORT = 53,
	PODS_MAX = 256,
	CPUS = 2,
	FILL_BYTES = NT_RING_BYTES_DEFAULT / 4, /* what a drain finds at 100,000 packets/s or so */
	EPOCH = 1,
	SAMPLE_HEADER = 8, /* of libbpf's ring, per event */
	ATTEMPTS = 20, /* per round that counts */
	PACKETS_MIN = 20000, /* of a round that counts, with the core to themselves */
};

static struct {
	struct nt_pod pods[PODS_MAX];
	struct nt_counters counters[PODS_MAX];
	uint32_t addrs[PODS_MAX];
	unsigned len;
} node;

static struct nt_clock now;

/* --- the agent's source: pods and counters ---------------------------------------------------- */

static int source_get(void *ctx, uint64_t ep_id, struct nt_pod *ret_pod)
{
	(void)ctx;
	if (!ep_id || ep_id > node.len)
		return -ENOENT;
	*ret_pod = node.pods[ep_id - 1];
	return 0;
}

static int source_pods(void *ctx, bool (*fn)(void *, const struct nt_pod *), void *fn_ctx,
		       struct nt_err *err)
{
	(void)ctx, (void)err;
	for (unsigned i = 0; i < node.len && fn(fn_ctx, &node.pods[i]); i++)
		;
	return 0;
}

static int source_counters(void *ctx, uint64_t ep_id, struct nt_counters *ret_values)
{
	(void)ctx;
	if (!ep_id || ep_id > node.len)
		return -ENOENT;
	memset(ret_values, 0, CPUS * sizeof(*ret_values));
	ret_values[0] = node.counters[ep_id - 1];
	return 0;
}

static int source_forget(void *ctx, uint64_t ep_id, struct nt_err *err)
{
	(void)ctx, (void)ep_id, (void)err;
	return 0;
}

static unsigned pod_of(uint32_t addr)
{
	unsigned i = 0;

	while (i < node.len && node.addrs[i] != addr)
		i++;
	if (i == PODS_MAX)
		bench_die("more than %d pods in the capture", PODS_MAX);
	if (i < node.len)
		return i;
	node.addrs[i] = addr;
	node.pods[i] = (struct nt_pod){
		.version = NT_ABI_VERSION, .state = NT_POD_ATTACHED, .ep_id = i + 1, .epoch = EPOCH
	};
	snprintf(node.pods[i].namespace_, sizeof(node.pods[i].namespace_), "ns%02u", i % 25);
	snprintf(node.pods[i].name, sizeof(node.pods[i].name), "web-6659c9d65f-%05u", i);
	snprintf(node.pods[i].container_id, sizeof(node.pods[i].container_id), "c%u", i);
	snprintf(node.pods[i].ifname, sizeof(node.pods[i].ifname), "eth0");
	snprintf(node.pods[i].searches, sizeof(node.pods[i].searches),
		 "ns%02u.svc.cluster.local svc.cluster.local cluster.local", i % 25);
	node.pods[i].ips[0].family = 4;
	memcpy(node.pods[i].ips[0].octets, &addr, sizeof(addr));
	node.len++;
	return i;
}

/* --- the capture as events -------------------------------------------------------------------- */

struct samples {
	struct nt_buf octets; /* struct nt_event and payload, each 8-aligned */
	struct nt_buf at; /* uint32_t offsets, one more at the end */
	size_t len;
	int64_t span_ns;
};

static void add_sample(struct samples *s, const struct nt_pcap_frame *f, int64_t start_ns)
{
	static const char zeros[8];
	const struct nt_packet *p = &f->packet;
	bool reply = p->source_port == DNS_PORT;
	const struct nt_addr *client = reply ? &p->destination : &p->source;
	struct nt_event e = { .version = NT_ABI_VERSION,
			      .dir = reply ? NT_DIR_TO_POD : NT_DIR_FROM_POD,
			      .ip_version = 4,
			      .l4proto = IPPROTO_UDP,
			      .hdr_len = sizeof(e),
			      .time_ns = (__u64)(f->time_ns - start_ns),
			      .epoch = EPOCH,
			      .payload_len = (__u32)p->payload.len,
			      .cap_len = (__u32)p->payload.len,
			      .gso_segs = 1,
			      .sport = p->source_port,
			      .dport = p->destination_port };
	uint32_t addr, at = (uint32_t)s->octets.len;

	memcpy(&addr, client->octets, sizeof(addr));
	e.ep_id = pod_of(addr) + 1;
	memcpy(e.saddr, p->source.octets, 4);
	memcpy(e.daddr, p->destination.octets, 4);
	nt_buf_add(&s->at, &at, sizeof(at));
	nt_buf_add(&s->octets, &e, sizeof(e));
	nt_buf_slice(&s->octets, p->payload);
	nt_buf_add(&s->octets, zeros, (8 - s->octets.len % 8) % 8);
	s->span_ns = (int64_t)e.time_ns;
	s->len++;
}

static void read_samples(const char *path, struct samples *s)
{
	struct nt_pcap_frame frame;
	struct nt_err err = { 0 };
	struct nt_pcap *pcap = nt_pcap_open(path, &err);
	int64_t start_ns = 0;
	uint32_t end;
	int r = 0;

	while (pcap && (r = nt_pcap_next(pcap, &frame, &err)) > 0) {
		if (frame.packet.kind != NT_PACKET_UDP)
			continue;
		start_ns = start_ns ? start_ns : frame.time_ns;
		add_sample(s, &frame, start_ns);
	}
	end = (uint32_t)s->octets.len;
	nt_buf_add(&s->at, &end, sizeof(end));
	if (!pcap || r < 0 || !s->len || !nt_buf_ok(&s->octets) || !nt_buf_ok(&s->at))
		bench_die("%s: %s", path, err.msg);
	nt_pcap_close(pcap);
}

/* --- the ring --------------------------------------------------------------------------------- */

struct bench {
	struct samples samples;
	struct nt_agent *agent;
	struct nt_ring *ring;
	struct bpf_object *object;
	int fill_fd;
	uint64_t acknowledged;
	struct bench_core core;
};

static int map_fd(struct bench *b, const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(b->object, name);

	if (fd < 0)
		bench_die("no map %s", name);
	return fd;
}

static void on_event(void *ctx, struct nt_slice sample)
{
	struct bench *b = ctx;

	nt_agent_event(b->agent, sample);
}

static void open_ring(struct bench *b)
{
	char path[PATH_MAX];
	struct nt_ring_maps maps;
	struct nt_err err = { 0 };

	snprintf(path, sizeof(path), "%s/tests/bench/ring_fill.bpf.o", bench_env("BUILD"));
	b->object = bpf_object__open_file(path, NULL);
	if (!b->object || bpf_object__load(b->object) < 0)
		bench_die("%s does not load", path);
	b->fill_fd = bpf_program__fd(bpf_object__find_program_by_name(b->object, "fill"));
	maps = (struct nt_ring_maps){ .events_fd = map_fd(b, "events"),
				      .drain_fd = map_fd(b, "drain"),
				      .shares_fd = map_fd(b, "shares") };
	if (nt_ring_open(&maps, on_event, b, &b->ring, &err) < 0)
		bench_die("%s", err.msg);
}

static void open_agent(struct bench *b)
{
	static char spool[PATH_MAX];
	struct nt_agent_config config = { .node = "node1",
					  .spool_path = spool,
					  .cluster_domain = "cluster.local",
					  .spool_max_bytes = 256 << 20,
					  .merge = true };
	struct nt_tapsource source = { .cpus = CPUS,
				       .meta = { .version = NT_ABI_VERSION, .epoch = EPOCH },
				       .pod_get = source_get,
				       .pods = source_pods,
				       .counters = source_counters,
				       .forget = source_forget };
	struct nt_err err = { 0 };
	char command[PATH_MAX + 16];

	snprintf(spool, sizeof(spool), "%s/spool", bench_env("BENCH_DATA"));
	snprintf(command, sizeof(command), "rm -rf '%s'", spool);
	if (system(command) != 0)
		bench_die("%s failed", command);
	if (nt_agent_new(&config, &source, &now, &b->agent, &err) < 0)
		bench_die("%s", err.msg);
}

/* Events from sample `from` on, until FILL_BYTES are in; where to go on. Numbers are given and
 * times moved on as the programs would have done. */
static size_t fill(struct bench *b, size_t from, int64_t start_ns)
{
	const uint32_t *at = (const void *)b->samples.at.p;
	uint64_t bytes = 0;
	size_t i = from;

	for (; i < b->samples.len && bytes < FILL_BYTES; i++) {
		char *sample = b->samples.octets.p + at[i];
		struct nt_event *e = (struct nt_event *)sample;
		uint64_t time_ns = e->time_ns;
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = sample,
			    .data_size_in = (__u32)sizeof(*e) + e->cap_len, .repeat = 1);

		e->seq = node.counters[e->ep_id - 1].seq[e->dir]++;
		e->time_ns = (__u64)start_ns + time_ns;
		now.virtual_boot_ns = (int64_t)e->time_ns;
		if (bpf_prog_test_run_opts(b->fill_fd, &opts) < 0 || opts.retval)
			bench_die("the ring takes no event: %s", strerror(errno));
		e->time_ns = time_ns;
		bytes += sizeof(*e) + e->cap_len + SAMPLE_HEADER;
	}
	now.virtual_real_ns = now.virtual_boot_ns + 1760000000 * NT_NS_PER_S;
	return i;
}

static uint64_t drain(struct bench *b)
{
	uint64_t start = bench_cpu_ns();
	bool empty = false;

	while (!empty)
		(void)nt_ring_drain(b->ring, &empty);
	nt_agent_drained(b->agent, now.virtual_boot_ns);
	return bench_cpu_ns() - start;
}

static uint64_t flush(struct bench *b)
{
	uint64_t start = bench_cpu_ns();
	struct nt_err err = { 0 };

	if (nt_agent_flush(b->agent, true, &err) < 0)
		bench_die("%s", err.msg);
	return bench_cpu_ns() - start;
}

/* The controller has everything: spool files go. */
static void acknowledge(struct bench *b)
{
	while (b->acknowledged < b->agent->stats.batches)
		nt_agent_acknowledged(b->agent, ++b->acknowledged);
}

/* Of one round: what had the core to itself. */
struct sum {
	uint64_t packets, ns;
	uint64_t flush_ns; /* 0: the core was shared */
	uint64_t shared_packets, shared_ns;
};

/* The whole capture, which is one interval. */
static struct sum round_of(struct bench *b, int64_t start_ns)
{
	struct sum sum = { 0 };
	uint64_t ns;

	(void)bench_core_probe(&b->core);
	for (size_t i = 0, from; from = i, i < b->samples.len;) {
		i = fill(b, i, start_ns);
		nt_agent_second(b->agent);
		(void)bench_core_probe(&b->core);
		ns = drain(b);
		if (bench_core_probe(&b->core)) {
			sum.shared_packets += i - from;
			sum.shared_ns += ns;
		} else {
			sum.packets += i - from;
			sum.ns += ns;
		}
	}
	ns = flush(b);
	sum.flush_ns = bench_core_probe(&b->core) ? 0 : ns;
	acknowledge(b);
	return sum;
}

/* All that was put in must have come to rows. */
static void check(const struct bench *b, unsigned rounds)
{
	const struct nt_agent_stats *s = &b->agent->stats;

	if (s->logged != (uint64_t)rounds * b->samples.len || s->parse_errors)
		bench_die("%llu packets logged of %llu", (unsigned long long)s->logged,
			  (unsigned long long)rounds * b->samples.len);
}

static void print_round(const struct bench *b, const struct sum *sum)
{
	double flush_ns = (double)sum->flush_ns / (double)b->samples.len;
	double ns = (double)sum->ns / (double)sum->packets + flush_ns;

	bench_round("ring_packets_per_cpu_s", 1e9 / ns);
	bench_also("ring_ns_per_packet", ns, "ns");
	bench_also("ring_flush_ns_per_packet", flush_ns, "ns");
	if (sum->shared_packets)
		bench_also("ring_drain_ns_in_company",
			   (double)sum->shared_ns / (double)sum->shared_packets, "ns");
}

/* Until enough rounds had enough of the core to themselves; how many were made. */
static unsigned measure(struct bench *b, unsigned rounds)
{
	int64_t step = b->samples.span_ns + NT_NS_PER_S;
	unsigned made = 0;

	for (unsigned counted = 0; counted < rounds && made < rounds * ATTEMPTS; made++) {
		struct sum sum = round_of(b, 2 * NT_NS_PER_S + made * step);

		/* In the first one memory is got and caches become warm. */
		if (!made || !sum.flush_ns || sum.packets < PACKETS_MIN)
			continue;
		print_round(b, &sum);
		counted++;
	}
	return made;
}

int main(int argc, char **argv)
{
	struct bench b = { 0 };
	unsigned made;

	if (argc != 2)
		bench_die("usage: bench_ring CAPTURE");
	now = nt_clock_virtual(NT_NS_PER_S, 1760000000 * NT_NS_PER_S);
	read_samples(argv[1], &b.samples);
	open_ring(&b);
	open_agent(&b);
	bench_core_open(&b.core);
	made = measure(&b, bench_rounds());
	check(&b, made);
	bench_also("ring_rows_per_round", (double)b.agent->stats.rows / made, "rows");
	bench_also("ring_rounds_made", made, "rounds");
	nt_ring_close(b.ring);
	nt_agent_free(b.agent);
	bpf_object__close(b.object);
	nt_buf_done(&b.samples.octets);
	nt_buf_done(&b.samples.at);
	return 0;
}
