/* SPDX-License-Identifier: Apache-2.0 */
/* From (netns, interface) to the host's veth, proven from both ends. */
#include "dataplane/taps/hostlink.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/net_namespace.h>
#include <linux/nsfs.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/vfs.h>

#include <netlink/attr.h>
#include <netlink/cache.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>

#include "lib/base/cleanup.h"

#define NO_NETNSID (-1)

static void socket_freep(struct nl_sock **sk)
{
	nl_socket_free(*sk);
}

static void link_putp(struct rtnl_link **link)
{
	rtnl_link_put(*link);
}

static int open_netns(const char *path, int *ret_fd, struct nt_err *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct statfs fs;

	if (fd == -1)
		return nt_err_sys(err, errno, "network namespace %s", path);
	/* A file from which the namespace was unmounted is an empty file of the same name. */
	if (fstatfs(fd, &fs) == -1 || fs.f_type != NSFS_MAGIC ||
	    ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
		return nt_err_set(err, EINVAL, "%s is no network namespace", path);
	*ret_fd = NT_TAKE_FD(fd);
	return 0;
}

static int identify(int fd, const char *path, __u64 *ret_ino, __u64 *ret_dev, struct nt_err *err)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return nt_err_sys(err, errno, "network namespace %s", path);
	*ret_ino = st.st_ino;
	*ret_dev = st.st_dev;
	return 0;
}

int nt_hostlink_open_netns(const char *path, int *ret_fd, __u64 *ret_ino, __u64 *ret_dev,
			   struct nt_err *err)
{
	_cleanup_close_ int fd = -1;
	int r = open_netns(path, &fd, err);

	if (r == 0)
		r = identify(fd, path, ret_ino, ret_dev, err);
	if (r == 0)
		*ret_fd = NT_TAKE_FD(fd);
	return r;
}

int nt_hostlink_netns(const char *path, __u64 *ret_ino, __u64 *ret_dev, struct nt_err *err)
{
	_cleanup_close_ int fd = -1;

	return nt_hostlink_open_netns(path, &fd, ret_ino, ret_dev, err);
}

static int open_route(struct nl_sock **ret_sk, struct nt_err *err)
{
	const struct timeval patience = { .tv_sec = 5 };
	_cleanup_(socket_freep) struct nl_sock *sk = nl_socket_alloc();
	int r = sk ? nl_connect(sk, NETLINK_ROUTE) : -NLE_NOMEM;

	if (r < 0)
		return nt_err_set(err, EIO, "open netlink: %s", nl_geterror(r));
	(void)setsockopt(nl_socket_get_fd(sk), SOL_SOCKET, SO_RCVTIMEO, &patience,
			 sizeof(patience));
	*ret_sk = NT_TAKE_PTR(sk);
	return 0;
}

/* A netlink socket belongs to the namespace that it was opened in, wherever its owner goes. */
static int open_route_in(int pod_fd, int host_fd, struct nl_sock **ret_sk, struct nt_err *err)
{
	int r;

	if (setns(pod_fd, CLONE_NEWNET) == -1)
		return nt_err_sys(err, errno, "enter the pod's network namespace");
	r = open_route(ret_sk, err);
	/* Going on in the pod's namespace would attach to the wrong links. */
	if (setns(host_fd, CLONE_NEWNET) == -1)
		return nt_err_sys(err, errno, "return to the host's network namespace");
	return r;
}

static int read_nsid(struct nl_msg *msg, void *ctx)
{
	struct nlattr *attr = nlmsg_find_attr(nlmsg_hdr(msg), sizeof(struct rtgenmsg), NETNSA_NSID);

	if (attr)
		*(int *)ctx = (int)nla_get_u32(attr);
	return NL_OK;
}

/* Asks by one attribute. *ret_id: the number that the socket's namespace has for that one, and
 * NO_NETNSID when it has none. Returns 0 or the library's error. */
