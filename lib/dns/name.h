/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Domain names: from the packet (with compression, RFC 1035 section 4.1.4: a pointer must point
 * strictly backwards; at most 255 octets, labels at most 63) to lower-case wire form, and from
 * there to text.
 */
#pragma once

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/dns/cursor.h"

#define NT_NAME_WIRE_MAX 255
/* Each takes two octets at least, and the root one. */
#define NT_NAME_LABELS_MAX 127
/* 253 octets as \DDD and the dots between them, and a NUL. */
#define NT_NAME_TEXT_MAX 1024

struct nt_name {
	uint8_t len; /* octets of wire, with the root label; 0: no name */
	uint8_t wire[NT_NAME_WIRE_MAX]; /* uncompressed, ASCII lower case */
};

/* Without what lies behind the name. */
static inline void nt_name_copy(struct nt_name *to, const struct nt_name *from)
{
	to->len = from->len;
	memcpy(to->wire, from->wire, from->len);
}

/* Reads a name at the cursor, follows pointers within the cursor's whole message, moves the cursor
 * behind the name. On a fault the cursor turns bad and ret_name->len is 0. ret_name may be NULL:
 * checked and skipped. */
void nt_name_read(struct nt_cursor *c, struct nt_name *ret_name);

/* Presentation form: no final dot, root is ".", [!-~] but `.` `\` `"` `;` `(` `)` `@` `$` as they
 * are, other octets `\DDD`. */
void nt_name_format(const struct nt_name *n, struct nt_buf *out);
/* The same into a caller's array, NUL-terminated; returns the length. */
size_t nt_name_text(const struct nt_name *n, char out[NT_NAME_TEXT_MAX]);
/* The same in the arena; .p is NULL when that is full. */
struct nt_slice nt_name_copy_text(const struct nt_name *n, struct nt_arena *arena);
/* Text to wire form, lower-cased; `\DDD` and `\X` are read; a final dot is allowed. -EINVAL. */
int nt_name_parse(struct nt_slice text, struct nt_name *ret_name) NT_MUSTCHECK;

static inline bool nt_name_eq(const struct nt_name *a, const struct nt_name *b)
{
	return a->len == b->len && memcmp(a->wire, b->wire, a->len) == 0;
}
