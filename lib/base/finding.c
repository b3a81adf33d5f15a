/* SPDX-License-Identifier: Apache-2.0 */
/* What a doctor finds. */
#include "lib/base/finding.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/escape.h"

static const char *const names[] = { "ok", "warn", "fail" };

void nt_findings_done(struct nt_findings *f)
{
	free(f->list);
	*f = (struct nt_findings){ 0 };
}

static struct nt_finding *next(struct nt_findings *f)
{
	if (f->len == NT_FINDINGS_MAX)
		return NULL;
	if (f->len == f->cap) {
		size_t cap = f->cap ? 2 * f->cap : 32;
		struct nt_finding *list = reallocarray(f->list, cap, sizeof(*list));

		if (!list)
			return NULL;
		f->list = list;
		f->cap = cap;
	}
	return &f->list[f->len++];
}

void nt_findings_add(struct nt_findings *f, enum nt_level level, const char *what, const char *todo,
		     const char *fmt, ...)
{
	struct nt_finding *one = next(f);
	va_list ap;

	f->fails += level == NT_LEVEL_FAIL;
	f->warns += level == NT_LEVEL_WARN;
	if (!one) {
		f->left_out++;
		return;
	}
	one->level = level;
	snprintf(one->what, sizeof(one->what), "%s", what);
	snprintf(one->todo, sizeof(one->todo), "%s", todo);
	va_start(ap, fmt);
	vsnprintf(one->detail, sizeof(one->detail), fmt, ap);
	va_end(ap);
}

static void put_level(enum nt_level level, bool colour, struct nt_buf *out)
{
	static const char *const colours[] = { "\x1b[32m", "\x1b[33m", "\x1b[31m" };

	nt_buf_puts(out, colour ? colours[level] : "");
	nt_buf_puts(out, names[level]);
	nt_buf_puts(out, colour ? "\x1b[0m" : "");
	nt_buf_puts(out, level == NT_LEVEL_OK ? "    " : "  ");
}

void nt_findings_text(const struct nt_findings *f, bool colour, struct nt_buf *out)
{
	size_t width = 0;

	for (size_t i = 0; i < f->len; i++)
		if (strlen(f->list[i].what) > width)
			width = strlen(f->list[i].what);
	for (size_t i = 0; i < f->len; i++) {
		const struct nt_finding *one = &f->list[i];
		size_t before;

		put_level(one->level, colour, out);
		before = out->len;
		nt_escape_terminal(out, nt_slice_str(one->what));
		for (size_t n = out->len - before; n < width + 2; n++)
			nt_buf_putc(out, ' ');
		nt_escape_terminal(out, nt_slice_str(one->detail));
		if (one->todo[0]) {
			nt_buf_puts(out, "  -> ");
			nt_escape_terminal(out, nt_slice_str(one->todo));
		}
		nt_buf_putc(out, '\n');
	}
	if (f->left_out)
		nt_buf_printf(out, "and %zu more\n", f->left_out);
}

static void put_member(struct nt_buf *out, const char *key, const char *value)
{
	nt_buf_printf(out, ",\"%s\":", key);
	nt_escape_json_string(out, nt_slice_str(value));
}

void nt_findings_json(const struct nt_findings *f, struct nt_buf *out)
{
	nt_buf_printf(out, "{\"fail\":%zu,\"warn\":%zu,\"left_out\":%zu,\"findings\":[", f->fails,
		      f->warns, f->left_out);
	for (size_t i = 0; i < f->len; i++) {
		nt_buf_printf(out, "%s{\"level\":\"%s\"", i ? "," : "", names[f->list[i].level]);
		put_member(out, "what", f->list[i].what);
		put_member(out, "detail", f->list[i].detail);
		put_member(out, "todo", f->list[i].todo);
		nt_buf_putc(out, '}');
	}
	nt_buf_puts(out, "]}\n");
}