static int ask_nsid(struct nl_sock *sk, int attr, uint32_t value, int *ret_id)
{
	struct rtgenmsg header = { .rtgen_family = AF_UNSPEC };
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETNSID, 0);
	int r = -NLE_NOMEM;

	*ret_id = NO_NETNSID;
	nl_socket_modify_cb(sk, NL_CB_VALID, NL_CB_CUSTOM, read_nsid, ret_id);
	if (msg && nlmsg_append(msg, &header, sizeof(header), NLMSG_ALIGNTO) == 0 &&
	    nla_put_u32(msg, attr, value) == 0) {
		r = nl_send_auto(sk, msg);
		if (r >= 0)
			r = nl_recvmsgs_default(sk);
		if (r >= 0)
			/* Left unread it would be taken for the answer to the next request. */
			(void)nl_wait_for_ack(sk);
	}
	nlmsg_free(msg);
	return r < 0 ? r : 0;
}

static int netns_id(struct nl_sock *sk, int netns_fd)
{
	int id;

	return ask_nsid(sk, NETNSA_FD, (uint32_t)netns_fd, &id) < 0 ? NO_NETNSID : id;
}

static int link_netns_id(const struct rtnl_link *link)
{
	int32_t id;

	return rtnl_link_get_link_netnsid(link, &id) < 0 ? NO_NETNSID : id;
}

static bool is_veth(struct rtnl_link *link)
{
	const char *type = rtnl_link_get_type(link);

	return type && strcmp(type, "veth") == 0;
}

/* The peer's index, as the pod's side tells it. */
static int ask_pod(struct nl_sock *pod, int host_fd, const char *ifname, int *ret_own,
		   int *ret_peer, struct nt_err *err)
{
	_cleanup_(link_putp) struct rtnl_link *link = NULL;
	int r = rtnl_link_get_kernel(pod, 0, ifname, &link);
	const char *type;
	int host_id;

	if (r < 0 || !link)
		return nt_err_set(err, r == -NLE_NODEV || r == -NLE_OBJ_NOTFOUND ? ENOENT : EIO,
				  "interface %s in the pod: %s", ifname, nl_geterror(r));
	type = rtnl_link_get_type(link);
	if (!is_veth(link))
		return nt_err_set(err, EINVAL,
				  "interface %s in the pod is no veth but '%s': its host side "
				  "cannot be tapped",
				  ifname, type ? type : "physical");
	/* Asked after the link: the kernel numbers a namespace when it first speaks of it. */
	host_id = netns_id(pod, host_fd);
	if (host_id == NO_NETNSID || link_netns_id(link) != host_id)
		return nt_err_set(err, EXDEV,
				  "the peer of interface %s is not in the host's network namespace",
				  ifname);
	*ret_own = rtnl_link_get_ifindex(link);
	*ret_peer = rtnl_link_get_link(link);
	return 0;
}

/* Does the host's link say the same? */
static int ask_host(struct nl_sock *host, int pod_fd, int ifindex, int peer,
		    struct nt_hostlink *out, struct nt_err *err)
{
	_cleanup_(link_putp) struct rtnl_link *link = NULL;
	int r = rtnl_link_get_kernel(host, ifindex, NULL, &link);
	const char *name;
	int pod_id;

	if (r < 0 || !link)
		return nt_err_set(err, ENOENT, "link %d on the host: %s", ifindex, nl_geterror(r));
	name = rtnl_link_get_name(link);
	pod_id = netns_id(host, pod_fd);
	if (!is_veth(link) || rtnl_link_get_link(link) != peer || pod_id == NO_NETNSID ||
	    link_netns_id(link) != pod_id)
		return nt_err_set(err, EXDEV,
				  "link %d (%s) on the host is not the other end of the pod's "
				  "interface",
				  ifindex, name ? name : "?");
	out->ifindex = (__u32)ifindex;
	out->master = (__u32)rtnl_link_get_master(link);
	snprintf(out->ifname, sizeof(out->ifname), "%s", name ? name : "");
	return 0;
}

