/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses that a URL in a configuration must not lead to by itself. */
#include "controller/notify/fence.h"

#include "lib/base/cleanup.h"

struct range {
	uint8_t octets[16];
	unsigned bits;
	const char *what;
};

/* Metadata services outside of the link-local range: Azure, Alibaba, Oracle. */
static const struct range four[] = {
	{ { 0 }, 8, "an address of this host" },
	{ { 127 }, 8, "loopback" },
	{ { 169, 254 }, 16, "link-local (there are metadata services)" },
	{ { 168, 63, 129, 16 }, 32, "a metadata service" },
	{ { 100, 100, 100, 200 }, 32, "a metadata service" },
	{ { 192, 0, 0, 192 }, 32, "a metadata service" },
	{ { 224 }, 4, "multicast" },
	{ { 240 }, 4, "reserved" },
};

/* The same of Amazon and Google. */
static const struct range six[] = {
	{ { 0 }, 128, "an address of this host" },
	{ { [15] = 1 }, 128, "loopback" },
	{ { 0xfe, 0x80 }, 10, "link-local" },
	{ { 0xfd, 0x00, 0x0e, 0xc2 }, 32, "a metadata service" },
	{ { 0xfd, 0x20, 0x00, 0xce }, 32, "a metadata service" },
	{ { 0xff }, 8, "multicast" },
};

/* IPv4 in the last four octets: mapped, compatible, NAT64 (RFC 6052). */
static const struct range holds_four[] = {
	{ { [10] = 0xff, [11] = 0xff }, 96, NULL },
	{ { 0 }, 96, NULL },
	{ { 0x00, 0x64, 0xff, 0x9b }, 96, NULL },
};

static bool is_in(const uint8_t *octets, const struct range *range)
{
	unsigned whole = range->bits / 8, rest = range->bits % 8;
	uint8_t mask = (uint8_t)(0xff00 >> rest);

	return memcmp(octets, range->octets, whole) == 0 &&
	       (!rest || ((octets[whole] ^ range->octets[whole]) & mask) == 0);
}

static const char *find(const uint8_t *octets, const struct range *ranges, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (is_in(octets, &ranges[i]))
			return ranges[i].what;
	return NULL;
}

const char *nt_fence_refuses(const struct nt_addr *a)
{
	const char *what;

	if (a->family == 4)
		return find(a->octets, four, NT_ARRAY_LEN(four));
	if (a->family != 6)
		return "no IP address";
	what = find(a->octets, six, NT_ARRAY_LEN(six));
	for (size_t i = 0; i < NT_ARRAY_LEN(holds_four) && !what; i++)
		if (is_in(a->octets, &holds_four[i]))
			what = find(a->octets + 12, four, NT_ARRAY_LEN(four));
	return what;
}
