/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tcx links: a program at the head of a link's chain, before all clsact filters, owned by its pin.
 * Raw bpf(2), because libbpf 1.1 has no API for it. Kernel 6.6, commit e420bed02507.
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <bpf/bpf.h>

#include "dataplane/taps/internal.h"
#include "lib/base/cleanup.h"

/* Of the kernel's linux/bpf.h; the one that we build with is older. */
#define TCX_INGRESS 46
#define TCX_EGRESS 47
#define BEFORE_ALL (1u << 3) /* BPF_F_BEFORE, relative to nothing */
/* Loopback is link 1 in each network namespace. */
#define LOOPBACK 1

struct link_create {
	__u32 prog_fd;
	__u32 ifindex;
	__u32 attach_type;
	__u32 flags;
	__u32 relative_id;
	__u32 reserved;
	__u64 expected_revision;
};

struct prog_query {
	__u32 ifindex;
	__u32 attach_type;
	__u32 query_flags;
	__u32 attach_flags;
	__u64 prog_ids;
	__u32 count;
	__u32 reserved;
	__u64 prog_attach_flags;
	__u64 link_ids;
	__u64 link_attach_flags;
	__u64 revision;
};

static __u32 attach_type(enum nt_dir dir)
{
	return dir == NT_DIR_FROM_POD ? TCX_INGRESS : TCX_EGRESS;
}

static const char *name_of(enum nt_dir dir)
{
	return dir == NT_DIR_FROM_POD ? NT_PIN_FROM_POD : NT_PIN_TO_POD;
}

int nt_tcx_chain(__u32 ifindex, enum nt_dir dir, struct nt_tcx_chain *ret_chain)
{
	struct nt_tcx_chain chain = {};
	struct prog_query q = {
		.ifindex = ifindex,
		.attach_type = attach_type(dir),
		.prog_ids = (__u64)(uintptr_t)chain.prog_ids,
		.count = NT_TCX_MAX,
		.link_ids = (__u64)(uintptr_t)chain.link_ids,
	};

	if (syscall(SYS_bpf, BPF_PROG_QUERY, &q, sizeof(q)) == -1 && errno != ENOSPC) {
		/* Nothing was ever attached: 6.6 says so with an error, later ones with 0. */
		if (errno != ENOENT)
			return -errno;
		q.count = 0;
	}
	chain.len = q.count < NT_TCX_MAX ? q.count : NT_TCX_MAX;
	*ret_chain = chain;
	return 0;
}

bool nt_tcx_is_known(void)
{
	struct nt_tcx_chain chain;

	return nt_tcx_chain(LOOPBACK, NT_DIR_FROM_POD, &chain) == 0;
}

int nt_tcx_attach(__u32 ifindex, enum nt_dir dir, int prog_fd, int *ret_link_fd, struct nt_err *err)
{
	struct link_create attr = {
		.prog_fd = (__u32)prog_fd,
		.ifindex = ifindex,
		.attach_type = attach_type(dir),
		.flags = BEFORE_ALL,
	};
	long fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));

	if (fd == -1)
		return nt_err_sys(err, errno, "attach %s to link %u by tcx", name_of(dir), ifindex);
	*ret_link_fd = (int)fd;
	return 0;
}

/* --- pins --- */

static void pin_path(const struct nt_taps *t, __u64 ep_id, enum nt_dir dir, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s/" NT_PIN_LINKS "/%llu-%s", t->pin_root,
		 (unsigned long long)ep_id, name_of(dir));
}

int nt_tcx_pin(const struct nt_taps *t, __u64 ep_id, enum nt_dir dir, int link_fd,
	       struct nt_err *err)
{
	char folder[PATH_MAX], path[PATH_MAX];

	snprintf(folder, sizeof(folder), "%s/" NT_PIN_LINKS, t->pin_root);
	if (mkdir(folder, 0700) == -1 && errno != EEXIST)
		return nt_err_sys(err, errno, "make %s", folder);
	pin_path(t, ep_id, dir, path);
	if (bpf_obj_pin(link_fd, path) == 0)
		return 0;
	if (errno != EEXIST)
		return nt_err_sys(err, errno, "pin %s", path);
	/* In one step: killed between two, neither link would be pinned, and both would end. */
	return nt_taps_put_pin(path, link_fd, err);
}

int nt_tcx_open(const struct nt_taps *t, __u64 ep_id, enum nt_dir dir)
{
	char path[PATH_MAX];
	int fd;

	pin_path(t, ep_id, dir, path);
	fd = bpf_obj_get(path);
	return fd < 0 ? -errno : fd;
}

void nt_tcx_unpin(const struct nt_taps *t, __u64 ep_id, enum nt_dir dir)
{
	char path[PATH_MAX];

	pin_path(t, ep_id, dir, path);
	(void)unlink(path);
}

void nt_tcx_drop(const struct nt_taps *t, __u64 ep_id, enum nt_dir dir)
{
	_cleanup_close_ int fd = nt_tcx_open(t, ep_id, dir);

	/* Detached now; the pin's removal alone would do it a moment later. */
	if (fd >= 0)
		(void)bpf_link_detach(fd);
	nt_tcx_unpin(t, ep_id, dir);
}

/* "<ep_id>-..." or 0. */
static __u64 ep_id_of(const char *name)
{
	__u64 id = 0;

	for (; *name >= '0' && *name <= '9'; name++)
		id = id * 10 + (__u64)(*name - '0');
	return *name == '-' ? id : 0;
}

static void each_pin(const char *root, bool (*is_over)(void *ctx, __u64 ep_id), void *ctx)
{
	char folder[PATH_MAX];
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;

	snprintf(folder, sizeof(folder), "%s/" NT_PIN_LINKS, root);
	dir = opendir(folder);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.' && is_over(ctx, ep_id_of(entry->d_name)))
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	}
}

static bool is_over(void *ctx, __u64 ep_id)
{
	struct nt_taps *t = ctx;
	struct nt_pod pod;
	int r = nt_taps_pod_get(t, ep_id, &pod);

	return r == -ENOENT || (r == 0 && !nt_pod_is_tapped(&pod));
}

void nt_tcx_sweep(struct nt_taps *t)
{
	each_pin(t->pin_root, is_over, t);
}

static bool all(void *ctx, __u64 ep_id)
{
	(void)ctx, (void)ep_id;
	return true;
}

void nt_tcx_remove_folder(const char *root)
{
	char folder[PATH_MAX];

	each_pin(root, all, NULL);
	if ((size_t)snprintf(folder, sizeof(folder), "%s/" NT_PIN_LINKS, root) < sizeof(folder))
		(void)rmdir(folder);
}
