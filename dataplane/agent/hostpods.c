/* SPDX-License-Identifier: Apache-2.0 */
/* Cgroups of pods in the host's network. */
#include "dataplane/agent/hostpods.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "dataplane/agent/podcgroup.h"
#include "dataplane/taps/failures.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/parse.h"

/* kubepods.slice, class, pod, container, and what a container makes below. */
#define DEPTH_MAX 10
#define PROCS_BYTES (1 << 20)
/* Between two tries to tap: each further one is twice as long. Below the pace of looks, so that the
 * first of them tries. */
#define RETRY_NS (5 * NT_NS_PER_S)
#define RETRY_MAX_NS (300 * NT_NS_PER_S)

struct pod_cgroups {
	char uid[NT_PODCGROUP_UID];
	struct nt_buf ids; /* uint64_t: of all its cgroups */
	bool in_host_network;
	uint64_t ep_id;
};

/* A pair of the kernel's map. */
struct group {
	uint64_t cgroup, ep_id;
	bool wanted;
};

struct nt_hostpods {
	struct nt_hostpods_config config;
	struct nt_hostnet *hostnet; /* NULL: not tapped, which is tried again */
	const char *root; /* of the cgroups; when tapped */
	int64_t retry_ns, wait_ns; /* CLOCK_BOOTTIME of the next try; from that one to its next */
	struct nt_err why; /* of the last try */
	struct stat own; /* network namespace */
	struct nt_buf groups; /* struct group */
	size_t len;
	bool failing;
};

/* As coverage shows the node; the taps write the same. */
static const struct nt_pod node = { .container_id = "node", .name = "-", .ifname = "host" };

static int open_taps(struct nt_hostpods *h, struct nt_err *err)
{
	struct nt_hostnet_config config = { .mode = h->config.mode };

	h->root = h->config.cgroup_root;
	if (!h->root)
		h->root = nt_hostnet_find_root(&config.hybrid);
	if (!h->root)
		return nt_err_set(err, ENOENT, "no cgroup2 is mounted");
	config.cgroup_root = h->root;
	if (stat("/proc/self/ns/net", &h->own) == -1)
		return nt_err_sys(err, errno, "/proc/self/ns/net");
	return nt_hostnet_open(h->config.taps, &config, &h->hostnet, err);
}

static void tapped(struct nt_hostpods *h)
{
	nt_failure_drop(h->config.state_dir, &node);
	nt_log_info("the host network is tapped at %s (%s)", h->root,
		    nt_hostnet_mode(h->hostnet) == NT_HOST_COOKIE ? "cookie" : "beacon");
	if (nt_hostnet_old(h->hostnet))
		nt_log_warn("the host network is tapped by the programs of before: %s",
			    nt_hostnet_old(h->hostnet));
}

/* For coverage; the log has it when it is new. */
static void not_tapped(struct nt_hostpods *h, const struct nt_err *why)
{
	char text[sizeof(why->msg) + 64];
	struct nt_err err;

	h->retry_ns = nt_clock_boot_now() + h->wait_ns;
	h->wait_ns = h->wait_ns * 2 < RETRY_MAX_NS ? h->wait_ns * 2 : RETRY_MAX_NS;
	snprintf(text, sizeof(text), "%s; it is tried again, at least every 5 minutes", why->msg);
	if (strcmp(why->msg, h->why.msg) != 0)
		nt_log_warn("the host network is not tapped: %s", text);
	h->why = *why;
	if (nt_failure_put(h->config.state_dir, &node, NULL, text, &err) < 0)
		nt_log_warn("cannot note that the host network is not tapped: %s", err.msg);
}

static void try_to_tap(struct nt_hostpods *h)
{
	struct nt_err why;

	if (open_taps(h, &why) == 0)
		tapped(h);
	else
		not_tapped(h, &why);
}

int nt_hostpods_new(const struct nt_hostpods_config *config, struct nt_hostpods **ret_hostpods,
		    struct nt_err *err)
{
	struct nt_hostpods *h = calloc(1, sizeof(*h));

