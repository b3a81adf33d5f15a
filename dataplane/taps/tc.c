/* SPDX-License-Identifier: Apache-2.0 */
/* Our filters on a link's clsact qdisc, beside everybody else's. */
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include <bpf/libbpf.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

#include "dataplane/taps/internal.h"
#include "lib/base/cleanup.h"

/*
 * Filters run in the order of their priorities, and one that does not say "next" hides the packet
 * from those behind it. 1 is what other CNIs take for themselves; filters made without a priority
 * get 49152 and below. So 2: before all that did not ask to be first. The handle is ours alone
 * ("NT").
 */
#define FILTER_PRIORITY 2
#define FILTER_HANDLE 0x4e540001

/* libbpf refuses structures whose padding is not zero, so these are filled in place. */
static void fill_hook(struct bpf_tc_hook *hook, __u32 ifindex, enum bpf_tc_attach_point point)
{
	memset(hook, 0, sizeof(*hook));
	hook->sz = sizeof(*hook);
	hook->ifindex = (int)ifindex;
	hook->attach_point = point;
}

static enum bpf_tc_attach_point point_of(enum nt_dir dir)
{
	return dir == NT_DIR_FROM_POD ? BPF_TC_INGRESS : BPF_TC_EGRESS;
}

static void fill_filter(struct bpf_tc_opts *opts)
{
	memset(opts, 0, sizeof(*opts));
	opts->sz = sizeof(*opts);
	opts->handle = FILTER_HANDLE;
	opts->priority = FILTER_PRIORITY;
}

/* For an answer of the kernel. */
static const struct timeval patience = { .tv_sec = 2 };

struct qdisc_kind {
	char name[16];
};

static int read_kind(struct nl_msg *msg, void *ctx)
{
	struct qdisc_kind *kind = ctx;
	struct nlattr *attr = nlmsg_find_attr(nlmsg_hdr(msg), sizeof(struct tcmsg), TCA_KIND);

	if (attr)
		nla_strlcpy(kind->name, attr, sizeof(kind->name));
	return NL_OK;
}

static void socket_freep(struct nl_sock **sk)
{
	nl_socket_free(*sk);
}

/* Which qdisc sits at the link's ingress; "" when it could not be asked. */
static struct qdisc_kind ingress_kind(__u32 ifindex)
{
	struct tcmsg tcm = { .tcm_ifindex = (int)ifindex, .tcm_parent = TC_H_CLSACT };
	_cleanup_(socket_freep) struct nl_sock *sk = nl_socket_alloc();
	struct qdisc_kind kind = {};

	if (!sk || nl_connect(sk, NETLINK_ROUTE) < 0)
		return kind;
	(void)setsockopt(nl_socket_get_fd(sk), SOL_SOCKET, SO_RCVTIMEO, &patience,
			 sizeof(patience));
	nl_socket_disable_auto_ack(sk);
	nl_socket_modify_cb(sk, NL_CB_VALID, NL_CB_CUSTOM, read_kind, &kind);
	/* The answer goes to listeners only, unless an echo is asked for. */
	if (nl_send_simple(sk, RTM_GETQDISC, NLM_F_ECHO, &tcm, sizeof(tcm)) >= 0)
		(void)nl_recvmsgs_default(sk);
	return kind;
}

/* The old "ingress" qdisc would take our egress filter too and run it at ingress: each packet
 * would be seen twice and in the wrong direction. */
int nt_tc_prepare(__u32 ifindex, struct nt_err *err)
{
	struct bpf_tc_hook hook;
	struct qdisc_kind kind;
	int r;

	fill_hook(&hook, ifindex, BPF_TC_INGRESS | BPF_TC_EGRESS);
	r = bpf_tc_hook_create(&hook);
	if (r < 0 && r != -EEXIST)
		return nt_err_sys(err, -r, "make a clsact qdisc on link %u", ifindex);
	if (r == 0)
		return 0;
	kind = ingress_kind(ifindex);
	if (kind.name[0] && strcmp(kind.name, "clsact") != 0)
		return nt_err_set(err, EBUSY,
				  "link %u has a qdisc '%s' where clsact belongs (does the "
				  "bandwidth plugin limit this pod?)",
				  ifindex, kind.name);
	return 0;
}

