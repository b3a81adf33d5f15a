/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing the pinned objects; the root's lock and its owner. */
#include "dataplane/taps/taps.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stddef.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/taps/internal.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/slice.h"

#define LOCK_WAIT_MS 10000
#define LOCK_POLL_MS 2

static const struct {
	const char *name;
	size_t fd_offset;
	bool is_of_pods; /* attaching and detaching needs it */
} pins[] = {
	{ NT_PIN_META, offsetof(struct nt_taps, meta_fd), true },
	{ NT_PIN_ENDPOINTS, offsetof(struct nt_taps, endpoints_fd), true },
	{ NT_PIN_COUNTERS, offsetof(struct nt_taps, counters_fd), true },
	{ NT_PIN_PODS, offsetof(struct nt_taps, pods_fd), true },
	{ NT_PIN_LIVE, offsetof(struct nt_taps, live_fd), true },
	{ NT_PIN_EVENTS, offsetof(struct nt_taps, events_fd), false },
	{ NT_PIN_DRAIN, offsetof(struct nt_taps, drain_fd), false },
	{ NT_PIN_SHARES, offsetof(struct nt_taps, shares_fd), false },
	{ NT_PIN_RULES, offsetof(struct nt_taps, rules_fd), false },
	{ NT_PIN_SLOTS, offsetof(struct nt_taps, slots_fd), false },
	{ NT_PIN_SCOPES, offsetof(struct nt_taps, scopes_fd), true },
	{ NT_PIN_RULES_KEY, offsetof(struct nt_taps, rules_key_fd), false },
	{ NT_PIN_FROM_POD, offsetof(struct nt_taps, prog_fd[NT_DIR_FROM_POD]), true },
	{ NT_PIN_TO_POD, offsetof(struct nt_taps, prog_fd[NT_DIR_TO_POD]), true },
};

const char *nt_taps_pin_name(unsigned i)
{
	return i < NT_ARRAY_LEN(pins) ? pins[i].name : NULL;
}

static int *pin_fd(const struct nt_taps *t, unsigned i)
{
	return (int *)((char *)(uintptr_t)t + pins[i].fd_offset);
}

int nt_taps_pin_fd(const struct nt_taps *t, const char *name)
{
	for (unsigned i = 0; i < NT_ARRAY_LEN(pins); i++) {
		if (strcmp(pins[i].name, name) == 0)
			return *pin_fd(t, i);
	}
	return -1;
}

static int copy_path(const char *what, const char *value, char out[NT_ROOT_MAX], struct nt_err *err)
{
	size_t len = strlen(value);

	if (len >= NT_ROOT_MAX)
		return nt_err_set(err, ENAMETOOLONG, "%s is longer than %d octets", what,
				  NT_ROOT_MAX);
	while (len > 1 && value[len - 1] == '/')
		len--;
	if (value[0] != '/' || len < 2)
		return nt_err_set(err, EINVAL, "%s '%s' is not an absolute path", what, value);
	memcpy(out, value, len);
	out[len] = '\0';
	return 0;
}

int nt_taps_set_paths(struct nt_taps *t, const struct nt_taps_config *config, struct nt_err *err)
{
	const char *root = config->pin_root ? config->pin_root : NT_PIN_ROOT_DEFAULT;
	const char *state = config->state_dir ? config->state_dir : NT_STATE_DIR_DEFAULT;
	int r = copy_path("the pin root", root, t->pin_root, err);

	return r < 0 ? r : copy_path("the state folder", state, t->state_dir, err);
}

void nt_taps_neighbour(const struct nt_taps *t, const char *suffix, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s%s", t->pin_root, suffix);
}

void nt_taps_remove_folder(const char *folder)
{
	char path[PATH_MAX];

	/* Nearly always there is none. */
	if (rmdir(folder) == 0 || errno == ENOENT)
		return;
	for (unsigned i = 0; i < NT_ARRAY_LEN(pins); i++) {
		if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, pins[i].name) <
		    sizeof(path))
			(void)unlink(path);
		if ((size_t)snprintf(path, sizeof(path), "%s/%s_new", folder, pins[i].name) <
		    sizeof(path))
			(void)unlink(path);
	}
	nt_tcx_remove_folder(folder);
	(void)rmdir(folder);
}

