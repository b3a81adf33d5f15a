/* SPDX-License-Identifier: Apache-2.0 */
/* Links and pins of the host network's programs: looked at, put back, taken off. */
#include "dataplane/taps/hostprogs.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "dataplane/taps/internal.h"
#include "lib/base/cleanup.h"

static const enum bpf_attach_type types[NT_HOST_HOOK_MAX] = {
	[NT_HOST_HOOK_SOCKET] = BPF_CGROUP_INET_SOCK_CREATE,
	[NT_HOST_HOOK_EGRESS] = BPF_CGROUP_INET_EGRESS,
	[NT_HOST_HOOK_INGRESS] = BPF_CGROUP_INET_INGRESS,
};

const char *const nt_hostprogs_hook_pins[NT_HOST_HOOK_MAX] = {
	[NT_HOST_HOOK_SOCKET] = NT_PIN_HOST_SOCKET,
	[NT_HOST_HOOK_EGRESS] = NT_PIN_HOST_EGRESS,
	[NT_HOST_HOOK_INGRESS] = NT_PIN_HOST_INGRESS,
};

const char *const nt_hostprogs_map_pins[NT_HOST_MAP_MAX] = {
	[NT_HOST_MAP_GROUPS] = NT_PIN_HOST_GROUPS,
	[NT_HOST_MAP_NUMBERS] = NT_PIN_HOST_NUMBERS,
	[NT_HOST_MAP_CONF] = NT_PIN_HOST_CONF,
};

static void close_fd(int *fd)
{
	nt_closep(fd);
	*fd = -1;
}

void nt_hostprogs_close_hook(struct nt_hostprogs *p, enum nt_host_hook hook)
{
	close_fd(&p->hooks[hook].prog_fd);
	close_fd(&p->hooks[hook].link_fd);
}

void nt_hostprogs_close_objects(struct nt_hostprogs *p)
{
	for (int i = 0; i < NT_HOST_MAP_MAX; i++)
		close_fd(&p->map_fds[i]);
	for (int i = 0; i < NT_HOST_HOOK_MAX; i++)
		nt_hostprogs_close_hook(p, i);
}

void nt_hostprogs_init(struct nt_hostprogs *p, struct nt_taps *taps)
{
	*p = (struct nt_hostprogs){ .taps = taps, .cgroup_fd = -1 };
	for (int i = 0; i < NT_HOST_MAP_MAX; i++)
		p->map_fds[i] = -1;
	for (int i = 0; i < NT_HOST_HOOK_MAX; i++)
		p->hooks[i].prog_fd = p->hooks[i].link_fd = -1;
}

void nt_hostprogs_done(struct nt_hostprogs *p)
{
	nt_hostprogs_close_objects(p);
	close_fd(&p->cgroup_fd);
}

bool nt_hostprogs_wants(const struct nt_hostprogs *p, enum nt_host_hook hook)
{
	return hook != NT_HOST_HOOK_SOCKET || p->wants_socket;
}

/* As libbpf_probe_bpf_helper. That of libbpf 1.1 does not know the third wording, which 6.12 has,
 * and takes what is refused so for allowed. Other complaints are of arguments, which do not matter.
 */
bool nt_hostprogs_can_call(enum bpf_prog_type type, enum bpf_func_id helper)
{
	static const char *const refusals[] = { "invalid func ", "unknown func ",
						"program of this type cannot use helper " };
	const struct bpf_insn insns[] = { { .code = BPF_JMP | BPF_CALL, .imm = helper },
					  { .code = BPF_JMP | BPF_EXIT } };
	char log[4096] = "";
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .log_buf = log, .log_size = sizeof(log),
		    .log_level = 1);
	_cleanup_close_ int fd =
		bpf_prog_load(type, NULL, "GPL", insns, NT_ARRAY_LEN(insns), &opts);

	for (size_t i = 0; i < NT_ARRAY_LEN(refusals); i++)
		if (strstr(log, refusals[i]))
			return false;
	return fd >= 0 || log[0];
}

/* --- pins ------------------------------------------------------------------------------------- */

void nt_hostprogs_folder(const char *pin_root, const char *suffix, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s" NT_HOST_SUFFIX "%s", pin_root, suffix);
}

/* Of a process that was killed in nt_taps_put_pin. */
static void unpin_new(const char *folder, const char *name)
{
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s_new", folder, name);
	(void)unlink(path);
}

void nt_hostprogs_unpin(const char *folder, const char *name)
{
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	(void)unlink(path);
	unpin_new(folder, name);
}

void nt_hostprogs_remove_folder(const char *folder)
{
	/* Nearly always there is none. */
	if (rmdir(folder) == 0 || errno == ENOENT)
		return;
	for (int i = 0; i < NT_HOST_HOOK_MAX; i++)
		nt_hostprogs_unpin(folder, nt_hostprogs_hook_pins[i]);
	for (int i = 0; i < NT_HOST_MAP_MAX; i++)
		nt_hostprogs_unpin(folder, nt_hostprogs_map_pins[i]);
	(void)rmdir(folder);
}

