/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The query language of filter box, API and rules: one parser, checked against the record's schema
 * (lib/record/fields.def), two back ends that are kept equal by a differential test: evaluate on a
 * record, translate to SQL with bound values. Grammar and meaning: lib/query/README.md.
 *
 *   expr := or; or := and ("OR" and)*; and := not ("AND" not)*; not := "NOT" not | "(" expr ")" |
 * term term := key cmp value | key ("IN"|"NOTIN") set | key ["NOT"] "EMPTY"
 *   set  := "{" value ("," value)* "}" | "${" name "}"
 *   cmp  := = != < <= > >=
 *
 * Keywords, names, types, codes and all string comparisons ignore ASCII case; `*` and `?` are
 * wildcards inside { } only. A key of a list (servers.ip, rrsets.rdata, client_services) holds when
 * any element does. A missing value equals nothing and is EMPTY; != is NOT of =.
 */
#pragma once

#include "lib/base/buf.h"

struct nt_field;
struct nt_query;
struct nt_record;

/* Where and what, for a person: offsets in octets of the text; suggestion is "" or what to write
 * instead of these len octets (behind octet `at` when len is 0). */
struct nt_query_error {
	size_t at, len;
	char msg[256];
	char suggestion[128];
};

/* Longest accepted text, and nesting: the parser is recursive and the text comes from the network;
 * SQLite's parser has room for 100 open brackets and operators in all. */
#define NT_QUERY_TEXT_MAX 8192
#define NT_QUERY_DEPTH_MAX 24

/* Parses and checks. The empty text (or blanks) matches every record. Returns 0, or -EINVAL with
 * *ret_error set. The query is owned by the caller; the text need not outlive the call. */
int nt_query_parse(struct nt_slice text, struct nt_query **ret_query,
		   struct nt_query_error *ret_error) NT_MUSTCHECK;
void nt_query_free(struct nt_query *q);
static inline void nt_query_freep(struct nt_query **q)
{
	nt_query_free(*q);
}

/* A set of domain names that is kept elsewhere, and may change between two rows. */
struct nt_query_names {
	/* From any thread that evaluates. name: as records have it, or no name at all: false. */
	bool (*has)(void *ctx, struct nt_slice name);
	void *ctx;
	struct nt_slice example; /* for invent.h: a pattern of which all are in it; "": none */
};

/* ${name} behind IN and NOTIN stands for these values, in which * and ? are wildcards; or, in
 * fields that are names, for a set of names. */
struct nt_query_substitution {
	struct nt_slice name;
	const struct nt_slice *values;
	size_t values_len; /* not 0 without names */
	const struct nt_query_names *names; /* instead of values; outlives the query */
	struct nt_slice names_name; /* what nt_query_expand writes: ${names_name} */
};
/* As nt_query_parse. Substitutions need not outlive the call; values may together be longer than a
 * text may be, but 2,000 are about what fits. What is wrong with one is said at the ${name}. */
int nt_query_parse_with(struct nt_slice text, const struct nt_query_substitution *substitutions,
			size_t substitutions_len, struct nt_query **ret_query,
			struct nt_query_error *ret_error) NT_MUSTCHECK;
/* Appends the text, which parses with the substitutions, with the sets written out: it reads the
 * same without them. What stands for names goes on standing for them, as names_name. */
void nt_query_expand(struct nt_slice text, const struct nt_query_substitution *substitutions,
		     size_t substitutions_len, struct nt_buf *out);

bool nt_query_eval(const struct nt_query *q, const struct nt_record *r);

/* Many queries about the same records: a term that several of them have is looked at once for each
 * record. */
struct nt_query_terms;
struct nt_query_terms *nt_query_terms_new(void);
void nt_query_terms_free(struct nt_query_terms *t);
/* The query is one of them from now on, and of no others; it must outlive t. -ENOMEM. */
int nt_query_terms_add(struct nt_query_terms *t, struct nt_query *q) NT_MUSTCHECK;
/* What was found is forgotten: another record comes. */
void nt_query_terms_next(struct nt_query_terms *t);
/* nt_query_eval of one of them. */
bool nt_query_terms_eval(struct nt_query_terms *t, const struct nt_query *q,
			 const struct nt_record *r);
/* The text that a field of the record (kind STR) must be, without regard to case, for the query to
 * hold: where it has such a term, not in an OR or under a NOT. */
bool nt_query_needs(const struct nt_query *q, const struct nt_field **ret_field,
		    struct nt_slice *ret_value);
/* As the queries compare text: below 0, 0, above 0. */
int nt_query_compare_text(struct nt_slice a, struct nt_slice b);
/* Does any term ask for this field of the record ("side")? For defaults that a query overrides. */
bool nt_query_mentions(const struct nt_query *q, const char *field);

/* May it hold for a row of that type (enum nt_record_type)? Terms about `type` and about what rows
 * of that type have not (LOG: `reason`) can rule that out; every other term may hold. */
bool nt_query_may_hold(const struct nt_query *q, int type);
/* Can UNLOGGED rows differ in the field of the record, or of a list's member the list? They have a
 * client, node, role, times, reason, error and count; no name, code, server. */
bool nt_query_unlogged_has(const struct nt_field *field);

/* Leaves of q what an UNLOGGED row can tell: terms about client, node, role, times and reason.
 * Every UNLOGGED row that stands for packets which q might match still matches; for figures of
 * loss. */
void nt_query_weaken_to_unlogged(struct nt_query *q);

enum nt_bind_kind {
	NT_BIND_INT = 0,
	NT_BIND_DOUBLE = 1,
	NT_BIND_TEXT = 2,
	NT_BIND_NAMES = 3,
};

struct nt_bind {
	enum nt_bind_kind kind;
	int64_t i;
	double d;
	struct nt_slice text; /* owned by the query */
	const struct nt_query_names *names;
};

/* Of the SQL function nt_listed(names, text), which whoever runs the SQL provides: whether text is
 * in names; and the type of its first argument, a pointer (sqlite3_bind_pointer). */
#define NT_QUERY_LISTED "nt_listed"
#define NT_QUERY_NAMES_TYPE "nt_query_names"

struct nt_query_sql {
	struct nt_buf
		text; /* an expression with ? for each bind, in order; "1" for the empty query */
	struct nt_bind *binds;
	size_t binds_len;
};

/* SQL for SQLite over the columns that lib/record/fields.def gives (one per scalar field, JSON text
 * per list). The query must outlive the result. -ENOMEM. */
int nt_query_to_sql(const struct nt_query *q, struct nt_query_sql *ret_sql) NT_MUSTCHECK;
void nt_query_sql_done(struct nt_query_sql *sql);

/* The schema, for /api/v1/fields and for completion: NULL at the end. */
struct nt_query_field {
	const char *name; /* "qname", "servers.ip"; "client_labels." takes any key behind it */
	const char *type; /* "string", "integer", "time", "duration", "boolean", "address",
			     "type", "class", "rcode", "enum" */
	const char *unit; /* "", "ns", "packets", "octets", "transactions" */
	const char *description; /* one sentence */
	const char *const *values; /* of an enum, NULL-terminated; else NULL */
	bool groupable; /* may be used in top's `by` */
};
const struct nt_query_field *nt_query_field_at(size_t index);
const struct nt_query_field *nt_query_field_find(struct nt_slice name);
/* The field that is nearest to a name that is none, NULL when none is near. */
const char *nt_query_suggest_field(struct nt_slice wrong);
