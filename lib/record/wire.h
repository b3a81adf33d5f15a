/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The primitives of the wire form: tag, varint, length-delimited octets, as protobuf has them. For
 * the encoders of lib/record only. Writers append to a buffer; the reader walks the fields of one
 * message and skips by wire type what its caller does not know. Pure, any thread.
 */
#pragma once

#include "lib/base/addr.h"
#include "lib/dns/cursor.h"

enum nt_wire_type {
	NT_WIRE_VARINT = 0,
	NT_WIRE_FIXED64 = 1,
	NT_WIRE_BYTES = 2,
	NT_WIRE_FIXED32 = 5,
};

#define NT_WIRE_VARINT_MAX 10

struct nt_wire_token {
	uint64_t number; /* of the field */
	unsigned type; /* enum nt_wire_type */
	uint64_t value; /* of NT_WIRE_VARINT */
	struct nt_slice bytes; /* of NT_WIRE_BYTES, into the message */
};

/* Returns how many octets it took. */
static inline size_t nt_wire_varint(char out[NT_WIRE_VARINT_MAX], uint64_t v)
{
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		out[n++] = (char)(v | 0x80);
	out[n++] = (char)v;
	return n;
}

/* Tag and a number behind it, which is the value or a length; `more` octets will follow. Returns
 * where they go, NULL on failure; nt_buf_wrote ends it. */
static inline char *nt_wire_head(struct nt_buf *out, unsigned number, enum nt_wire_type type,
				 uint64_t v, size_t more)
{
	char *at = nt_buf_reserve(out, 2 * NT_WIRE_VARINT_MAX + more);

	if (!at)
		return NULL;
	at += nt_wire_varint(at, (uint64_t)number << 3 | type);
	return at + nt_wire_varint(at, v);
}

/* Zero, the empty text and no address are what is not there: nothing is written. */
static inline void nt_wire_put_uint(struct nt_buf *out, unsigned number, uint64_t v)
{
	char *at = v ? nt_wire_head(out, number, NT_WIRE_VARINT, v, 0) : NULL;

	if (at)
		nt_buf_wrote(out, at);
}

/* Written also when empty: a list has members that are. */
static inline void nt_wire_put_bytes(struct nt_buf *out, unsigned number, struct nt_slice s)
{
	char *at = nt_wire_head(out, number, NT_WIRE_BYTES, s.len, s.len);

	if (!at)
		return;
	if (s.len)
		memcpy(at, s.p, s.len);
	nt_buf_wrote(out, at + s.len);
}

static inline void nt_wire_put_str(struct nt_buf *out, unsigned number, struct nt_slice s)
{
	if (s.len)
		nt_wire_put_bytes(out, number, s);
}

static inline void nt_wire_put_addr(struct nt_buf *out, unsigned number, const struct nt_addr *addr)
{
	if (addr->family)
		nt_wire_put_bytes(out, number,
				  nt_slice_mem(addr->octets, addr->family == 4 ? 4 : 16));
}

/* A nested message: what is appended between the two; its length is put before it at the end. */
size_t nt_wire_begin(struct nt_buf *out, unsigned number);
void nt_wire_end(struct nt_buf *out, size_t at);

uint64_t nt_wire_read_varint(struct nt_cursor *c);
/* The next field; false at the end and on a fault (c->bad). */
bool nt_wire_next(struct nt_cursor *c, struct nt_wire_token *ret);
/* False when the field has another wire type or its value is not allowed. Text holds no NUL: agents
 * take names from C strings and DNS data in presentation form. */
bool nt_wire_get_uint(const struct nt_wire_token *t, uint64_t max, uint64_t *ret);
bool nt_wire_get_u32(const struct nt_wire_token *t, uint32_t *ret);
bool nt_wire_get_str(const struct nt_wire_token *t, struct nt_slice *ret);
bool nt_wire_get_addr(const struct nt_wire_token *t, struct nt_addr *ret);
