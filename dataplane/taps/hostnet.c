/* SPDX-License-Identifier: Apache-2.0 */
/* The host's network: where it is tapped, how its sockets are told, whose they are. */
#include "dataplane/taps/hostnet.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "dataplane/taps/hostprogs.h"
#include "dataplane/taps/internal.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"

/* Kernel 5.14, commit e8b9eab99232; not in the headers that we build with. */
#define NETNS_COOKIE_OPTION 71
#define NODE_CONTAINER "node"
#define HOST_IFNAME "host"

struct nt_hostnet {
	struct nt_taps *taps;
	struct nt_hostprogs progs;
	int beacon_fd;
	struct nt_host_conf conf;
	struct nt_err old_why;
	bool missed_sockets; /* those made while no agent was there; until repaired */
};

/* --- what there is ---------------------------------------------------------------------------- */

static bool is_cgroup2(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

const char *nt_hostnet_find_root(bool *ret_hybrid)
{
	*ret_hybrid = false;
	if (is_cgroup2("/sys/fs/cgroup"))
		return "/sys/fs/cgroup";
	*ret_hybrid = true;
	return is_cgroup2("/sys/fs/cgroup/unified") ? "/sys/fs/cgroup/unified" : NULL;
}

/* Of our network namespace; 0: the kernel does not say. */
static __u64 netns_cookie(int socket_fd)
{
	__u64 cookie = 0;
	socklen_t len = sizeof(cookie);

	return getsockopt(socket_fd, SOL_SOCKET, NETNS_COOKIE_OPTION, &cookie, &len) == 0 ? cookie
											  : 0;
}

static int choose_mode(const struct nt_hostnet_config *config, __u64 cookie,
		       enum nt_host_mode *ret_mode, struct nt_err *err)
{
	bool can = cookie &&
		   nt_hostprogs_can_call(BPF_PROG_TYPE_CGROUP_SKB, BPF_FUNC_get_netns_cookie);

	if (config->mode == NT_HOST_COOKIE && !can)
		return nt_err_set(err, EOPNOTSUPP,
				  "cgroup_skb cannot ask for the network namespace in this kernel");
	*ret_mode = config->mode ? config->mode : can ? NT_HOST_COOKIE : NT_HOST_BEACON;
	return 0;
}

/* --- beacon ----------------------------------------------------------------------------------- */

static int open_beacon(struct nt_hostnet *h, struct nt_err *err)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(address);
	__u32 mark = 0;

	h->beacon_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (h->beacon_fd == -1 ||
	    bind(h->beacon_fd, (struct sockaddr *)&address, sizeof(address)) == -1 ||
	    getsockname(h->beacon_fd, (struct sockaddr *)&address, &len) == -1)
		return nt_err_sys(err, errno, "a socket on 127.0.0.1");
	if (getrandom(&mark, sizeof(mark), 0) != sizeof(mark) ||
	    setsockopt(h->beacon_fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) == -1)
		return nt_err_sys(err, errno, "mark a socket");
	h->conf.beacon_port = ntohs(address.sin_port);
	h->conf.beacon_mark = mark;
	return 0;
}

/* --- records ---------------------------------------------------------------------------------- */

static bool note_stale(void *ctx, const struct nt_pod *pod)
{
	struct nt_buf *pods = ctx;

	if (pod->state == NT_POD_ATTACHED && pod->origin == NT_ORIGIN_NODE)
		nt_buf_add(pods, pod, sizeof(*pod));
	return true;
}

/* Programs that are loaded anew number from 0: that is another endpoint. */
static int close_records(struct nt_taps *taps, struct nt_err *err)
{
	_cleanup_close_ int lock = -1;
	struct nt_buf pods = { 0 };
	int r = nt_taps_lock(taps->state_dir, &lock, err);

	if (r == 0)
		r = nt_taps_pods(taps, note_stale, &pods, err);
	if (r == 0 && !nt_buf_ok(&pods))
		r = nt_err_set(err, ENOMEM, "no memory to list what the host network had");
	for (size_t i = 0; r == 0 && i < pods.len / sizeof(struct nt_pod); i++)
		r = nt_pods_close(taps, &((struct nt_pod *)pods.p)[i], err);
	nt_buf_done(&pods);
	return r;
}

