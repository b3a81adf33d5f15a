/* SPDX-License-Identifier: Apache-2.0 */
/* Loads the programs of the host network, or goes on with what is pinned: the one file that
 * includes the skeleton. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/taps/foreign.h"
#include "dataplane/taps/hostprogs.h"
#include "host.skel.h"
#include "lib/base/cleanup.h"

/* --- load ------------------------------------------------------------------------------------- */

static void skel_freep(struct nt_host_bpf **skel)
{
	nt_host_bpf__destroy(*skel);
}

static struct bpf_program *program_of(struct nt_host_bpf *skel, enum nt_host_hook hook)
{
	struct bpf_program *const progs[NT_HOST_HOOK_MAX] = {
		[NT_HOST_HOOK_SOCKET] = skel->progs.socket,
		[NT_HOST_HOOK_EGRESS] = skel->progs.egress,
		[NT_HOST_HOOK_INGRESS] = skel->progs.ingress,
	};

	return progs[hook];
}

static void configure(const struct nt_hostprogs *p, struct nt_host_bpf *skel,
		      const struct nt_host_conf *conf, __u64 cookie)
{
	struct nt_meta meta = nt_taps_meta(p->taps);

	memcpy((void *)skel->rodata->nt_ports, meta.ports, sizeof(meta.ports));
	memcpy((void *)skel->rodata->nt_server_ports, meta.server_ports, sizeof(meta.server_ports));
	skel->rodata->nt_epoch = meta.epoch;
	skel->rodata->nt_ring_bytes = meta.ring_bytes;
	skel->rodata->nt_host_mode = conf->mode;
	skel->rodata->nt_host_netns_cookie = cookie;
}

