/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A streaming writer of JSON: it puts the commas and the escapes, the caller nests rightly. Writes
 * straight into a buffer, no tree (T32). Failure is sticky in the buffer. One thread per writer.
 */
#pragma once

#include "lib/base/buf.h"

struct nt_json {
	struct nt_buf *out; /* borrowed */
	bool comma; /* before the next key or value */
};

#define NT_JSON(buf) ((struct nt_json){ .out = (buf) })

/* bracket: '{' or '['. */
void nt_json_open(struct nt_json *j, char bracket);
/* bracket: '}' or ']'. */
void nt_json_close(struct nt_json *j, char bracket);
/* key: plain ASCII of ours. */
void nt_json_key(struct nt_json *j, const char *key);
/* key: any octets. */
void nt_json_key_slice(struct nt_json *j, struct nt_slice key);
void nt_json_str(struct nt_json *j, struct nt_slice s);
void nt_json_u64(struct nt_json *j, uint64_t v);
/* Finite; the shortest text that reads back as v. */
void nt_json_double(struct nt_json *j, double v);
void nt_json_bool(struct nt_json *j, bool v);
void nt_json_null(struct nt_json *j);
/* RFC 3339 in UTC with microseconds, as a string. */
void nt_json_time(struct nt_json *j, int64_t us);
/* Before a value that the caller appends to j->out himself. */
void nt_json_value(struct nt_json *j);

/* Key and value at once. */
void nt_json_key_str(struct nt_json *j, const char *key, struct nt_slice s);
void nt_json_key_u64(struct nt_json *j, const char *key, uint64_t v);
void nt_json_key_time(struct nt_json *j, const char *key, int64_t us);
/* 0: null. */
void nt_json_key_time_or_null(struct nt_json *j, const char *key, int64_t us);
