/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The primitives of the wire form: tag, varint, length-delimited octets, as protobuf has them. For
 * the encoders of lib/record only. Writers append to a buffer; the reader walks the fields of one
 * message and skips by wire type what its caller does not know. Pure, any thread.
 */
#pragma once

#include <endian.h>

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
	uint64_t value; /* of NT_WIRE_VARINT and NT_WIRE_FIXED64 */
	struct nt_slice bytes; /* of NT_WIRE_BYTES, into the message */
};

/* Of a field, tag and number: the value, or the length of what follows. */
#define NT_WIRE_HEAD_MAX (2 * NT_WIRE_VARINT_MAX)

/*
 * Into room that the caller has: each returns behind what it wrote. Zero, the empty text and no
 * address are what is not there: nothing is written.
 */
static inline char *nt_wire_at_varint(char *at, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*at++ = (char)(v | 0x80);
	*at++ = (char)v;
	return at;
}

/* number: below 2,048. A constant, mostly, of which one line stays. */
static inline char *nt_wire_at_tag(char *at, unsigned number, enum nt_wire_type type)
{
	unsigned tag = number << 3 | type;

	*at++ = (char)(tag < 0x80 ? tag : tag | 0x80);
	if (tag >= 0x80)
		*at++ = (char)(tag >> 7);
	return at;
}

static inline char *nt_wire_at_uint(char *at, unsigned number, uint64_t v)
{
	return v ? nt_wire_at_varint(nt_wire_at_tag(at, number, NT_WIRE_VARINT), v) : at;
}

/* The same in eight octets, low octet first: for numbers that are mostly that large. */
static inline char *nt_wire_at_fixed(char *at, unsigned number, uint64_t v)
{
	if (!v)
		return at;
	at = nt_wire_at_tag(at, number, NT_WIRE_FIXED64);
	v = htole64(v);
	memcpy(at, &v, sizeof(v));
	return at + sizeof(v);
}

/* Written also when empty: a list has members that are. */
static inline char *nt_wire_at_bytes(char *at, unsigned number, struct nt_slice s)
{
	at = nt_wire_at_varint(nt_wire_at_tag(at, number, NT_WIRE_BYTES), s.len);
	if (s.len)
		memcpy(at, s.p, s.len);
	return at + s.len;
}

static inline char *nt_wire_at_str(char *at, unsigned number, struct nt_slice s)
{
	return s.len ? nt_wire_at_bytes(at, number, s) : at;
}

static inline char *nt_wire_at_addr(char *at, unsigned number, const struct nt_addr *addr)
{
	return addr->family
		       ? nt_wire_at_bytes(at, number,
					  nt_slice_mem(addr->octets, addr->family == 4 ? 4 : 16))
		       : at;
}

/* A nested message, or what is packed: begins at what _open returns, ends at `end`. It is mostly
 * short; a long one is moved to make room for its length, which has NT_WIRE_HEAD_MAX with the tag.
 */
static inline char *nt_wire_at_open(char *at, unsigned number)
{
	return nt_wire_at_tag(at, number, NT_WIRE_BYTES) + 1;
}

static inline char *nt_wire_at_close(char *begin, char *end)
{
	char length[NT_WIRE_VARINT_MAX];
	size_t len = (size_t)(end - begin), more;

	if (len < 0x80) {
		begin[-1] = (char)len;
		return end;
	}
	more = (size_t)(nt_wire_at_varint(length, len) - length) - 1;
	memmove(begin + more, begin, len);
	memcpy(begin - 1, length, more + 1);
	return end + more;
}

/* The same into a buffer; nothing happens once it has failed. */
static inline void nt_wire_put_uint(struct nt_buf *out, unsigned number, uint64_t v)
{
	char *at = v ? nt_buf_reserve(out, NT_WIRE_HEAD_MAX) : NULL;

	if (at)
		nt_buf_wrote(out, nt_wire_at_uint(at, number, v));
}

static inline void nt_wire_put_bytes(struct nt_buf *out, unsigned number, struct nt_slice s)
{
	char *at = nt_buf_reserve(out, NT_WIRE_HEAD_MAX + s.len);

	if (at)
		nt_buf_wrote(out, nt_wire_at_bytes(at, number, s));
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
