/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pod under a flood of DNS datagrams in both directions, as fast as two processes can send, and
 * what the kernel counted at its host link: for tests that nothing is missed and nothing doubled.
 * No other packet crosses the link (no IPv6, neighbours known, nobody answers).
 */
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "tests/bpf/lab.h"
#include "tests/bpf/packet.h"

#define FLOOD_HOST "10.1.0.1"
#define FLOOD_POD "10.1.0.2"

struct flood {
	pid_t pids[NT_DIR_MAX];
};

/* The pod "pod" with host link h0; addresses as above. */
static inline struct nt_pod flood_pod(void)
{
	struct nt_pod pod;

	lab_run("echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; "
		"echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6");
	pod = lab_pod("pod", "h0", "c1");
	lab_run("ip netns exec pod sh -c 'echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6' && "
		"ip addr add " FLOOD_HOST "/24 dev h0 && ip link set h0 up && ip link set lo up && "
		"ip -n pod addr add " FLOOD_POD "/24 dev eth0 && ip -n pod link set eth0 up && "
		"ip neigh add " FLOOD_POD " dev h0 lladdr "
		"$(ip netns exec pod cat /sys/class/net/eth0/address) && "
		"ip -n pod neigh add " FLOOD_HOST " dev eth0 lladdr "
		"$(ip -j link show h0 | grep -o '\"address\":\"[^\"]*' | cut -d'\"' -f4)");
	return pod;
}

static inline int flood_socket(const char *ip, unsigned port, const char *to, unsigned to_port)
{
	struct sockaddr_in from = { .sin_family = AF_INET, .sin_port = htons((__u16)port) };
	struct sockaddr_in dest = { .sin_family = AF_INET, .sin_port = htons((__u16)to_port) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, ip, &from.sin_addr);
	inet_pton(AF_INET, to, &dest.sin_addr);
	if (fd < 0 || bind(fd, (void *)&from, sizeof(from)) == -1 ||
	    connect(fd, (void *)&dest, sizeof(dest)) == -1)
		_exit(2);
	return fd;
}

/* Its socket is there for the other's datagrams, too: without one the kernel would answer. */
static inline void flood_send(enum nt_dir dir, int ready, int go)
{
	bool from_pod = dir == NT_DIR_FROM_POD;
	/* On one CPU, as an emulated machine has, nobody else would come to anything. */
	bool is_alone = sysconf(_SC_NPROCESSORS_ONLN) == 1;
	cpu_set_t all;
	char octet;
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CPU_ZERO(&all);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		CPU_SET(cpu, &all);
	(void)sched_setaffinity(0, sizeof(all), &all);
	if (from_pod && setns(open("/run/netns/pod", O_RDONLY | O_CLOEXEC), CLONE_NEWNET) == -1)
		_exit(1);
	fd = from_pod ? flood_socket(FLOOD_POD, 40000, FLOOD_HOST, 53)
		      : flood_socket(FLOOD_HOST, 53, FLOOD_POD, 40000);
	if (write(ready, "", 1) != 1 || read(go, &octet, 1) != 1)
		_exit(3);
	for (;;) {
		for (int i = 0; i < 16; i++)
			(void)send(fd, QUERY, QUERY_LEN, 0);
		if (is_alone)
			(void)poll(NULL, 0, 1);
	}
}

static inline struct flood flood_begin(void)
{
	struct flood f;
	int ready[2], go[2];
	char octet;

	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(go, O_CLOEXEC), 0);
	for (int dir = 0; dir < NT_DIR_MAX; dir++) {
		f.pids[dir] = fork();
		if (f.pids[dir] == 0)
			flood_send(dir, ready[1], go[0]);
	}
	for (int dir = 0; dir < NT_DIR_MAX; dir++)
		ck_assert_int_eq(read(ready[0], &octet, 1), 1);
	ck_assert_int_eq(write(go[1], "ab", NT_DIR_MAX), NT_DIR_MAX);
	for (int i = 0; i < 2; i++) {
		close(ready[i]);
		close(go[i]);
	}
	return f;
}

/* Datagrams that came to the programs of h0, by the counts of the link itself: what the pod's end
 * could hand over; what went out, and what veth dropped after the programs. */
static inline void flood_link(__u64 ret_packets[NT_DIR_MAX])
{
	FILE *f = fopen("/proc/net/dev", "re");
	unsigned long long n[12] = { 0 };
	char line[512];

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f)) {
		char *at = strstr(line, " h0:");

		if (!at)
			continue;
		at += 4;
		for (int i = 0; i < 12; i++)
			n[i] = strtoull(at, &at, 10);
	}
	fclose(f);
	ret_packets[NT_DIR_FROM_POD] = n[1];
	ret_packets[NT_DIR_TO_POD] = n[9] + n[11];
}

/* Both stop before the first socket goes. */
static inline void flood_end(struct flood *f)
{
	__u64 before[NT_DIR_MAX], now[NT_DIR_MAX] = { 0 };

	for (int dir = 0; dir < NT_DIR_MAX; dir++) {
		kill(f->pids[dir], SIGSTOP);
		ck_assert_int_eq(waitpid(f->pids[dir], NULL, WUNTRACED), f->pids[dir]);
	}
	do {
		memcpy(before, now, sizeof(now));
		poll(NULL, 0, 50);
		flood_link(now);
	} while (memcmp(before, now, sizeof(now)) != 0);
	for (int dir = 0; dir < NT_DIR_MAX; dir++) {
		kill(f->pids[dir], SIGKILL);
		ck_assert_int_eq(waitpid(f->pids[dir], NULL, 0), f->pids[dir]);
	}
}

/* Seen once, each of them, in both directions. */
static inline void flood_check(struct nt_taps *t, __u64 ep_id)
{
	__u64 link[NT_DIR_MAX];
	struct nt_counters c;

	for (int i = 0; i < 500; i++) { /* the last ones may be under way */
		c = lab_counters(t, ep_id);
		flood_link(link);
		if (c.seq[0] == link[0] && c.seq[1] == link[1])
			break;
		poll(NULL, 0, 10);
	}
	ck_assert_uint_eq(c.seq[NT_DIR_FROM_POD], link[NT_DIR_FROM_POD]);
	ck_assert_uint_eq(c.seq[NT_DIR_TO_POD], link[NT_DIR_TO_POD]);
	ck_assert_uint_gt(link[0], 0);
	ck_assert_uint_gt(link[1], 0);
}
