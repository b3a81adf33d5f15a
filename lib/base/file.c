/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files: read with a bound, written atomically. */
#include "lib/base/file.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "lib/base/cleanup.h"

int nt_file_read_fd(int fd, size_t max_len, struct nt_buf *out, struct nt_err *err)
{
	size_t chunk = max_len < 65536 ? max_len + 1 : 65536;
	size_t start = out->len;

	for (;;) {
		char *at = nt_buf_reserve(out, chunk);
		ssize_t n;

		if (!at)
			return nt_err_set(err, ENOMEM, "no memory to read a file");
		n = NT_RETRY(read(fd, at, chunk));
		if (n == -1)
			return nt_err_sys(err, errno, "read");
		if (n == 0)
			break;
		out->len += (size_t)n;
		out->p[out->len] = '\0';
		if (out->len - start > max_len)
			return nt_err_set(err, EFBIG, "larger than %zu octets", max_len);
	}
	return 0;
}

int nt_file_read_at(int dir_fd, const char *path, size_t max_len, struct nt_buf *out,
		    struct nt_err *err)
{
	_cleanup_close_ int fd = (int)NT_RETRY(openat(dir_fd, path, O_RDONLY | O_CLOEXEC));

	if (fd == -1)
		return nt_err_sys(err, errno, "open %s", path);
	if (nt_file_read_fd(fd, max_len, out, err) < 0)
		return nt_err_wrap(err, "%s", path);
	return 0;
}

int nt_file_write_fd(int fd, struct nt_slice data, struct nt_err *err)
{
	while (data.len) {
		ssize_t n = NT_RETRY(write(fd, data.p, data.len));

		if (n == -1)
			return nt_err_sys(err, errno, "write");
		data = nt_slice_mem(data.p + n, data.len - (size_t)n);
	}
	return 0;
}

static int sync_folder_of(int dir_fd, const char *path)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	_cleanup_close_ int fd = -1;

	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) : 1,
		 slash ? path : ".");
	fd = openat(dir_fd, folder[0] ? folder : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd == -1 || fsync(fd) == -1 ? -errno : 0;
}

int nt_file_replace_at(int dir_fd, const char *path, struct nt_slice data, mode_t mode,
		       struct nt_err *err)
{
	return nt_file_replace_parts_at(dir_fd, path, &data, 1, mode, err);
}

int nt_file_replace_parts_at(int dir_fd, const char *path, const struct nt_slice *parts,
			     size_t parts_len, mode_t mode, struct nt_err *err)
{
	char tmp[PATH_MAX];
	_cleanup_close_ int fd = -1;
	int r = 0;

	snprintf(tmp, sizeof(tmp), "%s.tmp.%d", path, (int)getpid());
	fd = openat(dir_fd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (fd == -1)
		return nt_err_sys(err, errno, "create %s", tmp);
	for (size_t i = 0; i < parts_len && r == 0; i++)
		r = nt_file_write_fd(fd, parts[i], err);
	if (r == 0 && fdatasync(fd) == -1)
		r = nt_err_sys(err, errno, "sync");
	if (r == 0 && renameat(dir_fd, tmp, dir_fd, path) == -1)
		r = nt_err_sys(err, errno, "rename to %s", path);
	if (r < 0) {
		(void)unlinkat(dir_fd, tmp, 0);
		return nt_err_wrap(err, "write %s", path);
	}
	(void)sync_folder_of(dir_fd, path); /* the rename is done; a folder may refuse fsync */
	return 0;
}

int nt_file_lock_briefly(int fd, int operation)
{
	const struct timespec pause = { .tv_nsec = 5000000 };

	for (int i = 0; i < 20; i++) {
		if (flock(fd, operation | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		(void)nanosleep(&pause, NULL);
	}
	return -EAGAIN;
}

int nt_file_mkdirs(const char *path, mode_t mode, struct nt_err *err)
{
	char part[PATH_MAX];
	size_t len = strlen(path);

	if (len >= sizeof(part))
		return nt_err_set(err, ENAMETOOLONG, "path too long: %s", path);
	memcpy(part, path, len + 1);
	for (size_t i = 1; i <= len; i++) {
		if (part[i] != '/' && part[i] != '\0')
			continue;
		char saved = part[i];

		part[i] = '\0';
		if (mkdir(part, mode) == -1 && errno != EEXIST)
			return nt_err_sys(err, errno, "mkdir %s", part);
		part[i] = saved;
	}
	return 0;
}
