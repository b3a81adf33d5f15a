/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last good set of a feed in a file, so that a restart has it before the list can be read anew.
 * The file is written whole or not at all (lib/base/file.h), has a checksum, and is checked key by
 * key before it is taken; it is in the machine's byte order, and another machine refuses it. Both
 * functions block on disk; neither needs memory beyond the set's own.
 */
#pragma once

#include "lib/feed/builder.h"

/* Of the origin, see below. */
#define NT_FEED_ORIGIN_MAX 4096

/* origin: what the set was made from, up to NT_FEED_ORIGIN_MAX octets that the caller chooses
 * (place and format of the list); a set is only taken back for the same. read_us: when the list was
 * read, us since 1970. `path` is relative to dir_fd. -EINVAL: the origin is too long, or an error
 * of the disk; the file that was there is there still. */
int nt_feed_kept_write(int dir_fd, const char *path, const struct nt_feed_set *s,
		       struct nt_slice origin, int64_t read_us, struct nt_err *err) NT_MUSTCHECK;
/* -ENOENT: there is none. -ESTALE: it is of another origin. -EBADMSG: damaged. -E2BIG: beyond the
 * limits. -ENOMEM, or an error of the disk. */
int nt_feed_kept_read(int dir_fd, const char *path, struct nt_slice origin,
		      struct nt_feed_limits limits, struct nt_feed_set **ret_set,
		      int64_t *ret_read_us, struct nt_err *err) NT_MUSTCHECK;
