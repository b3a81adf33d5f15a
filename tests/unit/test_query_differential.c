/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two back ends of the query language decide alike: random queries over random records, once
 * by nt_query_eval and once by SQLite over the columns of lib/record/columns.h. And the comparison
 * is worth something: with a mistake put into the SQL it must find a difference.
 */
#include "lib/query/query.h"

#include <check.h>
#include <sqlite3.h>

#include "controller/store/sqlite.h"
#include "lib/base/escape.h"
#include "lib/dns/message.h"
#include "tests/unit/record_random.h"
#include "tests/unit/suite.h"

enum { RECORDS = 160, QUERIES = 4000, TOGETHER = 500, DEPTH = 4 };

static struct nt_arena arena = { .max_bytes = 64 << 20 };
static struct nt_record records[RECORDS];
static sqlite3 *db;

/* --- the table -------------------------------------------------------------------------------- */

static void must(int rc)
{
	ck_assert_msg(rc == SQLITE_OK || rc == SQLITE_DONE || rc == SQLITE_ROW, "SQLite: %s",
		      sqlite3_errmsg(db));
}

static void create_table(void)
{
	_cleanup_buf_ struct nt_buf sql = { 0 };

	nt_buf_puts(&sql, "CREATE TABLE rows (nt_row INTEGER PRIMARY KEY");
	for (size_t i = 0; i < nt_columns_len(); i++)
		nt_buf_printf(&sql, ", \"%s\" %s", nt_column_name(i), nt_column_sql_type(i));
	nt_buf_puts(&sql, ")");
	must(sqlite3_exec(db, nt_buf_str(&sql), NULL, NULL, NULL));
}

static void insert_record(const struct nt_record *r, int row, sqlite3_stmt *stmt)
{
	_cleanup_buf_ struct nt_buf scratch = { 0 };
	struct nt_column_value v;

	must(sqlite3_bind_int(stmt, 1, row));
	for (size_t i = 0; i < nt_columns_len(); i++) {
		int at = (int)i + 2;

		ck_assert_int_eq(nt_column_value(r, i, &scratch, &v), 0);
		if (v.kind == NT_COLUMN_NULL)
			must(sqlite3_bind_null(stmt, at));
		else if (v.kind == NT_COLUMN_TEXT)
			must(sqlite3_bind_text(stmt, at, v.text.len ? v.text.p : "",
					       (int)v.text.len, SQLITE_TRANSIENT));
		else
			must(sqlite3_bind_int64(stmt, at, v.i));
	}
	must(sqlite3_step(stmt));
	must(sqlite3_reset(stmt));
}

static void setup(void)
{
	_cleanup_buf_ struct nt_buf sql = { 0 };
	sqlite3_stmt *stmt;

	must(sqlite3_open(":memory:", &db));
	must(nt_sqlite_names_register(db));
	create_table();
	nt_buf_puts(&sql, "INSERT INTO rows VALUES (?");
	for (size_t i = 0; i < nt_columns_len(); i++)
		nt_buf_puts(&sql, ",?");
	nt_buf_puts(&sql, ")");
	must(sqlite3_prepare_v2(db, nt_buf_str(&sql), -1, &stmt, NULL));
	for (int i = 0; i < RECORDS; i++) {
		/* The first one is all zero, the last one a usual row. */
		records[i] = random_record((uint64_t)i + 77, &arena);
		if (i == 0)
			records[i] = (struct nt_record){ 0 };
		insert_record(&records[i], i, stmt);
	}
	must(sqlite3_finalize(stmt));
}

static void teardown(void)
{
	sqlite3_close(db);
	nt_arena_done(&arena);
}

/* --- random queries --------------------------------------------------------------------------- */

