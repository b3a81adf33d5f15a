/* SPDX-License-Identifier: Apache-2.0 */
/* An IP address of either family as a value. Network byte order, IPv4 in the first four octets. */
#pragma once

#include "lib/base/buf.h"

struct nt_addr {
	uint8_t family; /* 0 none, 4, 6 */
	uint8_t octets[16];
};

#define NT_ADDR_TEXT_MAX 46

static inline bool nt_addr_eq(const struct nt_addr *a, const struct nt_addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* family 4 or 6; octets: 4 or 16 of them. */
static inline struct nt_addr nt_addr_from(int family, const uint8_t *octets)
{
	struct nt_addr a = { .family = (uint8_t)family };

	memcpy(a.octets, octets, family == 4 ? 4 : 16);
	return a;
}
/* Text form (RFC 5952); -EINVAL when it is none. */
int nt_addr_parse(struct nt_slice text, struct nt_addr *ret_addr) NT_MUSTCHECK;
/* "" for family 0. Returns out. */
const char *nt_addr_format(const struct nt_addr *a, char out[NT_ADDR_TEXT_MAX]);
/* The same; returns the length. */
size_t nt_addr_text(const struct nt_addr *a, char out[NT_ADDR_TEXT_MAX]);
/* RFC 1918, RFC 4193, RFC 6598, loopback, link-local: not routed on the Internet. */
bool nt_addr_is_private(const struct nt_addr *a);
