/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 to octets. */
#include "lib/base/base64.h"

static int digit_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

int nt_base64_decode(struct nt_slice text, struct nt_buf *out)
{
	unsigned held = 0, bits = 0;
	size_t len = text.len;

	while (len && text.len - len < 2 && text.p[len - 1] == '=')
		len--;
	if (len % 4 == 1 || (len != text.len && text.len % 4))
		return -EBADMSG;
	for (size_t i = 0; i < len; i++) {
		int digit = digit_of(text.p[i]);

		if (digit < 0)
			return -EBADMSG;
		held = held << 6 | (unsigned)digit;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			nt_buf_putc(out, (char)(held >> bits & 0xff));
			held &= (1u << bits) - 1;
		}
	}
	return nt_buf_ok(out) ? 0 : -ENOMEM;
}
