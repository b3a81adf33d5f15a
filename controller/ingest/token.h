/* SPDX-License-Identifier: Apache-2.0 */
/* The token that agents show when they upload: 32 random octets in hexadecimal, in a file that only
 * its owner reads. */
#pragma once

#include "lib/base/buf.h"

/*
 * Reads the token of the file `path`, or makes file and token when there is none. Appends it to out
 * without the newline. -EPERM when others may read the file, -EINVAL when what is in it is shorter
 * than 32 characters or not printable. May block on disk.
 */
int nt_token_open(const char *path, struct nt_buf *out, struct nt_err *err) NT_MUSTCHECK;
