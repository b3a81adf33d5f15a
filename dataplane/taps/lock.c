/* SPDX-License-Identifier: Apache-2.0 */
/* The root's lock, and whether the root is still the one that was opened. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include <bpf/bpf.h>

#include "dataplane/taps/internal.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"

#define LOCK_WAIT_MS 10000
#define LOCK_POLL_MS 2

/* The file may have been removed by an uninstall while we waited: a lock on it keeps nobody out. */
static int lock_once(const char *path, int *ret_fd)
{
	_cleanup_close_ int fd = -1;
	struct stat ours, there;

	/* Not for writing, so that a file system that was made read-only has the lock still. */
	fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return -errno;
	if (NT_RETRY(flock(fd, LOCK_EX | LOCK_NB)) == -1)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	if (fstat(fd, &ours) == -1)
		return -errno;
	if (stat(path, &there) == -1 || ours.st_ino != there.st_ino || ours.st_dev != there.st_dev)
		return -EAGAIN;
	*ret_fd = NT_TAKE_FD(fd);
	return 0;
}

int nt_taps_lock(const char *state_dir, int *ret_fd, struct nt_err *err)
{
	const struct timespec pause = { .tv_nsec = LOCK_POLL_MS * 1000000L };
	char path[PATH_MAX];
	int r;

	snprintf(path, sizeof(path), "%s/lock", state_dir);
	for (int waited = 0; waited < LOCK_WAIT_MS; waited += LOCK_POLL_MS) {
		r = lock_once(path, ret_fd);
		if (r == -ENOENT) { /* made now, or removed by an uninstall while we waited */
			r = nt_file_mkdirs(state_dir, 0700, err);
			if (r < 0)
				return nt_err_wrap(err, "state folder %s", state_dir);
			r = lock_once(path, ret_fd);
		}
		if (r != -EAGAIN)
			return r < 0 ? nt_err_sys(err, -r, "lock %s", path) : 0;
		nanosleep(&pause, NULL);
	}
	return nt_err_set(err, ETIMEDOUT, "%s has been locked by another process for %d s", path,
			  LOCK_WAIT_MS / 1000);
}

int nt_taps_map_id(const struct nt_taps *t, int fd, __u32 *ret_id, struct nt_err *err)
{
	struct bpf_map_info map = {};
	__u32 len = sizeof(map);

	if (bpf_obj_get_info_by_fd(fd, &map, &len) < 0)
		return nt_err_sys(err, errno, "read map in %s", t->pin_root);
	*ret_id = map.id;
	return 0;
}

/* An uninstall knows nothing of what is attached behind its back, nor does an agent that has made
 * the root anew since know maps of the old one. */
static int check_root(const struct nt_taps *t, struct nt_err *err)
{
	_cleanup_close_ int endpoints = -1;
	char path[PATH_MAX];
	__u32 id;
	int r;

	snprintf(path, sizeof(path), "%s/%s", t->pin_root, NT_PIN_ENDPOINTS);
	endpoints = bpf_obj_get(path);
	if (endpoints < 0)
		return nt_err_sys(err, errno, "pin root %s was removed meanwhile", t->pin_root);
	r = nt_taps_map_id(t, endpoints, &id, err);
	if (r < 0 || id == t->endpoints_id)
		return r;
	return nt_err_set(err, ESTALE, "pin root %s was made anew meanwhile", t->pin_root);
}

int nt_taps_lock_root(const struct nt_taps *t, int *ret_fd, struct nt_err *err)
{
	_cleanup_close_ int lock = -1;
	int r = nt_taps_lock(t->state_dir, &lock, err);

	if (r == 0)
		r = check_root(t, err);
	if (r == 0)
		*ret_fd = NT_TAKE_FD(lock);
	return r;
}
