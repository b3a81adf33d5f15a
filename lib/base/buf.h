/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growable byte buffer with a sticky failure: after an allocation failed or max_len was passed,
 * appends are no-ops and nt_buf_ok() is false; check once at the end. Zero-initialise; max_len 0
 * means no bound. Not thread-safe.
 */
#pragma once

#include "lib/base/err.h"
#include "lib/base/slice.h"

struct nt_buf {
	char *p; /* owned; NUL follows the last octet whenever len > 0 */
	size_t len;
	size_t cap;
	size_t max_len;
	bool failed;
	bool borrowed; /* p is the caller's array */
};

/* Begins in the caller's array; goes to the heap when that is full. */
#define NT_BUF_OVER(array)                                           \
	{                                                            \
		.p = (array), .cap = sizeof(array), .borrowed = true \
	}

void nt_buf_done(struct nt_buf *b);
#define _cleanup_buf_ __attribute__((cleanup(nt_buf_done)))

/* Empties it and clears the failure; memory stays. */
void nt_buf_reset(struct nt_buf *b);
/* nt_buf_reserve() when there is no room yet. */
char *nt_buf_grow(struct nt_buf *b, size_t n);
/* nt_buf_u64() of any number. */
void nt_buf_number(struct nt_buf *b, uint64_t v);
void nt_buf_i64(struct nt_buf *b, int64_t v);
/* `width` digits, zeros before; what is above them is left out. */
void nt_buf_padded(struct nt_buf *b, uint64_t v, unsigned width);
/* `width` hexadecimal digits in lower case. */
void nt_buf_hex(struct nt_buf *b, uint64_t v, unsigned width);
/* Finite; the shortest decimal text that reads back as v. */
void nt_buf_double(struct nt_buf *b, double v);
/* Costs as much as a whole record: not for what is done per packet. */
void nt_buf_printf(struct nt_buf *b, const char *fmt, ...) NT_PRINTF(2, 3);

/* Room for n more octets behind len, and one for a NUL; NULL on failure. The caller adds to len
 * what it wrote (nt_buf_wrote). cap is never above max_len + 1, so that one comparison is enough.
 */
static inline char *nt_buf_reserve(struct nt_buf *b, size_t n)
{
	return !b->failed && n < b->cap - b->len ? b->p + b->len : nt_buf_grow(b, n);
}

/* Ends the text at `end`, which lies in what was reserved. */
static inline void nt_buf_wrote(struct nt_buf *b, char *end)
{
	*end = '\0';
	b->len = (size_t)(end - b->p);
}

static inline void nt_buf_add(struct nt_buf *b, const void *p, size_t len)
{
	char *at = nt_buf_reserve(b, len);

	if (!at)
		return;
	if (len)
		memcpy(at, p, len);
	nt_buf_wrote(b, at + len);
}

static inline void nt_buf_putc(struct nt_buf *b, char c)
{
	nt_buf_add(b, &c, 1);
}

/* Most numbers of a record are small. */
static inline void nt_buf_u64(struct nt_buf *b, uint64_t v)
{
	if (v < 10)
		nt_buf_putc(b, (char)('0' + v));
	else
		nt_buf_number(b, v);
}

static inline void nt_buf_puts(struct nt_buf *b, const char *s)
{
	nt_buf_add(b, s, strlen(s));
}

static inline void nt_buf_slice(struct nt_buf *b, struct nt_slice s)
{
	nt_buf_add(b, s.p, s.len);
}

static inline bool nt_buf_ok(const struct nt_buf *b)
{
	return !b->failed;
}

/* The content as a C string, "" when empty. */
static inline const char *nt_buf_str(const struct nt_buf *b)
{
	return b->len ? b->p : "";
}
