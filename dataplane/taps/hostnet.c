/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup_skb on the cgroup2 root: the one file that includes the skeleton. */
#include "dataplane/taps/hostnet.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/taps/internal.h"
#include "host.skel.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"

/* Kernel 5.14, commit e8b9eab99232; not in the headers that we build with. */
#define NETNS_COOKIE_OPTION 71
#define NODE_CONTAINER "node"
#define HOST_IFNAME "host"

static const char *const pin_names[] = { NT_PIN_HOST_GROUPS, NT_PIN_HOST_NUMBERS,
					 NT_PIN_HOST_CONF,   NT_PIN_HOST_INGRESS,
					 NT_PIN_HOST_EGRESS, NT_PIN_HOST_SOCKET };

struct nt_hostnet {
	struct nt_taps *taps;
	int groups_fd, numbers_fd, conf_fd;
	int beacon_fd;
	struct nt_host_conf conf;
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

static bool has_helper(enum bpf_prog_type type, enum bpf_func_id helper)
{
	return libbpf_probe_bpf_helper(type, helper, NULL) == 1;
}

static int choose_mode(const struct nt_hostnet_config *config, __u64 cookie,
		       enum nt_host_mode *ret_mode, struct nt_err *err)
{
	bool can = cookie && has_helper(BPF_PROG_TYPE_CGROUP_SKB, BPF_FUNC_get_netns_cookie);

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

/* --- pins ------------------------------------------------------------------------------------- */

static void folder_of(const char *pin_root, const char *suffix, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s" NT_HOST_SUFFIX "%s", pin_root, suffix);
}

static void remove_folder(const char *folder)
{
	char path[PATH_MAX + 32];

	for (size_t i = 0; i < NT_ARRAY_LEN(pin_names); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, pin_names[i]);
		(void)unlink(path);
	}
	(void)rmdir(folder);
}

void nt_hostnet_remove(const char *pin_root)
{
	char folder[PATH_MAX];

	folder_of(pin_root, "", folder);
	remove_folder(folder);
	folder_of(pin_root, "_new", folder);
	remove_folder(folder);
}

static int open_pin(const char *folder, const char *name)
{
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return bpf_obj_get(path);
}

static bool is_same(const struct nt_host_conf *a, const struct nt_host_conf *b)
{
	return a->version == b->version && a->epoch == b->epoch &&
	       a->root_created_boot_ns == b->root_created_boot_ns && a->cgroup == b->cgroup &&
	       a->mode == b->mode;
}

/* What an agent before us attached, when it is what we would attach. */
static bool take_over(struct nt_hostnet *h)
{
	struct nt_host_conf there = { 0 };
	char folder[PATH_MAX];
	__u32 zero = 0;

	folder_of(h->taps->pin_root, "", folder);
	h->conf_fd = open_pin(folder, NT_PIN_HOST_CONF);
	h->groups_fd = open_pin(folder, NT_PIN_HOST_GROUPS);
	h->numbers_fd = open_pin(folder, NT_PIN_HOST_NUMBERS);
	if (h->conf_fd >= 0 && h->groups_fd >= 0 && h->numbers_fd >= 0 &&
	    bpf_map_lookup_elem(h->conf_fd, &zero, &there) == 0 && is_same(&there, &h->conf))
		return true;
	nt_closep(&h->conf_fd);
	nt_closep(&h->groups_fd);
	nt_closep(&h->numbers_fd);
	h->conf_fd = h->groups_fd = h->numbers_fd = -1;
	return false;
}

/* --- load ------------------------------------------------------------------------------------- */

static void skel_freep(struct nt_host_bpf **skel)
{
	nt_host_bpf__destroy(*skel);
}

static int configure(struct nt_hostnet *h, struct nt_host_bpf *skel, __u64 cookie)
{
	struct nt_meta meta = nt_taps_meta(h->taps);
	bool marks = h->conf.mode == NT_HOST_BEACON && cookie &&
		     has_helper(BPF_PROG_TYPE_CGROUP_SOCK, BPF_FUNC_sk_storage_get);
	int r;

	memcpy((void *)skel->rodata->nt_ports, meta.ports, sizeof(meta.ports));
	memcpy((void *)skel->rodata->nt_server_ports, meta.server_ports, sizeof(meta.server_ports));
	skel->rodata->nt_epoch = meta.epoch;
	skel->rodata->nt_ring_bytes = meta.ring_bytes;
	skel->rodata->nt_host_mode = h->conf.mode;
	skel->rodata->nt_host_netns_cookie = cookie;
	r = bpf_program__set_autoload(skel->progs.socket, marks);
	if (r == 0)
		r = bpf_map__reuse_fd(skel->maps.counters, h->taps->counters_fd);
	if (r == 0)
		r = bpf_map__reuse_fd(skel->maps.events, h->taps->events_fd);
	if (r == 0)
		r = bpf_map__reuse_fd(skel->maps.drain, h->taps->drain_fd);
	return r == 0 ? bpf_map__reuse_fd(skel->maps.shares, h->taps->shares_fd) : r;
}

static int pin_map(const struct bpf_map *map, const char *folder, const char *name, int *ret_fd,
		   struct nt_err *err)
{
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (bpf_obj_pin(bpf_map__fd(map), path) < 0)
		return nt_err_sys(err, errno, "pin %s", path);
	*ret_fd = fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 3);
	return *ret_fd < 0 ? nt_err_sys(err, errno, "%s", path) : 0;
}

