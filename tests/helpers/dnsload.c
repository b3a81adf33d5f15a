/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DNS load over many network namespaces by one process, cheap enough for 50,000 queries a second on
 * two cores: sockets are made inside the namespaces (setns), packets go and come many per call.
 *
 *   dnsload respond NETNS ADDRESS        answers every query with one A record, until SIGTERM
 *   dnsload ask SERVER SECONDS < LIST    a line per client: NETNS RATE NAMES LABEL [COUNT]
 *   dnsload burst SERVER < LIST          the same, all COUNT queries at once, nobody waits
 *
 * NETNS is a path (/run/netns/x). RATE: queries a second. NAMES: so many names, n0.LABEL, n1.LABEL
 * and so on, again and again; 0: a new name each time. COUNT: ends after so many (0: never before
 * SECONDS). Both print "ready" when they begin, and at their end one JSON object per client (of the
 * responder: one) with what was sent and received; "failed" are packets that the kernel refused.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/parse.h"

enum {
	CLIENTS_MAX = 4096,
	BATCH = 64, /* packets per call */
	PACKET = 512,
	TICK_MS = 10,
	DRAIN_MS = 500, /* for the last replies */
	BUFFER = 8 << 20,
};

static volatile sig_atomic_t stopped;

static void on_term(int signal_number)
{
	(void)signal_number;
	stopped = 1;
}

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "dnsload: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* A datagram socket of that network namespace; the process stays in its own. */
static int socket_in(const char *netns, int own_fd, int family)
{
	int fd = open(netns, O_RDONLY | O_CLOEXEC), s, size = BUFFER;

	must(fd != -1 && setns(fd, CLONE_NEWNET) == 0, netns);
	s = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	must(s != -1 && setns(own_fd, CLONE_NEWNET) == 0, netns);
	close(fd);
	(void)setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	(void)setsockopt(s, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	return s;
}

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t parse_address(const char *text, union address *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, text, &ret->v4.sin_addr) == 1) {
		ret->v4.sin_family = AF_INET;
		ret->v4.sin_port = htons(53);
		return sizeof(ret->v4);
	}
	must(inet_pton(AF_INET6, text, &ret->v6.sin6_addr) == 1, text);
	ret->v6.sin6_family = AF_INET6;
	ret->v6.sin6_port = htons(53);
	return sizeof(ret->v6);
}

/* Packets of one call, with addresses where the socket is not connected. */
struct batch {
	struct mmsghdr msgs[BATCH];
	struct iovec iov[BATCH];
	union address from[BATCH];
	uint8_t octets[BATCH][PACKET];
};

static struct batch batch;

static void batch_reset(bool addresses)
{
	for (int i = 0; i < BATCH; i++) {
		batch.iov[i] = (struct iovec){ .iov_base = batch.octets[i], .iov_len = PACKET };
		batch.msgs[i].msg_hdr =
			(struct msghdr){ .msg_iov = &batch.iov[i], .msg_iovlen = 1 };
		if (!addresses)
			continue;
		batch.msgs[i].msg_hdr.msg_name = &batch.from[i];
		batch.msgs[i].msg_hdr.msg_namelen = sizeof(batch.from[i]);
	}
}

/* Sends batch.msgs[0 .. n - 1]; returns how many the kernel took. */
static int send_batch(int fd, int n)
{
	int sent = 0;

	while (sent < n) {
		int r = sendmmsg(fd, batch.msgs + sent, (unsigned)(n - sent), 0);

		if (r > 0)
			sent += r;
		else if (errno == EAGAIN)
			(void)poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, TICK_MS);
		else if (errno != EINTR)
			break;
	}
	return sent;
}

/* --- the responder ---------------------------------------------------------------------------- */

/* The query with a header and one record more; its length, 0 when it is no query of one name. */
static size_t answer(uint8_t *p, size_t len)
{
	static const uint8_t record[16] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1 };

	if (len < 17 || len + sizeof(record) > PACKET || p[2] & 0x80)
		return 0;
	p[2] = 0x81;
	p[3] = 0x80;
	p[7] = 1;
	memset(p + 8, 0, 4);
	memcpy(p + len, record, sizeof(record));
	return len + sizeof(record);
}

static void respond(const char *netns, const char *where, int own_fd)
{
	uint64_t received = 0, sent = 0;
	union address address;
	socklen_t len = parse_address(where, &address);
	int fd = socket_in(netns, own_fd, address.any.sa_family);

	must(bind(fd, &address.any, len) == 0, where);
	printf("ready\n");
	fflush(stdout);
	while (!stopped) {
		int n, kept = 0;

		batch_reset(true);
		n = recvmmsg(fd, batch.msgs, BATCH, 0, NULL);
		if (n <= 0) {
			(void)poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 100);
			continue;
		}
		received += (uint64_t)n;
		for (int i = 0; i < n; i++) {
			batch.iov[i].iov_len = answer(batch.octets[i], batch.msgs[i].msg_len);
			if (batch.iov[i].iov_len)
				batch.msgs[kept++].msg_hdr = batch.msgs[i].msg_hdr;
		}
		sent += (uint64_t)send_batch(fd, kept);
	}
	printf("{\"received\":%llu,\"sent\":%llu}\n", (unsigned long long)received,
	       (unsigned long long)sent);
}

/* --- the clients ------------------------------------------------------------------------------ */

struct client {
	char netns[128], label[128];
	uint64_t rate, names, count;
	uint64_t sent, received, failed;
	int fd;
};

static struct client clients[CLIENTS_MAX];
static size_t clients_len;