/* What a query may hold: UTF-8 without control characters. */
static bool writable(struct nt_slice s)
{
	for (size_t i = 0, n; i < s.len; i += n) {
		n = nt_utf8_len(nt_slice_mem(s.p + i, s.len - i));
		if (!n || (unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return false;
	}
	return true;
}

static void put_quoted(struct random *g, struct nt_slice s, struct nt_buf *out)
{
	char quote = random_below(g, 2) ? '"' : '\'';

	nt_buf_putc(out, quote);
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == quote)
			nt_buf_putc(out, quote);
		nt_buf_putc(out, s.p[i]);
	}
	nt_buf_putc(out, quote);
}

static struct nt_slice random_writable(struct random *g)
{
	struct nt_slice s;

	do
		s = random_text(g, &arena);
	while (!writable(s));
	return s;
}

/* A word with some characters replaced by wildcards, and wildcards put between. */
static void put_pattern(struct random *g, struct nt_slice s, struct nt_buf *out)
{
	_cleanup_buf_ struct nt_buf p = { 0 };

	if (!random_below(g, 3))
		nt_buf_putc(&p, '*');
	for (size_t i = 0, n; i < s.len; i += n) {
		n = nt_utf8_len(nt_slice_mem(s.p + i, s.len - i));
		if (!random_below(g, 4))
			nt_buf_putc(&p, '?');
		else if (random_below(g, 5))
			nt_buf_add(&p, s.p + i, n);
		if (!random_below(g, 5))
			nt_buf_putc(&p, '*');
	}
	if (random_below(g, 2) || !memchr(nt_buf_str(&p), '?', p.len))
		nt_buf_putc(&p, '*');
	put_quoted(g, nt_slice_mem(p.p, p.len), out);
}

static void put_any_case(struct random *g, const char *s, struct nt_buf *out)
{
	for (; *s; s++) {
		bool lower = *s >= 'a' && *s <= 'z', upper = *s >= 'A' && *s <= 'Z';

		nt_buf_putc(out, (lower || upper) && !random_below(g, 3) ? (char)(*s ^ 0x20) : *s);
	}
}

static void put_number(struct random *g, bool duration, struct nt_buf *out)
{
	static const char *const numbers[] = { "-1",
					       "2.5",
					       "1e30",
					       "-1e30",
					       "9007199254740993",
					       "9007199254740992.0",
					       "4611686018427387903",
					       "0.5",
					       "99999999999999999999",
					       "4.611686018427388e18" };
	static const char *const durations[] = { "5ms", "0", "10ns", "1.5ns", "0.005s", "3h" };

	if (duration && random_below(g, 2))
		nt_buf_puts(out, durations[random_below(g, NT_ARRAY_LEN(durations))]);
	else if (random_below(g, 3))
		nt_buf_u64(out, random_number(g));
	else
		nt_buf_puts(out, numbers[random_below(g, NT_ARRAY_LEN(numbers))]);
}

static void put_time(struct random *g, struct nt_buf *out)
{
	static const char *const times[] = {
		"2026-11-18T11:06:40Z",	     "2026-11-18T11:06:41.000000Z",
		"2026-11-18T12:06:42+01:00", "2026-11-18T11:06:41.5Z",
		"1969-12-31T23:59:59Z",	     "1970-01-01T00:00:00Z"
	};

	nt_buf_puts(out, times[random_below(g, NT_ARRAY_LEN(times))]);
}

static void put_addr(struct random *g, struct nt_buf *out)
{
	static const char *const others[] = { "FD00:0:0::1", "fd00::0:0:2", "::ffff:0:1" };
	struct nt_addr addr = random_addr(g);
	char text[NT_ADDR_TEXT_MAX];

	if (random_below(g, 6))
		nt_buf_puts(out, nt_addr_format(&addr, text));
	else
		nt_buf_puts(out, others[random_below(g, NT_ARRAY_LEN(others))]);
}

