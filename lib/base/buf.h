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
};

void nt_buf_done(struct nt_buf *b);
#define _cleanup_buf_ __attribute__((cleanup(nt_buf_done)))

/* Empties it and clears the failure; memory stays. */
void nt_buf_reset(struct nt_buf *b);
/* Room for n more octets behind len; NULL on failure. The caller adds to len what it wrote. */
char *nt_buf_reserve(struct nt_buf *b, size_t n);
void nt_buf_add(struct nt_buf *b, const void *p, size_t len);
void nt_buf_putc(struct nt_buf *b, char c);
void nt_buf_puts(struct nt_buf *b, const char *s);
void nt_buf_slice(struct nt_buf *b, struct nt_slice s);
void nt_buf_u64(struct nt_buf *b, uint64_t v);
void nt_buf_i64(struct nt_buf *b, int64_t v);
/* Finite; the shortest decimal text that reads back as v. */
void nt_buf_double(struct nt_buf *b, double v);
void nt_buf_printf(struct nt_buf *b, const char *fmt, ...) NT_PRINTF(2, 3);

static inline bool nt_buf_ok(const struct nt_buf *b)
{
	return !b->failed;
}

/* The content as a C string, "" when empty. */
static inline const char *nt_buf_str(const struct nt_buf *b)
{
	return b->len ? b->p : "";
}