	if (!h)
		return nt_err_set(err, ENOMEM, "no memory for pods in the host network");
	h->config = *config;
	if (!h->config.proc)
		h->config.proc = "/proc";
	h->wait_ns = RETRY_NS;
	try_to_tap(h);
	*ret_hostpods = h;
	return 0;
}

void nt_hostpods_free(struct nt_hostpods *h)
{
	if (!h)
		return;
	nt_hostnet_close(h->hostnet);
	nt_buf_done(&h->groups);
	free(h);
}

struct nt_hostnet *nt_hostpods_taps(struct nt_hostpods *h)
{
	return h->hostnet;
}

size_t nt_hostpods_len(const struct nt_hostpods *h)
{
	return h->len;
}

/* --- one pod's cgroups ------------------------------------------------------------------------ */

static bool is_in_our_netns(const struct nt_hostpods *h, uint64_t pid)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%llu/ns/net", h->config.proc, (unsigned long long)pid);
	return stat(path, &st) == 0 && st.st_ino == h->own.st_ino && st.st_dev == h->own.st_dev;
}

/* Any process of it will do: a pod's containers share one network namespace. */
static bool has_host_process(const struct nt_hostpods *h, int dir_fd)
{
	_cleanup_buf_ struct nt_buf text = { 0 };

	if (nt_file_read_at(dir_fd, "cgroup.procs", PROCS_BYTES, &text, NULL) < 0)
		return false;
	for (size_t at = 0; at < text.len;) {
		const char *end = memchr(text.p + at, '\n', text.len - at);
		size_t len = end ? (size_t)(end - text.p) - at : text.len - at;
		uint64_t pid;

		if (nt_parse_u64(nt_slice_mem(text.p + at, len), INT_MAX, &pid) == 0 && pid)
			return is_in_our_netns(h, pid);
		at += len + 1;
	}
	return false;
}