int nt_tc_attach(__u32 ifindex, enum nt_dir dir, int prog_fd, struct nt_err *err)
{
	struct bpf_tc_hook hook;
	struct bpf_tc_opts opts;
	int r;

	fill_hook(&hook, ifindex, point_of(dir));
	fill_filter(&opts);
	opts.prog_fd = prog_fd;
	opts.flags = BPF_TC_F_REPLACE;
	r = bpf_tc_attach(&hook, &opts);
	if (r < 0)
		return nt_err_sys(err, -r, "attach %s to link %u",
				  dir == NT_DIR_FROM_POD ? NT_PIN_FROM_POD : NT_PIN_TO_POD,
				  ifindex);
	return 0;
}

__u32 nt_tc_program(__u32 ifindex, enum nt_dir dir)
{
	struct bpf_tc_hook hook;
	struct bpf_tc_opts opts;

	fill_hook(&hook, ifindex, point_of(dir));
	fill_filter(&opts);
	return bpf_tc_query(&hook, &opts) < 0 ? 0 : opts.prog_id;
}

void nt_tc_detach(const struct nt_taps *t, __u32 ifindex, enum nt_dir dir)
{
	struct bpf_tc_hook hook;
	struct bpf_tc_opts opts;
	__u32 prog_id = nt_tc_program(ifindex, dir);

	if (!prog_id || !nt_taps_is_ours(t, dir, prog_id))
		return;
	fill_hook(&hook, ifindex, point_of(dir));
	fill_filter(&opts);
	(void)bpf_tc_detach(&hook, &opts);
}

/* --- all filters of a direction --- */

static int note_filter(struct nl_msg *msg, void *ctx)
{
	struct nt_tc_view *view = ctx;
	const struct tcmsg *tcm = nlmsg_data(nlmsg_hdr(msg));
	struct nlattr *options = nlmsg_find_attr(nlmsg_hdr(msg), sizeof(*tcm), TCA_OPTIONS);
	struct nlattr *id =
		options ? nla_find(nla_data(options), nla_len(options), TCA_BPF_ID) : NULL;

	/* One entry per priority has no handle and is no filter. They come in the order in which
	 * they run. */
	if (tcm->tcm_handle == 0)
		return NL_OK;
	view->filters++;
	if (view->prog_id)
		return NL_OK;
	if (tcm->tcm_handle == FILTER_HANDLE && TC_H_MAJ(tcm->tcm_info) >> 16 == FILTER_PRIORITY &&
	    id)
		view->prog_id = nla_get_u32(id);
	else
		view->is_shadowed = true;
	return NL_OK;
}

int nt_tc_look(__u32 ifindex, enum nt_dir dir, struct nt_tc_view *ret_view)
{
	struct tcmsg tcm = {
		.tcm_ifindex = (int)ifindex,
		.tcm_parent = TC_H_MAKE(TC_H_CLSACT, dir == NT_DIR_FROM_POD ? TC_H_MIN_INGRESS
									    : TC_H_MIN_EGRESS),
	};
	_cleanup_(socket_freep) struct nl_sock *sk = nl_socket_alloc();
	struct nt_tc_view view = {};
	int r;

	if (!sk || nl_connect(sk, NETLINK_ROUTE) < 0)
		return -ENOMEM;
	(void)setsockopt(nl_socket_get_fd(sk), SOL_SOCKET, SO_RCVTIMEO, &patience,
			 sizeof(patience));
	nl_socket_modify_cb(sk, NL_CB_VALID, NL_CB_CUSTOM, note_filter, &view);
	r = nl_send_simple(sk, RTM_GETTFILTER, NLM_F_DUMP, &tcm, sizeof(tcm));
	if (r >= 0)
		r = nl_recvmsgs_default(sk);
	if (r < 0)
		return r == -NLE_NODEV || r == -NLE_OBJ_NOTFOUND ? -ENODEV : -EIO;
	view.is_shadowed = view.is_shadowed && view.prog_id;
	*ret_view = view;
	return 0;
}

void nt_tc_prune(__u32 ifindex)
{
	struct bpf_tc_hook hook;

	if (strcmp(ingress_kind(ifindex).name, "clsact") != 0)
		return;
	for (int dir = 0; dir < NT_DIR_MAX; dir++) {
		struct nt_tc_view view;

		if (nt_tc_look(ifindex, dir, &view) < 0 || view.filters)
			return;
	}
	fill_hook(&hook, ifindex, BPF_TC_INGRESS | BPF_TC_EGRESS);
	(void)bpf_tc_hook_destroy(&hook);
}
