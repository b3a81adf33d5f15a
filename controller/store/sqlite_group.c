/* SPDX-License-Identifier: Apache-2.0 */
/* Sums by group and time bucket from the SQLite store. */
#include "controller/store/sqlite.h"

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/query/query.h"
#include "lib/record/fields.h"

/* The planner has no statistics of a file that grows; which index is right is known here. */
static const char *index_for(const struct nt_store_range *range, bool by_row)
{
	if (by_row)
		return "NOT INDEXED"; /* but by its key */
	if (range->unlogged)
		return "INDEXED BY rows_unlogged";
	return range->side >= 0 && range->role >= 0 ? "INDEXED BY rows_default"
						    : "INDEXED BY rows_start";
}

void nt_sqlite_from(const struct nt_store_range *range, const struct nt_query_sql *filter,
		    bool by_row, const char *more, struct nt_buf *out)
{
	nt_buf_printf(out, " FROM (SELECT * FROM rows %s WHERE nt_type = %d",
		      index_for(range, by_row),
		      range->unlogged ? NT_RECORD_UNLOGGED : NT_RECORD_LOG);
	nt_buf_printf(out, " AND nt_start >= %lld AND nt_start < %lld", (long long)range->from_us,
		      (long long)range->to_us);
	if (range->side >= 0)
		nt_buf_printf(out, " AND nt_side = %d", range->side);
	if (range->role >= 0)
		nt_buf_printf(out, " AND nt_role = %d", range->role);
	nt_buf_puts(out, more);
	if (range->filter)
		nt_buf_printf(out, " AND (%s)", nt_buf_str(&filter->text));
	nt_buf_puts(out, ") AS r");
}

static void set_deadline(struct nt_store_reader *r)
{
	r->deadline_ns = nt_clock_monotonic_now() + NT_SQLITE_DEADLINE_S * NT_NS_PER_S;
}

int nt_sqlite_prepare(struct nt_store_reader *r, const struct nt_buf *sql,
		      const struct nt_query_sql *filter, sqlite3_stmt **ret_stmt,
		      struct nt_err *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;

	if (!nt_buf_ok(sql))
		return nt_err_set(err, ENOMEM, "no memory for a query");
	set_deadline(r);
	if (sqlite3_prepare_v2(r->db, sql->p, (int)sql->len + 1, &stmt, NULL) != SQLITE_OK)
		return nt_sqlite_err(r->db, r->path, "prepare a query", err);
	for (size_t i = 0; filter && i < filter->binds_len; i++) {
		const struct nt_bind *b = &filter->binds[i];

		if (b->kind == NT_BIND_INT)
			(void)sqlite3_bind_int64(stmt, (int)i + 1, b->i);
		else if (b->kind == NT_BIND_DOUBLE)
			(void)sqlite3_bind_double(stmt, (int)i + 1, b->d);
		else if (b->kind == NT_BIND_NAMES)
			nt_sqlite_bind_names(stmt, (int)i + 1, b->names);
		else
			nt_sqlite_bind_text(stmt, (int)i + 1, b->text);
	}
	*ret_stmt = NT_TAKE_PTR(stmt);
	return 0;
}

int nt_sqlite_step(struct nt_store_reader *r, sqlite3_stmt *stmt, struct nt_err *err)
{
	switch (sqlite3_step(stmt)) {
	case SQLITE_ROW:
		return 1;
	case SQLITE_DONE:
		return 0;
	default:
		return nt_sqlite_err(r->db, r->path, "query", err);
	}
}

/* The list's field whose members `name` is one of ("servers.ip"), NULL when it is a field of its
 * own. *ret_member: behind the dot. */
static const struct nt_field *list_of(const char *name, const char **ret_member)
{
	const char *dot = strchr(name, '.');
	const struct nt_field *f;

	if (!dot)
		return NULL;
	f = nt_field_find(&nt_record_fields, nt_slice_mem(name, (size_t)(dot - name)));
	if (!f || !nt_field_members(f))
		return NULL;
	*ret_member = dot + 1;
	return f;
}

/* A group's key as text, as JSON would print the value; "" where there is none. */
static int add_key(const char *name, struct nt_buf *sql, struct nt_err *err)
{
	const struct nt_query_field *field = nt_query_field_find(nt_slice_str(name));
	const char *member;

	/* Only what the schema names gets into the text: the name is part of the statement. */
	if (!field || !field->groupable)
		return nt_err_set(err, EINVAL, "%s is not a field to group by", name);
	if (list_of(name, &member)) {
		nt_buf_printf(sql, ", ifnull(CAST(l.value ->> '$.%s' AS TEXT), '')", member);
		return 0;
	}
	nt_buf_puts(sql, ", ");
	if (strcmp(field->type, "boolean") == 0)
		nt_buf_puts(sql, "CASE ");
	else
		nt_buf_puts(sql, "ifnull(CAST(");
	nt_buf_puts(sql, "r.\"");
	for (const char *p = name; *p; p++)
		nt_buf_putc(sql, *p == '.' ? '_' : *p);
	if (strcmp(field->type, "boolean") == 0)
		nt_buf_puts(sql, "\" WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE '' END");
	else
		nt_buf_puts(sql, "\" AS TEXT), '')");
	return 0;
}

