/* SPDX-License-Identifier: Apache-2.0 */
/* The installer backwards. */
#include "dataplane/installer/takeout.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <time.h>

#include "dataplane/installer/chain.h"
#include "dataplane/installer/hostfs.h"
#include "dataplane/installer/jsonspan.h"
#include "dataplane/installer/stub.h"
#include "dataplane/installer/swap.h"
#include "dataplane/installer/users.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"

#define PLUGIN_WAIT_MS 10000
#define PLUGIN_POLL_MS 20
/* Another program writes the file just now: 5 s. */
#define TRIES 100
#define TRY_MS 50

static void pause_ms(long ms)
{
	const struct timespec pause = { .tv_nsec = ms * 1000000L };

	(void)nanosleep(&pause, NULL);
}

/* The folder of a path on the host, and the name in it. -ENOENT: there is none. */
static int open_folder_of(const struct nt_takeout *t, const char *path, const char **ret_name,
			  struct nt_err *err)
{
	_cleanup_close_ int root = nt_hostfs_root(t->host_root, err);
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];

	if (root < 0)
		return root;
	if (!slash || slash - path >= PATH_MAX)
		return nt_err_set(err, EINVAL, "%s: no absolute path", path);
	snprintf(folder, sizeof(folder), "%.*s/", (int)(slash - path), path);
	*ret_name = slash + 1;
	return nt_hostfs_open(root, folder, O_RDONLY | O_DIRECTORY, err);
}

/* --- network configurations ------------------------------------------------------------------- */

static int remove_at(const struct nt_takeout *t, int dir_fd, const char *name, const char *path,
		     struct nt_err *err)
{
	t->say(t->ctx, "remove", path);
	if (!t->dry_run && unlinkat(dir_fd, name, 0) == -1 && errno != ENOENT)
		return nt_err_sys(err, errno, "remove %s", path);
	return 1;
}

struct conf {
	const char *path; /* on the host */
	int fd;
	struct stat seen;
	struct nt_buf text;
};

static void conf_done(struct conf *c)
{
	nt_closep(&c->fd);
	nt_buf_done(&c->text);
}

