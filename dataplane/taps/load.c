/* SPDX-License-Identifier: Apache-2.0 */
/* Loads the BPF objects and pins them: the one file that includes the skeleton. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/taps/foreign.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "tap.skel.h"

/* Two pages at least, and what the kernel takes at most is no sensible node's ring. */
#define RING_BYTES_MIN (16 * 1024)
#define RING_BYTES_MAX (1024 * 1024 * 1024)

/* The last thing that libbpf complained about: the reason that its return code does not say. */
static char last_complaint[256];

/* What is an error is said by our return value: "no such filter" is an answer, not a warning. */
static int log_libbpf(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char line[256];

	if (level == LIBBPF_DEBUG)
		return 0;
	vsnprintf(line, sizeof(line), fmt, ap);
	line[strcspn(line, "\n")] = '\0';
	if (level == LIBBPF_WARN)
		memcpy(last_complaint, line, sizeof(line));
	nt_log_debug("%s", line);
	return 0;
}

__attribute__((constructor)) static void route_libbpf_log(void)
{
	libbpf_set_print(log_libbpf);
}

/* Before 5.11 (commit 80ee81e0403c) maps and programs are charged to RLIMIT_MEMLOCK. */
static bool is_memlock_charged(void)
{
	unsigned major = 0, minor = 0;
	struct utsname u;

	if (uname(&u) == -1 || sscanf(u.release, "%u.%u", &major, &minor) != 2)
		return false;
	return major < 5 || (major == 5 && minor < 11);
}

/* A failure shows as EPERM when maps are made; see refused(). */
static void raise_memlock(void)
{
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	if (is_memlock_charged())
		(void)setrlimit(RLIMIT_MEMLOCK, &all);
}

/* Why the kernel does not take the objects. EPERM has a cause of its own on old kernels, of which
 * neither errno nor libbpf says a word. */
static int refused(int r, struct nt_err *err)
{
	struct rlimit limit;

	if (r == -EPERM && is_memlock_charged() && getrlimit(RLIMIT_MEMLOCK, &limit) == 0 &&
	    limit.rlim_cur != RLIM_INFINITY)
		return nt_err_set(err, EPERM,
				  "RLIMIT_MEMLOCK is %llu octets, and a kernel before 5.11 "
				  "charges BPF maps to it: raise it, or give CAP_SYS_RESOURCE",
				  (unsigned long long)limit.rlim_cur);
	return nt_err_sys(err, -r, "kernel refuses it (%s)", last_complaint);
}

static void skel_freep(struct nt_tap_bpf **skel)
{
	nt_tap_bpf__destroy(*skel);
}

static void put_keys(struct nt_meta *meta, const struct nt_loadkeys *keys)
{
	meta->ring_bytes = keys->ring_bytes;
	memcpy(meta->ports, keys->ports, sizeof(meta->ports));
	memcpy(meta->server_ports, keys->server_ports, sizeof(meta->server_ports));
}

/* What the first load decides and all later ones keep. */
static int decide(const struct nt_taps_config *config, struct nt_meta *meta,
		  struct nt_rules_key *ret_key, struct nt_err *err)
{
	struct nt_loadkeys keys = nt_loadkeys_decide(&config->load, NULL);
	__u32 ring = keys.ring_bytes;

	if (ring < RING_BYTES_MIN || ring > RING_BYTES_MAX || (ring & (ring - 1)))
		return nt_err_set(err, EINVAL, "ring of %u octets: a power of two from %d to %d",
				  ring, RING_BYTES_MIN, RING_BYTES_MAX);
	put_keys(meta, &keys);
	/* Nobody but root may know the key: a pod could make names that collide with allowed ones
	 * (T14). */
	if (getrandom(ret_key, sizeof(*ret_key), 0) != (ssize_t)sizeof(*ret_key) ||
	    getrandom(meta->stamp, sizeof(meta->stamp), 0) != (ssize_t)sizeof(meta->stamp))
		return nt_err_sys(err, errno ? errno : EIO, "take random octets");
	return 0;
}

/* Before maps of others are taken into use: newer libbpf refuses it for one that exists. */
static int size_ring(struct nt_tap_bpf *skel, const struct nt_meta *meta, struct nt_err *err)
{
	int r = bpf_map__set_max_entries(skel->maps.events, meta->ring_bytes);

	return r < 0 ? nt_err_sys(err, -r, "set the size of the ring") : 0;
}

