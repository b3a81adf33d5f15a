/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A checked query as a tree, between the parser and the two back ends. Everything lives in the
 * query's arena. For lib/query only.
 */
#pragma once

#include "lib/base/arena.h"
#include "lib/query/query.h"
#include "lib/record/fields.h"

/* What values are compared as. Types, codes and enums are text in their one canonical form. */
enum nt_query_type {
	NT_QUERY_STRING = 0,
	NT_QUERY_INTEGER = 1,
	NT_QUERY_TIME = 2,
	NT_QUERY_DURATION = 3,
	NT_QUERY_BOOLEAN = 4,
	NT_QUERY_ADDRESS = 5,
	NT_QUERY_DNS_TYPE = 6,
	NT_QUERY_DNS_CLASS = 7,
	NT_QUERY_DNS_RCODE = 8,
	NT_QUERY_ENUM = 9,
};

/* Where in a record the values are. */
struct nt_query_path {
	const struct nt_field *field;
	const struct nt_field *member; /* of servers, rrsets; else NULL */
	struct nt_slice label; /* key behind client_labels. and servers.labels. */
	bool whole; /* a list by itself (rrsets EMPTY): only NT_OP_PRESENT */
	enum nt_query_type type;
	size_t at; /* of the key in the text, for errors about the whole condition */
};

/* The other operators are negations of these. */
enum nt_query_op {
	NT_OP_EQ = 0,
	NT_OP_LT = 1,
	NT_OP_LE = 2,
	NT_OP_GT = 3,
	NT_OP_GE = 4,
	NT_OP_IN = 5,
	NT_OP_PRESENT = 6, /* not EMPTY */
};

enum nt_value_kind {
	NT_VALUE_INT = 0,
	NT_VALUE_DOUBLE = 1,
	NT_VALUE_TEXT = 2,
	NT_VALUE_PATTERN = 3, /* with * or ? */
	NT_VALUE_NAMES = 4,
};

struct nt_query_value {
	enum nt_value_kind kind;
	int64_t i;
	double d;
	struct nt_slice text;
	struct nt_slice like; /* of a pattern: for SQL's LIKE, escaped with a backslash */
	const struct nt_query_names *names;
};

enum nt_node_kind {
	NT_NODE_AND = 0,
	NT_NODE_OR = 1,
	NT_NODE_NOT = 2,
	NT_NODE_TERM = 3,
};

struct nt_query_node {
	enum nt_node_kind kind;
	/* Places on the stack of SQLite's parser that the brackets of its SQL take: the most needy
	 * child goes first and costs two more, any other four more. */
	unsigned need;
	struct nt_query_node *first; /* of AND, OR (two or more), NOT (one) */
	struct nt_query_node *next; /* sibling */
	struct nt_query_path path; /* of TERM */
	enum nt_query_op op;
	struct nt_query_value *values;
	size_t values_len;
	uint32_t number; /* among nt_query_terms; 0: in none */
};

/* Terms of several queries (together.c). */
struct nt_query_terms {
	struct nt_query_node **terms; /* by number - 1; one of those that say the same */
	size_t len, cap;
	uint64_t *known; /* by number - 1: twice the record's, and one more when the term holds */
	uint64_t record;
	struct nt_buf scratch; /* of eval.c */
};

struct nt_query {
	struct nt_arena arena;
	struct nt_query_node *root; /* NULL: matches all */
};
