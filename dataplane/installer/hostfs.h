/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of the host, whose root may be a folder of ours (--host-root of a container). Absolute
 * symbolic links are followed as the host would. May block on disk.
 */
#pragma once

#include <stddef.h>

#include "lib/base/err.h"

/* Opens the folder that is the host's root; "" or NULL: our own. Descriptor or -errno. */
int nt_hostfs_root(const char *host_root, struct nt_err *err) NT_MUSTCHECK;
/* Opens an absolute path of the host. Descriptor, or -errno with the path in err. */
int nt_hostfs_open(int root_fd, const char *path, int flags, struct nt_err *err) NT_MUSTCHECK;
/* The path on the host that an open file or folder really has, links followed. */
int nt_hostfs_path(int root_fd, int fd, char *ret_path, size_t size,
		   struct nt_err *err) NT_MUSTCHECK;
/* Opens the folder that an open file really is in (links followed) and gives its name there. */
int nt_hostfs_home(int fd, int *ret_dir_fd, char *ret_name, size_t size,
		   struct nt_err *err) NT_MUSTCHECK;
