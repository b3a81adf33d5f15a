/* SPDX-License-Identifier: Apache-2.0 */
/* A streaming writer of JSON. */
#include "lib/base/json.h"

#include <time.h>

#include "lib/base/escape.h"

void nt_json_value(struct nt_json *j)
{
	if (j->comma)
		nt_buf_putc(j->out, ',');
	j->comma = true;
}

void nt_json_open(struct nt_json *j, char bracket)
{
	nt_json_value(j);
	nt_buf_putc(j->out, bracket);
	j->comma = false;
}

void nt_json_close(struct nt_json *j, char bracket)
{
	nt_buf_putc(j->out, bracket);
	j->comma = true;
}

void nt_json_key_slice(struct nt_json *j, struct nt_slice key)
{
	nt_json_value(j);
	nt_escape_json_string(j->out, key);
	nt_buf_putc(j->out, ':');
	j->comma = false;
}

void nt_json_key(struct nt_json *j, const char *key)
{
	nt_json_key_slice(j, nt_slice_str(key));
}

void nt_json_str(struct nt_json *j, struct nt_slice s)
{
	nt_json_value(j);
	nt_escape_json_string(j->out, s);
}

void nt_json_u64(struct nt_json *j, uint64_t v)
{
	nt_json_value(j);
	nt_buf_u64(j->out, v);
}

void nt_json_double(struct nt_json *j, double v)
{
	nt_json_value(j);
	nt_buf_double(j->out, v);
}

void nt_json_bool(struct nt_json *j, bool v)
{
	nt_json_value(j);
	nt_buf_puts(j->out, v ? "true" : "false");
}

void nt_json_null(struct nt_json *j)
{
	nt_json_value(j);
	nt_buf_puts(j->out, "null");
}

void nt_json_time(struct nt_json *j, int64_t us)
{
	int64_t fraction = us % 1000000;
	time_t seconds = (time_t)(us / 1000000);
	struct tm tm = { 0 };

	/* Before 1970 the fraction still counts upwards. */
	if (fraction < 0) {
		fraction += 1000000;
		seconds--;
	}
	nt_json_value(j);
	gmtime_r(&seconds, &tm);
	nt_buf_printf(j->out, "\"%04d-%02d-%02dT%02d:%02d:%02d.%06dZ\"", tm.tm_year + 1900,
		      tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)fraction);
}

void nt_json_key_str(struct nt_json *j, const char *key, struct nt_slice s)
{
	nt_json_key(j, key);
	nt_json_str(j, s);
}

void nt_json_key_u64(struct nt_json *j, const char *key, uint64_t v)
{
	nt_json_key(j, key);
	nt_json_u64(j, v);
}

void nt_json_key_time(struct nt_json *j, const char *key, int64_t us)
{
	nt_json_key(j, key);
	nt_json_time(j, us);
}

void nt_json_key_time_or_null(struct nt_json *j, const char *key, int64_t us)
{
	nt_json_key(j, key);
	if (us)
		nt_json_time(j, us);
	else
		nt_json_null(j);
}
