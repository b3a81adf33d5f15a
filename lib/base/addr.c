/* SPDX-License-Identifier: Apache-2.0 */
/* IP addresses of either family as values. */
#include "lib/base/addr.h"

#include <arpa/inet.h>

int nt_addr_parse(struct nt_slice text, struct nt_addr *ret_addr)
{
	struct nt_addr a = { 0 };
	char s[NT_ADDR_TEXT_MAX];

	if (!text.len || text.len >= sizeof(s))
		return -EINVAL;
	memcpy(s, text.p, text.len);
	s[text.len] = '\0';
	if (inet_pton(AF_INET, s, a.octets) == 1)
		a.family = 4;
	else if (inet_pton(AF_INET6, s, a.octets) == 1)
		a.family = 6;
	else
		return -EINVAL;
	*ret_addr = a;
	return 0;
}

static char *put_octet(char *at, uint8_t v)
{
	unsigned hundreds = v / 100u, rest = v - hundreds * 100;

	if (hundreds)
		*at++ = (char)('0' + hundreds);
	if (v >= 10) {
		*at++ = (char)('0' + rest / 10);
		rest %= 10;
	}
	*at++ = (char)('0' + rest);
	return at;
}

/* inet_ntop goes through printf. Returns the end. */
static char *format_ipv4(const uint8_t octets[4], char *at)
{
	for (int i = 0; i < 4; i++) {
		at = put_octet(at, octets[i]);
		*at++ = '.';
	}
	return at - 1;
}

/* The longest run of two or more groups of zeros, the first of equals; its length is 0 without. */
static void zero_run(const uint16_t groups[8], int *ret_at, int *ret_len)
{
	*ret_at = *ret_len = 0;
	for (int i = 0, n; i < 7; i += n + 1) {
		if (groups[i] || groups[i + 1]) {
			n = 0;
			continue;
		}
		for (n = 2; i + n < 8 && !groups[i + n];)
			n++;
		if (n > *ret_len) {
			*ret_at = i;
			*ret_len = n;
		}
	}
}

static char *put_group(char *at, uint16_t v)
{
	static const char digits[] = "0123456789abcdef";

	if (v >= 0x1000)
		*at++ = digits[v >> 12];
	if (v >= 0x100)
		*at++ = digits[v >> 8 & 15];
	if (v >= 0x10)
		*at++ = digits[v >> 4 & 15];
	*at++ = digits[v & 15];
	return at;
}

/* RFC 5952, with the forms that inet_ntop has: ::ffff:192.0.2.1 and ::192.0.2.1. */
static char *format_ipv6(const uint8_t octets[16], char *at)
{
	uint16_t groups[8];
	int run, len, shown = 8;

	for (int i = 0; i < 8; i++)
		groups[i] = (uint16_t)(octets[2 * i] << 8 | octets[2 * i + 1]);
	zero_run(groups, &run, &len);
	if (!run && (len == 6 || (len == 5 && groups[5] == 0xffff)))
		shown = 6;
	for (int i = 0; i < shown; i++) {
		if (len && i == run) {
			*at++ = ':';
			i += len - 1;
			if (i == 7)
				*at++ = ':';
			continue;
		}
		if (i)
			*at++ = ':';
		at = put_group(at, groups[i]);
	}
	if (shown == 8)
		return at;
	*at++ = ':';
	return format_ipv4(octets + 12, at);
}

size_t nt_addr_text(const struct nt_addr *a, char out[NT_ADDR_TEXT_MAX])
{
	char *end = out;

	if (a->family)
		end = a->family == 4 ? format_ipv4(a->octets, out) : format_ipv6(a->octets, out);
	*end = '\0';
	return (size_t)(end - out);
}

const char *nt_addr_format(const struct nt_addr *a, char out[NT_ADDR_TEXT_MAX])
{
	(void)nt_addr_text(a, out);
	return out;
}

bool nt_addr_is_private(const struct nt_addr *a)
{
	const uint8_t *o = a->octets;

	if (a->family == 4)
		return o[0] == 10 || o[0] == 127 || (o[0] == 172 && (o[1] & 0xf0) == 16) ||
		       (o[0] == 192 && o[1] == 168) || (o[0] == 169 && o[1] == 254) ||
		       (o[0] == 100 && (o[1] & 0xc0) == 64);
	if (a->family == 6) {
		static const uint8_t loopback[16] = { [15] = 1 };

		return (o[0] & 0xfe) == 0xfc || (o[0] == 0xfe && (o[1] & 0xc0) == 0x80) ||
		       memcmp(o, loopback, 16) == 0;
	}
	return false;
}
