/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends DNS queries itself and counts exactly what went out and came in, datagram by datagram.
 * Needs no privilege.
 *
 *	client_raw --server ADDRESS [--port 53] [--name NAME] [--type A] [--count 1]
 *		   [--interval MS] [--timeout MS] [--id N] [--gso | --malformed] [--once] [--edns]
 *
 * --interval  between sends, default 10; 0: as fast as it goes
 * --timeout   how long to wait for replies after the last send, default 2000
 * --gso       two messages (A, then AAAA; ids N, N + 1) in one send with UDP_SEGMENT: two datagrams
 * --malformed a header that promises a question and a label that runs out of the packet
 * --once      one query, and out as soon as its reply is there
 * --edns      with an OPT record: a server that blocks a name can say so
 *
 * The last line is {"sent":N,"received":N,"strange":N,"refused":N,"bytes_sent":N,
 * "bytes_received":N,"nxdomain":N,"blocked":N,"slowest_us":N}. strange: no reply to anything sent
 * (they are in received too); refused: ICMP errors that the socket told; blocked: replies with the
 * extended DNS error 15 (RFC 8914); slowest: the longest wait for a reply. SIGTERM ends sending;
 * replies may come for another 200 ms. Exit 0 when everything could be sent, 2 on wrong use.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "lib/base/addr.h"
#include "lib/base/cleanup.h"
#include "lib/base/parse.h"
#include "lib/dns/name.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum {
	MESSAGE_MAX = 512,
	HEADER = 12,
	TYPE_A = 1,
	TYPE_AAAA = 28,
	TYPE_OPT = 41,
	RCODE_NXDOMAIN = 3,
	OPTION_ERROR = 15, /* RFC 8914 */
	ERROR_BLOCKED = 15,
	LAST_REPLIES_MS = 200,
};

struct options {
	struct nt_addr server;
	uint64_t port, count, interval_ms, timeout_ms, id;
	struct nt_name name;
	uint16_t type;
	bool gso, malformed, once, edns;
};

struct totals {
	uint64_t sent, received, strange, refused, bytes_sent, bytes_received;
	uint64_t nxdomain, blocked, slowest_us;
	uint64_t failed; /* sends that the kernel refused */
};

static int64_t sent_at_us[UINT16_MAX + 1]; /* by message id */

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
	(void)signal_number;
	stopped = 1;
}

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t now_ms(void)
{
	return now_us() / 1000;
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static size_t build_query(uint8_t *out, const struct options *o, uint16_t id, uint16_t type)
{
	size_t len = HEADER;

	memset(out, 0, HEADER);
	put16(out, id);
	out[2] = 0x01; /* RD */
	out[5] = 1; /* QDCOUNT */
	if (o->malformed) {
		out[len++] = 63;
		memcpy(out + len, "broken", 6);
		return len + 6;
	}
	memcpy(out + len, o->name.wire, o->name.len);
	len += o->name.len;
	put16(out + len, type);
	put16(out + len + 2, 1);
	len += 4;
	if (o->edns) {
		static const uint8_t opt[] = { 0, 0, TYPE_OPT, 1232 >> 8, 1232 & 255, 0,
					       0, 0, 0,	       0,	  0 };

		out[11] = 1; /* ARCOUNT */
		memcpy(out + len, opt, sizeof(opt));
		len += sizeof(opt);
	}
	return len;
}

static int open_socket(const struct options *o)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)o->port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
				    .sin6_port = htons((uint16_t)o->port) };
	bool v4 = o->server.family == 4;
	int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(&in4.sin_addr, o->server.octets, 4);
	memcpy(&in6.sin6_addr, o->server.octets, 16);
	if (fd == -1 || connect(fd, v4 ? (struct sockaddr *)&in4 : (struct sockaddr *)&in6,
				v4 ? sizeof(in4) : sizeof(in6)) == -1) {
		fprintf(stderr, "client_raw: %s\n", strerror(errno));
		exit(1);
	}
	return fd;
}

/* One send; an ICMP error that waits in the socket is counted and does not cost the send. */
static bool send_datagrams(int fd, const uint8_t *p, size_t len, uint64_t datagrams,
			   struct totals *t)
{
	for (int tries = 0; tries < 8; tries++) {
		ssize_t n = send(fd, p, len, 0);

		if (n == (ssize_t)len) {
			t->sent += datagrams;
			t->bytes_sent += len;
			return true;
		}
		if (errno == EAGAIN || errno == ENOBUFS) {
			(void)poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, 100);
			continue;
		}
		if (errno != ECONNREFUSED && errno != EHOSTUNREACH)
			break;
		t->refused++;
	}
	t->failed++;
	return false;
}

