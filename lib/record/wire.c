/* SPDX-License-Identifier: Apache-2.0 */
/* Tags, varints and length-delimited octets. */
#include "lib/record/wire.h"

size_t nt_wire_varint(char out[NT_WIRE_VARINT_MAX], uint64_t v)
{
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		out[n++] = (char)(v | 0x80);
	out[n++] = (char)v;
	return n;
}

static void put_varint(struct nt_buf *out, uint64_t v)
{
	char octets[NT_WIRE_VARINT_MAX];

	nt_buf_add(out, octets, nt_wire_varint(octets, v));
}

static void put_tag(struct nt_buf *out, unsigned number, enum nt_wire_type type)
{
	put_varint(out, (uint64_t)number << 3 | type);
}

void nt_wire_put_uint(struct nt_buf *out, unsigned number, uint64_t v)
{
	if (!v)
		return;
	put_tag(out, number, NT_WIRE_VARINT);
	put_varint(out, v);
}

void nt_wire_put_bytes(struct nt_buf *out, unsigned number, struct nt_slice s)
{
	put_tag(out, number, NT_WIRE_BYTES);
	put_varint(out, s.len);
	nt_buf_slice(out, s);
}

void nt_wire_put_str(struct nt_buf *out, unsigned number, struct nt_slice s)
{
	if (s.len)
		nt_wire_put_bytes(out, number, s);
}

void nt_wire_put_addr(struct nt_buf *out, unsigned number, const struct nt_addr *addr)
{
	if (addr->family)
		nt_wire_put_bytes(out, number,
				  nt_slice_mem(addr->octets, addr->family == 4 ? 4 : 16));
}

size_t nt_wire_begin(struct nt_buf *out, unsigned number)
{
	put_tag(out, number, NT_WIRE_BYTES);
	return out->len;
}

void nt_wire_end(struct nt_buf *out, size_t at)
{
	char length[NT_WIRE_VARINT_MAX];
	size_t len = out->len - at;
	size_t n = nt_wire_varint(length, len);

	if (!nt_buf_reserve(out, n))
		return;
	memmove(out->p + at + n, out->p + at, len);
	memcpy(out->p + at, length, n);
	out->len += n;
	out->p[out->len] = '\0';
}

uint64_t nt_wire_read_varint(struct nt_cursor *c)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t octet = nt_cursor_u8(c);

		if (shift == 63 && octet > 1)
			break;
		v |= (uint64_t)(octet & 0x7f) << shift;
		if (!(octet & 0x80))
			return v;
	}
	nt_cursor_fail(c);
	return 0;
}

bool nt_wire_next(struct nt_cursor *c, struct nt_wire_token *ret)
{
	uint64_t tag;

	if (!nt_cursor_left(c))
		return false;
	tag = nt_wire_read_varint(c);
	*ret = (struct nt_wire_token){ .number = tag >> 3, .type = tag & 7 };
	switch (ret->type) {
	case NT_WIRE_VARINT:
		ret->value = nt_wire_read_varint(c);
		break;
	case NT_WIRE_FIXED64:
		nt_cursor_take(c, 8);
		break;
	case NT_WIRE_FIXED32:
		nt_cursor_take(c, 4);
		break;
	case NT_WIRE_BYTES:
		ret->bytes = nt_cursor_take(c, nt_wire_read_varint(c));
		break;
	default:
		nt_cursor_fail(c);
	}
	if (!ret->number || ret->number >= 1u << 29)
		nt_cursor_fail(c);
	return !c->bad;
}

bool nt_wire_get_uint(const struct nt_wire_token *t, uint64_t max, uint64_t *ret)
{
	if (t->type != NT_WIRE_VARINT || t->value > max)
		return false;
	*ret = t->value;
	return true;
}

bool nt_wire_get_u32(const struct nt_wire_token *t, uint32_t *ret)
{
	uint64_t v;

	if (!nt_wire_get_uint(t, UINT32_MAX, &v))
		return false;
	*ret = (uint32_t)v;
	return true;
}

bool nt_wire_get_str(const struct nt_wire_token *t, struct nt_slice *ret)
{
	if (t->type != NT_WIRE_BYTES || (t->bytes.len && memchr(t->bytes.p, 0, t->bytes.len)))
		return false;
	*ret = t->bytes;
	return true;
}

bool nt_wire_get_addr(const struct nt_wire_token *t, struct nt_addr *ret)
{
	if (t->type != NT_WIRE_BYTES || (t->bytes.len != 4 && t->bytes.len != 16))
		return false;
	*ret = nt_addr_from(t->bytes.len == 4 ? 4 : 6, (const uint8_t *)t->bytes.p);
	return true;
}
