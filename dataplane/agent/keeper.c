/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that keeps taps in place, and its rtnetlink socket. */
#include "dataplane/agent/keeper.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

#include "dataplane/agent/gaplog.h"
#include "dataplane/agent/netnses.h"
#include "dataplane/taps/hostnet.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"

/* How exact the beginning of a gap is (nt_keep_round). */
#define ROUND_MS 100
/* Room for a storm: 200 pods that come at once make about 2,000 messages. */
#define RECEIVE_BYTES (4 << 20)

struct nt_keeper {
	struct nt_clock clock;
	struct nt_taps *taps; /* the thread's own handle */
	_Atomic(struct nt_hostnet *) hostnet; /* the owner's; NULL: not tapped yet */
	struct nt_keep *keep; /* the thread's */
	struct nl_sock *netlink;
	int stop_fd, links_fd;
	pthread_t thread;
	bool is_running, is_prepared;
	pthread_mutex_t mutex; /* of what follows */
	struct nt_gaplog *gaplog;
	struct nt_buf news; /* struct nt_keep_news */
	struct nt_keep_stats stats;
};

/* --- the pinned objects ----------------------------------------------------------------------- */

struct host_list {
	nt_hooks_list_fn *fn;
	void *ctx;
};

static void list_group(void *ctx, __u64 cgroup, __u64 ep_id)
{
	const struct host_list *l = ctx;

	(void)cgroup;
	(void)l->fn(l->ctx, 0, ep_id);
}

static int op_list(void *ctx, nt_hooks_list_fn *fn, void *fn_ctx, struct nt_err *err)
{
	struct host_list list = { .fn = fn, .ctx = fn_ctx };
	struct nt_keeper *k = ctx;

	if (k->hostnet)
		nt_hostnet_groups(k->hostnet, list_group, &list);
	return nt_hooks_list(k->taps, fn, fn_ctx, err);
}

static int op_pod(void *ctx, uint64_t ep_id, struct nt_pod *ret_pod)
{
	struct nt_keeper *k = ctx;

	return nt_taps_pod_get(k->taps, ep_id, ret_pod);
}

/* A pin that went has cost no packet yet. */
static int look_at_host(struct nt_keeper *k, struct nt_hook_state *ret_state)
{
	struct nt_err err;

	nt_hostnet_look(k->hostnet, ret_state);
	if (ret_state->fault || ret_state->is_settled)
		return 0;
	if (nt_hostnet_repair(k->hostnet, &err) < 0)
		nt_log_warn("the host network: %s", err.msg);
	else
		nt_log_warn("the host network: pins were removed by another program, and are there "
			    "again");
	ret_state->is_settled = true; /* what failed is tried again at the next look */
	return 0;
}

static int op_look(void *ctx, const struct nt_pod *pod, bool filters,
		   struct nt_hook_state *ret_state)
{
	struct nt_keeper *k = ctx;

	return pod->origin == NT_ORIGIN_NODE ? look_at_host(k, ret_state)
					     : nt_hooks_look(k->taps, pod, filters, ret_state);
}

/* A link without our programs may be a new one under the index of an old one: another pod's, which
 * must not inherit the name. */
static int cover_link(struct nt_taps *taps, const struct nt_pod *pod, struct nt_err *err)
{
	_cleanup_(nt_netnses_done) struct nt_netnses nets = { 0 };
	const struct nt_netns *n;
	int r = nt_netnses_read(&nets, "/proc", "/run/netns", err);

	if (r < 0)
		return r;
	n = nt_netnses_find(&nets, pod->netns_ino, pod->netns_dev);
	r = nt_taps_verify(taps, pod->ep_id, n ? n->path : NULL, err);
	if (r > 0)
		return nt_err_set(err, ENOENT, "the link is another pod's by now");
	return r < 0 ? r : nt_hooks_cover(taps, pod, err);
}

static int op_cover(void *ctx, const struct nt_pod *pod, struct nt_err *err)
{
	struct nt_keeper *k = ctx;

	return pod->origin == NT_ORIGIN_NODE ? nt_hostnet_repair(k->hostnet, err)
					     : cover_link(k->taps, pod, err);
}

static int op_settle(void *ctx, const struct nt_pod *pod, struct nt_err *err)
{
	struct nt_keeper *k = ctx;

	return nt_hooks_settle(k->taps, pod, err);
}

static int op_calm(void *ctx, const struct nt_pod *pod, struct nt_err *err)
{
	struct nt_keeper *k = ctx;

	return nt_hooks_calm(k->taps, pod, err);
}

static void op_grace(void *ctx)
{
	(void)ctx;
	nt_hooks_grace();
}

