/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that a DomainFeed names. They are below one folder that the operator gave (--feed-files):
 * whoever may write DomainFeeds must not be able to read, or send to a server of his, what else the
 * controller can read, such as its own token. For controller/feeds only.
 */
#pragma once

#include "lib/base/buf.h"

/* An fd to read it from, the caller's. Links are followed as long as they stay below the folder, as
 * those of a mounted Secret do. dir_fd -1: there is no folder. -errno. */
int nt_feed_file_open(int dir_fd, struct nt_slice name, struct nt_err *err) NT_MUSTCHECK;
/* A secret: one line, without white space at its end. What is in it is in no message. */
int nt_feed_file_secret(int dir_fd, struct nt_slice name, struct nt_buf *out,
			struct nt_err *err) NT_MUSTCHECK;