static void put_mnemonic(struct random *g, const char *type, struct nt_buf *out)
{
	uint16_t number = (uint16_t)random_below(g, 70);
	char scratch[16];

	if (!random_below(g, 4))
		nt_buf_printf(out, "%s%u",
			      random_below(g, 2)	   ? ""
			      : strcmp(type, "type") == 0  ? "Type"
			      : strcmp(type, "class") == 0 ? "CLASS"
							   : "rcode",
			      number);
	else if (strcmp(type, "type") == 0)
		put_any_case(g, nt_dns_type_name(number, scratch), out);
	else if (strcmp(type, "class") == 0)
		put_any_case(g, nt_dns_class_name(number % 6, scratch), out);
	else
		put_any_case(g, nt_dns_rcode_name(number % 6, scratch), out);
}

static bool is_text_type(const char *type)
{
	return strcmp(type, "string") == 0 || strcmp(type, "address") == 0 ||
	       strcmp(type, "type") == 0 || strcmp(type, "class") == 0 ||
	       strcmp(type, "rcode") == 0 || strcmp(type, "enum") == 0;
}

static void put_value(struct random *g, const struct nt_query_field *f, bool in_set,
		      struct nt_buf *out)
{
	_cleanup_buf_ struct nt_buf plain = { 0 };
	size_t len = 0;

	if (strcmp(f->type, "string") == 0) {
		struct nt_slice s = random_writable(g);

		if (in_set && random_below(g, 2))
			put_pattern(g, s, out);
		else
			put_quoted(g, s, out);
		return;
	}
	if (strcmp(f->type, "integer") == 0 || strcmp(f->type, "duration") == 0) {
		put_number(g, f->type[0] == 'd', &plain);
	} else if (strcmp(f->type, "time") == 0) {
		put_time(g, &plain);
	} else if (strcmp(f->type, "boolean") == 0) {
		put_any_case(g, random_below(g, 2) ? "true" : "false", &plain);
	} else if (strcmp(f->type, "address") == 0) {
		put_addr(g, &plain);
	} else if (strcmp(f->type, "enum") == 0) {
		while (f->values[len])
			len++;
		put_any_case(g, f->values[random_below(g, len)], &plain);
	} else {
		put_mnemonic(g, f->type, &plain);
	}
	if (in_set && is_text_type(f->type) && !random_below(g, 3))
		put_pattern(g, nt_slice_mem(plain.p, plain.len), out);
	else if (random_below(g, 2))
		put_quoted(g, nt_slice_mem(plain.p, plain.len), out);
	else
		nt_buf_add(out, plain.p, plain.len);
}

static void put_key(struct random *g, const struct nt_query_field *f, struct nt_buf *out)
{
	_cleanup_buf_ struct nt_buf key = { 0 };
	struct nt_slice s;

	put_any_case(g, f->name, &key);
	if (key.p[key.len - 1] == '.') {
		s = random_writable(g);
		nt_buf_slice(&key, s);
		put_quoted(g, nt_slice_mem(key.p, key.len), out);
	} else if (random_below(g, 3)) {
		nt_buf_add(out, key.p, key.len);
	} else {
		put_quoted(g, nt_slice_mem(key.p, key.len), out);
	}
}

static const struct nt_query_field *random_query_field(struct random *g)
{
	size_t len = 0;

	while (nt_query_field_at(len))
		len++;
	return nt_query_field_at(random_below(g, len));
}

/* --- a set of names that is kept elsewhere ---------------------------------------------------- */

/* Half of all names, by nothing that either back end looks at. */
static bool is_odd(void *ctx, struct nt_slice name)
{
	unsigned sum = 0;

	(void)ctx;
	for (size_t i = 0; i < name.len; i++)
		sum += (unsigned char)name.p[i];
	return sum % 2;
}

static const struct nt_query_names odd_names = { .has = is_odd };
static const struct nt_query_substitution odd = { .name = { "odd", 3 }, .names = &odd_names };

static bool has_names(const struct nt_query_field *f)
{
	static const char *const fields[] = { "qname", "logical_qname", "domain", "rrsets.name",
					      "rrsets.rdata" };

	for (size_t i = 0; i < NT_ARRAY_LEN(fields); i++)
		if (strcmp(f->name, fields[i]) == 0)
			return true;
	return false;
}