static void op_sweep(void *ctx)
{
	struct nt_keeper *k = ctx;

	nt_hooks_sweep(k->taps);
}

/* --- rtnetlink -------------------------------------------------------------------------------- */

static void ring_for_links(struct nt_keeper *k)
{
	const uint64_t one = 1;

	(void)!write(k->links_fd, &one, sizeof(one));
}

static int on_message(struct nl_msg *msg, void *ctx)
{
	struct nlmsghdr *h = nlmsg_hdr(msg);
	struct nt_keeper *k = ctx;

	switch (h->nlmsg_type) {
	case RTM_NEWTFILTER:
	case RTM_DELTFILTER:
	case RTM_NEWQDISC:
	case RTM_DELQDISC:
		nt_keep_touch(k->keep, (uint32_t)((struct tcmsg *)nlmsg_data(h))->tcm_ifindex);
		break;
	case RTM_DELLINK:
		nt_keep_touch(k->keep, (uint32_t)((struct ifinfomsg *)nlmsg_data(h))->ifi_index);
		ring_for_links(k);
		break;
	}
	return NL_OK;
}

static int listen_netlink(struct nt_keeper *k, struct nt_err *err)
{
	const int room = RECEIVE_BYTES;

	k->netlink = nl_socket_alloc();
	if (!k->netlink)
		return nt_err_set(err, ENOMEM, "no memory for rtnetlink");
	nl_socket_disable_seq_check(k->netlink);
	nl_socket_modify_cb(k->netlink, NL_CB_VALID, NL_CB_CUSTOM, on_message, k);
	if (nl_connect(k->netlink, NETLINK_ROUTE) < 0 ||
	    nl_socket_add_memberships(k->netlink, RTNLGRP_TC, RTNLGRP_LINK, 0) < 0 ||
	    nl_socket_set_nonblocking(k->netlink) < 0)
		return nt_err_sys(err, errno ? errno : EIO, "listen to rtnetlink");
	/* Beyond net.core.rmem_max only with CAP_NET_ADMIN, which we have. Without room the kernel
	 * says that it lost messages, and everything is looked at. */
	(void)setsockopt(nl_socket_get_fd(k->netlink), SOL_SOCKET, SO_RCVBUFFORCE, &room,
			 sizeof(room));
	return 0;
}

static void read_messages(struct nt_keeper *k)
{
	int r;

	nt_keep_round(k->keep);
	do
		r = nl_recvmsgs_default(k->netlink);
	while (r >= 0);
	if (r == -NLE_AGAIN)
		return;
	nt_keep_touch_all(k->keep);
	ring_for_links(k);
}

/* --- the thread ------------------------------------------------------------------------------- */

/* On disk before anything is repaired. The owner takes them with each batch; what it has not taken
 * is bounded by what can happen meanwhile: a look at each pod. */
static void on_news(void *ctx, const struct nt_keep_news *news)
{
	struct nt_keeper *k = ctx;

	pthread_mutex_lock(&k->mutex);
	if (news->fault)
		nt_gaplog_add(k->gaplog, news);
	nt_buf_add(&k->news, news, sizeof(*news));
	pthread_mutex_unlock(&k->mutex);
}

/* Once, when all links are in place. */
static void prepare(struct nt_keeper *k)
{
	struct nt_err err;

	if (k->is_prepared)
		return;
	k->is_prepared = true;
	if (nt_hooks_prepare(k->taps, &err) < 0)
		nt_log_warn("taps: %s", err.msg);
}

static void *run(void *ctx)
{
	struct nt_keeper *k = ctx;
	struct pollfd fds[] = { { .fd = k->stop_fd, .events = POLLIN },
				{ .fd = nl_socket_get_fd(k->netlink), .events = POLLIN } };

	for (;;) {
		bool more;

		read_messages(k);
		more = nt_keep_work(k->keep);
		pthread_mutex_lock(&k->mutex);
		k->stats = nt_keep_stats(k->keep);
		pthread_mutex_unlock(&k->mutex);
		if (!more)
			prepare(k);
		(void)poll(fds, NT_ARRAY_LEN(fds), more ? 0 : ROUND_MS);
		if (fds[0].revents)
			return NULL;
	}
}

/* What a killed agent had not told, and the gaps whose end it did not see. */
static int read_gaplog(struct nt_keeper *k, const char *path, struct nt_err *err)
{
	const struct nt_keep_news *left, *open;
	size_t left_len, open_len;

	k->gaplog = nt_gaplog_open(path);
	if (!k->gaplog)
		return nt_err_set(err, ENOMEM, "no memory for gaps in coverage");
	left = nt_gaplog_left(k->gaplog, &left_len);
	if (left_len)
		nt_buf_add(&k->news, left, left_len * sizeof(*left));
	open = nt_gaplog_open_ones(k->gaplog, &open_len);
	return nt_keep_resume(k->keep, open, open_len, err);
}

