/* SPDX-License-Identifier: Apache-2.0 */
/* One at a time changes this node. */
#include "dataplane/agent/nodelock.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "lib/base/cleanup.h"

int nt_nodelock_take(const char *spool, int *ret_fd, struct nt_err *err)
{
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/" NT_NODELOCK_FILE, spool);
	/* Not for writing: a file system that was made read-only has the lock still. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1 && errno == ENOENT)
		fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return nt_err_sys(err, errno, "open %s", path);
	if (NT_RETRY(flock(fd, LOCK_EX | LOCK_NB)) == -1) {
		if (errno != EWOULDBLOCK)
			return nt_err_sys(err, errno, "lock %s", path);
		(void)futimens(fd, NULL); /* see nt_nodelock_wanted_ns */
		return nt_err_set(err, EBUSY,
				  "an agent is running on this node, or is being taken off it (it "
				  "has locked %s): it ends first",
				  path);
	}
	*ret_fd = NT_TAKE_FD(fd);
	return 0;
}

int64_t nt_nodelock_wanted_ns(const char *spool)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/" NT_NODELOCK_FILE, spool);
	if (lstat(path, &st) == -1)
		return 0;
	return (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
}