/* Members of a list: one group per element, so the row is joined with each; a row without any is
 * there once, with "". Two lists in one grouping are not supported: nothing asks for it. */
static int add_join(const struct nt_store_grouping *g, struct nt_buf *sql, struct nt_err *err)
{
	const struct nt_field *list = NULL;

	for (size_t i = 0; i < g->keys_len; i++) {
		const char *member;
		const struct nt_field *f = list_of(g->keys[i], &member);

		if (f && list && f != list)
			return nt_err_set(err, EINVAL, "%s: members of two lists in one grouping",
					  g->keys[i]);
		if (f)
			list = f;
	}
	if (list)
		nt_buf_printf(sql, " LEFT JOIN json_each(r.\"%s\") AS l", list->name);
	return 0;
}

/* As nt_sums() has it: what a policy stopped has no code of DNS. */
#define BY_CODE(code)                                    \
	"total(r.\"count\" * (r.rcode IS '" code "' AND" \
	" ifnull(r.verdict, '') NOT IN ('deny', 'unjudgeable')))"

static int add_order(const struct nt_store_grouping *g, struct nt_buf *sql, struct nt_err *err)
{
	static const struct {
		const char *name, *sql;
	} orders[] = {
		{ "count", "total(r.\"count\")" },
		{ "queries", "total(r.queries)" },
		{ "unanswered", "total(r.unanswered - r.nt_late_replies)" },
		{ "nxdomain", BY_CODE("NXDOMAIN") },
		{ "servfail", BY_CODE("SERVFAIL") },
		{ "bytes", "total(r.bytes_out + r.bytes_in)" },
		{ "latency_max", "max(r.latency_max)" },
	};
	const char *wanted = g->order ? g->order : orders[0].name;

	nt_buf_puts(sql, " ORDER BY ");
	if (g->bucket_us) {
		nt_buf_puts(sql, "1");
	} else {
		size_t i = 0;

		while (i < NT_ARRAY_LEN(orders) && strcmp(orders[i].name, wanted) != 0)
			i++;
		if (i == NT_ARRAY_LEN(orders))
			return nt_err_set(err, EINVAL, "%s is not an order", wanted);
		nt_buf_printf(sql, "%s DESC", orders[i].sql);
	}
	/* Equal figures come in the order of their keys, so that two calls agree. */
	for (size_t i = 0; i < g->keys_len; i++)
		nt_buf_printf(sql, ", %zu", i + 2);
	return 0;
}

static int build_sql(const struct nt_store_range *range, const struct nt_store_grouping *g,
		     const struct nt_query_sql *filter, struct nt_buf *sql, struct nt_err *err)
{
	int r = 0;

	nt_buf_puts(sql, "SELECT ");
	if (g->bucket_us)
		nt_buf_printf(sql, "r.nt_start - r.nt_start %% %lld", (long long)g->bucket_us);
	else
		nt_buf_puts(sql, "0");
	for (size_t i = 0; i < g->keys_len && r == 0; i++)
		r = add_key(g->keys[i], sql, err);
	if (r < 0)
		return r;
	nt_buf_printf(sql, ", %s", nt_sqlite_sums_call);
	nt_sqlite_from(range, filter, false, "", sql);
	r = add_join(g, sql, err);
	if (r < 0)
		return r;
	/* Without a group there is one row even when nothing matches. */
	if (g->bucket_us || g->keys_len) {
		nt_buf_puts(sql, " GROUP BY 1");
		for (size_t i = 0; i < g->keys_len; i++)
			nt_buf_printf(sql, ", %zu", i + 2);
		r = add_order(g, sql, err);
	}
	if (g->limit)
		nt_buf_printf(sql, " LIMIT %u", g->limit);
	return r;
}

static bool give_group(sqlite3_stmt *stmt, const struct nt_store_grouping *g, nt_store_group_fn *fn,
		       void *ctx)
{
	struct nt_store_group group = { .bucket_us = sqlite3_column_int64(stmt, 0) };
	int at = (int)g->keys_len + 1;

	for (size_t i = 0; i < g->keys_len; i++)
		group.keys[i] = nt_sqlite_column_text(stmt, (int)i + 1);
	if (sqlite3_column_bytes(stmt, at) == sizeof(group.sums))
		memcpy(&group.sums, sqlite3_column_blob(stmt, at), sizeof(group.sums));
	return fn(ctx, &group);
}

int nt_store_group(struct nt_store_reader *r, const struct nt_store_range *range,
		   const struct nt_store_grouping *grouping, nt_store_group_fn *fn, void *ctx,
		   struct nt_err *err)
{
	_cleanup_(nt_query_sql_done) struct nt_query_sql filter = { 0 };
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	_cleanup_buf_ struct nt_buf sql = { 0 };
	int result;

	if (range->filter && nt_query_to_sql(range->filter, &filter) < 0)
		return nt_err_set(err, ENOMEM, "no memory for a query");
	result = build_sql(range, grouping, &filter, &sql, err);
	if (result == 0)
		result = nt_sqlite_prepare(r, &sql, &filter, &stmt, err);
	if (result < 0)
		return result;
	while ((result = nt_sqlite_step(r, stmt, err)) > 0)
		if (!give_group(stmt, grouping, fn, ctx))
			return 0;
	return result;
}
