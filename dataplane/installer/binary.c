/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin's binary in the runtime's folder. */
#include "dataplane/installer/binary.h"

#include <fcntl.h>

#include "dataplane/installer/swap.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"

/* Ours has 1.3 MiB, one with sanitizers ten times that. */
#define BINARY_MAX (64 << 20)
#define MODE 0755

static bool is_unchanged(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mode == b->st_mode && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static int read_source(const char *source, struct nt_buf *text, struct nt_err *err)
{
	int r = nt_file_read_at(AT_FDCWD, source, BINARY_MAX, text, err);

	if (r == 0 && (text->len < 4 || memcmp(text->p,
					       "\x7f"
					       "ELF",
					       4) != 0))
		r = nt_err_set(err, ENOEXEC, "%s: no program", source);
	return r;
}

static bool has_content(int dir_fd, const struct nt_buf *text)
{
	_cleanup_buf_ struct nt_buf placed = {};
	struct nt_err err;

	return nt_file_read_at(dir_fd, NT_BINARY_NAME, BINARY_MAX, &placed, &err) == 0 &&
	       placed.len == text->len && memcmp(placed.p, text->p, text->len) == 0;
}

int nt_binary_check(struct nt_binary *b, int bin_dir_fd, const char *source, struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf text = {};
	struct stat ours, placed;
	int r;

	if (stat(source, &ours) == -1)
		return nt_err_sys(err, errno, "the plugin's program %s (see --plugin)", source);
	if (fstatat(bin_dir_fd, NT_BINARY_NAME, &placed, 0) == -1) {
		r = read_source(source, &text, err);
		return r < 0 ? r : NT_BINARY_MISSING;
	}
	if (b->same && is_unchanged(&b->source, &ours) && is_unchanged(&b->placed, &placed))
		return NT_BINARY_SAME;
	r = read_source(source, &text, err);
	if (r < 0)
		return r;
	b->same = (placed.st_mode & 07777) == MODE && has_content(bin_dir_fd, &text);
	b->source = ours;
	b->placed = placed;
	return b->same ? NT_BINARY_SAME : NT_BINARY_DIFFERS;
}

int nt_binary_place(struct nt_binary *b, int bin_dir_fd, const char *source, struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf text = {};
	int r = read_source(source, &text, err);

	b->same = false;
	if (r == 0)
		r = nt_swap_put(bin_dir_fd, NT_BINARY_NAME, -1, MODE,
				nt_slice_mem(text.p, text.len), err);
	return r;
}
