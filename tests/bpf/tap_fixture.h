/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the tests of the tap programs: objects loaded for each test, one endpoint at the loopback
 * link, packets through BPF_PROG_TEST_RUN, events and counters compared. One suite per program.
 */
#pragma once

#include "tests/bpf/lab.h"
#include "tests/bpf/packet.h"

#include <linux/bpf.h>

#include "tests/unit/suite.h"

#define EP_ID 4711
#define IFINDEX 1 /* loopback: where BPF_PROG_TEST_RUN says that packets are */

/* Flags of a TCP header. */
enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

static struct nt_taps *taps;
static struct lab_ring *ring;
static int prog[NT_DIR_MAX];

static inline void write_endpoint(void)
{
	struct nt_counters *zero = calloc((size_t)nt_taps_cpus(taps), sizeof(*zero));
	struct nt_endpoint ep = { .ep_id = EP_ID };
	__u32 ifindex = IFINDEX;
	__u64 ep_id = EP_ID;

	ck_assert_int_eq(bpf_map_update_elem(nt_taps_counters_fd(taps), &ep_id, zero, BPF_ANY), 0);
	ck_assert_int_eq(bpf_map_update_elem(nt_taps_endpoints_fd(taps), &ifindex, &ep, BPF_ANY),
			 0);
	free(zero);
}

static inline void set_up_with(const struct nt_taps_config *config)
{
	taps = lab_open(config);
	ring = lab_ring_new(taps);
	prog[NT_DIR_FROM_POD] = bpf_obj_get(LAB_ROOT "/" NT_PIN_FROM_POD);
	prog[NT_DIR_TO_POD] = bpf_obj_get(LAB_ROOT "/" NT_PIN_TO_POD);
	ck_assert_int_ge(prog[0], 0);
	ck_assert_int_ge(prog[1], 0);
	write_endpoint();
}

static inline void set_up(void)
{
	set_up_with(NULL);
}

static inline void tear_down(void)
{
	close(prog[0]);
	close(prog[1]);
	lab_ring_free(ring);
	lab_remove(taps);
}

static inline void again_with(const struct nt_taps_config *config)
{
	tear_down();
	set_up_with(config);
}

/* The packet must pass on unchanged, whatever it is. */
static inline void run_gso(const struct packet *p, enum nt_dir dir, unsigned gso_size)
{
	struct __sk_buff skb = { .gso_size = gso_size, .gso_segs = gso_size ? 2 : 0 };
	__u8 after[sizeof(p->octets) + 512];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p->octets, .data_size_in = (__u32)p->len,
		    .data_out = after, .data_size_out = sizeof(after), .ctx_in = &skb,
		    .ctx_size_in = sizeof(skb));

	ck_assert_int_eq(bpf_prog_test_run_opts(prog[dir], &opts), 0);
	ck_assert_int_eq((int)opts.retval, -1);
	ck_assert_uint_eq(opts.data_size_out, p->len);
	ck_assert_mem_eq(after, p->octets, p->len);
}

static inline void run(const struct packet *p, enum nt_dir dir)
{
	run_gso(p, dir, 0);
}

static inline struct nt_counters counters(void)
{
	return lab_counters(taps, EP_ID);
}

static inline struct nt_event expected(const struct packet *p, enum nt_dir dir)
{
	const __u8 *udp = p->octets + p->udp;
	struct nt_event e = {
		.version = NT_ABI_VERSION,
		.dir = (__u8)dir,
		.ip_version = (__u8)p->version,
		.l4proto = IPPROTO_UDP,
		.hdr_len = sizeof(e),
		.ep_id = EP_ID,
		.epoch = 1,
		.cpu = (__u32)sched_getcpu(),
		.ifindex = IFINDEX,
		.payload_len = (__u32)(p->len - p->udp - sizeof(struct udphdr)),
		.cap_len = (__u32)(p->len - p->udp - sizeof(struct udphdr)),
		.gso_segs = 1,
		.sport = (__u16)(udp[0] << 8 | udp[1]),
		.dport = (__u16)(udp[2] << 8 | udp[3]),
	};

	if (p->version == 4) {
		memcpy(e.saddr, p->octets + p->ip + 12, 4);
		memcpy(e.daddr, p->octets + p->ip + 16, 4);
	} else {
		memcpy(e.saddr, p->octets + p->ip + 8, 16);
		memcpy(e.daddr, p->octets + p->ip + 24, 16);
	}
	return e;
}

/* One event, equal to `want` in each octet but the time, and the payload behind it. */
static inline void check_event(struct nt_event want, const void *payload)
{
	struct nt_event got;

	ck_assert_uint_eq(lab_drain(ring), 1);
	got = ring->events[0];
	ck_assert_uint_le(got.time_ns, lab_boot_ns());
	ck_assert_uint_gt(got.time_ns + 10000000000ULL, lab_boot_ns());
	want.time_ns = got.time_ns;
	ck_assert_mem_eq(&got, &want, sizeof(got));
	ck_assert_mem_eq(ring->payload, payload, want.cap_len);
}

/* Runs it and expects the plain event. */
static inline void check_captured(const struct packet *p, enum nt_dir dir)
{
	run(p, dir);
	check_event(expected(p, dir), p->octets + p->udp + sizeof(struct udphdr));
}

static inline void check_nothing(const struct packet *p)
{
	struct nt_counters before = counters(), after;

	for (int dir = 0; dir < NT_DIR_MAX; dir++)
		run(p, dir);
	after = counters();
	ck_assert_mem_eq(&before, &after, sizeof(after));
	ck_assert_uint_eq(lab_drain(ring), 0);
}

/* One sequence number is gone and one loss of that reason is counted. */
static inline void check_lost(const struct packet *p, enum nt_dir dir, enum nt_loss reason)
{
	struct nt_counters want = counters(), got;

	want.seq[dir]++;
	want.lost[dir][reason]++;
	run(p, dir);
	got = counters();
	ck_assert_mem_eq(&got, &want, sizeof(got));
	ck_assert_uint_eq(lab_drain(ring), 0);
}
