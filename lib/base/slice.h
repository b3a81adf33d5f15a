/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pointer and length as one value: borrowed octets, not NUL-terminated, never owned. Passed by
 * value.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

struct nt_slice {
	const char *p;
	size_t len;
};

#define NT_SLICE_LIT(s) ((struct nt_slice){ (s), sizeof(s) - 1 })
/* For printf's "%.*s". */
#define NT_SLICE_ARG(s) (int)(s).len, ((s).p ? (s).p : "")

static inline struct nt_slice nt_slice_str(const char *s)
{
	return (struct nt_slice){ s, s ? strlen(s) : 0 };
}

static inline struct nt_slice nt_slice_mem(const void *p, size_t len)
{
	return (struct nt_slice){ (const char *)p, len };
}

static inline bool nt_slice_eq(struct nt_slice a, struct nt_slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

/* The order of octets, as memcmp has it; what another one begins with comes before it. */
static inline int nt_slice_compare(struct nt_slice a, struct nt_slice b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int r = len && a.p != b.p ? memcmp(a.p, b.p, len) : 0;

	return r ? r : (a.len > b.len) - (a.len < b.len);
}

/* ASCII case is ignored. */
static inline bool nt_slice_caseeq(struct nt_slice a, struct nt_slice b)
{
	return a.len == b.len && (a.len == 0 || strncasecmp(a.p, b.p, a.len) == 0);
}

static inline bool nt_slice_begins(struct nt_slice s, const char *head)
{
	size_t len = strlen(head);

	return s.len >= len && (len == 0 || memcmp(s.p, head, len) == 0);
}

static inline bool nt_slice_ends(struct nt_slice s, struct nt_slice tail)
{
	return s.len >= tail.len && memcmp(s.p + s.len - tail.len, tail.p, tail.len) == 0;
}

/* Without the blanks, tabs and carriage returns around it. */
static inline struct nt_slice nt_slice_trim(struct nt_slice s)
{
	while (s.len && memchr(" \t\r", s.p[s.len - 1], 3))
		s.len--;
	while (s.len && memchr(" \t\r", s.p[0], 3))
		s = nt_slice_mem(s.p + 1, s.len - 1);
	return s;
}