/* A socket cannot be opened, and opening a device does something. */
static int is_file(int root, const char *path, struct nt_err *err)
{
	_cleanup_close_ int fd = nt_hostfs_open(root, path, O_PATH, err);
	struct stat st;

	if (fd < 0)
		return fd == -ENOENT || fd == -ELOOP ? 0 : fd;
	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* 1: read; 0: not there, or no file that a configuration could be. */
static int read_conf(const struct nt_takeout *t, struct conf *c, struct nt_err *err)
{
	_cleanup_close_ int root = nt_hostfs_root(t->host_root, err);
	int r = root < 0 ? root : is_file(root, c->path, err);

	if (r <= 0)
		return r;
	c->fd = nt_hostfs_open(root, c->path, O_RDONLY | O_NONBLOCK, err);
	if (c->fd < 0)
		return c->fd == -ENOENT || c->fd == -ELOOP ? 0 : c->fd;
	if (fstat(c->fd, &c->seen) == -1)
		return nt_err_sys(err, errno, "%s", c->path);
	if (!S_ISREG(c->seen.st_mode) || c->seen.st_size > NT_CONFLIST_MAX)
		return 0;
	r = nt_file_read_fd(c->fd, NT_CONFLIST_MAX, &c->text, err);
	return r < 0 ? nt_err_wrap(err, "%s", c->path) : 1;
}

static int change(const struct nt_takeout *t, const struct conf *c, int dir_fd, const char *name,
		  struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf out = { 0 };
	int r = nt_conflist_remove(nt_slice_mem(c->text.p, c->text.len), &out, err);

	if (r <= 0)
		return r < 0 ? nt_err_wrap(err, "%s", c->path) : 0;
	if (!t->dry_run)
		r = nt_swap_replace(dir_fd, name, c->fd, &c->seen, nt_slice_mem(out.p, out.len),
				    err);
	if (r < 0)
		return nt_err_wrap(err, "%s", c->path);
	t->say(t->ctx, "change", c->path);
	return 1;
}

/* Only what a runtime reads; others keep copies of configurations there. */
static bool is_read(const char *name)
{
	struct nt_slice n = nt_slice_str(name);

	return nt_slice_ends(n, NT_SLICE_LIT(".conf")) || nt_slice_ends(n, NT_SLICE_LIT(".json")) ||
	       nt_slice_ends(n, NT_SLICE_LIT(".conflist"));
}

/* A configuration without us that somebody is writing in place may name us when it is whole: then
 * the plugin must not be gone. */
static int check_written(const struct conf *c, struct nt_err *err)
{
	int r = is_read(c->path) ? nt_swap_settled(c->fd, &c->seen, err) : 0;

	return r < 0 ? nt_err_wrap(err, "%s", c->path) : 0;
}

/* One file of net.d, whatever its name; links are followed as the host would. A list of nothing but
 * ours is a mistake by hand: no pod ever started with it. */
static int take_once(const struct nt_takeout *t, const char *path, struct nt_err *err)
{
	_cleanup_(conf_done) struct conf c = { .path = path, .fd = -1 };
	_cleanup_close_ int dir_fd = -1;
	struct nt_conflist list;
	char name[256];
	int r = read_conf(t, &c, err);

	if (r <= 0)
		return r;
	if (nt_conflist_read(nt_slice_mem(c.text.p, c.text.len), &list, NULL) < 0 || !list.ours)
		return check_written(&c, err);
	if (list.ours == list.plugins && !list.from[0])
		return 0;
	r = nt_hostfs_home(c.fd, &dir_fd, name, sizeof(name), err);
	if (r < 0)
		return r;
	return list.from[0] ? remove_at(t, dir_fd, name, path, err)
			    : change(t, &c, dir_fd, name, err);
}

static int take_from(const struct nt_takeout *t, const char *path, struct nt_err *err)
{
	int r = take_once(t, path, err);

	for (int i = 0; i < TRIES && r == -EAGAIN; i++) {
		pause_ms(TRY_MS);
		r = take_once(t, path, err);
	}
	return r;
}

/* The first error, or how many files were changed. */
struct tally {
	int changed, failed;
	struct nt_err err;
};

static void tally(struct tally *sum, int r, const struct nt_err *err)
{
	sum->changed += r > 0;
	if (r < 0 && !sum->failed) {
		sum->failed = r;
		sum->err = *err;
	}
}

/* *ret_dir: to be closed by the caller. */
static int open_folder(const struct nt_takeout *t, const char *folder, DIR **ret_dir,
		       struct nt_err *err)
{
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];
	const char *name;

	snprintf(path, sizeof(path), "%s/", folder);
	fd = open_folder_of(t, path, &name, err);
	if (fd < 0)
		return fd;
	*ret_dir = fdopendir(fd);
	if (!*ret_dir)
		return nt_err_sys(err, ENOMEM, "%s", folder);
	(void)NT_TAKE_FD(fd);
	return 0;
}

/* Goes on after an error: one odd file must not keep our entry in the others. */
static int take_from_folder(const struct nt_takeout *t, const char *folder, struct tally *sum,
			    struct nt_err *err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	char path[PATH_MAX];
	struct dirent *d;
	int r = open_folder(t, folder, &dir, err);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (!t->dry_run)
		nt_swap_sweep(dirfd(dir));
	while ((d = readdir(dir))) {
		if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, d->d_name) >=
		    sizeof(path))
			continue;
		tally(sum, take_from(t, path, err), err);
	}
	return 0;
}

