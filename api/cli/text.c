/* SPDX-License-Identifier: Apache-2.0 */
/* Text for a terminal. */
#include "api/cli/text.h"

#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/base/escape.h"

void nt_text_put(struct nt_buf *out, struct nt_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < ' ' || s.p[i] > '~') {
			nt_escape_terminal(out, s);
			return;
		}
	}
	nt_buf_slice(out, s);
}

struct nt_slice nt_text_at(const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);

	return nt_slice_mem(json_string_value(v), json_string_length(v));
}

int64_t nt_number_at(const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);

	return json_is_real(v) ? (int64_t)json_real_value(v) : json_integer_value(v);
}

/* jansson escapes all but DEL, which can stand inside of a string only. */
void nt_text_json(struct nt_buf *out, const json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);

	for (const char *p = text; p && *p; p++) {
		if (*p == 0x7f)
			nt_buf_puts(out, "\\u007f");
		else
			nt_buf_putc(out, *p);
	}
	if (!text)
		out->failed = true;
	free(text);
}

/* Three digits of v / unit. */
static void put_scaled(struct nt_buf *out, double v, const char *unit)
{
	nt_buf_printf(out, v < 9.995 ? "%.2f%s" : v < 99.95 ? "%.1f%s" : "%.0f%s", v, unit);
}

void nt_text_ns(struct nt_buf *out, int64_t ns)
{
	if (ns < 999500)
		nt_buf_printf(out, "%lldus", (long long)((ns + 500) / 1000));
	else if (ns < 999500000)
		put_scaled(out, (double)ns / 1e6, "ms");
	else
		put_scaled(out, (double)ns / 1e9, "s");
}

void nt_text_bytes(struct nt_buf *out, uint64_t bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB" };
	double v = (double)bytes / 1024;
	size_t i = 0;

	if (bytes < 1024) {
		nt_buf_printf(out, "%lluB", (unsigned long long)bytes);
		return;
	}
	for (; v >= 1023.5 && i + 1 < NT_ARRAY_LEN(units); i++)
		v /= 1024;
	nt_buf_printf(out, v < 9.95 ? "%.1f%s" : "%.0f%s", v, units[i]);
}

void nt_text_age(struct nt_buf *out, int64_t us)
{
	long long s = us > 0 ? us / 1000000 : 0;

	if (s < 120)
		nt_buf_printf(out, "%llds", s);
	else if (s < 7200)
		nt_buf_printf(out, "%lldm", s / 60);
	else if (s < 172800)
		nt_buf_printf(out, "%lldh", s / 3600);
	else
		nt_buf_printf(out, "%lldd", s / 86400);
}