static void configure(struct nt_tap_bpf *skel, const struct nt_meta *meta,
		      const struct nt_rules_key *key)
{
	memcpy((void *)skel->rodata->nt_ports, meta->ports, sizeof(meta->ports));
	memcpy((void *)skel->rodata->nt_server_ports, meta->server_ports,
	       sizeof(meta->server_ports));
	for (int dir = 0; dir < NT_DIR_MAX; dir++)
		skel->rodata->nt_stamp[dir] = meta->stamp[dir];
	skel->rodata->nt_epoch = meta->epoch;
	skel->rodata->nt_ring_bytes = meta->ring_bytes;
	memcpy((void *)&skel->rodata->nt_key, key, sizeof(*key));
}

__u64 nt_taps_digest(__u64 basis, const void *octets, size_t len)
{
	const __u8 *p = octets;

	for (size_t at = 0; at < len; at++)
		basis = (basis ^ p[at]) * 0x100000001b3;
	return basis;
}

static void put_identity(struct nt_meta *meta)
{
	static const __u64 bases[2] = { NT_DIGEST_BASIS, 0x84222325cbf29ce4 };
	size_t len;
	const void *octets = nt_tap_bpf__elf_bytes(&len);

	for (int i = 0; i < 2; i++) {
		__u64 hash = nt_taps_digest(bases[i], octets, len);

		memcpy(meta->object_build + i * sizeof(hash), &hash, sizeof(hash));
	}
	meta->object_version = NT_OBJECT_VERSION;
}

static int read_key(int map_fd, struct nt_rules_key *ret_key, struct nt_err *err)
{
	__u32 zero = 0;

	if (bpf_map_lookup_elem(map_fd, &zero, ret_key) < 0)
		return nt_err_sys(err, errno, "read map %s", NT_PIN_RULES_KEY);
	return 0;
}

static int write_key(struct nt_tap_bpf *skel, const struct nt_rules_key *key, struct nt_err *err)
{
	__u32 zero = 0;

	if (bpf_map_update_elem(bpf_map__fd(skel->maps.rules_key), &zero, key, BPF_ANY) < 0)
		return nt_err_sys(err, errno, "write map %s", NT_PIN_RULES_KEY);
	return 0;
}

static int write_meta(struct nt_tap_bpf *skel, const struct nt_meta *meta, struct nt_err *err)
{
	__u32 zero = 0;

	if (bpf_map_update_elem(bpf_map__fd(skel->maps.meta), &zero, meta, BPF_ANY) < 0)
		return nt_err_sys(err, errno, "write map %s", NT_PIN_META);
	return 0;
}

/* Descriptor of the map or program with the name of a pin. */
static int object_fd(struct nt_tap_bpf *skel, const char *name)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(skel->obj, name);

	return prog ? bpf_program__fd(prog) : bpf_object__find_map_fd_by_name(skel->obj, name);
}

static int pin_into(const char *folder, struct nt_tap_bpf *skel, struct nt_err *err)
{
	char path[PATH_MAX + 64];
	const char *name;
	int r = 0;

	if (mkdir(folder, 0700) == -1)
		return nt_err_sys(err, errno, "make %s", folder);
	for (unsigned i = 0; r == 0 && (name = nt_taps_pin_name(i)); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, name);
		if (bpf_obj_pin(object_fd(skel, name), path) < 0)
			r = nt_err_sys(err, errno, "pin %s", path);
	}
	return r;
}

/* All pins in a neighbour folder, then one rename: whoever sees the root sees all of it. */
static int pin_all(struct nt_taps *t, struct nt_tap_bpf *skel, struct nt_err *err)
{
	char folder[PATH_MAX];
	int r;

	nt_taps_neighbour(t, "_new", folder);
	r = pin_into(folder, skel, err);
	if (r == 0 && rename(folder, t->pin_root) == -1)
		r = nt_err_sys(err, errno, "rename %s to %s", folder, t->pin_root);
	if (r < 0)
		nt_taps_remove_folder(folder);
	return r;
}

int nt_taps_load(struct nt_taps *t, const struct nt_taps_config *config, struct nt_err *err)
{
	_cleanup_(skel_freep) struct nt_tap_bpf *skel = NULL;
	struct nt_meta meta = { .version = NT_ABI_VERSION, .epoch = 1 };
	struct nt_clock clock = nt_clock_system();
	struct nt_rules_key key;
	int r = nt_taps_owner(&meta, err);

	if (r == 0)
		r = decide(config, &meta, &key, err);
	if (r < 0)
		return r;
	put_identity(&meta);
	meta.created_boot_ns = (__u64)nt_clock_boot(&clock);
	raise_memlock();
	skel = nt_tap_bpf__open();
	if (!skel)
		return nt_err_sys(err, errno, "open the built-in object");
	r = size_ring(skel, &meta, err);
	if (r < 0)
		return r;
	configure(skel, &meta, &key);
	last_complaint[0] = '\0';
	r = nt_tap_bpf__load(skel);
	if (r < 0)
		return refused(r, err);
	r = write_meta(skel, &meta, err);
	if (r == 0)
		r = write_key(skel, &key, err);
	return r < 0 ? r : pin_all(t, skel, err);
}

