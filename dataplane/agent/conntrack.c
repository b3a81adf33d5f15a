/* SPDX-License-Identifier: Apache-2.0 */
/* The socket to ctnetlink. */
#include "dataplane/agent/conntrack.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/log.h"

enum {
	DNS_PORT = 53,
	PORTS_MAX = 16,
	MESSAGE_BYTES = 1024, /* one takes some 250; a longer one is counted as bad */
	MESSAGES = 32, /* per call */
	ROUNDS = 64, /* of that, before the ring gets its turn again */
	ROOM_BYTES = 4 << 20, /* for 6,500 flows: 130,000 a second at the slowest pace of drains */
	ASKED_PER_SECOND = 100, /* of flows from before: at start, and of clients with one socket */
};
#define SAY_EACH_NS (60 * NT_NS_PER_S)

struct nt_conntrack {
	struct nt_clock *clock;
	uint16_t ports[PORTS_MAX];
	size_t ports_len;
	struct mnl_socket *socket; /* NULL: closed */
	struct nt_err why_not;
	int64_t drained_ns; /* CLOCK_BOOTTIME; what came before has been read */
	int64_t asked_from_ns; /* of the second that is counted */
	uint32_t asked;
	bool overrun; /* messages were lost, and what waits may be older than these */
	int64_t said_ns; /* when the log last had that; 0: never */
	struct nt_backends backends;
	struct nt_conntrack_stats stats;
	char messages[MESSAGES][MESSAGE_BYTES] __attribute__((aligned(8)));
};

int nt_conntrack_new(const uint16_t *ports, size_t ports_len, struct nt_clock *clock,
		     struct nt_conntrack **ret_conntrack, struct nt_err *err)
{
	struct nt_conntrack *c = calloc(1, sizeof(*c));

	if (!c)
		return nt_err_set(err, ENOMEM, "no memory for connection tracking");
	c->clock = clock;
	for (size_t i = 0; i < ports_len && c->ports_len < PORTS_MAX; i++)
		if (ports[i])
			c->ports[c->ports_len++] = ports[i];
	if (!c->ports_len)
		c->ports[c->ports_len++] = DNS_PORT;
	(void)nt_err_set(&c->why_not, EAGAIN, "not looked for yet");
	*ret_conntrack = c;
	return 0;
}

static void shut(struct nt_conntrack *c)
{
	c->overrun = false;
	if (c->socket)
		(void)mnl_socket_close(c->socket);
	c->socket = NULL;
	nt_backends_forget(&c->backends);
}

void nt_conntrack_free(struct nt_conntrack *c)
{
	if (!c)
		return;
	shut(c);
	nt_backends_done(&c->backends);
	free(c);
}

/* --- questions -------------------------------------------------------------------------------- */

static void put_addr(struct nlmsghdr *h, const struct nt_addr *a, uint16_t v4, uint16_t v6)
{
	mnl_attr_put(h, a->family == 4 ? v4 : v6, a->family == 4 ? 4 : 16, a->octets);
}

/* Which flow is this? The answer comes as news of flows do; of one that is not there the kernel
 * says so, which nobody reads but the first time. */