/* Pins can live on a bpffs only; without one the kernel would say "operation not permitted". */
static int check_bpffs(const struct nt_taps *t, struct nt_err *err)
{
	const char *slash = strrchr(t->pin_root, '/');
	int len = slash == t->pin_root ? 1 : (int)(slash - t->pin_root);
	char parent[NT_ROOT_MAX];
	struct statfs fs;

	snprintf(parent, sizeof(parent), "%.*s", len, t->pin_root);
	if (statfs(parent, &fs) == -1)
		return nt_err_sys(err, errno, "pin root %s: its parent folder %s", t->pin_root,
				  parent);
	if (fs.f_type != BPF_FS_MAGIC)
		return nt_err_set(err, EINVAL,
				  "pin root %s: %s is not a BPF file system; mount one there: "
				  "mount -t bpf bpf %s",
				  t->pin_root, parent, parent);
	return 0;
}

/* The file may have been removed by an uninstall while we waited: a lock on it keeps nobody out. */
static int lock_once(const char *path, int *ret_fd)
{
	_cleanup_close_ int fd = -1;
	struct stat ours, there;

	/* Not for writing, so that a file system that was made read-only has the lock still. */
	fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return -errno;
	if (NT_RETRY(flock(fd, LOCK_EX | LOCK_NB)) == -1)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	if (fstat(fd, &ours) == -1)
		return -errno;
	if (stat(path, &there) == -1 || ours.st_ino != there.st_ino || ours.st_dev != there.st_dev)
		return -EAGAIN;
	*ret_fd = NT_TAKE_FD(fd);
	return 0;
}

int nt_taps_put_pin(const char *path, int fd, struct nt_err *err)
{
	char fresh[PATH_MAX + 72];

	snprintf(fresh, sizeof(fresh), "%s_new", path);
	(void)unlink(fresh);
	if (bpf_obj_pin(fd, fresh) < 0)
		return nt_err_sys(err, errno, "pin %s", fresh);
	return rename(fresh, path) == -1 ? nt_err_sys(err, errno, "rename to %s", path) : 0;
}

int nt_taps_lock(const char *state_dir, int *ret_fd, struct nt_err *err)
{
	const struct timespec pause = { .tv_nsec = LOCK_POLL_MS * 1000000L };
	char path[PATH_MAX];
	int r;

	snprintf(path, sizeof(path), "%s/lock", state_dir);
	for (int waited = 0; waited < LOCK_WAIT_MS; waited += LOCK_POLL_MS) {
		r = lock_once(path, ret_fd);
		if (r == -ENOENT) { /* made now, or removed by an uninstall while we waited */
			r = nt_file_mkdirs(state_dir, 0700, err);
			if (r < 0)
				return nt_err_wrap(err, "state folder %s", state_dir);
			r = lock_once(path, ret_fd);
		}
		if (r != -EAGAIN)
			return r < 0 ? nt_err_sys(err, -r, "lock %s", path) : 0;
		nanosleep(&pause, NULL);
	}
	return nt_err_set(err, ETIMEDOUT, "%s has been locked by another process for %d s", path,
			  LOCK_WAIT_MS / 1000);
}

