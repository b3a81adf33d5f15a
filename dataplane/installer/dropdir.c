/* SPDX-License-Identifier: Apache-2.0 */
/* Our file in the drop-in folder of a network. */
#include "dataplane/installer/dropdir.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "dataplane/installer/swap.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"

#define FILE_MAX (64 << 10)

bool nt_dropdir_is_name(const char *network)
{
	if (!isalnum((unsigned char)network[0]))
		return false;
	for (const char *p = network; *p; p++) {
		if (!isalnum((unsigned char)*p) && !strchr("_.-", *p))
			return false;
	}
	return true;
}

static int open_folder(int conf_dir_fd, const char *network)
{
	return openat(conf_dir_fd, network, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int64_t time_of(const struct stat *st)
{
	return st->st_mtim.tv_sec * NT_NS_PER_S + st->st_mtim.tv_nsec;
}

int64_t nt_dropdir_placed(int conf_dir_fd, const char *network, const char *text)
{
	_cleanup_close_ int dir_fd = open_folder(conf_dir_fd, network);
	_cleanup_buf_ struct nt_buf now = {};
	struct stat st;
	struct nt_err err;

	if (dir_fd == -1 || fstatat(dir_fd, NT_DROPDIR_FILE, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
	    !S_ISREG(st.st_mode) ||
	    nt_file_read_at(dir_fd, NT_DROPDIR_FILE, FILE_MAX, &now, &err) < 0 ||
	    strcmp(nt_buf_str(&now), text) != 0)
		return 0;
	return time_of(&st);
}

bool nt_dropdir_exists(int conf_dir_fd, const char *network)
{
	struct stat st;

	return fstatat(conf_dir_fd, network, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int nt_dropdir_put(int conf_dir_fd, const char *network, const char *text, struct nt_err *err)
{
	_cleanup_close_ int dir_fd = -1;

	if (mkdirat(conf_dir_fd, network, 0755) == -1 && errno != EEXIST)
		return nt_err_sys(err, errno, "drop-in folder %s", network);
	dir_fd = open_folder(conf_dir_fd, network);
	if (dir_fd == -1)
		return nt_err_sys(err, errno, "drop-in folder %s", network);
	return nt_swap_put(dir_fd, NT_DROPDIR_FILE, -1, 0644, nt_slice_str(text), err);
}

int nt_dropdir_remove(int conf_dir_fd, const char *network, bool rmdir, struct nt_err *err)
{
	_cleanup_close_ int dir_fd = open_folder(conf_dir_fd, network);

	if (dir_fd == -1)
		return 0;
	if (unlinkat(dir_fd, NT_DROPDIR_FILE, 0) == -1 && errno != ENOENT)
		return nt_err_sys(err, errno, "remove %s/%s", network, NT_DROPDIR_FILE);
	if (rmdir) /* refused by the kernel when something else is in it */
		(void)unlinkat(conf_dir_fd, network, AT_REMOVEDIR);
	return 0;
}

int64_t nt_dropdir_newest_sandbox(const char *cache_dir, const char *network)
{
	_cleanup_closedir_ DIR *dir = opendir(cache_dir);
	const struct dirent *entry;
	size_t len = strlen(network);
	int64_t newest = 0;
	struct stat st;

	/* NETWORK-CONTAINER-INTERFACE. A network whose name begins with ours and a dash is taken
	 * for it: that errs on the side of the list. */
	while (dir && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, network, len) == 0 && entry->d_name[len] == '-' &&
		    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    time_of(&st) > newest)
			newest = time_of(&st);
	}
	return newest;
}