static void put_set(struct random *g, const struct nt_query_field *f, struct nt_buf *out)
{
	size_t len = 1 + random_below(g, 4);

	if (has_names(f) && random_below(g, 2)) {
		nt_buf_puts(out, " ${odd}");
		return;
	}

	nt_buf_puts(out, " {");
	for (size_t i = 0; i < len; i++) {
		nt_buf_puts(out, i ? "," : "");
		put_value(g, f, true, out);
	}
	nt_buf_puts(out, "}");
}

static void put_term(struct random *g, struct nt_buf *out)
{
	static const char *const lists[] = { "servers", "rrsets", "client_labels",
					     "servers.labels" };
	static const char *const signs[] = { "=", "!=", "<", "<=", ">", ">=" };
	const struct nt_query_field *f = random_query_field(g);
	bool order = strcmp(f->type, "string") == 0 || strcmp(f->type, "integer") == 0 ||
		     strcmp(f->type, "time") == 0 || strcmp(f->type, "duration") == 0;

	if (!random_below(g, 40)) {
		nt_buf_printf(out, "%s %s", lists[random_below(g, 4)],
			      random_below(g, 2) ? "EMPTY" : "not empty");
		return;
	}
	put_key(g, f, out);
	switch (random_below(g, 6)) {
	case 0:
		put_any_case(g, random_below(g, 2) ? " empty" : " not empty", out);
		break;
	case 1:
	case 2:
		put_any_case(g,
			     random_below(g, 2)	  ? " in"
			     : random_below(g, 2) ? " notin"
						  : " not in",
			     out);
		put_set(g, f, out);
		break;
	default:
		nt_buf_printf(out, " %s ", signs[random_below(g, order ? 6 : 2)]);
		put_value(g, f, false, out);
	}
}

static void put_query(struct random *g, unsigned depth, struct nt_buf *out)
{
	size_t items = depth ? 1 + random_below(g, 3) : 1;

	for (size_t i = 0; i < items; i++) {
		bool bracket = depth && !random_below(g, 3);

		if (i)
			put_any_case(g, random_below(g, 2) ? " and " : " or ", out);
		if (!random_below(g, 5))
			put_any_case(g, "not ", out);
		nt_buf_puts(out, bracket ? "(" : "");
		if (bracket)
			put_query(g, depth - 1, out);
		else
			put_term(g, out);
		nt_buf_puts(out, bracket ? ")" : "");
	}
}

/* --- both back ends --------------------------------------------------------------------------- */

static sqlite3_stmt *prepare(const char *where, const struct nt_query_sql *sql)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	sqlite3_stmt *stmt;

	nt_buf_printf(&text, "SELECT nt_row FROM rows WHERE nt_row >= 0 AND (%s) ORDER BY nt_row",
		      where);
	ck_assert_msg(sqlite3_prepare_v2(db, nt_buf_str(&text), -1, &stmt, NULL) == SQLITE_OK,
		      "%s: %s", sqlite3_errmsg(db), where);
	for (size_t i = 0; i < sql->binds_len; i++) {
		const struct nt_bind *b = &sql->binds[i];
		int at = (int)i + 1;

		if (b->kind == NT_BIND_INT)
			must(sqlite3_bind_int64(stmt, at, b->i));
		else if (b->kind == NT_BIND_DOUBLE)
			must(sqlite3_bind_double(stmt, at, b->d));
		else if (b->kind == NT_BIND_NAMES)
			nt_sqlite_bind_names(stmt, at, b->names);
		else
			must(sqlite3_bind_text(stmt, at, b->text.len ? b->text.p : "",
					       (int)b->text.len, SQLITE_STATIC));
	}
	return stmt;
}