void nt_hostprogs_clean(const char *pin_root)
{
	char folder[PATH_MAX];

	nt_hostprogs_folder(pin_root, "_new", folder);
	nt_hostprogs_remove_folder(folder);
	nt_hostprogs_folder(pin_root, "", folder);
	for (int i = 0; i < NT_HOST_HOOK_MAX; i++)
		unpin_new(folder, nt_hostprogs_hook_pins[i]);
	for (int i = 0; i < NT_HOST_MAP_MAX; i++)
		unpin_new(folder, nt_hostprogs_map_pins[i]);
}

void nt_hostprogs_remove(const char *pin_root)
{
	char folder[PATH_MAX];

	nt_hostprogs_clean(pin_root);
	nt_hostprogs_folder(pin_root, "", folder);
	nt_hostprogs_remove_folder(folder);
}

static bool has_pin(const char *folder, const char *name)
{
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return access(path, F_OK) == 0;
}

static int put_pin(const char *folder, const char *name, int fd, struct nt_err *err)
{
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return nt_taps_put_pin(path, fd, err);
}

/* --- hooks ------------------------------------------------------------------------------------ */

/* The program of a link that is attached to the cgroup; 0: it is not. */
static __u32 attached_program(int link_fd)
{
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);

	if (link_fd < 0 || bpf_obj_get_info_by_fd(link_fd, &info, &len) < 0 ||
	    !info.cgroup.cgroup_id)
		return 0;
	return info.prog_id;
}

static __u32 program_id(int prog_fd)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	return prog_fd >= 0 && bpf_obj_get_info_by_fd(prog_fd, &info, &len) == 0 ? info.id : 0;
}

bool nt_hostprogs_is_attached(const struct nt_hostprogs *p, enum nt_host_hook hook)
{
	return attached_program(p->hooks[hook].link_fd) != 0;
}

bool nt_hostprogs_is_in_place(const struct nt_hostprogs *p, enum nt_host_hook hook)
{
	__u32 prog = program_id(p->hooks[hook].prog_fd);

	return prog && attached_program(p->hooks[hook].link_fd) == prog;
}

int nt_hostprogs_put_program(struct nt_hostprogs *p, enum nt_host_hook hook, struct nt_err *err)
{
	int prog_fd = p->hooks[hook].prog_fd, *link_fd = &p->hooks[hook].link_fd;
	const char *name = nt_hostprogs_hook_pins[hook];

	if (nt_hostprogs_is_attached(p, hook)) {
		if (bpf_link_update(*link_fd, prog_fd, NULL) < 0)
			return nt_err_sys(err, errno, "replace %s at the cgroup root", name);
		return 0;
	}
	close_fd(link_fd);
	*link_fd = bpf_link_create(prog_fd, p->cgroup_fd, types[hook], NULL);
	return *link_fd < 0 ? nt_err_sys(err, errno, "attach %s to the cgroup root", name) : 0;
}

/* --- all of them ------------------------------------------------------------------------------ */

bool nt_hostprogs_look(const struct nt_hostprogs *p, bool *ret_pinned)
{
	char folder[PATH_MAX];
	bool in_place = true;

	nt_hostprogs_folder(p->taps->pin_root, "", folder);
	*ret_pinned = true;
	for (int i = 0; i < NT_HOST_HOOK_MAX; i++) {
		if (!nt_hostprogs_wants(p, i))
			continue;
		in_place &= nt_hostprogs_is_in_place(p, i);
		*ret_pinned &= has_pin(folder, nt_hostprogs_hook_pins[i]);
	}
	for (int i = 0; i < NT_HOST_MAP_MAX; i++)
		*ret_pinned &= has_pin(folder, nt_hostprogs_map_pins[i]);
	return in_place;
}

int nt_hostprogs_put_hook(struct nt_hostprogs *p, enum nt_host_hook hook, const char *folder,
			  struct nt_err *err)
{
	const char *name = nt_hostprogs_hook_pins[hook];
	bool was_there = nt_hostprogs_is_in_place(p, hook);
	int r = was_there ? 0 : nt_hostprogs_put_program(p, hook, err);

	if (r < 0 || (was_there && has_pin(folder, name)))
		return r;
	return put_pin(folder, name, p->hooks[hook].link_fd, err);
}

int nt_hostprogs_put_all(struct nt_hostprogs *p, const char *folder, struct nt_err *err)
{
	int r = 0;

	if (mkdir(folder, 0700) == -1 && errno != EEXIST)
		return nt_err_sys(err, errno, "make %s", folder);
	for (int i = 0; r == 0 && i < NT_HOST_HOOK_MAX; i++) {
		if (nt_hostprogs_wants(p, i))
			r = nt_hostprogs_put_hook(p, i, folder, err);
	}
	for (int i = 0; r == 0 && i < NT_HOST_MAP_MAX; i++) {
		if (!has_pin(folder, nt_hostprogs_map_pins[i]))
			r = put_pin(folder, nt_hostprogs_map_pins[i], p->map_fds[i], err);
	}
	return r;
}

int nt_hostprogs_repair(struct nt_hostprogs *p, struct nt_err *err)
{
	char folder[PATH_MAX];

	nt_hostprogs_folder(p->taps->pin_root, "", folder);
	return nt_hostprogs_put_all(p, folder, err);
}
