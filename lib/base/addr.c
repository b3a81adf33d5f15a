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
	if (v >= 100)
		*at++ = (char)('0' + v / 100);
	if (v >= 10)
		*at++ = (char)('0' + v / 10 % 10);
	*at++ = (char)('0' + v % 10);
	return at;
}

/* inet_ntop goes through printf. */
static void format_ipv4(const uint8_t octets[4], char *at)
{
	for (int i = 0; i < 4; i++) {
		at = put_octet(at, octets[i]);
		*at++ = i < 3 ? '.' : '\0';
	}
}

/* The longest run of two or more groups of zeros, the first of equals; its length is 0 without. */
static void zero_run(const uint16_t groups[8], int *ret_at, int *ret_len)
{
	*ret_at = *ret_len = 0;
	for (int i = 0, n; i < 8; i += n + 1) {
		for (n = 0; i + n < 8 && !groups[i + n];)
			n++;
		if (n > 1 && n > *ret_len) {
			*ret_at = i;
			*ret_len = n;
		}
	}
}

static char *put_group(char *at, uint16_t v)
{
	for (int shift = 12; shift >= 0; shift -= 4)
		if (v >> shift || !shift)
			*at++ = "0123456789abcdef"[v >> shift & 15];
	return at;
}

/* RFC 5952, with the forms that inet_ntop has: ::ffff:192.0.2.1 and ::192.0.2.1. */
static void format_ipv6(const uint8_t octets[16], char *at)
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
	if (shown == 8) {
		*at = '\0';
		return;
	}
	*at++ = ':';
	format_ipv4(octets + 12, at);
}

const char *nt_addr_format(const struct nt_addr *a, char out[NT_ADDR_TEXT_MAX])
{
	out[0] = '\0';
	if (a->family == 4)
		format_ipv4(a->octets, out);
	else if (a->family)
		format_ipv6(a->octets, out);
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
