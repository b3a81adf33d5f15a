/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two encodings of a record: one line of JSON as RECORD.md names the fields (out only), and the
 * wire form (both ways; tagged fields, unknown ones are skipped). Streaming, no DOM (T32).
 */
#pragma once

#include "lib/base/buf.h"
#include "lib/record/record.h"

/* Members of one list: a DNS message of 65,535 octets cannot hold more records than this. What is
 * longer is refused by all that read records, so that nothing is stored that cannot be read. */
#define NT_RECORD_LIST_MAX 8192

/* Appends one JSON object, no newline. Fields that do not apply are left out; latency_mean is made
 * from sum and count. */
void nt_record_json(const struct nt_record *r, struct nt_buf *out);
/* Appends the wire form, without its length. */
void nt_record_wire(const struct nt_record *r, struct nt_buf *out);
/* Adds the fields of wire to what is in *r; of a field that is there the new value counts. Errors
 * as below; *r is of no use then. */
int nt_record_add_wire(struct nt_slice wire, struct nt_arena *arena, struct nt_record *r,
		       struct nt_err *err) NT_MUSTCHECK;
/* -EBADMSG. Strings point into wire, lists into arena. */
int nt_record_from_wire(struct nt_slice wire, struct nt_arena *arena, struct nt_record *ret_record,
			struct nt_err *err) NT_MUSTCHECK;