static int ask(struct mnl_socket *socket, const struct nt_flow *flow)
{
	char octets[256] __attribute__((aligned(8)));
	struct nlmsghdr *h = mnl_nlmsg_put_header(octets);
	struct nfgenmsg *m = mnl_nlmsg_put_extra_header(h, sizeof(*m));
	struct nlattr *tuple, *part;

	h->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET;
	h->nlmsg_flags = NLM_F_REQUEST;
	m->nfgen_family = flow->client.family == 4 ? AF_INET : AF_INET6;
	m->version = NFNETLINK_V0;
	tuple = mnl_attr_nest_start(h, CTA_TUPLE_ORIG);
	part = mnl_attr_nest_start(h, CTA_TUPLE_IP);
	put_addr(h, &flow->client, CTA_IP_V4_SRC, CTA_IP_V6_SRC);
	put_addr(h, &flow->server, CTA_IP_V4_DST, CTA_IP_V6_DST);
	mnl_attr_nest_end(h, part);
	part = mnl_attr_nest_start(h, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(h, CTA_PROTO_NUM, flow->transport);
	mnl_attr_put_u16(h, CTA_PROTO_SRC_PORT, htons(flow->client_port));
	mnl_attr_put_u16(h, CTA_PROTO_DST_PORT, htons(flow->server_port));
	mnl_attr_nest_end(h, part);
	mnl_attr_nest_end(h, tuple);
	return mnl_socket_sendto(socket, h, h->nlmsg_len) == -1 ? -errno : 0;
}

static void ask_for(struct nt_conntrack *c, const struct nt_flow *flow)
{
	if (c->drained_ns - c->asked_from_ns >= NT_NS_PER_S) {
		c->asked_from_ns = c->drained_ns;
		c->asked = 0;
	}
	if (c->asked == ASKED_PER_SECOND)
		return;
	c->asked++;
	c->stats.asked += ask(c->socket, flow) == 0;
}

/* --- opening ---------------------------------------------------------------------------------- */

/* -errno with the reason. */
static int check_events(struct nt_err *err)
{
	static const char path[] = "/proc/sys/net/netfilter/nf_conntrack_events";
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_err ignored;

	if (nt_file_read_at(AT_FDCWD, path, 64, &text, &ignored) < 0)
		return nt_err_set(err, ENOENT,
				  "the kernel has no connection tracking (nf_conntrack)");
	if (text.len && text.p[0] == '0')
		return nt_err_set(err, ENODATA,
				  "net.netfilter.nf_conntrack_events is 0: the kernel does not "
				  "tell of flows");
	return 0;
}

/* A flow that cannot be there: -ENOENT is what a kernel says that can be asked. */
static int probe(struct mnl_socket *socket, struct nt_err *err)
{
	const struct nt_flow none = { .transport = IPPROTO_UDP,
				      .client = { .family = 4 },
				      .server = { .family = 4 } };
	char octets[MESSAGE_BYTES] __attribute__((aligned(8)));
	const struct nlmsghdr *h = (const struct nlmsghdr *)octets;
	int r = ask(socket, &none);
	ssize_t len = r == 0 ? mnl_socket_recvfrom(socket, octets, sizeof(octets)) : -1;

	if (len >= (ssize_t)mnl_nlmsg_size(sizeof(struct nlmsgerr)) && h->nlmsg_type == NLMSG_ERROR)
		r = ((const struct nlmsgerr *)mnl_nlmsg_get_payload(h))->error;
	if (r == -ENOENT)
		return 0;
	if (r == -EPERM)
		return nt_err_set(err, EPERM, "no permission to ask it: CAP_NET_ADMIN is missing");
	return nt_err_set(err, EOPNOTSUPP, "it cannot be asked (nf_conntrack_netlink): %s",
			  strerror(r ? -r : EIO));
}

/* The offset of an attribute, from the one in A or within it; 0 when it is not there. */
#define FIND(type, where)                    \
	BPF_STMT(BPF_LDX | BPF_IMM, (type)), \
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (uint32_t)(SKF_AD_OFF + (where)))