/* Both ends' namespaces, with a netlink socket in each. */
struct ends {
	int pod_fd, host_fd;
	struct nl_sock *pod, *host;
	__u64 ino, dev;
};

static void ends_done(struct ends *e)
{
	nl_socket_free(e->pod);
	nl_socket_free(e->host);
	nt_closep(&e->pod_fd);
	nt_closep(&e->host_fd);
}

static int open_ends(const char *netns, struct ends *e, struct nt_err *err)
{
	int r;

	e->host_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (e->host_fd == -1)
		return nt_err_sys(err, errno, "/proc/self/ns/net");
	r = open_netns(netns, &e->pod_fd, err);
	if (r == 0)
		r = identify(e->pod_fd, netns, &e->ino, &e->dev, err);
	if (r == 0)
		r = open_route(&e->host, err);
	return r == 0 ? open_route_in(e->pod_fd, e->host_fd, &e->pod, err) : r;
}

static int find_in(const struct ends *e, const char *ifname, struct nt_hostlink *ret_link,
		   struct nt_err *err)
{
	struct nt_hostlink out = { .netns_ino = e->ino, .netns_dev = e->dev };
	int own = 0, peer = 0;
	int r = ask_pod(e->pod, e->host_fd, ifname, &own, &peer, err);

	if (r == 0)
		r = ask_host(e->host, e->pod_fd, peer, own, &out, err);
	if (r == 0)
		*ret_link = out;
	return r;
}

int nt_hostlink_find(const char *netns, const char *ifname, struct nt_hostlink *ret_link,
		     struct nt_err *err)
{
	_cleanup_(ends_done) struct ends e = { .pod_fd = -1, .host_fd = -1 };
	int r = open_ends(netns, &e, err);

	return r == 0 ? find_in(&e, ifname, ret_link, err) : r;
}

int nt_hostlink_belongs(const char *netns, __u64 ino, __u64 dev, __u32 ifindex, struct nt_err *err)
{
	_cleanup_(socket_freep) struct nl_sock *host = NULL;
	_cleanup_(link_putp) struct rtnl_link *link = NULL;
	_cleanup_close_ int pod_fd = -1;
	__u64 found_ino, found_dev;
	int r = nt_hostlink_open_netns(netns, &pod_fd, &found_ino, &found_dev, err), pod_id;

	/* The path may be that of a process which was in the namespace for a moment. */
	if (r == 0 && (found_ino != ino || found_dev != dev))
		r = nt_err_set(err, EAGAIN, "%s is another namespace by now", netns);
	if (r == 0)
		r = open_route(&host, err);
	if (r < 0)
		return r;
	r = rtnl_link_get_kernel(host, (int)ifindex, NULL, &link);
	if (r < 0 || !link)
		return nt_err_set(err, r == -NLE_NODEV || r == -NLE_OBJ_NOTFOUND ? ENOENT : EIO,
				  "link %u on the host: %s", ifindex, nl_geterror(r));
	r = ask_nsid(host, NETNSA_FD, (uint32_t)pod_fd, &pod_id);
	if (r < 0)
		return nt_err_set(err, EIO, "number of %s: %s", netns, nl_geterror(r));
	return is_veth(link) && pod_id != NO_NETNSID && link_netns_id(link) == pod_id;
}

bool nt_hostlink_is_over(__u32 ifindex)
{
	_cleanup_(socket_freep) struct nl_sock *host = NULL;
	_cleanup_(link_putp) struct rtnl_link *link = NULL;
	struct nt_err err;
	int32_t peer;
	int r, id;

	if (open_route(&host, &err) < 0)
		return false;
	r = rtnl_link_get_kernel(host, (int)ifindex, NULL, &link);
	if (r < 0 || !link)
		return r == -NLE_NODEV || r == -NLE_OBJ_NOTFOUND;
	/* The link tells of its peer's namespace; one that ends has no number, or one that leads to
	 * no namespace (asking by number: kernel 5.0). */
	if (rtnl_link_get_link_netnsid(link, &peer) < 0)
		return false;
	return peer == NO_NETNSID ||
	       ask_nsid(host, NETNSA_NSID, (uint32_t)peer, &id) == -NLE_OBJ_NOTFOUND;
}

