/* SPDX-License-Identifier: Apache-2.0 */
/* rtnetlink's news of links, qdiscs and filters. */
#include "dataplane/agent/linkwatch.h"

#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "lib/base/cleanup.h"

/* A filter with its name and tag is some 200 octets, a link with all its attributes some 2 KiB. */
#define MESSAGE_BYTES 32768
/* Room for a storm: 200 pods that come at once make about 2,000 messages. */
#define QUEUE_BYTES (4 << 20)

struct nt_linkwatch {
	struct nt_loop *loop;
	int fd;
	struct {
		nt_linkwatch_fn *fn;
		void *ctx;
	} listeners[NT_LINKWATCH_LISTENERS];
	size_t listeners_len;
};

static void tell(const struct nt_linkwatch *w, uint16_t type, int ifindex)
{
	const struct nt_linkwatch_event event = { .type = type, .ifindex = ifindex };

	for (size_t i = 0; i < w->listeners_len; i++)
		w->listeners[i].fn(w->listeners[i].ctx, &event);
}

static void take(const struct nt_linkwatch *w, struct nlmsghdr *h)
{
	switch (h->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		if (h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct ifinfomsg)))
			tell(w, h->nlmsg_type, ((struct ifinfomsg *)NLMSG_DATA(h))->ifi_index);
		break;
	case RTM_NEWQDISC:
	case RTM_DELQDISC:
	case RTM_NEWTFILTER:
	case RTM_DELTFILTER:
		if (h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct tcmsg)))
			tell(w, h->nlmsg_type, ((struct tcmsg *)NLMSG_DATA(h))->tcm_ifindex);
		break;
	default:
		break;
	}
}

static void on_readable(void *ctx, int fd, uint32_t events)
{
	_Alignas(struct nlmsghdr) char buf[MESSAGE_BYTES];
	struct nt_linkwatch *w = ctx;
	ssize_t n;

	(void)events;
	for (;;) {
		n = NT_RETRY(recv(fd, buf, sizeof(buf), MSG_DONTWAIT | MSG_TRUNC));
		if (n == -1 && errno == ENOBUFS) {
			tell(w, 0, 0);
			continue;
		}
		if (n <= 0)
			return;
		if ((size_t)n > sizeof(buf)) { /* cut: what was in it is not known */
			tell(w, 0, 0);
			continue;
		}
		for (struct nlmsghdr *h = (struct nlmsghdr *)buf; NLMSG_OK(h, n);
		     h = NLMSG_NEXT(h, n))
			take(w, h);
	}
}

static int open_socket(struct nt_err *err)
{
	const struct sockaddr_nl address = { .nl_family = AF_NETLINK,
					     .nl_groups = RTMGRP_LINK | RTMGRP_TC };
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int bytes = QUEUE_BYTES;

	if (fd == -1)
		return nt_err_sys(err, errno, "open netlink");
	/* Beyond net.core.rmem_max only with CAP_NET_ADMIN, which we have. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) == -1)
		return nt_err_sys(err, errno, "subscribe to links and filters");
	return NT_TAKE_FD(fd);
}

int nt_linkwatch_open(struct nt_loop *loop, struct nt_linkwatch **ret_watch, struct nt_err *err)
{
	struct nt_linkwatch *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return nt_err_set(err, ENOMEM, "no memory to watch links");
	w->loop = loop;
	w->fd = open_socket(err);
	r = w->fd < 0 ? w->fd : nt_loop_watch(loop, w->fd, EPOLLIN, on_readable, w, err);
	if (r < 0) {
		nt_linkwatch_close(w);
		return r;
	}
	*ret_watch = w;
	return 0;
}

void nt_linkwatch_close(struct nt_linkwatch *w)
{
	if (!w)
		return;
	if (w->fd >= 0) {
		nt_loop_unwatch(w->loop, w->fd);
		close(w->fd);
	}
	free(w);
}

int nt_linkwatch_listen(struct nt_linkwatch *w, nt_linkwatch_fn *fn, void *ctx, struct nt_err *err)
{
	if (w->listeners_len >= NT_LINKWATCH_LISTENERS)
		return nt_err_set(err, ENOSPC, "too many listeners of links");
	w->listeners[w->listeners_len].fn = fn;
	w->listeners[w->listeners_len++].ctx = ctx;
	return 0;
}
