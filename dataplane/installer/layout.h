/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where this node's runtime has its CNI folders: by the paths that distributions use, and by what
 * containerd's configuration says where that is plain. Only reads.
 */
#pragma once

#include "lib/base/err.h"
#include "lib/base/slice.h"

struct nt_layout {
	const char *name; /* of the distribution, static text: "k3s" */
	char conf_dir[512], bin_dir[512]; /* on the host; they need not be there yet */
	char source[512]; /* what said so: a file, or a folder that is only there */
};

/* root_fd: the host's root. Always finds one: at last what kubeadm uses. */
void nt_layout_find(int root_fd, struct nt_layout *ret_layout);

/* conf_dir and bin_dir (or the first of bin_dirs) of the CNI section of a containerd configuration,
 * when they are written as plain strings in lines of their own; else they stay as they are. size:
 * of both. Does no I/O. */
void nt_layout_containerd(struct nt_slice toml, char *conf_dir, char *bin_dir, size_t size);