/* The first row in which they differ, -1 when they agree. */
static int first_difference(const struct nt_query *q, const char *where,
			    const struct nt_query_sql *sql, size_t *ret_hits)
{
	sqlite3_stmt *stmt = prepare(where, sql);
	bool in_sql[RECORDS] = { false };
	int rc, different = -1;

	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
		in_sql[sqlite3_column_int(stmt, 0)] = true;
	must(rc);
	must(sqlite3_finalize(stmt));
	*ret_hits = 0;
	for (int i = RECORDS - 1; i >= 0; i--) {
		bool hit = nt_query_eval(q, &records[i]);

		*ret_hits += hit;
		if (hit != in_sql[i])
			different = i;
	}
	return different;
}

static struct nt_query *parse(const struct nt_buf *text)
{
	struct nt_query_error e;
	struct nt_query *q = NULL;

	ck_assert_msg(nt_query_parse_with(nt_slice_mem(text->p, text->len), &odd, 1, &q, &e) == 0,
		      "%s: at %zu, %s (%s)", nt_buf_str(text), e.at, e.msg, e.suggestion);
	return q;
}

START_TEST(test_both_back_ends_agree)
{
	size_t telling = 0, hits;

	for (uint64_t seed = 0; seed < QUERIES; seed++) {
		_cleanup_(nt_query_sql_done) struct nt_query_sql sql = { 0 };
		_cleanup_(nt_query_freep) struct nt_query *q = NULL;
		_cleanup_buf_ struct nt_buf text = { 0 };
		struct random g = { .state = seed };
		int row;

		put_query(&g, (unsigned)(seed % DEPTH), &text);
		q = parse(&text);
		ck_assert_int_eq(nt_query_to_sql(q, &sql), 0);
		row = first_difference(q, nt_buf_str(&sql.text), &sql, &hits);
		ck_assert_msg(row < 0, "seed %llu, row %d: %s\n%s", (unsigned long long)seed, row,
			      nt_buf_str(&text), nt_buf_str(&sql.text));
		telling += hits && hits < RECORDS;
	}
	/* Queries that match all rows or none would agree by accident. */
	ck_assert_msg(telling > QUERIES / 2, "%zu of %d queries tell rows apart", telling, QUERIES);
}
END_TEST

/* Half of them want a client's name, as rules of one namespace do. */
static struct nt_query *query_of_many(uint64_t seed)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct random g = { .state = seed };

	if (seed % 2) {
		nt_buf_puts(&text, "client_name = ");
		put_quoted(&g, random_writable(&g), &text);
		nt_buf_puts(&text, " AND (");
	}
	put_query(&g, (unsigned)(seed % DEPTH), &text);
	nt_buf_puts(&text, seed % 2 ? ")" : "");
	return parse(&text);
}

static void assert_needed(const struct nt_query *q, const struct nt_record *r, size_t *needs)
{
	_cleanup_buf_ struct nt_buf scratch = { 0 };
	const struct nt_field *field;
	struct nt_slice value;

	if (!nt_query_needs(q, &field, &value))
		return;
	(*needs)++;
	ck_assert_int_eq(
		nt_query_compare_text(nt_text_clean(nt_field_str(field, r), &scratch), value), 0);
}

/* Each query twice, so that all terms have one that says the same. */
START_TEST(test_queries_together_are_those_alone)
{
	static struct nt_query *queries[2 * TOGETHER];
	struct nt_query_terms *terms = nt_query_terms_new();
	size_t hits = 0, needs = 0;

	ck_assert_ptr_nonnull(terms);
	for (size_t i = 0; i < NT_ARRAY_LEN(queries); i++) {
		queries[i] = query_of_many(i % TOGETHER);
		ck_assert_int_eq(nt_query_terms_add(terms, queries[i]), 0);
	}
	for (size_t k = 0; k < RECORDS; k++) {
		nt_query_terms_next(terms);
		for (size_t i = 0; i < NT_ARRAY_LEN(queries); i++) {
			bool holds = nt_query_eval(queries[i], &records[k]);

			ck_assert_msg(nt_query_terms_eval(terms, queries[i], &records[k]) == holds,
				      "query %zu, record %zu", i % TOGETHER, k);
			hits += holds;
			if (holds)
				assert_needed(queries[i], &records[k], &needs);
		}
	}
	ck_assert_uint_gt(hits, TOGETHER);
	ck_assert_uint_gt(needs, 0);
	nt_query_terms_free(terms);
	for (size_t i = 0; i < NT_ARRAY_LEN(queries); i++)
		nt_query_free(queries[i]);
}
END_TEST

