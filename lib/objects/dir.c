/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory source: manifests of one directory, watched with inotify. A file is read when its
 * writer closed it or it was moved in, not while it is written; a swapped link (`..data` of a
 * ConfigMap mount, or the directory itself) makes all files be looked at again.
 */
#include "lib/objects/objects.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/objects/dir.h"
#include "lib/objects/store.h"

enum {
	FILE_BYTES_MAX =
		8 << 20, /* 1,500 pods as kubectl prints them; bounds the parser's memory */
	FILES_MAX = 4096, /* a directory with more is not one of manifests */
	EVENT_READS_MAX = 256, /* per poll; the rest at the next one */
	WATCH_DIR = IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
		    IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR,
	WATCH_PARENT = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR,
};

static bool is_manifest_name(const char *name)
{
	struct nt_slice s = nt_slice_str(name);

	return name[0] != '.' &&
	       (nt_slice_ends(s, NT_SLICE_LIT(".yaml")) || nt_slice_ends(s, NT_SLICE_LIT(".yml")) ||
		nt_slice_ends(s, NT_SLICE_LIT(".json")));
}

static void free_file(struct nt_object_file *f)
{
	if (!f)
		return;
	nt_manifest_done(&f->manifest);
	free(f->name);
	free(f->path);
	free(f);
}

static void free_filep(struct nt_object_file **f)
{
	free_file(*f);
}

