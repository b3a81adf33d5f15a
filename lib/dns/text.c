/* SPDX-License-Identifier: Apache-2.0 */
/* Octets in the notations of zone files. */
#include "lib/dns/text.h"

#include "lib/base/addr.h"

static char *put_ddd(char *at, uint8_t c)
{
	*at++ = '\\';
	*at++ = (char)('0' + c / 100);
	*at++ = (char)('0' + c / 10 % 10);
	*at++ = (char)('0' + c % 10);
	return at;
}

void nt_text_string(struct nt_buf *out, struct nt_slice s)
{
	char *first = nt_buf_reserve(out, s.len * 4), *at = first;

	if (!first)
		return;
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = (uint8_t)s.p[i];

		if (c < ' ' || c > '~') {
			at = put_ddd(at, c);
			continue;
		}
		if (c == '"' || c == '\\')
			*at++ = '\\';
		*at++ = (char)c;
	}
	*at = '\0';
	out->len += (size_t)(at - first);
}

void nt_text_quoted(struct nt_buf *out, struct nt_slice s)
{
	nt_buf_putc(out, '"');
	nt_text_string(out, s);
	nt_buf_putc(out, '"');
}

void nt_text_hex(struct nt_buf *out, struct nt_slice s)
{
	static const char digits[] = "0123456789ABCDEF";
	char *at = nt_buf_reserve(out, s.len * 2);

	if (!at)
		return;
	for (size_t i = 0; i < s.len; i++) {
		*at++ = digits[(uint8_t)s.p[i] >> 4];
		*at++ = digits[(uint8_t)s.p[i] & 15];
	}
	*at = '\0';
	out->len += s.len * 2;
}

/* The `width` bits per digit of base 32 and base 64 taken from the front; the last digit is filled
 * with zero bits. Returns behind the last digit. */
static char *put_digits(char *at, struct nt_slice s, unsigned width, const char *digits)
{
	unsigned held = 0, bits = 0;

	for (size_t i = 0; i < s.len; i++) {
		held = held << 8 | (uint8_t)s.p[i];
		for (bits += 8; bits >= width; bits -= width)
			*at++ = digits[held >> (bits - width) & ((1u << width) - 1)];
		held &= (1u << bits) - 1;
	}
	if (bits)
		*at++ = digits[held << (width - bits) & ((1u << width) - 1)];
	return at;
}

void nt_text_base64(struct nt_buf *out, struct nt_slice s)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *first = nt_buf_reserve(out, (s.len + 2) / 3 * 4), *at;

	if (!first)
		return;
	at = put_digits(first, s, 6, digits);
	while ((at - first) % 4)
		*at++ = '=';
	*at = '\0';
	out->len += (size_t)(at - first);
}

void nt_text_base32hex(struct nt_buf *out, struct nt_slice s)
{
	char *first = nt_buf_reserve(out, (s.len * 8 + 4) / 5), *at;

	if (!first)
		return;
	at = put_digits(first, s, 5, "0123456789abcdefghijklmnopqrstuv");
	*at = '\0';
	out->len += (size_t)(at - first);
}

static void put_address(struct nt_buf *out, int family, struct nt_slice s)
{
	struct nt_addr addr = nt_addr_from(family, (const uint8_t *)s.p);
	char *at = nt_buf_reserve(out, NT_ADDR_TEXT_MAX);

	if (at)
		out->len += nt_addr_text(&addr, at);
}

void nt_text_ipv4(struct nt_buf *out, struct nt_slice s)
{
	put_address(out, 4, s);
}

void nt_text_ipv6(struct nt_buf *out, struct nt_slice s)
{
	put_address(out, 6, s);
}
