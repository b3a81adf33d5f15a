/* SPDX-License-Identifier: Apache-2.0 */
/* The listening sockets. */
#include "api/http/listen.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "lib/base/addr.h"
#include "lib/base/cleanup.h"
#include "lib/base/parse.h"

enum { BACKLOG = 128 };

struct address {
	struct nt_addr ip;
	uint16_t port; /* host byte order */
};

static int parse(const char *text, struct address *ret_address, struct nt_err *err)
{
	const char *colon = strrchr(text, ':');
	struct nt_slice host = nt_slice_mem(text, colon ? (size_t)(colon - text) : 0);
	struct address a = { 0 };
	uint64_t port;

	if (!colon || nt_parse_u64(nt_slice_str(colon + 1), 65535, &port) < 0)
		return nt_err_set(err, EINVAL,
				  "%s: an address and a port are wanted, as 127.0.0.1:8053", text);
	if (host.len > 2 && host.p[0] == '[' && host.p[host.len - 1] == ']')
		host = nt_slice_mem(host.p + 1, host.len - 2);
	if (nt_slice_eq(host, NT_SLICE_LIT("localhost")))
		host = NT_SLICE_LIT("127.0.0.1");
	if (nt_addr_parse(host, &a.ip) < 0)
		return nt_err_set(err, EINVAL, "%s: %.*s is no address", text, NT_SLICE_ARG(host));
	a.port = (uint16_t)port;
	*ret_address = a;
	return 0;
}

static bool is_loopback(const struct nt_addr *ip)
{
	static const uint8_t six[16] = { [15] = 1 };

	return ip->family == 4 ? ip->octets[0] == 127 : memcmp(ip->octets, six, 16) == 0;
}

static socklen_t to_sockaddr(const struct address *a, struct sockaddr_storage *ret)
{
	*ret = (struct sockaddr_storage){ 0 };
	if (a->ip.family == 4) {
		struct sockaddr_in *four = (struct sockaddr_in *)ret;

		four->sin_family = AF_INET;
		four->sin_port = htons(a->port);
		memcpy(&four->sin_addr, a->ip.octets, 4);
		return sizeof(*four);
	}
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret;

	six->sin6_family = AF_INET6;
	six->sin6_port = htons(a->port);
	memcpy(&six->sin6_addr, a->ip.octets, 16);
	return sizeof(*six);
}

static int open_socket(const char *text, const struct address *a, int *ret_fd, struct nt_err *err)
{
	struct sockaddr_storage sa;
	socklen_t len = to_sockaddr(a, &sa);
	const int one = 1;
	_cleanup_close_ int fd =
		socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd == -1)
		return nt_err_sys(err, errno, "socket");
	/* A restart does not wait for the last connections' TIME_WAIT. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == -1)
		return nt_err_sys(err, errno, "SO_REUSEADDR");
	if (bind(fd, (struct sockaddr *)&sa, len) == -1 || listen(fd, BACKLOG) == -1) {
		if (errno == EADDRINUSE)
			return nt_err_set(err, EADDRINUSE,
					  "cannot listen on %s: another process uses that port",
					  text);
		return nt_err_sys(err, errno, "cannot listen on %s", text);
	}
	*ret_fd = NT_TAKE_FD(fd);
	return 0;
}

static uint16_t real_port(int fd)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t len = sizeof(sa);

	(void)getsockname(fd, (struct sockaddr *)&sa, &len);
	if (sa.ss_family == AF_INET)
		return ntohs(((struct sockaddr_in *)&sa)->sin_port);
	return ntohs(((struct sockaddr_in6 *)&sa)->sin6_port);
}

int nt_listen_open(const char *text, bool loopback, int *ret_fd, struct nt_guard *ret_guard,
		   struct nt_err *err)
{
	char ip[NT_ADDR_TEXT_MAX];
	struct address a;
	int fd = -1, r;

	r = parse(text, &a, err);
	if (r < 0)
		return r;
	if (loopback && !is_loopback(&a.ip))
		return nt_err_set(
			err, EPERM,
			"refusing to listen on %s: it is no loopback address, and whoever "
			"reaches the port could read every pod's DNS without a password; "
			"use 127.0.0.1 or [::1], and --tls-listen for agents of other nodes",
			text);
	r = open_socket(text, &a, &fd, err);
	if (r < 0)
		return r;
	nt_addr_format(&a.ip, ip);
	snprintf(ret_guard->listen, sizeof(ret_guard->listen), a.ip.family == 6 ? "[%s]" : "%s",
		 ip);
	ret_guard->port = real_port(fd);
	*ret_fd = fd;
	return 0;
}
