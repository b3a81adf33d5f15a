/* SPDX-License-Identifier: Apache-2.0 */
/* The installer backwards. */
#include "dataplane/installer/takeout.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <time.h>

#include "dataplane/installer/conflist.h"
#include "dataplane/installer/stub.h"
#include "dataplane/installer/users.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"

#define PLUGIN_WAIT_MS 10000
#define PLUGIN_POLL_MS 20

static int path_of(const struct nt_takeout *t, const char *path, char out[PATH_MAX],
		   struct nt_err *err)
{
	if ((size_t)snprintf(out, PATH_MAX, "%s%s", t->host_root, path) >= PATH_MAX)
		return nt_err_set(err, ENAMETOOLONG, "%s%s: the path is too long", t->host_root,
				  path);
	return 0;
}

/* A neighbour that no runtime takes for a configuration, then one rename: the file is the old one
 * or the new one, with that one's mode and owner. */
static int replace(const char *path, struct nt_slice text, const struct stat *like,
		   struct nt_err *err)
{
	char tmp[PATH_MAX];
	_cleanup_close_ int fd = -1;
	int r;

	if ((size_t)snprintf(tmp, sizeof(tmp), "%s.nametap-%d", path, (int)getpid()) >= sizeof(tmp))
		return nt_err_set(err, ENAMETOOLONG, "%s: the path is too long", path);
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return nt_err_sys(err, errno, "create %s", tmp);
	r = nt_file_write_fd(fd, text, err);
	if (r == 0 && (fchown(fd, like->st_uid, like->st_gid) == -1 ||
		       fchmod(fd, like->st_mode & 07777) == -1 || fsync(fd) == -1))
		r = nt_err_sys(err, errno, "mode and owner of %s", tmp);
	/* Closed first: a file that is open for writing cannot be run. */
	close(NT_TAKE_FD(fd));
	if (r == 0 && rename(tmp, path) == -1)
		r = nt_err_sys(err, errno, "rename %s to %s", tmp, path);
	if (r < 0)
		(void)unlink(tmp);
	return r;
}

/* --- network configurations ------------------------------------------------------------------- */

static int remove_file(const struct nt_takeout *t, const char *path, struct nt_err *err)
{
	t->say(t->ctx, "remove", path);
	if (!t->dry_run && unlink(path) == -1 && errno != ENOENT)
		return nt_err_sys(err, errno, "remove %s", path);
	return 1;
}

static int change_file(const struct nt_takeout *t, const char *path, struct nt_slice text,
		       const struct stat *like, struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf out = { 0 };
	int r = nt_conflist_remove(text, &out, err);

	if (r <= 0)
		return r < 0 ? nt_err_wrap(err, "%s", path) : 0;
	t->say(t->ctx, "change", path);
	r = t->dry_run ? 0 : replace(path, nt_slice_mem(out.p, out.len), like, err);
	return r < 0 ? r : 1;
}

/* One file of net.d, whatever its name. What is no configuration is nobody's of ours. */
static int take_from(const struct nt_takeout *t, const char *path, struct nt_err *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_conflist list;
	struct stat st;
	int r;

	if (fd == -1 || fstat(fd, &st) == -1)
		return errno == ENOENT || errno == ELOOP ? 0
							 : nt_err_sys(err, errno, "open %s", path);
	if (!S_ISREG(st.st_mode) || st.st_size > NT_CONFLIST_MAX)
		return 0;
	r = nt_file_read_fd(fd, NT_CONFLIST_MAX, &text, err);
	if (r < 0)
		return nt_err_wrap(err, "%s", path);
	if (nt_conflist_read(nt_slice_mem(text.p, text.len), &list, NULL) < 0 || !list.ours)
		return 0;
	if (list.from[0])
		return remove_file(t, path, err);
	return change_file(t, path, nt_slice_mem(text.p, text.len), &st, err);
}

static int take_from_folder(const struct nt_takeout *t, const char *folder, struct nt_err *err)
{
	_cleanup_closedir_ DIR *dir = opendir(folder);
	int changed = 0, r = 0;
	struct dirent *d;

	while (dir && r >= 0 && (d = readdir(dir))) {
		char path[PATH_MAX];

		if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, d->d_name) < sizeof(path))
			r = take_from(t, path, err);
		changed += r > 0;
	}
	return r < 0 ? r : changed;
}

