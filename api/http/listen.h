/* SPDX-License-Identifier: Apache-2.0 */
/* The listening sockets, with errors that an operator understands. */
#pragma once

#include "api/http/guard.h"
#include "lib/base/err.h"

/*
 * text: "127.0.0.1:8053", "[::1]:8053", "localhost:0"; port 0 takes a free one. Opens a listening,
 * non-blocking socket and fills *ret_guard with the address and the real port. loopback: anything
 * else is -EPERM, since nothing is encrypted there. -EADDRINUSE when the port is taken, -EINVAL
 * when text cannot be read.
 */
int nt_listen_open(const char *text, bool loopback, int *ret_fd, struct nt_guard *ret_guard,
		   struct nt_err *err) NT_MUSTCHECK;