static int pin_maps(struct nt_hostnet *h, struct nt_host_bpf *skel, const char *folder,
		    struct nt_err *err)
{
	int r = pin_map(skel->maps.groups, folder, NT_PIN_HOST_GROUPS, &h->groups_fd, err);

	if (r == 0)
		r = pin_map(skel->maps.numbers, folder, NT_PIN_HOST_NUMBERS, &h->numbers_fd, err);
	if (r == 0)
		r = pin_map(skel->maps.conf, folder, NT_PIN_HOST_CONF, &h->conf_fd, err);
	return r;
}

static int attach(struct bpf_program *prog, int cgroup_fd, const char *folder, const char *name,
		  struct nt_err *err)
{
	char path[PATH_MAX + 32];
	struct bpf_link *link;
	int r;

	if (!bpf_program__autoload(prog))
		return 0;
	link = bpf_program__attach_cgroup(prog, cgroup_fd);
	if (!link)
		return nt_err_sys(err, errno, "attach %s to the cgroup root", name);
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	r = bpf_link__pin(link, path);
	bpf_link__destroy(link); /* the pin keeps it */
	return r < 0 ? nt_err_sys(err, -r, "pin %s", path) : 0;
}

static int attach_all(struct nt_hostnet *h, struct nt_host_bpf *skel, int cgroup_fd,
		      const char *folder, struct nt_err *err)
{
	__u32 zero = 0;
	int r;

	/* Before the first packet: it finds its endpoint and the beacon. */
	if (bpf_map_update_elem(h->conf_fd, &zero, &h->conf, BPF_ANY) < 0)
		return nt_err_sys(err, errno, "write map %s", NT_PIN_HOST_CONF);
	r = attach(skel->progs.socket, cgroup_fd, folder, NT_PIN_HOST_SOCKET, err);
	if (r == 0)
		r = attach(skel->progs.egress, cgroup_fd, folder, NT_PIN_HOST_EGRESS, err);
	return r == 0 ? attach(skel->progs.ingress, cgroup_fd, folder, NT_PIN_HOST_INGRESS, err)
		      : r;
}

static int load_and_pin(struct nt_hostnet *h, int cgroup_fd, __u64 cookie, const char *folder,
			struct nt_err *err)
{
	_cleanup_(skel_freep) struct nt_host_bpf *skel = nt_host_bpf__open();
	int r;

	if (!skel)
		return nt_err_sys(err, errno, "open the built-in object");
	r = configure(h, skel, cookie);
	if (r < 0)
		return nt_err_sys(err, -r, "share the maps of %s", h->taps->pin_root);
	r = nt_host_bpf__load(skel);
	if (r < 0)
		return nt_err_sys(err, -r, "the kernel refuses the programs of the host network");
	if (mkdir(folder, 0700) == -1)
		return nt_err_sys(err, errno, "make %s", folder);
	r = pin_maps(h, skel, folder, err);
	return r == 0 ? attach_all(h, skel, cgroup_fd, folder, err) : r;
}