/* Our file in <net.d>/<network>/, and the folder when nothing else is in it. */
static int take_dropin(const struct nt_takeout *t, const struct nt_installed *f, struct nt_err *err)
{
	_cleanup_close_ int dir_fd = -1, above = -1;
	char folder[PATH_MAX];
	const char *name;
	int r;

	dir_fd = open_folder_of(t, f->path, &name, err);
	if (dir_fd < 0)
		return dir_fd == -ENOENT ? 0 : dir_fd;
	if (faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == -1)
		return 0;
	r = remove_at(t, dir_fd, name, f->path, err);
	if (r < 0 || t->dry_run || f->was_there)
		return r;
	snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(f->path, '/') - f->path), f->path);
	above = open_folder_of(t, folder, &name, err);
	if (above >= 0)
		(void)unlinkat(above, name, AT_REMOVEDIR);
	return r;
}

static int take_installed(const struct nt_takeout *t, const struct nt_installed *f,
			  struct nt_err *err)
{
	if (f->kind == NT_INSTALLED_BINARY)
		return 0;
	return f->kind == NT_INSTALLED_DROPIN ? take_dropin(t, f, err) : take_from(t, f->path, err);
}

/* The runtime reads its folder again, also when what was changed is not in it: behind a link, or in
 * the drop-in folder. */
static void kick(const struct nt_takeout *t)
{
	char folder[PATH_MAX];
	const char *name;
	struct nt_err err;
	int fd;

	snprintf(folder, sizeof(folder), "%s/", t->record->conf_dir);
	fd = open_folder_of(t, folder, &name, &err);
	if (fd < 0)
		return;
	nt_chain_kick(fd);
	close(fd);
}

int nt_takeout_entries(const struct nt_takeout *t, struct nt_err *err)
{
	const struct nt_install_record *record = t->record;
	struct tally sum = { 0 };

	if (record->conf_dir[0])
		tally(&sum, take_from_folder(t, record->conf_dir, &sum, err), err);
	for (unsigned i = 0; i < record->files_len; i++)
		tally(&sum, take_installed(t, &record->files[i], err), err);
	if (sum.changed > 0 && record->conf_dir[0] && !t->dry_run)
		kick(t);
	if (sum.failed && err)
		*err = sum.err;
	return sum.failed ? sum.failed : sum.changed;
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
	for (int waited = 0; waited < PLUGIN_WAIT_MS && is_running(plugin);
	     waited += PLUGIN_POLL_MS)
		pause_ms(PLUGIN_POLL_MS);
}

/* A link that somebody made by hand is replaced, not what it points to. */
static int stub_one(const struct nt_takeout *t, int dir_fd, const char *name, const char *path,
		    struct nt_err *err)
{
	_cleanup_close_ int old = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat plugin;
	int r;

	if (fstatat(dir_fd, name, &plugin, 0) == -1)
		return errno == ENOENT ? 0 : nt_err_sys(err, errno, "%s", path);
	t->say(t->ctx, "replace by the stub", path);
	if (t->dry_run)
		return 1;
	nt_swap_sweep(dir_fd);
	r = nt_swap_put(dir_fd, name, old, 0755, nt_stub_image(), err);
	if (r == 0 && (plugin.st_mode & NT_STUB_STAYS) &&
	    fchmodat(dir_fd, name, plugin.st_mode & 07777 & ~NT_STUB_STAYS, 0) == -1)
		r = nt_err_sys(err, errno, "mode");
	if (r < 0)
		return nt_err_wrap(err, "%s", path);
	wait_for(&plugin);
	return 1;
}

typedef int on_binary_fn(const struct nt_takeout *t, int dir_fd, const char *name, const char *path,
			 struct nt_err *err);

static int each_binary(const struct nt_takeout *t, on_binary_fn *fn, struct nt_err *err)
{
	int count = 0, r = 0;

	for (unsigned i = 0; i < t->record->files_len && r >= 0; i++) {
		const struct nt_installed *f = &t->record->files[i];
		_cleanup_close_ int dir_fd = -1;
		const char *name;

		if (f->kind != NT_INSTALLED_BINARY)
			continue;
		dir_fd = open_folder_of(t, f->path, &name, err);
		if (dir_fd < 0 && dir_fd != -ENOENT)
			return dir_fd;
		r = dir_fd < 0 ? 0 : fn(t, dir_fd, name, f->path, err);
		count += r > 0;
	}
	return r < 0 ? r : count;
}

