/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our file in libcni's drop-in folder `<net.d>/<network>/`, and what is known about the runtime
 * that may read it. May block on disk.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"

/* libcni reads `*.conf` there, by name; z: behind those of others. */
#define NT_DROPDIR_FILE "zz-nametap.conf"

/* May a folder of this name be made? As libcni checks names of networks. */
bool nt_dropdir_is_name(const char *network);
/* When our file got its content, CLOCK_REALTIME in ns; 0: not there, or other content. */
int64_t nt_dropdir_placed(int conf_dir_fd, const char *network, const char *text);
/* Was the folder there before us? */
bool nt_dropdir_exists(int conf_dir_fd, const char *network);
int nt_dropdir_put(int conf_dir_fd, const char *network, const char *text,
		   struct nt_err *err) NT_MUSTCHECK;
/* The file goes, and the folder when rmdir is set and nothing else is in it. */
int nt_dropdir_remove(int conf_dir_fd, const char *network, bool rmdir,
		      struct nt_err *err) NT_MUSTCHECK;
/* The newest entry of a network in the runtime's cache, CLOCK_REALTIME in ns; 0: none. */
int64_t nt_dropdir_newest_sandbox(const char *cache_dir, const char *network);
