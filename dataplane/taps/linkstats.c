/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of both ends of a veth, by rtnetlink. */
#include "dataplane/taps/linkstats.h"

#include <linux/if_link.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>

struct nt_linkstats_reader {
	struct nl_sock *sock;
};

/* One end: its counters, and where the other one is. */
struct end {
	struct rtnl_link_stats64 stats;
	__u32 peer; /* ifindex of the other end; 0 not said */
	__s32 nsid; /* of the other end's namespace; -1 not said */
	bool seen;
};

int nt_linkstats_open(struct nt_linkstats_reader **ret_reader, struct nt_err *err)
{
	const struct timeval patience = { .tv_sec = 1 };
	struct nt_linkstats_reader *r = calloc(1, sizeof(*r));
	int code;

	if (!r)
		return nt_err_set(err, ENOMEM, "no memory for link counters");
	r->sock = nl_socket_alloc();
	code = r->sock ? nl_connect(r->sock, NETLINK_ROUTE) : -NLE_NOMEM;
	if (code < 0) {
		nt_linkstats_close(r);
		return nt_err_set(err, EIO, "netlink: %s", nl_geterror(code));
	}
	/* The kernel answers within the call; the time is against a bug. */
	(void)setsockopt(nl_socket_get_fd(r->sock), SOL_SOCKET, SO_RCVTIMEO, &patience,
			 sizeof(patience));
	nl_socket_disable_auto_ack(r->sock);
	nl_socket_disable_seq_check(r->sock);
	*ret_reader = r;
	return 0;
}

void nt_linkstats_close(struct nt_linkstats_reader *r)
{
	if (!r)
		return;
	nl_socket_free(r->sock);
	free(r);
}

static int take_link(struct nl_msg *msg, void *ctx)
{
	struct nlattr *attrs[IFLA_MAX + 1];
	struct end *end = ctx;

	if (nlmsg_parse(nlmsg_hdr(msg), sizeof(struct ifinfomsg), attrs, IFLA_MAX, NULL) < 0)
		return NL_SKIP;
	if (!attrs[IFLA_STATS64] || nla_len(attrs[IFLA_STATS64]) < 8 * 8)
		return NL_SKIP;
	nla_memcpy(&end->stats, attrs[IFLA_STATS64], sizeof(end->stats));
	if (attrs[IFLA_LINK])
		end->peer = nla_get_u32(attrs[IFLA_LINK]);
	if (attrs[IFLA_LINK_NETNSID])
		end->nsid = nla_get_s32(attrs[IFLA_LINK_NETNSID]);
	end->seen = true;
	return NL_OK;
}

/* nsid -1: in our own namespace. */
static int read_end(struct nt_linkstats_reader *r, __u32 ifindex, __s32 nsid, struct end *ret)
{
	struct ifinfomsg info = { .ifi_family = AF_UNSPEC, .ifi_index = (int)ifindex };
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETLINK, 0);
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	int code = -NLE_NOMEM;

	*ret = (struct end){ .nsid = -1 };
	if (msg && cb && nlmsg_append(msg, &info, sizeof(info), NLMSG_ALIGNTO) == 0 &&
	    (nsid < 0 || nla_put_s32(msg, IFLA_TARGET_NETNSID, nsid) == 0)) {
		nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, take_link, ret);
		code = nl_send_auto(r->sock, msg);
		if (code >= 0) /* one message: the link, or an error */
			code = nl_recvmsgs(r->sock, cb);
	}
	nlmsg_free(msg);
	nl_cb_put(cb);
	return code >= 0 && ret->seen ? 0 : -ENODEV;
}

int nt_linkstats_read(struct nt_linkstats_reader *r, __u32 ifindex, struct nt_linkstats *ret_stats)
{
	struct end host, pod;

	if (read_end(r, ifindex, -1, &host) < 0)
		return -ENODEV;
	/* Without a namespace of its own the other end is here, beside the host's. */
	if (!host.peer || read_end(r, host.peer, host.nsid, &pod) < 0)
		return -ENOENT;
	if (pod.peer != ifindex) /* the index means another link there */
		return -ENOENT;
	*ret_stats = (struct nt_linkstats){ .before_tap = pod.stats.tx_dropped,
					    .rx_packets = host.stats.rx_packets,
					    .tx_packets = host.stats.tx_packets };
	return 0;
}
