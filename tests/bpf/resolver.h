/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A DNS server for where no real one can be had: an emulated machine has a shell and little else.
 * One process that answers on port 53 of both families of traffic.h, over UDP and TCP. Its zone:
 * names that begin with "nowhere." are not there, with "silent." get no answer over UDP, with
 * "train." get it in one send with the next one's; any has an A, an AAAA and 12 KB of TXT.
 */
#pragma once

#include <netinet/tcp.h>
#include <signal.h>
#include <sys/prctl.h>

#include "tests/bpf/traffic.h"
#include "tests/unit/dns_build.h"

#define RESOLVER_TTL 300
#define RESOLVER_TXTS 60
#define RESOLVER_TXT_LEN 200

static inline bool resolver_begins(const struct nt_dns_msg *q, const char *label)
{
	size_t len = strlen(label);

	return q->qname.wire[0] == len && memcmp(q->qname.wire + 1, label, len) == 0;
}

static inline void resolver_put_text(struct dns_build *b, struct nt_slice owner, unsigned n)
{
	char text[1 + RESOLVER_TXT_LEN + 1];

	snprintf(text, sizeof(text), "%c%0*u", RESOLVER_TXT_LEN, RESOLVER_TXT_LEN, n);
	put_record(b, owner, NT_TYPE_TXT, 1, RESOLVER_TTL,
		   nt_slice_mem(text, 1 + RESOLVER_TXT_LEN));
}

/* What is answered to a query, nothing when it is no query. Returns the length. */
static inline size_t resolver_reply(struct nt_slice query, struct dns_build *ret_reply)
{
	struct nt_slice owner = NT_SLICE_LIT("\xc0\x0c");
	struct nt_dns_msg q;
	bool is_there;
	unsigned answers;

	if (nt_dns_parse(query, &q) < 0 || (q.flags & NT_DNS_QR))
		return 0;
	is_there = !resolver_begins(&q, "nowhere");
	answers = !is_there ? 0 : q.qtype == NT_TYPE_TXT ? RESOLVER_TXTS : 1;
	put_header(ret_reply, q.id, NT_DNS_QR | NT_DNS_RD | NT_DNS_RA | (is_there ? 0 : 3), 1,
		   answers, 0, 0);
	put_slice(ret_reply, nt_slice_mem(query.p + 12, q.records_at - 12u));
	for (unsigned i = 0; i < answers; i++) {
		if (q.qtype == NT_TYPE_TXT)
			resolver_put_text(ret_reply, owner, i);
		else if (q.qtype == NT_TYPE_A)
			put_record(ret_reply, owner, q.qtype, 1, RESOLVER_TTL,
				   NT_SLICE_LIT("\xc0\x00\x02\x01"));
		else
			put_record(ret_reply, owner, q.qtype, 1, RESOLVER_TTL,
				   NT_SLICE_LIT("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"));
	}
	return ret_reply->len;
}

/* --- UDP --- */

struct resolver_train {
	__u8 octets[1024];
	size_t len;
};

/* The second of two replies of one length: both in one send. */
static inline void resolver_send_train(int fd, struct resolver_train *t, const struct dns_build *b,
				       const struct sockaddr_storage *to, socklen_t to_len)
{
	int size = (int)b->len, none = 0;

	memcpy(t->octets + t->len, b->wire, b->len);
	t->len += b->len;
	if (t->len == b->len)
		return;
	(void)setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size));
	(void)sendto(fd, t->octets, t->len, 0, (const void *)to, to_len);
	(void)setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &none, sizeof(none));
	t->len = 0;
}

static inline void resolver_datagram(int fd, struct resolver_train *train)
{
	static struct dns_build reply;
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	struct nt_dns_msg q;
	__u8 query[512];
	ssize_t n = recvfrom(fd, query, sizeof(query), 0, (void *)&from, &from_len);
	struct nt_slice wire = nt_slice_mem(query, n > 0 ? (size_t)n : 0);

	if (!resolver_reply(wire, &reply) || nt_dns_parse(wire, &q) < 0 ||
	    resolver_begins(&q, "silent"))
		return;
	if (resolver_begins(&q, "train"))
		resolver_send_train(fd, train, &reply, &from, from_len);
	else
		(void)sendto(fd, reply.wire, reply.len, 0, (void *)&from, from_len);
}

/* --- TCP --- */

/* Takes whole messages from the front of `in`; what was left over is moved there. */
static inline size_t resolver_take(__u8 *in, size_t len, struct nt_buf *out)
{
	static struct dns_build reply;
	size_t at = 0, n;

	while (len - at >= 2 && len - at - 2 >= (n = (size_t)in[at] << 8 | in[at + 1])) {
		(void)resolver_reply(nt_slice_mem(in + at + 2, n), &reply);
		nt_buf_putc(out, (char)(reply.len >> 8));
		nt_buf_putc(out, (char)reply.len);
		nt_buf_add(out, reply.wire, reply.len);
		at += 2 + n;
	}
	memmove(in, in + at, len - at);
	return len - at;
}

/* One connection to its end. All that was asked at once is answered in two segments, and the first
 * has half of a length. */
static inline void resolver_stream(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	struct nt_buf out = {};
	size_t len = 0;
	__u8 in[4096];
	ssize_t n;

	while ((n = recv(fd, in + len, sizeof(in) - len, 0)) > 0) {
		len = resolver_take(in, len + (size_t)n, &out);
		if (out.len && send(fd, out.p, 1, MSG_NOSIGNAL) == 1)
			(void)send(fd, out.p + 1, out.len - 1, MSG_NOSIGNAL);
		nt_buf_reset(&out);
	}
	nt_buf_done(&out);
	close(fd);
}

/* --- the process --- */

static inline int resolver_socket(int family, int type)
{
	int fd = bound_socket(families[family].host, 53, type), one = 1;

	ck_assert_int_ge(fd, 0);
	if (type == SOCK_STREAM) {
		ck_assert_int_eq(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), 0);
		ck_assert_int_eq(listen(fd, 8), 0);
	}
	return fd;
}

static inline void resolver_serve(const int udp[2], const int tcp[2])
{
	static struct resolver_train trains[2];
	struct pollfd ready[] = { { udp[0], POLLIN, 0 },
				  { udp[1], POLLIN, 0 },
				  { tcp[0], POLLIN, 0 },
				  { tcp[1], POLLIN, 0 } };

	while (poll(ready, 4, -1) > 0) {
		for (int i = 0; i < 2; i++) {
			if (ready[i].revents)
				resolver_datagram(ready[i].fd, &trains[i]);
			if (ready[2 + i].revents)
				resolver_stream(ready[2 + i].fd);
		}
	}
}

/* In the caller's namespace, where it has the addresses; listens when this returns, and ends with
 * the caller at the latest. */
static inline pid_t resolver_start(void)
{
	int udp[2], tcp[2];
	pid_t pid;

	for (int i = 0; i < 2; i++) {
		udp[i] = resolver_socket(i, SOCK_DGRAM);
		tcp[i] = resolver_socket(i, SOCK_STREAM);
	}
	pid = fork();
	/* First: an assertion of the child's is a message to Check, which reads on meanwhile. */
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		resolver_serve(udp, tcp);
		_exit(1);
	}
	ck_assert_int_ge(pid, 0);
	for (int i = 0; i < 2; i++) {
		close(udp[i]);
		close(tcp[i]);
	}
	return pid;
}

static inline void resolver_end(pid_t pid)
{
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