/* --- another generation of the programs ------------------------------------------------------- */

/* A map that is laid out otherwise would be read wrongly by programs of either build. */
int nt_taps_reuse_map(struct bpf_map *map, int fd, struct nt_err *err)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		return nt_err_sys(err, errno, "read map %s", bpf_map__name(map));
	if (info.type != bpf_map__type(map) || info.key_size != bpf_map__key_size(map) ||
	    info.value_size != bpf_map__value_size(map) ||
	    info.max_entries != bpf_map__max_entries(map) ||
	    info.map_flags != bpf_map__map_flags(map))
		return nt_err_set(err, EPROTO, "map %s has another layout", bpf_map__name(map));
	if (bpf_map__reuse_fd(map, fd) < 0)
		return nt_err_sys(err, errno, "use map %s", bpf_map__name(map));
	return 0;
}

static int load_beside(const struct nt_taps *t, struct nt_tap_bpf *skel, const struct nt_meta *meta,
		       struct nt_err *err)
{
	struct nt_rules_key key;
	struct bpf_map *map;
	int r = read_key(t->rules_key_fd, &key, err);

	if (r == 0)
		r = size_ring(skel, meta, err);
	if (r < 0)
		return r;
	configure(skel, meta, &key);
	bpf_object__for_each_map(map, skel->obj)
	{
		int fd = nt_taps_pin_fd(t, bpf_map__name(map));

		/* Scratch and the like: each generation has its own. */
		r = fd < 0 ? 0 : nt_taps_reuse_map(map, fd, err);
		if (r < 0)
			return r;
	}
	last_complaint[0] = '\0';
	r = nt_tap_bpf__load(skel);
	return r < 0 ? nt_err_sys(err, -r, "kernel refuses it (%s)", last_complaint) : 0;
}

int nt_taps_copy(struct nt_taps *t, struct nt_err *err)
{
	_cleanup_(skel_freep) struct nt_tap_bpf *skel = NULL;
	struct nt_meta meta = nt_taps_meta(t);
	int r;

	if (t->copy_fd[NT_DIR_FROM_POD] >= 0)
		return 0;
	skel = nt_tap_bpf__open();
	if (!skel)
		return nt_err_sys(err, errno, "open the built-in object");
	r = load_beside(t, skel, &meta, err);
	for (int dir = 0; dir < NT_DIR_MAX && r == 0; dir++) {
		const char *name = dir == NT_DIR_FROM_POD ? NT_PIN_FROM_POD : NT_PIN_TO_POD;

		t->copy_fd[dir] = fcntl(object_fd(skel, name), F_DUPFD_CLOEXEC, 0);
		if (t->copy_fd[dir] == -1)
			r = nt_err_sys(err, errno, "keep a program");
	}
	return r;
}

static int replace_pin(const struct nt_taps *t, struct nt_tap_bpf *skel, const char *name,
		       struct nt_err *err)
{
	char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", t->pin_root, name);
	return nt_taps_put_pin(path, object_fd(skel, name), err);
}

/* The identity is written last: killed before it, the next agent does all of it again. */
int nt_taps_upgrade(struct nt_taps *t, const struct nt_loadkeys *said, struct nt_err *err)
{
	_cleanup_(skel_freep) struct nt_tap_bpf *skel = NULL;
	struct nt_meta old = nt_taps_meta(t), meta = old;
	struct nt_loadkeys pinned = nt_loadkeys_of(&old), keys = nt_loadkeys_decide(said, &pinned);
	const char *name;
	__u32 zero = 0;
	int r;

	put_identity(&meta);
	put_keys(&meta, &keys);
	meta.epoch++;
	if (old.object_version > NT_OBJECT_VERSION ||
	    (memcmp(old.object_build, meta.object_build, sizeof(old.object_build)) == 0 &&
	     nt_loadkeys_same_ports(&pinned, &keys)))
		return 0;
	raise_memlock();
	skel = nt_tap_bpf__open();
	if (!skel)
		return nt_err_sys(err, errno, "open the built-in object");
	r = load_beside(t, skel, &meta, err);
	for (unsigned i = 0; r == 0 && (name = nt_taps_pin_name(i)); i++) {
		if (bpf_object__find_program_by_name(skel->obj, name))
			r = replace_pin(t, skel, name, err);
	}
	if (r < 0)
		return r;
	if (bpf_map_update_elem(t->meta_fd, &zero, &meta, BPF_EXIST) < 0)
		return nt_err_sys(err, errno, "write map %s", NT_PIN_META);
	return 1;
}

