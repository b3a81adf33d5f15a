/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of lookups (lib/record/lookup.h) back to records, for whoever reads a batch. What comes in
 * is of outside origin and checked. Pure, any thread; struct nt_names one thread at a time.
 */
#pragma once

#include "lib/record/record.h"

struct nt_names;

/* Octets of a base's search list: it is walked for each row (struct nt_pod of dataplane/abi.h has
 * room for no longer one). */
#define NT_BASE_SEARCHES_MAX 512

/* What rows have in common; a table of these stands before the rows. */
struct nt_base {
	struct nt_record record; /* the ends: node, client, servers */
	const char *searches; /* the client's search list, space separated */
};

struct nt_row_reader {
	const struct nt_base *bases;
	size_t bases_len;
	struct nt_names *names; /* NULL: scope, domain and Service stay unknown */
};

/* Appends a base: the wire form of the record, and the list. */
void nt_base_wire(struct nt_slice record, struct nt_slice searches, struct nt_buf *out);
/* -EBADMSG, -ENOMEM. Text points into wire and arena. */
int nt_base_from_wire(struct nt_slice wire, struct nt_arena *arena, struct nt_base *ret_base,
		      struct nt_err *err) NT_MUSTCHECK;
int nt_row_from_wire(const struct nt_row_reader *reader, struct nt_slice wire,
		     struct nt_arena *arena, struct nt_record *ret_record,
		     struct nt_err *err) NT_MUSTCHECK;