/* Where name is, or where it belongs. */
static size_t file_position(const struct nt_objects_dir *o, const char *name, bool *ret_found)
{
	size_t low = 0, high = o->files_len;

	*ret_found = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int r = strcmp(o->files[middle]->name, name);

		if (r == 0)
			*ret_found = true;
		if (r < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct nt_object_file *find_file(struct nt_objects_dir *o, const char *name)
{
	bool found;
	size_t i = file_position(o, name, &found);

	return found ? o->files[i] : NULL;
}

static int grow_files(struct nt_objects_dir *o)
{
	size_t cap = o->files_cap ? o->files_cap * 2 : 16;
	struct nt_object_file **p;

	if (o->files_len < o->files_cap)
		return 0;
	p = reallocarray(o->files, cap, sizeof(struct nt_object_file *));
	if (!p)
		return -ENOMEM;
	o->files = p;
	o->files_cap = cap;
	return 0;
}

/* NULL without memory, or when there are too many (a problem of the directory). */
static struct nt_object_file *add_file(struct nt_objects_dir *o, const char *name)
{
	_cleanup_(free_filep) struct nt_object_file *f = NULL;
	bool found;
	size_t i = file_position(o, name, &found);

	if (found)
		return o->files[i];
	if (o->files_len == FILES_MAX) {
		snprintf(o->dir_problem, sizeof(o->dir_problem),
			 "more than %d manifests: the rest is left out", FILES_MAX);
		return NULL;
	}
	f = calloc(1, sizeof(*f));
	if (!f || grow_files(o) < 0)
		return NULL;
	f->name = strdup(name);
	if (!f->name || asprintf(&f->path, "%s/%s", o->path, name) < 0) {
		f->path = NULL; /* asprintf leaves it undefined */
		return NULL;
	}
	f->dirty = true;
	memmove(o->files + i + 1, o->files + i,
		(o->files_len - i) * sizeof(struct nt_object_file *));
	o->files_len++;
	return o->files[i] = NT_TAKE_PTR(f);
}

static bool same_identity(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static int read_text(int dir_fd, struct nt_object_file *f, struct nt_buf *text, struct nt_err *err)
{
	/* O_NONBLOCK: a FIFO of that name must not hold us up. */
	_cleanup_close_ int fd = openat(dir_fd, f->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd == -1)
		return nt_err_sys(err, errno, "open");
	if (fstat(fd, &f->identity) == -1)
		return nt_err_sys(err, errno, "stat");
	if (!S_ISREG(f->identity.st_mode))
		return nt_err_set(err, EINVAL, "is no regular file");
	if (f->identity.st_size > FILE_BYTES_MAX)
		return nt_err_set(err, EFBIG, "is larger than %d octets", FILE_BYTES_MAX);
	return nt_file_read_fd(fd, FILE_BYTES_MAX, text, err);
}

static void swap_objects(struct nt_manifest *a, struct nt_manifest *b)
{
	struct nt_manifest old = *a;

	a->objects = b->objects;
	a->objects_len = b->objects_len;
	a->objects_cap = b->objects_cap;
	b->objects = old.objects;
	b->objects_len = old.objects_len;
	b->objects_cap = old.objects_cap;
}

/* The problems are those of the new text, the objects too, unless it has a mistake and the one
 * before had none. */
static void take_manifest(struct nt_object_file *f, struct nt_manifest *new)
{
	bool whole = new->problems_len == 0;

	if (!whole && f->whole)
		swap_objects(&f->manifest, new);
	nt_manifest_done(&f->manifest);
	f->manifest = *new;
	f->whole = f->whole || whole;
}

static void load_file(struct nt_objects_dir *o, int dir_fd, struct nt_object_file *f)
{
	bool json = nt_slice_ends(nt_slice_str(f->name), NT_SLICE_LIT(".json"));
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_manifest new = { .intern = o->intern };
	struct nt_err err = { .msg = "no memory" };
	int r;

	f->dirty = false;
	r = read_text(dir_fd, f, &text, &err);
	if (r == 0)
		r = nt_manifest_parse(nt_slice_mem(nt_buf_str(&text), text.len),
				      json ? NT_MANIFEST_JSON : NT_MANIFEST_YAML, &new);
	if (r < 0)
		nt_manifest_problem(&new, 0, "%s", err.msg);
	take_manifest(f, &new);
}

/* Marks the files that are there; all: also takes in those that no event named. */
static int list_files(struct nt_objects_dir *o, int dir_fd, bool all)
{
	_cleanup_closedir_ DIR *dir = NULL;
	_cleanup_close_ int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd != -1)
		dir = fdopendir(fd);
	if (!dir)
		return -errno;
	(void)NT_TAKE_FD(fd); /* the DIR's now */
	for (struct dirent *d; (d = readdir(dir));) {
		struct nt_object_file *f;
		struct stat now;

		if (!is_manifest_name(d->d_name))
			continue;
		f = all ? add_file(o, d->d_name) : find_file(o, d->d_name);
		if (!f)
			continue;
		f->seen = true;
		if (all &&
		    (fstatat(dir_fd, f->name, &now, 0) == -1 || !same_identity(&now, &f->identity)))
			f->dirty = true;
	}
	return 0;
}

static void drop_unseen(struct nt_objects_dir *o)
{
	size_t kept = 0;

	for (size_t i = 0; i < o->files_len; i++) {
		if (o->files[i]->seen)
			o->files[kept++] = o->files[i];
		else
			free_file(o->files[i]);
	}
	o->files_len = kept;
}

/* The directory gone: a problem, and the last objects stay. */
static int scan(struct nt_objects_dir *o, bool all)
{
	_cleanup_close_ int dir_fd = open(o->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = dir_fd == -1 ? -errno : 0;

	all = all || o->dir_problem[0]; /* is it mended? */
	o->dir_problem[0] = '\0';
	for (size_t i = 0; i < o->files_len; i++)
		o->files[i]->seen = false;
	if (r == 0)
		r = list_files(o, dir_fd, all);
	if (r < 0) {
		snprintf(o->dir_problem, sizeof(o->dir_problem), "the directory: %s",
			 strerrordesc_np(-r));
		return r;
	}
	drop_unseen(o);
	for (size_t i = 0; i < o->files_len; i++)
		if (o->files[i]->dirty)
			load_file(o, dir_fd, o->files[i]);
	return 0;
}

/* What o->path names now may be another directory than before. */
static int watch_again(struct nt_objects_dir *o)
{
	int wd = inotify_add_watch(o->inotify_fd, o->path, WATCH_DIR);
	int r = wd == -1 ? -errno : 0;

	if (o->dir_wd != -1 && o->dir_wd != wd)
		(void)inotify_rm_watch(o->inotify_fd, o->dir_wd);
	o->dir_wd = wd;
	return r;
}

static const char *base_name(const struct nt_objects_dir *o)
{
	const char *slash = strrchr(o->path, '/');

	return slash ? slash + 1 : o->path;
}

/* Without it the directory's return would not be noticed; best effort. */
static void watch_parent(struct nt_objects_dir *o)
{
	const char *base = base_name(o);
	char parent[PATH_MAX];

	snprintf(parent, sizeof(parent), "%.*s", base == o->path ? 1 : (int)(base - o->path),
		 base == o->path ? "." : o->path);
	o->parent_wd = inotify_add_watch(o->inotify_fd, parent, WATCH_PARENT);
}

/* A regular file that was just created is empty: its writer's close is another event. */
static bool has_content(const struct nt_objects_dir *o, const struct inotify_event *e)
{
	_cleanup_close_ int dir_fd = -1;
	struct stat st;

	if (!(e->mask & IN_CREATE))
		return true;
	dir_fd = open(o->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir_fd != -1 && fstatat(dir_fd, e->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       (S_ISLNK(st.st_mode) || st.st_nlink > 1);
}

/* True when all files have to be looked at. */
static bool take_event(struct nt_objects_dir *o, const struct inotify_event *e)
{
	struct nt_object_file *f;

	if (e->mask & IN_Q_OVERFLOW)
		return true;
	if (e->wd == o->parent_wd && e->wd != o->dir_wd)
		return e->len && strcmp(e->name, base_name(o)) == 0;
	if (e->wd != o->dir_wd)
		return false; /* of a directory that was swapped away */
	if (e->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT))
		return true;
	if (!e->len)
		return false;
	if (strncmp(e->name, "..", 2) == 0)
		return true;
	if (!is_manifest_name(e->name) || e->mask & (IN_DELETE | IN_MOVED_FROM) ||
	    !has_content(o, e))
		return false;
	f = add_file(o, e->name);
	if (f)
		f->dirty = true;
	return !f;
}

/* Returns the number of events. */
static size_t read_events(struct nt_objects_dir *o, bool *ret_all)
{
	_Alignas(struct inotify_event) char buf[4096];
	size_t events = 0;

	*ret_all = false;
	for (int i = 0; i < EVENT_READS_MAX; i++) {
		ssize_t n = NT_RETRY(read(o->inotify_fd, buf, sizeof(buf)));

		if (n <= 0)
			break;
		for (char *p = buf; p < buf + n; events++) {
			const struct inotify_event *e = (const struct inotify_event *)p;

			*ret_all = take_event(o, e) || *ret_all;
			p += sizeof(*e) + e->len;
		}
	}
	return events;
}

static int64_t now_us(void)
{
	struct nt_clock clock = nt_clock_system();

	return nt_clock_real(&clock) / NT_NS_PER_US;
}

static void poll_dir(void *ctx, struct nt_objects *objects)
{
	struct nt_objects_dir *o = ctx;
	bool all, was_well = !o->dir_problem[0];

	if (!read_events(o, &all))
		return;
	if (all)
		(void)watch_again(o); /* the scan says what is wrong with the directory */
	(void)scan(o, all);
	nt_objects_dir_index(o, objects);
	if (was_well != !o->dir_problem[0])
		o->since_us = now_us();
}

static int fd_of(void *ctx)
{
	return ((struct nt_objects_dir *)ctx)->inotify_fd;
}

static void tell_states(void *ctx, const struct nt_objects *objects, nt_objects_state_fn *fn,
			void *fn_ctx)
{
	const struct nt_objects_dir *o = ctx;

	for (size_t k = 0; nt_objects_kinds_read[k]; k++) {
		struct nt_objects_state state = { .kind = nt_objects_kinds_read[k],
						  .synced = !o->dir_problem[0],
						  .since_us = o->since_us,
						  .error = o->dir_problem };

		state.count = nt_objects_count(objects, nt_slice_str(state.kind));
		if (state.count)
			fn(fn_ctx, &state);
	}
}

static struct nt_objects_origin origin_of(void *ctx)
{
	return (struct nt_objects_origin){ "directory", ((struct nt_objects_dir *)ctx)->path };
}

static bool is_read(void *ctx)
{
	(void)ctx;
	return true;
}

static void free_dir(void *ctx)
{
	struct nt_objects_dir *o = ctx;

	for (size_t i = 0; i < o->files_len; i++)
		free_file(o->files[i]);
	free(o->files);
	free(o->path);
	if (o->inotify_fd != -1)
		close(o->inotify_fd);
	free(o);
}

static const struct nt_objects_source source = {
	.fd = fd_of,
	.poll = poll_dir,
	.states = tell_states,
	.origin = origin_of,
	.have_synced = is_read,
	.free = free_dir,
};

static void free_objectsp(struct nt_objects **o)
{
	nt_objects_free(*o);
}

static char *path_without_slash(const char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	return strndup(path, len);
}

static int open_dir(struct nt_objects_dir *o, const char *path, struct nt_err *err)
{
	int r;

	o->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (o->inotify_fd == -1)
		return nt_err_sys(err, errno,
				  "watch the directory of objects %s by inotify (see "
				  "fs.inotify.max_user_instances)",
				  path);
	o->path = path_without_slash(path);
	if (!o->path)
		return nt_err_set(err, ENOMEM, "no memory for objects");
	r = watch_again(o);
	if (r < 0)
		return nt_err_sys(err, -r, "watch the directory of objects %s", path);
	watch_parent(o);
	r = scan(o, true);
	if (r < 0)
		return nt_err_sys(err, -r, "read the directory of objects %s", path);
	o->since_us = now_us();
	return 0;
}

int nt_objects_open_dir(const char *path, struct nt_objects **ret_objects, struct nt_err *err)
{
	_cleanup_(free_objectsp) struct nt_objects *objects = NULL;
	struct nt_objects_dir *o;
	int r = nt_objects_new(&objects, err);

	if (r < 0)
		return r;
	o = calloc(1, sizeof(*o));
	if (!o)
		return nt_err_set(err, ENOMEM, "no memory for objects");
	o->dir_wd = o->parent_wd = o->inotify_fd = -1;
	o->intern = objects->intern;
	objects->source = &source;
	objects->source_ctx = o;
	r = open_dir(o, path, err);
	if (r < 0)
		return r;
	nt_objects_dir_index(o, objects);
	nt_objects_touch(objects);
	nt_objects_begin(objects);
	*ret_objects = NT_TAKE_PTR(objects);
	return 0;
}
