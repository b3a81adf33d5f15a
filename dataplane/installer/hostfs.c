/* SPDX-License-Identifier: Apache-2.0 */
/* Files below the host's root. */
#include "dataplane/installer/hostfs.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "lib/base/cleanup.h"

int nt_hostfs_root(const char *host_root, struct nt_err *err)
{
	const char *path = host_root && host_root[0] ? host_root : "/";
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd == -1 ? nt_err_sys(err, errno, "the host's root %s", path) : fd;
}

int nt_hostfs_open(int root_fd, const char *path, int flags, struct nt_err *err)
{
	struct open_how how = { .flags = (__u64)(flags | O_CLOEXEC), .resolve = RESOLVE_IN_ROOT };
	long fd;

	/* EAGAIN: something was renamed meanwhile (openat2(2)). */
	for (int i = 0; i < 8; i++) {
		fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
		if (fd != -1 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return fd == -1 ? nt_err_sys(err, errno, "%s", path) : (int)fd;
}

/* As this mount namespace names it. */
static int name_of(int fd, char path[PATH_MAX], struct nt_err *err)
{
	char link[64];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, PATH_MAX - 1);
	if (len == -1)
		return nt_err_sys(err, errno, "%s", link);
	path[len] = '\0';
	return 0;
}

int nt_hostfs_path(int root_fd, int fd, char *ret_path, size_t size, struct nt_err *err)
{
	char root[PATH_MAX], path[PATH_MAX];
	size_t len;
	int r = name_of(root_fd, root, err);

	if (r == 0)
		r = name_of(fd, path, err);
	if (r < 0)
		return r;
	len = strcmp(root, "/") == 0 ? 0 : strlen(root);
	if (strncmp(path, root, len) != 0 || path[len] != '/')
		return nt_err_set(err, EXDEV, "%s is not below the host's root %s", path, root);
	if (strlen(path + len) >= size)
		return nt_err_set(err, ENAMETOOLONG, "%s", path);
	memcpy(ret_path, path + len, strlen(path + len) + 1);
	return 0;
}

int nt_hostfs_home(int fd, int *ret_dir_fd, char *ret_name, size_t size, struct nt_err *err)
{
	char path[PATH_MAX];
	char *slash;
	int dir_fd, r = name_of(fd, path, err);

	if (r < 0)
		return r;
	slash = strrchr(path, '/');
	if (!slash || strlen(slash + 1) >= size)
		return nt_err_set(err, ENAMETOOLONG, "%s", path);
	memcpy(ret_name, slash + 1, strlen(slash + 1) + 1);
	*slash = '\0';
	dir_fd = open(path[0] ? path : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd == -1)
		return nt_err_sys(err, errno, "%s", path);
	*ret_dir_fd = dir_fd;
	return 0;
}
