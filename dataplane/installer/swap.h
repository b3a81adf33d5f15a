/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of another program replaced as by compare-and-swap: only when it still is the very file,
 * with the very content, that was read, and nobody has it open for writing. A writer that opens it
 * meanwhile gets its file back: nothing that anybody wrote is ever lost. New files have mode, owner
 * and extended attributes of the old one, are whole and on disk before they have the name.
 *
 * How: a read lease (fcntl(2)) tells writers; RENAME_EXCHANGE lets us look at what we replaced
 * before it goes. Where a file system has neither, the moment between the last look and the rename
 * stays. May block on disk; a writer that opens the file waits for us some microseconds.
 */
#pragma once

#include <sys/stat.h>

#include "lib/base/err.h"
#include "lib/base/slice.h"

/* fd: the file as it was read, open for reading; seen: fstat() of before that. 0, or -EAGAIN: it is
 * another one by now, or somebody writes it (err says which): look again. */
int nt_swap_replace(int dir_fd, const char *name, int fd, const struct stat *seen,
		    struct nt_slice text, struct nt_err *err) NT_MUSTCHECK;
/* Was the text that was read of fd all there is of it? seen: as above. 0, or -EAGAIN: somebody has
 * it open for writing, or has written it since; look again. */
int nt_swap_settled(int fd, const struct stat *seen, struct nt_err *err) NT_MUSTCHECK;
/* Puts a file of our own there, new or over the former one. like_fd: whose mode, owner and
 * attributes it gets; -1: mode, and the caller's owner. */
int nt_swap_put(int dir_fd, const char *name, int like_fd, mode_t mode, struct nt_slice text,
		struct nt_err *err) NT_MUSTCHECK;
/* The temporary neighbours of a process that was killed, gone; not while one of us, in whatever
 * container, is at work in the folder. */
void nt_swap_sweep(int dir_fd);