int nt_hostnet_off(struct nt_taps *taps, struct nt_err *err)
{
	nt_hostprogs_remove(taps->pin_root);
	return close_records(taps, err);
}

void nt_hostnet_remove(const char *pin_root)
{
	nt_hostprogs_remove(pin_root);
}

bool nt_hostnet_is_pinned(const struct nt_taps *taps)
{
	char folder[PATH_MAX];

	nt_hostprogs_folder(taps->pin_root, "", folder);
	return access(folder, F_OK) == 0;
}

/* --- life ------------------------------------------------------------------------------------- */

static int open_root(const char *path, __u64 *ret_id, int *ret_fd, struct nt_err *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1)
		return nt_err_sys(err, errno, "cgroup root %s", path);
	if (!is_cgroup2(path))
		return nt_err_set(err, EINVAL, "%s is no cgroup2 folder", path);
	*ret_id = st.st_ino;
	*ret_fd = NT_TAKE_FD(fd);
	return 0;
}

static int attach_or_take_over(struct nt_hostnet *h, const struct nt_hostnet_config *config,
			       struct nt_err *err)
{
	struct nt_meta meta = nt_taps_meta(h->taps);
	enum nt_host_mode mode = 0;
	bool is_new = false;
	__u64 cookie;
	int r = open_root(config->cgroup_root, &h->conf.cgroup, &h->progs.cgroup_fd, err);

	if (r == 0)
		r = open_beacon(h, err);
	if (r < 0)
		return r;
	cookie = netns_cookie(h->beacon_fd);
	r = choose_mode(config, cookie, &mode, err);
	if (r < 0)
		return r;
	h->conf.version = NT_ABI_VERSION;
	h->conf.epoch = meta.epoch;
	h->conf.root_created_boot_ns = meta.created_boot_ns;
	h->conf.mode = mode;
	r = nt_hostprogs_open(&h->progs, &h->conf, cookie, &is_new, &h->old_why, err);
	h->missed_sockets = r == 0 && !is_new && h->conf.mode == NT_HOST_BEACON &&
			    !nt_hostprogs_wants(&h->progs, NT_HOST_HOOK_SOCKET);
	return r == 0 && is_new ? close_records(h->taps, err) : r;
}

static int add_node(struct nt_hostnet *h, bool hybrid, struct nt_err *err)
{
	struct nt_pod node = { .container_id = NODE_CONTAINER, .name = "-", .cgroup_v1 = hybrid };
	int r = nt_hostnet_endpoint(h, &node, err);

	return r == 0 ? nt_hostnet_group_set(h, 0, node.ep_id, err) : r;
}

int nt_hostnet_open(struct nt_taps *taps, const struct nt_hostnet_config *config,
		    struct nt_hostnet **ret_hostnet, struct nt_err *err)
{
	struct nt_hostnet *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return nt_err_set(err, ENOMEM, "no memory for the host network");
	h->taps = taps;
	nt_hostprogs_clean(taps->pin_root);
	nt_hostprogs_init(&h->progs, taps);
	h->beacon_fd = -1;
	r = attach_or_take_over(h, config, err);
	if (r == 0)
		r = add_node(h, config->hybrid, err);
	if (r < 0) {
		nt_hostnet_close(h);
		return r;
	}
	*ret_hostnet = h;
	return 0;
}

void nt_hostnet_close(struct nt_hostnet *h)
{
	if (!h)
		return;
	nt_hostprogs_done(&h->progs);
	nt_closep(&h->beacon_fd);
	free(h);
}

enum nt_host_mode nt_hostnet_mode(const struct nt_hostnet *h)
{
	return (enum nt_host_mode)h->conf.mode;
}

