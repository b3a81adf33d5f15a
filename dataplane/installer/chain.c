/* SPDX-License-Identifier: Apache-2.0 */
/* Which configuration the runtime takes, and what has to change in it. */
#include "dataplane/installer/chain.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

#include "dataplane/installer/hostfs.h"
#include "dataplane/installer/swap.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"

/* More files than this are no CNI folder. */
#define NAMES_MAX 1024

/* A file as it was when we looked. */
struct file {
	const char *name;
	int fd;
	struct stat seen;
	struct nt_buf text;
	struct nt_conflist conf;
};

static void file_done(struct file *f)
{
	nt_closep(&f->fd);
	nt_buf_done(&f->text);
}

#define _cleanup_file_ __attribute__((cleanup(file_done)))

static struct nt_slice slice_of(const struct nt_buf *b)
{
	return nt_slice_mem(nt_buf_str(b), b->len);
}

/* --- names, as libcni lists them --- */

struct names {
	unsigned len;
	char *at[NAMES_MAX];
};

static void names_done(struct names *n)
{
	for (unsigned i = 0; i < n->len; i++)
		free(n->at[i]);
}

static bool is_configuration(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return entry->d_type != DT_DIR && dot &&
	       (strcmp(dot, ".conf") == 0 || strcmp(dot, ".conflist") == 0 ||
		strcmp(dot, ".json") == 0);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_names(int dir_fd, struct names *names, struct nt_err *err)
{
	int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *dir = copy == -1 ? NULL : fdopendir(copy);
	const struct dirent *entry;

	if (!dir) {
		int code = errno;

		nt_closep(&copy);
		return nt_err_sys(err, code, "list the folder");
	}
	while ((entry = readdir(dir))) {
		if (!is_configuration(entry))
			continue;
		if (names->len == NAMES_MAX)
			return nt_err_set(err, E2BIG, "more than %d configurations", NAMES_MAX);
		names->at[names->len] = strdup(entry->d_name);
		if (!names->at[names->len])
			return nt_err_set(err, ENOMEM, "no memory to list the folder");
		names->len++;
	}
	qsort(names->at, names->len, sizeof(names->at[0]), compare_names);
	return 0;
}

/* --- one file --- */

/* -ENOENT: it went meanwhile, or is a link to nowhere. */
static int file_read(const struct nt_chain_want *want, const char *name, struct file *f,
		     struct nt_err *err)
{
	char path[PATH_MAX];
	int r;

	*f = (struct file){ .name = name, .fd = -1 };
	snprintf(path, sizeof(path), "%s/%s", want->dir, name);
	/* Non-blocking: a FIFO of that name must not hold us. */
	f->fd = nt_hostfs_open(want->root_fd, path, O_RDONLY | O_NONBLOCK, err);
	if (f->fd < 0)
		return f->fd;
	if (fstat(f->fd, &f->seen) == -1)
		return nt_err_sys(err, errno, "%s: stat", name);
	if (!S_ISREG(f->seen.st_mode))
		return nt_err_set(err, EINVAL, "%s: no regular file", name);
	r = nt_file_read_fd(f->fd, NT_CONFLIST_MAX, &f->text, err);
	if (r == 0)
		r = nt_conflist_read(slice_of(&f->text), &f->conf, err);
	return r < 0 ? nt_err_wrap(err, "%s", name) : 0;
}

static struct nt_change *new_change(struct nt_chain *c, enum nt_change_kind kind, const char *name)
{
	struct nt_change *change = &c->changes[c->changes_len];

	if (c->changes_len == NT_CHAIN_CHANGES_MAX)
		return NULL; /* the next look has the rest */
	*change = (struct nt_change){ .kind = kind, .fd = -1 };
	snprintf(change->name, sizeof(change->name), "%s", name);
	c->changes_len++;
	return change;
}

/* The file's text and descriptor become the change's. */
static void keep_before(struct nt_change *change, struct file *f)
{
	change->before = f->text;
	change->seen = f->seen;
	change->fd = NT_TAKE_FD(f->fd);
	f->text = (struct nt_buf){ 0 };
}

/* --- a list --- */

static bool is_former(const struct nt_chain_want *want, struct nt_slice ours)
{
	for (unsigned i = 0; i < want->former_len && want->former[i]; i++) {
		if (nt_conflist_same(ours, nt_slice_str(want->former[i])))
			return true;
	}
	return false;
}

/* The new text, when there must be one. */
static int edit_list(const struct nt_chain_want *want, const struct file *f, struct nt_buf *after,
		     struct nt_err *err)
{
	struct nt_slice ours = f->conf.entry;
	bool by_hand = f->conf.ours == 1 && !is_former(want, ours);

	if (!want->in_list)
		return nt_conflist_remove(slice_of(&f->text), after, err);
	return nt_conflist_add(slice_of(&f->text), by_hand ? ours : want->entry, by_hand, after,
			       err);
}

static int look_at_list(const struct nt_chain_want *want, struct file *f, struct nt_chain *c,
			struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf after = {};
	struct nt_change *change;
	bool unsupported = nt_conflist_check_version(slice_of(&f->text), &c->why) < 0;
	int r;

	c->state = unsupported ? NT_CHAIN_UNSUPPORTED : NT_CHAIN_READY;
	c->is_list = true;
	c->only_inlined = f->conf.only_inlined;
	/* With our entry in it no pod would start. */
	r = unsupported ? nt_conflist_remove(slice_of(&f->text), &after, err)
			: edit_list(want, f, &after, err);
	if (r <= 0)
		return r;
	change = new_change(c, NT_CHANGE_REPLACE, f->name);
	if (!change)
		return 0;
	keep_before(change, f);
	change->after = after;
	after = (struct nt_buf){ 0 };
	return 0;
}

/* --- a .conf --- */

bool nt_chain_made_name(const char *conf, char *ret_name, size_t size)
{
	int stem = (int)(strrchr(conf, '.') - conf);

	return (size_t)snprintf(ret_name, size, "%.*s" NT_CHAIN_MADE_SUFFIX, stem, conf) < size;
}

static int look_at_conf(const struct nt_chain_want *want, struct file *f, struct nt_chain *c,
			struct nt_err *err)
{
	_cleanup_file_ struct file made = { .fd = -1 };
	_cleanup_buf_ struct nt_buf after = {};
	struct nt_change *change;
	char name[256];
	int r;

	if (nt_conflist_check_version(slice_of(&f->text), &c->why) < 0) {
		c->state = NT_CHAIN_UNSUPPORTED;
		return 0;
	}
	if (want->no_program) {
		c->state = NT_CHAIN_READY;
		return 0;
	}
	if (!nt_chain_made_name(f->name, name, sizeof(name)))
		return nt_err_set(err, ENAMETOOLONG, "%s", f->name);
	r = nt_conflist_of_conf(slice_of(&f->text), f->name, want->entry, &after, err);
	if (r < 0)
		return r;
	r = file_read(want, name, &made, err);
	if (r == 0 && !made.conf.from[0])
		return nt_err_set(err, EEXIST,
				  "%s is somebody else's, and the name that a list made "
				  "from %s must have",
				  name, f->name);
	c->state = NT_CHAIN_READY;
	if (r == 0 && nt_slice_eq(slice_of(&made.text), slice_of(&after)))
		return 0;
	change = new_change(c, NT_CHANGE_PUT, name);
	if (!change)
		return 0;
	if (r == 0)
		keep_before(change, &made);
	nt_closep(&change->fd);
	change->fd = NT_TAKE_FD(f->fd);
	change->after = after;
	after = (struct nt_buf){ 0 };
	return 0;
}

/* Is a list that we made still what its .conf would give? Only the first one is made anew, but one
 * whose .conf is gone or changed must not stay. */
static bool is_stale(const struct nt_chain_want *want, const struct file *made)
{
	_cleanup_file_ struct file conf = { .fd = -1 };
	_cleanup_buf_ struct nt_buf text = {};
	struct nt_err err;
	char name[256];

	if (want->no_program || !strrchr(made->conf.from, '.') || strchr(made->conf.from, '/') ||
	    !nt_chain_made_name(made->conf.from, name, sizeof(name)) ||
	    strcmp(name, made->name) != 0)
		return true;
	if (file_read(want, made->conf.from, &conf, &err) < 0)
		return err.code == ENOENT; /* half-written: wait */
	return nt_conflist_of_conf(slice_of(&conf.text), made->conf.from, want->entry, &text,
				   &err) < 0 ||
	       !nt_slice_eq(slice_of(&made->text), slice_of(&text));
}

/* --- the folder --- */

static enum nt_chain_state state_of_error(int code)
{
	return code == EBADMSG ? NT_CHAIN_HALF : NT_CHAIN_INVALID;
}

static bool is_loopback(const struct nt_conflist *conf)
{
	return conf->plugins - conf->ours == 1 && strcmp(conf->type, "loopback") == 0;
}

static int look_at(const struct nt_chain_want *want, struct file *f, struct nt_chain *c,
		   struct nt_err *err)
{
	bool is_conflist = nt_slice_ends(nt_slice_str(f->name), NT_SLICE_LIT(".conflist"));

	snprintf(c->file, sizeof(c->file), "%s", f->name);
	memcpy(c->network, f->conf.network, sizeof(c->network));
	if (is_conflist && f->conf.kind == NT_CONFLIST_LIST)
		return look_at_list(want, f, c, err);
	if (!is_conflist && f->conf.kind == NT_CONFLIST_SINGLE)
		return look_at_conf(want, f, c, err);
	c->state = NT_CHAIN_INVALID;
	nt_err_set(&c->why, EINVAL, "%s: %s", f->name,
		   is_conflist ? "one plugin in a .conflist" : "a list outside of a .conflist");
	return 0;
}

/* Made lists first: `changes` has the stale ones among them. *ret_done: the first file is found. */
static int look_at_name(const struct nt_chain_want *want, const char *name, struct nt_chain *c,
			unsigned *bad, bool *done, struct nt_err *err)
{
	_cleanup_file_ struct file f = { .fd = -1 };
	struct nt_change *change;
	int r = file_read(want, name, &f, err);

	if (r == -ENOENT)
		return 0;
	if (r == 0 && f.conf.from[0]) {
		if (!is_stale(want, &f) || (*done && strcmp(c->file, f.conf.from) == 0))
			return 0;
		change = new_change(c, NT_CHANGE_REMOVE, name);
		if (change)
			keep_before(change, &f);
		return 0;
	}
	if (*done || (r < 0 && (*bad)++ < want->skip_bad) || (r == 0 && is_loopback(&f.conf)))
		return 0;
	*done = true;
	if (r < 0) {
		c->state = state_of_error(-r);
		c->why = *err;
		snprintf(c->file, sizeof(c->file), "%s", name);
		return 0;
	}
	r = look_at(want, &f, c, err);
	if (r == -EINVAL || r == -EEXIST) {
		c->state = NT_CHAIN_INVALID;
		c->why = *err;
		r = 0;
	}
	return r;
}

/* A list made from the first .conf is stale when that changed, and comes before it: made anew, not
 * removed. */
static void drop_needless_removals(struct nt_chain *c)
{
	for (unsigned i = 0; i < c->changes_len; i++) {
		struct nt_change *change = &c->changes[i];

		for (unsigned k = 0; k < c->changes_len; k++) {
			if (change->kind != NT_CHANGE_REMOVE ||
			    c->changes[k].kind != NT_CHANGE_PUT ||
			    strcmp(change->name, c->changes[k].name) != 0)
				continue;
			nt_buf_done(&change->before);
			nt_closep(&change->fd);
			*change = c->changes[--c->changes_len];
			i--;
			break;
		}
	}
}

int nt_chain_look(int dir_fd, const struct nt_chain_want *want, struct nt_chain *ret_chain,
		  struct nt_err *err)
{
	__attribute__((cleanup(names_done))) struct names names = {};
	unsigned bad = 0;
	bool done = false;
	int r = list_names(dir_fd, &names, err);

	*ret_chain = (struct nt_chain){ .state = NT_CHAIN_NONE };
	nt_err_set(&ret_chain->why, ENOENT, "no network configuration yet");
	for (unsigned i = 0; r == 0 && i < names.len; i++)
		r = look_at_name(want, names.at[i], ret_chain, &bad, &done, err);
	drop_needless_removals(ret_chain);
	return r;
}

void nt_chain_done(struct nt_chain *c)
{
	for (unsigned i = 0; i < c->changes_len; i++) {
		nt_buf_done(&c->changes[i].before);
		nt_buf_done(&c->changes[i].after);
		nt_closep(&c->changes[i].fd);
	}
	c->changes_len = 0;
}

/* --- writing --- */

void nt_chain_kick(int dir_fd)
{
	struct nt_err err;

	(void)!nt_swap_put(dir_fd, ".nametap-kick", -1, 0600, NT_SLICE_LIT("\n"), &err);
	(void)unlinkat(dir_fd, ".nametap-kick", 0);
}

/* Where the file really is, when its name is a link. */
static int replace(int dir_fd, const struct nt_change *change, struct nt_err *err)
{
	_cleanup_close_ int home_fd = -1;
	struct stat here;
	char name[256];
	int r;

	if (fstatat(dir_fd, change->name, &here, AT_SYMLINK_NOFOLLOW) == 0 &&
	    !S_ISLNK(here.st_mode))
		return nt_swap_replace(dir_fd, change->name, change->fd, &change->seen,
				       slice_of(&change->after), err);
	r = nt_hostfs_home(change->fd, &home_fd, name, sizeof(name), err);
	if (r == 0)
		r = nt_swap_replace(home_fd, name, change->fd, &change->seen,
				    slice_of(&change->after), err);
	if (r == 0)
		nt_chain_kick(dir_fd);
	return r;
}

/* Only what is still the list that we made. */
static int remove_made(int dir_fd, const struct nt_change *change, struct nt_err *err)
{
	struct stat now;

	if (fstatat(dir_fd, change->name, &now, AT_SYMLINK_NOFOLLOW) == -1)
		return 0;
	if (now.st_ino != change->seen.st_ino || now.st_dev != change->seen.st_dev)
		return nt_err_set(err, EAGAIN, "%s was replaced meanwhile", change->name);
	if (unlinkat(dir_fd, change->name, 0) == -1 && errno != ENOENT)
		return nt_err_sys(err, errno, "remove %s", change->name);
	return 0;
}

int nt_chain_apply(int dir_fd, const struct nt_change *change, struct nt_err *err)
{
	switch (change->kind) {
	case NT_CHANGE_REPLACE:
		return replace(dir_fd, change, err);
	case NT_CHANGE_PUT:
		return nt_swap_put(dir_fd, change->name, change->fd, 0644, slice_of(&change->after),
				   err);
	default:
		return remove_made(dir_fd, change, err);
	}
}
