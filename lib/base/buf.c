/* SPDX-License-Identifier: Apache-2.0 */
/* A growable byte buffer with a sticky failure and an upper bound. */
#include "lib/base/buf.h"

#include <stdio.h>
#include <stdlib.h>

enum { BUF_FIRST = 256 };

void nt_buf_done(struct nt_buf *b)
{
	if (!b->borrowed)
		free(b->p);
	*b = (struct nt_buf){ .max_len = b->max_len };
}

void nt_buf_reset(struct nt_buf *b)
{
	b->len = 0;
	b->failed = false;
}

static bool enlarge(struct nt_buf *b, size_t need)
{
	size_t cap = b->cap ? b->cap : BUF_FIRST;
	char *p;

	while (cap < need)
		cap *= 2;
	if (b->max_len && cap > b->max_len + 1)
		cap = b->max_len + 1;
	p = realloc(b->borrowed ? NULL : b->p, cap);
	if (!p)
		return false;
	if (b->borrowed)
		memcpy(p, b->p, b->len);
	b->p = p;
	b->cap = cap;
	b->borrowed = false;
	return true;
}

char *nt_buf_grow(struct nt_buf *b, size_t n)
{
	size_t need = b->len + n + 1;

	if (b->failed)
		return NULL;
	if ((b->max_len && b->len + n > b->max_len) || need < n ||
	    (need > b->cap && !enlarge(b, need))) {
		b->failed = true;
		return NULL;
	}
	return b->p + b->len;
}

/* Two digits at a time: a division each. */
static const char pairs[] = "00010203040506070809101112131415161718192021222324"
			    "25262728293031323334353637383940414243444546474849"
			    "50515253545556575859606162636465666768697071727374"
			    "75767778798081828384858687888990919293949596979899";

void nt_buf_number(struct nt_buf *b, uint64_t v)
{
	char digits[20];
	size_t n = sizeof(digits);

	for (; v >= 100; v /= 100) {
		n -= 2;
		memcpy(digits + n, pairs + v % 100 * 2, 2);
	}
	if (v >= 10) {
		n -= 2;
		memcpy(digits + n, pairs + v * 2, 2);
	} else {
		digits[--n] = (char)('0' + v);
	}
	nt_buf_add(b, digits + n, sizeof(digits) - n);
}

void nt_buf_i64(struct nt_buf *b, int64_t v)
{
	if (v < 0)
		nt_buf_putc(b, '-');
	nt_buf_u64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void nt_buf_padded(struct nt_buf *b, uint64_t v, unsigned width)
{
	char *at = nt_buf_reserve(b, width);

	if (!at)
		return;
	for (unsigned i = width; i; i--, v /= 10)
		at[i - 1] = (char)('0' + v % 10);
	nt_buf_wrote(b, at + width);
}

void nt_buf_hex(struct nt_buf *b, uint64_t v, unsigned width)
{
	char *at = nt_buf_reserve(b, width);

	if (!at)
		return;
	for (unsigned i = width; i; i--, v >>= 4)
		at[i - 1] = "0123456789abcdef"[v & 15];
	nt_buf_wrote(b, at + width);
}

void nt_buf_double(struct nt_buf *b, double v)
{
	const double exact = 9007199254740992.0; /* every whole number below is one */
	char text[32];

	if (v > -exact && v < exact && (double)(int64_t)v == v) {
		nt_buf_i64(b, (int64_t)v);
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	nt_buf_puts(b, text);
}

void nt_buf_printf(struct nt_buf *b, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		b->failed = true;
	else if (nt_buf_reserve(b, (size_t)n)) {
		vsnprintf(b->p + b->len, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
}
