/* SPDX-License-Identifier: Apache-2.0 */
/* Real packets between a pod of lab.h ("pod", eth0) and its host link, and what came of them. */
#pragma once

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include "tests/bpf/lab.h"

#define NOBODY 65534
/* For what must come: as long as a slow machine may take. */
#define PATIENCE_MS 20000

static const struct {
	const char *pod;
	const char *host;
	int version;
} families[] = { { "10.1.0.2", "10.1.0.1", 4 }, { "fd01::2", "fd01::1", 6 } };

static inline bool is_older_than(unsigned major, unsigned minor)
{
	unsigned have_major, have_minor;
	struct utsname u;

	ck_assert_int_eq(uname(&u), 0);
	ck_assert_int_eq(sscanf(u.release, "%u.%u", &have_major, &have_minor), 2);
	return have_major < major || (have_major == major && have_minor < minor);
}

/* Several datagrams of one send cross the link as one skb. The veth of older kernels does not
 * offer that, and the sender's kernel cuts them apart before. */
static inline bool veth_takes_trains(void)
{
	return !is_older_than(5, 11);
}

/* A pod with the addresses of `families` at both ends of its link. */
static inline struct nt_pod traffic_pod(void)
{
	struct nt_pod pod = lab_pod("pod", "h0", "c1");

	lab_run("ip addr add 10.1.0.1/24 dev h0 && ip -6 addr add fd01::1/64 dev h0 nodad && "
		"ip link set h0 up && ip link set lo up");
	lab_run("ip -n pod addr add 10.1.0.2/24 dev eth0 && "
		"ip -n pod -6 addr add fd01::2/64 dev eth0 nodad && ip -n pod link set eth0 up");
	return pod;
}

static inline struct sockaddr_storage address(const char *text, unsigned port, socklen_t *ret_len)
{
	struct sockaddr_storage out = {};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out;

	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((__u16)port);
		*ret_len = sizeof(*v4);
	} else {
		ck_assert_int_eq(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((__u16)port);
		*ret_len = sizeof(*v6);
	}
	return out;
}

/* A socket bound to that address, or -1. */
static inline int bound_socket(const char *at, unsigned port, int type)
{
	socklen_t len;
	struct sockaddr_storage local = address(at, port, &len);
	int one = 1, fd = socket(local.ss_family, type | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (void *)&local, len) == 0)
		return fd;
	close(fd);
	return -1;
}

static inline int send_one(const char *from, unsigned sport, const char *to, unsigned dport,
			   const void *data, size_t len, int gso_size)
{
	socklen_t to_len;
	struct sockaddr_storage remote = address(to, dport, &to_len);
	int fd = bound_socket(from, sport, SOCK_DGRAM);

	if (fd == -1)
		return errno;
	if (gso_size && setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &gso_size, sizeof(gso_size)) == -1)
		return errno;
	if (sendto(fd, data, len, 0, (void *)&remote, to_len) != (ssize_t)len)
		return errno;
	close(fd);
	return 0;
}

/* The caller, a child, is in the pod now and may do nothing. */
static inline void become_pod(void)
{
	int ns = open("/run/netns/pod", O_RDONLY | O_CLOEXEC);

	if (setns(ns, CLONE_NEWNET) == -1 || setresgid(NOBODY, NOBODY, NOBODY) == -1 ||
	    setresuid(NOBODY, NOBODY, NOBODY) == -1)
		_exit(1);
	close(ns);
}

static inline void reap(pid_t pid)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

/* For whole frames on a link. netns: where the link is, by name; NULL: here. protocol: what is
 * received (ETH_P_ALL); 0: nothing. */