static bool send_next(int fd, const struct options *o, uint16_t id, struct totals *t)
{
	uint8_t message[2 * MESSAGE_MAX];
	size_t len = build_query(message, o, id, o->gso ? TYPE_A : o->type);
	int segment = (int)len;

	sent_at_us[id] = sent_at_us[(uint16_t)(id + 1)] = now_us();
	if (!o->gso)
		return send_datagrams(fd, message, len, 1, t);
	len += build_query(message + len, o, (uint16_t)(id + 1), TYPE_AAAA);
	if (setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)) == -1) {
		fprintf(stderr, "client_raw: UDP_SEGMENT: %s\n", strerror(errno));
		exit(1);
	}
	return send_datagrams(fd, message, len, 2, t);
}

/* Where a name ends, a pointer being its end; len when it runs out of the message. */
static size_t skip_name(const uint8_t *p, size_t len, size_t at)
{
	while (at < len && p[at] && p[at] < 64)
		at += 1U + p[at];
	return at < len ? at + (p[at] ? 2 : 1) : len;
}

/* Does the OPT record's data say that the name is blocked? */
static bool says_blocked(const uint8_t *p, size_t len)
{
	for (size_t at = 0; at + 4 <= len; at += 4U + get16(p + at + 2))
		if (get16(p + at) == OPTION_ERROR && get16(p + at + 2) >= 2 && at + 6 <= len)
			return get16(p + at + 4) == ERROR_BLOCKED;
	return false;
}

static bool is_blocked(const uint8_t *p, size_t len)
{
	unsigned int records = get16(p + 6) + get16(p + 8) + get16(p + 10);
	size_t at = skip_name(p, len, HEADER) + 4;

	while (records-- && at < len) {
		at = skip_name(p, len, at);
		if (at + 10 > len || at + 10 + get16(p + at + 8) > len)
			return false;
		if (get16(p + at) == TYPE_OPT)
			return says_blocked(p + at + 10, get16(p + at + 8));
		at += 10U + get16(p + at + 8);
	}
	return false;
}

static void count_reply(const uint8_t *p, size_t len, struct totals *t)
{
	uint64_t took_us;

	t->received++;
	t->bytes_received += len;
	if (len < HEADER || !(p[2] & 0x80)) {
		t->strange++;
		return;
	}
	took_us = (uint64_t)(now_us() - sent_at_us[get16(p)]);
	t->slowest_us = took_us > t->slowest_us ? took_us : t->slowest_us;
	t->nxdomain += (p[3] & 15) == RCODE_NXDOMAIN;
	t->blocked += is_blocked(p, len);
}

/* Takes what arrives until the time comes, or until all that was sent has its reply. */
static void receive(int fd, int64_t until, bool stop_when_all, struct totals *t)
{
	for (;;) {
		int64_t left = until - now_ms();
		uint8_t reply[65536];
		ssize_t n;

		if (stopped || (stop_when_all && t->received - t->strange >= t->sent))
			return;
		if (poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1,
			 left > 0 ? (int)left : 0) <= 0)
			return;
		n = recv(fd, reply, sizeof(reply), 0);
		if (n == -1) {
			t->refused += errno == ECONNREFUSED || errno == EHOSTUNREACH;
			continue;
		}
		count_reply(reply, (size_t)n, t);
	}
}

static void run(int fd, const struct options *o, struct totals *t)
{
	int64_t due = now_ms(), wait_ms;
	uint16_t id = (uint16_t)o->id;

	for (uint64_t i = 0; i < o->count && !stopped; i++) {
		if (!send_next(fd, o, id, t))
			break;
		id = (uint16_t)(id + (o->gso ? 2 : 1));
		due += (int64_t)o->interval_ms;
		if (i + 1 < o->count)
			receive(fd, due, false, t);
	}
	wait_ms = stopped ? LAST_REPLIES_MS : (int64_t)o->timeout_ms;
	stopped = 0; /* a second signal ends the waiting, too */
	receive(fd, now_ms() + wait_ms, true, t);
}