struct stale {
	struct nt_taps *taps;
	struct nt_buf pods; /* struct nt_pod */
};

static bool note_stale(void *ctx, const struct nt_pod *pod)
{
	struct stale *s = ctx;

	if (pod->state == NT_POD_ATTACHED && pod->origin == NT_ORIGIN_NODE)
		nt_buf_add(&s->pods, pod, sizeof(*pod));
	return true;
}

/* Programs that are loaded anew number from 0: that is another endpoint. */
static int close_records(struct nt_taps *taps, struct nt_err *err)
{
	_cleanup_close_ int lock = -1;
	struct stale s = { .taps = taps };
	int r = nt_taps_lock(taps->state_dir, &lock, err);

	if (r == 0)
		r = nt_taps_pods(taps, note_stale, &s, err);
	if (r == 0 && !nt_buf_ok(&s.pods))
		r = nt_err_set(err, ENOMEM, "no memory to list what the host network had");
	for (size_t i = 0; r == 0 && i < s.pods.len / sizeof(struct nt_pod); i++)
		r = nt_pods_close(taps, &((struct nt_pod *)s.pods.p)[i], err);
	nt_buf_done(&s.pods);
	return r;
}

int nt_hostnet_off(struct nt_taps *taps, struct nt_err *err)
{
	nt_hostnet_remove(taps->pin_root);
	return close_records(taps, err);
}

static int load(struct nt_hostnet *h, int cgroup_fd, __u64 cookie, struct nt_err *err)
{
	char folder[PATH_MAX], fresh[PATH_MAX];
	int r = nt_hostnet_off(h->taps, err);

	if (r < 0)
		return r;
	folder_of(h->taps->pin_root, "", folder);
	folder_of(h->taps->pin_root, "_new", fresh);
	r = load_and_pin(h, cgroup_fd, cookie, fresh, err);
	if (r == 0 && rename(fresh, folder) == -1)
		r = nt_err_sys(err, errno, "rename %s", fresh);
	if (r < 0)
		remove_folder(fresh);
	return r;
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
	_cleanup_close_ int cgroup_fd = -1;
	enum nt_host_mode mode = 0;
	__u32 zero = 0;
	__u64 cookie;
	int r = open_root(config->cgroup_root, &h->conf.cgroup, &cgroup_fd, err);

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
	if (!take_over(h))
		return load(h, cgroup_fd, cookie, err);
	if (bpf_map_update_elem(h->conf_fd, &zero, &h->conf, BPF_ANY) < 0)
		return nt_err_sys(err, errno, "write map %s", NT_PIN_HOST_CONF);
	return 0;
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
	h->groups_fd = h->numbers_fd = h->conf_fd = h->beacon_fd = -1;
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
	nt_closep(&h->groups_fd);
	nt_closep(&h->numbers_fd);
	nt_closep(&h->conf_fd);
	nt_closep(&h->beacon_fd);
	free(h);
}

enum nt_host_mode nt_hostnet_mode(const struct nt_hostnet *h)
{
	return (enum nt_host_mode)h->conf.mode;
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

			(void)bpf_map_delete_elem(h->numbers_fd, &key);
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
	if (bpf_map_update_elem(h->groups_fd, &cgroup, &ep_id, BPF_ANY) < 0)
		return nt_err_sys(err, errno, "write map %s", NT_PIN_HOST_GROUPS);
	return 0;
}

void nt_hostnet_group_drop(struct nt_hostnet *h, __u64 cgroup)
{
	(void)bpf_map_delete_elem(h->groups_fd, &cgroup);
}

void nt_hostnet_groups(struct nt_hostnet *h, nt_hostnet_group_fn *fn, void *ctx)
{
	__u64 key, next, ep_id;
	bool first = true;

	while (bpf_map_get_next_key(h->groups_fd, first ? NULL : &key, &next) == 0) {
		first = false;
		key = next;
		if (key && bpf_map_lookup_elem(h->groups_fd, &key, &ep_id) == 0)
			fn(ctx, key, ep_id);
	}
}
