/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, taking over and closing the pinned objects. */
#include "dataplane/taps/taps.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/taps/hooks.h"
#include "dataplane/taps/internal.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/slice.h"

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
	nt_layouts_remove_folder(folder);
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

int nt_taps_put_pin(const char *path, int fd, struct nt_err *err)
{
	char fresh[PATH_MAX + 72];

	snprintf(fresh, sizeof(fresh), "%s_new", path);
	(void)unlink(fresh);
	if (bpf_obj_pin(fd, fresh) < 0)
		return nt_err_sys(err, errno, "pin %s", fresh);
	return rename(fresh, path) == -1 ? nt_err_sys(err, errno, "rename to %s", path) : 0;
}

/* That of another version may be longer than ours. */
static int read_meta(const struct nt_taps *t, struct nt_meta *ret_meta, struct nt_err *err)
{
	struct bpf_map_info info = {};
	__u32 zero = 0, len = sizeof(info);
	_cleanup_free_ void *value = NULL;

	if (bpf_obj_get_info_by_fd(t->meta_fd, &info, &len) < 0)
		return nt_err_sys(err, errno, "read %s/%s", t->pin_root, NT_PIN_META);
	value = calloc(1, info.value_size + sizeof(*ret_meta));
	if (!value)
		return nt_err_set(err, ENOMEM, "no memory to read %s", NT_PIN_META);
	if (bpf_map_lookup_elem(t->meta_fd, &zero, value) < 0)
		return nt_err_sys(err, errno, "read %s/%s", t->pin_root, NT_PIN_META);
	memcpy(ret_meta, value, sizeof(*ret_meta));
	return 0;
}

static int check_meta(const struct nt_taps *t, struct nt_err *err)
{
	struct nt_meta meta;
	int r = read_meta(t, &meta, err);

	if (r < 0)
		return r;
	if (meta.version != NT_ABI_VERSION)
		return nt_err_set(err, EPROTO,
				  "pin root %s has the objects of ABI version %u, this "
				  "program knows %d",
				  t->pin_root, meta.version, NT_ABI_VERSION);
	return nt_taps_check_owner(t, &meta, err);
}

static int ids(struct nt_taps *t, struct nt_err *err)
{
	__u32 len;
	int r = nt_taps_map_id(t, t->endpoints_fd, &t->endpoints_id, err);

	if (r == 0)
		r = nt_taps_map_id(t, t->counters_fd, &t->counters_id, err);
	if (r < 0)
		return r;
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

static bool uses(__u32 prog_id, __u32 map_id)
{
	_cleanup_close_ int fd = -1;
	__u32 maps[MAPS_MAX];
	struct bpf_prog_info info = {
		.map_ids = (__u64)(uintptr_t)maps,
		.nr_map_ids = MAPS_MAX,
	};
	__u32 len = sizeof(info);

	fd = prog_id ? bpf_prog_get_fd_by_id(prog_id) : -1;
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		return false;
	for (__u32 i = 0; i < info.nr_map_ids && i < MAPS_MAX; i++) {
		if (maps[i] == map_id)
			return true;
	}
	return false;
}

bool nt_taps_is_ours(const struct nt_taps *t, enum nt_dir dir, __u32 prog_id)
{
	return prog_id == t->prog_id[dir] || uses(prog_id, t->counters_id);
}

bool nt_taps_is_foreign(const struct nt_taps *t, enum nt_dir dir, __u32 prog_id)
{
	return nt_taps_is_ours(t, dir, prog_id) && prog_id != t->prog_id[dir] &&
	       !uses(prog_id, t->endpoints_id);
}

static int open_each(struct nt_taps *t, struct nt_err *err)
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
	return 0;
}

static bool is_meta_still(const struct nt_taps *t)
{
	_cleanup_close_ int fd = -1;
	__u32 before, now;
	char path[PATH_MAX];
	struct nt_err err;

	snprintf(path, sizeof(path), "%s/%s", t->pin_root, NT_PIN_META);
	fd = bpf_obj_get(path);
	return fd < 0 || (nt_taps_map_id(t, t->meta_fd, &before, &err) == 0 &&
			  nt_taps_map_id(t, fd, &now, &err) == 0 && before == now);
}