/* Our file in <net.d>/<network>/, and the folder when nothing else is in it. */
static int take_dropin(const struct nt_takeout *t, const struct nt_installed *f, const char *path,
		       struct nt_err *err)
{
	char folder[PATH_MAX];
	int r;

	if (access(path, F_OK) == -1)
		return 0;
	r = remove_file(t, path, err);
	snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path), path);
	if (r > 0 && !t->dry_run && !f->was_there)
		(void)rmdir(folder);
	return r;
}

static int take_installed(const struct nt_takeout *t, const struct nt_installed *f,
			  struct nt_err *err)
{
	char path[PATH_MAX];
	int r = path_of(t, f->path, path, err);

	if (r < 0 || f->kind == NT_INSTALLED_BINARY)
		return r;
	return f->kind == NT_INSTALLED_DROPIN ? take_dropin(t, f, path, err)
					      : take_from(t, path, err);
}

int nt_takeout_entries(const struct nt_takeout *t, struct nt_err *err)
{
	const struct nt_install_record *record = t->record;
	char folder[PATH_MAX];
	int changed = 0, r = 0;

	if (record->conf_dir[0]) {
		r = path_of(t, record->conf_dir, folder, err);
		if (r == 0)
			r = take_from_folder(t, folder, err);
		changed = r > 0 ? r : 0;
	}
	for (unsigned i = 0; i < record->files_len && r >= 0; i++) {
		r = take_installed(t, &record->files[i], err);
		changed += r > 0;
	}
	return r < 0 ? r : changed;
}

/* --- the plugin's file ------------------------------------------------------------------------ */

/* Does a process run this very file? Where /proc is another pid namespace's, nobody is seen. */
static bool is_running(const struct stat *plugin)
{
	_cleanup_closedir_ DIR *proc = opendir("/proc");
	struct dirent *d;

	while (proc && (d = readdir(proc))) {
		char path[300];
		struct stat st;

		if (!isdigit((unsigned char)d->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/exe", d->d_name);
		if (stat(path, &st) == 0 && st.st_ino == plugin->st_ino &&
		    st.st_dev == plugin->st_dev)
			return true;
	}
	return false;
}

/* One that began before the rename may still load and attach. */
static void wait_for(const struct stat *plugin)
{
	const struct timespec pause = { .tv_nsec = PLUGIN_POLL_MS * 1000000L };

	for (int waited = 0; waited < PLUGIN_WAIT_MS && is_running(plugin);
	     waited += PLUGIN_POLL_MS)
		nanosleep(&pause, NULL);
}

static int stub_one(const struct nt_takeout *t, const char *path, struct nt_err *err)
{
	struct stat plugin;
	int r;

	if (lstat(path, &plugin) == -1)
		return errno == ENOENT ? 0 : nt_err_sys(err, errno, "%s", path);
	t->say(t->ctx, "replace by the stub", path);
	if (t->dry_run)
		return 1;
	if (!S_ISREG(plugin.st_mode))
		plugin.st_mode = 0755; /* a link that somebody made by hand */
	r = replace(path, nt_stub_image(), &plugin, err);
	if (r < 0)
		return r;
	wait_for(&plugin);
	return 1;
}

typedef int on_binary_fn(const struct nt_takeout *t, const char *path, struct nt_err *err);

static int each_binary(const struct nt_takeout *t, on_binary_fn *fn, struct nt_err *err)
{
	int count = 0, r = 0;

	for (unsigned i = 0; i < t->record->files_len && r >= 0; i++) {
		char path[PATH_MAX];

		if (t->record->files[i].kind != NT_INSTALLED_BINARY)
			continue;
		r = path_of(t, t->record->files[i].path, path, err);
		if (r == 0)
			r = fn(t, path, err);
		count += r > 0;
	}
	return r < 0 ? r : count;
}

int nt_takeout_stub(const struct nt_takeout *t, struct nt_err *err)
{
	return each_binary(t, stub_one, err);
}

static int remove_one(const struct nt_takeout *t, const char *path, struct nt_err *err)
{
	return access(path, F_OK) == -1 ? 0 : remove_file(t, path, err);
}

int nt_takeout_binary(const struct nt_takeout *t, struct nt_err *err)
{
	int users = t->cache_dir ? nt_users_count(t->cache_dir, NULL) : 0, r;

	if (users < 0)
		return nt_err_sys(err, -users, "look for attachments in %s", t->cache_dir);
	if (users > 0)
		return users;
	r = each_binary(t, remove_one, err);
	return r < 0 ? r : 0;
}
