/* SPDX-License-Identifier: Apache-2.0 */
/* Files below the operator's folder, and nowhere else. */
#include "controller/feeds/files.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/http/bearer.h"

#define SECRET_BYTES_MAX ((size_t)64 << 10)

int nt_feed_file_open(int dir_fd, struct nt_slice name, struct nt_err *err)
{
	const struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
				      .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
	char path[PATH_MAX];
	int fd, tries = 0;

	if (dir_fd == -1)
		return nt_err_set(err, ENOENT,
				  "%.*s: the controller was given no folder for files of feeds "
				  "(--feed-files)",
				  NT_SLICE_ARG(name));
	if (name.len >= sizeof(path))
		return nt_err_set(err, ENAMETOOLONG, "a file's name is too long");
	snprintf(path, sizeof(path), "%.*s", NT_SLICE_ARG(name));
	do
		/* EAGAIN: something was renamed meanwhile (openat2(2)). */
		fd = (int)NT_RETRY(syscall(SYS_openat2, dir_fd, path, &how, sizeof(how)));
	while (fd == -1 && errno == EAGAIN && ++tries < 10);
	if (fd == -1 && errno == EXDEV)
		return nt_err_set(err, EXDEV, "%s leads out of the folder of --feed-files", path);
	return fd == -1 ? nt_err_sys(err, errno, "open %s in the folder of --feed-files", path)
			: fd;
}

int nt_feed_file_secret(int dir_fd, struct nt_slice name, struct nt_buf *out, struct nt_err *err)
{
	_cleanup_close_ int fd = nt_feed_file_open(dir_fd, name, err);
	int r = fd < 0 ? fd : nt_file_read_fd(fd, SECRET_BYTES_MAX, out, err);

	/* Names of a spec end in a NUL. */
	return r < 0 ? r : nt_secret_line(out, name.p, err);
}