/* Only flows to these ports; also no errors, since nobody waits for one. */
static int filter(const struct nt_conntrack *c, struct nt_err *err)
{
	struct sock_filter code[PORTS_MAX + 12] = {
		BPF_STMT(BPF_LD | BPF_IMM, MNL_NLMSG_HDRLEN + sizeof(struct nfgenmsg)),
		FIND(CTA_TUPLE_ORIG, SKF_AD_NLATTR),
		FIND(CTA_TUPLE_PROTO, SKF_AD_NLATTR_NEST),
		FIND(CTA_PROTO_DST_PORT, SKF_AD_NLATTR_NEST),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, sizeof(struct nlattr)),
	};
	struct sock_fprog program = { .len = 9, .filter = code };

	for (size_t i = 0; i < c->ports_len; i++)
		code[program.len++] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, c->ports[i], (uint8_t)(c->ports_len - i), 0);
	code[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	code[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
	if (setsockopt(mnl_socket_get_fd(c->socket), SOL_SOCKET, SO_ATTACH_FILTER, &program,
		       sizeof(program)) == -1)
		return nt_err_sys(err, errno, "a filter for its messages");
	return 0;
}

static int listen_to(const struct nt_conntrack *c, struct nt_err *err)
{
	int fd = mnl_socket_get_fd(c->socket), group = NFNLGRP_CONNTRACK_NEW, room = ROOM_BYTES;

	/* Beyond net.core.rmem_max. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	if (mnl_socket_setsockopt(c->socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) == -1)
		return nt_err_sys(err, errno, "listen to its messages");
	return 0;
}

static int start(struct nt_conntrack *c, struct nt_err *err)
{
	int r = check_events(err);

	if (r < 0)
		return r;
	c->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!c->socket)
		return nt_err_sys(err, errno, "a socket to it");
	if (mnl_socket_bind(c->socket, 0, MNL_SOCKET_AUTOPID) == -1)
		return nt_err_sys(err, errno, "a socket to it");
	r = probe(c->socket, err);
	if (r == 0)
		r = filter(c, err);
	return r == 0 ? listen_to(c, err) : r;
}

int nt_conntrack_check(struct nt_err *err)
{
	struct nt_conntrack *c = NULL;
	int r = nt_conntrack_new(NULL, 0, NULL, &c, err);

	if (r == 0)
		r = start(c, err);
	nt_conntrack_free(c);
	return r;
}

void nt_conntrack_look(struct nt_conntrack *c)
{
	bool was_open = c->socket;
	struct nt_err err = { 0 };
	int r = was_open ? check_events(&err) : start(c, &err);

	if (r < 0)
		shut(c);
	else if (!was_open)
		nt_log_info("connection tracking tells which pod is asked behind a Service");
	if (r < 0 && strcmp(c->why_not.msg, err.msg) != 0)
		nt_log_warn("which pod is asked behind a Service is not known: %s", err.msg);
	c->why_not = err;
}

const char *nt_conntrack_why_not(const struct nt_conntrack *c)
{
	return c->why_not.msg;
}

/* --- messages --------------------------------------------------------------------------------- */

static void take(struct nt_conntrack *c, const char *octets, int len, int64_t after_ns)
{
	const struct nlmsghdr *h = (const struct nlmsghdr *)octets;

	for (; mnl_nlmsg_ok(h, len); h = mnl_nlmsg_next(h, &len))
		if (h->nlmsg_type == (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW))
			nt_backends_take(&c->backends, h, after_ns);
	if (len)
		c->backends.stats.bad++;
}

/* How many were taken; -EAGAIN: there are none, -ENOBUFS: some were lost. */
static int take_some(struct nt_conntrack *c, int64_t after_ns)
{
	struct mmsghdr all[MESSAGES] = { 0 };
	struct iovec parts[MESSAGES];
	int n;

	for (size_t i = 0; i < MESSAGES; i++) {
		parts[i] = (struct iovec){ c->messages[i], MESSAGE_BYTES };
		all[i].msg_hdr = (struct msghdr){ .msg_iov = &parts[i], .msg_iovlen = 1 };
	}
	n = recvmmsg(mnl_socket_get_fd(c->socket), all, MESSAGES, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n && !c->overrun; i++)
		take(c, c->messages[i], (int)all[i].msg_len, after_ns);
	return n == -1 ? -errno : n;
}

/*
 * From the first message for which there was no room the kernel drops all until the socket is empty
 * (netlink_overrun, NETLINK_S_CONGESTED), and says so once. Of those that wait any may be of a flow
 * that has gone and come again with another backend since, so they are read and not taken.
 */
static void note_overrun(struct nt_conntrack *c, int64_t now_ns)
{
	c->overrun = true;
	c->stats.overruns++;
	nt_backends_forget(&c->backends);
	if (c->said_ns && now_ns - c->said_ns < SAY_EACH_NS)
		return;
	c->said_ns = now_ns;
	nt_log_warn("connection tracking: more flows began than there is room for (%llu times so "
		    "far): which pod is behind the Service is not known of those before, "
		    "until it was asked for",
		    (unsigned long long)c->stats.overruns);
}

/* Whatever is read now was made after the socket was last found empty. */
void nt_conntrack_read(struct nt_conntrack *c)
{
	int64_t now_ns = nt_clock_boot(c->clock);
	int r = 1;

	for (int i = 0; i < ROUNDS && c->socket && r > 0; i++) {
		r = take_some(c, c->drained_ns);
		if (r != -ENOBUFS)
			continue;
		note_overrun(c, now_ns);
		r = 1;
	}
	if (r != -EAGAIN)
		return;
	/* What was lost came before it was empty, which is now and not when this began. */
	c->drained_ns = c->overrun ? nt_clock_boot(c->clock) : now_ns;
	c->overrun = false;
}

bool nt_conntrack_find(struct nt_conntrack *c, const struct nt_flow *flow, int64_t at_ns,
		       struct nt_backend *ret_backend)
{
	bool found = nt_backends_find(&c->backends, flow, at_ns, ret_backend);

	if (!c->socket) /* and nothing is remembered */
		return false;
	/* Its message may be there and not read yet. */
	if (!found && at_ns > c->drained_ns) {
		nt_conntrack_read(c);
		found = nt_backends_find(&c->backends, flow, at_ns, ret_backend);
	}
	if (found) {
		c->stats.found++;
	} else if (nt_backends_is_front(&c->backends, &flow->server)) {
		c->stats.missed++;
		ask_for(c, flow);
	}
	return found;
}

struct nt_conntrack_stats nt_conntrack_stats(const struct nt_conntrack *c)
{
	struct nt_conntrack_stats s = c->stats;

	s.backends = c->backends.stats;
	return s;
}