/* Puts `to` for each `from` of the text; binds stay as many. */
static bool mutate(const char *text, const char *from, const char *to, struct nt_buf *out)
{
	bool any = false;
	const char *at;

	nt_buf_reset(out);
	for (; (at = strstr(text, from)); text = at + strlen(from)) {
		nt_buf_add(out, text, (size_t)(at - text));
		nt_buf_puts(out, to);
		any = true;
	}
	nt_buf_puts(out, text);
	return any;
}

static const struct {
	const char *from, *to;
} mistakes[] = {
	{ " COLLATE NOCASE", "" },
	{ "IS NOT NULL AND", "IS NULL OR" },
	{ "NOT (", "(" },
	{ "NOT EXISTS", "EXISTS" },
	{ " <= ", " < " },
	{ " > ", " >= " },
	{ " AND ", " OR " },
	{ " OR ", " AND " },
	{ " ESCAPE '\\'", "" },
	{ " LIKE ", " GLOB " },
	{ "e.value,'$.ip'", "e.value,'$.port'" },
	{ "\"rcode\"", "\"qtype\"" },
	{ "\"latency_max\"", "\"latency_min\"" },
	{ "\"hop_server_ns\"", "ifnull(\"hop_server_ns\",0)" },
};

START_TEST(test_a_mistake_is_found)
{
	size_t hits;

	for (uint64_t seed = 0; seed < QUERIES; seed++) {
		_cleanup_(nt_query_sql_done) struct nt_query_sql sql = { 0 };
		_cleanup_(nt_query_freep) struct nt_query *q = NULL;
		_cleanup_buf_ struct nt_buf text = { 0 }, wrong = { 0 };
		struct random g = { .state = seed };

		put_query(&g, (unsigned)(seed % DEPTH), &text);
		q = parse(&text);
		ck_assert_int_eq(nt_query_to_sql(q, &sql), 0);
		if (!mutate(nt_buf_str(&sql.text), mistakes[_i].from, mistakes[_i].to, &wrong))
			continue;
		/* GLOB knows no ESCAPE. */
		if (strcmp(mistakes[_i].to, " GLOB ") == 0) {
			_cleanup_buf_ struct nt_buf glob = { 0 };

			(void)mutate(nt_buf_str(&wrong), " ESCAPE '\\'", "", &glob);
			nt_buf_reset(&wrong);
			nt_buf_puts(&wrong, nt_buf_str(&glob));
		}
		if (first_difference(q, nt_buf_str(&wrong), &sql, &hits) >= 0)
			return;
	}
	ck_abort_msg("nobody noticed %s for %s", mistakes[_i].to, mistakes[_i].from);
}
END_TEST

/* The bounds of SQLite (parser's stack, depth of expressions) are not met by any accepted text,
 * also inside of the store's own brackets. */
static void assert_runs(const struct nt_buf *text)
{
	_cleanup_(nt_query_sql_done) struct nt_query_sql sql = { 0 };
	_cleanup_(nt_query_freep) struct nt_query *q = parse(text);
	_cleanup_buf_ struct nt_buf where = { 0 };
	size_t hits;

	ck_assert_uint_le(text->len, NT_QUERY_TEXT_MAX);
	ck_assert_int_eq(nt_query_to_sql(q, &sql), 0);
	nt_buf_printf(&where,
		      "nt_row IN (SELECT nt_row FROM (SELECT * FROM rows WHERE nt_row >= 0 AND "
		      "(%s)) AS r)",
		      nt_buf_str(&sql.text));
	ck_assert_int_lt(first_difference(q, nt_buf_str(&where), &sql, &hits), 0);
}