/* Counters and ring are those of the pods; our own maps those that are open. */
static int share_maps(const struct nt_hostprogs *p, struct nt_host_bpf *skel, struct nt_err *err)
{
	const struct {
		struct bpf_map *map;
		int fd;
	} shared[] = {
		{ skel->maps.counters, p->taps->counters_fd },
		{ skel->maps.events, p->taps->events_fd },
		{ skel->maps.drain, p->taps->drain_fd },
		{ skel->maps.shares, p->taps->shares_fd },
		{ skel->maps.groups, p->map_fds[NT_HOST_MAP_GROUPS] },
		{ skel->maps.numbers, p->map_fds[NT_HOST_MAP_NUMBERS] },
		{ skel->maps.conf, p->map_fds[NT_HOST_MAP_CONF] },
	};
	int r = bpf_map__set_max_entries(skel->maps.events, nt_taps_meta(p->taps).ring_bytes);

	if (r < 0)
		return nt_err_sys(err, -r, "set the size of the ring");
	for (size_t i = 0; i < NT_ARRAY_LEN(shared); i++) {
		if (shared[i].fd >= 0)
			r = nt_taps_reuse_map(shared[i].map, shared[i].fd, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int load(const struct nt_hostprogs *p, const struct nt_host_conf *conf, __u64 cookie,
		struct nt_host_bpf **ret_skel, struct nt_err *err)
{
	_cleanup_(skel_freep) struct nt_host_bpf *skel = nt_host_bpf__open();
	int r;

	if (!skel)
		return nt_err_sys(err, errno, "open the built-in object");
	configure(p, skel, conf, cookie);
	r = bpf_program__set_autoload(skel->progs.socket, p->wants_socket);
	if (r < 0)
		return nt_err_sys(err, -r, "choose the programs");
	r = share_maps(p, skel, err);
	if (r < 0)
		return nt_err_wrap(err, "share the maps of %s", p->taps->pin_root);
	r = nt_host_bpf__load(skel);
	if (r < 0)
		return nt_err_sys(err, -r, "the kernel refuses the programs of the host network");
	*ret_skel = NT_TAKE_PTR(skel);
	return 0;
}

static int keep_fd(int fd, int *ret_fd, struct nt_err *err)
{
	*ret_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return *ret_fd < 0 ? nt_err_sys(err, errno, "keep an object of the host network") : 0;
}

static int put_conf(const struct nt_hostprogs *p, const struct nt_host_conf *conf,
		    struct nt_err *err)
{
	__u32 zero = 0;

	if (bpf_map_update_elem(p->map_fds[NT_HOST_MAP_CONF], &zero, conf, BPF_ANY) < 0)
		return nt_err_sys(err, errno, "write map %s", NT_PIN_HOST_CONF);
	return 0;
}

/* --- anew ------------------------------------------------------------------------------------- */

static int keep_all(struct nt_hostprogs *p, struct nt_host_bpf *skel, struct nt_err *err)
{
	const struct bpf_map *const maps[NT_HOST_MAP_MAX] = { skel->maps.groups, skel->maps.numbers,
							      skel->maps.conf };
	int r = 0;

	for (int i = 0; r == 0 && i < NT_HOST_MAP_MAX; i++)
		r = keep_fd(bpf_map__fd(maps[i]), &p->map_fds[i], err);
	for (int i = 0; r == 0 && i < NT_HOST_HOOK_MAX; i++) {
		if (nt_hostprogs_wants(p, i))
			r = keep_fd(bpf_program__fd(program_of(skel, i)), &p->hooks[i].prog_fd,
				    err);
	}
	return r;
}

/* What was there goes when the new programs are attached, and those count nothing yet: what cannot
 * be loaded or attached leaves everything as it was. */
static int open_anew(struct nt_hostprogs *p, const struct nt_host_conf *conf, __u64 cookie,
		     struct nt_err *err)
{
	_cleanup_(skel_freep) struct nt_host_bpf *skel = NULL;
	char folder[PATH_MAX], fresh[PATH_MAX];
	int r;

	nt_hostprogs_close_objects(p);
	nt_hostprogs_folder(p->taps->pin_root, "", folder);
	nt_hostprogs_folder(p->taps->pin_root, "_new", fresh);
	r = load(p, conf, cookie, &skel, err);
	if (r == 0)
		r = keep_all(p, skel, err);
	if (r == 0)
		r = put_conf(p, conf, err);
	if (r == 0)
		r = nt_hostprogs_put_all(p, fresh, err);
	if (r == 0) {
		nt_hostprogs_remove_folder(folder);
		if (rename(fresh, folder) == -1)
			r = nt_err_sys(err, errno, "rename %s", fresh);
	}
	if (r < 0)
		nt_hostprogs_remove_folder(fresh);
	return r;
}

/* --- what is there ---------------------------------------------------------------------------- */

static int open_pin(const char *folder, const char *name)
{
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return bpf_obj_get(path);
}

/* As ours, whichever ABI version wrote it. */
static bool read_conf(const struct nt_hostprogs *p, struct nt_host_conf *ret_there)
{
	_cleanup_(skel_freep) struct nt_host_bpf *skel = nt_host_bpf__open();
	struct nt_err err;

	return skel &&
	       nt_foreign_read(p->map_fds[NT_HOST_MAP_CONF], bpf_object__btf(skel->obj),
			       "nt_host_conf", "version epoch root_created_boot_ns cgroup mode",
			       ret_there, &err) == 0;
}

/* False: there is nothing that can be gone on with. */
static bool open_maps(struct nt_hostprogs *p, const struct nt_host_conf *conf,
		      struct nt_host_conf *ret_there)
{
	char folder[PATH_MAX];
	bool all = true;

	nt_hostprogs_folder(p->taps->pin_root, "", folder);
	for (int i = 0; i < NT_HOST_MAP_MAX; i++) {
		p->map_fds[i] = open_pin(folder, nt_hostprogs_map_pins[i]);
		all &= p->map_fds[i] >= 0;
	}
	return all && read_conf(p, ret_there) &&
	       ret_there->root_created_boot_ns == conf->root_created_boot_ns &&
	       ret_there->cgroup == conf->cgroup;
}

/* Links with the programs that they run or ran. */
static void open_hooks(struct nt_hostprogs *p)
{
	char folder[PATH_MAX];

	nt_hostprogs_folder(p->taps->pin_root, "", folder);
	for (int i = 0; i < NT_HOST_HOOK_MAX; i++) {
		struct bpf_link_info info = {};
		__u32 len = sizeof(info);
		int fd = open_pin(folder, nt_hostprogs_hook_pins[i]);

		p->hooks[i].link_fd = fd;
		if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &len) == 0)
			p->hooks[i].prog_fd = bpf_prog_get_fd_by_id(info.prog_id);
	}
}

static bool has_programs(const struct nt_hostprogs *p)
{
	bool all = true;

	for (int i = 0; i < NT_HOST_HOOK_MAX; i++)
		all &= p->hooks[i].prog_fd >= 0 || !nt_hostprogs_wants(p, i);
	return all;
}

/* Programs of a newer agent stay, as on the pods' links. */
static bool is_current(const struct nt_hostprogs *p, const struct nt_host_conf *there,
		       const struct nt_host_conf *conf)
{
	return there->version == conf->version && there->epoch == conf->epoch &&
	       there->mode == conf->mode &&
	       (there->object_build == conf->object_build ||
		nt_taps_meta(p->taps).object_version > NT_OBJECT_VERSION) &&
	       has_programs(p);
}

static int replace_hook(struct nt_hostprogs *p, enum nt_host_hook hook, int prog_fd,
			struct nt_err *err)
{
	int fresh, old = p->hooks[hook].prog_fd, r = keep_fd(prog_fd, &fresh, err);
	char folder[PATH_MAX];

	if (r < 0)
		return r;
	p->hooks[hook].prog_fd = fresh;
	/* Where packets go by unseen already, the keeper says since when before it attaches. */
	if (nt_hostprogs_is_attached(p, hook))
		r = nt_hostprogs_put_program(p, hook, err);
	if (r < 0) {
		p->hooks[hook].prog_fd = old;
		close(fresh);
		return r;
	}
	nt_closep(&old);
	if (hook != NT_HOST_HOOK_SOCKET)
		return 0;
	nt_hostprogs_folder(p->taps->pin_root, "", folder);
	return nt_hostprogs_put_hook(p, hook, folder, err);
}

static void drop_socket_hook(struct nt_hostprogs *p)
{
	char folder[PATH_MAX];

	nt_hostprogs_folder(p->taps->pin_root, "", folder);
	nt_hostprogs_unpin(folder, NT_PIN_HOST_SOCKET);
	nt_hostprogs_close_hook(p, NT_HOST_HOOK_SOCKET);
}

/* What is in force, and the beacon of now. */
static void go_on_with(struct nt_host_conf *conf, const struct nt_host_conf *there)
{
	conf->epoch = there->epoch;
	conf->mode = there->mode;
	conf->object_build = there->object_build;
}

/* Of another ABI version only the map of conf cannot go on. */
static int change_conf(struct nt_hostprogs *p, struct nt_host_bpf *skel, struct nt_err *err)
{
	int fd, r = keep_fd(bpf_map__fd(skel->maps.conf), &fd, err);

	if (r < 0)
		return r;
	nt_closep(&p->map_fds[NT_HOST_MAP_CONF]);
	p->map_fds[NT_HOST_MAP_CONF] = fd;
	return 0;
}

static int pin_conf(const struct nt_hostprogs *p, struct nt_err *err)
{
	char path[PATH_MAX + 32], folder[PATH_MAX];

	nt_hostprogs_folder(p->taps->pin_root, "", folder);
	snprintf(path, sizeof(path), "%s/" NT_PIN_HOST_CONF, folder);
	return nt_taps_put_pin(path, p->map_fds[NT_HOST_MAP_CONF], err);
}

/* The identity is written last: killed before it, the next agent does all of it again. */
static int replace(struct nt_hostprogs *p, const struct nt_host_conf *there,
		   const struct nt_host_conf *conf, __u64 cookie, struct nt_err *err)
{
	_cleanup_(skel_freep) struct nt_host_bpf *skel = NULL;
	struct nt_host_conf between = *conf;
	bool is_foreign = there->version != conf->version;
	int r;

	if (is_foreign) { /* so that it is made, not shared */
		nt_closep(&p->map_fds[NT_HOST_MAP_CONF]);
		p->map_fds[NT_HOST_MAP_CONF] = -1;
	}
	r = load(p, conf, cookie, &skel, err);
	if (r == 0 && is_foreign)
		r = change_conf(p, skel, err);
	go_on_with(&between, there);
	if (r == 0)
		r = put_conf(p, &between, err); /* the beacon, which the new programs look for */
	for (int i = 0; r == 0 && i < NT_HOST_HOOK_MAX; i++) {
		if (nt_hostprogs_wants(p, i))
			r = replace_hook(p, i, bpf_program__fd(program_of(skel, i)), err);
	}
	if (r < 0)
		return r;
	if (!p->wants_socket)
		drop_socket_hook(p);
	r = put_conf(p, conf, err);
	return r == 0 && is_foreign ? pin_conf(p, err) : r;
}

static bool is_running(const struct nt_hostprogs *p)
{
	return nt_hostprogs_is_in_place(p, NT_HOST_HOOK_EGRESS) &&
	       nt_hostprogs_is_in_place(p, NT_HOST_HOOK_INGRESS);
}

static __u32 build_of_object(void)
{
	size_t len;
	const void *octets = nt_host_bpf__elf_bytes(&len);

	return (__u32)nt_taps_digest(NT_DIGEST_BASIS, octets, len);
}

int nt_hostprogs_open(struct nt_hostprogs *p, struct nt_host_conf *conf, __u64 cookie,
		      bool *ret_is_new, struct nt_err *old_why, struct nt_err *err)
{
	struct nt_host_conf there = { 0 };
	int r;

	*ret_is_new = false;
	old_why->msg[0] = '\0';
	conf->object_build = build_of_object();
	p->wants_socket = conf->mode == NT_HOST_BEACON && cookie &&
			  nt_hostprogs_can_call(BPF_PROG_TYPE_CGROUP_SOCK, BPF_FUNC_sk_storage_get);
	if (open_maps(p, conf, &there)) {
		open_hooks(p);
		if (is_current(p, &there, conf)) {
			go_on_with(conf, &there);
			return put_conf(p, conf, err);
		}
		r = replace(p, &there, conf, cookie, err);
		if (r != 0 && r != -EPROTO && there.version == conf->version && is_running(p)) {
			*old_why = *err;
			p->wants_socket = p->hooks[NT_HOST_HOOK_SOCKET].prog_fd >= 0;
			go_on_with(conf, &there);
			return put_conf(p, conf, err);
		}
		if (r != -EPROTO)
			return r;
	}
	*ret_is_new = true;
	return open_anew(p, conf, cookie, err);
}
