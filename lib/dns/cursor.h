/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A read position in untrusted octets with a sticky error: after the first read past the end (or
 * nt_cursor_fail) every read returns zero and `bad` is set; check once at the end. No pointer
 * arithmetic on packets outside of this.
 */
#pragma once

#include <endian.h>

#include "lib/base/slice.h"

struct nt_cursor {
	const uint8_t *start; /* of the whole message: what compression pointers refer to */
	size_t len;
	size_t at;
	bool bad;
};

static inline struct nt_cursor nt_cursor_over(struct nt_slice s)
{
	return (struct nt_cursor){ .start = (const uint8_t *)s.p, .len = s.len };
}

static inline void nt_cursor_fail(struct nt_cursor *c)
{
	c->bad = true;
}

static inline size_t nt_cursor_left(const struct nt_cursor *c)
{
	return c->bad ? 0 : c->len - c->at;
}

static inline uint8_t nt_cursor_u8(struct nt_cursor *c)
{
	if (nt_cursor_left(c) < 1) {
		c->bad = true;
		return 0;
	}
	return c->start[c->at++];
}

static inline uint16_t nt_cursor_u16(struct nt_cursor *c)
{
	uint16_t v;

	if (nt_cursor_left(c) < sizeof(v)) {
		c->bad = true;
		return 0;
	}
	memcpy(&v, c->start + c->at, sizeof(v));
	c->at += sizeof(v);
	return be16toh(v);
}

static inline uint32_t nt_cursor_u32(struct nt_cursor *c)
{
	uint32_t v;

	if (nt_cursor_left(c) < sizeof(v)) {
		c->bad = true;
		return 0;
	}
	memcpy(&v, c->start + c->at, sizeof(v));
	c->at += sizeof(v);
	return be32toh(v);
}

/* n octets as a slice into the message; empty when they are not there. */
static inline struct nt_slice nt_cursor_take(struct nt_cursor *c, size_t n)
{
	if (nt_cursor_left(c) < n) {
		c->bad = true;
		return (struct nt_slice){ 0 };
	}
	c->at += n;
	return nt_slice_mem(c->start + c->at - n, n);
}