static int check_meta(const struct nt_taps *t, struct nt_err *err)
{
	struct nt_meta meta, self = {};
	__u32 zero = 0;
	int r;

	if (bpf_map_lookup_elem(t->meta_fd, &zero, &meta) < 0)
		return nt_err_sys(err, errno, "read %s/%s", t->pin_root, NT_PIN_META);
	if (meta.version != NT_ABI_VERSION)
		return nt_err_set(err, EPROTO,
				  "pin root %s has the objects of ABI version %u, this "
				  "program knows %d",
				  t->pin_root, meta.version, NT_ABI_VERSION);
	r = nt_taps_owner(&self, err);
	if (r < 0)
		return r;
	if (meta.owner_netns_ino == self.owner_netns_ino &&
	    meta.owner_netns_dev == self.owner_netns_dev &&
	    memcmp(meta.boot_id, self.boot_id, sizeof(self.boot_id)) == 0)
		return 0;
	return nt_err_set(err, EEXIST,
			  "pin root %s belongs to network namespace %llu, we are in %llu: give "
			  "each node a pin root of its own, or remove that folder when nobody "
			  "uses it",
			  t->pin_root, (unsigned long long)meta.owner_netns_ino,
			  (unsigned long long)self.owner_netns_ino);
}

static int ids(struct nt_taps *t, struct nt_err *err)
{
	struct bpf_map_info map = {};
	__u32 len = sizeof(map);

	if (bpf_obj_get_info_by_fd(t->endpoints_fd, &map, &len) < 0)
		return nt_err_sys(err, errno, "read map in %s", t->pin_root);
	t->endpoints_id = map.id;
	for (int dir = 0; dir < NT_DIR_MAX; dir++) {
		struct bpf_prog_info info = {};

		len = sizeof(info);
		if (bpf_obj_get_info_by_fd(t->prog_fd[dir], &info, &len) < 0)
			return nt_err_sys(err, errno, "read program in %s", t->pin_root);
		t->prog_id[dir] = info.id;
	}
	return 0;
}

/* More than a program of ours has. */
#define MAPS_MAX 64

bool nt_taps_is_ours(const struct nt_taps *t, enum nt_dir dir, __u32 prog_id)
{
	_cleanup_close_ int fd = -1;
	__u32 maps[MAPS_MAX];
	struct bpf_prog_info info = {
		.map_ids = (__u64)(uintptr_t)maps,
		.nr_map_ids = MAPS_MAX,
	};
	__u32 len = sizeof(info);

	if (prog_id == t->prog_id[dir])
		return true;
	fd = prog_id ? bpf_prog_get_fd_by_id(prog_id) : -1;
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		return false;
	for (__u32 i = 0; i < info.nr_map_ids && i < MAPS_MAX; i++) {
		if (maps[i] == t->endpoints_id)
			return true;
	}
	return false;
}

static int open_pins(struct nt_taps *t, struct nt_err *err)
{
	char path[PATH_MAX];
	int r;

	for (unsigned i = 0; i < NT_ARRAY_LEN(pins); i++) {
		nt_closep(pin_fd(t, i));
		*pin_fd(t, i) = -1;
		if (t->only_pods && !pins[i].is_of_pods)
			continue;
		snprintf(path, sizeof(path), "%s/%s", t->pin_root, pins[i].name);
		*pin_fd(t, i) = bpf_obj_get(path);
		if (*pin_fd(t, i) < 0)
			return nt_err_sys(err, errno, "open pin %s", path);
		/* Another version may have other pins, so this is asked before the rest. */
		if (i == 0) {
			r = check_meta(t, err);
			if (r < 0)
				return r;
		}
	}
	return ids(t, err);
}

static struct nt_taps *new_handle(void)
{
	struct nt_taps *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	for (unsigned i = 0; i < NT_ARRAY_LEN(pins); i++)
		*pin_fd(t, i) = -1;
	for (int dir = 0; dir < NT_DIR_MAX; dir++)
		t->copy_fd[dir] = -1;
	t->cpus = libbpf_num_possible_cpus();
	return t;
}

void nt_taps_close(struct nt_taps *t)
{
	if (!t)
		return;
	for (unsigned i = 0; i < NT_ARRAY_LEN(pins); i++)
		nt_closep(pin_fd(t, i));
	for (int dir = 0; dir < NT_DIR_MAX; dir++)
		nt_closep(&t->copy_fd[dir]);
	nt_linkstats_close(t->links);
	free(t);
}