static void collect(const struct nt_hostpods *h, int dir_fd, struct pod_cgroups *pod,
		    unsigned depth)
{
	int own = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *dir = own == -1 ? NULL : fdopendir(own);
	struct dirent *d;
	struct stat st;

	if (!dir)
		nt_closep(&own);
	if (!dir || fstat(dir_fd, &st) == -1)
		return;
	nt_buf_add(&pod->ids, &(uint64_t){ st.st_ino }, sizeof(uint64_t));
	pod->in_host_network = pod->in_host_network || has_host_process(h, dir_fd);
	while (depth < DEPTH_MAX && (d = readdir(dir))) {
		_cleanup_close_ int fd = -1;

		if (d->d_type != DT_DIR || d->d_name[0] == '.')
			continue;
		fd = openat(dir_fd, d->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (fd != -1)
			collect(h, fd, pod, depth + 1);
	}
}

/* --- who it is -------------------------------------------------------------------------------- */

static void name_pod(const struct nt_hostpods *h, struct nt_pod *pod)
{
	const struct nt_object *o = NULL;

	if (h->config.objects)
		o = nt_objects_find_pod_uid(h->config.objects, nt_slice_str(pod->uid));
	if (!o || o->namespace_.len >= sizeof(pod->namespace_) || o->name.len >= sizeof(pod->name))
		return;
	memcpy(pod->namespace_, o->namespace_.p, o->namespace_.len);
	memcpy(pod->name, o->name.p, o->name.len);
}

static void want(struct nt_hostpods *h, uint64_t cgroup, uint64_t ep_id)
{
	struct group *all = (struct group *)h->groups.p, fresh = { cgroup, 0, true };
	struct nt_err err;

	for (size_t i = 0; i < h->groups.len / sizeof(*all); i++) {
		if (all[i].cgroup != cgroup)
			continue;
		all[i].wanted = true;
		if (all[i].ep_id == ep_id)
			return;
		all[i].ep_id = ep_id;
		fresh.cgroup = 0; /* the entry is there */
	}
	fresh.ep_id = ep_id;
	if (nt_hostnet_group_set(h->hostnet, cgroup, ep_id, &err) < 0 && !h->failing) {
		nt_log_warn("pods in the host network: %s", err.msg);
		h->failing = true; /* the map is full: what does not fit is the node's */
	}
	if (fresh.cgroup)
		nt_buf_add(&h->groups, &fresh, sizeof(fresh));
}

static void take_pod(struct nt_hostpods *h, int fd, const char *uid)
{
	struct pod_cgroups found = { 0 };
	struct nt_pod pod = { 0 };
	struct nt_err err;

	collect(h, fd, &found, 0);
	if (found.in_host_network) {
		snprintf(pod.uid, sizeof(pod.uid), "%s", uid);
		snprintf(pod.container_id, sizeof(pod.container_id), "pod-%s", uid);
		name_pod(h, &pod);
		if (nt_hostnet_endpoint(h->hostnet, &pod, &err) < 0) {
			nt_log_warn("pod %s in the host network: %s", uid, err.msg);
		} else {
			h->len++;
			for (size_t i = 0; i < found.ids.len / sizeof(uint64_t); i++)
				want(h, ((const uint64_t *)found.ids.p)[i], pod.ep_id);
		}
	}
	nt_buf_done(&found.ids);
}

static void walk(struct nt_hostpods *h, int dir_fd, unsigned depth)
{
	int own = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *dir = own == -1 ? NULL : fdopendir(own);
	char uid[NT_PODCGROUP_UID];
	struct dirent *d;

	if (!dir)
		nt_closep(&own);
	while (dir && depth < DEPTH_MAX && (d = readdir(dir))) {
		_cleanup_close_ int fd = -1;

		if (d->d_type != DT_DIR || d->d_name[0] == '.')
			continue;
		fd = openat(dir_fd, d->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (fd != -1 && nt_podcgroup_uid(nt_slice_str(d->d_name), uid))
			take_pod(h, fd, uid);
		else if (fd != -1)
			walk(h, fd, depth + 1);
	}
}

/* --- a look ----------------------------------------------------------------------------------- */

static void note_group(void *ctx, __u64 cgroup, __u64 ep_id)
{
	struct group g = { .cgroup = cgroup, .ep_id = ep_id };
	struct nt_hostpods *h = ctx;

	if (cgroup) /* else the node's, which stays */
		nt_buf_add(&h->groups, &g, sizeof(g));
}

static bool is_wanted(const struct nt_hostpods *h, uint64_t ep_id)
{
	const struct group *all = (const struct group *)h->groups.p;

	for (size_t i = 0; i < h->groups.len / sizeof(*all); i++)
		if (all[i].ep_id == ep_id && all[i].wanted)
			return true;
	return false;
}

/* First the cgroups, then the endpoints: nobody counts for one that has ended. */
static void drop_unwanted(struct nt_hostpods *h)
{
	struct group *all = (struct group *)h->groups.p;
	size_t n = h->groups.len / sizeof(*all);
	struct nt_err err;

	for (size_t i = 0; i < n; i++)
		if (!all[i].wanted)
			nt_hostnet_group_drop(h->hostnet, all[i].cgroup);
	for (size_t i = 0; i < n; i++)
		if (!all[i].wanted && !is_wanted(h, all[i].ep_id) &&
		    nt_hostnet_end(h->hostnet, all[i].ep_id, &err) < 0)
			nt_log_warn("a pod in the host network: %s", err.msg);
}

void nt_hostpods_look(struct nt_hostpods *h)
{
	_cleanup_close_ int fd = -1;

	if (!h->hostnet && nt_clock_boot_now() >= h->retry_ns)
		try_to_tap(h);
	if (!h->hostnet)
		return;
	fd = open(h->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return;
	nt_buf_reset(&h->groups);
	h->len = 0;
	nt_hostnet_groups(h->hostnet, note_group, h);
	walk(h, fd, 0);
	drop_unwanted(h);
}
