/* SPDX-License-Identifier: Apache-2.0 */
/* Files of other programs, replaced without losing what they write meanwhile. */
#include "dataplane/installer/swap.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/xattr.h>
#include <time.h>

#include "lib/base/cleanup.h"
#include "lib/base/file.h"

/* No suffix that a runtime reads. */
#define TMP_PREFIX ".nametap-"
#define TMP_SUFFIX ".tmp"

/* --- a new file beside it --- */

/* In each container we may have the same process number. */
static void tmp_name(char *name, size_t size)
{
	uint64_t number = 0;

	(void)!getrandom(&number, sizeof(number), GRND_NONBLOCK);
	snprintf(name, size, TMP_PREFIX "%d-%016" PRIx64 TMP_SUFFIX, (int)getpid(), number);
}

/* As long as one of us has the folder, nobody sweeps it: a temporary name may be all that another
 * program's file has during an exchange. */
static int enter(int dir_fd, struct nt_err *err)
{
	return nt_file_lock_briefly(dir_fd, LOCK_SH) == -EAGAIN
		       ? nt_err_set(err, EAGAIN, "somebody has locked the folder")
		       : 0;
}

static void leave(int dir_fd)
{
	(void)flock(dir_fd, LOCK_UN);
}

/* Labels and ACLs; what cannot be copied is the file system's own. */
static void copy_xattrs(int from, int to)
{
	char names[4096], value[4096];
	ssize_t len = flistxattr(from, names, sizeof(names));

	for (ssize_t at = 0; at < len; at += (ssize_t)strlen(names + at) + 1) {
		ssize_t n = fgetxattr(from, names + at, value, sizeof(value));

		if (n >= 0)
			(void)!fsetxattr(to, names + at, value, (size_t)n, 0);
	}
}

static int be_like(int fd, const struct stat *like, struct nt_err *err)
{
	if (fchown(fd, like->st_uid, like->st_gid) == -1)
		return nt_err_sys(err, errno, "owner %u:%u", like->st_uid, like->st_gid);
	if (fchmod(fd, like->st_mode & 07777) == -1)
		return nt_err_sys(err, errno, "mode %o", like->st_mode & 07777);
	return 0;
}

static int fill(int fd, int like_fd, const struct stat *like, struct nt_slice text,
		struct nt_err *err)
{
	int r = nt_file_write_fd(fd, text, err);

	if (r == 0)
		r = be_like(fd, like, err);
	if (r == 0 && like_fd >= 0)
		copy_xattrs(like_fd, fd);
	if (r == 0 && fsync(fd) == -1)
		r = nt_err_sys(err, errno, "sync");
	return r;
}

/* Descriptor of the whole new file, or -errno and nothing is there. */
static int make_tmp(int dir_fd, const char *tmp, int like_fd, const struct stat *like,
		    struct nt_slice text, struct nt_err *err)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd, r;

	fd = openat(dir_fd, tmp, flags, 0600);
	if (fd == -1)
		return nt_err_sys(err, errno, "create %s", tmp);
	r = fill(fd, like_fd, like, text, err);
	if (r == 0)
		return fd;
	close(fd);
	(void)unlinkat(dir_fd, tmp, 0);
	return nt_err_wrap(err, "write %s", tmp);
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool is_same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* --- the exchange --- */

enum lease {
	LEASE_NONE = 0, /* this file system has none, or we may not */
	LEASE_HELD = 1,
};

/* -EAGAIN when somebody has the file open for writing. A break is told by a signal that does
 * nothing unless somebody wants it. */
static int take_lease(int fd, enum lease *ret_lease, struct nt_err *err)
{
	*ret_lease = LEASE_NONE;
	(void)fcntl(fd, F_SETSIG, SIGURG);
	if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0)
		*ret_lease = LEASE_HELD;
	else if (errno == EAGAIN)
		return nt_err_set(err, EAGAIN, "somebody has it open for writing");
	return 0;
}

/* A writer that found the old file by its name just before the exchange comes to the lease within
 * this time. */
#define LATE_WRITER_NS 1000000

static bool is_wanted(int fd, enum lease lease)
{
	struct timespec pause = { .tv_nsec = LATE_WRITER_NS };

	if (lease == LEASE_HELD)
		(void)nanosleep(&pause, NULL);
	return lease == LEASE_HELD && fcntl(fd, F_GETLEASE) == F_UNLCK;
}

static int check_unchanged(int fd, const struct stat *seen, struct nt_err *err)
{
	struct stat now;

	if (fstat(fd, &now) == -1)
		return nt_err_sys(err, errno, "stat");
	if (now.st_size != seen->st_size || !is_same_time(now.st_mtim, seen->st_mtim) ||
	    !is_same_time(now.st_ctim, seen->st_ctim))
		return nt_err_set(err, EAGAIN, "it was changed meanwhile");
	return 0;
}

/* Without RENAME_EXCHANGE: one more look, then the rename. */
static int rename_over(int dir_fd, const char *tmp, const char *name, const struct stat *seen,
		       struct nt_err *err)
{
	struct stat now;

	if (fstatat(dir_fd, name, &now, AT_SYMLINK_NOFOLLOW) == -1 || !is_same_file(&now, seen))
		return nt_err_set(err, EAGAIN, "it was replaced meanwhile");
	if (renameat(dir_fd, tmp, dir_fd, name) == -1)
		return nt_err_sys(err, errno, "rename");
	return 0;
}

