/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text for a terminal, the one sink of this program: whatever octets a name, a label or an error
 * holds, what comes out is printable ASCII (T37). Figures for people in three digits with their
 * unit. Each appends to a buffer.
 */
#pragma once

#include <jansson.h>

#include "lib/base/buf.h"

/* Names and data come in presentation form, in which a backslash is syntax and stays. Should
 * anything but printable ASCII be in there, the whole text goes through nt_escape_terminal. */
void nt_text_put(struct nt_buf *out, struct nt_slice s);
/* The string at `key` of an object; what is no string is nothing. */
struct nt_slice nt_text_at(const json_t *object, const char *key);
/* The integer there; 0 for what is none. */
int64_t nt_number_at(const json_t *object, const char *key);
/* A value as JSON on one line: printable ASCII, other characters as \uXXXX. */
void nt_text_json(struct nt_buf *out, const json_t *value);
/* "740us", "1.24ms", "4.92s". */
void nt_text_ns(struct nt_buf *out, int64_t ns);
/* "312B", "4.1KiB", "2.3GiB". */
void nt_text_bytes(struct nt_buf *out, uint64_t bytes);
/* "12s", "4m", "3h", "2d". */
void nt_text_age(struct nt_buf *out, int64_t us);