int nt_taps_link_stats(struct nt_taps *t, __u32 ifindex, struct nt_linkstats *ret_stats)
{
	struct nt_err err;

	if (!t->links && nt_linkstats_open(&t->links, &err) < 0)
		return -EIO;
	return nt_linkstats_read(t->links, ifindex, ret_stats);
}

static void closep(struct nt_taps **t)
{
	nt_taps_close(*t);
}

/* A process that was killed while it loaded or removed left a neighbour folder. */
void nt_taps_clean(const struct nt_taps *t)
{
	char path[PATH_MAX];

	nt_taps_neighbour(t, "_new", path);
	nt_taps_remove_folder(path);
	nt_taps_neighbour(t, "_old", path);
	nt_taps_remove_folder(path);
}

static int open_or_load(struct nt_taps *t, const struct nt_taps_config *config, struct nt_err *err)
{
	_cleanup_close_ int lock = -1;
	struct stat st;
	int r;

	/* A root appears whole, in one rename, so that opening what is there needs no lock. */
	if (!config->upgrade) {
		r = open_pins(t, err);
		if (r == 0 || r == -EEXIST || r == -EPROTO) /* somebody else's: not ours to touch */
			return r;
	}
	if (config->must_exist && stat(t->pin_root, &st) == -1)
		return nt_err_sys(err, errno, "pin root %s", t->pin_root);
	r = check_bpffs(t, err);
	if (r < 0)
		return r;
	r = nt_taps_lock(t->state_dir, &lock, err);
	if (r < 0)
		return r;
	nt_taps_clean(t);
	if (!config->must_exist && stat(t->pin_root, &st) == -1 && errno == ENOENT) {
		r = nt_taps_load(t, config, err);
		if (r < 0)
			return nt_err_wrap(err, "load BPF objects");
	}
	r = open_pins(t, err);
	if (r < 0 || !config->upgrade)
		return r;
	r = nt_taps_upgrade(t, &config->load, err);
	if (r < 0)
		return nt_err_wrap(err, "replace the programs in %s", t->pin_root);
	return r ? open_pins(t, err) : 0;
}

int nt_taps_open(const struct nt_taps_config *config, struct nt_taps **ret_taps, struct nt_err *err)
{
	_cleanup_(closep) struct nt_taps *t = NULL;
	struct nt_clock clock = nt_clock_system();
	int r;

	if (geteuid() != 0)
		return nt_err_set(err, EPERM, "must run as root (uid is %u)", geteuid());
	t = new_handle();
	if (!t)
		return nt_err_set(err, ENOMEM, "no memory");
	t->only_pods = config->only_pods;
	t->opened_boot_ns = (__u64)nt_clock_boot(&clock);
	if (t->cpus < 1)
		return nt_err_set(err, EIO, "the number of possible CPUs is not known");
	r = nt_taps_set_paths(t, config, err);
	if (r < 0)
		return r;
	r = open_or_load(t, config, err);
	if (r < 0)
		return r;
	t->kernel_has_tcx = nt_tcx_is_known();
	t->has_tcx = t->kernel_has_tcx && !config->no_tcx;
	*ret_taps = NT_TAKE_PTR(t);
	return 0;
}

int nt_taps_events_fd(const struct nt_taps *t)
{
	return t->events_fd;
}

int nt_taps_counters_fd(const struct nt_taps *t)
{
	return t->counters_fd;
}

int nt_taps_pods_fd(const struct nt_taps *t)
{
	return t->pods_fd;
}

int nt_taps_endpoints_fd(const struct nt_taps *t)
{
	return t->endpoints_fd;
}

int nt_taps_drain_fd(const struct nt_taps *t)
{
	return t->drain_fd;
}

int nt_taps_shares_fd(const struct nt_taps *t)
{
	return t->shares_fd;
}

int nt_taps_cpus(const struct nt_taps *t)
{
	return t->cpus;
}

struct nt_meta nt_taps_meta(const struct nt_taps *t)
{
	struct nt_meta meta = {};
	__u32 zero = 0;

	(void)bpf_map_lookup_elem(t->meta_fd, &zero, &meta);
	return meta;
}