static inline int packet_socket(const char *netns, const char *link, int protocol)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(protocol) };
	int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), there, fd;
	char path[64];

	if (netns) {
		snprintf(path, sizeof(path), "/run/netns/%s", netns);
		there = open(path, O_RDONLY | O_CLOEXEC);
		ck_assert_int_eq(setns(there, CLONE_NEWNET), 0);
		close(there);
	}
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(protocol));
	ck_assert_int_ge(fd, 0);
	at.sll_ifindex = (int)if_nametoindex(link);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(setns(own, CLONE_NEWNET), 0);
	close(own);
	return fd;
}

/* From the pod, by a process that may do nothing. */
static inline void pod_sends(const char *from, const char *to, const void *data, size_t len,
			     int gso_size)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		become_pod();
		_exit(send_one(from, 40000, to, 53, data, len, gso_size));
	}
	reap(pid);
}

/* Until that many events are there; address resolution may hold packets back for a moment. */
static inline void wait_events(struct lab_ring *ring, unsigned n)
{
	unsigned have = 0;

	ring->len = 0;
	for (int i = 0; i < PATIENCE_MS / 10 && have < n; i++) {
		ck_assert_int_ge(ring_buffer__consume(ring->rb), 0);
		have = ring->len;
		if (have < n)
			poll(NULL, 0, 10);
	}
	ck_assert_uint_eq(have, n);
}

/* --- long streams --- */

#define STREAM_LEN (300 * 1000)

static inline void fill(__u8 *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (__u8)(i * 31 + i / 251);
}

/* Connects and sends all of it at once, so that offload makes long segments. */
static inline int stream_to(const char *to)
{
	static __u8 data[STREAM_LEN];
	socklen_t len;
	struct sockaddr_storage remote = address(to, 53, &len);
	int fd = socket(remote.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), room = STREAM_LEN;

	fill(data, sizeof(data));
	if (fd == -1 || setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)) == -1 ||
	    connect(fd, (void *)&remote, len) == -1)
		return 3;
	for (size_t at = 0; at < sizeof(data);) {
		ssize_t n = send(fd, data + at, sizeof(data) - at, 0);

		if (n <= 0)
			return 4;
		at += (size_t)n;
	}
	return close(fd);
}

static inline int stream_listen(const char *host)
{
	int fd = bound_socket(host, 53, SOCK_STREAM);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(listen(fd, 4), 0);
	return fd;
}

/* Reads to the end; what is read is emptied out of the ring, too. */
static inline void stream_read(int listener, struct lab_ring *ring)
{
	static __u8 got[65536];
	int fd = accept(listener, NULL, NULL);
	size_t sum = 0;
	ssize_t n;

	ck_assert_int_ge(fd, 0);
	while ((n = read(fd, got, sizeof(got))) > 0) {
		sum += (size_t)n;
		ck_assert_int_ge(ring_buffer__consume(ring->rb), 0);
	}
	ck_assert_uint_eq(sum, STREAM_LEN);
	close(fd);
}

/* What stream_to sent in the child: all of it is in the events, some of which are of a segment that
 * is longer than one may be, and each event has all of its payload. */
static inline void stream_take(int listener, pid_t child, struct lab_ring *ring)
{
	static __u8 want[STREAM_LEN];
	unsigned long_ones = 0;

	ring->len = 0;
	stream_read(listener, ring);
	reap(child);
	poll(NULL, 0, 50);
	ck_assert_int_ge(ring_buffer__consume(ring->rb), 0);
	for (unsigned i = 0; i < ring->len; i++) {
		const struct nt_event *e = &ring->events[i];

		ck_assert_uint_eq(e->l4proto, IPPROTO_TCP);
		ck_assert_uint_eq(e->cap_len, e->payload_len);
		ck_assert_uint_eq(e->flags, 0);
		ck_assert_uint_eq(e->gso_segs, 1);
		long_ones += e->payload_len == NT_CAP_MAX;
	}
	fill(want, sizeof(want));
	ck_assert_uint_eq(ring->stream_len, sizeof(want));
	ck_assert_mem_eq(ring->stream, want, sizeof(want));
	ck_assert_uint_gt(long_ones, 0);
}
