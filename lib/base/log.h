/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line per event on standard error: time, level, program, message. Octets outside printable
 * ASCII are escaped, so that a DNS name cannot forge a line. Only outermost callers log; libraries
 * return errors. Thread-safe (one write per line).
 */
#pragma once

#include "lib/base/err.h"

enum nt_log_level {
	NT_LOG_ERROR = 0,
	NT_LOG_WARN = 1,
	NT_LOG_INFO = 2,
	NT_LOG_DEBUG = 3,
};

/* program: borrowed for ever; lines above `max` are dropped. */
void nt_log_init(const char *program, enum nt_log_level max);
/* "error", "warn", "info", "debug"; -EINVAL otherwise. */
int nt_log_level_parse(const char *text, enum nt_log_level *ret_level) NT_MUSTCHECK;
void nt_log(enum nt_log_level level, const char *fmt, ...) NT_PRINTF(2, 3);

#define nt_log_error(...) nt_log(NT_LOG_ERROR, __VA_ARGS__)
#define nt_log_warn(...) nt_log(NT_LOG_WARN, __VA_ARGS__)
#define nt_log_info(...) nt_log(NT_LOG_INFO, __VA_ARGS__)
#define nt_log_debug(...) nt_log(NT_LOG_DEBUG, __VA_ARGS__)
