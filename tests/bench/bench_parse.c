/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nt_dns_parse against libknot's knot_pkt_parse on the DNS messages of a capture, CPU per message;
 * one thread, same octets, in turns. libknot is used as its documentation does, with malloc; with
 * an allocator that only counts up it is printed beside.
 *
 *   bench_parse CAPTURE
 */
#include <libknot/libknot.h>

#include "lib/base/buf.h"
#include "lib/dns/message.h"
#include "lib/pcap/pcap.h"
#include "tests/bench/bench.h"

enum { POOL_BYTES = 1 << 18 };

struct messages {
	struct nt_buf octets;
	struct nt_buf at; /* uint32_t: where each begins; one more at the end */
	size_t len;
};

static void read_messages(const char *path, struct messages *m)
{
	struct nt_pcap_frame frame;
	struct nt_err err = { 0 };
	struct nt_pcap *pcap = nt_pcap_open(path, &err);
	uint32_t at;
	int r = 0;

	while (pcap && (r = nt_pcap_next(pcap, &frame, &err)) > 0) {
		if (frame.packet.kind != NT_PACKET_UDP)
			continue;
		at = (uint32_t)m->octets.len;
		nt_buf_add(&m->at, &at, sizeof(at));
		nt_buf_slice(&m->octets, frame.packet.payload);
		m->len++;
	}
	at = (uint32_t)m->octets.len;
	nt_buf_add(&m->at, &at, sizeof(at));
	if (!pcap || r < 0 || !m->len || !nt_buf_ok(&m->octets) || !nt_buf_ok(&m->at))
		bench_die("%s: %s", path, err.msg);
	nt_pcap_close(pcap);
}

static struct nt_slice message(const struct messages *m, size_t i)
{
	const uint32_t *at = (const void *)m->at.p;

	return nt_slice_mem(m->octets.p + at[i], at[i + 1] - at[i]);
}

static double ours_ns(const struct messages *m)
{
	uint64_t start = bench_cpu_ns();
	struct nt_dns_msg msg;

	for (size_t i = 0; i < m->len; i++)
		if (nt_dns_parse(message(m, i), &msg) < 0)
			bench_die("message %zu does not parse", i);
	return (double)(bench_cpu_ns() - start) / (double)m->len;
}

static void parse_knot(struct nt_slice s, knot_mm_t *mm)
{
	knot_pkt_t *pkt = knot_pkt_new((void *)s.p, (uint16_t)s.len, mm);

	if (!pkt || knot_pkt_parse(pkt, 0) != KNOT_EOK)
		bench_die("libknot does not parse a message");
	knot_pkt_free(pkt);
}

static double knot_ns(const struct messages *m)
{
	uint64_t start = bench_cpu_ns();

	for (size_t i = 0; i < m->len; i++)
		parse_knot(message(m, i), NULL);
	return (double)(bench_cpu_ns() - start) / (double)m->len;
}

static struct {
	_Alignas(16) char octets[POOL_BYTES];
	size_t used;
} pool;

static void *pool_alloc(void *ctx, size_t len)
{
	size_t at = pool.used;

	(void)ctx;
	pool.used += (len + 15) & ~(size_t)15;
	return pool.used <= sizeof(pool.octets) ? pool.octets + at : NULL;
}

static void pool_free(void *p)
{
	(void)p;
}

static double knot_pool_ns(const struct messages *m)
{
	knot_mm_t mm = { .alloc = pool_alloc, .free = pool_free };
	uint64_t start = bench_cpu_ns();

	for (size_t i = 0; i < m->len; i++) {
		pool.used = 0;
		parse_knot(message(m, i), &mm);
	}
	return (double)(bench_cpu_ns() - start) / (double)m->len;
}

int main(int argc, char **argv)
{
	struct messages m = { 0 };
	double ours = 0, knot = 0;

	if (argc != 2)
		bench_die("usage: bench_parse CAPTURE");
	read_messages(argv[1], &m);
	(void)ours_ns(&m);
	(void)knot_ns(&m);
	for (unsigned i = 0; i < bench_rounds(); i++) {
		for (unsigned half = 0; half < 2; half++) {
			if ((i + half) % 2)
				ours = ours_ns(&m);
			else
				knot = knot_ns(&m);
		}
		bench_round("parse_vs_libknot", ours / knot);
		bench_also("parse_ns", ours, "ns/message");
		bench_also("libknot_ns", knot, "ns/message");
		bench_also("libknot_pool_ns", knot_pool_ns(&m), "ns/message");
	}
	nt_buf_done(&m.octets);
	nt_buf_done(&m.at);
	return 0;
}
