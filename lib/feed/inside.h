/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of the formats share. For lib/feed only. */
#pragma once

#include "lib/feed/list.h"

enum {
	NT_FEED_TEXT_MAX = 64 << 10, /* a line, a field, a JSON value */
	/* A name is 1,016 octets at most, each as \DDD; a wildcard two more. */
	NT_FEED_NAME_TEXT_MAX = 1100,
};

struct nt_feed_csv {
	int place; /* csv.c */
	bool header; /* this row names the columns */
	size_t wanted; /* column, from 1; 0: the header has not said yet */
	size_t column; /* columns of this row that have ended */
	size_t row_line; /* where the row begins */
	size_t field_len; /* octets of the field */
	bool any; /* octets in this row that are no blanks */
	bool have; /* `name` is of this row */
	bool behind_quote, too_long; /* faults of this row */
	struct nt_buf name; /* the wanted column of this row; its failure: too long */
};

struct nt_feed_json {
	int place; /* json.c */
	unsigned depth; /* brackets that are open within the value */
	bool array; /* values of one array, else one behind the other */
	bool string, escape;
	size_t value_line;
};

struct nt_feed_list {
	struct nt_feed_form form;
	struct nt_feed_builder *builder; /* borrowed */
	struct nt_feed_report report;
	size_t line; /* the current one, from 1 */
	bool begun; /* a byte order mark at the start was passed over, or is not there */
	uint8_t mark_len; /* octets that could be one */
	struct nt_buf text; /* the line, field or value so far; its failure: too long */
	union {
		struct nt_feed_csv csv;
		struct nt_feed_json json;
	};
};

/* Counts a refusal and keeps it if it is among the first. */
void nt_feed_refuse(struct nt_feed_list *l, size_t line, enum nt_feed_fault fault, const char *fmt,
		    ...) NT_PRINTF(4, 5);
/* Takes one entry, or refuses it; an error is the builder's. */
int nt_feed_take(struct nt_feed_list *l, size_t line, struct nt_slice entry,
		 struct nt_err *err) NT_MUSTCHECK;

/* Readers: octets, and the end of them. */
int nt_feed_lines_push(struct nt_feed_list *l, struct nt_slice s, struct nt_err *err) NT_MUSTCHECK;
int nt_feed_lines_end(struct nt_feed_list *l, struct nt_err *err) NT_MUSTCHECK;
int nt_feed_csv_init(struct nt_feed_list *l, struct nt_err *err) NT_MUSTCHECK;
int nt_feed_csv_push(struct nt_feed_list *l, struct nt_slice s, struct nt_err *err) NT_MUSTCHECK;
int nt_feed_csv_end(struct nt_feed_list *l, struct nt_err *err) NT_MUSTCHECK;
int nt_feed_json_push(struct nt_feed_list *l, struct nt_slice s, struct nt_err *err) NT_MUSTCHECK;
int nt_feed_json_end(struct nt_feed_list *l, struct nt_err *err) NT_MUSTCHECK;
