/* SPDX-License-Identifier: Apache-2.0 */
/* IP addresses of either family as values. */
#include "lib/base/addr.h"

#include <arpa/inet.h>

struct nt_addr nt_addr_from(int family, const uint8_t *octets)
{
	struct nt_addr a = { .family = (uint8_t)family };

	memcpy(a.octets, octets, family == 4 ? 4 : 16);
	return a;
}

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

const char *nt_addr_format(const struct nt_addr *a, char out[NT_ADDR_TEXT_MAX])
{
	out[0] = '\0';
	if (a->family)
		inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->octets, out, NT_ADDR_TEXT_MAX);
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
