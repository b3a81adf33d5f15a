/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random records for tests, made by walking lib/record/fields.def, so that a new field is in them
 * without a change here. Everything lives in the arena; the same seed gives the same record.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/record/fields.h"

struct random {
	uint64_t state;
};

/* SplitMix64 (Steele, Lea, Flood). */
static inline uint64_t random_next(struct random *g)
{
	uint64_t z = (g->state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static inline size_t random_below(struct random *g, size_t n)
{
	return (size_t)(random_next(g) % n);
}

/* Few words, so that random queries meet random records; some with odd octets. */
static const char *const random_words[] = {
	"a",
	"A",
	"ab",
	"aB.c",
	"web-0",
	"example.com",
	"Example.COM",
	"%",
	"_",
	"a%b",
	"a_b",
	"\\",
	"a\\032b",
	"*",
	"?",
	"**.x",
	"'",
	"\"",
	"a\"b'c",
	"\xc3\xa9",
	"\xc3\x89",
	"\xff",
	"a\xc3",
	"\x01\x7f",
	"\xef\xbf\xbd",
	"\xef\xbf\xbe",
	"\xf0\x9f\x90\x9f",
	"[a]",
	"10.0.0.1",
	"1",
	"0",
	"true",
	"null",
	"-",
	"k\n",
	"\xe2\x82\xac",
	"\xe2\x82",
	"i\xcc\x87",
	"aaaaaaaaab",
	"shop",
	"kube-system/kube-dns",
	"\xc0\x80",
};

static inline struct nt_slice random_text(struct random *g, struct nt_arena *arena)
{
	const char *a = random_words[random_below(g, NT_ARRAY_LEN(random_words))];
	const char *b = random_words[random_below(g, NT_ARRAY_LEN(random_words))];
	char text[64];
	int len = snprintf(text, sizeof(text), "%s%s", a, random_below(g, 3) ? "" : b);

	return nt_arena_copy(arena, nt_slice_mem(text, (size_t)len));
}

static inline uint64_t random_number(struct random *g)
{
	static const uint64_t edges[] = {
		0, 1, 2, 3, 10, 5000000, 1u << 31, 1ull << 53, (1ull << 53) + 1, (1ull << 62) - 1
	};

	return random_below(g, 4) ? random_below(g, 5)
				  : edges[random_below(g, NT_ARRAY_LEN(edges))];
}

static inline struct nt_addr random_addr(struct random *g)
{
	uint8_t octets[16] = { 0 };
	int family = random_below(g, 2) ? 4 : 6;

	octets[0] = family == 4 ? 10 : 0xfd;
	octets[family == 4 ? 3 : 15] = (uint8_t)random_below(g, 3);
	if (!random_below(g, 8)) { /* IPv4-mapped */
		memset(octets, 0, sizeof(octets));
		octets[10] = octets[11] = 0xff;
		octets[15] = 1;
		family = 6;
	}
	return nt_addr_from(family, octets);
}

static inline unsigned random_enum(struct random *g, const struct nt_field *f)
{
	size_t len = 0;

	while (f->values[len].name)
		len++;
	return f->values[random_below(g, len)].value;
}

static inline void random_fill(struct random *g, const struct nt_fields *fields, void *base,
			       struct nt_arena *arena);

static inline void random_list(struct random *g, const struct nt_field *f, void *base,
			       struct nt_arena *arena)
{
	const struct nt_fields *members = nt_field_members(f);
	size_t size = members ? members->size : sizeof(struct nt_slice);
	struct nt_field_list list = { .len = random_below(g, 4) };

	list.p = list.len ? nt_arena_zalloc(arena, list.len * size) : NULL;
	for (size_t i = 0; i < list.len; i++)
		if (members)
			random_fill(g, members, (char *)list.p + i * size, arena);
		else
			((struct nt_slice *)list.p)[i] =
				random_below(g, 6) ? random_text(g, arena) : NT_SLICE_LIT("");
	nt_field_set_list(f, base, list);
}

/* A value that is not missing where the kind allows it. */
static inline void random_field(struct random *g, const struct nt_field *f, void *base,
				struct nt_arena *arena)
{
	struct nt_record *r = base;
	struct nt_addr addr;

	switch (f->kind) {
	case NT_FIELD_ENUM:
		nt_field_set_uint(f, base, random_enum(g, f));
		break;
	case NT_FIELD_TIME:
		nt_field_set_uint(f, base, 1795000000000000u + random_below(g, 3) * 1000000);
		break;
	case NT_FIELD_BOOL:
		nt_field_set_uint(f, base, random_below(g, 2));
		break;
	case NT_FIELD_FLAGS:
		nt_field_set_uint(f, base, random_enum(g, f) | random_enum(g, f));
		break;
	case NT_FIELD_TYPE:
		nt_field_set_uint(f, base,
				  random_below(g, 3) ? 1 + random_below(g, 70)
						     : random_below(g, 65536));
		break;
	case NT_FIELD_CLASS:
	case NT_FIELD_RCODE:
		nt_field_set_uint(f, base, random_below(g, 6));
		break;
	case NT_FIELD_STR:
		*(struct nt_slice *)((char *)base + f->offset) = random_text(g, arena);
		break;
	case NT_FIELD_ADDR:
		addr = random_addr(g);
		memcpy((char *)base + f->offset, &addr, sizeof(addr));
		break;
	case NT_FIELD_OPTIONS:
		r->edns_options_len = random_below(g, 4);
		for (size_t i = 0; i < r->edns_options_len; i++)
			r->edns_options[i] = (uint16_t)(i * 5 + random_below(g, 5));
		break;
	case NT_FIELD_HISTOGRAM:
		for (size_t i = 0; i < NT_HISTOGRAM_BUCKETS; i++)
			r->latency_histogram[i] = random_below(g, 5) ? 0 : random_number(g);
		break;
	case NT_FIELD_TTLS: /* with the members of rrsets */
		break;
	case NT_FIELD_STRS:
	case NT_FIELD_LABELS:
	case NT_FIELD_SERVERS:
	case NT_FIELD_RRSETS:
		random_list(g, f, base, arena);
		break;
	default:
		nt_field_set_uint(f, base, random_number(g));
	}
}

/* Each field with a number on the wire, one in five left as it is. */
static inline void random_fill(struct random *g, const struct nt_fields *fields, void *base,
			       struct nt_arena *arena)
{
	for (size_t i = 0; i < fields->len; i++)
		if (fields->fields[i].wire && random_below(g, 5))
			random_field(g, &fields->fields[i], base, arena);
}

static inline struct nt_record random_record(uint64_t seed, struct nt_arena *arena)
{
	struct nt_record r = { .hop_network_ns = -1, .hop_server_ns = -1, .hop_upstream_ns = -1 };
	struct random g = { .state = seed };

	random_fill(&g, &nt_record_fields, &r, arena);
	return r;
}