/* Nobody may take over between the first and the last: that would be some of each. */
static int open_pins(struct nt_taps *t, struct nt_err *err)
{
	int r;

	do
		r = open_each(t, err);
	while (t->meta_fd >= 0 && !is_meta_still(t));
	return r < 0 ? r : ids(t, err);
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
	free(t->layouts);
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

static bool is_there(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

/* A process that was killed while it loaded, took over or removed left a neighbour folder. */
void nt_taps_clean(const struct nt_taps *t)
{
	char path[PATH_MAX];

	nt_taps_neighbour(t, "_was", path);
	if (is_there(t->pin_root) || rename(path, t->pin_root) == -1)
		nt_taps_remove_folder(path);
	nt_taps_neighbour(t, "_new", path);
	nt_taps_remove_folder(path);
	nt_taps_neighbour(t, "_old", path);
	nt_taps_remove_folder(path);
}

static int take_over(struct nt_taps *t, const struct nt_loadkeys *said, struct nt_err *err)
{
	struct nt_err refused = *err;
	int r = nt_taps_take_over(t, said, err);

	if (r < 0)
		return nt_err_wrap(err, "%s, and cannot take over from it", refused.msg);
	return open_pins(t, err);
}

/* Also where an agent was killed between taking the root over and its links. */
static int finish_take_over(struct nt_taps *t, struct nt_err *err)
{
	int r = nt_taps_read_layouts(t, err);

	if (r <= 0)
		return r;
	r = nt_hooks_take_over(t, err);
	if (r < 0)
		return nt_err_wrap(err, "take over the links");
	nt_hooks_grace();
	t->is_taken_over = r == 0;
	return 0;
}

static int open_or_load(struct nt_taps *t, const struct nt_taps_config *config, struct nt_err *err)
{
	_cleanup_close_ int lock = -1;
	char was[PATH_MAX];
	int r;

	/* A root appears whole, in one rename, so that opening what is there needs no lock. */
	if (!config->upgrade) {
		r = open_pins(t, err);
		if (r == 0 || r == -EEXIST || r == -EPROTO) /* somebody else's: not ours to touch */
			return r;
	}
	nt_taps_neighbour(t, "_was", was);
	if (config->must_exist && !is_there(t->pin_root) && !is_there(was))
		return nt_err_sys(err, ENOENT, "pin root %s", t->pin_root);
	r = check_bpffs(t, err);
	if (r < 0)
		return r;
	r = nt_taps_lock(t->state_dir, &lock, err);
	if (r < 0)
		return r;
	nt_taps_clean(t);
	if (!config->must_exist && !is_there(t->pin_root)) {
		r = nt_taps_load(t, config, err);
		if (r < 0)
			return nt_err_wrap(err, "load BPF objects");
	}
	r = open_pins(t, err);
	if (!config->upgrade)
		return r;
	if (r == -EPROTO)
		r = take_over(t, &config->load, err);
	if (r < 0)
		return r;
	r = nt_taps_upgrade(t, &config->load, err);
	if (r < 0)
		return nt_err_wrap(err, "replace the programs in %s", t->pin_root);
	if (r)
		r = open_pins(t, err);
	return r < 0 ? r : finish_take_over(t, err);
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
	t->kernel_has_tcx = nt_tcx_is_known();
	t->has_tcx = t->kernel_has_tcx && !config->no_tcx;
	r = open_or_load(t, config, err);
	if (r < 0)
		return r;
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

const struct nt_layouts *nt_taps_layouts(const struct nt_taps *t)
{
	return t->layouts;
}

bool nt_taps_forget_layouts(struct nt_taps *t)
{
	if (!t->layouts || !t->is_taken_over)
		return false;
	nt_layouts_remove_folder(t->pin_root);
	return true;
}

struct nt_meta nt_taps_meta(const struct nt_taps *t)
{
	struct nt_meta meta = {};
	__u32 zero = 0;

	(void)bpf_map_lookup_elem(t->meta_fd, &zero, &meta);
	return meta;
}
