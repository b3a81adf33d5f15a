/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin's notes of attachments that failed. */
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

static bool read_one(struct nt_failed *f, int dir_fd, const char *name)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
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
		.state = NT_ENDPOINT_FAILED,
		.namespace_ = text_of(&f->arena, object, "namespace"),
		.name = text_of(&f->arena, object, "name"),
		.uid = text_of(&f->arena, object, "uid"),
		.container_id = text_of(&f->arena, object, "container_id"),
		.ifname = text_of(&f->arena, object, "ifname"),
		.network = text_of(&f->arena, object, "network"),
		.reason = text_of(&f->arena, object, "error"),
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
		if (read_one(f, dirfd(dir), d->d_name))
			f->len++;
		else
			f->skipped++;
	}
}

void nt_failed_scan(struct nt_failed *f, const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *dir = fd == -1 ? NULL : fdopendir(fd);
	struct stat st;

	if (!dir) {
		nt_closep(&fd);
		f->changed = f->changed || f->len;
		f->len = 0;
		f->mtime = (struct timespec){ 0 };
		return;
	}
	if (fstat(fd, &st) == -1 ||
	    (st.st_mtim.tv_sec == f->mtime.tv_sec && st.st_mtim.tv_nsec == f->mtime.tv_nsec))
		return;
	f->mtime = st.st_mtim;
	f->arena.max_bytes = (size_t)NT_FAILED_MAX * 2048;
	nt_arena_reset(&f->arena);
	f->len = 0;
	f->changed = true;
	f->endpoints = nt_arena_alloc(&f->arena, NT_FAILED_MAX * sizeof(*f->endpoints));
	if (f->endpoints)
		read_folder(f, dir);
}

void nt_failed_done(struct nt_failed *f)
{
	nt_arena_done(&f->arena);
	*f = (struct nt_failed){ 0 };
}