int nt_takeout_stub(const struct nt_takeout *t, struct nt_err *err)
{
	return each_binary(t, stub_one, err);
}

static int remove_one(const struct nt_takeout *t, int dir_fd, const char *name, const char *path,
		      struct nt_err *err)
{
	return faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == -1
		       ? 0
		       : remove_at(t, dir_fd, name, path, err);
}

static int count_users(const struct nt_takeout *t, struct nt_err *err)
{
	int users;

	if (!t->cache_dir)
		return 0;
	/* In a container a folder that is not there is perhaps not mounted. */
	if (t->host_root[0] && access(t->cache_dir, F_OK) == -1)
		return nt_err_sys(err, errno,
				  "%s, which would say what needs the plugin at its end (the "
				  "stub stays; --cni-cache names the host's, or none)",
				  t->cache_dir);
	users = nt_users_count(t->cache_dir, NULL);
	return users < 0 ? nt_err_sys(err, -users, "look for attachments in %s", t->cache_dir)
			 : users;
}

/* 1: what is left of this configuration names us, inside of another plugin's. */
static int names_us(const struct nt_takeout *t, const char *path, struct nt_err *err)
{
	_cleanup_(conf_done) struct conf c = { .path = path, .fd = -1 };
	struct nt_conflist list;
	struct nt_slice text;
	struct nt_jsonspan s;
	int r = read_conf(t, &c, err);

	if (r <= 0)
		return r;
	text = nt_slice_mem(c.text.p, c.text.len);
	/* In the list itself: take_once() has judged that. */
	if (nt_conflist_read(text, &list, NULL) == 0 && list.ours)
		return 0;
	s = nt_jsonspan_init(text);
	return nt_users_names_us(nt_jsonspan_value(&s)) ? 1 : check_written(&c, err);
}

/* 1, and its path, when there is one that we cannot be taken out of. */
static int find_inside(const struct nt_takeout *t, char ret_path[PATH_MAX], struct nt_err *err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const char *folder = t->record->conf_dir;
	struct dirent *d;
	int r;

	r = folder[0] ? open_folder(t, folder, &dir, err) : -ENOENT;
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	while (r == 0 && (d = readdir(dir))) {
		if (!is_read(d->d_name))
			continue;
		snprintf(ret_path, PATH_MAX, "%s/%s", folder, d->d_name);
		r = names_us(t, ret_path, err);
	}
	return r;
}

/* The stub knows no configuration: by this bit it stays behind the last DEL, too. */
static int let_stay(const struct nt_takeout *t, int dir_fd, const char *name, const char *path,
		    struct nt_err *err)
{
	struct stat st;

	if (t->dry_run || fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return 0;
	if (fchmodat(dir_fd, name, (st.st_mode & 07777) | NT_STUB_STAYS, 0) == -1)
		return nt_err_sys(err, errno, "mode of %s", path);
	return 1;
}

void nt_takeout_keep(const struct nt_takeout *t)
{
	struct nt_err err;

	(void)!each_binary(t, let_stay, &err);
}

int nt_takeout_binary(const struct nt_takeout *t, struct nt_err *err)
{
	char path[PATH_MAX];
	int users, r = find_inside(t, path, err);

	if (r > 0)
		r = nt_err_set(err, EBUSY,
			       "%s names nametap inside of another plugin (Multus?); the stub "
			       "stays: take it out there, then uninstall again",
			       path);
	if (r < 0) {
		nt_takeout_keep(t);
		return r;
	}
	users = count_users(t, err);
	if (users != 0)
		return users;
	r = each_binary(t, remove_one, err);
	return r < 0 ? r : 0;
}