/* Puts back what we took by mistake, unless a newer one is there already. */
static void undo(int dir_fd, const char *tmp, const char *name, int new_fd)
{
	struct stat ours, now;

	if (fstat(new_fd, &ours) == 0 && fstatat(dir_fd, name, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
	    is_same_file(&ours, &now))
		(void)!renameat2(dir_fd, tmp, dir_fd, name, RENAME_EXCHANGE);
}

static int exchange(int dir_fd, const char *tmp, const char *name, int fd, int new_fd,
		    const struct stat *seen, enum lease lease, struct nt_err *err)
{
	struct stat old;

	if (renameat2(dir_fd, tmp, dir_fd, name, RENAME_EXCHANGE) == -1) {
		if (errno == ENOENT)
			return nt_err_set(err, EAGAIN, "it was removed meanwhile");
		if (errno == EINVAL || errno == ENOSYS)
			return rename_over(dir_fd, tmp, name, seen, err);
		return nt_err_sys(err, errno, "rename");
	}
	if (fstatat(dir_fd, tmp, &old, AT_SYMLINK_NOFOLLOW) == -1 || !is_same_file(&old, seen)) {
		undo(dir_fd, tmp, name, new_fd);
		return nt_err_set(err, EAGAIN, "it was replaced meanwhile");
	}
	if (is_wanted(fd, lease)) {
		undo(dir_fd, tmp, name, new_fd);
		return nt_err_set(err, EAGAIN, "somebody opens it for writing");
	}
	/* A chmod or chown between our two looks. */
	if (old.st_mode != seen->st_mode || old.st_uid != seen->st_uid ||
	    old.st_gid != seen->st_gid)
		return be_like(new_fd, &old, err);
	return 0;
}

/* Without a new file: what is open for writing for long costs nothing. */
static int check_unused(int fd, struct nt_err *err)
{
	enum lease lease;
	int r = take_lease(fd, &lease, err);

	if (lease == LEASE_HELD)
		(void)fcntl(fd, F_SETLEASE, F_UNLCK);
	return r;
}

int nt_swap_settled(int fd, const struct stat *seen, struct nt_err *err)
{
	int r = check_unused(fd, err);

	return r < 0 ? r : check_unchanged(fd, seen, err);
}

static int replace(int dir_fd, const char *name, int fd, const struct stat *seen,
		   struct nt_slice text, struct nt_err *err)
{
	_cleanup_close_ int new_fd = -1;
	enum lease lease;
	char tmp[64];
	int r = check_unused(fd, err);

	if (r < 0)
		return r;
	tmp_name(tmp, sizeof(tmp));
	new_fd = make_tmp(dir_fd, tmp, fd, seen, text, err);
	if (new_fd < 0)
		return new_fd;
	r = take_lease(fd, &lease, err);
	if (r == 0)
		r = check_unchanged(fd, seen, err);
	if (r == 0)
		r = exchange(dir_fd, tmp, name, fd, new_fd, seen, lease, err);
	(void)unlinkat(dir_fd, tmp, 0);
	if (lease == LEASE_HELD)
		(void)fcntl(fd, F_SETLEASE, F_UNLCK);
	(void)fsync(dir_fd);
	return r;
}

int nt_swap_replace(int dir_fd, const char *name, int fd, const struct stat *seen,
		    struct nt_slice text, struct nt_err *err)
{
	int r = enter(dir_fd, err);

	if (r == 0) {
		r = replace(dir_fd, name, fd, seen, text, err);
		leave(dir_fd);
	}
	return r < 0 ? nt_err_wrap(err, "%s", name) : 0;
}

static int put(int dir_fd, const char *name, int like_fd, const struct stat *like,
	       struct nt_slice text, struct nt_err *err)
{
	_cleanup_close_ int new_fd = -1;
	char tmp[64];

	tmp_name(tmp, sizeof(tmp));
	new_fd = make_tmp(dir_fd, tmp, like_fd, like, text, err);
	if (new_fd < 0)
		return new_fd;
	if (renameat(dir_fd, tmp, dir_fd, name) == -1) {
		int code = errno;

		(void)unlinkat(dir_fd, tmp, 0);
		return nt_err_sys(err, code, "rename");
	}
	(void)fsync(dir_fd);
	return 0;
}

int nt_swap_put(int dir_fd, const char *name, int like_fd, mode_t mode, struct nt_slice text,
		struct nt_err *err)
{
	struct stat like = { .st_mode = mode, .st_uid = geteuid(), .st_gid = getegid() };
	int r;

	if (like_fd >= 0 && fstat(like_fd, &like) == -1)
		return nt_err_sys(err, errno, "stat");
	r = enter(dir_fd, err);
	if (r == 0) {
		r = put(dir_fd, name, like_fd, &like, text, err);
		leave(dir_fd);
	}
	return r < 0 ? nt_err_wrap(err, "%s", name) : 0;
}

void nt_swap_sweep(int dir_fd)
{
	int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *dir = copy == -1 ? NULL : fdopendir(copy);
	const struct dirent *entry;

	if (!dir && copy != -1)
		close(copy);
	if (dir && flock(copy, LOCK_EX | LOCK_NB) == -1)
		return;
	while (dir && (entry = readdir(dir))) {
		struct nt_slice name = nt_slice_str(entry->d_name);

		if (strncmp(name.p, TMP_PREFIX, sizeof(TMP_PREFIX) - 1) == 0 &&
		    nt_slice_ends(name, NT_SLICE_LIT(TMP_SUFFIX)))
			(void)unlinkat(dir_fd, name.p, 0);
	}
}
