/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of a feed, piece by piece as it arrives, to entries of a builder. Three formats:
 *
 * lines  a name a line, or a line of a hosts file (an address and names). What follows `#` at the
 *        start or behind a blank is a comment, and so are lines that begin with `;`, `!` or `//`.
 * CSV    RFC 4180; `field` is the column's name in the first row, or its number from 1. Rows that
 *        begin with `#` are comments, as abuse.ch writes them; blanks around a field are not of it.
 * JSON   an array of strings, or, with `field`, of objects that have a string of that name; both do
 *        as well without an array, one behind the other (JSON lines). A comma behind the last value
 *        of an array is let pass.
 *
 * An entry is `example.com` or `*.example.com`, either with a final dot, in any case, in ASCII or
 * UTF-8; other spellings are refused with the reason (nt_pattern_parse), and so is a name of one
 * label without `*.`, which would be a whole top-level domain. What is refused is counted by kind,
 * and the first few are kept with line and reason; the rest of the list counts. A list as a whole
 * is refused when it is cut off, when it is not of its format, when it holds nothing but what is
 * refused, and past the builder's limits.
 *
 * Memory: one line, field or JSON value at a time, 64 KiB, which are taken at the start; longer
 * ones are refused. One thread; does not block.
 */
#pragma once

#include "lib/feed/builder.h"

enum nt_feed_format {
	NT_FEED_LINES = 0,
	NT_FEED_CSV = 1,
	NT_FEED_JSON = 2,
};

struct nt_feed_form {
	enum nt_feed_format format;
	/* Borrowed for the list's life. CSV: empty is column 1; JSON: empty is strings. */
	struct nt_slice field;
	char separator; /* CSV; 0: a comma */
};

enum nt_feed_fault {
	NT_FEED_FAULT_NAME = 0, /* no domain name, or one of a single label */
	NT_FEED_FAULT_FIELD = 1, /* the column or member is not there, or no text */
	NT_FEED_FAULT_SYNTAX = 2, /* a row or value is not CSV or JSON */
	NT_FEED_FAULT_LENGTH = 3,
	NT_FEED_FAULTS = 4,
};

/* As a metric's label and in texts: "name", "field", "syntax", "length". */
const char *nt_feed_fault_name(enum nt_feed_fault fault);

struct nt_feed_refusal {
	size_t line; /* from 1; where the row or value begins */
	enum nt_feed_fault fault;
	char msg[NT_PATTERN_MSG_MAX]; /* printable ASCII */
};

/* As many as a status can show. */
#define NT_FEED_REFUSALS_KEPT 8

struct nt_feed_report {
	size_t octets;
	size_t taken; /* entries, equal ones each time */
	/* Names of one label, and addresses, behind the address of a hosts-file line: the machine's
	 * own (`localhost`), passed over. */
	size_t own_names;
	size_t refused[NT_FEED_FAULTS];
	struct nt_feed_refusal first[NT_FEED_REFUSALS_KEPT];
	size_t first_len;
};

struct nt_feed_list;

/* builder: borrowed, takes the entries. -EINVAL: the form makes no sense, -ENOMEM. */
int nt_feed_list_new(const struct nt_feed_form *form, struct nt_feed_builder *builder,
		     struct nt_feed_list **ret_list, struct nt_err *err) NT_MUSTCHECK;
/* The next octets, any number. -EINVAL: the list is refused, with line and reason; -E2BIG from
 * the builder; -ENOMEM. Of no more use after an error. */
int nt_feed_list_push(struct nt_feed_list *l, struct nt_slice octets,
		      struct nt_err *err) NT_MUSTCHECK;
/* There are no more. As push. */
int nt_feed_list_end(struct nt_feed_list *l, struct nt_err *err) NT_MUSTCHECK;
/* Also after an error; valid as long as the list is. */
const struct nt_feed_report *nt_feed_list_report(const struct nt_feed_list *l);
void nt_feed_list_free(struct nt_feed_list *l);
static inline void nt_feed_list_freep(struct nt_feed_list **l)
{
	nt_feed_list_free(*l);
}

/* A whole list in memory to a set. Errors as above and of nt_feed_builder_finish(). ret_report (may
 * be NULL) is written on errors, too: what was read up to there, the fault that refused the list
 * not counted; all 0 when the list was not begun. */
int nt_feed_parse(const struct nt_feed_form *form, struct nt_feed_limits limits,
		  struct nt_slice text, struct nt_feed_set **ret_set,
		  struct nt_feed_report *ret_report, struct nt_err *err) NT_MUSTCHECK;
