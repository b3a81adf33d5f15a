/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our programs by BPF_PROG_TEST_RUN: a logged DNS query against the least that an event costs; what
 * is no DNS against an empty program. CPU time of the thread, over many runs of one packet.
 */
#include <linux/tcp.h>

#include "tests/bench/place.h"
#include "tests/bpf/packet.h"

enum {
	EVENTS = 10000, /* fit the ring at once */
	BATCHES = 20,
	REPEAT = EVENTS * BATCHES,
	SEGMENT = 1400,
};

struct lab {
	struct nt_taps *taps;
	struct nt_ring *ours;
	struct ring_buffer *theirs;
	__u32 ifindex;
};

/* ns per run; rings are emptied between batches, which is not counted. */
static double run(struct lab *lab, int prog_fd, struct packet *p, unsigned repeat)
{
	struct __sk_buff skb = { .ifindex = lab->ifindex };
	uint64_t ns = 0, start;

	for (unsigned done = 0; done < repeat; done += EVENTS) {
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p->octets,
			    .data_size_in = (__u32)p->len, .ctx_in = &skb,
			    .ctx_size_in = sizeof(skb), .repeat = EVENTS);

		start = bench_cpu_ns();
		if (bpf_prog_test_run_opts(prog_fd, &opts) < 0)
			bench_die("BPF_PROG_TEST_RUN: %s", strerror(errno));
		ns += bench_cpu_ns() - start;
		place_drain(lab->ours);
		(void)ring_buffer__consume(lab->theirs);
	}
	return (double)ns / repeat;
}

static struct packet query(void)
{
	static const char name[] = "\x0ckafka-yazeki\x04ns07\x03svc\x07"
				   "cluster\x05local";
	__u8 message[64] = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00";
	struct packet p = {};

	memcpy(message + 12, name, sizeof(name));
	memcpy(message + 12 + sizeof(name), "\x00\x01\x00\x01", 4);
	packet_eth(&p, ETH_P_IP);
	packet_ip4(&p, CLIENT4, SERVER4, 0, IPPROTO_UDP);
	packet_udp(&p, 40000, 53, message, 12 + sizeof(name) + 4);
	packet_done(&p);
	return p;
}

static struct packet tcp(unsigned sport, unsigned dport)
{
	struct packet p = {};
	struct tcphdr *h;

	packet_eth(&p, ETH_P_IP);
	packet_ip4(&p, CLIENT4, SERVER4, 0, IPPROTO_TCP);
	h = packet_add(&p, sizeof(*h));
	h->source = htons((__u16)sport);
	h->dest = htons((__u16)dport);
	h->doff = 5;
	packet_add(&p, SEGMENT);
	packet_done(&p);
	return p;
}

static struct packet quic(void)
{
	static const __u8 zeros[1200];
	struct packet p = {};

	packet_eth(&p, ETH_P_IP);
	packet_ip4(&p, CLIENT4, SERVER4, 0, IPPROTO_UDP);
	packet_udp(&p, 50000, 443, zeros, sizeof(zeros));
	packet_done(&p);
	return p;
}

/* Every event of the round must have come out of the ring, else the figure is of something else. */
static void check(struct lab *lab, const struct nt_pod *pod, uint64_t queries)
{
	struct nt_counters *c = calloc((size_t)nt_taps_cpus(lab->taps), sizeof(*c));
	uint64_t seen = 0, lost = 0;

	if (!c || nt_taps_counters(lab->taps, pod->ep_id, c) < 0)
		bench_die("no counters");
	for (int cpu = 0; cpu < nt_taps_cpus(lab->taps); cpu++) {
		seen += c[cpu].seq[NT_DIR_FROM_POD];
		for (int i = 0; i < NT_LOSS_MAX; i++)
			lost += c[cpu].lost[NT_DIR_FROM_POD][i];
	}
	if (seen != queries || lost)
		bench_die("%llu of %llu queries seen, %llu lost", (unsigned long long)seen,
			  (unsigned long long)queries, (unsigned long long)lost);
	free(c);
}

static void rounds(struct lab *lab, int from_pod, int to_pod, int nop, int least)
{
	struct packet q = query(), out = tcp(40000, 443), in = tcp(443, 40000), udp = quic();

	for (unsigned i = 0; i < bench_rounds(); i++) {
		double ours[4], empty[4], event;

		event = run(lab, least, &q, REPEAT);
		empty[0] = run(lab, nop, &q, REPEAT);
		ours[0] = run(lab, from_pod, &q, REPEAT);
		empty[1] = run(lab, nop, &out, REPEAT);
		ours[1] = run(lab, from_pod, &out, REPEAT);
		empty[2] = run(lab, nop, &in, REPEAT);
		ours[2] = run(lab, to_pod, &in, REPEAT);
		empty[3] = run(lab, nop, &udp, REPEAT);
		ours[3] = run(lab, from_pod, &udp, REPEAT);
		bench_round("bpf_query_vs_yardstick", ours[0] / event);
		bench_round("bpf_non_dns_vs_nop",
			    (ours[1] + ours[2] + ours[3]) / (empty[1] + empty[2] + empty[3]));
		bench_also("bpf_query_ns", ours[0], "ns");
		bench_also("bpf_least_event_ns", event, "ns");
		bench_also("bpf_nop_ns", empty[1], "ns");
		bench_also("bpf_tcp_from_pod_vs_nop", ours[1] / empty[1], "ratio");
		bench_also("bpf_tcp_to_pod_vs_nop", ours[2] / empty[2], "ratio");
		bench_also("bpf_udp_from_pod_vs_nop", ours[3] / empty[3], "ratio");
	}
}

int main(void)
{
	struct lab lab = { 0 };
	struct bpf_object *object;
	struct nt_pod pod;
	__u64 id = 1;

	place_enter();
	bench_pin(sched_getcpu());
	lab.taps = place_taps();
	pod = place_pod("pod", 1);
	lab.ifindex = pod.ifindex;
	place_attach(lab.taps, &pod);
	/* Until then a packet is seen once only, and here one packet runs many times. */
	place_settle(lab.taps, &pod);
	object = place_yardsticks();
	lab.ours = place_our_ring(lab.taps);
	lab.theirs = place_ring(bpf_object__find_map_fd_by_name(object, "events"));
	if (bpf_map_update_elem(bpf_object__find_map_fd_by_name(object, "links"), &lab.ifindex, &id,
				BPF_ANY) < 0)
		bench_die("map links: %s", strerror(errno));
	rounds(&lab, place_program(NT_PIN_FROM_POD), place_program(NT_PIN_TO_POD),
	       place_yardstick(object, "nop"), place_yardstick(object, "least_event"));
	check(&lab, &pod, (uint64_t)bench_rounds() * REPEAT);
	nt_ring_close(lab.ours);
	ring_buffer__free(lab.theirs);
	bpf_object__close(object);
	nt_taps_close(lab.taps);
	return 0;
}
