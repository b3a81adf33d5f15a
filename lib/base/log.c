/* SPDX-License-Identifier: Apache-2.0 */
/* One escaped line per event on standard error. */
#include "lib/base/log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/escape.h"

static const char *program_name = "nametap";
static enum nt_log_level max_level = NT_LOG_INFO;
static const char *const level_names[] = { "error", "warn", "info", "debug" };

void nt_log_init(const char *program, enum nt_log_level max)
{
	program_name = program;
	max_level = max;
}

int nt_log_level_parse(const char *text, enum nt_log_level *ret_level)
{
	for (size_t i = 0; i < NT_ARRAY_LEN(level_names); i++) {
		if (strcmp(text, level_names[i]) == 0) {
			*ret_level = (enum nt_log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

void nt_log(enum nt_log_level level, const char *fmt, ...)
{
	_cleanup_buf_ struct nt_buf line = { .max_len = 8192 };
	struct timespec now;
	char msg[2048];
	struct tm tm;
	va_list ap;

	if (level > max_level)
		return;
	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	nt_buf_printf(&line, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ %s %s: ", tm.tm_year + 1900,
		      tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		      now.tv_nsec / 1000000, program_name, level_names[level]);
	nt_escape_terminal(&line, nt_slice_str(msg));
	nt_buf_putc(&line, '\n');
	if (nt_buf_ok(&line))
		(void)!write(STDERR_FILENO, line.p, line.len);
}
