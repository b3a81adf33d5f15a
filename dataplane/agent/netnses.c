/* SPDX-License-Identifier: Apache-2.0 */
/* Network namespaces by processes and by name. */
#include "dataplane/agent/netnses.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "lib/base/cleanup.h"
#include "lib/base/parse.h"

void nt_netnses_done(struct nt_netnses *n)
{
	for (size_t i = 0; i < n->len; i++)
		free(n->items[i].path);
	free(n->items);
	*n = (struct nt_netnses){ 0 };
}

static int compare(const struct nt_netns *a, uint64_t ino, uint64_t dev)
{
	if (a->ino != ino)
		return a->ino < ino ? -1 : 1;
	return a->dev == dev ? 0 : (a->dev < dev ? -1 : 1);
}

/* Where it is, or where it belongs. */
static size_t position(const struct nt_netnses *n, uint64_t ino, uint64_t dev)
{
	size_t low = 0, high = n->len;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (compare(&n->items[mid], ino, dev) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct nt_netns *nt_netnses_find(const struct nt_netnses *n, uint64_t ino, uint64_t dev)
{
	size_t at = position(n, ino, dev);

	return at < n->len && compare(&n->items[at], ino, dev) == 0 ? &n->items[at] : NULL;
}

static bool make_room(struct nt_netnses *n)
{
	size_t room = n->room ? n->room * 2 : 64;
	struct nt_netns *grown;

	if (n->len < n->room)
		return true;
	if (n->len >= NT_NETNSES_MAX)
		return false;
	grown = realloc(n->items, room * sizeof(*grown));
	if (!grown)
		return false;
	n->items = grown;
	n->room = room;
	return true;
}

static void add(struct nt_netnses *n, const struct stat *st, const char *path, pid_t pid)
{
	size_t at = position(n, st->st_ino, st->st_dev);
	struct nt_netns *item;
	char *copy;

	if (at < n->len && compare(&n->items[at], st->st_ino, st->st_dev) == 0) {
		item = &n->items[at];
		if (pid && (!item->pid || pid < item->pid))
			item->pid = pid;
		return;
	}
	copy = strdup(path);
	if (!copy || !make_room(n)) {
		free(copy);
		n->skipped++;
		return;
	}
	item = &n->items[at];
	memmove(item + 1, item, (n->len - at) * sizeof(*item));
	*item = (struct nt_netns){ .ino = st->st_ino, .dev = st->st_dev, .pid = pid, .path = copy };
	n->len++;
}

/* A name from which the namespace was unmounted is an empty file. */
static bool is_namespace(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == NSFS_MAGIC;
}

static void read_named(struct nt_netnses *n, const char *named, const struct stat *own)
{
	_cleanup_closedir_ DIR *dir = opendir(named);
	struct dirent *d;
	struct stat st;

	while (dir && (d = readdir(dir))) {
		char path[PATH_MAX];

		if (d->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", named, d->d_name);
		if (is_namespace(path) && stat(path, &st) == 0 &&
		    (st.st_ino != own->st_ino || st.st_dev != own->st_dev))
			add(n, &st, path, 0);
	}
}

static void read_processes(struct nt_netnses *n, const char *proc, const struct stat *own)
{
	_cleanup_closedir_ DIR *dir = opendir(proc);
	struct dirent *d;
	struct stat st;

	while (dir && (d = readdir(dir))) {
		char path[PATH_MAX];
		uint64_t pid;

		if (nt_parse_u64(nt_slice_str(d->d_name), INT_MAX, &pid) < 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s/ns/net", proc, d->d_name);
		if (stat(path, &st) == 0 && (st.st_ino != own->st_ino || st.st_dev != own->st_dev))
			add(n, &st, path, (pid_t)pid);
	}
}

int nt_netnses_read(struct nt_netnses *n, const char *proc, const char *named, struct nt_err *err)
{
	struct stat own;

	nt_netnses_done(n);
	if (stat("/proc/self/ns/net", &own) == -1)
		return nt_err_sys(err, errno, "/proc/self/ns/net");
	/* Names first: they stay when a process ends. */
	read_named(n, named, &own);
	read_processes(n, proc, &own);
	return 0;
}
