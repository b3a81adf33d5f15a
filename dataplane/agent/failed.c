/* SPDX-License-Identifier: Apache-2.0 */
/* Notes of pods that are not tapped. */
#include "dataplane/agent/failed.h"

#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <sys/stat.h>

#include "lib/base/cleanup.h"
#include "lib/base/file.h"

static struct nt_slice text_of(struct nt_arena *arena, const json_t *object, const char *key)
{
	const json_t *borrowed_value = json_object_get(object, key);

	if (!json_is_string(borrowed_value))
		return (struct nt_slice){ 0 };
	return nt_arena_copy(arena, nt_slice_mem(json_string_value(borrowed_value),
						 json_string_length(borrowed_value)));
}

/* FNV-1a. */
static uint64_t id_of(const char *name)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 0x100000001b3u;
	return hash | NT_FAILED_EP_ID;
}

static bool read_one(struct nt_failed *f, int dir_fd, const char *name)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_arena *arena = &f->arenas[f->at];
	json_auto_t *object = NULL;
	struct nt_batch_endpoint *e = &f->endpoints[f->len];
	struct stat st;

	if (nt_file_read_at(dir_fd, name, NT_FAILED_FILE_BYTES, &text, NULL) < 0 ||
	    fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return false;
	object = json_loadb(nt_buf_str(&text), text.len, 0, NULL);
	if (!json_is_object(object))
		return false;
	*e = (struct nt_batch_endpoint){
		.ep_id = id_of(name),
		.state = json_is_true(json_object_get(object, "excluded")) ? NT_ENDPOINT_EXCLUDED
									   : NT_ENDPOINT_FAILED,
		.namespace_ = text_of(arena, object, "namespace"),
		.name = text_of(arena, object, "name"),
		.uid = text_of(arena, object, "uid"),
		.container_id = text_of(arena, object, "container_id"),
		.ifname = text_of(arena, object, "ifname"),
		.network = text_of(arena, object, "network"),
		.reason = text_of(arena, object, "error"),
		.since_us = (int64_t)st.st_mtim.tv_sec * 1000000 + st.st_mtim.tv_nsec / 1000,
	};
	return true;
}

static void read_folder(struct nt_failed *f, DIR *dir)
{
	struct dirent *d;

	while ((d = readdir(dir)) && f->len < NT_FAILED_MAX) {
		size_t len = strlen(d->d_name);

		if (d->d_name[0] == '.' || len < 5 || strcmp(d->d_name + len - 5, ".json") != 0)
			continue;
		if (!read_one(f, dirfd(dir), d->d_name)) {
			f->skipped++;
			continue;
		}
		f->failing += f->endpoints[f->len].state == NT_ENDPOINT_FAILED;
		f->len++;
	}
	f->noted = f->len;
}

static bool is_noted(const struct nt_failed *f, uint64_t ep_id)
{
	for (size_t i = 0; i < f->noted; i++)
		if (f->endpoints[i].ep_id == ep_id)
			return true;
	return false;
}

static struct nt_batch_endpoint copy(struct nt_arena *arena, const struct nt_batch_endpoint *e)
{
	struct nt_batch_endpoint c = *e;
	struct nt_slice *const texts[] = { &c.namespace_, &c.name,    &c.uid,	&c.container_id,
					   &c.ifname,	  &c.network, &c.reason };

	for (size_t i = 0; i < NT_ARRAY_LEN(texts); i++)
		*texts[i] = nt_arena_copy(arena, *texts[i]);
	return c;
}

/* Those of the look before that are not there any more; what went before and is in no batch yet
 * stays. */
static void keep_gone(struct nt_failed *f, const struct nt_batch_endpoint *old, size_t len,
		      const struct timespec *now, bool unshipped)
{
	for (size_t i = 0; i < len && f->len < 2 * NT_FAILED_MAX; i++) {
		struct nt_batch_endpoint *e = &f->endpoints[f->len];

		if (is_noted(f, old[i].ep_id) || (old[i].state == NT_ENDPOINT_GONE && !unshipped))
			continue;
		*e = copy(&f->arenas[f->at], &old[i]);
		if (e->state != NT_ENDPOINT_GONE)
			e->until_us = (int64_t)now->tv_sec * 1000000 + now->tv_nsec / 1000;
		e->state = NT_ENDPOINT_GONE;
		f->len++;
	}
}

/* The time of a folder is that of the kernel's last tick (10 ms at most): what comes within the
 * same one as what was read does not change it. */
#define TICK_US 20000

static int64_t us_of(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000 + t->tv_nsec / 1000;
}

static bool is_young(const struct timespec *mtime)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return us_of(&now) - us_of(mtime) < TICK_US;
}

/* A missing folder has never changed. */
static bool has_changed(struct nt_failed *f, int fd, struct timespec *ret_now)
{
	struct stat st = { 0 };
	bool same;

	if (fd != -1 && fstat(fd, &st) == -1)
		return false;
	same = st.st_mtim.tv_sec == f->mtime.tv_sec && st.st_mtim.tv_nsec == f->mtime.tv_nsec;
	f->mtime = is_young(&st.st_mtim) ? (struct timespec){ -1, 0 } : st.st_mtim;
	*ret_now = st.st_mtim;
	if (fd == -1)
		(void)clock_gettime(CLOCK_REALTIME, ret_now);
	return !same;
}

void nt_failed_scan(struct nt_failed *f, const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *dir = fd == -1 ? NULL : fdopendir(fd);
	const struct nt_batch_endpoint *old = f->endpoints;
	size_t old_len = f->len;
	struct timespec now;

	if (!dir)
		nt_closep(&fd);
	if (!has_changed(f, dir ? fd : -1, &now))
		return;
	f->at = !f->at;
	f->arenas[f->at].max_bytes = (size_t)NT_FAILED_MAX * 4096;
	nt_arena_reset(&f->arenas[f->at]);
	f->len = f->noted = f->failing = 0;
	f->endpoints = nt_arena_alloc(&f->arenas[f->at], 2 * NT_FAILED_MAX * sizeof(*f->endpoints));
	if (f->endpoints && dir)
		read_folder(f, dir);
	if (f->endpoints)
		keep_gone(f, old, old_len, &now, f->changed);
	f->changed = true;
}

void nt_failed_done(struct nt_failed *f)
{
	nt_arena_done(&f->arenas[0]);
	nt_arena_done(&f->arenas[1]);
	*f = (struct nt_failed){ 0 };
}