static void read_clients(const union address *server, socklen_t len, int own_fd)
{
	char line[512];

	while (fgets(line, sizeof(line), stdin)) {
		struct client *c = &clients[clients_len];
		unsigned long long rate, names, count = 0;

		errno = EINVAL;
		must(clients_len < CLIENTS_MAX &&
			     sscanf(line, "%127s %llu %llu %127s %llu", c->netns, &rate, &names,
				    c->label, &count) >= 4,
		     "a line of the list");
		c->rate = rate;
		c->names = names;
		c->count = count;
		c->fd = socket_in(c->netns, own_fd, server->any.sa_family);
		must(connect(c->fd, &server->any, len) == 0, c->netns);
		clients_len++;
	}
}

static uint8_t *put_label(uint8_t *p, const char *text, size_t len)
{
	*p++ = (uint8_t)len;
	memcpy(p, text, len);
	return p + len;
}

/* Query number i of a client. */
static size_t build(uint8_t *p, const struct client *c, uint64_t i)
{
	static const uint8_t head[12] = { 0, 0, 1, 0, 0, 1 }, tail[5] = { 0, 0, 1, 0, 1 };
	const char *label = c->label, *dot;
	uint8_t *at = p + sizeof(head);
	char first[24];

	memcpy(p, head, sizeof(head));
	p[0] = (uint8_t)(i >> 8);
	p[1] = (uint8_t)i;
	at = put_label(at, first,
		       (size_t)snprintf(first, sizeof(first), "n%llu",
					(unsigned long long)(c->names ? i % c->names : i)));
	for (; (dot = strchr(label, '.')); label = dot + 1)
		at = put_label(at, label, (size_t)(dot - label));
	at = put_label(at, label, strlen(label));
	memcpy(at, tail, sizeof(tail));
	return (size_t)(at - p) + sizeof(tail);
}

static void ask(struct client *c, uint64_t n)
{
	while (n && !stopped) {
		int some = n < BATCH ? (int)n : BATCH, sent;

		for (int i = 0; i < some; i++)
			batch.iov[i].iov_len =
				build(batch.octets[i], c, c->sent + c->failed + (uint64_t)i);
		sent = send_batch(c->fd, some);
		c->sent += (uint64_t)sent;
		c->failed += (uint64_t)(some - sent);
		n -= (uint64_t)some;
	}
}

static void take_replies(struct client *c)
{
	int n;

	do {
		batch_reset(false);
		n = recvmmsg(c->fd, batch.msgs, BATCH, MSG_DONTWAIT, NULL);
		c->received += n > 0 ? (uint64_t)n : 0;
	} while (n == BATCH);
}

/* Replies for that long. */
static void listen_for(int epoll_fd, int64_t ms)
{
	int64_t until = now_ns() + ms * 1000000, left;
	struct epoll_event events[BATCH];

	while ((left = until - now_ns()) > 0) {
		int n = epoll_wait(epoll_fd, events, BATCH, (int)(left / 1000000) + 1);

		for (int i = 0; i < n; i++)
			take_replies(events[i].data.ptr);
	}
}

static uint64_t due(const struct client *c, int64_t elapsed_ns)
{
	uint64_t done = c->sent + c->failed;
	uint64_t want = (uint64_t)((double)c->rate * (double)elapsed_ns / 1e9);

	if (c->count && want > c->count)
		want = c->count;
	return want > done ? want - done : 0;
}

static void run(uint64_t seconds, int epoll_fd)
{
	int64_t start = now_ns(), end = start + (int64_t)seconds * 1000000000, now;

	while (!stopped && (now = now_ns()) < end) {
		for (size_t i = 0; i < clients_len && !stopped; i++) {
			uint64_t n = due(&clients[i], now - start);

			batch_reset(false);
			ask(&clients[i], n);
		}
		listen_for(epoll_fd, TICK_MS);
	}
}

static void ask_all(const char *server, uint64_t seconds, bool burst, int own_fd)
{
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	union address address;
	socklen_t len = parse_address(server, &address);

	read_clients(&address, len, own_fd);
	for (size_t i = 0; i < clients_len; i++) {
		struct epoll_event e = { .events = EPOLLIN, .data.ptr = &clients[i] };

		must(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, clients[i].fd, &e) == 0, "epoll");
	}
	printf("ready\n");
	fflush(stdout);
	for (size_t i = 0; burst && i < clients_len; i++) {
		batch_reset(false);
		ask(&clients[i], clients[i].count);
	}
	if (!burst)
		run(seconds, epoll_fd);
	listen_for(epoll_fd, DRAIN_MS);
	for (size_t i = 0; i < clients_len; i++)
		printf("{\"netns\":\"%s\",\"sent\":%llu,\"received\":%llu,\"failed\":%llu}\n",
		       clients[i].netns, (unsigned long long)clients[i].sent,
		       (unsigned long long)clients[i].received,
		       (unsigned long long)clients[i].failed);
}

int main(int argc, char **argv)
{
	struct sigaction term = { .sa_handler = on_term };
	int own_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	uint64_t seconds = 0;

	sigaction(SIGTERM, &term, NULL);
	sigaction(SIGINT, &term, NULL);
	errno = EINVAL;
	if (argc == 4 && strcmp(argv[1], "respond") == 0) {
		respond(argv[2], argv[3], own_fd);
	} else if (argc == 4 && strcmp(argv[1], "ask") == 0) {
		must(nt_parse_u64(nt_slice_str(argv[3]), 1 << 30, &seconds) == 0, "SECONDS");
		ask_all(argv[2], seconds, false, own_fd);
	} else if (argc == 3 && strcmp(argv[1], "burst") == 0) {
		ask_all(argv[2], 0, true, own_fd);
	} else {
		must(false, "see the head of its source for the arguments");
	}
	return 0;
}
