/* SPDX-License-Identifier: Apache-2.0 */
/* Errors on the caller's stack: set, set from errno, wrap with context. */
#include "lib/base/err.h"

#include <stdio.h>
#include <string.h>

int nt_err_set(struct nt_err *err, int code, const char *fmt, ...)
{
	if (err) {
		va_list ap;

		va_start(ap, fmt);
		vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
		va_end(ap);
		err->code = code;
	}
	return -code;
}

int nt_err_sys(struct nt_err *err, int code, const char *fmt, ...)
{
	if (err) {
		va_list ap;
		size_t n;

		va_start(ap, fmt);
		vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
		va_end(ap);
		n = strlen(err->msg);
		/* Thread-safe in glibc from 2.32 on, and in musl; strerror_r differs. */
		snprintf(err->msg + n, sizeof(err->msg) - n, ": %s", strerror(code));
		err->code = code;
	}
	return -code;
}

int nt_err_wrap(struct nt_err *err, const char *fmt, ...)
{
	char inner[sizeof(err->msg)];
	va_list ap;
	size_t n;

	if (!err)
		return -EIO;
	memcpy(inner, err->msg, sizeof(inner));
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	n = strlen(err->msg);
	snprintf(err->msg + n, sizeof(err->msg) - n, ": %s", inner);
	return -err->code;
}