static void put_deep(struct nt_buf *out, unsigned depth, bool left, const char *term)
{
	if (!depth) {
		nt_buf_puts(out, term);
		return;
	}
	nt_buf_puts(out, left ? "(" : term);
	if (left)
		put_deep(out, depth - 1, left, term);
	else
		nt_buf_puts(out, depth % 2 ? " AND (" : " OR (");
	if (left)
		nt_buf_puts(out, depth % 2 ? ") AND " : ") OR ");
	else
		put_deep(out, depth - 1, left, term);
	nt_buf_puts(out, left ? term : ")");
}

/* A full binary tree: what needs the most of the parser's stack for its length. */
static void put_tree(struct nt_buf *out, unsigned depth, const char *term)
{
	if (!depth) {
		nt_buf_puts(out, term);
		return;
	}
	nt_buf_puts(out, "(");
	put_tree(out, depth - 1, term);
	nt_buf_puts(out, depth % 2 ? " AND " : " OR ");
	put_tree(out, depth - 1, term);
	nt_buf_puts(out, ")");
}

START_TEST(test_the_largest_queries_run)
{
	static const char *const terms[] = { "id=x", "flags IN{AA,a*,b*}",
					     "NOT servers.labels.a IN{x,\"a*\"}",
					     "NOT(NOT rrsets.rdata=a)",
					     "NOT rrsets.rdata IN${odd}" };
	const char *term = terms[_i];
	struct nt_buf text = { 0 };

	for (int left = 0; left < 2; left++) {
		nt_buf_reset(&text);
		put_deep(&text, NT_QUERY_DEPTH_MAX - 4, left, term);
		assert_runs(&text);
	}
	nt_buf_reset(&text);
	for (unsigned depth = 1;; depth++) {
		nt_buf_reset(&text);
		put_tree(&text, depth, term);
		if (text.len > NT_QUERY_TEXT_MAX)
			break;
		assert_runs(&text);
	}
	/* Deep, with a tree at its end. */
	nt_buf_reset(&text);
	for (unsigned i = 0; i < NT_QUERY_DEPTH_MAX - 11; i++)
		nt_buf_printf(&text, "%s %s(", term, i % 2 ? "AND" : "OR");
	put_tree(&text, 5, term);
	for (unsigned i = 0; i < NT_QUERY_DEPTH_MAX - 11; i++)
		nt_buf_puts(&text, ")");
	assert_runs(&text);
	/* Long chains. */
	for (int word = 0; word < 2; word++) {
		nt_buf_reset(&text);
		while (text.len + strlen(term) + 8 < NT_QUERY_TEXT_MAX)
			nt_buf_printf(&text, "%s%s", text.len ? word ? " AND " : " OR " : "", term);
		assert_runs(&text);
	}
	nt_buf_done(&text);
}
END_TEST

START_TEST(test_the_largest_sets_run)
{
	static const char *const heads[] = { "qname IN{x", "rrsets.rdata NOTIN{a" };
	static const char *const values[] = { ",a", ",*", ",a*", ",?%_\\" };
	_cleanup_buf_ struct nt_buf text = { 0 };

	nt_buf_puts(&text, heads[_i % 2]);
	while (text.len + 8 < NT_QUERY_TEXT_MAX)
		nt_buf_puts(&text, values[_i / 2]);
	nt_buf_puts(&text, "}");
	assert_runs(&text);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("query_differential");
	TCase *t = tcase_create("differential");

	tcase_set_timeout(t, 240);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_both_back_ends_agree);
	tcase_add_test(t, test_queries_together_are_those_alone);
	tcase_add_loop_test(t, test_a_mistake_is_found, 0, (int)NT_ARRAY_LEN(mistakes));
	tcase_add_loop_test(t, test_the_largest_queries_run, 0, 5);
	tcase_add_loop_test(t, test_the_largest_sets_run, 0, 8);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