static bool parse_type(const char *text, uint16_t *ret_type)
{
	static const struct {
		const char *name;
		uint16_t type;
	} types[] = { { "A", 1 },	{ "NS", 2 },	{ "CNAME", 5 }, { "SOA", 6 },
		      { "PTR", 12 },	{ "MX", 15 },	{ "TXT", 16 },	{ "AAAA", 28 },
		      { "SRV", 33 },	{ "DS", 43 },	{ "SVCB", 64 }, { "HTTPS", 65 },
		      { "DNSKEY", 48 }, { "ANY", 255 }, { "CAA", 257 } };
	uint64_t v;

	for (size_t i = 0; i < NT_ARRAY_LEN(types); i++)
		if (strcasecmp(text, types[i].name) == 0) {
			*ret_type = types[i].type;
			return true;
		}
	if (strncasecmp(text, "TYPE", 4) != 0 ||
	    nt_parse_u64(nt_slice_str(text + 4), UINT16_MAX, &v) < 0)
		return false;
	*ret_type = (uint16_t)v;
	return true;
}

/* One option with a value; false when it is none of them or its value is no good. */
static bool take_option(const char *name, const char *value, struct options *o)
{
	const struct {
		const char *name;
		uint64_t max, *to;
	} numbers[] = { { "--port", 65535, &o->port },
			{ "--count", 1000000000, &o->count },
			{ "--interval", 3600000, &o->interval_ms },
			{ "--timeout", 3600000, &o->timeout_ms },
			{ "--id", 65535, &o->id } };
	struct nt_slice text = nt_slice_str(value);

	for (size_t i = 0; i < NT_ARRAY_LEN(numbers); i++)
		if (strcmp(name, numbers[i].name) == 0)
			return nt_parse_u64(text, numbers[i].max, numbers[i].to) == 0;
	if (strcmp(name, "--server") == 0)
		return nt_addr_parse(text, &o->server) == 0;
	if (strcmp(name, "--name") == 0)
		return nt_name_parse(text, &o->name) == 0;
	return strcmp(name, "--type") == 0 && parse_type(value, &o->type);
}

static bool take_flag(const char *name, struct options *o)
{
	o->gso |= strcmp(name, "--gso") == 0;
	o->malformed |= strcmp(name, "--malformed") == 0;
	o->once |= strcmp(name, "--once") == 0;
	o->edns |= strcmp(name, "--edns") == 0;
	return strcmp(name, "--gso") == 0 || strcmp(name, "--malformed") == 0 ||
	       strcmp(name, "--once") == 0 || strcmp(name, "--edns") == 0;
}

static void parse_options(int argc, char **argv, struct options *o)
{
	int i = 1;

	while (i < argc) {
		if (take_flag(argv[i], o)) {
			i++;
			continue;
		}
		if (i + 1 == argc || !take_option(argv[i], argv[i + 1], o)) {
			fprintf(stderr, "client_raw: what is %s %s?\n", argv[i],
				i + 1 < argc ? argv[i + 1] : "");
			exit(2);
		}
		i += 2;
	}
	if (!o->server.family || (o->gso && o->malformed)) {
		fprintf(stderr, "client_raw: %s\n",
			o->server.family ? "--gso or --malformed" : "--server is missing");
		exit(2);
	}
	if (o->once)
		o->count = 1;
}

int main(int argc, char **argv)
{
	struct options o = { .port = 53, .count = 1, .interval_ms = 10, .timeout_ms = 2000 };
	struct sigaction action = { .sa_handler = stop };
	struct totals t = { 0 };

	o.type = TYPE_A;
	o.id = (uint64_t)(getpid() ^ now_ms()) & 0xffff;
	if (nt_name_parse(NT_SLICE_LIT("www.example.com"), &o.name) < 0)
		return 1;
	parse_options(argc, argv, &o);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	run(open_socket(&o), &o, &t);
	printf("{\"sent\":%lu,\"received\":%lu,\"strange\":%lu,\"refused\":%lu,\"bytes_sent\":%lu,"
	       "\"bytes_received\":%lu,\"nxdomain\":%lu,\"blocked\":%lu,\"slowest_us\":%lu}\n",
	       t.sent, t.received, t.strange, t.refused, t.bytes_sent, t.bytes_received, t.nxdomain,
	       t.blocked, t.slowest_us);
	return t.failed ? 1 : 0;
}
