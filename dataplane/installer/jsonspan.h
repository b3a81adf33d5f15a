/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON (RFC 8259) as spans of the very text: which octets are which value. For files of others that
 * are changed in one place and kept everywhere else, where a decoder and an encoder would lose
 * formatting, order, numbers and escapes. Checks the grammar as strictly as Go's decoder does, but
 * like it takes any octets from 0x20 inside of strings. No I/O, no memory of its own; slices point
 * into the text.
 */
#pragma once

#include "lib/base/slice.h"

/* Real configurations are nested 6 deep; a bound for the stack. */
#define NT_JSONSPAN_DEPTH_MAX 128

struct nt_jsonspan {
	const char *p, *end;
	/* The first mistake, static text, and where it is; NULL: none so far. */
	const char *error, *error_at;
};

struct nt_jsonspan nt_jsonspan_init(struct nt_slice text);
/* The next value, without the space around it; checks all of it. p NULL after a mistake. */
struct nt_slice nt_jsonspan_value(struct nt_jsonspan *s);
/* True when nothing but space is left; else sets the error. */
bool nt_jsonspan_end(struct nt_jsonspan *s);
/* Line of the mistake, from 1. */
unsigned nt_jsonspan_line(const struct nt_jsonspan *s, struct nt_slice text);

/* Members of an object or array that nt_jsonspan_value() gave: put its cursor behind the bracket,
 * then one after the other. ret_key: the string with its quotes; empty for arrays. */
struct nt_jsonspan nt_jsonspan_open(struct nt_slice container);
bool nt_jsonspan_next(struct nt_jsonspan *s, struct nt_slice *ret_key, struct nt_slice *ret_value);
/* The value of a key of an object, the last one where there are several, as with the decoders in
 * use; p NULL: not there. */
struct nt_slice nt_jsonspan_find(struct nt_slice object, const char *key);

/* A string value decoded to UTF-8 with a NUL behind it. False when it is no string, holds a NUL or
 * does not fit. A lone surrogate becomes U+FFFD, as with Go. */
bool nt_jsonspan_text(struct nt_slice value, char *ret_text, size_t size);
/* Is the value a string of exactly this text? */
bool nt_jsonspan_is(struct nt_slice value, const char *text);