const char *nt_hostnet_old(const struct nt_hostnet *h)
{
	return h->old_why.msg[0] ? h->old_why.msg : NULL;
}

void nt_hostnet_look(const struct nt_hostnet *h, struct nt_hook_state *ret_state)
{
	struct nt_hook_state state = { .hook = NT_HOOK_NONE }; /* those are of links */

	if (!nt_hostprogs_look(&h->progs, &state.is_settled))
		state.fault = NT_FAULT_REMOVED;
	else if (h->missed_sockets)
		state.fault = NT_FAULT_UNMARKED;
	*ret_state = state;
}

int nt_hostnet_repair(struct nt_hostnet *h, struct nt_err *err)
{
	h->missed_sockets = false;
	return nt_hostprogs_repair(&h->progs, err);
}

/* --- endpoints and groups --------------------------------------------------------------------- */

int nt_hostnet_endpoint(struct nt_hostnet *h, struct nt_pod *pod, struct nt_err *err)
{
	_cleanup_close_ int lock = -1;
	struct nt_pod there;
	int r = nt_taps_lock(h->taps->state_dir, &lock, err);

	if (r < 0)
		return r;
	memcpy(pod->ifname, HOST_IFNAME, sizeof(HOST_IFNAME));
	pod->origin = NT_ORIGIN_NODE;
	if (nt_pods_find_live(h->taps, pod->container_id, pod->ifname, &there) == 0) {
		if (there.name[0] || !pod->name[0]) {
			*pod = there;
			return 0;
		}
		r = nt_pods_close(h->taps, &there, err); /* now it has a name */
		if (r < 0)
			return r;
	}
	return nt_attach_record(h->taps, pod, err);
}

static void drop_numbers(struct nt_hostnet *h, __u64 ep_id)
{
	for (int cpu = 0; cpu < h->taps->cpus; cpu++) {
		for (__u32 dir = 0; dir < NT_DIR_MAX; dir++) {
			struct nt_host_key key = { ep_id, (__u32)cpu, dir };

			(void)bpf_map_delete_elem(h->progs.map_fds[NT_HOST_MAP_NUMBERS], &key);
		}
	}
}

int nt_hostnet_end(struct nt_hostnet *h, __u64 ep_id, struct nt_err *err)
{
	_cleanup_close_ int lock = -1;
	struct nt_pod pod;
	int r = nt_taps_lock(h->taps->state_dir, &lock, err);

	if (r < 0)
		return r;
	drop_numbers(h, ep_id);
	if (nt_taps_pod_get(h->taps, ep_id, &pod) < 0 || pod.state != NT_POD_ATTACHED)
		return 0;
	pod.end = NT_END_DEL;
	return nt_pods_close(h->taps, &pod, err);
}

int nt_hostnet_group_set(struct nt_hostnet *h, __u64 cgroup, __u64 ep_id, struct nt_err *err)
{
	if (bpf_map_update_elem(h->progs.map_fds[NT_HOST_MAP_GROUPS], &cgroup, &ep_id, BPF_ANY) < 0)
		return nt_err_sys(err, errno, "write map %s", NT_PIN_HOST_GROUPS);
	return 0;
}

void nt_hostnet_group_drop(struct nt_hostnet *h, __u64 cgroup)
{
	(void)bpf_map_delete_elem(h->progs.map_fds[NT_HOST_MAP_GROUPS], &cgroup);
}

void nt_hostnet_groups(struct nt_hostnet *h, nt_hostnet_group_fn *fn, void *ctx)
{
	__u64 key, next, ep_id;
	bool first = true;

	while (bpf_map_get_next_key(h->progs.map_fds[NT_HOST_MAP_GROUPS], first ? NULL : &key,
				    &next) == 0) {
		first = false;
		key = next;
		if (bpf_map_lookup_elem(h->progs.map_fds[NT_HOST_MAP_GROUPS], &key, &ep_id) == 0)
			fn(ctx, key, ep_id);
	}
}
