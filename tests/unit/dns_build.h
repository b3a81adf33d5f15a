/* SPDX-License-Identifier: Apache-2.0 */
/* DNS messages for the tests of lib/dns: octets appended to an array that is large enough. */
#pragma once

#include <check.h>

#include "lib/dns/message.h"

struct dns_build {
	uint8_t wire[65536];
	size_t len;
};

static inline void put_u16(struct dns_build *b, unsigned v)
{
	b->wire[b->len++] = (uint8_t)(v >> 8);
	b->wire[b->len++] = (uint8_t)v;
}

static inline void put_slice(struct dns_build *b, struct nt_slice s)
{
	if (s.len)
		memcpy(b->wire + b->len, s.p, s.len);
	b->len += s.len;
}

static inline void put_header(struct dns_build *b, unsigned id, unsigned flags, unsigned qd,
			      unsigned an, unsigned ns, unsigned ar)
{
	unsigned words[] = { id, flags, qd, an, ns, ar };

	b->len = 0;
	for (size_t i = 0; i < 6; i++)
		put_u16(b, words[i]);
}

/* "example.com" at offset 12, so 0xc00c points to it and 0xc014 to "com". */
static inline void put_question(struct dns_build *b, unsigned type)
{
	put_slice(b, NT_SLICE_LIT("\7Example\3com\0"));
	put_u16(b, type);
	put_u16(b, 1);
}

static inline void put_record(struct dns_build *b, struct nt_slice owner, unsigned type,
			      unsigned class_, uint32_t ttl, struct nt_slice rdata)
{
	put_slice(b, owner);
	put_u16(b, type);
	put_u16(b, class_);
	put_u16(b, ttl >> 16);
	put_u16(b, ttl & 0xffff);
	put_u16(b, (unsigned)rdata.len);
	put_slice(b, rdata);
}

/* An array of exactly the message's size, so that ASan sees each octet read beyond it. */
static inline int parse_exact(const uint8_t *wire, size_t len, struct nt_dns_msg *ret_msg,
			      uint8_t **ret_copy)
{
	*ret_copy = malloc(len ? len : 1);
	ck_assert_ptr_nonnull(*ret_copy);
	memcpy(*ret_copy, wire, len);
	return nt_dns_parse(nt_slice_mem(*ret_copy, len), ret_msg);
}
