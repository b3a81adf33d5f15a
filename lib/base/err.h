/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors that an operator may read: a code and a sentence, on the caller's stack, no heap. The last
 * parameter of every function that can fail for a reason worth telling. A function sets or wraps
 * the error and returns it; the outermost caller logs it once.
 */
#pragma once

#include <errno.h>
#include <stdarg.h>

struct nt_err {
	int code; /* positive errno value */
	char msg[512];
};

#define NT_MUSTCHECK __attribute__((warn_unused_result))
#define NT_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* Sets code and message; returns -code, so that `return nt_err_set(err, EIO, "...")` is one line.
 * err may be NULL. */
int nt_err_set(struct nt_err *err, int code, const char *fmt, ...) NT_PRINTF(3, 4);

/* As nt_err_set, and appends ": " and the text of errno code `code`. */
int nt_err_sys(struct nt_err *err, int code, const char *fmt, ...) NT_PRINTF(3, 4);

/* Puts context and ": " before the message that is there; returns -err->code. */
int nt_err_wrap(struct nt_err *err, const char *fmt, ...) NT_PRINTF(2, 3);