/* --- by address ----------------------------------------------------------------------------- */

struct listing {
	struct nl_cache *links;
	nt_hostlink_address_fn *fn;
	void *ctx;
};

static void listing_done(struct listing *l)
{
	nl_cache_free(l->links);
}

static void list_address(struct nl_object *object, void *ctx)
{
	struct rtnl_addr *addr = (struct rtnl_addr *)object;
	struct nl_addr *local = rtnl_addr_get_local(addr);
	struct listing *l = ctx;
	_cleanup_(link_putp) struct rtnl_link *link =
		rtnl_link_get(l->links, rtnl_addr_get_ifindex(addr));
	struct nt_abi_addr ip = { 0 };
	unsigned len = local ? nl_addr_get_len(local) : 0;

	if (!link || !is_veth(link) || (len != 4 && len != 16) ||
	    rtnl_addr_get_scope(addr) != RT_SCOPE_UNIVERSE)
		return;
	ip.family = len == 4 ? 4 : 6;
	memcpy(ip.octets, nl_addr_get_binary_addr(local), len);
	l->fn(l->ctx, rtnl_link_get_name(link), &ip);
}

static void cache_freep(struct nl_cache **cache)
{
	nl_cache_free(*cache);
}

int nt_hostlink_addresses(const char *netns, nt_hostlink_address_fn *fn, void *ctx,
			  struct nt_err *err)
{
	_cleanup_(ends_done) struct ends e = { .pod_fd = -1, .host_fd = -1 };
	_cleanup_(cache_freep) struct nl_cache *addresses = NULL;
	_cleanup_(listing_done) struct listing l = { .fn = fn, .ctx = ctx };
	int r = open_ends(netns, &e, err);

	if (r < 0)
		return r;
	r = rtnl_link_alloc_cache(e.pod, AF_UNSPEC, &l.links);
	if (r == 0)
		r = rtnl_addr_alloc_cache(e.pod, &addresses);
	if (r < 0)
		return nt_err_set(err, EIO, "addresses in %s: %s", netns, nl_geterror(r));
	nl_cache_foreach(addresses, list_address, &l);
	return 0;
}

static int read_oif(struct nl_msg *msg, void *ctx)
{
	struct nlattr *attr = nlmsg_find_attr(nlmsg_hdr(msg), sizeof(struct rtmsg), RTA_OIF);

	if (attr)
		*(__u32 *)ctx = nla_get_u32(attr);
	return NL_OK;
}

int nt_hostlink_route(const struct nt_abi_addr *ip, __u32 *ret_ifindex, struct nt_err *err)
{
	_cleanup_(socket_freep) struct nl_sock *sk = NULL;
	struct rtmsg header = { .rtm_family = ip->family == 4 ? AF_INET : AF_INET6,
				.rtm_dst_len = ip->family == 4 ? 32 : 128 };
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETROUTE, 0);
	__u32 oif = 0;
	int r = open_route(&sk, err);

	if (r == 0) {
		nl_socket_modify_cb(sk, NL_CB_VALID, NL_CB_CUSTOM, read_oif, &oif);
		if (!msg || nlmsg_append(msg, &header, sizeof(header), NLMSG_ALIGNTO) < 0 ||
		    nla_put(msg, RTA_DST, ip->family == 4 ? 4 : 16, ip->octets) < 0 ||
		    nl_send_auto(sk, msg) < 0 || nl_recvmsgs_default(sk) < 0 || !oif)
			r = nt_err_set(err, ENOENT, "the node has no route to the pod's address");
	}
	nlmsg_free(msg);
	if (r == 0)
		*ret_ifindex = oif;
	return r;
}
