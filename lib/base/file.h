/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files: read with a bound, written atomically. May block on disk. */
#pragma once

#include <sys/types.h>

#include "lib/base/buf.h"

/* Appends the whole file to out; -EFBIG above max_len. `path` is relative to dir_fd (AT_FDCWD). */
int nt_file_read_at(int dir_fd, const char *path, size_t max_len, struct nt_buf *out,
		    struct nt_err *err) NT_MUSTCHECK;
/* Reads fd to its end into out; -EFBIG above max_len. */
int nt_file_read_fd(int fd, size_t max_len, struct nt_buf *out, struct nt_err *err) NT_MUSTCHECK;
/* All of data to fd, or -errno. */
int nt_file_write_fd(int fd, struct nt_slice data, struct nt_err *err) NT_MUSTCHECK;
/* Writes a temporary neighbour, syncs it, renames it over `path`, syncs the folder: after a crash
 * the file is the old one or the new one, whole. */
int nt_file_replace_at(int dir_fd, const char *path, struct nt_slice data, mode_t mode,
		       struct nt_err *err) NT_MUSTCHECK;
/* The same for content that lies in several pieces. */
int nt_file_replace_parts_at(int dir_fd, const char *path, const struct nt_slice *parts,
			     size_t parts_len, mode_t mode, struct nt_err *err) NT_MUSTCHECK;
/* flock(2) of a file or folder, tried for 100 ms. 0, -EAGAIN: it is somebody else's, or -errno. */
int nt_file_lock_briefly(int fd, int operation) NT_MUSTCHECK;
/* mkdir -p. */
int nt_file_mkdirs(const char *path, mode_t mode, struct nt_err *err) NT_MUSTCHECK;