static int start(struct nt_keeper *k, const struct nt_taps_config *taps_config, const char *gaplog,
		 int64_t verified_us, struct nt_err *err)
{
	struct nt_taps_config config = *taps_config;
	struct nt_keep_ops ops = { .list = op_list,
				   .pod = op_pod,
				   .look = op_look,
				   .cover = op_cover,
				   .settle = op_settle,
				   .calm = op_calm,
				   .grace = op_grace,
				   .sweep = op_sweep };
	int r;

	config.must_exist = true;
	r = nt_taps_open(&config, &k->taps, err);
	if (r < 0)
		return r;
	ops.ctx = k;
	k->keep = nt_keep_new(&ops, &k->clock, verified_us, on_news, k, err);
	if (!k->keep)
		return -err->code;
	r = read_gaplog(k, gaplog, err);
	if (r < 0)
		return r;
	k->stop_fd = eventfd(0, EFD_CLOEXEC);
	k->links_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (k->stop_fd == -1 || k->links_fd == -1)
		return nt_err_sys(err, errno, "eventfd");
	r = listen_netlink(k, err);
	if (r < 0)
		return r;
	r = pthread_create(&k->thread, NULL, run, k);
	if (r)
		return nt_err_sys(err, r, "start the thread that keeps taps in place");
	k->is_running = true;
	return 0;
}

void nt_keeper_host(struct nt_keeper *k, struct nt_hostnet *hostnet)
{
	k->hostnet = hostnet;
}

int nt_keeper_start(const struct nt_taps_config *taps_config, struct nt_hostnet *hostnet,
		    const char *gaplog, int64_t verified_us, struct nt_keeper **ret_keeper,
		    struct nt_err *err)
{
	struct nt_keeper *k = calloc(1, sizeof(*k));
	int r;

	if (!k)
		return nt_err_set(err, ENOMEM, "no memory to keep taps in place");
	k->clock = nt_clock_system();
	nt_keeper_host(k, hostnet);
	k->stop_fd = k->links_fd = -1;
	pthread_mutex_init(&k->mutex, NULL);
	r = start(k, taps_config, gaplog, verified_us, err);
	if (r < 0) {
		nt_keeper_stop(k);
		return r;
	}
	*ret_keeper = k;
	return 0;
}

void nt_keeper_stop(struct nt_keeper *k)
{
	const uint64_t one = 1;

	if (!k)
		return;
	if (k->is_running && write(k->stop_fd, &one, sizeof(one)) == (ssize_t)sizeof(one))
		pthread_join(k->thread, NULL);
	nt_keep_free(k->keep);
	nl_socket_free(k->netlink);
	nt_closep(&k->stop_fd);
	nt_closep(&k->links_fd);
	nt_taps_close(k->taps);
	nt_gaplog_close(k->gaplog);
	nt_buf_done(&k->news);
	pthread_mutex_destroy(&k->mutex);
	free(k);
}

void nt_keeper_take(struct nt_keeper *k, nt_keep_news_fn *fn, void *ctx)
{
	_cleanup_buf_ struct nt_buf news = { 0 };

	pthread_mutex_lock(&k->mutex);
	news = k->news;
	k->news = (struct nt_buf){ 0 };
	pthread_mutex_unlock(&k->mutex);
	for (size_t at = 0; at + sizeof(struct nt_keep_news) <= news.len;
	     at += sizeof(struct nt_keep_news)) {
		struct nt_keep_news one;

		memcpy(&one, news.p + at, sizeof(one));
		fn(ctx, &one);
	}
}

void nt_keeper_told(struct nt_keeper *k)
{
	pthread_mutex_lock(&k->mutex);
	if (!k->news.len) /* else something came meanwhile, and the next batch will have it */
		nt_gaplog_told(k->gaplog);
	pthread_mutex_unlock(&k->mutex);
}

int nt_keeper_links_fd(const struct nt_keeper *k)
{
	return k->links_fd;
}

void nt_keeper_links(struct nt_keeper *k)
{
	uint64_t times;

	(void)!read(k->links_fd, &times, sizeof(times));
}

struct nt_keep_stats nt_keeper_stats(struct nt_keeper *k)
{
	struct nt_keep_stats stats;

	pthread_mutex_lock(&k->mutex);
	stats = k->stats;
	pthread_mutex_unlock(&k->mutex);
	return stats;
}
