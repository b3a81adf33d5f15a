/* SPDX-License-Identifier: Apache-2.0 */
/* Tags, varints and length-delimited octets. */
#include "lib/record/wire.h"

size_t nt_wire_begin(struct nt_buf *out, unsigned number)
{
	char *at = nt_buf_reserve(out, NT_WIRE_HEAD_MAX);

	if (at)
		nt_buf_wrote(out, nt_wire_at_open(at, number));
	return out->len;
}

void nt_wire_end(struct nt_buf *out, size_t at)
{
	if (nt_buf_ok(out) && nt_buf_reserve(out, NT_WIRE_VARINT_MAX))
		nt_buf_wrote(out, nt_wire_at_close(out->p + at, out->p + out->len));
}

/* Low octet first. */
static uint32_t read_u32_low_first(struct nt_cursor *c)
{
	return __builtin_bswap32(nt_cursor_u32(c));
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
		ret->value = read_u32_low_first(c);
		ret->value |= (uint64_t)read_u32_low_first(c) << 32;
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