/* --- from another ABI version ----------------------------------------------------------------- */

/* Killed between the two renames there is no root: whoever takes the lock next moves the old one
 * back. Nobody loads one in between, since that takes the lock. (No RENAME_EXCHANGE: bpffs has it
 * since 5.17, commit 6429e46304ac.) */
static int change_roots(const struct nt_taps *t, const char *fresh, struct nt_err *err)
{
	char was[PATH_MAX];

	nt_taps_neighbour(t, "_was", was);
	if (rename(t->pin_root, was) == -1)
		return nt_err_sys(err, errno, "rename %s to %s", t->pin_root, was);
	if (rename(fresh, t->pin_root) == -1) {
		nt_err_sys(err, errno, "rename %s to %s", fresh, t->pin_root);
		(void)rename(was, t->pin_root);
		return -err->code;
	}
	nt_taps_remove_folder(was);
	return 0;
}

static int put_in_place(const struct nt_taps *t, struct nt_tap_bpf *skel,
			const struct nt_foreign *old, struct nt_err *err)
{
	char fresh[PATH_MAX];
	int r;

	nt_taps_neighbour(t, "_new", fresh);
	r = pin_into(fresh, skel, err);
	if (r == 0)
		r = nt_foreign_keep(old, fresh, err);
	if (r == 0)
		r = change_roots(t, fresh, err);
	if (r < 0)
		nt_taps_remove_folder(fresh);
	return r;
}

/* As theirs, with what is this build's. Epochs go up, whichever way the versions go. */
static struct nt_meta own_meta(const struct nt_meta *theirs, const struct nt_loadkeys *said)
{
	struct nt_loadkeys pinned = nt_loadkeys_of(theirs);
	struct nt_loadkeys keys = nt_loadkeys_decide(said, &pinned);
	struct nt_meta meta = *theirs;

	meta.version = NT_ABI_VERSION;
	meta.epoch++;
	put_identity(&meta);
	put_keys(&meta, &keys);
	return meta;
}

static int load_over(struct nt_tap_bpf *skel, const struct nt_foreign *old,
		     const struct nt_meta *meta, struct nt_err *err)
{
	struct nt_rules_key key;
	int r = size_ring(skel, meta, err);

	if (r == 0)
		r = nt_foreign_share(old, skel->obj, err);
	if (r == 0)
		r = read_key(bpf_map__fd(skel->maps.rules_key), &key, err);
	if (r < 0)
		return r;
	configure(skel, meta, &key);
	last_complaint[0] = '\0';
	r = nt_tap_bpf__load(skel);
	return r < 0 ? refused(r, err) : 0;
}

int nt_taps_take_over(struct nt_taps *t, const struct nt_loadkeys *said, struct nt_err *err)
{
	_cleanup_(skel_freep) struct nt_tap_bpf *skel = nt_tap_bpf__open();
	_cleanup_(nt_foreign_done) struct nt_foreign old = { .meta_fd = -1 };
	struct nt_meta meta;
	int r;

	if (!skel)
		return nt_err_sys(err, errno, "open the built-in object");
	r = nt_foreign_open(&old, t, bpf_object__btf(skel->obj), err);
	if (r < 0)
		return r;
	meta = own_meta(&old.meta, said);
	raise_memlock();
	r = load_over(skel, &old, &meta, err);
	if (r == 0)
		r = nt_foreign_copy(&old, skel->obj, err);
	if (r == 0)
		r = write_meta(skel, &meta, err);
	return r < 0 ? r : put_in_place(t, skel, &old, err);
}

/* Returns 1 when there are some. */
int nt_taps_read_layouts(struct nt_taps *t, struct nt_err *err)
{
	_cleanup_(skel_freep) struct nt_tap_bpf *skel = NULL;
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/" NT_PIN_LAYOUTS, t->pin_root);
	if (stat(path, &st) == -1)
		return errno == ENOENT ? 0 : nt_err_sys(err, errno, "%s", path);
	t->layouts = calloc(1, sizeof(*t->layouts));
	skel = nt_tap_bpf__open();
	if (!t->layouts || !skel)
		return nt_err_set(err, ENOMEM, "no memory for layouts of events");
	nt_foreign_layouts(t, bpf_object__btf(skel->obj), t->layouts);
	return 1;
}
