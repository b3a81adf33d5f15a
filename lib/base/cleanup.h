/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scope-bound cleanup. Initialise at declaration (NULL, -1); ownership leaves the scope only
 * through NT_TAKE_PTR and NT_TAKE_FD.
 */
#pragma once

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))

static inline void nt_freep(void *p)
{
	free(*(void **)p);
}

static inline void nt_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void nt_fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
}

static inline void nt_closedirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

#define _cleanup_free_ _cleanup_(nt_freep)
#define _cleanup_close_ _cleanup_(nt_closep)
#define _cleanup_fclose_ _cleanup_(nt_fclosep)
#define _cleanup_closedir_ _cleanup_(nt_closedirp)

#define NT_TAKE_PTR(p)                  \
	({                              \
		__typeof__(p) t_ = (p); \
		(p) = NULL;             \
		t_;                     \
	})
#define NT_TAKE_FD(fd)         \
	({                     \
		int t_ = (fd); \
		(fd) = -1;     \
		t_;            \
	})

#define NT_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
/* A system call that EINTR may interrupt, compared with exactly -1. */
#define NT_RETRY(expr)                              \
	({                                          \
		long r_;                            \
		do                                  \
			r_ = (long)(expr);          \
		while (r_ == -1 && errno == EINTR); \
		r_;                                 \
	})
